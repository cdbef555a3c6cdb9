//! `dvt run` and `dvt seed`.

use super::execute::{execute, exit_of};
use super::select::selected;
use super::tables::text_table;
use crate::app::{App, Exit};
use crate::cli::{Cli, RunArgs, SeedArgs};
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_manifest::ResourceType;
use dvt_project::Project;
use dvt_runner::{RunCommand, RunOutcome, RunRequest, Status};
use serde_json::json;
use std::sync::Arc;

pub(super) fn run(app: &mut App, cli: &Cli, args: &RunArgs) -> Result<Exit, Diagnostics> {
    let project = Arc::new(app.load_project(cli)?);
    let chosen = selected(app, &project.manifest, &args.selection, Some(vec![ResourceType::Model]))?;
    app.found(&project.manifest);
    let request = RunRequest::new(RunCommand::Run, chosen.into_iter().collect());
    Ok(exit_of(&execute(app, &project, request)?))
}

pub(super) fn seed(app: &mut App, cli: &Cli, args: &SeedArgs) -> Result<Exit, Diagnostics> {
    let project = Arc::new(app.load_project(cli)?);
    let chosen = selected(app, &project.manifest, &args.selection, Some(vec![ResourceType::Seed]))?;
    app.found(&project.manifest);
    let outcome = execute(app, &project, RunRequest::new(RunCommand::Seed, chosen.into_iter().collect()))?;
    if args.show {
        show_seeds(app, &project, &outcome)?;
    }
    Ok(exit_of(&outcome))
}

/// The first rows of each seed that was loaded, as `--show` prints them.
pub(super) fn show_seeds(app: &App, project: &Arc<Project>, outcome: &RunOutcome) -> Result<(), Diagnostics> {
    for result in outcome.results.iter().filter(|result| result.status == Status::Success) {
        let Some(node) = project.manifest.nodes.get(&result.unique_id) else { continue };
        if node.resource_type != ResourceType::Seed {
            continue;
        }
        let mut request = RunRequest::new(RunCommand::Show, vec![result.unique_id.clone()]);
        request.limit = 10;
        // The artifacts are those of the run itself.
        request.writes_artifacts = false;
        let shown = execute(app, project, request)?;
        for (schema, batches) in shown.results.iter().filter_map(|result| result.rows.as_ref()) {
            let table =
                text_table(schema, batches).map_err(|error| Diagnostic::error("cannot-show", error.to_string()))?;
            let header = format!("Random sample of table: {}.{}", node.schema, node.alias);
            let text = format!("\n{header}\n{}\n{table}", "-".repeat(header.len()));
            app.printer.rows(events::SHOW_NODE, &text, json!({"node_name": result.name, "preview": table}));
        }
    }
    Ok(())
}
