//! The routes that cross connections: describe, plan, extract, compute, load into the landing relation.

use crate::compile::CompiledNode;
use crate::engines::{ChosenEngine, ComputeChoice, StagingPlace};
use crate::extracting::{choose_supply, parts_of};
use crate::failure::{FailedAt, NodeError, from_adapter, from_compute, from_plan, from_staging};
use crate::inputs::{Input, stored_name};
use crate::jdbc::{ByExecutors, load_by_executors, plan_of};
use crate::journal::Entry;
use crate::landing::remove_landing;
use crate::progress::{Counts, Progress, batch_bytes};
use crate::questions::{Question, ask};
use crate::reporter::Phase;
use crate::run::Run;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, ErrorClass, ExtractRequest, LoadColumn, LoadReport,
    LoadRequest, RelationName,
};
use dvt_compute::{ComputeError, ExtractInput, JoinStrategy, OpenStream};
use dvt_diagnostics::Diagnostic;
use dvt_federation::{
    CatalogRelation, Extract, FederatedPlan, PlanRequest, Route, plan_answered, plan_questions, relations_read,
    rename_relations,
};
use dvt_manifest::{Node, Relation};
use dvt_project::Staging as StagingMode;
use dvt_staging::{OpenExtract, Origin, Parts, Reading, StageRequest};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What was read for a node, per input.
#[derive(Clone, Debug)]
pub(crate) struct InputFigures {
    pub(crate) connection: String,
    pub(crate) relation: String,
    /// Rows and bytes that came from the connection for this node.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) delivery: Delivery,
}

/// How an input's rows came.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Streamed,
    /// Executors of the compute read them; dvt has not seen them.
    Executors,
    Staged {
        origin: Origin,
        rows: u64,
        bytes: u64,
    },
}

impl Delivery {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Streamed => "streamed",
            Self::Executors => "executors",
            Self::Staged { origin: Origin::Read, .. } => "staged",
            Self::Staged { origin: Origin::Shared, .. } => "shared",
            Self::Staged { origin: Origin::Reused, .. } => "reused",
            Self::Staged { origin: Origin::Resumed { .. }, .. } => "resumed",
        }
    }
}

impl InputFigures {
    pub(crate) fn to_json(&self) -> Value {
        let mut figures = json!({
            "connection": self.connection,
            "relation": self.relation,
            "rows_extracted": self.rows,
            "bytes_extracted": self.bytes,
            "staged": matches!(self.delivery, Delivery::Staged { .. }),
            "delivery": self.delivery.as_str(),
        });
        if let (Delivery::Executors, Some(figures)) = (&self.delivery, figures.as_object_mut()) {
            figures.insert("rows_extracted".to_owned(), Value::Null);
            figures.insert("bytes_extracted".to_owned(), Value::Null);
        }
        if let (Delivery::Staged { rows, bytes, .. }, Some(figures)) = (&self.delivery, figures.as_object_mut()) {
            figures.insert("rows_staged".to_owned(), json!(rows));
            figures.insert("bytes_staged".to_owned(), json!(bytes));
        }
        figures
    }
}

/// A loaded landing relation.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) report: LoadReport,
    pub(crate) inputs: Vec<InputFigures>,
}

/// How a crossing query will be answered.
pub(crate) enum Answer {
    /// One connection runs the author's own text.
    Whole { connection: String, sql: String, schema: SchemaRef },
    /// With the values that were asked for to make it.
    Plan(Box<FederatedPlan>, Vec<Question>),
}

impl Answer {
    pub(crate) fn schema(&self) -> &SchemaRef {
        match self {
            Self::Whole { schema, .. } => schema,
            Self::Plan(plan, _) => &plan.output_schema,
        }
    }
}

