//! Descriptions, and the docs blocks that they put in with `doc('name')`.

use super::properties::{PropertyEntry, Section};
use super::session::Session;
use crate::check::Reader;
use crate::render::ValueRenderer;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, Span};
use dvt_jinja::{DocLookup, ValueMode};
use dvt_manifest::{Doc, UniqueId};
use indexmap::IndexMap;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Renders descriptions, where `doc('name')` gives a docs block.
pub(crate) struct Descriptions<'a> {
    docs: &'a Arc<IndexMap<UniqueId, Doc>>,
    /// One for each package.
    renderers: Vec<(ValueRenderer, Arc<Missing>)>,
}

/// The docs block that the last render asked for in vain.
#[derive(Default)]
struct Missing(Mutex<Option<(Option<String>, String)>>);

impl Missing {
    fn set(&self, value: Option<(Option<String>, String)>) -> Option<(Option<String>, String)> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), value)
    }
}

/// A rendered description with the docs blocks that it names.
#[derive(Default)]
pub(crate) struct Description {
    pub(crate) text: String,
    pub(crate) doc_blocks: Vec<UniqueId>,
}

impl<'a> Descriptions<'a> {
    /// `renderers` has one renderer for each package of `packages`; the root project is the first.
    pub(crate) fn new(
        docs: &'a Arc<IndexMap<UniqueId, Doc>>,
        packages: &[crate::Package],
        renderers: &[ValueRenderer],
    ) -> Self {
        let root = packages.first().map(|package| package.name.clone()).unwrap_or_default();
        let renderers = packages
            .iter()
            .zip(renderers)
            .map(|(package, renderer)| {
                let (docs, root, own) = (Arc::clone(docs), root.clone(), package.name.clone());
                let missing = Arc::new(Missing::default());
                let noted = Arc::clone(&missing);
                let lookup: DocLookup = Arc::new(move |package: Option<&str>, name: &str| {
                    let found = find_doc(&docs, &root, &own, package, name).map(|doc| doc.block_contents.clone());
                    if found.is_none() {
                        noted.set(Some((package.map(str::to_owned), name.to_owned())));
                    }
                    found
                });
                (renderer.with_docs(lookup), missing)
            })
            .collect();
        Self { docs, renderers }
    }

    /// The same where nothing is rendered: descriptions of nodes that are switched off stay as they are written.
    pub(crate) fn as_written(&self) -> Self {
        Self { docs: self.docs, renderers: Vec::new() }
    }

    /// The description under `description:`; empty when there is none.
    pub(crate) fn read(
        &self,
        session: &Session<'_>,
        entry: &PropertyEntry,
        yaml: &Yaml,
        problems: &mut Vec<Diagnostic>,
    ) -> String {
        self.read_with_blocks(session, entry, yaml, problems).text
    }

    /// The same, with the docs blocks that it names.
    pub(crate) fn read_with_blocks(
        &self,
        session: &Session<'_>,
        entry: &PropertyEntry,
        yaml: &Yaml,
        problems: &mut Vec<Diagnostic>,
    ) -> Description {
        let Some(place) = yaml.get_set("description") else { return Description::default() };
        let Some(text) = place.scalar_text() else {
            Reader { file: &entry.file, problems }.wrong_type("description", "a text", place);
            return Description::default();
        };
        let is_plain = !text.contains("{{") && !text.contains("{%") && !text.contains("{#");
        if is_plain || self.renderers.is_empty() {
            return Description { text, doc_blocks: Vec::new() };
        }
        let rendered = self.render(session, entry, &text, &entry.span(place), problems);
        Description { text: rendered, doc_blocks: self.named_blocks(session, entry.package, &text) }
    }

