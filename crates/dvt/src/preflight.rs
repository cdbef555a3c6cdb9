//! What every command says and checks first: dbt's first line, the flags it runs with, and deprecated ways to say them.

use crate::app::App;
use crate::environment::RESERVED_PREFIX;
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, kinds};
use dvt_manifest::DBT_VERSION;
use dvt_project::ConfigFiles;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;

impl App {
    /// dbt's first lines, once per invocation.
    pub(crate) fn announce(&self) {
        if self.announced.swap(true, Ordering::Relaxed) {
            return;
        }
        let version = env!("CARGO_PKG_VERSION");
        self.printer.event(
            events::MAIN_REPORT_VERSION,
            &format!("Running with dvt={version} (dbt={DBT_VERSION})"),
            json!({"version": format!("={DBT_VERSION}"), "dvt_version": version, "log_version": 3}),
        );
        let args: Map<String, Value> = self
            .settings
            .artifact_args()
            .into_iter()
            .map(|(name, value)| (name, Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned))))
            .collect();
        self.printer.event(
            events::MAIN_REPORT_ARGS,
            &format!("running dvt with arguments {}", Value::Object(args.clone())),
            json!({"args": args}),
        );
        for deprecation in self.deprecated_ways() {
            self.events().fire(deprecation);
        }
        for name in &self.settings.warn_error_options.v2_names {
            let message = format!("{name} is not being used because it's specific to the dbt v2 engine.");
            self.events().fire(Event::new(kinds::NOTE, message.clone()).with("msg", message));
        }
        if !self.settings.partial_parse {
            let event = Event::new(kinds::PARTIAL_PARSING_NOT_ENABLED, "Partial parsing not enabled");
            self.events().fire(event);
        }
    }

    /// Deprecated names of flags and variables that this invocation uses.
    fn deprecated_ways(&self) -> Vec<Event> {
        let mut found = Vec::new();
        for (old, new) in self.environment.renamed() {
            let message = format!(
                "The environment variable `{old}` has been renamed as `{new}`.\nIf `{old}` is currently set, its value \
                 will be used instead of `{new}`.\nSet `{new}` and unset `{old}` to avoid this deprecation warning and \
                 ensure it works properly in a future release."
            );
            let event = Event::new(kinds::ENVIRONMENT_VARIABLE_RENAMED, message);
            found.push(event.with("old_name", old.as_str()).with("new_name", new));
        }
        if self.has_flags_in_profile {
            let message = "User config should be moved from the 'config' key in profiles.yml to the 'flags' key in \
                           dbt_project.yml.";
            found.push(Event::new(kinds::PROJECT_FLAGS_MOVED_DEPRECATION, message));
        }
        let (include, exclude) = self.settings.warn_error_options.old_names;
        if include || exclude {
            let names: Vec<&str> = [(include, "`include`"), (exclude, "`exclude`")]
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, name)| *name)
                .collect();
            let mut message = format!("Found {} in `warn_error_options` specification.", names.join(" and "));
            if include {
                message.push_str(" Please use `error` instead of `include`.");
            }
            if exclude {
                message.push_str(" Please use `warn` instead of `exclude`.");
            }
            let event = Event::new(kinds::WEO_INCLUDE_EXCLUDE_DEPRECATION, message);
            found.push(event.with("found_include", include).with("found_exclude", exclude));
        }
        for word in ["--models", "--model", "-m"] {
            if self.words.iter().any(|given| given == word) {
                let message = "Usage of `--models`, `--model`, and `-m` is deprecated in favor of `--select` or `-s`.";
                found.push(Event::new(kinds::MODEL_PARAM_USAGE_DEPRECATION, message));
            }
        }
        for variable in self.environment.unknown_engine_variables() {
            let message = format!(
                "Found custom environment variable `{variable}` in the environment. The prefix `{RESERVED_PREFIX}` is \
                 reserved for dbt engine environment variables. Custom environment variables with the prefix \
                 `{RESERVED_PREFIX}` may cause collisions and runtime errors."
            );
            let event = Event::new(kinds::ENVIRONMENT_VARIABLE_NAMESPACE_DEPRECATION, message);
            found.push(event.with("env_var", variable).with("reserved_prefix", RESERVED_PREFIX));
        }
        found
    }
}

/// dbt's name for what is wrong with the configuration files, where it has none of its own.
pub(crate) fn as_runtime_errors(mut diagnostics: Diagnostics) -> Diagnostics {
    for diagnostic in &mut diagnostics.0 {
        if diagnostic.event.is_none() {
            let text = format!("Runtime Error\n  {}", diagnostic.message.replace('\n', "\n  "));
            diagnostic.event = Some(Box::new(Event::new(kinds::MAIN_ENCOUNTERED_ERROR, text)));
        }
    }
    diagnostics
}

/// `flags:` of `user_settings.yml`. As with dbt, a file that cannot be read says nothing.
pub(crate) fn user_flags(home: Option<&Path>) -> Map<String, Value> {
    let Some(home) = home else { return Map::new() };
    let files = [".dvt", ".dbt"].map(|folder| home.join(folder).join("user_settings.yml"));
    let settings = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
    let settings = settings.and_then(|text| dvt_project::parse_vars(&text).ok()).unwrap_or_default();
    settings.get("flags").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The flags that an old profiles.yml holds under `config:`, if it does.
///
/// # Errors
/// dbt_project.yml has flags too.
pub(crate) fn flags_of_the_profile(config: &ConfigFiles) -> Result<Option<Map<String, Value>>, Diagnostic> {
    let text = std::fs::read_to_string(config.profile.directory.join("profiles.yml")).unwrap_or_default();
    if !text.lines().any(|line| line.starts_with("config:") || line.starts_with("\"config\":")) {
        return Ok(None);
    }
    let profiles = dvt_project::parse_vars(&text).unwrap_or_default();
    let flags = profiles.get("config").and_then(Value::as_object).filter(|flags| !flags.is_empty());
    match flags {
        Some(_) if !config.project.flags.is_empty() => Err(Diagnostic::error(
            "flags-twice",
            "Do not specify both 'config' in profiles.yml and 'flags' in dbt_project.yml. Using 'config' in profiles.yml is \
             deprecated.",
        )
        .help("move what `config` says to `flags` in dbt_project.yml")),
        flags => Ok(flags.cloned()),
    }
}
