//! Microbatch models: one model, its time cut into batches, each compiled and built on its own.
//!
//! The first batch runs alone, since it may create the table; those between may run at once, each in a slot of the run
//! that is free; the last one runs alone again, since the hooks after the model belong to it. A batch that fails leaves
//! the others alone, except the first one.

mod batches;
mod window;

pub(crate) use batches::parse_time;
pub use window::check_sample;
pub(crate) use window::{EventTimeInput, Window};

use crate::bridge::NodeBridge;
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, Told, from_render};
use crate::node::{Job, Work, blocking, node_comment, thread_name};
use crate::outcome::Status;
use crate::query_comment::StatementComment;
use crate::reporter::node_info;
use crate::run::Run;
use crate::scheduler::Slot;
use crate::settings::RunCommand;
use batches::{BatchError, BatchPlan, BatchSize, Bounds};
use dvt_diagnostics::{Diagnostic, Event, EventLevel, SourceFile, kinds};
use dvt_federation::Route;
use dvt_jinja::{Bridge, Dict, RenderContext, Value};
use dvt_manifest::{Node, ResourceType};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// One batch, as templates see it in `model.batch`.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    bounds: Bounds,
    size: BatchSize,
    /// Whether it adds to a table that is there.
    is_incremental: bool,
}

impl Batch {
    pub(crate) fn window(&self) -> Window {
        Window { start: self.bounds.0, end: self.bounds.1 }
    }

    /// What its files and log lines call it: `2024-09-17`.
    pub(crate) fn name(&self) -> String {
        self.size.name(self.bounds.0)
    }

    /// Gives a template `model.batch`, with times that it can compute with.
    pub(crate) fn add_to(&self, context: &mut RenderContext) {
        let (start, end) = (Value::datetime_utc(self.bounds.0), Value::datetime_utc(self.bounds.1));
        let mut batch = Dict::new();
        batch.set("id", self.name().replace('-', ""));
        batch.set("event_time_start", start.clone());
        batch.set("event_time_end", end.clone());
        let mut model = context.node.as_deref().map(Value::from).and_then(|model| model.as_dict()).unwrap_or_default();
        model.set("batch", Value::dict(batch));
        if let Some(Value::Dict(config)) = model.get_str("config").cloned()
            && let Ok(mut config) = config.lock()
        {
            config.set("__dbt_internal_microbatch_event_time_start", start);
            config.set("__dbt_internal_microbatch_event_time_end", end);
        }
        let model = Value::dict(model);
        context.variables.insert("model".to_owned(), model.clone());
        context.variables.insert("node".to_owned(), model);
    }

    /// The same for the materialization, which is told that the model is built incrementally.
    pub(crate) fn add_to_materialization(&self, context: &mut RenderContext) {
        self.add_to(context);
        if self.is_incremental {
            context.macro_overrides.insert("is_incremental".to_owned(), Value::Bool(true));
            context.macro_overrides.insert("should_full_refresh".to_owned(), Value::Bool(false));
        }
    }
}

/// Whether the node is built in batches.
pub(crate) fn is_microbatch(run: &Run, node: &Node) -> bool {
    node.resource_type == ResourceType::Model
        && node.config.materialized() == "incremental"
        && node.config.text("incremental_strategy") == Some("microbatch")
        && (run.flag("REQUIRE_BATCHED_EXECUTION_FOR_CUSTOM_MICROBATCH_STRATEGY", true) || has_built_in_macro(run))
}

/// Whether no project or package replaces dbt's macro of the strategy.
fn has_built_in_macro(run: &Run) -> bool {
    let root = run.library().root_project();
    run.library().find(root, "get_incremental_microbatch_sql").is_none_or(|found| found.package == "dbt")
}

/// Whether this command builds the node in batches.
pub(crate) fn runs_in_batches(run: &Run, node: &Node) -> bool {
    matches!(run.request.command, RunCommand::Run | RunCommand::Build) && is_microbatch(run, node)
}

/// What became of one batch.
struct BatchOutcome {
    bounds: Bounds,
    status: Status,
    compiled: Option<Arc<CompiledNode>>,
    diagnostics: Vec<Diagnostic>,
}

/// A batch's place in its model.
#[derive(Clone)]
struct BatchPlace {
    batch: Batch,
    /// From 0.
    index: usize,
    total: usize,
}

