//! Proof of who asks: a token as it is, or one that a service principal gets for an hour.
//!
//! Source: Databricks' documentation, "Authorize service principal access with OAuth".

use crate::errors;
use crate::profile::{Credentials, Settings};
use dvt_adapter::AdapterError;
use dvt_diagnostics::Secret;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A token is renewed this long before it runs out.
const MARGIN: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 4;

pub(super) struct Login {
    current: Mutex<Option<Current>>,
}

struct Current {
    token: Secret,
    until: Instant,
}

impl Login {
    pub(super) fn new() -> Self {
        Self { current: Mutex::new(None) }
    }

    /// The token to send now. Whoever asks while another is being fetched waits for that one.
    pub(super) async fn token(&self, client: &reqwest::Client, settings: &Settings) -> Result<Secret, AdapterError> {
        let (client_id, client_secret) = match &settings.credentials {
            Credentials::Token(token) => return Ok(token.clone()),
            Credentials::ServicePrincipal { client_id, client_secret } => (client_id, client_secret),
        };
        let mut current = self.current.lock().await;
        if let Some(current) = current.as_ref().filter(|current| current.until > Instant::now()) {
            return Ok(current.token.clone());
        }
        let fresh = fetch(client, settings, client_id, client_secret).await?;
        Ok(current.insert(fresh).token.clone())
    }

    /// Whether a token that was refused can be replaced by another; it is not used again.
    pub(super) fn forget(&self, refused: &Secret) -> bool {
        // Somebody who holds the lock is about to have a new one.
        let Ok(mut current) = self.current.try_lock() else { return true };
        match current.as_ref() {
            Some(held) if held.token == *refused => {
                *current = None;
                true
            }
            Some(_) => true,
            None => false,
        }
    }
}

/// Asks for a token; asking twice does no harm.
async fn fetch(
    client: &reqwest::Client,
    settings: &Settings,
    client_id: &str,
    client_secret: &Secret,
) -> Result<Current, AdapterError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let asked = Instant::now();
        let sent = client
            .post(format!("{}/oidc/v1/token", settings.origin))
            .basic_auth(client_id, Some(client_secret.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&scope=all-apis")
            .timeout(Duration::from_secs(60))
            .send()
            .await;
        let (status, text) = match sent {
            Err(error) if attempt < ATTEMPTS && !error.is_connect() => {
                tokio::time::sleep(super::pause_after(attempt)).await;
                continue;
            }
            Err(error) => return Err(errors::of_transport(settings, &error.without_url())),
            Ok(response) => {
                let wait = super::retry_after(&response);
                let status = response.status();
                if (status.as_u16() == 429 || status.is_server_error()) && attempt < ATTEMPTS {
                    tokio::time::sleep(wait.unwrap_or(super::pause_after(attempt))).await;
                    continue;
                }
                (status, response.text().await.unwrap_or_default())
            }
        };
        if !status.is_success() {
            return Err(errors::of_answer(settings, status.as_u16(), &text));
        }
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(token) = answer.get("access_token").and_then(Value::as_str) else {
            return Err(errors::not_a_workspace(settings, status.as_u16()));
        };
        let lasts = Duration::from_secs(answer.get("expires_in").and_then(Value::as_u64).unwrap_or(3600));
        return Ok(Current { token: Secret::new(token), until: asked + lasts.saturating_sub(MARGIN.min(lasts / 2)) });
    }
}
