//! A session: statements in order, in a Spark session of its own, where views for a moment and settings last. There are no
//! transactions.

use crate::errors;
use crate::link::Link;
use crate::{catalog, results};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, CancellationToken, ColumnDescription, ErrorClass, Fetch, QueryResult, Session,
};
use dvt_spark::{RowStream, SparkFailure};
use dvt_sql::{SPARK, split_statements};
use futures::StreamExt;
use std::sync::Arc;

pub(crate) struct SparkSession {
    link: Link,
    session: Arc<dvt_spark::Session>,
    in_transaction: bool,
    cancel: CancellationToken,
}

impl SparkSession {
    pub(crate) fn new(link: Link, session: dvt_spark::Session) -> Self {
        Self { link, session: Arc::new(session), in_transaction: false, cancel: CancellationToken::new() }
    }

    async fn statement(&self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let word = first_word(sql);
        let kind = Kind::of(&word);
        let settings = &self.link.settings;
        let failed = |failure: &SparkFailure| {
            let error = match kind {
                Kind::Query => errors::of(settings, failure),
                Kind::Either | Kind::Change => errors::of_change(settings, failure),
            };
            errors::located(error, sql)
        };
        let wants_rows = fetch != Fetch::None;
        let run = async {
            let stream = match kind {
                // Its rows are the whole of it: where nobody wants them it is still to be computed.
                Kind::Query => Some(self.session.query_with_columns(sql.to_owned())),
                Kind::Either | Kind::Change => {
                    self.session.statement(sql, wants_rows || kind == Kind::Either).await.map_err(|f| failed(&f))?
                }
            };
            let (rows, count) = match stream {
                Some(stream) => {
                    let limit = match fetch {
                        Fetch::None => 0,
                        Fetch::All => usize::MAX,
                        Fetch::Limit(limit) => limit,
                    };
                    let (schema, batches, count) =
                        collected(stream, limit, wants_rows).await.map_err(|f| failed(&f))?;
                    (wants_rows.then_some((schema, batches)), (kind == Kind::Query).then_some(count))
                }
                None => (None, None),
            };
            let rows_affected = count.and_then(|count| i64::try_from(count).ok());
            let response = AdapterResponse { message: "OK".to_owned(), code: String::new(), rows_affected };
            Ok(QueryResult { response, rows })
        };
        // Dropped, it interrupts what runs.
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(self.link.cancelled()),
            result = run => result,
        }
    }
}

/// The schema and the first rows of a stream, and how many there were.
async fn collected(
    mut stream: RowStream,
    limit: usize,
    wants_rows: bool,
) -> Result<(SchemaRef, Vec<RecordBatch>, usize), SparkFailure> {
    let mut schema: Option<SchemaRef> = None;
    let (mut batches, mut count) = (Vec::new(), 0);
    while let Some(batch) = stream.next().await.transpose()? {
        let schema = schema.get_or_insert_with(|| results::shown_schema(&batch.schema()));
        if !wants_rows {
            count += batch.num_rows();
            continue;
        }
        let batch = results::shown(&batch, schema).map_err(|message| SparkFailure::Answer { message })?;
        let batch = batch.slice(0, batch.num_rows().min(limit - count));
        count += batch.num_rows();
        if batch.num_rows() > 0 {
            batches.push(batch);
        }
        if count >= limit {
            break;
        }
    }
    Ok((schema.unwrap_or_else(|| Arc::new(Schema::empty())), batches, count))
}

#[async_trait]
impl Session for SparkSession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        tracing::debug!(connection = %self.link.settings.connection, sql, "execute");
        let mut result = QueryResult { response: AdapterResponse::default(), rows: None };
        for statement in split_statements(sql, &SPARK) {
            let one = self.statement(statement.text, fetch).await.map_err(|error| match error.position {
                Some(position) => error.with_position(statement.start + position),
                None => error,
            })?;
            result.response = one.response;
            result.rows = one.rows.filter(|(schema, _)| !schema.fields().is_empty()).or(result.rows);
        }
        Ok(result)
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            let message = "a transaction is open already";
            return Err(AdapterError::new(ErrorClass::Other, &self.link.settings.connection, message));
        }
        // Each statement is one by itself; this only keeps the order of calls.
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
        catalog::describe_query(&self.link, &self.session, sql).await.map(Some)
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
    }
}

impl Drop for SparkSession {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let session = Arc::clone(&self.session);
        runtime.spawn(async move { session.close().await });
    }
}

/// What a statement does, as far as its first word tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Gives rows and changes nothing.
    Query,
    /// Gives rows, and may change something: `WITH` stands before INSERT too.
    Either,
    Change,
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "SELECT" | "VALUES" | "SHOW" | "DESCRIBE" | "DESC" | "TABLE" | "EXPLAIN" | "LIST" => Self::Query,
            "WITH" | "FROM" | "" => Self::Either,
            _ => Self::Change,
        }
    }
}

/// The first word behind comments and brackets, in capitals.
fn first_word(sql: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::{Kind, first_word};

    #[test]
    fn what_a_statement_does_is_told_by_its_first_word() {
        let check = |sql: &str, expected: Kind| assert_eq!(Kind::of(&first_word(sql)), expected, "{sql}");
        check("/* {\"app\": \"dbt\"} */ -- x\n (select 1)", Kind::Query);
        check("with a as (select 1) insert into t select * from a", Kind::Either);
        check("create or replace table t as select 1", Kind::Change);
        check("set spark.sql.ansi.enabled", Kind::Change);
    }
}
