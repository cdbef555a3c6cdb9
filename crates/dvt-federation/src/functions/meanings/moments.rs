//! Fields, beginnings and lengths of dates, times and intervals.

use super::super::calendar::{DAY, Moment, age, days, stretch};
use super::super::rowwise::Value;
use super::{Computed, double, micros, moment, span, text};
use arrow::datatypes::{IntervalMonthDayNano, i256};

/// One field of a timestamp, with six digits after the point.
pub(super) fn field_of(name: &str, value: &Value) -> Result<i128, String> {
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

pub(super) fn extract(values: &[Value]) -> Computed {
    Ok(Value::Exact(i256::from_i128(extracted(values)?), 6))
}

#[expect(clippy::cast_precision_loss, reason = "date_part is a double")]
pub(super) fn date_part(values: &[Value]) -> Computed {
    let micros = extracted(values)?;
    Ok(Value::Double(if micros % 1_000_000 == 0 { (micros / 1_000_000) as f64 } else { micros as f64 / 1e6 }))
}

/// The start of the unit that holds the moment.
pub(super) fn truncated(values: &[Value]) -> Computed {
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

pub(super) fn stretched(values: &[Value], by: fn(f64, f64) -> f64) -> Computed {
    let factor = double(&values[1]);
    let found = stretch(span(&values[0]), |part| by(part, factor));
    found.map(Value::Interval).ok_or_else(|| "interval out of range".to_owned())
}

pub(super) fn regular(values: &[Value], months_from_days: bool, days_from_time: bool) -> Computed {
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

pub(super) fn aged(to: i64, from: i64) -> Computed {
    age(to, from).map(Value::Interval).ok_or_else(|| "interval out of range".to_owned())
}

/// From the second moment to the first, in days and what is left of one.
pub(super) fn elapsed(values: &[Value]) -> Computed {
    let micros =
        micros(&values[0]).checked_sub(micros(&values[1])).ok_or_else(|| "interval out of range".to_owned())?;
    match i32::try_from(micros / DAY) {
        Ok(days) => Ok(Value::Interval(IntervalMonthDayNano::new(0, days, micros % DAY * 1000))),
        Err(_) => Err("interval out of range".to_owned()),
    }
}
