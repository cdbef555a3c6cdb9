//! `dvt compile`.

use super::run::{EmptyArgs, SqlparseArgs};
use super::{OutputFormat, SelectionArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CompileArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Compile this text instead of the project's nodes
    #[arg(long, value_name = "SQL")]
    pub(crate) inline: Option<String>,

    /// How the compiled SQL of a single node is printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT", ignore_case = true)]
    pub(crate) output: OutputFormat,

    /// Compile incremental models as for a full refresh
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,

    #[command(flatten)]
    pub(crate) empty: EmptyArgs,

    /// Put the ephemeral models that a node reads in front of its SQL
    #[arg(long, overrides_with = "no_inject_ephemeral_ctes", hide = true)]
    pub(crate) inject_ephemeral_ctes: bool,
    #[arg(long, overrides_with = "inject_ephemeral_ctes", hide = true)]
    pub(crate) no_inject_ephemeral_ctes: bool,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,
}
