//! A node's config: layers from `dbt_project.yml`, properties and the file itself, merged by dbt's rules.
//!
//! Source: dbt docs, "About configs and properties" and "Using the + prefix"; `dbt-inventory` A3 for the merge rules.

use crate::ProjectFile;
use crate::check::as_boolean;
use crate::render::ValueRenderer;
use crate::yaml::{Yaml, YamlValue};
use dvt_diagnostics::{Diagnostic, Event, SourceFile, Span, kinds};
use dvt_manifest::{Config, ResourceType};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// What one place says, key by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    pub(crate) entries: Vec<(String, Value, Span)>,
}

/// The merged values, each with the place that said it last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged {
    pub(crate) values: Map<String, Value>,
    pub(crate) spans: HashMap<String, Span>,
    /// Whose config it is: some keys are merged for nodes that run only.
    resource_type: Option<ResourceType>,
}

impl Layer {
    /// The entries of a `config:` dictionary.
    pub(crate) fn from_yaml(file: &Arc<SourceFile>, yaml: &Yaml) -> Self {
        let entries = yaml.as_map().map(|map| {
            map.iter()
                .map(|(key, entry)| (key.clone(), entry.value.to_json(), Span::new(file, entry.key_range.clone())))
                .collect()
        });
        Self { entries: entries.unwrap_or_default() }
    }

    pub(crate) fn from_map(values: &Map<String, Value>, span: &Span) -> Self {
        Self { entries: values.iter().map(|(key, value)| (key.clone(), value.clone(), span.clone())).collect() }
    }
}

impl Merged {
    /// Nothing yet, for this type of node.
    pub(crate) fn of(resource_type: ResourceType) -> Self {
        Self { resource_type: Some(resource_type), ..Self::default() }
    }

    pub(crate) fn add(&mut self, layer: &Layer) {
        for (key, value, span) in &layer.entries {
            let key = normal_key(key);
            let old = self.values.get(key).unwrap_or(&Value::Null);
            let value = if self.replaces(key) { value.clone() } else { merge(key, old, value) };
            self.values.insert(key.to_owned(), value);
            self.spans.insert(key.to_owned(), span.clone());
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }

    /// Whether a later layer replaces the key whole, since the type of node does not know it as one to merge.
    fn replaces(&self, key: &str) -> bool {
        match self.resource_type {
            Some(ResourceType::Source) => key != "meta",
            Some(ResourceType::Test) => !matches!(key, "tags" | "meta"),
            Some(ResourceType::Group) => key != "meta",
            _ => key == "latest_version_pointer" && self.resource_type != Some(ResourceType::Model),
        }
    }
}

/// dbt's spelling: hooks have a hyphen.
fn normal_key(key: &str) -> &str {
    match key {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        other => other,
    }
}

/// What becomes of a key that two layers set: tags, packages and hooks are appended, dictionaries that describe are
/// updated, grants are updated with `+` for appending, everything else is replaced.
fn merge(key: &str, old: &Value, new: &Value) -> Value {
    match key {
        // Neither is a dictionary: the check of types says so.
        "tags" | "packages" if new.is_object() => new.clone(),
        "tags" | "packages" => {
            let mut items = as_list(old);
            items.extend(as_list(new));
            Value::Array(items)
        }
        "pre-hook" | "post-hook" => {
            let mut hooks = as_list(old);
            hooks.extend(as_list(new).iter().map(hook));
            Value::Array(hooks)
        }
        "meta" | "docs" | "column_types" | "quoting" | "contract" | "latest_version_pointer" => match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let mut merged = old.clone();
                merged.extend(new.clone());
                Value::Object(merged)
            }
            _ => new.clone(),
        },
        "grants" => merge_grants(old, new),
        _ => new.clone(),
    }
}

fn as_list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    }
}

