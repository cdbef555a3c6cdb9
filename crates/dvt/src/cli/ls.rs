//! `dvt ls`.

use super::ResourceTypeArgs;
use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) selection: LsSelectionArgs,

    #[command(flatten)]
    pub(crate) resource_types: ResourceTypeArgs,

    /// What is printed for each resource
    #[arg(long, value_enum, default_value_t = LsOutput::Selector, value_name = "FORMAT", ignore_case = true)]
    pub(crate) output: LsOutput,

    /// The keys of --output json
    #[arg(long, num_args = 1.., value_name = "KEY")]
    pub(crate) output_keys: Vec<String>,
}

/// The flags that choose nodes. Here, as in dbt, `--models` is not another name of `--select`: it also limits the listing
/// to models.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct LsSelectionArgs {
    /// The nodes to take: names, paths, tag:x, source:x, config.x:y, with + for parents and children
    #[arg(short = 's', long, num_args = 1.., value_name = "SELECTOR")]
    pub(crate) select: Vec<String>,

    /// The models to take, and nothing else than models
    #[arg(short = 'm', long, alias = "model", num_args = 1.., value_name = "SELECTOR")]
    pub(crate) models: Vec<String>,

    /// The nodes to leave out, in the words of --select
    #[arg(long, num_args = 1.., value_name = "SELECTOR")]
    pub(crate) exclude: Vec<String>,

    /// A named selector of selectors.yml
    #[arg(long, value_name = "NAME")]
    pub(crate) selector: Option<String>,
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
