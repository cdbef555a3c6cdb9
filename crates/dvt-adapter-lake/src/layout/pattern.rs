//! Patterns of file names in the place of a relation's name: `events/2024-*.csv`, `logs/**/*.json`.

use super::format_of;
use crate::profile::Format;
use std::io;

/// Whether an identifier is a pattern, or a path, of files.
pub(super) fn is_pattern(identifier: &str) -> bool {
    identifier.contains(['/', '*', '?'])
        && identifier
            .split('/')
            .all(|part| !part.is_empty() && !matches!(part, "." | "..") && !part.contains(['\\', '\0']))
}

/// The folder that holds everything the pattern can match, without a `/` at its end.
pub(super) fn fixed_folder(pattern: &str) -> &str {
    let end = pattern.find(['*', '?']).unwrap_or(pattern.len());
    pattern[..end].rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `*` and `?` stand for characters of one name, `**` for any folders. Names that start with a dot or an underscore are
/// matched by nothing but themselves.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    parts_match(&pattern, &path)
}

fn parts_match(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => {
            parts_match(rest, path)
                || path.split_first().is_some_and(|(first, more)| {
                    !first.starts_with(['.', '_']) && !more.is_empty() && parts_match(pattern, more)
                })
        }
        ([part, rest @ ..], [name, more @ ..]) => {
            let is_hidden = name.starts_with(['.', '_']) && part.starts_with(['*', '?']);
            !is_hidden && name_matches(part.as_bytes(), name) && parts_match(rest, more)
        }
        _ => false,
    }
}

fn name_matches(pattern: &[u8], name: &str) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => {
            name.char_indices().any(|(at, _)| name_matches(rest, &name[at..])) || name_matches(rest, "")
        }
        Some((b'?', rest)) => {
            let mut characters = name.chars();
            characters.next().is_some() && name_matches(rest, characters.as_str())
        }
        Some((byte, rest)) => {
            name.as_bytes().first() == Some(byte)
                && match name.get(1..) {
                    Some(more) => name_matches(rest, more),
                    // Inside a character of several bytes: the others follow one by one.
                    None => name.as_bytes().starts_with(pattern) && name.len() == pattern.len(),
                }
        }
    }
}

/// The one format of all the files.
pub(super) fn one_format<'a>(pattern: &str, files: impl Iterator<Item = &'a str>) -> io::Result<Option<Format>> {
    let mut found = None;
    for file in files {
        let format = format_of(file.rsplit('/').next().unwrap_or(file));
        match (found, format) {
            (_, None) => {}
            (None, format) => found = format,
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => {
                let message = format!("`{pattern}` matches files of the formats {one} and {other}; name one of them");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
    }
    Ok(found)
}
