//! The functions that are computed value by value, per dialect, as tables; names begin with the dialect's where several
//! dialects mean different things by one name.

mod duckdb;

pub(super) use duckdb::DUCKDB;

use super::calendar::{
    DAY, Moment, age, days, format, interval_text, make_date, month_length, parse_date, parse_moment, stretch,
    timestamp_text,
};
use super::rowwise::Kind::{
    AnyTime, BigInt, Boolean, Date, Double, Exact, Integer, Interval, Shown, Text, Timestamp, Zoned,
};
use super::rowwise::{Definition, Kind, Meaning, Value, strict};
use super::zones::{clock_at, instant_at};
use arrow::datatypes::{IntervalMonthDayNano, i256};

type Computed = Result<Value, String>;

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

fn stretched(values: &[Value], by: fn(f64, f64) -> f64) -> Computed {
    let factor = double(&values[1]);
    let found = stretch(span(&values[0]), |part| by(part, factor));
    found.map(Value::Interval).ok_or_else(|| "interval out of range".to_owned())
}

fn string(text: impl Into<String>) -> Computed {
    Ok(Value::Text(text.into()))
}

fn day(number: i64) -> Computed {
    i32::try_from(number).map(Value::Date).map_err(|_| "date out of range".to_owned())
}

/// PostgreSQL's shortest text of a double.
fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..15).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// The text of a value as PostgreSQL casts it.
fn postgres_text(values: &[Value]) -> Computed {
    string(match &values[0] {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => double_text(*number),
        Value::Text(text) => text.clone(),
        Value::Timestamp(micros) => timestamp_text(*micros),
        Value::Interval(interval) => interval_text(*interval),
        other => return Err(format!("{other:?} has no text")),
    })
}

/// One field of a timestamp, with six digits after the point.
fn field_of(name: &str, value: &Value) -> Result<i128, String> {
    const UNIT: i128 = 1_000_000;
    let moment = moment(value);
    let time = i128::from(moment.time);
    let whole = |number: i64| i128::from(number) * UNIT;
    Ok(match name {
        "microsecond" | "microseconds" => whole(moment.time % 60_000_000),
        "millisecond" | "milliseconds" => time % 60_000_000 * 1000,
        "second" | "seconds" => time % 60_000_000,
        "minute" | "minutes" => whole(moment.minute()),
        "hour" | "hours" => whole(moment.hour()),
        "day" | "days" => whole(moment.day),
        "week" | "weeks" => whole(moment.iso_week().1),
        "month" | "months" => whole(moment.month),
        "quarter" => whole(moment.quarter()),
        "year" | "years" => whole(if moment.year <= 0 { moment.year - 1 } else { moment.year }),
        "isoyear" => whole(moment.iso_week().0),
        "decade" => whole(moment.year.div_euclid(10)),
        "century" if moment.year > 0 => whole((moment.year + 99) / 100),
        "millennium" if moment.year > 0 => whole((moment.year + 999) / 1000),
        "dow" => whole(moment.weekday()),
        "isodow" => whole((moment.weekday() + 6) % 7 + 1),
        "doy" => whole(moment.day_of_year()),
        "epoch" => i128::from(micros(value)),
        "julian" if moment.time == 0 => whole(moment.days + 2_440_588),
        other => return Err(format!("the field `{other}` is not supported across connections")),
    })
}

fn field_of_interval(name: &str, interval: IntervalMonthDayNano) -> Result<i128, String> {
    const UNIT: i128 = 1_000_000;
    let micros = i128::from(interval.nanoseconds / 1000);
    let whole = |number: i128| number * UNIT;
    Ok(match name {
        "microsecond" | "microseconds" => whole(micros % 60_000_000),
        "millisecond" | "milliseconds" => micros % 60_000_000 * 1000,
        "second" | "seconds" => micros % 60_000_000,
        "minute" | "minutes" => whole(micros / 60_000_000 % 60),
        "hour" | "hours" => whole(micros / 3_600_000_000),
        "day" | "days" => whole(i128::from(interval.days)),
        "month" | "months" => whole(i128::from(interval.months % 12)),
        "quarter" => whole(i128::from(interval.months % 12 / 3 + 1)),
        "year" | "years" => whole(i128::from(interval.months / 12)),
        // A year has 365.25 days here, a month of the rest 30.
        "epoch" => {
            let days = i128::from(interval.months / 12) * 1461 * 6 + i128::from(interval.months % 12) * 30 * 24;
            (days + i128::from(interval.days) * 24) * 3_600_000_000 + micros
        }
        other => return Err(format!("the field `{other}` is not supported across connections")),
    })
}

