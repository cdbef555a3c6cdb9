//! The functions that are computed value by value, per dialect, as tables; names begin with the dialect's where several
//! dialects mean different things by one name. Here is what several tables share.

mod duckdb;
mod moments;
mod mysql;
mod postgres;
mod sqlite;

pub(super) use postgres::{POSTGRES, double_text};
pub(super) use sqlite::{stored_date, stored_decimal, stored_moment, stored_time};

use super::calendar::{DAY, Moment};
use super::rowwise::{Definition, Kind, Meaning, Value, strict};
use arrow::datatypes::IntervalMonthDayNano;

/// The tables of all dialects.
pub(super) const ALL: [&[Definition]; 5] = [POSTGRES, mysql::MYSQL, mysql::MOMENTS, sqlite::SQLITE, duckdb::DUCKDB];

type Computed = Result<Value, String>;

const fn of(arguments: &'static [Kind], returns: Kind, compute: fn(&[Value]) -> Computed) -> Meaning {
    strict(arguments, returns, compute)
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        _ => "",
    }
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        _ => 0,
    }
}

fn double(value: &Value) -> f64 {
    match value {
        Value::Double(number) => *number,
        _ => f64::NAN,
    }
}

fn micros(value: &Value) -> i64 {
    match value {
        Value::Timestamp(micros) => *micros,
        Value::Date(days) => i64::from(*days) * DAY,
        _ => 0,
    }
}

fn moment(value: &Value) -> Moment {
    Moment::of(micros(value))
}

fn span(value: &Value) -> IntervalMonthDayNano {
    match value {
        Value::Interval(interval) => *interval,
        _ => IntervalMonthDayNano::new(0, 0, 0),
    }
}

fn string(text: impl Into<String>) -> Computed {
    Ok(Value::Text(text.into()))
}

fn day(number: i64) -> Computed {
    i32::try_from(number).map(Value::Date).map_err(|_| "date out of range".to_owned())
}

fn character_count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// The characters from `start` (counted from 1) on, so many of them.
fn part(text: &str, start: i64, length: i64) -> String {
    let end = start.saturating_add(length);
    text.chars().zip(1_i64..).filter(|(_, at)| *at >= start && *at < end).map(|(character, _)| character).collect()
}

fn logarithm(number: f64, compute: fn(f64) -> f64) -> Computed {
    match number {
        0.0 => Err("cannot take logarithm of zero".to_owned()),
        number if number < 0.0 => Err("cannot take logarithm of a negative number".to_owned()),
        number => Ok(Value::Double(compute(number))),
    }
}
