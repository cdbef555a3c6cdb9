//! The keys of a `snowflake` profile output, as the driver's options.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. The keys are dbt-snowflake's; those that
//! need a browser or a library of Python are refused by name. Source: dbt's documentation, "Snowflake setup"; the ADBC
//! driver's "Client options".

use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::{Secret, did_you_mean};
use serde_json::{Map, Value};
use std::path::Path;

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) schema: String,
    /// Options of the driver; values may be secrets.
    pub(crate) options: Vec<(String, Secret)>,
    pub(crate) query_tag: Option<String>,
    /// Rows go in by INSERT statements instead of a stage.
    pub(crate) inserts: bool,
    pub(crate) target_values: Map<String, Value>,
}

const KNOWN_KEYS: &[&str] = &[
    "type",
    "account",
    "user",
    "password",
    "authenticator",
    "token",
    "private_key",
    "private_key_path",
    "private_key_passphrase",
    "oauth_client_id",
    "oauth_client_secret",
    "role",
    "warehouse",
    "database",
    "schema",
    "query_tag",
    "threads",
    "client_session_keep_alive",
    "connect_retries",
    "connect_timeout",
    "retry_on_database_errors",
    "retry_all",
    "reuse_connections",
    "insecure_mode",
    "host",
    "port",
    "protocol",
    "proxy_host",
    "proxy_port",
    "s3_stage_vpce_dns_name",
    "platform_detection_timeout_seconds",
    // dvt's own: how rows are loaded.
    "load",
];

/// Keys that cannot be honoured, with what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("oauth_client_id", "give an access token: `authenticator: oauth` with `token`"),
    ("oauth_client_secret", "give an access token: `authenticator: oauth` with `token`"),
    ("s3_stage_vpce_dns_name", "the driver has no such setting"),
    ("proxy_host", "set HTTPS_PROXY in the environment"),
    ("proxy_port", "set HTTPS_PROXY in the environment"),
];

const SQL: &str = "adbc.snowflake.sql.";
const CLIENT: &str = "adbc.snowflake.sql.client_option.";

impl Settings {
    /// Reads a profile output. Relative paths start at `project_directory`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key.
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
    ) -> Result<Self, AdapterError> {
        let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        for (key, value) in output {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                let error = refuse(format!("profile key `{key}` is not known for type snowflake"));
                return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("the known keys are: {}", KNOWN_KEYS.join(", "))),
                });
            }
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == key)
                && !value.is_null()
            {
                return Err(
                    refuse(format!("profile key `{key}` of type snowflake is not supported")).with_hint(*instead)
                );
            }
        }
        Reader { output, folder: project_directory, options: Vec::new() }.settings(connection).map_err(refuse)
    }
}

struct Reader<'a> {
    output: &'a Map<String, Value>,
    folder: &'a Path,
    options: Vec<(String, Secret)>,
}

