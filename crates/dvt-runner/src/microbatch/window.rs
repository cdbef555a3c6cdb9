//! Of which time a node reads its inputs: `--sample`, its batch, and the inputs' `event_time`.

use super::batches::parse_time;
use super::{Batch, is_microbatch};
use crate::run::Run;
use chrono::{DateTime, Days, Months, TimeDelta, Utc};
use dvt_diagnostics::Diagnostic;
use dvt_jinja::EventTimeFilter;
use dvt_manifest::{Column, Config, Node, ResourceType};
use dvt_sql::Dialect;
use indexmap::IndexMap;
use serde_json::Value as Json;

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
}

impl Window {
    /// Reads `--sample`: `3 days`, back from `now`, or `{start: 2024-01-01, end: 2024-01-03}`.
    pub(crate) fn parse_sample(text: &str, now: DateTime<Utc>) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('{') {
            return Self::parse_bounds(text);
        }
        let words: Vec<&str> = text.split(' ').collect();
        let [count, grain] = words.as_slice() else {
            return Err(format!("Cannot load SAMPLE_WINDOW from '{text}'. Must be of form 'DAYS_INT GRAIN_SIZE'."));
        };
        let count: u32 = count.parse().map_err(|_| format!("Unable to convert '{count}' to an integer."))?;
        let start = match grain.to_lowercase().trim_end_matches('s') {
            "hour" => now.checked_sub_signed(TimeDelta::hours(i64::from(count))),
            "day" => now.checked_sub_days(Days::new(u64::from(count))),
            "month" => now.checked_sub_months(Months::new(count)),
            "year" => now.checked_sub_months(Months::new(count.saturating_mul(12))),
            _ => {
                return Err(format!(
                    "Invalid grain size '{grain}'. Must be one of ['hour', 'day', 'month', 'year', 'hours', 'days', \
                     'months', 'years']."
                ));
            }
        };
        let start = start.ok_or_else(|| format!("'{text}' reaches back beyond the calendar"))?;
        Ok(Self { start, end: now })
    }

    fn parse_bounds(text: &str) -> Result<Self, String> {
        let inside = text.trim_start_matches('{').trim_end_matches('}');
        let (mut start, mut end) = (None, None);
        for entry in inside.split(',') {
            let Some((key, value)) = entry.split_once(':') else {
                continue;
            };
            let clean = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
            let time = clean(value);
            let time = parse_time(&time).ok_or_else(|| format!("'{time}' is no time"))?;
            match clean(key).as_str() {
                "start" => start = Some(time),
                "end" => end = Some(time),
                other => return Err(format!("a sample has `start` and `end`, not `{other}`")),
            }
        }
        match (start, end) {
            (Some(start), Some(end)) => Ok(Self { start, end }),
            _ => Err(format!("'{text}' needs both `start` and `end`")),
        }
    }

    /// The time that both have.
    fn intersect(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
}

/// Whether `--sample` can be read.
///
/// # Errors
/// What is wrong with it, in dbt's words.
pub fn check_sample(text: &str) -> Result<(), String> {
    Window::parse_sample(text, Utc::now()).map(drop)
}

impl Run {
    fn text_flag(&self, name: &str) -> Option<&str> {
        self.invocation().flags.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    /// `--sample`.
    pub(crate) fn sample(&self) -> Result<Option<Window>, Diagnostic> {
        let Some(text) = self.text_flag("SAMPLE") else {
            return Ok(None);
        };
        Window::parse_sample(text, self.invocation().run_started_at).map(Some).map_err(|reason| {
            Diagnostic::error("usage", format!("Invalid value for '--sample': {reason}"))
                .help("write `--sample '3 days'`, or `--sample '{start: 2024-01-01, end: 2024-01-03}'`")
        })
    }

    /// `--event-time-start` or `--event-time-end`.
    pub(crate) fn event_time_flag(&self, name: &str) -> Option<DateTime<Utc>> {
        parse_time(self.text_flag(name)?)
    }

    /// The rows of an input that `reader` wants: only models and snapshots read by time, and only inputs that say which
    /// column holds it.
    pub(crate) fn event_time_filter(
        &self,
        reader: &Node,
        batch: Option<&Batch>,
        input: &EventTimeInput<'_>,
    ) -> Option<EventTimeFilter> {
        if !matches!(reader.resource_type, ResourceType::Model | ResourceType::Snapshot) {
            return None;
        }
        let field = input.event_time?;
        let batch = batch.filter(|_| is_microbatch(self, reader));
        // A sample that cannot be read was told when the run began.
        let sample = self.sample().ok().flatten();
        let window = match (batch.map(Batch::window), sample) {
            (Some(batch), Some(sample)) => batch.intersect(sample),
            (Some(window), None) | (None, Some(window)) => window,
            (None, None) => return None,
        };
        let field_name = if input.is_quoted { input.dialect.quote_identifier(field) } else { field.to_owned() };
        // SQLite's times are texts of more than one form.
        let is_text = input.dialect.name == "sqlite";
        let field_name = if is_text { format!("datetime({field_name})") } else { field_name };
        let is_zoneless = matches!(input.dialect.name, "sqlite" | "mysql" | "mariadb");
        Some(EventTimeFilter { field_name, start: Some(window.start), end: Some(window.end), is_zoneless })
    }
}

/// What an input says of its time.
pub(crate) struct EventTimeInput<'a> {
    pub(crate) event_time: Option<&'a str>,
    pub(crate) is_quoted: bool,
    /// Of the SQL that reads it.
    pub(crate) dialect: &'static Dialect,
}

impl<'a> EventTimeInput<'a> {
    /// From an input's config and its documented columns, which may ask for quotes; a source may ask for all.
    pub(crate) fn new(
        config: &'a Config,
        columns: &IndexMap<String, Column>,
        quotes_columns: Option<bool>,
        dialect: &'static Dialect,
    ) -> Self {
        let event_time = config.text("event_time");
        let documented = event_time.and_then(|name| columns.values().find(|column| column.name == name));
        let own = documented.and_then(|column| column.quote);
        Self { event_time, is_quoted: own.or(quotes_columns).unwrap_or(false), dialect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str) -> Result<String, String> {
        let now = parse_time("2024-03-31T12:00:00").unwrap();
        Window::parse_sample(text, now).map(|window| format!("{} {}", window.start, window.end))
    }

    #[test]
    fn samples_are_read_in_both_forms() {
        assert_eq!(sample("3 days").unwrap(), "2024-03-28 12:00:00 UTC 2024-03-31 12:00:00 UTC");
        assert_eq!(sample("1 MONTH").unwrap(), "2024-02-29 12:00:00 UTC 2024-03-31 12:00:00 UTC");
        assert_eq!(
            sample("{'start': '2024-01-01', 'end': 2024-01-02T10:00:00}").unwrap(),
            "2024-01-01 00:00:00 UTC 2024-01-02 10:00:00 UTC"
        );
    }

    #[test]
    fn a_wrong_sample_says_what_is_wrong() {
        assert!(sample("3").unwrap_err().contains("Must be of form 'DAYS_INT GRAIN_SIZE'"));
        assert_eq!(sample("x days").unwrap_err(), "Unable to convert 'x' to an integer.");
        assert!(sample("3 weeks").unwrap_err().contains("Invalid grain size 'weeks'"));
        assert!(sample("{start: 2024-01-01}").unwrap_err().contains("needs both"));
    }
}
