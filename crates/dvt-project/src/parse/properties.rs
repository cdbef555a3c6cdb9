//! Properties files: the named entries under `models:`, `sources:`, … with their places.

use crate::cache::Files;
use crate::dbt_words::DbtKind;
use crate::files::FoundFile;
use crate::render::ValueRenderer;
use crate::yaml::{Yaml, load_yaml};
use dvt_diagnostics::{Diagnostic, Event, EventLevel, SourceFile, Span, did_you_mean, kinds};
use std::sync::Arc;

/// One entry of a properties file, rendered except for what is rendered later (descriptions, tests, hooks).
#[derive(Clone, Debug)]
pub(crate) struct PropertyEntry {
    /// The index of its package.
    pub(crate) package: usize,
    pub(crate) section: Section,
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) file: Arc<SourceFile>,
    pub(crate) original_path: String,
    pub(crate) relative_path: String,
    pub(crate) yaml: Yaml,
    /// The same before its Jinja was rendered.
    pub(crate) written: Yaml,
}

/// The top-level keys that hold named entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Section {
    Models,
    Seeds,
    Snapshots,
    Sources,
    SingularTests,
    UnitTests,
    Exposures,
    Groups,
    Macros,
    Analyses,
    Functions,
    Metrics,
    SemanticModels,
    SavedQueries,
}

const SECTIONS: &[(&str, Section)] = &[
    ("models", Section::Models),
    ("seeds", Section::Seeds),
    ("snapshots", Section::Snapshots),
    ("sources", Section::Sources),
    ("data_tests", Section::SingularTests),
    ("tests", Section::SingularTests),
    ("unit_tests", Section::UnitTests),
    ("exposures", Section::Exposures),
    ("groups", Section::Groups),
    ("macros", Section::Macros),
    ("analyses", Section::Analyses),
    ("functions", Section::Functions),
    ("metrics", Section::Metrics),
    ("semantic_models", Section::SemanticModels),
    ("saved_queries", Section::SavedQueries),
];

/// Keys that stand at the top of a properties file and hold nothing that is read here.
const OTHER_KEYS: &[&str] = &["version", "anchors"];

impl Section {
    pub(crate) fn key(self) -> &'static str {
        SECTIONS.iter().find(|(_, section)| *section == self).map_or("", |(key, _)| key)
    }
}

impl PropertyEntry {
    pub(crate) fn span(&self, yaml: &Yaml) -> Span {
        Span::new(&self.file, yaml.range.clone())
    }

    /// The folders between the resource folder and the file: part of every name in it.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        let mut parts: Vec<&str> = self.relative_path.split('/').collect();
        parts.pop();
        parts.into_iter()
    }
}

/// Whether a value of a properties file is rendered when the file is read. `path` is the section, then the keys of
/// dictionaries and the places in lists that lead to the value.
fn is_rendered(path: &[String]) -> bool {
    let keys: Vec<&str> = path.iter().map(|key| key.trim_start_matches('+')).collect();
    let Some((section, keys)) = keys.split_first() else { return true };
    // The semantic layer's filters are templates of their own.
    let is_filter = keys.iter().rev().take(2).any(|key| *key == "filter");
    match (*section, keys) {
        ("metrics", _) if is_filter => false,
        ("models", ["metrics", ..]) if is_filter => false,
        ("saved_queries", ["query_params", "where", ..]) => false,
        ("sources", ["description" | "loaded_at_query", ..]) => false,
        ("sources", ["config", "loaded_at_query", ..]) => false,
        ("sources", ["tables", _, rest @ ..]) => !is_rendered_later(rest),
        ("sources", _) => true,
        ("macros", ["arguments", rest @ ..]) => !is_rendered_later(rest),
        _ => !is_rendered_later(keys),
    }
}

/// Descriptions, tests and hooks have their own moment. It is their place that counts: a column called `description` in
/// `column_types`, say, is a value like any other.
fn is_rendered_later(keys: &[&str]) -> bool {
    let is_late = |key: &str| matches!(key, "tests" | "data_tests" | "description");
    match keys {
        ["loaded_at_query", ..] | [_, "loaded_at_query"] => true,
        [key, ..] if is_late(key) => true,
        [_, key] if is_late(key) => true,
        ["config", "pre_hook" | "post_hook" | "pre-hook" | "post-hook" | "loaded_at_query", ..] => true,
        [_, _, _, _, "description"] => true,
        ["versions", _, "config", "pre_hook" | "post_hook" | "pre-hook" | "post-hook", ..] => true,
        ["versions", _, key, ..] | ["versions", _, "columns", _, key, ..] if is_late(key) => true,
        ["columns" | "dimensions" | "measures" | "entities" | "metrics" | "arguments", _, key, ..] => is_late(key),
        ["derived_semantics", "dimensions" | "entities", _, key, ..] => is_late(key),
        _ => false,
    }
}

