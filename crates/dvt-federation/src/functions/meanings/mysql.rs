//! What MySQL and MariaDB mean by their functions.
//! Source: MySQL 8.4 manual and MariaDB's knowledge base, "String Functions", "Mathematical Functions", "Date and Time Functions".

use super::super::calendar::{DAY, Moment, days, format, month_length};
use super::super::rowwise::Kind::{AnyTime, BigInt, Date, Double, Exact, Integer, Shown, Text, Timestamp};
use super::super::rowwise::{Definition, Meaning, Value};
use super::{Computed, character_count, day, integer, micros, moment, of, part, string, text};

macro_rules! of_a_number {
    ($name:literal, $compute:expr) => {
        Definition { name: $name, meanings: &[of(&[Double], Double, $compute), of(&[Exact(0)], Double, $compute)] }
    };
}

/// The table.
pub(in super::super) const MYSQL: &[Definition] = &[
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
