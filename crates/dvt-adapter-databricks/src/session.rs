//! A session: statements in order. The API has none, so nothing lasts from one statement to the next but what the catalog
//! holds: no transaction, no temporary view, no setting.

use crate::api::{Answer, Api, Repeat, Statement, inline_rows};
use crate::{catalog, results};
use arrow::array::RecordBatch;
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, CancellationToken, ColumnDescription, ErrorClass, Fetch, QueryResult, Session,
};
use dvt_sql::{DATABRICKS, split_statements};
use futures::StreamExt;

pub(crate) struct DatabricksSession {
    api: Api,
    in_transaction: bool,
    cancel: CancellationToken,
}

impl DatabricksSession {
    pub(crate) fn new(api: Api) -> Self {
        Self { api, in_transaction: false, cancel: CancellationToken::new() }
    }

    async fn rows(&self, answer: Answer, limit: usize) -> Result<QueryResult, AdapterError> {
        let schema = answer.manifest.schema();
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut kept = 0;
        if limit > 0 {
            let mut stream = results::batches(&self.api, answer);
            while kept < limit {
                let next = tokio::select! {
                    biased;
                    () = self.cancel.cancelled() => return Err(self.api.cancelled()),
                    next = stream.next() => next,
                };
                let Some(batch) = next.transpose()? else { break };
                let batch = batch.slice(0, batch.num_rows().min(limit - kept));
                kept += batch.num_rows();
                batches.push(batch);
            }
        }
        let rows_affected = Some(i64::try_from(kept).unwrap_or(i64::MAX));
        let response = AdapterResponse { message: "OK".to_owned(), code: String::new(), rows_affected };
        Ok(QueryResult { response, rows: Some((schema, batches)) })
    }

    /// What a statement that changes something says of itself.
    async fn report(&self, answer: Answer, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let texts = inline_rows(&self.api, &answer).await?;
        let counts = ["num_affected_rows", "num_inserted_rows"];
        let counted =
            counts.iter().find_map(|name| answer.manifest.columns.iter().position(|(column, _)| column == name));
        let count = counted.and_then(|index| texts.first()?.get(index)?.as_str()?.parse().ok());
        let response = AdapterResponse { message: "OK".to_owned(), code: String::new(), rows_affected: count };
        let rows = match fetch {
            Fetch::None => None,
            _ if answer.manifest.columns.is_empty() => None,
            Fetch::All | Fetch::Limit(_) => {
                let limit = if let Fetch::Limit(limit) = fetch { limit } else { usize::MAX };
                let batch = results::from_text(&answer.manifest, &texts).map_err(|reason| {
                    AdapterError::new(ErrorClass::ValueDoesNotFit, &self.api.settings.connection, reason)
                })?;
                let batch = batch.slice(0, batch.num_rows().min(limit));
                Some((batch.schema(), vec![batch]))
            }
        };
        Ok(QueryResult { response, rows })
    }
}

#[async_trait]
impl Session for DatabricksSession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        tracing::debug!(connection = %self.api.settings.connection, sql, "execute");
        let mut result = QueryResult { response: AdapterResponse::default(), rows: None };
        for statement in split_statements(sql, &DATABRICKS) {
            let word = first_word(statement.text);
            let kind = Kind::of(&word);
            let limit = if let Fetch::Limit(limit) = fetch { Some(limit as u64) } else { None };
            let wanted = Statement {
                text: statement.text.to_owned(),
                wants_rows: kind != Kind::Change,
                repeat: if kind == Kind::Query { Repeat::Safe } else { Repeat::Never },
                row_limit: limit.filter(|_| kind == Kind::Query),
            };
            let answer = self.api.run(wanted, &self.cancel).await?;
            let mut one = match (kind, fetch) {
                (Kind::Change, _) => self.report(answer, fetch).await?,
                (_, Fetch::None) => {
                    let count = answer.manifest.rows.and_then(|rows| i64::try_from(rows).ok());
                    let response = AdapterResponse {
                        message: "OK".to_owned(),
                        rows_affected: count,
                        ..AdapterResponse::default()
                    };
                    QueryResult { response, rows: None }
                }
                (_, Fetch::All) => self.rows(answer, usize::MAX).await?,
                (_, Fetch::Limit(limit)) => self.rows(answer, limit).await?,
            };
            one.response.code = word;
            result.response = one.response;
            // What a change says of itself is less than rows that were asked for.
            result.rows = if kind == Kind::Change { result.rows.or(one.rows) } else { one.rows.or(result.rows) };
        }
        Ok(result)
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            let message = "a transaction is open already";
            return Err(AdapterError::new(ErrorClass::Other, &self.api.settings.connection, message));
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
        catalog::describe_query(&self.api, sql, &self.cancel).await.map(Some)
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
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
        check("merge into t using s on a when matched then delete", Kind::Change);
    }
}
