//! The workspace's HTTP API: requests with proof of who asks, sent again where that is safe.
//!
//! A request is *safe to repeat*, or it is not: then it is sent again only where it is certain that nothing was carried out
//! (nobody was reached, the workspace turned it away), and else the caller is told that the outcome is unknown.
//! Source: Databricks' REST API reference; "Rate limits" for 429, `Retry-After` and 503.

mod files;
mod login;
mod statements;

pub(crate) use statements::{Answer, Statement, inline_rows};

use crate::errors;
use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use login::Login;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a workspace that is busy (429) or away (503) is asked again.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a request that got lost is sent again.
const LOST_RETRIES: u32 = 4;
/// The longest that an answer may take: the workspace holds a statement's for five seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A client of one workspace; cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) settings: Arc<Settings>,
    client: reqwest::Client,
    login: Arc<Login>,
}

/// Whether a request may be carried out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Safe,
    Never,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was carried out.
    Refused(AdapterError),
    /// It may have been carried out.
    Unknown(AdapterError),
}

impl Failure {
    pub(crate) fn into_error(self) -> AdapterError {
        match self {
            Self::Refused(error) | Self::Unknown(error) => error,
        }
    }
}

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    None,
    Json(&'a Value),
    Bytes(&'a bytes::Bytes),
}

impl Api {
    pub(crate) fn new(settings: Arc<Settings>) -> Result<Self, AdapterError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("dvt/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            // A redirect would carry the token elsewhere.
            .redirect(reqwest::redirect::Policy::none());
        if settings.is_loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            AdapterError::new(ErrorClass::Tls, &settings.connection, format!("no HTTP client can be made: {error}"))
        })?;
        let login = Arc::new(Login::new());
        Ok(Self { settings, client, login })
    }

    /// Sends a request and reads the JSON of its answer.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Body<'_>,
        repeat: Repeat,
    ) -> Result<Value, Failure> {
        let mut lost = 0;
        loop {
            let response = self.send(method.clone(), path, body, repeat).await?;
            let status = response.status().as_u16();
            match response.text().await {
                Ok(text) if text.is_empty() => return Ok(Value::Null),
                Ok(text) => {
                    return serde_json::from_str(&text)
                        .map_err(|_| Failure::Refused(errors::not_a_workspace(&self.settings, status)));
                }
                Err(error) if repeat == Repeat::Safe && lost < LOST_RETRIES => {
                    tracing::debug!(%error, path, "the answer broke off");
                    lost += 1;
                    tokio::time::sleep(pause_after(lost)).await;
                }
                Err(error) => return Err(Failure::Unknown(errors::of_transport(&self.settings, &error.without_url()))),
            }
        }
    }

    /// Sends a request until an answer comes that is no refusal.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body<'_>,
        repeat: Repeat,
    ) -> Result<Response, Failure> {
        let started = Instant::now();
        let (mut unreached, mut lost, mut busy, mut logins) = (0, 0, 0, 0);
        loop {
            let token = self.login.token(&self.client, &self.settings).await.map_err(Failure::Refused)?;
            let mut request = self
                .client
                .request(method.clone(), format!("{}{path}", self.settings.origin))
                .bearer_auth(token.expose())
                .timeout(ANSWER_TIMEOUT);
            request = match body {
                Body::None => request,
                Body::Json(value) => request.header("content-type", "application/json").body(value.to_string()),
                Body::Bytes(bytes) => request.header("content-type", "application/octet-stream").body(bytes.clone()),
            };
            let pause = match request.send().await {
                // The connection was never made, so nothing was sent.
                Err(error) if error.is_connect() => {
                    if unreached >= self.settings.connect_retries {
                        return Err(Failure::Refused(errors::of_transport(&self.settings, &error.without_url())));
                    }
                    unreached += 1;
                    pause_after(unreached)
                }
                Err(error) => {
                    let error = errors::of_transport(&self.settings, &error.without_url());
                    if repeat == Repeat::Never || lost >= LOST_RETRIES {
                        return Err(Failure::Unknown(error));
                    }
                    lost += 1;
                    pause_after(lost)
                }
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let status = response.status();
                    let wait = retry_after(&response);
                    let text = response.text().await.unwrap_or_default();
                    let error = errors::of_answer(&self.settings, status.as_u16(), &text);
                    match status {
                        // A token that was good a while ago has run out: a fresh one, once.
                        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                            if logins == 0
                                && error.class == ErrorClass::Authentication
                                && self.login.forget(&token) =>
                        {
                            logins += 1;
                            Duration::ZERO
                        }
                        // Turned away before it was looked at.
                        StatusCode::TOO_MANY_REQUESTS => self.patience(started, &mut busy, wait, error)?,
                        StatusCode::SERVICE_UNAVAILABLE if wait.is_some() || repeat == Repeat::Safe => {
                            self.patience(started, &mut busy, wait, error)?
                        }
                        status if status.is_server_error() && repeat == Repeat::Never => {
                            return Err(Failure::Unknown(error));
                        }
                        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                            if lost < LOST_RETRIES =>
                        {
                            lost += 1;
                            wait.unwrap_or(pause_after(lost))
                        }
                        _ => return Err(Failure::Refused(error)),
                    }
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// How long to wait for a workspace that says it cannot now, or its refusal when that has gone on for too long.
    fn patience(
        &self,
        started: Instant,
        busy: &mut u32,
        wait: Option<Duration>,
        error: AdapterError,
    ) -> Result<Duration, Failure> {
        *busy += 1;
        let pause = wait.unwrap_or(pause_after(*busy));
        if started.elapsed() + pause > PATIENCE {
            return Err(Failure::Refused(error));
        }
        tracing::debug!(connection = %self.settings.connection, %error, "asked to wait");
        Ok(pause)
    }

    /// What lies behind a presigned link. It proves by itself who may read it, and whoever stores it must not see the
    /// workspace's token.
    pub(crate) async fn download(
        &self,
        link: &str,
        headers: &serde_json::Map<String, Value>,
    ) -> Result<bytes::Bytes, Download> {
        let mut request = self.client.get(link).timeout(ANSWER_TIMEOUT * 4);
        for (name, value) in headers {
            if let Some(value) = value.as_str() {
                request = request.header(name.as_str(), value);
            }
        }
        let lost = |error: reqwest::Error| {
            let error = errors::of_transport(&self.settings, &error.without_url());
            Download::Lost(AdapterError {
                message: format!(
                    "a part of the result cannot be fetched from the workspace's storage: {}",
                    error.message
                ),
                hint: Some(
                    "this machine has to reach the cloud storage that the workspace's results lie on".to_owned(),
                ),
                ..error
            })
        };
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Download::Refused(status.as_u16()));
        }
        response.bytes().await.map_err(lost)
    }
}

/// Why a link gave nothing.
pub(crate) enum Download {
    /// The storage says no: most likely the link has expired.
    Refused(u16),
    Lost(AdapterError),
}

pub(crate) fn pause_after(attempt: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1).min(10))).min(LONGEST_PAUSE)
}

/// The seconds that the workspace asks to wait.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
