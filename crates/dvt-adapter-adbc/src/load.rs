//! Loading: a new table, filled by the driver's Arrow ingest, in one transaction on a blocking thread.
//!
//! Every value is checked here, because a driver may not: DuckDB's ingest neither tells a NULL in a NOT NULL column nor
//! that its last rows were refused. So the rows that are there are counted before the commit.

use crate::run::{arrow_message, cancelled, query, run};
use crate::vendor::{Ingest, Vendor};
use adbc_core::options::{IngestMode, OptionStatement, OptionValue};
use adbc_core::{CancelHandle, Connection as _, Optionable as _, Statement as _};
use adbc_driver_manager::ManagedConnection;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use dvt_adapter::{
    AdapterError, BatchStream, CancellationToken, ErrorClass, LoadReport, LoadRequest, RelationName, strict_cast,
};
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

enum Message {
    Rows(RecordBatch),
    /// All rows have come: commit.
    End,
}

pub(crate) async fn load(
    vendor: Arc<dyn Vendor>,
    request: LoadRequest,
    mut rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    if cancel.is_cancelled() {
        return Err(cancelled(vendor.connection()));
    }
    let (sender, receiver) = mpsc::channel(2);
    let (started, is_started) = oneshot::channel();
    let relation = request.relation.clone();
    let name = vendor.connection().to_owned();
    let mut worker = tokio::task::spawn_blocking(move || {
        let mut connection = vendor.connect()?;
        let _ = started.send(connection.get_cancel_handle());
        write(vendor.as_ref(), &mut connection, &request, receiver)
    });
    let handle: Option<Box<dyn CancelHandle>> = is_started.await.ok();
    // Dropping the sender without an end makes the thread roll back, also when this future is dropped.
    let failure = loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => break Some(cancelled(&name)),
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
            () = cancel.cancelled() => break Some(cancelled(&name)),
            sent = sender.send(message) => sent,
        };
        if sent.is_err() || is_end {
            // An error of the thread ends its receiver; it is told below.
            break None;
        }
    };
    drop(sender);
    // What comes after the last row (a cast of all rows, say) may take long too. The commit itself is not stopped.
    let written = loop {
        tokio::select! {
            biased;
            joined = &mut worker => break joined,
            () = cancel.cancelled() => {
                if let Some(handle) = &handle {
                    let _ = handle.try_cancel();
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    };
    let written = match written {
        Ok(written) => written,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    match failure {
        Some(failure) => Err(failure),
        None => written.map_err(|mut error| {
            if error.class == ErrorClass::Cancelled {
                return cancelled(&name);
            }
            if error.relation.is_none() {
                error.relation = Some(Box::new(relation));
            }
            error
        }),
    }
}

/// Where the rows go, and how each column's values are made ready.
struct Plan<'a> {
    vendor: &'a dyn Vendor,
    request: &'a LoadRequest,
    ingests: Vec<Ingest>,
    /// What the driver takes in.
    schema: SchemaRef,
}

impl<'a> Plan<'a> {
    fn new(vendor: &'a dyn Vendor, request: &'a LoadRequest) -> Self {
        let ingests: Vec<Ingest> =
            request.columns.iter().map(|column| vendor.ingested_as(&column.column_type)).collect();
        let fields = request.columns.iter().zip(&ingests).map(|(column, ingest)| {
            let (Ingest::As(data_type) | Ingest::Cast { sent: data_type, .. }) = ingest;
            Field::new(&column.name, data_type.clone(), true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { vendor, request, ingests, schema }
    }

    fn needs_casts(&self) -> bool {
        self.ingests.iter().any(|ingest| matches!(ingest, Ingest::Cast { .. }))
    }

    fn create(&self) -> String {
        let dialect = self.vendor.dialect();
        let columns = self.request.columns.iter().map(|column| {
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{null}", dialect.quote_identifier(&column.name), column.column_type)
        });
        let table = self.vendor.sql_name(&self.request.relation);
        format!("CREATE TABLE {table} ({})", columns.collect::<Vec<_>>().join(", "))
    }

    /// A table beside the wanted one, with the types that the driver takes in.
    fn create_interim(&self, interim: &RelationName) -> String {
        let dialect = self.vendor.dialect();
        let columns = self.request.columns.iter().zip(&self.ingests).map(|(column, ingest)| {
            let column_type = match ingest {
                Ingest::As(_) => &column.column_type,
                Ingest::Cast { interim_type, .. } => interim_type,
            };
            format!("{} {column_type}", dialect.quote_identifier(&column.name))
        });
        format!("CREATE TABLE {} ({})", self.vendor.sql_name(interim), columns.collect::<Vec<_>>().join(", "))
    }

    /// The native types of the columns that the rows go into.
    fn sent_types(&self) -> Vec<String> {
        let types = self.request.columns.iter().zip(&self.ingests).map(|(column, ingest)| match ingest {
            Ingest::As(_) => column.column_type.clone(),
            Ingest::Cast { interim_type, .. } => interim_type.clone(),
        });
        types.collect()
    }

    fn move_rows(&self, interim: &RelationName) -> String {
        let dialect = self.vendor.dialect();
        let values = self.request.columns.iter().zip(&self.ingests).map(|(column, ingest)| {
            let name = dialect.quote_identifier(&column.name);
            match ingest {
                Ingest::As(_) => name,
                Ingest::Cast { .. } => self.vendor.cast_of(&name, &column.column_type),
            }
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let (table, interim) = (self.vendor.sql_name(&self.request.relation), self.vendor.sql_name(interim));
        format!("INSERT INTO {table} SELECT {values} FROM {interim}")
    }

    /// The batch as the driver takes it in.
    fn made_ready(&self, batch: &RecordBatch) -> Result<RecordBatch, AdapterError> {
        let columns = batch.columns().iter().enumerate().map(|(index, values)| self.column(index, values));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|error| AdapterError::new(ErrorClass::Other, self.vendor.connection(), error.to_string()))
    }

    fn column(&self, index: usize, values: &ArrayRef) -> Result<ArrayRef, AdapterError> {
        let column = &self.request.columns[index];
        if !column.nullable && values.null_count() > 0 {
            let message =
                format!("column `{}` of {} holds no NULL, and there is one", column.name, self.request.on_behalf_of);
            return Err(
                AdapterError::new(ErrorClass::Constraint, self.vendor.connection(), message).with_column(&column.name)
            );
        }
        let cast = |values: &ArrayRef, to: &DataType| {
            strict_cast(values, to).map_err(|problem| self.misfit(&column.name, problem.to_string()))
        };
        match &self.ingests[index] {
            Ingest::As(data_type) => cast(values, data_type),
            Ingest::Cast { through, sent, .. } => cast(&cast(values, through)?, sent),
        }
    }

    /// Looks for a value that the coming cast would refuse, so that its column can be named.
    fn check_casts(&self, connection: &mut ManagedConnection, interim: &RelationName) -> Result<(), AdapterError> {
        let (vendor, dialect) = (self.vendor, self.vendor.dialect());
        for (column, ingest) in self.request.columns.iter().zip(&self.ingests) {
            if matches!(ingest, Ingest::As(_)) {
                continue;
            }
            let value = dialect.quote_identifier(&column.name);
            let condition = vendor.has_no_cast(&value, &column.column_type);
            let sql = format!("SELECT count(*) FROM {} WHERE {condition}", vendor.sql_name(interim));
            let refused = count(vendor, connection, &sql)?;
            if refused > 0 {
                return Err(self.misfit(&column.name, format!("{refused} values do not fit {}", column.column_type)));
            }
        }
        Ok(())
    }

    fn misfit(&self, column: &str, problem: String) -> AdapterError {
        let message = format!("column `{column}` of {}: {problem}", self.request.on_behalf_of);
        AdapterError::new(ErrorClass::ValueDoesNotFit, self.vendor.connection(), message).with_column(column)
    }
}

fn write(
    vendor: &dyn Vendor,
    connection: &mut ManagedConnection,
    request: &LoadRequest,
    receiver: mpsc::Receiver<Message>,
) -> Result<LoadReport, AdapterError> {
    if request.columns.is_empty() {
        let message = "a table without columns cannot be made";
        return Err(AdapterError::new(ErrorClass::Other, vendor.connection(), message));
    }
    // Where making a table ends the transaction, what was made is taken away again instead.
    let words = vendor.transactions().filter(|_| vendor.capabilities().transactional_ddl);
    if let Some(words) = words {
        run(vendor, connection, words.begin)?;
    }
    let mut made = Vec::new();
    match fill(vendor, connection, request, receiver, &mut made) {
        Ok(report) => {
            if let Some(words) = words {
                run(vendor, connection, words.commit)?;
            }
            Ok(report)
        }
        Err(error) => {
            match words {
                Some(words) => drop(run(vendor, connection, words.rollback)),
                // Without transactions, what was made is taken away again.
                None => made.iter().for_each(|relation| {
                    let _ = run(vendor, connection, &format!("DROP TABLE IF EXISTS {}", vendor.sql_name(relation)));
                }),
            }
            Err(error)
        }
    }
}

fn fill(
    vendor: &dyn Vendor,
    connection: &mut ManagedConnection,
    request: &LoadRequest,
    receiver: mpsc::Receiver<Message>,
    made: &mut Vec<RelationName>,
) -> Result<LoadReport, AdapterError> {
    let plan = Plan::new(vendor, request);
    run(vendor, connection, &plan.create())?;
    made.push(request.relation.clone());
    let into = if plan.needs_casts() {
        let interim = RelationName {
            identifier: format!("{}__as_text", request.relation.identifier),
            ..request.relation.clone()
        };
        run(vendor, connection, &plan.create_interim(&interim))?;
        made.push(interim.clone());
        interim
    } else {
        request.relation.clone()
    };
    let report = ingest(&plan, connection, &into, receiver)?;
    if plan.needs_casts() {
        plan.check_casts(connection, &into)?;
        run(vendor, connection, &plan.move_rows(&into))?;
        run(vendor, connection, &format!("DROP TABLE {}", vendor.sql_name(&into)))?;
    }
    let sql = format!("SELECT count(*) FROM {}", vendor.sql_name(&request.relation));
    let there = count(vendor, connection, &sql)?;
    if there != report.rows {
        let message = format!("{} rows were sent and {there} arrived; nothing is kept", report.rows);
        return Err(AdapterError::new(ErrorClass::Other, vendor.connection(), message));
    }
    Ok(report)
}

/// Hands the rows to the driver as they come.
fn ingest(
    plan: &Plan<'_>,
    connection: &mut ManagedConnection,
    into: &RelationName,
    mut receiver: mpsc::Receiver<Message>,
) -> Result<LoadReport, AdapterError> {
    let vendor = plan.vendor;
    let failed = |error: adbc_core::error::Error| vendor.error(&error.message);
    let given_up = || AdapterError::new(ErrorClass::Cancelled, vendor.connection(), "the load was given up");
    // Nothing is ingested before there are rows: some drivers mind an empty stream.
    let first = loop {
        match receiver.blocking_recv() {
            Some(Message::Rows(batch)) if batch.num_rows() == 0 => {}
            Some(Message::Rows(batch)) => break batch,
            Some(Message::End) => return Ok(LoadReport::default()),
            None => return Err(given_up()),
        }
    };
    let types = plan.sent_types();
    if vendor.inserts(&vendor.sql_name(into), &types, &first.slice(0, 0)).is_some() {
        return insert(plan, connection, into, first, receiver);
    }
    let mut statement = connection.new_statement().map_err(failed)?;
    vendor.prepare(&mut statement)?;
    let (catalog, schema) = vendor.place(into);
    let mut set = |key: OptionStatement, value: OptionValue| statement.set_option(key, value).map_err(failed);
    set(OptionStatement::IngestMode, IngestMode::Append.into())?;
    set(OptionStatement::TargetTable, into.identifier.as_str().into())?;
    if let Some(catalog) = catalog {
        set(OptionStatement::TargetCatalog, catalog.into())?;
    }
    if let Some(schema) = schema {
        set(OptionStatement::TargetDbSchema, schema.into())?;
    }
    let mut report = LoadReport::default();
    let (prepared, wanted) = std::sync::mpsc::sync_channel::<Result<RecordBatch, ArrowError>>(1);
    std::thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let reader = RecordBatchIterator::new(wanted.into_iter(), Arc::clone(&plan.schema));
            statement.bind_stream(Box::new(reader)).and_then(|()| statement.execute_update())
        });
        let mut next = Some(first);
        let fed = loop {
            let batch = match next.take() {
                Some(batch) => batch,
                None => match receiver.blocking_recv() {
                    Some(Message::Rows(batch)) => batch,
                    Some(Message::End) => break Ok(()),
                    None => break Err(given_up()),
                },
            };
            match plan.made_ready(&batch) {
                Ok(ready) => {
                    report.rows += ready.num_rows() as u64;
                    report.bytes += ready.get_array_memory_size() as u64;
                    if prepared.send(Ok(ready)).is_err() {
                        // The driver has given up; its error is told below.
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        if fed.is_err() {
            // The driver must not take the end of the queue for the end of the rows.
            let _ = prepared.send(Err(ArrowError::ExternalError(Box::new(std::io::Error::other("no more rows")))));
        }
        drop(prepared);
        let ended = match driver.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        fed?;
        ended.map_err(failed)?;
        Ok(report)
    })
}

/// Adds the rows by statements, as they come.
fn insert(
    plan: &Plan<'_>,
    connection: &mut ManagedConnection,
    into: &RelationName,
    first: RecordBatch,
    mut receiver: mpsc::Receiver<Message>,
) -> Result<LoadReport, AdapterError> {
    let vendor = plan.vendor;
    let (table, types) = (vendor.sql_name(into), plan.sent_types());
    let mut report = LoadReport::default();
    let mut next = Some(first);
    while let Some(batch) = next {
        let ready = plan.made_ready(&batch)?;
        let statements = vendor.inserts(&table, &types, &ready).unwrap_or_else(|| Ok(Vec::new()));
        let statements = statements
            .map_err(|problem| AdapterError::new(ErrorClass::UnsupportedType, vendor.connection(), problem))?;
        for sql in statements {
            run(vendor, connection, &sql)?;
        }
        report.rows += ready.num_rows() as u64;
        report.bytes += ready.get_array_memory_size() as u64;
        next = match receiver.blocking_recv() {
            Some(Message::Rows(batch)) => Some(batch),
            Some(Message::End) => None,
            None => return Err(AdapterError::new(ErrorClass::Cancelled, vendor.connection(), "the load was given up")),
        };
    }
    Ok(report)
}

/// The number that a query gives.
fn count(vendor: &dyn Vendor, connection: &mut ManagedConnection, sql: &str) -> Result<u64, AdapterError> {
    let mut total = None;
    for batch in query(vendor, connection, sql)?.reader {
        let batch = batch.map_err(|error| vendor.error(&arrow_message(&error)))?;
        total = vendor.row_count(&batch);
    }
    total.and_then(|total| u64::try_from(total).ok()).ok_or_else(|| {
        AdapterError::new(ErrorClass::Other, vendor.connection(), "the rows of the new table cannot be counted")
    })
}
