//! `graph` and `flags`.

use crate::context::Invocation;
use crate::{Dict, Object, Value};
use serde_json::Value as Json;
use std::sync::{Arc, Mutex};

/// dbt's `graph`: its parts become template values when they are read.
#[derive(Debug)]
pub(super) struct Graph {
    json: Arc<Json>,
    parts: Mutex<Dict>,
    /// What packages keep here, from one template to the next.
    added: Arc<Mutex<Dict>>,
}

impl Graph {
    pub(super) fn value(json: Arc<Json>, added: &Arc<Mutex<Dict>>) -> Value {
        Value::object(Self { json, parts: Mutex::default(), added: Arc::clone(added) })
    }

    /// Puts a thing of a package's own here; dbt's parts change for this template alone.
    fn put(&self, key: &str, value: Value) {
        let place = if PARTS.contains(&key) { &self.parts } else { &*self.added };
        crate::value::lock(place).set(key, value);
    }
}

/// The parts that dbt shows; a manifest has more.
const PARTS: &[&str] = &[
    "exposures",
    "groups",
    "metrics",
    "nodes",
    "sources",
    "semantic_models",
    "saved_queries",
    "functions",
    "unit_tests",
];

impl Object for Graph {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn is_true(&self) -> bool {
        true
    }

    fn dumps(&self) -> Option<Json> {
        let kept = |part: &&str| Some(((*part).to_owned(), self.json.get(*part)?.clone()));
        Some(Json::Object(PARTS.iter().filter_map(kept).collect()))
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let mut parts = crate::value::lock(&self.parts);
        if let Some(part) = parts.get_str(name) {
            return Some(part.clone());
        }
        if let Some(added) = crate::value::lock(&self.added).get_str(name) {
            return Some(added.clone());
        }
        let part = Value::from(self.json.get(name).filter(|_| PARTS.contains(&name))?);
        parts.set(name, part.clone());
        Some(part)
    }

    fn items(&self) -> Option<Vec<Value>> {
        let own = PARTS.iter().filter(|part| self.json.get(part).is_some()).map(|part| Value::from(*part));
        let added: Vec<Value> = crate::value::lock(&self.added).iter().map(|(key, _)| key.clone()).collect();
        Some(own.chain(added).collect())
    }

    fn has(&self, key: &Value) -> Option<bool> {
        Some(key.as_str().is_some_and(|key| self.attribute(key).is_some()))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["get", "setdefault", "update", "keys", "values", "items"]
    }

    fn call_method(
        &self,
        _: &mut crate::engine::Interpreter<'_>,
        name: &str,
        args: &mut crate::Args,
    ) -> Option<Result<Value, crate::error::Flow>> {
        let keys = || self.items().unwrap_or_default();
        let part = |key: &Value| self.attribute(&key.to_string()).unwrap_or(Value::None);
        match name {
            "get" => Some(args.required("key").and_then(|key| {
                let default = args.optional("default")?.unwrap_or(Value::None);
                Ok(self.attribute(&key.to_string()).unwrap_or(default))
            })),
            "setdefault" => Some(args.required_str("key").and_then(|key| {
                let default = args.optional("default")?.unwrap_or(Value::None);
                args.finish()?;
                Ok(self.attribute(&key).unwrap_or_else(|| {
                    self.put(&key, default.clone());
                    default
                }))
            })),
            "update" => Some(args.required("other").and_then(|other| {
                let Some(given) = other.as_dict() else { return Err(args.wrong_type("other", "a dict", &other)) };
                for (key, value) in given.iter() {
                    self.put(&key.to_string(), value.clone());
                }
                args.finish().map(|()| Value::None)
            })),
            "keys" => Some(Ok(Value::list(keys()))),
            "values" => Some(Ok(Value::list(keys().iter().map(part).collect()))),
            "items" => {
                Some(Ok(Value::list(keys().iter().map(|key| Value::tuple(vec![key.clone(), part(key)])).collect())))
            }
            _ => None,
        }
    }
}

/// `flags`: by upper-case name; unknown ones are `none`, as in dbt.
#[derive(Debug)]
pub(super) struct Flags(pub(super) Arc<Invocation>);

impl Object for Flags {
    fn type_name(&self) -> &str {
        "Flags"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let upper = name.to_uppercase();
        let found = self.0.flags.get(&upper).or_else(|| self.0.flags.get(name));
        self.0.uses.flag(name, found);
        Some(found.map_or(Value::None, Value::from))
    }

    fn call_method(
        &self,
        _: &mut crate::engine::Interpreter<'_>,
        name: &str,
        args: &mut crate::Args,
    ) -> Option<Result<Value, crate::error::Flow>> {
        (name == "get").then(|| {
            let key = args.required_str("key")?;
            let default = args.optional("default")?.unwrap_or(Value::None);
            Ok(match self.attribute(&key) {
                Some(Value::None) | None => default,
                Some(value) => value,
            })
        })
    }
}
