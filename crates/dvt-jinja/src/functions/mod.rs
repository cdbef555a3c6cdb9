//! The members of dbt's context: one file per family.

mod adapter;
mod adapter_metadata;
mod adapter_snapshot;
mod api;
mod config;
mod constraints;
pub(crate) mod context_object;
pub(crate) mod datetime;
mod datetime_format;
mod datetime_module;
mod env_var;
mod exceptions;
mod function;
mod graph;
mod hashes;
mod itertools;
pub(crate) mod json;
mod logging;
pub(crate) mod native;
mod python;
mod re;
mod refs;
mod resolver;
mod results;
mod validation;
mod var;
mod yaml;
mod yaml_dump;

pub use adapter_metadata::finds_in_any_case;
pub(crate) use function::Function;

use crate::Value;
use crate::engine::Interpreter;
use std::sync::Arc;

/// The names of all members, for suggestions.
pub(crate) const MEMBER_NAMES: &[&str] = &[
    "adapter",
    "api",
    "builtins",
    "column",
    "config",
    "context",
    "cycler",
    "dbt_metadata_envs",
    "dbt_version",
    "diff_of_two_dicts",
    "dict",
    "doc",
    "dvt_version",
    "env",
    "env_var",
    "exceptions",
    "execute",
    "flags",
    "fromjson",
    "fromyaml",
    "function",
    "graph",
    "invocation_args_dict",
    "invocation_id",
    "joiner",
    "lipsum",
    "load_agate_table",
    "load_result",
    "local_md5",
    "log",
    "model",
    "modules",
    "namespace",
    "node",
    "print",
    "project_name",
    "range",
    "ref",
    "render",
    "return",
    "run_started_at",
    "selected_resources",
    "set",
    "set_strict",
    "source",
    "store_raw_result",
    "store_result",
    "target",
    "this",
    "thread_id",
    "tojson",
    "toyaml",
    "try_or_compiler_error",
    "validation",
    "var",
    "write",
    "zip",
    "zip_strict",
];

/// A member of the context by name.
pub(crate) fn member(interpreter: &mut Interpreter<'_>, name: &str) -> Option<Value> {
    let context = interpreter.context;
    Some(match name {
        "ref" | "source" | "metric" | "function" => resolver::Resolver::value(interpreter, name),
        "config" => Value::object(config::Config),
        "var" => Value::object(var::Var),
        "env_var" => Function::value("env_var", env_var::env_var),
        "this" => context.this.clone().map_or(Value::None, Value::relation),
        "target" | "env" => interpreter.kept_member("target", |interpreter| (&interpreter.context.target).into()),
        "model" | "node" => interpreter.kept_member("model", |interpreter| {
            interpreter
                .context
                .node
                .as_deref()
                .map_or(Value::None, |node| crate::objects::column::model(interpreter, node))
        }),
        "execute" => Value::Bool(context.executes()),
        "graph" => interpreter.kept_member("graph", |interpreter| {
            graph::Graph::value(interpreter.bridge.graph(), &interpreter.context.invocation.graph_additions)
        }),
        "adapter" => Value::object(adapter::Adapter(Arc::clone(&context.invocation))),
        "api" => Value::object(api::Api),
        "builtins" => interpreter.kept_member("builtins", builtins),
        "flags" => Value::object(graph::Flags(context.invocation.clone())),
        "invocation_id" => {
            context.invocation.uses.clock();
            Value::from(context.invocation.invocation_id.as_str())
        }
        "invocation_args_dict" => {
            interpreter.kept_member("invocation_args_dict", |interpreter| (&interpreter.context.invocation.args).into())
        }
        "run_started_at" => {
            context.invocation.uses.clock();
            Value::datetime_utc(context.invocation.run_started_at)
        }
        "dbt_version" => Value::from(context.invocation.dbt_version.as_str()),
        "dvt_version" => Value::from(context.invocation.dvt_version.as_str()),
        "dbt_metadata_envs" => {
            context.invocation.uses.metadata_envs();
            (&context.invocation.metadata_envs).into()
        }
        "selected_resources" => {
            Value::list(context.invocation.selected_resources.iter().map(|id| Value::from(id.as_str())).collect())
        }
        "thread_id" => Value::from(context.thread_id.as_str()),
        "project_name" => Value::from(interpreter.library.root_project()),
        "connection_name" => Value::from(interpreter.bridge.connection()),
        "dialect" => Value::from(interpreter.bridge.dialect().name),
        "context" => Value::object(context_object::ContextObject),
        "context_macro_stack" => {
            let names: Vec<Value> = interpreter.running_macros().map(Value::from).collect();
            Value::list(names)
        }
        "log" => Function::value("log", logging::log),
        "print" => Function::value("print", logging::print),
        "return" => Function::value("return", function::return_),
        "debug" => Function::value("debug", function::nothing),
        "exceptions" => Value::object(exceptions::Exceptions),
        "modules" => interpreter.kept_member("modules", |_| python::modules()),
        "fromjson" => Function::value("fromjson", json::from_json),
        "tojson" => Function::value("tojson", json::to_json),
        "fromyaml" => Function::value("fromyaml", yaml::from_yaml),
        "toyaml" => Function::value("toyaml", yaml_dump::to_yaml),
        "set" => Function::value("set", python::set),
        "set_strict" => Function::value("set_strict", python::set_strict),
        "zip" => Function::value("zip", python::zip),
        "zip_strict" => Function::value("zip_strict", python::zip_strict),
        "range" => Function::value("range", python::range),
        "dict" => Function::value("dict", python::dict),
        "namespace" => Function::value("namespace", python::namespace),
        "lipsum" => Function::value("lipsum", python::lipsum),
        "cycler" => Function::value("cycler", python::cycler),
        "joiner" => Function::value("joiner", python::joiner),
        "local_md5" => Function::value("local_md5", hashes::local_md5),
        "diff_of_two_dicts" => Function::value("diff_of_two_dicts", python::diff_of_two_dicts),
        "doc" => Function::value("doc", refs::doc),
        "render" => Function::value("render", function::render),
        "write" => Function::value("write", function::write),
        "load_agate_table" => Function::value("load_agate_table", results::load_agate_table),
        "load_result" => Function::value("load_result", results::load_result),
        "store_result" => Function::value("store_result", results::store_result),
        "store_raw_result" => Function::value("store_raw_result", results::store_raw_result),
        "_sql_results" => results::all(interpreter),
        "try_or_compiler_error" => Function::value("try_or_compiler_error", exceptions::try_or_compiler_error),
        "validation" => Value::object(validation::Validation),
        "column" => Value::object(crate::objects::column::ColumnClass),
        "schema" | "database" => match context.node.as_deref().and_then(|node| node.get(name)) {
            Some(value) => Value::from(value),
            None => return None,
        },
        "submit_python_job" => Function::value("submit_python_job", function::submit_python_job),
        "adapter_macro" => Function::value("adapter_macro", function::adapter_macro),
        "landing" | "sql" | "compiled_code" | "pre_hooks" | "post_hooks" | "defer_relation" => return unset(name),
        _ => return None,
    })
}

