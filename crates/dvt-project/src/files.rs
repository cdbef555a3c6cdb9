//! Reading the user's files: text, folders, and what `.dbtignore` leaves out.

use crate::cache::Files;
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a text file; `shown` is the path that messages show. `None` when there is no such file.
///
/// # Errors
/// It cannot be read, or is not UTF-8; then with the place of the first wrong byte.
pub(crate) fn read_text(path: &Path, shown: &str) -> Result<Option<Arc<SourceFile>>, Diagnostic> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(shown, &error)),
    };
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = match text.strip_prefix('\u{feff}') {
                Some(without_mark) => without_mark.to_owned(),
                None => text,
            };
            Ok(Some(SourceFile::new(shown, text)))
        }
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let file = SourceFile::new(shown, String::from_utf8_lossy(&bytes));
            Err(Diagnostic::error("not-utf-8", format!("{shown} is not UTF-8 text"))
                .label(
                    Span::new(&file, valid..valid + '\u{fffd}'.len_utf8()),
                    format!("byte {valid} is {:#04x}", bytes[valid]),
                )
                .help("save the file as UTF-8"))
        }
    }
}

pub(crate) fn unreadable(shown: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error("unreadable-file", format!("cannot read {shown}: {error}"))
}

/// A path for messages: relative to the project where it lies inside, else as it is; always with `/`.
pub(crate) fn shown_path(path: &Path, root: &Path) -> String {
    slashes(path.strip_prefix(root).unwrap_or(path))
}

/// The path as text with `/` between its parts.
pub(crate) fn slashes(path: &Path) -> String {
    let text = path.to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' { text.into_owned() } else { text.replace(std::path::MAIN_SEPARATOR, "/") }
}

/// A file below one of a package's resource folders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FoundFile {
    pub(crate) absolute: PathBuf,
    /// Relative to the package's root: `models/marts/orders.sql`.
    pub(crate) original_path: String,
    /// Relative to the resource folder: `marts/orders.sql`.
    pub(crate) relative_path: String,
}

/// All files below a folder, sorted by name within each folder; links are followed, a folder that is missing holds nothing.
///
/// # Errors
/// One diagnostic for each folder or file that cannot be listed.
pub(crate) fn walk(start: &Path, shown: &str) -> Result<Vec<PathBuf>, Vec<Diagnostic>> {
    if !start.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for entry in walkdir::WalkDir::new(start).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_file() => found.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => {
                problems.push(Diagnostic::error("unreadable-file", format!("cannot list {shown}: {error}")));
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// The endings that a template may have behind its own, where the project allows them.
const TEMPLATE_ENDINGS: [&str; 3] = ["j2", "jinja2", "jinja"];

/// The extensions of templates, with the endings: `sql`, `sql.j2`, … Other extensions stay as they are.
pub(crate) fn with_template_endings(extensions: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = extensions.iter().map(|&extension| extension.to_owned()).collect();
    for extension in extensions.iter().filter(|extension| matches!(**extension, "sql" | "md")) {
        all.extend(TEMPLATE_ENDINGS.map(|ending| format!("{extension}.{ending}")));
    }
    all
}

/// The name of what a file holds: `orders` for `orders.sql` and `orders.sql.j2`.
pub(crate) fn stem(path: &str) -> String {
    let mut path = Path::new(path);
    if path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| TEMPLATE_ENDINGS.contains(&ending)) {
        path = Path::new(path.file_stem().unwrap_or_default());
    }
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn has_extension(name: &str, extension: &str) -> bool {
    let Some(start) = name.len().checked_sub(extension.len() + 1).filter(|start| *start > 0) else { return false };
    name.get(start..).is_some_and(|end| end.starts_with('.') && end[1..].eq_ignore_ascii_case(extension))
}

/// Those of a walked folder's files whose extension is wanted and which are not ignored.
pub(crate) fn wanted(
    root: &Path,
    start: &Path,
    paths: &[PathBuf],
    extensions: &[&str],
    ignore: &Ignore,
) -> impl Iterator<Item = FoundFile> {
    paths.iter().filter_map(move |path| {
        let name = path.file_name()?.to_string_lossy();
        let original = path.strip_prefix(root).unwrap_or(path);
        if !extensions.iter().any(|wanted| has_extension(&name, wanted)) || ignore.ignores(original) {
            return None;
        }
        Some(FoundFile {
            absolute: path.clone(),
            original_path: slashes(original),
            relative_path: slashes(path.strip_prefix(start).unwrap_or(path)),
        })
    })
}

/// `.dbtignore`: patterns in gitignore's syntax.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    /// Patterns in order, each with whether it takes files back in (`!pattern`).
    patterns: Vec<(GlobSet, bool)>,
}

impl Ignore {
    /// Reads the package's `.dbtignore`, if it has one.
    pub(crate) fn read(files: &Files, root: &Path, shown_root: &str) -> Result<Self, Diagnostic> {
        let shown = format!("{shown_root}.dbtignore");
        let Some(file) = files.text(&root.join(".dbtignore"), &shown)? else {
            return Ok(Self::default());
        };
        let mut patterns = Vec::new();
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (takes_back, pattern) = match line.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, line),
            };
            let set = pattern_set(pattern).map_err(|error| {
                Diagnostic::error("ignore-pattern", format!("`{line}` is no pattern: {}", error.kind()))
                    .label(Span::line(&file, index + 1), "in this line")
            })?;
            patterns.push((set, takes_back));
        }
        Ok(Self { patterns })
    }

    /// Whether a path, relative to the package's root, is left out. The last pattern that matches decides.
    pub(crate) fn ignores(&self, path: &Path) -> bool {
        let mut is_ignored = false;
        for (set, takes_back) in &self.patterns {
            if path.ancestors().filter(|part| !part.as_os_str().is_empty()).any(|part| set.is_match(part)) {
                is_ignored = !takes_back;
            }
        }
        is_ignored
    }
}

/// A pattern with a slash before its end is anchored at the root; others match at any depth.
fn pattern_set(pattern: &str) -> Result<GlobSet, globset::Error> {
    let pattern = pattern.trim_end_matches('/');
    let is_anchored = pattern.contains('/');
    let pattern = pattern.trim_start_matches('/');
    let glob = |text: &str| -> Result<Glob, globset::Error> { GlobBuilder::new(text).literal_separator(true).build() };
    let mut set = GlobSetBuilder::new();
    set.add(glob(pattern)?);
    if !is_anchored {
        set.add(glob(&format!("**/{pattern}"))?);
    }
    set.build()
}
