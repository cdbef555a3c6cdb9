//! `dvt build`.

use super::run::{EmptyArgs, EngineArgs, EventTimeArgs, SqlparseArgs};
use super::{ResourceTypeArgs, SelectionArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) resource_types: ResourceTypeArgs,

    /// Drop and create what otherwise keeps its identity: tables are rebuilt, incremental models start anew
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,

    #[command(flatten)]
    pub(crate) empty: EmptyArgs,

    #[command(flatten)]
    pub(crate) event_time: EventTimeArgs,

    /// Keep the failing rows of tests as tables
    #[arg(long)]
    pub(crate) store_failures: bool,

    /// Print the first rows of each seed that was loaded
    #[arg(long)]
    pub(crate) show: bool,

    /// Export saved queries; dbt does so only in its cloud
    #[arg(long, overrides_with = "no_export_saved_queries", hide = true)]
    pub(crate) export_saved_queries: bool,
    #[arg(long, overrides_with = "export_saved_queries", hide = true)]
    pub(crate) no_export_saved_queries: bool,

    /// Saved queries are among the resources that are built; they are a no-op
    #[arg(long, overrides_with = "no_include_saved_query", hide = true)]
    pub(crate) include_saved_query: bool,
    #[arg(long, overrides_with = "include_saved_query", hide = true)]
    pub(crate) no_include_saved_query: bool,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}