fn extracted(values: &[Value]) -> Result<i128, String> {
    let name = text(&values[0]).to_lowercase();
    match &values[1] {
        Value::Interval(interval) => field_of_interval(&name, *interval),
        Value::Date(_) if matches!(name.as_str(), "hour" | "minute" | "second" | "milliseconds" | "microseconds") => {
            Err(format!("unit `{name}` not supported for type date"))
        }
        value => field_of(&name, value),
    }
}

fn extract(values: &[Value]) -> Computed {
    Ok(Value::Exact(i256::from_i128(extracted(values)?), 6))
}

#[expect(clippy::cast_precision_loss, reason = "date_part is a double")]
fn date_part(values: &[Value]) -> Computed {
    let micros = extracted(values)?;
    Ok(Value::Double(if micros % 1_000_000 == 0 { (micros / 1_000_000) as f64 } else { micros as f64 / 1e6 }))
}

fn character_count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// The characters from `start` (counted from 1) on, so many of them.
fn part(text: &str, start: i64, length: i64) -> String {
    let end = start.saturating_add(length);
    text.chars().zip(1_i64..).filter(|(_, at)| *at >= start && *at < end).map(|(character, _)| character).collect()
}

fn regular(values: &[Value], months_from_days: bool, days_from_time: bool) -> Computed {
    let interval = span(&values[0]);
    let (mut months, mut days, mut time) =
        (i64::from(interval.months), i64::from(interval.days), interval.nanoseconds / 1000);
    if days_from_time {
        days += time / DAY;
        time %= DAY;
    }
    if months_from_days {
        months += days / 30;
        days %= 30;
    }
    if months_from_days && days_from_time {
        if months > 0 && (days < 0 || (days == 0 && time < 0)) {
            days += 30;
            months -= 1;
        } else if months < 0 && (days > 0 || (days == 0 && time > 0)) {
            days -= 30;
            months += 1;
        }
    } else if months_from_days {
        if months > 0 && days < 0 {
            days += 30;
            months -= 1;
        } else if months < 0 && days > 0 {
            days -= 30;
            months += 1;
        }
    }
    if days_from_time {
        if days > 0 && time < 0 {
            time += DAY;
            days -= 1;
        } else if days < 0 && time > 0 {
            time -= DAY;
            days += 1;
        }
    }
    match (i32::try_from(months), i32::try_from(days)) {
        (Ok(months), Ok(days)) => Ok(Value::Interval(IntervalMonthDayNano::new(months, days, time * 1000))),
        _ => Err("interval out of range".to_owned()),
    }
}

fn aged(to: i64, from: i64) -> Computed {
    age(to, from).map(Value::Interval).ok_or_else(|| "interval out of range".to_owned())
}

const fn of(arguments: &'static [Kind], returns: Kind, compute: fn(&[Value]) -> Computed) -> Meaning {
    strict(arguments, returns, compute)
}

/// The start of the unit that holds the moment.
fn truncated(values: &[Value]) -> Computed {
    let unit = text(&values[0]).to_lowercase();
    let micros = micros(&values[1]);
    let moment = Moment::of(micros);
    let within = |length: i64| Ok(Value::Timestamp(micros.div_euclid(length) * length));
    // Years as people count them, in runs that begin with 1.
    let run = |length: i64| (moment.year - 1).div_euclid(length) * length + 1;
    let (year, month) = match unit.as_str() {
        "microsecond" | "microseconds" => return Ok(Value::Timestamp(micros)),
        "millisecond" | "milliseconds" => return within(1000),
        "second" | "seconds" => return within(1_000_000),
        "minute" | "minutes" => return within(60_000_000),
        "hour" | "hours" => return within(3_600_000_000),
        "day" | "days" => return within(DAY),
        "week" | "weeks" => {
            return Ok(Value::Timestamp((moment.days - (moment.weekday() + 6).rem_euclid(7)) * DAY));
        }
        "month" | "months" => (moment.year, moment.month),
        "quarter" => (moment.year, (moment.month - 1) / 3 * 3 + 1),
        "year" | "years" => (moment.year, 1),
        "decade" | "decades" => (moment.year.div_euclid(10) * 10, 1),
        "century" | "centuries" => (run(100), 1),
        "millennium" | "millennia" => (run(1000), 1),
        other => return Err(format!("unit \"{other}\" not recognized for type timestamp")),
    };
    Ok(Value::Timestamp(days(year, month, 1) * DAY))
}

