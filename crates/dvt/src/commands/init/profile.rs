//! Writes a profile that the user was asked for into profiles.yml, and leaves the other profiles as they are.

use super::prompts::{Prompts, chosen_template};
use crate::app::App;
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Event};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Asks for a connection and writes it as the profile of this name. `project` is the project's folder, whose own
/// `profile_template.yml` wins over dvt's.
///
/// # Errors
/// The answers end too early, or the file cannot be written.
pub(super) fn set_up(app: &App, prompts: &mut Prompts<'_>, profile: &str, project: &Path) -> Result<(), Diagnostic> {
    app.printer.event(events::SETTING_UP_PROFILE, "Setting up your profile.", Value::Null);
    let path = folder(app, project)?.join("profiles.yml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    if block_of(&text, profile).is_some() {
        let question =
            format!("The profile {profile} already exists in {}. Continue and overwrite it?", path.display());
        if !prompts.yes(&question)? {
            return Ok(());
        }
    }
    let (template, is_own) = template(app, prompts, project)?;
    let (target, output) = prompts.output(&template)?;
    let written = with_profile(&text, profile, &target, &output);
    if let Some(folder) = path.parent() {
        if !folder.exists() {
            let text = format!("Creating dvt configuration folder at {}", folder.display());
            app.printer.event(events::CONFIG_FOLDER_DIRECTORY, &text, json!({"dir": folder.display().to_string()}));
        }
        std::fs::create_dir_all(folder).map_err(|error| unwritable(&path, &error))?;
    }
    std::fs::write(&path, written).map_err(|error| unwritable(&path, &error))?;
    let (kind, whose) = if is_own {
        (events::PROFILE_WRITTEN_WITH_PROJECT_TEMPLATE_YAML, "project's")
    } else {
        (events::PROFILE_WRITTEN_WITH_TARGET_TEMPLATE_YAML, "target's")
    };
    let shown = path.display().to_string();
    let message =
        format!("Profile {profile} written to {shown} using {whose} profile_template.yml and your supplied values.");
    app.printer.say(Event::new(kind, message).with("name", profile).with("path", shown));
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("cannot-write", format!("`{}` cannot be written: {error}", path.display()))
}

/// Where profiles.yml is, or belongs.
pub(super) fn folder(app: &App, project: &Path) -> Result<PathBuf, Diagnostic> {
    if let Some(folder) = &app.settings.profiles_dir {
        return Ok(folder.clone());
    }
    let home = app.environment.home().ok_or_else(|| {
        Diagnostic::error("no-home", "the home folder is unknown: HOME is not set")
            .help("set HOME, or name a folder with --profiles-dir")
    })?;
    let folders = [project.to_owned(), home.join(".dvt"), home.join(".dbt")];
    let found = folders.iter().find(|folder| folder.join("profiles.yml").is_file());
    Ok(found.cloned().unwrap_or_else(|| home.join(".dvt")))
}

/// Whether profiles.yml has a profile of this name.
pub(super) fn exists(app: &App, profile: &str, project: &Path) -> Result<bool, Diagnostic> {
    let text = std::fs::read_to_string(folder(app, project)?.join("profiles.yml")).unwrap_or_default();
    Ok(block_of(&text, profile).is_some())
}

fn template(app: &App, prompts: &mut Prompts<'_>, project: &Path) -> Result<(Map<String, Value>, bool), Diagnostic> {
    if let Ok(text) = std::fs::read_to_string(project.join("profile_template.yml")) {
        match dvt_project::parse_vars(&text) {
            Ok(template) => return Ok((template, true)),
            Err(_) => {
                let text = "Invalid profile_template.yml in project.";
                app.printer.event(events::INVALID_PROFILE_TEMPLATE_YAML, text, Value::Null);
            }
        }
    }
    let template = chosen_template(prompts)?;
    Ok((template.as_object().cloned().unwrap_or_default(), false))
}

/// The bytes of a profile in the file: from its key to the next key at the start of a line.
fn block_of(text: &str, profile: &str) -> Option<std::ops::Range<usize>> {
    let keys = [format!("{profile}:"), format!("\"{profile}\":"), format!("'{profile}':")];
    let mut start = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_key = !line.starts_with([' ', '\t', '#', '\n', '\r', '-']);
        if let (Some(start), true) = (start, is_key) {
            return Some(start..at);
        }
        if is_key && keys.iter().any(|key| line.trim_end() == key || line.starts_with(&format!("{key} "))) {
            start = Some(at);
        }
        at += line.len();
    }
    start.map(|start| start..at)
}

/// The file with the profile in place of the one of its name, or behind the others.
fn with_profile(text: &str, profile: &str, target: &str, output: &Map<String, Value>) -> String {
    let mut keys: Vec<&String> = output.keys().collect();
    keys.sort_unstable();
    let mut block = format!("{profile}:\n  outputs:\n    {}:\n", scalar(&Value::from(target)));
    for key in keys {
        block = format!("{block}      {key}: {}\n", scalar(&output[key]));
    }
    block = format!("{block}  target: {}\n", scalar(&Value::from(target)));
    match block_of(text, profile) {
        Some(range) => format!("{}{block}{}", &text[..range.start], &text[range.end..]),
        None if text.is_empty() => block,
        None => format!("{}\n\n{block}", text.trim_end()),
    }
}

/// A value as YAML: text in quotes unless it can be nothing but text.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let is_word = text.chars().next().is_some_and(char::is_alphabetic)
        && text.chars().all(|character| character.is_alphanumeric() || "_-./@+".contains(character));
    let means_something = matches!(
        text.to_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n" | "nan" | "inf"
    );
    if is_word && !means_something { text.clone() } else { format!("'{}'", text.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Map<String, Value> {
        json!({"type": "postgres", "port": 5432, "pass": "it's # {{ x }}", "user": "me", "ssl": true})
            .as_object()
            .unwrap()
            .clone()
    }

    const WRITTEN: &str = "shop:
  outputs:
    dev:
      pass: 'it''s # {{ x }}'
      port: 5432
      ssl: true
      type: postgres
      user: me
  target: dev
";

    #[test]
    fn a_profile_is_written_beside_the_others_or_in_place_of_its_old_self() {
        assert_eq!(with_profile("", "shop", "dev", &output()), WRITTEN);
        let other = "# mine\nother:\n  target: x\n";
        assert_eq!(with_profile(other, "shop", "dev", &output()), format!("{other}\n{WRITTEN}"));
        let both = "shop:  # old\n  target: x\n\n  # more\nother:\n  target: x\n";
        assert_eq!(with_profile(both, "shop", "dev", &output()), format!("{WRITTEN}other:\n  target: x\n"));
        let last = "other:\n  a: 1\nshop:\n  target: x";
        assert_eq!(with_profile(last, "shop", "dev", &output()), format!("other:\n  a: 1\n{WRITTEN}"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let read = dvt_project::parse_vars(&with_profile("", "shop", "dev", &output())).unwrap();
        assert_eq!(read["shop"]["outputs"]["dev"], Value::Object(output()));
    }
}
