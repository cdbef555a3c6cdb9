//! One node, from its start to its result.

use crate::bridge::NodeBridge;
use crate::compile::{CompiledNode, compile_node, write_compiled};
use crate::failure::{FailedAt, NodeError, Told};
use crate::federated::{InputFigures, land};
use crate::inputs::stored_name;
use crate::journal::Entry;
use crate::landing::{make_witness, remove_landing};
use crate::materialize::materialize;
use crate::microbatch::{run_batches, runs_in_batches};
use crate::outcome::{NodeResult, RouteKind, Status, Timing};
use crate::plan::{NodePlan, plan_node};
use crate::pointer::has_pointer;
use crate::progress::Progress;
use crate::query_comment::{CommentFacts, StatementComment};
use crate::reporter::{NodeStarted, Phase};
use crate::run::{Run, now};
use crate::scheduler::Place;
use crate::settings::RunCommand;
use crate::show::show_rows;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::Utc;
use dvt_adapter::Adapter;
use dvt_diagnostics::{Diagnostic, Severity, kinds};
use dvt_federation::Route;
use dvt_jinja::{Materialized, Table, Value};
use dvt_manifest::{Node, Relation, ResourceType};
use dvt_project::QueryComment;
use serde_json::{Map, Value as Json, json};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// What is known of a node's work so far; a failure keeps it.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) compiled: Option<Arc<CompiledNode>>,
    timing: Vec<Timing>,
    pub(crate) response: Map<String, Json>,
    pub(crate) message: Option<String>,
    pub(crate) failures: Option<i64>,
    pub(crate) status: Option<Status>,
    rows: Option<(SchemaRef, Vec<RecordBatch>)>,
    /// Of a microbatch model: dbt's `{successful, failed}`, and what was wrong with batches.
    pub(crate) batch_results: Option<Json>,
    /// Of a function: dbt's `{successful, failed}`, and the compiled bodies by file name.
    pub(crate) overload_results: Option<Json>,
    pub(crate) overloads: Vec<(String, String)>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What the materialization made, if it said so.
    relation: Option<Relation>,
    /// `plan`: what the node would do.
    plan: Option<Box<NodePlan>>,
}

/// One node's place in the run.
pub(crate) struct Job<'a> {
    pub(crate) run: &'a Arc<Run>,
    pub(crate) node: Arc<Node>,
    pub(crate) route: Route,
    pub(crate) thread_id: String,
    pub(crate) progress: Arc<Progress>,
    pub(crate) adapter: Arc<dyn Adapter>,
}

/// Runs the node as the command asks. Never fails: what goes wrong is in the result.
pub(crate) async fn run_node(run: Arc<Run>, node: Arc<Node>, place: Place, total: usize) -> NodeResult {
    let begun = Instant::now();
    let route = if run.defers() {
        // Where a reference is read from another place, the route depends on what the database has.
        let (run, node) = (Arc::clone(&run), Arc::clone(&node));
        let fallback = run.route(&node);
        blocking(move || Ok(run.route_with_deferral(&node))).await.unwrap_or(fallback)
    } else {
        run.route(&node)
    };
    let mut result = blank_result(&node, Some(&route), place.slot);
    run.reporter().node_started(&NodeStarted {
        index: place.position,
        total,
        unique_id: node.unique_id.clone(),
        name: node.name.clone(),
        resource_type: result.resource_type.clone(),
        materialized: shown_materialization(&node, &route).to_owned(),
        relation_display: result.relation_display.clone(),
        connection: node.connection.clone(),
        route: kind_of(&route),
    });
    let mut work = Work::default();
    let told = Arc::clone(&node);
    let done = work_on(&run, node, &route, place.slot, &mut work).await;
    result.execution_seconds = begun.elapsed().as_secs_f64();
    result.timing = work.timing;
    result.adapter_response = work.response;
    result.message = work.message;
    result.failures = work.failures;
    result.rows = work.rows;
    result.batch_results = work.batch_results;
    result.overload_results = work.overload_results;
    result.overloads = work.overloads;
    result.diagnostics = work.diagnostics;
    result.plan = work.plan;
    if let Some(compiled) = work.compiled {
        result.compiled = true;
        result.compiled_code = Some(compiled.sql.clone());
        result.extra_ctes.clone_from(&compiled.extra_ctes);
        result.macros.clone_from(&compiled.macros);
    }
    result.status = work.status.unwrap_or(Status::Success);
    if let Err(error) = done {
        result.status = Status::Error;
        result.message = Some(error.told(&Told::of_node(&run, &told)));
        result.diagnostics = error.diagnostics;
    }
    if let Err(error) = run.record(&Entry::NodeFinished {
        unique_id: result.unique_id.clone(),
        status: result.status.as_str().to_owned(),
        message: result.message.clone(),
        at: now(),
    }) {
        run.reporter().diagnostic(&Diagnostic::warning("journal", error.to_string()));
    }
    result
}

