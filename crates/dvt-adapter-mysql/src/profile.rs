//! The keys of a `mysql` or `mariadb` profile output, turned into settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. The keys are those of dbt-mysql
//! (which passes them to MySQL's own connector) and their common spellings; numbers and booleans may be strings, as
//! `env_var` gives them.
//! Source: dbt docs, "MySQL setup"; MySQL Connector/Python, "Connection Arguments"; MySQL manual, "Command Options for
//! Encrypted Connections" for the meaning of the `sslmode` names.

use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::{Secret, did_you_mean};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything needed to open a connection.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    pub(crate) adapter_type: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) unix_socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) schema: String,
    pub(crate) tls: TlsSettings,
    pub(crate) collation: Option<String>,
    pub(crate) connect_timeout: Duration,
    /// Further attempts after a first one that found nobody.
    pub(crate) retries: u32,
    /// The output map without secrets, as templates see it.
    pub(crate) target_values: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) mode: TlsMode,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// How far the server has to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    Disabled,
    /// Encrypted if the server can, its certificate unchecked.
    Preferred,
    /// Encrypted or refused, the certificate unchecked.
    Required,
    /// The certificate leads to a known authority.
    VerifyCa,
    /// And it names this host.
    VerifyIdentity,
}

const KNOWN_KEYS: &[&str] = &[
    "type",
    "server",
    "host",
    "port",
    "username",
    "user",
    "password",
    "pass",
    "schema",
    "database",
    "threads",
    "unix_socket",
    "ssl_disabled",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "ssl_verify_cert",
    "ssl_verify_identity",
    "sslmode",
    "ssl_mode",
    "charset",
    "collation",
    "connect_timeout",
    "connection_timeout",
    "retries",
];

const SECRET_KEYS: &[&str] = &["password", "pass"];

impl Settings {
    /// Reads a profile output. Relative certificate paths start at `project_directory`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key.
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
    ) -> Result<Self, AdapterError> {
        let keys = Keys { connection, output };
        for key in output.keys() {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                let error = keys.error(format!("profile key `{key}` is not known for this type"));
                return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("the known keys are: {}", KNOWN_KEYS.join(", "))),
                });
            }
        }
        let adapter_type = match keys.text(&["type"])?.as_deref() {
            Some("mariadb") => "mariadb",
            _ => "mysql",
        };
        let schema = keys.text(&["schema"])?.or(keys.text(&["database"])?).ok_or_else(|| keys.missing("schema"))?;
        if let Some(database) = keys.text(&["database"])?
            && !database.is_empty()
            && database != schema
        {
            return Err(keys.error(format!(
                "`database` is `{database}` and `schema` is `{schema}`: in MySQL they are the same thing"
            )));
        }
        let unix_socket = keys.text(&["unix_socket"])?.map(PathBuf::from);
        let host = match keys.text(&["server", "host"])? {
            Some(host) => host,
            None if unix_socket.is_some() => "localhost".to_owned(),
            None => return Err(keys.missing("server")),
        };
        if let Some(charset) = keys.text(&["charset"])?
            && !["utf8mb4", "utf8", "utf8mb3"].contains(&charset.to_lowercase().as_str())
        {
            return Err(keys
                .error(format!("`charset` is `{charset}`, but dvt always speaks utf8mb4 with the server"))
                .with_hint("remove the key: the server converts to and from each column's own character set"));
        }
        let mut target_values = output.clone();
        target_values.retain(|key, _| !SECRET_KEYS.contains(&key.as_str()));
        let threads = keys.number(&["threads"])?.unwrap_or(1);
        for (key, value) in [("type", Value::from(adapter_type)), ("schema", Value::from(schema.as_str()))] {
            target_values.insert(key.to_owned(), value);
        }
        target_values.insert("threads".to_owned(), Value::from(threads));
        target_values.entry("host").or_insert_with(|| Value::from(host.as_str()));
        Ok(Self {
            connection: connection.to_owned(),
            adapter_type,
            port: match keys.number(&["port"])? {
                Some(port) => {
                    u16::try_from(port).map_err(|_| keys.error(format!("`port` is {port}, which is no port number")))?
                }
                None => 3306,
            },
            host,
            unix_socket,
            user: keys.text(&["username", "user"])?.ok_or_else(|| keys.missing("username"))?,
            password: keys.text(&["password", "pass"])?.map(Secret::new),
            schema,
            tls: keys.tls(project_directory)?,
            collation: keys.text(&["collation"])?,
            connect_timeout: Duration::from_secs(
                keys.number(&["connect_timeout", "connection_timeout"])?.unwrap_or(10).max(1),
            ),
            retries: u32::try_from(keys.number(&["retries"])?.unwrap_or(1)).unwrap_or(u32::MAX),
            target_values,
        })
    }
}

