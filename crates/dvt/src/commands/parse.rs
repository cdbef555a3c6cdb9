//! `dvt parse`: reads the project and writes `manifest.json`, `semantic_manifest.json` and `perf_info.json`.

use crate::app::{App, Exit};
use crate::cli::Cli;
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, kinds};
use dvt_manifest::{Manifest, WriteError, write_atomically, write_atomically_with};
use dvt_project::Project;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

pub(super) fn run(app: &mut App, cli: &Cli) -> Result<Exit, Diagnostics> {
    let begun = Instant::now();
    let project = app.load_project(cli)?;
    write_perf_info(app, &project, begun)?;
    if app.settings.write_json {
        write_manifest(&project.manifest, &project.config.target_path)?;
    }
    app.found(&project.manifest);
    // The process ends here; taking a large project apart would be a tenth of its time.
    std::mem::forget(project);
    Ok(Exit::Success)
}

pub(super) fn write_manifest(manifest: &Manifest, target_path: &Path) -> Result<(), Diagnostic> {
    let path = target_path.join("manifest.json");
    write_atomically_with(&path, |out| manifest.write_json(out)).map_err(cannot_write)?;
    let text = manifest.semantic_manifest_json();
    write_atomically(&target_path.join("semantic_manifest.json"), text.as_bytes()).map_err(cannot_write)
}

fn cannot_write(error: WriteError) -> Diagnostic {
    Diagnostic::error("cannot-write", error.to_string()).help("name another folder with --target-path")
}

/// dbt's figures about the reading. What dvt does in one go, and so has no time of its own, is null as dbt's classes allow.
fn write_perf_info(app: &App, project: &Project, begun: Instant) -> Result<(), Diagnostic> {
    let figures = project.figures;
    let parsed = figures.parsed;
    let packages: Vec<Value> = project
        .packages
        .iter()
        .map(|package| json!({"project_name": package.name, "elapsed": 0.0, "parsers": [], "parsed_path_count": 0}))
        .collect();
    let info = json!({
        "path_count": figures.paths,
        "parsed_path_count": parsed,
        "static_analysis_path_count": 0,
        "static_analysis_parsed_path_count": 0,
        "is_partial_parse_enabled": app.settings.partial_parse,
        "is_static_analysis_enabled": app.settings.static_parser,
        "read_files_elapsed": null,
        "load_macros_elapsed": null,
        "parse_project_elapsed": null,
        "patch_sources_elapsed": null,
        "process_manifest_elapsed": null,
        "load_all_elapsed": begun.elapsed().as_secs_f64(),
        "projects": packages,
    });
    let path = project.config.target_path.join("perf_info.json");
    let text = super::compile::indented(&info);
    write_atomically(&path, text.as_bytes()).map_err(cannot_write)?;
    let shown = path.display().to_string();
    let event = Event::new(kinds::PARSE_PERF_INFO_PATH, format!("Performance info: {shown}"));
    app.events().fire(event.with("path", shown));
    Ok(())
}
