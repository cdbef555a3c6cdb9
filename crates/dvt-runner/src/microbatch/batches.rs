//! The batches of a microbatch model: pure arithmetic on times, all in UTC.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};

/// How much time a batch covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

/// From (inclusive) and to (exclusive).
pub(crate) type Bounds = (DateTime<Utc>, DateTime<Utc>);

/// A `begin` and an `event_time_end` that lie further apart than this many batches are a mistake.
const MAX_BATCHES: usize = 1_000_000;

impl BatchSize {
    /// dbt's word for it.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// The start of the batch that the time lies in.
    pub(crate) fn truncate(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let (year, month, day, hour) = match self {
            Self::Hour => (time.year(), time.month(), time.day(), time.hour()),
            Self::Day => (time.year(), time.month(), time.day(), 0),
            Self::Month => (time.year(), time.month(), 1, 0),
            Self::Year => (time.year(), 1, 1, 0),
        };
        let start = NaiveDate::from_ymd_opt(year, month, day).and_then(|date| date.and_hms_opt(hour, 0, 0));
        start.map_or(time, |start| start.and_utc())
    }

    /// The start of the batch this many batches later, or earlier. At the end of the calendar it stays where it is.
    pub(crate) fn offset(self, time: DateTime<Utc>, count: i64) -> DateTime<Utc> {
        let start = self.truncate(time);
        let months = |factor: i64| {
            let months = Months::new(
                u32::try_from(count.unsigned_abs())
                    .unwrap_or(u32::MAX)
                    .saturating_mul(u32::try_from(factor).unwrap_or(1)),
            );
            if count < 0 { start.checked_sub_months(months) } else { start.checked_add_months(months) }
        };
        let moved = match self {
            Self::Hour => TimeDelta::try_hours(count).and_then(|delta| start.checked_add_signed(delta)),
            Self::Day if count < 0 => start.checked_sub_days(Days::new(count.unsigned_abs())),
            Self::Day => start.checked_add_days(Days::new(count.unsigned_abs())),
            Self::Month => months(1),
            Self::Year => months(12),
        };
        moved.unwrap_or(start)
    }

    /// The time itself where a batch starts at it, else the start of the next batch.
    pub(crate) fn ceiling(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let start = self.truncate(time);
        if start == time { time } else { self.offset(start, 1) }
    }

    /// A batch's name in file names and log lines: `2024-09-17T16`, `2024-09-17`, `2024-09`, `2024`.
    pub(crate) fn name(self, start: DateTime<Utc>) -> String {
        let format = match self {
            Self::Hour => "%Y-%m-%dT%H",
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
            Self::Year => "%Y",
        };
        start.format(format).to_string()
    }
}

/// What the batches of a model follow from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchPlan {
    pub(crate) size: BatchSize,
    /// The model's `begin`.
    pub(crate) begin: Option<DateTime<Utc>>,
    pub(crate) lookback: i64,
    /// Whether the model's table is there and is kept.
    pub(crate) is_incremental: bool,
    /// `--event-time-start`, or the sample's.
    pub(crate) start: Option<DateTime<Utc>>,
    /// `--event-time-end`, or the sample's.
    pub(crate) end: Option<DateTime<Utc>>,
    /// When the run began: the end, where none is given.
    pub(crate) now: DateTime<Utc>,
}

/// Why there are no batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchError {
    NoBegin,
    TooMany,
}

impl BatchPlan {
    /// The batches, in order; the last one ends where the whole ends.
    pub(crate) fn batches(&self) -> Result<Vec<Bounds>, BatchError> {
        let end = self.size.ceiling(self.end.unwrap_or(self.now));
        let mut start = self.start(end)?;
        let mut batches = Vec::new();
        loop {
            let next = self.size.offset(start, 1);
            batches.push((start, next));
            if batches.len() > MAX_BATCHES {
                return Err(BatchError::TooMany);
            }
            if next >= end || next == start {
                break;
            }
            start = next;
        }
        if let Some(last) = batches.last_mut() {
            last.1 = end;
        }
        Ok(batches)
    }

