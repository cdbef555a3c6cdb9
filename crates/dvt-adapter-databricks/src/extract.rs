//! A query's rows as a stream of batches with the schema that was asked for.

use crate::api::{Api, Statement};
use crate::results;
use crate::types::BrickType;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::Field;
use dvt_adapter::{
    AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, ExtractRequest, native_type, strict_cast,
};
use dvt_sql::DATABRICKS;
use futures::{StreamExt, stream};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) async fn extract(
    api: &Api,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    tracing::debug!(connection = %api.settings.connection, sql = request.sql, "extract");
    let is_json = |field: &Arc<Field>| {
        native_type(field, crate::profile::ADAPTER_TYPE)
            .is_some_and(|native| BrickType::parse(native).travels_as_json())
    };
    let mut flags: Vec<bool> = request.schema.fields().iter().map(is_json).collect();
    let mut answer = api.run(Statement::query(as_json(&request.sql, &flags)), &cancel).await?;
    let columns = &answer.manifest.columns;
    if columns.len() != request.schema.fields().len() {
        let message = format!("{} columns were asked for and {} came", request.schema.fields().len(), columns.len());
        return Err(AdapterError::new(ErrorClass::Other, &api.settings.connection, message));
    }
    // What nobody knew to be nested is asked for again, as text.
    let missed: Vec<bool> = columns.iter().map(|(_, native)| BrickType::parse(native).travels_as_json()).collect();
    if missed.contains(&true) {
        flags.iter_mut().zip(&missed).for_each(|(flag, missed)| *flag |= *missed);
        answer = api.run(Statement::query(as_json(&request.sql, &flags)), &cancel).await?;
    }
    let state = State {
        rows: results::batches(api, answer),
        waiting: VecDeque::new(),
        connection: api.settings.connection.clone(),
        request,
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
    let name = |index: usize| DATABRICKS.quote_identifier(&format!("c{index}"));
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
    rows: BatchStream,
    /// Batches of the size that was asked for.
    waiting: VecDeque<RecordBatch>,
    connection: String,
    request: ExtractRequest,
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
                return Err(AdapterError::new(ErrorClass::Cancelled, &self.connection, "cancelled"));
            }
            if let Some(batch) = self.waiting.pop_front() {
                return Ok(Some(batch));
            }
            let next = tokio::select! {
                biased;
                () = self.cancel.cancelled() => continue,
                next = self.rows.next() => next,
            };
            let Some(batch) = next.transpose()? else { return Ok(None) };
            let batch = self.shaped(&batch)?;
            let most = self.request.batch_rows.max(1);
            let mut start = 0;
            while start < batch.num_rows() {
                let length = most.min(batch.num_rows() - start);
                self.waiting.push_back(batch.slice(start, length));
                start += length;
            }
        }
    }

    /// The batch as the schema that was asked for.
    fn shaped(&self, batch: &RecordBatch) -> Result<RecordBatch, AdapterError> {
        let fields = self.request.schema.fields();
        let columns = batch.columns().iter().zip(fields).map(|(values, field)| self.column(values, field));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(
            Arc::clone(&self.request.schema),
            columns.collect::<Result<Vec<_>, _>>()?,
            &options,
        )
        .map_err(|error| AdapterError::new(ErrorClass::Other, &self.connection, error.to_string()))
    }

    fn column(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, AdapterError> {
        let misfit = |class: ErrorClass, problem: String| {
            let message = format!("column `{}`: {problem}", field.name());
            AdapterError::new(class, &self.connection, message).with_column(field.name())
        };
        let values = strict_cast(values, field.data_type()).map_err(|problem| {
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