async fn work_on(
    run: &Arc<Run>,
    node: Arc<Node>,
    route: &Route,
    slot: usize,
    work: &mut Work,
) -> Result<(), NodeError> {
    if let Some(diagnostic) = run.broken.lock().unwrap_or_else(PoisonError::into_inner).get(&node.connection) {
        return Err(diagnostic.clone().into());
    }
    let builds = run.request.command.writes();
    let node = run.with_foreign_keys(if builds { table_across_connections(run, node, route)? } else { node });
    run.record(&Entry::NodeStarted {
        unique_id: node.unique_id.clone(),
        route: kind_of(route).as_str().to_owned(),
        at: now(),
    })?;
    let job = Job {
        adapter: run.adapter(&node.connection)?,
        progress: Progress::new(run.reporter(), &node.unique_id, kind_of(route)),
        thread_id: thread_name(slot),
        route: route.clone(),
        run,
        node,
    };
    job.work(work).await
}

/// A view cannot look into another database: it becomes a table, and the user is told once.
///
/// # Errors
/// The user takes warnings as errors.
fn table_across_connections(run: &Run, node: Arc<Node>, route: &Route) -> Result<Arc<Node>, NodeError> {
    if !is_view_across(&node, route) {
        return Ok(node);
    }
    let warning = Diagnostic::warning(
        "view-across-connections",
        format!("`{}` reads other connections, so it is built as a table and not as a view", node.name),
    )
    .label(node.span.clone(), "")
    .help("say `materialized='table'` in its config");
    if run.settings().events.is_error(kinds::VALIDATION_WARNING) {
        return Err(Diagnostic { severity: Severity::Error, ..warning }.into());
    }
    run.reporter().diagnostic(&warning);
    let mut table = (*node).clone();
    table.config.set("materialized", json!("table"));
    Ok(Arc::new(table))
}

fn is_view_across(node: &Node, route: &Route) -> bool {
    *route != Route::Pushdown && node.resource_type == ResourceType::Model && node.config.materialized() == "view"
}

