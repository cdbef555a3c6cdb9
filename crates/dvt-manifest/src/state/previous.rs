//! The parts of an earlier `manifest.json` that are compared or deferred to.

use crate::{Checksum, UniqueId};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

/// An earlier manifest. Unknown keys are passed over, missing ones take dbt's defaults, so that every schema from v4 on
/// can be read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousManifest {
    pub metadata: PreviousMetadata,
    pub nodes: IndexMap<UniqueId, PreviousNode>,
    pub sources: IndexMap<UniqueId, Value>,
    pub macros: IndexMap<UniqueId, PreviousMacro>,
    pub exposures: IndexMap<UniqueId, Value>,
    pub metrics: IndexMap<UniqueId, Value>,
    pub semantic_models: IndexMap<UniqueId, Value>,
    pub saved_queries: IndexMap<UniqueId, Value>,
    pub unit_tests: IndexMap<UniqueId, Value>,
    pub functions: IndexMap<UniqueId, PreviousNode>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousMetadata {
    pub dbt_schema_version: Option<String>,
    pub dbt_version: Option<String>,
    /// Only dvt writes it.
    pub dvt_version: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousMacro {
    pub package_name: String,
    pub macro_sql: String,
}

/// A model, seed, snapshot, test, analysis or function of an earlier manifest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousNode {
    pub resource_type: String,
    pub name: String,
    pub package_name: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    #[serde(alias = "raw_sql")]
    pub raw_code: Option<String>,
    #[serde(alias = "compiled_sql")]
    pub compiled_code: Option<String>,
    pub checksum: Option<Checksum>,
    pub config: Map<String, Value>,
    pub unrendered_config: Map<String, Value>,
    pub description: Option<String>,
    pub columns: IndexMap<String, PreviousColumn>,
    pub tags: Value,
    pub meta: Value,
    /// The profile output it was built on; only dvt writes it.
    pub connection: Option<String>,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub alias: Option<String>,
    pub relation_name: Option<String>,
    pub access: Option<String>,
    pub version: Value,
    pub latest_version: Value,
    pub deprecation_date: Option<String>,
    pub contract: Option<PreviousContract>,
    pub constraints: Vec<Value>,
    /// Of a generic test.
    pub test_metadata: Value,
    /// Of a function.
    pub arguments: Value,
    pub returns: Value,
    pub overloads: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousColumn {
    pub name: String,
    pub description: Option<String>,
    pub data_type: Option<String>,
    pub constraints: Vec<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousContract {
    pub enforced: bool,
    pub checksum: Option<String>,
}

impl PreviousNode {
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        self.contract.as_ref().is_some_and(|contract| contract.enforced)
    }

    #[must_use]
    pub fn materialized(&self) -> &str {
        self.config.get("materialized").and_then(Value::as_str).unwrap_or("view")
    }
}

impl PreviousManifest {
    /// Something of the graph that is no node: a source, exposure, metric, semantic model, saved query or unit test.
    #[must_use]
    pub fn other(&self, unique_id: &str) -> Option<&Value> {
        [&self.sources, &self.exposures, &self.metrics, &self.semantic_models, &self.saved_queries, &self.unit_tests]
            .into_iter()
            .find_map(|map| map.get(unique_id))
    }

    /// A node or function.
    #[must_use]
    pub fn node(&self, unique_id: &str) -> Option<&PreviousNode> {
        self.nodes.get(unique_id).or_else(|| self.functions.get(unique_id))
    }

    #[must_use]
    pub fn contains(&self, unique_id: &str) -> bool {
        self.node(unique_id).is_some() || self.other(unique_id).is_some()
    }

    /// Whether dvt wrote it: only then its built-in macros are dvt's.
    #[must_use]
    pub fn is_from_dvt(&self) -> bool {
        self.metadata.dvt_version.is_some()
    }
}
