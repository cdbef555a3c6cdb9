//! The keys of a `postgres` profile output, turned into settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. Numbers may be written as strings, as
//! `env_var` gives them.
//! Source: dbt docs, "Postgres setup"; PostgreSQL manual, "Parameter Key Words" for the meaning of `sslmode`.

use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::{Secret, did_you_mean};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Everything needed to open a connection.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    /// A host name, an address, or the folder of a Unix socket.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) database: String,
    pub(crate) tls: TlsSettings,
    pub(crate) search_path: Option<String>,
    pub(crate) role: Option<String>,
    /// `None` leaves it to the system.
    pub(crate) keepalives_idle: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    /// Further attempts after a first one that found nobody.
    pub(crate) retries: u32,
    pub(crate) application_name: String,
    /// The output map without secrets, as templates see it.
    pub(crate) target_values: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) mode: TlsMode,
    pub(crate) root_certificate: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    /// Without TLS first, with it if the server insists.
    Allow,
    /// With TLS first, without it if the server cannot.
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

const KNOWN_KEYS: &[&str] = &[
    "type",
    "host",
    "port",
    "user",
    "username",
    "password",
    "pass",
    "dbname",
    "database",
    "schema",
    "threads",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "search_path",
    "role",
    "keepalives_idle",
    "connect_timeout",
    "retries",
    "application_name",
    "method",
];

impl Settings {
    /// Reads a profile output.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key.
    pub(crate) fn from_profile(connection: &str, output: &Map<String, Value>) -> Result<Self, AdapterError> {
        let keys = Keys { connection, output };
        for key in output.keys() {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                let error = keys.error(format!("profile key `{key}` is not known for type `postgres`"));
                return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("known keys are {}", KNOWN_KEYS.join(", "))),
                });
            }
        }
        if let Some(method) = keys.text(&["method"])? {
            return Err(keys
                .error(format!("`method: {method}` asks for a login that is not supported"))
                .with_hint("give `user` and `password`, or `sslcert` and `sslkey`"));
        }
        let database = keys.required(&["dbname", "database"])?;
        let schema = keys.required(&["schema"])?;
        let user = keys.required(&["user", "username"])?;
        let host = keys.required(&["host"])?;
        let port = keys.whole_number("port", 5432)?;
        let port = u16::try_from(port).ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| keys.error("`port` has to be between 1 and 65535".to_owned()))?;
        let tls = keys.tls()?;
        let keepalives_idle = match keys.whole_number("keepalives_idle", 0)? {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        };
        let retries = keys.whole_number("retries", 1)?;
        let mut settings = Self {
            connection: connection.to_owned(),
            host,
            port,
            user,
            password: keys.text(&["password", "pass"])?.map(Secret::new),
            database,
            tls,
            search_path: keys.text(&["search_path"])?,
            role: keys.text(&["role"])?.filter(|role| !role.is_empty()),
            keepalives_idle,
            connect_timeout: Duration::from_secs(keys.whole_number("connect_timeout", 10)?.max(1)),
            retries: u32::try_from(retries.min(100)).unwrap_or(100),
            application_name: keys.text(&["application_name"])?.unwrap_or_else(|| "dbt".to_owned()),
            target_values: Map::new(),
        };
        settings.target_values = settings.visible_values(&keys, &schema)?;
        Ok(settings)
    }

    /// dbt's `target` for PostgreSQL: aliases under their dbt names, both `dbname` and `database`, no secret.
    fn visible_values(&self, keys: &Keys<'_>, schema: &str) -> Result<Map<String, Value>, AdapterError> {
        let mut values = Map::new();
        values.insert("type".to_owned(), "postgres".into());
        values.insert("host".to_owned(), self.host.clone().into());
        values.insert("port".to_owned(), self.port.into());
        values.insert("user".to_owned(), self.user.clone().into());
        values.insert("database".to_owned(), self.database.clone().into());
        values.insert("dbname".to_owned(), self.database.clone().into());
        values.insert("schema".to_owned(), schema.into());
        values.insert("threads".to_owned(), keys.whole_number("threads", 1)?.into());
        values.insert("connect_timeout".to_owned(), self.connect_timeout.as_secs().into());
        values.insert("keepalives_idle".to_owned(), keys.whole_number("keepalives_idle", 0)?.into());
        values.insert("retries".to_owned(), self.retries.into());
        values.insert("application_name".to_owned(), self.application_name.clone().into());
        for key in ["role", "search_path", "sslmode", "sslcert", "sslkey", "sslrootcert"] {
            values.insert(key.to_owned(), keys.text(&[key])?.map_or(Value::Null, Value::from));
        }
        Ok(values)
    }

    pub(crate) fn is_unix_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

