//! The flags that every command takes, before or after its name.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct GlobalArgs {
    /// The default target: an output of the profile
    #[arg(short = 't', long, global = true, value_name = "NAME")]
    pub(crate) target: Option<String>,

    /// The profile, when it is not the one that dbt_project.yml names
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The folder of profiles.yml [default: the project, ~/.dvt, ~/.dbt]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) profiles_dir: Option<PathBuf>,

    /// The folder of dbt_project.yml [default: the current folder and its parents]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) project_dir: Option<PathBuf>,

    /// Where compiled SQL and artifacts go [default: target]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) target_path: Option<PathBuf>,

    /// Where dvt.log goes [default: logs]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) log_path: Option<PathBuf>,

    /// Variables for var(), as YAML: '{start: 2026-01-01}'
    #[arg(long, global = true, value_name = "YAML")]
    pub(crate) vars: Option<String>,

    /// Nodes that run at the same time [default: the target's threads]
    #[arg(long, global = true, value_name = "COUNT")]
    pub(crate) threads: Option<usize>,

    /// What the screen shows: debug, info, warn, error, none [default: info]
    #[arg(long, global = true, value_enum, value_name = "LEVEL", hide_possible_values = true)]
    pub(crate) log_level: Option<LogLevel>,

    /// What logs/dvt.log gets [default: debug]
    #[arg(long, global = true, value_enum, value_name = "LEVEL", hide_possible_values = true)]
    pub(crate) log_level_file: Option<LogLevel>,

    /// Lines on the screen as text or as one JSON object each [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,

    /// Lines in logs/dvt.log as text or as one JSON object each [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) log_format_file: Option<LogFormat>,

    /// Bytes after which logs/dvt.log starts anew, keeping five older ones [default: 10485760]
    #[arg(long, global = true, value_name = "BYTES", hide = true)]
    pub(crate) log_file_max_bytes: Option<u64>,

    /// Columns that a log line is padded to [default: 80]
    #[arg(long, global = true, value_name = "COLUMNS")]
    pub(crate) printer_width: Option<usize>,

    /// Options of --warn-error by name, as YAML; not in this version
    #[arg(long, global = true, value_name = "YAML", hide = true)]
    pub(crate) warn_error_options: Option<String>,

    /// A folder with the artifacts of an earlier run; not in this version
    #[arg(long, global = true, value_name = "FOLDER", hide = true)]
    pub(crate) state: Option<PathBuf>,

    /// A folder with the manifest to defer to; not in this version
    #[arg(long, global = true, value_name = "FOLDER", hide = true)]
    pub(crate) defer_state: Option<PathBuf>,

    /// dbt's size limit for seeds; dvt streams seeds and has none
    #[arg(long, global = true, value_name = "MIB", hide = true)]
    pub(crate) maximum_seed_size_mib: Option<u64>,

    #[command(flatten)]
    pub(crate) switches: Switches,
}

