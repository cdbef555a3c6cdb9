//! What a run comes to: one result per node, and the run as a whole. No text for the screen is made here.

use crate::plan::NodePlan;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use dvt_diagnostics::Diagnostic;
use dvt_manifest::InjectedCte;
use serde_json::{Map, Value};
use std::fmt;

/// dbt's node status, as `run_results.json` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Success,
    Error,
    /// A test that found failures.
    Fail,
    Warn,
    Skipped,
    Pass,
    /// A node with nothing to run: an exposure, a saved query.
    NoOp,
    /// A microbatch model of which some batches failed.
    PartialSuccess,
    /// A source whose freshness could not be found out.
    RuntimeError,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::NoOp => "no-op",
            Self::PartialSuccess => "partial success",
            Self::RuntimeError => "runtime error",
        }
    }

    /// Whether the process exits 1 because of it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::PartialSuccess | Self::RuntimeError)
    }
}

/// Why a node was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipCause {
    /// Something it depends on failed: its unique id.
    Upstream(String),
    /// An ephemeral model that it reads could not be compiled.
    Ephemeral(String),
    /// `--fail-fast` after another node's failure.
    FailFast,
    /// An `on-run-start` hook failed, or the run could not begin.
    Hook,
    /// Ctrl-C came before it started.
    Interrupted,
}

/// What `source freshness` found out about one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Freshness {
    pub max_loaded_at: DateTime<Utc>,
    pub snapshotted_at: DateTime<Utc>,
    /// In seconds.
    pub age: f64,
    /// The thresholds, as `sources.json` writes them.
    pub criteria: Value,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way a node takes (DESIGN section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteKind {
    Pushdown,
    Transfer,
    Federate,
}

impl RouteKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pushdown => "pushdown",
            Self::Transfer => "transfer",
            Self::Federate => "federate",
        }
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One phase of a node's work, as `run_results.json` records it: `compile` or `execute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    pub name: &'static str,
    pub started_at: DateTime<Utc>,
    pub completed_at: DateTime<Utc>,
}

/// What became of one node.
#[derive(Clone, Debug)]
pub struct NodeResult {
    pub unique_id: String,
    /// `model`, `seed`, `test`, `operation`, …
    pub resource_type: String,
    pub name: String,
    pub status: Status,
    /// `None` for a node that was skipped before its route mattered.
    pub route: Option<RouteKind>,
    pub timing: Vec<Timing>,
    /// `Thread-1 (worker)`: the slot of the run that did the work.
    pub thread_id: String,
    pub execution_seconds: f64,
    /// `_message`, `code`, `rows_affected`; on the other routes also `route`, `rows_extracted`, `bytes_extracted`, `inputs`.
    pub adapter_response: Map<String, Value>,
    /// One line: what dbt prints behind OK or ERROR.
    pub message: Option<String>,
    /// How many rows a test found.
    pub failures: Option<i64>,
    pub compiled: bool,
    pub compiled_code: Option<String>,
    /// The ephemeral models in front of the query.
    pub extra_ctes: Vec<InjectedCte>,
    /// The macros that the node's text called when it was compiled, for `manifest.json`.
    pub macros: Vec<String>,
    /// The relation in its dialect's quotes.
    pub relation_name: Option<String>,
    /// The relation as dbt's log lines show it: `schema.identifier`.
    pub relation_display: String,
    /// What is wrong, in the user's own files. Errors first.
    pub diagnostics: Vec<Diagnostic>,
    /// `show`: the rows.
    pub rows: Option<(SchemaRef, Vec<RecordBatch>)>,
    /// Of a skipped node.
    pub skip_cause: Option<SkipCause>,
    /// Of a microbatch model: dbt's `{successful, failed}`.
    pub batch_results: Option<Value>,
    /// Of a function with overloads: dbt's `{successful, failed}`.
    pub overload_results: Option<Value>,
    /// The compiled bodies of a function's overloads, by the name of their file.
    pub overloads: Vec<(String, String)>,
    /// Of a source.
    pub freshness: Option<Freshness>,
    /// `plan`: what it would do.
    pub plan: Option<Box<NodePlan>>,
}

impl NodeResult {
    /// A result with dbt's defaults: nothing compiled, no timing, no response.
    #[must_use]
    pub fn new(unique_id: &str, resource_type: &str, name: &str, status: Status) -> Self {
        Self {
            unique_id: unique_id.to_owned(),
            resource_type: resource_type.to_owned(),
            name: name.to_owned(),
            status,
            route: None,
            timing: Vec::new(),
            thread_id: "main".to_owned(),
            execution_seconds: 0.0,
            adapter_response: Map::new(),
            message: None,
            failures: None,
            compiled: false,
            compiled_code: None,
            extra_ctes: Vec::new(),
            macros: Vec::new(),
            relation_name: None,
            relation_display: name.to_owned(),
            diagnostics: Vec::new(),
            rows: None,
            skip_cause: None,
            batch_results: None,
            overload_results: None,
            overloads: Vec::new(),
            freshness: None,
            plan: None,
        }
    }
}

/// The whole run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    pub invocation_id: String,
    pub started_at: DateTime<Utc>,
    pub elapsed_seconds: f64,
    /// In the order in which they finished; hooks are among them, as in dbt.
    pub results: Vec<NodeResult>,
    /// The queued things' ids, each behind all that it depends on.
    pub order: Vec<String>,
    /// What is wrong with the run itself rather than with a node: a schema that could not be created, a failed hook.
    pub diagnostics: Vec<Diagnostic>,
    /// Ctrl-C, or `--fail-fast` after a failure: some nodes never ran.
    pub stopped_early: bool,
    /// Ctrl-C: the exit code says so.
    pub cancelled: bool,
    /// Something other than a node kept the command from doing its work: dbt's exit code 2.
    pub could_not_go_on: bool,
}

impl RunOutcome {
    /// Whether every node ran and is fine, and nothing stopped the run. dbt counts a skipped node as a failure, except
    /// an exposure.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let is_wrong = |result: &NodeResult| {
            result.status.is_failure() || (result.status == Status::Skipped && result.resource_type != "exposure")
        };
        !self.cancelled
            && !self.results.iter().any(is_wrong)
            && !self.diagnostics.iter().any(|diagnostic| diagnostic.severity == dvt_diagnostics::Severity::Error)
    }

    /// How many results have this status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.results.iter().filter(|result| result.status == status).count()
    }
}
