//! JSON in and out: conversion to `serde_json`, and Python's `json.dumps` byte for byte.

use super::{Decimal, Dict, Value, float_repr, lock};
use serde_json::Value as Json;

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => {
                if let Some(integer) = number.as_i64() {
                    Self::Int(i128::from(integer))
                } else if let Some(integer) = number.as_u64() {
                    Self::Int(i128::from(integer))
                } else {
                    Self::Float(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Json::String(text) => Self::str(text),
            Json::Array(items) => Self::list(items.iter().map(Self::from).collect()),
            Json::Object(map) => Self::from(map),
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self::from(&json)
    }
}

impl From<&serde_json::Map<String, Json>> for Value {
    fn from(map: &serde_json::Map<String, Json>) -> Self {
        Self::dict(map.iter().map(|(key, value)| (Self::str(key), Self::from(value))).collect())
    }
}

impl Value {
    /// The value as JSON, for configs, arguments and artifacts.
    ///
    /// # Errors
    /// The Python type name of a part that has no JSON form (a function, a set).
    pub fn to_json(&self) -> Result<Json, String> {
        self.to_json_at(0)
    }

    fn to_json_at(&self, depth: usize) -> Result<Json, String> {
        if depth > 128 {
            return Err("a value that holds itself".to_owned());
        }
        Ok(match self {
            Self::Undefined(_) => return Err("Undefined".to_owned()),
            Self::None => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(integer), _) => Json::from(integer),
                (_, Ok(integer)) => Json::from(integer),
                _ => return Err("an integer beyond 64 bits".to_owned()),
            },
            Self::Float(value) => serde_json::Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Self::Decimal(value) => decimal_to_json(value),
            Self::Str(text) => Json::String(text.to_string()),
            Self::Bytes(_) => return Err("bytes".to_owned()),
            Self::List(items) => {
                let items = lock(items).clone();
                Json::Array(items.iter().map(|item| item.to_json_at(depth + 1)).collect::<Result<_, _>>()?)
            }
            Self::Tuple(items) => {
                Json::Array(items.iter().map(|item| item.to_json_at(depth + 1)).collect::<Result<_, _>>()?)
            }
            Self::Dict(dict) => {
                let dict: Dict = lock(dict).clone();
                let mut map = serde_json::Map::new();
                for (key, value) in dict.iter() {
                    map.insert(json_key(key).ok_or_else(|| key.type_name().to_owned())?, value.to_json_at(depth + 1)?);
                }
                Json::Object(map)
            }
            Self::Set(_) => return Err("set".to_owned()),
            Self::Object(object) => return object.to_json().ok_or_else(|| object.type_name().to_owned()),
        })
    }
}

fn decimal_to_json(value: &Decimal) -> Json {
    if let Some(Ok(integer)) = value.to_int_exact().map(i64::try_from) {
        return Json::from(integer);
    }
    serde_json::Number::from_f64(value.to_f64()).map_or(Json::Null, Json::Number)
}

/// What `json.dumps` makes of a dict key; `None` for one that it refuses.
fn json_key(key: &Value) -> Option<String> {
    Some(match key {
        Value::Str(text) => text.to_string(),
        Value::Bool(value) => if *value { "true" } else { "false" }.to_owned(),
        Value::None => "null".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float_repr(*number),
        _ => return None,
    })
}

/// What the error of a value says that can be followed without end.
pub(crate) const HOLDS_ITSELF: &str = "a value that holds itself";

/// The options of Python's `json.dumps` that dbt and Jinja use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DumpStyle {
    pub(crate) sort_keys: bool,
    pub(crate) indent: Option<usize>,
    /// Python's `ensure_ascii=False`.
    pub(crate) keeps_unicode: bool,
}

/// Python's `json.dumps`: `, ` and `: ` between parts, everything outside ASCII escaped.
///
/// # Errors
/// The type name of a part that Python cannot serialize.
pub(crate) fn dump_json(value: &Value, style: DumpStyle) -> Result<String, String> {
    let mut out = String::new();
    dump(value, style, 0, &mut out)?;
    Ok(out)
}

fn dump(value: &Value, style: DumpStyle, depth: usize, out: &mut String) -> Result<(), String> {
    if depth > 128 {
        return Err(HOLDS_ITSELF.to_owned());
    }
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) if number.is_nan() => out.push_str("NaN"),
        Value::Float(number) if number.is_infinite() => {
            out.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" });
        }
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Str(text) => dump_string(text, style, out),
        Value::List(items) => {
            let items = lock(items).clone();
            dump_items(&items, style, depth, out)?;
        }
        Value::Tuple(items) => dump_items(items, style, depth, out)?,
        Value::Dict(dict) => {
            let dict: Dict = lock(dict).clone();
            let mut entries = Vec::with_capacity(dict.len());
            for (key, value) in dict.iter() {
                entries.push((json_key(key).ok_or_else(|| key.type_name().to_owned())?, value.clone()));
            }
            if style.sort_keys {
                entries.sort_by(|left, right| left.0.cmp(&right.0));
            }
            if entries.is_empty() {
                out.push_str("{}");
                return Ok(());
            }
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                separate(index, style, depth + 1, out);
                dump_string(key, style, out);
                out.push_str(": ");
                dump(value, style, depth + 1, out)?;
            }
            close(style, depth, out);
            out.push('}');
        }
        Value::Object(object) => {
            let json = object.dumps().ok_or_else(|| object.type_name().to_owned())?;
            dump(&Value::from(json), style, depth + 1, out)?;
        }
        other => return Err(other.type_name().to_owned()),
    }
    Ok(())
}

fn dump_items(items: &[Value], style: DumpStyle, depth: usize, out: &mut String) -> Result<(), String> {
    if items.is_empty() {
        out.push_str("[]");
        return Ok(());
    }
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        separate(index, style, depth + 1, out);
        dump(item, style, depth + 1, out)?;
    }
    close(style, depth, out);
    out.push(']');
    Ok(())
}

fn separate(index: usize, style: DumpStyle, depth: usize, out: &mut String) {
    match style.indent {
        Some(width) => {
            if index > 0 {
                out.push(',');
            }
            out.push('\n');
            out.push_str(&" ".repeat(width * depth));
        }
        None if index > 0 => out.push_str(", "),
        None => {}
    }
}

fn close(style: DumpStyle, depth: usize, out: &mut String) {
    if let Some(width) = style.indent {
        out.push('\n');
        out.push_str(&" ".repeat(width * depth));
    }
}

fn dump_string(text: &str, style: DumpStyle, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            other if style.keeps_unicode && !other.is_control() => out.push(other),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}
