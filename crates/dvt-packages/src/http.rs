//! Fetching over HTTP, with dbt's retries.

use crate::PackageError;
use dvt_diagnostics::{Event, Events, kinds};
use futures::StreamExt;
use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// dbt tries again this often, a second apart.
const RETRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// The hub's longest answer, its index, has some hundred kilobytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
const MAX_DOWNLOAD_BYTES: u64 = 1024 * 1024 * 1024;

/// A client for one `deps`.
pub(crate) struct Http {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    /// Set when no server could be reached: what is cached then needs no further tries.
    is_offline: Cell<bool>,
}

/// A request that failed.
#[derive(Debug)]
pub(crate) struct HttpError {
    pub(crate) reason: String,
    /// The server's answer, if it gave one.
    pub(crate) status: Option<u16>,
    is_worth_a_retry: bool,
}

impl Http {
    /// `ca_bundle` holds certificates to be trusted beside the system's.
    pub(crate) fn new(ca_bundle: Option<&Path>) -> Result<Self, PackageError> {
        let cannot = |reason: String| PackageError::Network { url: "any server".to_owned(), reason };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| cannot(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("dvt/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10));
        if let Some(path) = ca_bundle {
            let text = std::fs::read(path).map_err(|cause| PackageError::Files {
                action: "read",
                path: path.to_owned(),
                cause,
            })?;
            let certificates = reqwest::Certificate::from_pem_bundle(&text);
            for certificate in certificates.map_err(|_| cannot(format!("{} holds no certificates", path.display())))? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let client = builder.build().map_err(|error| cannot(error.to_string()))?;
        Ok(Self { runtime, client, is_offline: Cell::new(false) })
    }

    /// Whether a request found no server.
    pub(crate) fn is_offline(&self) -> bool {
        self.is_offline.get()
    }

    /// The body of an answer. `timeout` is for the whole answer.
    pub(crate) fn get(&self, url: &str, timeout: Duration) -> Result<Vec<u8>, HttpError> {
        self.runtime.block_on(async {
            let response = self.send(url, Some(timeout)).await?;
            let mut body = Vec::new();
            let mut parts = response.bytes_stream();
            while let Some(part) = parts.next().await {
                body.extend_from_slice(&part.map_err(|error| self.failure(&error))?);
                if body.len() > MAX_ANSWER_BYTES {
                    return Err(HttpError::final_answer("the answer is too long"));
                }
            }
            Ok(body)
        })
    }

    /// Writes the body of an answer to a file. `timeout` is for each wait on the server.
    pub(crate) fn download(&self, url: &str, to: &Path, timeout: Duration) -> Result<(), HttpError> {
        self.runtime.block_on(async {
            let late = || HttpError::passing(format!("no answer within {} seconds", timeout.as_secs()));
            let write =
                |error: std::io::Error| HttpError::final_answer(&format!("cannot write {}: {error}", to.display()));
            let response = tokio::time::timeout(timeout, self.send(url, None)).await.map_err(|_| late())??;
            let mut file = File::create(to).map_err(write)?;
            let mut parts = response.bytes_stream();
            let mut bytes = 0;
            while let Some(part) = tokio::time::timeout(timeout, parts.next()).await.map_err(|_| late())? {
                let part = part.map_err(|error| self.failure(&error))?;
                bytes += part.len() as u64;
                if bytes > MAX_DOWNLOAD_BYTES {
                    return Err(HttpError::final_answer("the file is larger than 1 GiB"));
                }
                file.write_all(&part).map_err(write)?;
            }
            file.sync_all().map_err(write)
        })
    }

    async fn send(&self, url: &str, timeout: Option<Duration>) -> Result<reqwest::Response, HttpError> {
        let mut request = self.client.get(url);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        self.is_offline.set(false);
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let is_worth_a_retry = status.is_server_error() || [408, 425, 429].contains(&status.as_u16());
        Err(HttpError {
            reason: format!("the server answered {status}"),
            status: Some(status.as_u16()),
            is_worth_a_retry,
        })
    }

    fn failure(&self, error: &reqwest::Error) -> HttpError {
        if error.is_builder() {
            return HttpError::final_answer("the address is no URL");
        }
        // The innermost cause says what happened; the outer ones repeat the address, which may hold a token.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        // A server that is not the one it says to be is no server that cannot be reached.
        let said = cause.to_string();
        if said.contains("certificate") {
            return HttpError::final_answer(&said);
        }
        if error.is_connect() || error.is_timeout() {
            self.is_offline.set(true);
        }
        let reason = if error.is_timeout() { "the server did not answer in time".to_owned() } else { said };
        HttpError::passing(reason)
    }
}

impl HttpError {
    fn final_answer(reason: &str) -> Self {
        Self { reason: reason.to_owned(), status: None, is_worth_a_retry: false }
    }

    /// What may go away by itself: damage on the way, a server that is too busy.
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), status: None, is_worth_a_retry: true }
    }
}

/// Tries a request again when its failure may pass. `has_fallback`: something older can stand in for the answer, so an
/// unreachable server is tried once.
pub(crate) fn with_retries<T>(
    http: &Http,
    events: &Events,
    has_fallback: bool,
    request: impl Fn() -> Result<T, HttpError>,
) -> Result<T, HttpError> {
    let mut attempt = 0;
    loop {
        let error = match request() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let gives_up = has_fallback && http.is_offline();
        if !error.is_worth_a_retry || attempt >= RETRIES || gives_up {
            return Err(error);
        }
        events.fire(
            Event::new(kinds::RECORD_RETRY_EXCEPTION, format!("External call exception: {}", error.reason))
                .with("exc", error.reason),
        );
        events.fire(
            Event::new(
                kinds::RETRY_EXTERNAL_CALL,
                format!("Retrying external call. Attempt: {attempt} Max attempts: {RETRIES}"),
            )
            .with("attempt", attempt)
            .with("max", RETRIES),
        );
        std::thread::sleep(PAUSE);
        attempt += 1;
    }
}
