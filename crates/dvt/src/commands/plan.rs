//! `dvt plan`: what each selected node would do, and why. Nothing is written to any database.

mod text;

use super::compile::{indented, print_problems};
use super::execute::{execute, exit_of};
use super::select::{selected, wanted_types};
use crate::app::{App, Exit};
use crate::cli::{Cli, OutputFormat, PlanArgs};
use crate::printer::events;
use dvt_diagnostics::Diagnostics;
use dvt_manifest::ResourceType;
use dvt_runner::{NodePlan, RunCommand, RunRequest};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// What has a route.
const TYPES: [ResourceType; 5] =
    [ResourceType::Model, ResourceType::Snapshot, ResourceType::Seed, ResourceType::Test, ResourceType::Analysis];

/// The version of the JSON document's shape: it changes when a field goes or means something else.
const SHAPE: u32 = 1;

pub(super) fn run(app: &mut App, cli: &Cli, args: &PlanArgs) -> Result<Exit, Diagnostics> {
    let types = wanted_types(app, &args.resource_types, &TYPES, &TYPES)?;
    app.data_only();
    let project = Arc::new(app.load_project(cli)?);
    let chosen = selected(app, &project.manifest, &args.selection, Some(types))?;
    app.found(&project.manifest);
    let mut request = RunRequest::new(RunCommand::Plan, chosen.into_iter().collect());
    request.keeps_ephemerals = true;
    // The artifacts stay those of the last run: `retry` starts from them.
    request.writes_artifacts = false;
    let outcome = execute(app, &project, request)?;
    print_problems(app, &outcome);
    // Nodes are planned side by side; they are shown in the order in which they would run.
    let places: HashMap<&str, usize> =
        outcome.order.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
    let mut plans: Vec<&NodePlan> = outcome.results.iter().filter_map(|result| result.plan.as_deref()).collect();
    plans.sort_by_key(|plan| places.get(plan.unique_id.as_str()).copied().unwrap_or(usize::MAX));
    let document = json!({"shape": SHAPE, "target": project.config.profile.target, "nodes": plans});
    let text = match args.output {
        OutputFormat::Json => indented(&document),
        OutputFormat::Text => text::plans(&plans),
    };
    if !(plans.is_empty() && args.output == OutputFormat::Text) {
        app.printer.data(events::LIST_OUTPUT, &text, document);
    }
    Ok(exit_of(&outcome))
}
