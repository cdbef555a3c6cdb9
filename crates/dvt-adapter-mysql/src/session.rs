//! A session: what a node's macros run on.
//!
//! Statements are sent one by one. Where rows are wanted, a query goes as a prepared statement: the binary protocol gives
//! floating numbers whole. What cannot be prepared (some administrative statements) goes as text.

use crate::catalog;
use crate::client::{Answer, Client, ClientError, Column, Done, Packet};
use crate::commit;
use crate::decode::{Form, RowDecoder};
use crate::extract::misfit_error;
use crate::pool::{Pool, cancelled};
use crate::types::of_result;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, CancellationToken, ColumnDescription, ErrorClass, Fetch, QueryResult, Session,
    Witness, with_types,
};
use dvt_sql::{MYSQL, split_statements};
use std::sync::Arc;

/// Rows of one batch of a fetched result.
const BATCH_ROWS: usize = 8192;
/// When so many rows have been read behind a limit, the server is told to stop.
const ROWS_BEHIND_LIMIT: usize = 10_000;
/// First words of statements that answer with rows and may be prepared.
const ROW_VERBS: &[&str] = &["SELECT", "WITH", "TABLE", "VALUES", "SHOW", "CALL"];

pub(crate) struct MySqlSession {
    pool: Pool,
    /// `None` after the connection broke: a new session has to be opened.
    client: Option<Client>,
    in_transaction: bool,
    cancel: CancellationToken,
}

impl MySqlSession {
    pub(crate) fn new(pool: Pool, client: Client) -> Self {
        Self { pool, client: Some(client), in_transaction: false, cancel: CancellationToken::new() }
    }

    /// Runs work on the connection; when the token fires, the server stops it and the answer is awaited, so that the
    /// session can go on (to roll back, for one).
    async fn with_client<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Client, &Pool) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        let Some(client) = &mut self.client else {
            return Err(self.broken());
        };
        if self.cancel.is_cancelled() {
            return Err(cancelled(&self.pool.settings));
        }
        let connection_id = client.connection_id();
        let mut is_killed = false;
        let result = {
            let work = work(client, &self.pool);
            tokio::pin!(work);
            tokio::select! {
                biased;
                result = &mut work => result,
                () = self.cancel.cancelled() => {
                    self.pool.kill(connection_id, false).await;
                    let _ = work.await;
                    is_killed = true;
                    Err(cancelled(&self.pool.settings))
                }
            }
        };
        if is_killed && !client.is_broken() {
            absorb_kill(client).await;
        }
        if client.is_broken() {
            self.client = None;
            self.in_transaction = false;
        } else if self.in_transaction && matches!(&result, Err(error) if error.class == ErrorClass::Conflict) {
            // A deadlock's victim has been rolled back by the server.
            self.in_transaction = client.in_transaction();
        }
        result
    }

    fn broken(&self) -> AdapterError {
        AdapterError::new(
            ErrorClass::ConnectionLost,
            self.pool.settings.connection.as_str(),
            "the session's connection broke before; its transaction is lost",
        )
    }

    /// Runs a statement that no token stops.
    async fn run_to_end(&mut self, sql: &'static str) -> Result<(), AdapterError> {
        let Some(client) = &mut self.client else {
            return Err(self.broken());
        };
        let result = client.run(sql).await.map(|_| ()).map_err(|error| self.pool.error(error));
        if client.is_broken() {
            self.client = None;
        }
        result
    }
}

impl Drop for MySqlSession {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.in_transaction
        {
            self.pool.give_back(client);
        }
    }
}

