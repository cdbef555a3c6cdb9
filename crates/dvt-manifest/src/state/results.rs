//! An earlier `run_results.json`.

use crate::UniqueId;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How the nodes of an earlier run ended, and what it was told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousResults {
    pub metadata: PreviousResultsMetadata,
    pub results: Vec<PreviousResult>,
    /// The flags of the run by their names in Python: `which`, `select`, `vars`, ….
    pub args: Map<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousResultsMetadata {
    pub dbt_schema_version: Option<String>,
    pub invocation_id: Option<String>,
    pub generated_at: Option<String>,
    pub invocation_started_at: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousResult {
    pub unique_id: UniqueId,
    pub status: String,
    /// Of a microbatch model: `{successful, failed}`.
    pub batch_results: Option<Value>,
    /// Of a function with overloads: `{successful, failed}`.
    pub overload_results: Option<Value>,
}
