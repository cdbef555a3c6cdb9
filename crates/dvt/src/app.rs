//! One invocation: settings, printer, log file, then the command.

use crate::cli::{Cli, Command, LogFormat, LogLevel, unknown_command, version_text};
use crate::commands;
use crate::earlier::Earlier;
use crate::environment::Environment;
use crate::log_file;
use crate::printer::{Printer, PrinterOptions, SharedRedactor, counted, events};
use crate::registry;
use crate::settings::{Settings, Terminal};
use chrono::{DateTime, Utc};
use dvt_diagnostics::{Diagnostic, Diagnostics, EventSink, Events, Secret, Severity};
use dvt_manifest::{DBT_VERSION, Manifest, ResourceType};
use dvt_project::{ConfigFiles, Project, ProjectFile, ProjectSettings};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
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
    redactor: SharedRedactor,
    data_only: bool,
    /// Artifacts of earlier invocations, and what `retry` does again.
    pub(crate) earlier: Earlier,
}

/// Runs the command that the flags name and says how it went.
pub(crate) fn run(cli: &Cli, environment: Environment, terminal: Terminal) -> Exit {
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
    let settings = match Settings::resolve(cli, &environment, &Map::new(), terminal) {
        Ok(settings) => settings,
        Err(diagnostic) => {
            printer.diagnostic(&diagnostic);
            return Exit::CannotRun;
        }
    };
    printer.configure(settings.printer.clone());
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
        redactor,
        data_only: false,
        earlier: Earlier::default(),
    };
    match commands::run(&mut app, cli, command) {
        Ok(exit) => {
            tracing::info!(target: "dvt", ?exit, "finished");
            app.completed(exit);
            exit
        }
        Err(diagnostics) => {
            for diagnostic in &diagnostics.0 {
                app.printer.diagnostic(diagnostic);
            }
            app.completed(Exit::CannotRun);
            Exit::CannotRun
        }
    }
}

impl App {
    /// For rooms that say something themselves.
    pub(crate) fn events(&self) -> Events {
        Events::new(Arc::clone(&self.printer) as Arc<dyn EventSink>)
    }

    /// dbt's first line.
    pub(crate) fn announce(&self) {
        let version = env!("CARGO_PKG_VERSION");
        self.printer.event(
            events::MAIN_REPORT_VERSION,
            &format!("Running with dvt={version} (dbt={DBT_VERSION})"),
            json!({"version": format!("={version}"), "dbt_version": DBT_VERSION, "log_version": 3}),
        );
    }

    fn completed(&self, exit: Exit) {
        let elapsed = (Utc::now() - self.started_at).as_seconds_f64();
        self.printer.json_event(
            events::COMMAND_COMPLETED,
            &format!("Command `dvt {}` {}", self.settings.which, if exit == Exit::Success { "succeeded" } else { "failed" }),
            json!({"command": format!("dvt {}", self.settings.which), "elapsed": elapsed, "success": exit == Exit::Success}),
        );
    }

    /// Reads the configuration files, takes the project's own flags into account, and starts the log file.
    pub(crate) fn load_config(&mut self, cli: &Cli) -> Result<ConfigFiles, Diagnostics> {
        let config = dvt_project::load_config(&self.project_settings()?)?;
        self.printer.add_secrets(hidden_values(&config));
        self.settings = Settings::resolve(cli, &self.environment, &config.project.flags, self.terminal)?;
        self.printer.configure(self.printer_options());
        let folder = match &self.settings.log_path {
            Some(path) => config.project.root.join(path),
            None => config.log_path.clone(),
        };
        self.start_log(folder);
        Ok(config)
    }

    /// Reads `dbt_project.yml` alone, for a command that needs no profile; flags and the log file as in
    /// [`App::load_config`].
    pub(crate) fn load_project_file(&mut self, cli: &Cli) -> Result<ProjectFile, Diagnostics> {
        let settings = self.project_settings()?;
        let mut warnings = Vec::new();
        let project = dvt_project::load_project_file(&settings, &mut warnings)?;
        self.settings = Settings::resolve(cli, &self.environment, &project.flags, self.terminal)?;
        self.printer.configure(self.printer_options());
        let log_path = self.settings.log_path.clone().unwrap_or_else(|| PathBuf::from(&project.log_path));
        self.start_log(project.root.join(log_path));
        self.warn(warnings.iter())?;
        Ok(project)
    }

