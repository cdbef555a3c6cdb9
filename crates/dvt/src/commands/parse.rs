//! `dvt parse`: reads the project and writes `manifest.json` and `semantic_manifest.json`.

use crate::app::{App, Exit};
use crate::cli::Cli;
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_manifest::{Manifest, write_atomically};
use std::path::Path;

pub(super) fn run(app: &mut App, cli: &Cli) -> Result<Exit, Diagnostics> {
    let project = app.load_project(cli)?;
    if app.settings.write_json {
        write_manifest(&project.manifest, &project.config.target_path)?;
    }
    app.found(&project.manifest);
    // The process ends here; taking a large project apart would be a tenth of its time.
    std::mem::forget(project);
    Ok(Exit::Success)
}

pub(super) fn write_manifest(manifest: &Manifest, target_path: &Path) -> Result<(), Diagnostic> {
    let texts = [("manifest.json", manifest.to_json()), ("semantic_manifest.json", manifest.semantic_manifest_json())];
    for (name, text) in texts {
        write_atomically(&target_path.join(name), text.as_bytes()).map_err(|error| {
            Diagnostic::error("cannot-write", error.to_string()).help("name another folder with --target-path")
        })?;
    }
    Ok(())
}