/// Decides how the query is answered: describes what it reads, then sends it whole or plans it.
pub(crate) async fn plan_answer(
    run: &Arc<Run>,
    node: &Node,
    compiled: &CompiledNode,
    limit: Option<usize>,
) -> Result<Answer, NodeError> {
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    let target = run.adapter(&node.connection)?;
    let dialect = target.dialect();
    let read = relations_read(&compiled.sql, dialect).map_err(|error| from_plan(&error, at))?;
    let inputs: Vec<(Vec<String>, Input)> = read
        .into_iter()
        .map(|parts| {
            let input = input_of(compiled, &parts, node);
            (parts, input)
        })
        .collect();
    if limit.is_none()
        && let Route::Transfer(from) = &compiled.route
        && inputs.iter().all(|(_, input)| input.connection == *from)
        && let Some(answer) = whole_answer(run, from, dialect.name, &inputs, at).await?
    {
        return Ok(answer);
    }
    let relations = describe_inputs(run, &inputs, at).await?;
    let pushdown = run.settings().pushdown;
    // Planning is work for a processor; the tasks that move rows must not wait for it.
    let (sql, relations_of_plan) = (compiled.sql.clone(), relations.clone());
    let asked = in_background(move || {
        plan_questions(PlanRequest { sql: &sql, dialect, relations: relations_of_plan, limit, pushdown })
    });
    let asked = asked.await?.map_err(|error| from_plan(&error, at))?;
    let (questions, answers) = ask(run, node, asked, at).await?;
    let sql = compiled.sql.clone();
    let planned =
        in_background(move || plan_answered(PlanRequest { sql: &sql, dialect, relations, limit, pushdown }, &answers));
    let mut plan = planned.await?.map_err(|error| from_plan(&error, at))?;
    expect_rows(run, &mut plan).await;
    tracing::debug!(node = %node.unique_id, %plan, "federated plan");
    Ok(Answer::Plan(Box::new(plan), questions))
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NodeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| NodeError::from(Diagnostic::error("internal", error.to_string())))
}

/// Asks each connection how many rows its query will give, where that costs no more than planning: joins choose their sides
/// by it. What cannot be asked keeps the estimate of the catalogs.
async fn expect_rows(run: &Run, plan: &mut FederatedPlan) {
    if plan.extracts.len() < 2 {
        return;
    }
    let asked = plan
        .extracts
        .iter()
        .map(|extract| async move { run.adapter(&extract.connection).ok()?.estimate_rows(&extract.sql).await.ok()? });
    let expected = futures::future::join_all(asked).await;
    for (extract, rows) in plan.extracts.iter_mut().zip(expected) {
        if rows.is_some() {
            extract.expect_rows(rows);
        }
    }
}

/// What a name of the query means. One that no `ref` or `source` gave is a name on the node's own connection.
fn input_of(compiled: &CompiledNode, parts: &[String], node: &Node) -> Input {
    if let Some(input) = compiled.names.get(parts) {
        return input.clone();
    }
    let folded = |name: &Vec<String>| name.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>();
    let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
    if let Some((_, input)) = compiled.names.iter().find(|(name, _)| folded(name) == lower) {
        return input.clone();
    }
    let count = parts.len();
    let part = |from_end: usize| count.checked_sub(from_end).and_then(|at| parts.get(at)).map(String::as_str);
    Input {
        connection: node.connection.clone(),
        relation: Relation::new(&node.connection, part(3), part(2).or(Some(&node.schema)), part(1)),
        display_name: format!("`{}`", parts.join(".")),
    }
}

