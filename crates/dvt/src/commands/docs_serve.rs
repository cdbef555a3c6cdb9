//! `dvt docs serve`: not in this version yet.

use crate::app::{App, Exit};
use crate::cli::{Cli, DocsServeArgs, not_yet};
use dvt_diagnostics::Diagnostics;

pub(super) fn run(_app: &mut App, _cli: &Cli, _args: &DocsServeArgs) -> Result<Exit, Diagnostics> {
    Err(not_yet("docs serve").into())
}
