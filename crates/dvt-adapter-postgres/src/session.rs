//! Sessions: what a node's macros run on.

use crate::database::{Database, Query};
use crate::errors::{cancelled, from_driver};
use crate::pool::Lease;
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, AppendTarget, BatchStream, CancellationToken, ColumnDescription, ErrorClass, Fetch,
    LoadReport, QueryResult, Session, Witness,
};
use dvt_sql::{Dialect, split_statements};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Statement;

pub(crate) struct PgSession {
    connection: String,
    /// There until the session is dropped.
    lease: Option<Lease>,
    cancel: CancellationToken,
    /// A statement's answer has not been read to its end: the connection cannot be used again.
    is_broken: bool,
    /// A transaction was asked for; its BEGIN goes out with the first statement, so that it costs no round trip.
    wants_begin: AtomicBool,
}

/// Goes in front of the first statement of a transaction.
const BEGIN: &str = "begin;\n";

impl PgSession {
    pub(crate) fn new(connection: &str, lease: Lease) -> Self {
        Self {
            connection: connection.to_owned(),
            lease: Some(lease),
            cancel: CancellationToken::new(),
            is_broken: false,
            wants_begin: AtomicBool::new(false),
        }
    }

    fn lease(&self) -> &Lease {
        self.lease.as_ref().expect("a session holds its lease until it is dropped")
    }

    fn database(&self) -> &dyn Database {
        self.lease().database()
    }

    fn error(&self, message: &str) -> AdapterError {
        AdapterError::new(ErrorClass::Other, &self.connection, message)
    }

    fn unusable(&self) -> AdapterError {
        AdapterError::new(ErrorClass::ConnectionLost, &self.connection, "the session cannot be used again")
    }

    fn driver_error(&self, error: tokio_postgres::Error, sql: &str) -> AdapterError {
        from_driver(&self.connection, error, Some(sql))
    }

    /// Waits for `work`; when the token fires, asks the server to stop and waits for what it says then.
    async fn guarded<T>(&self, work: impl Future<Output = Result<T, AdapterError>>) -> Result<T, AdapterError> {
        if self.cancel.is_cancelled() {
            return Err(cancelled(&self.connection));
        }
        let mut work = pin!(work);
        tokio::select! {
            result = &mut work => return result,
            () = self.cancel.cancelled() => {}
        }
        self.lease().canceller.cancel().await?;
        // Work that ended before the request arrived has happened, and its result is the truth.
        work.await
            .map_err(|error| if error.class == ErrorClass::Cancelled { cancelled(&self.connection) } else { error })
    }

    /// All statements in one message, as psycopg sends them: outside a transaction they succeed or fail together.
    async fn run(&self, sql: &str) -> Result<QueryResult, AdapterError> {
        let lease = self.lease();
        let alone = if !self.in_transaction() && self.database().runs_alone(sql) {
            Some(lease.pool().one_at_a_time.lock().await)
        } else {
            None
        };
        lease.ear.clear_tag();
        let done = if self.wants_begin.swap(false, Ordering::Relaxed) {
            let sent = format!("{BEGIN}{sql}");
            lease.client.batch_execute(&sent).await.map_err(|error| {
                let mut error = self.driver_error(error, &sent);
                error.position = error.position.and_then(|position| position.checked_sub(BEGIN.len()));
                error
            })
        } else {
            lease.client.batch_execute(sql).await.map_err(|error| self.driver_error(error, sql))
        };
        drop(alone);
        done?;
        Ok(QueryResult { response: self.database().response(&lease.ear.heard().tag), rows: None })
    }

    /// Prepares the statement; a BEGIN that is due goes ahead of it in the same breath.
    async fn prepare(&self, sql: &str) -> Result<Statement, AdapterError> {
        let client = &self.lease().client;
        if self.wants_begin.swap(false, Ordering::Relaxed) {
            let (begun, prepared) = tokio::join!(client.batch_execute("begin"), client.prepare(sql));
            begun.map_err(|error| self.driver_error(error, "begin"))?;
            return prepared.map_err(|error| self.driver_error(error, sql));
        }
        client.prepare(sql).await.map_err(|error| self.driver_error(error, sql))
    }

