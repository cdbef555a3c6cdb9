//! What a run comes to: one result per node, and the run as a whole. No text for the screen is made here.

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
    /// A node with nothing to run (an ephemeral model that was selected).
    NoOp,
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
        }
    }

    /// Whether the process exits 1 because of it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail)
    }
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
    /// The relation in its dialect's quotes.
    pub relation_name: Option<String>,
    /// The relation as dbt's log lines show it: `schema.identifier`.
    pub relation_display: String,
    /// What is wrong, in the user's own files. Errors first.
    pub diagnostics: Vec<Diagnostic>,
    /// `show`: the rows.
    pub rows: Option<(SchemaRef, Vec<RecordBatch>)>,
}

/// The whole run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    pub invocation_id: String,
    pub started_at: DateTime<Utc>,
    pub elapsed_seconds: f64,
    /// In the order in which they finished; hooks are among them, as in dbt.
    pub results: Vec<NodeResult>,
    /// What is wrong with the run itself rather than with a node: a schema that could not be created, a failed hook.
    pub diagnostics: Vec<Diagnostic>,
    /// Ctrl-C, or `--fail-fast` after a failure: some nodes never ran.
    pub stopped_early: bool,
    /// Ctrl-C: the exit code says so.
    pub cancelled: bool,
}

impl RunOutcome {
    /// Whether every node that ran is fine and nothing stopped the run.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        !self.cancelled
            && !self.results.iter().any(|result| result.status.is_failure())
            && !self.diagnostics.iter().any(|diagnostic| diagnostic.severity == dvt_diagnostics::Severity::Error)
    }

    /// How many results have this status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.results.iter().filter(|result| result.status == status).count()
    }
}
