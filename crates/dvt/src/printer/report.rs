//! What a run tells, as dbt's log lines and events.

use super::lines::timestamp;
use super::text::{self, Described};
use super::{Printer, events};
use chrono::Utc;
use dvt_diagnostics::{Diagnostic, Event, EventLevel, NodeInfo};
use dvt_manifest::{Manifest, Node, ResourceType};
use dvt_project::Project;
use dvt_runner::{
    LineLevel, NodeProgress, NodeResult, NodeStarted, Phase, Reporter, RunOutcome, RunStarted, SkipCause, Status,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What the printer remembers of the run that goes on.
#[derive(Default)]
pub(crate) struct RunState {
    /// The project that is run: what lines and events say about a node comes from its manifest.
    project: Option<Arc<Project>>,
    nodes: HashMap<String, Running>,
    /// The command's output is rows or SQL: nodes are events, and have no lines.
    is_without_lines: bool,
    /// dbt's `clone` has an end, and no lines about nodes.
    pub(super) is_clone: bool,
    /// What is checked is told at the end, and not counted.
    pub(super) is_freshness: bool,
    /// Where each node ran.
    pub(super) ran: Vec<text::RanNode>,
    /// What failed ephemeral models said, for the nodes that were skipped because of them.
    pub(super) ephemeral: HashMap<String, NodeResult>,
    /// Diagnostics that are on the screen already: several nodes may fail by the same one.
    pub(super) rendered: Vec<Diagnostic>,
}

struct Running {
    node: NodeStarted,
    info: NodeInfo,
    since: Instant,
    is_executing: bool,
}

impl RunState {
    pub(super) fn manifest(&self) -> Option<&Manifest> {
        self.project.as_ref().map(|project| &project.manifest)
    }

    fn has_node_lines(&self) -> bool {
        !self.is_without_lines && !self.is_clone
    }

    pub(super) fn project(&self) -> Option<&Project> {
        self.project.as_deref()
    }

    /// `node_info` of a node by its id, as far as it is known.
    pub(super) fn info(&self, unique_id: &str) -> Option<NodeInfo> {
        if let Some(running) = self.nodes.get(unique_id) {
            return Some(running.info.clone());
        }
        text::node_info(self.manifest()?, unique_id)
    }

    /// dbt's `group`: the group of the node, of the model that a test is of.
    pub(super) fn group(&self, unique_id: &str) -> Option<Value> {
        text::group(self.manifest()?, unique_id)
    }
}

impl Printer {
    /// The project whose nodes the next events are about.
    pub(crate) fn know_project(&self, project: &Arc<Project>) {
        self.state().run.project = Some(Arc::clone(project));
    }
}

impl Reporter for Printer {
    fn run_started(&self, run: &RunStarted) {
        if run.total == 0 {
            self.nothing_to_do();
            return;
        }
        {
            let mut state = self.state();
            state.run.is_without_lines = matches!(run.command, "show" | "compile" | "plan" | "docs" | "generate");
            state.run.is_clone = run.command == "clone";
            state.run.is_freshness = run.command == "freshness";
        }
        self.blank();
        self.event(
            events::CONCURRENCY_LINE,
            &format!("Concurrency: {} threads (target='{}')", run.threads, run.target),
            json!({"num_threads": run.threads, "target_name": run.target, "node_count": run.total}),
        );
        self.blank();
    }

    fn node_started(&self, node: &NodeStarted) {
        let mut state = self.state();
        let mut info = state
            .run
            .manifest()
            .and_then(|manifest| text::node_info(manifest, &node.unique_id))
            .unwrap_or_else(|| text::info_of_start(node));
        info.materialized.clone_from(&node.materialized);
        "started".clone_into(&mut info.status);
        info.started_at = naive(Utc::now());
        if node.resource_type != "operation" {
            let message = format!("Began running node {}", node.unique_id);
            state.say(self, Event::new(events::NODE_START, message).node(info.clone()));
        }
        let described = Described::of_start(node, state.run.manifest());
        if let Some((kind, line, data)) =
            text::start_line(node, &described, state.options.width).filter(|_| state.run.has_node_lines())
        {
            let event = Event::new(kind, line).data(data).node(info.clone());
            if state.options.live && state.shows(EventLevel::Info) {
                // The finished line will say it all; the live line stands for the start.
                let said = state.said(self, event);
                state.log(self, said);
                state.live.start(&node.unique_id, text::progress_line(node, None, 0.0));
            } else {
                state.say(self, event);
            }
        }
        let running = Running { node: node.clone(), info, since: Instant::now(), is_executing: false };
        state.run.nodes.insert(node.unique_id.clone(), running);
    }

    fn node_progress(&self, progress: &NodeProgress) {
        let mut state = self.state();
        let Some(running) = state.run.nodes.get_mut(&progress.unique_id) else { return };
        let entered = match progress.phase {
            Phase::Compile if running.info.status == "started" => {
                Some(("compiling", "compiling", events::NODE_COMPILING))
            }
            Phase::Compile => None,
            _ if running.is_executing => None,
            _ => {
                running.is_executing = true;
                Some(("executing", "executing", events::NODE_EXECUTING))
            }
        };
        let line = text::progress_line(&running.node, Some(progress), running.since.elapsed().as_secs_f64());
        let event = entered.map(|(status, verb, kind)| {
            status.clone_into(&mut running.info.status);
            Event::new(kind, format!("Began {verb} node {}", progress.unique_id)).node(running.info.clone())
        });
        state.live.update(&progress.unique_id, line);
        if let Some(event) = event {
            state.say(self, event);
        }
    }

    fn node_finished(&self, index: usize, total: usize, result: &NodeResult) {
        let mut state = self.state();
        state.live.finish(&result.unique_id);
        let running = state.run.nodes.remove(&result.unique_id);
        let mut info = match &running {
            Some(running) => running.info.clone(),
            None => state.run.info(&result.unique_id).unwrap_or_else(|| text::info_of_result(result)),
        };
        if running.is_none() && result.resource_type != "operation" {
            info.started_at = naive(Utc::now());
            let message = format!("Began running node {}", result.unique_id);
            state.say(self, Event::new(events::NODE_START, message).node(info.clone()));
        }
        for timing in &result.timing {
            state.say(self, text::timing_event(timing, result, &info));
        }
        result.status.as_str().clone_into(&mut info.status);
        if result.status != Status::Skipped {
            info.finished_at = naive(Utc::now());
        }
        // An exposure lives nowhere.
        if let Some(running) = running.as_ref().filter(|running| {
            running.node.resource_type != "operation"
                && !running.node.connection.is_empty()
                && !result.status.is_failure()
        }) {
            state.run.ran.push(text::RanNode::new(&running.node, result));
        }
        if result.status.is_failure() && !result.diagnostics.is_empty() {
            let exc = result.message.clone().unwrap_or_default();
            let event = Event::new(events::CATCHABLE_EXCEPTION_ON_RUN, exc.clone())
                .data(json!({"exc": exc, "exc_info": ""}))
                .node(info.clone());
            state.say(self, event);
        }
        let described =
            Described::of_result(result, running.as_ref().map(|running| &running.node), state.run.manifest());
        let caused_by = match &result.skip_cause {
            Some(SkipCause::Ephemeral(cause)) => state.run.ephemeral.get(cause).cloned(),
            _ => None,
        };
        let width = state.options.width;
        let group = state.run.group(&result.unique_id);
        // Of what the first failure kept from running, dbt says nothing until the end.
        let is_told = !matches!(result.skip_cause, Some(SkipCause::FailFast));
        let line = text::finish_line(index, total, result, &described, caused_by.as_ref(), width);
        if let Some((kind, level, line, mut data)) = line.filter(|_| is_told && state.run.has_node_lines()) {
            if let (Some(group), Value::Object(data)) = (group, &mut data) {
                data.insert("group".to_owned(), group);
            }
            let event = Event::new(kind, line).at(level).data(data).node(info.clone());
            state.say(self, event.on_thread(&result.thread_id));
            if let Some(cause) = &caused_by {
                super::summary::say_failure(&mut state, self, cause, false);
            }
        } else if result.status.is_failure() {
            state.run.ephemeral.insert(result.unique_id.clone(), result.clone());
        }
        if result.resource_type != "operation" {
            let message = format!("Finished running node {}", result.unique_id);
            let event = Event::new(events::NODE_FINISHED, message)
                .data(json!({"run_result": text::result_json(result)}))
                .node(info)
                .on_thread(&result.thread_id);
            state.say(self, event);
        }
    }

    fn line(&self, level: LineLevel, text: &str) {
        match level {
            LineLevel::Debug => self.event(events::JINJA_LOG_DEBUG, text, Value::Null),
            LineLevel::Info => self.event(events::JINJA_LOG_INFO, text, Value::Null),
            LineLevel::Warn => self.raise(Event::new(events::JINJA_LOG_WARNING, text)),
            LineLevel::Print => self.print_line(Event::new(events::PRINT_EVENT, text)),
        }
    }

    fn diagnostic(&self, diagnostic: &Diagnostic) {
        Self::diagnostic(self, diagnostic);
    }

    fn run_finished(&self, outcome: &RunOutcome) {
        let is_without_lines = {
            let mut state = self.state();
            state.live.clear();
            std::mem::take(&mut state.run.is_without_lines)
        };
        if !is_without_lines {
            self.summarize(outcome);
        }
    }
}

impl Printer {
    /// What a template prints: the text alone, unless `--no-print`.
    pub(super) fn print_line(&self, event: Event) {
        let mut state = self.state();
        if state.options.print {
            let said = state.said(self, event);
            state.print(self, &said);
            state.log(self, said);
        }
    }

    /// dbt's words when the flags select nothing that runs; an error only with `--warn-error`.
    pub(crate) fn nothing_to_do(&self) {
        let text = "Nothing to do. Try checking your model configs and model specification args";
        self.raise(Event::new(events::NOTHING_TO_DO, text));
    }

    /// `Found 5 models, 1 seed, 2 sources`.
    pub(crate) fn found(&self, manifest: &Manifest) {
        let mut counts: Vec<(&str, &str, usize)> = Vec::new();
        let mut count = |one: &'static str, many: &'static str, number: usize| counts.push((one, many, number));
        let number = |wanted: ResourceType| {
            manifest.nodes.values().filter(|node| node.resource_type == wanted && node.config.enabled()).count()
        };
        // dbt counts in the order in which it reads: tests written in YAML come last.
        let is_singular = |node: &Node| node.test.as_ref().is_some_and(|test| test.metadata.is_none());
        let singular_first =
            manifest.nodes.values().any(|node| node.resource_type == ResourceType::Test && is_singular(node));
        let tests = number(ResourceType::Test);
        count("model", "models", number(ResourceType::Model));
        count("snapshot", "snapshots", number(ResourceType::Snapshot));
        count("analysis", "analyses", number(ResourceType::Analysis));
        count("test", "data tests", if singular_first { tests } else { 0 });
        count("seed", "seeds", number(ResourceType::Seed));
        count("operation", "operations", number(ResourceType::Operation));
        count("test", "data tests", if singular_first { 0 } else { tests });
        count("source", "sources", manifest.sources.len());
        count("exposure", "exposures", manifest.exposures.len());
        count("metric", "metrics", manifest.metrics.len());
        count("macro", "macros", manifest.macros.len());
        count("group", "groups", manifest.groups.len());
        count("semantic model", "semantic models", manifest.semantic_models.len());
        count("saved query", "saved queries", manifest.saved_queries.len());
        count("unit test", "unit tests", manifest.unit_tests.len());
        let words: Vec<String> = counts
            .iter()
            .filter(|(_, _, number)| *number > 0)
            .map(|(one, many, number)| format!("{number} {}", if *number == 1 { one } else { many }))
            .collect();
        let found = words.join(", ");
        self.event(events::FOUND_STATS, &format!("Found {found}"), json!({"stat_line": found}));
    }
}

/// Python's `isoformat()` of a time without a zone.
fn naive(time: chrono::DateTime<Utc>) -> String {
    timestamp(time).trim_end_matches('Z').to_owned()
}

/// The extra keys of an event about a node, from a map.
pub(super) fn with_group(data: Value, group: Option<Value>) -> Value {
    match (data, group) {
        (Value::Object(mut data), Some(group)) => {
            data.insert("group".to_owned(), group);
            Value::Object(data)
        }
        (Value::Null, Some(group)) => Value::Object(Map::from_iter([("group".to_owned(), group)])),
        (data, _) => data,
    }
}
