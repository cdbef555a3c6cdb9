//! `manifest.json` v12: every key that dbt's classes require, with dbt's defaults. What dvt adds (`connection`, in a project
//! of several) stands beside them: dbt's readers pass over keys they do not know.

use super::DBT_VERSION;
use crate::{
    Column, Compiled, DependsOn, Disabled, Doc, Exposure, FunctionCall, FunctionInfo, Graph, Group, Macro, Manifest,
    Node, Owner, RefCall, ResourceType, SemanticNode, Source, SourceCall, SourceFreshness, Threshold, UnitTest,
};
use indexmap::IndexMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::io::{self, Write};

/// A node as it is to be written: as it was read, or with what was found out since.
pub type NodeNow<'f> = &'f (dyn for<'n> Fn(&'n Node) -> Cow<'n, Node> + Sync);

impl Manifest {
    /// The artifact's text. It is written thing by thing: a large project's artifact never stands in memory as values.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail, and only JSON is written, which is UTF-8.
        let _ = self.write_json(&mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Writes the artifact's text.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_json_with(out, &|node| Cow::Borrowed(node))
    }

    /// The same with every node as `now` gives it: a command says there what it compiled, without a second manifest.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write_json_with(&self, out: &mut dyn Write, now: NodeNow<'_>) -> io::Result<()> {
        let graph = Graph::new(self);
        let mut text = Text { out, is_first: true };
        let shows_connection = self.has_connections();
        let node = |node| Written { node: now(node), shows_connection };
        text.out.write_all(b"{")?;
        text.value("metadata", &self.metadata_json())?;
        text.objects("nodes", &self.nodes, node)?;
        text.objects("sources", &self.sources, |source| shown(source.to_json(), shows_connection))?;
        text.objects("macros", &self.macros, Macro::to_json)?;
        text.objects("docs", &self.docs, Doc::to_json)?;
        text.objects("exposures", &self.exposures, Exposure::to_json)?;
        text.objects("metrics", &self.metrics, SemanticNode::to_json)?;
        text.objects("groups", &self.groups, Group::to_json)?;
        text.value("selectors", &self.selectors)?;
        text.objects("disabled", &self.disabled, |entries| {
            entries.iter().map(|entry| shown(disabled_json(entry), shows_connection)).collect::<Value>()
        })?;
        text.value("parent_map", &graph.parents_json())?;
        text.value("child_map", &graph.children_json())?;
        text.value("group_map", &self.group_map())?;
        text.objects("saved_queries", &self.saved_queries, SemanticNode::to_json)?;
        text.objects("semantic_models", &self.semantic_models, SemanticNode::to_json)?;
        text.objects("unit_tests", &self.unit_tests, UnitTest::to_json)?;
        text.objects("functions", &self.functions, node)?;
        text.out.write_all(b"}")
    }

    /// Whether the project lives on more than one connection, or on one that was chosen for this run. Only then does the artifact say which thing is where: dbt's
    /// schemas of the artifact know no such key, and validators are told by them what is one.
    fn has_connections(&self) -> bool {
        let nodes = self.nodes.values().chain(self.functions.values()).map(|node| node.connection.as_str());
        let mut all = nodes.chain(self.sources.values().map(|source| source.connection.as_str()));
        let first = all.next();
        self.metadata.names_connections || all.any(|connection| Some(connection) != first)
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
        let shows_connection = self.has_connections();
        set("nodes", objects(&self.nodes, |node| shown(node.to_json(), shows_connection)));
        set("sources", objects(&self.sources, |source| shown(source.to_json(), shows_connection)));
        set("macros", objects(&self.macros, Macro::to_json));
        set("docs", objects(&self.docs, Doc::to_json));
        set("exposures", objects(&self.exposures, Exposure::to_json));
        set("metrics", objects(&self.metrics, SemanticNode::to_json));
        set("groups", objects(&self.groups, Group::to_json));
        set("selectors", self.selectors.clone());
        let disabled = |entries: &Vec<Disabled>| -> Value {
            entries.iter().map(|entry| shown(disabled_json(entry), shows_connection)).collect()
        };
        set("disabled", objects(&self.disabled, disabled));
        set("parent_map", graph.parent_map());
        set("child_map", graph.child_map());
        set("group_map", self.group_map());
        set("saved_queries", objects(&self.saved_queries, SemanticNode::to_json));
        set("semantic_models", objects(&self.semantic_models, SemanticNode::to_json));
        set("unit_tests", objects(&self.unit_tests, UnitTest::to_json));
        set("functions", objects(&self.functions, |node| shown(node.to_json(), shows_connection)));
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
struct Text<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
}

/// Things that one thread writes at a time.
const CHUNK: usize = 256;

