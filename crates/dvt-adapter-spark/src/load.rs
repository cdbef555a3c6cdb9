//! Loading: a new table, filled by INSERTs of rows that are sent along, some MiB at a time.
//!
//! There is no transaction around it, so the table is nobody's until all rows are in it and counted; a load that fails drops it.
//! Every value is compared here with the column's type before it is sent.

use crate::catalog::{sql_name, texts};
use crate::errors;
use crate::link::Link;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use dvt_adapter::{
    AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, LoadColumn, LoadReport, LoadRequest,
    SparkType, strict_cast,
};
use dvt_spark::{Session, SparkFailure};
use dvt_sql::SPARK;
use futures::StreamExt;
use std::sync::Arc;

/// Rows that go in one message. Servers take 128 MiB, and hold them in the driver's memory until they are written.
const MESSAGE_BYTES: usize = 24 * 1024 * 1024;

/// What a load's session is set to: a type's name means one type, a value that does not fit is an error, and old dates are
/// written as they are.
const SETTINGS: &[(&str, &str)] = &[
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.storeAssignmentPolicy", "ANSI"),
    ("spark.sql.timestampType", "TIMESTAMP_LTZ"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED"),
    ("spark.sql.parquet.int96RebaseModeInWrite", "CORRECTED"),
];

pub(crate) async fn load(
    link: &Link,
    request: LoadRequest,
    rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let session = Arc::new(link.own_session().await?);
    let settings = SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    session.configure(settings).await.map_err(|failure| errors::of(&link.settings, &failure))?;
    let plan = Plan::of(link, &request);
    let mut dropper = Dropper { session: Some(Arc::clone(&session)), table: None };
    let loaded = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(link.cancelled()),
        loaded = plan.run(&session, rows, &mut dropper.table) => loaded,
    };
    match loaded {
        Ok(report) => {
            dropper.table = None;
            Ok(report)
        }
        Err(error) => {
            dropper.drop_table().await;
            Err(error)
        }
    }
}

/// Where the rows go, and how each column's values are made ready.
struct Plan<'a> {
    link: &'a Link,
    request: &'a LoadRequest,
    table: String,
    /// What is sent: columns `c0`, `c1`, …, so that no name can matter.
    sent: SchemaRef,
    types: Vec<SparkType>,
}

impl<'a> Plan<'a> {
    fn of(link: &'a Link, request: &'a LoadRequest) -> Self {
        let types: Vec<SparkType> =
            request.columns.iter().map(|column| SparkType::parse(&column.column_type)).collect();
        let fields = types.iter().enumerate().map(|(index, of)| {
            let data_type = of.arrow().map_or(DataType::Utf8, |(data_type, _)| data_type);
            Field::new(format!("c{index}"), data_type, true)
        });
        let sent = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { link, request, table: sql_name(link, &request.relation), sent, types }
    }

    /// `table` is set as long as there is something to drop.
    async fn run(
        &self,
        session: &Session,
        mut rows: BatchStream,
        table: &mut Option<String>,
    ) -> Result<LoadReport, AdapterError> {
        let failed = |failure: &SparkFailure| {
            let error = errors::of(&self.link.settings, failure);
            if error.relation.is_none() { error.with_relation(self.request.relation.clone()) } else { error }
        };
        // A table of that name that is there already is somebody else's.
        if let Err(failure) = session.statement(&self.create(), false).await {
            let error = failed(&failure);
            if error.is_retryable() {
                tracing::warn!(connection = %self.link.settings.connection, table = self.table, "may be left behind");
            }
            return Err(error);
        }
        *table = Some(self.table.clone());
        let (view, mut report) = (format!("dvt_rows_{}", uuid::Uuid::new_v4().simple()), LoadReport::default());
        let (mut waiting, mut bytes) = (Vec::new(), 0);
        loop {
            let next = rows.next().await.transpose()?;
            let is_last = next.is_none();
            for batch in next.iter().flat_map(pieces) {
                bytes += batch.get_array_memory_size();
                report.rows += batch.num_rows() as u64;
                waiting.push(self.made_ready(&batch)?);
            }
            if bytes >= MESSAGE_BYTES || (is_last && !waiting.is_empty()) {
                let message = self.message(&waiting)?;
                report.bytes += message.len() as u64;
                session.view_of_rows(&view, message).await.map_err(|failure| failed(&failure))?;
                session.statement(&self.insert(&view), false).await.map_err(|failure| failed(&failure))?;
                (waiting, bytes) = (Vec::new(), 0);
            }
            if is_last {
                break;
            }
        }
        self.check(session, report.rows).await?;
        Ok(report)
    }

