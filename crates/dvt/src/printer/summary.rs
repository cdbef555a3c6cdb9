//! The end of a run: what ran, what went wrong, and the counts.

use super::report::with_group;
use super::words::colored;
use super::{Printer, State, events, text};
use dvt_diagnostics::{Event, EventLevel, Severity};
use dvt_runner::{NodeResult, RouteKind, RunOutcome, Status};
use serde_json::json;

impl Printer {
    pub(super) fn summarize(&self, outcome: &RunOutcome) {
        let mut state = self.state();
        state.live.clear();
        let ran = std::mem::take(&mut state.run.ran);
        if outcome.results.is_empty() {
            return;
        }
        if state.run.is_clone {
            state.end_messages(self, outcome);
            return;
        }
        let elapsed = outcome.elapsed_seconds;
        let what = text::counted_kinds(&outcome.results, state.run.manifest());
        state.blank(self);
        let execution = format!(" in {}", text::elapsed_words(elapsed));
        let message = format!("Finished running {what}{execution} ({elapsed:.2}s).");
        let data = json!({"stat_line": what, "execution": execution, "execution_time": elapsed});
        state.say(self, Event::new(events::FINISHED_RUNNING_STATS, message).data(data));
        // A project on one database is shown as dbt shows it.
        if ran.iter().any(|node| node.route != RouteKind::Pushdown) {
            state.blank(self);
            for (node, line) in ran.iter().zip(text::route_lines(&ran)) {
                let data = json!({"route": node.route.as_str(), "relation": node.relation, "inputs": node.inputs,
                                  "connection": node.connection});
                state.say(self, Event::new(events::NODE_ROUTE, line).data(data));
            }
        }
        state.end_messages(self, outcome);
    }
}

impl State {
    pub(super) fn blank(&mut self, printer: &Printer) {
        self.say(printer, Event::new(events::FORMATTING, ""));
    }

    /// dbt's `Completed …`, each problem, and `Done. PASS=…`.
    fn end_messages(&mut self, printer: &Printer, outcome: &RunOutcome) {
        let is_error = |result: &&NodeResult| match result.status {
            Status::Error | Status::Fail | Status::RuntimeError => true,
            Status::Skipped => result.message.is_some() && result.resource_type != "exposure",
            _ => false,
        };
        let errors: Vec<&NodeResult> = outcome.results.iter().filter(is_error).collect();
        let of = |status: Status| outcome.results.iter().filter(move |result| result.status == status);
        let warnings: Vec<&NodeResult> = of(Status::Warn).collect();
        let partial = of(Status::PartialSuccess).count();
        let of_the_run = outcome.diagnostics.iter().filter(|wrong| wrong.severity == Severity::Error).count();
        let counts = [errors.len() + of_the_run, partial, warnings.len()];
        if self.run.is_freshness && !outcome.cancelled {
            for wrong in errors {
                say_failure(self, printer, wrong, true);
            }
            return;
        }
        self.blank(printer);
        let (message, color) = text::completion(counts, outcome.cancelled);
        let data = json!({
            "num_errors": counts[0], "num_partial_success": counts[1], "num_warnings": counts[2],
            "keyboard_interrupt": outcome.cancelled,
        });
        self.say(printer, Event::new(events::END_OF_RUN_SUMMARY, colored(&message, color)).data(data));
        for error in errors {
            say_failure(self, printer, error, true);
        }
        for warning in warnings {
            self.say_warning(printer, warning);
        }
        self.blank(printer);
        let stats = text::Stats::of(outcome);
        self.say(printer, Event::new(events::STATS_LINE, stats.line()).data(json!({"stats": stats.to_json()})));
    }

    fn say_warning(&mut self, printer: &Printer, result: &NodeResult) {
        self.blank(printer);
        self.say_headline(printer, result, true);
        if let Some(message) = &result.message {
            let event = Event::new(events::RUN_RESULT_WARNING_MESSAGE, message);
            self.say(printer, self.about(event, result));
        }
        self.say_paths(printer, result);
    }

