//! The keys of a `bigquery` profile output, as settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. The keys are dbt-bigquery's. Credentials are not
//! looked for here: a project is read and compiled without them. Source: dbt docs, "BigQuery setup".

use crate::base64;
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::{Secret, did_you_mean};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const ADAPTER_TYPE: &str = "bigquery";

const GOOGLE: &str = "https://bigquery.googleapis.com";

/// Everything needed to talk to BigQuery.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    /// `https://host`, without a slash at the end.
    pub(crate) endpoint: String,
    /// Whether the endpoint is this machine: no proxy stands before it.
    pub(crate) is_loopback: bool,
    pub(crate) project: String,
    pub(crate) dataset: String,
    /// Whose jobs the queries are, and who pays for them.
    pub(crate) execution_project: String,
    pub(crate) quota_project: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) is_batch: bool,
    pub(crate) maximum_bytes_billed: Option<u64>,
    /// How often a job that the service failed is run anew.
    pub(crate) job_retries: u32,
    pub(crate) job_timeout: Option<Duration>,
    pub(crate) request_timeout: Duration,
    pub(crate) login: LoginMethod,
    pub(crate) scopes: String,
    pub(crate) target_values: Map<String, Value>,
}

/// Who asks.
#[derive(Debug)]
pub(crate) enum LoginMethod {
    /// What Google's own tools have set up: files in this order, then the machine's own account.
    Default {
        files: Vec<PathBuf>,
    },
    KeyFile(PathBuf),
    /// The content of a key file.
    Key(Secret),
    Token(Secret),
    Refresh {
        token: Secret,
        client_id: String,
        client_secret: Secret,
        token_uri: String,
    },
}

const KNOWN_KEYS: &[&str] = &[
    "type",
    "method",
    "project",
    "database",
    "dataset",
    "schema",
    "threads",
    "location",
    "priority",
    "maximum_bytes_billed",
    "job_retries",
    "retries",
    "job_retry_deadline_seconds",
    "job_creation_timeout_seconds",
    "job_execution_timeout_seconds",
    "timeout_seconds",
    "job_link_info_level_log",
    "keyfile",
    "keyfile_json",
    "token",
    "refresh_token",
    "client_id",
    "client_secret",
    "token_uri",
    "execution_project",
    "quota_project",
    "api_endpoint",
    "impersonate_service_account",
    "reservation",
    "scopes",
    "compute_region",
    "dataproc_region",
    "dataproc_cluster_name",
    "dataproc_batch",
    "gcs_bucket",
    "submission_method",
    "workload_pool_provider_path",
    "service_account_impersonation_url",
    "token_endpoint",
];

/// Keys that cannot be honoured, with what to do instead.
const REFUSED: &[(&str, &str)] = &[
    (
        "impersonate_service_account",
        "give the account's access token: `method: oauth-secrets` with `token`, from `gcloud auth print-access-token \
         --impersonate-service-account …`",
    ),
    ("reservation", "assign the project of the jobs (`execution_project`) to the reservation"),
    ("workload_pool_provider_path", "give an access token: `method: oauth-secrets` with `token`"),
    ("service_account_impersonation_url", "give an access token: `method: oauth-secrets` with `token`"),
    ("token_endpoint", "give an access token: `method: oauth-secrets` with `token`"),
];

/// Names that mean another key: the name that is written, then dbt's own. Templates see both.
const ALIASES: &[(&str, &str)] = &[
    ("project", "database"),
    ("dataset", "schema"),
    ("timeout_seconds", "job_execution_timeout_seconds"),
    ("retries", "job_retries"),
    ("dataproc_region", "compute_region"),
];

/// Keys that templates see as `target`; none of them can hold a secret.
const SHOWN: &[&str] = &[
    "database",
    "schema",
    "method",
    "execution_project",
    "quota_project",
    "location",
    "priority",
    "maximum_bytes_billed",
    "job_retries",
    "job_execution_timeout_seconds",
    "job_creation_timeout_seconds",
    "job_retry_deadline_seconds",
    "api_endpoint",
    "compute_region",
    "gcs_bucket",
    "threads",
];

