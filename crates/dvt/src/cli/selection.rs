//! The flags that choose nodes, the same for every command that has them.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// The nodes to take: names, paths, tag:x, source:x, config.x:y, with + for parents and children
    #[arg(short = 's', long, short_alias = 'm', visible_short_alias = 'm', aliases = ["models", "model"], num_args = 1.., value_name = "SELECTOR")]
    pub(crate) select: Vec<String>,

    /// The nodes to leave out, in the words of --select
    #[arg(long, num_args = 1.., value_name = "SELECTOR")]
    pub(crate) exclude: Vec<String>,

    /// A named selector of selectors.yml
    #[arg(long, value_name = "NAME")]
    pub(crate) selector: Option<String>,

    /// Which tests come along with a selected node: eager, cautious, buildable, empty
    #[arg(long, value_name = "MODE")]
    pub(crate) indirect_selection: Option<String>,
}

/// `--resource-type` and its opposite.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct ResourceTypeArgs {
    /// Only resources of these types: model, seed, source, snapshot, test, analysis, exposure
    #[arg(long, alias = "resource-types", num_args = 1.., value_name = "TYPE")]
    pub(crate) resource_type: Vec<String>,

    /// No resources of these types
    #[arg(long, alias = "exclude-resource-types", num_args = 1.., value_name = "TYPE")]
    pub(crate) exclude_resource_type: Vec<String>,
}
