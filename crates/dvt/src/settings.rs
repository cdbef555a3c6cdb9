//! From flags to settings, once: the command line wins over the environment, that over the project's `flags:`, that over
//! the default.

use crate::cli::{Cli, Command, EmptyArgs, EventTimeArgs, GlobalArgs, IndirectMode, LogFormat, LogLevel};
use crate::environment::{Environment, truth};
use crate::printer::{LogSettings, PrinterOptions};
use crate::recorded::own_flags;
use crate::warn_error::WarnErrorOptions;
use clap::ValueEnum;
use dvt_diagnostics::Diagnostic;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

pub(crate) mod usage;

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
    pub(crate) warn_error_options: WarnErrorOptions,
    pub(crate) write_json: bool,
    pub(crate) introspect: bool,
    pub(crate) version_check: bool,
    pub(crate) show_resource_report: bool,
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
    /// False: the project's files are taken for unchanged.
    pub(crate) partial_parse_file_diff: bool,
    pub(crate) partial_parse_file_path: Option<PathBuf>,
    pub(crate) static_parser: bool,
    /// Seeds above this are compared by path; 0 for no limit.
    pub(crate) maximum_seed_size_mib: u64,
    pub(crate) printer: PrinterOptions,
    pub(crate) log_level_file: LogLevel,
    pub(crate) log_format_file: LogFormat,
    pub(crate) use_colors_file: bool,
    pub(crate) log_file_max_bytes: u64,
    pub(crate) debug: bool,
    /// dbt's behaviour flags, with what `flags:` of dbt_project.yml says; unknown ones are kept.
    pub(crate) behaviour: Map<String, Value>,
    /// What templates are told of colours: dbt's value, whatever the terminal can.
    pub(crate) wants_colors: bool,
    /// The command line in one text.
    pub(crate) invocation_command: String,
    /// The command's word.
    pub(crate) which: String,
    /// What only this command was told, for the `args` of run_results.json.
    pub(crate) own_flags: Map<String, Value>,
}

/// Flags as files say them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlagFiles {
    /// `flags:` of dbt_project.yml.
    pub(crate) project: Map<String, Value>,
    /// `flags:` of `user_settings.yml` in `~/.dvt` or `~/.dbt`: weaker than everything but the defaults.
    pub(crate) user: Map<String, Value>,
}

/// Whether the streams are terminals: what colours and live lines depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terminal {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

const DEFAULT_LOG_FILE_BYTES: u64 = 10 * 1024 * 1024;

