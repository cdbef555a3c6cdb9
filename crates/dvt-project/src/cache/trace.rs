//! The files of a project as one reading sees them, and the list of all that the reading asked of them.
//!
//! Every folder is walked and every text is read once. What was asked and what the answer was is the proof by which a
//! later invocation knows that reading again would give the same.

use crate::files::{self, FoundFile, Ignore};
use dvt_diagnostics::{Diagnostic, SourceFile};
use dvt_manifest::Checksum;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// dbt hashes seeds up to this size; of larger ones it keeps the path.
const MAXIMUM_HASHED_SEED_BYTES: u64 = 1024 * 1024;

/// The files that one reading of a project looks at.
#[derive(Debug, Default)]
pub(crate) struct Files {
    trace: Mutex<Trace>,
    /// Texts that were read, whether or not they are part of the proof.
    texts: Mutex<HashMap<PathBuf, Option<Arc<SourceFile>>>>,
    folders: Mutex<HashMap<PathBuf, Arc<Walked>>>,
    /// `allow_jinja_file_extensions`: `orders.sql.j2` is taken for `orders.sql`.
    allows_template_endings: bool,
}

/// All files below a folder, or what cannot be listed.
type Walked = Result<Vec<PathBuf>, Vec<Diagnostic>>;

/// Questions and answers, in the order of asking.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trace {
    pub(crate) lists: Vec<List>,
    /// By path; `None` for a file that is not there.
    pub(crate) texts: IndexMap<PathBuf, Option<Arc<SourceFile>>>,
    pub(crate) seeds: IndexMap<PathBuf, Seed>,
    /// Dates without a time zone, and what they are in the machine's.
    pub(crate) dates: IndexMap<String, String>,
    /// Moments, and whether they lay before the start.
    pub(crate) moments: IndexMap<String, bool>,
    /// Something could not be read: the reading is nothing to build on.
    pub(crate) is_broken: bool,
}

/// Which files of a package were asked for, and their paths: below the package, below the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) package: usize,
    pub(crate) folders: Vec<String>,
    pub(crate) extensions: Vec<String>,
    pub(crate) answer: Vec<(String, String)>,
}

impl List {
    pub(crate) fn holds(&self, found: &[FoundFile]) -> bool {
        self.answer.len() == found.len()
            && self
                .answer
                .iter()
                .zip(found)
                .all(|((original, relative), file)| *original == file.original_path && *relative == file.relative_path)
    }
}

/// A seed's file and its checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) original_path: String,
    pub(crate) checksum: Checksum,
}

impl Files {
    pub(crate) fn new(allows_template_endings: bool) -> Self {
        Self { allows_template_endings, ..Self::default() }
    }

    /// All files below these folders of a package whose extension is wanted, sorted; links are followed, a folder that
    /// is missing holds nothing.
    ///
    /// # Errors
    /// One diagnostic for each folder or file that cannot be listed.
    pub(crate) fn find(
        &self,
        package: usize,
        root: &Path,
        folders: &[String],
        extensions: &[&str],
        ignore: &Ignore,
    ) -> Result<Vec<FoundFile>, Vec<Diagnostic>> {
        let with_endings = self.allows_template_endings.then(|| files::with_template_endings(extensions));
        let all: Vec<&str> = with_endings.iter().flatten().map(String::as_str).collect();
        let wanted = if all.is_empty() { extensions } else { &all };
        let mut found = Vec::new();
        let mut problems = Vec::new();
        for folder in folders {
            let start = root.join(folder);
            let walked = self.walk(&start, folder);
            match walked.as_ref() {
                Ok(paths) => found.extend(files::wanted(root, &start, paths, wanted, ignore)),
                Err(diagnostics) => problems.extend(diagnostics.iter().cloned()),
            }
        }
        found.sort();
        found.dedup();
        if !problems.is_empty() {
            self.trace().is_broken = true;
            return Err(problems);
        }
        let list = List {
            package,
            folders: folders.to_vec(),
            extensions: extensions.iter().map(|&extension| extension.to_owned()).collect(),
            answer: found.iter().map(|file| (file.original_path.clone(), file.relative_path.clone())).collect(),
        };
        let mut trace = self.trace();
        if !trace.lists.contains(&list) {
            trace.lists.push(list);
        }
        drop(trace);
        Ok(found)
    }

