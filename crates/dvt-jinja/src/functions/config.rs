//! `config(...)` and its methods.

use crate::engine::Interpreter;
use crate::error::{ErrorKind, Flow, raise};
use crate::rendered::AskedConfig;
use crate::{Args, Object, Value};
use dvt_diagnostics::did_you_mean;
use serde_json::{Map, Value as Json};

/// The object `config`. When parsing, calls are written down and every question is answered with nothing; when
/// running, questions are answered from the node's config.
#[derive(Debug)]
pub(super) struct Config;

impl Object for Config {
    fn type_name(&self) -> &str {
        "config"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(call(interpreter, args))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["get", "require", "set", "meta_get", "meta_require", "persist_relation_docs", "persist_column_docs"]
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        self.methods().contains(&name).then(|| run(interpreter, name, args))
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        // `config.model` is how some packages reach the node.
        (name == "model").then_some(Value::None)
    }
}

fn call(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let positional = args.rest();
    let keyword = std::mem::take(&mut args.keyword);
    let entries: Vec<(String, Value)> = match (positional.as_slice(), keyword.is_empty()) {
        ([], _) => keyword.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
        ([one], true) => match one.as_dict() {
            Some(dict) => dict.iter().map(|(key, value)| (key.to_string(), value.clone())).collect(),
            None => return Err(invalid("the one positional argument must be a dict")),
        },
        _ => return Err(invalid("it takes keyword arguments or one dict, not both")),
    };
    note(interpreter, entries)
}

fn invalid(why: &str) -> Flow {
    raise(format!("Invalid inline model config: {why}"))
        .with_help(Some("write `config(materialized='table', tags=['a'])`".to_owned()))
}

fn note(interpreter: &mut Interpreter<'_>, entries: Vec<(String, Value)>) -> Result<Value, Flow> {
    let mut values = Map::new();
    for (key, value) in entries {
        let json = match &value {
            Value::Undefined(_) if !interpreter.executes() => Json::Null,
            Value::Undefined(_) => {
                return Err(Flow::error(ErrorKind::Undefined, value.undefined_message().unwrap_or_default()));
            }
            Value::Set(_) => {
                Json::Array(value.iterate().unwrap_or_default().iter().filter_map(|item| item.to_json().ok()).collect())
            }
            other => other
                .to_json()
                .map_err(|what| raise(format!("the config '{key}' cannot hold a value of type {what}")))?,
        };
        let key = match key.as_str() {
            "pre_hook" => "pre-hook".to_owned(),
            "post_hook" => "post-hook".to_owned(),
            _ => key,
        };
        values.insert(key, json);
    }
    let span = interpreter.user_span();
    interpreter.asked.configs.push(AskedConfig { values, span });
    Ok(Value::from(""))
}

fn run(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    if name == "set" {
        let key = args.required_str("name")?.to_string();
        let value = args.required("value")?;
        args.finish()?;
        return note(interpreter, vec![(key, value)]);
    }
    if name.starts_with("persist_") {
        args.finish()?;
        if !interpreter.executes() {
            return Ok(Value::Bool(false));
        }
        let part = if name == "persist_relation_docs" { "relation" } else { "columns" };
        return match interpreter.context.config.get("persist_docs") {
            None | Some(Json::Null) => Ok(Value::Bool(false)),
            Some(Json::Object(persist)) => Ok(Value::Bool(persist.get(part) == Some(&Json::Bool(true)))),
            Some(_) => Err(raise("Invalid value provided for 'persist_docs'. Expected dict")),
        };
    }
    let key = args.required_str("name")?;
    let default = if name.ends_with("get") { args.optional("default")? } else { None };
    let validator = args.optional("validator")?.filter(|validator| !validator.is_none());
    args.finish()?;
    if !interpreter.executes() {
        return Ok(Value::from(""));
    }
    let config = &interpreter.context.config;
    let found =
        if name.starts_with("meta") { config.get("meta").and_then(|meta| meta.get(&*key)) } else { config.get(&*key) };
    let value = match found {
        // A key that is there without a value counts as missing for `require` only.
        Some(Json::Null) if name.ends_with("get") => default.unwrap_or(Value::None),
        Some(json) if !json.is_null() => Value::from(json),
        _ if name.ends_with("get") => default.unwrap_or(Value::None),
        _ => {
            let unique_id = interpreter.context.node.as_ref().and_then(|node| node.get("unique_id"));
            let unique_id = unique_id.and_then(Json::as_str).unwrap_or("the node");
            let nearest = did_you_mean(&key, config.keys().map(String::as_str));
            return Err(Flow::error(
                ErrorKind::Missing,
                format!("Model '{unique_id}' does not define a required config parameter '{key}'."),
            )
            .with_help(nearest.map(|nearest| format!("did you mean `{nearest}`?"))));
        }
    };
    if let Some(validator) = validator {
        interpreter.call_value(&validator, &mut Args::new("validator", vec![value.clone()]))?;
    }
    Ok(value)
}
