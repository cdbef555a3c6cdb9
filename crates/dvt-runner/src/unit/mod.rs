//! Unit tests: a model's query over rows that the test gives it, compared with the rows that it expects.
//!
//! In: a [`UnitTest`]. The model's template is rendered with its inputs replaced by CTEs of the given rows, typed by the
//! columns of the relations that they stand for; the `unit` materialization runs it beside the expected rows; the two
//! sets are compared here, in any order. Only the model's own connection is worked on, also where the model reads
//! others: their columns are asked of their catalogs and written in the model's types.

mod compile;
mod diff;
mod inputs;

pub(crate) use inputs::UnitInputs;

use crate::bridge::NodeBridge;
use crate::compile::{CompiledNode, write_compiled};
use crate::failure::{FailedAt, NodeError, from_render, kind_of};
use crate::journal::Entry;
use crate::node::{blocking, node_comment, response_json, thread_name};
use crate::outcome::{NodeResult, RouteKind, Status, Timing};
use crate::reporter::NodeStarted;
use crate::run::{Run, now};
use crate::scheduler::Place;
use chrono::Utc;
use compile::compile_unit_test;
use diff::Difference;
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_jinja::{Bridge, Materialized, run_materialization};
use dvt_manifest::{Config, FixtureFormat, Node, ResourceType, UnitTest};
use inputs::written_rows;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Runs one unit test and tells the reporter of its start. Never fails: what goes wrong is in the result.
pub(crate) async fn run_unit_test(run: Arc<Run>, test: Arc<UnitTest>, place: Place, total: usize) -> NodeResult {
    let begun = Instant::now();
    let mut result = NodeResult::new(&test.unique_id, "unit_test", &test.versioned_name(), Status::Success);
    result.thread_id = thread_name(place.slot);
    result.relation_display = display_name(&test);
    run.reporter().node_started(&NodeStarted {
        index: place.position,
        total,
        unique_id: test.unique_id.clone(),
        name: test.versioned_name(),
        resource_type: "unit_test".to_owned(),
        materialized: "unit".to_owned(),
        relation_display: result.relation_display.clone(),
        connection: tested_connection(&run, &test),
        route: RouteKind::Pushdown,
    });
    if let Err(error) = work_on(&run, &test, &mut result).await {
        result.status = Status::Error;
        let of = crate::failure::Told::new("unit_test", &test.name, &test.original_file_path);
        result.message = Some(error.told(&of));
        result.diagnostics = error.diagnostics;
    }
    result.execution_seconds = begun.elapsed().as_secs_f64();
    let finished = Entry::NodeFinished {
        unique_id: result.unique_id.clone(),
        status: result.status.as_str().to_owned(),
        message: result.message.clone(),
        at: now(),
    };
    if let Err(error) = run.record(&finished) {
        run.reporter().diagnostic(&Diagnostic::warning("journal", error.to_string()));
    }
    result
}

/// `model::test`, as dbt's lines name a unit test.
pub(crate) fn display_name(test: &UnitTest) -> String {
    format!("{}::{}", test.model, test.versioned_name())
}

fn tested_model<'r>(run: &'r Run, test: &UnitTest) -> Option<&'r Node> {
    run.project().manifest.nodes.get(test.tested_model()?)
}

fn tested_connection(run: &Run, test: &UnitTest) -> String {
    tested_model(run, test).map(|model| model.connection.clone()).unwrap_or_default()
}

async fn work_on(run: &Arc<Run>, test: &Arc<UnitTest>, result: &mut NodeResult) -> Result<(), NodeError> {
    let Some(model) = tested_model(run, test) else {
        return Err(Diagnostic::error("internal", format!("unit test `{}` has no model", test.name)).into());
    };
    if let Some(diagnostic) = run.broken.lock().unwrap_or_else(PoisonError::into_inner).get(&model.connection) {
        return Err(diagnostic.clone().into());
    }
    run.record(&Entry::NodeStarted {
        unique_id: test.unique_id.clone(),
        route: RouteKind::Pushdown.as_str().to_owned(),
        at: now(),
    })?;
    let adapter = run.adapter(&model.connection)?;
    let node = Arc::new(unit_node(test, model, adapter.dialect().name));
    let inputs = UnitInputs::new(run, test, model).await?;
    let bridge = NodeBridge::new(run, &node, &adapter, node_comment(run, &node)?);
    bridge.set_unit_inputs(Arc::new(inputs));
    result.route = Some(RouteKind::Pushdown);

    let started_at = Utc::now();
    let compiled = {
        let (run, test, node, bridge) = (Arc::clone(run), Arc::clone(test), Arc::clone(&node), Arc::clone(&bridge));
        let thread_id = result.thread_id.clone();
        blocking(move || {
            let compiled = compile_unit_test(&run, &test, &node, &bridge, &thread_id);
            if compiled.is_err() {
                bridge.abandon();
            }
            compiled
        })
        .await
    };
    result.timing.push(Timing { name: "compile", started_at, completed_at: Utc::now() });
    let compiled = compiled?;
    result.compiled = true;
    result.compiled_code = Some(compiled.sql.clone());
    result.extra_ctes.clone_from(&compiled.extra_ctes);
    write_compiled(run, &node, &compiled.sql)?;
    if !run.request.command.writes() {
        bridge_done(bridge).await;
        return Ok(());
    }

    let started_at = Utc::now();
    let materialized = {
        let (run, test, node) = (Arc::clone(run), Arc::clone(test), Arc::clone(&node));
        let thread_id = result.thread_id.clone();
        blocking(move || materialize(&run, &test, &node, &bridge, &compiled, &thread_id)).await
    };
    result.timing.push(Timing { name: "execute", started_at, completed_at: Utc::now() });
    compare(test, &materialized?, result)
}