    /// `[ERROR]: in model orders (models/orders.sql)`.
    fn say_headline(&mut self, printer: &Printer, result: &NodeResult, is_warning: bool) {
        let path = self.run.manifest().map(|manifest| text::file_of(manifest, &result.unique_id)).unwrap_or_default();
        let kind = if is_warning { events::RUN_RESULT_WARNING } else { events::RUN_RESULT_FAILURE };
        let group = self.run.group(&result.unique_id);
        let data = json!({"resource_type": result.resource_type, "node_name": result.name, "path": path});
        let place = if path.is_empty() { String::new() } else { format!(" ({path})") };
        let event = Event::new(kind, format!("in {} {}{place}", result.resource_type, result.name));
        let event = self.about(event.data(with_group(data, group)), result);
        self.say(printer, event);
    }

    fn about(&self, event: Event, result: &NodeResult) -> Event {
        let mut info = self.run.info(&result.unique_id).unwrap_or_else(|| text::info_of_result(result));
        result.status.as_str().clone_into(&mut info.status);
        event.node(info)
    }

    /// Where the compiled SQL is, and where a test kept its failures.
    fn say_paths(&mut self, printer: &Printer, result: &NodeResult) {
        let Some(project) = self.run.project() else { return };
        let compiled = if result.compiled { text::compiled_path(project, &result.unique_id) } else { None };
        let kept = text::kept_failures(&project.manifest, result);
        if let Some(path) = compiled {
            self.blank(printer);
            let event = Event::new(events::SQL_COMPILED_PATH, format!("  compiled code at {path}"));
            let event = self.about(event.data(json!({"path": path})), result);
            self.say(printer, event);
        }
        if let Some(relation) = kept {
            self.blank(printer);
            let query = format!("select * from {relation}");
            let border = "-".repeat(query.chars().count());
            let text = format!("  See test failures:\n  {border}\n  {query}\n  {border}");
            let event = Event::new(events::CHECK_NODE_TEST_FAILURE, text);
            let event = self.about(event.data(json!({"relation_name": relation})), result);
            self.say(printer, event);
        }
    }
}

/// dbt's lines about a node that failed, and the diagnostics that have more to say than its message.
pub(super) fn say_failure(state: &mut State, printer: &Printer, result: &NodeResult, with_blank: bool) {
    let message = result.message.clone().unwrap_or_default();
    if result.status == Status::Skipped {
        let event = Event::new(events::RUN_RESULT_ERROR, format!("  {message}")).data(json!({"msg": message}));
        state.say(printer, event.at(EventLevel::Debug));
        return;
    }
    if with_blank {
        state.blank(printer);
    }
    state.say_headline(printer, result, false);
    let group = state.run.group(&result.unique_id);
    let event = if message.is_empty() {
        let status = result.status.as_str();
        Event::new(events::RUN_RESULT_ERROR_NO_MESSAGE, format!("  Status: {status}"))
            .data(with_group(json!({"status": status}), group))
    } else {
        Event::new(events::RUN_RESULT_ERROR, format!("  {message}")).data(with_group(json!({"msg": message}), group))
    };
    let event = state.about(event, result);
    state.say(printer, event);
    state.say_paths(printer, result);
    if state.shows(EventLevel::Error) && !state.is_json() {
        let has_more = |wrong: &&dvt_diagnostics::Diagnostic| {
            wrong.severity == Severity::Error
                && !(wrong.labels.is_empty() && wrong.notes.is_empty() && wrong.help.is_empty())
        };
        for diagnostic in result.diagnostics.iter().filter(has_more) {
            if !state.run.rendered.contains(diagnostic) {
                state.render(printer, diagnostic);
                state.run.rendered.push(diagnostic.clone());
            }
        }
    }
}
