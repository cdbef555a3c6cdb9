//! The keys of a `spark` profile output, as settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. The keys are dbt-spark's where Spark Connect has
//! something for them, and a few of dvt's own. A way of connecting that is not Spark Connect's is told only when somebody
//! connects: the project can be read and compiled before. Source: dbt's documentation, "Apache Spark setup".

use crate::Places;
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::did_you_mean;
use dvt_spark::{CONNECT_TIMEOUT, SparkSettings};
use serde_json::{Map, Value};
use std::path::Path;
use std::time::Duration;

pub(crate) const ADAPTER_TYPE: &str = "spark";

const NO_TEXT_TABLES: &str = "spark.sql.legacy.createHiveTableByDefault";

/// Where Spark Connect servers listen.
const PORT: u16 = 15002;

/// Everything needed to talk to a Spark.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    pub(crate) schema: String,
    pub(crate) place: Place,
    /// Settings that every session gets.
    pub(crate) session_settings: Vec<(String, String)>,
    /// Further attempts after one that found nobody.
    pub(crate) connect_retries: u32,
    pub(crate) target_values: Map<String, Value>,
}

/// Which Spark.
#[derive(Debug)]
pub(crate) enum Place {
    /// One that listens, or one to start.
    Connect(Box<SparkSettings>),
    /// dbt-spark would speak another protocol: why dvt does not, and what to do.
    Elsewhere { message: String, hint: String },
}

const KNOWN_KEYS: &[&str] = &[
    "type",
    "method",
    "host",
    "port",
    "schema",
    "database",
    "threads",
    "token",
    "user",
    "use_ssl",
    "server_side_parameters",
    "connect_retries",
    "connect_timeout",
    "retry_all",
    "query_timeout",
    "query_retries",
    "poll_interval",
    "cluster",
    "endpoint",
    "organization",
    "driver",
    "auth",
    "password",
    "kerberos_service_name",
    "connection_string_suffix",
    // dvt's own.
    "remote",
    "master",
    "version",
    "spark_home",
    "java_home",
    "warehouse",
];

/// Keys that only another protocol has; beside `remote` they are dbt's business.
const OF_OTHER_METHODS: &[&str] = &[
    "cluster",
    "endpoint",
    "organization",
    "driver",
    "auth",
    "password",
    "kerberos_service_name",
    "connection_string_suffix",
];

/// Keys that templates see as `target`; none of them can hold a secret.
const SHOWN: &[&str] = &["method", "host", "port", "user", "cluster", "endpoint", "organization", "threads"];

impl Settings {
    /// Reads a profile output.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key.
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        folder: &Path,
        places: &Places,
    ) -> Result<Self, AdapterError> {
        let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        if let Some(key) = output.keys().find(|key| !KNOWN_KEYS.contains(&key.as_str())) {
            let error = refuse(format!("profile key `{key}` is not known for type spark"));
            return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint(format!("the known keys are: {}", KNOWN_KEYS.join(", "))),
            });
        }
        Reader { connection, output, folder, places }.settings().map_err(refuse)
    }
}

struct Reader<'a> {
    connection: &'a str,
    output: &'a Map<String, Value>,
    folder: &'a Path,
    places: &'a Places,
}