/// The author's text for the one connection that can run it as it is: same dialect, and it tells the result's types.
async fn whole_answer(
    run: &Run,
    from: &str,
    dialect: &str,
    inputs: &[(Vec<String>, Input)],
    at: FailedAt<'_>,
) -> Result<Option<Answer>, NodeError> {
    let adapter = run.adapter(from)?;
    if adapter.dialect().name != dialect || !adapter.capabilities().describes_queries {
        return Ok(None);
    }
    let Some(compiled) = at.compiled else { return Ok(None) };
    let names: BTreeMap<Vec<String>, String> =
        inputs.iter().map(|(parts, input)| (parts.clone(), input.relation.render())).collect();
    let sql = rename_relations(&compiled.sql, adapter.dialect(), &names).map_err(|error| from_plan(&error, at))?;
    let columns = adapter.describe_query(&sql).await.map_err(|error| from_adapter(&error, Some(&sql), at))?;
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|column| {
            column.field.map_err(|reason| {
                let message =
                    format!("column `{}` of type {} cannot be read: {reason}", column.name, column.native_type);
                at_node(Diagnostic::error("unreadable-column", message), at)
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(Answer::Whole { connection: from.to_owned(), sql, schema: Arc::new(Schema::new(fields)) }))
}

fn at_node(diagnostic: Diagnostic, at: FailedAt<'_>) -> NodeError {
    match at.node {
        Some(span) => diagnostic.label(span.clone(), "").into(),
        None => diagnostic.into(),
    }
}

/// Asks each connection once for all relations that the query reads there.
async fn describe_inputs(
    run: &Run,
    inputs: &[(Vec<String>, Input)],
    at: FailedAt<'_>,
) -> Result<Vec<CatalogRelation>, NodeError> {
    let mut by_connection: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (_, input)) in inputs.iter().enumerate() {
        by_connection.entry(&input.connection).or_default().push(index);
    }
    let described = futures::future::join_all(by_connection.into_iter().map(|(connection, indices)| async move {
        let adapter = run.adapter(connection)?;
        let names: Vec<RelationName> =
            indices.iter().map(|index| stored_name(&inputs[*index].1.relation, adapter.dialect())).collect();
        let found = adapter.describe(&names).await.map_err(|error| from_adapter(&error, None, at))?;
        let mut relations = Vec::with_capacity(names.len());
        for ((index, name), description) in indices.into_iter().zip(names).zip(found) {
            let (parts, input) = &inputs[index];
            let Some(description) = description else {
                let error = AdapterError::new(
                    ErrorClass::MissingRelation,
                    connection,
                    format!("{} is `{name}`, which does not exist", input.display_name),
                )
                .with_relation(name);
                return Err(from_adapter(&error, None, at));
            };
            relations.push(CatalogRelation {
                sql_name: parts.clone(),
                connection: connection.to_owned(),
                adapter_type: adapter.adapter_type().to_owned(),
                dialect: adapter.dialect(),
                description,
                display_name: input.display_name.clone(),
            });
        }
        Ok::<_, NodeError>(relations)
    }))
    .await;
    let (mut relations, mut diagnostics, mut is_retryable) = (Vec::new(), Vec::new(), true);
    for result in described {
        match result {
            Ok(found) => relations.extend(found),
            Err(error) => {
                is_retryable &= error.is_retryable;
                diagnostics.extend(error.diagnostics);
            }
        }
    }
    if diagnostics.is_empty() { Ok(relations) } else { Err(NodeError { diagnostics, is_retryable }) }
}

/// The rows of an answer, as they come. Each input's figures grow with them.
pub(crate) struct Rows {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: BoxStream<'static, Result<RecordBatch, ComputeError>>,
    inputs: Vec<InputCounter>,
}

#[derive(Clone)]
pub(crate) struct InputCounter {
    connection: String,
    relation: String,
    counts: Arc<Counts>,
    delivery: Delivery,
}

impl InputCounter {
    pub(crate) fn figures(&self) -> InputFigures {
        InputFigures {
            connection: self.connection.clone(),
            relation: self.relation.clone(),
            rows: self.counts.rows(),
            bytes: self.counts.bytes(),
            delivery: self.delivery.clone(),
        }
    }
}

/// Starts to answer.
pub(crate) async fn start_rows(
    run: &Arc<Run>,
    node: &Node,
    answer: &Answer,
    joins: JoinStrategy,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
    at: FailedAt<'_>,
) -> Result<Rows, NodeError> {
    progress.phase(Phase::Extract);
    match answer {
        Answer::Whole { connection, sql, schema } => {
            let adapter = run.adapter(connection)?;
            let counts = Arc::new(Counts::default());
            let open = extract_opener(&adapter, sql, schema, run.batch_rows(node)?, &counts, progress, cancel);
            let batches = open(sql.clone()).await.map_err(|error| from_adapter(&error, Some(sql), at))?;
            let inputs = vec![InputCounter {
                connection: connection.clone(),
                relation: "query".to_owned(),
                counts,
                delivery: Delivery::Streamed,
            }];
            let batches = batches.map(|batch| batch.map_err(|error| ComputeError::Input(Box::new(error)))).boxed();
            Ok(Rows { schema: Arc::clone(schema), batches, inputs })
        }
        Answer::Plan(plan, questions) => {
            let choice = run.choose_compute(node, plan)?;
            let (sources, mut inputs) = open_inputs(run, node, plan, Some(&choice), progress, cancel, at).await?;
            inputs.extend(questions.iter().flat_map(|question| question.inputs.iter().cloned()));
            progress.phase(Phase::Compute);
            let result = match choice.engine {
                ChosenEngine::Embedded(engine) => engine.execute(plan, sources, joins).await,
                // A server may take minutes to start.
                ChosenEngine::Spark(engine, _) => tokio::select! {
                    result = engine.execute(plan, sources, joins) => result,
                    () = cancel.cancelled() => return Err(Diagnostic::error("cancelled", "cancelled").into()),
                },
            };
            let result = result.map_err(|error| from_compute(&error, at))?;
            Ok(Rows { schema: result.schema, batches: result.batches, inputs })
        }
    }
}

/// A source of rows for each extract: streamed, or staged as [`choose_supply`] says; where the compute is Spark, staged or
/// read by its executors.
pub(crate) async fn open_inputs(
    run: &Arc<Run>,
    node: &Node,
    plan: &FederatedPlan,
    choice: Option<&ComputeChoice>,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
    at: FailedAt<'_>,
) -> Result<(Vec<ExtractInput>, Vec<InputCounter>), NodeError> {
    let batch_rows = run.batch_rows(node)?;
    let mut place = run.staging(node)?;
    place.read_by = choice.and_then(ComputeChoice::reads_bucket).map(str::to_owned);
    let opened = plan.extracts.iter().map(|extract| {
        let place = &place;
        async move {
            let adapter = run.adapter(&extract.connection)?;
            let counts = Arc::new(Counts::default());
            let open = extract_opener(&adapter, &extract.sql, &extract.schema, batch_rows, &counts, progress, cancel);
            let counter = |counts, delivery| InputCounter {
                connection: extract.connection.clone(),
                relation: extract.relations().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                counts,
                delivery,
            };
            if let Some(reading) = executors_read(run, choice, extract, place, at).await?.and_then(Result::ok) {
                let opened = reading.open(adapter.as_ref(), extract).await;
                let opened = opened.map_err(|error| from_adapter(&error, Some(&extract.sql), at))?;
                return Ok((ExtractInput::Jdbc(Arc::new(opened)), counter(counts, Delivery::Executors)));
            }
            let supply = choose_supply(run, node, extract, place, at).await?;
            let Some(request) = supply.request else {
                return Ok((ExtractInput::Stream(open), counter(counts, Delivery::Streamed)));
            };
            let reading = reading_of(run, node, extract, &adapter, &request, open)
                .await
                .map_err(|error| from_adapter(&error, None, at))?;
            let staged =
                place.staging.stage(&request, reading, cancel).await.map_err(|error| from_staging(&error, at))?;
            if !matches!(staged.origin, Origin::Shared | Origin::Reused) {
                run.record(&Entry::Extracted {
                    unique_id: node.unique_id.clone(),
                    connection: extract.connection.clone(),
                    relation: request.relation.clone(),
                    rows: counts.rows(),
                    bytes: counts.bytes(),
                })?;
            }
            let delivery =
                Delivery::Staged { origin: staged.origin, rows: staged.table.rows, bytes: staged.table.bytes };
            Ok::<_, NodeError>((ExtractInput::Staged(staged.table), counter(counts, delivery)))
        }
    });
    let opened = futures::future::try_join_all(opened).await?;
    run.has_opened(node);
    Ok(opened.into_iter().unzip())
}

/// How executors read the extract, or why they do not; `None` where nobody has asked them to, or all is to be staged.
pub(crate) async fn executors_read(
    run: &Run,
    choice: Option<&ComputeChoice>,
    extract: &Extract,
    place: &StagingPlace,
    at: FailedAt<'_>,
) -> Result<Option<Result<ByExecutors, String>>, NodeError> {
    match choice {
        Some(choice) if place.mode != StagingMode::Always => run.jdbc_reading(choice, extract, at).await,
        _ => Ok(None),
    }
}

/// How a staged extract is read: in one go, and in parts where a run that is killed may go on behind the last one.
async fn reading_of(
    run: &Arc<Run>,
    node: &Node,
    extract: &Extract,
    adapter: &Arc<dyn Adapter>,
    request: &StageRequest,
    open: OpenStream,
) -> Result<Reading, AdapterError> {
    let conditions = parts_of(run, extract, adapter, request).await?;
    let (sql, whole) = (extract.sql.clone(), Arc::clone(&open));
    let mut reading = Reading::from(Box::new(move || whole(sql)) as OpenExtract);
    if conditions.len() > 1 {
        let (run, unique_id, extract) = (Arc::clone(run), node.unique_id.clone(), extract.clone());
        let (connection, relation) = (extract.connection.clone(), request.relation.clone());
        reading.parts = Some(Parts {
            conditions,
            open: Box::new(move |condition| match extract.part_sql(condition) {
                Some(sql) => open(sql),
                None => {
                    let message = "an extract without parts was asked for one";
                    let error = AdapterError::new(ErrorClass::Other, extract.connection.clone(), message);
                    async { Err(error) }.boxed()
                }
            }),
            on_part: Box::new(move |part, parts| {
                let entry = Entry::PartStaged {
                    unique_id: unique_id.clone(),
                    connection: connection.clone(),
                    relation: relation.clone(),
                    part,
                    parts,
                };
                if let Err(error) = run.record(&entry) {
                    tracing::warn!(%error, "a staged part could not be noted");
                }
            }),
        });
    }
    Ok(reading)
}

/// Opens an extract when it is first asked for, counting what comes.
fn extract_opener(
    adapter: &Arc<dyn Adapter>,
    sql: &str,
    schema: &SchemaRef,
    batch_rows: usize,
    counts: &Arc<Counts>,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
) -> OpenStream {
    let (adapter, counts, progress, cancel) =
        (Arc::clone(adapter), Arc::clone(counts), Arc::clone(progress), cancel.clone());
    let request = ExtractRequest { sql: sql.to_owned(), schema: Arc::clone(schema), batch_rows };
    Arc::new(move |sql: String| -> BoxFuture<'static, Result<BatchStream, AdapterError>> {
        let (adapter, counts, progress) = (Arc::clone(&adapter), Arc::clone(&counts), Arc::clone(&progress));
        let (request, cancel) = (ExtractRequest { sql, ..request.clone() }, cancel.clone());
        async move {
            tracing::debug!(connection = adapter.connection(), sql = request.sql, "extract");
            let batches = adapter.extract(request, cancel).await?;
            Ok(batches
                .inspect(move |batch| {
                    if let Ok(batch) = batch {
                        counts.add(batch.num_rows() as u64, batch_bytes(batch));
                        progress.read(batch);
                    }
                })
                .boxed())
        }
        .boxed()
    })
}