/// Variables that only a materialization has: `landing` is `none` on pushdown, hooks are empty.
fn unset(name: &str) -> Option<Value> {
    match name {
        "landing" | "defer_relation" | "sql" => Some(Value::None),
        "pre_hooks" | "post_hooks" => Some(Value::list(Vec::new())),
        _ => None,
    }
}

/// `builtins`: the members as they are when no macro overrides them.
fn builtins(interpreter: &Interpreter<'_>) -> Value {
    let mut dict = crate::Dict::new();
    for name in ["ref", "source", "metric", "function"] {
        dict.set(name, resolver::Resolver::value(interpreter, name));
    }
    dict.set("config", Value::object(config::Config));
    dict.set("var", Value::object(var::Var));
    dict.set("env_var", Function::value("env_var", env_var::env_var));
    dict.set("log", Function::value("log", logging::log));
    dict.set("print", Function::value("print", logging::print));
    dict.set("return", Function::value("return", function::return_));
    dict.set("fromjson", Function::value("fromjson", json::from_json));
    dict.set("tojson", Function::value("tojson", json::to_json));
    dict.set("fromyaml", Function::value("fromyaml", yaml::from_yaml));
    dict.set("toyaml", Function::value("toyaml", yaml_dump::to_yaml));
    dict.set("set", Function::value("set", python::set));
    dict.set("zip", Function::value("zip", python::zip));
    dict.set("local_md5", Function::value("local_md5", hashes::local_md5));
    dict.set("diff_of_two_dicts", Function::value("diff_of_two_dicts", python::diff_of_two_dicts));
    dict.set("exceptions", Value::object(exceptions::Exceptions));
    dict.set("doc", Function::value("doc", refs::doc));
    dict.set("load_result", Function::value("load_result", results::load_result));
    dict.set("store_result", Function::value("store_result", results::store_result));
    dict.set("render", Function::value("render", function::render));
    Value::dict(dict)
}

/// A flag of the invocation by its upper-case name, `none` when it is not set.
pub(crate) fn flag(interpreter: &Interpreter<'_>, name: &str) -> Value {
    let invocation = &interpreter.context.invocation;
    let found = invocation.flags.get(name);
    invocation.uses.flag(name, found);
    found.map_or(Value::None, Value::from)
}