impl Reader<'_> {
    fn settings(&self) -> Result<Settings, String> {
        let schema = self.required("schema")?;
        if let Some(database) = self.text("database")?
            && database != schema
        {
            return Err(format!(
                "`database` is `{database}` and `schema` is `{schema}`: on Spark they are the same; leave `database` out"
            ));
        }
        let parameters = self.parameters()?;
        let retries = self.number("connect_retries")?.unwrap_or(0);
        let place = self.place(&parameters)?;
        let mut target_values: Map<String, Value> = self
            .output
            .iter()
            .filter(|(key, _)| SHOWN.contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        for (key, value) in [
            ("type", Value::from(ADAPTER_TYPE)),
            ("schema", Value::from(schema.as_str())),
            ("database", Value::Null),
            ("threads", self.output.get("threads").cloned().unwrap_or_else(|| Value::from(1))),
        ] {
            target_values.insert(key.to_owned(), value);
        }
        // A server of dvt's own is started with all of them.
        let is_own = matches!(&place, Place::Connect(settings) if settings.remote.is_none());
        let mut session_settings = if is_own { Vec::new() } else { parameters };
        // Where no format is asked for, a table has the server's own (Parquet), and not Hive's lines of text.
        if !session_settings.iter().any(|(key, _)| key == NO_TEXT_TABLES) {
            session_settings.push((NO_TEXT_TABLES.to_owned(), "false".to_owned()));
        }
        Ok(Settings {
            connection: self.connection.to_owned(),
            schema,
            place,
            session_settings,
            connect_retries: u32::try_from(retries).unwrap_or(u32::MAX),
            target_values,
        })
    }

    fn place(&self, parameters: &[(String, String)]) -> Result<Place, String> {
        let method = self.text("method")?.map(|method| method.to_ascii_lowercase());
        let mut settings = SparkSettings {
            connect_timeout: self.number("connect_timeout")?.map_or(CONNECT_TIMEOUT, |s| Duration::from_secs(s.max(1))),
            ..SparkSettings::new(self.connection)
        };
        if let Some(remote) = self.text("remote")? {
            settings.remote = Some(remote);
            return Ok(Place::Connect(Box::new(settings)));
        }
        let only_others = || OF_OTHER_METHODS.iter().find(|key| self.output.get(**key).is_some_and(|v| !v.is_null()));
        match method.as_deref() {
            None | Some("connect") => {
                if let Some(key) = only_others() {
                    return Err(format!("profile key `{key}` means nothing to Spark Connect; leave it out"));
                }
                settings.remote = Some(self.remote()?);
                Ok(Place::Connect(Box::new(settings)))
            }
            Some("session") => {
                self.own_server(&mut settings, parameters)?;
                Ok(Place::Connect(Box::new(settings)))
            }
            Some(method @ ("thrift" | "http" | "odbc")) => {
                let host = self.text("host")?.unwrap_or_default();
                let hint = match self.text("cluster")? {
                    Some(cluster) => format!(
                        "a Databricks cluster is reached by `remote: \"sc://{host}:443/;use_ssl=true;token=…;x-databricks-cluster-id={cluster}\"` \
                         beside the other keys, which dbt goes on reading"
                    ),
                    None => format!(
                        "start a Spark Connect server there (sbin/start-connect-server.sh) and name it beside the other keys, which dbt goes on \
                         reading: `remote: \"sc://{host}:{PORT}\"`"
                    ),
                };
                let message =
                    format!("dvt speaks to Spark by Spark Connect, and `method: {method}` is another protocol");
                Ok(Place::Elsewhere { message, hint })
            }
            Some(other) => Err(format!(
                "profile key `method` is `{other}`; it is `connect` (a Spark Connect server) or `session` (dvt starts one); \
                 `thrift`, `http` and `odbc` go with `remote`"
            )),
        }
    }

    /// The URL that `host` and its company mean.
    fn remote(&self) -> Result<String, String> {
        let host = self.required("host")?;
        let is_plain =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte));
        if !is_plain {
            return Err(format!("profile key `host` is `{host}`; it is a name or an address, without `://` and path"));
        }
        let port = match self.number("port")? {
            Some(port) => u16::try_from(port).map_err(|_| format!("profile key `port` is {port}"))?,
            None => PORT,
        };
        let mut url = format!("sc://{host}:{port}/");
        for (key, value) in [("token", self.text("token")?), ("user_id", self.text("user")?)] {
            if let Some(value) = value {
                if value.contains([';', '=']) && key != "token" || value.contains(';') {
                    return Err(format!("profile key `{key}` holds a semicolon, which no URL of Spark Connect can"));
                }
                url.push_str(&format!(";{key}={value}"));
            }
        }
        if self.flag("use_ssl")? {
            url.push_str(";use_ssl=true");
        }
        Ok(url)
    }

    /// A server that dvt starts for the run; what it keeps lies where dbt-spark's would: in the project's folder.
    fn own_server(&self, settings: &mut SparkSettings, parameters: &[(String, String)]) -> Result<(), String> {
        let path = |key: &str| Ok::<_, String>(self.text(key)?.map(|path| self.folder.join(path)));
        let warehouse = path("warehouse")?.unwrap_or_else(|| self.folder.join("spark-warehouse"));
        settings.version = self.text("version")?;
        settings.spark_home = path("spark_home")?;
        settings.java_home = path("java_home")?.or_else(|| self.places.java_home.clone());
        settings.master = self.text("master")?.unwrap_or_else(|| "local[*]".to_owned());
        settings.distributions.clone_from(&self.places.distributions);
        settings.default_home.clone_from(&self.places.home);
        settings.logs = self.folder.join("target/.dvt/spark");
        let metastore = self.folder.join("metastore_db");
        settings.config = vec![
            ("spark.sql.catalogImplementation".to_owned(), "hive".to_owned()),
            ("spark.sql.warehouse.dir".to_owned(), warehouse.display().to_string()),
            (
                "spark.hadoop.javax.jdo.option.ConnectionURL".to_owned(),
                format!("jdbc:derby:;databaseName={};create=true", metastore.display()),
            ),
        ];
        settings.config.extend(parameters.iter().cloned());
        Ok(())
    }

    /// `server_side_parameters`: settings of sessions, by their names with or without `spark.`.
    fn parameters(&self) -> Result<Vec<(String, String)>, String> {
        let map = match self.output.get("server_side_parameters") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(map)) => map,
            Some(_) => return Err("profile key `server_side_parameters` has to be a dictionary".to_owned()),
        };
        map.iter()
            .map(|(key, value)| match value {
                Value::String(text) => Ok((key.clone(), text.clone())),
                Value::Number(_) | Value::Bool(_) => Ok((key.clone(), value.to_string())),
                _ => Err(format!("`server_side_parameters.{key}` has to be text")),
            })
            .collect()
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

    fn flag(&self, key: &str) -> Result<bool, String> {
        match self.output.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("profile key `{key}` has to be true or false")),
        }
    }
}

#[cfg(test)]
mod tests;
