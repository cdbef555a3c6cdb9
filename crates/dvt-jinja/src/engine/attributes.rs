//! `value.name` and `value[key]`.

use super::call::MacroReference;
use super::{Interpreter, PackageNamespace};
use crate::Value;
use crate::error::{ErrorKind, Flow};
use crate::functions::context_object::ContextObject;
use crate::methods::BoundMethod;
use crate::value::{lock, repr};

impl Interpreter<'_> {
    /// `value.name`: an attribute first, then an item, as Jinja does.
    pub(crate) fn attribute(&mut self, value: &Value, name: &str) -> Result<Value, Flow> {
        match value {
            Value::Undefined(_) => self.attribute_of_undefined(value),
            Value::Dict(dict) => {
                if crate::methods::has_method(value, name) {
                    return Ok(Value::object(BoundMethod::new(value, name)));
                }
                let found = lock(dict).get_str(name).cloned();
                Ok(found.unwrap_or_else(|| missing_attribute(value, name)))
            }
            Value::Object(object) => {
                if let Some(namespace) = value.downcast::<PackageNamespace>() {
                    return Ok(self.package_member(&namespace.0, name));
                }
                if value.downcast::<ContextObject>().is_some() {
                    return Ok(self.global(name).unwrap_or_else(|| missing_attribute(value, name)));
                }
                let bound = || object.methods().contains(&name).then(|| Value::object(BoundMethod::new(value, name)));
                Ok(object.attribute(name).or_else(bound).unwrap_or_else(|| missing_attribute(value, name)))
            }
            Value::Bool(_) | Value::Int(_) if matches!(name, "real" | "numerator") => {
                Ok(Value::Int(value.as_int().unwrap_or_default()))
            }
            Value::Bool(_) | Value::Int(_) if name == "imag" => Ok(Value::Int(0)),
            Value::Bool(_) | Value::Int(_) if name == "denominator" => Ok(Value::Int(1)),
            _ if crate::methods::has_method(value, name) => Ok(Value::object(BoundMethod::new(value, name))),
            _ => Ok(missing_attribute(value, name)),
        }
    }

    /// A macro of a package; `dbt` finds the adapters' overrides too.
    pub(crate) fn package_member(&mut self, package: &str, name: &str) -> Value {
        if let Some(value) = self.override_in(package, name) {
            return value;
        }
        match self.library.lookup_in(package, name) {
            Some(definition) => Value::object(MacroReference::found(definition)),
            None => Value::Undefined(Some(format!("'{package}' has no macro '{name}'").into())),
        }
    }

    /// `value[key]`: an item first, then an attribute.
    pub(crate) fn item(&mut self, value: &Value, key: &Value) -> Result<Value, Flow> {
        let found = match value {
            Value::Undefined(_) => return self.attribute_of_undefined(value),
            Value::Dict(dict) => lock(dict).get(key).cloned(),
            Value::List(items) => {
                let items = lock(items);
                index_of(key, items.len()).map(|index| items[index].clone())
            }
            Value::Tuple(items) => index_of(key, items.len()).map(|index| items[index].clone()),
            Value::Str(text) => {
                let characters: Vec<char> = text.chars().collect();
                index_of(key, characters.len()).map(|index| Value::from(characters[index].to_string()))
            }
            Value::Object(object) => {
                if let Some(name) = key.as_str() {
                    let attribute = self.attribute(value, name)?;
                    (!attribute.is_undefined()).then_some(attribute).or_else(|| object.item(key))
                } else {
                    object.item(key).or_else(|| {
                        let items = object.is_sequence().then(|| object.items())??;
                        index_of(key, items.len()).map(|index| items[index].clone())
                    })
                }
            }
            _ => None,
        };
        match (found, key.as_str()) {
            (Some(found), _) => Ok(found),
            (None, Some(name)) if !matches!(value, Value::Object(_)) => self.attribute(value, name),
            (None, _) => {
                Ok(Value::Undefined(Some(format!("{} has no element {}", described(value), repr(key)).into())))
            }
        }
    }

    /// Parsing forgives it and stays undefined; a run does not.
    fn attribute_of_undefined(&self, value: &Value) -> Result<Value, Flow> {
        if self.executes() {
            Err(Flow::error(ErrorKind::Undefined, value.undefined_message().unwrap_or_default()))
        } else {
            Ok(value.clone())
        }
    }
}

/// The position an index means; negative ones count from the end.
fn index_of(key: &Value, length: usize) -> Option<usize> {
    let index = match key {
        Value::Int(_) | Value::Bool(_) => key.as_int()?,
        _ => return None,
    };
    let index = if index < 0 { index + length as i128 } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

fn missing_attribute(value: &Value, name: &str) -> Value {
    Value::Undefined(Some(format!("{} has no attribute '{name}'", described(value)).into()))
}

/// The value in Jinja's words: `'dict object'`, `'None'`.
fn described(value: &Value) -> String {
    match value {
        Value::None => "'None'".to_owned(),
        other => format!("'{} object'", other.type_name()),
    }
}