/// Reads one file.
pub(crate) fn read_properties(
    files: &Files,
    package: usize,
    found: &FoundFile,
    shown: &str,
    renderer: &ValueRenderer,
    problems: &mut Vec<Diagnostic>,
) -> Vec<PropertyEntry> {
    let file = match files.text(&found.absolute, shown) {
        Ok(Some(file)) => file,
        Ok(None) => return Vec::new(),
        Err(diagnostic) => {
            problems.push(diagnostic);
            return Vec::new();
        }
    };
    let tree = match load_yaml(&file, problems) {
        Ok(tree) => tree,
        Err(diagnostic) => {
            problems.push(diagnostic);
            return Vec::new();
        }
    };
    let Some(keys) = tree.as_map() else {
        if !tree.is_null() {
            problems.push(
                Diagnostic::error(
                    "wrong-type",
                    format!(
                        "Contents of file '{shown}' are not valid. Dictionary expected: it must be a dictionary, but it \
                         is {}",
                        tree.kind()
                    ),
                )
                    .label(tree.span(&file), "expected `models:`, `sources:`, …"),
            );
        }
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (key, entry) in keys {
        let Some(&(_, section)) = SECTIONS.iter().find(|(name, _)| name == key) else {
            if !OTHER_KEYS.contains(&key.as_str()) {
                let known = SECTIONS.iter().map(|(name, _)| *name);
                let mut diagnostic = Diagnostic::warning(
                    "unknown-key",
                    format!("`{key}` means nothing at the top of a properties file"),
                )
                .label(Span::new(&file, entry.key_range.clone()), "not read");
                if let Some(near) = did_you_mean(key, known) {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                problems.push(diagnostic);
            }
            continue;
        };
        if entry.value.is_null() && section == Section::SingularTests {
            continue;
        }
        let Some(items) = entry.value.as_list() else {
            let place = Span::new(&file, entry.key_range.clone());
            let what = format!("the value of '{key}' is not a list");
            problems.push(invalid("wrong-type", shown, &what).label(place, format!("it is {}", entry.value.kind())));
            continue;
        };
        for item in items {
            let yaml = renderer.tree(&file, item, &mut vec![key.clone()], &is_rendered, problems);
            let Some(name) = yaml.get_set("name") else {
                if section == Section::SingularTests {
                    // dbt lets the section go: projects keep YAML anchors there.
                    let message = format!(
                        "Unable to parse 'data_tests' section of file '{}'\nParsing Error\n  Entry did not contain a name",
                        found.original_path
                    );
                    let event =
                        Event::new(kinds::NOTE, message.clone()).at(EventLevel::Warn).with("msg", message.as_str());
                    problems.push(
                        Diagnostic::warning("no-name", message)
                            .label(first_line(&file, item), "this entry")
                            .event(event),
                    );
                    break;
                }
                let (id, what) = if yaml.as_map().is_some() {
                    ("no-name", "does not have a name attribute.")
                } else {
                    ("wrong-type", "is not a dictionary")
                };
                let diagnostic = invalid(id, shown, &format!("a list element for '{key}' {what}"));
                problems.push(diagnostic.label(first_line(&file, item), "this entry"));
                continue;
            };
            let name_span = name.span(&file);
            let Some(text) = name.as_text().map(str::to_owned) else {
                problems.push(
                    Diagnostic::error("wrong-type", format!("`name` must be a text, but it is {}", name.kind()))
                        .label(name_span, "expected a text")
                        .help("put it in quotes: YAML reads `off`, `no` and `2024` as other types"),
                );
                continue;
            };
            entries.push(PropertyEntry {
                package,
                section,
                name: text,
                name_span,
                file: Arc::clone(&file),
                original_path: found.original_path.clone(),
                relative_path: found.relative_path.clone(),
                yaml,
                written: item.clone(),
            });
        }
    }
    entries
}

/// A file whose shape is wrong, in dbt's words.
fn invalid(id: &'static str, shown: &str, what: &str) -> Diagnostic {
    Diagnostic::error(id, format!("The schema file at {shown} is invalid because {what}")).parsing_error()
}

/// The first line of a value: enough to find it.
pub(crate) fn first_line(file: &Arc<SourceFile>, yaml: &Yaml) -> Span {
    let text = file.text.get(yaml.range.clone()).unwrap_or_default();
    let length = text.find('\n').unwrap_or(text.len());
    Span::new(file, yaml.range.start..yaml.range.start + length)
}