    /// A text that may hold Jinja, rendered as a description of the entry.
    pub(crate) fn render(
        &self,
        session: &Session<'_>,
        entry: &PropertyEntry,
        text: &str,
        place: &Span,
        problems: &mut Vec<Diagnostic>,
    ) -> String {
        let Some((renderer, missing)) = self.renderers.get(entry.package) else { return text.to_owned() };
        missing.set(None);
        match renderer.text(text, place, ValueMode::Text) {
            Ok(Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(diagnostic) => {
                problems.push(match missing.set(None) {
                    Some((package, name)) => unknown_doc(session, entry, package.as_deref(), &name, place),
                    None => diagnostic,
                });
                String::new()
            }
        }
    }

    /// The blocks that a description names with constant arguments, in order.
    fn named_blocks(&self, session: &Session<'_>, package: usize, text: &str) -> Vec<UniqueId> {
        let mut blocks = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start..].find("}}") else { break };
            let inner = rest[start + 2..start + length].trim().trim_matches('-').trim();
            rest = &rest[start + length + 2..];
            let constants = doc_constants(inner);
            let (doc_package, name) = match constants.as_slice() {
                [name] => (None, *name),
                [package, name] => (Some(*package), *name),
                _ => continue,
            };
            let own = session.package_name(package);
            blocks.extend(
                find_doc(self.docs, session.root_name(), own, doc_package, name).map(|doc| doc.unique_id.clone()),
            );
        }
        blocks
    }
}

/// The block that dbt finds first: the root project's, the asking package's, any other's.
fn find_doc<'d>(
    docs: &'d IndexMap<UniqueId, Doc>,
    root: &str,
    own: &str,
    package: Option<&str>,
    name: &str,
) -> Option<&'d Doc> {
    let get = |package: &str| docs.get(&format!("doc.{package}.{name}"));
    match package {
        Some(package) => get(package),
        None => get(root).or_else(|| get(own)).or_else(|| docs.values().find(|doc| doc.name == name)),
    }
}

fn unknown_doc(
    session: &Session<'_>,
    entry: &PropertyEntry,
    package: Option<&str>,
    name: &str,
    place: &Span,
) -> Diagnostic {
    let kind = match entry.section {
        Section::Seeds => "seed",
        Section::Snapshots => "snapshot",
        Section::Sources => "source",
        Section::SingularTests => "test",
        Section::UnitTests => "unit_test",
        Section::Exposures => "exposure",
        Section::Groups => "group",
        Section::Macros => "macro",
        Section::Analyses => "analysis",
        Section::Functions => "function",
        Section::Metrics => "metric",
        Section::SemanticModels => "semantic_model",
        Section::SavedQueries => "saved_query",
        _ => "model",
    };
    let id = format!("{kind}.{}.{}", session.package_name(entry.package), entry.name);
    let of_package = package.map(|package| format!(" from package '{package}'")).unwrap_or_default();
    Diagnostic::error(
        "unknown-doc",
        format!("Documentation for '{id}' depends on doc '{name}'{of_package} which was not found"),
    )
    .label(place.clone(), "asked for here")
    .help(format!("write `{{% docs {name} %}} … {{% enddocs %}}` in a .md file of the project"))
}

/// The constant texts among the arguments of a `doc(…)` call; empty for any other expression.
fn doc_constants(expression: &str) -> Vec<&str> {
    let Some(arguments) = expression
        .strip_prefix("doc")
        .map(str::trim_start)
        .and_then(|rest| rest.strip_prefix('('))
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return Vec::new();
    };
    arguments
        .split(',')
        .filter_map(|argument| {
            let argument = argument.trim();
            let quote = argument.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let inner = argument.strip_prefix(quote)?.strip_suffix(quote)?;
            (!inner.contains(quote)).then_some(inner)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::doc_constants;

    #[test]
    fn constant_arguments_of_doc_are_found() {
        assert_eq!(doc_constants("doc('a')"), ["a"]);
        assert_eq!(doc_constants("doc( \"pkg\", 'a' )"), ["pkg", "a"]);
        assert_eq!(doc_constants("doc(name, 'a')"), ["a"]);
        assert!(doc_constants("doc('a' ~ 'b')").is_empty());
        assert!(doc_constants("documents('a')").is_empty());
    }
}
