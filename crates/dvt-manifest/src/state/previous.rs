//! The parts of an earlier `manifest.json` that are compared or deferred to.

use crate::{Checksum, UniqueId};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// An earlier manifest. Unknown keys are passed over, missing ones take dbt's defaults, so that every schema from v4 on
/// can be read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousManifest {
    pub metadata: PreviousMetadata,
    #[serde(deserialize_with = "or_default")]
    pub nodes: IndexMap<UniqueId, PreviousNode>,
    #[serde(deserialize_with = "or_default")]
    pub sources: IndexMap<UniqueId, Value>,
    #[serde(deserialize_with = "or_default")]
    pub macros: IndexMap<UniqueId, PreviousMacro>,
    #[serde(deserialize_with = "or_default")]
    pub exposures: IndexMap<UniqueId, Value>,
    #[serde(deserialize_with = "or_default")]
    pub metrics: IndexMap<UniqueId, Value>,
    #[serde(deserialize_with = "or_default")]
    pub semantic_models: IndexMap<UniqueId, Value>,
    #[serde(deserialize_with = "or_default")]
    pub saved_queries: IndexMap<UniqueId, Value>,
    #[serde(deserialize_with = "or_default")]
    pub unit_tests: IndexMap<UniqueId, Value>,
    #[serde(deserialize_with = "or_default")]
    pub functions: IndexMap<UniqueId, PreviousNode>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousMetadata {
    pub dbt_schema_version: Option<String>,
    pub dbt_version: Option<String>,
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
    #[serde(deserialize_with = "or_default")]
    pub fqn: Vec<String>,
    #[serde(alias = "raw_sql")]
    pub raw_code: Option<String>,
    #[serde(alias = "compiled_sql")]
    pub compiled_code: Option<String>,
    pub checksum: Option<Checksum>,
    #[serde(deserialize_with = "or_default")]
    pub config: Map<String, Value>,
    #[serde(deserialize_with = "or_default")]
    pub unrendered_config: Map<String, Value>,
    #[serde(deserialize_with = "or_default")]
    pub depends_on: PreviousDependencies,
    pub description: Option<String>,
    #[serde(deserialize_with = "or_default")]
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
    #[serde(deserialize_with = "or_default")]
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
pub struct PreviousDependencies {
    /// dbt writes `null` for a macro that is gone.
    #[serde(deserialize_with = "or_default")]
    pub macros: Vec<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousColumn {
    pub name: String,
    pub description: Option<String>,
    pub data_type: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub constraints: Vec<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousContract {
    pub enforced: bool,
    pub checksum: Option<String>,
}

/// `null` for nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
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

    /// Brings what an older version of dbt kept as `unrendered_config` to today's form: `written` reads the configuration
    /// that a node's code holds.
    pub fn upgrade(&mut self, written: &dyn Fn(&str) -> Option<Map<String, Value>>) {
        let version = self.metadata.dbt_version.as_deref();
        if version.is_none_or(|version| version == crate::DBT_VERSION) {
            return;
        }
        for node in self.nodes.values_mut() {
            let is_simple_test = node.resource_type == "test"
                && matches!(node.depends_on.macros.as_slice(), [only] if only == "macro.dbt.test_not_null" || only == "macro.dbt.test_unique");
            if is_simple_test || node.unrendered_config.is_empty() {
                continue;
            }
            if let Some(written) = node.raw_code.as_deref().filter(|code| !code.is_empty()).and_then(written) {
                node.unrendered_config.extend(written);
            }
        }
    }

    /// Whether dvt wrote it: only then its built-in macros are dvt's. dbt's schema has no place for our version, so it is
    /// told by a macro that dbt does not have.
    #[must_use]
    pub fn is_from_dvt(&self) -> bool {
        self.macros.contains_key("macro.dbt.adopt_landing_relation")
    }
}
