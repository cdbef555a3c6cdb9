//! `dvt snapshot`: the selected snapshots.

use super::execute::{execute, exit_of};
use super::select::selected;
use crate::app::{App, Exit};
use crate::cli::{Cli, SnapshotArgs};
use dvt_diagnostics::Diagnostics;
use dvt_manifest::ResourceType;
use dvt_runner::{RunCommand, RunRequest};
use std::sync::Arc;

pub(super) fn run(app: &mut App, cli: &Cli, args: &SnapshotArgs) -> Result<Exit, Diagnostics> {
    let project = Arc::new(app.load_project(cli)?);
    let chosen = selected(app, &project.manifest, &args.selection, Some(vec![ResourceType::Snapshot]))?;
    app.found(&project.manifest);
    let request = RunRequest::new(RunCommand::Snapshot, chosen.into_iter().collect());
    Ok(exit_of(&execute(app, &project, request)?))
}
