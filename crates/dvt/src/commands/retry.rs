//! `dvt retry`: the last command again, for the nodes that did not end well.
//!
//! What was run and with which flags is in `run_results.json`; when the last run was killed before it could write that,
//! it is in dvt's journal.

use crate::app::{App, Exit};
use crate::cli::{Cli, Command, RetryArgs};
use crate::earlier::Retried;
use crate::recorded::command_line;
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_manifest::UniqueId;
use dvt_manifest::state::{PreviousResults, PreviousState};
use dvt_runner::{InterruptedRun, interrupted_run};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The run that is tried again.
struct Earlier {
    args: Map<String, Value>,
    /// By node, in dbt's words.
    statuses: Vec<(UniqueId, String)>,
    /// It was killed, and may have left anything half done.
    was_interrupted: bool,
    /// Of microbatch models: `{successful, failed}`.
    batches: BTreeMap<UniqueId, Value>,
    /// Of functions with overloads: the same.
    overloads: BTreeMap<UniqueId, Value>,
    started_at: Option<String>,
}

pub(super) fn run(app: &mut App, cli: &Cli, args: &RetryArgs) -> Result<Exit, Diagnostics> {
    let config = app.load_config(cli)?;
    let root = &config.project.root;
    let folder = match &app.settings.state {
        Some(state) => root.join(state),
        None => config.target_path.clone(),
    };
    let results = PreviousState::read_results(&folder)
        .map_err(|error| Diagnostic::error("unreadable-state", error.to_string()))?;
    let interrupted = if app.settings.state.is_none() { interrupted_run(&folder) } else { None };
    let Some(earlier) = newest(results, interrupted) else {
        let shown = folder.strip_prefix(root).unwrap_or(&folder).display();
        return Err(Diagnostic::error(
            "no-previous-run",
            format!("Could not find previous run in '{shown}' target directory"),
        )
        .help("run a command first, or name the folder with its run_results.json with `--state`")
        .into());
    };
    let is_operation = earlier.args.get("which").and_then(Value::as_str) == Some("run-operation");
    let failed = earlier.failed(app.settings.warn_error, is_operation);
    if is_operation && failed.is_empty() && !earlier.was_interrupted {
        // As in dbt: what succeeded is not called again.
        app.printer.nothing_to_do();
        return Ok(Exit::Success);
    }
    let again = command_line(&earlier.args, cli, args.full_refresh)?;
    let Some(command) = &again.command else { return Err(Diagnostic::error("internal", "no command to retry").into()) };
    if !matches!(command, Command::RunOperation(_)) {
        app.earlier.retry(Retried {
            ids: failed,
            batches: earlier.batches,
            overloads: earlier.overloads,
            started_at: earlier.started_at,
        });
    }
    super::run(app, &again, command)
}

/// The results, or the journal of a run that came after them and was killed.
fn newest(results: Option<PreviousResults>, interrupted: Option<InterruptedRun>) -> Option<Earlier> {
    let written = results.as_ref().and_then(|results| results.metadata.generated_at.as_deref());
    let known = results.as_ref().and_then(|results| results.metadata.invocation_id.as_deref());
    let interrupted = interrupted.filter(|run| {
        Some(run.invocation_id.as_str()) != known && written.is_none_or(|written| run.started_at.as_str() > written)
    });
    if let Some(run) = interrupted {
        let statuses = run
            .selected
            .iter()
            .map(|id| (id.clone(), run.statuses.get(id).cloned().unwrap_or_else(|| "skipped".to_owned())))
            .collect();
        return Some(Earlier {
            args: run.args,
            statuses,
            was_interrupted: true,
            batches: BTreeMap::new(),
            overloads: BTreeMap::new(),
            started_at: Some(run.started_at),
        });
    }
    let results = results?;
    let metadata = results.metadata;
    Some(Earlier {
        was_interrupted: false,
        batches: results
            .results
            .iter()
            .filter_map(|result| Some((result.unique_id.clone(), result.batch_results.clone()?)))
            .filter(|(_, batches)| has_any(batches, "successful") && has_any(batches, "failed"))
            .collect(),
        overloads: results
            .results
            .iter()
            .filter_map(|result| Some((result.unique_id.clone(), result.overload_results.clone()?)))
            .filter(|(_, overloads)| has_any(overloads, "failed"))
            .collect(),
        statuses: results.results.into_iter().map(|result| (result.unique_id, result.status)).collect(),
        args: results.args,
        started_at: metadata.invocation_started_at.or(metadata.generated_at),
    })
}

fn has_any(parts: &Value, key: &str) -> bool {
    parts.get(key).and_then(Value::as_array).is_some_and(|parts| !parts.is_empty())
}

impl Earlier {
    /// What is tried again; a hook of the run only with `run-operation`, whose results are hooks by their ids.
    fn failed(&self, warnings_count: bool, is_operation: bool) -> BTreeSet<UniqueId> {
        let is_failed = |status: &str| {
            matches!(status, "error" | "fail" | "skipped" | "runtime error" | "partial success")
                || (warnings_count && status == "warn")
        };
        self.statuses
            .iter()
            .filter(|(id, status)| is_failed(status) && (is_operation || !id.starts_with("operation.")))
            .map(|(id, _)| id.clone())
            .collect()
    }
}
