//! `dvt docs generate`: the compiled manifest and the catalog of all connections.

use super::compile::print_problems;
use super::docs_serve::{write_page, write_static_page};
use super::execute::{execute, exit_of, with_runner};
use super::select::selected;
use crate::app::{App, Exit};
use crate::cli::{Cli, DocsGenerateArgs};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, kinds};
use dvt_manifest::{ResourceType, UniqueId};
use dvt_project::Project;
use dvt_runner::{RunCommand, RunRequest};
use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::sync::Arc;
use std::{fs, io};

pub(super) fn run(app: &mut App, cli: &Cli, args: &DocsGenerateArgs) -> Result<Exit, Diagnostics> {
    let project = Arc::new(app.load_project(cli)?);
    let mut only: Option<BTreeSet<UniqueId>> = None;
    if !args.no_compile {
        let kinds = vec![
            ResourceType::Model,
            ResourceType::Test,
            ResourceType::Snapshot,
            ResourceType::Analysis,
            ResourceType::Operation,
            ResourceType::Seed,
            ResourceType::SqlOperation,
            ResourceType::Function,
        ];
        let mut chosen = selected(app, &project.manifest, &args.selection, Some(kinds))?;
        app.found(&project.manifest);
        let request = RunRequest::new(RunCommand::Docs, chosen.iter().cloned().collect());
        let outcome = execute(app, &project, request)?;
        if outcome.could_not_go_on || !outcome.succeeded() {
            print_problems(app, &outcome);
            return Ok(exit_of(&outcome));
        }
        chosen.extend(selected(app, &project.manifest, &args.selection, Some(vec![ResourceType::Source]))?);
        only = Some(chosen);
    }
    if args.empty_catalog {
        only = Some(BTreeSet::new());
    } else {
        app.events().fire(Event::new(kinds::BUILDING_CATALOG, "Building catalog"));
    }
    let catalog = with_runner(app, &project, true, async |runner, reporter, cancel| {
        runner.write_catalog(only.as_ref(), reporter, cancel).await
    })?;
    for error in &catalog.errors {
        let text = error.event.as_ref().map_or(&error.message, |event| &event.message);
        let message = format!("Encountered an error while generating catalog: {text}");
        let event = Event::new(kinds::CATALOG_GENERATION_ERROR, message).with("exc", text.as_str());
        app.events().warn_or_error(event)?;
    }
    app.printer.details(&catalog.errors);
    if !catalog.errors.is_empty() {
        let count = catalog.errors.len();
        let message =
            format!("dbt encountered {count} failure{} while writing the catalog", if count == 1 { "" } else { "s" });
        app.events().fire(Event::new(kinds::WRITE_CATALOG_FAILURE, message).with("num_exceptions", count));
    }
    write_page(&project.config.target_path)?;
    copy_assets(&project)?;
    if args.static_page {
        write_static_page(&project.config.target_path)?;
    }
    let path = project.config.target_path.join("catalog.json").display().to_string();
    app.events()
        .fire(Event::new(kinds::CATALOG_WRITTEN, format!("Catalog written to {path}")).with("path", path.as_str()));
    Ok(if catalog.errors.is_empty() { Exit::Success } else { Exit::Failed })
}

/// Copies the folders of `asset-paths` (pictures that descriptions show) beside the page, in the place of older copies.
fn copy_assets(project: &Project) -> Result<(), Diagnostic> {
    let config = &project.config;
    for asset in &config.project.asset_paths {
        let is_inside =
            Path::new(asset).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !is_inside {
            return Err(Diagnostic::error("asset-path", format!("asset-paths: `{asset}` lies outside of the project"))
                .help("name a folder inside the project"));
        }
        let (from, to) = (config.project.root.join(asset), config.target_path.join(asset));
        let failed = |error: io::Error| {
            Diagnostic::error(
                "asset-path",
                format!("the assets in `{asset}` cannot be copied to the target folder: {error}"),
            )
        };
        if !from.is_dir() || config.target_path.starts_with(&from) || to == from {
            continue;
        }
        if to.exists() {
            fs::remove_dir_all(&to).map_err(failed)?;
        }
        copy_folder(&from, &to).map_err(failed)?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
