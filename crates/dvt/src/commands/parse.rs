//! `dvt parse`: reads the project and writes its manifest and `perf_info.json`.

use crate::app::{App, Exit};
use crate::cli::Cli;
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, kinds};
use dvt_manifest::{WriteError, write_atomically};
use dvt_project::Project;
use serde_json::{Value, json};
use std::time::Instant;

pub(super) fn run(app: &mut App, cli: &Cli) -> Result<Exit, Diagnostics> {
    let begun = Instant::now();
    let project = app.read_project(cli)?;
    write_perf_info(app, &project, begun)?;
    if app.settings.write_json {
        app.write_parsed(&project)?;
    }
    app.found(&project.manifest);
    // The process ends here; taking a large project apart would be a tenth of its time.
    std::mem::forget(project);
    Ok(Exit::Success)
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
