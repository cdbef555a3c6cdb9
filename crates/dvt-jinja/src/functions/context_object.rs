//! `context`: all names in reach, as a dict.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::{Args, Object, Value};

/// `context['name']`, `context.get('name')`. The evaluator looks the names up.
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
        if name != "get" {
            if let Some(function) = interpreter.global(name) {
                return interpreter.call_value(&function, args);
            }
            return Err(raise(format!("`context.{name}()` is not available")));
        }
        let key = args.required_str("key")?;
        let default = args.optional("default")?.unwrap_or(Value::None);
        args.finish()?;
        Ok(interpreter.global(&key).unwrap_or(default))
    }
}
