//! The keys of a `redshift` profile output, turned into settings.
//!
//! In: the rendered output map. Out: the protocol's [`Settings`] and what is Redshift's own, or an error that names the key.
//! Source: dbt docs, "Redshift setup"; Amazon Redshift management guide on `sslmode`.

use crate::redshift::types::ADAPTER_TYPE;
use crate::settings::{Keepalives, Keys, Settings, TlsMode};
use dvt_adapter::AdapterError;
use dvt_diagnostics::Secret;
use serde_json::{Map, Value};
use std::time::Duration;

/// What only Redshift has.
#[derive(Clone, Debug)]
pub(crate) struct RedshiftSettings {
    /// Relations without a schema are looked for here.
    pub(crate) schema: String,
    pub(crate) query_group: Option<String>,
    /// RA3 nodes and serverless read tables of other databases by their full names.
    pub(crate) reads_other_databases: bool,
    /// Whether `drop … cascade` of several threads may run at once.
    pub(crate) drops_concurrently: bool,
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
    "method",
    "sslmode",
    "sslrootcert",
    "connect_timeout",
    "role",
    "retries",
    "retry_all",
    "autocommit",
    "ra3_node",
    "datasharing",
    "query_group",
    "tcp_keepalive",
    "tcp_keepalive_idle",
    "tcp_keepalive_interval",
    "tcp_keepalive_count",
    "keepalives_idle",
    "allow_concurrent_drops",
    "drop_without_cascade",
    "region",
    "cluster_id",
    "iam_profile",
    "autocreate",
    "db_groups",
    "access_key_id",
    "secret_access_key",
    "is_serverless",
    "serverless_work_group",
    "serverless_acct_id",
    "idc_region",
    "issuer_url",
    "idp_listen_port",
    "idc_client_display_name",
    "idp_response_timeout",
    "token_endpoint",
];

/// Keys that templates see as they are given; none of them holds a secret.
const SHOWN: &[&str] = &[
    "method",
    "cluster_id",
    "iam_profile",
    "sslmode",
    "region",
    "db_groups",
    "role",
    "query_group",
    "is_serverless",
    "serverless_work_group",
    "serverless_acct_id",
    "tcp_keepalive_idle",
    "tcp_keepalive_interval",
    "tcp_keepalive_count",
];

/// Keys with a yes or no, and what they are when they are left out.
const FLAGS: &[(&str, bool)] = &[
    ("ra3_node", false),
    ("datasharing", false),
    ("retry_all", false),
    ("autocommit", true),
    ("autocreate", false),
    ("tcp_keepalive", true),
    ("allow_concurrent_drops", false),
    ("drop_without_cascade", false),
];

/// Reads a profile output.
///
/// # Errors
/// Class `Configuration`, naming the key.
pub(crate) fn settings(
    connection: &str,
    output: &Map<String, Value>,
) -> Result<(Settings, RedshiftSettings), AdapterError> {
    let keys = Keys { connection, output };
    keys.only(ADAPTER_TYPE, KNOWN_KEYS)?;
    refuse_what_is_not_built(&keys)?;
    let schema = keys.required(&["schema"])?;
    let mut tls = keys.tls()?;
    // dbt's driver checks the certificate's chain whenever it encrypts, and never goes on without encryption.
    if matches!(tls.mode, TlsMode::Allow | TlsMode::Prefer | TlsMode::Require) {
        tls.mode = TlsMode::VerifyCa;
    }
    let keepalives = match flag(&keys, "tcp_keepalive")? {
        false => Keepalives::default(),
        true => Keepalives {
            idle: keys.seconds("tcp_keepalive_idle")?.or(keys.seconds("keepalives_idle")?),
            interval: keys.seconds("tcp_keepalive_interval")?,
            count: match keys.whole_number("tcp_keepalive_count", 0)? {
                0 => None,
                count => Some(u32::try_from(count.min(127)).unwrap_or(127)),
            },
        },
    };
    let settings = Settings {
        connection: connection.to_owned(),
        host: keys.required(&["host"])?,
        port: keys.port(5439)?,
        user: keys.required(&["user", "username"])?,
        password: Some(Secret::new(keys.required(&["password", "pass"])?)),
        database: keys.required(&["dbname", "database"])?,
        tls,
        search_path: None,
        role: keys.text(&["role"])?.filter(|role| !role.is_empty()),
        keepalives,
        connect_timeout: keys.seconds("connect_timeout")?.unwrap_or(Duration::from_secs(30)),
        retries: u32::try_from(keys.whole_number("retries", 1)?.min(100)).unwrap_or(100),
        application_name: "dbt".to_owned(),
        target_values: Map::new(),
    };
    let redshift = RedshiftSettings {
        schema,
        query_group: keys.text(&["query_group"])?.filter(|group| !group.is_empty()),
        reads_other_databases: flag(&keys, "ra3_node")?,
        drops_concurrently: flag(&keys, "allow_concurrent_drops")?,
    };
    let target_values = visible_values(&settings, &redshift, &keys)?;
    Ok((Settings { target_values, ..settings }, redshift))
}