impl Reader<'_> {
    fn settings(mut self, connection: &str) -> Result<Settings, String> {
        let account = self.required("account")?;
        let user = self.text("user")?.unwrap_or_default();
        let database = self.required("database")?;
        let schema = self.required("schema")?;
        self.authentication(&user)?;
        self.sql("account", account.clone());
        self.sql("db", database.clone());
        self.sql("schema", schema.clone());
        for key in ["role", "warehouse"] {
            if let Some(value) = self.text(key)? {
                self.sql(key, value);
            }
        }
        for (key, option) in [("protocol", "uri.protocol"), ("host", "uri.host"), ("port", "uri.port")] {
            if let Some(value) = self.text(key)? {
                self.sql(option, value);
            }
        }
        let port = match self.text("port")? {
            None => None,
            Some(port) => Some(port.parse().map_err(|_| "profile key `port` has to be a port number".to_owned())?),
        };
        // A value that nanoseconds cannot hold is an error instead of another date.
        self.client("max_timestamp_precision", "nanoseconds_error_on_overflow");
        self.client("use_high_precision", "true");
        self.client("disable_telemetry", "true");
        self.client("app_name", "dvt");
        if self.flag("client_session_keep_alive")? {
            self.client("keep_session_alive", "true");
        }
        if self.flag("insecure_mode")? {
            self.client("ocsp_fail_open_mode", "true");
        }
        let seconds = self.text("connect_timeout")?.unwrap_or_else(|| "10".to_owned());
        let seconds: u64 =
            seconds.parse().map_err(|_| "profile key `connect_timeout` has to be a number of seconds".to_owned())?;
        self.client("login_timeout", &format!("{seconds}s"));
        let inserts = match self.text("load")?.as_deref() {
            None | Some("stage") => false,
            Some("insert") => true,
            Some(other) => return Err(format!("profile key `load` is `{other}`; it is `stage` or `insert`")),
        };
        let host = self.text("host")?.unwrap_or_else(|| format!("{account}.snowflakecomputing.com"));
        let mut target_values = self.output.clone();
        target_values.retain(|key, _| {
            !matches!(
                key.as_str(),
                "password" | "token" | "private_key" | "private_key_passphrase" | "private_key_path"
            )
        });
        for (key, value) in [
            ("type", Value::from("snowflake")),
            ("database", Value::from(database.as_str())),
            ("schema", Value::from(schema.as_str())),
            ("threads", self.output.get("threads").cloned().unwrap_or_else(|| Value::from(1))),
        ] {
            target_values.insert(key.to_owned(), value);
        }
        for key in ["role", "warehouse"] {
            target_values.entry(key).or_insert(Value::Null);
        }
        Ok(Settings {
            connection: connection.to_owned(),
            host,
            port,
            user,
            database,
            schema,
            query_tag: self.text("query_tag")?,
            inserts,
            options: self.options,
            target_values,
        })
    }

    /// One way of proving who one is, as dbt's keys say it.
    fn authentication(&mut self, user: &str) -> Result<(), String> {
        let authenticator = self.text("authenticator")?.unwrap_or_default();
        let (password, token) = (self.text("password")?, self.text("token")?);
        let key = self.key()?;
        let has_user = || if user.is_empty() { Err("profile key `user` is missing".to_owned()) } else { Ok(()) };
        self.option("username", user.to_owned());
        let kind = authenticator.to_ascii_lowercase();
        match (kind.as_str(), key, password, token) {
            ("oauth", None, None, Some(token)) => {
                self.sql("auth_type", "auth_oauth".to_owned());
                self.client("auth_token", &token);
            }
            ("oauth", None, None, None) => return Err("`authenticator: oauth` needs `token`".to_owned()),
            ("programmatic_access_token", None, None, Some(token)) => {
                has_user()?;
                self.sql("auth_type", "auth_pat".to_owned());
                self.client("auth_token", &token);
            }
            ("programmatic_access_token", None, ..) => {
                return Err("`authenticator: programmatic_access_token` needs `token` alone".to_owned());
            }
            ("" | "jwt" | "snowflake_jwt", Some(key), None, None) => {
                has_user()?;
                self.sql("auth_type", "auth_jwt".to_owned());
                let passphrase = self.text("private_key_passphrase")?;
                self.client("jwt_private_key_pkcs8_value", &key);
                if let Some(passphrase) = passphrase {
                    self.client("jwt_private_key_pkcs8_password", &passphrase);
                }
            }
            ("jwt", None, None, Some(token)) => {
                self.sql("auth_type", "auth_oauth".to_owned());
                self.client("auth_token", &token);
            }
            ("jwt" | "snowflake_jwt", None, ..) => return Err("`authenticator: jwt` needs a private key".to_owned()),
            ("username_password_mfa", None, Some(password), None) => {
                has_user()?;
                self.sql("auth_type", "auth_mfa".to_owned());
                self.option("password", password);
            }
            ("externalbrowser", ..) => {
                return Err(
                    "`authenticator: externalbrowser` opens a browser, which dvt does not; use a key pair, a token \
                            or a password"
                        .to_owned(),
                );
            }
            (okta, None, Some(password), None) if okta.starts_with("https://") => {
                has_user()?;
                self.sql("auth_type", "auth_okta".to_owned());
                self.client("okta_url", &authenticator);
                self.option("password", password);
            }
            ("" | "snowflake", None, Some(password), None) => {
                has_user()?;
                self.sql("auth_type", "auth_snowflake".to_owned());
                self.option("password", password);
            }
            ("" | "snowflake", None, None, None) => {
                return Err("there is neither `password` nor `private_key`, `private_key_path` or `token`".to_owned());
            }
            ("", None, None, Some(_)) => {
                return Err("`token` goes with `authenticator: oauth` or `programmatic_access_token`".to_owned());
            }
            ("" | "snowflake" | "oauth" | "jwt" | "snowflake_jwt" | "username_password_mfa", ..) => {
                return Err(
                    "give one of `password`, a private key and `token`, and the `authenticator` that it is for"
                        .to_owned(),
                );
            }
            (other, ..) => return Err(format!("`authenticator: {other}` is not supported")),
        }
        Ok(())
    }

    /// The private key as PEM text: in the profile itself, or in a file.
    fn key(&self) -> Result<Option<String>, String> {
        let text = match (self.text("private_key")?, self.text("private_key_path")?) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err("give `private_key` or `private_key_path`, not both".to_owned()),
            (Some(key), None) => key,
            (None, Some(path)) => {
                let path = self.folder.join(path);
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("`private_key_path`: `{}` cannot be read: {error}", path.display()))?
            }
        };
        let has_passphrase = self.text("private_key_passphrase")?.is_some();
        if text.contains("-----BEGIN") {
            return Ok(Some(text));
        }
        // dbt also takes the DER bytes in base64.
        let label = if has_passphrase { "ENCRYPTED PRIVATE KEY" } else { "PRIVATE KEY" };
        let base64: String = text.split_whitespace().collect();
        let is_base64 = !base64.is_empty() && base64.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        if !is_base64 {
            return Err("`private_key` is neither PEM nor base64".to_owned());
        }
        let lines: Vec<&str> = base64.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Ok(Some(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))))
    }

    fn option(&mut self, name: &str, value: String) {
        self.options.push((name.to_owned(), Secret::new(value)));
    }

    fn sql(&mut self, name: &str, value: String) {
        self.option(&format!("{SQL}{name}"), value);
    }

    fn client(&mut self, name: &str, value: &str) {
        self.option(&format!("{CLIENT}{name}"), value.to_owned());
    }

    fn required(&self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| format!("profile key `{key}` is missing"))
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.output.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("profile key `{key}` has to be text")),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, String> {
        match self.output.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("profile key `{key}` has to be true or false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use serde_json::{Value, json};
    use std::path::Path;

    fn read(keys: Value) -> Result<Settings, String> {
        let mut output = json!({"type": "snowflake", "account": "a", "user": "u", "database": "D", "schema": "S"});
        let (Value::Object(all), Value::Object(keys)) = (&mut output, keys) else { panic!("not maps") };
        all.extend(keys);
        Settings::from_profile("snow", all, Path::new("/")).map_err(|error| error.message)
    }

    #[test]
    fn each_way_of_authentication_is_the_drivers_own() {
        let check = |keys: Value, expected: &str| {
            let settings = read(keys.clone());
            let found = settings.map_or_else(
                |error| error,
                |settings| {
                    let kind = settings.options.iter().find(|(key, _)| key.ends_with("auth_type"));
                    kind.map(|(_, value)| value.expose().to_owned()).unwrap_or_default()
                },
            );
            assert_eq!(found, expected, "{keys}");
        };
        check(json!({"password": "p"}), "auth_snowflake");
        check(json!({"private_key": "TUlJ"}), "auth_jwt");
        check(json!({"authenticator": "oauth", "token": "t"}), "auth_oauth");
        check(json!({"authenticator": "programmatic_access_token", "token": "t"}), "auth_pat");
        check(json!({"authenticator": "username_password_mfa", "password": "p"}), "auth_mfa");
        check(json!({"authenticator": "https://x.okta.example", "password": "p"}), "auth_okta");
        check(json!({}), "there is neither `password` nor `private_key`, `private_key_path` or `token`");
        check(json!({"token": "t"}), "`token` goes with `authenticator: oauth` or `programmatic_access_token`");
        check(
            json!({"password": "p", "private_key": "TUlJ"}),
            "give one of `password`, a private key and `token`, and the `authenticator` that it is for",
        );
        assert!(read(json!({"authenticator": "externalbrowser"})).unwrap_err().contains("opens a browser"));
        assert!(read(json!({"private_key_path": "/no/such.p8"})).unwrap_err().contains("/no/such.p8"));
        assert!(read(json!({"pasword": "p"})).unwrap_err().contains("`pasword` is not known"));
    }

    #[test]
    fn no_secret_is_shown_or_handed_to_templates() {
        let settings = read(json!({"password": "hunter2", "query_tag": "nightly", "role": "R", "port": 8080})).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(!Value::Object(settings.target_values.clone()).to_string().contains("hunter2"));
        assert_eq!(settings.target_values["role"], "R");
        assert_eq!((settings.query_tag.as_deref(), settings.port), (Some("nightly"), Some(8080)));
    }
}
