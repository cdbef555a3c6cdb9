//! `dvt debug`: the files, then every connection, compute and bucket, each with a reason and a next step when it fails.

use crate::app::{App, Exit};
use crate::cli::{Cli, DebugArgs};
use crate::printer::events;
use crate::registry;
use dvt_adapter::{Adapter, AdapterError, ErrorClass, Fetch};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, EventLevel, render_line};
use dvt_project::{BucketKind, ComputeKind, ConfigFiles};
use futures::future::join_all;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a connection may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn run(app: &mut App, cli: &Cli, args: &DebugArgs) -> Result<Exit, Diagnostics> {
    let config = match app.load_config(cli) {
        Ok(config) => config,
        Err(diagnostics) => return Ok(broken_files(app, &diagnostics)),
    };
    if args.config_dir {
        app.printer.rows(events::DEBUG_OUTPUT, &config.profile.directory.display().to_string(), json!({}));
        return Ok(Exit::Success);
    }
    app.announce();
    let scope = Scope::of(args);
    scope.check_names(&config)?;
    let mut checks = Vec::new();
    if scope.files {
        checks.extend(file_checks(&config));
    }
    if let Some(name) = &scope.connections {
        checks.extend(app.runtime.block_on(connection_checks(&config, name.as_deref())));
    }
    if let Some(name) = &scope.computes {
        checks.extend(compute_checks(&config, name.as_deref()));
    }
    if let Some(name) = &scope.buckets {
        checks.extend(bucket_checks(&config, name.as_deref()));
    }
    Ok(report(app, &checks))
}

/// What is looked at; `Some(None)` is all of a kind.
struct Scope {
    files: bool,
    connections: Option<Option<String>>,
    computes: Option<Option<String>>,
    buckets: Option<Option<String>>,
}

impl Scope {
    fn of(args: &DebugArgs) -> Self {
        let named =
            |given: &Option<String>| given.as_ref().map(|name| Some(name.clone()).filter(|name| !name.is_empty()));
        let scope = Self {
            files: false,
            connections: named(&args.connection).or_else(|| named(&args.debug_target)),
            computes: named(&args.debug_compute),
            buckets: named(&args.debug_bucket),
        };
        if scope.connections.is_none() && scope.computes.is_none() && scope.buckets.is_none() {
            return Self { files: true, connections: Some(None), computes: Some(None), buckets: Some(None) };
        }
        scope
    }

    fn check_names(&self, config: &ConfigFiles) -> Result<(), Diagnostic> {
        if let Some(Some(name)) = &self.connections
            && !config.profile.outputs.contains_key(name)
        {
            return Err(config.profile.unknown_output(name));
        }
        if let Some(Some(name)) = &self.computes {
            config.computes.require(name)?;
        }
        if let Some(Some(name)) = &self.buckets {
            config.buckets.require(name)?;
        }
        Ok(())
    }
}

/// One line of the table.
struct Check {
    kind: &'static str,
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Fine {
        detail: String,
    },
    /// Known not to work in this version, and nothing that runs by default asks for it.
    Unused {
        reason: String,
    },
    Failed {
        reason: String,
        next_step: String,
    },
}

impl Check {
    fn fine(kind: &'static str, name: &str, detail: impl Into<String>) -> Self {
        Self { kind, name: name.to_owned(), outcome: Outcome::Fine { detail: detail.into() } }
    }

    fn failed(kind: &'static str, name: &str, reason: impl Into<String>, next_step: impl Into<String>) -> Self {
        let outcome = Outcome::Failed { reason: reason.into(), next_step: next_step.into() };
        Self { kind, name: name.to_owned(), outcome }
    }
}

fn broken_files(app: &App, diagnostics: &Diagnostics) -> Exit {
    let checks: Vec<Check> = diagnostics
        .0
        .iter()
        .map(|diagnostic| {
            let next_step = next_words(diagnostic, "mend the file, then try again");
            Check::failed("file", diagnostic.id, render_line(diagnostic), next_step)
        })
        .collect();
    for diagnostic in &diagnostics.0 {
        app.printer.diagnostic(diagnostic);
    }
    report(app, &checks)
}

