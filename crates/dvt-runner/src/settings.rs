//! What a run is given: the connections, the project's places, and what the command asks for.

use dvt_adapter::Adapter;
use dvt_diagnostics::Events;
use dvt_federation::Pushdown;
use dvt_manifest::{ResourceType, UniqueId};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
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
    /// Rows in a part of an extract that is read in parts; `None`: dvt's own number.
    pub rows_in_part: Option<u64>,
    /// How much of a query across connections the connections may do; tests compare.
    pub pushdown: Pushdown,
    /// The keys of a small side narrow what is read of a large one; tests compare.
    pub reduces: bool,
    /// Where a Spark of dvt's own comes from.
    pub spark: SparkPlaces,
    /// Where the run says what no [`Reporter`](crate::Reporter) call says: dbt's events by name, and warnings.
    pub events: Events,
}

/// What the process's settings say about Spark.
#[derive(Clone, Debug, Default)]
pub struct SparkPlaces {
    /// Folders that hold distributions by version.
    pub distributions: Vec<PathBuf>,
    /// `SPARK_HOME`.
    pub home: Option<PathBuf>,
    /// `JAVA_HOME`.
    pub java_home: Option<PathBuf>,
    /// Folders that hold JDBC drivers.
    pub jars: Vec<PathBuf>,
}

/// The commands that work on a selection of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunCommand {
    Run,
    Seed,
    Snapshot,
    Build,
    Test,
    Clone,
    Compile,
    Show,
    /// What the nodes would do.
    Plan,
    /// `source freshness`.
    Freshness,
    /// `docs generate`, as far as it compiles.
    Docs,
    /// `run-operation`: no selection.
    Operation,
}

impl RunCommand {
    /// The word of the command line, as templates see it in `flags.WHICH`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Build => "build",
            Self::Test => "test",
            Self::Clone => "clone",
            Self::Compile => "compile",
            Self::Show => "show",
            Self::Plan => "plan",
            Self::Freshness => "freshness",
            Self::Docs => "generate",
            Self::Operation => "run-operation",
        }
    }

    /// Whether the command does something with things of this kind. (Ephemeral models are compiled, no more.)
    #[must_use]
    pub fn runs(self, kind: ResourceType) -> bool {
        use ResourceType as Kind;
        match self {
            Self::Run => kind == Kind::Model,
            Self::Seed => kind == Kind::Seed,
            Self::Snapshot => kind == Kind::Snapshot,
            Self::Test => matches!(kind, Kind::Test | Kind::UnitTest),
            Self::Build => matches!(
                kind,
                Kind::Model
                    | Kind::Seed
                    | Kind::Snapshot
                    | Kind::Test
                    | Kind::UnitTest
                    | Kind::Exposure
                    | Kind::SavedQuery
                    | Kind::Function
            ),
            Self::Clone => matches!(kind, Kind::Model | Kind::Seed | Kind::Snapshot),
            Self::Compile | Self::Docs | Self::Plan => {
                matches!(
                    kind,
                    Kind::Model
                        | Kind::Snapshot
                        | Kind::Seed
                        | Kind::Test
                        | Kind::Analysis
                        | Kind::SqlOperation
                        | Kind::Function
                ) || (kind == Kind::Operation && self != Self::Plan)
            }
            Self::Show => matches!(kind, Kind::Model | Kind::Seed | Kind::Snapshot | Kind::Test | Kind::Analysis),
            Self::Freshness => kind == Kind::Source,
            Self::Operation => false,
        }
    }

    /// Whether it may change a database.
    #[must_use]
    pub fn writes(self) -> bool {
        !matches!(self, Self::Compile | Self::Show | Self::Plan | Self::Docs)
    }

    /// Whether `on-run-start` and `on-run-end` belong to it.
    #[must_use]
    pub fn runs_hooks(self) -> bool {
        matches!(self, Self::Run | Self::Seed | Self::Snapshot | Self::Build | Self::Test | Self::Freshness)
    }

    /// Whether one node waits for another.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        !matches!(self, Self::Compile | Self::Show | Self::Plan | Self::Docs | Self::Clone)
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
    /// `retry`: what batches of microbatch models were done already, dbt's `{successful, failed}` by node.
    pub earlier_batches: BTreeMap<UniqueId, Value>,
    /// `retry`: which overloads of functions were created already, dbt's `{successful, failed}` by node.
    pub earlier_overloads: BTreeMap<UniqueId, Value>,
    /// `retry`: when the first attempt began, RFC 3339; the present of its batches.
    pub first_started_at: Option<String>,
    /// `source freshness --output`: where `sources.json` goes, from the project's root.
    pub output: Option<PathBuf>,
    /// Whether an ephemeral model's own result is wanted: the user named what `compile` or `show` are to do.
    pub keeps_ephemerals: bool,
    /// Whether the ephemeral models that a node reads are put in front of its SQL.
    pub injects_ephemerals: bool,
    /// Whether this request writes the artifacts, if the settings want any.
    pub writes_artifacts: bool,
}

impl RunRequest {
    /// A request for these nodes, with dbt's defaults for the rest.
    #[must_use]
    pub fn new(command: RunCommand, selected: Vec<String>) -> Self {
        Self {
            command,
            selected,
            inline: None,
            limit: 5,
            compute: None,
            bucket: None,
            empty: false,
            output: None,
            earlier_batches: BTreeMap::new(),
            earlier_overloads: BTreeMap::new(),
            first_started_at: None,
            keeps_ephemerals: false,
            injects_ephemerals: true,
            writes_artifacts: true,
        }
    }
}