    /// Statement by statement, keeping the rows of the last one that has some.
    async fn run_and_fetch(&self, sql: &str, limit: usize) -> Result<QueryResult, AdapterError> {
        let statements = split_statements(sql, self.database().dialect());
        // Several statements outside a transaction are one unit, as they are in one message.
        let is_unit =
            statements.len() > 1 && !self.in_transaction() && !statements.iter().any(|one| ends_units(one.text));
        if is_unit {
            self.run("begin").await?;
        }
        let mut last = QueryResult { response: AdapterResponse::default(), rows: None };
        for statement in statements {
            match self.fetch(statement.text, limit).await {
                Ok(result) => {
                    last.response = result.response;
                    last.rows = result.rows.or(last.rows);
                }
                Err(mut error) => {
                    error.position = error.position.map(|position| position + statement.start);
                    if is_unit {
                        let _ = self.lease().client.batch_execute("rollback").await;
                    }
                    return Err(error);
                }
            }
        }
        if is_unit {
            let response = last.response.clone();
            self.run("commit").await?;
            last.response = response;
        }
        Ok(last)
    }

    /// One statement, its rows typed.
    async fn fetch(&self, sql: &str, limit: usize) -> Result<QueryResult, AdapterError> {
        let statement = self.prepare(sql).await?;
        if !statement.params().is_empty() {
            return Err(AdapterError::new(
                ErrorClass::Syntax,
                &self.connection,
                "the statement has parameters ($1), for which there are no values",
            ));
        }
        if statement.columns().is_empty() {
            return self.run(sql).await;
        }
        let (lease, connection) = (self.lease(), self.connection.as_str());
        self.database().fetch(Query { lease, connection, sql, statement: &statement, limit }).await
    }

    /// After an error the driver may not have seen yet in which state the server is.
    async fn settle(&self) {
        let client = &self.lease().client;
        if !client.is_closed() {
            let _ = client.check_connection().await;
        }
    }
}

#[async_trait]
impl Session for PgSession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        if self.is_broken {
            return Err(self.unusable());
        }
        self.is_broken = true;
        tracing::debug!(connection = self.connection, sql, "execute");
        let this = &*self;
        let result = this
            .guarded(async {
                match fetch {
                    Fetch::None => this.run(sql).await,
                    Fetch::All => this.run_and_fetch(sql, usize::MAX).await,
                    Fetch::Limit(rows) => this.run_and_fetch(sql, rows).await,
                }
            })
            .await;
        match &result {
            Ok(_) => self.is_broken = false,
            // The server has said what is wrong, or the error is ours and nothing was sent.
            Err(error)
                if error.code.is_some() || !matches!(error.class, ErrorClass::Other | ErrorClass::ConnectionLost) =>
            {
                self.settle().await;
                self.is_broken = false;
            }
            // Neither side knows what the other waits for (`COPY … FROM STDIN` as text, a lost connection).
            Err(_) => {}
        }
        result
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction() {
            return Err(self.error("a transaction is open already"));
        }
        self.wants_begin.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), AdapterError> {
        if self.wants_begin.swap(false, Ordering::Relaxed) || !self.in_transaction() {
            return Ok(());
        }
        self.is_broken = true;
        let id = self.database().transaction_id(self.lease()).await;
        let result = self.run("commit").await;
        self.is_broken = false;
        match result {
            Err(error) if error.class == ErrorClass::ConnectionLost && id.is_some() => {
                self.lease =
                    Some(self.database().outcome_of(self.lease().pool(), id.unwrap_or_default(), error).await?);
                Ok(())
            }
            // What PostgreSQL answers to the COMMIT of a transaction in which a statement failed.
            Ok(result) if result.response.message == "ROLLBACK" => {
                Err(self.error("the transaction was rolled back, because a statement in it had failed"))
            }
            other => other.map(drop),
        }
    }

    async fn commit_witnessed(&mut self, witness: &mut Witness) -> Result<(), AdapterError> {
        let has_begun = self.in_transaction() && !self.wants_begin.load(Ordering::Relaxed) && !self.is_broken;
        let process = match has_begun && witness.rows > 0 {
            true => self.database().let_testify(self.lease(), witness).await?,
            false => None,
        };
        let committed = match (self.commit().await, process) {
            (Err(lost), Some(process)) if lost.class == ErrorClass::ConnectionLost => {
                let pool = std::sync::Arc::clone(self.lease().pool());
                let found = self.database().outcome_by_witness(&pool, process, witness, lost).await?;
                self.lease = Some(found);
                Ok(())
            }
            (committed, _) => committed,
        };
        if process.is_some() && committed.is_ok() {
            witness.rows -= 1;
        }
        committed
    }

    async fn rollback(&mut self) -> Result<(), AdapterError> {
        if self.wants_begin.swap(false, Ordering::Relaxed) || !self.in_transaction() || self.lease().client.is_closed()
        {
            return Ok(());
        }
        self.is_broken = true;
        let result = self.run("rollback").await;
        self.is_broken = false;
        result.map(drop)
    }

    async fn append(&mut self, target: &AppendTarget, rows: BatchStream) -> Result<LoadReport, AdapterError> {
        if self.is_broken {
            return Err(self.unusable());
        }
        if self.wants_begin.load(Ordering::Relaxed) {
            self.run("select").await?;
        }
        self.is_broken = true;
        let this = &*self;
        let result = this.guarded(this.database().append(this.lease(), &this.connection, target, rows)).await;
        if result.is_err() && !self.lease().client.is_closed() {
            // A COPY that was given up leaves an answer behind, which the next statement would take for its own.
            self.settle().await;
        }
        self.is_broken = self.lease().client.is_closed();
        result
    }

    fn in_transaction(&self) -> bool {
        self.wants_begin.load(Ordering::Relaxed) || self.lease().ear.in_transaction()
    }

    async fn describe_query(&mut self, sql: &str) -> Result<Option<Vec<ColumnDescription>>, AdapterError> {
        if self.is_broken {
            return Ok(None);
        }
        self.is_broken = true;
        let this = &*self;
        let result = this.guarded(this.database().describe(this.lease(), sql, &this.connection)).await;
        match &result {
            Ok(_) => self.is_broken = false,
            Err(error) if error.code.is_some() => {
                self.settle().await;
                self.is_broken = false;
            }
            Err(_) => {}
        }
        result.map(Some)
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
    }
}

