//! From flags to settings, once: the command line wins over the environment, that over the project's `flags:`, that over
//! the default.

use crate::cli::{
    Cli, Command, EmptyArgs, EventTimeArgs, GlobalArgs, IndirectMode, LogFormat, LogLevel,
};
use crate::environment::Environment;
use crate::log_file::LogSettings;
use crate::printer::PrinterOptions;
use clap::ValueEnum;
use dvt_diagnostics::Diagnostic;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What the flags came to.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) target: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) profiles_dir: Option<PathBuf>,
    pub(crate) project_dir: PathBuf,
    pub(crate) target_path: Option<PathBuf>,
    pub(crate) log_path: Option<PathBuf>,
    /// `--vars` as it was written.
    pub(crate) vars: Option<String>,
    pub(crate) threads: Option<usize>,
    pub(crate) compute: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) full_refresh: bool,
    pub(crate) fail_fast: bool,
    pub(crate) warn_error: bool,
    pub(crate) write_json: bool,
    pub(crate) introspect: bool,
    pub(crate) version_check: bool,
    pub(crate) show_all_deprecations: bool,
    /// `--state`: a folder of earlier artifacts.
    pub(crate) state: Option<PathBuf>,
    /// `--defer-state`, for `--defer` only; absent, `state` is meant.
    pub(crate) defer_state: Option<PathBuf>,
    pub(crate) defer: bool,
    pub(crate) favor_state: bool,
    pub(crate) indirect_selection: IndirectMode,
    pub(crate) empty: bool,
    /// `--sample` as it was written.
    pub(crate) sample: Option<String>,
    /// `--event-time-start` as it was written.
    pub(crate) event_time_start: Option<String>,
    pub(crate) event_time_end: Option<String>,
    pub(crate) store_failures: bool,
    pub(crate) populate_cache: bool,
    pub(crate) cache_selected_only: bool,
    pub(crate) partial_parse: bool,
    pub(crate) static_parser: bool,
    pub(crate) log_cache_events: bool,
    /// Seeds above this are compared by path; 0 for no limit.
    pub(crate) maximum_seed_size_mib: u64,
    pub(crate) printer: PrinterOptions,
    pub(crate) log_level_file: LogLevel,
    pub(crate) log_format_file: LogFormat,
    pub(crate) log_file_max_bytes: u64,
    pub(crate) debug: bool,
    /// The command's word.
    pub(crate) which: String,
}

/// Whether the streams are terminals: what colours and live lines depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terminal {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

const DEFAULT_LOG_FILE_BYTES: u64 = 10 * 1024 * 1024;