/// All rows of an answer, and what was read for them.
pub(crate) struct Collected {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) inputs: Vec<InputFigures>,
}

/// The rows of an answer that is small by its nature. Tried again as [`land`] does.
pub(crate) async fn collect_rows(
    run: &Arc<Run>,
    node: &Node,
    answer: &Answer,
    progress: &Arc<Progress>,
    at: FailedAt<'_>,
) -> Result<Collected, NodeError> {
    let mut again = Again::default();
    loop {
        let cancel = run.stop().child_token();
        progress.restart();
        let attempt = collect_once(run, node, answer, again.joins, progress, &cancel, at).await;
        cancel.cancel();
        match attempt {
            Ok(collected) => return Ok(collected),
            Err((error, out_of_memory)) => again.after(run, node, error, out_of_memory).await?,
        }
    }
}

async fn collect_once(
    run: &Arc<Run>,
    node: &Node,
    answer: &Answer,
    joins: JoinStrategy,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
    at: FailedAt<'_>,
) -> Result<Collected, (NodeError, bool)> {
    let rows = start_rows(run, node, answer, joins, progress, cancel, at).await.map_err(|error| (error, false))?;
    let Rows { schema, mut batches, inputs } = rows;
    let mut collected = Vec::new();
    while let Some(batch) = batches.next().await {
        collected.push(batch.map_err(|error| (from_compute(&error, at), error.is_memory_exhausted()))?);
    }
    Ok(Collected { schema, batches: collected, inputs: inputs.iter().map(InputCounter::figures).collect() })
}

