//! `dvt debug`: the files, then every connection, compute and bucket, each with a reason and a next step when it fails.

mod spark;

use crate::app::{App, Exit};
use crate::cli::{Cli, DebugArgs, OutputFormat};
use crate::environment::Environment;
use crate::printer::events;
use crate::registry;
use dvt_adapter::{Adapter, AdapterError, ErrorClass, Fetch};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, EventLevel, render_line};
use dvt_manifest::DBT_VERSION;
use dvt_project::{BucketKind, CloudBucket, ComputeKind, ConfigFiles, SparkSettings};
use futures::future::join_all;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a connection may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn run(app: &mut App, cli: &Cli, args: &DebugArgs) -> Result<Exit, Diagnostics> {
    if args.config_dir {
        return Ok(config_dir(app));
    }
    if args.output == OutputFormat::Json {
        app.data_only();
    }
    let config = match app.load_config(cli) {
        Ok(config) => config,
        Err(diagnostics) => return broken_files(app, diagnostics),
    };
    app.announce();
    app.warn(config.warnings.iter())?;
    let scope = Scope::of(args);
    scope.check_names(&config)?;
    header(app, Some(&config.profile.directory), &config.project.root);
    let profile = &config.profile;
    let default = profile.outputs.get(&profile.target);
    let broken = default.and_then(|output| output.settings.as_ref().err());
    if let Some(output) = default {
        out(app, format!("adapter type: {}", output.adapter_type));
        out(app, format!("adapter version: {}", env!("CARGO_PKG_VERSION")));
    }
    let mut checks = Vec::new();
    if args.connection.is_some() {
        out(app, "Skipping steps before connection verification");
    } else if scope.files {
        configuration(app, if broken.is_some() { Found::Invalid } else { Found::Valid }, Found::Valid);
        out(app, format!("  profile: {} [OK found]", profile.name));
        out(app, format!("  target: {} [OK found]", profile.target));
        dependencies(app);
        checks.extend(file_checks(&config));
    }
    // Everything that asks somebody else does so at once; what does not answer holds up nobody.
    let asked = async |names: &Option<Option<String>>, what: Asked| match (names, what) {
        (None, _) => Vec::new(),
        (Some(name), Asked::Connections) => connection_checks(&config, name.as_deref()).await,
        (Some(name), Asked::Computes) => compute_checks(&config, name.as_deref(), &app.environment).await,
        (Some(name), Asked::Buckets) => bucket_checks(&config, name.as_deref()).await,
    };
    let (mut connections, mut computes, buckets) = app.runtime.block_on(async {
        tokio::join!(
            asked(&scope.connections, Asked::Connections),
            asked(&scope.computes, Asked::Computes),
            asked(&scope.buckets, Asked::Buckets)
        )
    });
    if let Some(only) = &scope.connections {
        if only.as_deref().is_none_or(|only| only == profile.target) {
            show_default_connection(app, &config, &connections);
        }
        if !args.asks_for_all_connections() {
            // An output that nothing needs by default may be out of reach: a production database from a developer's desk.
            for check in &mut connections {
                check.is_required = check.name == profile.target || only.is_some();
            }
        }
    }
    for check in &mut computes {
        ask_spark(app, &config, check, scope.computes.as_ref().is_some_and(Option::is_some));
    }
    checks.extend(connections.into_iter().chain(computes).chain(buckets));
    if let Some(proxy) = proxy_of(&app.environment) {
        checks.iter_mut().for_each(|check| check.name_proxy(&proxy));
    }
    Ok(report(app, &checks, args.output))
}

/// What is checked by asking somebody else.
#[derive(Clone, Copy)]
enum Asked {
    Connections,
    Computes,
    Buckets,
}

/// `--config-dir`: how to look at the folder of profiles.yml. It works without a project.
fn config_dir(app: &App) -> Exit {
    let settings = &app.settings;
    let home = app.environment.home();
    let folders = settings.profiles_dir.clone().map_or_else(
        || {
            let mut folders = vec![settings.project_dir.clone()];
            folders.extend(home.iter().flat_map(|home| [home.join(".dvt"), home.join(".dbt")]));
            folders
        },
        |folder| vec![folder],
    );
    let found = folders.iter().find(|folder| folder.join("profiles.yml").is_file()).or(folders.last());
    let shown = found.map(|folder| folder.display().to_string()).unwrap_or_default();
    let command = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let text = format!("To view your profiles.yml file, run:\n\n{command} {shown}");
    app.printer.event(events::OPEN_COMMAND, &text, json!({"open_cmd": command, "profiles_dir": shown}));
    Exit::Success
}

