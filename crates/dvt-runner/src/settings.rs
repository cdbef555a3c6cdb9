//! What a run is given: the connections, the project's places, and what the command asks for.

use dvt_adapter::Adapter;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The profile's outputs: name to adapter, all live at once, in the profile's order.
pub type Connections = IndexMap<String, Arc<dyn Adapter>>;

/// What stays the same for the whole process.
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// `--vars`.
    pub cli_vars: Map<String, Value>,
    /// Nodes that run at once; the flag, else the default target's `threads`, else 1.
    pub threads: usize,
    /// Stop at the first failure.
    pub fail_fast: bool,
    /// Write `manifest.json`, `run_results.json`, `compiled/` and `run/`.
    pub write_artifacts: bool,
    /// The command line's flags as dbt's `args` in `run_results.json` shows them.
    pub args: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunCommand {
    Run,
    Seed,
    Build,
    Test,
    Compile,
    Show,
}

impl RunCommand {
    /// The word of the command line, as templates see it in `flags.WHICH`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Seed => "seed",
            Self::Build => "build",
            Self::Test => "test",
            Self::Compile => "compile",
            Self::Show => "show",
        }
    }
}

/// What one command asks for.
#[derive(Clone, Debug)]
pub struct RunRequest {
    pub command: RunCommand,
    /// The selected nodes' unique ids. Their order does not matter; ids of a kind the command does not run are left out.
    pub selected: Vec<String>,
    /// `show --inline` and `compile --inline`: a template that is no node of the project.
    pub inline: Option<String>,
    /// `show --limit`: rows, negative for all.
    pub limit: i64,
    /// `--compute`: wins over each node's config.
    pub compute: Option<String>,
    /// `--bucket`: wins over each node's config.
    pub bucket: Option<String>,
    /// `--empty`: inputs are read without rows.
    pub empty: bool,
}

impl RunRequest {
    /// A request for these nodes, with dbt's defaults for the rest.
    #[must_use]
    pub fn new(command: RunCommand, selected: Vec<String>) -> Self {
        Self { command, selected, inline: None, limit: 5, compute: None, bucket: None, empty: false }
    }
}