impl Settings {
    /// `project_flags` is `flags:` of dbt_project.yml, empty while it has not been read.
    ///
    /// # Errors
    /// A value that is none of the allowed ones, with the flag or variable that holds it; or a flag that this version
    /// refuses.
    pub(crate) fn resolve(
        cli: &Cli,
        environment: &Environment,
        project_flags: &Map<String, Value>,
        terminal: Terminal,
    ) -> Result<Self, Diagnostic> {
        let lookup = Lookup { global: &cli.global, environment, project_flags };
        refuse_what_is_not_there(cli, &lookup)?;
        let command = cli.command.as_ref();
        let debug = lookup.switch("debug", false)?;
        let level = lookup.choice("LOG_LEVEL", cli.global.log_level)?;
        let format = lookup.choice("LOG_FORMAT", cli.global.log_format)?.unwrap_or_default();
        let no_color = environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colors = lookup.switch("use_colors", terminal.stderr && !no_color)?;
        let printer = PrinterOptions {
            format,
            level: level.unwrap_or(if debug { LogLevel::Debug } else { LogLevel::Info }),
            quiet: lookup.switch("quiet", false)?,
            print: lookup.switch("print", true)?,
            width: lookup.number("PRINTER_WIDTH", cli.global.printer_width)?.unwrap_or(80),
            colors,
            warn_error: lookup.switch("warn_error", false)?,
            live: terminal.stdout
                && matches!(format, LogFormat::Default | LogFormat::Text)
                && level.is_none_or(|level| level <= LogLevel::Info),
        };
        let own = OwnFlags::of(command);
        let global = &cli.global;
        let threads = match lookup.number("THREADS", global.threads)? {
            Some(0) => return Err(invalid("--threads", "0", "a number from 1")),
            Some(threads) => Some(threads),
            None => lookup.switch("single_threaded", false)?.then_some(1),
        };
        Ok(Self {
            target: lookup.text("TARGET", global.target.as_deref()),
            profile: lookup.text("PROFILE", global.profile.as_deref()),
            profiles_dir: lookup.path("PROFILES_DIR", global.profiles_dir.as_ref()),
            project_dir: lookup.path("PROJECT_DIR", global.project_dir.as_ref()).unwrap_or_else(|| PathBuf::from(".")),
            target_path: lookup.path("TARGET_PATH", global.target_path.as_ref()),
            log_path: lookup.path("LOG_PATH", global.log_path.as_ref()),
            vars: lookup.text("VARS", global.vars.as_deref()),
            threads,
            compute: lookup.text("COMPUTE", own.compute),
            bucket: lookup.text("BUCKET", own.bucket),
            full_refresh: own.full_refresh || lookup.variable_switch("FULL_REFRESH")?.unwrap_or(false),
            fail_fast: lookup.switch("fail_fast", false)?,
            warn_error: lookup.switch("warn_error", false)?,
            write_json: lookup.switch("write_json", true)?,
            introspect: lookup.switch("introspect", true)?,
            version_check: lookup.switch("version_check", true)?,
            show_all_deprecations: lookup.switch("show_all_deprecations", false)?,
            state: lookup.path("STATE", global.state.as_ref()),
            defer_state: lookup.path("DEFER_STATE", global.defer_state.as_ref()),
            defer: lookup.switch("defer", false)?,
            favor_state: lookup.switch("favor_state", false)?,
            indirect_selection: lookup.choice("INDIRECT_SELECTION", global.indirect_selection)?.unwrap_or_default(),
            empty: match own.empty.and_then(EmptyArgs::given) {
                Some(given) => given,
                None => own.empty.is_some() && lookup.variable_switch("EMPTY")?.unwrap_or(false),
            },
            sample: lookup.own_text("SAMPLE", own.event_time.map(|args| &args.sample)),
            event_time_start: lookup.own_text("EVENT_TIME_START", own.event_time.map(|args| &args.event_time_start)),
            event_time_end: lookup.own_text("EVENT_TIME_END", own.event_time.map(|args| &args.event_time_end)),
            store_failures: match own.store_failures {
                None => false,
                Some(given) => given || lookup.variable_switch("STORE_FAILURES")?.unwrap_or(false),
            },
            populate_cache: lookup.switch("populate_cache", true)?,
            cache_selected_only: lookup.switch("cache_selected_only", false)?,
            partial_parse: lookup.switch("partial_parse", true)?,
            static_parser: lookup.switch("static_parser", true)?,
            log_cache_events: lookup.switch("log_cache_events", false)?,
            maximum_seed_size_mib: lookup.number("MAXIMUM_SEED_SIZE_MIB", global.maximum_seed_size_mib)?.unwrap_or(1),
            printer,
            log_level_file: lookup.choice("LOG_LEVEL_FILE", global.log_level_file)?.unwrap_or(LogLevel::Debug),
            log_format_file: lookup.choice("LOG_FORMAT_FILE", global.log_format_file)?.unwrap_or_default(),
            log_file_max_bytes: lookup
                .number("LOG_FILE_MAX_BYTES", global.log_file_max_bytes)?
                .unwrap_or(DEFAULT_LOG_FILE_BYTES),
            debug,
            which: command.map_or_else(String::new, |command| command.name().to_owned()),
        })
    }

    pub(crate) fn log(&self, folder: PathBuf) -> LogSettings {
        LogSettings {
            folder,
            level: self.log_level_file,
            format: self.log_format_file,
            max_bytes: self.log_file_max_bytes,
            on_screen: self.debug,
        }
    }