impl Settings {
    /// `files` is what files say about flags, empty while they have not been read.
    ///
    /// # Errors
    /// A value that is none of the allowed ones, with the flag or variable that holds it; or a flag that this version
    /// refuses.
    pub(crate) fn resolve(
        cli: &Cli,
        environment: &Environment,
        files: &FlagFiles,
        terminal: Terminal,
    ) -> Result<Self, Diagnostic> {
        let lookup = Lookup { global: &cli.global, environment, files };
        usage::check_exclusive_flags(cli)?;
        let command = cli.command.as_ref();
        let debug = lookup.switch("debug", false)?;
        let level = lookup.choice("LOG_LEVEL", cli.global.log_level)?;
        let format_given = lookup.choice("LOG_FORMAT", cli.global.log_format)?;
        let format = format_given.unwrap_or_default();
        let behaviour = behaviour_flags(&files.project);
        let warn_error = lookup.switch("warn_error", false)?;
        let mut warn_error_options = lookup.warn_error_options(warn_error)?;
        let handles_all = behaviour.get("REQUIRE_ALL_WARNINGS_HANDLED_BY_WARN_ERROR");
        warn_error_options.handles_some = handles_all == Some(&Value::Bool(false));
        let no_color = environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colors = lookup.switch("use_colors", terminal.stderr && !no_color)?;
        let printer = PrinterOptions {
            format,
            level: if debug && level != Some(LogLevel::None) {
                LogLevel::Debug
            } else {
                level.unwrap_or(LogLevel::Info)
            },
            quiet: lookup.switch("quiet", false)?,
            print: lookup.switch("print", true)?,
            width: lookup.number("PRINTER_WIDTH", cli.global.printer_width)?.unwrap_or(80),
            colors,
            json_colors: lookup.switch_given("use_colors")?.unwrap_or(!no_color),
            warn_error: warn_error_options.clone(),
            show_all_deprecations: lookup.switch("show_all_deprecations", false)?,
            named_deprecations: behaviour.get("REQUIRE_EVENT_NAMES_IN_DEPRECATIONS") == Some(&Value::Bool(true)),
            log_cache_events: lookup.switch("log_cache_events", false)?,
            extra: environment.custom(),
            lines_to_stderr: false,
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
        let project_dir = lookup.path("PROJECT_DIR", global.project_dir.as_ref());
        let profiles_dir = lookup.path("PROFILES_DIR", global.profiles_dir.as_ref());
        let partial_parse_file_path = lookup.path("PARTIAL_PARSE_FILE_PATH", global.partial_parse_file_path.as_ref());
        usage::check_file("--partial-parse-file-path", partial_parse_file_path.as_deref())?;
        usage::check_folders(command, project_dir.as_deref(), profiles_dir.as_deref())?;
        let event_time_start = lookup.own_text("EVENT_TIME_START", own.event_time.map(|args| &args.event_time_start));
        let event_time_end = lookup.own_text("EVENT_TIME_END", own.event_time.map(|args| &args.event_time_end));
        usage::check_event_times(event_time_start.as_deref(), event_time_end.as_deref())?;
        Ok(Self {
            target: lookup.text("TARGET", global.target.as_deref()),
            profile: lookup.text("PROFILE", global.profile.as_deref()),
            profiles_dir,
            project_dir: project_dir.unwrap_or_else(|| PathBuf::from(".")),
            target_path: lookup.path("TARGET_PATH", global.target_path.as_ref()),
            log_path: lookup.path("LOG_PATH", global.log_path.as_ref()),
            vars: lookup.text("VARS", global.vars.as_deref()),
            threads,
            compute: lookup.text("COMPUTE", own.compute),
            bucket: lookup.text("BUCKET", own.bucket),
            full_refresh: own.full_refresh || lookup.variable_switch("FULL_REFRESH")?.unwrap_or(false),
            fail_fast: lookup.switch("fail_fast", false)?,
            warn_error,
            warn_error_options,
            write_json: lookup.switch("write_json", true)?,
            introspect: lookup.switch("introspect", true)?,
            version_check: lookup.switch("version_check", true)?,
            show_resource_report: lookup.switch("show_resource_report", false)?,
            state: lookup.path("STATE", global.state.as_ref()),
            defer_state: lookup.path("DEFER_STATE", global.defer_state.as_ref()),
            defer: lookup.switch("defer", false)?,
            favor_state: lookup.switch("favor_state", false)?,
            indirect_selection: lookup.choice("INDIRECT_SELECTION", global.indirect_selection)?.unwrap_or_default(),
            empty: match own.empty.and_then(EmptyArgs::given) {
                Some(given) => given,
                None => own.empty.is_some() && lookup.variable_switch("EMPTY")?.unwrap_or(false),
            },
            sample: usage::check_sample(lookup.own_text("SAMPLE", own.event_time.map(|args| &args.sample)))?,
            event_time_start,
            event_time_end,
            store_failures: match own.store_failures {
                None => false,
                Some(given) => given || lookup.variable_switch("STORE_FAILURES")?.unwrap_or(false),
            },
            populate_cache: lookup.switch("populate_cache", true)?,
            cache_selected_only: lookup.switch("cache_selected_only", false)?,
            partial_parse: lookup.switch("partial_parse", true)?,
            partial_parse_file_diff: lookup.switch("partial_parse_file_diff", true)?,
            partial_parse_file_path,
            static_parser: lookup.switch("static_parser", true)?,
            maximum_seed_size_mib: lookup.number("MAXIMUM_SEED_SIZE_MIB", global.maximum_seed_size_mib)?.unwrap_or(1),
            printer,
            // What is said about the screen holds for the file too, unless the file's own flag says otherwise.
            log_level_file: match lookup.choice("LOG_LEVEL_FILE", global.log_level_file)?.or(level) {
                Some(level) if level == LogLevel::None || !debug => level,
                _ => LogLevel::Debug,
            },
            log_format_file: lookup
                .choice("LOG_FORMAT_FILE", global.log_format_file)?
                .or(format_given)
                .unwrap_or_default(),
            use_colors_file: match lookup.switch_given("use_colors_file")? {
                Some(given) => given,
                None => lookup.switch_given("use_colors")?.unwrap_or(false),
            },
            log_file_max_bytes: lookup
                .number("LOG_FILE_MAX_BYTES", global.log_file_max_bytes)?
                .unwrap_or(DEFAULT_LOG_FILE_BYTES),
            debug,
            behaviour,
            wants_colors: lookup.switch_given("use_colors")?.unwrap_or(true),
            invocation_command: environment.command_line(),
            which: command.map_or_else(String::new, |command| command.name().to_owned()),
            own_flags: own_flags(command),
        })
    }

    pub(crate) fn log(&self, folder: PathBuf) -> LogSettings {
        LogSettings {
            folder,
            level: self.log_level_file,
            format: self.log_format_file,
            max_bytes: self.log_file_max_bytes,
            colors: self.use_colors_file,
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
            "USE_COLORS": self.wants_colors,
            "PRINTER_WIDTH": self.printer.width,
            "LOG_FORMAT": format_word(self.printer.format),
            "LOG_LEVEL": level_word(self.printer.level),
            "INDIRECT_SELECTION": indirect_word(self.indirect_selection),
            "TARGET": self.target,
            "PROFILE": self.profile,
            "PROFILES_DIR": self.profiles_dir.as_ref().map(|path| path.display().to_string()),
            "PROJECT_DIR": std::path::absolute(&self.project_dir).unwrap_or_else(|_| self.project_dir.clone()).display().to_string(),
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
            "WARN_ERROR_OPTIONS": self.warn_error_options.to_json(),
        });
        let more = json!({
            "USE_COLORS_FILE": self.use_colors_file,
            "LOG_FORMAT_FILE": format_word(self.log_format_file),
            "LOG_LEVEL_FILE": level_word(self.log_level_file),
            "LOG_FILE_MAX_BYTES": self.log_file_max_bytes,
            "LOG_PATH": self.log_path.as_ref().map(|path| path.display().to_string()),
            "MAXIMUM_SEED_SIZE_MIB": self.maximum_seed_size_mib,
            "SHOW_ALL_DEPRECATIONS": self.printer.show_all_deprecations,
            "SHOW_RESOURCE_REPORT": self.show_resource_report,
            "INVOCATION_COMMAND": self.invocation_command,
            "MACRO_DEBUGGING": false,
            "STRICT_MODE": false,
        });
        let mut all = self.behaviour.clone();
        for flags in [flags, more] {
            if let Value::Object(flags) = flags {
                all.extend(flags);
            }
        }
        all
    }

