//! What becomes of warnings: said, silenced, or turned into errors; deprecations said once and counted.

use super::{Printer, State, events};
use crate::settings::usage;
use crate::warn_error::Verdict;
use dvt_diagnostics::{Diagnostic, Event, EventKind, EventLevel, Severity, kinds, render_line};
use serde_json::{Value, json};

/// What was raised so far.
#[derive(Default)]
pub(super) struct Warnings {
    /// Each deprecation's kind with how often it was met.
    deprecations: Vec<(EventKind, usize)>,
    /// Warnings that the user's settings turn into errors, not said yet.
    raised: Vec<Diagnostic>,
}

/// What is to be done with a warning.
enum Judged {
    Say(Event),
    Nothing,
    Error(Diagnostic),
}

impl Printer {
    /// Says an event that a room raised. A warning that is an error by the user's settings is kept for
    /// [`Printer::take_raised`].
    pub(super) fn raise(&self, event: Event) {
        let mut state = self.state();
        let event = Event { message: super::text::composed(&event, state.options.width), ..event };
        if event.kind == kinds::PRINT_EVENT {
            drop(state);
            self.print_line(event);
            return;
        }
        if event.level != EventLevel::Warn {
            state.say(self, event);
            return;
        }
        match state.judge(event) {
            Judged::Say(event) => state.say(self, event),
            Judged::Nothing => {}
            Judged::Error(error) => state.warnings.raised.push(error),
        }
    }

