//! The one type that writes to the screen: dbt's log lines and data on stdout, diagnostics on stderr.
//!
//! On a terminal each running node has a live line below the finished ones. Everything but the user's own rows passes
//! the redactor, and is a line of `logs/dvt.log` too.

pub(crate) mod events;
mod progress;
mod report;
mod text;

pub(crate) use text::counted;

use crate::cli::{LogFormat, LogLevel};
use chrono::Utc;
use dvt_diagnostics::{Diagnostic, EventKind, EventSink, Redactor, RenderStyle, Secret, Severity, render, render_line};
use events::Event;
use progress::LiveLines;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// How the screen looks.
#[derive(Clone, Debug)]
pub(crate) struct PrinterOptions {
    pub(crate) format: LogFormat,
    pub(crate) level: LogLevel,
    /// Only errors, and data that was asked for.
    pub(crate) quiet: bool,
    /// What `print()` says is shown.
    pub(crate) print: bool,
    pub(crate) width: usize,
    /// Colours on stdout and stderr.
    pub(crate) colors: bool,
    /// stdout is a terminal: running nodes have live lines.
    pub(crate) live: bool,
    /// `--warn-error`.
    pub(crate) warn_error: bool,
}

impl Default for PrinterOptions {
    fn default() -> Self {
        Self {
            format: LogFormat::Default,
            level: LogLevel::Info,
            quiet: false,
            print: true,
            width: 80,
            colors: false,
            live: false,
            warn_error: false,
        }
    }
}

/// The known secrets, shared with the log file.
pub(crate) type SharedRedactor = Arc<RwLock<Redactor>>;

pub(crate) struct Printer {
    invocation_id: String,
    redactor: SharedRedactor,
    state: Mutex<State>,
}

struct State {
    options: PrinterOptions,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    live: LiveLines,
    run: report::RunState,
}

impl Printer {
    pub(crate) fn new(
        invocation_id: &str,
        redactor: SharedRedactor,
        options: PrinterOptions,
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
    ) -> Self {
        let live = LiveLines::new(options.live);
        let state = State { options, out, err, live, run: report::RunState::default() };
        Self { invocation_id: invocation_id.to_owned(), redactor, state: Mutex::new(state) }
    }

    /// Changes how the screen looks, once the project's own `flags:` are known.
    pub(crate) fn configure(&self, options: PrinterOptions) {
        let mut state = self.state();
        state.live = LiveLines::new(options.live);
        state.options = options;
    }

    pub(crate) fn add_secrets(&self, secrets: impl IntoIterator<Item = Secret>) {
        let mut redactor = self.redactor.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            redactor.add(secret);
        }
    }

    /// A log line: time and text. `data` is what the JSON form holds beside the message.
    pub(crate) fn event(&self, event: Event, text: &str, data: Value) {
        self.state().event(self, event, text, data);
    }

    /// An event that only the JSON form shows.
    pub(crate) fn json_event(&self, event: Event, text: &str, data: Value) {
        let mut state = self.state();
        if state.options.format == LogFormat::Json {
            state.event(self, event, text, data);
        }
    }

    /// An empty line between the parts of a run.
    pub(crate) fn blank(&self) {
        self.event(events::FORMATTING, "", json!({}));
    }

    /// Text that the user asked for: no time before it, and `--quiet` does not hide it.
    pub(crate) fn data(&self, event: Event, text: &str, data: Value) {
        let text = self.redact(text);
        let line = match self.state().options.format {
            LogFormat::Json => self.redact(&events::line(event, &text, data, &self.invocation_id, Utc::now())),
            LogFormat::Default | LogFormat::Text | LogFormat::Debug => text,
        };
        self.state().write_out(&line);
    }

    /// Rows of the user's tables, or names of the project: they pass unchanged, and no log keeps them.
    pub(crate) fn rows(&self, event: Event, text: &str, data: Value) {
        let mut state = self.state();
        let line = match state.options.format {
            LogFormat::Json => events::line(event, text, data, &self.invocation_id, Utc::now()),
            LogFormat::Default | LogFormat::Text | LogFormat::Debug => text.to_owned(),
        };
        state.write_out(&line);
    }

    /// A problem, in full, to stderr.
    pub(crate) fn diagnostic(&self, diagnostic: &Diagnostic) {
        self.state().diagnostic(self, diagnostic);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn redact(&self, text: &str) -> String {
        self.redactor.read().unwrap_or_else(PoisonError::into_inner).redact(text)
    }
}