/// A hook as dbt keeps it. A text may itself be a JSON dictionary: that is what `before_begin()` and its like give.
fn hook(value: &Value) -> Value {
    let from_map = |map: &Map<String, Value>| {
        json!({
            "sql": map.get("sql").cloned().unwrap_or(Value::Null),
            "transaction": map.get("transaction").cloned().unwrap_or(Value::Bool(true)),
            "index": map.get("index").cloned().unwrap_or(Value::Null),
        })
    };
    match value {
        Value::Object(map) => from_map(map),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(map)) if map.contains_key("sql") => from_map(&map),
            _ => json!({"sql": text, "transaction": true, "index": null}),
        },
        other => other.clone(),
    }
}

fn merge_grants(old: &Value, new: &Value) -> Value {
    let (Value::Object(new), old) = (new, old.as_object()) else { return new.clone() };
    let mut merged = old.cloned().unwrap_or_default();
    for (privilege, grantees) in new {
        let grantees = as_list(grantees);
        match privilege.strip_prefix('+') {
            Some(privilege) => {
                let mut all = merged.get(privilege).map(as_list).unwrap_or_default();
                all.extend(grantees);
                merged.insert(privilege.to_owned(), Value::Array(all));
            }
            None => {
                merged.insert(privilege.clone(), Value::Array(grantees));
            }
        }
    }
    Value::Object(merged)
}

/// The config trees of one package's `dbt_project.yml`, rendered.
#[derive(Debug)]
pub(crate) struct ConfigTrees {
    file: Arc<SourceFile>,
    trees: HashMap<&'static str, Yaml>,
    /// The same trees before their Jinja was rendered.
    written: HashMap<&'static str, Yaml>,
    aliases: &'static [(&'static str, &'static str)],
}

/// What an adapter calls dbt's own keys, in config and in sources.
pub(crate) fn aliases(adapter_type: &str) -> &'static [(&'static str, &'static str)] {
    match adapter_type {
        "postgres" | "redshift" => &[("dbname", "database"), ("pass", "password")],
        "bigquery" => &[
            ("project", "database"),
            ("dataset", "schema"),
            ("target_project", "target_database"),
            ("target_dataset", "target_schema"),
            ("retries", "job_retries"),
            ("timeout_seconds", "job_execution_timeout_seconds"),
        ],
        "databricks" | "trino" => &[("catalog", "database")],
        "duckdb" | "motherduck" => &[("dbname", "database")],
        _ => &[],
    }
}

/// The layer with dbt's own keys in the place of the adapter's.
pub(crate) fn translated(mut layer: Layer, aliases: &[(&str, &str)]) -> Layer {
    for (key, _, _) in &mut layer.entries {
        if let Some((_, own)) = aliases.iter().find(|(alias, _)| alias == key) {
            (*own).clone_into(key);
        }
    }
    layer
}

const TREES: &[&str] = &[
    "models",
    "seeds",
    "snapshots",
    "sources",
    "tests",
    "data_tests",
    "unit_tests",
    "exposures",
    "metrics",
    "semantic-models",
    "saved-queries",
    "functions",
];

