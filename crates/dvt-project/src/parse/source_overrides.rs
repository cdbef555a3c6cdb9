//! `overrides:` of a source entry: what one package says about another's source, put over it.
//!
//! Source: dbt docs, "overrides" (deprecated).

use super::properties::{PropertyEntry, Section};
use crate::Package;
use crate::yaml::{Entry, Yaml, YamlValue};
use dvt_diagnostics::{Diagnostic, Event, kinds};
use indexmap::IndexMap;
use std::ops::Range;

/// Takes the entries with `overrides` out and puts what they say over the entries of the package they name.
pub(crate) fn apply(packages: &[Package], entries: &mut Vec<PropertyEntry>, problems: &mut Vec<Diagnostic>) {
    let is_override =
        |entry: &PropertyEntry| entry.section == Section::Sources && entry.yaml.get_set("overrides").is_some();
    if !entries.iter().any(is_override) {
        return;
    }
    let (overrides, mut kept): (Vec<_>, Vec<_>) = std::mem::take(entries).into_iter().partition(is_override);
    let mut first: IndexMap<(String, &str), &PropertyEntry> = IndexMap::new();
    for entry in &overrides {
        let package = entry.yaml.get_set("overrides").and_then(Yaml::scalar_text).unwrap_or_default();
        if let Some(other) = first.get(&(package.clone(), entry.name.as_str())) {
            problems.push(duplicate(&package, other, entry));
            continue;
        }
        first.insert((package, &entry.name), entry);
    }
    let mut without_target: Vec<(&PropertyEntry, Vec<String>)> = Vec::new();
    for ((package, name), entry) in first {
        let is_target = |target: &&mut PropertyEntry| {
            target.section == Section::Sources
                && target.name == name
                && packages.get(target.package).is_some_and(|found| found.name == package)
        };
        let mut unused: Vec<String> = tables(&entry.yaml);
        let mut is_used = false;
        for target in kept.iter_mut().filter(is_target) {
            is_used = true;
            let known = tables(&target.yaml);
            unused.retain(|table| !known.contains(table));
            let place = target.name_span.range.clone();
            target.yaml = patched(&target.yaml, &entry.yaml, &place);
        }
        let named = format!("{package}.{name} (in {})", entry.original_path);
        let lines = match is_used {
            false => vec![format!("  - Source {named}")],
            true => unused
                .iter()
                .map(|table| format!("  - Source table {package}.{name}.{table} (in {})", entry.original_path))
                .collect(),
        };
        without_target.push((entry, lines));
    }
    warn_of_unused(&without_target, problems);
    *entries = kept;
}

fn tables(yaml: &Yaml) -> Vec<String> {
    let items = yaml.get_set("tables").and_then(Yaml::as_list).unwrap_or_default();
    items.iter().filter_map(|table| table.get_set("name")?.scalar_text()).collect()
}

fn duplicate(package: &str, first: &PropertyEntry, second: &PropertyEntry) -> Diagnostic {
    Diagnostic::error(
        "duplicate-properties",
        format!(
            "dbt found two schema.yml entries for the same source named {} in package {package}. Sources may only be \
             overridden a single time. To fix this, remove the source entry for {} in one of these files: {}, {}",
            second.name, second.name, first.original_path, second.original_path
        ),
    )
    .label(second.name_span.clone(), "again here")
    .label(first.name_span.clone(), "first here")
    .help("keep one of the two entries")
}

fn warn_of_unused(without_target: &[(&PropertyEntry, Vec<String>)], problems: &mut Vec<Diagnostic>) {
    let lines: Vec<String> = without_target.iter().flat_map(|(_, lines)| lines.clone()).collect();
    if lines.is_empty() {
        return;
    }
    let message =
        format!("During parsing, dbt encountered source overrides that had no target:\n{}\n", lines.join("\n"));
    let event = Event::new(kinds::UNUSED_TABLES, message.clone()).with("unused_tables", lines);
    let mut diagnostic = Diagnostic::warning("unused-overrides", message.trim_end()).event(event);
    for (entry, _) in without_target.iter().filter(|(_, lines)| !lines.is_empty()) {
        diagnostic = diagnostic.label(entry.name_span.clone(), "overrides nothing");
    }
    problems.push(diagnostic);
}

/// The source with what the patch says: each key of the patch takes the place of the source's, and so for each table.
fn patched(source: &Yaml, patch: &Yaml, place: &Range<usize>) -> Yaml {
    let mut result = over(source, patch, &["name", "overrides", "tables"], place);
    let YamlValue::Map(map) = &mut result.value else { return result };
    if patch.get("freshness").is_none() {
        // dbt's patch always says a freshness: none of its own is the empty one.
        map.insert("freshness".to_owned(), nothing(place));
    }
    let patches = patch.get_set("tables").and_then(Yaml::as_list).unwrap_or_default();
    if let Some(YamlValue::List(tables)) = map.get_mut("tables").map(|entry| &mut entry.value.value) {
        for table in tables {
            let name = table.get_set("name").and_then(Yaml::scalar_text);
            let same = |patch: &&Yaml| patch.get_set("name").and_then(Yaml::scalar_text) == name;
            if let Some(patch) = patches.iter().find(same) {
                let mut both = over(table, patch, &["name"], place);
                if let (None, YamlValue::Map(map)) = (patch.get("freshness"), &mut both.value) {
                    map.insert("freshness".to_owned(), nothing(place));
                }
                *table = both;
            }
        }
    }
    result
}

fn nothing(place: &Range<usize>) -> Entry {
    let value = Yaml { value: YamlValue::Map(IndexMap::new()), range: place.clone() };
    Entry { key_range: place.clone(), value }
}

fn over(base: &Yaml, patch: &Yaml, but: &[&str], place: &Range<usize>) -> Yaml {
    let mut result = base.clone();
    if let (YamlValue::Map(map), Some(said)) = (&mut result.value, patch.as_map()) {
        for (key, entry) in said.iter().filter(|(key, _)| !but.contains(&key.as_str())) {
            if entry.value.is_null() && key != "freshness" {
                continue;
            }
            let value = placed(&entry.value, place);
            map.insert(key.clone(), Entry { key_range: place.clone(), value });
        }
    }
    result
}

/// The value as if it stood at one place of the other file.
fn placed(yaml: &Yaml, place: &Range<usize>) -> Yaml {
    let value = match &yaml.value {
        YamlValue::List(items) => YamlValue::List(items.iter().map(|item| placed(item, place)).collect()),
        YamlValue::Map(map) => YamlValue::Map(
            map.iter()
                .map(|(key, entry)| {
                    let value = placed(&entry.value, place);
                    (key.clone(), Entry { key_range: place.clone(), value })
                })
                .collect(),
        ),
        scalar => scalar.clone(),
    };
    Yaml { value, range: place.clone() }
}
