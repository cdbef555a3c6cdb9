//! What DuckDB means by its functions, where that differs from what the engine or another dialect means by them.
//! Source: DuckDB's documentation of its functions; each is compared with the library itself by
//! `duckdb_functions::federated_expressions_give_what_duckdb_gives`.

mod patterns;

use super::super::calendar::{DAY, Moment, days, month_length};
use super::super::rowwise::Kind::{BigInt, Date, Double, Exact, Integer, Interval, Text, Timestamp};
use super::super::rowwise::{Definition, Value};
use super::moments;
use super::moments::field_of;
use super::sqlite::sqlite_substr;
use super::{Computed, character_count, day, double, integer, micros, moment, of, string, text};
use arrow::datatypes::IntervalMonthDayNano;

/// The units that are the same here and there.
const UNITS: [&str; 10] =
    ["microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"];

/// A unit without the `s` that it may end in.
fn unit(word: &str) -> Result<&'static str, String> {
    let word = word.to_lowercase();
    let found = UNITS.iter().find(|unit| **unit == word || word.strip_suffix('s') == Some(**unit));
    found.copied().ok_or_else(|| format!("the unit `{word}` is not supported across connections"))
}

/// A field of a date or time, as a whole number.
fn field(name: &str, value: &Value) -> Computed {
    let name = match name.to_lowercase().as_str() {
        "weekday" | "dayofweek" => "dow".to_owned(),
        "weekofyear" => "week".to_owned(),
        "dayofyear" => "doy".to_owned(),
        "dayofmonth" => "day".to_owned(),
        // Numbers with digits after the point there.
        "epoch" | "julian" => {
            return Err(format!("the field `{name}` is not supported across connections; use epoch()"));
        }
        other => other.to_owned(),
    };
    let number = field_of(&name, value)?.div_euclid(1_000_000);
    i64::try_from(number).map(Value::Integer).map_err(|_| "out of range".to_owned())
}

macro_rules! field_function {
    ($name:literal, $field:literal) => {
        Definition {
            name: $name,
            meanings: &[
                of(&[Date], BigInt, |values| field($field, &values[0])),
                of(&[Timestamp], BigInt, |values| field($field, &values[0])),
            ],
        }
    };
}

fn part_of(values: &[Value]) -> Computed {
    field(text(&values[0]), &values[1])
}

/// A timestamp, also of a date.
fn truncated(values: &[Value]) -> Computed {
    let unit = unit(text(&values[0]))?;
    moments::truncated(&[Value::Text(unit.to_owned()), Value::Timestamp(micros(&values[1]))])
}

/// The number of boundaries of the unit between two moments.
fn boundaries(values: &[Value]) -> Computed {
    let (from, to) = (micros(&values[1]), micros(&values[2]));
    let count = |length: i64| to.div_euclid(length) - from.div_euclid(length);
    let months = |moment: &Moment| moment.year * 12 + moment.month - 1;
    let (first, last) = (Moment::of(from), Moment::of(to));
    Ok(Value::Integer(match unit(text(&values[0]))? {
        "microsecond" => to.checked_sub(from).ok_or("out of range")?,
        "millisecond" => count(1000),
        "second" => count(1_000_000),
        "minute" => count(60_000_000),
        "hour" => count(3_600_000_000),
        "day" => count(DAY),
        // Seven days each, wherever weeks begin.
        "week" => count(DAY) / 7,
        "month" => months(&last) - months(&first),
        "quarter" => months(&last).div_euclid(3) - months(&first).div_euclid(3),
        "year" => last.year - first.year,
        other => return Err(format!("date_diff of the unit `{other}` is not supported across connections")),
    }))
}

/// So many of a unit.
fn interval(values: &[Value]) -> Computed {
    let amount = integer(&values[1]);
    let parts = |factor: i64| {
        let whole = amount.checked_mul(factor).and_then(|number| i32::try_from(number).ok());
        whole.ok_or_else(|| "interval out of range".to_owned())
    };
    let micros = |factor: i64| amount.checked_mul(factor * 1000).ok_or_else(|| "interval out of range".to_owned());
    let of_months = |factor: i64| Ok(Value::Interval(IntervalMonthDayNano::new(parts(factor)?, 0, 0)));
    let of_days = |factor: i64| Ok(Value::Interval(IntervalMonthDayNano::new(0, parts(factor)?, 0)));
    let of_time = |factor: i64| Ok(Value::Interval(IntervalMonthDayNano::new(0, 0, micros(factor)?)));
    match text(&values[0]) {
        "year" => of_months(12),
        "quarter" => of_months(3),
        "month" => of_months(1),
        "week" => of_days(7),
        "day" => of_days(1),
        "hour" => of_time(3_600_000_000),
        "minute" => of_time(60_000_000),
        "second" => of_time(1_000_000),
        "millisecond" => of_time(1000),
        "microsecond" => of_time(1),
        other => Err(format!("`{other}` is no unit of time")),
    }
}