/// What dvt would otherwise pass over in silence.
fn refuse_what_is_not_built(keys: &Keys<'_>) -> Result<(), AdapterError> {
    if let Some(method) = keys.text(&["method"])?.filter(|method| method != "database") {
        let known = ["iam", "iam_role", "browser_identity_center", "oauth_token_identity_center"];
        let message = match known.contains(&method.as_str()) {
            true => format!("`method: {method}` asks for a login that dvt does not have"),
            false => format!("`method: {method}` is not known"),
        };
        return Err(keys.error(message).with_hint(
            "give `user` and `password`: `aws redshift get-cluster-credentials` (or `aws redshift-serverless \
             get-credentials`) gives both for an hour, which the profile can take by env_var()",
        ));
    }
    if flag(keys, "datasharing")? {
        return Err(keys
            .error("`datasharing: true` is not there yet".to_owned())
            .with_hint("`ra3_node: true` reads tables of other databases of the cluster"));
    }
    if !flag(keys, "autocommit")? {
        return Err(keys.error("`autocommit: false` is not there".to_owned()).with_hint(
            "leave it out: statements outside of a transaction are committed at once, and dvt's materializations run in one",
        ));
    }
    Ok(())
}

fn flag(keys: &Keys<'_>, key: &str) -> Result<bool, AdapterError> {
    let default = FLAGS.iter().find(|(name, _)| *name == key).is_some_and(|(_, default)| *default);
    match keys.output.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(keys.error(format!("`{key}` has to be true or false"))),
    }
}

/// dbt's `target` for Redshift: aliases under their dbt names, both `dbname` and `database`, no secret.
fn visible_values(
    settings: &Settings,
    redshift: &RedshiftSettings,
    keys: &Keys<'_>,
) -> Result<Map<String, Value>, AdapterError> {
    let mut values = Map::new();
    values.insert("type".to_owned(), ADAPTER_TYPE.into());
    values.insert("host".to_owned(), settings.host.clone().into());
    values.insert("port".to_owned(), settings.port.into());
    values.insert("user".to_owned(), settings.user.clone().into());
    values.insert("database".to_owned(), settings.database.clone().into());
    values.insert("dbname".to_owned(), settings.database.clone().into());
    values.insert("schema".to_owned(), redshift.schema.clone().into());
    values.insert("threads".to_owned(), keys.whole_number("threads", 1)?.into());
    values.insert("retries".to_owned(), settings.retries.into());
    let timeout = keys.seconds("connect_timeout")?.map_or(Value::Null, |seconds| seconds.as_secs().into());
    values.insert("connect_timeout".to_owned(), timeout);
    for key in SHOWN {
        values.insert((*key).to_owned(), keys.output.get(*key).cloned().unwrap_or(Value::Null));
    }
    for (key, _) in FLAGS {
        values.insert((*key).to_owned(), flag(keys, key)?.into());
    }
    for (key, default) in [("method", "database"), ("sslmode", "prefer")] {
        let value = values.entry(key).or_insert(Value::Null);
        if value.is_null() {
            *value = default.into();
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(extra: Value) -> Result<(Settings, RedshiftSettings), String> {
        let mut output = json!({
            "type": "redshift", "host": "c.example", "user": "u", "password": "hunter2", "dbname": "dev", "schema": "s",
        });
        for (key, value) in extra.as_object().unwrap() {
            output[key] = value.clone();
        }
        settings("warehouse", output.as_object().unwrap()).map_err(|error| {
            format!("{error}{}", error.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default())
        })
    }

    #[test]
    fn defaults_are_dbts_and_no_secret_is_shown() {
        let (settings, redshift) = read(json!({"query_group": "etl", "ra3_node": "true"})).unwrap();
        assert_eq!((settings.port, settings.retries, settings.tls.mode), (5439, 1, TlsMode::VerifyCa));
        assert_eq!((redshift.query_group.as_deref(), redshift.reads_other_databases), (Some("etl"), true));
        let shown = Value::Object(settings.target_values.clone());
        assert_eq!(
            (&shown["autocommit"], &shown["method"], &shown["dbname"]),
            (&json!(true), &json!("database"), &json!("dev"))
        );
        assert!(!shown.to_string().contains("hunter2"));
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(read(json!({"sslmode": "disable"})).unwrap().0.tls.mode, TlsMode::Disable);
        let (settings, _) = read(json!({"tcp_keepalive_idle": 60, "tcp_keepalive_count": 3})).unwrap();
        assert_eq!((settings.keepalives.idle, settings.keepalives.count), (Some(Duration::from_secs(60)), Some(3)));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name() {
        let check = |extra: Value, expected: &str| {
            let refused = read(extra).err().unwrap();
            assert!(refused.contains(expected), "{refused}");
        };
        check(json!({"method": "iam", "cluster_id": "c"}), "get-cluster-credentials");
        check(json!({"method": "aim"}), "`method: aim` is not known");
        check(json!({"datasharing": true}), "`datasharing: true` is not there yet");
        check(json!({"autocommit": false}), "`autocommit: false` is not there");
        check(json!({"ra3_nodes": true}), "did you mean `ra3_node`?");
        check(json!({"password": null}), "profile key `password` is missing");
        check(json!({"ra3_node": 7}), "`ra3_node` has to be true or false");
    }
}
