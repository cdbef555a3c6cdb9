//! One invocation: settings, printer, log file, then the command.

use crate::cli::{Cli, Command, LogFormat, unknown_command, version_text};
use crate::commands;
use crate::earlier::Earlier;
use crate::environment::Environment;
use crate::internals;
use crate::preflight;
use crate::printer::{Printer, PrinterOptions, SharedRedactor, events};
use crate::registry;
use crate::settings::{FlagFiles, Settings, Terminal, is_secret, usage};
use chrono::{DateTime, Utc};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, EventLevel, EventSink, Events, Secret, kinds};
use dvt_manifest::{DBT_VERSION, Manifest};
use dvt_project::{BucketKind, ConfigFiles, ParseCache, Project, ProjectFile, ProjectSettings};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::runtime::Runtime;

/// dbt's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    /// A node failed, or a check did.
    Failed,
    /// dvt could not run: bad flags, a broken project.
    CannotRun,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::CannotRun => 2,
        })
    }
}

/// What every command has at hand.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) environment: Environment,
    pub(crate) printer: Arc<Printer>,
    pub(crate) runtime: Runtime,
    pub(crate) invocation_id: String,
    pub(crate) started_at: DateTime<Utc>,
    terminal: Terminal,
    pub(crate) files: FlagFiles,
    /// The command line, for what only its very words tell.
    pub(crate) words: Vec<String>,
    pub(crate) announced: AtomicBool,
    /// The flags come from profiles.yml, where dbt once had them.
    pub(crate) has_flags_in_profile: bool,
    data_only: bool,
    /// Artifacts of earlier invocations, and what `retry` does again.
    pub(crate) earlier: Earlier,
}

/// Runs the command that the flags name and says how it went.
pub(crate) fn run(cli: &Cli, words: &[String], environment: Environment, terminal: Terminal) -> Exit {
    let invocation_id = uuid::Uuid::new_v4().to_string();
    let redactor = SharedRedactor::default();
    let printer = Arc::new(Printer::new(
        &invocation_id,
        Arc::clone(&redactor),
        PrinterOptions { colors: terminal.stderr, ..PrinterOptions::default() },
        Box::new(std::io::stdout()),
        Box::new(std::io::stderr()),
    ));
    printer.add_secrets(environment.secrets().map(Secret::new));
    if cli.version {
        printer.data(events::MAIN_REPORT_VERSION, version_text().trim_end(), json!({}));
        return Exit::Success;
    }
    let Some(command) = &cli.command else {
        printer.diagnostic(&Diagnostic::error("no-command", "no command was given").help("`dvt --help` lists them"));
        return Exit::CannotRun;
    };
    if let Command::Unknown(words) = command {
        printer.diagnostic(&unknown_command(words.first().map_or("", String::as_str)));
        return Exit::CannotRun;
    }
    let checked = usage::check_sides(words);
    let files = FlagFiles { user: preflight::user_flags(environment.home().as_deref()), ..FlagFiles::default() };
    let settings = match checked.and_then(|()| Settings::resolve(cli, &environment, &files, terminal)) {
        Ok(settings) => settings,
        Err(diagnostic) => {
            printer.diagnostic(&diagnostic);
            return Exit::CannotRun;
        }
    };
    printer.configure(settings.printer.clone());
    crate::registry::look_for_drivers_in(environment.driver_folders());
    crate::registry::look_for_spark_in(&environment.spark_places());
    crate::registry::look_at_variables(environment.variables().clone());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer
                .diagnostic(&Diagnostic::error("no-threads", format!("the worker threads cannot be started: {error}")));
            return Exit::CannotRun;
        }
    };
    let mut app = App {
        settings,
        environment,
        printer,
        runtime,
        invocation_id,
        started_at: Utc::now(),
        terminal,
        files,
        words: words.to_vec(),
        announced: AtomicBool::new(false),
        has_flags_in_profile: false,
        data_only: false,
        earlier: Earlier::default(),
    };
    match commands::run(&mut app, cli, command) {
        Ok(exit) => app.finish(exit),
        Err(diagnostics) => {
            app.announce();
            app.printer.problems(&diagnostics.0);
            app.finish(Exit::CannotRun)
        }
    }
}

