//! Jobs: each has an id that is made here, and runs once, whatever becomes of the answers.
//!
//! Source: BigQuery's REST reference, `jobs.insert`, `jobs.getQueryResults`, `jobs.get`, `jobs.cancel`; "Generate a job ID".

use crate::api::{Api, in_path, pause_after};
use crate::errors;
use dvt_adapter::{AdapterError, CancellationToken, ErrorClass};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the service holds an answer back while a job runs, in milliseconds.
const HELD: u32 = 10_000;
/// How long a job that was told to stop may take to do so.
const STOPPING: Duration = Duration::from_secs(30);

/// A job and where it runs.
#[derive(Clone, Debug)]
pub(crate) struct JobRef {
    pub(crate) id: String,
    pub(crate) location: Option<String>,
}

/// A job that has ended well: its resource.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) job: JobRef,
    pub(crate) resource: Value,
}

impl Done {
    pub(crate) fn statement_type(&self) -> &str {
        self.resource.pointer("/statistics/query/statementType").and_then(Value::as_str).unwrap_or_default()
    }

    /// A number that the API writes as a text.
    pub(crate) fn number(&self, pointer: &str) -> Option<i64> {
        let value = self.resource.pointer(pointer)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }
}

/// A new id; letters, digits, `_` and `-` are what it may hold.
pub(crate) fn new_id() -> String {
    format!("dvt_{}", uuid::Uuid::new_v4().simple())
}

impl Api {
    fn jobs(&self) -> String {
        format!("/projects/{}/jobs", in_path(&self.settings.execution_project))
    }

    fn job_path(&self, job: &JobRef, method: &str) -> String {
        let location = job.location.as_ref().map(|place| format!("?location={}", in_path(place))).unwrap_or_default();
        format!("{}/{}{method}{location}", self.jobs(), job.id)
    }

    pub(crate) fn reference(&self, id: &str) -> Value {
        let mut reference = json!({"projectId": self.settings.execution_project, "jobId": id});
        if let Some(location) = &self.settings.location {
            reference["location"] = json!(location);
        }
        reference
    }

    fn query_configuration(&self, sql: &str) -> Value {
        let mut query = json!({
            "query": sql,
            "useLegacySql": false,
            "priority": if self.settings.is_batch { "BATCH" } else { "INTERACTIVE" },
            "defaultDataset": {"projectId": self.settings.project, "datasetId": self.settings.dataset},
        });
        if let Some(bytes) = self.settings.maximum_bytes_billed {
            query["maximumBytesBilled"] = json!(bytes.to_string());
        }
        let mut configuration = json!({"query": query});
        if let Some(timeout) = self.settings.job_timeout {
            configuration["jobTimeoutMs"] = json!(timeout.as_millis().to_string());
        }
        configuration
    }

    /// Runs SQL, one statement or a script, to its end.
    ///
    /// # Errors
    /// What the job says. A single statement that the service itself failed is run anew, as often as `job_retries` says: it has
    /// changed nothing.
    pub(crate) async fn run(&self, sql: &str, cancel: &CancellationToken) -> Result<Done, AdapterError> {
        let mut attempt = 0;
        loop {
            let body =
                json!({"configuration": self.query_configuration(sql), "jobReference": self.reference(&new_id())});
            let job = self.insert(&body).await?;
            let resource = self.ended(&job, cancel).await?;
            let Some(failure) = resource.pointer("/status/errorResult") else { return Ok(Done { job, resource }) };
            let error = errors::of_job(&self.settings, failure, Some(sql));
            let is_passing = matches!(
                error.code.as_deref(),
                Some("backendError" | "internalError" | "jobBackendError" | "jobInternalError" | "rateLimitExceeded")
            );
            let kind = resource.pointer("/statistics/query/statementType").and_then(Value::as_str);
            if !is_passing || kind == Some("SCRIPT") || attempt >= self.settings.job_retries {
                return Err(if error.class == ErrorClass::Cancelled && cancel.is_cancelled() {
                    self.cancelled()
                } else {
                    error
                });
            }
            attempt += 1;
            tokio::time::sleep(pause_after(attempt)).await;
        }
    }