#[async_trait]
impl Session for MySqlSession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        tracing::debug!(connection = %self.pool.settings.connection, sql, "execute");
        self.with_client(async |client, pool| run_statements(client, pool, sql, fetch).await).await
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            return Err(AdapterError::new(
                ErrorClass::Other,
                self.pool.settings.connection.as_str(),
                "a transaction is open already",
            ));
        }
        self.run_to_end("START TRANSACTION").await?;
        self.in_transaction = true;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        self.in_transaction = false;
        // A token that has fired does not stop a commit: whether it happened would not be known.
        self.run_to_end("COMMIT").await
    }

    async fn commit_witnessed(&mut self, witness: &mut Witness) -> Result<(), AdapterError> {
        let (true, Some(client)) = (self.in_transaction && witness.rows > 0, &mut self.client) else {
            return self.commit().await;
        };
        let connection_id = client.connection_id();
        let testifies = commit::let_testify(client, witness).await.map_err(|error| self.pool.error(error))?;
        let committed = match self.commit().await {
            Err(error) if testifies && error.class == ErrorClass::ConnectionLost => {
                self.client = Some(commit::outcome_of(&self.pool, connection_id, witness, error).await?);
                Ok(())
            }
            other => other,
        };
        if testifies && committed.is_ok() {
            witness.rows -= 1;
        }
        committed
    }

    async fn rollback(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        self.in_transaction = false;
        if self.client.is_none() {
            // The server rolls back when the connection goes.
            return Ok(());
        }
        self.run_to_end("ROLLBACK").await
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    async fn describe_query(&mut self, sql: &str) -> Result<Option<Vec<ColumnDescription>>, AdapterError> {
        self.with_client(async |client, pool| catalog::describe_with(client, pool, sql).await).await.map(Some)
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
    }
}

async fn run_statements(
    client: &mut Client,
    pool: &Pool,
    sql: &str,
    fetch: Fetch,
) -> Result<QueryResult, AdapterError> {
    let failed = |error: ClientError| pool.error(error);
    let limit = match fetch {
        Fetch::None => None,
        Fetch::All => Some(usize::MAX),
        Fetch::Limit(limit) => Some(limit),
    };
    let mut results = Results { limit, rows: None, done: Done::default(), fetched: 0, is_rows: false };
    let mut verb = String::new();
    for statement in split_statements(sql, &MYSQL) {
        verb = first_word(statement.text);
        let prepared = if limit.is_some() && ROW_VERBS.contains(&verb.as_str()) {
            match client.prepare(statement.text).await {
                Ok(prepared) => Some(prepared),
                // This text cannot be prepared, or it is wrong: the server says which when it runs it.
                Err(error) if error.errno().is_some() => None,
                Err(error) => return Err(failed(error)),
            }
        } else {
            None
        };
        let (mut answer, form, prepared) = match prepared {
            // A question mark outside of a string is no parameter in dbt's SQL.
            Some(prepared) if prepared.parameters > 0 || prepared.columns.is_empty() => {
                client.close(prepared).await.map_err(failed)?;
                (client.query(statement.text).await.map_err(failed)?, Form::Text, None)
            }
            Some(prepared) => (client.execute(&prepared).await.map_err(failed)?, Form::Binary, Some(prepared)),
            None => (client.query(statement.text).await.map_err(failed)?, Form::Text, None),
        };
        loop {
            results.take(client, pool, answer, form).await?;
            if !client.has_more_answers() {
                break;
            }
            answer = client.next_answer().await.map_err(failed)?;
        }
        if let Some(prepared) = prepared {
            client.close(prepared).await.map_err(failed)?;
        }
    }
    Ok(results.into_result(verb))
}

/// The answers so far, of which the last rows and the last count are kept.
struct Results {
    /// Rows to keep of each result, `None` when nobody wants them.
    limit: Option<usize>,
    rows: Option<(SchemaRef, Vec<RecordBatch>)>,
    done: Done,
    fetched: usize,
    /// The last answer was rows.
    is_rows: bool,
}

impl Results {
    async fn take(&mut self, client: &mut Client, pool: &Pool, answer: Answer, form: Form) -> Result<(), AdapterError> {
        match answer {
            Answer::Done(done) => {
                self.done = done;
                self.is_rows = false;
                Ok(())
            }
            Answer::Infile => client.refuse_infile().await.map_err(|error| pool.error(error)),
            Answer::Rows(columns) => {
                let (schema, batches, fetched) =
                    read_rows(client, pool, &columns, form, self.limit.unwrap_or(0)).await?;
                self.fetched = fetched;
                self.is_rows = true;
                if self.limit.is_some() {
                    self.rows = Some((schema, batches));
                }
                Ok(())
            }
        }
    }