/// The 15 significant digits that a double is worth as an exact number.
fn double_digits(number: f64) -> Computed {
    if !number.is_finite() {
        return Err("NaN and infinities are not supported as numeric across connections".to_owned());
    }
    let scientific = format!("{number:.14e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().map_err(|_| "a double without an exponent".to_owned())?;
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let point = usize::try_from(exponent + 1);
    string(match point {
        _ if digits.is_empty() => "0".to_owned(),
        Ok(point) if point >= digits.len() => format!("{sign}{digits}{}", "0".repeat(point - digits.len())),
        Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0))),
    })
}

fn sign_of(values: &[Value]) -> Computed {
    Ok(match &values[0] {
        Value::Exact(number, _) => Value::Exact(number.signum(), 0),
        Value::Integer(number) => Value::Double(match number.signum() {
            0 => 0.0,
            1 => 1.0,
            _ => -1.0,
        }),
        value => match double(value) {
            0.0 => Value::Double(0.0),
            number if number.is_nan() => Value::Double(number),
            number => Value::Double(number.signum()),
        },
    })
}

/// What PostgreSQL means.
pub(super) const POSTGRES: &[Definition] = &[
    Definition {
        name: "postgres_text",
        meanings: &[
            of(&[Boolean], Text, postgres_text),
            of(&[BigInt], Text, postgres_text),
            of(&[Double], Text, postgres_text),
            of(&[Text], Text, postgres_text),
            of(&[Timestamp], Text, postgres_text),
            of(&[Interval], Text, postgres_text),
        ],
    },
    Definition { name: "double_digits", meanings: &[of(&[Double], Text, |values| double_digits(double(&values[0])))] },
    Definition {
        name: "postgres_sign",
        meanings: &[
            of(&[Integer], Double, sign_of),
            of(&[BigInt], Double, sign_of),
            of(&[Exact(0)], Exact(0), sign_of),
            of(&[Double], Double, sign_of),
        ],
    },
    Definition {
        name: "postgres_chr",
        meanings: &[of(&[Integer], Text, |values| {
            match u32::try_from(integer(&values[0])).ok().filter(|code| *code > 0) {
                None => Err("null character not permitted".to_owned()),
                Some(code) => match char::from_u32(code) {
                    Some(letter) => string(letter),
                    None => Err(format!("requested character not valid for encoding: {code}")),
                },
            }
        })],
    },
    Definition {
        name: "postgres_date_trunc",
        meanings: &[
            of(&[Text, Timestamp], Timestamp, truncated),
            of(&[Text, Zoned], Zoned, truncated),
            // A date is midnight of the session's zone.
            of(&[Text, Date], Zoned, truncated),
        ],
    },
    Definition {
        name: "dvt_at_zone",
        meanings: &[
            of(&[Text, Timestamp], Zoned, |values| {
                instant_at(text(&values[0]), micros(&values[1])).map(Value::Timestamp)
            }),
            of(&[Text, Zoned], Timestamp, |values| {
                clock_at(text(&values[0]), micros(&values[1])).map(Value::Timestamp)
            }),
            // The instant at which the day begins on the session's clock.
            of(&[Text, Date], Timestamp, |values| clock_at(text(&values[0]), micros(&values[1])).map(Value::Timestamp)),
        ],
    },
    Definition {
        name: "postgres_extract",
        meanings: &[
            of(&[Text, Date], Exact(6), extract),
            of(&[Text, Timestamp], Exact(6), extract),
            of(&[Text, Interval], Exact(6), extract),
        ],
    },
    Definition {
        name: "postgres_date_part",
        meanings: &[
            of(&[Text, Date], Double, date_part),
            of(&[Text, Timestamp], Double, date_part),
            of(&[Text, Interval], Double, date_part),
        ],
    },
    Definition {
        name: "postgres_to_char",
        meanings: &[of(&[Timestamp, Text], Text, |values| string(format(micros(&values[0]), text(&values[1]))?))],
    },
    Definition {
        name: "postgres_to_date",
        meanings: &[of(&[Text, Text], Date, |values| day(parse_date(text(&values[0]), text(&values[1]))?))],
    },
    Definition {
        name: "postgres_to_timestamp",
        meanings: &[
            of(&[Text, Text], Zoned, |values| {
                let (day, micros) = parse_moment(text(&values[0]), text(&values[1]))?;
                let moment = day.checked_mul(DAY).and_then(|midnight| midnight.checked_add(micros));
                moment.map(Value::Timestamp).ok_or_else(|| "timestamp out of range".to_owned())
            }),
            of(&[Double], Zoned, |values| {
                let micros = (double(&values[0]) * 1e6).round_ties_even();
                if micros.abs() > 9e18 {
                    return Err("timestamp out of range".to_owned());
                }
                #[expect(clippy::cast_possible_truncation, reason = "within range")]
                Ok(Value::Timestamp(micros as i64))
            }),
        ],
    },
    Definition {
        name: "postgres_make_date",
        meanings: &[of(&[Integer, Integer, Integer], Date, |values| {
            let (year, month, number) = (integer(&values[0]), integer(&values[1]), integer(&values[2]));
            let found = make_date(year, month, number);
            day(found.ok_or_else(|| format!("date field value out of range: {year}-{month:02}-{number:02}"))?)
        })],
    },
    Definition {
        name: "postgres_age",
        meanings: &[of(&[Timestamp, Timestamp], Interval, |values| aged(micros(&values[0]), micros(&values[1])))],
    },
    Definition {
        name: "elapsed",
        meanings: &[of(&[Timestamp, Timestamp], Interval, elapsed), of(&[Zoned, Zoned], Interval, elapsed)],
    },
    Definition {
        name: "postgres_make_interval",
        meanings: &[of(&[Integer, Integer, Integer, Integer, Integer, Integer, Double], Interval, |values| {
            let part = |at: usize| integer(&values[at]);
            let months = i32::try_from(part(0) * 12 + part(1));
            let days = i32::try_from(part(2) * 7 + part(3));
            let seconds = (double(&values[6]) * 1e6).round_ties_even();
            if !seconds.is_finite() || seconds.abs() > 9e15 {
                return Err("interval out of range".to_owned());
            }
            #[expect(clippy::cast_possible_truncation, reason = "within range")]
            let micros = part(4) * 3_600_000_000 + part(5) * 60_000_000 + seconds as i64;
            match (months, days, micros.checked_mul(1000)) {
                (Ok(months), Ok(days), Some(nanoseconds)) => {
                    Ok(Value::Interval(IntervalMonthDayNano::new(months, days, nanoseconds)))
                }
                _ => Err("interval out of range".to_owned()),
            }
        })],
    },
    Definition {
        name: "postgres_make_timestamp",
        meanings: &[of(&[Integer, Integer, Integer, Integer, Integer, Double], Timestamp, |values| {
            let part = |at: usize| integer(&values[at]);
            let (hour, minute, second) = (part(3), part(4), double(&values[5]));
            let day = make_date(part(0), part(1), part(2));
            let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..60.0).contains(&second);
            match day.and_then(|day| day.checked_mul(DAY)) {
                Some(midnight) if is_time => {
                    #[expect(clippy::cast_possible_truncation, reason = "below a minute")]
                    let micros = (second * 1e6).round_ties_even() as i64;
                    let micros = hour * 3_600_000_000 + minute * 60_000_000 + micros;
                    midnight
                        .checked_add(micros)
                        .map(Value::Timestamp)
                        .ok_or_else(|| "timestamp out of range".to_owned())
                }
                _ => Err("date/time field value out of range".to_owned()),
            }
        })],
    },
    Definition {
        name: "interval_order",
        meanings: &[of(&[Interval], Exact(0), |values| {
            let interval = span(&values[0]);
            let days = i128::from(interval.months) * 30 + i128::from(interval.days);
            Ok(Value::Exact(i256::from_i128(days * i128::from(DAY) + i128::from(interval.nanoseconds / 1000)), 0))
        })],
    },
    Definition {
        name: "interval_times",
        meanings: &[of(&[Interval, Double], Interval, |values| stretched(values, |part, factor| part * factor))],
    },
    Definition {
        name: "interval_over",
        meanings: &[of(&[Interval, Double], Interval, |values| match double(&values[1]) {
            0.0 => Err("division by zero".to_owned()),
            _ => stretched(values, |part, factor| part / factor),
        })],
    },
    Definition { name: "justify_days", meanings: &[of(&[Interval], Interval, |values| regular(values, true, false))] },
    Definition { name: "justify_hours", meanings: &[of(&[Interval], Interval, |values| regular(values, false, true))] },
    Definition {
        name: "justify_interval",
        meanings: &[of(&[Interval], Interval, |values| regular(values, true, true))],
    },
    Definition {
        name: "to_hex",
        meanings: &[
            of(&[Integer], Text, |values| string(format!("{:x}", integer(&values[0]) & 0xffff_ffff))),
            of(&[BigInt], Text, |values| string(format!("{:x}", integer(&values[0])))),
        ],
    },
    Definition {
        name: "bit_length",
        meanings: &[of(&[Text], Integer, |values| {
            Ok(Value::Integer(i64::try_from(text(&values[0]).len()).unwrap_or(i64::MAX).saturating_mul(8)))
        })],
    },
    Definition {
        name: "quote_literal",
        meanings: &[of(&[Text], Text, |values| {
            let text = text(&values[0]);
            let doubled = text.replace('\'', "''").replace('\\', "\\\\");
            string(if text.contains('\\') { format!(" E'{doubled}'") } else { format!("'{doubled}'") })
        })],
    },
    Definition {
        name: "overlay_text",
        meanings: &[
            of(&[Text, Text, Integer], Text, |values| overlay(values, character_count(text(&values[1])))),
            of(&[Text, Text, Integer, Integer], Text, |values| overlay(values, integer(&values[3]))),
        ],
    },
    Definition {
        name: "double_power",
        meanings: &[of(&[Double, Double], Double, |values| {
            let (base, exponent) = (double(&values[0]), double(&values[1]));
            let power = base.powf(exponent);
            match () {
                () if base == 0.0 && exponent < 0.0 => Err("zero raised to a negative power is undefined".to_owned()),
                () if base < 0.0 && exponent.fract() != 0.0 => {
                    Err("a negative number raised to a non-integer power yields a complex result".to_owned())
                }
                () => finite(power, base.is_finite() && exponent.is_finite()),
            }
        })],
    },
    Definition {
        name: "double_sqrt",
        meanings: &[of(&[Double], Double, |values| match double(&values[0]) {
            number if number < 0.0 => Err("cannot take square root of a negative number".to_owned()),
            number => Ok(Value::Double(number.sqrt())),
        })],
    },
    Definition { name: "double_sin", meanings: &[of(&[Double], Double, |values| circular(&values[0], f64::sin))] },
    Definition { name: "double_cos", meanings: &[of(&[Double], Double, |values| circular(&values[0], f64::cos))] },
    Definition { name: "double_tan", meanings: &[of(&[Double], Double, |values| circular(&values[0], f64::tan))] },
    Definition { name: "double_asin", meanings: &[of(&[Double], Double, |values| arc(&values[0], f64::asin))] },
    Definition { name: "double_acos", meanings: &[of(&[Double], Double, |values| arc(&values[0], f64::acos))] },
    Definition {
        name: "double_atan",
        meanings: &[of(&[Double], Double, |values| Ok(Value::Double(double(&values[0]).atan())))],
    },
    Definition {
        name: "double_atan2",
        meanings: &[of(&[Double, Double], Double, |values| {
            Ok(Value::Double(double(&values[0]).atan2(double(&values[1]))))
        })],
    },
    Definition {
        name: "double_cbrt",
        meanings: &[of(&[Double], Double, |values| Ok(Value::Double(double(&values[0]).cbrt())))],
    },
    Definition {
        name: "double_radians",
        meanings: &[of(&[Double], Double, |values| {
            Ok(Value::Double(double(&values[0]) * (std::f64::consts::PI / 180.0)))
        })],
    },
    Definition {
        name: "double_degrees",
        meanings: &[of(&[Double], Double, |values| {
            Ok(Value::Double(double(&values[0]) / (std::f64::consts::PI / 180.0)))
        })],
    },
    Definition {
        name: "double_exp",
        meanings: &[of(&[Double], Double, |values| finite(double(&values[0]).exp(), double(&values[0]).is_finite()))],
    },
    Definition {
        name: "double_ln",
        meanings: &[of(&[Double], Double, |values| logarithm(double(&values[0]), f64::ln))],
    },
    Definition {
        name: "double_log",
        meanings: &[of(&[Double], Double, |values| logarithm(double(&values[0]), f64::log10))],
    },
];

