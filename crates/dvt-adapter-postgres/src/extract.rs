//! Extracts: `COPY (…) TO STDOUT (FORMAT binary)` as a stream of Arrow batches.
//!
//! A task reads and decodes, two batches ahead of the reader at most. Dropping the stream cancels the query in the server.

use crate::copy_out::{CopyProblem, CopyReader};
use crate::errors::{cancelled, from_driver};
use crate::pool::{Lease, Pool};
use crate::session::with_text_columns;
use crate::types::{Kind, TypeName, kind_of};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, ExtractRequest, strict_cast};
use dvt_sql::{POSTGRES, split_statements};
use futures::StreamExt;
use futures::stream;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_postgres::CopyOutStream;

/// The type of `char(n)`.
const BPCHAR: u32 = 1042;

/// Batches that are ready before the reader asks.
const AHEAD: usize = 2;

/// Starts the query; errors of its text come at once, errors of its rows in the stream.
pub(crate) async fn extract(
    pool: &Arc<Pool>,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    let connection = pool.connector.settings.connection.clone();
    if cancel.is_cancelled() {
        return Err(cancelled(&connection));
    }
    let lease = pool.take().await?;
    let started = tokio::select! {
        started = start(&lease, &request, &connection) => started,
        () = cancel.cancelled() => {
            // Dropping the lease closes the connection; the server is told to stop planning.
            lease.canceller.clone().cancel_in_background();
            return Err(cancelled(&connection));
        }
    };
    let (copy, kinds) = match started {
        Ok(started) => started,
        Err(error) => {
            lease.give_back();
            return Err(error);
        }
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    let work = Work {
        delivery: Delivery::new(request.schema, connection),
        reader: CopyReader::new(kinds),
        batch_rows: request.batch_rows.max(1),
        sender,
    };
    tokio::spawn(work.run(lease, copy, cancel));
    let batches =
        stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|item| (item, receiver)) });
    Ok(batches.boxed())
}

/// Describes the query, so that its text is checked as it was written and each column gets its decoder; then copies.
async fn start(
    lease: &Lease,
    request: &ExtractRequest,
    connection: &str,
) -> Result<(CopyOutStream, Vec<Kind>), AdapterError> {
    let (sql, offset) = single_statement(&request.sql, connection)?;
    let failed = |error, sql: &str| from_driver(connection, error, Some(sql));
    let statement = lease.client.prepare(sql).await.map_err(|error| {
        let mut error = failed(error, sql);
        error.position = error.position.map(|position| position + offset);
        error
    })?;
    let columns = statement.columns();
    if columns.len() != request.schema.fields().len() {
        return Err(AdapterError::new(
            ErrorClass::Other,
            connection,
            format!("the query has {} columns where {} are expected", columns.len(), request.schema.fields().len()),
        ));
    }
    let mut kinds = Vec::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(request.schema.fields()) {
        let kind = kind_of(&TypeName::of(column.type_()), column.type_modifier()).map_err(|reason| {
            AdapterError::new(ErrorClass::UnsupportedType, connection, format!("column `{}`: {reason}", field.name()))
                .with_column(field.name())
        })?;
        let is_padded = column.type_().oid() == BPCHAR && matches!(kind, Kind::Text { .. });
        kinds.push(if is_padded { Kind::BlankPadded } else { kind });
    }
    // A cast by name keeps the rows and their order; only the form of these columns is another.
    let sql = match kinds.contains(&Kind::AsText) {
        true => with_text_columns(sql, &statement),
        false => sql.to_owned(),
    };
    let copy_sql = format!("copy ({sql}\n) to stdout (format binary)");
    let copy = lease.client.copy_out(&copy_sql).await.map_err(|error| failed(error, &copy_sql))?;
    Ok((copy, kinds))
}

/// The query without the semicolon behind it, and where it starts.
pub(crate) fn single_statement<'a>(sql: &'a str, connection: &str) -> Result<(&'a str, usize), AdapterError> {
    match split_statements(sql, &POSTGRES)[..] {
        [statement] => Ok((statement.text, statement.start)),
        ref statements => {
            let message = format!("one query is expected, and there are {} statements", statements.len());
            Err(AdapterError::new(ErrorClass::Syntax, connection, message))
        }
    }
}