/// What is left to try after an attempt has failed.
struct Again {
    joins: JoinStrategy,
    waits: std::array::IntoIter<Duration, 2>,
}

impl Default for Again {
    fn default() -> Self {
        Self { joins: JoinStrategy::Hash, waits: [Duration::from_secs(1), Duration::from_secs(4)].into_iter() }
    }
}

impl Again {
    /// Waits until the next attempt may begin; gives the error back when there is none.
    async fn after(&mut self, run: &Run, node: &Node, error: NodeError, out_of_memory: bool) -> Result<(), NodeError> {
        if run.stop().is_cancelled() {
            return Err(error);
        }
        if out_of_memory && self.joins == JoinStrategy::Hash {
            tracing::debug!(node = %node.unique_id, "a hash join does not fit the memory limit; sorting instead");
            self.joins = JoinStrategy::SortMerge;
        } else if error.is_retryable
            && let Some(wait) = self.waits.next()
        {
            tokio::time::sleep(wait).await;
        } else {
            return Err(error);
        }
        Ok(())
    }
}

/// Answers the node's query into its landing relation. The whole is tried again where a connection broke (nothing has
/// been published yet), and once more with sorting joins where memory ran out.
pub(crate) async fn land(
    run: &Arc<Run>,
    node: &Arc<Node>,
    compiled: &CompiledNode,
    landing: &Relation,
    progress: &Arc<Progress>,
) -> Result<Landed, NodeError> {
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    progress.phase(Phase::Plan);
    let answer = plan_answer(run, node, compiled, None).await?;
    let target = run.adapter(&node.connection)?;
    let columns = load_columns(target.as_ref(), node, answer.schema())?;
    run.record(&Entry::LandingPlanned {
        unique_id: node.unique_id.clone(),
        connection: node.connection.clone(),
        relation: stored_name(landing, target.dialect()),
    })?;
    let mut again = Again::default();
    loop {
        // One token per attempt: what failed must stop reading before the next begins.
        let cancel = run.stop().child_token();
        progress.restart();
        let attempt = load_once(run, node, &answer, again.joins, &columns, landing, progress, &cancel, at).await;
        cancel.cancel();
        let (error, out_of_memory) = match attempt {
            Ok(landed) => {
                for input in landed.inputs.iter().filter(|input| matches!(input.delivery, Delivery::Streamed)) {
                    run.record(&Entry::Extracted {
                        unique_id: node.unique_id.clone(),
                        connection: input.connection.clone(),
                        relation: input.relation.clone(),
                        rows: input.rows,
                        bytes: input.bytes,
                    })?;
                }
                run.record(&Entry::LandingLoaded { unique_id: node.unique_id.clone(), rows: landed.report.rows })?;
                return Ok(landed);
            }
            Err(failed) => failed,
        };
        again.after(run, node, error, out_of_memory).await?;
        // A load whose answer was lost may have been committed.
        remove_landing(run, node, landing, &target).await?;
        run.record(&Entry::LandingPlanned {
            unique_id: node.unique_id.clone(),
            connection: node.connection.clone(),
            relation: stored_name(landing, target.dialect()),
        })?;
    }
}

