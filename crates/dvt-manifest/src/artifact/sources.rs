//! `sources.json` v3: how fresh the sources are.

use super::DBT_VERSION;
use super::run_results::{Timing, timestamp};
use crate::UniqueId;
use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use serde_json::{Map, Value, json};

/// What was found out about one source.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshnessResult {
    pub unique_id: UniqueId,
    pub max_loaded_at: DateTime<Utc>,
    pub snapshotted_at: DateTime<Utc>,
    /// In seconds.
    pub age: f64,
    /// `pass`, `warn`, `error`.
    pub status: String,
    /// `{warn_after, error_after, filter}`.
    pub criteria: Value,
    pub adapter_response: Map<String, Value>,
    pub timing: Vec<Timing>,
    pub thread_id: String,
    /// In seconds.
    pub execution_time: f64,
}

/// The whole artifact. A source that could not be checked is not in it, as in dbt.
#[derive(Clone, Debug)]
pub struct FreshnessResults {
    pub invocation_id: String,
    pub generated_at: DateTime<Utc>,
    pub invocation_started_at: DateTime<Utc>,
    pub env: Map<String, Value>,
    pub results: Vec<FreshnessResult>,
    /// In seconds.
    pub elapsed_time: f64,
}

impl FreshnessResults {
    /// The artifact's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "metadata": {
                "dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json",
                "dbt_version": DBT_VERSION,
                "generated_at": timestamp(&self.generated_at),
                "invocation_id": self.invocation_id,
                "invocation_started_at": timestamp(&self.invocation_started_at),
                "env": self.env,
            },
            "results": self.results.iter().map(FreshnessResult::to_json).collect::<Vec<_>>(),
            "elapsed_time": self.elapsed_time,
        })
        .to_string()
    }
}

impl FreshnessResult {
    fn to_json(&self) -> Value {
        let timing: Vec<Value> = self.timing.iter().map(Timing::to_json).collect();
        json!({
            "unique_id": self.unique_id,
            "max_loaded_at": aware(&self.max_loaded_at),
            "snapshotted_at": aware(&self.snapshotted_at),
            "max_loaded_at_time_ago_in_s": self.age,
            "status": self.status,
            "criteria": self.criteria,
            "adapter_response": self.adapter_response,
            "timing": timing,
            "thread_id": self.thread_id,
            "execution_time": self.execution_time,
        })
    }
}

/// Python's `isoformat()` of an aware time: an offset, and microseconds only where there are some.
fn aware(at: &DateTime<Utc>) -> String {
    let format = if at.nanosecond() < 1_000 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    at.to_rfc3339_opts(format, false)
}
