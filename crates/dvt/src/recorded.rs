//! The flags of a command as `run_results.json` keeps them, and a command line from what it kept: `retry` runs it again.

use crate::cli::{Cli, Command, ResourceTypeArgs, SWITCHES, SelectionArgs, SourceArgs, SourceCommand};
use crate::cli::{DocsArgs, DocsCommand};
use clap::Parser;
use dvt_diagnostics::Diagnostic;
use serde_json::{Map, Value, json};

/// What only this command was told, by dbt's names.
pub(crate) fn own_flags(command: Option<&Command>) -> Map<String, Value> {
    let mut flags = Map::new();
    let mut selection = |selection: &SelectionArgs| {
        flags.insert("select".to_owned(), json!(selection.select));
        flags.insert("exclude".to_owned(), json!(selection.exclude));
        if let Some(selector) = &selection.selector {
            flags.insert("selector".to_owned(), json!(selector));
        }
    };
    let types = |flags: &mut Map<String, Value>, types: &ResourceTypeArgs| {
        flags.insert("resource_types".to_owned(), json!(types.resource_type));
        flags.insert("exclude_resource_types".to_owned(), json!(types.exclude_resource_type));
    };
    match command {
        Some(Command::Build(args)) => {
            selection(&args.selection);
            types(&mut flags, &args.resource_types);
            flags.insert("show".to_owned(), json!(args.show));
        }
        Some(Command::Run(args)) => selection(&args.selection),
        Some(Command::Test(args)) => {
            selection(&args.selection);
            types(&mut flags, &args.resource_types);
        }
        Some(Command::Seed(args)) => {
            selection(&args.selection);
            flags.insert("show".to_owned(), json!(args.show));
        }
        Some(Command::Snapshot(args)) => selection(&args.selection),
        Some(Command::Compile(args)) => selection(&args.selection),
        Some(Command::Show(args)) => selection(&args.selection),
        Some(Command::Clone(args)) => {
            selection(&args.selection);
            types(&mut flags, &args.resource_types);
        }
        Some(Command::Docs(DocsArgs { command: DocsCommand::Generate(args) })) => selection(&args.selection),
        Some(Command::Source(SourceArgs { command: SourceCommand::Freshness(args) })) => selection(&args.selection),
        Some(Command::RunOperation(args)) => {
            for (name, value) in [("macro", &args.macro_name), ("sql", &args.sql)] {
                if let Some(value) = value {
                    flags.insert(name.to_owned(), json!(value));
                }
            }
            if let Some(given) = &args.args {
                // A text that is no dictionary is refused when the operation begins.
                let given = dvt_project::parse_vars(given).map_or_else(|_| json!(given), Value::Object);
                flags.insert("args".to_owned(), given);
            }
        }
        _ => {}
    }
    flags
}

/// Flags whose value is kept as text, number or dictionary: dbt's name, and the flag. Both kinds of command take them.
const GLOBAL_VALUES: [(&str, &str); 6] = [
    ("target", "--target"),
    ("profile", "--profile"),
    ("state", "--state"),
    ("indirect_selection", "--indirect-selection"),
    ("warn_error_options", "--warn-error-options"),
    ("maximum_seed_size_mib", "--maximum-seed-size-mib"),
];

/// Flags that only some commands have: dbt's name, the flag, the commands.
const OWN_VALUES: [(&str, &str, &[&str]); 5] = [
    ("sample", "--sample", &["run", "build"]),
    ("event_time_start", "--event-time-start", &["run", "build"]),
    ("event_time_end", "--event-time-end", &["run", "build"]),
    ("compute", "--compute", &["run", "build", "test", "snapshot", "seed"]),
    ("bucket", "--bucket", &["run", "build", "test", "snapshot"]),
];

const OWN_SWITCHES: [(&str, &str, &[&str]); 4] = [
    ("full_refresh", "--full-refresh", &["run", "build", "seed", "compile", "clone"]),
    ("empty", "--empty", &["run", "build", "seed", "snapshot", "compile"]),
    ("store_failures", "--store-failures", &["build", "test"]),
    ("show", "--show", &["build", "seed"]),
];

/// What of the earlier run's switches is kept; those about the screen are this invocation's own.
const KEPT_SWITCHES: [&str; 8] = [
    "fail_fast",
    "defer",
    "favor_state",
    "introspect",
    "version_check",
    "populate_cache",
    "cache_selected_only",
    "write_json",
];