impl Job<'_> {
    async fn work(&self, work: &mut Work) -> Result<(), NodeError> {
        let _held = self.hold().await?;
        let started_at = Utc::now();
        if runs_in_batches(self.run, &self.node) {
            work.timing.push(Timing { name: "compile", started_at, completed_at: started_at });
            self.progress.phase(Phase::Publish);
            let mut done = run_batches(self, work).await;
            if done.is_ok() && work.status.is_none_or(|status| status == Status::Success) {
                done = self.finish(work).await;
            }
            work.timing.push(Timing { name: "execute", started_at, completed_at: Utc::now() });
            return done;
        }
        let bridge = NodeBridge::new(self.run, &self.node, &self.adapter, node_comment(self.run, &self.node)?);
        if self.run.request.command == RunCommand::Clone {
            return if self.node.is_ephemeral() { Ok(()) } else { self.clone_relation(&bridge, work).await };
        }
        let compiled = self.compile(&bridge).await;
        work.timing.push(Timing { name: "compile", started_at, completed_at: Utc::now() });
        let compiled = Arc::new(compiled?);
        if self.node.resource_type != ResourceType::Seed {
            if self.run.request.command != RunCommand::Plan {
                write_compiled(self.run, &self.node, &compiled.sql)?;
            }
            work.compiled = Some(Arc::clone(&compiled));
        }
        let started_at = Utc::now();
        let mut done = match self.run.request.command {
            RunCommand::Compile | RunCommand::Docs if self.node.function.is_some() => {
                self.overloads(&bridge, work).await
            }
            RunCommand::Compile | RunCommand::Docs => Ok(()),
            RunCommand::Plan => {
                let planned = plan_node(self.run, &self.node, &compiled).await;
                planned.map(|plan| work.plan = Some(Box::new(plan)))
            }
            RunCommand::Show => {
                let shown = show_rows(self.run, &self.node, &compiled, &bridge, &self.progress).await;
                shown.map(|(rows, response)| {
                    work.rows = Some(rows);
                    work.response = response;
                })
            }
            _ if self.node.is_ephemeral() => Ok(()),
            _ if self.node.resource_type == ResourceType::Seed => self.seed(&bridge, &compiled, work).await,
            _ if self.route == Route::Pushdown => {
                self.progress.phase(Phase::Publish);
                let done = self.materialize(&self.node, &bridge, &compiled, None).await;
                match done.and_then(|materialized| self.note(&materialized, work)) {
                    Ok(()) if self.node.function.is_some() => self.overloads(&bridge, work).await,
                    done => done,
                }
            }
            _ => self.cross(&bridge, &compiled, work).await,
        };
        if done.is_ok() {
            done = self.finish(work).await;
        }
        work.timing.push(Timing { name: "execute", started_at, completed_at: Utc::now() });
        done
    }

    /// What follows a model that was built: the view of its latest version.
    async fn finish(&self, work: &Work) -> Result<(), NodeError> {
        if !has_pointer(self.run, &self.node) {
            return Ok(());
        }
        let built = work.relation.clone().unwrap_or_else(|| self.node.relation());
        self.point_to_latest(&built).await
    }

    /// `clone`: the other environment's relation, here under the node's own name; as a copy where the database can
    /// clone, else as a view of it. Nothing of the node is compiled.
    async fn clone_relation(&self, bridge: &Arc<NodeBridge>, work: &mut Work) -> Result<(), NodeError> {
        let original = self.run.deferred_relation(&self.node);
        if let Some(original) = original.as_ref().filter(|original| original.connection != self.node.connection) {
            return Err(Diagnostic::error(
                "clone-across-connections",
                format!(
                    "`{}` cannot be cloned: the original is on connection `{}`, the clone would be on `{}`",
                    self.node.name, original.connection, self.node.connection
                ),
            )
            .note("a clone shares the original's storage or looks into it, and neither goes across databases")
            .help("read the original with `--defer` instead, or `dvt run` the model here")
            .into());
        }
        let sql = original.map_or_else(String::new, |original| format!("select * from {}", original.render()));
        self.progress.phase(Phase::Publish);
        let compiled = Arc::new(CompiledNode::over_clone(sql));
        let materialized = self.materialize(&self.node, bridge, &compiled, None).await?;
        self.note(&materialized, work)?;
        if work.message.is_none() {
            work.message = Some("No-op".to_owned());
        }
        Ok(())
    }

    pub(crate) async fn compile(&self, bridge: &Arc<NodeBridge>) -> Result<CompiledNode, NodeError> {
        self.progress.phase(Phase::Compile);
        let (run, node, bridge) = (Arc::clone(self.run), Arc::clone(&self.node), Arc::clone(bridge));
        let (route, thread_id) = (self.route.clone(), self.thread_id.clone());
        blocking(move || {
            let compiled = compile_node(&run, &node, &route, &bridge, &thread_id);
            if route != Route::Pushdown || compiled.is_err() {
                // Extracts may take long; the target's session is not kept waiting for them.
                bridge.abandon();
            }
            compiled
        })
        .await
    }

    pub(crate) async fn materialize(
        &self,
        node: &Arc<Node>,
        bridge: &Arc<NodeBridge>,
        compiled: &Arc<CompiledNode>,
        landing: Option<&Relation>,
    ) -> Result<Materialized, NodeError> {
        let (run, node, bridge) = (Arc::clone(self.run), Arc::clone(node), Arc::clone(bridge));
        let (compiled, landing, thread_id) = (Arc::clone(compiled), landing.cloned(), self.thread_id.clone());
        blocking(move || materialize(&run, &node, &bridge, &compiled, landing.as_ref(), &thread_id)).await
    }

    /// The routes across connections: land, publish, and leave nothing behind either way.
    pub(crate) async fn cross(
        &self,
        bridge: &Arc<NodeBridge>,
        compiled: &Arc<CompiledNode>,
        work: &mut Work,
    ) -> Result<(), NodeError> {
        if self.node.resource_type == ResourceType::Test && !self.run.stores_failures(&self.node) {
            if self.judge(bridge, compiled, work).await? {
                return Ok(());
            }
            self.make_schema().await?;
        }
        let landing = self.run.landing_relation(&self.node);
        let landed = land(self.run, &self.node, compiled, &landing, &self.progress).await;
        let published = match &landed {
            Ok(_) => {
                self.progress.phase(Phase::Publish);
                let witness = make_witness(self.run, &self.node, &landing, &self.adapter).await;
                match witness {
                    Ok(witness) => {
                        if let Some((_, witness)) = &witness {
                            bridge.set_witness(witness.clone());
                        }
                        let done = self.materialize(&self.node, bridge, compiled, Some(&landing)).await.map(Some);
                        if let Some((relation, _)) = &witness {
                            self.leave(relation, false).await?;
                        }
                        done
                    }
                    Err(error) => Err(error),
                }
            }
            Err(_) => Ok(None),
        };
        let is_gone = matches!(published, Ok(Some(_))) && bridge.knows_gone(&landing);
        self.leave(&landing, is_gone).await?;
        let landed = landed?;
        let Some(materialized) = published? else { return Ok(()) };
        self.note(&materialized, work)?;
        let rows = landed.report.rows;
        let is_whole = match self.node.config.materialized() {
            "table" => true,
            // Built anew of all rows, and not by adding some.
            "incremental" => is_gone,
            _ => false,
        };
        if is_whole {
            work.response.insert("_message".to_owned(), json!(format!("SELECT {rows}")));
            work.response.insert("code".to_owned(), json!("SELECT"));
            work.response.insert("rows_affected".to_owned(), json!(rows));
            work.message = Some(format!("SELECT {rows}"));
        }
        self.note_inputs(&landed.inputs, rows, landed.report.bytes, work);
        Ok(())
    }

    pub(crate) fn note_inputs(&self, inputs: &[InputFigures], rows_loaded: u64, bytes_loaded: u64, work: &mut Work) {
        let response = &mut work.response;
        response.insert("route".to_owned(), json!(kind_of(&self.route).as_str()));
        response.insert("rows_extracted".to_owned(), json!(inputs.iter().map(|input| input.rows).sum::<u64>()));
        response.insert("bytes_extracted".to_owned(), json!(inputs.iter().map(|input| input.bytes).sum::<u64>()));
        response.insert("rows_loaded".to_owned(), json!(rows_loaded));
        response.insert("bytes_loaded".to_owned(), json!(bytes_loaded));
        response.insert("inputs".to_owned(), Json::Array(inputs.iter().map(InputFigures::to_json).collect()));
    }

    /// Removes the landing relation (or notes that a macro did). The journal still names it when that fails, so that a
    /// later run tries again; the node's own outcome stands.
    pub(crate) async fn leave(&self, landing: &Relation, is_gone: bool) -> Result<(), NodeError> {
        if is_gone {
            self.run.record(&Entry::Published { unique_id: self.node.unique_id.clone() })?;
            self.run.record(&Entry::LandingGone {
                connection: self.node.connection.clone(),
                relation: stored_name(landing, self.adapter.dialect()),
            })?;
            return Ok(());
        }
        if let Err(error) = remove_landing(self.run, &self.node, landing, &self.adapter).await {
            let warning = Diagnostic::warning(
                "leftover-relation",
                format!("landing relation {} could not be removed: {}", landing.render(), error.message()),
            );
            self.run.reporter().diagnostic(&warning.help("the next run tries again"));
        }
        Ok(())
    }

    /// What the materialization answered: dbt's response of the statement `main`, and a test's verdict.
    pub(crate) fn note(&self, materialized: &Materialized, work: &mut Work) -> Result<(), NodeError> {
        self.run.record(&Entry::Published { unique_id: self.node.unique_id.clone() })?;
        work.relation = materialized.relations.first().cloned();
        if let Some(main) = &materialized.main {
            let response = &main.response;
            work.response = response_json(&response.message, response.code.as_deref(), response.rows_affected);
            work.response.extend(response.extra.clone());
            work.message = Some(response.message.clone());
            if self.node.resource_type == ResourceType::Test {
                self.note_test(main.table.as_ref(), work)?;
            }
        }
        Ok(())
    }

    fn not_a_verdict(&self, message: String) -> NodeError {
        let diagnostic = Diagnostic::error("test-result", message).label(self.node.span.clone(), "");
        diagnostic.help("look at the project's own `get_test_sql` or test materialization").into()
    }

    /// The verdict of a test, from the one row of its query.
    pub(crate) fn note_test(&self, verdict: Option<&Table>, work: &mut Work) -> Result<(), NodeError> {
        let wrong = || {
            NodeError::from(
                Diagnostic::error(
                    "test-result",
                    format!("test `{}` did not give the one row that tests give", self.node.name),
                )
                .label(self.node.span.clone(), ""),
            )
        };
        let table = verdict.ok_or_else(wrong)?;
        let names: Vec<String> = table.column_names().map(str::to_lowercase).collect();
        let failed = format!("dbt internally failed to execute {}", self.node.unique_id);
        let found = table.rows().count();
        if found != 1 {
            return Err(self.not_a_verdict(format!("{failed}: Returned {found} rows, but expected 1 row")));
        }
        if names.len() != 3 {
            let found = names.len();
            return Err(self.not_a_verdict(format!("{failed}: Returned {found} columns, but expected 3 columns")));
        }
        let row = table.rows().next().ok_or_else(wrong)?;
        let cell = |name: &str| names.iter().position(|known| known == name).and_then(|at| row.get(at)).cloned();
        let truth = |name: &str| {
            match cell(name).ok_or_else(wrong)? {
            Value::Str(text) => truth_of(&text).ok_or_else(|| {
                self.not_a_verdict(format!(
                    "Macro 'get_test_sql' returns '{text}'.  It is not type 'bool' and cannot not be converted reliably \
                     to a bool."
                ))
            }),
            other => Ok(other.is_true()),
        }
        };
        let failures = cell("failures").and_then(|value| value.as_int()).ok_or_else(wrong)?;
        let (should_warn, should_error) = (truth("should_warn")?, truth("should_error")?);
        let severity = self.node.config.text("severity").unwrap_or("error").to_lowercase();
        let condition = |key: &str| self.node.config.text(key).unwrap_or("!= 0").to_owned();
        let noun = if failures == 1 { "result" } else { "results" };
        let told =
            |verb: &str, key: &str| Some(format!("Got {failures} {noun}, configured to {verb} if {}", condition(key)));
        let (status, message) = if severity == "error" && should_error {
            (Status::Fail, told("fail", "error_if"))
        } else if should_warn {
            if self.run.settings().events.is_error(kinds::LOG_TEST_RESULT) {
                (Status::Fail, told("fail", "warn_if"))
            } else {
                (Status::Warn, told("warn", "warn_if"))
            }
        } else {
            (Status::Pass, None)
        };
        // What a passing test counted was not meant to be a failure.
        work.failures = if status == Status::Pass { Some(0) } else { i64::try_from(failures).ok() };
        work.status = Some(status);
        work.message = message;
        Ok(())
    }
}