fn out(app: &App, text: impl Into<String>) {
    app.printer.say(Event::new(events::DEBUG_CMD_OUT, text));
}

/// dbt's first lines: versions and places.
fn header(app: &App, profiles: Option<&Path>, project: &Path) {
    out(app, format!("dbt version: {DBT_VERSION}"));
    out(app, format!("dvt version: {}", env!("CARGO_PKG_VERSION")));
    let program = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    out(app, format!("dvt path: {program}"));
    out(app, format!("os info: {}-{}", std::env::consts::OS, std::env::consts::ARCH));
    if let Some(folder) = profiles {
        out(app, format!("Using profiles dir at {}", folder.display()));
        out(app, format!("Using profiles.yml file at {}", folder.join("profiles.yml").display()));
    }
    out(app, format!("Using dbt_project.yml file at {}", project.join("dbt_project.yml").display()));
}

/// How a configuration file was found.
#[derive(Clone, Copy)]
enum Found {
    Valid,
    Invalid,
    Missing,
}

impl Found {
    fn words(self) -> &'static str {
        match self {
            Self::Valid => "OK found and valid",
            Self::Invalid => "ERROR invalid",
            Self::Missing => "ERROR not found",
        }
    }
}

fn configuration(app: &App, profiles: Found, project: Found) {
    out(app, "Configuration:");
    out(app, format!("  profiles.yml file [{}]", profiles.words()));
    out(app, format!("  dbt_project.yml file [{}]", project.words()));
}

/// `dvt deps` clones packages with git; nothing else needs it.
fn dependencies(app: &App) {
    out(app, "Required dependencies:");
    let folders = app.environment.get("PATH").unwrap_or_default();
    let has_git = std::env::split_paths(folders).any(|folder| folder.join("git").is_file());
    let found = if has_git { "OK found" } else { "not found; `dvt deps` needs it for packages of type git" };
    app.printer.say(Event::new(events::DEBUG_CMD_RESULT, format!(" - git [{found}]\n")));
}

/// dbt's view of the default target: its keys, and whether it answers.
fn show_default_connection(app: &App, config: &ConfigFiles, checks: &[Check]) {
    let profile = &config.profile;
    let Some(output) = profile.outputs.get(&profile.target) else { return };
    out(app, "Connection:");
    if let Ok(settings) = &output.settings
        && let Ok(adapter) = registry::connect(output, settings, &config.project.root)
    {
        for (name, value) in adapter.target_values() {
            if !matches!(name.as_str(), "type" | "name" | "profile_name" | "target_name") {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                out(app, format!("  {name}: {value}"));
            }
        }
    }
    let check = checks.iter().find(|check| check.kind == "connection" && check.name == profile.target);
    let is_fine = check.is_some_and(|check| matches!(check.outcome, Outcome::Fine { .. }));
    out(app, format!("  Connection test: [{}]\n", if is_fine { "OK connection ok" } else { "ERROR" }));
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
    /// Whether its failure fails the command.
    is_required: bool,
}

enum Outcome {
    Fine { detail: String },
    Failed { reason: String, next_step: String },
}

impl Check {
    /// The word of the table, the detail, and the next step of a failure.
    fn words(&self) -> (&'static str, &str, Option<&str>) {
        match &self.outcome {
            Outcome::Fine { detail } => ("OK", detail, None),
            Outcome::Failed { reason, next_step } => {
                (if self.is_required { "FAIL" } else { "WARN" }, reason, Some(next_step))
            }
        }
    }

    fn fine(kind: &'static str, name: &str, detail: impl Into<String>) -> Self {
        Self { kind, name: name.to_owned(), outcome: Outcome::Fine { detail: detail.into() }, is_required: true }
    }

    /// Says which proxy stands between, where the next step is to look at it.
    fn name_proxy(&mut self, proxy: &str) {
        if let Outcome::Failed { next_step, .. } = &mut self.outcome
            && next_step.contains("proxy")
        {
            *next_step = format!("{next_step}; {proxy}");
        }
    }

    fn failed(kind: &'static str, name: &str, reason: impl Into<String>, next_step: impl Into<String>) -> Self {
        let outcome = Outcome::Failed { reason: reason.into(), next_step: next_step.into() };
        Self { kind, name: name.to_owned(), outcome, is_required: true }
    }
}

