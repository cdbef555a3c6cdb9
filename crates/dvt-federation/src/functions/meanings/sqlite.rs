//! What SQLite means by its functions: each takes any value, in the form in which SQLite stores it.
//! Source: sqlite.org, "Built-In Scalar SQL Functions", "Date And Time Functions", "Built-in printf()"; all are compared with
//! the library itself by `expressions_give_what_sqlite_gives`.

mod clock;
mod numbers;
mod stored;
mod written;

pub(in super::super) use stored::{stored_date, stored_decimal, stored_moment, stored_time};

use super::super::rowwise::Kind::{BigInt, Double, Stored, Text, Zoned};
use super::super::rowwise::{Definition, Kind, Meaning, Value};
use super::{Computed, character_count, micros, of, part, string};
use clock::{Shown, shown};
use numbers::{integer, number, real_text, rounded};

/// The text of a stored value.
fn stored_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => real_text(*number),
        _ => String::new(),
    }
}

macro_rules! of_stored {
    ($name:literal, $count:tt, $returns:expr, $compute:expr) => {
        Definition { name: $name, meanings: &[of(of_stored!($count), $returns, $compute)] }
    };
    (1) => {
        &[Stored]
    };
    (2) => {
        &[Stored, Stored]
    };
    (3) => {
        &[Stored, Stored, Stored]
    };
}

/// A function of a moment and its modifiers.
macro_rules! of_moment {
    ($name:literal, $returns:expr, $compute:expr) => {
        Definition {
            name: $name,
            meanings: &[Meaning {
                arguments: &[Stored],
                rest: Some(Stored),
                returns: $returns,
                is_strict: true,
                compute: |values| of_shown(values, $compute),
            }],
        }
    };
}

/// A function that takes letters off the ends.
macro_rules! trim {
    ($name:literal, $at_start:literal, $at_end:literal) => {
        Definition {
            name: $name,
            meanings: &[
                of(&[Stored], Text, |values| trimmed(values, $at_start, $at_end)),
                of(&[Stored, Stored], Text, |values| trimmed(values, $at_start, $at_end)),
            ],
        }
    };
}

/// A function of any number of values, of which none has to be there.
const fn of_any(returns: Kind, compute: fn(&[Value]) -> Computed) -> Meaning {
    Meaning { arguments: &[Stored], rest: Some(Stored), returns, is_strict: false, compute }
}

fn of_shown(values: &[Value], compute: fn(&Shown) -> Computed) -> Computed {
    shown(values)?.map_or(Ok(Value::Null), |moment| compute(&moment))
}

