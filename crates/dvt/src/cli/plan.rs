//! `dvt plan`.

use super::run::{EmptyArgs, EngineArgs, EventTimeArgs};
use super::{OutputFormat, ResourceTypeArgs, SelectionArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) resource_types: ResourceTypeArgs,

    /// Text for people, or one JSON document for tools
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT", ignore_case = true)]
    pub(crate) output: OutputFormat,

    /// Plan as for a full refresh: incremental models do not read themselves
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,

    #[command(flatten)]
    pub(crate) empty: EmptyArgs,

    #[command(flatten)]
    pub(crate) event_time: EventTimeArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}
