//! `manifest.json` v12: every key that dbt's classes require, with dbt's defaults. What dvt adds (`connection`) stands
//! beside them: dbt's readers pass over keys they do not know.

use super::DBT_VERSION;
use crate::{
    Column, Compiled, DependsOn, Disabled, Doc, Exposure, FunctionCall, Graph, Group, Macro, Manifest, Node, Owner,
    RefCall, ResourceType, SemanticNode, Source, SourceCall, SourceFreshness, UnitTest,
};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value, json};

impl Manifest {
    /// The artifact's text. It is written thing by thing: a large project's artifact never stands in memory as values.
    #[must_use]
    pub fn to_json(&self) -> String {
        let graph = Graph::new(self);
        let mut text = Text { bytes: Vec::new() };
        text.bytes.push(b'{');
        text.value("metadata", &self.metadata_json());
        text.objects("nodes", &self.nodes, Node::to_json);
        text.objects("sources", &self.sources, Source::to_json);
        text.objects("macros", &self.macros, Macro::to_json);
        text.objects("docs", &self.docs, Doc::to_json);
        text.objects("exposures", &self.exposures, Exposure::to_json);
        text.objects("metrics", &self.metrics, SemanticNode::to_json);
        text.objects("groups", &self.groups, Group::to_json);
        text.value("selectors", &self.selectors);
        text.objects("disabled", &self.disabled, |entries| entries.iter().map(disabled_json).collect());
        text.value("parent_map", &graph.parent_map());
        text.value("child_map", &graph.child_map());
        text.value("group_map", &self.group_map());
        text.objects("saved_queries", &self.saved_queries, SemanticNode::to_json);
        text.objects("semantic_models", &self.semantic_models, SemanticNode::to_json);
        text.objects("unit_tests", &self.unit_tests, UnitTest::to_json);
        text.objects("functions", &self.functions, Node::to_json);
        text.bytes.push(b'}');
        // Only JSON was written, which is UTF-8.
        String::from_utf8(text.bytes).unwrap_or_default()
    }

    /// The artifact as a value. `nodes`, `sources`, `exposures`, `groups` are also what templates see as `graph`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let graph = Graph::new(self);
        let mut value = Map::new();
        // Not with `json!`, which would copy each of these maps.
        let mut set = |key: &str, map: Map<String, Value>| {
            value.insert(key.to_owned(), Value::Object(map));
        };
        if let Value::Object(metadata) = self.metadata_json() {
            set("metadata", metadata);
        }
        set("nodes", objects(&self.nodes, Node::to_json));
        set("sources", objects(&self.sources, Source::to_json));
        set("macros", objects(&self.macros, Macro::to_json));
        set("docs", objects(&self.docs, Doc::to_json));
        set("exposures", objects(&self.exposures, Exposure::to_json));
        set("metrics", objects(&self.metrics, SemanticNode::to_json));
        set("groups", objects(&self.groups, Group::to_json));
        set("selectors", self.selectors.clone());
        set("disabled", objects(&self.disabled, |entries| entries.iter().map(disabled_json).collect()));
        set("parent_map", graph.parent_map());
        set("child_map", graph.child_map());
        set("group_map", self.group_map());
        set("saved_queries", objects(&self.saved_queries, SemanticNode::to_json));
        set("semantic_models", objects(&self.semantic_models, SemanticNode::to_json));
        set("unit_tests", objects(&self.unit_tests, UnitTest::to_json));
        set("functions", objects(&self.functions, Node::to_json));
        Value::Object(value)
    }

    fn group_map(&self) -> Map<String, Value> {
        let mut members: IndexMap<&str, Vec<&str>> =
            self.groups.values().map(|group| (group.name.as_str(), Vec::new())).collect();
        for node in self.nodes.values() {
            if let Some(members) = node.group.as_deref().and_then(|group| members.get_mut(group)) {
                members.push(&node.unique_id);
            }
        }
        members.into_iter().map(|(group, members)| (group.to_owned(), Value::from(members))).collect()
    }

    fn metadata_json(&self) -> Value {
        let metadata = &self.metadata;
        let quoting = |part: &str| metadata.quoting.get(part).cloned().unwrap_or(Value::Bool(true));
        json!({
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": DBT_VERSION,
            "generated_at": metadata.generated_at,
            "invocation_id": metadata.invocation_id,
            "invocation_started_at": metadata.invocation_started_at,
            "run_started_at": metadata.invocation_started_at,
            "env": metadata.env,
            "project_name": metadata.project_name,
            "project_id": metadata.project_id,
            "user_id": null,
            "send_anonymous_usage_stats": false,
            "adapter_type": metadata.adapter_type,
            "quoting": {
                "database": quoting("database"),
                "schema": quoting("schema"),
                "identifier": quoting("identifier"),
                "column": metadata.quoting.get("column").cloned().unwrap_or(Value::Null),
            },
        })
    }
}

