//! The keys of a `postgres` profile output, turned into settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key.
//! Source: dbt docs, "Postgres setup".

use crate::postgres::types::ADAPTER_TYPE;
use crate::settings::{Keepalives, Keys, Settings};
use dvt_adapter::AdapterError;
use dvt_diagnostics::Secret;
use serde_json::{Map, Value};
use std::time::Duration;

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

/// Reads a profile output.
///
/// # Errors
/// Class `Configuration`, naming the key.
pub(crate) fn settings(connection: &str, output: &Map<String, Value>) -> Result<Settings, AdapterError> {
    let keys = Keys { connection, output };
    keys.only(ADAPTER_TYPE, KNOWN_KEYS)?;
    if let Some(method) = keys.text(&["method"])? {
        return Err(keys
            .error(format!("`method: {method}` asks for a login that is not supported"))
            .with_hint("give `user` and `password`, or `sslcert` and `sslkey`"));
    }
    let database = keys.required(&["dbname", "database"])?;
    let schema = keys.required(&["schema"])?;
    let user = keys.required(&["user", "username"])?;
    let host = keys.required(&["host"])?;
    let port = keys.port(5432)?;
    let tls = keys.tls()?;
    let keepalives = Keepalives { idle: keys.seconds("keepalives_idle")?, ..Keepalives::default() };
    let retries = keys.whole_number("retries", 1)?;
    let mut settings = Settings {
        connection: connection.to_owned(),
        host,
        port,
        user,
        password: keys.text(&["password", "pass"])?.map(Secret::new),
        database,
        tls,
        search_path: keys.text(&["search_path"])?,
        role: keys.text(&["role"])?.filter(|role| !role.is_empty()),
        keepalives,
        connect_timeout: Duration::from_secs(keys.whole_number("connect_timeout", 10)?.max(1)),
        retries: u32::try_from(retries.min(100)).unwrap_or(100),
        application_name: keys.text(&["application_name"])?.unwrap_or_else(|| "dbt".to_owned()),
        target_values: Map::new(),
    };
    settings.target_values = visible_values(&settings, &keys, &schema)?;
    Ok(settings)
}

/// dbt's `target` for PostgreSQL: aliases under their dbt names, both `dbname` and `database`, no secret.
fn visible_values(settings: &Settings, keys: &Keys<'_>, schema: &str) -> Result<Map<String, Value>, AdapterError> {
    let mut values = Map::new();
    values.insert("type".to_owned(), ADAPTER_TYPE.into());
    values.insert("host".to_owned(), settings.host.clone().into());
    values.insert("port".to_owned(), settings.port.into());
    values.insert("user".to_owned(), settings.user.clone().into());
    values.insert("database".to_owned(), settings.database.clone().into());
    values.insert("dbname".to_owned(), settings.database.clone().into());
    values.insert("schema".to_owned(), schema.into());
    values.insert("threads".to_owned(), keys.whole_number("threads", 1)?.into());
    values.insert("connect_timeout".to_owned(), settings.connect_timeout.as_secs().into());
    values.insert("keepalives_idle".to_owned(), keys.whole_number("keepalives_idle", 0)?.into());
    values.insert("retries".to_owned(), settings.retries.into());
    values.insert("application_name".to_owned(), settings.application_name.clone().into());
    for key in ["role", "search_path", "sslmode", "sslcert", "sslkey", "sslrootcert"] {
        values.insert(key.to_owned(), keys.text(&[key])?.map_or(Value::Null, Value::from));
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
