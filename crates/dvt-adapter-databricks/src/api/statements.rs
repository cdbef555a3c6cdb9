//! Statements: submitted once, watched to their end, cancelled when nobody waits for them any more.
//!
//! The API knows no key that would make a second POST harmless. So a statement that changes something carries a mark of its own in
//! a comment; where the answer to its POST is lost, the warehouse's query history tells under which id it runs, if it does.
//! Source: REST API reference, "Statement Execution" and "Query History".

use super::{Api, Body, Failure, PATIENCE, Repeat, pause_after};
use crate::errors;
use crate::results::Manifest;
use dvt_adapter::{AdapterError, CancellationToken, ErrorClass};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const STATEMENTS: &str = "/api/2.0/sql/statements";
/// The workspace keeps the first request this long, so that short statements need no second one.
const WAIT: &str = "5s";
/// How long the query history is asked for a statement whose answer was lost: it is written with a delay.
const HISTORY_PATIENCE: Duration = Duration::from_secs(90);
/// How far the workspace's clock may be from ours.
const CLOCK_SKEW_MS: i64 = 15 * 60 * 1000;
const SHORTEST_POLL: Duration = Duration::from_millis(40);
const LONGEST_POLL: Duration = Duration::from_secs(2);

/// The code of an error that leaves open what became of a statement.
const UNKNOWN_OUTCOME: &str = "UNKNOWN_OUTCOME";

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: String,
    /// Whether its rows are wanted, in Arrow's format; else what it says of itself comes as text.
    pub(crate) wants_rows: bool,
    pub(crate) repeat: Repeat,
    /// At most this many rows.
    pub(crate) row_limit: Option<u64>,
}

impl Statement {
    /// A query that changes nothing.
    pub(crate) fn query(text: impl Into<String>) -> Self {
        Self { text: text.into(), wants_rows: true, repeat: Repeat::Safe, row_limit: None }
    }

    /// A statement that must not run twice.
    pub(crate) fn once(text: impl Into<String>) -> Self {
        Self { text: text.into(), wants_rows: false, repeat: Repeat::Never, row_limit: None }
    }

    /// A statement that changes something, but not more when it runs twice.
    pub(crate) fn harmless(text: impl Into<String>) -> Self {
        Self { text: text.into(), wants_rows: false, repeat: Repeat::Safe, row_limit: None }
    }
}

/// A statement that has succeeded.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) manifest: Manifest,
    /// The first chunk: rows as text, or links to them.
    pub(crate) result: Value,
    pub(crate) row_limit: Option<u64>,
}

impl Api {
    /// Runs a statement to its end. When the token fires, or the future is dropped, it is cancelled.
    pub(crate) async fn run(&self, statement: Statement, cancel: &CancellationToken) -> Result<Answer, AdapterError> {
        if cancel.is_cancelled() {
            return Err(self.cancelled());
        }
        let row_limit = statement.row_limit;
        let api = self.clone();
        // A task of its own: what was submitted is known by its answer alone, so that is waited for whatever happens.
        let submitted = tokio::spawn(async move { api.submit(statement).await });
        let mut running = Running { api: self.clone(), submitted: Some(submitted), id: None };
        let outcome = running.until_its_end(cancel).await;
        match outcome {
            Ok(answer) => {
                running.id = None;
                self.answer(answer, row_limit)
            }
            Err(error) => {
                if cancel.is_cancelled() {
                    running.stop().await;
                    return Err(self.cancelled());
                }
                // It has ended with an error, or nobody knows: then it is cancelled.
                if error.code.as_deref() != Some(UNKNOWN_OUTCOME) {
                    running.id = None;
                }
                Err(error)
            }
        }
    }

    pub(crate) fn cancelled(&self) -> AdapterError {
        AdapterError::new(ErrorClass::Cancelled, &self.settings.connection, "cancelled")
    }

    fn answer(&self, mut answer: Value, row_limit: Option<u64>) -> Result<Answer, AdapterError> {
        let id = id_of(&answer).unwrap_or_default();
        let manifest = Manifest::read(answer.get("manifest").unwrap_or(&Value::Null));
        if manifest.truncated && row_limit.is_none() {
            let message = "the result is larger than the 100 GiB that the API gives; read it in parts";
            return Err(AdapterError::new(ErrorClass::Other, &self.settings.connection, message));
        }
        let result = answer.get_mut("result").map(Value::take).unwrap_or_default();
        Ok(Answer { id, manifest, result, row_limit })
    }