fn overlay(values: &[Value], length: i64) -> Computed {
    let (whole, with, start) = (text(&values[0]), text(&values[1]), integer(&values[2]));
    if start <= 0 {
        return Err("negative substring length not allowed".to_owned());
    }
    let before = part(whole, 1, start - 1);
    let after = part(whole, start.saturating_add(length), i64::MAX / 2);
    string(format!("{before}{with}{after}"))
}

/// Of an angle, which has to be finite.
fn circular(angle: &Value, compute: fn(f64) -> f64) -> Computed {
    let angle = double(angle);
    if angle.is_infinite() { Err("input is out of range".to_owned()) } else { Ok(Value::Double(compute(angle))) }
}

/// Of a number from -1 to 1.
fn arc(number: &Value, compute: fn(f64) -> f64) -> Computed {
    let number = double(number);
    if number.abs() > 1.0 { Err("input is out of range".to_owned()) } else { Ok(Value::Double(compute(number))) }
}

/// From the second moment to the first, in days and what is left of one.
fn elapsed(values: &[Value]) -> Computed {
    let micros =
        micros(&values[0]).checked_sub(micros(&values[1])).ok_or_else(|| "interval out of range".to_owned())?;
    match i32::try_from(micros / DAY) {
        Ok(days) => Ok(Value::Interval(IntervalMonthDayNano::new(0, days, micros % DAY * 1000))),
        Err(_) => Err("interval out of range".to_owned()),
    }
}

