//! The node: everything that dbt runs or compiles.

use crate::{
    Access, Checksum, Config, DeferRelation, FunctionCall, FunctionInfo, Relation, RelationKind, RelationStyle,
    ResourceType, UniqueId,
};
use dvt_diagnostics::{SourceFile, Span};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A model, seed, snapshot, test, analysis or operation, with dbt's field names.
#[derive(Clone, Debug)]
pub struct Node {
    pub unique_id: UniqueId,
    pub resource_type: ResourceType,
    pub name: String,
    pub package_name: String,
    /// Relative to the resource folder that holds the file: `marts/orders.sql`.
    pub path: String,
    /// Relative to its package's root: `models/marts/orders.sql`.
    pub original_file_path: String,
    pub fqn: Vec<String>,
    /// The profile output it is built on.
    pub connection: String,
    pub database: Option<String>,
    pub schema: String,
    pub alias: String,
    /// The relation as SQL; `None` for what leaves no relation.
    pub relation_name: Option<String>,
    pub checksum: Checksum,
    pub config: Config,
    /// What was configured, before Jinja rendered it: `state:modified.configs` compares it.
    pub unrendered_config: Map<String, Value>,
    pub tags: Vec<String>,
    pub description: String,
    pub columns: IndexMap<String, Column>,
    pub meta: Map<String, Value>,
    pub group: Option<String>,
    /// `{show, node_color}`.
    pub docs: Map<String, Value>,
    /// `package://path` of the properties file that describes it.
    pub patch_path: Option<String>,
    pub build_path: Option<String>,
    /// Seconds since 1970.
    pub created_at: f64,
    pub raw_code: String,
    /// `sql` or `python`.
    pub language: String,
    pub refs: Vec<RefCall>,
    pub sources: Vec<SourceCall>,
    /// The metrics that it names: `[name]` or `[package, name]`.
    pub metrics: Vec<Vec<String>>,
    pub functions: Vec<FunctionCall>,
    pub depends_on: DependsOn,
    pub compiled: Compiled,
    /// `{enforced, alias_types, checksum}`.
    pub contract_checksum: Option<String>,
    pub access: Access,
    pub constraints: Vec<Value>,
    /// The version of a versioned model: a number or a text.
    pub version: Option<Value>,
    pub latest_version: Option<Value>,
    pub deprecation_date: Option<String>,
    pub primary_key: Vec<String>,
    /// A model's `time_spine`, with dbt's defaults.
    pub time_spine: Option<Value>,
    /// The docs blocks of the description.
    pub doc_blocks: Vec<UniqueId>,
    /// Where the environment that is deferred to has it; `None` without `--defer`.
    pub defer_relation: Option<Box<DeferRelation>>,
    /// Of a function; `None` for other nodes.
    pub function: Option<FunctionInfo>,
    /// Of a test; `None` for other nodes. A singular test has no metadata.
    pub test: Option<TestInfo>,
    /// The package's root folder; seeds need it to find their file.
    pub root_path: Option<String>,
    /// The position of an operation among its hooks.
    pub index: Option<usize>,
    /// The user's file that holds the node's code (of a generic test: the properties file).
    pub file: Arc<SourceFile>,
    /// Where the node is defined, for messages about the whole node.
    pub span: Span,
    /// What is rendered in both phases. For most nodes the file itself, or a part of it (`template_range`); a generic
    /// test has a template of its own, which says the same as dbt's `raw_code` with the arguments written out.
    pub template: Arc<SourceFile>,
    pub template_range: std::ops::Range<usize>,
    /// How the node's relation is written on its connection.
    pub style: RelationStyle,
}

/// A `ref()` that was called, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct RefCall {
    pub name: String,
    pub package: Option<String>,
    pub version: Option<Value>,
    pub span: Span,
    /// The node it resolved to; `None` before resolution.
    pub unique_id: Option<UniqueId>,
}

/// A `source()` that was called, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceCall {
    pub source_name: String,
    pub table_name: String,
    pub span: Span,
    pub unique_id: Option<UniqueId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DependsOn {
    pub macros: Vec<UniqueId>,
    pub nodes: Vec<UniqueId>,
}

/// What compiling adds to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// `target/compiled/<package>/<original_file_path>`.
    pub path: Option<String>,
    pub code: Option<String>,
    pub extra_ctes_injected: bool,
    pub extra_ctes: Vec<InjectedCte>,
}

/// An ephemeral model's SQL, as it was put before the query that reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedCte {
    pub id: UniqueId,
    pub sql: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestInfo {
    pub column_name: Option<String>,
    /// `models.orders`: where in the properties file it stands.
    pub file_key_name: Option<String>,
    pub attached_node: Option<UniqueId>,
    /// Of a generic test.
    pub metadata: Option<TestMetadata>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TestMetadata {
    pub name: String,
    pub kwargs: Map<String, Value>,
    pub namespace: Option<String>,
}

/// A documented column of a node or source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub quote: Option<bool>,
    pub tags: Vec<String>,
    pub meta: Map<String, Value>,
    pub constraints: Vec<Value>,
    pub config: Map<String, Value>,
    pub granularity: Option<String>,
    /// `dimension` and `entity` of a model with a semantic model: a type's name or a dictionary.
    pub dimension: Option<Value>,
    pub entity: Option<Value>,
    /// The docs blocks of the description.
    pub doc_blocks: Vec<UniqueId>,
    /// Keys that dbt does not know, kept as they are.
    pub extra: Map<String, Value>,
}

impl Node {
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.resource_type == ResourceType::Model && self.config.is_ephemeral()
    }

    #[must_use]
    pub fn is_generic_test(&self) -> bool {
        self.test.as_ref().is_some_and(|test| test.metadata.is_some())
    }

    /// The name dbt searches `ref` by: without a version suffix.
    #[must_use]
    pub fn search_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}.v{}", self.name, version_text(version)),
            None => self.name.clone(),
        }
    }

    /// The node's relation as its connection writes it; a CTE for an ephemeral model.
    #[must_use]
    pub fn relation(&self) -> Relation {
        if self.is_ephemeral() {
            return Relation::cte(&self.alias);
        }
        let relation = self.style.apply(Relation::new(
            &self.connection,
            self.database.as_deref(),
            Some(self.schema.as_str()).filter(|schema| !schema.is_empty()),
            Some(&self.alias),
        ));
        match self.config.materialized() {
            "view" => relation.with_kind(RelationKind::View),
            "table" | "incremental" | "seed" | "snapshot" => relation.with_kind(RelationKind::Table),
            "materialized_view" => relation.with_kind(RelationKind::MaterializedView),
            _ => relation,
        }
    }
}

/// A version as names carry it: `2`, `beta`.
#[must_use]
pub fn version_text(version: &Value) -> String {
    match version {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Which of two versions is the newer one: as numbers if both are, else as texts.
#[must_use]
pub fn compare_versions(left: &Value, right: &Value) -> std::cmp::Ordering {
    let number = |version: &Value| version.as_f64().or_else(|| version.as_str().and_then(|text| text.parse().ok()));
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        _ => version_text(left).cmp(&version_text(right)),
    }
}
