//! `dvt snapshot`: not in this version yet.

use crate::app::{App, Exit};
use crate::cli::{Cli, SnapshotArgs, not_yet};
use dvt_diagnostics::Diagnostics;

pub(super) fn run(_app: &mut App, _cli: &Cli, _args: &SnapshotArgs) -> Result<Exit, Diagnostics> {
    Err(not_yet("snapshot").into())
}
