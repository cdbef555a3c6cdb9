//! A query's rows as a stream of batches with the schema that was asked for.

use crate::api::Api;
use crate::jobs::JobRef;
use crate::rows::Pages;
use crate::types::BigType;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, SchemaRef};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, ExtractRequest, strict_cast};
use dvt_sql::{BIGQUERY, split_statements};
use futures::{StreamExt, stream};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) async fn extract(
    api: &Api,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    tracing::debug!(connection = %api.settings.connection, sql = request.sql, "extract");
    if cancel.is_cancelled() {
        return Err(api.cancelled());
    }
    let statements = split_statements(&request.sql, &BIGQUERY);
    let [statement] = statements[..] else {
        let message = format!("one query is expected, and there are {} statements", statements.len());
        return Err(api.error(ErrorClass::Syntax, message));
    };
    let done = api.run(statement.text, &cancel).await.map_err(|mut error| {
        error.position = error.position.map(|position| position + statement.start);
        error
    })?;
    let mut pages = Pages::of(api, done.job.clone());
    let batch_rows = request.batch_rows.max(1);
    let first = pages.next(batch_rows).await?.unwrap_or_default();
    if pages.fields.len() != request.schema.fields().len() {
        let message = format!(
            "the query has {} columns where {} are expected",
            pages.fields.len(),
            request.schema.fields().len()
        );
        return Err(api.error(ErrorClass::Other, message));
    }
    for (found, field) in pages.fields.iter().zip(request.schema.fields()) {
        if let Err(reason) = BigType::of_schema(found).arrow() {
            let message = format!("column `{}`: {reason}", field.name());
            return Err(api.error(ErrorClass::UnsupportedType, message).with_column(field.name()));
        }
    }
    let reading = Reading {
        api: api.clone(),
        schema: request.schema,
        batch_rows,
        pages,
        waiting: VecDeque::from([first]),
        cancel,
        guard: Guard { api: api.clone(), job: Some(done.job) },
    };
    Ok(stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        match reading.next().await {
            Ok(Some(batch)) => Some((Ok(batch), Some(reading))),
            Ok(None) => {
                reading.guard.job = None;
                None
            }
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed())
}

struct Reading {
    api: Api,
    schema: SchemaRef,
    batch_rows: usize,
    pages: Pages,
    waiting: VecDeque<Vec<serde_json::Value>>,
    cancel: CancellationToken,
    guard: Guard,
}

/// Stops a job whose rows nobody reads any more. (Its query has ended; what is left of it is its result.)
struct Guard {
    api: Api,
    job: Option<JobRef>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(job) = &self.job {
            self.api.stop_in_background(job);
        }
    }
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>, AdapterError> {
        loop {
            let rows = match self.waiting.pop_front() {
                Some(rows) => Some(rows),
                None => tokio::select! {
                    biased;
                    () = self.cancel.cancelled() => return Err(self.api.cancelled()),
                    next = self.pages.next(self.batch_rows) => next?,
                },
            };
            match rows {
                None => return Ok(None),
                Some(rows) if rows.is_empty() => {}
                Some(rows) => return self.batch(&rows).map(Some),
            }
        }
    }

    fn batch(&self, rows: &[serde_json::Value]) -> Result<RecordBatch, AdapterError> {
        let mut columns = self.pages.columns();
        for row in rows {
            self.pages.push(row, &mut columns)?;
        }
        let natural = self.pages.finish(&mut columns)?;
        let given = natural.iter().zip(self.schema.fields()).map(|(values, field)| self.column(values, field));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), given.collect::<Result<Vec<_>, _>>()?, &options)
            .map_err(|error| self.api.error(ErrorClass::Other, error.to_string()))
    }

    fn column(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, AdapterError> {
        let misfit = |class: ErrorClass, problem: String| {
            self.api.error(class, format!("column `{}`: {problem}", field.name())).with_column(field.name())
        };
        if !field.is_nullable() && values.null_count() > 0 {
            return Err(misfit(
                ErrorClass::ValueDoesNotFit,
                "there is a NULL, which it is declared not to hold".into(),
            ));
        }
        strict_cast(values, field.data_type()).map_err(|problem| {
            let class = match problem {
                CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
            };
            misfit(class, problem.to_string())
        })
    }
}
