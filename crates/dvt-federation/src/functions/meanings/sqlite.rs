//! What SQLite means by its functions.

use super::super::rowwise::Kind::{BigInt, Integer, Text};
use super::super::rowwise::{Definition, Value};
use super::{character_count, integer, of, part, string, text};

/// The table.
pub(in super::super) const SQLITE: &[Definition] = &[
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