/// The output map and the name that errors carry.
struct Keys<'a> {
    connection: &'a str,
    output: &'a Map<String, Value>,
}

impl Keys<'_> {
    fn error(&self, message: String) -> AdapterError {
        AdapterError::new(ErrorClass::Configuration, self.connection, message)
    }

    /// The value of the one of these spellings that is given.
    fn text(&self, spellings: &[&str]) -> Result<Option<String>, AdapterError> {
        let mut found = spellings
            .iter()
            .filter_map(|key| self.output.get(*key).filter(|value| !value.is_null()).map(|value| (*key, value)));
        let Some((key, value)) = found.next() else { return Ok(None) };
        if let Some((other, _)) = found.next() {
            return Err(self.error(format!("both `{key}` and `{other}` are given; they mean the same")));
        }
        match value {
            Value::String(text) => Ok(Some(text.clone())),
            Value::Number(number) => Ok(Some(number.to_string())),
            _ => Err(self.error(format!("`{key}` has to be text"))),
        }
    }

    fn required(&self, spellings: &[&str]) -> Result<String, AdapterError> {
        match self.text(spellings)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.error(format!("profile key `{}` is missing", spellings[0]))),
        }
    }

    fn whole_number(&self, key: &str, default: u64) -> Result<u64, AdapterError> {
        let number = match self.output.get(key) {
            None | Some(Value::Null) => Some(default),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.ok_or_else(|| self.error(format!("`{key}` has to be a whole number")))
    }

    fn tls(&self) -> Result<TlsSettings, AdapterError> {
        const MODES: [(&str, TlsMode); 6] = [
            ("disable", TlsMode::Disable),
            ("allow", TlsMode::Allow),
            ("prefer", TlsMode::Prefer),
            ("require", TlsMode::Require),
            ("verify-ca", TlsMode::VerifyCa),
            ("verify-full", TlsMode::VerifyFull),
        ];
        let mode = match self.text(&["sslmode"])? {
            None => TlsMode::Prefer,
            Some(name) => match MODES.iter().find(|(known, _)| *known == name) {
                Some((_, mode)) => *mode,
                None => {
                    let known = MODES.map(|(known, _)| known);
                    let error = self.error(format!("`sslmode: {name}` is not known"));
                    let near = did_you_mean(&name, known).map(|near| format!("did you mean `{near}`?"));
                    return Err(error.with_hint(near.unwrap_or_else(|| format!("it is one of {}", known.join(", ")))));
                }
            },
        };
        let path = |key| Ok::<_, AdapterError>(self.text(&[key])?.filter(|path| !path.is_empty()).map(PathBuf::from));
        let tls = TlsSettings {
            mode,
            root_certificate: path("sslrootcert")?,
            certificate: path("sslcert")?,
            key: path("sslkey")?,
        };
        if tls.certificate.is_some() != tls.key.is_some() {
            return Err(self.error("`sslcert` and `sslkey` belong together: give both or neither".to_owned()));
        }
        Ok(tls)
    }
}

#[cfg(test)]
mod tests;