/// What the diagnostic advises, else what it adds, else `otherwise`.
fn next_words(diagnostic: &Diagnostic, otherwise: &str) -> String {
    diagnostic.help.first().or(diagnostic.notes.first()).cloned().unwrap_or_else(|| otherwise.to_owned())
}

fn file_checks(config: &ConfigFiles) -> Vec<Check> {
    let absent = |what: &str| format!("not there; {what}");
    let mut checks = vec![
        Check::fine("file", "dbt_project.yml", config.project.root.join("dbt_project.yml").display().to_string()),
        Check::fine(
            "file",
            "profiles.yml",
            format!(
                "{} (profile `{}`, target `{}`)",
                config.profile.directory.join("profiles.yml").display(),
                config.profile.name,
                config.profile.target
            ),
        ),
    ];
    let computes = config.computes.path.as_ref();
    checks.push(Check::fine(
        "file",
        "computes.yml",
        computes.map_or_else(|| absent("the embedded engine with its defaults"), |path| path.display().to_string()),
    ));
    let buckets = config.buckets.path.as_ref();
    checks.push(Check::fine(
        "file",
        "buckets.yml",
        buckets.map_or_else(|| absent("staging in the project"), |path| path.display().to_string()),
    ));
    checks
}

/// All connections at once: one that does not answer holds up nobody.
async fn connection_checks(config: &ConfigFiles, only: Option<&str>) -> Vec<Check> {
    let outputs = config.profile.outputs.values().filter(|output| only.is_none_or(|name| name == output.name));
    join_all(outputs.map(async |output| {
        let adapter = match &output.settings {
            Ok(settings) => registry::connect(output, settings, &config.project.root),
            Err(diagnostic) => Err((**diagnostic).clone()),
        };
        match adapter {
            Ok(adapter) => check_connection(&output.name, adapter).await,
            Err(diagnostic) => {
                let next_step = next_words(&diagnostic, "mend the output in profiles.yml");
                Check::failed("connection", &output.name, render_line(&diagnostic), next_step)
            }
        }
    }))
    .await
}

async fn check_connection(name: &str, adapter: Arc<dyn Adapter>) -> Check {
    let location = adapter.display_location();
    let started = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, async {
        let mut session = adapter.session().await?;
        session.execute("select 1", Fetch::All).await
    })
    .await;
    match answer {
        Ok(Ok(_)) => Check::fine("connection", name, format!("{location} ({} ms)", started.elapsed().as_millis())),
        Ok(Err(error)) => {
            let next_step = error.hint.clone().unwrap_or_else(|| next_step(&error).to_owned());
            Check::failed("connection", name, format!("{error} ({location})"), next_step)
        }
        Err(_) => Check::failed(
            "connection",
            name,
            format!("no answer from {location} in {} seconds", PATIENCE.as_secs()),
            "check host, port and firewall",
        ),
    }
}

fn next_step(error: &AdapterError) -> &'static str {
    match error.class {
        ErrorClass::Unreachable | ErrorClass::Timeout => "check host and port, and that the server is running",
        ErrorClass::Authentication => "check user and password; `env_var` reads them from the environment",
        ErrorClass::Tls => "check sslmode and the certificates",
        ErrorClass::Permission => "ask for the right to connect",
        ErrorClass::MissingDatabase => "check the database's name, or create it",
        ErrorClass::Configuration => "mend the output in profiles.yml",
        _ => "try the same with the database's own client",
    }
}

