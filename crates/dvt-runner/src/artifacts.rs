//! The artifacts of a run: `run_results.json` or `sources.json`, and `manifest.json`.

use crate::outcome::{NodeResult, RunOutcome, Status};
use crate::run::Run;
use crate::settings::RunCommand;
use chrono::Utc;
use dvt_diagnostics::{Diagnostic, Event, Events, kinds};
use dvt_manifest::{
    FreshnessResult, FreshnessResults, Graph, Manifest, Node, NodeNow, ResourceType, RunResult, RunResults, RunStatus,
    Timing, WriteError, write_atomically, write_atomically_with,
};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Writes what the command writes; what cannot be written is an error of the run.
pub(crate) fn write_artifacts(run: &Run, outcome: &RunOutcome) -> Vec<Diagnostic> {
    let mut diagnostics = write_manifest(run, outcome);
    diagnostics.extend(write_graph_summary(run));
    diagnostics.extend(match run.request.command {
        RunCommand::Freshness => write_sources(run, outcome),
        _ => write_run_results(run, outcome),
    });
    diagnostics
}

pub(crate) fn write_run_results(run: &Run, outcome: &RunOutcome) -> Vec<Diagnostic> {
    let results = RunResults {
        invocation_id: outcome.invocation_id.clone(),
        generated_at: Utc::now(),
        invocation_started_at: run.started_at(),
        env: run.metadata_env(),
        results: outcome.results.iter().map(|result| run_result(run, result)).collect(),
        elapsed_time: outcome.elapsed_seconds,
        args: run.settings().args.clone(),
    };
    write(run, "RunExecutionResult", &run.target_path().join("run_results.json"), &results.to_json())
}

fn write_sources(run: &Run, outcome: &RunOutcome) -> Vec<Diagnostic> {
    let results = FreshnessResults {
        invocation_id: outcome.invocation_id.clone(),
        generated_at: Utc::now(),
        invocation_started_at: run.started_at(),
        env: run.metadata_env(),
        results: outcome.results.iter().filter_map(freshness_result).collect(),
        elapsed_time: outcome.elapsed_seconds,
    };
    let path = match &run.request.output {
        Some(path) => run.project().config.project.root.join(path),
        None => run.target_path().join("sources.json"),
    };
    write(run, "FreshnessResult", &path, &results.to_json())
}

fn freshness_result(result: &NodeResult) -> Option<FreshnessResult> {
    let freshness = result.freshness.as_ref()?;
    Some(FreshnessResult {
        unique_id: result.unique_id.clone(),
        max_loaded_at: freshness.max_loaded_at,
        snapshotted_at: freshness.snapshotted_at,
        age: freshness.age,
        status: result.status.as_str().to_owned(),
        criteria: freshness.criteria.clone(),
        adapter_response: result.adapter_response.clone(),
        timing: timings(result),
        thread_id: result.thread_id.clone(),
        execution_time: result.execution_seconds,
    })
}

/// The manifest with what the run compiled.
pub(crate) fn write_manifest(run: &Run, outcome: &RunOutcome) -> Vec<Diagnostic> {
    let ephemerals = run.ephemerals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let all = outcome.results.iter().chain(ephemerals.iter());
    let results: HashMap<&str, &NodeResult> = all.map(|result| (result.unique_id.as_str(), result)).collect();
    let now: NodeNow<'_> = &|node| match results.get(node.unique_id.as_str()) {
        Some(result) => with_result(run, node, result),
        None => Cow::Borrowed(node),
    };
    write_parsed_with(&run.project().manifest, run.target_path(), &run.settings().events, now)
}

/// A node with what the run compiled for it.
fn with_result<'n>(run: &Run, node: &'n Node, result: &NodeResult) -> Cow<'n, Node> {
    let Some(code) = &result.compiled_code else { return Cow::Borrowed(node) };
    let mut node = node.clone();
    for overload in node.function.iter_mut().flat_map(|function| &mut function.overloads) {
        let body = result.overloads.iter().find(|(name, _)| *name == overload.defined_in);
        overload.compiled_body = body.map(|(_, body)| body.clone());
    }
    if node.resource_type == ResourceType::Test && run.leaves_relation(&node) {
        // `--store-failures` says so only now.
        let relation = node.relation().render();
        node.relation_name.get_or_insert(relation);
    }
    node.compiled.code = Some(code.clone());
    node.compiled.extra_ctes_injected = true;
    for called in &result.macros {
        if !node.depends_on.macros.contains(called) {
            node.depends_on.macros.push(called.clone());
        }
    }
    run.resolve_foreign_keys(&mut node);
    node.compiled.extra_ctes.clone_from(&result.extra_ctes);
    let path: PathBuf = run.target_path().join("compiled").join(crate::compile::artifact_path(&node));
    let shown = path.strip_prefix(&run.project().config.project.root).unwrap_or(&path);
    node.compiled.path = Some(shown.display().to_string());
    Cow::Owned(node)
}

/// Writes `manifest.json`, `semantic_manifest.json` and `osi_document.json`: as soon as a project is read, and again when a
/// command over it has ended, as dbt does.
pub fn write_parsed(manifest: &Manifest, target_path: &Path, events: &Events) -> Vec<Diagnostic> {
    write_parsed_with(manifest, target_path, events, &|node| Cow::Borrowed(node))
}

