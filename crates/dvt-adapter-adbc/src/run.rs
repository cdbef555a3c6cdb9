//! Running a driver's blocking calls on a thread where a token can cancel them.

use crate::vendor::Vendor;
use adbc_core::{CancelHandle, Connection as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedStatement};
use arrow::array::RecordBatchReader;
use dvt_adapter::{AdapterError, CancellationToken, ErrorClass};
use std::sync::Arc;
use std::time::Duration;

/// A driver's rows, with the statement that must outlive them.
pub(crate) struct Rows {
    pub(crate) reader: Box<dyn RecordBatchReader + Send>,
    _statement: ManagedStatement,
}

/// Runs one statement and gives its answer. Blocks.
pub(crate) fn query(vendor: &dyn Vendor, connection: &mut ManagedConnection, sql: &str) -> Result<Rows, AdapterError> {
    let failed = |error: adbc_core::error::Error| vendor.error(&error.message);
    let mut statement = connection.new_statement().map_err(failed)?;
    vendor.prepare(&mut statement)?;
    statement.set_sql_query(sql).map_err(failed)?;
    let reader = statement.execute().map_err(failed)?;
    Ok(Rows { reader, _statement: statement })
}

/// Runs one statement to its end, its answer unread. Blocks.
pub(crate) fn run(vendor: &dyn Vendor, connection: &mut ManagedConnection, sql: &str) -> Result<(), AdapterError> {
    for batch in query(vendor, connection, sql)?.reader {
        batch.map_err(|error| vendor.error(&arrow_message(&error)))?;
    }
    Ok(())
}

/// The driver's own words in an error of its stream.
pub(crate) fn arrow_message(error: &arrow::error::ArrowError) -> String {
    use arrow::error::ArrowError;
    match error {
        ArrowError::CDataInterface(message) => message.clone(),
        other => other.to_string(),
    }
}

pub(crate) fn cancelled(connection: &str) -> AdapterError {
    AdapterError::new(ErrorClass::Cancelled, connection, "cancelled")
}

/// Cancels what runs on a connection until it is told that it has ended, also when the future that waits is dropped.
struct Canceller {
    handle: Arc<dyn CancelHandle>,
    has_ended: bool,
}

impl Drop for Canceller {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = self.handle.try_cancel();
        }
    }
}

/// Runs blocking work that owns the connection, and gives the connection back. The token cancels it; work that ends with
/// an error after that ends as cancelled.
pub(crate) async fn on_thread<T: Send + 'static>(
    vendor: &Arc<dyn Vendor>,
    mut connection: ManagedConnection,
    cancel: &CancellationToken,
    work: impl FnOnce(&dyn Vendor, &mut ManagedConnection) -> Result<T, AdapterError> + Send + 'static,
) -> (Result<T, AdapterError>, ManagedConnection) {
    if cancel.is_cancelled() {
        return (Err(cancelled(vendor.connection())), connection);
    }
    let mut canceller = Canceller { handle: Arc::from(connection.get_cancel_handle()), has_ended: false };
    let owned = Arc::clone(vendor);
    let mut task = tokio::task::spawn_blocking(move || {
        let result = work(owned.as_ref(), &mut connection);
        (result, connection)
    });
    let mut is_cancelled = false;
    let joined = loop {
        tokio::select! {
            biased;
            joined = &mut task => break joined,
            () = cancel.cancelled(), if !is_cancelled => is_cancelled = true,
            // A statement that had not begun when it was cancelled goes on, so it is told again.
            () = tokio::time::sleep(Duration::from_millis(20)), if is_cancelled => {}
        }
        if is_cancelled {
            let _ = canceller.handle.try_cancel();
        }
    };
    canceller.has_ended = true;
    match joined {
        Ok((Err(_), connection)) if is_cancelled => (Err(cancelled(vendor.connection())), connection),
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
