//! What dvt does inside, for `logs/dbt.log` and `--debug`: the rooms' own trace lines, and what the process used.

use crate::cli::LogLevel;
use crate::printer::{Printer, events};
use dvt_diagnostics::Event;
use serde_json::json;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// From now on trace lines of our rooms, and complaints of libraries, are debug lines of the printer.
pub(crate) fn listen(printer: &Arc<Printer>, level: LogLevel) {
    if level > LogLevel::Debug {
        return;
    }
    let ours = Targets::new().with_default(LevelFilter::WARN).with_target("dvt", LevelFilter::DEBUG);
    let layer = ToPrinter(Arc::clone(printer)).with_filter(ours);
    // A second start in one process (a test) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

struct ToPrinter(Arc<Printer>);

impl<S: tracing::Subscriber> Layer<S> for ToPrinter {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        if self.0.has_said_statement(&line.0) {
            return;
        }
        let room = event.metadata().target().split("::").next().unwrap_or_default();
        let text = format!("{room}:{}", line.0);
        self.0.say(Event::new(events::ADAPTER_EVENT_DEBUG, text.clone()).data(json!({"base_msg": text, "name": room})));
    }
}

/// The message, then `name=value` of each field.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value}"),
            name => write!(self.0, " {name}={value}"),
        };
    }
}

/// dbt's `ResourceReport`. Where the system does not tell, a figure is left out.
pub(crate) fn resource_report(command: &str, success: bool, elapsed_seconds: f64) -> Event {
    let mut data = json!({
        "command_name": command, "command_success": success, "command_wall_clock_time": elapsed_seconds,
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(kilobytes) = peak {
        data["process_mem_max_rss"] = json!(kilobytes.to_string());
    }
    let times = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; the fields are counted behind it.
    let fields: Vec<&str> = times.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok().map(|ticks| ticks / 100.0);
    if let (Some(user), Some(kernel)) = (ticks(11), ticks(12)) {
        data["process_user_time"] = json!(user);
        data["process_kernel_time"] = json!(kernel);
    }
    Event::new(events::RESOURCE_REPORT, format!("Resource report: {data}")).data(data)
}