fn finite(number: f64, from_finite: bool) -> Computed {
    if number.is_infinite() && from_finite {
        Err("value out of range: overflow".to_owned())
    } else {
        Ok(Value::Double(number))
    }
}

fn logarithm(number: f64, compute: fn(f64) -> f64) -> Computed {
    match number {
        0.0 => Err("cannot take logarithm of zero".to_owned()),
        number if number < 0.0 => Err("cannot take logarithm of a negative number".to_owned()),
        number => Ok(Value::Double(compute(number))),
    }
}

/// What MySQL and MariaDB mean.
pub(super) const MYSQL: &[Definition] = &[
    Definition {
        name: "mysql_concat",
        meanings: &[Meaning {
            arguments: &[Shown],
            rest: Some(Shown),
            returns: Text,
            is_strict: true,
            compute: |values| string(values.iter().map(text).collect::<String>()),
        }],
    },
    Definition {
        name: "mysql_concat_ws",
        meanings: &[Meaning {
            arguments: &[Text, Shown],
            rest: Some(Shown),
            returns: Text,
            is_strict: false,
            compute: |values| match &values[0] {
                Value::Text(separator) => {
                    let given: Vec<&str> =
                        values[1..].iter().filter(|value| **value != Value::Null).map(text).collect();
                    string(given.join(separator))
                }
                _ => Ok(Value::Null),
            },
        }],
    },
    Definition {
        name: "mysql_substr",
        meanings: &[
            of(&[Text, Integer], Text, |values| {
                string(mysql_substr(text(&values[0]), integer(&values[1]), i64::MAX / 2))
            }),
            of(&[Text, Integer, Integer], Text, |values| {
                string(mysql_substr(text(&values[0]), integer(&values[1]), integer(&values[2])))
            }),
        ],
    },
    Definition {
        name: "mysql_left",
        meanings: &[of(&[Text, Integer], Text, |values| string(part(text(&values[0]), 1, integer(&values[1]).max(0))))],
    },
    Definition {
        name: "mysql_right",
        meanings: &[of(&[Text, Integer], Text, |values| {
            let (whole, wanted) = (text(&values[0]), integer(&values[1]).max(0));
            string(part(whole, (character_count(whole) - wanted).max(0) + 1, wanted))
        })],
    },
    Definition {
        name: "mysql_ltrim",
        meanings: &[
            of(&[Text], Text, |values| string(trimmed(text(&values[0]), " ", true, false))),
            of(&[Text, Text], Text, |values| string(trimmed(text(&values[0]), text(&values[1]), true, false))),
        ],
    },
    Definition {
        name: "mysql_rtrim",
        meanings: &[
            of(&[Text], Text, |values| string(trimmed(text(&values[0]), " ", false, true))),
            of(&[Text, Text], Text, |values| string(trimmed(text(&values[0]), text(&values[1]), false, true))),
        ],
    },
    Definition {
        name: "mysql_btrim",
        meanings: &[
            of(&[Text], Text, |values| string(trimmed(text(&values[0]), " ", true, true))),
            of(&[Text, Text], Text, |values| string(trimmed(text(&values[0]), text(&values[1]), true, true))),
        ],
    },
    Definition {
        name: "mysql_substring_index",
        meanings: &[of(&[Text, Text, Integer], Text, |values| {
            string(substring_index(text(&values[0]), text(&values[1]), integer(&values[2])))
        })],
    },
    Definition {
        name: "mysql_space",
        meanings: &[of(&[Integer], Text, |values| {
            string(" ".repeat(usize::try_from(integer(&values[0]).max(0)).unwrap_or(0).min(1 << 24)))
        })],
    },
    Definition {
        name: "mysql_datediff",
        meanings: &[of(&[AnyTime, AnyTime], BigInt, |values| {
            Ok(Value::Integer(moment(&values[0]).days - moment(&values[1]).days))
        })],
    },
    Definition { name: "mysql_date", meanings: &[of(&[AnyTime], Date, |values| day(moment(&values[0]).days))] },
    Definition {
        name: "mysql_last_day",
        meanings: &[of(&[AnyTime], Date, |values| {
            let moment = moment(&values[0]);
            day(days(moment.year, moment.month, month_length(moment.year, moment.month)))
        })],
    },
    Definition {
        name: "mysql_year",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).year)))],
    },
    Definition {
        name: "mysql_quarter",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).quarter())))],
    },
    Definition {
        name: "mysql_month",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).month)))],
    },
    Definition {
        name: "mysql_day",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).day)))],
    },
    Definition {
        name: "mysql_hour",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).hour())))],
    },
    Definition {
        name: "mysql_minute",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).minute())))],
    },
    Definition {
        name: "mysql_second",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).second())))],
    },
    Definition {
        name: "mysql_dayofweek",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).weekday() + 1)))],
    },
    Definition {
        name: "mysql_weekday",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer((moment(&values[0]).weekday() + 6) % 7)))],
    },
    Definition {
        name: "mysql_dayofyear",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).day_of_year())))],
    },
    Definition {
        name: "mysql_weekofyear",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).iso_week().1)))],
    },
    Definition {
        name: "mysql_dayname",
        meanings: &[of(&[AnyTime], Text, |values| string(format(micros(&values[0]), "FMDay")?))],
    },
    Definition {
        name: "mysql_monthname",
        meanings: &[of(&[AnyTime], Text, |values| string(format(micros(&values[0]), "FMMonth")?))],
    },
    Definition {
        name: "mysql_date_format",
        meanings: &[of(&[AnyTime, Text], Text, |values| {
            string(mysql_date_format(micros(&values[0]), text(&values[1]))?)
        })],
    },
];

