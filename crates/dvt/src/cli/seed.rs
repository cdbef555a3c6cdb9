//! `dvt seed`.

use super::SelectionArgs;
use super::run::{EmptyArgs, SqlparseArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SeedArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Drop and create the tables, which otherwise keep their identity
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,

    #[command(flatten)]
    pub(crate) empty: EmptyArgs,

    /// Print the first rows of each table that was loaded
    #[arg(long)]
    pub(crate) show: bool,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,

    /// The compute of computes.yml; wins over the seeds' own config
    #[arg(short = 'c', long, value_name = "NAME")]
    pub(crate) compute: Option<String>,
}
