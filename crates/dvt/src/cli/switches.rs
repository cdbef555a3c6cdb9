//! The flags that are on or off, each with its `--no-` form; the last one given wins.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;

/// One flag: its name as in `flags.NAME`, its letter, its default, and what `--help` says about the form that changes the
/// default. `None` hides it.
pub(crate) struct Switch {
    pub(crate) name: &'static str,
    /// `--fail-fast` without its dashes.
    on: &'static str,
    /// `--no-fail-fast` without its dashes.
    off: &'static str,
    short: Option<char>,
    pub(crate) default: bool,
    help: Option<&'static str>,
}

macro_rules! switches {
    ($($name:literal $on:literal $off:literal $short:expr, $default:literal, $help:expr;)*) => {
        &[$(Switch { name: $name, on: $on, off: $off, short: $short, default: $default, help: $help },)*]
    };
}

/// Every one of them. Those without help text tune dbt's internals, and change nothing here.
pub(crate) const SWITCHES: &[Switch] = switches! {
    "fail_fast" "fail-fast" "no-fail-fast" Some('x'), false, Some("Stop at the first node that fails");
    "warn_error" "warn-error" "no-warn-error" None, false, Some("Treat warnings as errors");
    "quiet" "quiet" "no-quiet" Some('q'), false, Some("Print only errors, and the data that was asked for");
    "debug" "debug" "no-debug" Some('d'), false, Some("Show what dvt does, with the SQL it sends");
    "use_colors" "use-colors" "no-use-colors" None, true, Some("No colours on the screen");
    "use_colors_file" "use-colors-file" "no-use-colors-file" None, true, Some("No colours in the log file");
    "write_json" "write-json" "no-write-json" None, true, Some("Write no manifest.json and run_results.json");
    "print" "print" "no-print" None, true, Some("Hide what print() says");
    "defer" "defer" "no-defer" None, false, Some("Read unselected inputs from the environment of --state");
    "favor_state" "favor-state" "no-favor-state" None, false, Some("Read unselected inputs from --state even where they exist here");
    "introspect" "introspect" "no-introspect" None, true, Some("Let no template query a database while it is compiled");
    "partial_parse" "partial-parse" "no-partial-parse" None, true, Some("Read the whole project anew, without what the last run remembers");
    "version_check" "version-check" "no-version-check" None, true, Some("Do not check require-dbt-version");
    "show_all_deprecations" "show-all-deprecations" "no-show-all-deprecations" None, false, Some("Show every deprecation, not each kind once");
    "populate_cache" "populate-cache" "no-populate-cache" None, true, Some("Do not list the relations of the targets before the first node");
    "cache_selected_only" "cache-selected-only" "no-cache-selected-only" None, false, Some("List the relations of the selected nodes' schemas only");
    "log_cache_events" "log-cache-events" "no-log-cache-events" None, false, Some("Log the relation cache");
    "single_threaded" "single-threaded" "no-single-threaded" None, false, None;
    "static_parser" "static-parser" "no-static-parser" None, true, None;
    "partial_parse_file_diff" "partial-parse-file-diff" "no-partial-parse-file-diff" None, true, None;
    "hints_enabled" "hints-enabled" "no-hints-enabled" None, true, None;
    "macro_debugging" "macro-debugging" "no-macro-debugging" None, false, None;
    "send_anonymous_usage_stats" "send-anonymous-usage-stats" "no-send-anonymous-usage-stats" None, true, None;
    "show_resource_report" "show-resource-report" "no-show-resource-report" None, false, None;
    "use_experimental_parser" "use-experimental-parser" "no-use-experimental-parser" None, false, None;
    "use_fast_test_edges" "use-fast-test-edges" "no-use-fast-test-edges" None, false, None;
    "use_v2_parser" "use-v2-parser" "no-use-v2-parser" None, false, None;
    "upload_to_artifacts_ingest_api" "upload-to-artifacts-ingest-api" "no-upload-to-artifacts-ingest-api" None, false, None;
    "snowflake_projects_otel" "snowflake-projects-otel" "no-snowflake-projects-otel" None, false, None;
};

/// What the command line says about the switches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switches {
    given: BTreeMap<&'static str, bool>,
}

impl Switch {
    /// The form that turns it on or off, with its dashes.
    pub(crate) fn flag(&self, is_on: bool) -> String {
        format!("--{}", if is_on { self.on } else { self.off })
    }
}

impl Switches {
    /// On, off, or nothing. `name` is one of [`SWITCHES`].
    pub(crate) fn given(&self, name: &str) -> Option<bool> {
        self.given.get(name).copied()
    }
}

impl Args for Switches {
    fn augment_args(command: Command) -> Command {
        SWITCHES.iter().fold(command, |command, switch| {
            let form = |id: &'static str, long: &'static str, opposite: &'static str| {
                Arg::new(id)
                    .long(long)
                    .action(ArgAction::SetTrue)
                    .global(true)
                    .overrides_with(opposite)
                    .help_heading("Global flags")
            };
            let mut on = form(switch.name, switch.on, switch.off);
            let mut off = form(switch.off, switch.off, switch.name);
            if let Some(short) = switch.short {
                on = on.short(short);
            }
            match (switch.help, switch.default) {
                (Some(help), false) => (on, off) = (on.help(help), off.hide(true)),
                (Some(help), true) => (on, off) = (on.hide(true), off.help(help)),
                (None, _) => (on, off) = (on.hide(true), off.hide(true)),
            }
            command.arg(on).arg(off)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Switches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut switches = Self::default();
        switches.update_from_arg_matches(matches)?;
        Ok(switches)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for switch in SWITCHES {
            if matches.get_flag(switch.name) {
                self.given.insert(switch.name, true);
            } else if matches.get_flag(switch.off) {
                self.given.insert(switch.name, false);
            }
        }
        Ok(())
    }
}
