//! `--add-package`: one more entry in the file that lists the packages.
//!
//! A file without comments is written anew, as dbt does; in one with comments only lines are added and removed, so that
//! nothing of the user's is lost.

use crate::PackageError;
use crate::yaml_text::to_yaml;
use dvt_diagnostics::{Event, Events, kinds};
use dvt_manifest::write_atomically;
use dvt_project::PackageList;
use serde_json::{Map, Value, json};
use std::ops::Range;
use std::path::Path;

/// What to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPackage {
    /// A hub package, an address, or a path.
    pub name: String,
    /// A version, several with commas between, or a revision; a local package has none.
    pub version: Option<String>,
    pub origin: PackageOrigin,
}

/// Where the added package comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PackageOrigin {
    #[default]
    Hub,
    Git,
    Local,
}

impl AddPackage {
    /// Reads `name@version`. `git@host:path` is all name.
    #[must_use]
    pub fn parse(text: &str, origin: PackageOrigin) -> Self {
        let is_part_of_name = |version: &str| origin == PackageOrigin::Git && version.contains(['/', ':']);
        let (name, version) = match text.rsplit_once('@') {
            Some((name, version)) if !name.is_empty() && !is_part_of_name(version) => (name, Some(version.to_owned())),
            _ => (text, None),
        };
        Self { name: name.to_owned(), version, origin }
    }

    fn entry(&self) -> Value {
        let (key, version_key) = match self.origin {
            PackageOrigin::Hub => ("package", "version"),
            PackageOrigin::Git => ("git", "revision"),
            PackageOrigin::Local => ("local", "version"),
        };
        let mut entry = Map::new();
        entry.insert(key.to_owned(), json!(self.name));
        if let Some(version) = self.version.as_ref().filter(|version| !version.is_empty() && key != "local") {
            let versions: Vec<&str> = version.split(',').map(str::trim).collect();
            let value = if let [single] = versions.as_slice() { json!(single) } else { json!(versions) };
            entry.insert(version_key.to_owned(), value);
        }
        Value::Object(entry)
    }

    /// Whether an entry of the file is this package, maybe from another place: its name as a whole word, `-` and `_` alike.
    fn is_same(&self, entry: &Value) -> bool {
        let identifier = ["package", "git", "local", "tarball", "private"]
            .iter()
            .find_map(|key| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()));
        let Some(identifier) = identifier else { return false };
        let short = self.name.rsplit('/').next().unwrap_or(&self.name);
        [self.name.as_str(), short].iter().any(|name| {
            [(*name).to_owned(), name.replace('_', "-"), name.replace('-', "_")]
                .iter()
                .any(|name| is_word_in(name, identifier))
        })
    }
}

/// Whether `word` stands in `text` between slashes, points or the ends.
fn is_word_in(word: &str, text: &str) -> bool {
    let Some(start) = text.find(word).filter(|_| !word.is_empty()) else { return false };
    let end = start + word.len();
    let is_border = |character: Option<char>| character.is_none_or(|character| matches!(character, '/' | '.'));
    is_border(text[..start].chars().next_back()) && is_border(text[end..].chars().next())
}

/// Adds the package to the list's file; entries of the same package are removed.
pub(crate) fn add_package(
    list: &PackageList,
    package: &AddPackage,
    root: &Path,
    events: &Events,
) -> Result<(), PackageError> {
    let path = root.join(list.file_name);
    let shown = path.display().to_string();
    if list.file.is_none() {
        events.fire(Event::new(kinds::FORMATTING, "Created packages.yml"));
    }
    let mut removed = Vec::new();
    for (index, entry) in list.entries.iter().enumerate() {
        if package.is_same(&entry.unrendered) {
            removed.push(index);
            let shown = loggable(&entry.unrendered);
            events.fire(
                Event::new(
                    kinds::DEPS_FOUND_DUPLICATE_PACKAGE,
                    format!("Found duplicate package in packages.yml, removing: {}", python_dictionary(&shown)),
                )
                .with("removed_package", Value::Object(shown)),
            );
        }
    }
    let has_comments =
        list.file.as_ref().is_some_and(|file| file.text.lines().any(|line| line.trim_start().starts_with('#')));
    let edited = if has_comments { edited(list, &removed, &package.entry()) } else { None };
    let text = match edited {
        Some(text) => text,
        None if has_comments => {
            return Err(PackageError::Add {
                path: shown,
                reason: "its comments would be lost; add the package by hand".to_owned(),
            });
        }
        None => rewritten(list, &removed, package.entry()),
    };
    write_atomically(&path, text.as_bytes()).map_err(|error| PackageError::Files {
        action: "write",
        path: path.clone(),
        cause: error.cause,
    })?;
    let version = package.version.clone().unwrap_or_else(|| "None".to_owned());
    events.fire(
        Event::new(kinds::DEPS_ADD_PACKAGE, format!("Added new package {}@{version} to {shown}", package.name))
            .with("package_name", package.name.as_str())
            .with("version", version)
            .with("packages_filepath", shown),
    );
    Ok(())
}

