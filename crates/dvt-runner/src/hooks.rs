//! `on-run-start` and `on-run-end`: the project's and its packages' own statements around a run.

use crate::bridge::NodeBridge;
use crate::compile::{CompiledNode, compile_hook, write_compiled};
use crate::failure::{FailedAt, NodeError, from_bridge};
use crate::node::node_comment;
use crate::outcome::{NodeResult, RouteKind, Status, Timing};
use crate::reporter::NodeStarted;
use crate::run::Run;
use chrono::{DateTime, Utc};
use dvt_adapter::Fetch;
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_jinja::Value;
use dvt_manifest::{Node, ResourceType};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookTime {
    Start,
    End,
}

impl HookTime {
    fn tag(self) -> &'static str {
        match self {
            Self::Start => "on-run-start",
            Self::End => "on-run-end",
        }
    }
}

/// What `on-run-end` sees beside the rest, by name.
type Extra = Vec<(String, Value)>;

/// One session per connection, shared by the hooks in a row: what one sets, the next one sees.
type Sessions = BTreeMap<String, Arc<NodeBridge>>;

/// Runs the hooks in dbt's order: the root project first, then packages by name, each in its file's order. After the first
/// that fails the others are skipped.
///
/// # Errors
/// A hook that cannot be compiled ends the command, as in dbt; the results so far come along.
pub(crate) async fn run_hooks(
    run: &Arc<Run>,
    time: HookTime,
    so_far: &[NodeResult],
) -> (Vec<NodeResult>, Result<(), NodeError>) {
    let root = run.project().config.project.name.clone();
    let mut hooks: Vec<Arc<Node>> = run
        .project()
        .manifest
        .nodes
        .values()
        .filter(|node| node.resource_type == ResourceType::Operation && node.tags.iter().any(|tag| tag == time.tag()))
        .map(|node| Arc::new(node.clone()))
        .collect();
    hooks.sort_by_key(|hook| (hook.package_name != root, hook.package_name.clone(), hook.index));
    let extra: Arc<Extra> = match time {
        HookTime::Start => Arc::default(),
        HookTime::End if hooks.is_empty() => Arc::default(),
        HookTime::End => Arc::new(end_variables(run, so_far)),
    };
    let total = hooks.len();
    let blank_line = || run.settings().events.fire(Event::new(kinds::FORMATTING, ""));
    if time == HookTime::End && total > 0 {
        blank_line();
    }
    let mut results = Vec::with_capacity(total);
    let mut sessions = Sessions::new();
    let mut has_failed = false;
    for (index, hook) in hooks.into_iter().enumerate() {
        let name = format!("{}.{}.{index}", hook.package_name, time.tag());
        let result = if has_failed {
            let mut result = blank(&hook, &name, Status::Skipped);
            result.message = Some(format!("{name} skipped"));
            result
        } else {
            let (inner, node, extra, shown) = (Arc::clone(run), Arc::clone(&hook), Arc::clone(&extra), name.clone());
            let place = (index + 1, total);
            let moved = std::mem::take(&mut sessions);
            let task = tokio::task::spawn_blocking(move || {
                let mut sessions = moved;
                let done = run_hook(&inner, &node, &shown, place, &extra, &mut sessions);
                (done, sessions)
            });
            let done = match task.await {
                Ok((done, kept)) => {
                    sessions = kept;
                    done
                }
                Err(error) => Err(Diagnostic::error("internal", error.to_string()).into()),
            };
            match done {
                Ok(result) => result,
                Err(error) => {
                    release(sessions).await;
                    return (results, Err(error));
                }
            }
        };
        has_failed |= result.status == Status::Error;
        run.reporter().node_finished(index + 1, total, &result);
        results.push(result);
    }
    release(sessions).await;
    if time == HookTime::Start && total > 0 {
        blank_line();
    }
    (results, Ok(()))
}

async fn release(sessions: Sessions) {
    // What a failed release would say concerns nobody any more: the session is closed then.
    let _ = tokio::task::spawn_blocking(move || sessions.values().for_each(|bridge| bridge.abandon())).await;
}

fn blank(hook: &Node, name: &str, status: Status) -> NodeResult {
    let mut result = NodeResult::new(&hook.unique_id, "operation", &hook.name, status);
    name.clone_into(&mut result.relation_display);
    result.failures = Some(i64::from(status != Status::Success));
    result
}