    /// What templates see as `flags`.
    pub(crate) fn template_flags(&self) -> Map<String, Value> {
        let flags = json!({
            "WHICH": self.which,
            "FULL_REFRESH": self.full_refresh,
            "FAIL_FAST": self.fail_fast,
            "WARN_ERROR": self.warn_error,
            "WRITE_JSON": self.write_json,
            "EMPTY": self.empty,
            "SAMPLE": self.sample,
            "EVENT_TIME_START": self.event_time_start,
            "EVENT_TIME_END": self.event_time_end,
            "INTROSPECT": self.introspect,
            "VERSION_CHECK": self.version_check,
            "STORE_FAILURES": self.store_failures,
            "QUIET": self.printer.quiet,
            "PRINT": self.printer.print,
            "DEBUG": self.debug,
            "USE_COLORS": self.printer.colors,
            "PRINTER_WIDTH": self.printer.width,
            "LOG_FORMAT": format_word(self.printer.format),
            "LOG_LEVEL": level_word(self.printer.level),
            "INDIRECT_SELECTION": indirect_word(self.indirect_selection),
            "TARGET": self.target,
            "PROFILE": self.profile,
            "PROFILES_DIR": self.profiles_dir.as_ref().map(|path| path.display().to_string()),
            "PROJECT_DIR": self.project_dir.display().to_string(),
            "TARGET_PATH": self.target_path.as_ref().map(|path| path.display().to_string()),
            "THREADS": self.threads,
            "DEFER": self.defer,
            "FAVOR_STATE": self.favor_state,
            "STATE": self.state.as_ref().map(|path| path.display().to_string()),
            "DEFER_STATE": self.defer_state.as_ref().map(|path| path.display().to_string()),
            "SEND_ANONYMOUS_USAGE_STATS": false,
            "CACHE_SELECTED_ONLY": self.cache_selected_only,
            "POPULATE_CACHE": self.populate_cache,
            "PARTIAL_PARSE": self.partial_parse,
            "STATIC_PARSER": self.static_parser,
        });
        match flags {
            Value::Object(flags) => flags,
            _ => Map::new(),
        }
    }

    /// `args` of run_results.json: the flags in dbt's spelling, those that were not given left out.
    pub(crate) fn artifact_args(&self) -> Map<String, Value> {
        let mut args: Map<String, Value> = self
            .template_flags()
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        if let Some(vars) = &self.vars {
            args.insert("vars".to_owned(), json!(vars));
        }
        args
    }
}

fn format_word(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Default => "default",
        LogFormat::Text => "text",
        LogFormat::Debug => "debug",
        LogFormat::Json => "json",
    }
}

fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
        LogLevel::None => "none",
    }
}

fn indirect_word(mode: IndirectMode) -> &'static str {
    match mode {
        IndirectMode::Eager => "eager",
        IndirectMode::Cautious => "cautious",
        IndirectMode::Buildable => "buildable",
        IndirectMode::Empty => "empty",
    }
}

/// The flags that only some commands have, from whichever command was given.
#[derive(Default)]
struct OwnFlags<'a> {
    compute: Option<&'a str>,
    bucket: Option<&'a str>,
    full_refresh: bool,
    /// `None` for a command without the flag: its variable means nothing there.
    empty: Option<&'a EmptyArgs>,
    event_time: Option<&'a EventTimeArgs>,
    store_failures: Option<bool>,
}

impl<'a> OwnFlags<'a> {
    fn of(command: Option<&'a Command>) -> Self {
        let mut own = Self::default();
        let engine = match command {
            Some(Command::Build(args)) => {
                own.full_refresh = args.full_refresh;
                own.empty = Some(&args.empty);
                own.event_time = Some(&args.event_time);
                own.store_failures = Some(args.store_failures);
                Some(&args.engine)
            }
            Some(Command::Run(args)) => {
                own.full_refresh = args.full_refresh;
                own.empty = Some(&args.empty);
                own.event_time = Some(&args.event_time);
                Some(&args.engine)
            }
            Some(Command::Test(args)) => {
                own.store_failures = Some(args.store_failures);
                Some(&args.engine)
            }
            Some(Command::Snapshot(args)) => {
                own.empty = Some(&args.empty);
                Some(&args.engine)
            }
            Some(Command::Show(args)) => {
                own.full_refresh = args.full_refresh;
                Some(&args.engine)
            }
            Some(Command::Seed(args)) => {
                own.full_refresh = args.full_refresh;
                own.empty = Some(&args.empty);
                own.compute = args.compute.as_deref();
                None
            }
            Some(Command::Compile(args)) => {
                own.full_refresh = args.full_refresh;
                own.empty = Some(&args.empty);
                None
            }
            Some(Command::Clone(args)) => {
                own.full_refresh = args.full_refresh;
                None
            }
            Some(Command::Retry(args)) => {
                own.full_refresh = args.full_refresh;
                None
            }
            Some(Command::Clean(args)) => {
                own.bucket = args.bucket.as_deref();
                None
            }
            _ => None,
        };
        if let Some(engine) = engine {
            own.compute = engine.compute.as_deref();
            own.bucket = engine.bucket.as_deref();
        }
        own
    }
}

