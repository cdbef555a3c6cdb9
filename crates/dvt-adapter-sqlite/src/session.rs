//! A session: one connection to the file, used on a blocking thread.
//!
//! Rows are typed by what the columns declare; a result column that declares nothing (an expression), or holds other
//! values than it declares, is typed by the values that came: all whole numbers, all numbers, all blobs, else text.

use crate::errors::{adapter_error, cancelled};
use crate::profile::Settings;
use crate::types::arrow_type;
use crate::values::RowCollector;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, CancellationToken, ErrorClass, Fetch, QueryResult, Session, with_types,
};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Batch, Connection};
use std::sync::Arc;

pub(crate) struct SqliteSession {
    settings: Arc<Settings>,
    /// `None` while a blocking thread has it, and after that thread was given up.
    connection: Option<Connection>,
    in_transaction: bool,
    cancel: CancellationToken,
}

impl SqliteSession {
    pub(crate) fn new(settings: Arc<Settings>, connection: Connection) -> Self {
        Self { settings, connection: Some(connection), in_transaction: false, cancel: CancellationToken::new() }
    }

    /// Runs work on a blocking thread; the token interrupts it.
    async fn with_connection<T: Send + 'static>(
        &mut self,
        cancel: CancellationToken,
        work: impl FnOnce(&Settings, &Connection) -> Result<T, AdapterError> + Send + 'static,
    ) -> Result<T, AdapterError> {
        let Some(connection) = self.connection.take() else {
            return Err(AdapterError::new(
                ErrorClass::ConnectionLost,
                self.settings.connection.as_str(),
                "the session was given up in the middle of a statement; its transaction is lost",
            ));
        };
        if cancel.is_cancelled() {
            self.connection = Some(connection);
            return Err(cancelled(&self.settings));
        }
        let handle = connection.get_interrupt_handle();
        let settings = self.settings.clone();
        let mut task = tokio::task::spawn_blocking(move || {
            let result = work(&settings, &connection);
            (result, connection)
        });
        let mut is_cancelled = false;
        let joined = loop {
            tokio::select! {
                biased;
                joined = &mut task => break joined,
                () = cancel.cancelled(), if !is_cancelled => is_cancelled = true,
                // A statement that had not begun when it was interrupted goes on, so it is told again.
                () = tokio::time::sleep(std::time::Duration::from_millis(20)), if is_cancelled => {}
            }
            if is_cancelled {
                handle.interrupt();
            }
        };
        let (result, connection) = match joined {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        // Some errors roll a transaction back by themselves.
        self.in_transaction = self.in_transaction && !connection.is_autocommit();
        self.connection = Some(connection);
        result.map_err(|error| if error.class == ErrorClass::Cancelled { cancelled(&self.settings) } else { error })
    }

    async fn run(&mut self, sql: &'static str, cancel: CancellationToken) -> Result<(), AdapterError> {
        self.with_connection(cancel, move |settings, connection| {
            connection.execute_batch(sql).map_err(|error| adapter_error(settings, error))
        })
        .await
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        tracing::debug!(connection = %self.settings.connection, sql, "execute");
        let sql = sql.to_owned();
        self.with_connection(self.cancel.clone(), move |settings, connection| {
            execute(settings, connection, &sql, fetch)
        })
        .await
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            return Err(AdapterError::new(
                ErrorClass::Other,
                self.settings.connection.as_str(),
                "a transaction is open already",
            ));
        }
        // The writer's lock is taken now, waiting for others; a reader that becomes a writer later could not wait.
        self.run("BEGIN IMMEDIATE", self.cancel.clone()).await?;
        self.in_transaction = true;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        // A token that has fired does not stop a commit: whether it happened would not be known.
        self.run("COMMIT", CancellationToken::new()).await?;
        self.in_transaction = false;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        self.in_transaction = false;
        if self.connection.is_none() {
            return Ok(());
        }
        // Not stopped by a token that has fired: rolling back is what a cancelled node does.
        self.run("ROLLBACK", CancellationToken::new()).await
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
    }
}

