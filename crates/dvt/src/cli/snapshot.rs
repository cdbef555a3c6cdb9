//! `dvt snapshot`.

use super::SelectionArgs;
use super::run::{EmptyArgs, EngineArgs, SqlparseArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) empty: EmptyArgs,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}
