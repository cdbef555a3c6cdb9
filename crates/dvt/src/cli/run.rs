//! `dvt run`.

use super::SelectionArgs;
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Drop and create what otherwise keeps its identity: tables are rebuilt, incremental models start anew
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,

    /// Read every input with no rows; not in this version
    #[arg(long, hide = true)]
    pub(crate) empty: bool,

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