impl ConfigTrees {
    pub(crate) fn render(
        project: &ProjectFile,
        renderer: &ValueRenderer,
        adapter_type: &str,
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        let is_rendered = |path: &[String]| {
            !path.iter().any(|key| {
                matches!(key.trim_start_matches(['+', ' ']), "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
            })
        };
        // dbt reads `analyses` only where the project asks for it; else an analysis is configured as a model.
        let reads_analyses = project.flags.get("require_corrected_analysis_fqns") == Some(&Value::Bool(true));
        let known = || TREES.iter().chain(reads_analyses.then_some(&"analyses"));
        let written: HashMap<&'static str, Yaml> =
            known().filter_map(|&key| Some((key, project.tree.get_set(key)?.clone()))).collect();
        let trees = known()
            .filter_map(|&key| {
                let tree = written.get(key)?;
                let tree = renderer.tree(&project.file, tree, &mut vec![key.to_owned()], &is_rendered, problems);
                Some((key, tree))
            })
            .collect();
        Self { file: Arc::clone(&project.file), trees, written, aliases: aliases(adapter_type) }
    }

    /// The layer in dbt's own keys.
    pub(crate) fn translate(&self, layer: Layer) -> Layer {
        translated(layer, self.aliases)
    }

    /// The layers for a node as they are written, outermost first.
    pub(crate) fn written_layers(&self, resource_type: ResourceType, fqn: &[String]) -> Vec<Layer> {
        // dbt looks for these under keys that dbt_project.yml does not have, or under `models`.
        match resource_type {
            ResourceType::SemanticModel | ResourceType::SavedQuery => Vec::new(),
            ResourceType::Function => self.layers_in(&self.written, ResourceType::Model, fqn),
            _ => self.layers_in(&self.written, resource_type, fqn),
        }
    }

    /// The layers for a node, outermost first.
    pub(crate) fn layers(&self, resource_type: ResourceType, fqn: &[String]) -> Vec<Layer> {
        self.layers_in(&self.trees, resource_type, fqn)
    }

    fn layers_in(
        &self,
        trees: &HashMap<&'static str, Yaml>,
        resource_type: ResourceType,
        fqn: &[String],
    ) -> Vec<Layer> {
        let keys: &[&str] = match resource_type {
            ResourceType::Seed => &["seeds"],
            ResourceType::Snapshot => &["snapshots"],
            ResourceType::Source => &["sources"],
            ResourceType::Test => &["tests", "data_tests"],
            ResourceType::UnitTest => &["unit_tests"],
            ResourceType::Exposure => &["exposures"],
            ResourceType::Metric => &["metrics"],
            ResourceType::SemanticModel => &["semantic-models"],
            ResourceType::SavedQuery => &["saved-queries"],
            ResourceType::Function => &["functions"],
            ResourceType::Analysis if trees.contains_key("analyses") => &["analyses"],
            _ => &["models"],
        };
        let mut layers = Vec::new();
        for tree in keys.iter().filter_map(|key| trees.get(key)) {
            let mut level = Some(tree);
            let mut names = fqn.iter();
            while let Some(map) = level.and_then(Yaml::as_map) {
                let entries: Vec<(String, Value, Span)> = map
                    .iter()
                    .filter_map(|(key, entry)| {
                        let place = Span::new(&self.file, entry.key_range.clone());
                        match key.strip_prefix('+') {
                            Some(key) => Some((key.trim().to_owned(), entry.value.to_json(), place)),
                            None if !matches!(entry.value.value, YamlValue::Map(_)) => {
                                Some((key.clone(), entry.value.to_json(), place))
                            }
                            None => None,
                        }
                    })
                    .collect();
                if !entries.is_empty() {
                    layers.push(translated(Layer { entries }, self.aliases));
                }
                level = names.next().and_then(|name| map.get(name)).map(|entry| &entry.value);
            }
        }
        layers
    }
}

impl ConfigTrees {
    /// dbt's warning for the paths that configure something and that no node lies under. `fqns` are the names of all nodes
    /// by kind; those that are switched off count for every kind.
    pub(crate) fn warn_unused(
        &self,
        fqns: &[(ResourceType, Vec<String>)],
        disabled: &[Vec<String>],
        problems: &mut Vec<Diagnostic>,
    ) {
        let mut unused: Vec<(String, Span)> = Vec::new();
        for (key, resource_type) in TREE_RESOURCES {
            let Some(tree) = self.trees.get(key) else { continue };
            let names: Vec<&[String]> = fqns
                .iter()
                .filter(|(kind, _)| kind == resource_type)
                .map(|(_, fqn)| fqn.as_slice())
                .chain(disabled.iter().map(Vec::as_slice))
                .collect();
            let shown = match *key {
                "tests" => "data_tests",
                "semantic-models" => "semantic_models",
                "saved-queries" => "saved_queries",
                other => other,
            };
            self.unused_below(tree, &mut vec![shown.to_owned()], tree.span(&self.file), &names, &mut unused);
        }
        if unused.is_empty() {
            return;
        }
        let paths: Vec<String> = unused.iter().map(|(path, _)| path.clone()).collect();
        let message = format!(
            "Configuration paths exist in your dbt_project.yml file which do not apply to any resources.\nThere are {} \
             unused configuration paths:\n- {}",
            paths.len(),
            paths.join("\n- ")
        );
        let mut diagnostic = Diagnostic::warning("unused-config-path", message.clone());
        for (path, span) in unused {
            diagnostic = diagnostic.label(span, format!("nothing lies under `{path}`"));
        }
        problems.push(diagnostic.event(
            Event::new(kinds::UNUSED_RESOURCE_CONFIG_PATH, message).with("unused_config_paths", Value::from(paths)),
        ));
    }

