//! A session: jobs in order. The API has none, so nothing lasts from one job to the next but what the datasets hold: a text of
//! several statements is one script, which is one job, with variables and temporary tables of its own.

use crate::api::Api;
use crate::catalog;
use crate::jobs::Done;
use crate::rows::Pages;
use arrow::array::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, CancellationToken, ColumnDescription, ErrorClass, Fetch, QueryResult, Session,
};
use dvt_sql::{BIGQUERY, split_statements};
use std::sync::Arc;

/// Fetched rows come in batches of this many.
const BATCH_ROWS: usize = 8192;

pub(crate) struct BigQuerySession {
    api: Api,
    in_transaction: bool,
    cancel: CancellationToken,
}

impl BigQuerySession {
    pub(crate) fn new(api: Api) -> Self {
        Self { api, in_transaction: false, cancel: CancellationToken::new() }
    }

    async fn rows(&self, done: &Done, limit: usize) -> Result<QueryResult, AdapterError> {
        let mut pages = Pages::of(&self.api, done.job.clone());
        let (mut batches, mut kept) = (Vec::new(), 0);
        let mut schema = None;
        loop {
            let page = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(self.api.cancelled()),
                page = pages.next(BATCH_ROWS.min(limit.max(1))) => page?,
            };
            let Some(mut rows) = page else { break };
            let schema = schema.get_or_insert_with(|| pages.shown_schema());
            rows.truncate(limit - kept);
            kept += rows.len();
            if !rows.is_empty() {
                let mut columns = pages.columns();
                for row in &rows {
                    pages.push(row, &mut columns)?;
                }
                let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
                let arrays = pages.finish(&mut columns)?;
                let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options);
                batches.push(batch.map_err(|error| self.api.error(ErrorClass::Other, error.to_string()))?);
            }
            if kept >= limit {
                break;
            }
        }
        let schema = schema.unwrap_or_else(|| pages.shown_schema());
        let mut response = response(done);
        response.rows_affected = response.rows_affected.or(i64::try_from(kept).ok());
        Ok(QueryResult { response, rows: (!schema.fields().is_empty()).then_some((schema, batches)) })
    }
}

/// dbt's response: `CREATE TABLE (3.0 rows, 1.5 KiB processed)`.
fn response(done: &Done) -> AdapterResponse {
    let kind = done.statement_type();
    let (code, rows) = match kind {
        "CREATE_VIEW" => ("CREATE VIEW", None),
        "CREATE_TABLE_AS_SELECT" => ("CREATE TABLE", None),
        "INSERT" | "DELETE" | "MERGE" | "UPDATE" => (kind, done.number("/statistics/query/numDmlAffectedRows")),
        "SCRIPT" | "SELECT" => (kind, None),
        _ => ("", None),
    };
    let processed = done.number("/statistics/query/totalBytesProcessed").map(bytes_text);
    let shown = if code.is_empty() { "None" } else { code };
    let message = match (rows, processed) {
        (Some(rows), processed) => {
            format!("{shown} ({} rows, {} processed)", rows_text(rows), processed.unwrap_or_else(|| "None".to_owned()))
        }
        (None, Some(processed)) => format!("{shown} ({processed} processed)"),
        (None, None) => shown.to_owned(),
    };
    AdapterResponse { message, code: code.to_owned(), rows_affected: rows }
}

fn rows_text(rows: i64) -> String {
    let mut number = rows as f64;
    for unit in ["", "k", "m", "b", "t"] {
        if number.abs() < 1000.0 {
            return format!("{number:.1}{unit}");
        }
        number /= 1000.0;
    }
    format!("{number:.1}q")
}

fn bytes_text(bytes: i64) -> String {
    if bytes == 0 {
        return "0".to_owned();
    }
    let mut number = bytes as f64;
    for unit in ["Bytes", "KiB", "MiB", "GiB", "TiB", "PiB"] {
        if number.abs() < 1024.0 {
            return format!("{number:.1} {unit}");
        }
        number /= 1024.0;
    }
    format!("{number:.1} EiB")
}

#[async_trait]
impl Session for BigQuerySession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        tracing::debug!(connection = %self.api.settings.connection, sql, "execute");
        // Nothing but comments is no job.
        let statements = split_statements(sql, &BIGQUERY);
        // Each is atomic by itself: the words around them would only be refused.
        let is_frame = |text: &str| {
            matches!(
                text.trim().to_ascii_lowercase().as_str(),
                "begin" | "commit" | "rollback" | "begin transaction" | "commit transaction"
            )
        };
        if statements.iter().all(|statement| is_frame(statement.text)) {
            return Ok(QueryResult { response: AdapterResponse::default(), rows: None });
        }
        let done = self.api.run(sql, &self.cancel).await?;
        match fetch {
            Fetch::None => Ok(QueryResult { response: response(&done), rows: None }),
            Fetch::All => self.rows(&done, usize::MAX).await,
            Fetch::Limit(limit) => self.rows(&done, limit).await,
        }
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            return Err(self.api.error(ErrorClass::Other, "a transaction is open already"));
        }
        // Each job is one by itself; this only keeps the order of calls.
        self.in_transaction = true;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), AdapterError> {
        self.in_transaction = false;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), AdapterError> {
        self.in_transaction = false;
        Ok(())
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    async fn describe_query(&mut self, sql: &str) -> Result<Option<Vec<ColumnDescription>>, AdapterError> {
        catalog::describe_query(&self.api, sql).await.map(Some)
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes_text, rows_text};

    #[test]
    fn numbers_are_shown_as_dbt_shows_them() {
        assert_eq!((rows_text(3), rows_text(1500), rows_text(2_000_000)), ("3.0".into(), "1.5k".into(), "2.0m".into()));
        assert_eq!(
            (bytes_text(0), bytes_text(10), bytes_text(1536)),
            ("0".into(), "10.0 Bytes".into(), "1.5 KiB".into())
        );
    }
}
