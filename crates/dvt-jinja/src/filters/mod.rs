//! Jinja's filters, and dbt's `as_text`, `as_bool`, `as_number`, `as_native`.

mod sequences;
mod text;

use crate::engine::Interpreter;
use crate::error::{ErrorKind, Flow, raise};
use crate::functions::native::Marker;
use crate::value::{DumpStyle, dump_json, to_float};
use crate::{Args, Value};
use dvt_diagnostics::did_you_mean;

/// All filter names, for suggestions.
const NAMES: &[&str] = &[
    "abs",
    "as_bool",
    "as_native",
    "as_number",
    "as_text",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// Whether there is a filter of this name.
pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Applies a filter by name.
pub(crate) fn apply(
    interpreter: &mut Interpreter<'_>,
    name: &str,
    value: Value,
    args: &mut Args,
) -> Result<Value, Flow> {
    args.function.clear();
    args.function.push_str(name);
    if let Some(result) = sequences::apply(interpreter, name, &value, args) {
        return result;
    }
    if let Some(result) = text::apply(name, &value, args) {
        return result;
    }
    let result = match name {
        "default" | "d" => {
            let default = args.optional("default_value")?.unwrap_or_else(|| Value::from(""));
            let replaces_false = args.flag("boolean", false)?;
            if value.is_undefined() || (replaces_false && !value.is_true()) { default } else { value }
        }
        "abs" => match &value {
            Value::Int(number) => Value::Int(number.abs()),
            Value::Float(number) => Value::Float(number.abs()),
            Value::Decimal(number) if !number.is_negative() => value.clone(),
            Value::Decimal(_) => crate::value::negate(&value).map_err(raise)?,
            other => return Err(raise(format!("bad operand type for abs(): '{}'", other.type_name()))),
        },
        "int" => {
            let default = args.optional("default")?.unwrap_or(Value::Int(0));
            let base = args.optional_int("base")?.unwrap_or(10);
            to_int(&value, base).map_or(default, Value::Int)
        }
        "float" => {
            let default = args.optional("default")?.unwrap_or(Value::Float(0.0));
            match &value {
                Value::Str(text) => parse_float(text).map_or(default, Value::Float),
                other => to_float(other).map_or(default, Value::Float),
            }
        }
        "round" => {
            let precision = args.optional_int("precision")?.unwrap_or(0);
            let method = args.optional_str("method")?.unwrap_or_else(|| "common".into());
            round(&value, precision, &method)?
        }
        "tojson" => {
            let indent = args.optional_int("indent")?.and_then(|width| usize::try_from(width).ok());
            // Jinja's own filter sorts keys and escapes what HTML would read.
            let style = DumpStyle { sort_keys: true, indent, ..DumpStyle::default() };
            let json =
                dump_json(&value, style).map_err(|what| raise(crate::functions::json::not_serializable(&what)))?;
            let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
            Value::from(json.replace('\'', "\\u0027"))
        }
        "attr" => {
            let attribute = args.required_str("name")?;
            match &value {
                Value::Dict(_) if !crate::methods::has_method(&value, &attribute) => {
                    Value::Undefined(Some(format!("'dict object' has no attribute '{attribute}'").into()))
                }
                _ => interpreter.attribute(&value, &attribute)?,
            }
        }
        "safe" => value,
        // Only values of YAML files become what their text says; in a template these leave a value as it is.
        "as_text" | "as_native" | "as_bool" | "as_number" if !interpreter.is_native => value,
        "as_text" => Value::object(Marker::text(&value)),
        "as_native" => Value::object(Marker::native(&value)),
        "as_bool" => Value::object(Marker::boolean(&value)),
        "as_number" => Value::object(Marker::number(&value)),
        other => {
            let nearest = did_you_mean(other, NAMES.iter().copied());
            return Err(Flow::error(ErrorKind::Evaluation, format!("No filter named '{other}'."))
                .with_help(nearest.map(|nearest| format!("did you mean `{nearest}`?"))));
        }
    };
    args.finish()?;
    Ok(result)
}

/// Python's `int(value)`, `None` where it raises.
pub(crate) fn to_int(value: &Value, base: i128) -> Option<i128> {
    match value {
        Value::Str(text) => {
            let text = text.trim().replace('_', "");
            let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |digits| (-1, digits));
            let digits = digits.strip_prefix('+').unwrap_or(digits);
            let digits = match base {
                16 => digits.trim_start_matches("0x").trim_start_matches("0X"),
                8 => digits.trim_start_matches("0o").trim_start_matches("0O"),
                2 => digits.trim_start_matches("0b").trim_start_matches("0B"),
                _ => digits,
            };
            let radix = u32::try_from(base).ok().filter(|radix| (2..=36).contains(radix))?;
            match i128::from_str_radix(digits, radix) {
                Ok(number) => Some(sign * number),
                // Jinja's filter falls back to int(float(text)).
                #[expect(clippy::cast_possible_truncation, reason = "int(float) cuts the fraction")]
                Err(_) if base == 10 => {
                    parse_float(&text).filter(|number| number.is_finite()).map(|number| number as i128)
                }
                Err(_) => None,
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "int(float) cuts the fraction")]
        Value::Float(number) if number.is_finite() => Some(*number as i128),
        Value::Decimal(number) => number.truncate(),
        other => other.as_int(),
    }
}

fn parse_float(text: &str) -> Option<f64> {
    text.trim().replace('_', "").parse().ok()
}

fn round(value: &Value, precision: i128, method: &str) -> Result<Value, Flow> {
    if let (Value::Decimal(number), "common", Ok(places)) = (value, method, usize::try_from(precision)) {
        return Ok(number.rounded(places).map_or_else(|| value.clone(), Value::Decimal));
    }
    let Some(number) = to_float(value) else {
        return Err(raise(format!("type {} doesn't define round", value.type_name())));
    };
    let precision = i32::try_from(precision.clamp(-300, 300)).unwrap_or(0);
    let factor = 10f64.powi(precision);
    let rounded = match method {
        "common" if precision >= 0 => {
            // Through text, so that 2.675 rounds by its true binary value and ties go to even, as in Python.
            let digits = usize::try_from(precision).unwrap_or(0);
            format!("{number:.digits$}").parse().unwrap_or(number)
        }
        "common" => (number * factor).round() / factor,
        "ceil" => (number * factor).ceil() / factor,
        "floor" => (number * factor).floor() / factor,
        _ => return Err(raise("method must be common, ceil or floor")),
    };
    Ok(match value {
        #[expect(clippy::cast_possible_truncation, reason = "an int rounded stays an int")]
        Value::Int(_) if method == "common" => Value::Int(rounded as i128),
        _ => Value::Float(rounded),
    })
}