/// The output map with typed reads.
struct Keys<'a> {
    connection: &'a str,
    output: &'a Map<String, Value>,
}

impl Keys<'_> {
    fn error(&self, message: String) -> AdapterError {
        AdapterError::new(ErrorClass::Configuration, self.connection, message)
    }

    fn missing(&self, key: &str) -> AdapterError {
        self.error(format!("profile key `{key}` is missing"))
    }

    /// The first of these keys that is there and not null.
    fn value(&self, names: &[&str]) -> Option<(String, &Value)> {
        names.iter().find_map(|name| {
            self.output.get(*name).filter(|value| !value.is_null()).map(|value| ((*name).to_owned(), value))
        })
    }

    fn text(&self, names: &[&str]) -> Result<Option<String>, AdapterError> {
        match self.value(names) {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text.clone())),
            // A password or schema of digits arrives as a number from YAML.
            Some((_, Value::Number(number))) => Ok(Some(number.to_string())),
            Some((name, _)) => Err(self.error(format!("profile key `{name}` has to be text"))),
        }
    }

    fn number(&self, names: &[&str]) -> Result<Option<u64>, AdapterError> {
        let Some((name, value)) = self.value(names) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .map(Some)
            .ok_or_else(|| self.error(format!("profile key `{name}` has to be a whole number that is not negative")))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, AdapterError> {
        let Some((name, value)) = self.value(&[name]) else { return Ok(None) };
        let flag = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => number.as_u64().and_then(|number| [false, true].get(number as usize).copied()),
            Value::String(text) => match text.trim().to_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true),
                "false" | "no" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        flag.map(Some).ok_or_else(|| self.error(format!("profile key `{name}` has to be true or false")))
    }

    fn tls(&self, project_directory: &Path) -> Result<TlsSettings, AdapterError> {
        let path = |name: &str| -> Result<Option<PathBuf>, AdapterError> {
            Ok(self.text(&[name])?.filter(|path| !path.is_empty()).map(|path| project_directory.join(path)))
        };
        let (ca, cert, key) = (path("ssl_ca")?, path("ssl_cert")?, path("ssl_key")?);
        if cert.is_some() != key.is_some() {
            return Err(self.error("`ssl_cert` and `ssl_key` belong together: one of them is missing".to_owned()));
        }
        let asked = match self.text(&["sslmode", "ssl_mode"])? {
            None => None,
            Some(mode) => Some(match mode.to_lowercase().replace('-', "_").as_str() {
                "disabled" | "disable" => TlsMode::Disabled,
                "preferred" | "prefer" => TlsMode::Preferred,
                "required" | "require" => TlsMode::Required,
                "verify_ca" => TlsMode::VerifyCa,
                "verify_identity" | "verify_full" => TlsMode::VerifyIdentity,
                _ => {
                    return Err(self.error(format!(
                        "`sslmode` is `{mode}`; it can be disabled, preferred, required, verify_ca or verify_identity"
                    )));
                }
            }),
        };
        if self.flag("ssl_disabled")? == Some(true) {
            if asked.is_some_and(|mode| mode > TlsMode::Disabled) {
                return Err(self.error("`ssl_disabled` is true, but `sslmode` asks for encryption".to_owned()));
            }
            return Ok(TlsSettings { mode: TlsMode::Disabled, ca, cert, key });
        }
        let mut mode = asked.unwrap_or(TlsMode::Preferred);
        // Each of these asks for more than encryption; who names an authority wants it checked.
        if asked.is_none() && ca.is_some() {
            mode = mode.max(TlsMode::VerifyCa);
        }
        if self.flag("ssl_verify_cert")? == Some(true) {
            mode = mode.max(TlsMode::VerifyCa);
        }
        if self.flag("ssl_verify_identity")? == Some(true) {
            mode = mode.max(TlsMode::VerifyIdentity);
        }
        if asked == Some(TlsMode::Disabled) && mode > TlsMode::Disabled {
            return Err(self.error("`sslmode` is disabled, but a certificate check is asked for".to_owned()));
        }
        Ok(TlsSettings { mode, ca, cert, key })
    }
}

#[cfg(test)]
mod tests;
