//! Unit tests, functions and the semantic layer as `manifest.json` has them.

use super::manifest_json::{depends_on_json, refs_json};
use crate::{
    FunctionArgument, FunctionInfo, FunctionReturns, ResourceType, SemanticNode, UnitTest, UnitTestInput,
    UnitTestOverrides, UnitTestRows,
};
use serde_json::{Map, Value, json};

impl UnitTestRows {
    /// `{rows, format, fixture}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"rows": self.rows, "format": self.format.as_str(), "fixture": self.fixture})
    }
}

impl UnitTestInput {
    /// `{input, rows, format, fixture}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "input": self.input,
            "rows": self.rows.rows,
            "format": self.rows.format.as_str(),
            "fixture": self.rows.fixture,
        })
    }
}

impl UnitTestOverrides {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"macros": self.macros, "vars": self.vars, "env_vars": self.env_vars})
    }
}

impl UnitTest {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "resource_type": "unit_test",
            "package_name": self.package_name,
            "path": self.path,
            "original_file_path": self.original_file_path,
            "unique_id": self.unique_id,
            "fqn": self.fqn,
            "model": self.model,
            "given": self.given.iter().map(UnitTestInput::to_json).collect::<Vec<_>>(),
            "expect": self.expect.to_json(),
            "description": self.description,
            "overrides": self.overrides.as_ref().map(UnitTestOverrides::to_json),
            "depends_on": depends_on_json(&self.depends_on),
            "config": self.config,
            "checksum": self.checksum,
            "schema": self.schema,
            "created_at": self.created_at,
            "versions": self.versions,
            "version": self.version,
        })
    }
}

impl FunctionArgument {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "data_type": self.data_type,
            "description": self.description,
            "default_value": self.default_value,
        })
    }
}

impl FunctionReturns {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"data_type": self.data_type, "description": self.description})
    }
}

impl FunctionInfo {
    /// The keys that a function has beside those of every compiled node.
    pub(super) fn entries(&self) -> [(&'static str, Value); 3] {
        let arguments =
            |arguments: &[FunctionArgument]| arguments.iter().map(FunctionArgument::to_json).collect::<Vec<_>>();
        let overloads: Vec<Value> = self
            .overloads
            .iter()
            .map(|overload| {
                json!({
                    "defined_in": overload.defined_in,
                    "arguments": arguments(&overload.arguments),
                    "returns": overload.returns.as_ref().map(FunctionReturns::to_json),
                    "description": overload.description,
                    "raw_body": overload.raw_body,
                    "compiled_body": overload.compiled_body,
                })
            })
            .collect();
        [
            ("returns", self.returns.to_json()),
            ("arguments", Value::Array(arguments(&self.arguments))),
            ("overloads", Value::Array(overloads)),
        ]
    }
}

impl SemanticNode {
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut set = |key: &str, value: Value| {
            json.insert(key.to_owned(), value);
        };
        set("name", json!(self.name));
        set("resource_type", json!(self.resource_type.as_str()));
        set("package_name", json!(self.package_name));
        set("path", json!(self.path));
        set("original_file_path", json!(self.original_file_path));
        set("unique_id", json!(self.unique_id));
        set("fqn", json!(self.fqn));
        let is_metric = self.resource_type == ResourceType::Metric;
        // A metric always has both texts; the others may have none.
        let text = |text: &Option<String>, otherwise: &str| match text {
            Some(text) => Value::from(text.as_str()),
            None if is_metric => Value::from(otherwise),
            None => Value::Null,
        };
        set("description", text(&self.description, ""));
        set("label", text(&self.label, &self.name));
        for (key, value) in &self.body {
            set(key, value.clone());
        }
        set("metadata", Value::Null);
        set("config", json!(self.config));
        set("unrendered_config", json!(self.unrendered_config));
        set("depends_on", depends_on_json(&self.depends_on));
        set("refs", refs_json(&self.refs));
        set("created_at", json!(self.created_at));
        set("group", json!(self.group));
        match self.resource_type {
            ResourceType::Metric => {
                set("meta", json!(self.meta));
                set("tags", json!(self.tags));
                set("sources", json!([]));
            }
            ResourceType::SavedQuery => set("tags", json!(self.tags)),
            _ => {}
        }
        Value::Object(json)
    }
}
