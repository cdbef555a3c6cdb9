//! `dvt clone`.

use super::{ResourceTypeArgs, SelectionArgs};
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CloneArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) resource_types: ResourceTypeArgs,

    /// Clone again what is there already
    #[arg(short = 'f', long)]
    pub(crate) full_refresh: bool,
}