    /// The job that a query would be: its statistics hold the schema.
    pub(crate) async fn dry_run(&self, sql: &str) -> Result<Value, AdapterError> {
        let mut configuration = self.query_configuration(sql);
        configuration["dryRun"] = json!(true);
        let body = json!({"configuration": configuration, "jobReference": {"projectId": self.settings.execution_project, "location": self.settings.location}});
        let answered = self.json(Method::POST, &self.jobs(), Some(&body)).await;
        answered.map_err(|error| place(error, sql))
    }

    /// Starts a job; one of this id that is there already is the same one, whose first answer was lost.
    async fn insert(&self, body: &Value) -> Result<JobRef, AdapterError> {
        let id = body.pointer("/jobReference/jobId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let location = match self.json(Method::POST, &self.jobs(), Some(body)).await {
            Ok(resource) => location_of(&resource),
            Err(error) if error.code.as_deref() == Some("duplicate") && error.message.contains(&id) => None,
            Err(error) => {
                let sql = body.pointer("/configuration/query/query").and_then(Value::as_str).unwrap_or_default();
                return Err(place(error, sql));
            }
        };
        Ok(JobRef { id, location: location.or_else(|| self.settings.location.clone()) })
    }

    /// Waits until a query's job has ended; its resource.
    async fn ended(&self, job: &JobRef, cancel: &CancellationToken) -> Result<Value, AdapterError> {
        let separator = if job.location.is_some() { '&' } else { '?' };
        let path = format!(
            "/projects/{}/queries/{}{}{separator}maxResults=0&timeoutMs={HELD}",
            in_path(&self.settings.execution_project),
            job.id,
            job.location.as_ref().map(|place| format!("?location={}", in_path(place))).unwrap_or_default(),
        );
        loop {
            let asked = tokio::select! {
                biased;
                () = cancel.cancelled() => return self.stopped(job).await,
                asked = self.json_within(Duration::ZERO, Method::GET, &path, None) => asked,
            };
            match asked {
                Ok(answer) if answer.get("jobComplete").and_then(Value::as_bool) == Some(true) => {
                    return self.resource(job).await;
                }
                Ok(_) => {}
                // The failure of a job is told as a refusal of its results.
                Err(error) => {
                    let resource = self.resource(job).await?;
                    if is_done(&resource) {
                        return Ok(resource);
                    }
                    if error.class == ErrorClass::Authentication {
                        return Err(error);
                    }
                    tokio::time::sleep(pause_after(4)).await;
                }
            }
        }
    }

    /// Waits until any job has ended.
    pub(crate) async fn finished(&self, job: &JobRef, cancel: &CancellationToken) -> Result<Value, AdapterError> {
        let mut attempt = 0;
        loop {
            let resource = self.resource(job).await?;
            if is_done(&resource) {
                return Ok(resource);
            }
            attempt += 1;
            tokio::select! {
                () = cancel.cancelled() => return self.stopped(job).await,
                () = tokio::time::sleep(pause_after(attempt.min(5))) => {}
            }
        }
    }

    pub(crate) async fn resource(&self, job: &JobRef) -> Result<Value, AdapterError> {
        self.json(Method::GET, &self.job_path(job, ""), None).await
    }

    /// Asks the job to stop and waits for its end: work that ended before has happened, and its result is the truth.
    async fn stopped(&self, job: &JobRef) -> Result<Value, AdapterError> {
        self.json(Method::POST, &self.job_path(job, "/cancel"), None).await?;
        let asked = Instant::now();
        while asked.elapsed() < STOPPING {
            let resource = self.resource(job).await?;
            if is_done(&resource) {
                return Ok(resource);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(self.cancelled())
    }

    /// Asks for the end of a job without waiting, from places that cannot wait.
    pub(crate) fn stop_in_background(&self, job: &JobRef) {
        let (api, path) = (self.clone(), self.job_path(job, "/cancel"));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = api.json(Method::POST, &path, None).await {
                    tracing::debug!(%error, "a dropped query could not be cancelled");
                }
            });
        }
    }
}

fn is_done(resource: &Value) -> bool {
    resource.pointer("/status/state").and_then(Value::as_str) == Some("DONE")
}

fn location_of(resource: &Value) -> Option<String> {
    Some(resource.pointer("/jobReference/location")?.as_str()?.to_owned())
}

/// A refusal of a query's text, with its place in it.
fn place(error: AdapterError, sql: &str) -> AdapterError {
    match errors::position_in(sql, &error.message) {
        Some(position) if error.position.is_none() => error.with_position(position),
        _ => error,
    }
}