impl App {
    /// For rooms that say something themselves.
    pub(crate) fn events(&self) -> Events {
        Events::new(Arc::clone(&self.printer) as Arc<dyn EventSink>)
    }

    /// The last lines of a command, and its exit code: warnings that are errors by the user's settings fail it.
    fn finish(&self, exit: Exit) -> Exit {
        self.printer.deprecations_summary();
        let raised = self.printer.take_raised();
        self.printer.errors(&raised);
        let exit = if raised.is_empty() { exit } else { Exit::CannotRun };
        let finished_at = Utc::now();
        let elapsed = (finished_at - self.started_at).as_seconds_f64();
        let command = format!("dvt {}", self.settings.which);
        let success = exit == Exit::Success;
        let level = if self.settings.show_resource_report { EventLevel::Info } else { EventLevel::Debug };
        self.printer.say(internals::resource_report(&self.settings.which, success, elapsed).at(level));
        let status = if success { "succeeded" } else { "failed" };
        let clock = finished_at.with_timezone(&chrono::Local).format("%H:%M:%S%.6f");
        self.printer.event(
            events::COMMAND_COMPLETED,
            &format!("Command `{command}` {status} at {clock} after {elapsed:.2} seconds"),
            json!({"command": command, "success": success, "completed_at": finished_at, "elapsed": elapsed}),
        );
        // What failed before the log's place was known still belongs into a log, if there is a project; `debug` needs none.
        if self.settings.which == "debug" || self.settings.project_dir.join("dbt_project.yml").is_file() {
            let folder = match &self.settings.log_path {
                Some(path) => absolute(path),
                None => absolute(&self.settings.project_dir.join("logs")),
            };
            self.start_log(folder);
        }
        self.printer.flush();
        exit
    }

    /// Reads the configuration files, takes the project's own flags into account, and starts the log file.
    pub(crate) fn load_config(&mut self, cli: &Cli) -> Result<ConfigFiles, Diagnostics> {
        let mut config = dvt_project::load_config(&self.project_settings()?).map_err(preflight::as_runtime_errors)?;
        self.printer.add_secrets(hidden_values(&config));
        let moved = preflight::flags_of_the_profile(&config)?;
        if let Some(flags) = &moved {
            config.project.flags.clone_from(flags);
        }
        self.take_flags(cli, &config.project.flags)?;
        self.has_flags_in_profile = moved.is_some();
        self.printer.configure(self.printer_options());
        let folder = match &self.settings.log_path {
            Some(path) => absolute(path),
            None => config.log_path.clone(),
        };
        self.start_log(folder.clone());
        // Templates and artifacts are told where these were found, as dbt tells them.
        self.settings.profiles_dir.get_or_insert_with(|| config.profile.directory.clone());
        self.settings.log_path.get_or_insert(folder);
        Ok(config)
    }

    /// Takes `flags:` of dbt_project.yml into account.
    fn take_flags(&mut self, cli: &Cli, flags: &Map<String, Value>) -> Result<(), Diagnostic> {
        self.files.project.clone_from(flags);
        self.settings = Settings::resolve(cli, &self.environment, &self.files, self.terminal)?;
        Ok(())
    }

    /// Reads `dbt_project.yml` alone, for a command that needs no profile; flags and the log file as in
    /// [`App::load_config`].
    pub(crate) fn load_project_file(&mut self, cli: &Cli) -> Result<ProjectFile, Diagnostics> {
        let settings = self.project_settings()?;
        let mut warnings = Vec::new();
        let project = dvt_project::load_project_file(&settings, &mut warnings).map_err(preflight::as_runtime_errors)?;
        self.take_flags(cli, &project.flags)?;
        self.printer.configure(self.printer_options());
        let folder = match &self.settings.log_path {
            Some(path) => absolute(path),
            None => project.root.join(&project.log_path),
        };
        self.start_log(folder);
        self.warn(warnings.iter())?;
        Ok(project)
    }

