//! The keys of a `databricks` profile output, as settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. The keys are dbt-databricks'; those that need
//! a browser, or a session that the API does not have, are refused by name. Source: dbt's documentation, "Databricks setup".

use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::{Secret, did_you_mean};
use serde_json::{Map, Value};
use std::time::Duration;

pub(crate) const ADAPTER_TYPE: &str = "databricks";

/// Everything needed to talk to a warehouse.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    /// `https://<host>`, without a slash at the end.
    pub(crate) origin: String,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// Whether the host is this machine: no proxy stands before it.
    pub(crate) is_loopback: bool,
    pub(crate) warehouse_id: String,
    pub(crate) catalog: String,
    pub(crate) schema: String,
    pub(crate) credentials: Credentials,
    pub(crate) connect_timeout: Duration,
    /// Further attempts after one that found nobody.
    pub(crate) connect_retries: u32,
    /// `/Volumes/<catalog>/<schema>/<volume>[/<folder>]`: where files of rows lie until they are copied.
    pub(crate) volume: Option<String>,
    /// Whether a table's version stands for what a query over it gives.
    pub(crate) trusts_versions: bool,
    pub(crate) target_values: Map<String, Value>,
}

#[derive(Debug)]
pub(crate) enum Credentials {
    /// A personal access token, or any other that is sent as it is.
    Token(Secret),
    /// A service principal's OAuth secret.
    ServicePrincipal { client_id: String, client_secret: Secret },
}

const KNOWN_KEYS: &[&str] = &[
    "type",
    "host",
    "http_path",
    "catalog",
    "database",
    "schema",
    "threads",
    "token",
    "auth_type",
    "client_id",
    "client_secret",
    "azure_client_id",
    "azure_client_secret",
    "azure_tenant_id",
    "oauth_redirect_url",
    "oauth_scopes",
    "session_properties",
    "connection_parameters",
    "compute",
    "connect_retries",
    "connect_timeout",
    "retry_all",
    "connect_max_idle",
    // dvt's own.
    "volume",
    "change_tokens",
];

/// Keys that cannot be honoured, with what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("azure_client_id", "give an OAuth secret of Databricks itself: `client_id` and `client_secret`"),
    ("azure_client_secret", "give an OAuth secret of Databricks itself: `client_id` and `client_secret`"),
    ("azure_tenant_id", "give an OAuth secret of Databricks itself: `client_id` and `client_secret`"),
    ("oauth_redirect_url", "it is for a login in a browser; give `client_id` and `client_secret`, or `token`"),
    ("oauth_scopes", "it is for a login in a browser; give `client_id` and `client_secret`, or `token`"),
    ("session_properties", "the API has no sessions; set SQL configuration parameters at the warehouse"),
    ("connection_parameters", "they are those of a Python library; dvt speaks to the warehouse's HTTP API"),
    ("compute", "make one output for each warehouse, and name it in the model's `target`"),
];

const SECRETS: &[&str] = &["token", "client_secret"];

impl Settings {
    /// Reads a profile output.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key.
    pub(crate) fn from_profile(connection: &str, output: &Map<String, Value>) -> Result<Self, AdapterError> {
        let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        for (key, value) in output {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                let error = refuse(format!("profile key `{key}` is not known for type databricks"));
                return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("the known keys are: {}", KNOWN_KEYS.join(", "))),
                });
            }
            let is_empty = value.is_null()
                || value.as_object().is_some_and(Map::is_empty)
                || value.as_str().is_some_and(|text| text.trim().is_empty());
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == key)
                && !is_empty
            {
                let message = format!("profile key `{key}` of type databricks is not supported");
                return Err(refuse(message).with_hint(*instead));
            }
        }
        Reader { output }.settings(connection).map_err(refuse)
    }
}

struct Reader<'a> {
    output: &'a Map<String, Value>,
}