    /// The warnings that became errors since the last call.
    pub(crate) fn take_raised(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.state().warnings.raised)
    }

    /// Says diagnostics: each warning as the settings want it, and the errors under one headline. Warnings that are
    /// errors by the settings are among the errors.
    pub(crate) fn problems(&self, diagnostics: &[Diagnostic]) {
        let mut errors = self.warn(diagnostics.iter().filter(|wrong| wrong.severity == Severity::Warning));
        errors.extend(diagnostics.iter().filter(|wrong| wrong.severity == Severity::Error).cloned());
        self.errors(&errors);
    }

    /// Says warnings, and gives back those that the settings turn into errors.
    pub(crate) fn warn<'a>(&self, warnings: impl Iterator<Item = &'a Diagnostic>) -> Vec<Diagnostic> {
        let mut errors = Vec::new();
        let mut state = self.state();
        for warning in warnings {
            let (event, is_dbts) = match &warning.event {
                Some(event) => ((**event).clone(), true),
                None => (Event::new(kinds::VALIDATION_WARNING, render_line(warning)), false),
            };
            match state.judge(event.at(EventLevel::Warn)) {
                Judged::Nothing => {}
                Judged::Error(_) => errors.push(Diagnostic { severity: Severity::Error, ..warning.clone() }),
                Judged::Say(event) => {
                    let shows = state.shows(event.level) && !state.is_json();
                    if is_dbts || !shows {
                        state.say(self, event);
                    } else {
                        let said = state.said(self, event);
                        state.log(self, said);
                    }
                    // What dbt says is complete without the place; a place is worth seeing.
                    if shows && (!is_dbts || !warning.labels.is_empty()) {
                        state.render(self, warning);
                    }
                }
            }
        }
        errors
    }

    /// What keeps the command from going on: dbt's headline, then each error in full.
    pub(crate) fn errors(&self, errors: &[Diagnostic]) {
        if errors.is_empty() {
            return;
        }
        let mut state = self.state();
        if let [error] = errors
            && error.id == usage::ID
        {
            // Before the run is one: as clap prints what it finds itself.
            let mut text = format!("Error: {}\n\nUsage: dvt [OPTIONS] [COMMAND]\n", error.message);
            for line in error.notes.iter().chain(&error.help) {
                text = format!("{text}\n{line}");
            }
            let text = self.redact(&text);
            state.write_err(text.trim_end());
            return;
        }
        let texts: Vec<String> = errors
            .iter()
            .map(|error| error.event.as_ref().map_or_else(|| render_line(error), |event| event.message.clone()))
            .collect();
        let full = Event::new(events::MAIN_ENCOUNTERED_ERROR, format!("Encountered an error:\n{}", texts.join("\n")))
            .data(json!({"exc": texts.join("\n")}));
        let said = state.said(self, full);
        let shows = state.shows(EventLevel::Error);
        if state.is_json() {
            if shows {
                state.write_line(self, &said);
            }
        } else {
            if shows {
                let mut headline = "Encountered an error:".to_owned();
                for event in errors.iter().filter_map(|error| error.event.as_ref()) {
                    headline = format!("{headline}\n{}", event.message);
                }
                let headline = state.said(self, Event::new(events::MAIN_ENCOUNTERED_ERROR, headline));
                state.write_line(self, &headline);
            }
            for error in errors {
                let is_whole = error.labels.is_empty() && error.notes.is_empty() && error.help.is_empty();
                let is_said = shows && error.event.is_some() && is_whole;
                if !is_said {
                    // Whatever the log level is: a command does not fail without a word.
                    state.render(self, error);
                }
            }
        }
        state.log(self, said);
    }

    /// Diagnostics in full, for a command that has said in other words that it failed. A machine reads those words.
    pub(crate) fn details(&self, errors: &[Diagnostic]) {
        let mut state = self.state();
        if state.shows(EventLevel::Error) && !state.is_json() {
            for error in errors {
                state.render(self, error);
            }
        }
    }

    /// How often each deprecation was met, at the end of a command.
    pub(crate) fn deprecations_summary(&self) {
        let mut state = self.state();
        if state.warnings.deprecations.is_empty() {
            return;
        }
        let counts = std::mem::take(&mut state.warnings.deprecations);
        let mut message = "Summary of encountered deprecations:".to_owned();
        for (kind, count) in &counts {
            message = format!("{message}\n\n- {}: {}", kind.name, super::counted(*count, "occurrence"));
        }
        let hint = !state.options.show_all_deprecations;
        if hint {
            message.push_str(
                "\n\nTo see all deprecation instances instead of just the first occurrence of each, run command again \
                 with the `--show-all-deprecations` flag. You may also need to run with `--no-partial-parse` as some \
                 deprecations are only encountered during parsing.",
            );
        }
        let summaries: Vec<Value> = counts
            .iter()
            .map(|(kind, count)| json!({"event_name": kind.name, "event_code": kind.code, "occurrences": count}))
            .collect();
        let event = Event::new(kinds::DEPRECATIONS_SUMMARY, message)
            .data(json!({"summaries": summaries, "show_all_hint": hint}));
        match state.judge(event) {
            Judged::Say(event) => state.say(self, event),
            Judged::Nothing => {}
            Judged::Error(error) => state.warnings.raised.push(error),
        }
    }
}

impl State {
    /// A deprecation is judged the first time it is met, or each time where the user wants to see all.
    fn judge(&mut self, event: Event) -> Judged {
        if event.kind == kinds::GENERIC_JSON_SCHEMA_VALIDATION_DEPRECATION {
            // dbt only previews this one.
            let note = Event { kind: kinds::NOTE, level: EventLevel::Info, ..event };
            return Judged::Say(note);
        }
        let verdict = self.options.warn_error.verdict(event.kind);
        let is_said = match self.warnings.deprecations.iter_mut().find(|(kind, _)| *kind == event.kind) {
            Some((_, count)) => {
                *count += 1;
                !self.options.show_all_deprecations
            }
            // What is an error is not counted: the command ends by it.
            None if event.kind.is_deprecation() && verdict != Verdict::Error => {
                self.warnings.deprecations.push((event.kind, 1));
                false
            }
            None => false,
        };
        match verdict {
            _ if is_said => Judged::Nothing,
            Verdict::Say => Judged::Say(event),
            Verdict::Silence => Judged::Nothing,
            Verdict::Error => Judged::Error(Diagnostic::error("warning-as-error", event.message.clone()).event(event)),
        }
    }
}