/// The proxy that clients of HTTP go through, as its variable names it, without what it holds of names and passwords.
fn proxy_of(environment: &Environment) -> Option<String> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let (name, value) =
        names.iter().find_map(|name| Some((name, environment.get(name).filter(|value| !value.is_empty())?)))?;
    let address = value.split_once("://").map_or(value, |(_, rest)| rest);
    let address = address.rsplit_once('@').map_or(address, |(_, host)| host);
    Some(format!("`{name}` of the environment sends requests through {}", address.trim_end_matches('/')))
}

/// What can be said where the files themselves are wrong, in dbt's words: each file that is, and why.
fn broken_files(app: &App, diagnostics: Diagnostics) -> Result<Exit, Diagnostics> {
    app.announce();
    let settings = app.project_settings()?;
    let mut ignored = Vec::new();
    let project = dvt_project::load_project_file(&settings, &mut ignored);
    let profile = dvt_project::load_profile(&settings, project.as_ref().ok(), &mut ignored);
    let is = |result: &Diagnostics, id: &str| result.0.iter().any(|wrong| wrong.id == id);
    let project_found = match &project {
        Ok(_) => Found::Valid,
        Err(wrong) if is(wrong, "no-project") => Found::Missing,
        Err(_) => Found::Invalid,
    };
    let profile_found = match &profile {
        Ok(_) => Found::Valid,
        Err(wrong) if is(wrong, "no-profiles") => Found::Missing,
        Err(_) => Found::Invalid,
    };
    let project_folder = project.as_ref().map_or(settings.project_dir.as_path(), |project| project.root.as_path());
    let given = app.settings.profiles_dir.as_deref();
    let in_home = app.environment.home().map(|home| home.join(".dbt"));
    let profiles_folder =
        given.or_else(|| profile.as_ref().ok().map(|profile| profile.directory.as_path())).or(in_home.as_deref());
    header(app, profiles_folder, project_folder);
    configuration(app, profile_found, project_found);
    dependencies(app);
    if profile.is_err() {
        out(app, "Connection test skipped since no profile was found");
    }
    let mut summaries = Vec::new();
    let words = |wrong: &Diagnostics| {
        let texts: Vec<String> = wrong
            .0
            .iter()
            .map(|wrong| wrong.event.as_ref().map_or_else(|| render_line(wrong), |event| event.message.clone()))
            .collect();
        texts.join("\n\n")
    };
    if let Err(wrong) = &profile {
        summaries.push(match profile_found {
            Found::Missing => {
                let folder = profiles_folder.map_or_else(|| "~/.dbt".to_owned(), |folder| folder.display().to_string());
                format!(
                    "dbt looked for a profiles.yml file in {folder}/profiles.yml, but did not find one.\n{}",
                    words(wrong)
                )
            }
            _ => format!("Profile loading failed for the following reason:\n{}", words(wrong)),
        });
    }
    if let Err(wrong) = &project {
        summaries.push(format!("Project loading failed for the following reason:\n{}", words(wrong)));
    }
    if summaries.is_empty() {
        // Neither of dbt's files: computes.yml or buckets.yml.
        summaries.push(words(&diagnostics));
    }
    let failed = format!("{} failed:", crate::printer::counted(summaries.len(), "check"));
    app.printer.say(Event::new(events::DEBUG_CMD_RESULT, failed).at(EventLevel::Error));
    for summary in summaries {
        app.printer.say(Event::new(events::DEBUG_CMD_RESULT, format!("{summary}\n")).at(EventLevel::Error));
    }
    app.printer.details(&diagnostics.0);
    Ok(Exit::Failed)
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

/// Types that were tried on something else than their own server, and what the check says of it.
const UNTRIED: &[(&str, &str)] = &[
    ("bigquery", "; dvt was never tried against the real service, only against an emulator of it"),
    ("databricks", "; dvt was tried against an emulator of it only"),
    ("redshift", "; dvt was never tried against a real one, only against a PostgreSQL that plays it"),
];

async fn check_connection(name: &str, adapter: Arc<dyn Adapter>) -> Check {
    let location = adapter.display_location();
    let note = UNTRIED.iter().find(|(name, _)| *name == adapter.adapter_type()).map_or("", |(_, note)| note);
    let started = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, async {
        let mut session = adapter.session().await?;
        session.execute("select 1", Fetch::All).await
    })
    .await;
    match answer {
        Ok(Ok(_)) => {
            Check::fine("connection", name, format!("{location} ({} ms{note})", started.elapsed().as_millis()))
        }
        Ok(Err(error)) => {
            let next_step = error.hint.clone().unwrap_or_else(|| next_step(&error).to_owned());
            Check::failed("connection", name, format!("{error} ({location})"), next_step)
        }
        Err(_) => Check::failed(
            "connection",
            name,
            format!("no answer from {location} in {} seconds", PATIENCE.as_secs()),
            match adapter.adapter_type() {
                "databricks" => "the warehouse may be starting still: look at it in the workspace, and try again",
                _ => "check host, port and firewall",
            },
        ),
    }
}

