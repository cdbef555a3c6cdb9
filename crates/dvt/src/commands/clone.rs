//! `dvt clone`: the relations of another environment, here under the nodes' own names.

use super::execute::{execute, exit_of};
use super::select::{selected, wanted_types};
use crate::app::{App, Exit};
use crate::cli::{Cli, CloneArgs};
use dvt_diagnostics::Diagnostics;
use dvt_manifest::ResourceType;
use dvt_runner::{RunCommand, RunRequest};
use std::sync::Arc;

/// What can be cloned: what `ref` can name.
const TYPES: [ResourceType; 3] = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];

pub(super) fn run(app: &mut App, cli: &Cli, args: &CloneArgs) -> Result<Exit, Diagnostics> {
    let mut types = wanted_types(app, &args.resource_types, &TYPES, &TYPES)?;
    types.retain(|kind| TYPES.contains(kind));
    let project = Arc::new(app.load_project(cli)?);
    let chosen = selected(app, &project.manifest, &args.selection, Some(types))?;
    app.found(&project.manifest);
    let request = RunRequest::new(RunCommand::Clone, chosen.into_iter().collect());
    Ok(exit_of(&execute(app, &project, request)?))
}