    fn unused_below(
        &self,
        tree: &Yaml,
        path: &mut Vec<String>,
        place: Span,
        names: &[&[String]],
        unused: &mut Vec<(String, Span)>,
    ) {
        let Some(map) = tree.as_map() else { return };
        let is_branch = |key: &str, value: &Yaml| !key.starts_with('+') && matches!(value.value, YamlValue::Map(_));
        let configures = map.iter().any(|(key, entry)| !is_branch(key, &entry.value));
        if configures && !names.iter().any(|fqn| fqn.starts_with(&path[1..])) {
            unused.push((path.join("."), place));
        }
        for (key, entry) in map.iter().filter(|(key, entry)| is_branch(key, &entry.value)) {
            path.push(key.clone());
            self.unused_below(&entry.value, path, Span::new(&self.file, entry.key_range.clone()), names, unused);
            path.pop();
        }
    }
}

/// The kind of nodes that each tree configures, where unused paths are told.
const TREE_RESOURCES: &[(&str, ResourceType)] = &[
    ("models", ResourceType::Model),
    ("seeds", ResourceType::Seed),
    ("snapshots", ResourceType::Snapshot),
    ("sources", ResourceType::Source),
    ("tests", ResourceType::Test),
    ("data_tests", ResourceType::Test),
    ("unit_tests", ResourceType::UnitTest),
    ("metrics", ResourceType::Metric),
    ("semantic-models", ResourceType::SemanticModel),
    ("saved-queries", ResourceType::SavedQuery),
    ("exposures", ResourceType::Exposure),
    ("functions", ResourceType::Function),
];

/// dbt's value of a key that nobody set, for the types of nodes that have such a key.
pub(crate) fn with_defaults(resource_type: ResourceType, mut values: Map<String, Value>) -> Config {
    let mut config = match resource_type {
        ResourceType::Test => json!({
            "enabled": true, "static_analysis": null, "alias": null, "schema": "dbt_test__audit", "database": null, "tags": [], "meta": {},
            "group": null, "materialized": "test", "severity": "ERROR", "store_failures": null,
            "store_failures_as": null, "where": null, "limit": null, "fail_calc": "count(*)", "warn_if": "!= 0",
            "error_if": "!= 0", "sql_header": null,
        }),
        ResourceType::Source => {
            json!({"enabled": true, "static_analysis": null, "event_time": null, "meta": {}, "tags": []})
        }
        ResourceType::Exposure => json!({"enabled": true, "tags": [], "meta": {}}),
        ResourceType::Metric | ResourceType::SemanticModel => json!({"enabled": true, "group": null, "meta": {}}),
        ResourceType::SavedQuery => json!({
            "enabled": true, "group": null, "meta": {}, "export_as": null, "schema": null, "cache": {"enabled": false},
        }),
        ResourceType::UnitTest => json!({"tags": [], "meta": {}, "enabled": true, "static_analysis": null}),
        _ => json!({
            "enabled": true, "alias": null, "schema": null, "database": null, "tags": [], "meta": {}, "group": null,
            "static_analysis": null, "materialized": "view", "incremental_strategy": null, "batch_size": null, "lookback": 1, "begin": null,
            "persist_docs": {}, "post-hook": [], "pre-hook": [], "quoting": {}, "column_types": {},
            "full_refresh": null, "unique_key": null, "on_schema_change": "ignore",
            "on_configuration_change": "apply", "grants": {}, "packages": [],
            "docs": {"show": true, "node_color": null}, "contract": {"enforced": false, "alias_types": true},
            "event_time": null, "concurrent_batches": null,
        }),
    };
    let defaults = config.as_object_mut();
    let mut merged = defaults.map(std::mem::take).unwrap_or_default();
    match resource_type {
        ResourceType::Model => {
            merged.insert("access".to_owned(), json!("protected"));
            merged.insert("freshness".to_owned(), Value::Null);
            merged.insert("on_error".to_owned(), Value::Null);
            merged.insert("latest_version_pointer".to_owned(), json!({"enabled": null, "alias": null}));
        }
        ResourceType::Seed => {
            merged.insert("materialized".to_owned(), json!("seed"));
            merged.insert("delimiter".to_owned(), json!(","));
            merged.insert("quote_columns".to_owned(), Value::Null);
        }
        ResourceType::Function => {
            merged.insert("materialized".to_owned(), json!("function"));
            merged.insert("type".to_owned(), json!("scalar"));
            for key in ["volatility", "runtime_version", "entry_point"] {
                merged.insert(key.to_owned(), Value::Null);
            }
            merged.insert("snowflake".to_owned(), json!({"quote_args": true}));
        }
        ResourceType::Snapshot => {
            merged.insert("materialized".to_owned(), json!("snapshot"));
            for key in
                ["strategy", "target_schema", "target_database", "updated_at", "check_cols", "dbt_valid_to_current"]
            {
                merged.insert(key.to_owned(), Value::Null);
            }
            let names = json!({
                "dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null, "dbt_updated_at": null,
                "dbt_is_deleted": null,
            });
            merged.insert("snapshot_meta_column_names".to_owned(), names);
        }
        _ => {}
    }
    if let Some(Value::Bool(enabled)) = values.get("latest_version_pointer") {
        let short = json!({"enabled": *enabled});
        values.insert("latest_version_pointer".to_owned(), short);
    }
    // These have fields of their own and no others: what else was said is not kept.
    for key in ["docs", "contract", "snapshot_meta_column_names", "latest_version_pointer"] {
        if let (Some(Value::Object(default)), Some(Value::Object(_))) = (merged.get(key), values.get(key))
            && let Some(Value::Object(said)) = values.remove(key)
        {
            let mut both = default.clone();
            both.extend(said.into_iter().filter(|(field, _)| default.contains_key(field)));
            values.insert(key.to_owned(), Value::Object(both));
        }
    }
    merged.extend(values);
    if resource_type == ResourceType::Test {
        // The two keys say one thing; the newer one wins.
        match merged.get("store_failures_as").and_then(Value::as_str) {
            Some(how) => {
                let stores = Value::Bool(how != "ephemeral");
                merged.insert("store_failures".to_owned(), stores);
            }
            None => {
                let how = merged
                    .get("store_failures")
                    .and_then(Value::as_bool)
                    .map(|stores| if stores { "table" } else { "ephemeral" });
                merged.insert("store_failures_as".to_owned(), how.map_or(Value::Null, Value::from));
            }
        }
    }
    Config(merged)
}

/// What a config key must be.
enum Wanted {
    Boolean,
    Text,
    TextOrNull,
    TextOrTexts,
    Map,
    OneOf(&'static [&'static str]),
    Count,
}