impl Text<'_> {
    fn key(&mut self, key: &str) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.write_all(b",")?;
        }
        write!(self.out, "\"{key}\":")
    }

    fn value(&mut self, key: &str, value: &impl Serialize) -> io::Result<()> {
        self.key(key)?;
        Ok(serde_json::to_writer(&mut *self.out, value)?)
    }

    /// One object per thing, in order; many things are written by all processors.
    fn objects<'m, T: Sync, J: Serialize>(
        &mut self,
        key: &str,
        map: &'m IndexMap<String, T>,
        json: impl Fn(&'m T) -> J + Sync,
    ) -> io::Result<()> {
        self.key(key)?;
        self.out.write_all(b"{")?;
        let write = |from: usize| {
            let mut bytes = Vec::new();
            for (index, (id, item)) in map.iter().enumerate().skip(from).take(CHUNK) {
                if index > 0 {
                    bytes.push(b',');
                }
                serde_json::to_writer(&mut bytes, id)?;
                bytes.push(b':');
                serde_json::to_writer(&mut bytes, &json(item))?;
            }
            io::Result::Ok(bytes)
        };
        let starts: Vec<usize> = (0..map.len()).step_by(CHUNK).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for some in starts.chunks(threads) {
            let written: Vec<io::Result<Vec<u8>>> = match some {
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
                self.out.write_all(&bytes?)?;
            }
        }
        self.out.write_all(b"}")
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
        // Every key is a text and every number finite.
        serde_json::to_value(AsJson(self)).unwrap_or_default()
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

/// A thing in the artifact's form, written out without becoming a value first.
struct AsJson<'a, T>(&'a T);

/// A node as the artifact has it.
struct Written<'a> {
    node: Cow<'a, Node>,
    shows_connection: bool,
}

/// A thing's JSON, without its connection where that is not to be shown.
fn shown(mut json: Value, shows_connection: bool) -> Value {
    if let (Value::Object(map), false) = (&mut json, shows_connection) {
        map.shift_remove("connection");
    }
    json
}

impl Serialize for AsJson<'_, Node> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { node: Cow::Borrowed(self.0), shows_connection: true }.serialize(serializer)
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { node, shows_connection } = self;
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("database", &node.database)?;
        // A `generate_schema_name` may give nothing; dbt writes that so.
        json.serialize_entry("schema", if node.schema.is_empty() { "None" } else { &node.schema })?;
        json.serialize_entry("name", &node.name)?;
        json.serialize_entry("resource_type", node.resource_type.as_str())?;
        json.serialize_entry("package_name", &node.package_name)?;
        json.serialize_entry("path", &node.path)?;
        json.serialize_entry("original_file_path", &node.original_file_path)?;
        json.serialize_entry("unique_id", &node.unique_id)?;
        json.serialize_entry("fqn", &node.fqn)?;
        json.serialize_entry("alias", &node.alias)?;
        json.serialize_entry("checksum", &node.checksum)?;
        json.serialize_entry("config", &node.config)?;
        json.serialize_entry("tags", &node.tags)?;
        json.serialize_entry("description", &node.description)?;
        json.serialize_entry("columns", &Columns(&node.columns))?;
        json.serialize_entry("meta", &node.meta)?;
        json.serialize_entry("group", &node.group)?;
        json.serialize_entry("docs", &docs_json(&node.docs))?;
        json.serialize_entry("patch_path", &node.patch_path)?;
        json.serialize_entry("build_path", &node.build_path)?;
        json.serialize_entry("unrendered_config", &node.unrendered_config)?;
        json.serialize_entry("created_at", &node.created_at)?;
        json.serialize_entry("relation_name", &node.relation_name)?;
        json.serialize_entry("raw_code", &node.raw_code)?;
        json.serialize_entry("doc_blocks", &node.doc_blocks)?;
        if *shows_connection {
            json.serialize_entry("connection", &node.connection)?;
        }
        if node.resource_type == ResourceType::Seed {
            json.serialize_entry("root_path", &node.root_path)?;
            json.serialize_entry("depends_on", &json!({"macros": node.depends_on.macros}))?;
            return json.end();
        }
        json.serialize_entry("language", &node.language)?;
        json.serialize_entry("refs", &refs_json(&node.refs))?;
        json.serialize_entry("sources", &sources_json(&node.sources))?;
        json.serialize_entry("metrics", &node.metrics)?;
        json.serialize_entry("functions", &functions_json(&node.functions))?;
        json.serialize_entry("depends_on", &AsJson(&node.depends_on))?;
        compiled_json(&node.compiled, &mut json)?;
        json.serialize_entry("contract", &node.contract_json())?;
        match node.resource_type {
            ResourceType::Model => {
                let constraints: Value = node.constraints.iter().map(model_constraint_json).collect();
                json.serialize_entry("access", node.access.as_str())?;
                json.serialize_entry("constraints", &constraints)?;
                json.serialize_entry("version", &node.version)?;
                json.serialize_entry("latest_version", &node.latest_version)?;
                json.serialize_entry("deprecation_date", &node.deprecation_date)?;
                json.serialize_entry("primary_key", &node.primary_key)?;
                json.serialize_entry("time_spine", &node.time_spine)?;
            }
            ResourceType::Operation => json.serialize_entry("index", &node.index)?,
            _ => {}
        }
        if let Some(test) = &node.test
            && let Some(metadata) = &test.metadata
        {
            json.serialize_entry("column_name", &test.column_name)?;
            json.serialize_entry("file_key_name", &test.file_key_name)?;
            json.serialize_entry("attached_node", &test.attached_node)?;
            json.serialize_entry(
                "test_metadata",
                &json!({"name": metadata.name, "kwargs": metadata.kwargs, "namespace": metadata.namespace}),
            )?;
        }
        for (key, value) in node.function.iter().flat_map(FunctionInfo::entries) {
            json.serialize_entry(key, &value)?;
        }
        json.end()
    }
}