impl State {
    fn event(&mut self, printer: &Printer, event: Event, text: &str, data: Value) {
        let text = printer.redact(text);
        if !text.is_empty() {
            tracing::info!(target: "screen", "{text}");
        }
        if !self.shows(event.level) {
            return;
        }
        let now = Utc::now();
        let line = match self.options.format {
            LogFormat::Json => printer.redact(&events::line(event, &text, data, &printer.invocation_id, now)),
            LogFormat::Debug => format!("{}  {text}", now.format("%H:%M:%S%.6f")),
            LogFormat::Default | LogFormat::Text => format!("{}  {text}", now.format("%H:%M:%S")),
        };
        self.write_out(&line);
    }

    fn diagnostic(&mut self, printer: &Printer, diagnostic: &Diagnostic) {
        let (event, level) = match diagnostic.severity {
            Severity::Error => (events::ERROR, "error"),
            Severity::Warning => (events::WARNING, "warn"),
        };
        let summary = printer.redact(&render_line(diagnostic));
        match diagnostic.severity {
            Severity::Error => tracing::error!(target: "screen", "{summary}"),
            Severity::Warning => tracing::warn!(target: "screen", "{summary}"),
        }
        if !self.shows(level) {
            return;
        }
        if self.options.format == LogFormat::Json {
            let data = json!({
                "id": diagnostic.id,
                "message": diagnostic.message,
                "notes": diagnostic.notes,
                "help": diagnostic.help,
                "place": diagnostic.labels.first().map(|label| {
                    let (line, column) = label.span.file.line_column(label.span.range.start);
                    json!({"path": label.span.file.path, "line": line, "column": column, "text": label.text})
                }),
            });
            let line = printer.redact(&events::line(event, &summary, data, &printer.invocation_id, Utc::now()));
            self.write_out(&line);
        } else {
            let style = if self.options.colors { RenderStyle::Colored } else { RenderStyle::Plain };
            let text = printer.redact(&render(diagnostic, style));
            self.write_err(&format!("{text}\n"));
        }
    }

    /// Whether a line of this level is shown on the screen.
    fn shows(&self, level: &str) -> bool {
        let level = match level {
            "debug" => LogLevel::Debug,
            "warn" => LogLevel::Warn,
            "error" => LogLevel::Error,
            _ => LogLevel::Info,
        };
        if self.options.quiet && level < LogLevel::Error {
            return false;
        }
        // The JSON form carries the debug events that tools read (`NodeStart`, `NodeFinished`), as dbt's does at its
        // default level only in the file; a text screen at `info` does not show them.
        level >= self.options.level && self.options.level != LogLevel::None
    }

    fn write_out(&mut self, line: &str) {
        let Self { live, out, .. } = self;
        live.above(|| {
            // A reader that went away (`dvt ls | head`) is no reason to stop the run.
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        });
    }

    fn write_err(&mut self, text: &str) {
        let Self { live, err, .. } = self;
        live.above(|| {
            let _ = writeln!(err, "{text}").and_then(|()| err.flush());
        });
    }
}

impl EventSink for Printer {
    fn fire(&self, event: dvt_diagnostics::Event) {
        let kind = Event { name: event.kind.name, code: event.kind.code, level: event.level.as_str() };
        self.event(kind, &event.message, event.to_data());
    }

    fn is_error(&self, _kind: EventKind) -> bool {
        self.state().options.warn_error
    }
}

#[cfg(test)]
mod tests;