/// Without the given text at the ends, which goes as a whole and as often as it is there.
fn trimmed<'t>(whole: &'t str, what: &str, at_start: bool, at_end: bool) -> &'t str {
    let mut rest = whole;
    if what.is_empty() {
        return rest;
    }
    while at_start && let Some(shorter) = rest.strip_prefix(what) {
        rest = shorter;
    }
    while at_end && let Some(shorter) = rest.strip_suffix(what) {
        rest = shorter;
    }
    rest
}

fn mysql_substr(whole: &str, start: i64, length: i64) -> String {
    let count = character_count(whole);
    let start = if start < 0 { count + start + 1 } else { start };
    if start < 1 || length < 1 { String::new() } else { part(whole, start, length) }
}

fn substring_index(whole: &str, delimiter: &str, count: i64) -> String {
    if delimiter.is_empty() || count == 0 {
        return String::new();
    }
    let number = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count > 0 {
        let found = whole.match_indices(delimiter).nth(number - 1);
        found.map_or_else(|| whole.to_owned(), |(at, _)| whole[..at].to_owned())
    } else {
        let found = whole.rmatch_indices(delimiter).nth(number - 1);
        found.map_or_else(|| whole.to_owned(), |(at, _)| whole[at + delimiter.len()..].to_owned())
    }
}

