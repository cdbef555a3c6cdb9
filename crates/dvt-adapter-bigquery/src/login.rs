//! Access tokens: from a service account's key, a refresh token, or what Google's own tools and machines have.
//!
//! Source: Google's documentation, "Using OAuth 2.0 for server to server applications", "Application Default Credentials".

use crate::base64;
use crate::errors;
use crate::profile::{LoginMethod, Settings};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use chrono::Utc;
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A token is replaced this long before it ends.
const MARGIN: Duration = Duration::from_secs(120);

/// Where a machine of Google's tells its own account's token.
const METADATA: &str = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";

/// The token in use; one request for a new one at a time.
#[derive(Debug, Default)]
pub(crate) struct Login(Mutex<Option<(Secret, Instant)>>);

impl Login {
    /// The token, a new one where the last has run out.
    pub(crate) async fn token(&self, client: &reqwest::Client, settings: &Settings) -> Result<Secret, AdapterError> {
        if let LoginMethod::Token(token) = &settings.login {
            return Ok(token.clone());
        }
        let mut held = self.0.lock().await;
        if let Some((token, until)) = held.as_ref()
            && *until > Instant::now()
        {
            return Ok(token.clone());
        }
        let (token, lasts) = fetch(client, settings).await?;
        let until = Instant::now() + lasts.saturating_sub(MARGIN.min(lasts / 2));
        *held = Some((token.clone(), until));
        Ok(token)
    }

    /// Gives a token up that was refused; false where there is no other way to get one.
    pub(crate) async fn forget(&self, settings: &Settings) -> bool {
        self.0.lock().await.take().is_some() && !matches!(settings.login, LoginMethod::Token(_))
    }
}

async fn fetch(client: &reqwest::Client, settings: &Settings) -> Result<(Secret, Duration), AdapterError> {
    let refuse = |message: String, hint: &str| {
        AdapterError::new(ErrorClass::Authentication, &settings.connection, message).with_hint(hint)
    };
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).map_err(|error| {
            refuse(
                format!("the key file `{}` cannot be read: {error}", path.display()),
                "check `keyfile` of this output",
            )
        })
    };
    let form = match &settings.login {
        LoginMethod::Token(token) => return Ok((token.clone(), Duration::from_secs(3600))),
        LoginMethod::Key(key) => of_credentials(settings, key.expose())?,
        LoginMethod::KeyFile(path) => of_credentials(settings, &read(path)?)?,
        LoginMethod::Refresh { token, client_id, client_secret, token_uri } => {
            refresh(token_uri, token.expose(), client_id, client_secret.expose())
        }
        LoginMethod::Default { files } => match files.iter().find(|path| path.is_file()) {
            Some(path) => of_credentials(settings, &read(path)?)?,
            None => {
                let request = client.get(METADATA).header("Metadata-Flavor", "Google").timeout(Duration::from_secs(3));
                let Ok(answer) = request.send().await else {
                    return Err(refuse(
                        "no credentials are set up for `method: oauth`".to_owned(),
                        "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key file",
                    ));
                };
                return token_in(settings, answer).await;
            }
        },
    };
    let request = client
        .post(&form.address)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.body.expose().to_owned())
        .timeout(settings.request_timeout);
    match request.send().await {
        Ok(answer) => token_in(settings, answer).await,
        Err(error) => Err(errors::of_transport(settings, &error.without_url())),
    }
}

async fn token_in(settings: &Settings, answer: reqwest::Response) -> Result<(Secret, Duration), AdapterError> {
    let status = answer.status();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap_or_default()).unwrap_or_default();
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    match text("access_token") {
        Some(token) if status.is_success() => {
            let lasts = answer.get("expires_in").and_then(Value::as_u64).unwrap_or(3600);
            Ok((Secret::new(token), Duration::from_secs(lasts)))
        }
        _ => {
            let said = text("error_description").or(text("error")).unwrap_or("no token came");
            let message = format!("logging in failed: {said} (HTTP {})", status.as_u16());
            Err(AdapterError::new(ErrorClass::Authentication, &settings.connection, message)
                .with_hint("check the credentials of this output, and that the account was not removed"))
        }
    }
}

struct Form {
    address: String,
    body: Secret,
}

fn form(address: &str, fields: &[(&str, &str)]) -> Form {
    let encoded = fields.iter().map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    Form { address: address.to_owned(), body: Secret::new(encoded.collect::<Vec<_>>().join("&")) }
}

fn refresh(address: &str, token: &str, client_id: &str, client_secret: &str) -> Form {
    form(
        address,
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", client_id),
            ("client_secret", client_secret),
        ],
    )
}

/// How the account of a credentials' file asks for a token.
fn of_credentials(settings: &Settings, text: &str) -> Result<Form, AdapterError> {
    let refuse = |message: &str| {
        AdapterError::new(ErrorClass::Authentication, &settings.connection, message)
            .with_hint("give the key of a service account, or run `gcloud auth application-default login`")
    };
    let key: Value = serde_json::from_str(text).map_err(|_| refuse("the credentials are no JSON"))?;
    let field = |name: &str| key.get(name).and_then(Value::as_str);
    let token_uri = field("token_uri").unwrap_or("https://oauth2.googleapis.com/token");
    match field("type") {
        Some("service_account") => {
            let (Some(email), Some(private_key)) = (field("client_email"), field("private_key")) else {
                return Err(refuse("the service account's key has no `client_email` or no `private_key`"));
            };
            let assertion = assertion(
                email,
                &private_key.replace("\\n", "\n"),
                token_uri,
                &settings.scopes,
                field("private_key_id"),
            )
            .ok_or_else(|| refuse("the service account's `private_key` is no RSA key in PEM form"))?;
            Ok(form(
                token_uri,
                &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)],
            ))
        }
        Some("authorized_user") => match (field("refresh_token"), field("client_id"), field("client_secret")) {
            (Some(token), Some(id), Some(secret)) => Ok(refresh(token_uri, token, id, secret)),
            _ => Err(refuse("the user's credentials have no `refresh_token`")),
        },
        Some(other) => Err(refuse(&format!("credentials of type `{other}` are not supported"))),
        None => Err(refuse("the credentials do not say their `type`")),
    }
}

/// A signed claim to be the account, for an hour.
fn assertion(email: &str, private_key: &str, audience: &str, scopes: &str, key_id: Option<&str>) -> Option<String> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(private_key.as_bytes()).ok()?;
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?;
    let now = Utc::now().timestamp();
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(key_id) = key_id {
        header["kid"] = json!(key_id);
    }
    let claims = json!({"iss": email, "sub": email, "aud": audience, "scope": scopes, "iat": now, "exp": now + 3600});
    let part = |value: Value| base64::encode_for_url(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", base64::encode_for_url(&signature)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    /// What Google does with it: the signature is the account's, and the claims are what was asked.
    #[test]
    fn the_claim_of_a_service_account_is_signed_with_its_key() {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64::encode(der.as_ref()));
        let claim = assertion("a@p.iam", &pem, "https://oauth2.example/token", "scope", Some("k1")).unwrap();
        let (signed, signature) = claim.rsplit_once('.').unwrap();
        let plain = |part: &str| base64::decode(&part.replace('-', "+").replace('_', "/")).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
        public.verify(signed.as_bytes(), &plain(signature)).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&plain(header)).unwrap(),
            json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})
        );
        let claims: Value = serde_json::from_slice(&plain(claims)).unwrap();
        assert_eq!((claims["iss"].as_str(), claims["scope"].as_str()), (Some("a@p.iam"), Some("scope")));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
        assert!(assertion("a", "no key", "x", "y", None).is_none());
    }
}