fn split_part(values: &[Value]) -> Computed {
    let (whole, separator, wanted) = (text(&values[0]), text(&values[1]), integer(&values[2]));
    if separator.is_empty() {
        return Err("split_part by an empty text is not supported across connections".to_owned());
    }
    let parts: Vec<&str> = whole.split(separator).collect();
    let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    let index = if wanted < 0 { count + wanted } else { wanted - 1 };
    string(usize::try_from(index).ok().and_then(|index| parts.get(index)).copied().unwrap_or_default())
}

fn first_code(values: &[Value], without: i64) -> Computed {
    Ok(Value::Integer(text(&values[0]).chars().next().map_or(without, |first| i64::from(u32::from(first)))))
}

fn remainder(values: &[Value]) -> Computed {
    Ok(match integer(&values[1]) {
        0 => Value::Null,
        by => Value::Integer(integer(&values[0]).wrapping_rem(by)),
    })
}

fn sign(values: &[Value]) -> Computed {
    Ok(Value::Integer(match &values[0] {
        Value::Integer(number) => number.signum(),
        Value::Exact(number, _) => i64::from(number.is_positive()) - i64::from(number.is_negative()),
        value => match double(value) {
            number if number > 0.0 => 1,
            number if number < 0.0 => -1,
            _ => 0,
        },
    }))
}

