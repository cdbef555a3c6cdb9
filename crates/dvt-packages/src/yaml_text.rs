//! YAML text as PyYAML's block style writes it, so that a lock file is the same whichever tool wrote it.
//!
//! In: JSON values. Out: block-style YAML 1.1, keys sorted, list items indented by two below their key.
//! Source: the YAML 1.1 type repository for which plain scalars are no texts; PyYAML's documented defaults for width (80),
//! ASCII output and the order of keys.

use fancy_regex::Regex;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::sync::LazyLock;

/// A space after this column becomes a line break.
const WIDTH: usize = 80;

/// Plain scalars that a reader takes for numbers or times.
static NUMBER_OR_TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
        r"|[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?",
        r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        r"|[0-9]{4}-[0-9]{2}-[0-9]{2}",
        r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?",
        r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$"
    ))
    .ok()
});

/// The document, ending in a line break.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write_map(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => write_list(&mut out, items, 0),
        other => {
            write_scalar(&mut out, other, 0);
            out.push('\n');
        }
    }
    out
}

fn write_map(out: &mut String, map: &Map<String, Value>, indent: usize) {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    for (index, key) in keys.into_iter().enumerate() {
        // The first key stands where the caller left off: at the margin or behind a dash.
        if index > 0 {
            push_spaces(out, indent);
        }
        write_text(out, key, indent, false);
        out.push(':');
        write_value(out, &map[key.as_str()], indent);
    }
}

fn write_value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            push_spaces(out, indent + 2);
            write_map(out, map, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            push_spaces(out, indent + 2);
            write_list(out, items, indent + 2);
        }
        other => {
            out.push(' ');
            write_scalar(out, other, indent + 2);
            out.push('\n');
        }
    }
}

fn write_list(out: &mut String, items: &[Value], indent: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            push_spaces(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => write_map(out, map, indent + 2),
            Value::Array(items) if !items.is_empty() => write_list(out, items, indent + 2),
            other => {
                write_scalar(out, other, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn write_scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_text(out, text, indent, true),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// A text, plain where that reads back as the same text.
fn write_text(out: &mut String, text: &str, indent: usize, may_fold: bool) {
    if text.chars().any(|character| !(' '..='~').contains(&character)) {
        write_double_quoted(out, text);
    } else if is_plain(text) {
        write_words(out, text, indent, may_fold);
    } else {
        out.push('\'');
        write_words(out, &text.replace('\'', "''"), indent, may_fold);
        out.push('\'');
    }
}

/// The words of one line, broken at single spaces behind the last column; never before the first word or after the last.
fn write_words(out: &mut String, text: &str, indent: usize, may_fold: bool) {
    let bytes = text.as_bytes();
    for (position, character) in text.char_indices() {
        let is_single_space = character == ' '
            && position > 0
            && position + 1 < bytes.len()
            && bytes[position - 1] != b' '
            && bytes[position + 1] != b' ';
        if is_single_space && may_fold && column(out) > WIDTH {
            out.push('\n');
            push_spaces(out, indent);
        } else {
            out.push(character);
        }
    }
}

fn column(out: &str) -> usize {
    out.len() - out.rfind('\n').map_or(0, |position| position + 1)
}

fn write_double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        let short = match character {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            ' '..='~' => {
                out.push(character);
                continue;
            }
            other => {
                let code = u32::from(other);
                // Writing to a String cannot fail.
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    _ => write!(out, "\\U{code:08X}"),
                };
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
    out.push('"');
}

/// Whether a line of printable ASCII, written plain, is read back as this text.
fn is_plain(text: &str) -> bool {
    let words = [
        "", "~", "null", "Null", "NULL", "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false",
        "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF", "<<", "=",
    ];
    if words.contains(&text) || NUMBER_OR_TIME.as_ref().is_none_or(|regex| regex.is_match(text).unwrap_or(true)) {
        return false;
    }
    let first_is_indicator = text.starts_with(|first: char| ",[]{}#&*!|>'\"%@`".contains(first));
    let first_word_is_indicator =
        ["-", "?", ":"].iter().any(|mark| text == *mark || text.starts_with(&format!("{mark} ")));
    !(first_is_indicator
        || first_word_is_indicator
        || text.starts_with("---")
        || text.starts_with("...")
        || text.starts_with(' ')
        || text.ends_with(' ')
        || text.contains(": ")
        || text.ends_with(':')
        || text.contains(" #"))
}

fn push_spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The expected texts are what PyYAML 6 writes for the same values.
    #[test]
    fn texts_are_quoted_where_a_reader_would_take_them_for_something_else() {
        let document = json!({
            "packages": [
                {"package": "a/b", "version": "1.0", "name": "x"},
                {"git": "h", "revision": "1e3", "subdirectory": "a: b", "name": "n"},
                {"local": "../a b", "name": "yes"},
                {"private": "x/y", "revision": "123456", "name": "é"},
                {"local": format!("{} {}", "a".repeat(130), "b".repeat(30)), "name": "- x"},
                {"local": "", "name": "~"},
                {"local": "it's", "name": "'"},
                {"local": "# x", "name": "a #b"},
                {"local": "a#b:c", "name": "{x"},
                {"local": "x\ty\nz", "name": " lead"},
                {"package": "a", "version": [">=1.0.0", "<2"], "warn-unpinned": false, "none": null, "float": 1.0}
            ],
            "sha1_hash": "12e4567890123456789012345678901234567890",
        });
        let expected = format!(
            "packages:
  - name: x
    package: a/b
    version: '1.0'
  - git: h
    name: n
    revision: 1e3
    subdirectory: 'a: b'
  - local: ../a b
    name: 'yes'
  - name: \"\\xE9\"
    private: x/y
    revision: '123456'
  - local: {}
      {}
    name: '- x'
  - local: ''
    name: '~'
  - local: it's
    name: ''''
  - local: '# x'
    name: 'a #b'
  - local: a#b:c
    name: '{{x'
  - local: \"x\\ty\\nz\"
    name: ' lead'
  - float: 1.0
    none: null
    package: a
    version:
      - '>=1.0.0'
      - <2
    warn-unpinned: false
sha1_hash: 12e4567890123456789012345678901234567890
",
            "a".repeat(130),
            "b".repeat(30)
        );
        assert_eq!(to_yaml(&document), expected);
        assert_eq!(to_yaml(&json!({"packages": []})), "packages: []\n");
    }
}