    fn start(&self, end: DateTime<Utc>) -> Result<DateTime<Utc>, BatchError> {
        if let Some(start) = self.start {
            return Ok(self.size.truncate(start));
        }
        if !self.is_incremental {
            return self.begin.map(|begin| self.size.truncate(begin)).ok_or(BatchError::NoBegin);
        }
        // An end on the border between two batches belongs to the one before.
        let lookback = self.lookback + i64::from(end == self.size.truncate(end));
        Ok(self.size.offset(end, -lookback))
    }
}

/// A time as configs and flags write it; without a zone it is UTC. A date alone is its midnight.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(time.to_utc());
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return date.and_hms_opt(0, 0, 0).map(|time| time.and_utc());
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        parse_time(text).unwrap()
    }

    fn plan(size: BatchSize, now: &str) -> BatchPlan {
        BatchPlan { size, begin: None, lookback: 1, is_incremental: false, start: None, end: None, now: at(now) }
    }

    fn shown(plan: BatchPlan) -> Vec<String> {
        let format = "%m-%dT%H";
        let batches = plan.batches().unwrap();
        batches.iter().map(|(start, end)| format!("{} {}", start.format(format), end.format(format))).collect()
    }

    #[test]
    fn the_first_run_begins_at_begin() {
        let plan = BatchPlan { begin: Some(at("2024-09-15 07:00")), ..plan(BatchSize::Day, "2024-09-17 16:06:00") };
        assert_eq!(shown(plan), ["09-15T00 09-16T00", "09-16T00 09-17T00", "09-17T00 09-18T00"]);
        assert_eq!(BatchPlan { begin: None, ..plan }.batches(), Err(BatchError::NoBegin));
    }

    #[test]
    fn later_runs_look_back() {
        let plan = BatchPlan { is_incremental: true, ..plan(BatchSize::Day, "2024-09-17 16:06:00") };
        assert_eq!(shown(plan), ["09-16T00 09-17T00", "09-17T00 09-18T00"]);
        let border = BatchPlan { now: at("2024-09-17 00:00:00"), lookback: 2, ..plan };
        assert_eq!(shown(border), ["09-14T00 09-15T00", "09-15T00 09-16T00", "09-16T00 09-17T00"]);
    }

    #[test]
    fn given_bounds_are_cut_to_batches() {
        let (start, end) = (Some(at("2024-02-28T22:30:00")), Some(at("2024-02-29T00:10:00")));
        let plan = BatchPlan { start, end, ..plan(BatchSize::Hour, "2026-01-01") };
        assert_eq!(shown(plan), ["02-28T22 02-28T23", "02-28T23 02-29T00", "02-29T00 02-29T01"]);
    }

    #[test]
    fn months_and_years_have_their_own_lengths() {
        let (start, end) = (Some(at("2024-01-31")), Some(at("2024-03-01")));
        let months = BatchPlan { start, end, ..plan(BatchSize::Month, "2026-01-01") };
        assert_eq!(shown(months), ["01-01T00 02-01T00", "02-01T00 03-01T00"]);
        assert_eq!(BatchSize::Month.offset(at("2024-09-17 16:06:00"), -1), at("2024-08-01"));
        assert_eq!(BatchSize::Year.ceiling(at("2024-09-17 16:06:00")), at("2025-01-01"));
        assert_eq!(BatchSize::Year.offset(at("2024-02-29"), 1), at("2025-01-01"));
        assert_eq!(BatchSize::Hour.name(at("2024-09-17 16:06:00")), "2024-09-17T16");
    }

    #[test]
    fn a_span_without_measure_is_refused() {
        let plan = BatchPlan { begin: Some(at("0001-01-01")), ..plan(BatchSize::Hour, "9999-01-01") };
        assert_eq!(plan.batches(), Err(BatchError::TooMany));
    }
}
