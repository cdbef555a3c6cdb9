//! `path:`: Python's `Path.glob`, matched against paths instead of a folder.

use super::fnmatch;

/// A pattern of `path:`, relative to the project.
pub(super) struct PathPattern(Vec<String>);

impl PathPattern {
    pub(super) fn new(pattern: &str) -> Self {
        Self(parts(pattern).map(str::to_owned).collect())
    }

    /// Whether the path itself matches, not only a folder above it.
    pub(super) fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = parts(path).collect();
        !self.0.is_empty() && matches_parts(&self.0, &path)
    }

    /// The path or the nearest folder above it that matches.
    pub(super) fn matching_ancestor<'a>(&self, path: &'a str) -> Option<&'a str> {
        let ends = std::iter::once(path.len()).chain(path.rmatch_indices('/').map(|(at, _)| at));
        ends.map(|end| &path[..end]).find(|ancestor| self.matches(ancestor))
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', std::path::MAIN_SEPARATOR]).filter(|part| !part.is_empty() && *part != ".")
}

fn matches_parts(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((first, rest)), _) if first == "**" => {
            matches_parts(rest, path) || path.split_first().is_some_and(|(_, below)| matches_parts(pattern, below))
        }
        (Some(_), None) => false,
        (Some((first, rest)), Some((name, below))) => fnmatch(name, first) && matches_parts(rest, below),
    }
}
