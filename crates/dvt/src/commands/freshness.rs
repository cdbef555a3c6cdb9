//! `dvt source freshness`: how old the newest rows of the sources are, in `target/sources.json`.

use super::execute::{execute, exit_of};
use super::select::selected;
use crate::app::{App, Exit};
use crate::cli::{Cli, FreshnessArgs};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, kinds};
use dvt_manifest::{ResourceType, SourceFreshness};
use dvt_runner::{RunCommand, RunRequest};
use std::sync::Arc;

pub(super) fn run(app: &mut App, cli: &Cli, args: &FreshnessArgs) -> Result<Exit, Diagnostics> {
    let project = Arc::new(app.load_project(cli)?);
    if let Some(path) = &args.output {
        let message = format!(
            "Custom output path usage `--output {}` usage detected in `dbt source freshness` command. This functionality \
             will be removed in a future version.",
            path.display()
        );
        let kind = kinds::CUSTOM_OUTPUT_PATH_IN_SOURCE_FRESHNESS_DEPRECATION;
        let event = Event::new(kind, message.clone()).with("path", path.display().to_string());
        app.warn(std::iter::once(&Diagnostic::warning("deprecated-flag", message).event(event)))?;
    }
    let chosen = selected(app, &project.manifest, &args.selection, Some(vec![ResourceType::Source]))?;
    app.found(&project.manifest);
    let checked = |id: &String| {
        let freshness = project.manifest.sources.get(id).and_then(|source| source.freshness.as_ref());
        freshness.is_some_and(SourceFreshness::has_threshold)
    };
    let mut request = RunRequest::new(RunCommand::Freshness, chosen.into_iter().filter(checked).collect());
    request.output.clone_from(&args.output);
    let outcome = execute(app, &project, request)?;
    app.events().fire(Event::new(kinds::FRESHNESS_CHECK_COMPLETE, "Done."));
    Ok(exit_of(&outcome))
}
