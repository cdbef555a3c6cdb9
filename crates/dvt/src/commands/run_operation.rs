//! `dvt run-operation`: not in this version yet.

use crate::app::{App, Exit};
use crate::cli::{Cli, RunOperationArgs, not_yet};
use dvt_diagnostics::Diagnostics;

pub(super) fn run(_app: &mut App, _cli: &Cli, _args: &RunOperationArgs) -> Result<Exit, Diagnostics> {
    Err(not_yet("run-operation").into())
}