/// Flags that are on or off, each with its `--no-` form; the last one given wins.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct Switches {
    /// Stop at the first node that fails
    #[arg(short = 'x', long, global = true, overrides_with = "no_fail_fast")]
    pub(crate) fail_fast: bool,
    #[arg(long, global = true, overrides_with = "fail_fast", hide = true)]
    pub(crate) no_fail_fast: bool,

    /// Treat warnings as errors
    #[arg(long, global = true, overrides_with = "no_warn_error")]
    pub(crate) warn_error: bool,
    #[arg(long, global = true, overrides_with = "warn_error", hide = true)]
    pub(crate) no_warn_error: bool,

    /// Print only errors, and the data that was asked for
    #[arg(short = 'q', long, global = true, overrides_with = "no_quiet")]
    pub(crate) quiet: bool,
    #[arg(long, global = true, overrides_with = "quiet", hide = true)]
    pub(crate) no_quiet: bool,

    /// Show what dvt does, with the SQL it sends
    #[arg(short = 'd', long, global = true, overrides_with = "no_debug")]
    pub(crate) debug: bool,
    #[arg(long, global = true, overrides_with = "debug", hide = true)]
    pub(crate) no_debug: bool,

    /// Colours on the screen [default: when it is a terminal]
    #[arg(long, global = true, overrides_with = "no_use_colors", hide = true)]
    pub(crate) use_colors: bool,
    /// No colours on the screen
    #[arg(long, global = true, overrides_with = "use_colors")]
    pub(crate) no_use_colors: bool,

    /// Write manifest.json and run_results.json
    #[arg(long, global = true, overrides_with = "no_write_json", hide = true)]
    pub(crate) write_json: bool,
    /// Write no manifest.json and run_results.json
    #[arg(long, global = true, overrides_with = "write_json")]
    pub(crate) no_write_json: bool,

    /// Show what print() says
    #[arg(long, global = true, overrides_with = "no_print", hide = true)]
    pub(crate) print: bool,
    /// Hide what print() says
    #[arg(long, global = true, overrides_with = "print")]
    pub(crate) no_print: bool,

    /// Take unselected inputs from another environment; not in this version
    #[arg(long, global = true, overrides_with = "no_defer", hide = true)]
    pub(crate) defer: bool,
    #[arg(long, global = true, overrides_with = "defer", hide = true)]
    pub(crate) no_defer: bool,

    /// Prefer the other environment; not in this version
    #[arg(long, global = true, overrides_with = "no_favor_state", hide = true)]
    pub(crate) favor_state: bool,
    #[arg(long, global = true, overrides_with = "favor_state", hide = true)]
    pub(crate) no_favor_state: bool,

    /// Let templates query while compiling
    #[arg(long, global = true, overrides_with = "no_introspect", hide = true)]
    pub(crate) introspect: bool,
    #[arg(long, global = true, overrides_with = "introspect", hide = true)]
    pub(crate) no_introspect: bool,

    /// Colours in the log file; dvt writes none
    #[arg(long, global = true, overrides_with = "no_use_colors_file", hide = true)]
    pub(crate) use_colors_file: bool,
    #[arg(long, global = true, overrides_with = "use_colors_file", hide = true)]
    pub(crate) no_use_colors_file: bool,

    /// dbt keeps parse results between runs; dvt reads the project anew
    #[arg(long, global = true, overrides_with = "no_partial_parse", hide = true)]
    pub(crate) partial_parse: bool,
    #[arg(long, global = true, overrides_with = "partial_parse", hide = true)]
    pub(crate) no_partial_parse: bool,

    /// dbt's shortcut for simple models; dvt needs none
    #[arg(long, global = true, overrides_with = "no_static_parser", hide = true)]
    pub(crate) static_parser: bool,
    #[arg(long, global = true, overrides_with = "static_parser", hide = true)]
    pub(crate) no_static_parser: bool,

    /// Check require-dbt-version
    #[arg(long, global = true, overrides_with = "no_version_check", hide = true)]
    pub(crate) version_check: bool,
    #[arg(long, global = true, overrides_with = "version_check", hide = true)]
    pub(crate) no_version_check: bool,

    /// List the target's relations before the first node
    #[arg(long, global = true, overrides_with = "no_populate_cache", hide = true)]
    pub(crate) populate_cache: bool,
    #[arg(long, global = true, overrides_with = "populate_cache", hide = true)]
    pub(crate) no_populate_cache: bool,

    /// List only the selected schemas
    #[arg(long, global = true, overrides_with = "no_cache_selected_only", hide = true)]
    pub(crate) cache_selected_only: bool,
    #[arg(long, global = true, overrides_with = "cache_selected_only", hide = true)]
    pub(crate) no_cache_selected_only: bool,

    /// Log the relation cache
    #[arg(long, global = true, overrides_with = "no_log_cache_events", hide = true)]
    pub(crate) log_cache_events: bool,
    #[arg(long, global = true, overrides_with = "log_cache_events", hide = true)]
    pub(crate) no_log_cache_events: bool,

    /// dvt sends nothing
    #[arg(long, global = true, overrides_with = "no_send_anonymous_usage_stats", hide = true)]
    pub(crate) send_anonymous_usage_stats: bool,
    #[arg(long, global = true, overrides_with = "send_anonymous_usage_stats", hide = true)]
    pub(crate) no_send_anonymous_usage_stats: bool,

    /// Show each deprecation once per place
    #[arg(long, global = true, overrides_with = "no_show_all_deprecations", hide = true)]
    pub(crate) show_all_deprecations: bool,
    #[arg(long, global = true, overrides_with = "show_all_deprecations", hide = true)]
    pub(crate) no_show_all_deprecations: bool,

    /// Show hints
    #[arg(long, global = true, overrides_with = "no_hints_enabled", hide = true)]
    pub(crate) hints_enabled: bool,
    #[arg(long, global = true, overrides_with = "hints_enabled", hide = true)]
    pub(crate) no_hints_enabled: bool,

    /// One node at a time
    #[arg(long, global = true, overrides_with = "no_single_threaded", hide = true)]
    pub(crate) single_threaded: bool,
    #[arg(long, global = true, overrides_with = "single_threaded", hide = true)]
    pub(crate) no_single_threaded: bool,

    /// dbt's macro debugger; dvt has none
    #[arg(long, global = true, overrides_with = "no_macro_debugging", hide = true)]
    pub(crate) macro_debugging: bool,
    #[arg(long, global = true, overrides_with = "macro_debugging", hide = true)]
    pub(crate) no_macro_debugging: bool,
}

impl Switches {
    /// What the command line says about a switch: on, off, or nothing. `name` is the field's.
    pub(crate) fn given(&self, name: &str) -> Option<bool> {
        let (on, off) = match name {
            "fail_fast" => (self.fail_fast, self.no_fail_fast),
            "warn_error" => (self.warn_error, self.no_warn_error),
            "quiet" => (self.quiet, self.no_quiet),
            "debug" => (self.debug, self.no_debug),
            "use_colors" => (self.use_colors, self.no_use_colors),
            "write_json" => (self.write_json, self.no_write_json),
            "print" => (self.print, self.no_print),
            "defer" => (self.defer, self.no_defer),
            "favor_state" => (self.favor_state, self.no_favor_state),
            "introspect" => (self.introspect, self.no_introspect),
            "use_colors_file" => (self.use_colors_file, self.no_use_colors_file),
            "partial_parse" => (self.partial_parse, self.no_partial_parse),
            "static_parser" => (self.static_parser, self.no_static_parser),
            "version_check" => (self.version_check, self.no_version_check),
            "populate_cache" => (self.populate_cache, self.no_populate_cache),
            "cache_selected_only" => (self.cache_selected_only, self.no_cache_selected_only),
            "log_cache_events" => (self.log_cache_events, self.no_log_cache_events),
            "send_anonymous_usage_stats" => (self.send_anonymous_usage_stats, self.no_send_anonymous_usage_stats),
            "show_all_deprecations" => (self.show_all_deprecations, self.no_show_all_deprecations),
            "hints_enabled" => (self.hints_enabled, self.no_hints_enabled),
            "single_threaded" => (self.single_threaded, self.no_single_threaded),
            "macro_debugging" => (self.macro_debugging, self.no_macro_debugging),
            _ => (false, false),
        };
        match (on, off) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    #[value(alias = "default")]
    Text,
    Debug,
    Json,
}

/// How data is printed by `show` and `compile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    #[default]
    Text,
    Json,
}