    /// `--vars` as it may be shown: a variable whose name says that it is secret has no value.
    pub(crate) fn shown_vars(&self) -> Map<String, Value> {
        let vars = self.vars.as_deref().map(dvt_project::parse_vars).and_then(Result::ok).unwrap_or_default();
        vars.into_iter()
            .map(|(name, value)| if is_secret(&name) { (name, Value::from("*****")) } else { (name, value) })
            .collect()
    }

    /// `args` of run_results.json: the flags in dbt's spelling, those that were not given left out.
    pub(crate) fn artifact_args(&self) -> Map<String, Value> {
        // What dbt leaves out where it is off.
        const QUIET_WHEN_OFF: [&str; 5] = ["debug", "full_refresh", "fail_fast", "warn_error", "store_failures"];
        let mut args: Map<String, Value> = self
            .template_flags()
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_lowercase(), value))
            .filter(|(name, value)| value != &Value::Bool(false) || !QUIET_WHEN_OFF.contains(&name.as_str()))
            .collect();
        args.insert("vars".to_owned(), Value::Object(self.shown_vars()));
        for (name, value) in [("compute", &self.compute), ("bucket", &self.bucket)] {
            if let Some(value) = value {
                args.insert(name.to_owned(), json!(value));
            }
        }
        args.extend(self.own_flags.clone());
        args
    }
}

