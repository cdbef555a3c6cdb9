//! What a run tells, as dbt's log lines.

use super::{Printer, events, text};
use dvt_diagnostics::{Diagnostic, Severity, render_line};
use dvt_runner::{
    LineLevel, NodeProgress, NodeResult, NodeStarted, Reporter, RouteKind, RunOutcome, RunStarted, Status,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Instant;

/// What the printer remembers of the run that goes on.
#[derive(Default)]
pub(crate) struct RunState {
    nodes: HashMap<String, Running>,
    /// `table model`, `seed`, … of each node that finished, for the summary.
    kinds: Vec<String>,
    /// Where each node ran.
    ran: Vec<text::RanNode>,
}

struct Running {
    node: NodeStarted,
    since: Instant,
    started_at: String,
}

impl Reporter for Printer {
    fn run_started(&self, run: &RunStarted) {
        if run.total == 0 {
            self.nothing_to_do();
            return;
        }
        self.blank();
        let threads = text::counted(run.threads, "thread");
        self.event(
            events::CONCURRENCY_LINE,
            &format!("Concurrency: {threads} (target='{}')", run.target),
            json!({"num_threads": run.threads, "target_name": run.target, "node_count": run.total}),
        );
        self.blank();
    }

    fn node_started(&self, node: &NodeStarted) {
        let mut state = self.state();
        let started_at = events::timestamp(chrono::Utc::now());
        let line = text::padded(&text::start_line(node), "RUN", state.options.width);
        let info = info_of(node, "started", &started_at, "");
        let event =
            if node.resource_type == "operation" { events::LOG_HOOK_START_LINE } else { events::LOG_START_LINE };
        let data = json!({
            "description": text::node_words(&node.resource_type, &node.materialized, &node.relation_display),
            "index": node.index, "total": node.total, "node_info": info.clone(), "route": node.route.as_str(),
            "connection": node.connection,
        });
        if state.options.live {
            // The finished line will say it all; the live line stands for the start.
            tracing::info!(target: "screen", "{line}");
            state.live.start(&node.unique_id, text::progress_line(node, None, 0.0));
        } else {
            state.event(self, event, &line, data);
        }
        if state.options.format == crate::cli::LogFormat::Json {
            let message = format!("Began running node {}", node.unique_id);
            state.event(self, events::NODE_START, &message, json!({"node_info": info}));
        }
        let running = Running { node: node.clone(), since: Instant::now(), started_at };
        state.run.nodes.insert(node.unique_id.clone(), running);
    }

    fn node_progress(&self, progress: &NodeProgress) {
        let mut state = self.state();
        let Some(running) = state.run.nodes.get(&progress.unique_id) else { return };
        let line = text::progress_line(&running.node, Some(progress), running.since.elapsed().as_secs_f64());
        state.live.update(&progress.unique_id, line);
    }

    fn node_finished(&self, index: usize, total: usize, result: &NodeResult) {
        let mut state = self.state();
        state.live.finish(&result.unique_id);
        let running = state.run.nodes.remove(&result.unique_id);
        let materialized = running.as_ref().map_or("", |running| running.node.materialized.as_str()).to_owned();
        let kind = match result.resource_type.as_str() {
            "model" if !materialized.is_empty() => format!("{materialized} model"),
            "operation" => "project hook".to_owned(),
            other => other.to_owned(),
        };
        state.run.kinds.push(kind);
        if let Some(running) =
            running.as_ref().filter(|running| running.node.resource_type != "operation" && !result.status.is_failure())
        {
            state.run.ran.push(text::RanNode::new(&running.node, result));
        }
        let (line, status) = text::finish_line(index, total, result, &materialized);
        let line = text::padded(&line, &status, state.options.width);
        let level = if result.status.is_failure() { "error" } else { "info" };
        let event = match (result.status, result.resource_type.as_str()) {
            (Status::Skipped, _) => events::SKIPPING_DETAILS,
            (_, "model") => events::LOG_MODEL_RESULT,
            (_, "seed") => events::LOG_SEED_RESULT,
            (_, "test") => events::LOG_TEST_RESULT,
            (_, "operation") => events::LOG_HOOK_END_LINE,
            _ => events::LOG_NODE_RESULT,
        };
        let finished_at = events::timestamp(chrono::Utc::now());
        let info = running.as_ref().map_or_else(
            || {
                json!({"unique_id": result.unique_id, "node_name": result.name, "resource_type": result.resource_type,
                      "node_status": result.status.as_str()})
            },
            |running| info_of(&running.node, result.status.as_str(), &running.started_at, &finished_at),
        );
        let data = json!({
            "execution_time": result.execution_seconds, "index": index, "total": total, "status": result.message,
            "node_info": info, "route": result.route.map(|route| route.as_str()),
            "adapter_response": result.adapter_response,
        });
        state.event(self, event.at(level), &line, data.clone());
        if state.options.format == crate::cli::LogFormat::Json {
            let message = format!("Finished running node {}", result.unique_id);
            state.event(self, events::NODE_FINISHED, &message, data);
        }
    }

    fn line(&self, level: LineLevel, text: &str) {
        match level {
            LineLevel::Debug => tracing::debug!(target: "screen", "{}", self.redact(text)),
            LineLevel::Info => self.event(events::JINJA_LOG_INFO, text, json!({"msg": text})),
            LineLevel::Warn => self.event(events::JINJA_LOG_WARNING, text, json!({"msg": text})),
            LineLevel::Print => {
                if self.state().options.print {
                    self.data(events::PRINT_EVENT, text, json!({"msg": text}));
                }
            }
        }
    }

    fn diagnostic(&self, diagnostic: &Diagnostic) {
        Self::diagnostic(self, diagnostic);
    }

    fn run_finished(&self, outcome: &RunOutcome) {
        let (kinds, ran) = {
            let mut state = self.state();
            state.live.clear();
            (std::mem::take(&mut state.run.kinds), std::mem::take(&mut state.run.ran))
        };
        if outcome.results.is_empty() && outcome.diagnostics.is_empty() {
            return;
        }
        let elapsed = outcome.elapsed_seconds;
        self.blank();
        let what = if kinds.is_empty() { "0 nodes".to_owned() } else { text::counted_kinds(&kinds) };
        self.event(
            events::FINISHED_RUNNING_STATS,
            &format!("Finished running {what} in {}.", text::elapsed_words(elapsed)),
            json!({"stat_line": what, "execution_time": elapsed}),
        );
        // A project on one database is shown as dbt shows it.
        if ran.iter().any(|node| node.route != RouteKind::Pushdown) {
            self.blank();
            for (node, line) in ran.iter().zip(text::route_lines(&ran)) {
                let data = json!({"route": node.route.as_str(), "relation": node.relation, "inputs": node.inputs,
                                  "connection": node.connection});
                self.event(events::ROUTE_LINE, &line, data);
            }
        }
        self.problems(outcome);
        self.blank();
        self.event(
            events::STATS_LINE,
            &text::stats_line(outcome),
            json!({"stats": {
                "pass": outcome.count(Status::Success) + outcome.count(Status::Pass),
                "warn": outcome.count(Status::Warn),
                "error": outcome.count(Status::Error) + outcome.count(Status::Fail),
                "skip": outcome.count(Status::Skipped),
                "noop": outcome.count(Status::NoOp),
                "total": outcome.results.len(),
            }}),
        );
    }
}

impl Printer {
    /// dbt's words when the flags select nothing that runs; not an error.
    pub(crate) fn nothing_to_do(&self) {
        let text = "Nothing to do. Try checking your model configs and model specification args";
        self.event(events::NO_NODES_SELECTED, text, json!({}));
    }

    /// `Completed …`, then everything that went wrong in full. The same problem of several nodes is printed once.
    fn problems(&self, outcome: &RunOutcome) {
        self.blank();
        let completion = text::completion_line(outcome);
        let level = if outcome.succeeded() { "info" } else { "error" };
        self.event(events::END_OF_RUN_SUMMARY.at(level), &completion, json!({"success": outcome.succeeded()}));
        let mut printed: Vec<&Diagnostic> = Vec::new();
        for diagnostic in &outcome.diagnostics {
            if diagnostic.severity == Severity::Error && !printed.contains(&diagnostic) {
                Self::diagnostic(self, diagnostic);
                printed.push(diagnostic);
            }
        }
        for result in outcome.results.iter().filter(|result| result.status.is_failure()) {
            self.blank();
            let headline = result.diagnostics.first().map(render_line).or_else(|| result.message.clone());
            self.event(
                events::RUN_RESULT_ERROR,
                &format!("Failure in {} {}", result.resource_type, result.name),
                json!({"msg": headline, "node_info": {"unique_id": result.unique_id}}),
            );
            for diagnostic in result.diagnostics.iter().filter(|wrong| wrong.severity == Severity::Error) {
                if !printed.contains(&diagnostic) {
                    Self::diagnostic(self, diagnostic);
                    printed.push(diagnostic);
                }
            }
            if result.diagnostics.is_empty() {
                self.event(
                    events::RUN_RESULT_ERROR,
                    &format!("  {}", result.message.clone().unwrap_or_default()),
                    json!({}),
                );
            }
        }
    }
}

/// dbt's `node_info`, as far as a run knows it.
fn info_of(node: &NodeStarted, status: &str, started_at: &str, finished_at: &str) -> Value {
    json!({
        "unique_id": node.unique_id,
        "node_name": node.name,
        "resource_type": node.resource_type,
        "materialized": node.materialized,
        "node_status": status,
        "node_started_at": started_at,
        "node_finished_at": finished_at,
        "node_relation": {"relation_name": node.relation_display},
    })
}
