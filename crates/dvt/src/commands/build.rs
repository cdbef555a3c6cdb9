//! `dvt build`: seeds, models, snapshots, functions and their tests, in the order of their dependencies.

use super::execute::{execute, exit_of};
use super::run::show_seeds;
use super::select::{selected, wanted_types};
use crate::app::{App, Exit};
use crate::cli::{BuildArgs, Cli};
use dvt_diagnostics::Diagnostics;
use dvt_manifest::ResourceType;
use dvt_runner::{RunCommand, RunRequest};
use std::sync::Arc;

/// What `build` builds.
const TYPES: [ResourceType; 8] = [
    ResourceType::Model,
    ResourceType::Snapshot,
    ResourceType::Seed,
    ResourceType::Test,
    ResourceType::UnitTest,
    ResourceType::SavedQuery,
    ResourceType::Exposure,
    ResourceType::Function,
];

pub(super) fn run(app: &mut App, cli: &Cli, args: &BuildArgs) -> Result<Exit, Diagnostics> {
    let types = wanted_types(app, &args.resource_types, &TYPES, &TYPES)?;
    let project = Arc::new(app.load_project(cli)?);
    let chosen = selected(app, &project.manifest, &args.selection, Some(types))?;
    app.found(&project.manifest);
    let outcome = execute(app, &project, RunRequest::new(RunCommand::Build, chosen.into_iter().collect()))?;
    if args.show {
        show_seeds(app, &project, &outcome)?;
    }
    Ok(exit_of(&outcome))
}