fn execute(settings: &Settings, connection: &Connection, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
    use rusqlite::fallible_iterator::FallibleIterator;
    let failed = |error| adapter_error(settings, error);
    let limit = match fetch {
        Fetch::None => None,
        Fetch::All => Some(usize::MAX),
        Fetch::Limit(limit) => Some(limit),
    };
    let mut result = QueryResult { response: AdapterResponse::default(), rows: None };
    let mut batch = Batch::new(connection, sql);
    while let Some(mut statement) = batch.next().map_err(failed)? {
        let verb = first_word(&statement.expanded_sql().unwrap_or_default());
        if statement.column_count() == 0 {
            let before = connection.total_changes();
            statement.raw_execute().map_err(failed)?;
            let is_counted = matches!(verb.as_str(), "INSERT" | "UPDATE" | "DELETE" | "REPLACE");
            let changed = connection.total_changes().saturating_sub(before);
            result.response = AdapterResponse {
                message: if is_counted { format!("{verb} {changed}") } else { "OK".to_owned() },
                code: verb,
                rows_affected: is_counted.then(|| i64::try_from(changed).unwrap_or(i64::MAX)),
            };
            continue;
        }
        let columns: Vec<(String, Option<String>)> = statement
            .columns()
            .map(|column| (column.name().to_owned(), column.decl_type().map(ToOwned::to_owned)))
            .collect();
        let mut kept: Vec<Vec<Value>> = Vec::new();
        let mut rows = statement.query([]).map_err(failed)?;
        // Without a fetch the statement still runs to its end: it may be an `INSERT … RETURNING`.
        while let Some(row) = rows.next().map_err(failed)? {
            match limit {
                None => {}
                Some(limit) if kept.len() >= limit => break,
                Some(_) => {
                    let values = (0..columns.len()).map(|index| row.get::<_, Value>(index)).collect::<Result<_, _>>();
                    kept.push(values.map_err(failed)?);
                }
            }
        }
        let count = kept.len();
        if limit.is_some() {
            result.rows = Some(typed(settings, &columns, &kept)?);
        }
        let verb = if matches!(verb.as_str(), "WITH" | "VALUES") { "SELECT".to_owned() } else { verb };
        result.response = AdapterResponse {
            message: format!("{verb} {count}"),
            code: verb,
            rows_affected: Some(i64::try_from(count).unwrap_or(i64::MAX)),
        };
    }
    Ok(result)
}

/// The rows with the types that the columns declare, or those of the values.
fn typed(
    settings: &Settings,
    columns: &[(String, Option<String>)],
    rows: &[Vec<Value>],
) -> Result<(SchemaRef, Vec<RecordBatch>), AdapterError> {
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for (index, (name, declared)) in columns.iter().enumerate() {
        let values = || rows.iter().map(|row| row.get(index).map_or(ValueRef::Null, ValueRef::from));
        let declared = declared.as_deref().and_then(|declared| {
            let (data_type, logical) = arrow_type(declared).ok()?;
            Some(with_types(Field::new(name, data_type, true), crate::types::ADAPTER_TYPE, declared, logical))
        });
        let as_declared = declared.and_then(|field| collect(field, values()).ok());
        let (field, batch) = match as_declared {
            Some(done) => done,
            None => collect_as_stored(name, &values().collect::<Vec<_>>()).map_err(|reason| {
                AdapterError::new(
                    ErrorClass::ValueDoesNotFit,
                    settings.connection.as_str(),
                    format!("column `{name}` cannot be read: {reason}"),
                )
                .with_column(name)
            })?,
        };
        fields.push(field);
        arrays.push(batch.column(0).clone());
    }
    let schema = Arc::new(Schema::new(fields));
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
        .map_err(|error| AdapterError::new(ErrorClass::Other, settings.connection.as_str(), error.to_string()))?;
    Ok((schema, vec![batch]))
}

fn collect<'a>(field: Field, values: impl Iterator<Item = ValueRef<'a>>) -> Result<(Field, RecordBatch), String> {
    let schema = Arc::new(Schema::new(vec![field.clone()]));
    let mut collector = RowCollector::new(schema).map_err(|error| error.to_string())?;
    for value in values {
        collector.push(std::iter::once(value)).map_err(|misfit| misfit.reason)?;
    }
    Ok((field, collector.finish().map_err(|misfit| misfit.reason)?))
}

fn collect_as_stored(name: &str, values: &[ValueRef<'_>]) -> Result<(Field, RecordBatch), String> {
    let all =
        |fits: fn(&ValueRef<'_>) -> bool| values.iter().all(|value| matches!(value, ValueRef::Null) || fits(value));
    let is_empty = values.iter().all(|value| matches!(value, ValueRef::Null));
    let data_type = if is_empty {
        DataType::Utf8
    } else if all(|value| matches!(value, ValueRef::Integer(_))) {
        DataType::Int64
    } else if all(|value| matches!(value, ValueRef::Integer(_) | ValueRef::Real(_))) {
        DataType::Float64
    } else if all(|value| matches!(value, ValueRef::Blob(_))) {
        DataType::Binary
    } else {
        DataType::Utf8
    };
    let field = Field::new(name, data_type.clone(), true);
    match collect(field.clone(), values.iter().copied()) {
        Ok(done) => Ok(done),
        // Numbers of both kinds that no double holds, or text among numbers: written out.
        Err(_) => {
            let texts: Vec<Value> = values
                .iter()
                .map(|value| match value {
                    ValueRef::Real(number) => Value::Text(number.to_string()),
                    ValueRef::Integer(number) => Value::Text(number.to_string()),
                    other => Value::try_from(*other).unwrap_or(Value::Null),
                })
                .collect();
            collect(field.with_data_type(DataType::Utf8), texts.iter().map(ValueRef::from))
        }
    }
}

/// The first word behind comments and brackets, in capitals.
fn first_word(sql: &str) -> String {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
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