    pub(crate) fn start_log(&self, folder: PathBuf) {
        let settings = self.settings.log(folder);
        let folder = settings.folder.display().to_string();
        if let Err(error) = self.printer.start_log(settings) {
            self.printer.diagnostic(
                &Diagnostic::warning("no-log-file", format!("no log in `{folder}`: {error}"))
                    .help("name another folder with --log-path, or --log-level-file none"),
            );
        }
        internals::listen(&self.printer, self.settings.log_level_file.min(self.settings.printer.level));
    }

    /// Reads the whole project, prints its warnings, and writes the artifacts of what was read.
    pub(crate) fn load_project(&mut self, cli: &Cli) -> Result<Project, Diagnostics> {
        let mut project = self.read_project(cli)?;
        // `plan` leaves the artifacts of the last run alone, and `docs generate` writes when it has compiled.
        if self.settings.write_json && !matches!(self.settings.which.as_str(), "plan" | "generate") {
            self.earlier.read_before_overwriting(self)?;
            self.write_parsed(&project)?;
        }
        if let Some(command) = &cli.command {
            self.earlier.defer(self, command, &mut project)?;
        }
        Ok(project)
    }

    /// What dbt writes as soon as a project is read: it is there however the command ends.
    pub(crate) fn write_parsed(&self, project: &Project) -> Result<(), Diagnostics> {
        let problems = dvt_runner::write_parsed(&project.manifest, &project.config.target_path, &self.events());
        if problems.is_empty() { Ok(()) } else { Err(Diagnostics(problems)) }
    }

    /// Reads the whole project and prints its warnings.
    pub(crate) fn read_project(&mut self, cli: &Cli) -> Result<Project, Diagnostics> {
        let config = self.load_config(cli)?;
        self.announce();
        let root = config.project.root.clone();
        let describe = |output: &dvt_project::Output, settings: &dvt_project::ConnectionSettings| {
            registry::describe(output, settings, &root)
        };
        let support = registry::support(&config.profile, &describe);
        self.tell_variables(&config);
        let project = dvt_project::load_project(&self.project_settings()?, config, &support)?;
        self.warn(project.warnings.iter())?;
        self.earlier.know(&project);
        Ok(project)
    }

    /// dbt's `StateCheckVarsHash`: what of the invocation the project is read with.
    fn tell_variables(&self, config: &ConfigFiles) {
        let vars = as_python(&Value::Object(self.settings.shown_vars()));
        let (profile, target) = (config.profile.name.as_str(), config.profile.target.as_str());
        let read_with = [vars.as_str(), profile, target, DBT_VERSION].join("\n");
        let checksum = dvt_manifest::Checksum::of_text(&read_with).checksum;
        let message =
            format!("checksum: {checksum}, vars: {vars}, profile: {profile}, target: {target}, version: {DBT_VERSION}");
        let event = Event::new(kinds::STATE_CHECK_VARS_HASH, message).with("checksum", checksum).with("vars", vars);
        self.printer.say(event.with("profile", profile).with("target", target).with("version", DBT_VERSION));
    }

    /// `Found 5 models, 1 seed, 2 sources`.
    pub(crate) fn found(&self, manifest: &Manifest) {
        self.printer.found(manifest);
    }

    /// For a command whose stdout is data: log lines go to stderr.
    pub(crate) fn data_only(&mut self) {
        self.data_only = true;
        self.printer.configure(self.printer_options());
    }

    fn printer_options(&self) -> PrinterOptions {
        let options = self.settings.printer.clone();
        if self.data_only && options.format != LogFormat::Json {
            PrinterOptions { lines_to_stderr: true, live: false, ..options }
        } else {
            options
        }
    }

