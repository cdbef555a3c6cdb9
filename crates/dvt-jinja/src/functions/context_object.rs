//! `context`: all names in reach, as a dict.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::{Args, Object, Value};

/// `context['name']`, `context.get('name')`. The evaluator looks the names up. `context.update(...)`
/// puts names over all others, for the macros of this render.
#[derive(Debug)]
pub(crate) struct ContextObject;

impl Object for ContextObject {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn is_mapping(&self) -> bool {
        true
    }
}

impl ContextObject {
    pub(crate) fn call_method(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
        match name {
            "get" | "setdefault" | "pop" => {
                let key = args.required_str("key")?;
                let default = args.optional("default")?;
                args.finish()?;
                match (interpreter.global(&key), default) {
                    (Some(value), _) if name == "pop" => {
                        interpreter.updated.shift_remove(&key);
                        Ok(value)
                    }
                    (Some(value), _) => Ok(value),
                    (None, None) if name == "pop" => Err(raise(format!("KeyError: '{key}'"))),
                    (None, default) => {
                        let default = default.unwrap_or(Value::None);
                        if name == "setdefault" {
                            interpreter.updated.insert(key, default.clone());
                        }
                        Ok(default)
                    }
                }
            }
            "update" => {
                let given = args.optional("other")?;
                let keyword = std::mem::take(&mut args.keyword);
                args.finish()?;
                if let Some(given) = given.filter(|given| !given.is_none()) {
                    let Some(dict) = given.as_dict() else {
                        return Err(args.wrong_type("other", "a dict", &given));
                    };
                    for (key, value) in dict.iter() {
                        interpreter.updated.insert(key.to_string().into(), value.clone());
                    }
                }
                interpreter.updated.extend(keyword);
                Ok(Value::None)
            }
            "keys" => {
                args.finish()?;
                Ok(Value::list(interpreter.global_names().iter().map(Value::str).collect()))
            }
            "values" | "items" => {
                args.finish()?;
                let mut found = Vec::new();
                for key in interpreter.global_names() {
                    let value = interpreter.global(&key).unwrap_or(Value::None);
                    found.push(if name == "items" { Value::tuple(vec![Value::str(&key), value]) } else { value });
                }
                Ok(Value::list(found))
            }
            _ => match interpreter.global(name) {
                Some(function) => interpreter.call_value(&function, args),
                None => Err(raise(format!("`context.{name}()` is not available"))),
            },
        }
    }
}
