//! What MySQL and MariaDB mean by their functions.
//! Source: MySQL 8.4 manual and MariaDB's knowledge base, "String Functions", "Mathematical Functions".

mod moments;

pub(in super::super) use moments::MOMENTS;

use super::super::rowwise::Kind::{BigInt, Double, Exact, Integer, Shown, Text};
use super::super::rowwise::{Definition, Meaning, Value};
use super::{Computed, character_count, integer, of, part, string, text};

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
    // The text first, or the text that is looked for.
    Definition {
        name: "mysql_instr",
        meanings: &[of(&[Text, Text], BigInt, |values| {
            Ok(Value::Integer(place(text(&values[0]), text(&values[1]), 1)))
        })],
    },
    Definition {
        name: "mysql_locate",
        meanings: &[
            of(&[Text, Text], BigInt, |values| Ok(Value::Integer(place(text(&values[1]), text(&values[0]), 1)))),
            of(&[Text, Text, Integer], BigInt, |values| match (text(&values[0]), integer(&values[2])) {
                ("", 2..) => Err("an empty text behind the first place is not supported across connections".to_owned()),
                (what, from) => Ok(Value::Integer(place(text(&values[1]), what, from))),
            }),
        ],
    },
    Definition {
        name: "mysql_ascii",
        meanings: &[of(&[Shown], BigInt, |values| {
            Ok(Value::Integer(text(&values[0]).bytes().next().map_or(0, i64::from)))
        })],
    },
    Definition {
        name: "mysql_hex",
        meanings: &[
            of(&[Text], Text, |values| {
                string(text(&values[0]).bytes().map(|byte| format!("{byte:02X}")).collect::<String>())
            }),
            of(&[Integer], Text, |values| string(format!("{:X}", integer(&values[0])))),
        ],
    },
    Definition {
        name: "mysql_field",
        meanings: &[Meaning {
            arguments: &[Text, Text],
            rest: Some(Text),
            returns: BigInt,
            is_strict: false,
            compute: |values| {
                let wanted = values[0].clone();
                let found = values[1..].iter().position(|value| *value == wanted && wanted != Value::Null);
                Ok(Value::Integer(found.and_then(|at| i64::try_from(at + 1).ok()).unwrap_or(0)))
            },
        }],
    },
];

/// Where a text is found, at or behind a place; 0 if nowhere. It is looked for by code point.
fn place(whole: &str, what: &str, from: i64) -> i64 {
    let count = character_count(whole);
    if from < 1 || from > count + 1 {
        return 0;
    }
    let start = whole.char_indices().nth(usize::try_from(from - 1).unwrap_or(0)).map_or(whole.len(), |(at, _)| at);
    whole[start..].find(what).map_or(0, |at| character_count(&whole[..start + at]) + 1)
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
