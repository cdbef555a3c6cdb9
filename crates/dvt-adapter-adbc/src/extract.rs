//! A query's rows as a stream of batches: a blocking thread reads the driver's and a channel of two hands them over.
//!
//! When the stream is dropped or the token fires, the query is cancelled.

use crate::run::{Rows, arrow_message, cancelled, query};
use crate::session::{decode, given_schema};
use crate::vendor::Vendor;
use adbc_core::Connection as _;
use adbc_driver_manager::ManagedConnection;
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::compute::{concat_batches, nullif};
use arrow::datatypes::{Field, SchemaRef};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, ExtractRequest, strict_cast};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A batch ends here even with fewer rows than asked for, so that wide rows do not fill the memory.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
const BATCHES_IN_FLIGHT: usize = 2;

type Sender = mpsc::Sender<Result<RecordBatch, AdapterError>>;

pub(crate) async fn extract(
    vendor: Arc<dyn Vendor>,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    if cancel.is_cancelled() {
        return Err(cancelled(vendor.connection()));
    }
    tracing::debug!(connection = %vendor.connection(), sql = request.sql, "extract");
    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let (prepared, is_prepared) = oneshot::channel();
    let finished = CancellationToken::new();
    let lost = {
        let connection = vendor.connection().to_owned();
        move || AdapterError::new(ErrorClass::Other, connection, "the reading thread ended unexpectedly")
    };
    {
        let (cancel, finished, sender) = (cancel.clone(), finished.clone(), sender.clone());
        tokio::task::spawn_blocking(move || {
            let _finished = finished.drop_guard();
            let mut connection = match vendor.connect() {
                Ok(connection) => connection,
                Err(error) => return drop(prepared.send(Err(error))),
            };
            if prepared.send(Ok(connection.get_cancel_handle())).is_err() {
                return;
            }
            if let Err(error) = read(vendor.as_ref(), &mut connection, &request, &cancel, &sender) {
                let error = if cancel.is_cancelled() { cancelled(vendor.connection()) } else { error };
                drop(sender.blocking_send(Err(error)));
            }
        });
    }
    let handle = is_prepared.await.map_err(|_| lost())??;
    tokio::spawn(async move {
        // Between batches the thread looks at the token or finds nobody to send to.
        loop {
            tokio::select! {
                () = finished.cancelled() => return,
                () = sender.closed() => {}
                () = cancel.cancelled() => {}
            }
            let _ = handle.try_cancel();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    Ok(Box::pin(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    })))
}

fn read(
    vendor: &dyn Vendor,
    connection: &mut ManagedConnection,
    request: &ExtractRequest,
    cancel: &CancellationToken,
    sender: &Sender,
) -> Result<(), AdapterError> {
    let flagged = vendor.flagged(&request.schema);
    let sql = match flagged.is_empty() {
        true => request.sql.clone(),
        false => with_flags(vendor, request, &flagged),
    };
    let mut rows = query(vendor, connection, &sql)?;
    let given = given_schema(vendor, &rows.reader.schema())?;
    if given.fields().len() != request.schema.fields().len() + flagged.len() {
        return Err(AdapterError::new(
            ErrorClass::Other,
            vendor.connection(),
            format!("{} columns were asked for and {} came", request.schema.fields().len(), given.fields().len()),
        ));
    }
    let guarded = vendor
        .guarded(&request.sql, &rows.reader.schema())
        .map_err(|reason| AdapterError::new(ErrorClass::UnsupportedType, vendor.connection(), reason))?;
    if let Some(sql) = guarded {
        drop(rows);
        rows = query(vendor, connection, &sql)?;
    }
    let mut shaper = Shaper { vendor, schema: &request.schema, flagged, batch_rows: request.batch_rows.max(1) };
    shaper.pass_on(rows, &given, cancel, sender)
}

/// The query with a flag behind its columns for each of those that are flagged.
fn with_flags(vendor: &dyn Vendor, request: &ExtractRequest, flagged: &[usize]) -> String {
    let quote = |index: usize| vendor.dialect().quote_identifier(&format!("c{index}"));
    let names: Vec<String> = (0..request.schema.fields().len()).map(quote).collect();
    let flags = flagged.iter().map(|index| format!("{} IS NULL", quote(*index)));
    let values: Vec<String> = names.iter().cloned().chain(flags).collect();
    let sql = request.sql.trim().trim_end_matches(';');
    format!("SELECT {} FROM (\n{sql}\n) AS q ({})", values.join(", "), names.join(", "))
}

/// Gathers the driver's small batches into such as were asked for.
struct Shaper<'a> {
    vendor: &'a dyn Vendor,
    schema: &'a SchemaRef,
    /// Columns whose flags follow the columns themselves.
    flagged: Vec<usize>,
    batch_rows: usize,
}

