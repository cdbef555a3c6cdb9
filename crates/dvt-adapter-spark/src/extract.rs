//! A query's rows as a stream of batches with the schema that was asked for.

use crate::link::Link;
use crate::{catalog, errors, results};
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, SchemaRef};
use dvt_adapter::{
    AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, ExtractRequest, SparkType, native_type,
};
use dvt_spark::RowStream;
use dvt_sql::SPARK;
use futures::{StreamExt, stream};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) async fn extract(
    link: &Link,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    tracing::debug!(connection = %link.settings.connection, sql = request.sql, "extract");
    let session = link.session().await?;
    let is_json = |field: &Arc<Field>| {
        native_type(field, crate::profile::ADAPTER_TYPE).is_some_and(|of| SparkType::parse(of).travels_as_json())
    };
    let mut flags: Vec<bool> = request.schema.fields().iter().map(is_json).collect();
    // A text may stand for what nobody knew to be nested.
    let may_be_nested = |field: &Arc<Field>| native_type(field, crate::profile::ADAPTER_TYPE).is_none();
    if request.schema.fields().iter().any(may_be_nested) {
        let columns = catalog::describe_query(link, &session, &request.sql).await?;
        for (flag, column) in flags.iter_mut().zip(&columns) {
            *flag |= SparkType::parse(&column.native_type).travels_as_json();
        }
    }
    let state = State {
        rows: session.query(as_json(&request.sql, &flags)),
        waiting: VecDeque::new(),
        link: link.clone(),
        schema: request.schema,
        batch_rows: request.batch_rows.max(1),
        cancel,
        is_over: false,
    };
    Ok(Box::pin(stream::unfold(state, |mut state| async move {
        let next = state.next().await?;
        Some((next, state))
    })))
}

/// The query with the flagged columns as JSON text.
fn as_json(sql: &str, flags: &[bool]) -> String {
    if !flags.contains(&true) {
        return sql.to_owned();
    }
    let name = |index: usize| SPARK.quote_identifier(&format!("c{index}"));
    let names: Vec<String> = (0..flags.len()).map(name).collect();
    let values = flags.iter().zip(&names).map(|(is_json, name)| match is_json {
        true => format!("to_json({name}, map('ignoreNullFields', 'false')) AS {name}"),
        false => name.clone(),
    });
    let values: Vec<String> = values.collect();
    let sql = sql.trim().trim_end_matches(';');
    format!("SELECT {} FROM (\n{sql}\n) AS q ({})", values.join(", "), names.join(", "))
}

struct State {
    rows: RowStream,
    /// Batches of the size that was asked for.
    waiting: VecDeque<RecordBatch>,
    link: Link,
    schema: SchemaRef,
    batch_rows: usize,
    cancel: CancellationToken,
    is_over: bool,
}

impl State {
    async fn next(&mut self) -> Option<Result<RecordBatch, AdapterError>> {
        if self.is_over {
            return None;
        }
        let result = self.step().await;
        self.is_over = !matches!(result, Ok(Some(_)));
        result.transpose()
    }

    async fn step(&mut self) -> Result<Option<RecordBatch>, AdapterError> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(self.link.cancelled());
            }
            if let Some(batch) = self.waiting.pop_front() {
                return Ok(Some(batch));
            }
            let next = tokio::select! {
                biased;
                () = self.cancel.cancelled() => continue,
                next = self.rows.next() => next,
            };
            let Some(batch) = next else { return Ok(None) };
            let batch = batch.map_err(|failure| errors::of(&self.link.settings, &failure))?;
            let batch = self.shaped(&batch)?;
            let mut start = 0;
            while start < batch.num_rows() {
                let length = self.batch_rows.min(batch.num_rows() - start);
                self.waiting.push_back(batch.slice(start, length));
                start += length;
            }
        }
    }

    /// The batch as the schema that was asked for.
    fn shaped(&self, batch: &RecordBatch) -> Result<RecordBatch, AdapterError> {
        let (connection, fields) = (&self.link.settings.connection, self.schema.fields());
        // A query of no columns has one that nobody asked for.
        if batch.num_columns() != fields.len() && !fields.is_empty() {
            let message = format!("{} columns were asked for and {} came", fields.len(), batch.num_columns());
            return Err(AdapterError::new(ErrorClass::Other, connection, message));
        }
        let columns = batch.columns().iter().zip(fields).map(|(values, field)| self.column(values, field));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.collect::<Result<Vec<_>, _>>()?, &options)
            .map_err(|error| AdapterError::new(ErrorClass::Other, connection, error.to_string()))
    }

    fn column(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, AdapterError> {
        let misfit = |class: ErrorClass, problem: String| {
            let message = format!("column `{}`: {problem}", field.name());
            AdapterError::new(class, &self.link.settings.connection, message).with_column(field.name())
        };
        let values = results::cast(values, field.data_type()).map_err(|problem| {
            let class = match problem {
                CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
            };
            misfit(class, problem.to_string())
        })?;
        if !field.is_nullable() && values.null_count() > 0 {
            let problem = "there is a NULL, which it is declared not to hold";
            return Err(misfit(ErrorClass::ValueDoesNotFit, problem.to_owned()));
        }
        Ok(values)
    }
}
