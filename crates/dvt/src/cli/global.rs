//! The flags that every command takes, before or after its name.

use super::Switches;
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

    /// Where dbt.log goes [default: logs]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) log_path: Option<PathBuf>,

    /// Variables for var(), as YAML: '{start: 2026-01-01}'
    #[arg(long, global = true, value_name = "YAML")]
    pub(crate) vars: Option<String>,

    /// Nodes that run at the same time [default: the target's threads]
    #[arg(long, global = true, value_name = "COUNT")]
    pub(crate) threads: Option<usize>,

    /// What the screen shows: debug, info, warn, error, none [default: info]
    #[arg(long, global = true, value_enum, value_name = "LEVEL", ignore_case = true, hide_possible_values = true)]
    pub(crate) log_level: Option<LogLevel>,

    /// What logs/dbt.log gets [default: debug]
    #[arg(long, global = true, value_enum, value_name = "LEVEL", ignore_case = true, hide_possible_values = true)]
    pub(crate) log_level_file: Option<LogLevel>,

    /// Lines on the screen as text or as one JSON object each [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", ignore_case = true, hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,

    /// Lines in logs/dbt.log as text, debug or as one JSON object each [default: debug]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", ignore_case = true, hide_possible_values = true)]
    pub(crate) log_format_file: Option<LogFormat>,

    /// Bytes after which logs/dbt.log starts anew, keeping five older ones [default: 10485760]
    #[arg(long, global = true, value_name = "BYTES", hide = true)]
    pub(crate) log_file_max_bytes: Option<u64>,

    /// Columns that a log line is padded to [default: 80]
    #[arg(long, global = true, value_name = "COLUMNS")]
    pub(crate) printer_width: Option<usize>,

    /// Which warnings are errors and which are silent, as YAML: '{error: all, warn: [NoNodesForSelectionCriteria]}'
    #[arg(long, global = true, value_name = "YAML")]
    pub(crate) warn_error_options: Option<String>,

    /// A folder with the artifacts of an earlier run: what state: compares with, and what --defer reads from
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,

    /// The folder for --defer, when it is another than --state
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) defer_state: Option<PathBuf>,

    /// Which tests come along with a selected node: eager, cautious, buildable, empty [default: eager]
    #[arg(long, global = true, value_enum, value_name = "MODE", ignore_case = true, hide_possible_values = true)]
    pub(crate) indirect_selection: Option<IndirectMode>,

    /// Seeds above this size are compared by path in state: [default: 1]
    #[arg(long, global = true, value_name = "MIB", hide = true)]
    pub(crate) maximum_seed_size_mib: Option<u64>,

    /// dbt's profiler; dvt has none
    #[arg(short = 'r', long, global = true, value_name = "FILE", hide = true)]
    pub(crate) record_timing_info: Option<PathBuf>,

    /// Use what an earlier invocation remembered of the project in this file, in place of the target folder's
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub(crate) partial_parse_file_path: Option<PathBuf>,

    /// dbt's other parser; dvt has one
    #[arg(long, global = true, value_name = "COMMAND", hide = true)]
    pub(crate) v2_parser: Option<String>,

    #[command(flatten)]
    pub(crate) switches: Switches,
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
    /// dbt's `default`: text on the screen.
    #[default]
    Default,
    Text,
    Debug,
    Json,
}

/// dbt's words for the tests that come along with a selected node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum IndirectMode {
    #[default]
    Eager,
    Cautious,
    Buildable,
    Empty,
}

/// How data is printed by `show` and `compile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    #[default]
    Text,
    Json,
}