/// `date_format(value, '%Y-%m-%d')`.
fn mysql_date_format(micros: i64, pattern: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let Some(letter) = rest.next() else { break };
        let words = match letter {
            'Y' => "YYYY",
            'y' => "YY",
            'm' => "MM",
            'c' => "FMMM",
            'd' => "DD",
            'e' => "FMDD",
            'D' => "FMDDth",
            'H' => "HH24",
            'k' => "FMHH24",
            'h' | 'I' => "HH12",
            'l' => "FMHH12",
            'i' => "MI",
            's' | 'S' => "SS",
            'f' => "US",
            'p' => "AM",
            'M' => "FMMonth",
            'b' => "Mon",
            'W' => "FMDay",
            'a' => "Dy",
            'j' => "DDD",
            'T' => "HH24:MI:SS",
            'r' => "HH12:MI:SS AM",
            'v' => "IW",
            'x' => "IYYY",
            '%' => {
                text.push('%');
                continue;
            }
            'w' => {
                text += &Moment::of(micros).weekday().to_string();
                continue;
            }
            'u' | 'U' | 'V' | 'X' => return Err(format!("`%{letter}` is not supported across connections")),
            other => {
                text.push(other);
                continue;
            }
        };
        text += &format(micros, words)?;
    }
    Ok(text)
}

