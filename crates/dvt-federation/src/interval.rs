//! The text of an interval as PostgreSQL reads it: months, days and microseconds.
//! Source: PostgreSQL manual, "Interval Input".

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

const SECOND: f64 = 1e6;
const DAY: f64 = 86_400e6;

/// A text that stands where an interval is expected, as that interval; anything else as it is.
pub(crate) fn read_interval(expr: Expr) -> Expr {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) = expr else { return expr };
    let Some((months, days, micros)) = parse_interval(&text, None) else {
        return Expr::Literal(ScalarValue::Utf8(Some(text)), metadata);
    };
    let value = IntervalMonthDayNano::new(months, days, micros.saturating_mul(1000));
    Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(value)), metadata)
}

/// Months, days and microseconds; `unit` is that of a number without one. `None` for what is no such text.
pub(crate) fn parse_interval(text: &str, unit: Option<&str>) -> Option<(i32, i32, i64)> {
    let mut found = Parts::default();
    let lower = text.trim().to_lowercase();
    let (body, is_ago) = match lower.strip_suffix("ago") {
        Some(body) => (body.trim_end(), true),
        None => (lower.as_str(), false),
    };
    let body = body.strip_prefix('@').unwrap_or(body);
    let mut words = split(body).into_iter().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            found.micros += clock(&word)?;
            continue;
        }
        let amount: f64 = word.parse().ok()?;
        let unit = match words.peek() {
            Some(next) if next.starts_with(|letter: char| letter.is_ascii_alphabetic()) => words.next()?,
            // `1 02:03:04` begins with days.
            Some(next) if next.contains(':') && unit.is_none() => "day".to_owned(),
            _ => unit.unwrap_or("second").to_owned(),
        };
        found.add(amount, &unit)?;
    }
    let sign = if is_ago { -1.0 } else { 1.0 };
    let whole = |value: f64| (value.is_finite() && value.abs() < 9e15).then_some(value * sign);
    let (months, days, micros) = (whole(found.months)?, whole(found.days)?, whole(found.micros.round_ties_even())?);
    let narrow = |value: f64| (value.abs() <= f64::from(i32::MAX)).then_some(value);
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers within range")]
    Some((narrow(months)? as i32, narrow(days)? as i32, micros as i64))
}

#[derive(Default)]
struct Parts {
    months: f64,
    days: f64,
    micros: f64,
}

impl Parts {
    /// The part of a month that is no whole one has 30 days to a month, that of a day 24 hours.
    fn add(&mut self, amount: f64, unit: &str) -> Option<()> {
        match unit {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => self.micros += amount,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => self.micros += amount * 1e3,
            "second" | "seconds" | "s" | "sec" | "secs" => self.micros += amount * SECOND,
            "minute" | "minutes" | "m" | "min" | "mins" => self.micros += amount * 60.0 * SECOND,
            "hour" | "hours" | "h" | "hr" | "hrs" => self.micros += amount * 3600.0 * SECOND,
            "day" | "days" | "d" => self.add_days(amount),
            "week" | "weeks" | "w" => self.add_days(amount * 7.0),
            "month" | "months" | "mon" | "mons" => {
                self.months += amount.trunc();
                self.add_days(amount.fract() * 30.0);
            }
            "year" | "years" | "y" | "yr" | "yrs" => self.months += (amount * 12.0).round_ties_even(),
            "decade" | "decades" | "dec" | "decs" => self.months += (amount * 120.0).round_ties_even(),
            "century" | "centuries" | "c" | "cent" => self.months += (amount * 1200.0).round_ties_even(),
            "millennium" | "millennia" | "mil" | "mils" => self.months += (amount * 12_000.0).round_ties_even(),
            _ => return None,
        }
        Some(())
    }

    fn add_days(&mut self, amount: f64) {
        self.days += amount.trunc();
        self.micros += amount.fract() * DAY;
    }
}

/// `hours:minutes` and perhaps `:seconds`, in microseconds.
fn clock(word: &str) -> Option<f64> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, word.strip_prefix('+').unwrap_or(word)),
    };
    let parts: Vec<&str> = digits.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (*hours, *minutes, "0"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| *number >= 0.0);
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    (minutes < 60.0 && seconds < 60.0).then_some(sign * (hours * 3600.0 + minutes * 60.0 + seconds) * SECOND)
}

/// Numbers, clocks and words, also where nothing stands between them (`1day`).
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last: Option<bool> = None;
    for letter in text.chars() {
        if letter.is_whitespace() || letter == ',' {
            // A sign stands before its number, with blanks between them or not.
            if !words.last().is_some_and(|word| matches!(word.as_str(), "-" | "+")) {
                last = None;
            }
            continue;
        }
        let is_letter = letter.is_ascii_alphabetic();
        match (last, words.last_mut()) {
            (Some(was_letter), Some(word)) if was_letter == is_letter => word.push(letter),
            _ => words.push(letter.to_string()),
        }
        last = Some(is_letter);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of PostgreSQL 15.
    #[test]
    fn texts_of_intervals_mean_what_they_mean_to_postgres() {
        let hour = 3_600_000_000;
        for (text, unit, expected) in [
            ("1 day", None, (0, 1, 0)),
            ("1 day 02:03:04", None, (0, 1, 7_384_000_000)),
            ("1 02:03", None, (0, 1, 7_380_000_000)),
            ("02:30", None, (0, 0, 9_000_000_000)),
            ("-1:00", None, (0, 0, -hour)),
            ("1.5 months", None, (1, 15, 0)),
            ("1.5 years", None, (18, 0, 0)),
            ("0.5 day", None, (0, 0, 12 * hour)),
            ("2 weeks 1day", None, (0, 15, 0)),
            ("1 year 2 mons -3 days", None, (14, -3, 0)),
            ("3 days ago", None, (0, -3, 0)),
            ("1 month - 1 day", None, (1, -1, 0)),
            ("- 1 year + 2:00", None, (-12, 0, 2 * hour)),
            ("90", Some("day"), (0, 90, 0)),
            ("1.5", None, (0, 0, 1_500_000)),
            ("3", Some("month"), (3, 0, 0)),
        ] {
            assert_eq!(parse_interval(text, unit), Some(expected), "{text}");
        }
        for text in ["", "day", "1 fortnight", "1:99", "P1Y"] {
            assert_eq!(parse_interval(text, None), None, "{text}");
        }
    }
}
