//! `validation.any[...]`: validators for `config.get`.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::equals;
use crate::{Args, Object, Value};

#[derive(Debug)]
pub(super) struct Validation;

impl Object for Validation {
    fn type_name(&self) -> &str {
        "validation"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        (name == "any").then(|| Value::object(AnyOf(Vec::new())))
    }
}

/// `validation.any['a', 'b']` and `validation.any[list]`.
#[derive(Debug)]
struct AnyOf(Vec<Value>);

impl Object for AnyOf {
    fn type_name(&self) -> &str {
        "validator"
    }

    fn is_true(&self) -> bool {
        true
    }

    fn item(&self, key: &Value) -> Option<Value> {
        let options = match key {
            Value::Tuple(_) | Value::List(_) => key.iterate().unwrap_or_default(),
            other => vec![other.clone()],
        };
        Some(Value::object(Self(options)))
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(args.required("value").and_then(|value| {
            let fits = self.0.iter().any(|option| match option {
                Value::Object(object) if object.is_callable() => true,
                other => equals(other, &value),
            });
            if fits {
                return Ok(Value::None);
            }
            let known: Vec<String> = self.0.iter().map(ToString::to_string).collect();
            Err(raise(format!("Expected value \"{value}\" to be one of {}", known.join(","))))
        }))
    }
}
