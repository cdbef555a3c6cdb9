//! `dvt retry`.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RetryArgs {
    /// Drop and create what otherwise keeps its identity, whatever the earlier run was told
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,
}
