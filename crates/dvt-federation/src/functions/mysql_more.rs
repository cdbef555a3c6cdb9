//! MySQL's functions of numbers, weeks and spans of time, computed value by value.
//! Source: MySQL 8.4 manual and MariaDB's knowledge base, "Mathematical Functions", "Date and Time Functions".

use super::calendar::{DAY, Moment, days};
use super::rowwise::Kind::{AnyTime, BigInt, Double, Exact, Integer, Shown, Text};
use super::rowwise::{Definition, Kind, Meaning, Value, strict};

type Computed = Result<Value, String>;

const fn of(arguments: &'static [Kind], returns: Kind, compute: fn(&[Value]) -> Computed) -> Meaning {
    strict(arguments, returns, compute)
}

fn text(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { "" }
}

fn integer(value: &Value) -> i64 {
    if let Value::Integer(number) = value { *number } else { 0 }
}

fn micros(value: &Value) -> i64 {
    match value {
        Value::Timestamp(micros) => *micros,
        Value::Date(number) => i64::from(*number) * DAY,
        _ => 0,
    }
}

/// Any number as a double; what is beyond one is infinite.
#[expect(clippy::cast_precision_loss, reason = "as the database converts")]
fn number(value: &Value) -> f64 {
    match value {
        Value::Double(number) => *number,
        Value::Integer(number) => *number as f64,
        // By its digits, so that it is rounded once.
        Value::Exact(unscaled, scale) => format!("{unscaled}e{}", -i32::from(*scale)).parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}

/// What is no number is NULL.
fn known(number: f64) -> Computed {
    Ok(if number.is_finite() { Value::Double(number) } else { Value::Null })
}

/// What is too large is an error there.
fn bounded(number: f64) -> Computed {
    if number.is_finite() { Ok(Value::Double(number)) } else { Err("DOUBLE value is out of range".to_owned()) }
}

macro_rules! of_a_number {
    ($name:literal, $compute:expr) => {
        Definition { name: $name, meanings: &[of(&[Double], Double, $compute), of(&[Exact(0)], Double, $compute)] }
    };
}

fn padded(values: &[Value], is_left: bool) -> Computed {
    const LONGEST: i64 = 1 << 24;
    let (whole, wanted) = (text(&values[0]), integer(&values[1]));
    let filling = values.get(2).map_or(" ", text);
    let Some(wanted) = usize::try_from(wanted).ok().filter(|_| wanted <= LONGEST) else { return Ok(Value::Null) };
    let length = whole.chars().count();
    if length >= wanted {
        return Ok(Value::Text(whole.chars().take(wanted).collect()));
    }
    if filling.is_empty() {
        return Ok(Value::Null);
    }
    let filled: String = filling.chars().cycle().take(wanted - length).collect();
    Ok(Value::Text(if is_left { filled + whole } else { whole.to_owned() + &filled }))
}

/// Year and week by the manual's modes 0 to 7; `keeps_year` gives the days before the first week to the year before.
fn week(moment: &Moment, mode: i64, keeps_year: bool) -> (i64, i64) {
    let is_monday_first = mode & 1 != 0;
    let mut of_year = keeps_year || mode & 2 != 0;
    // Whether week 1 is the first full one, or the first with more than three days.
    let is_full = (mode & 4 != 0) == is_monday_first;
    let mut year = moment.year;
    let mut first = days(year, 1, 1);
    let weekday_of = |day: i64| if is_monday_first { (day + 3).rem_euclid(7) } else { (day + 4).rem_euclid(7) };
    let length_of = |year: i64| days(year + 1, 1, 1) - days(year, 1, 1);
    let begins_later = |weekday: i64| if is_full { weekday != 0 } else { weekday >= 4 };
    let mut weekday = weekday_of(first);
    if moment.month == 1 && moment.day <= 7 - weekday {
        if !of_year && begins_later(weekday) {
            return (year, 0);
        }
        of_year = true;
        year -= 1;
        first -= length_of(year);
        weekday = (weekday + 53 * 7 - length_of(year)).rem_euclid(7);
    }
    let since = moment.days - if begins_later(weekday) { first + 7 - weekday } else { first - weekday };
    if of_year && since >= 52 * 7 {
        let next = (weekday + length_of(year)).rem_euclid(7);
        if !begins_later(next) {
            return (year + 1, 1);
        }
    }
    (year, since / 7 + 1)
}

/// Whole units from the first moment to the second, towards zero.
fn whole_units(unit: &str, from: i64, to: i64) -> Option<i64> {
    let sign = if to < from { -1 } else { 1 };
    let (earlier, later) = (Moment::of(from.min(to)), Moment::of(from.max(to)));
    let months = || {
        let whole = (later.year - earlier.year) * 12 + later.month - earlier.month;
        whole - i64::from((later.day, later.time) < (earlier.day, earlier.time))
    };
    let span = |length: i64| Some((to.max(from) - to.min(from)) / length);
    let count = match unit.to_ascii_lowercase().as_str() {
        "microsecond" => span(1),
        "second" => span(1_000_000),
        "minute" => span(60_000_000),
        "hour" => span(3_600_000_000),
        "day" => span(DAY),
        "week" => span(7 * DAY),
        "month" => Some(months()),
        "quarter" => Some(months() / 3),
        "year" => Some(months() / 12),
        _ => None,
    };
    count.map(|count| count * sign)
}

pub(super) const MYSQL_MORE: &[Definition] = &[
    Definition {
        name: "mysql_lpad",
        meanings: &[
            of(&[Shown, Integer, Text], Text, |values| padded(values, true)),
            of(&[Shown, Integer], Text, |values| padded(values, true)),
        ],
    },
    Definition {
        name: "mysql_rpad",
        meanings: &[
            of(&[Shown, Integer, Text], Text, |values| padded(values, false)),
            of(&[Shown, Integer], Text, |values| padded(values, false)),
        ],
    },
    of_a_number!("mysql_sqrt", |values| known(number(&values[0]).sqrt())),
    of_a_number!("mysql_ln", |values| known(number(&values[0]).ln())),
    of_a_number!("mysql_log2", |values| known(number(&values[0]).ln() / std::f64::consts::LN_2)),
    of_a_number!("mysql_log10", |values| known(number(&values[0]).log10())),
    of_a_number!("mysql_exp", |values| bounded(number(&values[0]).exp())),
    Definition {
        name: "mysql_pow",
        meanings: &[
            of(&[Double, Double], Double, |values| bounded(number(&values[0]).powf(number(&values[1])))),
            of(&[Exact(0), Exact(0)], Double, |values| bounded(number(&values[0]).powf(number(&values[1])))),
            of(&[Double, Exact(0)], Double, |values| bounded(number(&values[0]).powf(number(&values[1])))),
            of(&[Exact(0), Double], Double, |values| bounded(number(&values[0]).powf(number(&values[1])))),
        ],
    },
    Definition {
        name: "mysql_week",
        meanings: &[
            of(&[AnyTime], BigInt, |values| Ok(Value::Integer(week(&Moment::of(micros(&values[0])), 0, false).1))),
            of(&[AnyTime, Integer], BigInt, |values| {
                Ok(Value::Integer(week(&Moment::of(micros(&values[0])), integer(&values[1]) & 7, false).1))
            }),
        ],
    },
    Definition {
        name: "mysql_yearweek",
        meanings: &[
            of(&[AnyTime], BigInt, |values| Ok(Value::Integer(year_and_week(micros(&values[0]), 0)))),
            of(&[AnyTime, Integer], BigInt, |values| {
                Ok(Value::Integer(year_and_week(micros(&values[0]), integer(&values[1]) & 7)))
            }),
        ],
    },
    Definition {
        name: "mysql_to_days",
        meanings: &[of(&[AnyTime], BigInt, |values| {
            Ok(Value::Integer(Moment::of(micros(&values[0])).days + DAYS_BEFORE_1970))
        })],
    },
    Definition {
        name: "mysql_timestampdiff",
        meanings: &[of(&[Text, AnyTime, AnyTime], BigInt, |values| {
            let unit = text(&values[0]);
            let count = whole_units(unit, micros(&values[1]), micros(&values[2]));
            count.map(Value::Integer).ok_or_else(|| format!("`{unit}` is no unit of time"))
        })],
    },
];

/// The manual counts from a year 0.
const DAYS_BEFORE_1970: i64 = 719_528;

fn year_and_week(micros: i64, mode: i64) -> i64 {
    let (year, week) = week(&Moment::of(micros), mode, true);
    year * 100 + week
}
