//! Loading: a new table and prepared inserts in one transaction, on a blocking thread.
//!
//! The thread commits only when it is told that the stream has ended well; anything else rolls the table back.

use crate::encode::{Encoder, Misfit};
use crate::errors::{adapter_error, cancelled};
use crate::open::{Purpose, open};
use crate::profile::Settings;
use arrow::array::RecordBatch;
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, LoadReport, LoadRequest};
use dvt_sql::SQLITE;
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Of changed pages in memory before any is written; negative means KiB.
const CACHE_KIB: i64 = -131_072;

enum Message {
    Rows(RecordBatch),
    /// All rows have come: commit.
    End,
}

pub(crate) async fn load(
    settings: Arc<Settings>,
    request: LoadRequest,
    mut rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let (sender, receiver) = mpsc::channel(2);
    let relation = request.relation.clone();
    let worker_settings = settings.clone();
    let worker = tokio::task::spawn_blocking(move || write(&worker_settings, &request, receiver));
    // Dropping the sender without an end makes the thread roll back, also when this future is dropped.
    let failure = loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => break Some(cancelled(&settings)),
            next = rows.next() => next,
        };
        let message = match next {
            Some(Ok(batch)) => Message::Rows(batch),
            Some(Err(error)) => break Some(error),
            None => Message::End,
        };
        let is_end = matches!(message, Message::End);
        let sent = tokio::select! {
            biased;
            () = cancel.cancelled() => break Some(cancelled(&settings)),
            sent = sender.send(message) => sent,
        };
        if sent.is_err() || is_end {
            // An error of the thread ends its receiver; it is told below.
            break None;
        }
    };
    drop(sender);
    let written = match worker.await {
        Ok(written) => written,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    match failure {
        Some(failure) => Err(failure),
        None => written.map_err(|mut error| {
            if error.relation.is_none() {
                error.relation = Some(Box::new(relation));
            }
            error
        }),
    }
}

fn write(
    settings: &Settings,
    request: &LoadRequest,
    mut receiver: mpsc::Receiver<Message>,
) -> Result<LoadReport, AdapterError> {
    let failed = |error| adapter_error(settings, error);
    let misfit = |misfit: Misfit| misfit.error(settings, request);
    let encoder = Encoder::new(&request.columns, &request.schema).map_err(misfit)?;
    let schema = request.relation.schema.as_deref().unwrap_or(&settings.schema);
    let table = SQLITE.quote_path([schema, request.relation.identifier.as_str()]);
    let columns = request.columns.iter().map(|column| {
        let null = if column.nullable { "" } else { " NOT NULL" };
        format!("{} {}{null}", SQLITE.quote_identifier(&column.name), column.column_type)
    });
    let create = format!("CREATE TABLE {table} ({})", columns.collect::<Vec<_>>().join(", "));
    let names = request.columns.iter().map(|column| SQLITE.quote_identifier(&column.name)).collect::<Vec<_>>();
    let insert =
        format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), vec!["?"; request.columns.len()].join(", "));

    let mut connection = open(settings, Purpose::Write)?;
    // Pages that do not fit the cache are written early, which waits for readers of the file (unless it is in WAL mode);
    // a reader may be this very load's input. So the cache is given room.
    connection.pragma_update(Some(schema), "cache_size", CACHE_KIB).map_err(failed)?;
    // Rolled back when dropped.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    transaction.execute(&create, []).map_err(failed)?;
    let mut report = LoadReport::default();
    {
        let mut statement = transaction.prepare(&insert).map_err(failed)?;
        loop {
            match receiver.blocking_recv() {
                Some(Message::Rows(batch)) => {
                    report.bytes += encoder.insert(&batch, &mut statement).map_err(|error| match error {
                        crate::encode::InsertError::Misfit(error) => misfit(error),
                        crate::encode::InsertError::Sqlite(error) => failed(error),
                    })?;
                    report.rows += batch.num_rows() as u64;
                }
                Some(Message::End) => break,
                None => {
                    let message = "the load was given up";
                    return Err(AdapterError::new(ErrorClass::Cancelled, settings.connection.as_str(), message));
                }
            }
        }
    }
    transaction.commit().map_err(failed)?;
    Ok(report)
}