/// Flags of dbt that would change what a run does and that this version does not have. Whoever builds one takes it out here.
fn refuse_what_is_not_there(cli: &Cli, lookup: &Lookup<'_>) -> Result<(), Diagnostic> {
    let not_yet = |flag: &str| {
        Err(Diagnostic::error("flag-not-yet", format!("`{flag}` is not in this version of dvt yet"))
            .help("leave it out; COMPATIBILITY.md lists what is there and what is not"))
    };
    let own = OwnFlags::of(cli.command.as_ref());
    if lookup
        .text("WARN_ERROR_OPTIONS", cli.global.warn_error_options.as_deref())
        .is_some_and(|text| text.trim() != "{}")
    {
        return not_yet("--warn-error-options");
    }
    if own.empty.and_then(EmptyArgs::given) == Some(true)
        || (own.empty.is_some() && lookup.variable_switch("EMPTY")? == Some(true))
    {
        return not_yet("--empty");
    }
    if lookup.own_text("SAMPLE", own.event_time.map(|args| &args.sample)).is_some() {
        return not_yet("--sample");
    }
    Ok(())
}

fn invalid(place: &str, value: &str, expected: &str) -> Diagnostic {
    Diagnostic::error("invalid-setting", format!("`{value}` is not a value for {place}"))
        .note(format!("it takes {expected}"))
}

/// One setting after the other, from the strongest place that has it.
struct Lookup<'a> {
    global: &'a GlobalArgs,
    environment: &'a Environment,
    project_flags: &'a Map<String, Value>,
}

impl Lookup<'_> {
    /// A value of `flags:` in dbt_project.yml.
    fn project_flag(&self, name: &str) -> Option<&Value> {
        self.project_flags.get(&name.to_lowercase()).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str, given: Option<&str>) -> Option<String> {
        given
            .map(str::to_owned)
            .or_else(|| self.environment.setting(name).map(|(_, value)| value.to_owned()))
            .or_else(|| self.project_flag(name).and_then(Value::as_str).map(str::to_owned))
    }

    /// A flag of some commands; `None` for a command without it.
    fn own_text(&self, name: &str, given: Option<&Option<String>>) -> Option<String> {
        match given? {
            Some(value) => Some(value.clone()),
            None => self.environment.setting(name).map(|(_, value)| value.to_owned()),
        }
    }

    fn path(&self, name: &str, given: Option<&PathBuf>) -> Option<PathBuf> {
        given.cloned().or_else(|| self.environment.setting(name).map(|(_, value)| PathBuf::from(value)))
    }

    fn number<N>(&self, name: &str, given: Option<N>) -> Result<Option<N>, Diagnostic>
    where
        N: std::str::FromStr,
    {
        if given.is_some() {
            return Ok(given);
        }
        let (place, value) = match self.environment.setting(name) {
            Some((variable, value)) => (variable, value.to_owned()),
            None => match self.project_flag(name) {
                Some(value) => (project_place(name), value.to_string()),
                None => return Ok(None),
            },
        };
        value.parse().map(Some).map_err(|_| invalid(&place, &value, "a whole number"))
    }

    fn choice<C: ValueEnum>(&self, name: &str, given: Option<C>) -> Result<Option<C>, Diagnostic> {
        if given.is_some() {
            return Ok(given);
        }
        let (place, value) = match self.environment.setting(name) {
            Some((variable, value)) => (variable, value.to_owned()),
            None => match self.project_flag(name).and_then(Value::as_str) {
                Some(value) => (project_place(name), value.to_owned()),
                None => return Ok(None),
            },
        };
        C::from_str(&value, true).map(Some).map_err(|_| {
            let known: Vec<String> = C::value_variants()
                .iter()
                .filter_map(ValueEnum::to_possible_value)
                .map(|value| format!("`{}`", value.get_name()))
                .collect();
            invalid(&place, &value, &known.join(", "))
        })
    }

    /// `name` is the field's; the variable and the project's flag are spelled alike.
    fn switch(&self, name: &str, default: bool) -> Result<bool, Diagnostic> {
        if let Some(given) = self.global.switches.given(name) {
            return Ok(given);
        }
        if let Some(value) = self.variable_switch(&name.to_uppercase())? {
            return Ok(value);
        }
        match self.project_flag(name) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(invalid(&project_place(name), &other.to_string(), "true or false")),
        }
    }

    fn variable_switch(&self, name: &str) -> Result<Option<bool>, Diagnostic> {
        let Some((variable, value)) = self.environment.setting(name) else { return Ok(None) };
        match value.to_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Ok(Some(true)),
            "0" | "false" | "f" | "no" | "n" | "off" => Ok(Some(false)),
            _ => Err(invalid(&variable, value, "true or false")),
        }
    }
}

fn project_place(name: &str) -> String {
    format!("`flags: {}:` in dbt_project.yml", name.to_lowercase())
}

#[cfg(test)]
mod tests;
