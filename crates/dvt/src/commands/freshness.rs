//! `dvt source freshness`: not in this version yet.

use crate::app::{App, Exit};
use crate::cli::{Cli, FreshnessArgs, not_yet};
use dvt_diagnostics::Diagnostics;

pub(super) fn run(_app: &mut App, _cli: &Cli, _args: &FreshnessArgs) -> Result<Exit, Diagnostics> {
    Err(not_yet("source freshness").into())
}
