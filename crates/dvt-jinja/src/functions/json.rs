//! `fromjson` and `tojson`, with the bytes of Python's `json`.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::{DumpStyle, HOLDS_ITSELF, dump_json};
use crate::{Args, Value};

/// `fromjson(text, default)`: the default when the text is no JSON.
pub(super) fn from_json(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let text = args.required("string")?;
    let default = args.optional("default")?.unwrap_or(Value::None);
    args.finish()?;
    // A text that `as_text` marked is a text.
    let text = match text.downcast::<super::native::Marker>() {
        Some(_) => Value::from(text.to_string()),
        None => text,
    };
    let Value::Str(text) = &text else {
        return Err(raise(format!("the JSON object must be str, bytes or bytearray, not {}", text.type_name())));
    };
    if let Some(number) = constant(text.trim()) {
        return Ok(number);
    }
    let parsed: Option<serde_json::Value> = serde_json::from_str(text).ok();
    Ok(parsed.map_or(default, Value::from))
}

/// The numbers that Python's `json` takes beyond the standard.
fn constant(text: &str) -> Option<Value> {
    Some(Value::Float(match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => return None,
    }))
}

/// `tojson(value, default, sort_keys=false)`: the default for a value that holds itself; one without a JSON form is an
/// error, as Python's `TypeError` is.
pub(super) fn to_json(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let value = args.required("value")?;
    let default = args.optional("default")?.unwrap_or(Value::None);
    let sort_keys = args.flag("sort_keys", false)?;
    args.finish()?;
    match dump_json(&value, DumpStyle { sort_keys, ..DumpStyle::default() }) {
        Ok(text) => Ok(Value::from(text)),
        Err(what) if what == HOLDS_ITSELF => Ok(default),
        Err(what) => Err(raise(not_serializable(&what))),
    }
}

/// Python's words for a value without a JSON form.
pub(crate) fn not_serializable(type_name: &str) -> String {
    format!("Object of type {} is not JSON serializable", type_name.rsplit('.').next().unwrap_or(type_name))
}