#[expect(clippy::cast_precision_loss, reason = "the epoch is a double there")]
fn epoch(values: &[Value]) -> Computed {
    Ok(Value::Double(micros(&values[0]) as f64 / 1e6))
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn day_name(values: &[Value]) -> Computed {
    let at = usize::try_from(moment(&values[0]).weekday()).unwrap_or_default();
    string(DAYS[at % 7])
}

fn month_name(values: &[Value]) -> Computed {
    let at = usize::try_from(moment(&values[0]).month - 1).unwrap_or_default();
    string(MONTHS[at % 12])
}

fn last_day(values: &[Value]) -> Computed {
    let moment = moment(&values[0]);
    day(days(moment.year, moment.month, month_length(moment.year, moment.month)))
}

fn year_and_week(values: &[Value]) -> Computed {
    let (year, week) = moment(&values[0]).iso_week();
    Ok(Value::Integer(year * 100 + week * year.signum()))
}

fn of_double(values: &[Value], compute: fn(f64) -> f64) -> Computed {
    Ok(Value::Double(compute(double(&values[0]))))
}

/// What DuckDB means.
pub(in super::super) const DUCKDB: &[Definition] = &[
    Definition {
        name: "duckdb_substr",
        meanings: &[
            of(&[Text, Integer], Text, |values| string(sqlite_substr(text(&values[0]), integer(&values[1]), None))),
            of(&[Text, BigInt], Text, |values| string(sqlite_substr(text(&values[0]), integer(&values[1]), None))),
            of(&[Text, BigInt, BigInt], Text, |values| {
                string(sqlite_substr(text(&values[0]), integer(&values[1]), Some(integer(&values[2]))))
            }),
        ],
    },
    Definition {
        name: "duckdb_instr",
        meanings: &[of(&[Text, Text], BigInt, |values| {
            let whole = text(&values[0]);
            Ok(Value::Integer(whole.find(text(&values[1])).map_or(0, |at| character_count(&whole[..at]) + 1)))
        })],
    },
    Definition {
        name: "duckdb_length",
        meanings: &[of(&[Text], BigInt, |values| Ok(Value::Integer(character_count(text(&values[0])))))],
    },
    Definition { name: "duckdb_split_part", meanings: &[of(&[Text, Text, BigInt], Text, split_part)] },
    Definition { name: "duckdb_ascii", meanings: &[of(&[Text], Integer, |values| first_code(values, 0))] },
    Definition { name: "duckdb_unicode", meanings: &[of(&[Text], Integer, |values| first_code(values, -1))] },
    Definition {
        name: "duckdb_mod",
        meanings: &[of(&[Integer, Integer], Integer, remainder), of(&[BigInt, BigInt], BigInt, remainder)],
    },
    Definition {
        name: "duckdb_sign",
        meanings: &[
            of(&[Integer], Integer, sign),
            of(&[BigInt], Integer, sign),
            of(&[Exact(0)], Integer, sign),
            of(&[Double], Integer, sign),
        ],
    },
    Definition { name: "duckdb_exp", meanings: &[of(&[Double], Double, |values| of_double(values, f64::exp))] },
    Definition { name: "duckdb_ceil", meanings: &[of(&[Double], Double, |values| of_double(values, f64::ceil))] },
    Definition { name: "duckdb_floor", meanings: &[of(&[Double], Double, |values| of_double(values, f64::floor))] },
    Definition {
        name: "duckdb_log2",
        meanings: &[of(&[Double], Double, |values| super::logarithm(double(&values[0]), f64::log2))],
    },
    Definition {
        name: "duckdb_power",
        meanings: &[of(&[Double, Double], Double, |values| {
            Ok(Value::Double(double(&values[0]).powf(double(&values[1]))))
        })],
    },
    Definition {
        name: "duckdb_date_trunc",
        meanings: &[of(&[Text, Timestamp], Timestamp, truncated), of(&[Text, Date], Timestamp, truncated)],
    },
    Definition {
        name: "duckdb_date_part",
        meanings: &[of(&[Text, Date], BigInt, part_of), of(&[Text, Timestamp], BigInt, part_of)],
    },
    Definition {
        name: "duckdb_date_diff",
        meanings: &[of(&[Text, Date, Date], BigInt, boundaries), of(&[Text, Timestamp, Timestamp], BigInt, boundaries)],
    },
    Definition { name: "duckdb_epoch", meanings: &[of(&[Date], Double, epoch), of(&[Timestamp], Double, epoch)] },
    Definition {
        name: "duckdb_epoch_ms",
        meanings: &[of(&[Timestamp], BigInt, |values| Ok(Value::Integer(micros(&values[0]).div_euclid(1000))))],
    },
    Definition { name: "duckdb_dayname", meanings: &[of(&[Date], Text, day_name), of(&[Timestamp], Text, day_name)] },
    Definition {
        name: "duckdb_monthname",
        meanings: &[of(&[Date], Text, month_name), of(&[Timestamp], Text, month_name)],
    },
    Definition { name: "duckdb_last_day", meanings: &[of(&[Date], Date, last_day), of(&[Timestamp], Date, last_day)] },
    Definition {
        name: "duckdb_yearweek",
        meanings: &[of(&[Date], BigInt, year_and_week), of(&[Timestamp], BigInt, year_and_week)],
    },
    Definition { name: "duckdb_interval", meanings: &[of(&[Text, BigInt], Interval, interval)] },
    Definition {
        name: "duckdb_strftime",
        meanings: &[
            of(&[Date, Text], Text, |values| string(patterns::written(micros(&values[0]), text(&values[1]))?)),
            of(&[Timestamp, Text], Text, |values| string(patterns::written(micros(&values[0]), text(&values[1]))?)),
            of(&[Text, Date], Text, |values| string(patterns::written(micros(&values[1]), text(&values[0]))?)),
            of(&[Text, Timestamp], Text, |values| string(patterns::written(micros(&values[1]), text(&values[0]))?)),
        ],
    },
    Definition {
        name: "duckdb_strptime",
        meanings: &[of(&[Text, Text], Timestamp, |values| match patterns::read(text(&values[0]), text(&values[1]))? {
            Some(micros) => Ok(Value::Timestamp(micros)),
            None => Err(format!("`{}` does not follow the pattern `{}`", text(&values[0]), text(&values[1]))),
        })],
    },
    Definition {
        name: "duckdb_try_strptime",
        meanings: &[of(&[Text, Text], Timestamp, |values| {
            Ok(patterns::read(text(&values[0]), text(&values[1]))?.map_or(Value::Null, Value::Timestamp))
        })],
    },
    field_function!("duckdb_year", "year"),
    field_function!("duckdb_quarter", "quarter"),
    field_function!("duckdb_month", "month"),
    field_function!("duckdb_day", "day"),
    field_function!("duckdb_hour", "hour"),
    field_function!("duckdb_minute", "minute"),
    field_function!("duckdb_second", "second"),
    field_function!("duckdb_dayofweek", "dow"),
    field_function!("duckdb_isodow", "isodow"),
    field_function!("duckdb_dayofyear", "doy"),
    field_function!("duckdb_week", "week"),
];