/// The words that dbt takes for a truth value; `None` for all others.
fn truth_of(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Work that waits on a thread which may block. A panic there is an error of this node alone.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Diagnostic::error("internal", format!("dvt itself failed: {error}")).into()),
    }
}

pub(crate) fn blank_result(node: &Node, route: Option<&Route>, slot: usize) -> NodeResult {
    let leaves_relation =
        (node.resource_type.is_relational() && !node.is_ephemeral()) || node.resource_type == ResourceType::Function;
    NodeResult {
        unique_id: node.unique_id.clone(),
        resource_type: node.resource_type.as_str().to_owned(),
        name: node.name.clone(),
        status: Status::Success,
        route: route.map(kind_of),
        timing: Vec::new(),
        thread_id: thread_name(slot),
        execution_seconds: 0.0,
        adapter_response: Map::new(),
        message: None,
        failures: None,
        compiled: false,
        compiled_code: None,
        extra_ctes: Vec::new(),
        macros: Vec::new(),
        relation_name: leaves_relation.then(|| node.relation().render()),
        relation_display: if leaves_relation { format!("{}.{}", node.schema, node.alias) } else { node.name.clone() },
        diagnostics: Vec::new(),
        rows: None,
        skip_cause: None,
        batch_results: None,
        overload_results: None,
        overloads: Vec::new(),
        freshness: None,
        plan: None,
    }
}

