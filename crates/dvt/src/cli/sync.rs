//! `dvt sync`.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SyncArgs {
    /// Say what would be fetched, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Use only what earlier runs have fetched, and ask no package index
    #[arg(long)]
    pub(crate) offline: bool,
}