impl Shaper<'_> {
    fn pass_on(
        &mut self,
        rows: Rows,
        given: &SchemaRef,
        cancel: &CancellationToken,
        sender: &Sender,
    ) -> Result<(), AdapterError> {
        let mut waiting: Vec<RecordBatch> = Vec::new();
        let (mut waiting_rows, mut waiting_bytes) = (0, 0);
        // The first rows go at once; then a batch grows up to what was asked for.
        let mut wanted_rows = 1;
        for batch in rows.reader {
            let batch = batch.map_err(|error| self.vendor.error(&arrow_message(&error)))?;
            if cancel.is_cancelled() {
                return Err(cancelled(self.vendor.connection()));
            }
            let batch = self.shaped(&decode(self.vendor, &batch, given)?)?;
            waiting_rows += batch.num_rows();
            waiting_bytes += batch.get_array_memory_size();
            waiting.push(batch);
            if waiting_rows >= wanted_rows || waiting_bytes >= BATCH_BYTES {
                wanted_rows = self.batch_rows;
                if !self.send(&std::mem::take(&mut waiting), sender)? {
                    return Ok(());
                }
                (waiting_rows, waiting_bytes) = (0, 0);
            }
        }
        self.send(&waiting, sender).map(drop)
    }

    /// False when nobody listens any more.
    fn send(&self, batches: &[RecordBatch], sender: &Sender) -> Result<bool, AdapterError> {
        let whole = match batches {
            [] => return Ok(true),
            [one] => one.clone(),
            several => concat_batches(self.schema, several)
                .map_err(|error| AdapterError::new(ErrorClass::Other, self.vendor.connection(), error.to_string()))?,
        };
        let mut start = 0;
        while start < whole.num_rows() {
            let length = self.batch_rows.min(whole.num_rows() - start);
            if sender.blocking_send(Ok(whole.slice(start, length))).is_err() {
                return Ok(false);
            }
            start += length;
        }
        Ok(true)
    }

    /// The batch as the schema that was asked for.
    fn shaped(&self, batch: &RecordBatch) -> Result<RecordBatch, AdapterError> {
        let columns = batch.columns().iter().zip(self.schema.fields()).enumerate().map(|(index, (values, field))| {
            let flag = self.flagged.iter().position(|flagged| *flagged == index);
            match flag.and_then(|flag| batch.column(self.schema.fields().len() + flag).as_boolean_opt()) {
                Some(is_null) => self.column(&nullif(values, is_null).map_err(|error| self.other(&error))?, field),
                None => self.column(values, field),
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(self.schema), columns, &options)
            .map_err(|error| AdapterError::new(ErrorClass::Other, self.vendor.connection(), error.to_string()))
    }

    fn other(&self, error: &arrow::error::ArrowError) -> AdapterError {
        AdapterError::new(ErrorClass::Other, self.vendor.connection(), error.to_string())
    }

    fn column(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, AdapterError> {
        let misfit = |class: ErrorClass, problem: String| {
            let message = format!("column `{}`: {problem}", field.name());
            AdapterError::new(class, self.vendor.connection(), message).with_column(field.name())
        };
        let values = strict_cast(values, field.data_type()).map_err(|problem| {
            let class = match problem {
                CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
            };
            misfit(class, problem.to_string())
        })?;
        if !field.is_nullable() && values.null_count() > 0 {
            return Err(misfit(
                ErrorClass::ValueDoesNotFit,
                "there is a NULL, which it is declared not to hold".into(),
            ));
        }
        Ok(values)
    }
}