/// Runs the batches of the job's model.
pub(crate) async fn run_batches(job: &Job<'_>, work: &mut Work) -> Result<(), NodeError> {
    let earlier = job.run.request.earlier_batches.get(&job.node.unique_id).cloned();
    let size = batch_size(&job.node)?;
    let kind = existing_kind(job).await?;
    let full_refresh = job.node.config.full_refresh().unwrap_or_else(|| job.run.flag("FULL_REFRESH", false));
    let is_incremental = kind == "table" && !full_refresh;
    let bounds = match &earlier {
        Some(earlier) => read_bounds(earlier, "failed"),
        None => plan(job, size, is_incremental)?.batches().map_err(|error| refused(&job.node, error))?,
    };
    let total = bounds.len();
    let places: Vec<BatchPlace> = bounds
        .iter()
        .enumerate()
        .map(|(index, bounds)| BatchPlace {
            batch: Batch { bounds: *bounds, size, is_incremental: index > 0 || is_incremental },
            index,
            total,
        })
        .collect();
    let mut outcomes: Vec<BatchOutcome> = Vec::with_capacity(total);
    let mut running: JoinSet<BatchOutcome> = JoinSet::new();
    let concurrency = concurrency_of(job);
    let mut exists = kind != "none";
    for place in &places {
        let is_last = place.index + 1 == total;
        if is_last {
            while let Some(outcome) = running.join_next().await {
                outcomes.push(joined(outcome)?);
            }
        }
        if outcomes.first().is_some_and(|first| place.index > 0 && first.bounds == bounds[0] && is_wrong(first)) {
            outcomes.push(skip(job, place));
            continue;
        }
        if job.run.stop().is_cancelled() {
            outcomes.push(BatchOutcome {
                bounds: place.batch.bounds,
                status: Status::Error,
                compiled: None,
                diagnostics: Vec::new(),
            });
            continue;
        }
        let may_share = place.index > 0 && !is_last && exists && concurrency;
        let slot = if may_share { job.run.slots().try_take() } else { None };
        match slot {
            Some(slot) => {
                debug(job, place, "is being run concurrently");
                running.spawn(run_in_slot(owned(job), place.clone(), slot));
            }
            None => {
                debug(job, place, "is being run sequentially");
                let outcome = run_one(job, place, &job.thread_id).await;
                exists |= outcome.status == Status::Success;
                outcomes.push(outcome);
            }
        }
    }
    while let Some(outcome) = running.join_next().await {
        outcomes.push(joined(outcome)?);
    }
    conclude(outcomes, earlier.as_ref(), work);
    Ok(())
}

fn is_wrong(outcome: &BatchOutcome) -> bool {
    outcome.status != Status::Success
}

fn joined(outcome: Result<BatchOutcome, tokio::task::JoinError>) -> Result<BatchOutcome, NodeError> {
    outcome.map_err(|error| Diagnostic::error("internal", format!("dvt itself failed: {error}")).into())
}

/// The model's outcome from those of its batches.
fn conclude(mut outcomes: Vec<BatchOutcome>, earlier: Option<&Json>, work: &mut Work) {
    outcomes.sort_by_key(|outcome| outcome.bounds);
    let succeeded: Vec<Bounds> =
        outcomes.iter().filter(|outcome| !is_wrong(outcome)).map(|outcome| outcome.bounds).collect();
    let failed: Vec<Bounds> =
        outcomes.iter().filter(|outcome| is_wrong(outcome)).map(|outcome| outcome.bounds).collect();
    let (good, all) = (succeeded.len(), succeeded.len() + failed.len());
    let (status, message) = match (good, failed.len()) {
        (_, 0) => (Status::Success, "SUCCESS".to_owned()),
        (0, _) => (Status::Error, "ERROR".to_owned()),
        _ => (Status::PartialSuccess, format!("PARTIAL SUCCESS ({good}/{all})")),
    };
    work.status = Some(status);
    work.message = Some(message);
    work.failures = Some(0);
    let mut successful = bounds_json(&succeeded);
    // What an earlier attempt built stays built.
    if let (Some(list), Some(before)) =
        (successful.as_array_mut(), earlier.and_then(|earlier| earlier.get("successful")).and_then(Json::as_array))
    {
        list.extend(before.iter().cloned());
    }
    work.batch_results = Some(json!({ "successful": successful, "failed": bounds_json(&failed) }));
    work.compiled = outcomes.iter_mut().rev().find_map(|outcome| outcome.compiled.take());
    work.diagnostics = outcomes.into_iter().flat_map(|outcome| outcome.diagnostics).collect();
}

fn bounds_json(bounds: &[Bounds]) -> Json {
    let text = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%dT%H:%M:%S%.f+00:00").to_string();
    bounds.iter().map(|(start, end)| json!([text(*start), text(*end)])).collect()
}

fn read_bounds(batches: &Json, key: &str) -> Vec<Bounds> {
    let pairs = batches.get(key).and_then(Json::as_array);
    let time = |value: Option<&Json>| parse_time(value?.as_str()?);
    pairs.into_iter().flatten().filter_map(|pair| Some((time(pair.get(0))?, time(pair.get(1))?))).collect()
}

