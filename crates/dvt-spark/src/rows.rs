//! The rows of one query: every batch once, in order, whatever happens to the stream that brings them.
//!
//! A server ends streams by itself after some minutes and expects to be asked for the rest; a connection may break. Both
//! go on behind the last response that arrived. A query is complete only when the server has said so.

use crate::error::SparkFailure;
use crate::server::Server;
use crate::session::{failure, is_broken};
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use futures::StreamExt;
use futures::stream::BoxStream;
use spark_connect_core::{ExecutePlanResponseReattachableIterator, RetryPolicy, SparkConnectClient, SparkError};
use spark_connect_proto as proto;
use spark_connect_proto::execute_plan_response::ResponseType;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Batches that wait for the reader.
const BATCHES_AHEAD: usize = 2;

/// A server ends a stream after two minutes at the latest; one that is silent for longer is gone.
const SILENCE: Duration = Duration::from_secs(200);

/// What transports say of a connection that broke.
pub(crate) const BROKEN: &[&str] =
    &["h2 protocol error", "transport error", "error reading a body", "broken pipe", "connection reset"];

/// How often a broken stream is taken up again without a response in between.
const ATTEMPTS: u32 = 8;

/// One query, and where it runs.
pub(crate) struct Execution {
    pub(crate) client: Arc<SparkConnectClient>,
    pub(crate) user: proto::UserContext,
    pub(crate) plan: proto::Plan,
    pub(crate) place: String,
    pub(crate) server: Option<Arc<Server>>,
}

/// What comes of a plan, as it comes.
pub(crate) enum Piece {
    /// Rows of a query. One without rows tells the columns.
    Rows(RecordBatch),
    /// Where what a statement gave is read.
    Result(Box<proto::Relation>),
}

/// Starts the plan when the stream is first read. Dropped before its end, the stream interrupts it.
pub(crate) fn run(execution: Execution) -> BoxStream<'static, Result<Piece, SparkFailure>> {
    let start = async move {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        tokio::spawn(drive(execution, sender));
        futures::stream::unfold(receiver, |mut receiver| async move {
            let batch = receiver.recv().await?;
            Some((batch, receiver))
        })
    };
    futures::stream::once(start).flatten().boxed()
}

async fn drive(execution: Execution, sender: mpsc::Sender<Result<Piece, SparkFailure>>) {
    let request = proto::ExecutePlanRequest {
        session_id: execution.client.session_id().to_owned(),
        user_context: Some(execution.user.clone()),
        operation_id: Some(uuid::Uuid::new_v4().to_string()),
        plan: Some(execution.plan.clone()),
        client_type: Some("dvt".to_owned()),
        ..Default::default()
    };
    let place = ExecutePlanResponseReattachableIterator::new(request);
    let outcome = tokio::select! {
        outcome = receive(&execution, &place, &sender) => Some(outcome),
        () = sender.closed() => None,
    };
    match outcome {
        Some(Ok(())) => {
            let release = place.create_release_request(true).await;
            if let Err(error) = execution.client.release_execute(release).await {
                tracing::debug!(error = %error.message(), "a finished query at Spark could not be released");
            }
        }
        Some(Err(error)) => {
            interrupt(&execution, place.operation_id()).await;
            // Nobody listens any more: the reader has gone meanwhile.
            let _ = sender.send(Err(error)).await;
        }
        None => interrupt(&execution, place.operation_id()).await,
    }
}

async fn interrupt(execution: &Execution, operation: &str) {
    let asked = execution.client.interrupt_operation(operation);
    match tokio::time::timeout(Duration::from_secs(10), asked).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(error = %error.message(), "a query at Spark could not be interrupted"),
        Err(_) => tracing::debug!("a query at Spark could not be interrupted in time"),
    }
}

