//! `ref`, `source`, `function`, `metric` and `doc`.

use crate::bridge::{EventTimeFilter, RefRequest};
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::objects::relation::RelationValue;
use crate::rendered::{AskedRef, AskedSource};
use crate::{Args, Value};
use dvt_manifest::Relation;

/// `ref(name)`, `ref(package, name)`, with `version=` or `v=`.
pub(super) fn reference(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let positional = args.rest();
    let name_of = |value: &Value| match value {
        Value::Str(name) => Ok(name.to_string()),
        other => Err(raise(format!("ref() takes names as strings, not {}", other.type_name()))),
    };
    let (package, name) = match positional.as_slice() {
        [name] => (None, name_of(name)?),
        [package, name] => (Some(name_of(package)?), name_of(name)?),
        _ => {
            return Err(raise(format!("ref() takes at most two arguments ({} given)", positional.len()))
                .with_help(Some("write `ref('model')` or `ref('package', 'model')`".to_owned())));
        }
    };
    let version = args.keyword.shift_remove("version").or_else(|| args.keyword.shift_remove("v"));
    args.keyword.shift_remove("v");
    args.finish()?;
    let version = version.filter(|version| !version.is_none() && !version.is_undefined());
    let json = version.as_ref().and_then(|version| version.to_json().ok());
    let version = version.map(|version| version.to_string());
    let request = RefRequest { package, name, version };
    let span = interpreter.user_span();
    interpreter.asked.refs.push(AskedRef { request: request.clone(), version: json, span });
    if !interpreter.executes() {
        return placeholder(interpreter, |interpreter| interpreter.bridge.resolve_ref(&request));
    }
    let relation = interpreter.bridge.resolve_ref(&request)?;
    let filter = interpreter.bridge.ref_event_time(&request);
    Ok(narrowed(interpreter, relation, filter))
}

/// `source(source_name, table_name)`.
pub(super) fn source(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let positional = args.rest();
    args.finish()?;
    let [Value::Str(source_name), Value::Str(table_name)] = positional.as_slice() else {
        return Err(raise(format!("source() takes exactly two strings ({} arguments given)", positional.len()))
            .with_help(Some("write `source('source_name', 'table_name')`".to_owned())));
    };
    let span = interpreter.user_span();
    let asked = AskedSource { source_name: source_name.to_string(), table_name: table_name.to_string(), span };
    interpreter.asked.sources.push(asked);
    if !interpreter.executes() {
        return placeholder(interpreter, |interpreter| interpreter.bridge.resolve_source(source_name, table_name));
    }
    let relation = interpreter.bridge.resolve_source(source_name, table_name)?;
    let filter = interpreter.bridge.source_event_time(source_name, table_name);
    Ok(narrowed(interpreter, relation, filter))
}

/// `function(name)`, `function(package, name)`: the database's name of a function of the project.
pub(super) fn function(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let positional = args.rest();
    args.finish()?;
    let (package, name) = match positional.as_slice() {
        [Value::Str(name)] => (None, name.to_string()),
        [Value::Str(package), Value::Str(name)] => (Some(package.to_string()), name.to_string()),
        [_] | [_, _] => {
            return Err(raise("function() takes names as strings".to_owned()));
        }
        _ => return Err(raise(format!("function() takes at most two arguments ({} given)", positional.len()))),
    };
    let request = RefRequest { package, name, version: None };
    let span = interpreter.user_span();
    interpreter.asked.functions.push(AskedRef { request: request.clone(), version: None, span });
    if !interpreter.executes() {
        return placeholder(interpreter, |interpreter| interpreter.bridge.resolve_ref(&request));
    }
    Ok(Value::relation(interpreter.bridge.resolve_function(&request)?))
}

