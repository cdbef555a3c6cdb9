//! `dvt compile`.

use super::{OutputFormat, SelectionArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CompileArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Compile this text instead of the project's nodes
    #[arg(long, value_name = "SQL", conflicts_with = "select")]
    pub(crate) inline: Option<String>,

    /// How the compiled SQL of a single node is printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,

    /// Compile incremental models as for a full refresh
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,
}
