//! Jinja's tests: `value is name`.

use crate::error::{ErrorKind, Flow, raise};
use crate::value::{compare, contains, equals};
use crate::{Args, Value};
use dvt_diagnostics::did_you_mean;
use std::sync::Arc;

const NAMES: &[&str] = &[
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "list",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// Whether the value passes a test.
pub(crate) fn check(name: &str, value: &Value, args: &mut Args) -> Result<bool, Flow> {
    let order = |args: &mut Args| -> Result<std::cmp::Ordering, Flow> {
        let other = args.required("other")?;
        compare(value, &other)
            .ok_or_else(|| raise(format!("'{}' and '{}' have no order", value.type_name(), other.type_name())))
    };
    let result = match name {
        "defined" => !value.is_undefined(),
        "undefined" => value.is_undefined(),
        "none" => value.is_none(),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => {
            matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_))
        }
        "string" => matches!(value, Value::Str(_)),
        "mapping" => match value {
            Value::Dict(_) => true,
            Value::Object(object) => object.is_mapping(),
            _ => false,
        },
        "iterable" => value.is_iterable(),
        "sequence" => match value {
            Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Undefined(_) => true,
            Value::Object(object) => object.is_sequence(),
            _ => false,
        },
        "list" => matches!(value, Value::List(_)),
        "callable" => match value {
            Value::Object(object) => object.is_callable(),
            _ => false,
        },
        "escaped" => false,
        "lower" => {
            value.to_string().chars().any(char::is_lowercase) && !value.to_string().chars().any(char::is_uppercase)
        }
        "upper" => {
            value.to_string().chars().any(char::is_uppercase) && !value.to_string().chars().any(char::is_lowercase)
        }
        "odd" => integer(value, name)? % 2 != 0,
        "even" => integer(value, name)? % 2 == 0,
        "divisibleby" => {
            let divisor = args.required("num")?;
            let divisor = integer(&divisor, name)?;
            if divisor == 0 {
                return Err(raise("integer division or modulo by zero"));
            }
            integer(value, name)? % divisor == 0
        }
        "equalto" | "eq" | "==" => equals(value, &args.required("other")?),
        "ne" | "!=" => !equals(value, &args.required("other")?),
        "sameas" => is_same(value, &args.required("other")?),
        "in" => {
            let container = args.required("seq")?;
            contains(&container, value)
                .ok_or_else(|| raise(format!("argument of type '{}' is not iterable", container.type_name())))?
        }
        "gt" | "greaterthan" | ">" => order(args)?.is_gt(),
        "ge" | ">=" => order(args)?.is_ge(),
        "lt" | "lessthan" | "<" => order(args)?.is_lt(),
        "le" | "<=" => order(args)?.is_le(),
        "filter" => value.as_str().is_some_and(crate::filters::is_known),
        "test" => value.as_str().is_some_and(|name| NAMES.contains(&name)),
        other => {
            let nearest = did_you_mean(other, NAMES.iter().copied());
            return Err(Flow::error(ErrorKind::Evaluation, format!("No test named '{other}'."))
                .with_help(nearest.map(|nearest| format!("did you mean `{nearest}`?"))));
        }
    };
    args.finish()?;
    Ok(result)
}

fn integer(value: &Value, name: &str) -> Result<i128, Flow> {
    value.as_int().ok_or_else(|| raise(format!("the test '{name}' needs an integer, not {}", value.type_name())))
}

fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => Arc::ptr_eq(left, right),
        (Value::Dict(left), Value::Dict(right)) | (Value::Set(left), Value::Set(right)) => Arc::ptr_eq(left, right),
        (Value::Object(left), Value::Object(right)) => {
            Arc::ptr_eq(left, right) || (left.type_name() == "macro" && left.equals(right.as_ref()))
        }
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Bool(_), _) | (_, Value::Bool(_)) => false,
        _ => left.type_name() == right.type_name() && equals(left, right),
    }
}