fn next_step(error: &AdapterError) -> &'static str {
    match error.class {
        ErrorClass::Unreachable | ErrorClass::Timeout => "check host and port, and that the server is running",
        ErrorClass::Authentication => "check user and password; `env_var` reads them from the environment",
        ErrorClass::Tls if error.message.to_lowercase().contains("expired") => {
            "the server's certificate has expired: have it renewed, or set this machine's clock if it is wrong"
        }
        ErrorClass::Tls => "check sslmode and the certificates",
        ErrorClass::Permission => "ask for the right to connect",
        ErrorClass::MissingDatabase => "check the database's name, or create it",
        ErrorClass::Configuration => "mend the output in profiles.yml",
        _ => "try the same with the database's own client",
    }
}

async fn compute_checks(config: &ConfigFiles, only: Option<&str>, environment: &Environment) -> Vec<Check> {
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
            ComputeKind::Spark(settings) => spark_check(&compute.name, settings, environment),
        })
        .collect()
}

/// Asks the server of a Spark compute that looks well for its version; one of dvt's own is started only if it `is_named`.
fn ask_spark(app: &App, config: &ConfigFiles, check: &mut Check, is_named: bool) {
    let Some(ComputeKind::Spark(settings)) = config.computes.computes.get(&check.name).map(|compute| &compute.kind)
    else {
        return;
    };
    if matches!(check.outcome, Outcome::Fine { .. }) && (is_named || settings.remote.is_some()) {
        *check = match spark::check(app, &check.name, settings, is_named) {
            Ok(detail) => Check::fine("compute", &check.name, detail),
            Err((reason, next_step)) => Check::failed("compute", &check.name, reason, &next_step),
        };
    }
}

/// Whether the Spark that this compute starts is there, and a Java that it runs on; or whether its server answers.
fn spark_check(name: &str, settings: &SparkSettings, environment: &Environment) -> Check {
    let failed = |reason: String, next_step: &str| Check::failed("compute", name, reason, next_step);
    if let Some(remote) = &settings.remote {
        let address = remote.strip_prefix("sc://").map(|rest| rest.split(['/', ';']).next().unwrap_or(rest));
        let Some(address) = address.filter(|address| !address.is_empty()) else {
            return failed(format!("`remote` is `{remote}`"), "write it as `sc://host:port`");
        };
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:15002") };
        let answers = std::net::ToSocketAddrs::to_socket_addrs(&address).map_err(|error| error.to_string()).and_then(
            |mut places| {
                let place = places.next().ok_or("its name has no address")?;
                std::net::TcpStream::connect_timeout(&place, PATIENCE / 3).map_err(|error| error.to_string())
            },
        );
        return match answers {
            Ok(_) => Check::fine("compute", name, format!("spark at {remote}")),
            Err(error) => failed(
                format!("nothing answers at {remote}: {error}"),
                "check `remote`, and that the server is running",
            ),
        };
    }
    let Some(version) = &settings.version else {
        return failed("it has neither `remote` nor `version`".to_owned(), "add one of them in computes.yml");
    };
    let folder = environment.home().map(|home| home.join(".dvt/spark").join(version));
    if !folder.as_ref().is_some_and(|folder| folder.join("bin/spark-submit").is_file()) {
        let place = folder.map_or_else(|| "~/.dvt/spark".to_owned(), |folder| folder.display().to_string());
        return failed(format!("Spark {version} is not in {place}"), "run `dvt sync`");
    }
    let wants = dvt_sync::java_versions_for_spark(version).unwrap_or_default();
    let wanted = wants.iter().map(u32::to_string).collect::<Vec<_>>().join(" or ");
    match dvt_sync::find_java(environment.variables()) {
        Ok(java) if wants.contains(&java.major) => {
            Check::fine("compute", name, format!("spark {version} on Java {}", java.major))
        }
        Ok(java) => failed(
            format!("Spark {version} runs on Java {wanted}; `{}` is {}", java.program.display(), java.major),
            "let JAVA_HOME or PATH lead to a Java that fits",
        ),
        Err(reason) => failed(reason, "install Java and let JAVA_HOME or PATH lead to it"),
    }
}

