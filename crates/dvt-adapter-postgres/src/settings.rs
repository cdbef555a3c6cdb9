//! What a connection is opened with, and how the keys of a profile output are read into it.
//!
//! Which keys there are is the database's to say (`postgres/profile`, `redshift/profile`). Numbers may be written as strings,
//! as `env_var` gives them.
//! Source: PostgreSQL manual, "Parameter Key Words", for the meaning of `sslmode`.

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
    pub(crate) keepalives: Keepalives,
    pub(crate) connect_timeout: Duration,
    /// Further attempts after a first one that found nobody.
    pub(crate) retries: u32,
    pub(crate) application_name: String,
    /// The output map without secrets, as templates see it.
    pub(crate) target_values: Map<String, Value>,
}

/// How an idle connection is kept alive; what is `None` is left to the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keepalives {
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
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

impl Settings {
    /// One name per place: host names have no case, and these three are one machine.
    pub(crate) fn place(&self) -> String {
        match self.host.to_ascii_lowercase().as_str() {
            "localhost" | "::1" => "127.0.0.1".to_owned(),
            other => other.to_owned(),
        }
    }

    pub(crate) fn is_unix_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

/// The output map and the name that errors carry.
pub(crate) struct Keys<'a> {
    pub(crate) connection: &'a str,
    pub(crate) output: &'a Map<String, Value>,
}

impl Keys<'_> {
    /// Refuses what `known` does not list.
    pub(crate) fn only(&self, adapter_type: &str, known: &[&str]) -> Result<(), AdapterError> {
        for key in self.output.keys() {
            if !known.contains(&key.as_str()) {
                let error = self.error(format!("profile key `{key}` is not known for type `{adapter_type}`"));
                return Err(match did_you_mean(key, known.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("known keys are {}", known.join(", "))),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn error(&self, message: String) -> AdapterError {
        AdapterError::new(ErrorClass::Configuration, self.connection, message)
    }

    /// The value of the one of these spellings that is given.
    pub(crate) fn text(&self, spellings: &[&str]) -> Result<Option<String>, AdapterError> {
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

    pub(crate) fn required(&self, spellings: &[&str]) -> Result<String, AdapterError> {
        match self.text(spellings)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.error(format!("profile key `{}` is missing", spellings[0]))),
        }
    }

    pub(crate) fn whole_number(&self, key: &str, default: u64) -> Result<u64, AdapterError> {
        let number = match self.output.get(key) {
            None | Some(Value::Null) => Some(default),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.ok_or_else(|| self.error(format!("`{key}` has to be a whole number")))
    }

    /// The port, between 1 and 65535.
    pub(crate) fn port(&self, default: u64) -> Result<u16, AdapterError> {
        let port = u16::try_from(self.whole_number("port", default)?).ok().filter(|port| *port != 0);
        port.ok_or_else(|| self.error("`port` has to be between 1 and 65535".to_owned()))
    }

    /// A length of time in whole seconds; zero and nothing are `None`.
    pub(crate) fn seconds(&self, key: &str) -> Result<Option<Duration>, AdapterError> {
        Ok(match self.whole_number(key, 0)? {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        })
    }

    pub(crate) fn tls(&self) -> Result<TlsSettings, AdapterError> {
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
