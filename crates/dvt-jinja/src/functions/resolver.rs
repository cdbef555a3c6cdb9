//! `ref`, `source`, `metric` and `function` as values: packages read the project's configuration from their attribute
//! `config`.

use super::function::Function;
use super::refs;
use crate::engine::Interpreter;
use crate::error::Flow;
use crate::{Args, Dict, Object, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// One of the four functions; the configuration is asked for once.
#[derive(Debug)]
pub(super) struct Resolver {
    function: Value,
    config: Arc<Json>,
    node: Option<Arc<Json>>,
}

impl Resolver {
    /// The resolver of this name.
    pub(super) fn value(interpreter: &Interpreter<'_>, name: &str) -> Value {
        let function = match name {
            "source" => Function::value("source", refs::source),
            "metric" => Function::value("metric", refs::metric),
            "function" => Function::value("function", refs::function),
            _ => Function::value("ref", refs::reference),
        };
        let node = interpreter.context.node.clone();
        Value::object(Self { function, config: interpreter.bridge.project_config(), node })
    }
}

impl Object for Resolver {
    fn type_name(&self) -> &str {
        "function"
    }

    fn display(&self) -> String {
        self.function.to_string()
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(interpreter.call_value(&self.function, args))
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "config" => Some(Value::object(Configuration(Arc::clone(&self.config)))),
            "current_project" => self.config.get("project_name").map(Value::from),
            "model" => Some(self.node.as_deref().map_or(Value::None, Value::from)),
            _ => None,
        }
    }
}

/// dbt's `RuntimeConfig`: what `dbt_project.yml`, the profile's target and the command line came to.
#[derive(Debug)]
struct Configuration(Arc<Json>);

impl Object for Configuration {
    fn type_name(&self) -> &str {
        "RuntimeConfig"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let value = self.0.get(name)?;
        Some(match (name, value) {
            ("vars", Json::Object(_)) => Value::object(Variables(Value::from(value))),
            ("dependencies", Json::Object(dependencies)) => {
                let configuration = |json: &Json| Value::object(Self(Arc::new(json.clone())));
                let named = dependencies.iter().map(|(name, json)| (Value::str(name), configuration(json)));
                Value::dict(named.collect::<Dict>())
            }
            _ => Value::from(value),
        })
    }

    fn methods(&self) -> &'static [&'static str] {
        &["to_target_dict"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        match name {
            "to_target_dict" => {
                Some(args.finish().map(|()| self.0.get("credentials").map_or(Value::None, Value::from)))
            }
            _ => None,
        }
    }
}

/// The `vars:` of the project.
#[derive(Debug)]
struct Variables(Value);

impl Object for Variables {
    fn type_name(&self) -> &str {
        "VarProvider"
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        (name == "vars").then(|| self.0.clone())
    }

    fn methods(&self) -> &'static [&'static str] {
        &["to_dict"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        (name == "to_dict").then(|| args.finish().map(|()| self.0.clone()))
    }
}