/// Lets go of the session on a thread that may wait.
async fn bridge_done(bridge: Arc<NodeBridge>) {
    let done: Result<(), NodeError> = blocking(move || {
        bridge.abandon();
        Ok(())
    })
    .await;
    if let Err(error) = done {
        tracing::debug!(error = error.message(), "a session was not given back");
    }
}

/// The node that templates see as `model`: the tested model under the test's name.
fn unit_node(test: &UnitTest, model: &Node, dialect: &str) -> Node {
    let name = test.versioned_name();
    let mut config: Map<String, Json> = model.config.0.clone();
    config.insert("materialized".to_owned(), json!("unit"));
    let (rows, sql) = match test.expect.format {
        FixtureFormat::Sql => (json!([]), test.expect.rows.clone()),
        _ => (written_rows(&test.expect, dialect), Json::Null),
    };
    config.insert("expected_rows".to_owned(), rows);
    config.insert("expected_sql".to_owned(), sql);
    Node {
        unique_id: test.unique_id.clone(),
        resource_type: ResourceType::UnitTest,
        package_name: test.package_name.clone(),
        path: pseudo_path(&name, &test.original_file_path),
        original_file_path: test.original_file_path.clone(),
        fqn: test.fqn.clone(),
        alias: name.clone(),
        relation_name: None,
        config: Config(config),
        tags: test.config.tags(),
        name,
        ..model.clone()
    }
}

/// Where a unit test's SQL stands below `compiled`, as [`crate::artifact_path`] tells it of nodes.
#[must_use]
pub fn unit_test_path(test: &UnitTest) -> PathBuf {
    let path = pseudo_path(&test.versioned_name(), &test.original_file_path);
    [test.package_name.as_str(), test.original_file_path.as_str(), path.as_str()].iter().collect()
}

/// Beside the properties file, where dbt puts the SQL of tests that have no file of their own.
fn pseudo_path(name: &str, original_file_path: &str) -> String {
    let folder = Path::new(original_file_path).parent().map(|path| path.to_string_lossy().replace('\\', "/"));
    match folder.filter(|folder| !folder.is_empty()) {
        Some(folder) => format!("{folder}/{name}.sql"),
        None => format!("{name}.sql"),
    }
}

/// Runs the materialization `unit`, whose statement `main` gives both sets of rows.
fn materialize(
    run: &Arc<Run>,
    test: &UnitTest,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    compiled: &CompiledNode,
    thread_id: &str,
) -> Result<Materialized, NodeError> {
    let context = run.materialization_context(node, &compiled.sql, None, thread_id);
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    let result = run_materialization(run.library(), &context, outside, "unit");
    bridge.abandon();
    let at = FailedAt { compiled: Some(compiled), node: Some(&test.span) };
    result.map_err(|error| {
        let mut error = from_render(error, at);
        if let Some(first) = error.diagnostics.first_mut() {
            let shown = format!("in unit test `{}` of model `{}`", test.name, test.model);
            first.notes.push(shown);
            first.help.push("check the types of the rows in the unit test against the model's columns".to_owned());
            let kind = kind_of(first.id);
            let said = first.event.as_ref().map_or_else(|| first.message.clone(), |event| event.message.clone());
            let head = format!(
                "An error occurred during execution of unit test '{}'. There may be an error in the unit test \
                 definition: check the data types.",
                test.name
            );
            first.message = format!("{head}\n {}", first.message);
            // What the database said becomes a part of what went wrong with the test, as dbt has it.
            let mut event = match first.event.take() {
                Some(event) => *event,
                None => Event::new(kinds::RUN_RESULT_ERROR, ""),
            };
            event.message = format!("{head}\n {kind} Error\n  {}", said.replace('\n', "\n  "));
            first.event = Some(Box::new(event));
            first.id = "unit-test-failed";
        }
        error
    })
}

fn compare(test: &UnitTest, materialized: &Materialized, result: &mut NodeResult) -> Result<(), NodeError> {
    let wrong = |what: &str| -> NodeError {
        Diagnostic::error("unit-test", format!("unit test `{}`: {what}", test.name)).label(test.span.clone(), "").into()
    };
    let main = materialized.main.as_ref().ok_or_else(|| wrong("the materialization ran no statement `main`"))?;
    let response = &main.response;
    result.adapter_response = response_json(&response.message, response.code.as_deref(), response.rows_affected);
    let table = main.table.as_ref().ok_or_else(|| wrong("the statement `main` fetched no rows"))?;
    let difference = Difference::of(table)
        .ok_or_else(|| wrong("the result of statement `main` has no column `actual_or_expected`"))?;
    result.failures = Some(i64::from(!difference.is_empty()));
    if difference.is_empty() {
        result.status = Status::Pass;
        return Ok(());
    }
    result.status = Status::Fail;
    result.message = Some(difference.render());
    Ok(())
}