    pub(crate) fn start_log(&self, folder: PathBuf) {
        let settings = self.settings.log(folder);
        if let Err(error) = log_file::start(&settings, &self.redactor) {
            self.printer.diagnostic(
                &Diagnostic::warning("no-log-file", format!("no log in `{}`: {error}", settings.folder.display()))
                    .help("name another folder with --log-path, or --log-level-file none"),
            );
        }
        tracing::info!(target: "dvt", invocation_id = %self.invocation_id, command = %self.settings.which, "started");
    }

    /// Reads the whole project and prints its warnings.
    pub(crate) fn load_project(&mut self, cli: &Cli) -> Result<Project, Diagnostics> {
        let config = self.load_config(cli)?;
        self.announce();
        let root = config.project.root.clone();
        let describe = |output: &dvt_project::Output, settings: &dvt_project::ConnectionSettings| {
            registry::describe(output, settings, &root)
        };
        let mut project = dvt_project::load_project(&self.project_settings()?, config, &registry::support(&describe))?;
        self.warn(project.warnings.iter())?;
        self.earlier.know(&project);
        if let Some(command) = &cli.command {
            self.earlier.defer(self, command, &mut project)?;
        }
        Ok(project)
    }

    /// `Found 5 models, 1 seed, 2 sources`.
    pub(crate) fn found(&self, manifest: &Manifest) {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        let mut count = |noun: &'static str| match counts.iter_mut().find(|(known, _)| *known == noun) {
            Some((_, number)) => *number += 1,
            None => counts.push((noun, 1)),
        };
        for node in manifest.nodes.values() {
            count(match node.resource_type {
                ResourceType::Model => "model",
                ResourceType::Seed => "seed",
                ResourceType::Snapshot => "snapshot",
                ResourceType::Test => "data test",
                ResourceType::Analysis => "analysis",
                ResourceType::Operation => "operation",
                _ => continue,
            });
        }
        manifest.sources.keys().for_each(|_| count("source"));
        manifest.exposures.keys().for_each(|_| count("exposure"));
        manifest.macros.keys().for_each(|_| count("macro"));
        let words: Vec<String> = counts.iter().map(|(noun, number)| counted(*number, noun)).collect();
        let found = words.join(", ").replace("analysiss", "analyses");
        self.printer.event(events::FOUND_STATS, &format!("Found {found}"), json!({"stat_line": found}));
    }

    /// For a command whose stdout is data: log lines go to the log file only.
    pub(crate) fn data_only(&mut self) {
        self.data_only = true;
        self.printer.configure(self.printer_options());
    }

    fn printer_options(&self) -> PrinterOptions {
        let options = self.settings.printer.clone();
        if self.data_only && options.format != LogFormat::Json {
            PrinterOptions { level: options.level.max(LogLevel::Warn), live: false, ..options }
        } else {
            options
        }
    }

    /// Prints warnings; with `--warn-error` they stop the command.
    pub(crate) fn warn<'a>(&self, warnings: impl Iterator<Item = &'a Diagnostic>) -> Result<(), Diagnostics> {
        let mut errors = Diagnostics::default();
        for warning in warnings {
            if self.settings.warn_error {
                errors.push(Diagnostic { severity: Severity::Error, ..warning.clone() });
            } else {
                self.printer.diagnostic(warning);
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    pub(crate) fn project_settings(&self) -> Result<ProjectSettings, Diagnostics> {
        let settings = &self.settings;
        let vars = match &settings.vars {
            Some(text) => dvt_project::parse_vars(text)?,
            None => Map::new(),
        };
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
            home: self.environment.home(),
            flags: settings.template_flags(),
            invocation_id: self.invocation_id.clone(),
            started_at: self.started_at,
            events: self.events(),
        })
    }
}

/// The profile's passwords, but no word that the profile also uses openly: hiding the password `shop` of the user `shop`
/// would garble every line that names the schema `shop`, and hide nothing.
fn hidden_values(config: &ConfigFiles) -> Vec<Secret> {
    let mut secrets = config.profile.secrets();
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
