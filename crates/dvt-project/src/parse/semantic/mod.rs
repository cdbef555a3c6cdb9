//! The semantic layer: metrics, semantic models, saved queries and time spines, in both of dbt's YAML forms.
//!
//! In: entries under `metrics:`, `semantic_models:`, `saved_queries:`, and models that carry a semantic model. Out:
//! [`SemanticNode`]s whose bodies have the artifact's form. Nothing here computes a metric.
//!
//! Source: dbt docs, "MetricFlow"; shapes and checks as dbt-core 1.12 has them.

mod check;
mod metrics;
mod models;
pub(crate) mod osi;
mod osi_metric;
mod resolve;
mod saved_queries;
mod time_spines;
mod words;

pub(crate) use check::check;
pub(crate) use models::column_semantics;
pub(crate) use resolve::resolve;
pub(crate) use time_spines::read_time_spines;

use super::config::{Layer, Merged, check_types, with_defaults};
use super::patch::Descriptions;
use super::properties::{PropertyEntry, Section, first_line};
use super::session::Session;
use crate::check::Reader;
use crate::dbt_words::DbtKind;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_jinja::{Template, render_template};
use dvt_manifest::{DependsOn, Disabled, Manifest, RefCall, ResourceType, SemanticNode};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// One entry being read, with what is wrong in it so far.
struct Reading<'a, 's> {
    session: &'a Session<'s>,
    entry: &'a PropertyEntry,
    descriptions: &'a Descriptions<'a>,
    problems: &'a mut Vec<Diagnostic>,
    /// The key of the file that holds it: `metrics`, `semantic_models`, …
    key: &'static str,
}

/// Reads every entry of the semantic layer into the manifest; models must be in it.
pub(crate) fn read_all(
    session: &Session<'_>,
    entries: &[PropertyEntry],
    descriptions: &Descriptions<'_>,
    manifest: &mut Manifest,
    problems: &mut Vec<Diagnostic>,
) {
    for entry in in_dbts_order(entries) {
        let key = match entry.section {
            Section::Metrics => "metrics",
            Section::SemanticModels => "semantic_models",
            Section::SavedQueries => "saved_queries",
            Section::Models => "models",
            _ => continue,
        };
        let mut reading = Reading { session, entry, descriptions, problems, key };
        let nodes = match entry.section {
            Section::Metrics => reading.metric_entry(),
            Section::SemanticModels => reading.semantic_model(),
            Section::SavedQueries => reading.saved_query(),
            _ => reading.model_with_semantics(manifest),
        };
        for node in nodes {
            add(manifest, node, problems);
        }
    }
}

/// File by file; in a file models first, then metrics, semantic models and saved queries, wherever they stand.
fn in_dbts_order(entries: &[PropertyEntry]) -> Vec<&PropertyEntry> {
    let rank = |entry: &PropertyEntry| match entry.section {
        Section::Models => 0,
        Section::Metrics => 1,
        Section::SemanticModels => 2,
        _ => 3,
    };
    let mut ordered = Vec::with_capacity(entries.len());
    for of_file in entries.chunk_by(|left, right| Arc::ptr_eq(&left.file, &right.file)) {
        let start = ordered.len();
        ordered.extend(of_file);
        ordered[start..].sort_by_key(|entry| rank(entry));
    }
    ordered
}

fn add(manifest: &mut Manifest, node: SemanticNode, problems: &mut Vec<Diagnostic>) {
    let id = node.unique_id.clone();
    if !node.config.enabled() {
        manifest.disabled.entry(id).or_default().push(Disabled::Semantic(Box::new(node)));
        return;
    }
    let (map, plural) = match node.resource_type {
        ResourceType::Metric => (&mut manifest.metrics, "metrics"),
        ResourceType::SemanticModel => (&mut manifest.semantic_models, "semantic_models"),
        _ => (&mut manifest.saved_queries, "saved_queries"),
    };
    if let Some(first) = map.get(&id) {
        problems.push(
            Diagnostic::error("duplicate-name", format!("dbt found two {plural} with the name \"{}\".", node.name))
                .label(node.span.clone(), "this one")
                .label(first.span.clone(), "the other")
                .help("rename or remove one of them"),
        );
        return;
    }
    map.insert(id, node);
}

/// What a config is made of beside `dbt_project.yml`.
enum OwnConfig<'y> {
    Yaml(Option<&'y Yaml>),
    Values(Map<String, Value>),
}

