//! Which files are no longer what an earlier reading saw, as far as that reading can be put right file by file.
//!
//! A change that may touch anything (a macro, a docs block, `.dbtignore`, too many files) has no form here: then the
//! project is read in full.

use super::pack::{Pack, Reader};
use super::trace::{List, Seed};
use super::{Memory, Miss};
use crate::files::FoundFile;
use dvt_diagnostics::SourceFile;
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of the project that were changed, added or removed since an earlier reading.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) files: Vec<Change>,
    /// Seeds with other rows, by path.
    pub(crate) seeds: Vec<PathBuf>,
    pub(crate) noted: Noted,
}

/// What the earlier reading looked at beside files; all of it says what it said.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) env: Vec<String>,
    pub(crate) flags: Vec<String>,
    pub(crate) has_metadata_envs: bool,
    pub(crate) dates: IndexMap<String, String>,
    pub(crate) moments: IndexMap<String, bool>,
}

/// One file below the model, seed, snapshot, analysis, test or properties folders.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) package: usize,
    pub(crate) place: FoundFile,
    /// The path that messages show.
    pub(crate) shown: String,
    pub(crate) kind: ChangeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Changed,
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.seeds.is_empty()
    }

    pub(crate) fn count(&self, kind: ChangeKind) -> usize {
        let seeds = if kind == ChangeKind::Changed { self.seeds.len() } else { 0 };
        seeds + self.files.iter().filter(|change| change.kind == kind).count()
    }

    fn len(&self) -> usize {
        self.files.len() + self.seeds.len()
    }
}

/// What dbt says when one of [`OVERRIDES`] was changed, added or removed.
const OVERRIDE_CHANGED: &str = "change detected to override macro. Starting full parse.";

/// Macros of a project that stand for what every template calls.
const OVERRIDES: &[&str] =
    &["ref", "source", "config", "generate_schema_name", "generate_database_name", "generate_alias_name", "function"];

fn defines_override(text: &str) -> bool {
    let after = |start: usize| text[start..].strip_prefix(char::is_whitespace).map(str::trim_start);
    let named = text.match_indices("macro").filter_map(|(at, word)| after(at + word.len()));
    let mut names = named.filter_map(|rest| rest.split_once('(')).map(|(name, _)| name.trim_end());
    names.any(|name| OVERRIDES.contains(&name))
}

/// What kind of files a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Models and properties: a file may be added or removed.
    Open,
    /// A file of the list stands for itself: analyses, tests, snapshots.
    Single,
    /// A file of the list means something for all others: macros, docs blocks, fixtures.
    Shared,
}

