//! The one type that writes to the screen and to `logs/dbt.log`: dbt's log lines and data on stdout, diagnostics on stderr.
//!
//! Everything that is said is an [`Event`] and passes [`Printer::say`], which redacts it and gives it to the screen and
//! to the file, each by its own level, format and colours. On a terminal each running node has a live line below the
//! finished ones. Rows of the user's tables are shown and never kept.

pub(crate) mod events;
mod file;
mod lines;
mod progress;
mod report;
mod summary;
mod text;
mod warnings;
mod words;

pub(crate) use text::{bytes_text, counted, thousands};
pub(crate) use words::{Color, colored};

use crate::cli::{LogFormat, LogLevel};
use crate::warn_error::WarnErrorOptions;
use dvt_diagnostics::{Diagnostic, Event, EventKind, EventLevel, EventSink, Redactor, RenderStyle, Secret, render};
use file::RotatingFile;
use lines::Said;
use progress::LiveLines;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// How the screen looks, and what becomes of warnings.
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
    /// Colours in the messages of JSON lines: dbt has them there whatever the terminal can, and tools know it.
    pub(crate) json_colors: bool,
    /// stdout is for data alone: log lines go to stderr.
    pub(crate) lines_to_stderr: bool,
    /// stdout is a terminal: running nodes have live lines.
    pub(crate) live: bool,
    pub(crate) warn_error: WarnErrorOptions,
    /// Every deprecation is said, not each kind once.
    pub(crate) show_all_deprecations: bool,
    /// The behaviour flag `require_event_names_in_deprecations`.
    pub(crate) named_deprecations: bool,
    pub(crate) log_cache_events: bool,
    /// `info.extra` of JSON lines: the variables `DBT_ENV_CUSTOM_ENV_…`.
    pub(crate) extra: Map<String, Value>,
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
            json_colors: true,
            lines_to_stderr: false,
            live: false,
            warn_error: WarnErrorOptions::default(),
            show_all_deprecations: false,
            named_deprecations: false,
            log_cache_events: false,
            extra: Map::new(),
        }
    }
}

/// Where the log file is and what it gets.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    pub(crate) folder: PathBuf,
    pub(crate) level: LogLevel,
    pub(crate) format: LogFormat,
    pub(crate) colors: bool,
    pub(crate) max_bytes: u64,
}

/// The known secrets.
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
    log: Log,
    run: report::RunState,
    warnings: warnings::Warnings,
    /// The statements that were said last: the leaves trace them once more.
    statements: VecDeque<String>,
}

/// The log file, and what was said before it was known.
enum Log {
    Waiting(Vec<Said>),
    Open(LogSettings, RotatingFile),
    None,
}

/// How many statements run at the same time, at most, for telling their trace lines apart.
const STATEMENTS: usize = 16;

impl Printer {
    pub(crate) fn new(
        invocation_id: &str,
        redactor: SharedRedactor,
        options: PrinterOptions,
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
    ) -> Self {
        let state = State {
            live: LiveLines::new(options.live),
            options,
            out,
            err,
            log: Log::Waiting(Vec::new()),
            run: report::RunState::default(),
            warnings: warnings::Warnings::default(),
            statements: VecDeque::new(),
        };
        Self { invocation_id: invocation_id.to_owned(), redactor, state: Mutex::new(state) }
    }

    /// Changes how the screen looks, once the project's own `flags:` are known.
    pub(crate) fn configure(&self, options: PrinterOptions) {
        let mut state = self.state();
        state.live = LiveLines::new(options.live);
        state.options = options;
    }

