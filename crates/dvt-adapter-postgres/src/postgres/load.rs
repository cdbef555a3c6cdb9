//! Loads: CREATE TABLE and `COPY … FROM STDIN (FORMAT binary)` in one transaction.

use crate::collect::Misfit;
use crate::errors::{cancelled, column_in_context, from_driver};
use crate::pool::{Lease, Pool};
use crate::postgres::encode::Encoder;
use crate::postgres::types::{Kind, TypeName, kind_of, time_unit};
use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray, RecordBatch};
use arrow::datatypes::{Field, Int64Type, IntervalMonthDayNano, Time64MicrosecondType, TimestampMicrosecondType};
use bytes::Bytes;
use dvt_adapter::{
    AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, LoadColumn, LoadReport, LoadRequest,
    LogicalType, logical_type, strict_cast,
};
use dvt_sql::POSTGRES;
use futures::{SinkExt, StreamExt};
use std::pin::Pin;
use std::sync::Arc;
use tokio_postgres::CopyInSink;

/// Encoded rows are sent in pieces of about this size.
const CHUNK_BYTES: usize = 128 << 10;

/// Creates the relation and fills it; after an error it is gone.
pub(crate) async fn load(
    pool: &Arc<Pool>,
    request: LoadRequest,
    rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let connection = pool.connector.settings.connection.clone();
    if cancel.is_cancelled() {
        return Err(cancelled(&connection));
    }
    if request.columns.len() != request.schema.fields().len() {
        return Err(AdapterError::new(
            ErrorClass::Other,
            connection,
            format!("{} column types are given for {} columns", request.columns.len(), request.schema.fields().len()),
        ));
    }
    let lease = pool.take().await?;
    let work = Work { lease: &lease, request: &request, connection: &connection };
    let filled = tokio::select! {
        filled = work.fill(rows) => filled,
        () = cancel.cancelled() => Err(cancelled(&connection)),
    };
    // From here on nothing can be cancelled: a commit has one outcome.
    let result = match filled {
        Ok(report) => work.execute("commit").await.map(|()| report),
        Err(error) => Err(error),
    };
    match result {
        Ok(report) => {
            lease.give_back();
            Ok(report)
        }
        Err(error) => {
            // Wait for the rollback, so that nothing is left when this returns. The server may be busy with the rows.
            if error.class == ErrorClass::Cancelled {
                let _ = lease.canceller.cancel().await;
            }
            for _ in 0..2 {
                if !lease.client.is_closed() && lease.client.batch_execute("rollback").await.is_ok() {
                    lease.give_back();
                    break;
                }
            }
            Err(error)
        }
    }
}

/// A column of the new table.
pub(crate) struct Target {
    pub(crate) kind: Kind,
    /// `timestamp(3)` keeps multiples of 1000 microseconds only, and would round.
    unit: i64,
}

pub(crate) struct Work<'a> {
    pub(crate) lease: &'a Lease,
    pub(crate) request: &'a LoadRequest,
    pub(crate) connection: &'a str,
}