impl Drop for PgSession {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            if self.is_broken {
                lease.canceller.clone().cancel_in_background();
            } else {
                lease.reset_and_give_back();
            }
        }
    }
}

/// Statements that start or end transactions, or that refuse to run inside one.
fn ends_units(sql: &str) -> bool {
    let statement = without_leading_comments(sql);
    let mut words = statement.split(|character: char| !character.is_alphanumeric()).map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    let alone =
        ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare", "vacuum", "call"];
    alone.contains(&first.as_str()) || words.any(|word| word == "concurrently")
}

/// Whether stopping the statement half way changes nothing.
pub(crate) fn is_query(sql: &str) -> bool {
    let statement = without_leading_comments(sql).trim_start_matches('(').trim_start();
    let first: String = statement.chars().take_while(|character| character.is_ascii_alphabetic()).collect();
    matches!(first.to_ascii_lowercase().as_str(), "select" | "values" | "table")
}

pub(crate) fn without_leading_comments(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start();
        if let Some(rest) = sql.strip_prefix("--") {
            sql = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(rest) = sql.strip_prefix("/*") {
            sql = rest.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            return sql;
        }
    }
}

/// The query without the semicolon behind it, and where it starts.
pub(crate) fn single_statement<'a>(
    sql: &'a str,
    dialect: &Dialect,
    connection: &str,
) -> Result<(&'a str, usize), AdapterError> {
    match split_statements(sql, dialect)[..] {
        [statement] => Ok((statement.text, statement.start)),
        ref statements => {
            let message = format!("one query is expected, and there are {} statements", statements.len());
            Err(AdapterError::new(ErrorClass::Syntax, connection, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ends_units, is_query};

    #[test]
    fn statements_are_known_by_their_first_words() {
        assert!(ends_units("-- done\ncommit"));
        assert!(ends_units("create index concurrently i on t (a)"));
        assert!(!ends_units("select 'commit'"));
        assert!(is_query("/* {} */ (select 1)"));
        assert!(!is_query("with gone as (delete from t returning *) select * from gone"));
    }
}
