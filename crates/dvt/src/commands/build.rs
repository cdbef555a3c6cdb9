//! `dvt build`: not in this version yet.

use crate::app::{App, Exit};
use crate::cli::{BuildArgs, Cli, not_yet};
use dvt_diagnostics::Diagnostics;

pub(super) fn run(_app: &mut App, _cli: &Cli, _args: &BuildArgs) -> Result<Exit, Diagnostics> {
    Err(not_yet("build").into())
}
