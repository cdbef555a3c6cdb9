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
}

/// `--resource-type` and its opposite.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct ResourceTypeArgs {
    /// Only resources of these types: model, seed, source, snapshot, test, unit_test, analysis, exposure, function, metric,
    /// semantic_model, saved_query; or default, all
    #[arg(long, alias = "resource-types", num_args = 1.., value_name = "TYPE", value_delimiter = ' ', value_parser = resource_type(true), ignore_case = true)]
    pub(crate) resource_type: Vec<String>,

    /// No resources of these types
    #[arg(long, alias = "exclude-resource-types", num_args = 1.., value_name = "TYPE", value_delimiter = ' ', value_parser = resource_type(false), ignore_case = true)]
    pub(crate) exclude_resource_type: Vec<String>,
}

/// The words that dbt takes; `all` only to include.
fn resource_type(include: bool) -> clap::builder::PossibleValuesParser {
    let mut words = vec![
        "metric",
        "semantic_model",
        "saved_query",
        "source",
        "analysis",
        "function",
        "model",
        "test",
        "unit_test",
        "exposure",
        "snapshot",
        "seed",
        "default",
    ];
    if include {
        words.push("all");
    }
    clap::builder::PossibleValuesParser::new(words)
}