impl Reading<'_, '_> {
    fn reader(&mut self) -> Reader<'_> {
        Reader { file: &self.entry.file, problems: self.problems }
    }

    /// dbt's complaint about an entry that does not have the form it should.
    fn invalid(&mut self, place: &Yaml, cause: &str) {
        let diagnostic = Diagnostic::error(
            "invalid-semantic-layer",
            format!(
                "Invalid {} config given in {} @ {}: `{}` - {cause}",
                self.key, self.entry.original_path, self.key, self.entry.name
            ),
        );
        let diagnostic = diagnostic.parsing_error();
        self.problems.push(diagnostic.label(first_line(&self.entry.file, place), "here"));
    }

    /// A text that must be there.
    fn required(&mut self, yaml: &Yaml, key: &str) -> Option<String> {
        let found = self.reader().text(yaml, key);
        if found.is_none() && yaml.get_set(key).is_none() {
            self.invalid(yaml, &format!("'{key}' is a required property"));
        }
        found
    }

    /// One of a fixed set of words, in lower case.
    fn word(&mut self, place: &Yaml, text: &str, known: &[&str], what: &str) -> Option<String> {
        let lower = text.to_lowercase();
        if known.contains(&lower.as_str()) {
            return Some(lower);
        }
        self.invalid(place, &format!("'{text}' is not a valid {what}: it is {}", crate::wording::list(known)));
        None
    }

    /// A text under a key that must be one of these words; `None` when it is not there.
    fn word_under(&mut self, yaml: &Yaml, key: &str, known: &[&str], what: &str) -> Option<String> {
        let text = self.reader().text(yaml, key)?;
        self.word(yaml, &text, known, what)
    }

    fn description(&mut self, yaml: &Yaml) -> Option<String> {
        yaml.get_set("description")?;
        Some(self.descriptions.read(self.session, self.entry, yaml, self.problems))
    }

    /// The text of a label or expression; numbers and booleans as Python prints them.
    fn text_or_null(&mut self, yaml: &Yaml, key: &str) -> Value {
        self.reader().text(yaml, key).map_or(Value::Null, Value::from)
    }

    /// `{meta: …}` of a dimension, entity or measure.
    fn element_meta(&mut self, yaml: &Yaml) -> Map<String, Value> {
        let config = self.reader().map(yaml, "config").map(crate::yaml::map_to_json).unwrap_or_default();
        config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// A node with everything but its body.
    fn node(&mut self, resource_type: ResourceType, name: &str, own: OwnConfig<'_>, span: Span) -> SemanticNode {
        let (session, entry) = (self.session, self.entry);
        let package_name = session.package_name(entry.package).to_owned();
        let mut fqn = vec![package_name.clone()];
        fqn.extend(entry.folders().map(str::to_owned));
        fqn.push(name.to_owned());
        let mut merged = Merged::of(resource_type);
        let layers = session.trees[entry.package].layers(resource_type, &fqn);
        layers.iter().for_each(|layer| merged.add(layer));
        match own {
            OwnConfig::Yaml(Some(yaml)) if yaml.as_map().is_some() => merged.add(&Layer::from_yaml(&entry.file, yaml)),
            OwnConfig::Yaml(Some(yaml)) => self.reader().wrong_type("config", "a dictionary", yaml),
            OwnConfig::Yaml(None) => {}
            OwnConfig::Values(values) => merged.add(&Layer::from_map(&values, &span)),
        }
        if entry.package != 0 {
            session.trees[0].layers(resource_type, &fqn).iter().for_each(|layer| merged.add(layer));
        }
        let unrendered_config = merged.values.clone();
        check_types(&mut merged, &format!("{resource_type} `{name}`"), self.problems);
        let mut config = with_defaults(resource_type, merged.values);
        if let Some(tags) = config.0.get_mut("tags").filter(|_| resource_type != ResourceType::SavedQuery) {
            // Only saved queries have tags in their config.
            *tags = Value::Array(super::patch::text_list(tags).into_iter().map(Value::from).collect());
        }
        SemanticNode {
            resource_type,
            unique_id: format!("{resource_type}.{package_name}.{name}"),
            name: name.to_owned(),
            package_name,
            path: entry.relative_path.clone(),
            original_file_path: entry.original_path.clone(),
            fqn,
            description: None,
            label: None,
            tags: Vec::new(),
            meta: Map::new(),
            group: config.text("group").map(str::to_owned),
            config,
            unrendered_config,
            depends_on: DependsOn::default(),
            refs: Vec::new(),
            created_at: session.now,
            body: Map::new(),
            span,
        }
    }

    /// The `ref` calls of a text such as `ref('orders')`.
    fn refs_of(&mut self, text: &str, place: &Span) -> Vec<RefCall> {
        let session = self.session;
        let Ok(connection) = session.connections.get(session.connections.default_name()) else { return Vec::new() };
        let file = SourceFile::new(self.entry.original_path.clone(), format!("{{{{ {text} }}}}"));
        let context = session.context(self.entry.package, &connection);
        let rendered = Template::parse(&file).and_then(|template| {
            render_template(&session.library, &context, Arc::clone(&connection.bridge), &template)
        });
        match rendered {
            Ok(rendered) => rendered
                .asked
                .refs
                .into_iter()
                .map(|asked| RefCall {
                    name: asked.request.name,
                    package: asked.request.package,
                    version: asked.version.or_else(|| asked.request.version.map(Value::from)),
                    span: place.clone(),
                    unique_id: None,
                })
                .collect(),
            Err(error) => {
                let mut diagnostic = error.diagnostic();
                diagnostic.labels.clear();
                self.problems.push(diagnostic.label(place.clone(), "in this reference"));
                Vec::new()
            }
        }
    }
}

/// A filter as the artifact has it: a text or a list of texts.
fn filter_json(yaml: &Yaml, key: &str) -> Value {
    let Some(filter) = yaml.get_set(key) else { return Value::Null };
    let texts: Vec<String> = match filter.as_list() {
        Some(items) => items.iter().filter_map(Yaml::scalar_text).collect(),
        None => filter.scalar_text().into_iter().collect(),
    };
    let filters: Vec<Value> = texts.into_iter().map(|text| json!({"where_sql_template": text})).collect();
    json!({"where_filters": filters})
}
