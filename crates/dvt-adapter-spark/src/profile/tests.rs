//! Outputs as users write them.

use super::{Place, Settings};
use crate::Places;
use serde_json::{Value, json};
use std::path::Path;

fn read(output: &Value) -> Result<Settings, String> {
    let mut output = output.as_object().unwrap().clone();
    output.insert("type".to_owned(), Value::from("spark"));
    Settings::from_profile("dev", &output, Path::new("/p"), &Places::default())
        .map_err(|error| format!("{}{}", error.message, error.hint.map(|hint| format!("; {hint}")).unwrap_or_default()))
}

fn remote(output: &Value) -> String {
    match read(output).unwrap().place {
        Place::Connect(settings) => settings.remote.unwrap_or_default(),
        Place::Elsewhere { message, hint } => format!("{message}; {hint}"),
    }
}

#[test]
fn dbts_keys_become_a_url_where_spark_connect_has_something_for_them() {
    let check = |output: Value, url: &str| assert_eq!(remote(&output), url, "{output}");
    check(json!({"host": "h", "schema": "s"}), "sc://h:15002/");
    let all = json!({"method": "connect", "host": "h", "port": 443, "schema": "s", "token": "t==", "user": "u", "use_ssl": true});
    check(all, "sc://h:443/;token=t==;user_id=u;use_ssl=true");
    // The same output serves dbt and dvt.
    check(
        json!({"method": "thrift", "host": "h", "port": 10001, "schema": "s", "auth": "KERBEROS", "remote": "sc://c:15002"}),
        "sc://c:15002",
    );
}

#[test]
fn another_protocol_is_told_when_somebody_connects_and_not_before() {
    let told = remote(&json!({"method": "thrift", "host": "h", "schema": "s"}));
    assert!(told.contains("`method: thrift` is another protocol") && told.contains("sc://h:15002"), "{told}");
    let told = remote(&json!({"method": "http", "host": "h", "schema": "s", "cluster": "1-2", "token": "x"}));
    assert!(told.contains("x-databricks-cluster-id=1-2") && !told.contains("token=x"), "{told}");
}

#[test]
fn parameters_are_of_the_session_or_of_the_server_that_is_started() {
    let parameters = json!({"spark.sql.ansi.enabled": true, "spark.driver.memory": "1g"});
    let there = read(&json!({"host": "h", "schema": "s", "server_side_parameters": parameters})).unwrap();
    assert_eq!(there.session_settings.len(), 3);
    let own =
        read(&json!({"method": "session", "host": "NA", "schema": "s", "server_side_parameters": parameters})).unwrap();
    assert_eq!(own.session_settings.len(), 1);
    let Place::Connect(settings) = own.place else { panic!("a server") };
    let has = |key: &str, value: &str| settings.config.contains(&(key.to_owned(), value.to_owned()));
    assert!(
        has("spark.driver.memory", "1g") && has("spark.sql.warehouse.dir", "/p/spark-warehouse"),
        "{:?}",
        settings.config
    );
}

#[test]
fn what_is_wrong_names_its_key() {
    let check = |output: Value, words: &str| {
        let said = read(&output).unwrap_err();
        assert!(said.contains(words), "{output}: {said}");
    };
    check(json!({"host": "h"}), "`schema` is missing");
    check(json!({"schema": "s"}), "`host` is missing");
    check(json!({"host": "h", "schema": "s", "database": "d"}), "leave `database` out");
    check(json!({"host": "h", "schema": "s", "tokn": "x"}), "did you mean `token`?");
    check(json!({"host": "h", "schema": "s", "method": "ssh"}), "`connect`");
    check(json!({"host": "h", "schema": "s", "organization": "1"}), "`organization` means nothing");
    check(json!({"host": "sc://h", "schema": "s"}), "without `://`");
    check(json!({"host": "h", "schema": "s", "user": "a;b"}), "semicolon");
}

#[test]
fn templates_see_no_secret_and_no_database() {
    let values = read(&json!({
        "host": "h", "schema": "s", "token": "hidden", "remote": "sc://h/;token=hidden",
        "server_side_parameters": {"spark.hadoop.fs.s3a.secret.key": "hidden"},
    }))
    .unwrap()
    .target_values;
    assert_eq!(
        Value::Object(values),
        json!({"type": "spark", "host": "h", "schema": "s", "database": null, "threads": 1})
    );
}