fn wanted(key: &str) -> Option<Wanted> {
    Some(match key {
        "enabled" | "store_failures" | "quote_columns" | "full_refresh" => Wanted::Boolean,
        "materialized" | "delimiter" | "fail_calc" => Wanted::Text,
        "schema"
        | "database"
        | "alias"
        | "group"
        | "target"
        | "compute"
        | "bucket"
        | "incremental_strategy"
        | "strategy"
        // An unknown one is for the materialization to tell, as in dbt.
        | "on_schema_change"
        | "updated_at"
        | "target_schema"
        | "target_database"
        | "where" => Wanted::TextOrNull,
        "tags" | "unique_key" | "check_cols" => Wanted::TextOrTexts,
        "meta" | "persist_docs" | "quoting" | "column_types" | "grants" | "docs" | "contract" => Wanted::Map,
        "on_configuration_change" => Wanted::OneOf(&["apply", "continue", "fail"]),
        "severity" => Wanted::OneOf(&["error", "warn", "ERROR", "WARN", "Error", "Warn"]),
        "access" => Wanted::OneOf(&["private", "protected", "public"]),
        "hard_deletes" => Wanted::OneOf(&["ignore", "invalidate", "new_record"]),
        "staging" => Wanted::OneOf(&["auto", "always", "never"]),
        "limit" => Wanted::Count,
        _ => return None,
    })
}

