//! A session: one connection of the driver, used on a blocking thread.
//!
//! Where data definition ends a transaction (`Vendor::defines_outside_transactions`), one that was asked for begins on the
//! server with the first statement that changes rows, and is committed before a definition, as the server itself would do.

use crate::frame::Frame;
use crate::run::{arrow_message, on_thread, query, run};
use crate::vendor::Vendor;
use adbc_driver_manager::ManagedConnection;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, CancellationToken, ColumnDescription, ErrorClass, Fetch, QueryResult, Session,
};
use dvt_sql::split_statements;
use std::sync::Arc;

pub(crate) struct AdbcSession {
    vendor: Arc<dyn Vendor>,
    /// `None` while a blocking thread has it, and after that thread was given up.
    connection: Option<ManagedConnection>,
    in_transaction: bool,
    frame: Arc<Frame>,
    cancel: CancellationToken,
}

impl AdbcSession {
    pub(crate) fn new(vendor: Arc<dyn Vendor>, connection: ManagedConnection) -> Self {
        let frame = Arc::new(Frame::new(vendor.as_ref()));
        Self { vendor, connection: Some(connection), in_transaction: false, frame, cancel: CancellationToken::new() }
    }

    async fn on_thread<T: Send + 'static>(
        &mut self,
        cancel: &CancellationToken,
        work: impl FnOnce(&dyn Vendor, &mut ManagedConnection) -> Result<T, AdapterError> + Send + 'static,
    ) -> Result<T, AdapterError> {
        let Some(connection) = self.connection.take() else {
            return Err(AdapterError::new(
                ErrorClass::ConnectionLost,
                self.vendor.connection(),
                "the session was given up in the middle of a statement; its transaction is lost",
            ));
        };
        let (result, connection) = on_thread(&self.vendor, connection, cancel, work).await;
        self.connection = Some(connection);
        result
    }

    async fn run(&mut self, sql: Option<&'static str>, cancel: &CancellationToken) -> Result<(), AdapterError> {
        match sql {
            Some(sql) => self.on_thread(cancel, move |vendor, connection| run(vendor, connection, sql)).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Session for AdbcSession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        tracing::debug!(connection = %self.vendor.connection(), sql, "execute");
        let sql = sql.to_owned();
        let cancel = self.cancel.clone();
        let (frame, is_wanted) = (Arc::clone(&self.frame), self.in_transaction);
        let work = move |vendor: &dyn Vendor, connection: &mut ManagedConnection| {
            let done = execute(vendor, connection, &sql, fetch, &frame, is_wanted);
            if done.is_err() && !is_wanted {
                frame.undo(vendor, connection);
            }
            done
        };
        self.on_thread(&cancel, work).await
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            let message = "a transaction is open already";
            return Err(AdapterError::new(ErrorClass::Other, self.vendor.connection(), message));
        }
        let cancel = self.cancel.clone();
        if !self.frame.begins_late() {
            self.run(self.vendor.transactions().map(|words| words.begin), &cancel).await?;
            self.frame.set_begun(true);
        }
        self.in_transaction = true;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        // Whether it works or not, the transaction is over. A token that has fired does not stop a commit: whether it
        // happened would not be known.
        self.in_transaction = false;
        if !self.frame.set_begun(false) {
            return Ok(());
        }
        self.run(self.vendor.transactions().map(|words| words.commit), &CancellationToken::new()).await
    }

    async fn rollback(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        self.in_transaction = false;
        if self.connection.is_none() || !self.frame.set_begun(false) {
            return Ok(());
        }
        // Not stopped by a token that has fired: rolling back is what a cancelled node does.
        self.run(self.vendor.transactions().map(|words| words.rollback), &CancellationToken::new()).await
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    async fn describe_query(&mut self, sql: &str) -> Result<Option<Vec<ColumnDescription>>, AdapterError> {
        let sql = sql.to_owned();
        let cancel = self.cancel.clone();
        self.on_thread(&cancel, move |vendor, connection| vendor.describe_query(connection, &sql)).await.map(Some)
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
    }
}

