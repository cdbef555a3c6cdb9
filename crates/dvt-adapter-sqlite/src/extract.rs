//! A query's rows as a stream of batches: a blocking thread steps through them and a channel of two hands them over.
//!
//! When the stream is dropped or the token fires, the statement is interrupted.

use crate::errors::{adapter_error, cancelled};
use crate::open::{Purpose, open};
use crate::profile::Settings;
use crate::values::{Misfit, RowCollector};
use arrow::array::RecordBatch;
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, ExtractRequest};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A batch ends here even with fewer rows than asked for, so that wide rows do not fill the memory.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
const BATCHES_IN_FLIGHT: usize = 2;

type Sender = mpsc::Sender<Result<RecordBatch, AdapterError>>;

pub(crate) async fn extract(
    settings: Arc<Settings>,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    if cancel.is_cancelled() {
        return Err(cancelled(&settings));
    }
    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let (prepared, is_prepared) = oneshot::channel();
    let finished = CancellationToken::new();
    let worker = {
        let (settings, cancel, finished, sender) = (settings.clone(), cancel.clone(), finished.clone(), sender.clone());
        move || {
            let _finished = finished.drop_guard();
            let connection = match open(&settings, Purpose::Read) {
                Ok(connection) => connection,
                Err(error) => return drop(prepared.send(Err(error))),
            };
            let mut prepared = Some(prepared);
            if let Err(error) = read(&settings, &connection, &request, &cancel, &sender, &mut prepared) {
                match prepared {
                    Some(prepared) => drop(prepared.send(Err(error))),
                    None => drop(sender.blocking_send(Err(error))),
                }
            }
        }
    };
    tokio::task::spawn_blocking(worker);
    let handle = is_prepared.await.map_err(|_| {
        AdapterError::new(ErrorClass::Other, settings.connection.as_str(), "the reading thread ended unexpectedly")
    })??;
    tokio::spawn(async move {
        // Stepping ends at once when interrupted; between steps the thread looks at the token or finds nobody to send to.
        loop {
            tokio::select! {
                () = finished.cancelled() => return,
                () = sender.closed() => {}
                () = cancel.cancelled() => {}
            }
            handle.interrupt();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    Ok(Box::pin(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    })))
}

type Prepared = oneshot::Sender<Result<rusqlite::InterruptHandle, AdapterError>>;

fn read(
    settings: &Settings,
    connection: &Connection,
    request: &ExtractRequest,
    cancel: &CancellationToken,
    sender: &Sender,
    prepared: &mut Option<Prepared>,
) -> Result<(), AdapterError> {
    let failed = |error| adapter_error(settings, error);
    let mut statement = connection.prepare(&request.sql).map_err(failed)?;
    let width = statement.column_count();
    if width != request.schema.fields().len() {
        return Err(AdapterError::new(
            ErrorClass::Other,
            settings.connection.as_str(),
            format!("{} columns were asked for and {width} came", request.schema.fields().len()),
        ));
    }
    let mut collector = RowCollector::new(request.schema.clone()).map_err(|error| {
        AdapterError::new(ErrorClass::UnsupportedType, settings.connection.as_str(), error.to_string())
            .with_column(error.column)
    })?;
    if let Some(prepared) = prepared.take() {
        let _ = prepared.send(Ok(connection.get_interrupt_handle()));
    }
    let batch_rows = request.batch_rows.max(1);
    let mut rows = statement.query([]).map_err(failed)?;
    let mut row_number = 0u64;
    let send = |collector: &mut RowCollector| match collector.finish() {
        Ok(batch) => Ok(sender.blocking_send(Ok(batch)).is_ok()),
        Err(misfit) => Err(misfit_error(settings, misfit, 0)),
    };
    while let Some(row) = rows.next().map_err(failed)? {
        row_number += 1;
        let values = (0..width).map(|index| row.get_ref(index).unwrap_or(ValueRef::Null));
        collector.push(values).map_err(|misfit| misfit_error(settings, misfit, row_number))?;
        if collector.rows() >= batch_rows || collector.bytes() >= BATCH_BYTES {
            if cancel.is_cancelled() {
                return Err(cancelled(settings));
            }
            if !send(&mut collector)? {
                return Ok(());
            }
        }
    }
    if collector.rows() > 0 {
        send(&mut collector)?;
    }
    Ok(())
}

fn misfit_error(settings: &Settings, misfit: Misfit, row_number: u64) -> AdapterError {
    let message = format!("column `{}`, row {row_number} of the result: {}", misfit.column, misfit.reason);
    AdapterError::new(ErrorClass::ValueDoesNotFit, settings.connection.as_str(), message)
        .with_column(misfit.column)
        .with_hint("SQLite stores any value in any column; correct the row, or cast the column in a view")
}