    /// `verb` is the first word of the last statement.
    fn into_result(self, verb: String) -> QueryResult {
        let (message, code, rows_affected) = if self.is_rows {
            let code = if verb == "SHOW" { verb } else { "SELECT".to_owned() };
            (format!("{code} {}", self.fetched), code, Some(self.fetched as u64))
        } else if matches!(verb.as_str(), "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD") {
            (format!("{verb} {}", self.done.affected_rows), verb, Some(self.done.affected_rows))
        } else {
            ("OK".to_owned(), verb, None)
        };
        let rows_affected = rows_affected.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
        QueryResult { response: AdapterResponse { message, code, rows_affected }, rows: self.rows }
    }
}

/// Reads all rows and keeps the first `limit`; the rest has to be read off the line.
async fn read_rows(
    client: &mut Client,
    pool: &Pool,
    columns: &[Column],
    form: Form,
    limit: usize,
) -> Result<(SchemaRef, Vec<RecordBatch>, usize), AdapterError> {
    let failed = |error: ClientError| pool.error(error);
    let schema = session_schema(pool.settings.adapter_type, columns);
    let misfit = |misfit| misfit_error(pool, misfit);
    let mut decoder = RowDecoder::new(schema.clone(), columns, form).map_err(misfit)?;
    let mut batches = Vec::new();
    let mut fetched = 0;
    let mut first_failure = None;
    let mut behind_limit = 0;
    loop {
        let packet = match client.next_row().await {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // Our own kill.
            Err(error) if error.errno() == Some(1317) && behind_limit >= ROWS_BEHIND_LIMIT => break,
            Err(error) => return Err(failed(error)),
        };
        if fetched >= limit || first_failure.is_some() {
            behind_limit += 1;
            if behind_limit == ROWS_BEHIND_LIMIT {
                pool.kill(client.connection_id(), false).await;
            }
            continue;
        }
        fetched += 1;
        if let Err(error) = push(client, &mut decoder, &packet) {
            // The session goes on, so the rest is read.
            first_failure = Some(misfit(error));
            continue;
        }
        if decoder.rows() >= BATCH_ROWS {
            batches.push(decoder.finish().map_err(misfit)?);
        }
    }
    if behind_limit >= ROWS_BEHIND_LIMIT {
        absorb_kill(client).await;
    }
    if let Some(error) = first_failure {
        return Err(error);
    }
    if decoder.rows() > 0 {
        batches.push(decoder.finish().map_err(misfit)?);
    }
    Ok((schema, batches, fetched))
}

fn push(client: &Client, decoder: &mut RowDecoder, packet: &Packet) -> Result<(), crate::decode::Misfit> {
    decoder.push(client.bytes(packet))
}

/// A kill that came too late hits the next statement: let it be this one.
async fn absorb_kill(client: &mut Client) {
    let _ = client.run("DO 0").await;
}

/// The types of a macro's rows. A `timestamp` is the session's wall clock here, as dbt gives it, not an instant.
/// What has no Arrow type comes as bytes.
fn session_schema(adapter_type: &str, columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        let description = of_result(adapter_type, column);
        let field = description.field.unwrap_or_else(|_| {
            with_types(Field::new(&column.name, DataType::Binary, true), adapter_type, &description.native_type, None)
        });
        // A result's NOT NULL is the server's guess in the presence of outer joins of views.
        let field = field.with_nullable(true);
        match field.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                let unit: TimeUnit = *unit;
                field.with_data_type(DataType::Timestamp(unit, None))
            }
            _ => field,
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The first word behind comments and brackets, in capitals.
fn first_word(sql: &str) -> String {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if rest.starts_with("-- ") || rest.starts_with("--\n") || rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else {
            break;
        }
    }
    rest.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::first_word;

    #[test]
    fn the_verb_is_found_behind_comments() {
        assert_eq!(first_word("/* dvt */\n-- x\n (select 1)"), "SELECT");
        assert_eq!(first_word("# note\nCREATE TABLE t"), "CREATE");
        assert_eq!(first_word("/* open"), "");
    }
}