/// The artifact while it is written.
struct Text {
    bytes: Vec<u8>,
}

/// Things that one thread writes at a time.
const CHUNK: usize = 256;

impl Text {
    fn key(&mut self, key: &str) {
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        self.push(key);
        self.bytes.push(b':');
    }

    fn push(&mut self, value: &(impl Serialize + ?Sized)) {
        // Writing values to memory cannot fail: all keys are texts.
        let _ = serde_json::to_writer(&mut self.bytes, value);
    }

    fn value(&mut self, key: &str, value: &impl Serialize) {
        self.key(key);
        self.push(value);
    }

    /// One object per thing, in order; many things are written by all processors.
    fn objects<T: Sync>(&mut self, key: &str, map: &IndexMap<String, T>, to_json: impl Fn(&T) -> Value + Sync) {
        self.key(key);
        self.bytes.push(b'{');
        let write = |from: usize| {
            let mut text = Text { bytes: Vec::new() };
            for (id, item) in map.iter().skip(from).take(CHUNK) {
                if !text.bytes.is_empty() {
                    text.bytes.push(b',');
                }
                text.push(id);
                text.bytes.push(b':');
                text.push(&to_json(item));
            }
            text.bytes
        };
        let starts: Vec<usize> = (0..map.len()).step_by(CHUNK).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for some in starts.chunks(threads) {
            let written: Vec<Vec<u8>> = match some {
                [] => Vec::new(),
                [one] => vec![write(*one)],
                several => std::thread::scope(|scope| {
                    let handles: Vec<_> = several.iter().map(|from| scope.spawn(|| write(*from))).collect();
                    let joined = handles.into_iter().map(|handle| match handle.join() {
                        Ok(bytes) => bytes,
                        Err(panic) => std::panic::resume_unwind(panic),
                    });
                    joined.collect()
                }),
            };
            for bytes in written {
                if self.bytes.last() != Some(&b'{') {
                    self.bytes.push(b',');
                }
                self.bytes.extend_from_slice(&bytes);
            }
        }
        self.bytes.push(b'}');
    }
}

fn disabled_json(entry: &Disabled) -> Value {
    match entry {
        Disabled::Node(node) => node.to_json(),
        Disabled::Source(source) => source.to_json(),
        Disabled::Exposure(exposure) => exposure.to_json(),
        Disabled::Semantic(node) => node.to_json(),
        Disabled::UnitTest(unit_test) => unit_test.to_json(),
    }
}

fn objects<T>(map: &IndexMap<String, T>, to_json: impl Fn(&T) -> Value) -> Map<String, Value> {
    map.iter().map(|(id, item)| (id.clone(), to_json(item))).collect()
}

impl Node {
    /// The node as `manifest.json` has it, and as templates see it in `model` and `graph.nodes`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut set = |key: &str, value: Value| {
            json.insert(key.to_owned(), value);
        };
        set("database", json!(self.database));
        // A `generate_schema_name` may give nothing; dbt writes that so.
        set("schema", if self.schema.is_empty() { json!("None") } else { json!(self.schema) });
        set("name", json!(self.name));
        set("resource_type", json!(self.resource_type.as_str()));
        set("package_name", json!(self.package_name));
        set("path", json!(self.path));
        set("original_file_path", json!(self.original_file_path));
        set("unique_id", json!(self.unique_id));
        set("fqn", json!(self.fqn));
        set("alias", json!(self.alias));
        set("checksum", json!({"name": self.checksum.name, "checksum": self.checksum.checksum}));
        set("config", Value::Object(self.config.0.clone()));
        set("tags", json!(self.tags));
        set("description", json!(self.description));
        set("columns", Value::Object(columns_json(&self.columns)));
        set("meta", json!(self.meta));
        set("group", json!(self.group));
        set("docs", docs_json(&self.docs));
        set("patch_path", json!(self.patch_path));
        set("build_path", json!(self.build_path));
        set("unrendered_config", json!(self.unrendered_config));
        set("created_at", json!(self.created_at));
        set("relation_name", json!(self.relation_name));
        set("raw_code", json!(self.raw_code));
        set("doc_blocks", json!(self.doc_blocks));
        set("connection", json!(self.connection));
        if self.resource_type.is_refable() {
            set("defer_relation", json!(self.defer_relation.as_ref().map(|relation| relation.to_json())));
        } else if self.resource_type == ResourceType::Function {
            set("defer_function", json!(self.defer_relation.as_ref().map(|relation| relation.to_json())));
        }
        if self.resource_type == ResourceType::Seed {
            set("root_path", json!(self.root_path));
            set("depends_on", json!({"macros": self.depends_on.macros}));
            return Value::Object(json);
        }
        set("language", json!(self.language));
        set("refs", refs_json(&self.refs));
        set("sources", sources_json(&self.sources));
        set("metrics", json!(self.metrics));
        set("functions", functions_json(&self.functions));
        set("depends_on", depends_on_json(&self.depends_on));
        compiled_json(&self.compiled, &mut set);
        set("contract", self.contract_json());
        match self.resource_type {
            ResourceType::Model => {
                set("access", json!(self.access.as_str()));
                set("constraints", self.constraints.iter().map(model_constraint_json).collect());
                set("version", json!(self.version));
                set("latest_version", json!(self.latest_version));
                set("deprecation_date", json!(self.deprecation_date));
                set("primary_key", json!(self.primary_key));
                set("time_spine", json!(self.time_spine));
            }
            ResourceType::Operation => set("index", json!(self.index)),
            _ => {}
        }
        if let Some(test) = &self.test
            && let Some(metadata) = &test.metadata
        {
            set("column_name", json!(test.column_name));
            set("file_key_name", json!(test.file_key_name));
            set("attached_node", json!(test.attached_node));
            set(
                "test_metadata",
                json!({"name": metadata.name, "kwargs": metadata.kwargs, "namespace": metadata.namespace}),
            );
        }
        if let Some(function) = &self.function {
            function.add_to(&mut json);
        }
        Value::Object(json)
    }

    fn contract_json(&self) -> Value {
        let contract = self.config.get("contract");
        let flag = |key: &str, default: bool| {
            contract.and_then(|contract| contract.get(key)).and_then(Value::as_bool).unwrap_or(default)
        };
        json!({
            "enforced": flag("enforced", false),
            "alias_types": flag("alias_types", true),
            "checksum": self.contract_checksum,
        })
    }
}

