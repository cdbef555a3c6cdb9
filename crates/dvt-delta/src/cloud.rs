//! Buckets of S3, Google Cloud Storage and Azure Blob Storage: their keys, and the [`Store`] that they open.
//!
//! In: the rendered keys of an entry and a copy of the environment; no variable of the process is read here. Without keys
//! the service's own chain is asked: the environment's variables, a profile of `~/.aws`, the machine's role. Every commit is
//! a conditional put, so that of two writers one wins; a store that cannot do that is refused by the first commit.
//!
//! Source: object_store's builders; AWS's "Configuration and credential file settings".

mod credentials_file;

use crate::{DeltaError, DeltaErrorKind, Store};
use credentials_file::profile_settings;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Whose bucket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudService {
    S3,
    Gcs,
    Azure,
}

impl CloudService {
    /// The service of an entry's `type`.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        match kind {
            "s3" => Some(Self::S3),
            "gcs" | "gs" => Some(Self::Gcs),
            "azure" | "adls" => Some(Self::Azure),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    /// The keys that an entry of this type may have beside `type`.
    #[must_use]
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &[
                "bucket",
                "prefix",
                "path",
                "region",
                "endpoint",
                "path_style",
                "access_key_id",
                "secret_access_key",
                "session_token",
                "profile",
                "anonymous",
                "kms_key_id",
                "timeout",
            ],
            Self::Gcs => &[
                "bucket",
                "prefix",
                "path",
                "endpoint",
                "keyfile",
                "keyfile_json",
                "application_credentials",
                "anonymous",
                "timeout",
            ],
            Self::Azure => &[
                "container",
                "bucket",
                "prefix",
                "path",
                "account",
                "endpoint",
                "account_key",
                "sas_token",
                "tenant_id",
                "client_id",
                "client_secret",
                "use_azure_cli",
                "anonymous",
                "timeout",
            ],
        }
    }
}

/// Other names of keys, as users of the clouds' own tools write them.
const SYNONYMS: &[(&str, &str)] = &[
    ("aws_access_key_id", "access_key_id"),
    ("access_key", "access_key_id"),
    ("aws_secret_access_key", "secret_access_key"),
    ("secret_key", "secret_access_key"),
    ("aws_session_token", "session_token"),
    ("aws_region", "region"),
    ("region_name", "region"),
    ("aws_profile", "profile"),
    ("profile_name", "profile"),
    ("endpoint_url", "endpoint"),
    ("force_path_style", "path_style"),
    ("service_account_key", "keyfile_json"),
    ("service_account_path", "keyfile"),
    ("credentials_path", "keyfile"),
    ("storage_account", "account"),
    ("account_name", "account"),
    ("storage_account_key", "account_key"),
    ("container_name", "container"),
    ("bucket_name", "bucket"),
];

/// A key under the name that dvt has for it.
#[must_use]
pub fn cloud_key(key: &str) -> &str {
    SYNONYMS.iter().find(|(other, _)| *other == key).map_or(key, |(_, own)| own)
}

/// The variables of one key, which go together.
const KEY_VARIABLES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// How long one request may take before it is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// An opened bucket.
#[derive(Clone, Debug)]
pub struct CloudStore {
    pub store: Store,
    /// The service's own URL of the bucket: `s3://name`.
    pub root: String,
    /// Below which everything lies; empty for the whole bucket.
    pub prefix: String,
}

/// Opens a bucket; nothing is sent yet. `environment` holds the variables that the service's own chain reads.
///
/// # Errors
/// [`DeltaErrorKind::Location`], naming the key that is missing, unknown or wrong.
pub fn open_cloud(
    service: CloudService,
    keys: &Map<String, Value>,
    environment: &BTreeMap<String, String>,
) -> Result<CloudStore, DeltaError> {
    let keys = Keys::read(service, keys)?;
    let place = keys.place()?;
    let objects: Arc<dyn ObjectStore> = match service {
        CloudService::S3 => Arc::new(keys.s3(&place.bucket, environment)?.build().map_err(|error| keys.wrong(error))?),
        CloudService::Gcs => {
            Arc::new(keys.gcs(&place.bucket, environment)?.build().map_err(|error| keys.wrong(error))?)
        }
        CloudService::Azure => {
            Arc::new(keys.azure(&place.bucket, environment)?.build().map_err(|error| keys.wrong(error))?)
        }
    };
    let scheme = match service {
        CloudService::S3 => "s3",
        CloudService::Gcs => "gs",
        CloudService::Azure => "az",
    };
    let root = format!("{scheme}://{}", place.bucket);
    let store = Store::new(objects, &root, &place.prefix)?;
    Ok(CloudStore { store, root, prefix: place.prefix })
}

struct Place {
    bucket: String,
    prefix: String,
}

