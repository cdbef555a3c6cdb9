//! `dvt retry`: not in this version yet.

use crate::app::{App, Exit};
use crate::cli::{Cli, RetryArgs, not_yet};
use dvt_diagnostics::Diagnostics;

pub(super) fn run(_app: &mut App, _cli: &Cli, _args: &RetryArgs) -> Result<Exit, Diagnostics> {
    Err(not_yet("retry").into())
}