impl Work<'_> {
    /// Everything up to the commit.
    async fn fill(&self, rows: BatchStream) -> Result<LoadReport, AdapterError> {
        let table = POSTGRES.quote_path(self.request.relation.parts());
        self.execute("begin").await?;
        self.execute(&self.create_table(&table)).await?;
        let targets = self.targets(&format!("select * from {table}")).await?;
        if targets.is_empty() {
            return self.check_no_rows(rows).await;
        }
        // Columns of types that have no binary form here hold text until the server has all of it, and reads it itself.
        let as_text: Vec<&LoadColumn> = self
            .request
            .columns
            .iter()
            .zip(&targets)
            .filter(|(_, to)| to.kind == Kind::AsText)
            .map(|(of, _)| of)
            .collect();
        for column in &as_text {
            let name = POSTGRES.quote_identifier(&column.name);
            self.execute(&format!("alter table {table} alter column {name} type text")).await?;
        }
        let report = self.copy(&format!("copy {table} from stdin (format binary)"), &targets, rows).await?;
        for column in &as_text {
            let (name, column_type) = (POSTGRES.quote_identifier(&column.name), &column.column_type);
            let alter =
                format!("alter table {table} alter column {name} type {column_type} using {name}::{column_type}");
            self.execute(&alter).await.map_err(|error| error.with_column(&column.name))?;
        }
        Ok(report)
    }

    async fn execute(&self, sql: &str) -> Result<(), AdapterError> {
        let executed = self.lease.client.batch_execute(sql).await;
        executed.map_err(|error| self.with_relation(from_driver(self.connection, error, Some(sql))))
    }

    fn with_relation(&self, error: AdapterError) -> AdapterError {
        if error.relation.is_some() { error } else { error.with_relation(self.request.relation.clone()) }
    }

    fn create_table(&self, table: &str) -> String {
        let columns = self.request.columns.iter().map(|column| {
            let name = POSTGRES.quote_identifier(&column.name);
            let null = if column.nullable { "" } else { " not null" };
            format!("{name} {}{null}", column.column_type)
        });
        format!("create table {table} ({})", columns.collect::<Vec<_>>().join(", "))
    }

    /// How the columns that `sql` selects are written: the server tells their types.
    pub(crate) async fn targets(&self, sql: &str) -> Result<Vec<Target>, AdapterError> {
        let statement = self.lease.client.prepare(sql).await;
        let statement =
            statement.map_err(|error| self.with_relation(from_driver(self.connection, error, Some(sql))))?;
        let columns = statement.columns().iter().zip(&self.request.columns);
        columns
            .map(|(described, column)| {
                let (type_name, modifier) = (TypeName::of(described.type_()), described.type_modifier());
                let kind = kind_of(&type_name, modifier).map_err(|reason| {
                    let message = format!("column `{}` cannot be loaded: {reason}", column.name);
                    AdapterError::new(ErrorClass::UnsupportedType, self.connection, message).with_column(&column.name)
                })?;
                Ok(Target { kind, unit: time_unit(&type_name, modifier) })
            })
            .collect()
    }

    /// COPY has no form for rows without columns.
    async fn check_no_rows(&self, mut rows: BatchStream) -> Result<LoadReport, AdapterError> {
        while let Some(batch) = rows.next().await {
            if batch?.num_rows() > 0 {
                let message = "rows without columns cannot be loaded";
                return Err(AdapterError::new(ErrorClass::UnsupportedType, self.connection, message));
            }
        }
        Ok(LoadReport::default())
    }

    /// Sends all rows with the COPY statement `sql`.
    pub(crate) async fn copy(
        &self,
        sql: &str,
        targets: &[Target],
        mut rows: BatchStream,
    ) -> Result<LoadReport, AdapterError> {
        let sink = self.lease.client.copy_in::<_, Bytes>(sql).await;
        let mut sink =
            Box::pin(sink.map_err(|error| self.with_relation(from_driver(self.connection, error, Some(sql))))?);
        let errors_before = self.lease.ear.errors();

        let mut report = LoadReport::default();
        let mut buffer = Vec::with_capacity(CHUNK_BYTES * 2);
        buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.extend_from_slice(&[0; 8]);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            report.rows += batch.num_rows() as u64;
            self.send_batch(&mut sink, targets, &batch, &mut buffer, &mut report.bytes, errors_before).await?;
        }
        buffer.extend_from_slice(&(-1_i16).to_be_bytes());
        self.send(&mut sink, &mut buffer, &mut report.bytes, errors_before).await?;
        let copied = sink.as_mut().finish().await.map_err(|error| self.copy_error(error))?;
        if copied != report.rows {
            let message = format!("the server says it took {copied} rows of {}", report.rows);
            return Err(self.with_relation(AdapterError::new(ErrorClass::Other, self.connection, message)));
        }
        Ok(report)
    }

    async fn send_batch(
        &self,
        sink: &mut Pin<Box<CopyInSink<Bytes>>>,
        targets: &[Target],
        batch: &RecordBatch,
        buffer: &mut Vec<u8>,
        bytes: &mut u64,
        errors_before: u64,
    ) -> Result<(), AdapterError> {
        let columns = self.native_columns(targets, batch)?;
        let mut row = 0;
        while row < batch.num_rows() {
            row = self.encode_rows(targets, &columns, row, batch.num_rows(), buffer)?;
            if buffer.len() >= CHUNK_BYTES {
                self.send(sink, buffer, bytes, errors_before).await?;
            }
        }
        Ok(())
    }

    /// The batch's columns in the Arrow types that the table's columns are written from.
    fn native_columns(&self, targets: &[Target], batch: &RecordBatch) -> Result<Vec<ArrayRef>, AdapterError> {
        if batch.num_columns() != targets.len() {
            let message = format!("a batch has {} columns where {} are expected", batch.num_columns(), targets.len());
            return Err(AdapterError::new(ErrorClass::Other, self.connection, message));
        }
        let columns = targets.iter().zip(batch.columns()).zip(self.request.schema.fields());
        columns
            .map(|((Target { kind, unit }, column), field)| {
                if *kind == Kind::Interval && logical_type(field) == Some(LogicalType::TimeSpan) {
                    return self.time_spans(column, field);
                }
                let native = strict_cast(column, &kind.arrow()).map_err(|problem| {
                    let class = match problem {
                        CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                        CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
                    };
                    self.column_error(class, field.name(), problem.to_string())
                })?;
                if !are_multiples(&native, *unit) {
                    let problem = "a value has more digits of a second than the column keeps".to_owned();
                    return Err(self.column_error(ErrorClass::ValueDoesNotFit, field.name(), problem));
                }
                Ok(native)
            })
            .collect()
    }

    /// Microseconds (MySQL's `time`) as intervals.
    fn time_spans(&self, column: &ArrayRef, field: &Field) -> Result<ArrayRef, AdapterError> {
        let too_long = || self.column_error(ErrorClass::ValueDoesNotFit, field.name(), "is too long".to_owned());
        let spans = column.as_primitive_opt::<Int64Type>().ok_or_else(too_long)?;
        let intervals = spans.iter().map(|span| {
            span.map(|span| Ok(IntervalMonthDayNano::new(0, 0, span.checked_mul(1000).ok_or_else(too_long)?)))
                .transpose()
        });
        Ok(Arc::new(intervals.collect::<Result<IntervalMonthDayNanoArray, AdapterError>>()?))
    }

    /// Encodes rows from `first` until the buffer is full; the next row.
    fn encode_rows(
        &self,
        targets: &[Target],
        columns: &[ArrayRef],
        first: usize,
        end: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<usize, AdapterError> {
        let encoders: Option<Vec<Encoder<'_>>> =
            targets.iter().zip(columns).map(|(target, column)| Encoder::new(&target.kind, column)).collect();
        let encoders = encoders.ok_or_else(|| {
            AdapterError::new(ErrorClass::Other, self.connection, "a column has another type than it was cast to")
        })?;
        let count = (encoders.len() as i16).to_be_bytes();
        for row in first..end {
            buffer.extend_from_slice(&count);
            for (index, encoder) in encoders.iter().enumerate() {
                encoder.write(row, buffer).map_err(|problem: Misfit| {
                    let name = &self.request.columns[index].name;
                    self.column_error(ErrorClass::ValueDoesNotFit, name, format!("a value {problem}"))
                })?;
            }
            if buffer.len() >= CHUNK_BYTES {
                return Ok(row + 1);
            }
        }
        Ok(end)
    }

    async fn send(
        &self,
        sink: &mut Pin<Box<CopyInSink<Bytes>>>,
        buffer: &mut Vec<u8>,
        bytes: &mut u64,
        errors_before: u64,
    ) -> Result<(), AdapterError> {
        let chunk = Bytes::from(std::mem::replace(buffer, Vec::with_capacity(CHUNK_BYTES * 2)));
        *bytes += chunk.len() as u64;
        // The driver tells an error of the server only at the end; nobody wants to send the rest for nothing.
        if sink.send(chunk).await.is_err() || self.lease.ear.errors() != errors_before {
            return match sink.as_mut().finish().await {
                Err(error) => Err(self.copy_error(error)),
                Ok(_) => Err(AdapterError::new(ErrorClass::ConnectionLost, self.connection, "the connection was lost")),
            };
        }
        Ok(())
    }

    /// The server's error, with the column that its context names.
    fn copy_error(&self, error: tokio_postgres::Error) -> AdapterError {
        let names = self.request.columns.iter().map(|column| column.name.as_str());
        let context = error.as_db_error().and_then(|error| error.where_());
        let column = context.and_then(|context| column_in_context(context, names)).map(str::to_owned);
        let mapped = from_driver(self.connection, error, None);
        let mapped = match column {
            Some(column) if mapped.column.is_none() => mapped.with_column(column),
            _ => mapped,
        };
        self.with_relation(mapped)
    }

    fn column_error(&self, class: ErrorClass, column: &str, problem: String) -> AdapterError {
        let message = format!("column `{column}` of {}: {problem}", self.request.on_behalf_of);
        self.with_relation(AdapterError::new(class, self.connection, message).with_column(column))
    }
}

/// Whether a time column's values are whole units; other columns have a unit of one.
fn are_multiples(column: &ArrayRef, unit: i64) -> bool {
    let whole = |values: &[i64]| values.iter().all(|value| value % unit == 0);
    if unit == 1 {
        return true;
    }
    if let Some(times) = column.as_primitive_opt::<Time64MicrosecondType>() {
        return whole(times.values());
    }
    column.as_primitive_opt::<TimestampMicrosecondType>().is_none_or(|timestamps| whole(timestamps.values()))
}