async fn receive(
    execution: &Execution,
    place: &ExecutePlanResponseReattachableIterator,
    sender: &mpsc::Sender<Result<Piece, SparkFailure>>,
) -> Result<(), SparkFailure> {
    let policy = RetryPolicy::default();
    let client = &execution.client;
    let failed =
        |error: SparkError| async move { failure(&error, &execution.place, execution.server.as_deref()).await };
    let (mut attempts, mut rows) = (0, 0_i64);
    let mut stream = loop {
        let mut error = match client.execute_plan(place.request().clone()).await {
            Ok(stream) => break stream,
            Err(error) => error,
        };
        // It broke on the way: the server has the query, or has never heard of it, and only then it is sent again.
        let stream = loop {
            attempts += 1;
            if attempts >= ATTEMPTS || execution.server.is_some() || !is_broken(&error) {
                return Err(failed(error).await);
            }
            tracing::debug!(error = %error.message(), attempts, "asking whether Spark has a query");
            tokio::time::sleep(Duration::from_millis(100 << attempts.min(6))).await;
            match client.reattach_execute(place.create_reattach_request().await).await {
                Ok(stream) => break Some(stream),
                Err(unknown) if is_unheard_of(&unknown) => break None,
                Err(other) => error = other,
            }
        };
        if let Some(stream) = stream {
            break stream;
        }
    };
    loop {
        let broken = match tokio::time::timeout(SILENCE, stream.message()).await {
            Ok(Ok(Some(response))) => {
                attempts = 0;
                place.set_last_response_id(&response).await;
                match response.response_type {
                    Some(ResponseType::ArrowBatch(batch)) => {
                        for batch in decoded(batch, &mut rows)? {
                            if sender.send(Ok(Piece::Rows(batch))).await.is_err() {
                                return Ok(());
                            }
                        }
                    }
                    Some(ResponseType::SqlCommandResult(result)) => {
                        let piece = result.relation.map(|relation| Piece::Result(Box::new(relation)));
                        if let Some(piece) = piece
                            && sender.send(Ok(piece)).await.is_err()
                        {
                            return Ok(());
                        }
                    }
                    Some(ResponseType::ResultComplete(_)) => return Ok(()),
                    _ => {}
                }
                continue;
            }
            // The server has more, and wants to be asked for it.
            Ok(Ok(None)) => None,
            Ok(Err(status)) => {
                // What has no details of Spark's is the connection's own, under any code.
                let may_go_on = policy.can_retry(&status)
                    || status.details().is_empty() && BROKEN.iter().any(|word| status.message().contains(word));
                let error = SparkError::from_grpc_status(status);
                if !may_go_on {
                    return Err(failed(error).await);
                }
                Some(error)
            }
            Err(_) => Some(SparkError::connect_msg("the stream of rows is silent")),
        };
        loop {
            attempts += 1;
            if let Some(error) = &broken {
                let ended = match &execution.server {
                    Some(server) => server.ended(true).await,
                    None => None,
                };
                if let Some(ended) = ended {
                    return Err(ended);
                }
                tracing::debug!(error = %error.message(), attempts, "the rows of a query at Spark stopped; going on");
                tokio::time::sleep(Duration::from_millis(100 << attempts.min(6))).await;
            }
            match client.reattach_execute(place.create_reattach_request().await).await {
                Ok(fresh) => {
                    stream = fresh;
                    break;
                }
                Err(error) => {
                    let is_lost =
                        error.message.contains("INVALID_HANDLE") || error.error_class.starts_with("INVALID_HANDLE");
                    if is_lost || attempts >= ATTEMPTS {
                        return Err(failed(error).await);
                    }
                    tokio::time::sleep(Duration::from_millis(100 << attempts.min(6))).await;
                }
            }
        }
    }
}

/// Whether the server knows the session and no such query.
fn is_unheard_of(error: &SparkError) -> bool {
    let class = "INVALID_HANDLE.OPERATION_NOT_FOUND";
    error.error_class == class || error.message.contains(class)
}

/// The batches of one response. Rows are counted: one that is missing or comes twice is an error.
fn decoded(batch: proto::execute_plan_response::ArrowBatch, rows: &mut i64) -> Result<Vec<RecordBatch>, SparkFailure> {
    let wrong = |message: String| SparkFailure::Answer { message };
    if let Some(start) = batch.start_offset
        && start != *rows
    {
        return Err(wrong(format!("row {start} came where row {rows} was to come")));
    }
    if batch.num_chunks_in_batch.is_some_and(|chunks| chunks > 1) {
        return Err(wrong("a batch came in parts".to_owned()));
    }
    let reader = StreamReader::try_new(Cursor::new(batch.data), None).map_err(|error| wrong(error.to_string()))?;
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    let count: i64 = batches.iter().map(|batch| i64::try_from(batch.num_rows()).unwrap_or(i64::MAX)).sum();
    if count != batch.row_count {
        return Err(wrong(format!("{} rows were announced and {count} came", batch.row_count)));
    }
    *rows += count;
    Ok(batches)
}