    fn walk(&self, start: &Path, shown: &str) -> Arc<Walked> {
        let mut folders = lock(&self.folders);
        if let Some(known) = folders.get(start) {
            return Arc::clone(known);
        }
        let walked = Arc::new(files::walk(start, shown));
        folders.insert(start.to_owned(), Arc::clone(&walked));
        walked
    }

    /// Reads a text file; `shown` is the path that messages show. `None` when there is no such file.
    ///
    /// # Errors
    /// It cannot be read, or is not UTF-8.
    pub(crate) fn text(&self, path: &Path, shown: &str) -> Result<Option<Arc<SourceFile>>, Diagnostic> {
        let known = lock(&self.texts).get(path).cloned();
        let read = match known {
            Some(None) => Ok(None),
            Some(Some(file)) if file.path == shown => Ok(Some(file)),
            // Not read yet, or under another name: the proof has room for one.
            Some(Some(_)) => {
                self.trace().is_broken = true;
                return files::read_text(path, shown);
            }
            None => files::read_text(path, shown),
        };
        match &read {
            Ok(file) => {
                lock(&self.texts).insert(path.to_owned(), file.clone());
                self.trace().texts.insert(path.to_owned(), file.clone());
            }
            Err(_) => self.trace().is_broken = true,
        }
        read
    }

    /// The checksum of a seed's file; its rows are read when it is loaded.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn seed(&self, path: &Path, original_path: &str, shown: &str) -> Result<Checksum, Diagnostic> {
        match seed_checksum(path, original_path) {
            Ok(checksum) => {
                let seed = Seed { original_path: original_path.to_owned(), checksum: checksum.clone() };
                self.trace().seeds.insert(path.to_owned(), seed);
                Ok(checksum)
            }
            Err(error) => {
                self.trace().is_broken = true;
                Err(files::unreadable(shown, &error))
            }
        }
    }

    /// Notes what a date without a time zone is in the machine's.
    pub(crate) fn note_date(&self, written: &str, meant: &str) {
        self.trace().dates.insert(written.to_owned(), meant.to_owned());
    }

    /// Notes whether a moment lay before the start.
    pub(crate) fn note_moment(&self, moment: &str, is_past: bool) {
        self.trace().moments.insert(moment.to_owned(), is_past);
    }

    /// How many files were looked at.
    pub(crate) fn count(&self) -> usize {
        lock(&self.texts).values().flatten().count() + self.trace().seeds.len()
    }

    /// Forgets what was asked, but not what was read: a proof that did not hold leaves no trace.
    pub(crate) fn forget_questions(&self) {
        *self.trace() = Trace::default();
    }

    /// The questions so far; those that follow are noted apart.
    pub(crate) fn take_questions(&self) -> Trace {
        std::mem::take(&mut *self.trace())
    }

    /// Puts questions that were taken before those since.
    pub(crate) fn put_questions(&self, mut first: Trace) {
        let mut trace = self.trace();
        let since = std::mem::take(&mut *trace);
        for list in since.lists {
            if !first.lists.contains(&list) {
                first.lists.push(list);
            }
        }
        first.texts.extend(since.texts);
        first.seeds.extend(since.seeds);
        first.dates.extend(since.dates);
        first.moments.extend(since.moments);
        first.is_broken |= since.is_broken;
        *trace = first;
    }

    /// Files that are gone are no part of the proof.
    pub(crate) fn forget_removed(&self, changes: &super::Changes) {
        let mut trace = self.trace();
        for change in changes.files.iter().filter(|change| change.kind == super::ChangeKind::Removed) {
            trace.texts.shift_remove(&change.place.absolute);
        }
    }

    pub(crate) fn trace(&self) -> MutexGuard<'_, Trace> {
        lock(&self.trace)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seed_checksum(path: &Path, original_path: &str) -> std::io::Result<Checksum> {
    if fs::metadata(path)?.len() > MAXIMUM_HASHED_SEED_BYTES {
        return Ok(Checksum::of_path(original_path));
    }
    Ok(Checksum::of_seed(&String::from_utf8_lossy(&fs::read(path)?)))
}
