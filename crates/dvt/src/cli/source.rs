//! `dvt source`.

use super::SelectionArgs;
use super::run::SqlparseArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct SourceArgs {
    #[command(subcommand)]
    pub(crate) command: SourceCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Check how old the newest rows of the sources are, and write target/sources.json
    #[command(alias = "snapshot-freshness")]
    Freshness(FreshnessArgs),
}

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FreshnessArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// The file to write instead of target/sources.json
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,
}
