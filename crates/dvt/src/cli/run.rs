//! `dvt run`, and the flags that it shares with the other commands that build nodes.

use super::SelectionArgs;
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Drop and create what otherwise keeps its identity: tables are rebuilt, incremental models start anew
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,

    #[command(flatten)]
    pub(crate) empty: EmptyArgs,

    #[command(flatten)]
    pub(crate) event_time: EventTimeArgs,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// Where federated models are computed and staged.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Federation")]
pub(crate) struct EngineArgs {
    /// The compute of computes.yml to join on; wins over the models' own config
    #[arg(short = 'c', long, value_name = "NAME")]
    pub(crate) compute: Option<String>,

    /// The bucket of buckets.yml to stage in; wins over the models' own config
    #[arg(short = 'b', long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
}

/// `--empty` and its opposite; the last one given wins.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct EmptyArgs {
    /// Read every ref() and source() without rows: tables come out empty, with their columns
    #[arg(long, overrides_with = "no_empty")]
    pub(crate) empty: bool,
    #[arg(long, overrides_with = "empty", hide = true)]
    pub(crate) no_empty: bool,
}

impl EmptyArgs {
    /// What the command line says, if anything.
    pub(crate) fn given(&self) -> Option<bool> {
        match (self.empty, self.no_empty) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// Which part of their inputs the models read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct EventTimeArgs {
    /// Where microbatch models start, inclusive: 2026-01-31, or with a time behind T
    #[arg(long, value_name = "TIME")]
    pub(crate) event_time_start: Option<String>,

    /// Where microbatch models end, exclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) event_time_end: Option<String>,

    /// Read only a window of each input by its event_time: '3 days', or '{start: 2026-01-01, end: 2026-01-03}'
    #[arg(long, value_name = "WINDOW")]
    pub(crate) sample: Option<String>,
}

/// dbt's limits for its SQL lexer.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SqlparseArgs {
    /// Limits of dbt's SQL lexer; dvt has no such lexer
    #[arg(long, value_name = "YAML", hide = true)]
    pub(crate) sqlparse: Option<String>,
}
