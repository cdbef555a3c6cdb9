//! `dvt init`: a project that runs at once on SQLite and files, and the configuration files that are not there yet.

mod profile;
mod prompts;
mod scaffold;

use crate::app::{App, Exit};
use crate::cli::{Cli, DebugArgs, InitArgs};
use crate::preflight;
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics, Event};
use prompts::Prompts;
use serde_json::json;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

pub(super) fn run(app: &mut App, cli: &Cli, args: &InitArgs) -> Result<Exit, Diagnostics> {
    app.announce();
    let start = std::path::absolute(&app.settings.project_dir).unwrap_or_else(|_| app.settings.project_dir.clone());
    if let Some(project) = start.ancestors().find(|folder| folder.join("dbt_project.yml").is_file()) {
        return set_up_project(app, cli, args, project);
    }
    let name = prompts::project_name(app, args.project_name.as_deref(), is_name)?;
    let folder = app.settings.project_dir.join(&name);
    if folder.exists() {
        let text = format!("A project called {name} already exists here.");
        app.printer.event(events::PROJECT_NAME_ALREADY_EXISTS, &text, json!({"name": name}));
        return Ok(Exit::Success);
    }
    let root = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
    let existing = app.settings.profile.clone();
    if let Some(profile) = &existing
        && !profile::exists(app, profile, &start)?
    {
        let message = format!("Could not find profile named '{profile}'");
        let text = format!("Runtime Error\n  {message}");
        let error =
            Diagnostic::error("unknown-profile", message).event(Event::new(events::MAIN_ENCOUNTERED_ERROR, text));
        return Err(error.help("leave --profile out to make one").into());
    }
    // On a terminal the user says which database it is; otherwise the project runs on files alone.
    let asks = existing.is_none() && !args.skip_profile_setup && !args.sample && std::io::stdin().is_terminal();
    let profile_name = existing.as_deref().unwrap_or(&name);
    let files = if asks || existing.is_some() {
        scaffold::plain_project_files(&name, profile_name)
    } else {
        scaffold::project_files(&name)
    };
    for (path, text) in files {
        write_new(&folder.join(path), &text)?;
    }
    let mut written = vec![folder.join("dbt_project.yml")];
    if asks {
        profile::set_up(app, &mut Prompts::of_stdin(), &name, &root)?;
    } else if existing.is_none() && !args.skip_profile_setup {
        written.extend(set_up_configuration(app, &name, &root)?);
    }
    for path in &written {
        let text = format!("Wrote {}", path.display());
        app.printer.event(events::NOTE, &text, json!({"path": path.display().to_string()}));
    }
    if asks && !args.skip_debug {
        app.settings.project_dir.clone_from(&folder);
        run_debug(app, cli);
    }
    app.printer.blank();
    let text = format!(
        "Your new dvt project \"{name}\" was created!\nInitialized new project in {}\n\nYour project `{name}` is ready: \
         cd {name}, then dvt debug, dvt build",
        root.display()
    );
    app.printer.event(events::PROJECT_CREATED, &text, json!({"project_name": name}));
    Ok(Exit::Success)
}

/// Inside a project, `init` sets up the user's profile for it.
fn set_up_project(app: &mut App, cli: &Cli, args: &InitArgs, project: &Path) -> Result<Exit, Diagnostics> {
    if app.settings.profile.is_some() {
        let message = "Can not init existing project with specified profile, edit dbt_project.yml instead";
        let text = format!("Runtime Error\n  {message}");
        return Err(Diagnostic::error("profile-in-project", message)
            .event(Event::new(events::MAIN_ENCOUNTERED_ERROR, text))
            .into());
    }
    if args.skip_profile_setup {
        return Ok(Exit::Success);
    }
    let settings = app.project_settings()?;
    let file = dvt_project::load_project_file(&settings, &mut Vec::new()).map_err(preflight::as_runtime_errors)?;
    let Some(name) = file.profile else {
        return Err(Diagnostic::error("no-profile", "the project names no profile")
            .help("add `profile: <name>` to dbt_project.yml")
            .into());
    };
    profile::set_up(app, &mut Prompts::of_stdin(), &name, project)?;
    if !args.skip_debug {
        run_debug(app, cli);
    }
    Ok(Exit::Success)
}

/// Tries the new profile; what does not work yet is said, and the project stands.
fn run_debug(app: &mut App, cli: &Cli) {
    app.printer.event(events::NOTE, "Running dvt debug to validate the project...", json!({}));
    let outcome = super::debug::run(app, cli, &DebugArgs::default());
    if let Err(diagnostics) = &outcome {
        app.printer.problems(&diagnostics.0);
    }
    if !matches!(outcome, Ok(Exit::Success)) {
        let text = "Your profile may need adjustments. You can find the logs of `dvt debug` above";
        app.printer.event(events::NOTE, text, json!({}));
    }
}

/// dbt's rule for project names.
fn is_name(name: &str) -> bool {
    name != "dbt"
        && name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_alphanumeric() || character == '_')
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
    use super::is_name;

    #[test]
    fn names_are_those_that_dbt_takes() {
        for fine in ["shop", "_shop2", "Läden"] {
            assert!(is_name(fine), "{fine}");
        }
        for wrong in ["", "2shop", "my-shop", "my shop", "a.b", "../x"] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
