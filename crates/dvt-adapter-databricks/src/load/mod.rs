//! Loading: a new table, filled from files in a volume by one COPY INTO, or by INSERT statements where the output names no
//! volume.
//!
//! There is no transaction around it, so the table is nobody's until all rows are in it and counted; a load that fails drops it.
//! Every value is checked here against the column's type before it is sent.

mod copy;
mod insert;

use crate::api::{Api, Statement};
use crate::catalog::sql_name;
use crate::types::BrickType;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{
    AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, LoadColumn, LoadReport, LoadRequest,
    strict_cast,
};
use dvt_sql::DATABRICKS;
use futures::StreamExt;
use std::sync::Arc;

/// Characters that a Delta column's name holds only where columns are mapped by name.
const MAPPED_CHARACTERS: &[char] = &[' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

pub(crate) async fn load(
    api: &Api,
    request: LoadRequest,
    rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let plan = Plan::of(api, &request);
    let cancel = &cancel;
    let created = api.run(Statement::once(plan.create()), cancel).await;
    if let Err(error) = created {
        // Whether it is there is not known only where its answer was lost; a table that was there before stays.
        if matches!(error.class, ErrorClass::Other | ErrorClass::Cancelled) {
            tracing::warn!(connection = %api.settings.connection, relation = %request.relation, "may be left behind");
        }
        return Err(error.with_relation(request.relation.clone()));
    }
    let mut dropper = Dropper { api: Some(api.clone()), table: plan.table.clone() };
    let filled = async {
        let report = match &api.settings.volume {
            Some(volume) => copy::fill(api, &plan, volume, rows, cancel).await?,
            None => insert::fill(api, &plan, rows, cancel).await?,
        };
        plan.check(report.rows, cancel).await?;
        Ok(report)
    };
    match filled.await {
        Ok(report) => {
            dropper.api = None;
            Ok(report)
        }
        Err(error) => {
            dropper.drop_table().await;
            Err(error)
        }
    }
}

/// Where the rows go, and how each column's values are made ready.
pub(super) struct Plan<'a> {
    api: &'a Api,
    request: &'a LoadRequest,
    table: String,
    /// What is sent: columns `c0`, `c1`, …, so that no name can matter.
    sent: SchemaRef,
    types: Vec<BrickType>,
}

impl<'a> Plan<'a> {
    fn of(api: &'a Api, request: &'a LoadRequest) -> Self {
        let types: Vec<BrickType> =
            request.columns.iter().map(|column| BrickType::parse(&column.column_type)).collect();
        let fields = types.iter().enumerate().map(|(index, of)| {
            let data_type = of.arrow().map_or(DataType::Utf8, |(data_type, _)| data_type);
            Field::new(format!("c{index}"), data_type, true)
        });
        let sent = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { api, request, table: sql_name(api, &request.relation), sent, types }
    }

    fn create(&self) -> String {
        let column = |column: &LoadColumn| {
            let not_null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{not_null}", DATABRICKS.quote_identifier(&column.name), column.column_type)
        };
        let columns: Vec<String> = self.request.columns.iter().map(column).collect();
        let is_mapped = self.request.columns.iter().any(|column| column.name.contains(MAPPED_CHARACTERS));
        let properties = if is_mapped { " TBLPROPERTIES ('delta.columnMapping.mode' = 'name')" } else { "" };
        format!("CREATE TABLE {} ({}) USING DELTA{properties}", self.table, columns.join(", "))
    }

    /// The names of the columns, as SQL writes them.
    fn names(&self) -> Vec<String> {
        self.request.columns.iter().map(|column| DATABRICKS.quote_identifier(&column.name)).collect()
    }

    /// The value of a column that was sent as `c<index>`, as its own type.
    fn value(&self, index: usize) -> String {
        let (sent, column_type) = (format!("`c{index}`"), &self.request.columns[index].column_type);
        match &self.types[index] {
            BrickType::Variant => format!("parse_json(CAST({sent} AS STRING))"),
            BrickType::Nested => {
                let of = DATABRICKS.string_literal(column_type);
                format!("from_json(CAST({sent} AS STRING), {of}, map('mode', 'FAILFAST'))")
            }
            _ => format!("CAST({sent} AS {column_type})"),
        }
    }

    /// The batch as it is sent; every value has been compared with its column.
    fn made_ready(&self, batch: &RecordBatch) -> Result<RecordBatch, AdapterError> {
        let columns = batch.columns().iter().enumerate().map(|(index, values)| self.column(index, values));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.sent), columns.collect::<Result<Vec<_>, _>>()?, &options)
            .map_err(|error| AdapterError::new(ErrorClass::Other, &self.api.settings.connection, error.to_string()))
    }

    fn column(&self, index: usize, values: &ArrayRef) -> Result<ArrayRef, AdapterError> {
        let (column, to) = (&self.request.columns[index], self.sent.field(index).data_type());
        let misfit = |class: ErrorClass, problem: String| {
            let message = format!("column `{}` of {}: {problem}", column.name, self.request.on_behalf_of);
            AdapterError::new(class, &self.api.settings.connection, message).with_column(&column.name)
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

    /// Counts the rows that are there: an answer that was lost on the way may hide a statement that ran twice or never.
    async fn check(&self, rows: u64, cancel: &CancellationToken) -> Result<(), AdapterError> {
        let sql = format!("SELECT count(*) AS n FROM {}", self.table);
        let answer = self.api.run(Statement::query(sql), cancel).await?;
        let mut batches = crate::results::batches(self.api, answer);
        let mut found = None;
        while let Some(batch) = batches.next().await.transpose()? {
            let counts = arrow::compute::cast(batch.column(0), &DataType::UInt64).ok();
            found = counts.and_then(|counts| {
                let counts = arrow::array::AsArray::as_primitive_opt::<arrow::datatypes::UInt64Type>(&counts)?.clone();
                counts.iter().next().flatten()
            });
        }
        if found == Some(rows) {
            return Ok(());
        }
        let message =
            format!("{rows} rows were sent to {} and {} are there", self.request.relation, found.unwrap_or(0));
        Err(AdapterError::new(ErrorClass::ConnectionLost, &self.api.settings.connection, message))
    }
}

/// The next batch with rows, or the end; the token ends the wait.
async fn next_batch(
    api: &Api,
    rows: &mut BatchStream,
    cancel: &CancellationToken,
) -> Result<Option<RecordBatch>, AdapterError> {
    loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(api.cancelled()),
            next = rows.next() => next.transpose()?,
        };
        match next {
            Some(batch) if batch.num_rows() == 0 => {}
            other => return Ok(other),
        }
    }
}

/// Drops the table of a load that did not come to its end, also when nobody waits for it any more.
struct Dropper {
    api: Option<Api>,
    table: String,
}

impl Dropper {
    async fn drop_table(&mut self) {
        let Some(api) = self.api.take() else { return };
        let sql = format!("DROP TABLE IF EXISTS {}", self.table);
        if let Err(error) = api.run(Statement::harmless(sql), &CancellationToken::new()).await {
            tracing::warn!(connection = %api.settings.connection, %error, table = self.table, "left behind");
        }
    }
}

impl Drop for Dropper {
    fn drop(&mut self) {
        let (Some(api), Ok(runtime)) = (self.api.take(), tokio::runtime::Handle::try_current()) else { return };
        let mut rest = Self { api: Some(api), table: std::mem::take(&mut self.table) };
        runtime.spawn(async move { rest.drop_table().await });
    }
}