/// Whether a variable is secret by its name, in the environment or in `--vars`.
pub(crate) fn is_secret(name: &str) -> bool {
    ["DBT_ENV_SECRET", "DBT_ENGINE_ENV_SECRET", "DVT_ENV_SECRET"].iter().any(|prefix| name.starts_with(prefix))
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
            Some(Command::Plan(args)) => {
                own.full_refresh = args.full_refresh;
                own.empty = Some(&args.empty);
                own.event_time = Some(&args.event_time);
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

/// dbt's behaviour flags by their upper-case names, with their defaults.
fn behaviour_flags(project_flags: &Map<String, Value>) -> Map<String, Value> {
    const DEFAULTS: [(&str, bool); 24] = [
        ("require_batched_execution_for_custom_microbatch_strategy", true),
        ("require_event_names_in_deprecations", false),
        ("require_explicit_package_overrides_for_builtin_materializations", true),
        ("require_resource_names_without_spaces", true),
        ("source_freshness_run_project_hooks", true),
        ("skip_nodes_if_on_run_start_fails", true),
        ("state_modified_compare_more_unrendered_values", true),
        ("state_modified_compare_vars", false),
        ("require_yaml_configuration_for_mf_time_spines", true),
        ("require_nested_cumulative_type_params", true),
        ("validate_macro_args", true),
        ("require_all_warnings_handled_by_warn_error", true),
        ("require_generic_test_arguments_property", true),
        ("require_unique_project_resource_names", false),
        ("require_ref_searches_node_package_before_root", false),
        ("require_valid_schema_from_generate_schema_name", false),
        ("allow_jinja_file_extensions", false),
        ("require_sql_header_in_test_configs", false),
        ("support_custom_ref_kwargs", false),
        ("require_corrected_analysis_fqns", false),
        ("require_source_and_semantic_model_names_without_spaces", false),
        ("enable_grouped_warn_error_parser_logs", false),
        ("use_catalogs_v2", false),
        ("latest_version_pointer_enabled_by_default", false),
    ];
    let mut flags: Map<String, Value> =
        DEFAULTS.iter().map(|(name, default)| (name.to_uppercase(), Value::Bool(*default))).collect();
    flags.extend(project_flags.iter().map(|(name, value)| (name.to_uppercase(), value.clone())));
    flags
}

fn invalid(place: &str, value: &str, expected: &str) -> Diagnostic {
    Diagnostic::error("invalid-setting", format!("`{value}` is not a value for {place}"))
        .note(format!("it takes {expected}"))
}

/// One setting after the other, from the strongest place that has it.
struct Lookup<'a> {
    global: &'a GlobalArgs,
    environment: &'a Environment,
    files: &'a FlagFiles,
}

impl Lookup<'_> {
    /// A value of `flags:` in dbt_project.yml, else of the user's settings.
    fn project_flag(&self, name: &str) -> Option<&Value> {
        let name = name.to_lowercase();
        [&self.files.project, &self.files.user]
            .into_iter()
            .filter_map(|flags| flags.get(&name))
            .find(|flag| !flag.is_null())
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
        Ok(self.switch_given(name)?.unwrap_or(default))
    }

    fn switch_given(&self, name: &str) -> Result<Option<bool>, Diagnostic> {
        if let Some(given) = self.global.switches.given(name) {
            return Ok(Some(given));
        }
        if let Some(value) = self.variable_switch(&name.to_uppercase())? {
            return Ok(Some(value));
        }
        match self.project_flag(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(invalid(&project_place(name), &other.to_string(), "true or false")),
        }
    }

    /// `--warn-error-options`, which `--warn-error` excludes where the user gave both.
    fn warn_error_options(&self, warn_error: bool) -> Result<WarnErrorOptions, Diagnostic> {
        let given = match &self.global.warn_error_options {
            Some(text) => Some(text.as_str()),
            None => self.environment.setting("WARN_ERROR_OPTIONS").map(|(_, value)| value),
        };
        let options = match given {
            Some(text) => Some(dvt_project::parse_vars(text).map_err(|_| {
                usage::error(format!("Invalid value for '--warn-error-options': String '{text}' is not valid YAML"))
            })?),
            None => self.project_flag("WARN_ERROR_OPTIONS").and_then(Value::as_object).cloned(),
        };
        let is_given = self.switch_given("warn_error")?.is_some();
        match options {
            Some(_) if is_given => {
                Err(usage::error("warn_error_options: not allowed with argument warn_error".to_owned()))
            }
            Some(options) => WarnErrorOptions::parse(&options),
            None if warn_error => Ok(WarnErrorOptions::all()),
            None => Ok(WarnErrorOptions::default()),
        }
    }

    fn variable_switch(&self, name: &str) -> Result<Option<bool>, Diagnostic> {
        let Some((variable, value)) = self.environment.setting(name) else { return Ok(None) };
        truth(value).map(Some).ok_or_else(|| invalid(&variable, value, "true or false"))
    }
}

fn project_place(name: &str) -> String {
    format!("`flags: {}:` in dbt_project.yml", name.to_lowercase())
}

#[cfg(test)]
mod tests;