/// Runs the statements in order; the rows of the last one that gives rows are kept.
fn execute(
    vendor: &dyn Vendor,
    connection: &mut ManagedConnection,
    sql: &str,
    fetch: Fetch,
    frame: &Frame,
    is_wanted: bool,
) -> Result<QueryResult, AdapterError> {
    let limit = match fetch {
        Fetch::None => None,
        Fetch::All => Some(usize::MAX),
        Fetch::Limit(limit) => Some(limit),
    };
    let mut result = QueryResult { response: AdapterResponse::default(), rows: None };
    for statement in split_statements(sql, vendor.dialect()) {
        frame.before(vendor, connection, statement.text, is_wanted)?;
        let answer = query(vendor, connection, statement.text)?;
        let delivered = answer.reader.schema();
        let failed = |error: &arrow::error::ArrowError| vendor.error(&arrow_message(error));
        frame.after(statement.text);
        let code = first_word(statement.text);
        if vendor.is_row_count(statement.text, &delivered) {
            let mut count = None;
            for batch in answer.reader {
                let batch = batch.map_err(|error| failed(&error))?;
                count = vendor.row_count(&batch).or(count);
            }
            // The words around a transaction say nothing of what happened in it.
            let is_frame = matches!(code.as_str(), "BEGIN" | "START" | "COMMIT");
            if !is_frame || result.response.code.is_empty() {
                result.response = AdapterResponse { message: "OK".to_owned(), code, rows_affected: count };
            }
            continue;
        }
        let mut kept = 0_usize;
        let mut batches = Vec::new();
        let schema = match limit {
            Some(_) => Some(given_schema(vendor, &delivered)?),
            None => None,
        };
        for batch in answer.reader {
            let batch = batch.map_err(|error| failed(&error))?;
            let (Some(limit), Some(schema)) = (limit, &schema) else {
                kept += batch.num_rows();
                continue;
            };
            if kept >= limit {
                break;
            }
            let batch = batch.slice(0, batch.num_rows().min(limit - kept));
            kept += batch.num_rows();
            batches.push(decode(vendor, &batch, schema)?);
        }
        if let Some(schema) = schema {
            result.rows = Some((schema, batches));
        }
        result.response = AdapterResponse {
            message: "OK".to_owned(),
            code,
            rows_affected: Some(i64::try_from(kept).unwrap_or(i64::MAX)),
        };
    }
    Ok(result)
}

/// The schema that a delivered one is given as.
///
/// # Errors
/// Class `UnsupportedType`, naming the column.
pub(crate) fn given_schema(vendor: &dyn Vendor, delivered: &SchemaRef) -> Result<SchemaRef, AdapterError> {
    let fields = delivered.fields().iter().map(|field| {
        vendor.delivered(field).map_err(|reason| {
            let message = format!("column `{}` cannot be read: {reason}", field.name());
            AdapterError::new(ErrorClass::UnsupportedType, vendor.connection(), message).with_column(field.name())
        })
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<Field>, _>>()?)))
}

/// A delivered batch with the schema that [`given_schema`] gives.
///
/// # Errors
/// Class `ValueDoesNotFit`, naming the column.
pub(crate) fn decode(
    vendor: &dyn Vendor,
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, AdapterError> {
    let delivered = batch.schema();
    let columns = batch.columns().iter().zip(delivered.fields()).map(|(values, field)| {
        vendor.decode(values, field).map_err(|reason| {
            let message = format!("column `{}`: {reason}", field.name());
            AdapterError::new(ErrorClass::ValueDoesNotFit, vendor.connection(), message).with_column(field.name())
        })
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| AdapterError::new(ErrorClass::Other, vendor.connection(), error.to_string()))
}

/// The first word behind comments and brackets, in capitals.
pub(crate) fn first_word(sql: &str) -> String {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else {
            break;
        }
    }
    rest.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_uppercase()
}