const SCOPES: &[&str] = &[
    "https://www.googleapis.com/auth/bigquery",
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/userinfo.email",
];

impl Settings {
    /// Reads a profile output.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key.
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, AdapterError> {
        let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        for (key, value) in output {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                let error = refuse(format!("profile key `{key}` is not known for type bigquery"));
                return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("the known keys are: {}", KNOWN_KEYS.join(", "))),
                });
            }
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == key)
                && !value.is_null()
            {
                let message = format!("profile key `{key}` of type bigquery is not supported");
                return Err(refuse(message).with_hint(*instead));
            }
        }
        Reader { output, folder: project_directory, variables }.settings(connection).map_err(refuse)
    }
}

struct Reader<'a> {
    output: &'a Map<String, Value>,
    folder: &'a Path,
    variables: &'a BTreeMap<String, String>,
}

impl Reader<'_> {
    fn settings(&self, connection: &str) -> Result<Settings, String> {
        let dataset = self.text("schema")?.ok_or("profile key `dataset` is missing")?;
        let login = self.login()?;
        let project = match self.text("database")? {
            Some(project) => project,
            None => self.project_of(&login).ok_or("profile key `project` is missing")?,
        };
        let (endpoint, is_loopback) = endpoint(self.text("api_endpoint")?.as_deref())?;
        let is_batch = match self.text("priority")?.map(|priority| priority.to_ascii_lowercase()).as_deref() {
            None | Some("interactive") => false,
            Some("batch") => true,
            Some(other) => return Err(format!("`priority: {other}` is not known; it is interactive or batch")),
        };
        let scopes = match self.output.get("scopes") {
            None | Some(Value::Null) => SCOPES.join(" "),
            Some(Value::Array(scopes)) => scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            Some(_) => return Err("profile key `scopes` has to be a list".to_owned()),
        };
        let seconds = |key| Ok::<_, String>(self.number(key)?.filter(|seconds| *seconds > 0).map(Duration::from_secs));
        let mut target_values = Map::new();
        for key in SHOWN {
            if let Some(value) = self.given(key)?.filter(|value| !value.is_null()) {
                target_values.insert((*key).to_owned(), value.clone());
            }
        }
        target_values.insert("database".to_owned(), Value::from(project.as_str()));
        for (alias, name) in ALIASES {
            if let Some(value) = target_values.get(*name).cloned() {
                target_values.insert((*alias).to_owned(), value);
            }
        }
        target_values.insert("type".to_owned(), Value::from(ADAPTER_TYPE));
        Ok(Settings {
            connection: connection.to_owned(),
            endpoint,
            is_loopback,
            execution_project: self.text("execution_project")?.unwrap_or_else(|| project.clone()),
            quota_project: self.text("quota_project")?,
            location: self.text("location")?,
            is_batch,
            maximum_bytes_billed: self.number("maximum_bytes_billed")?.filter(|bytes| *bytes > 0),
            job_retries: u32::try_from(self.number("job_retries")?.unwrap_or(1).min(100)).unwrap_or(100),
            job_timeout: seconds("job_execution_timeout_seconds")?,
            request_timeout: seconds("job_creation_timeout_seconds")?.unwrap_or(Duration::from_secs(90)),
            login,
            scopes,
            target_values,
            project,
            dataset,
        })
    }

    fn login(&self) -> Result<LoginMethod, String> {
        let method = self.text("method")?.ok_or("profile key `method` is missing")?;
        Ok(match method.as_str() {
            "oauth" => {
                let home = self.variables.get("HOME").map(PathBuf::from);
                let configured = self.variables.get("CLOUDSDK_CONFIG").map(PathBuf::from);
                let own = configured.or(home.map(|home| home.join(".config/gcloud")));
                let named = self.variables.get("GOOGLE_APPLICATION_CREDENTIALS").filter(|path| !path.is_empty());
                let files = named.map(PathBuf::from).into_iter();
                LoginMethod::Default {
                    files: files.chain(own.map(|own| own.join("application_default_credentials.json"))).collect(),
                }
            }
            "service-account" => {
                LoginMethod::KeyFile(self.folder.join(self.text("keyfile")?.ok_or("profile key `keyfile` is missing")?))
            }
            "service-account-json" => {
                let key =
                    match self.output.get("keyfile_json") {
                        Some(Value::Object(key)) => Value::Object(key.clone()).to_string(),
                        Some(Value::String(text)) if text.trim_start().starts_with('{') => text.clone(),
                        Some(Value::String(text)) => base64::decode(text)
                            .and_then(|bytes| String::from_utf8(bytes).ok())
                            .ok_or("profile key `keyfile_json` is neither JSON nor JSON in base64")?,
                        None | Some(Value::Null) => return Err("profile key `keyfile_json` is missing".to_owned()),
                        Some(_) => return Err("profile key `keyfile_json` has to be a mapping".to_owned()),
                    };
                LoginMethod::Key(Secret::new(key))
            }
            "oauth-secrets" => match (self.text("refresh_token")?, self.text("token")?) {
                (Some(refresh), _) => {
                    let required = |key: &str| self.text(key)?.ok_or(format!("profile key `{key}` is missing"));
                    LoginMethod::Refresh {
                        token: Secret::new(refresh),
                        client_id: required("client_id")?,
                        client_secret: Secret::new(required("client_secret")?),
                        token_uri: self
                            .text("token_uri")?
                            .unwrap_or_else(|| "https://oauth2.googleapis.com/token".to_owned()),
                    }
                }
                (None, Some(token)) => LoginMethod::Token(Secret::new(token)),
                (None, None) => return Err("`method: oauth-secrets` needs `token` or `refresh_token`".to_owned()),
            },
            "external-oauth-wif" => {
                return Err(
                    "`method: external-oauth-wif` is not there; give an access token: `method: oauth-secrets` \
                            with `token`"
                        .to_owned(),
                );
            }
            other => {
                return Err(format!(
                    "`method: {other}` is not known; it is oauth, oauth-secrets, service-account or service-account-json"
                ));
            }
        })
    }

    /// The project that a key or the environment speaks of.
    fn project_of(&self, login: &LoginMethod) -> Option<String> {
        let of_text = |text: &str| {
            let key: Value = serde_json::from_str(text).ok()?;
            Some(key.get("project_id")?.as_str()?.to_owned())
        };
        match login {
            LoginMethod::Key(key) => of_text(key.expose()),
            LoginMethod::KeyFile(path) => of_text(&std::fs::read_to_string(path).ok()?),
            LoginMethod::Default { .. } => {
                ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"].iter().find_map(|name| self.variables.get(*name).cloned())
            }
            LoginMethod::Token(_) | LoginMethod::Refresh { .. } => None,
        }
    }

    /// The value of a key, under dbt's name or another.
    fn given(&self, key: &str) -> Result<Option<&Value>, String> {
        let alias = ALIASES.iter().find(|(_, name)| *name == key).map(|(alias, _)| *alias);
        let aliased = alias.and_then(|alias| Some((alias, self.output.get(alias).filter(|value| !value.is_null())?)));
        match (self.output.get(key).filter(|value| !value.is_null()), aliased) {
            (Some(_), Some((alias, _))) => Err(format!("both `{key}` and `{alias}` are given; they mean the same")),
            (own, aliased) => Ok(own.or(aliased.map(|(_, value)| value))),
        }
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.given(key)? {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("profile key `{key}` has to be text")),
        }
    }

    fn number(&self, key: &str) -> Result<Option<u64>, String> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => match text.trim().parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("profile key `{key}` has to be a whole number")),
            },
        }
    }
}

