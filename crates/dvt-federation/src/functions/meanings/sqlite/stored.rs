//! A value of any engine as SQLite stores it, in a landing relation or a table of its own: what its functions then see.
//!
//! Dates and times are texts, truth values 0 and 1; a decimal of few digits is a number, one of many a text. The forms are
//! those that `dvt-adapter-sqlite` writes.

use super::super::super::calendar::civil;
use super::super::super::rowwise::Value;
use arrow::datatypes::{TimeUnit, i256};

/// Digits that a number keeps there; a decimal with more of them is stored as text.
const REAL_DIGITS: u8 = 15;
const INTEGER_DIGITS: u8 = 18;

/// A decimal of a column with so many digits, so many of them after the point.
pub(in super::super::super) fn stored_decimal(unscaled: i256, precision: u8, scale: i8) -> Value {
    let text = decimal_text(unscaled, scale);
    if precision > REAL_DIGITS && !(scale == 0 && precision <= INTEGER_DIGITS) {
        return Value::Text(text);
    }
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return text.parse().map_or(Value::Null, Value::Double),
        None => &text,
    };
    whole.parse().map_or(Value::Null, Value::Integer)
}

fn decimal_text(unscaled: i256, scale: i8) -> String {
    let text = unscaled.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    match usize::try_from(scale) {
        Ok(scale) if scale > 0 => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Ok(_) => text,
        Err(_) => format!("{text}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}

/// A day counted from 1970-01-01.
pub(in super::super::super) fn stored_date(day: i64) -> Value {
    Value::Text(date_text(day))
}

fn date_text(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A moment in units since 1970-01-01; with a zone it is one of UTC.
pub(in super::super::super) fn stored_moment(moment: i64, unit: TimeUnit, has_zone: bool) -> Value {
    let per_second = per_second(unit);
    let day = moment.div_euclid(86_400 * per_second);
    let clock = clock_text(moment.rem_euclid(86_400 * per_second), per_second);
    let zone = if has_zone { "+00:00" } else { "" };
    Value::Text(format!("{} {clock}{zone}", date_text(day)))
}

/// Microseconds of a day.
pub(in super::super::super) fn stored_time(micros: i64) -> Value {
    Value::Text(clock_text(micros, 1_000_000))
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// `HH:MM:SS`, with as many digits behind as are not zero, in threes.
fn clock_text(units: i64, per_second: i64) -> String {
    let seconds = units / per_second;
    let nanos = units % per_second * (1_000_000_000 / per_second);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match nanos {
        0 => clock,
        _ if nanos % 1_000_000 == 0 => format!("{clock}.{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{clock}.{:06}", nanos / 1_000),
        _ => format!("{clock}.{nanos:09}"),
    }
}