/// One attempt. The error says whether the engine's memory was the reason.
#[expect(clippy::too_many_arguments, reason = "one step of `land`, cut out so that it can be repeated")]
async fn load_once(
    run: &Arc<Run>,
    node: &Arc<Node>,
    answer: &Answer,
    joins: JoinStrategy,
    columns: &[LoadColumn],
    landing: &Relation,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
    at: FailedAt<'_>,
) -> Result<Landed, (NodeError, bool)> {
    let target = run.adapter(&node.connection).map_err(|error| (error, false))?;
    if let Some(plan) = plan_of(answer) {
        let choice = run.choose_compute(node, plan).map_err(|error| (error, false))?;
        if let Some(Ok(loading)) = run.jdbc_loading(&choice, target.as_ref(), plan, columns) {
            let work = load_by_executors(run, node, plan, &choice, &loading, columns, landing, progress, cancel, at);
            if let Some(landed) = work.await.map_err(|error| (error, false))? {
                return Ok(landed);
            }
        }
    }
    let rows = start_rows(run, node, answer, joins, progress, cancel, at).await.map_err(|error| (error, false))?;
    let Rows { schema, batches, inputs } = rows;
    let failure: Arc<Mutex<Option<ComputeError>>> = Arc::default();
    let request = LoadRequest {
        relation: stored_name(landing, target.dialect()),
        columns: columns.to_vec(),
        schema,
        on_behalf_of: node.relation().render(),
        options: node.config.0.clone(),
    };
    let (noted, counted, connection) = (Arc::clone(&failure), Arc::clone(progress), node.connection.clone());
    progress.phase(Phase::Load);
    let batches: BatchStream = batches
        .map(move |batch| match batch {
            Ok(batch) => {
                counted.written(&batch);
                Ok(batch)
            }
            Err(error) => {
                // The target only needs to know that no more rows come; why is kept here, whole.
                let told = AdapterError::new(ErrorClass::Other, connection.clone(), error.to_string());
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(told)
            }
        })
        .boxed();
    let loaded = target.load(request, batches, cancel.clone()).await;
    let cause = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (loaded, cause) {
        (_, Some(error)) => Err((from_compute(&error, at), error.is_memory_exhausted())),
        (Err(error), None) => Err((from_adapter(&error, None, at), false)),
        (Ok(report), None) => Ok(Landed { report, inputs: inputs.iter().map(InputCounter::figures).collect() }),
    }
}

/// The target's column types for the result; a type that it cannot hold names the column and the model.
pub(crate) fn load_columns(target: &dyn Adapter, node: &Node, schema: &Schema) -> Result<Vec<LoadColumn>, NodeError> {
    let (mut columns, mut diagnostics) = (Vec::new(), Vec::new());
    for field in schema.fields() {
        match target.column_type(field) {
            Ok(column_type) => {
                columns.push(LoadColumn { name: field.name().clone(), column_type, nullable: true });
            }
            Err(error) => diagnostics.push(
                Diagnostic::error(
                    "unsupported-type",
                    format!("`{}` cannot be built on connection `{}`: {error}", node.name, target.connection()),
                )
                .label(node.span.clone(), "")
                .help(format!("cast `{}` to a type that {} has", field.name(), target.adapter_type())),
            ),
        }
    }
    if diagnostics.is_empty() { Ok(columns) } else { Err(NodeError { diagnostics, is_retryable: false }) }
}