/// The address without a slash behind it, and whether it is this machine.
fn endpoint(given: Option<&str>) -> Result<(String, bool), String> {
    let Some(given) = given else { return Ok((GOOGLE.to_owned(), false)) };
    let text = if given.contains("://") { given.to_owned() } else { format!("https://{given}") };
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', ':']).next()).filter(|host| !host.is_empty());
    let host = host.ok_or(format!("`api_endpoint: {given}` is no address"))?;
    let is_loopback = matches!(host, "localhost" | "127.0.0.1");
    if text.starts_with("http://") && !is_loopback {
        return Err(format!("`api_endpoint: {given}` would send credentials in the clear; use https"));
    }
    Ok((text.trim_end_matches('/').to_owned(), is_loopback))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(output: Value) -> Result<Settings, String> {
        let variables = BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]);
        Settings::from_profile("dev", output.as_object().unwrap(), Path::new("/p"), &variables)
            .map_err(|error| format!("{error} {}", error.hint.clone().unwrap_or_default()))
    }

    #[test]
    fn templates_see_both_names_of_a_key_and_no_secret() {
        let settings = read(json!({
            "type": "bigquery", "project": "shop", "dataset": "dev", "method": "oauth-secrets", "token": "hidden",
            "location": "EU", "maximum_bytes_billed": 1000, "timeout_seconds": 300,
        }));
        let settings = settings.unwrap();
        let expected = json!({
            "type": "bigquery", "database": "shop", "project": "shop", "schema": "dev", "dataset": "dev",
            "method": "oauth-secrets", "location": "EU", "maximum_bytes_billed": 1000, "timeout_seconds": 300,
            "job_execution_timeout_seconds": 300,
        });
        assert_eq!(Value::Object(settings.target_values.clone()), expected);
        assert!(!format!("{settings:?}").contains("hidden"));
        assert_eq!(
            (settings.execution_project.as_str(), settings.job_timeout),
            ("shop", Some(Duration::from_secs(300)))
        );
        assert_eq!(settings.endpoint, GOOGLE);
    }

    #[test]
    fn each_method_finds_its_credentials() {
        let with = |more: Value| {
            let mut output = json!({"type": "bigquery", "project": "p", "dataset": "d"});
            for (key, value) in more.as_object().unwrap() {
                output[key] = value.clone();
            }
            read(output)
        };
        let LoginMethod::Default { files } = with(json!({"method": "oauth"})).unwrap().login else { panic!("default") };
        assert_eq!(files, [PathBuf::from("/home/me/.config/gcloud/application_default_credentials.json")]);
        let LoginMethod::KeyFile(path) = with(json!({"method": "service-account", "keyfile": "k.json"})).unwrap().login
        else {
            panic!("file")
        };
        assert_eq!(path, PathBuf::from("/p/k.json"));
        let key = base64::encode(br#"{"project_id": "of-the-key"}"#);
        let settings = with(json!({"method": "service-account-json", "keyfile_json": key, "project": null})).unwrap();
        assert_eq!(settings.project, "of-the-key");
        let refresh = json!({"method": "oauth-secrets", "refresh_token": "r", "client_id": "c", "client_secret": "s"});
        assert!(matches!(with(refresh).unwrap().login, LoginMethod::Refresh { .. }));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name() {
        let check = |more: Value, expected: &str| {
            let mut output = json!({"type": "bigquery", "method": "oauth", "project": "p", "dataset": "d"});
            for (key, value) in more.as_object().unwrap() {
                output[key] = value.clone();
            }
            let refused = read(output).err().unwrap();
            assert!(refused.contains(expected), "{refused}");
        };
        check(json!({"dataset": null}), "`dataset` is missing");
        check(json!({"method": "oath"}), "`method: oath` is not known");
        check(json!({"method": "service-account"}), "`keyfile` is missing");
        check(json!({"impersonate_service_account": "a@b"}), "print-access-token");
        check(json!({"priority": "fast"}), "`priority: fast` is not known");
        check(json!({"schema": "e"}), "both `schema` and `dataset` are given");
        check(json!({"job_retires": 1}), "did you mean `job_retries`?");
        check(json!({"api_endpoint": "http://elsewhere.example"}), "use https");
        check(json!({"maximum_bytes_billed": "many"}), "has to be a whole number");
    }
}
