//! `run-operation`: one macro, or one statement, on a session of its own.

use crate::bridge::NodeBridge;
use crate::compile::compile_node;
use crate::execution::{close_journal, start_journal};
use crate::failure::{FailedAt, NodeError, Told, from_bridge, from_render, kind_of};
use crate::node::node_comment;
use crate::outcome::{NodeResult, RunOutcome, Status, Timing};
use crate::run::Run;
use chrono::{DateTime, Utc};
use dvt_adapter::Fetch;
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_federation::Route;
use dvt_jinja::{Args, Bridge, Value, call_macro};
use dvt_manifest::Node;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use std::time::Instant;

/// What `run-operation` is to do.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A macro by its name or `package.name`, with its arguments by name.
    Macro { name: String, arguments: Map<String, Json> },
    /// SQL, which may hold Jinja. It is committed when it succeeds.
    Sql(String),
}

/// Runs the operation; the outcome holds one result. What it changed in a transaction that nobody committed is rolled
/// back.
pub(crate) async fn run_operation(run: &Arc<Run>, operation: Operation) -> RunOutcome {
    let begun = Instant::now();
    let mut diagnostics = Vec::new();
    let mut results = Vec::new();
    let ready = start_journal(run).await;
    match ready {
        Ok(()) => {
            let inner = Arc::clone(run);
            let task = tokio::task::spawn_blocking(move || work(&inner, &operation));
            match task.await {
                Ok(Ok(result)) => results.push(result),
                Ok(Err(error)) => diagnostics.extend(error.diagnostics),
                Err(error) => diagnostics.push(Diagnostic::error("internal", format!("dvt itself failed: {error}"))),
            }
        }
        Err(error) => diagnostics.extend(error.diagnostics),
    }
    let mut outcome = RunOutcome {
        invocation_id: run.invocation().invocation_id.clone(),
        started_at: run.started_at(),
        elapsed_seconds: begun.elapsed().as_secs_f64(),
        could_not_go_on: results.is_empty(),
        results,
        order: Vec::new(),
        diagnostics,
        stopped_early: false,
        cancelled: run.interrupted(),
    };
    if run.settings().write_artifacts && !outcome.could_not_go_on {
        let problems = crate::artifacts::write_run_results(run, &outcome);
        outcome.diagnostics.extend(problems);
    }
    outcome.diagnostics.extend(close_journal(run));
    for result in &outcome.results {
        if let Some(error) = result.message.as_ref().filter(|_| result.status == Status::Error) {
            let message = format!("Encountered an error while running operation: {error}");
            run.settings()
                .events
                .fire(Event::new(kinds::RUNNING_OPERATION_CAUGHT_ERROR, message).with("exc", error.as_str()));
        }
    }
    for diagnostic in &outcome.diagnostics {
        run.reporter().diagnostic(diagnostic);
    }
    outcome
}

/// Blocks.
fn work(run: &Arc<Run>, operation: &Operation) -> Result<NodeResult, NodeError> {
    let started_at = Utc::now();
    let connection = run.project().config.profile.target.clone();
    let (package, name, unique_id) = match operation {
        Operation::Macro { name, .. } => find_macro(run, name)?,
        Operation::Sql(_) => {
            let package = run.project().config.project.name.clone();
            (package.clone(), "inline_query".to_owned(), format!("sql_operation.{package}.inline_query"))
        }
    };
    let mut node = match operation {
        Operation::Sql(sql) if has_jinja(sql) => run.inline_node_of(sql)?,
        _ => run.operation_node(&name, &connection),
    };
    node.package_name.clone_from(&package);
    let node = Arc::new(node);
    let compiled_at = Utc::now();
    let mut result = NodeResult::new(&unique_id, "operation", &name, Status::Success);
    let done = run.adapter(&connection).and_then(|adapter| {
        let bridge = NodeBridge::for_run(run, &node, &adapter, node_comment(run, &node)?);
        let done = match operation {
            Operation::Macro { arguments, .. } => call(run, &node, &bridge, &unique_id, arguments).map(|()| Map::new()),
            Operation::Sql(sql) => statement(run, &node, &bridge, sql),
        };
        bridge.abandon();
        done
    });
    let completed_at = Utc::now();
    result.timing = vec![timing("compile", started_at, compiled_at), timing("execute", compiled_at, completed_at)];
    result.execution_seconds = (completed_at - started_at).as_seconds_f64();
    result.failures = Some(0);
    match done {
        Ok(response) => result.adapter_response = response,
        Err(error) => {
            result.status = Status::Error;
            result.failures = Some(1);
            result.message = Some(told(run, &unique_id, &name, &error));
            result.diagnostics = error.diagnostics;
        }
    }
    if matches!(operation, Operation::Sql(_)) {
        tell_end(run, &result);
    }
    Ok(result)
}

