//! dbt's result objects, as `on-run-end` sees them in `results`: attributes, and `to_dict()`.

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::{Args, Object, Value};
use chrono::DateTime;
use serde_json::{Map, Value as Json};

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Result,
    Node,
    Timing,
    /// A node's config: a key that it does not hold is `none`, by any way of asking.
    Config,
}

/// A record with named fields (a result, or the node that it is about).
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) fields: Map<String, Json>,
}

impl Record {
    fn of(kind: RecordKind, fields: &Map<String, Json>) -> Value {
        Value::object(Self { kind, fields: fields.clone() })
    }

    fn field(&self, name: &str) -> Option<Value> {
        let name = match (self.kind, name) {
            (RecordKind::Config, "pre_hook") => "pre-hook",
            (RecordKind::Config, "post_hook") => "post-hook",
            _ => name,
        };
        let value = match self.fields.get(name) {
            Some(value) => value,
            None if self.kind == RecordKind::Config => return Some(Value::None),
            None => return None,
        };
        Some(match (self.kind, name, value) {
            (RecordKind::Result, "node", Json::Object(node)) => Self::of(RecordKind::Node, node),
            (RecordKind::Result, "timing", Json::Array(timing)) => {
                let step = |step: &Json| match step {
                    Json::Object(step) => Self::of(RecordKind::Timing, step),
                    other => Value::from(other),
                };
                Value::list(timing.iter().map(step).collect())
            }
            (RecordKind::Timing, "started_at" | "completed_at", Json::String(time)) => time_of(time),
            (RecordKind::Node, "config", Json::Object(config)) => Self::of(RecordKind::Config, config),
            _ => Value::from(value),
        })
    }

    /// `config.get(key)` and `config.meta_get(key)`.
    fn get(&self, name: &str, args: &mut Args) -> Result<Value, Flow> {
        let key = args.required_str("key")?;
        let default = args.optional("default")?.unwrap_or(Value::None);
        args.finish()?;
        let found = match name {
            "meta_get" => self.fields.get("meta").and_then(|meta| meta.get(&*key)).map(Value::from),
            _ if self.fields.contains_key(&*key) => self.field(&key),
            _ => None,
        };
        Ok(found.unwrap_or(default))
    }
}

/// A time as templates have it: a naive `datetime` in UTC.
fn time_of(text: &str) -> Value {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Value::datetime(time.naive_utc()),
        Err(_) => Value::from(text),
    }
}

impl Object for Record {
    fn type_name(&self) -> &str {
        match self.kind {
            RecordKind::Result => "RunResult",
            RecordKind::Node => "ManifestNode",
            RecordKind::Timing => "TimingInfo",
            RecordKind::Config => "NodeConfig",
        }
    }

    fn display(&self) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .filter(|(name, _)| *name != "node")
            .map(|(name, value)| format!("{name}={}", crate::value::repr(&Value::from(value))))
            .collect();
        format!("{}({})", self.type_name(), fields.join(", "))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        if self.methods().contains(&name) && !self.fields.contains_key(name) {
            return None;
        }
        self.field(name)
    }

    fn item(&self, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    /// A config gives its keys, as a dict does; the others cannot be iterated.
    fn items(&self) -> Option<Vec<Value>> {
        (self.kind == RecordKind::Config).then(|| self.fields.keys().map(|key| Value::from(key.as_str())).collect())
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn methods(&self) -> &'static [&'static str] {
        match self.kind {
            RecordKind::Config => &["to_dict", "get", "meta_get"],
            _ => &["to_dict"],
        }
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        if !self.methods().contains(&name) {
            return None;
        }
        Some(if name == "to_dict" { self.to_dict(args) } else { self.get(name, args) })
    }

    fn to_json(&self) -> Option<Json> {
        Some(Json::Object(self.fields.clone()))
    }
}

impl Record {
    fn to_dict(&self, args: &mut Args) -> Result<Value, Flow> {
        let omits = args.flag("omit_none", false)?;
        args.finish()?;
        let fields = self.fields.iter().filter(|(_, value)| !(omits && value.is_null()));
        let kept: Map<String, Json> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Value::from(&Json::Object(kept)))
    }
}
