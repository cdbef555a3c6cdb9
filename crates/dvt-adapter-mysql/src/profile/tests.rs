//! Which profile keys mean what, and which are refused.

use super::{Settings, TlsMode};
use serde_json::{Value, json};
use std::path::Path;

fn read(output: Value) -> Result<Settings, String> {
    let Value::Object(output) = output else { panic!("not a map") };
    Settings::from_profile("wh", &output, Path::new("/project"))
        .map_err(|error| format!("{error}{}", error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()))
}

#[test]
fn both_spellings_and_numbers_as_text_are_read() {
    let settings = read(json!({
        "type": "mariadb", "server": "db", "port": "3307", "username": "u", "password": "p", "schema": "s",
        "threads": "4", "connect_timeout": "3",
    }))
    .unwrap();
    assert_eq!((settings.adapter_type, settings.host.as_str(), settings.port), ("mariadb", "db", 3307));
    assert_eq!(settings.password.unwrap().expose(), "p");
    assert_eq!(settings.target_values["threads"], json!(4));
    assert!(!settings.target_values.contains_key("password"));
    let settings = read(json!({"host": "db", "user": "u", "pass": 123, "schema": "s", "database": "s"})).unwrap();
    assert_eq!((settings.adapter_type, settings.port, settings.password.unwrap().expose()), ("mysql", 3306, "123"));
}

#[test]
fn mistakes_are_named() {
    let base = json!({"server": "db", "username": "u", "schema": "s"});
    let with = |key: &str, value: Value| {
        let mut output = base.clone();
        output[key] = value;
        read(output).map(|_| ()).unwrap_err()
    };
    assert_eq!(
        with("pasword", json!("x")),
        "connection `wh`: profile key `pasword` is not known for this type; did you mean `password`?"
    );
    assert!(with("database", json!("other")).contains("the same thing"));
    assert!(with("port", json!("many")).contains("`port` has to be a whole number"));
    assert!(with("port", json!(70000)).contains("no port number"));
    assert!(with("sslmode", json!("maybe")).contains("verify_identity"));
    assert!(with("ssl_cert", json!("c.pem")).contains("belong together"));
    assert!(with("charset", json!("latin1")).contains("utf8mb4"));
    assert!(read(json!({"server": "db", "schema": "s"})).map(|_| ()).unwrap_err().contains("`username` is missing"));
}

#[test]
fn tls_modes_follow_the_keys() {
    let mode = |keys: Value| {
        let mut output = json!({"server": "db", "username": "u", "schema": "s"});
        for (key, value) in keys.as_object().unwrap() {
            output[key] = value.clone();
        }
        read(output).map(|settings| settings.tls.mode)
    };
    assert_eq!(mode(json!({})), Ok(TlsMode::Preferred));
    assert_eq!(mode(json!({"ssl_disabled": "true"})), Ok(TlsMode::Disabled));
    assert_eq!(mode(json!({"sslmode": "required"})), Ok(TlsMode::Required));
    assert_eq!(mode(json!({"ssl_ca": "ca.pem"})), Ok(TlsMode::VerifyCa));
    assert_eq!(mode(json!({"ssl_ca": "ca.pem", "ssl_verify_identity": true})), Ok(TlsMode::VerifyIdentity));
    assert!(mode(json!({"ssl_disabled": true, "sslmode": "required"})).is_err());
    assert!(mode(json!({"sslmode": "disabled", "ssl_verify_cert": true})).is_err());
}
