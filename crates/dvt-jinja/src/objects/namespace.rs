//! Jinja's `namespace()`, and the groups of `groupby`.

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::value::lock;
use crate::{Args, Dict, Object, Value};
use std::sync::Mutex;

/// The one object whose attributes a template can set.
#[derive(Debug, Default)]
pub(crate) struct Namespace(pub(crate) Mutex<Dict>);

impl Object for Namespace {
    fn type_name(&self) -> &str {
        "Namespace"
    }

    fn display(&self) -> String {
        format!("<Namespace {}>", Value::dict(lock(&self.0).clone()))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        lock(&self.0).get_str(name).cloned()
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        let value = self.attribute(name)?;
        Some(interpreter.call_value(&value, args))
    }
}

/// One group of `groupby`: `(grouper, list)` with names.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) grouper: Value,
    pub(crate) members: Value,
}

impl Object for Group {
    fn type_name(&self) -> &str {
        "_GroupTuple"
    }

    fn display(&self) -> String {
        Value::tuple(vec![self.grouper.clone(), self.members.clone()]).to_string()
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "grouper" => Some(self.grouper.clone()),
            "list" => Some(self.members.clone()),
            _ => None,
        }
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(vec![self.grouper.clone(), self.members.clone()])
    }
}