/// The error in dbt's words: what a database refused has no macro around it there.
fn told(run: &Run, unique_id: &str, name: &str, error: &NodeError) -> String {
    let id = error.diagnostics.first().map_or("internal", |diagnostic| diagnostic.id);
    if kind_of(id) == "Database" {
        return format!("Database Error\n  {}", error.message().replace('\n', "\n  "));
    }
    let path = run.project().manifest.macros.get(unique_id).map(|found| found.original_file_path.clone());
    error.told(&Told::new("macro", name, &path.unwrap_or_default()))
}

fn timing(name: &'static str, started_at: DateTime<Utc>, completed_at: DateTime<Utc>) -> Timing {
    Timing { name, started_at, completed_at }
}

/// Package, name and unique id of the macro that the command line names.
fn find_macro(run: &Run, written: &str) -> Result<(String, String, String), NodeError> {
    let (package, name) = match written.split_once('.') {
        Some((package, name)) => (Some(package), name),
        None => (None, written),
    };
    let root = run.project().config.project.name.as_str();
    let library = run.library();
    let found = match package {
        Some(package) => library.get_in_package(package, name),
        // A dependency's macro is found without its package's name, too.
        None => library.find(root, name).or_else(|| library.definitions().find(|known| known.name == name)),
    };
    let Some(found) = found else {
        let names = run.project().manifest.macros.values().map(|known| known.name.as_str());
        let place = package.map_or_else(|| "any package".to_owned(), |package| format!("package '{package}'"));
        let error =
            Diagnostic::error("unknown-macro", format!("dbt could not find a macro with the name '{name}' in {place}"));
        return Err(match dvt_diagnostics::did_you_mean(name, names) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }
        .into());
    };
    Ok((found.package.clone(), found.name.clone(), found.unique_id.clone()))
}

fn call(
    run: &Arc<Run>,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    unique_id: &str,
    arguments: &Map<String, Json>,
) -> Result<(), NodeError> {
    let mut context = run.context(node, &node.connection, "main");
    // A macro belongs to no node.
    context.node = None;
    let mut args = Args::new(unique_id, Vec::new());
    for (name, value) in arguments {
        args = args.with_keyword(name, Value::from(value));
    }
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    call_macro(run.library(), &context, outside, unique_id, args)
        .map(drop)
        .map_err(|error| from_render(error, FailedAt::NOWHERE))
}

fn statement(
    run: &Arc<Run>,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    sql: &str,
) -> Result<Map<String, Json>, NodeError> {
    let compiled = if has_jinja(sql) { Some(compile_node(run, node, &Route::Pushdown, bridge, "main")?) } else { None };
    let sql = compiled.as_ref().map_or(sql, |compiled| compiled.sql.as_str());
    run.settings().events.fire(
        Event::new(kinds::NOTE, line("START executing inline_query", "RUN"))
            .with("msg", "START executing inline_query"),
    );
    let at = FailedAt { compiled: compiled.as_ref(), node: None };
    let failed = |error: dvt_jinja::BridgeError| from_bridge(error.as_ref(), at);
    let answered = bridge.query(sql, false, Fetch::None).map_err(failed)?.response;
    bridge.commit().map_err(failed)?;
    let mut response = crate::node::response_json(&answered.message, Some(&answered.code), answered.rows_affected);
    response.insert("query_id".to_owned(), Json::Null);
    Ok(response)
}

fn tell_end(run: &Run, result: &NodeResult) {
    let seconds = result.execution_seconds;
    let line = if result.status == Status::Success {
        let message = result.adapter_response.get("_message").and_then(Json::as_str).filter(|text| !text.is_empty());
        line("OK executed inline_query", &format!("{} in {seconds:.2}s", message.unwrap_or("OK")))
    } else {
        line("ERROR executing inline_query", &format!("ERROR in {seconds:.2}s"))
    };
    run.settings().events.fire(Event::new(kinds::NOTE, line.clone()).with("msg", line));
}

/// A line about the one statement, with dots up to its status.
fn line(text: &str, status: &str) -> String {
    format!("{:.<78} [{status}]", format!("1 of 1 {text} "))
}

/// Whether the text asks for anything to be rendered.
fn has_jinja(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}