fn compiled_json<M: SerializeMap>(compiled: &Compiled, json: &mut M) -> Result<(), M::Error> {
    json.serialize_entry("compiled_path", &compiled.path)?;
    if compiled.code.is_none() {
        return Ok(());
    }
    let ctes: Vec<Value> = compiled.extra_ctes.iter().map(|cte| json!({"id": cte.id, "sql": cte.sql})).collect();
    json.serialize_entry("compiled", &true)?;
    json.serialize_entry("compiled_code", &compiled.code)?;
    json.serialize_entry("extra_ctes_injected", &compiled.extra_ctes_injected)?;
    json.serialize_entry("extra_ctes", &ctes)
}

impl Serialize for AsJson<'_, DependsOn> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_map(Some(2))?;
        json.serialize_entry("macros", &self.0.macros)?;
        json.serialize_entry("nodes", &self.0.nodes)?;
        json.end()
    }
}

struct Columns<'a>(&'a IndexMap<String, Column>);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, column)| (name, AsJson(column))))
    }
}

/// The keys of a column that dbt knows, in its order.
const COLUMN_KEYS: [&str; 12] = [
    "name",
    "description",
    "meta",
    "data_type",
    "constraints",
    "quote",
    "config",
    "tags",
    "granularity",
    "dimension",
    "entity",
    "doc_blocks",
];

impl Serialize for AsJson<'_, Column> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let column = self.0;
        let mut json = serializer.serialize_map(None)?;
        let constraints: Vec<Value> = column.constraints.iter().map(constraint_json).collect();
        json.serialize_entry("name", &column.name)?;
        json.serialize_entry("description", &column.description)?;
        json.serialize_entry("meta", &column.meta)?;
        json.serialize_entry("data_type", &column.data_type)?;
        json.serialize_entry("constraints", &constraints)?;
        json.serialize_entry("quote", &column.quote)?;
        json.serialize_entry("config", &ColumnConfig(column))?;
        json.serialize_entry("tags", &column.tags)?;
        json.serialize_entry("granularity", &column.granularity)?;
        json.serialize_entry("dimension", &column.dimension)?;
        json.serialize_entry("entity", &column.entity)?;
        json.serialize_entry("doc_blocks", &column.doc_blocks)?;
        for (key, value) in column.extra.iter().filter(|(key, _)| !COLUMN_KEYS.contains(&key.as_str())) {
            json.serialize_entry(key, value)?;
        }
        json.end()
    }
}

/// A column's config, which always says its meta and tags.
struct ColumnConfig<'a>(&'a Column);

impl Serialize for ColumnConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(column) = self;
        let mut json = serializer.serialize_map(None)?;
        for (key, value) in &column.config {
            json.serialize_entry(key, value)?;
        }
        if !column.config.contains_key("meta") {
            json.serialize_entry("meta", &column.meta)?;
        }
        if !column.config.contains_key("tags") {
            json.serialize_entry("tags", &column.tags)?;
        }
        json.end()
    }
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
        serde_json::to_value(AsJson(self)).unwrap_or_default()
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
    /// dbt's form; a threshold that is not said has neither count nor period, one that is switched off is null.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let time = |threshold: &Threshold| match threshold {
            Threshold::After { count, period } => json!({"count": count, "period": period}),
            Threshold::Unsaid => json!({"count": null, "period": null}),
            Threshold::Off => Value::Null,
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
