//! What a run tells while it goes on. The command line's printer implements [`Reporter`]; the runner prints nothing.

use crate::{NodeResult, RouteKind, RunOutcome};
use dvt_diagnostics::{Diagnostic, NodeInfo};
use dvt_manifest::Node;

/// Listens to a run. Calls come from several threads; each must return quickly.
pub trait Reporter: Send + Sync {
    fn run_started(&self, _run: &RunStarted) {}

    fn node_started(&self, _node: &NodeStarted) {}

    /// Called at most a few times a second per node.
    fn node_progress(&self, _progress: &NodeProgress) {}

    /// `index` is the number that [`NodeStarted::index`] gave it; skipped nodes get one too, without a start.
    fn node_finished(&self, _index: usize, _total: usize, _result: &NodeResult) {}

    /// What a template logged (`log(…, info=True)`, `print`), or a line of the run itself.
    fn line(&self, _level: LineLevel, _text: &str) {}

    /// A warning, or an error that belongs to the run and not to a node.
    fn diagnostic(&self, _diagnostic: &Diagnostic) {}

    fn run_finished(&self, _outcome: &RunOutcome) {}
}

/// A reporter that hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineLevel {
    /// For the log file only.
    Debug,
    Info,
    Warn,
    /// `print()`: the text alone, without a time.
    Print,
}

#[derive(Clone, Debug)]
pub struct RunStarted {
    /// `run`, `seed`, `compile`, …
    pub command: &'static str,
    /// Nodes that count in `1 of N`.
    pub total: usize,
    pub threads: usize,
    /// The default target's name.
    pub target: String,
}

/// A node (or hook) begins.
#[derive(Clone, Debug)]
pub struct NodeStarted {
    /// From 1.
    pub index: usize,
    pub total: usize,
    pub unique_id: String,
    pub name: String,
    pub resource_type: String,
    /// `table`, `view`, `seed`, …
    pub materialized: String,
    /// `schema.identifier`, as dbt's log lines show it.
    pub relation_display: String,
    /// The connection that holds the result.
    pub connection: String,
    pub route: RouteKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Compile,
    Plan,
    Extract,
    Compute,
    Load,
    Publish,
}

impl Phase {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Plan => "plan",
            Self::Extract => "extract",
            Self::Compute => "compute",
            Self::Load => "load",
            Self::Publish => "publish",
        }
    }
}

/// Where a node stands. Counts are totals so far.
#[derive(Clone, Debug)]
pub struct NodeProgress {
    pub unique_id: String,
    pub route: RouteKind,
    pub phase: Phase,
    pub rows_read: u64,
    /// Bytes of the Arrow batches that came from the databases.
    pub bytes_read: u64,
    pub rows_written: u64,
    pub bytes_written: u64,
}

/// dbt's `node_info` of a node that is worked on; `status` is `started`, `compiling`, `executing`, or a result's.
#[must_use]
pub fn node_info(node: &Node, status: &str) -> NodeInfo {
    NodeInfo {
        path: node.path.clone(),
        name: node.name.clone(),
        unique_id: node.unique_id.clone(),
        resource_type: node.resource_type.as_str().to_owned(),
        materialized: node.config.materialized().to_owned(),
        status: status.to_owned(),
        started_at: String::new(),
        finished_at: String::new(),
        meta: node.meta.clone(),
        database: node.database.clone().unwrap_or_default(),
        schema: node.schema.clone(),
        alias: node.alias.clone(),
        relation_name: node.relation_name.clone().unwrap_or_default(),
        checksum: node.checksum.checksum.clone(),
    }
}