fn batch_size(node: &Node) -> Result<BatchSize, NodeError> {
    let wrong = |message: String| -> NodeError {
        Diagnostic::error("microbatch", message)
            .label(node.span.clone(), "")
            .help("say `batch_size='day'` (or hour, month, year) in the model's config")
            .into()
    };
    let Some(word) = node.config.text("batch_size") else {
        return Err(wrong(format!(
            "Microbatch model '{}' does not have a 'batch_size' config (one of ['hour', 'day', 'month', 'year']) \
             specificed.",
            node.name
        )));
    };
    BatchSize::parse(word)
        .ok_or_else(|| wrong(format!("Microbatch model '{}' has no batch size named '{word}'", node.name)))
}

fn plan(job: &Job<'_>, size: BatchSize, is_incremental: bool) -> Result<BatchPlan, NodeError> {
    let (run, config) = (job.run, &job.node.config);
    let sample = run.sample()?;
    let first_started = run.request.first_started_at.as_deref().and_then(parse_time);
    Ok(BatchPlan {
        size,
        begin: config.text("begin").and_then(parse_time),
        lookback: config.get("lookback").and_then(Json::as_i64).unwrap_or(1),
        is_incremental,
        start: sample.map(|sample| sample.start).or_else(|| run.event_time_flag("EVENT_TIME_START")),
        end: sample.map(|sample| sample.end).or_else(|| run.event_time_flag("EVENT_TIME_END")),
        now: first_started.unwrap_or(run.invocation().run_started_at),
    })
}

fn refused(node: &Node, error: BatchError) -> NodeError {
    let (message, help) = match error {
        BatchError::NoBegin => (
            format!("Microbatch model '{}' requires a 'begin' configuration.", node.name),
            "say when its data begins: `begin='2024-01-01'`",
        ),
        BatchError::TooMany => (
            format!("Microbatch model '{}' would have more than a million batches", node.name),
            "take a larger `batch_size`, or a later `begin`",
        ),
    };
    Diagnostic::error("microbatch", message).label(node.span.clone(), "").help(help).into()
}

/// What the model's relation is: `table`, `view`, …, `none` where there is none yet.
async fn existing_kind(job: &Job<'_>) -> Result<String, NodeError> {
    let (run, node, adapter) = (Arc::clone(job.run), Arc::clone(&job.node), Arc::clone(&job.adapter));
    let thread_id = job.thread_id.clone();
    blocking(move || {
        let bridge = NodeBridge::new(&run, &node, &adapter, StatementComment::default());
        let mut context = run.context(&node, &node.connection, &thread_id);
        context.this = Some(node.relation());
        let question = "{%- set existing = adapter.get_relation(this.database, this.schema, this.identifier) -%}\
                        {{- 'none' if existing is none else existing.type or 'table' -}}";
        let file = SourceFile::new("<microbatch>", question);
        let outside: Arc<dyn Bridge> = Arc::clone(&bridge) as Arc<dyn Bridge>;
        let answer = dvt_jinja::render(run.library(), &context, outside, &file);
        bridge.abandon();
        answer
            .map(|answer| answer.text)
            .map_err(|error| from_render(error, FailedAt { compiled: None, node: Some(&node.span) }))
    })
    .await
}

/// Whether batches may run beside each other: the engine can, and the model does not read itself.
fn concurrency_of(job: &Job<'_>) -> bool {
    job.adapter.adapter_type() == "postgres"
        && job.route == Route::Pushdown
        && job.node.config.boolean("concurrent_batches").unwrap_or_else(|| !reads_itself(&job.node))
}

/// Whether the model's templates name `this`.
fn reads_itself(node: &Node) -> bool {
    let text = &node.template.text[node.template_range.clone()];
    let mut rest = text;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let tag = &rest[start + 2..];
        let end = tag.find("}}").into_iter().chain(tag.find("%}")).min().unwrap_or(tag.len());
        let words = tag[..end].split(|character: char| !character.is_alphanumeric() && character != '_');
        if words.into_iter().any(|word| word == "this") {
            return true;
        }
        rest = &tag[end..];
    }
    false
}

fn describe(job: &Job<'_>, place: &BatchPlace) -> String {
    format!("batch {} of {}.{}", place.batch.name(), job.node.schema, job.node.alias)
}

fn fire(job: &Job<'_>, event: Event, thread_id: &str) {
    let event = event.node(node_info(&job.node, "started")).on_thread(thread_id);
    job.run.settings().events.fire(event);
}

