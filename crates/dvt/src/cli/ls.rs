//! `dvt ls`.

use super::{ResourceTypeArgs, SelectionArgs};
use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) resource_types: ResourceTypeArgs,

    /// What is printed for each resource
    #[arg(long, value_enum, default_value_t = LsOutput::Selector, value_name = "FORMAT")]
    pub(crate) output: LsOutput,

    /// The keys of --output json
    #[arg(long, num_args = 1.., value_name = "KEY")]
    pub(crate) output_keys: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LsOutput {
    /// A JSON object per line
    Json,
    /// The resource's name
    Name,
    /// The file it is written in
    Path,
    /// What --select would take
    #[default]
    Selector,
}