/// All buckets at once, each with a probe object of its own.
async fn bucket_checks(config: &ConfigFiles, only: Option<&str>) -> Vec<Check> {
    let buckets = config.buckets.buckets.values().filter(|bucket| only.is_none_or(|name| name == bucket.name));
    join_all(buckets.map(async |bucket| {
        let path = match &bucket.kind {
            BucketKind::Filesystem { path } => path,
            BucketKind::Cloud(cloud) => return cloud_check(&bucket.name, cloud).await,
        };
        match dvt_staging::Bucket::filesystem(&bucket.name, path) {
            Err(error) => Check::failed("bucket", &bucket.name, error.to_string(), "mend `path` in buckets.yml"),
            Ok(_) => match probe_folder(path) {
                Ok(()) => Check::fine("bucket", &bucket.name, format!("{} (written, read, deleted)", path.display())),
                Err(error) => Check::failed(
                    "bucket",
                    &bucket.name,
                    format!("`{}` cannot be used: {error}", path.display()),
                    "name a folder that this user may write to",
                ),
            },
        }
    }))
    .await
}

async fn cloud_check(name: &str, cloud: &CloudBucket) -> Check {
    let bucket = dvt_staging::Bucket::cloud(name, &cloud.service, cloud.settings.expose(), cloud.environment.expose());
    let bucket = match bucket {
        Ok(bucket) => bucket,
        Err(error) => return Check::failed("bucket", name, error.to_string(), "mend the entry in buckets.yml"),
    };
    let location = bucket.display_location();
    let started = Instant::now();
    match tokio::time::timeout(PATIENCE, bucket.probe()).await {
        Ok(Ok(())) => {
            let took = started.elapsed().as_millis();
            Check::fine("bucket", name, format!("{location} (written, read, deleted; {took} ms)"))
        }
        Ok(Err(problem)) => Check::failed("bucket", name, format!("{location}: {}", problem.reason), problem.next_step),
        Err(_) => Check::failed(
            "bucket",
            name,
            format!("no answer from {location} in {} seconds", PATIENCE.as_secs()),
            "check `endpoint`, the network and the proxy",
        ),
    }
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

fn report(app: &App, checks: &[Check], format: OutputFormat) -> Exit {
    if format == OutputFormat::Json {
        return report_json(app, checks);
    }
    let width = |text: fn(&Check) -> usize| checks.iter().map(text).max().unwrap_or(0);
    let kinds = width(|check| check.kind.len());
    let names = width(|check| check.name.chars().count());
    let mut failures = 0;
    for check in checks {
        let (word, detail, next_step) = check.words();
        let line = format!("{:kinds$}  {:names$}  {word:4}  {detail}", check.kind, check.name);
        app.printer.data(
            events::DEBUG_OUTPUT,
            &line,
            json!({"check": check.kind, "name": check.name, "status": word, "detail": detail, "next_step": next_step}),
        );
        if let Some(next_step) = next_step {
            failures += usize::from(check.is_required);
            app.printer.data(
                events::DEBUG_OUTPUT,
                &format!("{:kinds$}  {:names$}        -> {next_step}", "", ""),
                json!({}),
            );
        }
    }
    app.printer.blank();
    if failures == 0 {
        app.printer.event(events::DEBUG_CMD_RESULT, "All checks passed!", json!({}));
        Exit::Success
    } else {
        let text = format!("{} failed", crate::printer::counted(failures, "check"));
        app.printer.say(Event::new(events::DEBUG_CMD_RESULT, text).at(EventLevel::Error));
        Exit::Failed
    }
}

/// The same table as one JSON document.
fn report_json(app: &App, checks: &[Check]) -> Exit {
    let rows: Vec<serde_json::Value> = checks
        .iter()
        .map(|check| {
            let (word, detail, next_step) = check.words();
            json!({"check": check.kind, "name": check.name, "status": word, "detail": detail, "next_step": next_step})
        })
        .collect();
    let failures = checks.iter().filter(|check| check.words().0 == "FAIL").count();
    let document = json!({"success": failures == 0, "failures": failures, "checks": rows});
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    app.printer.data(events::DEBUG_OUTPUT, &text, document);
    if failures == 0 { Exit::Success } else { Exit::Failed }
}
