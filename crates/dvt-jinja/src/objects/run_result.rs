//! dbt's result objects, as `on-run-end` sees them in `results`: attributes, and `to_dict()`.

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::{Args, Object, Value};
use serde_json::{Map, Value as Json};

/// A record with named fields (a result, or the node that it is about).
#[derive(Debug)]
pub(crate) struct Record {
    /// Python's name of the type.
    pub(crate) type_name: &'static str,
    pub(crate) fields: Map<String, Json>,
}

impl Record {
    fn field(&self, name: &str) -> Option<Value> {
        match (name, self.fields.get(name)?) {
            ("node", Json::Object(node)) => {
                Some(Value::object(Self { type_name: "ManifestNode", fields: node.clone() }))
            }
            (_, value) => Some(Value::from(value)),
        }
    }
}

impl Object for Record {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn display(&self) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .filter(|(name, _)| *name != "node")
            .map(|(name, value)| format!("{name}={}", crate::value::repr(&Value::from(value))))
            .collect();
        format!("{}({})", self.type_name, fields.join(", "))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        self.field(name)
    }

    fn item(&self, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        (name == "to_dict").then(|| {
            let omits = args.flag("omit_none", false)?;
            args.finish()?;
            let fields = self.fields.iter().filter(|(_, value)| !(omits && value.is_null()));
            let kept: Map<String, Json> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            Ok(Value::from(&Json::Object(kept)))
        })
    }

    fn to_json(&self) -> Option<Json> {
        Some(Json::Object(self.fields.clone()))
    }
}
