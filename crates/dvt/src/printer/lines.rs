//! The line of an event: text for the screen, dbt's debug format for the file, or JSON.

use super::events;
use super::words::{RESET, plain};
use chrono::{DateTime, Local, SecondsFormat, Utc};
use dvt_diagnostics::Event;
use serde_json::{Map, Value};

/// An event at its moment, with its text as it is shown (tagged, redacted, with colours).
pub(super) struct Said {
    pub(super) event: Event,
    text: String,
    at: DateTime<Utc>,
    thread: String,
}

impl Said {
    pub(super) fn new(event: Event, text: String) -> Self {
        let thread = match &event.thread {
            Some(thread) => thread.clone(),
            None => match std::thread::current().name() {
                Some("main") | None => "MainThread".to_owned(),
                Some(name) if name.starts_with("tokio") => "MainThread".to_owned(),
                Some(name) => name.to_owned(),
            },
        };
        Self { event, text, at: Utc::now(), thread }
    }

    pub(super) fn text_with(&self, colors: bool) -> String {
        if colors { self.text.clone() } else { plain(&self.text) }
    }
}

/// `07:12:45  Found 3 models`; text that was asked for stands alone.
pub(super) fn text(said: &Said, colors: bool) -> String {
    if events::is_print(said.event.kind) {
        return said.text_with(colors);
    }
    let reset = if colors { RESET } else { "" };
    format!("{reset}{}  {}", said.at.format("%H:%M:%S"), said.text_with(colors))
}

/// `07:12:45.123456 [info ] [MainThread]: Found 3 models`, in local time as dbt has it. A run begins with a rule.
pub(super) fn debug(said: &Said, invocation_id: &str, colors: bool) -> String {
    let time = said.at.with_timezone(&Local).format("%H:%M:%S%.6f");
    let mut line = String::new();
    if said.event.kind == events::MAIN_REPORT_VERSION {
        let rule = "=".repeat(30);
        line = format!("\n\n{rule} {time} | {invocation_id} {rule}\n");
    }
    if colors {
        line.push_str(RESET);
    }
    let thread: String = said.thread.chars().take(10).collect();
    format!("{line}{time} [{:<5}] [{thread:<10}]: {}", said.event.level.as_str(), said.text_with(colors))
}

/// `{"data": {…}, "info": {…}}`.
pub(super) fn json(said: &Said, invocation_id: &str, extra: &Map<String, Value>, colors: bool) -> String {
    let event = &said.event;
    serde_json::json!({
        "data": event.to_data(),
        "info": {
            "category": "",
            "code": event.kind.code,
            "extra": extra,
            "invocation_id": invocation_id,
            "level": event.level.as_str(),
            "msg": said.text_with(colors),
            "name": event.kind.name,
            "pid": std::process::id(),
            "thread": said.thread,
            "ts": timestamp(said.at),
        },
    })
    .to_string()
}

/// `2026-11-23T07:12:45.123456Z`.
pub(super) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
