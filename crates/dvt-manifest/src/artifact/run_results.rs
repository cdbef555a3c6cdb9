//! `run_results.json` v6.

use super::DBT_VERSION;
use crate::UniqueId;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How a node ended, in dbt's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    Success,
    Error,
    Fail,
    Warn,
    Skipped,
    #[serde(rename = "partial success")]
    PartialSuccess,
    Pass,
    #[serde(rename = "runtime error")]
    RuntimeError,
    #[serde(rename = "no-op")]
    NoOp,
    Reused,
}

impl RunStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Skipped => "skipped",
            Self::PartialSuccess => "partial success",
            Self::Pass => "pass",
            Self::RuntimeError => "runtime error",
            Self::NoOp => "no-op",
            Self::Reused => "reused",
        }
    }

    /// Whether the command must exit with 1 because of it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::RuntimeError | Self::PartialSuccess | Self::Skipped)
    }
}

/// When a phase of a node (`compile`, `execute`) ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    pub name: String,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

impl Timing {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "started_at": self.started_at.as_ref().map(timestamp),
            "completed_at": self.completed_at.as_ref().map(timestamp),
        })
    }
}

/// What became of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct RunResult {
    pub unique_id: UniqueId,
    pub status: RunStatus,
    pub timing: Vec<Timing>,
    pub thread_id: String,
    /// In seconds.
    pub execution_time: f64,
    /// `_message`, `code`, `rows_affected`, and dvt's `route`, `rows_extracted`, `bytes_extracted`, ….
    pub adapter_response: Map<String, Value>,
    pub message: Option<String>,
    /// Failing rows of a test.
    pub failures: Option<i64>,
    pub compiled: Option<bool>,
    pub compiled_code: Option<String>,
    pub relation_name: Option<String>,
    /// Of a microbatch model: `{successful, failed}`.
    pub batch_results: Option<Value>,
    /// Of a function: `{successful, failed}`.
    pub overload_results: Option<Value>,
}

/// The results of one invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct RunResults {
    pub invocation_id: String,
    pub generated_at: DateTime<Utc>,
    pub invocation_started_at: DateTime<Utc>,
    /// `DBT_ENV_CUSTOM_ENV_*`.
    pub env: Map<String, Value>,
    pub results: Vec<RunResult>,
    /// In seconds.
    pub elapsed_time: f64,
    /// The command line, `which` among it.
    pub args: Map<String, Value>,
}

impl RunResults {
    /// The artifact's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "metadata": {
                "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
                "dbt_version": DBT_VERSION,
                "generated_at": timestamp(&self.generated_at),
                "invocation_id": self.invocation_id,
                "invocation_started_at": timestamp(&self.invocation_started_at),
                "env": self.env,
            },
            "results": self.results.iter().map(RunResult::to_json).collect::<Vec<_>>(),
            "elapsed_time": self.elapsed_time,
            "args": self.args,
        })
        .to_string()
    }
}

impl RunResult {
    /// One entry of `results`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let timing: Vec<Value> = self.timing.iter().map(Timing::to_json).collect();
        json!({
            "status": self.status.as_str(),
            "timing": timing,
            "thread_id": self.thread_id,
            "execution_time": self.execution_time,
            "adapter_response": self.adapter_response,
            "message": self.message,
            "failures": self.failures,
            "unique_id": self.unique_id,
            "compiled": self.compiled,
            "compiled_code": self.compiled_code,
            "relation_name": self.relation_name,
            "batch_results": self.batch_results,
            "overload_results": self.overload_results,
        })
    }
}

/// dbt's form: UTC with microseconds and `Z`.
pub(crate) fn timestamp(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
