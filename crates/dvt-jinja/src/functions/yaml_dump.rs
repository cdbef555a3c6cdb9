//! `toyaml`: PyYAML's block style.

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::value::{Dict, lock};
use crate::{Args, Value};

/// `toyaml(value, default, sort_keys=false)`.
pub(super) fn to_yaml(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let value = args.required("value")?;
    let default = args.optional("default")?.unwrap_or(Value::None);
    let sort_keys = args.flag("sort_keys", false)?;
    args.finish()?;
    let mut out = String::new();
    Ok(match dump(&value, 0, sort_keys, false, &mut out) {
        Some(()) => {
            // A plain scalar alone is ended, as PyYAML does it.
            let is_container = matches!(value, Value::Dict(_) | Value::List(_) | Value::Tuple(_));
            if !is_container && !out.starts_with(['\'', '"']) {
                out.push_str("...\n");
            }
            Value::from(out)
        }
        None => default,
    })
}

/// Writes a value; containers are written over several lines. `None` for a value without a YAML form.
fn dump(value: &Value, depth: usize, sort_keys: bool, is_inline: bool, out: &mut String) -> Option<()> {
    if depth > 64 {
        return None;
    }
    let pad = "  ".repeat(depth);
    match value {
        Value::Dict(dict) => {
            let dict: Dict = lock(dict).clone();
            if dict.is_empty() {
                out.push_str("{}\n");
                return Some(());
            }
            let mut entries: Vec<_> = dict.iter().collect();
            if sort_keys {
                entries.sort_by_key(|(key, _)| key.to_string());
            }
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 || !is_inline {
                    out.push_str(&pad);
                }
                out.push_str(&scalar(key)?);
                out.push(':');
                match value {
                    Value::Dict(inner) if !lock(inner).is_empty() => {
                        out.push('\n');
                        dump(value, depth + 1, sort_keys, false, out)?;
                    }
                    Value::List(_) | Value::Tuple(_) if value.length()? > 0 => {
                        out.push('\n');
                        dump(value, depth, sort_keys, false, out)?;
                    }
                    other => {
                        out.push(' ');
                        dump(other, depth + 1, sort_keys, false, out)?;
                    }
                }
            }
        }
        Value::List(_) | Value::Tuple(_) => {
            let items = value.iterate()?;
            if items.is_empty() {
                out.push_str("[]\n");
                return Some(());
            }
            for (index, item) in items.iter().enumerate() {
                if index > 0 || !is_inline {
                    out.push_str(&pad);
                }
                out.push_str("- ");
                dump(item, depth + 1, sort_keys, true, out)?;
            }
        }
        other => {
            out.push_str(&scalar(other)?);
            out.push('\n');
        }
    }
    Some(())
}

fn scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) => value.to_string(),
        Value::Str(text) => string(text),
        Value::Object(object) => match object.to_json()? {
            serde_json::Value::String(text) => string(&text),
            _ => return None,
        },
        _ => return None,
    })
}

/// Quotes a text that would read back as something else.
fn string(text: &str) -> String {
    let reads_otherwise = !matches!(super::yaml::resolve_plain(text), Value::Str(_));
    let has_markers = text.is_empty()
        || text.starts_with(|first: char| "-?:,[]{}#&*!|>'\"%@` ".contains(first))
        || text.ends_with([' ', ':'])
        || text.contains(": ")
        || text.contains(" #");
    if text.contains('\n') || text.contains('\t') {
        return serde_json::Value::from(text).to_string();
    }
    if reads_otherwise || has_markers { format!("'{}'", text.replace('\'', "''")) } else { text.to_owned() }
}
