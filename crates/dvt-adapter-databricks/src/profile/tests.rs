use super::{Credentials, Settings};
use serde_json::{Value, json};

fn read(more: Value) -> Result<Settings, String> {
    let mut output = json!({"type": "databricks", "host": "adb-1.5.azuredatabricks.net", "http_path": "/sql/1.0/warehouses/abc123",
        "schema": "default", "catalog": "main"});
    for (key, value) in more.as_object().unwrap() {
        output[key.as_str()] = value.clone();
    }
    let error = |error: dvt_adapter::AdapterError| format!("{}; {}", error.message, error.hint.unwrap_or_default());
    Settings::from_profile("dbx", output.as_object().unwrap()).map_err(error)
}

#[test]
fn the_keys_of_dbt_are_read() {
    let settings =
        read(json!({"token": "dapi-1", "connect_retries": "3", "connect_timeout": 7, "retry_all": true})).unwrap();
    assert_eq!(
        (settings.origin.as_str(), settings.warehouse_id.as_str()),
        ("https://adb-1.5.azuredatabricks.net", "abc123")
    );
    assert_eq!((settings.connect_retries, settings.connect_timeout.as_secs()), (3, 7));
    assert_eq!((settings.catalog.as_str(), settings.schema.as_str()), ("main", "default"));
    let settings =
        read(json!({"host": "https://x.cloud.databricks.com/", "token": "t", "http_path": "sql/1.0/endpoints/e1"}))
            .unwrap();
    assert_eq!((settings.host.as_str(), settings.warehouse_id.as_str()), ("x.cloud.databricks.com", "e1"));
    let settings = read(json!({"auth_type": "oauth", "client_id": "c", "client_secret": "s"})).unwrap();
    assert!(matches!(settings.credentials, Credentials::ServicePrincipal { .. }));
    let settings = read(json!({"token": "t", "volume": "main.etl.files"})).unwrap();
    assert_eq!(settings.volume.as_deref(), Some("/Volumes/main/etl/files"));
    let settings =
        read(json!({"token": "t", "volume": "/Volumes/main/etl/files/dvt/", "session_properties": {}})).unwrap();
    assert_eq!(settings.volume.as_deref(), Some("/Volumes/main/etl/files/dvt"));
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    let check = |more: Value, expected: &str| {
        let message = read(more.clone()).unwrap_err();
        assert!(message.contains(expected), "{more}: {message}");
    };
    check(json!({}), "neither `token` nor `client_id`");
    check(json!({"token": "t", "http_path": "sql/protocolv1/o/1/0-1"}), "all-purpose cluster");
    check(json!({"token": "t", "http_path": "abc"}), "/sql/1.0/warehouses/");
    check(json!({"token": "t", "host": "http://example.com"}), "by https alone");
    check(json!({"token": "t", "host": "a@b/c"}), "`host`");
    check(json!({"token": "t", "host": ""}), "`host` is missing");
    check(json!({"token": "t", "schema": null}), "`schema` is missing");
    check(json!({"auth_type": "oauth"}), "opens a browser");
    check(json!({"auth_type": "kerberos", "token": "t"}), "`auth_type: kerberos`");
    check(json!({"token": "t", "client_id": "c", "client_secret": "s"}), "give `token`, or");
    check(json!({"token": "t", "session_properties": {"ansi_mode": true}}), "`session_properties`");
    check(json!({"token": "t", "tokn": "t"}), "did you mean `token`?");
    check(json!({"token": "t", "volume": "files"}), "`volume`");
    check(json!({"token": "t", "volume": "/Volumes/a/../c/d"}), "`volume`");
    check(json!({"token": "t", "database": "x"}), "not both");
    check(json!({"token": "t", "connect_timeout": "soon"}), "`connect_timeout`");
}

#[test]
fn no_secret_is_shown_or_handed_to_templates() {
    let settings = read(json!({"auth_type": "oauth", "client_id": "c", "client_secret": "hunter2"})).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(!Value::Object(settings.target_values.clone()).to_string().contains("hunter2"));
    assert_eq!(settings.target_values["database"], "main");
}