pub(crate) fn kind_of(route: &Route) -> RouteKind {
    match route {
        Route::Pushdown => RouteKind::Pushdown,
        Route::Transfer(_) => RouteKind::Transfer,
        Route::Federate => RouteKind::Federate,
    }
}

pub(crate) fn shown_materialization<'a>(node: &'a Node, route: &Route) -> &'a str {
    match node.resource_type {
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        ResourceType::Test => "test",
        ResourceType::Model if is_view_across(node, route) => "table",
        ResourceType::Model => node.config.materialized(),
        other => other.as_str(),
    }
}

pub(crate) fn thread_name(slot: usize) -> String {
    format!("Thread-{slot} (worker)")
}

/// dbt's `adapter_response`; what the engine does not tell is left out.
pub(crate) fn response_json(message: &str, code: Option<&str>, rows_affected: Option<i64>) -> Map<String, Json> {
    let mut response = Map::new();
    response.insert("_message".to_owned(), json!(message));
    if let Some(code) = code.filter(|code| !code.is_empty()) {
        response.insert("code".to_owned(), json!(code));
    }
    if let Some(rows) = rows_affected {
        response.insert("rows_affected".to_owned(), json!(rows));
    }
    response
}

/// The comment of a node's statements.
pub(crate) fn node_comment(run: &Arc<Run>, node: &Arc<Node>) -> Result<StatementComment, NodeError> {
    let project = run.project();
    let configured = &project.config.project.query_comment;
    let rendered = match configured {
        QueryComment::Custom { comment: Some(comment), .. } => Some(render_comment(run, node, comment)?),
        _ => None,
    };
    let facts = CommentFacts {
        dbt_version: &run.invocation().dbt_version,
        profile_name: &project.config.profile.name,
        target_name: &node.connection,
        node_id: Some(&node.unique_id),
        connection_name: &node.connection,
    };
    StatementComment::new(configured, rendered.as_deref(), facts)
        .map_err(|error| Diagnostic::error("query-comment", error.to_string()).into())
}

/// The user's comment is a template: it may call a macro with the node.
fn render_comment(run: &Arc<Run>, node: &Arc<Node>, comment: &str) -> Result<String, NodeError> {
    let adapter = run.adapter(&node.connection)?;
    let bridge = NodeBridge::new(run, node, &adapter, StatementComment::default());
    let mut context = run.context(node, &node.connection, "main");
    context.variables.insert("connection_name".to_owned(), Value::str(&node.connection));
    let file = dvt_diagnostics::SourceFile::new("dbt_project.yml: query-comment", comment);
    dvt_jinja::render(run.library(), &context, bridge, &file)
        .map(|rendered| rendered.text)
        .map_err(|error| crate::failure::from_render(error, FailedAt::NOWHERE))
}