fn compute_checks(config: &ConfigFiles, only: Option<&str>) -> Vec<Check> {
    let computes = config.computes.computes.values().filter(|compute| only.is_none_or(|name| name == compute.name));
    computes
        .map(|compute| match &compute.kind {
            ComputeKind::Datafusion(settings) => {
                let mut detail = "datafusion, in this process".to_owned();
                if let Some(bytes) = settings.memory_limit_bytes {
                    detail = format!("{detail}, memory limit {} MiB", bytes / (1024 * 1024));
                }
                match &settings.spill_dir {
                    None => Check::fine("compute", &compute.name, detail),
                    Some(folder) => match probe_folder(folder) {
                        Ok(()) => {
                            Check::fine("compute", &compute.name, format!("{detail}, spills to {}", folder.display()))
                        }
                        Err(error) => Check::failed(
                            "compute",
                            &compute.name,
                            format!("spill_dir `{}` cannot be used: {error}", folder.display()),
                            "name a folder that this user may write to",
                        ),
                    },
                }
            }
            ComputeKind::Spark(_) => {
                let reason = "type spark is not in this version of dvt yet".to_owned();
                if compute.name == config.computes.target || only.is_some() {
                    Check::failed("compute", &compute.name, reason, "use a compute of type datafusion")
                } else {
                    Check { kind: "compute", name: compute.name.clone(), outcome: Outcome::Unused { reason } }
                }
            }
        })
        .collect()
}

fn bucket_checks(config: &ConfigFiles, only: Option<&str>) -> Vec<Check> {
    let buckets = config.buckets.buckets.values().filter(|bucket| only.is_none_or(|name| name == bucket.name));
    buckets
        .map(|bucket| {
            let BucketKind::Filesystem { path } = &bucket.kind;
            match dvt_staging::Bucket::filesystem(&bucket.name, path) {
                Err(error) => Check::failed("bucket", &bucket.name, error.to_string(), "mend `path` in buckets.yml"),
                Ok(_) => match probe_folder(path) {
                    Ok(()) => {
                        Check::fine("bucket", &bucket.name, format!("{} (written, read, deleted)", path.display()))
                    }
                    Err(error) => Check::failed(
                        "bucket",
                        &bucket.name,
                        format!("`{}` cannot be used: {error}", path.display()),
                        "name a folder that this user may write to",
                    ),
                },
            }
        })
        .collect()
}

/// Writes a file, reads it back and deletes it. Folders that had to be made for it go again.
fn probe_folder(folder: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!(".dvt-probe-{}", std::process::id()));
    let written = b"dvt debug";
    let outcome = std::fs::write(&file, written).and_then(|()| std::fs::read(&file)).and_then(|read| {
        std::fs::remove_file(&file)?;
        if read == written { Ok(()) } else { Err(std::io::Error::other("it gave back other bytes than were written")) }
    });
    for made in missing {
        // Somebody else may have put something there in the meantime: then it stays.
        let _ = std::fs::remove_dir(made);
    }
    outcome
}

fn report(app: &App, checks: &[Check]) -> Exit {
    let width = |text: fn(&Check) -> usize| checks.iter().map(text).max().unwrap_or(0);
    let kinds = width(|check| check.kind.len());
    let names = width(|check| check.name.chars().count());
    let mut failures = 0;
    for check in checks {
        let (word, detail, next_step) = match &check.outcome {
            Outcome::Fine { detail } => ("OK", detail.as_str(), None),
            Outcome::Unused { reason } => ("SKIP", reason.as_str(), None),
            Outcome::Failed { reason, next_step } => ("FAIL", reason.as_str(), Some(next_step.as_str())),
        };
        let line = format!("{:kinds$}  {:names$}  {word:4}  {detail}", check.kind, check.name);
        app.printer.data(
            events::DEBUG_OUTPUT,
            &line,
            json!({"check": check.kind, "name": check.name, "status": word, "detail": detail, "next_step": next_step}),
        );
        if let Some(next_step) = next_step {
            failures += 1;
            app.printer.data(
                events::DEBUG_OUTPUT,
                &format!("{:kinds$}  {:names$}        -> {next_step}", "", ""),
                json!({}),
            );
        }
    }
    app.printer.blank();
    if failures == 0 {
        app.printer.event(events::DEBUG_OUTPUT, "All checks passed!", json!({}));
        Exit::Success
    } else {
        let text = format!("{} failed", crate::printer::counted(failures, "check"));
        app.printer.say(Event::new(events::DEBUG_OUTPUT, text).at(EventLevel::Error));
        Exit::Failed
    }
}