/// What SQLite means.
pub(super) const SQLITE: &[Definition] = &[
    Definition {
        name: "sqlite_substr",
        meanings: &[
            of(&[Text, Integer], Text, |values| string(sqlite_substr(text(&values[0]), integer(&values[1]), None))),
            of(&[Text, Integer, Integer], Text, |values| {
                string(sqlite_substr(text(&values[0]), integer(&values[1]), Some(integer(&values[2]))))
            }),
        ],
    },
    Definition {
        name: "sqlite_instr",
        meanings: &[of(&[Text, Text], BigInt, |values| {
            let whole = text(&values[0]);
            Ok(Value::Integer(whole.find(text(&values[1])).map_or(0, |at| character_count(&whole[..at]) + 1)))
        })],
    },
    Definition {
        name: "sqlite_upper",
        meanings: &[of(&[Text], Text, |values| string(text(&values[0]).to_ascii_uppercase()))],
    },
    Definition {
        name: "sqlite_lower",
        meanings: &[of(&[Text], Text, |values| string(text(&values[0]).to_ascii_lowercase()))],
    },
    Definition {
        name: "sqlite_unicode",
        meanings: &[of(&[Text], BigInt, |values| {
            Ok(text(&values[0]).chars().next().map_or(Value::Null, |first| Value::Integer(i64::from(u32::from(first)))))
        })],
    },
];

/// The rule of sqlite.org: 1 is the first character, a negative start counts from the end, a negative length takes the
/// characters before the start.
fn sqlite_substr(whole: &str, start: i64, length: Option<i64>) -> String {
    let count = character_count(whole);
    let mut first = start;
    let mut wanted = length.unwrap_or(i64::MAX / 2);
    if first < 0 {
        first += count + 1;
        if first < 1 {
            if wanted >= 0 {
                wanted = (wanted - (1 - first)).max(0);
            }
            first = 1;
        }
    } else if first == 0 && wanted > 0 {
        wanted -= 1;
        first = 1;
    }
    if wanted < 0 {
        let end = first;
        first = (first + wanted).max(1);
        wanted = end - first;
    }
    part(whole, first.max(1), wanted)
}