impl Reader<'_> {
    fn settings(&self, connection: &str) -> Result<Settings, String> {
        let place = Place::of(&self.required("host")?)?;
        let warehouse_id = warehouse_id(&self.required("http_path")?)?;
        let catalog = match (self.text("catalog")?, self.text("database")?) {
            (Some(_), Some(_)) => return Err("give `catalog` or `database`, not both: they are the same".to_owned()),
            (catalog, database) => catalog.or(database).unwrap_or_else(|| "hive_metastore".to_owned()),
        };
        let schema = self.required("schema")?;
        let credentials = self.credentials()?;
        let seconds = self.number("connect_timeout")?.unwrap_or(10);
        let retries = self.number("connect_retries")?.unwrap_or(1);
        let volume = self.text("volume")?.map(|volume| volume_path(&volume)).transpose()?;
        let trusts_versions = match self.text("change_tokens")?.as_deref() {
            None | Some("none") => false,
            Some("version") => true,
            Some(other) => return Err(format!("profile key `change_tokens` is `{other}`; it is `version` or `none`")),
        };
        let mut target_values = self.output.clone();
        target_values.retain(|key, _| !SECRETS.contains(&key.as_str()));
        for (key, value) in [
            ("type", Value::from(ADAPTER_TYPE)),
            ("host", Value::from(place.host.as_str())),
            ("database", Value::from(catalog.as_str())),
            ("catalog", Value::from(catalog.as_str())),
            ("schema", Value::from(schema.as_str())),
            ("threads", self.output.get("threads").cloned().unwrap_or_else(|| Value::from(1))),
        ] {
            target_values.insert(key.to_owned(), value);
        }
        Ok(Settings {
            connection: connection.to_owned(),
            origin: place.origin,
            host: place.host,
            port: place.port,
            is_loopback: place.is_loopback,
            warehouse_id,
            catalog,
            schema,
            credentials,
            connect_timeout: Duration::from_secs(seconds.max(1)),
            connect_retries: u32::try_from(retries).unwrap_or(u32::MAX),
            volume,
            trusts_versions,
            target_values,
        })
    }

    /// One way of proving who one is, as dbt's keys say it.
    fn credentials(&self) -> Result<Credentials, String> {
        let (id, secret) = (self.text("client_id")?, self.text("client_secret")?);
        let kind = self.text("auth_type")?.map(|kind| kind.to_ascii_lowercase());
        match (kind.as_deref(), self.text("token")?, id, secret) {
            (None | Some("token"), Some(token), None, None) => Ok(Credentials::Token(Secret::new(token))),
            // A token that an earlier login gave goes as it is.
            (Some("oauth"), Some(token), _, None) => Ok(Credentials::Token(Secret::new(token))),
            (None | Some("oauth" | "databricks-oauth"), None, Some(client_id), Some(secret)) => {
                Ok(Credentials::ServicePrincipal { client_id, client_secret: Secret::new(secret) })
            }
            (Some("oauth" | "databricks-oauth"), None, ..) => Err(
                "`auth_type: oauth` without `client_id` and `client_secret` opens a browser, which dvt does not; give \
                 both, or `token`"
                    .to_owned(),
            ),
            (None, None, None, None) => Err("there is neither `token` nor `client_id` and `client_secret`".to_owned()),
            (None | Some("token" | "oauth" | "databricks-oauth"), ..) => {
                Err("give `token`, or `auth_type: oauth` with `client_id` and `client_secret`".to_owned())
            }
            (Some(other), ..) => Err(format!("`auth_type: {other}` is not supported; it is `token` or `oauth`")),
        }
    }

    fn required(&self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| format!("profile key `{key}` is missing"))
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.output.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("profile key `{key}` has to be text")),
        }
    }

    fn number(&self, key: &str) -> Result<Option<u64>, String> {
        let text = self.text(key)?;
        text.map(|text| text.parse().map_err(|_| format!("profile key `{key}` has to be a whole number"))).transpose()
    }
}

/// Where the workspace is.
struct Place {
    origin: String,
    host: String,
    port: Option<u16>,
    is_loopback: bool,
}

impl Place {
    /// Reads `adb-1.2.azuredatabricks.net`, also with `https://` before it. Only this machine is spoken to without
    /// encryption.
    fn of(host: &str) -> Result<Self, String> {
        let (scheme, rest) = host.split_once("://").unwrap_or(("https", host));
        let rest = rest.trim_end_matches('/');
        let is_plain =
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
        if !is_plain {
            return Err(format!(
                "profile key `host` is `{host}`; it is a name such as adb-1234567890.5.azuredatabricks.net"
            ));
        }
        let (name, port) = match rest.split_once(':') {
            None => (rest, None),
            Some((name, port)) => {
                let number = port.parse().map_err(|_| format!("profile key `host` has the port `{port}`"))?;
                (name, Some(number))
            }
        };
        let is_loopback = matches!(name, "127.0.0.1" | "localhost");
        if scheme != "https" && !(scheme == "http" && is_loopback) {
            return Err(format!("profile key `host` is `{host}`; a workspace is spoken to by https alone"));
        }
        Ok(Self { origin: format!("{scheme}://{rest}"), host: name.to_ascii_lowercase(), port, is_loopback })
    }
}

/// The warehouse in `/sql/1.0/warehouses/<id>`.
fn warehouse_id(http_path: &str) -> Result<String, String> {
    let parts: Vec<&str> =
        http_path.split('?').next().unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["sql", _, "warehouses" | "endpoints", id] => Ok((*id).to_owned()),
        ["sql", "protocolv1", ..] => Err(format!(
            "profile key `http_path` is `{http_path}`, an all-purpose cluster; dvt speaks to SQL warehouses: take the HTTP path \
             of one (/sql/1.0/warehouses/…)"
        )),
        _ => Err(format!("profile key `http_path` is `{http_path}`; it is like /sql/1.0/warehouses/abc123")),
    }
}

/// `/Volumes/catalog/schema/volume[/folder]` from that or from `catalog.schema.volume`.
fn volume_path(volume: &str) -> Result<String, String> {
    let parts: Vec<&str> = match volume.strip_prefix("/Volumes/") {
        Some(path) => path.trim_end_matches('/').split('/').collect(),
        None => volume.split('.').collect(),
    };
    let is_whole =
        parts.len() >= 3 && parts.iter().all(|part| !matches!(*part, "" | "." | "..") && !part.contains('/'));
    if !is_whole || (!volume.starts_with("/Volumes/") && parts.len() != 3) {
        return Err(format!("profile key `volume` is `{volume}`; it is /Volumes/<catalog>/<schema>/<volume>"));
    }
    Ok(format!("/Volumes/{}", parts.join("/")))
}

#[cfg(test)]
mod tests;