fn compiled_json(compiled: &Compiled, set: &mut impl FnMut(&str, Value)) {
    set("compiled_path", json!(compiled.path));
    if compiled.code.is_none() {
        return;
    }
    set("compiled", Value::Bool(true));
    set("compiled_code", json!(compiled.code));
    set("extra_ctes_injected", json!(compiled.extra_ctes_injected));
    let ctes: Vec<Value> = compiled.extra_ctes.iter().map(|cte| json!({"id": cte.id, "sql": cte.sql})).collect();
    set("extra_ctes", json!(ctes));
}

pub(super) fn refs_json(refs: &[RefCall]) -> Value {
    refs.iter().map(|call| json!({"name": call.name, "package": call.package, "version": call.version})).collect()
}

fn functions_json(functions: &[FunctionCall]) -> Value {
    functions
        .iter()
        .map(|call| call.package.iter().chain([&call.name]).cloned().collect::<Vec<_>>())
        .map(Value::from)
        .collect()
}

fn sources_json(sources: &[SourceCall]) -> Value {
    sources.iter().map(|call| json!([call.source_name, call.table_name])).collect()
}

pub(super) fn depends_on_json(depends_on: &DependsOn) -> Value {
    json!({"macros": depends_on.macros, "nodes": depends_on.nodes})
}

fn docs_json(docs: &Map<String, Value>) -> Value {
    json!({
        "show": docs.get("show").cloned().unwrap_or(Value::Bool(true)),
        "node_color": docs.get("node_color").cloned().unwrap_or(Value::Null),
    })
}

fn columns_json(columns: &IndexMap<String, Column>) -> Map<String, Value> {
    columns.iter().map(|(name, column)| (name.clone(), column.to_json())).collect()
}

/// A model's constraint with dbt's defaults.
fn model_constraint_json(constraint: &Value) -> Value {
    let mut json = constraint_json(constraint);
    if let Value::Object(json) = &mut json {
        json.entry("columns").or_insert_with(|| json!([]));
    }
    json
}

/// A constraint with dbt's defaults.
fn constraint_json(constraint: &Value) -> Value {
    let mut json = json!({
        "type": null, "name": null, "expression": null, "warn_unenforced": true, "warn_unsupported": true, "to": null,
        "to_columns": [],
    });
    if let (Value::Object(json), Value::Object(said)) = (&mut json, constraint) {
        json.extend(said.clone());
    }
    json
}