/// The whole file as dbt writes it.
fn rewritten(list: &PackageList, removed: &[usize], entry: Value) -> String {
    let mut document = list.document.clone();
    if !document.is_object() {
        document = json!({});
    }
    let kept = list.entries.iter().enumerate().filter(|(index, _)| !removed.contains(index));
    let mut packages: Vec<Value> = kept.map(|(_, entry)| entry.unrendered.clone()).collect();
    packages.push(entry);
    document["packages"] = Value::Array(packages);
    to_yaml(&document)
}

/// The file with only the lines of the entries changed; `None` where it is not written as a list with one dash per entry.
fn edited(list: &PackageList, removed: &[usize], entry: &Value) -> Option<String> {
    let text = &list.file.as_ref()?.text;
    let lines: Vec<Range<usize>> =
        list.entries.iter().map(|entry| entry_lines(text, &entry.span.range)).collect::<Option<_>>()?;
    let last = lines.last()?;
    let first_line = &text[lines.first()?.clone()];
    let indent = &first_line[..first_line.find('-')?];
    let added = to_yaml(&json!([entry]));
    let mut added: String = added.lines().map(|line| format!("{indent}{line}\n")).collect();
    if !text[..last.end].ends_with('\n') {
        added.insert(0, '\n');
    }
    let mut edited = String::new();
    let mut position = 0;
    for (index, lines) in lines.iter().enumerate() {
        if removed.contains(&index) {
            edited.push_str(&text[position..lines.start]);
            position = lines.end;
        }
    }
    edited.push_str(text.get(position..last.end).unwrap_or_default());
    edited.push_str(&added);
    edited.push_str(&text[last.end..]);
    Some(edited)
}

/// The whole lines of an entry, from the one with its dash on.
fn entry_lines(text: &str, range: &Range<usize>) -> Option<Range<usize>> {
    let line_start = text[..range.start].rfind('\n').map_or(0, |position| position + 1);
    if text[line_start..range.start].trim() != "-" {
        return None;
    }
    // Comments behind an entry belong to what follows.
    let contents = text.get(range.clone())?;
    let mut length = 0;
    let mut position = 0;
    for line in contents.split_inclusive('\n') {
        position += line.len();
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            length = position;
        }
    }
    let end = range.start + contents[..length].trim_end().len();
    let end = text[end..].find('\n').map_or(text.len(), |position| end + position + 1);
    Some(line_start..end)
}

/// What dbt shows of an entry: texts and numbers.
fn loggable(entry: &Value) -> Map<String, Value> {
    let entries = entry.as_object().into_iter().flatten();
    entries
        .filter(|(_, value)| value.is_string() || value.is_number())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// A dictionary as Python prints it.
fn python_dictionary(map: &Map<String, Value>) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("'{key}': {}", shown(value))).collect();
    format!("{{{}}}", entries.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_behind_the_last_at_sign() {
        let parsed = |text: &str, origin| {
            let package = AddPackage::parse(text, origin);
            (package.name, package.version)
        };
        let pair = |name: &str, version: Option<&str>| (name.to_owned(), version.map(str::to_owned));
        assert_eq!(parsed("a/b@1.0.0", PackageOrigin::Hub), pair("a/b", Some("1.0.0")));
        assert_eq!(parsed("a/b", PackageOrigin::Hub), pair("a/b", None));
        assert_eq!(parsed("git@host:a/b.git", PackageOrigin::Git), pair("git@host:a/b.git", None));
        assert_eq!(parsed("git@host:a/b.git@v1", PackageOrigin::Git), pair("git@host:a/b.git", Some("v1")));
    }

    #[test]
    fn the_same_package_is_told_across_places_and_spellings() {
        let is_same = |name: &str, entry: Value| AddPackage::parse(name, PackageOrigin::Hub).is_same(&entry);
        assert!(is_same("dbt-labs/dbt_utils@1.0.0", json!({"package": "dbt-labs/dbt_utils", "version": "0.9.0"})));
        assert!(is_same(
            "dbt-labs/dbt_utils@1.0.0",
            json!({"git": "https://github.com/dbt-labs/dbt-utils.git", "warn-unpinned": false})
        ));
        assert!(!is_same("dbt-labs/dbt-core@1.0.0", json!({"git": "https://github.com/x/dbt-core-utils.git"})));
        assert!(!is_same("dbt-labs/dbt_utils@1.0.0", json!({"package": "a/my_dbt_utils"})));
    }
}
