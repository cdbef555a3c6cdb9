//! `fromjson` and `tojson`, with the bytes of Python's `json`.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::{DumpStyle, dump_json};
use crate::{Args, Value};

/// `fromjson(text, default)`.
pub(super) fn from_json(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let text = args.required("string")?;
    let default = args.optional("default")?.unwrap_or(Value::None);
    args.finish()?;
    let parsed: Option<serde_json::Value> = text.as_str().and_then(|text| serde_json::from_str(text).ok());
    Ok(parsed.map_or(default, Value::from))
}

/// `tojson(value, default, sort_keys=false)`.
pub(super) fn to_json(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let value = args.required("value")?;
    let default = args.optional("default")?;
    let sort_keys = args.flag("sort_keys", false)?;
    args.finish()?;
    if value.is_undefined() && default.is_none() {
        return Err(raise(value.undefined_message().unwrap_or_default()));
    }
    match dump_json(&value, DumpStyle { sort_keys, indent: None }) {
        Ok(text) => Ok(Value::from(text)),
        Err(_) => Ok(default.unwrap_or(Value::None)),
    }
}
