//! Python's methods of the built-in types.

mod characters;
pub(crate) mod containers;
pub(crate) mod format;
pub(crate) mod strings;

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::{Args, Object, Value};

/// A method that was taken from its value without being called: `{% set add = items.append %}`.
#[derive(Debug)]
pub(crate) struct BoundMethod {
    value: Value,
    name: String,
}

impl BoundMethod {
    pub(crate) fn new(value: &Value, name: &str) -> Self {
        Self { value: value.clone(), name: name.to_owned() }
    }
}

impl Object for BoundMethod {
    fn type_name(&self) -> &str {
        "builtin_function_or_method"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(interpreter.call_method(&self.value, &self.name, args))
    }
}

/// Whether the type of the value has a method of this name.
pub(crate) fn has_method(value: &Value, name: &str) -> bool {
    match value {
        Value::Str(_) => strings::NAMES.contains(&name),
        Value::List(_) => containers::LIST_NAMES.contains(&name),
        Value::Tuple(_) => containers::TUPLE_NAMES.contains(&name),
        Value::Dict(_) => containers::DICT_NAMES.contains(&name),
        Value::Set(_) => containers::SET_NAMES.contains(&name),
        _ => false,
    }
}

/// Calls a method of a built-in type; `None` when the type has none of this name.
pub(crate) fn call(
    interpreter: &mut Interpreter<'_>,
    value: &Value,
    name: &str,
    args: &mut Args,
) -> Option<Result<Value, Flow>> {
    match value {
        Value::Str(text) => strings::call(text, name, args),
        Value::List(items) => containers::call_list(interpreter, items, name, args),
        Value::Tuple(items) => containers::call_tuple(items, name, args),
        Value::Dict(dict) => containers::call_dict(dict, name, args),
        Value::Set(set) => containers::call_set(set, name, args),
        Value::Bytes(bytes) if name == "decode" => {
            args.rest();
            Some(Ok(Value::from(String::from_utf8_lossy(bytes).into_owned())))
        }
        Value::Bytes(bytes) if name == "hex" => Some(
            args.finish().map(|()| Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
        ),
        Value::Int(number) if name == "bit_length" => {
            Some(args.finish().map(|()| Value::from((128 - number.unsigned_abs().leading_zeros()) as usize)))
        }
        Value::Float(number) if name == "is_integer" => {
            Some(args.finish().map(|()| Value::Bool(number.fract() == 0.0)))
        }
        Value::Decimal(number) => decimal_method(number, name, args),
        _ => None,
    }
}

/// The methods of `decimal.Decimal` that templates may want.
fn decimal_method(number: &crate::Decimal, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
    let value = match name {
        "is_zero" => Value::Bool(number.is_zero()),
        "is_signed" => Value::Bool(number.as_str().starts_with('-')),
        "is_finite" => Value::Bool(true),
        "is_nan" | "is_infinite" => Value::Bool(false),
        "to_integral_value" | "to_integral" => number.rounded(0).map_or(Value::None, Value::Decimal),
        "quantize" => {
            return Some(args.required("exp").map(|exp| {
                let places = match &exp {
                    Value::Decimal(exp) => exp.scale(),
                    _ => 0,
                };
                number.rounded(places).map_or(Value::None, Value::Decimal)
            }));
        }
        "normalize" => number.normalized().map_or(Value::None, Value::Decimal),
        _ => return None,
    };
    Some(args.finish().map(|()| value))
}