    /// Opens the log file and writes what was said so far. Once it is open, or known to be none, this does nothing.
    ///
    /// # Errors
    /// When the file cannot be opened; the run goes on without one.
    pub(crate) fn start_log(&self, settings: LogSettings) -> io::Result<()> {
        let mut state = self.state();
        if !matches!(state.log, Log::Waiting(_)) {
            return Ok(());
        }
        let opened = if settings.level == LogLevel::None {
            Ok(Log::None)
        } else {
            RotatingFile::open(&settings.folder.join("dbt.log"), settings.max_bytes)
                .map(|file| Log::Open(settings, file))
        };
        let (log, error) = match opened {
            Ok(log) => (log, None),
            Err(error) => (Log::None, Some(error)),
        };
        if let Log::Waiting(said) = std::mem::replace(&mut state.log, log) {
            for said in said {
                state.log(self, said);
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// Writes the log file's last lines. Safe to call twice.
    pub(crate) fn flush(&self) {
        if let Log::Open(_, file) = &mut self.state().log {
            // The disk is full, or the folder is gone; the run itself is over.
            let _ = file.flush();
        }
    }

    pub(crate) fn add_secrets(&self, secrets: impl IntoIterator<Item = Secret>) {
        let mut redactor = self.redactor.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            redactor.add(secret);
        }
    }

    /// A log line: time and text. `data` is what the JSON form holds beside the message.
    pub(crate) fn event(&self, kind: EventKind, text: &str, data: Value) {
        self.say(Event::new(kind, text).data(data));
    }

    /// Says an event of the program itself; a warning has been judged already.
    pub(crate) fn say(&self, event: Event) {
        self.state().say(self, event);
    }

    /// An empty line between the parts of a run.
    pub(crate) fn blank(&self) {
        self.event(events::FORMATTING, "", Value::Null);
    }

    /// Text that the user asked for: no time before it, and `--quiet` does not hide it.
    pub(crate) fn data(&self, kind: EventKind, text: &str, data: Value) {
        let mut state = self.state();
        let said = state.said(self, Event::new(kind, text).data(data));
        state.print(self, &said);
        state.log(self, said);
    }

    /// Rows of the user's tables: they pass unchanged, and no log keeps them.
    pub(crate) fn rows(&self, kind: EventKind, text: &str, data: Value) {
        let mut state = self.state();
        let said = Said::new(Event::new(kind, text).data(data), text.to_owned());
        state.print(self, &said);
    }

    /// One problem, in full. A warning is judged by `--warn-error-options` first.
    pub(crate) fn diagnostic(&self, diagnostic: &Diagnostic) {
        self.problems(std::slice::from_ref(diagnostic));
    }

    /// Whether a trace line ends with a statement that an event has just said.
    pub(crate) fn has_said_statement(&self, line: &str) -> bool {
        let mut state = self.state();
        let found = state.statements.iter().position(|sql| line.ends_with(sql.as_str()));
        found.is_some_and(|at| state.statements.remove(at).is_some())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn redact(&self, text: &str) -> String {
        self.redactor.read().unwrap_or_else(PoisonError::into_inner).redact(text)
    }
}

impl State {
    fn said(&self, printer: &Printer, mut event: Event) -> Said {
        if event.data.get("msg").is_none() && events::holds_its_text(event.kind) {
            event.data.insert("msg".to_owned(), Value::from(event.message.clone()));
        }
        let text = words::shown(&event, self.options.width, self.options.named_deprecations);
        Said::new(event, printer.redact(&text))
    }

    fn say(&mut self, printer: &Printer, event: Event) {
        if event.kind == events::SQL_QUERY
            && let Some(sql) = event.data.get("sql").and_then(Value::as_str)
        {
            self.statements.truncate(STATEMENTS - 1);
            self.statements.push_front(sql.to_owned());
        }
        if !self.options.log_cache_events && events::is_cache(event.kind) {
            return;
        }
        let shows = self.shows(event.level);
        let keeps = match &self.log {
            Log::Waiting(_) => true,
            Log::Open(settings, _) => level_of(event.level) >= settings.level,
            Log::None => false,
        };
        if !shows && !keeps {
            return;
        }
        let said = self.said(printer, event);
        if shows {
            self.write_line(printer, &said);
        }
        self.log(printer, said);
    }

    /// Data: shown at every level but `none`.
    fn print(&mut self, printer: &Printer, said: &Said) {
        if self.options.level == LogLevel::None {
            return;
        }
        if self.options.format == LogFormat::Json {
            self.write_line(printer, said);
        } else {
            let text = said.text_with(self.options.colors);
            self.write_out(&text);
        }
    }

    fn write_line(&mut self, printer: &Printer, said: &Said) {
        let line = self.line(printer, said, self.options.format, self.options.colors);
        if self.options.lines_to_stderr && !self.is_json() {
            self.write_err(&line);
        } else {
            self.write_out(&line);
        }
    }

    fn line(&self, printer: &Printer, said: &Said, format: LogFormat, colors: bool) -> String {
        match format {
            LogFormat::Json => {
                let options = &self.options;
                printer.redact(&lines::json(said, &printer.invocation_id, &options.extra, options.json_colors))
            }
            LogFormat::Debug => lines::debug(said, &printer.invocation_id, colors),
            LogFormat::Default | LogFormat::Text => lines::text(said, colors),
        }
    }

    /// Gives it to the log file, if its level lets it through.
    fn log(&mut self, printer: &Printer, said: Said) {
        let (level, format, colors) = match &mut self.log {
            Log::None => return,
            Log::Waiting(waiting) => {
                waiting.push(said);
                return;
            }
            Log::Open(settings, _) => (settings.level, settings.format, settings.colors),
        };
        // What happened is on disk when it happened; the details may come a little later.
        let is_urgent = said.event.level >= EventLevel::Info;
        if events::stays_out_of_the_file(said.event.kind) || level_of(said.event.level) < level {
            return;
        }
        let format = if format == LogFormat::Default { LogFormat::Debug } else { format };
        let line = self.line(printer, &said, format, colors);
        if let Log::Open(_, file) = &mut self.log
            && file.line(&line).and_then(|()| if is_urgent { file.flush() } else { Ok(()) }).is_err()
        {
            self.log = Log::None;
            self.write_err("warning: the log file cannot be written any more; the run goes on without it");
        }
    }

    /// Whether a line of this level is shown on the screen.
    fn shows(&self, level: EventLevel) -> bool {
        if self.options.quiet && level < EventLevel::Error {
            return false;
        }
        self.options.level != LogLevel::None && level_of(level) >= self.options.level
    }

    /// A diagnostic with the user's own lines, to stderr.
    fn render(&mut self, printer: &Printer, diagnostic: &Diagnostic) {
        let style = if self.options.colors { RenderStyle::Colored } else { RenderStyle::Plain };
        let text = printer.redact(&render(diagnostic, style));
        self.write_err(&format!("{text}\n"));
    }

    fn is_json(&self) -> bool {
        self.options.format == LogFormat::Json
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

fn level_of(level: EventLevel) -> LogLevel {
    match level {
        EventLevel::Debug => LogLevel::Debug,
        EventLevel::Info => LogLevel::Info,
        EventLevel::Warn => LogLevel::Warn,
        EventLevel::Error => LogLevel::Error,
    }
}

impl EventSink for Printer {
    fn fire(&self, event: Event) {
        self.raise(event);
    }

    fn is_error(&self, kind: EventKind) -> bool {
        self.state().options.warn_error.verdict(kind) == crate::warn_error::Verdict::Error
    }
}

#[cfg(test)]
mod tests;
