//! `dvt show`.

use super::run::{EngineArgs, SqlparseArgs};
use super::{OutputFormat, SelectionArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Run this query instead of a model; it may use ref() and source()
    #[arg(long, value_name = "SQL")]
    pub(crate) inline: Option<String>,

    /// Run this query as it is, without reading the project
    #[arg(long, value_name = "SQL", hide = true)]
    pub(crate) inline_direct: Option<String>,

    /// How many rows to print; -1 for all
    #[arg(long, default_value_t = 5, allow_negative_numbers = true, value_name = "ROWS")]
    pub(crate) limit: i64,

    /// How the rows are printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT", ignore_case = true)]
    pub(crate) output: OutputFormat,

    /// Compile incremental models as for a full refresh
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}
