//! Sessions: what a node's macros run on.

use crate::append::append;
use crate::commit::{outcome_of, transaction_id};
use crate::decode::Decoder;
use crate::describe::describe_with;
use crate::errors::{cancelled, from_driver};
use crate::pool::Lease;
use crate::types::{Kind, TypeName, kind_of, logical_of};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, AppendTarget, BatchStream, CancellationToken, ColumnDescription, ErrorClass, Fetch,
    LoadReport, QueryResult, Session, with_types,
};
use dvt_sql::{POSTGRES, split_statements};
use futures::StreamExt;
use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Statement;
use tokio_postgres::types::{FromSql, Type};

/// Fetched rows come in batches of this many.
const BATCH_ROWS: usize = 8192;

pub(crate) struct PostgresSession {
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

impl PostgresSession {
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
        done?;
        Ok(QueryResult { response: response(&lease.ear.heard().tag), rows: None })
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
        let statements = split_statements(sql, &POSTGRES);
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
        let client = &self.lease().client;
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
        let unreadable = (0..statement.columns().len()).any(|index| column_kind(&statement, index).is_err());
        if !unreadable {
            return self.fetch_prepared(sql, &statement, limit).await;
        }
        // Types that are not read (aclitem, regclass, ranges, …) are shown as text, which is all a macro wants of them.
        let as_text = with_text_columns(sql, &statement);
        match client.prepare(&as_text).await {
            Ok(rewritten) => self.fetch_prepared(&as_text, &rewritten, limit).await,
            Err(_) => {
                let reasons = (0..statement.columns().len()).filter_map(|index| column_kind(&statement, index).err());
                Err(AdapterError::new(
                    ErrorClass::UnsupportedType,
                    &self.connection,
                    reasons.collect::<Vec<_>>().join("; "),
                ))
            }
        }
    }

