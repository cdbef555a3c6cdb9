use crate::settings::{Settings, TlsMode};
use serde_json::{Value, json};
use std::time::Duration;

fn settings(extra: Value) -> Result<Settings, String> {
    let mut output = json!({"type": "postgres", "host": "db", "user": "u", "dbname": "d", "schema": "s"});
    let map = output.as_object_mut().unwrap();
    for (key, value) in extra.as_object().unwrap() {
        map.insert(key.clone(), value.clone());
    }
    super::settings("warehouse", map).map_err(|error| {
        format!("{error}{}", error.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default())
    })
}

fn check_error(extra: Value, expected: &str) {
    assert_eq!(settings(extra).unwrap_err(), format!("connection `warehouse`: {expected}"));
}

#[test]
fn defaults_are_dbts() {
    let settings = settings(json!({})).unwrap();
    assert_eq!((settings.port, settings.retries, settings.application_name.as_str()), (5432, 1, "dbt"));
    assert_eq!(settings.connect_timeout, Duration::from_secs(10));
    assert_eq!(settings.tls.mode, TlsMode::Prefer);
}

#[test]
fn aliases_and_numbers_as_text() {
    let settings = settings(json!({"pass": "secret", "port": "6543", "keepalives_idle": "7", "threads": "4"})).unwrap();
    assert_eq!((settings.port, settings.keepalives.idle), (6543, Some(Duration::from_secs(7))));
    assert_eq!(settings.password.as_ref().unwrap().expose(), "secret");
    assert_eq!(settings.target_values["threads"], json!(4));
    assert_eq!(settings.target_values["dbname"], settings.target_values["database"]);
    assert!(!serde_json::to_string(&settings.target_values).unwrap().contains("secret"));
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn mistakes_are_named() {
    check_error(
        json!({"sslmod": "require"}),
        "profile key `sslmod` is not known for type `postgres` (did you mean `sslmode`?)",
    );
    check_error(json!({"sslmode": "requires"}), "`sslmode: requires` is not known (did you mean `require`?)");
    check_error(json!({"port": "many"}), "`port` has to be a whole number");
    check_error(json!({"port": 70000}), "`port` has to be between 1 and 65535");
    check_error(json!({"password": "a", "pass": "b"}), "both `password` and `pass` are given; they mean the same");
    check_error(json!({"host": null}), "profile key `host` is missing");
    check_error(json!({"user": ["a"]}), "`user` has to be text");
    check_error(json!({"sslcert": "a.crt"}), "`sslcert` and `sslkey` belong together: give both or neither");
    check_error(
        json!({"method": "iam"}),
        "`method: iam` asks for a login that is not supported (give `user` and `password`, or `sslcert` and `sslkey`)",
    );
}