    async fn submit(&self, statement: Statement) -> Result<Value, AdapterError> {
        let mark = format!("dvt:{}", uuid::Uuid::new_v4());
        let settings = &self.settings;
        let text = match statement.repeat {
            Repeat::Safe => statement.text,
            Repeat::Never => format!("/* {mark} */ {}", statement.text),
        };
        let (disposition, format) =
            if statement.wants_rows { ("EXTERNAL_LINKS", "ARROW_STREAM") } else { ("INLINE", "JSON_ARRAY") };
        let mut body = json!({
            "warehouse_id": settings.warehouse_id,
            "statement": text,
            "catalog": settings.catalog,
            "disposition": disposition,
            "format": format,
            "wait_timeout": WAIT,
            "on_wait_timeout": "CONTINUE",
        });
        if let Some(limit) = statement.row_limit {
            body["row_limit"] = json!(limit.max(1));
        }
        let begun_ms = chrono::Utc::now().timestamp_millis();
        match self.json(Method::POST, STATEMENTS, Body::Json(&body), statement.repeat).await {
            Ok(answer) => Ok(answer),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Unknown(error)) if statement.repeat == Repeat::Never => {
                tracing::warn!(connection = %settings.connection, %error, "the answer to a statement was lost");
                match self.find(&mark, begun_ms).await {
                    Ok(Some(id)) => self.status(&id).await,
                    // Not of a class that is tried again: it may have run.
                    Ok(None) | Err(_) => Err(AdapterError {
                        class: ErrorClass::Other,
                        message: format!("{}; whether the statement ran is not known", error.message),
                        hint: Some(format!("the query history of the warehouse shows it if it holds `{mark}`")),
                        ..error
                    }),
                }
            }
            Err(Failure::Unknown(error)) => Err(error),
        }
    }

    async fn status(&self, id: &str) -> Result<Value, AdapterError> {
        self.json(Method::GET, &format!("{STATEMENTS}/{id}"), Body::None, Repeat::Safe)
            .await
            .map_err(Failure::into_error)
    }

    /// The id of the statement whose text holds the mark; `None` where the history does not show it in time.
    async fn find(&self, mark: &str, begun_ms: i64) -> Result<Option<String>, AdapterError> {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            if let Some(id) = self.find_once(mark, begun_ms).await? {
                return Ok(Some(id));
            }
            attempt += 1;
            let pause = pause_after(attempt);
            if started.elapsed() + pause > HISTORY_PATIENCE {
                return Ok(None);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn find_once(&self, mark: &str, begun_ms: i64) -> Result<Option<String>, AdapterError> {
        let since = begun_ms - CLOCK_SKEW_MS;
        let mut page = String::new();
        loop {
            let address = format!(
                "/api/2.0/sql/history/queries?filter_by.warehouse_ids={}&filter_by.query_start_time_range.start_time_ms={since}\
                 &max_results=100{page}",
                self.settings.warehouse_id
            );
            let answer =
                self.json(Method::GET, &address, Body::None, Repeat::Safe).await.map_err(Failure::into_error)?;
            let queries = answer.get("res").and_then(Value::as_array);
            let text = |query: &Value, key: &str| query.get(key).and_then(Value::as_str).map(str::to_owned);
            let found = queries
                .into_iter()
                .flatten()
                .find(|query| text(query, "query_text").is_some_and(|text| text.contains(mark)));
            if let Some(id) = found.and_then(|query| text(query, "query_id")) {
                return Ok(Some(id));
            }
            let has_more = answer.get("has_next_page").and_then(Value::as_bool).unwrap_or(false);
            match answer.get("next_page_token").and_then(Value::as_str) {
                Some(token) if has_more && !token.is_empty() => {
                    let token = percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC);
                    page = format!("&page_token={token}");
                }
                _ => return Ok(None),
            }
        }
    }

    async fn cancel(&self, id: &str) {
        let path = format!("{STATEMENTS}/{id}/cancel");
        if let Err(failure) = self.send(Method::POST, &path, Body::None, Repeat::Safe).await {
            let error = failure.into_error();
            tracing::debug!(connection = %self.settings.connection, %error, "a statement was not cancelled");
        }
    }

    /// One chunk of a result: rows as text, or links to them.
    pub(crate) async fn chunk(&self, id: &str, index: u64) -> Result<Value, AdapterError> {
        let path = format!("{STATEMENTS}/{id}/result/chunks/{index}");
        self.json(Method::GET, &path, Body::None, Repeat::Safe).await.map_err(Failure::into_error)
    }
}