/// Whether a file's own `config` call gives a text where dbt wants true or false; YAML's texts are read as booleans.
pub(crate) fn is_text_for_boolean(key: &str, value: &Value) -> bool {
    matches!(wanted(key), Some(Wanted::Boolean)) && value.is_string()
}

/// Checks the types of dbt's own keys, and turns texts that Jinja made of booleans and numbers back.
pub(crate) fn check_types(merged: &mut Merged, owner: &str, problems: &mut Vec<Diagnostic>) {
    for (key, value) in &mut merged.values {
        let Some(wanted) = wanted(key) else { continue };
        if value.is_null() {
            continue;
        }
        let expected: String = match wanted {
            Wanted::Boolean => {
                let as_yaml = Yaml {
                    value: value.as_str().map_or(YamlValue::Null, |text| YamlValue::Text(text.to_owned())),
                    range: 0..0,
                };
                match value.as_bool().or_else(|| as_boolean(&as_yaml)) {
                    Some(boolean) => {
                        *value = Value::Bool(boolean);
                        continue;
                    }
                    None => "true or false".to_owned(),
                }
            }
            Wanted::Text | Wanted::TextOrNull => match value {
                Value::String(_) => continue,
                Value::Number(number) if !matches!(wanted, Wanted::Text) => {
                    *value = Value::String(number.to_string());
                    continue;
                }
                _ => "a text".to_owned(),
            },
            Wanted::TextOrTexts => match value {
                Value::String(_) => continue,
                Value::Array(items) if items.iter().all(|item| item.is_string() || item.is_number()) => continue,
                _ => "a text or a list of texts".to_owned(),
            },
            Wanted::Map => match value {
                Value::Object(_) => continue,
                _ => "a dictionary".to_owned(),
            },
            Wanted::OneOf(choices) => match value.as_str() {
                Some(text) if choices.contains(&text) => continue,
                _ => format!("one of {}", crate::wording::list(choices)),
            },
            Wanted::Count => {
                let count = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
                match count {
                    Some(count) => {
                        *value = Value::from(count);
                        continue;
                    }
                    None => "a whole number".to_owned(),
                }
            }
        };
        let shown = super::python_text::python_repr(value);
        let is_not = match wanted {
            Wanted::OneOf(choices) => {
                let choices: Vec<Value> = choices.iter().map(|&choice| Value::from(choice)).collect();
                format!("{shown} is not one of {}", super::python_text::python_repr(&Value::Array(choices)))
            }
            Wanted::Boolean => format!("{shown} is not of type 'boolean'"),
            Wanted::Text | Wanted::TextOrNull => format!("{shown} is not of type 'string'"),
            Wanted::Map => format!("{shown} is not of type 'object'"),
            Wanted::TextOrTexts => format!("{shown} is not valid under any of the given schemas"),
            Wanted::Count => format!("{shown} is not of type 'integer'"),
        };
        let message = format!("config `{key}` of {owner} must be {expected}: {is_not}");
        let mut diagnostic = Diagnostic::error("wrong-type", message);
        if let Some(span) = merged.spans.get(key) {
            diagnostic = diagnostic.label(span.clone(), "set here");
        }
        problems.push(diagnostic);
    }
}