    async fn fetch_prepared(
        &self,
        sql: &str,
        statement: &Statement,
        limit: usize,
    ) -> Result<QueryResult, AdapterError> {
        let lease = self.lease();
        let count = statement.columns().len();
        let mut kinds = Vec::with_capacity(count);
        for index in 0..count {
            let kind = column_kind(statement, index)
                .map_err(|reason| AdapterError::new(ErrorClass::UnsupportedType, &self.connection, reason))?;
            kinds.push(kind);
        }
        let schema = schema_of(statement, &kinds);
        let mut collected = Collected::new(Arc::clone(&schema), &kinds);
        lease.ear.clear_tag();
        let no_parameters: [&str; 0] = [];
        let rows = lease.client.query_raw(statement, no_parameters).await;
        let mut rows = pin!(rows.map_err(|error| self.driver_error(error, sql))?);
        let mut has_cancelled = false;
        while let Some(row) = rows.next().await {
            let row = match row {
                Ok(row) => row,
                // Our own request to stop after the limit, outside a transaction.
                Err(_) if has_cancelled => break,
                Err(error) => return Err(self.driver_error(error, sql)),
            };
            if collected.rows < limit {
                for index in 0..count {
                    let value: Option<Raw<'_>> = row.try_get(index).map_err(|error| self.driver_error(error, sql))?;
                    collected.push(index, value.map(|raw| raw.0), &self.connection)?;
                }
                collected.end_row(&self.connection)?;
            } else if !has_cancelled && !lease.ear.in_transaction() && is_query(sql) {
                // The rest is not wanted; the server need not compute it.
                has_cancelled = true;
                lease.canceller.cancel().await?;
            }
        }
        let mut response = response(&lease.ear.heard().tag);
        if has_cancelled {
            lease.client.check_connection().await.map_err(|error| self.driver_error(error, sql))?;
        }
        if response.message.is_empty() || has_cancelled {
            response = self::response(&format!("SELECT {}", collected.rows));
        }
        Ok(QueryResult { response, rows: Some((schema, collected.finish(&self.connection)?)) })
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
impl Session for PostgresSession {
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
        let id = transaction_id(self.lease()).await;
        let result = self.run("commit").await;
        self.is_broken = false;
        match result {
            Err(error) if error.class == ErrorClass::ConnectionLost && id.is_some() => {
                self.lease = Some(outcome_of(self.lease().pool(), id.unwrap_or_default(), error).await?);
                Ok(())
            }
            // What PostgreSQL answers to the COMMIT of a transaction in which a statement failed.
            Ok(result) if result.response.message == "ROLLBACK" => {
                Err(self.error("the transaction was rolled back, because a statement in it had failed"))
            }
            other => other.map(drop),
        }
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
        let result = this.guarded(append(this.lease(), &this.connection, target, rows)).await;
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
        let result = this.guarded(describe_with(this.lease(), sql, &this.connection)).await;
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

impl Drop for PostgresSession {
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

/// dbt's response from a command tag: `INSERT 0 3` is message, `INSERT` code, 3 rows.
fn response(tag: &str) -> AdapterResponse {
    let words: Vec<&str> = tag.split_whitespace().collect();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let code: Vec<&str> = words.iter().copied().filter(|word| !is_number(word)).collect();
    AdapterResponse {
        message: tag.to_owned(),
        code: code.join(" "),
        // Where the tag tells no number dbt's driver says -1, and so do the artifacts.
        rows_affected: words.last().filter(|word| is_number(word)).map_or(Some(-1), |word| word.parse().ok()),
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
fn is_query(sql: &str) -> bool {
    let statement = without_leading_comments(sql).trim_start_matches('(').trim_start();
    let first: String = statement.chars().take_while(|character| character.is_ascii_alphabetic()).collect();
    matches!(first.to_ascii_lowercase().as_str(), "select" | "values" | "table")
}

fn without_leading_comments(mut sql: &str) -> &str {
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

fn column_kind(statement: &Statement, index: usize) -> Result<Kind, String> {
    let column = &statement.columns()[index];
    match kind_of(&TypeName::of(column.type_()), column.type_modifier()) {
        Ok(Kind::AsText) => {
            Err(format!("column `{}`: type `{}` is read as text", column.name(), column.type_().name()))
        }
        Ok(kind) => Ok(kind),
        Err(reason) => Err(format!("column `{}`: {reason}", column.name())),
    }
}

fn schema_of(statement: &Statement, kinds: &[Kind]) -> SchemaRef {
    let fields = statement.columns().iter().zip(kinds).map(|(column, kind)| {
        let type_name = TypeName::of(column.type_());
        let field = Field::new(column.name(), kind.arrow(), true);
        with_types(field, crate::types::ADAPTER_TYPE, &type_name.name, logical_of(&type_name, kind))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The query with the columns that cannot be read cast to text; names by position, so that doubles do not matter.
pub(crate) fn with_text_columns(sql: &str, statement: &Statement) -> String {
    let columns = statement.columns();
    let aliases: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
    let items = columns.iter().enumerate().map(|(index, column)| {
        let cast = if column_kind(statement, index).is_err() { "::text" } else { "" };
        format!("c{index}{cast} as {}", POSTGRES.quote_identifier(column.name()))
    });
    format!("select {} from ({sql}\n) as q({})", items.collect::<Vec<_>>().join(", "), aliases.join(", "))
}

/// A value's bytes as they came, of any type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Rows on their way into batches.
struct Collected {
    schema: SchemaRef,
    columns: Vec<Decoder>,
    rows: usize,
    in_batch: usize,
    batches: Vec<RecordBatch>,
}

impl Collected {
    fn new(schema: SchemaRef, kinds: &[Kind]) -> Self {
        Self { schema, columns: kinds.iter().map(Decoder::new).collect(), rows: 0, in_batch: 0, batches: Vec::new() }
    }

    fn push(&mut self, index: usize, value: Option<&[u8]>, connection: &str) -> Result<(), AdapterError> {
        match value {
            None => self.columns[index].push_null(),
            Some(value) => {
                self.columns[index].push(value).map_err(|problem| self.misfit(index, problem, connection))?
            }
        }
        Ok(())
    }

    fn end_row(&mut self, connection: &str) -> Result<(), AdapterError> {
        self.rows += 1;
        self.in_batch += 1;
        if self.in_batch == BATCH_ROWS { self.end_batch(connection) } else { Ok(()) }
    }

    fn end_batch(&mut self, connection: &str) -> Result<(), AdapterError> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for index in 0..self.columns.len() {
            let finished = self.columns[index].finish();
            columns.push(finished.map_err(|problem| self.misfit(index, problem, connection))?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| AdapterError::new(ErrorClass::Other, connection, error.to_string()))?;
        self.batches.push(batch);
        self.in_batch = 0;
        Ok(())
    }

    fn finish(mut self, connection: &str) -> Result<Vec<RecordBatch>, AdapterError> {
        if self.in_batch > 0 {
            self.end_batch(connection)?;
        }
        Ok(self.batches)
    }

    fn misfit(&self, index: usize, problem: &str, connection: &str) -> AdapterError {
        let name = self.schema.field(index).name();
        AdapterError::new(ErrorClass::ValueDoesNotFit, connection, format!("a value of column `{name}` {problem}"))
            .with_column(name)
    }
}

#[cfg(test)]
mod tests {
    use super::{ends_units, is_query, response};

    #[test]
    fn tags_become_dbts_response() {
        let check = |tag, code: &str, rows| {
            let response = response(tag);
            assert_eq!((response.message.as_str(), response.code.as_str(), response.rows_affected), (tag, code, rows));
        };
        check("SELECT 10", "SELECT", Some(10));
        check("INSERT 0 3", "INSERT", Some(3));
        check("CREATE VIEW", "CREATE VIEW", Some(-1));
        check("", "", Some(-1));
    }

    #[test]
    fn statements_are_known_by_their_first_words() {
        assert!(ends_units("-- done\ncommit"));
        assert!(ends_units("create index concurrently i on t (a)"));
        assert!(!ends_units("select 'commit'"));
        assert!(is_query("/* {} */ (select 1)"));
        assert!(!is_query("with gone as (delete from t returning *) select * from gone"));
    }
}
