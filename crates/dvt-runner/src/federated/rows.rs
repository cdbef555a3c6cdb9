//! The rows of an answer: inputs are opened, the engine computes, and what broke is tried again.

use super::{Answer, Delivery, InputCounter, InputFigures};
use crate::engines::{ChosenEngine, ComputeChoice, StagingPlace};
use crate::extracting::{choose_supply, parts_of};
use crate::failure::{FailedAt, NodeError, from_adapter, from_compute, from_staging};
use crate::jdbc::ByExecutors;
use crate::journal::Entry;
use crate::progress::{Counts, Progress, batch_bytes};
use crate::reporter::Phase;
use crate::run::Run;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use dvt_adapter::{Adapter, AdapterError, BatchStream, CancellationToken, ErrorClass, ExtractRequest};
use dvt_compute::{ComputeError, ExtractInput, JoinStrategy, OpenStream};
use dvt_diagnostics::Diagnostic;
use dvt_federation::{Extract, FederatedPlan};
use dvt_manifest::Node;
use dvt_project::Staging as StagingMode;
use dvt_staging::{OpenExtract, Origin, Parts, Reading, StageRequest};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;

/// The rows of an answer, as they come. Each input's figures grow with them.
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    pub(super) batches: BoxStream<'static, Result<RecordBatch, ComputeError>>,
    pub(super) inputs: Vec<InputCounter>,
}

/// Starts to answer.
pub(super) async fn start_rows(
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
pub(super) struct Again {
    pub(super) joins: JoinStrategy,
    pub(super) waits: std::array::IntoIter<Duration, 2>,
}

impl Default for Again {
    fn default() -> Self {
        Self { joins: JoinStrategy::Hash, waits: [Duration::from_secs(1), Duration::from_secs(4)].into_iter() }
    }
}

impl Again {
    /// Waits until the next attempt may begin; gives the error back when there is none.
    pub(super) async fn after(
        &mut self,
        run: &Run,
        node: &Node,
        error: NodeError,
        out_of_memory: bool,
    ) -> Result<(), NodeError> {
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
