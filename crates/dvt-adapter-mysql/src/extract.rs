//! A query's rows as a stream of batches.
//!
//! A prepared statement is run in the binary protocol; a task reads and decodes, and hands batches over a channel of two.
//! When the channel is full it stops reading, so the server waits. When the stream is dropped or the token fires, the
//! server is told to kill the query over a second connection, and this one is thrown away: draining it could take minutes.

use crate::client::{Answer, Client, ClientError, Packet};
use crate::decode::{Form, Misfit, RowDecoder};
use crate::pool::{Pool, Purpose, cancelled};
use arrow::array::RecordBatch;
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, ExtractRequest};
use tokio::sync::mpsc;

/// A batch ends here even with fewer rows than asked for, so that wide rows do not fill the memory.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
const BATCHES_IN_FLIGHT: usize = 2;

pub(crate) async fn extract(
    pool: &Pool,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    let prepare = async {
        let mut client = pool.take(Purpose::Read).await?;
        let statement = client.prepare(&request.sql).await.map_err(|error| pool.error(error))?;
        Ok((client, statement))
    };
    let (client, statement) = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(cancelled(&pool.settings)),
        prepared = prepare => prepared?,
    };
    // Looked at before anything runs, and again when the columns of the answer are known.
    RowDecoder::new(request.schema.clone(), &statement.columns, Form::Binary)
        .map_err(|misfit| misfit_error(pool, misfit))?;

    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let pool = pool.clone();
    tokio::spawn(async move {
        let mut reader = Reader { pool, client, sender, rows_per_batch: request.batch_rows.max(1) };
        let connection_id = reader.client.connection_id();
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Outcome::Stopped(Some(cancelled(&reader.pool.settings))),
            outcome = reader.run(&statement, &request) => outcome,
        };
        match outcome {
            Outcome::Finished => {
                if reader.client.close(statement).await.is_ok() {
                    reader.pool.give_back(reader.client);
                }
            }
            Outcome::Failed(error) => {
                let is_idle = !reader.client.is_broken();
                let _ = reader.sender.send(Err(error)).await;
                if is_idle {
                    if reader.client.close(statement).await.is_ok() {
                        reader.pool.give_back(reader.client);
                    }
                } else {
                    drop(reader.client);
                    reader.pool.kill(connection_id, true).await;
                }
            }
            Outcome::Stopped(error) => {
                drop(reader.client);
                if let Some(error) = error {
                    // The reader may not be asking; the kill must not wait for it.
                    let sender = reader.sender;
                    let _ = tokio::join!(sender.send(Err(error)), reader.pool.kill(connection_id, true));
                } else {
                    reader.pool.kill(connection_id, true).await;
                }
            }
        }
    });
    Ok(Box::pin(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    })))
}

pub(crate) fn misfit_error(pool: &Pool, misfit: Misfit) -> AdapterError {
    let connection = pool.settings.connection.as_str();
    match misfit.column {
        Some(column) => {
            let message = format!("column `{column}` cannot be read as it should: {}", misfit.reason);
            AdapterError::new(ErrorClass::ValueDoesNotFit, connection, message).with_column(column)
        }
        None => AdapterError::new(ErrorClass::Other, connection, misfit.reason),
    }
}

enum Outcome {
    Finished,
    Failed(AdapterError),
    /// Nobody wants the rows any more, or the token fired.
    Stopped(Option<AdapterError>),
}

struct Reader {
    pool: Pool,
    client: Client,
    sender: mpsc::Sender<Result<RecordBatch, AdapterError>>,
    rows_per_batch: usize,
}

impl Reader {
    async fn run(&mut self, statement: &crate::client::Statement, request: &ExtractRequest) -> Outcome {
        let closed = self.sender.clone();
        let answer = tokio::select! {
            biased;
            () = closed.closed() => return Outcome::Stopped(None),
            answer = self.client.execute(statement) => answer,
        };
        let columns = match answer {
            Ok(Answer::Rows(columns)) => columns,
            Ok(_) => {
                let message = "the statement returns no rows";
                let connection = self.pool.settings.connection.as_str();
                return Outcome::Failed(AdapterError::new(ErrorClass::Other, connection, message));
            }
            Err(error) => return self.failed(error),
        };
        let mut decoder = match RowDecoder::new(request.schema.clone(), &columns, Form::Binary) {
            Ok(decoder) => decoder,
            Err(misfit) => return Outcome::Failed(misfit_error(&self.pool, misfit)),
        };
        loop {
            match self.client.buffered_row() {
                Ok(Some(Some(packet))) => {
                    if let Err(misfit) = self.push(&mut decoder, &packet) {
                        return Outcome::Failed(misfit_error(&self.pool, misfit));
                    }
                    if (decoder.rows() >= self.rows_per_batch || decoder.bytes() >= BATCH_BYTES)
                        && let Some(outcome) = self.send(&mut decoder).await
                    {
                        return outcome;
                    }
                }
                Ok(Some(None)) => {
                    if decoder.rows() > 0
                        && let Some(outcome) = self.send(&mut decoder).await
                    {
                        return outcome;
                    }
                    return Outcome::Finished;
                }
                Ok(None) => {
                    let filled = tokio::select! {
                        biased;
                        () = closed.closed() => return Outcome::Stopped(None),
                        filled = self.client.fill() => filled,
                    };
                    if let Err(error) = filled {
                        return self.failed(error);
                    }
                }
                Err(error) => return self.failed(error),
            }
        }
    }

    fn push(&self, decoder: &mut RowDecoder, packet: &Packet) -> Result<(), Misfit> {
        decoder.push(self.client.bytes(packet))
    }

    async fn send(&mut self, decoder: &mut RowDecoder) -> Option<Outcome> {
        match decoder.finish() {
            Ok(batch) => self.sender.send(Ok(batch)).await.err().map(|_| Outcome::Stopped(None)),
            Err(misfit) => Some(Outcome::Failed(misfit_error(&self.pool, misfit))),
        }
    }

    fn failed(&self, error: ClientError) -> Outcome {
        Outcome::Failed(self.pool.error(error))
    }
}
