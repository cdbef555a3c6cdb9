//! An extract's rows as a stream of batches in the types that were asked for.
//!
//! A task reads and decodes, two batches ahead of the reader at most. Dropping the stream cancels the query in the server.

use crate::collect::Misfit;
use crate::errors::cancelled;
use crate::pool::Lease;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, strict_cast};
use futures::{StreamExt, stream};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Batches that are ready before the reader asks.
const AHEAD: usize = 2;

/// How the reading ended.
pub(crate) enum End {
    Complete,
    Dropped,
    Failed(AdapterError),
}

/// Where what was read goes.
pub(crate) struct Outlet {
    delivery: Delivery,
    sender: mpsc::Sender<Result<RecordBatch, AdapterError>>,
}

impl Outlet {
    pub(crate) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Sends a batch, as soon as the reader has room for it.
    pub(crate) async fn send(&self, columns: Vec<ArrayRef>) -> Result<(), End> {
        let batch = self.delivery.deliver(columns).map_err(End::Failed)?;
        self.sender.send(Ok(batch)).await.map_err(|_| End::Dropped)
    }

    /// A result without rows is no batch; its columns have to be those that were asked for all the same.
    pub(crate) fn end_empty(&self, columns: Vec<ArrayRef>) -> End {
        match self.delivery.deliver(columns) {
            Ok(_) => End::Complete,
            Err(error) => End::Failed(error),
        }
    }
}

/// The batches that `read` sends, while it runs on a task of its own. The connection goes back to its pool when all was read,
/// and is closed otherwise: rows may still be on their way through it.
pub(crate) fn stream<R, F>(lease: Lease, delivery: Delivery, cancel: CancellationToken, read: R) -> BatchStream
where
    R: FnOnce(Outlet) -> F,
    F: Future<Output = End> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(AHEAD);
    let connection = delivery.connection.clone();
    let reading = read(Outlet { delivery, sender: sender.clone() });
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = reading => ended,
            () = cancel.cancelled() => End::Failed(cancelled(&connection)),
            () = sender.closed() => End::Dropped,
        };
        match ended {
            End::Complete => lease.give_back(),
            End::Dropped => lease.canceller.clone().cancel_in_background(),
            End::Failed(error) => {
                lease.canceller.clone().cancel_in_background();
                let _ = sender.send(Err(error)).await;
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|item| (item, receiver)) }).boxed()
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

    pub(crate) fn connection(&self) -> &str {
        &self.connection
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

    /// A value that its column cannot hold.
    pub(crate) fn refused(&self, column: usize, problem: Misfit) -> AdapterError {
        let name = self.schema.field(column).name();
        self.misfit(name, format!("a value of column `{name}` {problem}"))
    }

    fn misfit(&self, column: &str, message: String) -> AdapterError {
        AdapterError::new(ErrorClass::ValueDoesNotFit, &self.connection, message).with_column(column)
    }
}
