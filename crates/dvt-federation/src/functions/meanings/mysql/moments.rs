//! What MySQL and MariaDB mean by their functions of dates and times.
//! Source: MySQL 8.4 manual and MariaDB's knowledge base, "Date and Time Functions".

use super::super::super::calendar::{DAY, Moment, days, format, month_length};
use super::super::super::rowwise::Kind::{AnyTime, BigInt, Date, Integer, Text, Timestamp};
use super::super::super::rowwise::{Definition, Value};
use super::super::{day, integer, micros, moment, of, string, text};

/// The table.
pub(in super::super::super) const MOMENTS: &[Definition] = &[
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
        name: "mysql_datetime",
        meanings: &[of(&[Timestamp, BigInt], Timestamp, |values| {
            let unit = unit_of_digits(integer(&values[1]))?;
            let rounded = micros(&values[0]).checked_add(unit / 2).ok_or("out of range")?;
            Ok(Value::Timestamp(rounded.div_euclid(unit) * unit))
        })],
    },
    Definition {
        name: "mysql_datetime_cut",
        meanings: &[of(&[Timestamp, BigInt], Timestamp, |values| {
            let unit = unit_of_digits(integer(&values[1]))?;
            Ok(Value::Timestamp(micros(&values[0]).div_euclid(unit) * unit))
        })],
    },
    // `date + interval n unit` of days and longer, and of parts of a day.
    Definition {
        name: "mysql_add_days",
        meanings: &[
            of(&[Text, BigInt, Date], Date, |values| match shifted(values)? {
                Some(moment) => day(moment.div_euclid(DAY)),
                None => Ok(Value::Null),
            }),
            of(&[Text, BigInt, Timestamp], Timestamp, |values| {
                Ok(shifted(values)?.map_or(Value::Null, Value::Timestamp))
            }),
        ],
    },
    Definition {
        name: "mysql_add_time",
        meanings: &[of(&[Text, BigInt, Timestamp], Timestamp, |values| {
            Ok(shifted(values)?.map_or(Value::Null, Value::Timestamp))
        })],
    },
    Definition {
        name: "mysql_microsecond",
        meanings: &[of(&[AnyTime], BigInt, |values| Ok(Value::Integer(moment(&values[0]).micros())))],
    },
    Definition {
        name: "mysql_makedate",
        meanings: &[of(&[Integer, Integer], Date, |values| match (integer(&values[0]), integer(&values[1])) {
            (year, of_year) if (100..=9999).contains(&year) && of_year > 0 => {
                let last = days(9999, 12, 31);
                let found = days(year, 1, 1).saturating_add(of_year - 1);
                if found > last { Ok(Value::Null) } else { day(found) }
            }
            (year, of_year) if (100..=9999).contains(&year) && of_year <= 0 => Ok(Value::Null),
            (year, _) => Err(format!("the year {year}, which may mean another, is not supported across connections")),
        })],
    },
    Definition {
        name: "mysql_from_days",
        meanings: &[of(&[Integer], Date, |values| match integer(&values[0]) {
            number @ 366..=3_652_424 => day(number - DAYS_BEFORE_1970),
            number => Err(format!("from_days({number}) is not supported across connections")),
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

/// Microseconds in the last of the digits that a DATETIME keeps of a second.
fn unit_of_digits(digits: i64) -> Result<i64, String> {
    let digits = u32::try_from(digits).ok().filter(|digits| *digits <= 6);
    Ok(10_i64.pow(6 - digits.ok_or("a DATETIME has at most 6 digits of a second")?))
}

/// The moment so many units later; what is no year from 0 to 9999 is NULL.
fn shifted(values: &[Value]) -> Result<Option<i64>, String> {
    let (amount, from) = (integer(&values[1]), micros(&values[2]));
    let by = |length: i64| amount.checked_mul(length).and_then(|length| from.checked_add(length));
    let by_months = |months: i64| {
        let moment = Moment::of(from);
        let months = amount.checked_mul(months)?.checked_add(moment.year * 12 + moment.month - 1)?;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        if !(0..=9999).contains(&year) {
            return None;
        }
        Some(days(year, month, moment.day.min(month_length(year, month))) * DAY + moment.time)
    };
    // Days are not counted from before the year 1.
    let by = |length: i64| by(length).filter(|moment| *moment >= days(1, 1, 1) * DAY);
    let found = match text(&values[0]) {
        "microsecond" => by(1),
        "second" => by(1_000_000),
        "minute" => by(60_000_000),
        "hour" => by(3_600_000_000),
        "day" => by(DAY),
        "week" => by(7 * DAY),
        "month" => by_months(1),
        "quarter" => by_months(3),
        "year" => by_months(12),
        unit => return Err(format!("`{unit}` is no unit of time")),
    };
    Ok(found.filter(|moment| (days(0, 1, 1) * DAY..days(10_000, 1, 1) * DAY).contains(moment)))
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

/// The manual counts from a year 0.
const DAYS_BEFORE_1970: i64 = 719_528;

fn year_and_week(micros: i64, mode: i64) -> i64 {
    let (year, week) = week(&Moment::of(micros), mode, true);
    year * 100 + week
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
