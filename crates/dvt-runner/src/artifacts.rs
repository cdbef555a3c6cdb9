//! The artifacts of a run: `run_results.json` and `manifest.json`.

use crate::outcome::{NodeResult, RunOutcome, Status};
use crate::run::Run;
use chrono::Utc;
use dvt_diagnostics::Diagnostic;
use dvt_manifest::{RunResult, RunResults, RunStatus, Timing, write_atomically};
use std::path::Path;

/// Writes both; what cannot be written is an error of the run.
pub(crate) fn write_artifacts(run: &Run, outcome: &RunOutcome) -> Vec<Diagnostic> {
    let project = run.project();
    let results = RunResults {
        invocation_id: outcome.invocation_id.clone(),
        generated_at: Utc::now(),
        invocation_started_at: run.started_at(),
        env: project.manifest.metadata.env.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect(),
        results: outcome.results.iter().map(run_result).collect(),
        elapsed_time: outcome.elapsed_seconds,
        args: run.settings().args.clone(),
    };
    let mut diagnostics = Vec::new();
    let mut write = |name: &str, text: String| {
        let path: &Path = &run.target_path().join(name);
        if let Err(error) = write_atomically(path, text.as_bytes()) {
            diagnostics.push(Diagnostic::error("artifact", error.to_string()));
        }
    };
    write("run_results.json", results.to_json());
    let mut manifest = project.manifest.clone();
    for result in &outcome.results {
        if let Some(node) = manifest.nodes.get_mut(&result.unique_id)
            && let Some(code) = &result.compiled_code
        {
            node.compiled.code = Some(code.clone());
            node.compiled.extra_ctes_injected = true;
            node.compiled.extra_ctes.clone_from(&result.extra_ctes);
            let path = run.target_path().join("compiled").join(crate::compile::artifact_path(node));
            let shown = path.strip_prefix(&project.config.project.root).unwrap_or(&path);
            node.compiled.path = Some(shown.display().to_string());
        }
    }
    write("manifest.json", manifest.to_json());
    diagnostics
}

pub(crate) fn run_result(result: &NodeResult) -> RunResult {
    RunResult {
        unique_id: result.unique_id.clone(),
        status: match result.status {
            Status::Success => RunStatus::Success,
            Status::Error => RunStatus::Error,
            Status::Fail => RunStatus::Fail,
            Status::Warn => RunStatus::Warn,
            Status::Skipped => RunStatus::Skipped,
            Status::Pass => RunStatus::Pass,
            Status::NoOp => RunStatus::NoOp,
            Status::PartialSuccess => RunStatus::PartialSuccess,
            Status::RuntimeError => RunStatus::RuntimeError,
        },
        timing: result
            .timing
            .iter()
            .map(|timing| Timing {
                name: timing.name.to_owned(),
                started_at: Some(timing.started_at),
                completed_at: Some(timing.completed_at),
            })
            .collect(),
        thread_id: result.thread_id.clone(),
        execution_time: result.execution_seconds,
        adapter_response: result.adapter_response.clone(),
        message: result.message.clone(),
        failures: result.failures,
        compiled: Some(result.compiled),
        compiled_code: result.compiled_code.clone(),
        relation_name: result.relation_name.clone(),
        batch_results: result.batch_results.clone(),
    }
}
