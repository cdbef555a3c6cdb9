//! `on-run-start` and `on-run-end`: the project's and its packages' own statements around a run.

use crate::bridge::NodeBridge;
use crate::compile::{compile_node, write_compiled};
use crate::failure::{FailedAt, NodeError, from_render};
use crate::node::{node_comment, thread_name};
use crate::outcome::{NodeResult, RouteKind, Status, Timing};
use crate::reporter::NodeStarted;
use crate::run::Run;
use chrono::Utc;
use dvt_adapter::Fetch;
use dvt_diagnostics::Diagnostic;
use dvt_federation::Route;
use dvt_jinja::{Bridge, Value, render_template};
use dvt_manifest::{Node, ResourceType};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

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

/// Runs the hooks in dbt's order: packages by name, the root project last, each in its file's order. The first that
/// fails ends the row.
pub(crate) async fn run_hooks(run: &Arc<Run>, time: HookTime, so_far: &[NodeResult]) -> Vec<NodeResult> {
    let root = run.project().config.project.name.clone();
    let mut hooks: Vec<Arc<Node>> = run
        .project()
        .manifest
        .nodes
        .values()
        .filter(|node| node.resource_type == ResourceType::Operation && node.tags.iter().any(|tag| tag == time.tag()))
        .map(|node| Arc::new(node.clone()))
        .collect();
    hooks.sort_by_key(|hook| (hook.package_name == root, hook.package_name.clone(), hook.index));
    let extra = (time == HookTime::End).then(|| Arc::new(end_variables(run, so_far)));
    let total = hooks.len();
    let mut results = Vec::with_capacity(total);
    for (index, hook) in hooks.into_iter().enumerate() {
        run.reporter().node_started(&NodeStarted {
            index: index + 1,
            total,
            unique_id: hook.unique_id.clone(),
            name: hook.name.clone(),
            resource_type: "operation".to_owned(),
            materialized: "hook".to_owned(),
            relation_display: hook.name.clone(),
            connection: hook.connection.clone(),
            route: RouteKind::Pushdown,
        });
        let result = run_hook(run, &hook, extra.clone()).await;
        run.reporter().node_finished(index + 1, total, &result);
        let failed = result.status != Status::Success;
        results.push(result);
        if failed {
            break;
        }
    }
    results
}

async fn run_hook(run: &Arc<Run>, hook: &Arc<Node>, extra: Option<Arc<Vec<(String, Json)>>>) -> NodeResult {
    let (started_at, begun) = (Utc::now(), Instant::now());
    let (inner, node) = (Arc::clone(run), Arc::clone(hook));
    let executed = tokio::task::spawn_blocking(move || execute_hook(&inner, &node, extra.as_deref()))
        .await
        .unwrap_or_else(|error| Err(Diagnostic::error("internal", error.to_string()).into()));
    let mut result = NodeResult {
        unique_id: hook.unique_id.clone(),
        resource_type: "operation".to_owned(),
        name: hook.name.clone(),
        status: Status::Success,
        route: Some(RouteKind::Pushdown),
        timing: vec![Timing { name: "execute", started_at, completed_at: Utc::now() }],
        thread_id: thread_name(1),
        execution_seconds: begun.elapsed().as_secs_f64(),
        adapter_response: Map::new(),
        message: None,
        failures: None,
        compiled: true,
        compiled_code: None,
        extra_ctes: Vec::new(),
        relation_name: None,
        relation_display: hook.name.clone(),
        diagnostics: Vec::new(),
        rows: None,
    };
    match executed {
        Ok((sql, response)) => {
            result.message = response.get("_message").and_then(Json::as_str).map(str::to_owned);
            result.adapter_response = response;
            result.compiled_code = Some(sql);
        }
        Err(error) => {
            result.status = Status::Error;
            result.message = Some(error.message());
            result.diagnostics = error.diagnostics;
        }
    }
    result
}

/// Renders the hook and runs what it says; one that renders to nothing has done its work while it rendered.
fn execute_hook(
    run: &Arc<Run>,
    hook: &Arc<Node>,
    extra: Option<&Vec<(String, Json)>>,
) -> Result<(String, Map<String, Json>), NodeError> {
    let adapter = run.adapter(&hook.connection)?;
    let bridge = NodeBridge::new(run, hook, &adapter, node_comment(run, hook)?);
    let at = FailedAt { compiled: None, node: Some(&hook.span) };
    let result = (|| {
        let (sql, compiled) = match extra {
            // dbt renders these once more with the results of the run in reach.
            Some(extra) => {
                let mut context = run.context(hook, &hook.connection, "main");
                for (name, value) in extra {
                    context.variables.insert(name.clone(), Value::from(value));
                }
                let file = dvt_diagnostics::SourceFile::new(hook.original_file_path.as_str(), hook.raw_code.as_str());
                let outside: Arc<dyn Bridge> = Arc::clone(&bridge) as Arc<dyn Bridge>;
                let rendered = dvt_jinja::Template::parse(&file)
                    .and_then(|template| render_template(run.library(), &context, outside, &template))
                    .map_err(|error| from_render(error, at))?;
                (rendered.text, None)
            }
            None => {
                let compiled = compile_node(run, hook, &Route::Pushdown, &bridge, "main")?;
                (compiled.sql.clone(), Some(compiled))
            }
        };
        write_compiled(run, hook, &sql)?;
        let mut response = Map::new();
        if !sql.trim().is_empty() {
            let at = FailedAt { compiled: compiled.as_ref(), ..at };
            let answered = bridge
                .query(&sql, false, Fetch::None)
                .map_err(|error| crate::failure::from_bridge(error.as_ref(), at))?
                .response;
            response = crate::node::response_json(&answered.message, Some(&answered.code), answered.rows_affected);
        }
        bridge.commit().map_err(|error| crate::failure::from_bridge(error.as_ref(), at))?;
        Ok((sql, response))
    })();
    bridge.abandon();
    result
}

/// What `on-run-end` sees beside the rest: `results`, `schemas`, `database_schemas`.
fn end_variables(run: &Run, so_far: &[NodeResult]) -> Vec<(String, Json)> {
    let manifest = &run.project().manifest;
    let mut schemas = BTreeSet::new();
    let results: Vec<Json> = so_far
        .iter()
        .map(|result| {
            let node = manifest.nodes.get(&result.unique_id);
            if let Some(node) = node
                && node.resource_type.is_relational()
                && matches!(result.status, Status::Success | Status::Pass | Status::Warn)
            {
                schemas.insert((node.database.clone(), node.schema.clone()));
            }
            let mut json = crate::artifacts::run_result(result).to_json();
            if let Json::Object(map) = &mut json {
                map.insert("node".to_owned(), node.map_or(Json::Null, Node::to_json));
            }
            json
        })
        .collect();
    let names: BTreeSet<&String> = schemas.iter().map(|(_, schema)| schema).collect();
    let pairs: Vec<Json> = schemas.iter().map(|(database, schema)| json!([database, schema])).collect();
    vec![
        ("results".to_owned(), Json::Array(results)),
        ("schemas".to_owned(), json!(names)),
        ("database_schemas".to_owned(), Json::Array(pairs)),
    ]
}
