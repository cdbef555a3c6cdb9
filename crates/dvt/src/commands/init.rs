//! `dvt init`: a project that runs at once on SQLite and files, and the configuration files that are not there yet.

mod scaffold;

use crate::app::{App, Exit};
use crate::cli::InitArgs;
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics};
use serde_json::json;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(super) fn run(app: &mut App, args: &InitArgs) -> Result<Exit, Diagnostics> {
    app.announce();
    let Some(name) = &args.project_name else {
        return Err(Diagnostic::error("no-project-name", "`dvt init` needs a name for the project")
            .help("for example: dvt init shop")
            .into());
    };
    check_name(name)?;
    let folder = app.settings.project_dir.join(name);
    if folder.exists() {
        return Err(Diagnostic::error("project-exists", format!("`{}` is there already", folder.display()))
            .note("nothing was written")
            .help("choose another name")
            .into());
    }
    for (path, text) in scaffold::project_files(name) {
        write_new(&folder.join(path), &text)?;
    }
    let root = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
    let mut written = vec![folder.join("dbt_project.yml")];
    if !args.skip_profile_setup {
        written.extend(set_up_configuration(app, name, &root)?);
    }
    for path in &written {
        let text = format!("Wrote {}", path.display());
        app.printer.event(events::PROJECT_CREATED, &text, json!({"path": path.display().to_string()}));
    }
    app.printer.blank();
    let text = format!("Your project `{name}` is ready: cd {name}, then dvt debug, dvt seed, dvt run");
    app.printer.event(events::PROJECT_CREATED, &text, json!({"project_name": name}));
    Ok(Exit::Success)
}

/// dbt's rule for project names.
fn check_name(name: &str) -> Result<(), Diagnostic> {
    let fits = name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_alphanumeric() || character == '_');
    if fits {
        return Ok(());
    }
    Err(Diagnostic::error("invalid-project-name", format!("`{name}` cannot be a project's name"))
        .note("a name has letters, digits and underscores, and starts with no digit"))
}

/// Writes the files of `~/.dvt` that are missing. Files that are there stay as they are: when their profiles do not hold
/// this project's, it gets a `profiles.yml` of its own.
fn set_up_configuration(app: &App, name: &str, root: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let Some(home) = app.environment.home() else {
        return Err(Diagnostic::error("no-home", "the home folder is unknown: HOME is not set")
            .help("set HOME, or use --skip-profile-setup"));
    };
    let mut written = Vec::new();
    let shared = home.join(".dvt");
    for (file, text) in scaffold::configuration_files(name, root) {
        let path = shared.join(file);
        if !path.exists() {
            write_new(&path, &text)?;
            written.push(path);
        } else if file == "profiles.yml" {
            let own = root.join(file);
            write_new(&own, &text)?;
            written.push(own);
        }
    }
    Ok(written)
}

fn write_new(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let wrong = |error: std::io::Error| {
        let reason = match error.kind() {
            ErrorKind::AlreadyExists => "it is there already".to_owned(),
            _ => error.to_string(),
        };
        Diagnostic::error("cannot-write", format!("`{}` cannot be written: {reason}", path.display()))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(wrong)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(wrong)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_those_that_dbt_takes() {
        for fine in ["shop", "_shop2", "Läden"] {
            assert!(check_name(fine).is_ok(), "{fine}");
        }
        for wrong in ["", "2shop", "my-shop", "my shop", "a.b", "../x"] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }
}