    /// Prints warnings, as `--warn-error-options` wants them.
    ///
    /// # Errors
    /// Those that the options turn into errors.
    pub(crate) fn warn<'a>(&self, warnings: impl Iterator<Item = &'a Diagnostic>) -> Result<(), Diagnostics> {
        let mut errors = self.printer.take_raised();
        errors.extend(self.printer.warn(warnings));
        // dbt stops at the first one, unless the project wants to see all.
        if self.settings.behaviour.get("ENABLE_GROUPED_WARN_ERROR_PARSER_LOGS") != Some(&Value::Bool(true)) {
            errors.truncate(1);
        }
        if errors.is_empty() { Ok(()) } else { Err(Diagnostics(errors)) }
    }

    pub(crate) fn project_settings(&self) -> Result<ProjectSettings, Diagnostics> {
        let settings = &self.settings;
        let vars = match &settings.vars {
            Some(text) => dvt_project::parse_vars(text)?,
            None => Map::new(),
        };
        let secret = vars.iter().filter(|(name, _)| is_secret(name)).filter_map(|(_, value)| value.as_str());
        self.printer.add_secrets(secret.map(Secret::new));
        Ok(ProjectSettings {
            project_dir: absolute(&settings.project_dir),
            profiles_dir: settings.profiles_dir.as_deref().map(absolute),
            profile: settings.profile.clone(),
            target: settings.target.clone(),
            compute: settings.compute.clone(),
            bucket: settings.bucket.clone(),
            vars,
            target_path: settings.target_path.clone(),
            env: self.environment.variables().clone(),
            env_names: self.environment.names().to_vec(),
            home: self.environment.home(),
            flags: settings.template_flags(),
            invocation_id: self.invocation_id.clone(),
            started_at: self.started_at,
            events: self.events(),
            parse_cache: ParseCache {
                is_read: settings.partial_parse,
                is_written: true,
                path: settings.partial_parse_file_path.as_deref().map(absolute),
                trusts_files: !settings.partial_parse_file_diff,
            },
        })
    }
}

/// The profile's passwords, but no word that the profile also uses openly: hiding the password `shop` of the user `shop`
/// would garble every line that names the schema `shop`, and hide nothing.
fn hidden_values(config: &ConfigFiles) -> Vec<Secret> {
    let mut secrets = config.profile.secrets();
    for bucket in config.buckets.buckets.values() {
        if let BucketKind::Cloud(cloud) = &bucket.kind {
            secrets.extend(cloud.settings.secrets());
            secrets.extend(cloud.environment.secrets());
        }
    }
    let outputs: Vec<_> = config.profile.outputs.values().filter_map(|output| output.settings.as_ref().ok()).collect();
    let open = |word: &str| {
        outputs.iter().any(|output| {
            let hidden = output.secrets();
            let shown = output.expose().values().filter_map(Value::as_str).filter(|value| *value == word).count();
            let kept = hidden.iter().filter(|secret| secret.expose() == word).count();
            shown > kept
        })
    };
    secrets.retain(|secret| !open(secret.expose()));
    secrets
}

/// The path from the root. A relative one starts at the current folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A value as Python prints it: dbt's events show variables so.
fn as_python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let escaped = text.replace('\\', "\\\\").replace('\n', "\\n").replace(quote, &format!("\\{quote}"));
            format!("{quote}{escaped}{quote}")
        }
        Value::Array(items) => format!("[{}]", items.iter().map(as_python).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, item)| {
                let key = as_python(&Value::from(key.as_str()));
                format!("{key}: {}", as_python(item))
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::as_python;
    use serde_json::json;

    #[test]
    fn variables_read_as_python_prints_them() {
        let vars = json!({"a": "x", "b": [1, 2.5, null, true], "c": {"d": "it's"}, "e": "back\\slash"});
        assert_eq!(
            as_python(&vars),
            r#"{'a': 'x', 'b': [1, 2.5, None, True], 'c': {'d': "it's"}, 'e': 'back\\slash'}"#
        );
    }
}
