//! Requests to BigQuery's HTTP API, sent again while that may help.
//!
//! Every request of this crate may be repeated: jobs have ids that are made here, so that a second request for the same job is
//! refused as a duplicate, and whatever else is sent asks, cancels or deletes. Source: BigQuery's REST reference; "Errors".

use crate::errors;
use crate::login::Login;
use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a service that is busy or away is asked again.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a request that got lost is sent again.
const LOST_RETRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What stands in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A client of one project; cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) settings: Arc<Settings>,
    client: reqwest::Client,
    login: Arc<Login>,
}

impl Api {
    pub(crate) fn new(settings: Arc<Settings>) -> Result<Self, AdapterError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("dvt/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            // A redirect would carry the token elsewhere.
            .redirect(reqwest::redirect::Policy::none());
        if settings.is_loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            AdapterError::new(ErrorClass::Tls, &settings.connection, format!("no HTTP client can be made: {error}"))
        })?;
        Ok(Self { settings, client, login: Arc::default() })
    }

    /// Asks for JSON. `path` begins behind `/bigquery/v2`.
    pub(crate) async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, AdapterError> {
        self.json_within(PATIENCE, method, path, body).await
    }

    /// The same, for questions whose refusal may be the answer: a service that is busy is asked again for so long only.
    pub(crate) async fn json_within(
        &self,
        patience: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, AdapterError> {
        let address = format!("{}/bigquery/v2{path}", self.settings.endpoint);
        let mut lost = 0;
        loop {
            let answer = self
                .send_within(patience, |client| {
                    let request = client.request(method.clone(), &address);
                    match body {
                        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
                        None => request,
                    }
                })
                .await?;
            match answer.text().await {
                Ok(text) if text.is_empty() => return Ok(Value::Null),
                Ok(text) => {
                    return serde_json::from_str(&text).map_err(|_| errors::not_bigquery(&self.settings));
                }
                Err(error) if lost < LOST_RETRIES => {
                    tracing::debug!(%error, path, "the answer broke off");
                    lost += 1;
                    tokio::time::sleep(pause_after(lost)).await;
                }
                Err(error) => return Err(errors::of_transport(&self.settings, &error.without_url())),
            }
        }
    }

    /// Sends a request until an answer comes that is no passing refusal. 308 is an answer: half of an upload.
    pub(crate) async fn send(
        &self,
        make: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response, AdapterError> {
        self.send_within(PATIENCE, make).await
    }

    async fn send_within(
        &self,
        patience: Duration,
        make: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response, AdapterError> {
        let started = Instant::now();
        let (mut lost, mut busy, mut logins) = (0, 0, 0);
        loop {
            let token = self.login.token(&self.client, &self.settings).await?;
            let mut request = make(&self.client).bearer_auth(token.expose()).timeout(self.settings.request_timeout);
            if let Some(project) = &self.settings.quota_project {
                request = request.header("x-goog-user-project", project);
            }
            let pause = match request.send().await {
                Err(error) => {
                    let error = errors::of_transport(&self.settings, &error.without_url());
                    if lost >= LOST_RETRIES || error.class == ErrorClass::Tls {
                        return Err(error);
                    }
                    lost += 1;
                    pause_after(lost)
                }
                Ok(answer) if answer.status().is_success() || answer.status().as_u16() == 308 => return Ok(answer),
                Ok(answer) => {
                    let status = answer.status();
                    let wait = retry_after(&answer);
                    let error =
                        errors::of_answer(&self.settings, status.as_u16(), &answer.text().await.unwrap_or_default());
                    let is_busy = matches!(
                        error.code.as_deref(),
                        Some("rateLimitExceeded" | "backendError" | "jobRateLimitExceeded" | "jobBackendError")
                    );
                    match status {
                        // A token that was good a while ago has run out: a fresh one, once.
                        StatusCode::UNAUTHORIZED if logins == 0 && self.login.forget(&self.settings).await => {
                            logins += 1;
                            Duration::ZERO
                        }
                        status
                            if (status.as_u16() == 429 || status.is_server_error() || is_busy)
                                && started.elapsed() < patience =>
                        {
                            busy += 1;
                            wait.unwrap_or(pause_after(busy))
                        }
                        _ => return Err(error),
                    }
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    pub(crate) fn cancelled(&self) -> AdapterError {
        AdapterError::new(ErrorClass::Cancelled, &self.settings.connection, "cancelled")
    }

    pub(crate) fn error(&self, class: ErrorClass, message: impl Into<String>) -> AdapterError {
        AdapterError::new(class, &self.settings.connection, message)
    }
}

/// A part of a path.
pub(crate) fn in_path(part: &str) -> String {
    utf8_percent_encode(part, PLAIN).to_string()
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds: u64 = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

pub(crate) fn pause_after(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST_PAUSE)
}