/// When parsing, a name is not resolved yet: dbt gives the node's own relation.
fn placeholder(
    interpreter: &Interpreter<'_>,
    resolve: impl Fn(&Interpreter<'_>) -> Result<Relation, crate::BridgeError>,
) -> Result<Value, Flow> {
    match &interpreter.context.this {
        Some(this) => Ok(Value::relation(this.clone())),
        None => Ok(Value::relation(resolve(interpreter)?)),
    }
}

/// With `--empty`, inputs have no rows; with `--sample` and in a batch, those of its time.
fn narrowed(interpreter: &Interpreter<'_>, relation: Relation, filter: Option<EventTimeFilter>) -> Value {
    if interpreter.bridge.reads_inputs_whole() {
        return Value::relation(relation);
    }
    // A name says what is read, not what it is: dbt leaves the type open.
    let is_cte = relation.kind == Some(dvt_manifest::RelationKind::Cte);
    let relation = Relation { kind: relation.kind.filter(|_| is_cte), ..relation };
    let limit = super::flag(interpreter, "EMPTY").is_true().then_some(0);
    Value::object(RelationValue { limit, event_time_filter: filter, ..RelationValue::new(relation) })
}

/// `metric(name)`, `metric(package, name)`: its name as text, its fields as attributes.
pub(super) fn metric(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let positional = args.rest();
    args.finish()?;
    let (package, name) = match positional.as_slice() {
        [Value::Str(name)] => (None, name.to_string()),
        [Value::Str(package), Value::Str(name)] => (Some(package.to_string()), name.to_string()),
        [_] | [_, _] => return Err(raise("metric() takes names as strings".to_owned())),
        _ => return Err(raise(format!("metric() takes at most two arguments ({} given)", positional.len()))),
    };
    interpreter.asked.metrics.push(package.iter().cloned().chain([name.clone()]).collect());
    if !interpreter.executes() {
        return Ok(Value::object(Metric { name, package, fields: Value::None }));
    }
    let graph = interpreter.bridge.graph();
    let metrics = graph.get("metrics").and_then(serde_json::Value::as_object);
    let found = metrics.into_iter().flatten().map(|(_, metric)| metric).find(|metric| {
        let is = |key: &str, wanted: &str| metric.get(key).and_then(serde_json::Value::as_str) == Some(wanted);
        is("name", &name) && package.as_deref().is_none_or(|package| is("package_name", package))
    });
    match found {
        Some(metric) => {
            let package = metric.get("package_name").and_then(serde_json::Value::as_str).map(str::to_owned);
            Ok(Value::object(Metric { name, package, fields: Value::from(metric) }))
        }
        None => Err(raise(format!("metric '{name}' was not found"))),
    }
}

/// A metric in a template.
#[derive(Debug)]
struct Metric {
    name: String,
    package: Option<String>,
    /// Its fields as a dict; `none` when parsing.
    fields: Value,
}

impl crate::Object for Metric {
    fn type_name(&self) -> &str {
        "Metric"
    }

    fn display(&self) -> String {
        self.name.clone()
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "metric_name" => return Some(Value::str(&self.name)),
            "package_name" => return Some(self.package.as_deref().map_or(Value::None, Value::str)),
            _ => {}
        }
        self.fields.as_dict()?.get_str(name).cloned()
    }
}

/// `doc(name)`, `doc(package, name)`.
pub(super) fn doc(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let positional = args.rest();
    args.finish()?;
    let (package, name) = match positional.as_slice() {
        [name] => (None, name.to_string()),
        [package, name] => (Some(package.to_string()), name.to_string()),
        _ => return Err(raise(format!("doc() takes at most two arguments ({} given)", positional.len()))),
    };
    match interpreter.bridge.doc(package.as_deref(), &name)? {
        Some(text) => Ok(Value::from(text)),
        None => {
            let full = package.map_or_else(|| name.clone(), |package| format!("{package}.{name}"));
            Err(Flow::error(
                crate::ErrorKind::Missing,
                format!("Documentation for '{full}' depends on doc '{full}' which was not found"),
            ))
        }
    }
}