fn debug(job: &Job<'_>, place: &BatchPlace, what: &str) {
    let message = format!("{} {what}", describe(job, place));
    let event = Event::new(kinds::MICROBATCH_EXECUTION_DEBUG, message.clone()).with("msg", message);
    fire(job, event, &job.thread_id);
}

fn tell_result(job: &Job<'_>, place: &BatchPlace, status: &str, seconds: f64, thread_id: &str) {
    let level = if status == "error" { EventLevel::Error } else { EventLevel::Info };
    let event = Event::new(kinds::LOG_BATCH_RESULT, "").at(level).data(json!({
        "description": describe(job, place), "status": status, "batch_index": place.index + 1,
        "total_batches": place.total, "execution_time": seconds,
    }));
    fire(job, event, thread_id);
}

fn skip(job: &Job<'_>, place: &BatchPlace) -> BatchOutcome {
    tell_result(job, place, "skipped", 0.0, &job.thread_id);
    BatchOutcome { bounds: place.batch.bounds, status: Status::Skipped, compiled: None, diagnostics: Vec::new() }
}

/// What a batch needs that runs beside its model's own task.
struct OwnedJob {
    run: Arc<Run>,
    node: Arc<Node>,
    route: Route,
    progress: Arc<crate::progress::Progress>,
    adapter: Arc<dyn dvt_adapter::Adapter>,
}

fn owned(job: &Job<'_>) -> OwnedJob {
    OwnedJob {
        run: Arc::clone(job.run),
        node: Arc::clone(&job.node),
        route: job.route.clone(),
        progress: Arc::clone(&job.progress),
        adapter: Arc::clone(&job.adapter),
    }
}

async fn run_in_slot(owned: OwnedJob, place: BatchPlace, slot: Slot) -> BatchOutcome {
    let thread_id = thread_name(slot.number);
    let job = Job {
        run: &owned.run,
        node: owned.node,
        route: owned.route,
        thread_id: thread_id.clone(),
        progress: owned.progress,
        adapter: owned.adapter,
    };
    let outcome = run_one(&job, &place, &thread_id).await;
    drop(slot);
    outcome
}

/// Compiles and builds one batch. Never fails: what goes wrong is in the outcome.
async fn run_one(job: &Job<'_>, place: &BatchPlace, thread_id: &str) -> BatchOutcome {
    let begun = Instant::now();
    let event = Event::new(kinds::LOG_START_BATCH, "").data(json!({
        "description": describe(job, place), "batch_index": place.index + 1, "total_batches": place.total,
    }));
    fire(job, event, thread_id);
    let mut node = (*job.node).clone();
    if place.index > 0 {
        node.config.set("pre-hook", json!([]));
    }
    if place.index + 1 < place.total {
        node.config.set("post-hook", json!([]));
    }
    let batch_job = Job {
        run: job.run,
        node: Arc::new(node),
        route: job.route.clone(),
        thread_id: thread_id.to_owned(),
        progress: Arc::clone(&job.progress),
        adapter: Arc::clone(&job.adapter),
    };
    let mut work = Work::default();
    let done = build(&batch_job, &place.batch, &mut work).await;
    let seconds = begun.elapsed().as_secs_f64();
    let (status, diagnostics) = match done {
        Ok(()) => {
            tell_result(job, place, work.message.as_deref().unwrap_or("OK"), seconds, thread_id);
            (Status::Success, Vec::new())
        }
        Err(error) => {
            let told = error.told(&Told::of_node(job.run, &job.node));
            let message =
                format!("Unhandled error while executing {}\nException on worker thread. {told}", job.node.unique_id);
            let event = Event::new(kinds::GENERIC_EXCEPTION_ON_RUN, message)
                .with("unique_id", job.node.unique_id.as_str())
                .with("exc", format!("Exception on worker thread. {told}"));
            fire(job, event, thread_id);
            tell_result(job, place, "error", seconds, thread_id);
            (Status::Error, error.diagnostics)
        }
    };
    BatchOutcome { bounds: place.batch.bounds, status, compiled: work.compiled, diagnostics }
}

async fn build(job: &Job<'_>, batch: &Batch, work: &mut Work) -> Result<(), NodeError> {
    let bridge = NodeBridge::new(job.run, &job.node, &job.adapter, node_comment(job.run, &job.node)?);
    bridge.set_batch(batch.clone());
    let compiled = Arc::new(job.compile(&bridge).await?);
    crate::compile::write_batch(job.run, &job.node, "compiled", &batch.name(), &compiled.sql)?;
    work.compiled = Some(Arc::clone(&compiled));
    if job.route == Route::Pushdown {
        let materialized = job.materialize(&job.node, &bridge, &compiled, None).await?;
        job.note(&materialized, work)
    } else {
        job.cross(&bridge, &compiled, work).await
    }
}
