//! Finds and reads `profiles.yml`.

use super::value_renderer;
use crate::files::{read_text, shown_path};
use crate::profile::is_secret_key;
use crate::render::ValueRenderer;
use crate::wording;
use crate::yaml::{Yaml, YamlValue, load_yaml};
use crate::{ConnectionSettings, Output, Profile, ProjectFile, ProjectSettings};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, Label, SourceFile, Span, did_you_mean, kinds};
use dvt_jinja::{Template, ValueMode};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn load(
    settings: &ProjectSettings,
    project: Option<&ProjectFile>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Profile, Diagnostics> {
    let (directory, file) = find(settings, project)?;
    let shown = with_secrets_masked(&file);
    let mut file_warnings = Vec::new();
    let result = read(settings, project, directory, &file, &mut file_warnings);
    warnings.extend(file_warnings.into_iter().map(|warning| masked(warning, &file, &shown)));
    match result {
        Ok(mut profile) => {
            profile.file = Arc::clone(&shown);
            for output in profile.outputs.values_mut() {
                output.span.file = Arc::clone(&shown);
                if let Err(diagnostic) = &mut output.settings {
                    **diagnostic = masked((**diagnostic).clone(), &file, &shown);
                }
            }
            // The default target must work; another output is an error only where something uses it.
            match profile.output(&profile.target.clone()) {
                Ok(_) => Ok(profile),
                Err(diagnostic) => Err(diagnostic.into()),
            }
        }
        Err(diagnostics) => {
            Err(Diagnostics(diagnostics.0.into_iter().map(|diagnostic| masked(diagnostic, &file, &shown)).collect()))
        }
    }
}

/// The folders where `profiles.yml` may be, in order; a folder that was named is the only one.
fn folders(settings: &ProjectSettings, project: Option<&ProjectFile>) -> Vec<PathBuf> {
    let named = settings.profiles_dir.clone().or_else(|| settings.variable("PROFILES_DIR").map(PathBuf::from));
    if let Some(named) = named {
        return vec![super::resolve_path(&named.to_string_lossy(), &settings.project_dir, settings.home.as_deref())];
    }
    let mut folders = vec![project.map_or_else(|| settings.project_dir.clone(), |project| project.root.clone())];
    if let Some(home) = &settings.home {
        folders.push(home.join(".dvt"));
        folders.push(home.join(".dbt"));
    }
    folders
}

fn find(settings: &ProjectSettings, project: Option<&ProjectFile>) -> Result<(PathBuf, Arc<SourceFile>), Diagnostics> {
    let folders = folders(settings, project);
    for folder in &folders {
        let path = folder.join("profiles.yml");
        let shown = match project {
            Some(project) => shown_path(&path, &project.root),
            None => shown_path(&path, &settings.project_dir),
        };
        if let Some(file) = read_text(&path, &shown)? {
            return Ok((folder.clone(), file));
        }
    }
    let searched: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let name = settings.profile.as_deref().or_else(|| project.and_then(|project| project.profile.as_deref()));
    Err(Diagnostic::error("no-profiles", "no profiles.yml was found")
        .event(in_dbts_words(&format!("Could not find profile named '{}'", name.unwrap_or("None"))))
        .note(format!("searched in {}", wording::list(&searched)))
        .help("make one with `dvt init`, or say where it is with `--profiles-dir`")
        .into())
}

/// The message that dbt has for it.
fn in_dbts_words(message: &str) -> Event {
    Event::new(kinds::MAIN_ENCOUNTERED_ERROR, format!("Runtime Error\n  {}", message.replace('\n', "\n  ")))
}

fn read(
    settings: &ProjectSettings,
    project: Option<&ProjectFile>,
    directory: PathBuf,
    file: &Arc<SourceFile>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Profile, Diagnostics> {
    let tree = load_yaml(file, warnings)?;
    let named = settings.profile.clone().or_else(|| settings.variable("PROFILE").map(str::to_owned));
    let is_from_project = named.is_none();
    let Some(name) = named.or_else(|| project.and_then(|project| project.profile.clone())) else {
        let mut diagnostic = Diagnostic::error("no-profile", "the project names no profile")
            .help("add `profile: <name>` to dbt_project.yml, or name one with `--profile`");
        if let Some(project) = project {
            diagnostic = diagnostic.label(Span::line(&project.file, 1), "no `profile:` in this file");
        }
        return Err(diagnostic.into());
    };
    let known: Vec<&str> = tree
        .as_map()
        .map(|map| map.keys().map(String::as_str).filter(|key| *key != "config").collect())
        .unwrap_or_default();
    let Some(profile) = tree.get_set(&name) else {
        let mut diagnostic = Diagnostic::error("unknown-profile", format!("profile `{name}` is not in {}", file.path));
        if let (true, Some(project)) = (is_from_project, project)
            && let Some(place) = project.tree.get("profile")
        {
            diagnostic = diagnostic.label(place.span(&project.file), "named here");
        }
        diagnostic = diagnostic
            .event(in_dbts_words(&format!("Could not find profile named '{name}'")))
            .note(format!("its profiles are {}", wording::list(&known)));
        if let Some(near) = did_you_mean(&name, known.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        return Err(diagnostic.into());
    };
    let Some(outputs) = profile.get_set("outputs").and_then(Yaml::as_map).filter(|outputs| !outputs.is_empty()) else {
        return Err(Diagnostic::error("no-outputs", format!("profile `{name}` has no `outputs`"))
            .label(profile.span(file), "this profile")
            .help("give it a dictionary of connections under `outputs:`")
            .into());
    };
    let renderer = value_renderer(settings).with_secrets();
    let mut problems = Diagnostics::default();
    let outputs: IndexMap<String, Output> = outputs
        .iter()
        .filter_map(|(output_name, entry)| {
            let span = Span::new(file, entry.key_range.clone());
            match read_output(&renderer, file, output_name, &entry.value, span) {
                Ok(output) => Some((output_name.clone(), output)),
                Err(diagnostic) => {
                    problems.push(diagnostic);
                    None
                }
            }
        })
        .collect();
    if problems.has_errors() {
        return Err(problems);
    }
    let mut result =
        Profile { name, target: String::new(), is_target_chosen: false, outputs, directory, file: Arc::clone(file) };
    let from_settings = settings.target.clone().or_else(|| settings.variable("TARGET").map(str::to_owned));
    result.is_target_chosen = from_settings.is_some();
    let (target, place) = match (from_settings, profile.get_set("target")) {
        (Some(target), _) => (target, None),
        (None, Some(place)) => (rendered_text(&renderer, file, place, "target")?, Some(place.span(file))),
        (None, None) => ("default".to_owned(), None),
    };
    if !result.outputs.contains_key(&target) {
        let known: Vec<&str> = result.outputs.keys().map(String::as_str).collect();
        let mut diagnostic = Diagnostic::error(
            "unknown-target",
            format!("target `{target}` is not an output of profile `{}`", result.name),
        )
        .event(in_dbts_words(&format!(
            "The profile '{}' does not have a target named '{target}'. The valid target names for this profile are:{}",
            result.name,
            known.iter().map(|name| format!("\n - {name}")).collect::<String>()
        )))
        .note(format!("its outputs are {}", wording::list(&known)));
        if let Some(place) = place {
            diagnostic = diagnostic.label(place, "named here");
        }
        diagnostic = match did_you_mean(&target, known) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("name one of them with `--target` or `target:`"),
        };
        return Err(diagnostic.into());
    }
    result.target = target;
    Ok(result)
}

fn rendered_text(
    renderer: &ValueRenderer,
    file: &Arc<SourceFile>,
    value: &Yaml,
    what: &str,
) -> Result<String, Diagnostic> {
    let text = value.scalar_text().ok_or_else(|| {
        Diagnostic::error("wrong-type", format!("`{what}` must be a text, but it is {}", value.kind()))
            .label(value.span(file), "expected a text")
    })?;
    match renderer.text(&text, &value.span(file), ValueMode::Text)? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// One output. What makes no connection at all is an error at once; values that cannot be rendered are kept as one.
fn read_output(
    renderer: &ValueRenderer,
    file: &Arc<SourceFile>,
    name: &str,
    value: &Yaml,
    span: Span,
) -> Result<Output, Diagnostic> {
    let Some(map) = value.as_map() else {
        return Err(Diagnostic::error(
            "wrong-type",
            format!("output `{name}` must be a dictionary, but it is {}", value.kind()),
        )
        .label(span, "expected `type: …` and more keys"));
    };
    let Some(type_value) = map.get("type").map(|entry| &entry.value).filter(|value| !value.is_null()) else {
        return Err(Diagnostic::error("no-adapter-type", format!("output `{name}` has no `type`"))
            .label(span, "this output")
            .help("say which database it is: `type: postgres`"));
    };
    let adapter_type = rendered_text(renderer, file, type_value, "type")?;
    let mut values = Map::new();
    let mut failure: Option<Diagnostic> = None;
    for (key, entry) in map {
        match render_setting(renderer, file, key, &entry.value) {
            Ok(value) => {
                values.insert(key.clone(), value);
            }
            Err(diagnostic) => match &mut failure {
                None => failure = Some(diagnostic.note(format!("for the connection `{name}`"))),
                Some(first) => {
                    first.labels.extend(
                        diagnostic.labels.into_iter().map(|label| Label { text: diagnostic.message.clone(), ..label }),
                    );
                }
            },
        }
    }
    let settings = match failure {
        None => Ok(ConnectionSettings::new(values)),
        Some(failure) => Err(Box::new(failure)),
    };
    Ok(Output { name: name.to_owned(), adapter_type, settings, span })
}

/// Secrets stay text whatever they look like: a password of digits is no number.
fn render_setting(
    renderer: &ValueRenderer,
    file: &Arc<SourceFile>,
    key: &str,
    value: &Yaml,
) -> Result<Value, Diagnostic> {
    let is_secret = is_secret_key(key);
    match &value.value {
        YamlValue::Text(text) => {
            if key == "password" && !is_template(text) {
                // A password may look like Jinja and be none.
                return Ok(Value::String(text.clone()));
            }
            let mode = if is_secret { ValueMode::Text } else { ValueMode::Native };
            renderer.text(text, &value.span(file), mode)
        }
        YamlValue::Number(_) if is_secret => {
            // The text as it was written: leading zeros belong to a password.
            Ok(Value::String(file.text.get(value.range.clone()).unwrap_or_default().to_owned()))
        }
        YamlValue::List(items) => items
            .iter()
            .map(|item| render_setting(renderer, file, key, item))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        YamlValue::Map(map) => map
            .iter()
            .map(|(key, entry)| render_setting(renderer, file, key, &entry.value).map(|value| (key.clone(), value)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        _ => Ok(value.to_json()),
    }
}

/// Whether the text can be read as a template.
fn is_template(text: &str) -> bool {
    let file = SourceFile::new("password", text);
    Template::parse_range(&file, 0..text.len()).is_ok()
}

/// The file as messages may show it: literal values of secret keys are stars, byte for byte, so that places stay right.
fn with_secrets_masked(file: &Arc<SourceFile>) -> Arc<SourceFile> {
    let mut text = String::with_capacity(file.text.len());
    // Lines deeper than this belong to a secret that spans lines (a private key in block style).
    let mut inside: Option<usize> = None;
    for line in file.text.split_inclusive('\n') {
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        let is_continuation = inside.is_some_and(|depth| indentation > depth || content.trim().is_empty());
        if is_continuation {
            text.push_str(&stars(line));
            continue;
        }
        inside = None;
        match secret_value_start(line) {
            Some(start) if !line[start..].contains("{{") => {
                inside = Some(indentation);
                text.push_str(&line[..start]);
                text.push_str(&stars(&line[start..]));
            }
            _ => text.push_str(line),
        }
    }
    SourceFile::new(file.path.clone(), text)
}

/// Where the values start on a line that holds a secret key, in block (`pass: x`) or flow (`{pass: x}`) style.
fn secret_value_start(line: &str) -> Option<usize> {
    line.match_indices(':').find_map(|(colon, _)| {
        let before = line[..colon].trim_end().trim_end_matches(['"', '\'']);
        let start = before
            .rfind(|character: char| !character.is_alphanumeric() && character != '_' && character != '-')
            .map_or(0, |position| position + before[position..].chars().next().map_or(1, char::len_utf8));
        is_secret_key(&before[start..]).then_some(colon + 1)
    })
}

fn stars(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            ' ' | '\n' | '\r' | '\t' => character.to_string(),
            other => "*".repeat(other.len_utf8()),
        })
        .collect()
}

fn masked(mut diagnostic: Diagnostic, file: &Arc<SourceFile>, shown: &Arc<SourceFile>) -> Diagnostic {
    for label in &mut diagnostic.labels {
        if Arc::ptr_eq(&label.span.file, file) {
            label.span.file = Arc::clone(shown);
        }
    }
    diagnostic
}