impl Memory<'_> {
    /// Compares the files with what an earlier reading saw, and fills the table of files as it saw them.
    ///
    /// The error is `Miss::Changed` where the reading cannot be put right.
    pub(super) fn compare_files(
        &self,
        reader: &mut Reader<'_>,
        table: &mut Vec<Arc<SourceFile>>,
    ) -> Result<Changes, Miss> {
        let is_trusted = self.settings.parse_cache.trusts_files;
        let mut changes = Changes::default();
        let lists = Vec::<List>::take(reader).ok_or(Miss::Damaged)?;
        let mut has_other_list = false;
        let mut overrides = false;
        if !is_trusted {
            for list in &lists {
                if let Some(found) = self.compare_list(list, &mut changes)? {
                    has_other_list = true;
                    overrides |= found.iter().any(|file| self.is_new_override(list, file));
                }
            }
        }
        let count = reader.length().ok_or(Miss::Damaged)?;
        for _ in 0..count {
            let path = Path::new(reader.text().ok_or(Miss::Damaged)?);
            let seed = Seed::take(reader).ok_or(Miss::Damaged)?;
            if is_trusted {
                continue;
            }
            let now = self.files.seed(path, &seed.original_path, "").map_err(|_| Miss::Changed)?;
            if now != seed.checksum {
                changes.seeds.push(path.to_owned());
            }
        }
        let count = reader.length().ok_or(Miss::Damaged)?;
        table.reserve(count);
        let mut changed: Vec<(PathBuf, String, bool)> = Vec::new();
        let mut known: HashSet<&Path> = HashSet::new();
        let has_added = changes.files.iter().any(|change| change.kind == ChangeKind::Added);
        for _ in 0..count {
            let path = Path::new(reader.text().ok_or(Miss::Damaged)?);
            let was = if bool::take(reader).ok_or(Miss::Damaged)? {
                Some((reader.text().ok_or(Miss::Damaged)?, reader.text().ok_or(Miss::Damaged)?))
            } else {
                None
            };
            if is_trusted {
                table.extend(was.map(|(shown, text)| SourceFile::new(shown, text)));
                continue;
            }
            let Some((shown, text)) = was else {
                if path.exists() {
                    return Err(Miss::Changed);
                }
                continue;
            };
            if has_added {
                known.insert(path);
            }
            match self.files.text(path, shown).map_err(|_| Miss::Changed)? {
                Some(file) if file.text == text => table.push(file),
                now => {
                    overrides |= defines_override(text) || now.as_ref().is_some_and(|now| defines_override(&now.text));
                    changed.push((path.to_owned(), shown.to_owned(), now.is_some()));
                    table.push(SourceFile::new(shown, text));
                }
            }
        }
        let is_known =
            |change: &Change| change.kind == ChangeKind::Added && known.contains(change.place.absolute.as_path());
        let whole = if overrides { Miss::Unable(OVERRIDE_CHANGED) } else { Miss::Changed };
        if has_other_list || changes.files.iter().any(is_known) {
            return Err(whole);
        }
        if self.place_changed(&lists, changed, &mut changes).is_err() {
            return Err(whole);
        }
        // Of a project of which much has changed, a full reading is the shorter way.
        if changes.len() * 4 > count.max(8) { Err(Miss::Changed) } else { Ok(changes) }
    }

    /// Whether a file that a list did not hold has a macro that all templates may call under dbt's own name.
    fn is_new_override(&self, list: &List, file: &FoundFile) -> bool {
        let was = list.answer.iter().any(|(original, _)| *original == file.original_path);
        !was && std::fs::read_to_string(&file.absolute).is_ok_and(|text| defines_override(&text))
    }

    /// Files that a list of models or properties holds now and did not, and the other way round; what any other list
    /// holds now if it is not what it held.
    fn compare_list(&self, list: &List, changes: &mut Changes) -> Result<Option<Vec<FoundFile>>, Miss> {
        let (Some(package), Some(ignore)) = (self.packages.get(list.package), self.ignores.get(list.package)) else {
            return Err(Miss::Changed);
        };
        let extensions: Vec<&str> = list.extensions.iter().map(String::as_str).collect();
        let found = self
            .files
            .find(list.package, &package.root, &list.folders, &extensions, ignore)
            .map_err(|_| Miss::Changed)?;
        if list.holds(&found) {
            return Ok(None);
        }
        if self.role(list) != Role::Open {
            return Ok(Some(found));
        }
        let was: HashSet<(&str, &str)> =
            list.answer.iter().map(|(original, relative)| (original.as_str(), relative.as_str())).collect();
        let is: HashSet<(&str, &str)> =
            found.iter().map(|file| (file.original_path.as_str(), file.relative_path.as_str())).collect();
        let shown = |original: &str| crate::parse::shown_in(&package.root, &self.packages[0].root, original);
        for file in &found {
            if !was.contains(&(file.original_path.as_str(), file.relative_path.as_str())) {
                changes.files.push(Change {
                    package: list.package,
                    shown: shown(&file.original_path),
                    place: file.clone(),
                    kind: ChangeKind::Added,
                });
            }
        }
        for (original, relative) in &list.answer {
            if !is.contains(&(original.as_str(), relative.as_str())) {
                changes.files.push(Change {
                    package: list.package,
                    shown: shown(original),
                    place: FoundFile {
                        absolute: package.root.join(original),
                        original_path: original.clone(),
                        relative_path: relative.clone(),
                    },
                    kind: ChangeKind::Removed,
                });
            }
        }
        Ok(None)
    }

    fn role(&self, list: &List) -> Role {
        let Some(package) = self.packages.get(list.package) else { return Role::Shared };
        let project = &package.project;
        let is = |extensions: &[&str], folders: &[String]| {
            list.folders == folders && list.extensions.iter().map(String::as_str).eq(extensions.iter().copied())
        };
        let is_properties = list.extensions.first().is_some_and(|extension| extension == "yml");
        if is_properties || is(&["sql", "py"], &project.model_paths) {
            return Role::Open;
        }
        let is_single = [&project.analysis_paths, &project.test_paths, &project.snapshot_paths]
            .iter()
            .any(|folders| is(&["sql"], folders));
        if is_single { Role::Single } else { Role::Shared }
    }

    /// Finds where the changed files stand; one that any shared list holds, or none, is more than a change of its own.
    fn place_changed(
        &self,
        lists: &[List],
        changed: Vec<(PathBuf, String, bool)>,
        changes: &mut Changes,
    ) -> Result<(), Miss> {
        if changed.is_empty() && changes.files.is_empty() {
            return Ok(());
        }
        let mut wanted: HashMap<PathBuf, Option<Change>> = HashMap::new();
        let added = changes.files.iter().filter(|change| change.kind == ChangeKind::Added);
        wanted.extend(added.map(|change| (change.place.absolute.clone(), None)));
        let removed: HashSet<&Path> = changes
            .files
            .iter()
            .filter(|change| change.kind == ChangeKind::Removed)
            .map(|change| change.place.absolute.as_path())
            .collect();
        let mut gone = 0;
        for (path, _, is_there) in &changed {
            if *is_there && !removed.contains(path.as_path()) {
                wanted.insert(path.clone(), None);
            } else if !*is_there && removed.contains(path.as_path()) {
                gone += 1;
            } else {
                return Err(Miss::Changed);
            }
        }
        // Folders that lie in each other show one file on two lists.
        let places: HashSet<&Path> = changes.files.iter().map(|change| change.place.absolute.as_path()).collect();
        if gone != removed.len() || places.len() != changes.files.len() {
            return Err(Miss::Changed);
        }
        for list in lists {
            let Some(package) = self.packages.get(list.package) else { return Err(Miss::Changed) };
            let role = self.role(list);
            for (original, relative) in &list.answer {
                let absolute = package.root.join(original);
                if role == Role::Shared && removed.contains(absolute.as_path()) {
                    return Err(Miss::Changed);
                }
                let Some(place) = wanted.get_mut(&absolute) else { continue };
                if role == Role::Shared {
                    return Err(Miss::Changed);
                }
                // Properties files are on one list for each kind of folders; all of them say the same path.
                let shown = crate::parse::shown_in(&package.root, &self.packages[0].root, original);
                let is_other = place
                    .as_ref()
                    .is_some_and(|known| known.package != list.package || known.place.relative_path != *relative);
                if is_other {
                    return Err(Miss::Changed);
                }
                let found = FoundFile { absolute, original_path: original.clone(), relative_path: relative.clone() };
                *place = Some(Change { package: list.package, place: found, shown, kind: ChangeKind::Changed });
            }
        }
        for (path, _, is_there) in changed {
            if is_there {
                changes.files.push(wanted.remove(&path).flatten().ok_or(Miss::Changed)?);
            }
        }
        Ok(())
    }
}