/// Compiles the hook and runs what it says, outside of a transaction; one that renders to nothing has done its work
/// while it rendered. Blocks.
fn run_hook(
    run: &Arc<Run>,
    hook: &Arc<Node>,
    name: &str,
    (index, total): (usize, usize),
    extra: &Extra,
    sessions: &mut Sessions,
) -> Result<NodeResult, NodeError> {
    let adapter = run.adapter(&hook.connection)?;
    let comment = node_comment(run, hook)?;
    let bridge = match sessions.get(&hook.connection) {
        Some(open) => open.serving(hook, comment),
        None => NodeBridge::for_run(run, hook, &adapter, comment),
    };
    sessions.insert(hook.connection.clone(), Arc::clone(&bridge));
    let started_at = Utc::now();
    let compiled = compile_hook(run, hook, &bridge, extra)?;
    write_compiled(run, hook, &compiled.sql)?;
    let compiled_at = Utc::now();
    run.reporter().node_started(&NodeStarted {
        index,
        total,
        unique_id: hook.unique_id.clone(),
        name: hook.name.clone(),
        resource_type: "operation".to_owned(),
        materialized: "hook".to_owned(),
        relation_display: name.to_owned(),
        connection: hook.connection.clone(),
        route: RouteKind::Pushdown,
    });
    let executing_at = Utc::now();
    let executed = execute(hook, &compiled, &bridge);
    let completed_at = Utc::now();
    let mut result = blank(hook, name, Status::Success);
    result.route = Some(RouteKind::Pushdown);
    result.compiled = true;
    result.compiled_code = Some(compiled.sql);
    result.timing = vec![timing("compile", started_at, compiled_at), timing("execute", executing_at, completed_at)];
    result.execution_seconds = (completed_at - started_at).as_seconds_f64();
    result.message = Some(format!("{name} passed"));
    if let Err(error) = executed {
        result.status = Status::Error;
        result.failures = Some(1);
        result.message = Some(format!("{name} failed, error:\n {}", error.message()));
        result.diagnostics = error.diagnostics;
    }
    Ok(result)
}

fn timing(name: &'static str, started_at: DateTime<Utc>, completed_at: DateTime<Utc>) -> Timing {
    Timing { name, started_at, completed_at }
}

fn execute(hook: &Node, compiled: &CompiledNode, bridge: &Arc<NodeBridge>) -> Result<(), NodeError> {
    let at = FailedAt { compiled: Some(compiled), node: Some(&hook.span) };
    let sql = statement_of(&compiled.sql);
    if sql.trim().is_empty() {
        return Ok(());
    }
    bridge.query(&sql, false, Fetch::None).map(drop).map_err(|error| from_bridge(error.as_ref(), at))
}

/// The statement of a hook that was written with `before_begin()` and its like: those render to JSON.
fn statement_of(text: &str) -> String {
    match serde_json::from_str::<Json>(text.trim()) {
        Ok(Json::Object(hook)) => hook.get("sql").and_then(Json::as_str).unwrap_or(text).to_owned(),
        _ => text.to_owned(),
    }
}

/// What `on-run-end` sees beside the rest: `results`, `schemas`, `database_schemas`. Hooks that went well are not
/// among the results.
fn end_variables(run: &Run, so_far: &[NodeResult]) -> Extra {
    let manifest = &run.project().manifest;
    let mut schemas = BTreeSet::new();
    let mut results = Vec::new();
    for result in so_far.iter().filter(|result| result.thread_id != "main" || result.status == Status::Error) {
        let node = manifest.node(&result.unique_id);
        if let Some(node) = node
            && run.leaves_relation(node)
            && !matches!(result.status, Status::Error | Status::Fail | Status::Skipped)
        {
            schemas.insert((node.database.clone(), node.schema.clone()));
        }
        let mut fields = match crate::artifacts::run_result(run, result).to_json() {
            Json::Object(fields) => fields,
            _ => Map::new(),
        };
        fields.insert("node".to_owned(), node_json(run, node, result));
        results.push(Value::run_result(fields));
    }
    let names: BTreeSet<&String> = schemas.iter().map(|(_, schema)| schema).collect();
    let text = |value: &Option<String>| value.as_deref().map_or(Value::None, Value::str);
    let pairs =
        schemas.iter().map(|(database, schema)| Value::tuple(vec![text(database), Value::str(schema)])).collect();
    vec![
        ("results".to_owned(), Value::list(results)),
        ("schemas".to_owned(), Value::list(names.into_iter().map(Value::str).collect())),
        ("database_schemas".to_owned(), Value::list(pairs)),
    ]
}

/// The node as the run has compiled it; of what is no node, what is known.
fn node_json(run: &Run, node: Option<&Node>, result: &NodeResult) -> Json {
    match node {
        Some(node) => {
            let mut json = node.to_json();
            if let Json::Object(fields) = &mut json {
                fields.insert("compiled".to_owned(), json!(result.compiled));
                fields.insert("compiled_code".to_owned(), json!(result.compiled_code));
            }
            json
        }
        None => run
            .graph_json()
            .as_object()
            .into_iter()
            .flat_map(|graph| graph.values())
            .find_map(|kind| kind.get(&result.unique_id).cloned())
            .unwrap_or_else(
                || json!({"unique_id": result.unique_id, "name": result.name, "resource_type": result.resource_type}),
            ),
    }
}

#[cfg(test)]
mod tests {
    use super::statement_of;

    #[test]
    fn a_hook_may_render_to_its_configuration() {
        assert_eq!(statement_of(r#" {"sql": "vacuum t", "transaction": false} "#), "vacuum t");
        assert_eq!(statement_of("select '{}'"), "select '{}'");
        assert_eq!(statement_of(""), "");
    }
}