fn write_parsed_with(manifest: &Manifest, target_path: &Path, events: &Events, now: NodeNow<'_>) -> Vec<Diagnostic> {
    let path = target_path.join("manifest.json");
    let written = write_atomically_with(&path, |out| manifest.write_json_with(out, now));
    let mut problems = told(events, "WritableManifest", &path, written);
    let path = target_path.join("semantic_manifest.json");
    let written = write_atomically(&path, manifest.semantic_manifest_json().as_bytes());
    problems.extend(told(events, "SemanticManifest", &path, written));
    let document = match manifest.osi_document() {
        Ok(document) => document,
        Err(error) => {
            let message = format!("OSI document could not be generated: {error}.");
            events.fire(Event::new(kinds::SEMANTIC_VALIDATION_FAILURE, message.clone()).with("msg", message));
            return problems;
        }
    };
    for issue in &document.issues {
        let event = Event::new(kinds::MF_CONVERTER_ISSUE, issue.message()).with("issue_type", issue.kind.as_str());
        events.fire(event.with("element_name", issue.element.as_str()).with("converter_name", "MSIToOSIConverter"));
    }
    let path = target_path.join("osi_document.json");
    problems.extend(told(events, "OsiDocument", &path, write_atomically(&path, document.text.as_bytes())));
    problems
}

/// `graph_summary.json`: the shape of the graph without the rest of the manifest, as dbt writes it beside it.
fn write_graph_summary(run: &Run) -> Vec<Diagnostic> {
    let manifest = &run.project().manifest;
    let graph = Graph::new(manifest);
    let mut summary = Map::new();
    summary.insert("_invocation_id".to_owned(), run.invocation().invocation_id.clone().into());
    summary.insert("linked".to_owned(), graph.summary(manifest).into());
    if run.request.command == RunCommand::Build {
        summary.insert("with_test_edges".to_owned(), graph.with_test_edges(manifest).summary(manifest).into());
    }
    let path = run.target_path().join("graph_summary.json");
    let written = write_atomically(&path, Value::Object(summary).to_string().as_bytes());
    written.err().map(|error| Diagnostic::error("artifact", error.to_string())).into_iter().collect()
}

fn write(run: &Run, kind: &str, path: &Path, text: &str) -> Vec<Diagnostic> {
    told(&run.settings().events, kind, path, write_atomically(path, text.as_bytes()))
}

/// Says that a file was written, or what kept it from that.
pub(crate) fn told(events: &Events, kind: &str, path: &Path, written: Result<(), WriteError>) -> Vec<Diagnostic> {
    if let Err(error) = written {
        let diagnostic = Diagnostic::error("artifact", error.to_string());
        return vec![diagnostic.help("name another folder with --target-path")];
    }
    let shown = path.display().to_string();
    events.fire(
        Event::new(kinds::ARTIFACT_WRITTEN, format!("Wrote artifact {kind} to {shown}"))
            .with("artifact_type", kind)
            .with("artifact_path", shown),
    );
    Vec::new()
}

impl Run {
    /// `DBT_ENV_CUSTOM_ENV_*`, as every artifact's metadata has it.
    pub(crate) fn metadata_env(&self) -> Map<String, Value> {
        let env = &self.project().manifest.metadata.env;
        env.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect()
    }
}

fn timings(result: &NodeResult) -> Vec<Timing> {
    let timing = |timing: &crate::outcome::Timing| Timing {
        name: timing.name.to_owned(),
        started_at: Some(timing.started_at),
        completed_at: Some(timing.completed_at),
    };
    result.timing.iter().map(timing).collect()
}

pub(crate) fn run_result(run: &Run, result: &NodeResult) -> RunResult {
    // What batches compiled is theirs: dbt says of the model that it was not compiled.
    let is_whole = result.batch_results.is_none();
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
        timing: timings(result),
        thread_id: result.thread_id.clone(),
        execution_time: result.execution_seconds,
        adapter_response: result.adapter_response.clone(),
        message: result.message.clone(),
        failures: result.failures,
        compiled: is_compilable(result).then_some(result.compiled && is_whole),
        compiled_code: result.compiled_code.clone().filter(|_| is_whole),
        relation_name: relation_name(run, result),
        batch_results: result.batch_results.clone(),
        overload_results: result.overload_results.clone(),
    }
}

/// The relation that a thing leaves; of a test, the one that keeps its failures.
fn relation_name(run: &Run, result: &NodeResult) -> Option<String> {
    if result.resource_type == "test" {
        let node = run.project().manifest.nodes.get(&result.unique_id)?;
        return run.leaves_relation(node).then(|| node.relation().render());
    }
    result.relation_name.clone().filter(|_| is_compilable(result))
}

/// dbt says whether a thing is compiled only of what can be.
fn is_compilable(result: &NodeResult) -> bool {
    matches!(
        result.resource_type.as_str(),
        "model" | "snapshot" | "test" | "analysis" | "operation" | "sql_operation" | "unit_test" | "function"
    )
}