    fn create(&self) -> String {
        let column = |column: &LoadColumn| {
            let not_null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{not_null}", SPARK.quote_identifier(&column.name), column.column_type)
        };
        let columns: Vec<String> = self.request.columns.iter().map(column).collect();
        format!("CREATE TABLE {} ({})", self.table, columns.join(", "))
    }

    /// Two tasks write what one message holds: on a large cluster each core would write a file of some rows.
    fn insert(&self, view: &str) -> String {
        let values: Vec<String> = (0..self.types.len()).map(|index| self.value(index)).collect();
        format!("INSERT INTO {} SELECT /*+ COALESCE(2) */ {} FROM {view}", self.table, values.join(", "))
    }

    /// The value of a column that was sent as `c<index>`, as its own type.
    fn value(&self, index: usize) -> String {
        let sent = format!("`c{index}`");
        match &self.types[index] {
            SparkType::Variant => format!("parse_json({sent})"),
            SparkType::Nested => {
                let of = SPARK.string_literal(&self.request.columns[index].column_type);
                format!("from_json({sent}, {of}, map('mode', 'FAILFAST'))")
            }
            SparkType::Other(name) => format!("CAST({sent} AS {name})"),
            _ => sent,
        }
    }

    /// An Arrow stream of these batches.
    fn message(&self, batches: &[RecordBatch]) -> Result<Vec<u8>, AdapterError> {
        let write = || {
            let mut bytes = Vec::new();
            let mut writer = StreamWriter::try_new(&mut bytes, &self.sent)?;
            for batch in batches {
                writer.write(batch)?;
            }
            writer.finish()?;
            drop(writer);
            Ok::<_, arrow::error::ArrowError>(bytes)
        };
        write().map_err(|error| AdapterError::new(ErrorClass::Other, &self.link.settings.connection, error.to_string()))
    }

    /// The batch as it is sent; every value has been compared with its column.
    fn made_ready(&self, batch: &RecordBatch) -> Result<RecordBatch, AdapterError> {
        let columns = batch.columns().iter().enumerate().map(|(index, values)| self.column(index, values));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.sent), columns.collect::<Result<Vec<_>, _>>()?, &options)
            .map_err(|error| AdapterError::new(ErrorClass::Other, &self.link.settings.connection, error.to_string()))
    }

    fn column(&self, index: usize, values: &ArrayRef) -> Result<ArrayRef, AdapterError> {
        let (column, to) = (&self.request.columns[index], self.sent.field(index).data_type());
        let misfit = |class: ErrorClass, problem: String| {
            let message = format!("column `{}` of {}: {problem}", column.name, self.request.on_behalf_of);
            AdapterError::new(class, &self.link.settings.connection, message).with_column(&column.name)
        };
        if !column.nullable && values.logical_null_count() > 0 {
            return Err(misfit(ErrorClass::Constraint, "there is a NULL in a column that holds none".to_owned()));
        }
        strict_cast(values, to).map_err(|problem| {
            let class = match problem {
                CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
            };
            misfit(class, problem.to_string())
        })
    }

    /// Counts the rows that are there: an answer that was lost on the way may hide an INSERT that ran twice or never.
    async fn check(&self, session: &Session, rows: u64) -> Result<(), AdapterError> {
        let counted = texts(self.link, session, format!("SELECT count(*) FROM {}", self.table)).await?;
        let found = counted.first().and_then(|row| row.first()?.as_ref()?.parse::<u64>().ok());
        if found == Some(rows) {
            return Ok(());
        }
        let there = found.unwrap_or(0);
        let message = format!("{rows} rows were sent to {} and {there} are there", self.request.relation);
        Err(AdapterError::new(ErrorClass::ConnectionLost, &self.link.settings.connection, message))
    }
}

/// The batch in pieces that fit a message.
fn pieces(batch: &RecordBatch) -> Vec<RecordBatch> {
    let parts = batch.get_array_memory_size().div_ceil(MESSAGE_BYTES).max(1);
    let most = batch.num_rows().div_ceil(parts).max(1);
    let starts = (0..batch.num_rows()).step_by(most);
    starts.map(|start| batch.slice(start, most.min(batch.num_rows() - start))).collect()
}

/// Drops the table of a load that did not come to its end, also when nobody waits for it any more, and ends its session.
struct Dropper {
    session: Option<Arc<Session>>,
    table: Option<String>,
}

impl Dropper {
    async fn drop_table(&mut self) {
        let Some(session) = self.session.take() else { return };
        if let Some(table) = self.table.take()
            && let Err(error) = session.statement(&format!("DROP TABLE IF EXISTS {table}"), false).await
        {
            tracing::warn!(%error, table, "left behind");
        }
        session.close().await;
    }
}

impl Drop for Dropper {
    fn drop(&mut self) {
        if self.session.is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut rest = Self { session: self.session.take(), table: self.table.take() };
        runtime.spawn(async move { rest.drop_table().await });
    }
}