impl Column {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut config = self.config.clone();
        config.entry("meta").or_insert_with(|| json!(self.meta));
        config.entry("tags").or_insert_with(|| json!(self.tags));
        let mut json = json!({
            "name": self.name,
            "description": self.description,
            "meta": self.meta,
            "data_type": self.data_type,
            "constraints": self.constraints.iter().map(constraint_json).collect::<Vec<_>>(),
            "quote": self.quote,
            "config": config,
            "tags": self.tags,
            "granularity": self.granularity,
            "dimension": self.dimension,
            "entity": self.entity,
            "doc_blocks": self.doc_blocks,
        });
        if let Value::Object(map) = &mut json {
            for (key, value) in &self.extra {
                map.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        json
    }
}

impl Source {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut config = self.config.0.clone();
        config.entry("enabled").or_insert(Value::Bool(true));
        json!({
            "database": self.database,
            "schema": self.schema,
            "name": self.name,
            "resource_type": "source",
            "package_name": self.package_name,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "fqn": self.fqn,
            "source_name": self.source_name,
            "source_description": self.source_description,
            "loader": self.loader,
            "identifier": self.identifier,
            "quoting": {
                "database": self.quoting.database,
                "schema": self.quoting.schema,
                "identifier": self.quoting.identifier,
                "column": self.quoting.column,
            },
            "loaded_at_field": self.loaded_at_field,
            "loaded_at_query": self.loaded_at_query,
            "freshness": self.freshness.as_ref().map(SourceFreshness::to_json),
            "external": self.external,
            "description": self.description,
            "columns": columns_json(&self.columns),
            "meta": self.meta,
            "source_meta": self.source_meta,
            "tags": self.tags,
            "config": config,
            "patch_path": self.patch_path,
            "unrendered_config": self.unrendered_config,
            "relation_name": self.relation_name,
            "created_at": self.created_at,
            "unrendered_database": self.unrendered_database,
            "unrendered_schema": self.unrendered_schema,
            "doc_blocks": self.doc_blocks,
            "connection": self.connection,
        })
    }
}

impl SourceFreshness {
    /// dbt's form; a threshold that is not said has neither count nor period.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let time = |time: &Option<(i64, String)>| match time {
            Some((count, period)) => json!({"count": count, "period": period}),
            None => json!({"count": null, "period": null}),
        };
        json!({
            "warn_after": time(&self.warn_after),
            "error_after": time(&self.error_after),
            "filter": self.filter,
        })
    }
}

impl Macro {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let arguments: Vec<Value> = self
            .arguments
            .iter()
            .map(|argument| {
                json!({
                    "name": argument.name,
                    "type": argument.argument_type,
                    "description": argument.description,
                })
            })
            .collect();
        json!({
            "name": self.name,
            "resource_type": "macro",
            "package_name": self.package_name,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "macro_sql": self.macro_sql,
            "depends_on": {"macros": self.depends_on},
            "description": self.description,
            "meta": self.meta,
            "docs": docs_json(&self.docs),
            "config": {"meta": self.meta, "docs": docs_json(&self.docs)},
            "patch_path": self.patch_path,
            "arguments": arguments,
            "created_at": self.created_at,
            "supported_languages": self.supported_languages,
        })
    }
}

impl Doc {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "resource_type": "doc",
            "package_name": self.package_name,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "block_contents": self.block_contents,
        })
    }
}

impl Owner {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = self.extra.clone();
        json.insert("email".to_owned(), self.email.clone().unwrap_or(Value::Null));
        json.insert("name".to_owned(), json!(self.name));
        Value::Object(json)
    }
}

impl Exposure {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut config = self.config.0.clone();
        config.entry("enabled").or_insert(Value::Bool(true));
        json!({
            "name": self.name,
            "resource_type": "exposure",
            "package_name": self.package_name,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "fqn": self.fqn,
            "type": self.exposure_type,
            "owner": self.owner.to_json(),
            "description": self.description,
            "label": self.label,
            "maturity": self.maturity,
            "meta": self.meta,
            "tags": self.tags,
            "config": config,
            "unrendered_config": self.unrendered_config,
            "url": self.url,
            "depends_on": depends_on_json(&self.depends_on),
            "refs": refs_json(&self.refs),
            "sources": sources_json(&self.sources),
            "metrics": self.metrics,
            "created_at": self.created_at,
        })
    }
}

impl Group {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "resource_type": "group",
            "package_name": self.package_name,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "owner": self.owner.to_json(),
            "description": self.description,
            "config": self.config,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Doc, Manifest};

    #[test]
    fn the_text_is_the_value_written_out() {
        let mut manifest = Manifest::default();
        for index in 0..700 {
            let doc = Doc {
                unique_id: format!("doc.shop.d{index}"),
                name: format!("d{index}"),
                package_name: "shop".to_owned(),
                path: "d.md".to_owned(),
                original_file_path: "models/d.md".to_owned(),
                block_contents: "a \"quoted\" text".to_owned(),
            };
            manifest.docs.insert(doc.unique_id.clone(), doc);
        }
        assert_eq!(manifest.to_json(), manifest.to_value().to_string());
    }
}