/// The rows of a statement whose rows came as text, all chunks of them.
pub(crate) async fn inline_rows(api: &Api, answer: &Answer) -> Result<Vec<Value>, AdapterError> {
    let mut rows = Vec::new();
    let mut chunk = answer.result.clone();
    loop {
        let next = chunk.get("next_chunk_index").and_then(Value::as_u64);
        if let Some(Value::Array(more)) = chunk.get_mut("data_array").map(Value::take) {
            rows.extend(more);
        }
        match next {
            Some(index) => chunk = api.chunk(&answer.id, index).await?,
            None => return Ok(rows),
        }
    }
}

fn id_of(answer: &Value) -> Option<String> {
    answer.get("statement_id").and_then(Value::as_str).map(str::to_owned)
}

fn state_of(answer: &Value) -> &str {
    answer.pointer("/status/state").and_then(Value::as_str).unwrap_or_default()
}

fn is_under_way(answer: &Value) -> bool {
    matches!(state_of(answer), "PENDING" | "RUNNING")
}

/// A statement that is under way; dropped before its end, it is cancelled.
struct Running {
    api: Api,
    submitted: Option<JoinHandle<Result<Value, AdapterError>>>,
    id: Option<String>,
}

impl Running {
    async fn until_its_end(&mut self, cancel: &CancellationToken) -> Result<Value, AdapterError> {
        let Some(submitted) = self.submitted.as_mut() else { return Err(self.api.cancelled()) };
        let joined = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(self.api.cancelled()),
            joined = submitted => joined,
        };
        self.submitted = None;
        let mut answer = match joined {
            Ok(answer) => answer?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.id = id_of(&answer);
        let Some(id) = self.id.clone() else {
            return Err(errors::not_a_workspace(&self.api.settings, 200));
        };
        let mut pause = SHORTEST_POLL;
        while is_under_way(&answer) {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(self.api.cancelled()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_POLL);
            answer = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(self.api.cancelled()),
                answer = self.look(&id) => answer?,
            };
        }
        match state_of(&answer) {
            "SUCCEEDED" | "CLOSED" => Ok(answer),
            "CANCELED" => Err(AdapterError::new(
                ErrorClass::Cancelled,
                &self.api.settings.connection,
                format!("the statement `{id}` was cancelled in the workspace"),
            )),
            _ => Err(errors::of_statement(&self.api.settings, answer.get("status").unwrap_or(&Value::Null))),
        }
    }

    /// How the statement is; a network that is away for a while does not end it.
    async fn look(&self, id: &str) -> Result<Value, AdapterError> {
        let started = Instant::now();
        loop {
            match self.api.status(id).await {
                Err(error) if error.is_retryable() && started.elapsed() < PATIENCE => {
                    tracing::debug!(connection = %self.api.settings.connection, %error, "asked again for a statement");
                    tokio::time::sleep(LONGEST_POLL).await;
                }
                Err(error) if error.is_retryable() => {
                    let message = format!("{}; what became of the statement `{id}` is not known", error.message);
                    return Err(AdapterError {
                        class: ErrorClass::Other,
                        code: Some(UNKNOWN_OUTCOME.to_owned()),
                        message,
                        ..error
                    });
                }
                other => return other,
            }
        }
    }

    /// Cancels it, now.
    async fn stop(&mut self) {
        if let Some(submitted) = self.submitted.take()
            && let Ok(Ok(answer)) = submitted.await
            && is_under_way(&answer)
        {
            self.id = id_of(&answer);
        }
        if let Some(id) = self.id.take() {
            self.api.cancel(&id).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.submitted.is_none() && self.id.is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut rest = Self { api: self.api.clone(), submitted: self.submitted.take(), id: self.id.take() };
        runtime.spawn(async move { rest.stop().await });
    }
}