/// The table.
pub(in super::super) const SQLITE: &[Definition] = &[
    of_moment!("sqlite_date", Text, |moment| string(moment.date())),
    of_moment!("sqlite_time", Text, |moment| string(moment.time())),
    of_moment!("sqlite_datetime", Text, |moment| string(format!("{} {}", moment.date(), moment.time()))),
    of_moment!("sqlite_julianday", Double, |moment| Ok(Value::Double(moment.julian_day()))),
    of_moment!("sqlite_unixepoch", BigInt, |moment| match moment.with_millis {
        false => Ok(Value::Integer(moment.seconds())),
        true => Err("`subsec` has to be a constant here".to_owned()),
    }),
    // The moment of the query, which is not to be one to come.
    Definition {
        name: "sqlite_now",
        meanings: &[of(&[Zoned], Zoned, |values| Ok(Value::Timestamp(micros(&values[0]).div_euclid(1000) * 1000)))],
    },
    // With `subsec`.
    of_moment!("sqlite_unixepoch_subsec", Double, |moment| Ok(Value::Double(moment.exact_seconds()))),
    Definition {
        name: "sqlite_strftime",
        meanings: &[Meaning {
            arguments: &[Stored, Stored],
            rest: Some(Stored),
            returns: Text,
            is_strict: true,
            compute: |values| {
                let Some(moment) = shown(&values[1..])? else { return Ok(Value::Null) };
                Ok(written::strftime(&stored_text(&values[0]), &moment).map_or(Value::Null, Value::Text))
            },
        }],
    },
    Definition {
        name: "sqlite_printf",
        meanings: &[of_any(Text, |values| match &values[0] {
            Value::Null => Ok(Value::Null),
            pattern => string(written::printf(&stored_text(pattern), &values[1..])?),
        })],
    },
    Definition {
        name: "sqlite_concat",
        meanings: &[of_any(Text, |values| string(values.iter().map(stored_text).collect::<String>()))],
    },
    Definition {
        name: "sqlite_concat_ws",
        meanings: &[of_any(Text, |values| {
            if values[0] == Value::Null {
                return Ok(Value::Null);
            }
            let given: Vec<String> =
                values[1..].iter().filter(|value| **value != Value::Null).map(stored_text).collect();
            string(given.join(&stored_text(&values[0])))
        })],
    },
    Definition {
        name: "sqlite_quote",
        meanings: &[of_any(Text, |values| {
            string(match &values[0] {
                Value::Null => "NULL".to_owned(),
                Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
                number => stored_text(number),
            })
        })],
    },
    Definition {
        name: "sqlite_char",
        meanings: &[of_any(Text, |values| {
            let letter =
                |value: &Value| u32::try_from(integer(value)).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            if values.iter().any(|value| letter(value) == '\0') {
                return Err("a text with the character 0 is not supported across connections".to_owned());
            }
            string(values.iter().map(letter).collect::<String>())
        })],
    },
    of_stored!("sqlite_text", 1, Text, |values| string(stored_text(&values[0]))),
    of_stored!("sqlite_integer", 1, BigInt, |values| Ok(Value::Integer(integer(&values[0])))),
    of_stored!("sqlite_real", 1, Double, |values| Ok(Value::Double(number(&values[0])))),
    Definition {
        name: "sqlite_round",
        meanings: &[
            of(&[Stored], Double, |values| Ok(Value::Double(rounded(number(&values[0]), 0)))),
            of(&[Stored, Stored], Double, |values| Ok(Value::Double(rounded(number(&values[0]), integer(&values[1]))))),
        ],
    },
    Definition {
        name: "sqlite_substr",
        meanings: &[
            of(&[Stored, Stored], Text, |values| {
                string(sqlite_substr(&stored_text(&values[0]), integer(&values[1]), None))
            }),
            of(&[Stored, Stored, Stored], Text, |values| {
                let length = Some(integer(&values[2]));
                string(sqlite_substr(&stored_text(&values[0]), integer(&values[1]), length))
            }),
        ],
    },
    of_stored!("sqlite_instr", 2, BigInt, |values| {
        let whole = stored_text(&values[0]);
        let found = whole.find(&stored_text(&values[1]));
        Ok(Value::Integer(found.map_or(0, |at| character_count(&whole[..at]) + 1)))
    }),
    of_stored!("sqlite_length", 1, BigInt, |values| Ok(Value::Integer(character_count(&stored_text(&values[0]))))),
    of_stored!("sqlite_octet_length", 1, BigInt, |values| {
        i64::try_from(stored_text(&values[0]).len()).map(Value::Integer).map_err(|_| "out of range".to_owned())
    }),
    of_stored!("sqlite_upper", 1, Text, |values| string(stored_text(&values[0]).to_ascii_uppercase())),
    of_stored!("sqlite_lower", 1, Text, |values| string(stored_text(&values[0]).to_ascii_lowercase())),
    // Empty of NULL.
    Definition {
        name: "sqlite_hex",
        meanings: &[Meaning {
            arguments: &[Stored],
            rest: None,
            returns: Text,
            is_strict: false,
            compute: |values| {
                string(stored_text(&values[0]).bytes().map(|byte| format!("{byte:02X}")).collect::<String>())
            },
        }],
    },
    of_stored!("sqlite_unicode", 1, BigInt, |values| {
        let first = stored_text(&values[0]).chars().next();
        Ok(first.map_or(Value::Null, |first| Value::Integer(i64::from(u32::from(first)))))
    }),
    of_stored!("sqlite_replace", 3, Text, |values| {
        let [whole, what, with] = [0, 1, 2].map(|at| stored_text(&values[at]));
        string(if what.is_empty() { whole } else { whole.replace(&what, &with) })
    }),
    trim!("sqlite_trim", true, true),
    trim!("sqlite_ltrim", true, false),
    trim!("sqlite_rtrim", false, true),
    // What dvt adds to it.
    of_stored!("sqlite_split_part", 3, Text, |values| {
        let (whole, separator, wanted) = (stored_text(&values[0]), stored_text(&values[1]), integer(&values[2]));
        let parts: Vec<&str> =
            if separator.is_empty() { vec![whole.as_str()] } else { whole.split(separator.as_str()).collect() };
        let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        let index = if wanted < 0 { count + wanted } else { wanted - 1 };
        string(usize::try_from(index).ok().and_then(|index| parts.get(index)).copied().unwrap_or_default())
    }),
];

/// Without these letters at the ends.
fn trimmed(values: &[Value], at_start: bool, at_end: bool) -> Computed {
    let whole = stored_text(&values[0]);
    let letters = values.get(1).map_or_else(|| " ".to_owned(), stored_text);
    let mut rest = whole.as_str();
    if at_start {
        rest = rest.trim_start_matches(|letter| letters.contains(letter));
    }
    if at_end {
        rest = rest.trim_end_matches(|letter| letters.contains(letter));
    }
    string(rest)
}

/// The rule of sqlite.org: 1 is the first character, a negative start counts from the end, a negative length takes the
/// characters before the start.
pub(super) fn sqlite_substr(whole: &str, start: i64, length: Option<i64>) -> String {
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
