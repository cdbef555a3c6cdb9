//! `dvt test`.

use super::run::{EngineArgs, SqlparseArgs};
use super::{ResourceTypeArgs, SelectionArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) resource_types: ResourceTypeArgs,

    /// Keep the failing rows of tests as tables
    #[arg(long)]
    pub(crate) store_failures: bool,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}