struct Work {
    delivery: Delivery,
    reader: CopyReader,
    batch_rows: usize,
    sender: mpsc::Sender<Result<RecordBatch, AdapterError>>,
}

impl Work {
    async fn run(mut self, lease: Lease, copy: CopyOutStream, cancel: CancellationToken) {
        let sender = self.sender.clone();
        let ended = tokio::select! {
            ended = self.read(copy) => ended,
            () = cancel.cancelled() => End::Failed(cancelled(&self.delivery.connection)),
            () = sender.closed() => End::Dropped,
        };
        match ended {
            End::Complete => lease.give_back(),
            End::Dropped => lease.canceller.clone().cancel_in_background(),
            End::Failed(error) => {
                // The connection is closed: rows may still be on their way through it.
                lease.canceller.clone().cancel_in_background();
                let _ = sender.send(Err(error)).await;
            }
        }
    }

    async fn read(&mut self, copy: CopyOutStream) -> End {
        let mut copy = pin!(copy);
        let mut has_sent = false;
        while let Some(chunk) = copy.next().await {
            let read = match chunk {
                Ok(chunk) => self.reader.read(&chunk),
                Err(error) => return End::Failed(from_driver(&self.delivery.connection, error, None)),
            };
            if let Err(problem) = read {
                return End::Failed(self.delivery.problem(&problem));
            }
            if self.reader.is_full(self.batch_rows) {
                has_sent = true;
                if let Err(end) = self.send().await {
                    return end;
                }
            }
        }
        if let Err(problem) = self.reader.check_end() {
            return End::Failed(self.delivery.problem(&problem));
        }
        if self.reader.rows() > 0 || !has_sent {
            if self.reader.rows() == 0 {
                return match self.delivery.deliver(self.reader.empty_batch()) {
                    Ok(_) => End::Complete,
                    Err(error) => End::Failed(error),
                };
            }
            if let Err(end) = self.send().await {
                return end;
            }
        }
        End::Complete
    }

    async fn send(&mut self) -> Result<(), End> {
        let columns = self.reader.finish_batch().map_err(|problem| End::Failed(self.delivery.problem(&problem)))?;
        let batch = self.delivery.deliver(columns).map_err(End::Failed)?;
        self.sender.send(Ok(batch)).await.map_err(|_| End::Dropped)
    }
}

enum End {
    Complete,
    Dropped,
    Failed(AdapterError),
}

/// Gives natural columns the types that were asked for.
pub(crate) struct Delivery {
    schema: SchemaRef,
    connection: String,
}

impl Delivery {
    pub(crate) fn new(schema: SchemaRef, connection: String) -> Self {
        Self { schema, connection }
    }

    fn deliver(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch, AdapterError> {
        let mut delivered = Vec::with_capacity(columns.len());
        for (column, field) in columns.into_iter().zip(self.schema.fields()) {
            if !field.is_nullable() && column.null_count() > 0 {
                let message = format!("column `{}` holds NULL, and is declared without", field.name());
                return Err(self.misfit(field.name(), message));
            }
            delivered.push(self.convert(&column, field.name(), field.data_type())?);
        }
        RecordBatch::try_new(Arc::clone(&self.schema), delivered)
            .map_err(|error| AdapterError::new(ErrorClass::Other, &self.connection, error.to_string()))
    }

    fn convert(&self, column: &ArrayRef, name: &str, to: &DataType) -> Result<ArrayRef, AdapterError> {
        strict_cast(column, to).map_err(|problem| {
            let class = match problem {
                CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
            };
            AdapterError::new(class, &self.connection, format!("column `{name}`: {problem}")).with_column(name)
        })
    }

    fn problem(&self, problem: &CopyProblem) -> AdapterError {
        match problem {
            CopyProblem::Format(message) => AdapterError::new(ErrorClass::Other, &self.connection, *message),
            CopyProblem::Value { column, problem } => {
                let name = self.schema.field(*column).name();
                self.misfit(name, format!("a value of column `{name}` {problem}"))
            }
        }
    }

    fn misfit(&self, column: &str, message: String) -> AdapterError {
        AdapterError::new(ErrorClass::ValueDoesNotFit, &self.connection, message).with_column(column)
    }
}