/// The earlier command again. `args` are its recorded flags; of this invocation's own flags those count that say where
/// things are and how the screen looks, and `--vars`, `--threads` and `--full-refresh` where they were given.
///
/// # Errors
/// The earlier command is none that can be tried again, or what was recorded is no command line.
pub(crate) fn command_line(args: &Map<String, Value>, cli: &Cli, full_refresh: bool) -> Result<Cli, Diagnostic> {
    let which = args.get("which").and_then(Value::as_str).unwrap_or_default();
    let mut line: Vec<String> = vec!["dvt".to_owned()];
    line.extend(match which {
        "generate" => vec!["docs".to_owned(), "generate".to_owned()],
        "build" | "compile" | "clone" | "seed" | "snapshot" | "test" | "run" | "run-operation" => {
            vec![which.to_owned()]
        }
        other => {
            return Err(Diagnostic::error(
                "not-retryable",
                format!("the previous command `{other}` cannot be retried"),
            )
            .note("build, compile, clone, docs generate, seed, snapshot, test, run and run-operation can"));
        }
    });
    let mut value = |flag: &str, value: &Value| {
        let text = match value {
            Value::Null => return,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        line.push(format!("{flag}={text}"));
    };
    let takes_warnings_as_errors = |given: Option<&Value>| given == Some(&Value::Bool(true));
    for (name, flag) in GLOBAL_VALUES {
        // `--warn-error` is each invocation's own, and shows in the options too.
        if name == "warn_error_options"
            && (cli.global.switches.given("warn_error").is_some()
                || cli.global.warn_error_options.is_some()
                || takes_warnings_as_errors(args.get("warn_error")))
        {
            continue;
        }
        value(flag, args.get(name).unwrap_or(&Value::Null));
    }
    value("--warn-error-options", &cli.global.warn_error_options.as_ref().map_or(Value::Null, |given| json!(given)));
    for (name, flag, commands) in OWN_VALUES {
        if commands.contains(&which) {
            value(flag, args.get(name).unwrap_or(&Value::Null));
        }
    }
    let global = &cli.global;
    let recorded = |name: &str| args.get(name).cloned().unwrap_or(Value::Null);
    let given = |given: Option<Value>, name: &str| given.unwrap_or_else(|| recorded(name));
    value("--vars", &given(global.vars.as_ref().map(|vars| json!(vars)), "vars"));
    value("--threads", &given(global.threads.map(|threads| json!(threads)), "threads"));
    for (flag, path) in [
        ("--profiles-dir", &global.profiles_dir),
        ("--project-dir", &global.project_dir),
        ("--target-path", &global.target_path),
        ("--log-path", &global.log_path),
        ("--defer-state", &global.defer_state),
    ] {
        value(flag, &path.as_ref().map_or(Value::Null, |path| json!(path.display().to_string())));
    }
    if which == "run-operation" {
        value("--args", &recorded("args"));
        value("--sql", &recorded("sql"));
    }
    for (name, flag, commands) in OWN_SWITCHES {
        let is_on = recorded(name) == Value::Bool(true) || (name == "full_refresh" && full_refresh);
        if is_on && commands.contains(&which) {
            line.push(flag.to_owned());
        }
    }
    for switch in SWITCHES {
        let is_on = if KEPT_SWITCHES.contains(&switch.name) {
            recorded(switch.name).as_bool()
        } else {
            global.switches.given(switch.name)
        };
        if let Some(is_on) =
            is_on.filter(|is_on| *is_on != switch.default || global.switches.given(switch.name).is_some())
        {
            line.push(switch.flag(is_on));
        }
    }
    if let (true, Some(name)) = (which == "run-operation", args.get("macro").and_then(Value::as_str)) {
        line.extend(["--".to_owned(), name.to_owned()]);
    }
    let mut again = Cli::try_parse_from(&line).map_err(|error| {
        Diagnostic::error("not-retryable", format!("the previous command cannot be read from its results: {error}"))
    })?;
    let screen = &mut again.global;
    screen.log_level = global.log_level;
    screen.log_level_file = global.log_level_file;
    screen.log_format = global.log_format;
    screen.log_format_file = global.log_format_file;
    screen.log_file_max_bytes = global.log_file_max_bytes;
    screen.printer_width = global.printer_width;
    Ok(again)
}