/// An entry's keys under their own names.
struct Keys {
    service: CloudService,
    values: BTreeMap<String, Value>,
}

impl Keys {
    fn read(service: CloudService, given: &Map<String, Value>) -> Result<Self, DeltaError> {
        let mut values = BTreeMap::new();
        let mut keys = Self { service, values: BTreeMap::new() };
        for (key, value) in given {
            if value.is_null() || key == "type" {
                continue;
            }
            let own = cloud_key(key);
            if !service.keys().contains(&own) {
                return Err(keys.wrong(format!(
                    "`{key}` is no key of type {}; its keys are {}",
                    service.name(),
                    service.keys().join(", ")
                )));
            }
            if values.insert(own.to_owned(), value.clone()).is_some() {
                return Err(keys.wrong(format!("`{own}` is given twice, once as `{key}`")));
            }
        }
        keys.values = values;
        Ok(keys)
    }

    fn wrong(&self, problem: impl ToString) -> DeltaError {
        DeltaError::new(
            DeltaErrorKind::Location,
            format!("opening a bucket of type {}", self.service.name()),
            problem.to_string(),
        )
    }

    fn text(&self, key: &str) -> Result<Option<&str>, DeltaError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(format!("`{key}` has to be text"))),
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, DeltaError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(format!("`{key}` has to be true or false"))),
        }
    }

    /// Bucket and prefix: by keys, or in one as `path: s3://bucket/prefix`.
    fn place(&self) -> Result<Place, DeltaError> {
        let (key, schemes): (&str, &[&str]) = match self.service {
            CloudService::S3 => ("bucket", &["s3://", "s3a://"]),
            CloudService::Gcs => ("bucket", &["gs://", "gcs://"]),
            CloudService::Azure => ("container", &["az://", "abfs://", "abfss://"]),
        };
        let named = match self.text(key)? {
            Some(name) => Some(name),
            None => self.text("bucket")?,
        };
        let mut prefix = self.text("prefix")?.unwrap_or_default().trim_matches('/').to_owned();
        let bucket = match (named, self.text("path")?) {
            (Some(_), Some(_)) => return Err(self.wrong(format!("give `path`, or `{key}` and `prefix`, not both"))),
            (Some(name), None) => name.to_owned(),
            (None, Some(path)) => {
                let rest = schemes.iter().find_map(|scheme| path.strip_prefix(scheme)).ok_or_else(|| {
                    self.wrong(format!("`path` is `{path}`, and has to look like `{}name/folder`", schemes[0]))
                })?;
                let (bucket, below) = rest.split_once('/').unwrap_or((rest, ""));
                if !prefix.is_empty() {
                    return Err(self.wrong("give `path`, or `bucket` and `prefix`, not both"));
                }
                prefix = below.trim_matches('/').to_owned();
                bucket.split('@').next().unwrap_or_default().to_owned()
            }
            (None, None) => return Err(self.wrong(format!("`{key}` is missing"))),
        };
        let is_name = !bucket.is_empty() && bucket.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if !is_name {
            return Err(self.wrong(format!("`{bucket}` is no name of a bucket")));
        }
        if prefix.split('/').any(|part| part == ".." || part == ".") {
            return Err(self.wrong("`prefix` must not hold `.` or `..`"));
        }
        Ok(Place { bucket, prefix })
    }

    fn client(&self) -> Result<(ClientOptions, RetryConfig), DeltaError> {
        let patience = match self.values.get("timeout") {
            None => PATIENCE,
            Some(value) => {
                let seconds = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
                let seconds = seconds.filter(|seconds| (1..=3600).contains(seconds));
                Duration::from_secs(seconds.ok_or_else(|| self.wrong("`timeout` has to be a number of seconds"))?)
            }
        };
        let is_plain = self.text("endpoint")?.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let options = ClientOptions::new()
            .with_timeout(patience)
            .with_connect_timeout(Duration::from_secs(5).min(patience))
            .with_allow_http(is_plain);
        let retry = RetryConfig {
            max_retries: 5,
            retry_timeout: patience * 3,
            backoff: BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() },
        };
        Ok((options, retry))
    }

    fn s3(&self, bucket: &str, environment: &BTreeMap<String, String>) -> Result<AmazonS3Builder, DeltaError> {
        let mut builder = AmazonS3Builder::new();
        // A named profile is asked instead of the environment's keys, as the service's own tools do.
        match self.text("profile")? {
            Some(profile) => {
                for (key, value) in profile_settings(profile, environment).map_err(|error| self.wrong(error))? {
                    builder = builder.with_config(key, value);
                }
            }
            None => {
                let has_own_key = self.values.contains_key("access_key_id");
                // The environment's token belongs to the environment's key.
                let is_replaced = |name: &str| has_own_key && KEY_VARIABLES.contains(&name);
                for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("AWS_")) {
                    if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>()
                        && !is_replaced(name)
                    {
                        builder = builder.with_config(key, value);
                    }
                }
                let has_key = has_own_key || environment.contains_key("AWS_ACCESS_KEY_ID");
                if let Some(profile) = environment.get("AWS_PROFILE").filter(|profile| !profile.is_empty() && !has_key)
                {
                    for (key, value) in profile_settings(profile, environment).map_err(|error| self.wrong(error))? {
                        builder = builder.with_config(key, value);
                    }
                }
            }
        }
        if let Some(region) = environment.get("AWS_DEFAULT_REGION")
            && builder.get_config_value(&AmazonS3ConfigKey::Region).is_none()
        {
            builder = builder.with_region(region);
        }
        let (options, retry) = self.client()?;
        builder = builder.with_bucket_name(bucket).with_client_options(options).with_retry(retry);
        if let Some(region) = self.text("region")? {
            builder = builder.with_region(region);
        }
        match (self.text("access_key_id")?, self.text("secret_access_key")?) {
            (Some(id), Some(key)) => {
                builder = builder.with_access_key_id(id).with_secret_access_key(key);
                if let Some(token) = self.text("session_token")? {
                    builder = builder.with_token(token);
                }
            }
            (None, None) => {}
            _ => return Err(self.wrong("`access_key_id` and `secret_access_key` go together")),
        }
        let endpoint = self.text("endpoint")?;
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        // A server of one's own mostly has no name for each bucket.
        let path_style = self.flag("path_style")?.unwrap_or(endpoint.is_some());
        builder = builder.with_virtual_hosted_style_request(!path_style);
        if self.flag("anonymous")?.unwrap_or(false) {
            builder = builder.with_skip_signature(true);
        }
        if let Some(key) = self.text("kms_key_id")? {
            builder = builder.with_sse_kms_encryption(key);
        }
        Ok(builder)
    }

    fn gcs(
        &self,
        bucket: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<GoogleCloudStorageBuilder, DeltaError> {
        let (options, retry) = self.client()?;
        let mut builder =
            GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_client_options(options).with_retry(retry);
        match (self.text("keyfile")?, self.values.get("keyfile_json"), self.text("application_credentials")?) {
            (Some(path), None, None) => builder = builder.with_service_account_path(path),
            (None, Some(Value::String(json)), None) => builder = builder.with_service_account_key(json),
            (None, Some(json), None) => builder = builder.with_service_account_key(json.to_string()),
            (None, None, Some(path)) => builder = builder.with_application_credentials(path),
            (None, None, None) => {
                if let Some(path) = environment.get("GOOGLE_APPLICATION_CREDENTIALS").filter(|path| !path.is_empty()) {
                    builder = builder.with_application_credentials(path);
                }
            }
            _ => return Err(self.wrong("give one of `keyfile`, `keyfile_json` and `application_credentials`")),
        }
        if let Some(endpoint) = self.text("endpoint")? {
            builder = builder.with_base_url(endpoint);
        }
        if self.flag("anonymous")?.unwrap_or(false) {
            builder = builder.with_config(GoogleConfigKey::SkipSignature, "true");
        }
        Ok(builder)
    }

    fn azure(
        &self,
        container: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<MicrosoftAzureBuilder, DeltaError> {
        let mut builder = MicrosoftAzureBuilder::new();
        for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("AZURE_")) {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AzureConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let (options, retry) = self.client()?;
        builder = builder.with_container_name(container).with_client_options(options).with_retry(retry);
        if let Some(account) = self.text("account")? {
            builder = builder.with_account(account);
        }
        if let Some(key) = self.text("account_key")? {
            builder = builder.with_access_key(key);
        }
        if let Some(token) = self.text("sas_token")? {
            builder = builder.with_config(AzureConfigKey::SasKey, token);
        }
        match (self.text("tenant_id")?, self.text("client_id")?, self.text("client_secret")?) {
            (Some(tenant), Some(client), Some(secret)) => {
                builder = builder.with_client_secret_authorization(client, secret, tenant);
            }
            // The identity of the machine, by its client id.
            (None, Some(client), None) => builder = builder.with_client_id(client),
            (None, None, None) => {}
            _ => return Err(self.wrong("`tenant_id`, `client_id` and `client_secret` go together")),
        }
        if let Some(endpoint) = self.text("endpoint")? {
            builder = builder.with_endpoint(endpoint.to_owned()).with_allow_http(endpoint.starts_with("http://"));
        }
        if self.flag("use_azure_cli")?.unwrap_or(false) {
            builder = builder.with_use_azure_cli(true);
        }
        if self.flag("anonymous")?.unwrap_or(false) {
            builder = builder.with_skip_signature(true);
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests;
