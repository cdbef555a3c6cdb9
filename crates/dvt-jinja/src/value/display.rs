//! `str()` and `repr()` as Python writes them.

use super::{Dict, Value, lock};
use std::fmt;

/// How deep nested containers are printed; a list that holds itself ends here.
const MAX_DEPTH: usize = 64;

impl fmt::Display for Value {
    /// Python's `str(value)`; an undefined value is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined(_) => Ok(()),
            Self::Str(text) => f.write_str(text),
            Self::Object(object) => f.write_str(&object.display()),
            other => {
                let mut text = String::new();
                write_repr(other, &mut text, 0);
                f.write_str(&text)
            }
        }
    }
}

/// Python's `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    let mut text = String::new();
    write_repr(value, &mut text, 0);
    text
}

fn write_repr(value: &Value, out: &mut String, depth: usize) {
    if depth > MAX_DEPTH {
        out.push_str("...");
        return;
    }
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Decimal(number) if depth == 0 => out.push_str(number.as_str()),
        Value::Decimal(number) => out.push_str(&format!("Decimal('{number}')")),
        Value::Str(text) => write_str_repr(text, out),
        Value::Bytes(bytes) => {
            out.push_str("b'");
            for byte in bytes.iter() {
                match byte {
                    b'\'' => out.push_str("\\'"),
                    b'\\' => out.push_str("\\\\"),
                    0x20..=0x7e => out.push(char::from(*byte)),
                    other => out.push_str(&format!("\\x{other:02x}")),
                }
            }
            out.push('\'');
        }
        Value::List(items) => {
            let items = lock(items).clone();
            write_items('[', &items, ']', out, depth);
        }
        Value::Tuple(items) => {
            write_items('(', items, ')', out, depth);
            if items.len() == 1 {
                out.insert(out.len() - 1, ',');
            }
        }
        Value::Dict(dict) => {
            let dict: Dict = lock(dict).clone();
            out.push('{');
            for (index, (key, value)) in dict.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(key, out, depth + 1);
                out.push_str(": ");
                write_repr(value, out, depth + 1);
            }
            out.push('}');
        }
        Value::Set(set) => {
            let items: Vec<Value> = lock(set).keys().cloned().collect();
            if items.is_empty() {
                out.push_str("set()");
            } else {
                write_items('{', &items, '}', out, depth);
            }
        }
        Value::Object(object) => out.push_str(&object.repr()),
    }
}

fn write_items(open: char, items: &[Value], close: char, out: &mut String, depth: usize) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_repr(item, out, depth + 1);
    }
    out.push(close);
}

/// Python quotes with `'` unless the text holds one and no `"`.
fn write_str_repr(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other == quote => {
                out.push('\\');
                out.push(other);
            }
            other if (other as u32) < 0x20 || other as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", other as u32));
            }
            other => out.push(other),
        }
    }
    out.push(quote);
}

/// The shortest text that reads back as the same float, in Python's form (`1.0`, `1e+16`, `inf`).
#[must_use]
pub fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = format!("{number}");
    if text.contains('.') { text } else { format!("{text}.0") }
}
