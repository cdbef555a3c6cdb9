//! Artifacts as JSON, and how they are written. (That dbt's own classes load them is checked outside of the repository.)

use crate::sample::manifest;
use chrono::{DateTime, Utc};
use dvt_manifest::{RunResult, RunResults, RunStatus, Timing, write_atomically};
use serde_json::{Map, Value, json};

#[test]
fn the_manifest_has_the_keys_and_maps_of_version_12() {
    let text = manifest("source raw.orders\nmodel stg: raw.orders\nseed countries\ntest unique_stg: stg").to_json();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/manifest/v12.json");
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "metadata",
            "nodes",
            "sources",
            "macros",
            "docs",
            "exposures",
            "metrics",
            "groups",
            "selectors",
            "disabled",
            "parent_map",
            "child_map",
            "group_map",
            "saved_queries",
            "semantic_models",
            "unit_tests",
            "functions",
        ]
    );
    assert_eq!(json["parent_map"]["model.shop.stg"], json!(["source.shop.raw.orders"]));
    assert_eq!(json["child_map"]["model.shop.stg"], json!(["test.shop.unique_stg"]));
    assert_eq!(json["nodes"]["test.shop.unique_stg"]["test_metadata"]["name"], "unique");
    assert!(json["nodes"]["model.shop.stg"].get("connection").is_none(), "dbt's schemas know no such key");
    assert!(json["nodes"]["seed.shop.countries"].get("refs").is_none(), "seeds compile nothing");
}

#[test]
fn a_project_of_several_connections_says_what_is_where() {
    let mut manifest = manifest("source raw.orders\nmodel stg: raw.orders");
    for source in manifest.sources.values_mut() {
        source.connection = "crm".to_owned();
    }
    let json: Value = serde_json::from_str(&manifest.to_json()).unwrap();
    assert_eq!(json["nodes"]["model.shop.stg"]["connection"], "dev");
    assert_eq!(json["sources"]["source.shop.raw.orders"]["connection"], "crm");
}

#[test]
fn run_results_say_what_dbt_says() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let results = RunResults {
        invocation_id: "i".to_owned(),
        generated_at: at("2026-01-02T03:04:05.678901Z"),
        invocation_started_at: at("2026-01-02T03:04:00Z"),
        env: Map::new(),
        results: vec![RunResult {
            unique_id: "model.shop.a".to_owned(),
            status: RunStatus::Success,
            timing: vec![Timing {
                name: "execute".to_owned(),
                started_at: Some(at("2026-01-02T03:04:01Z")),
                completed_at: None,
            }],
            thread_id: "Thread-1".to_owned(),
            execution_time: 0.5,
            adapter_response: Map::from_iter([("rows_affected".to_owned(), json!(3))]),
            message: Some("SELECT 3".to_owned()),
            failures: None,
            compiled: Some(true),
            compiled_code: Some("select 1".to_owned()),
            relation_name: Some("\"db\".\"s\".\"a\"".to_owned()),
            batch_results: None,
            overload_results: None,
        }],
        elapsed_time: 1.25,
        args: Map::from_iter([("which".to_owned(), json!("run"))]),
    };
    let json: Value = serde_json::from_str(&results.to_json()).unwrap();
    assert_eq!(json["metadata"]["generated_at"], "2026-01-02T03:04:05.678901Z");
    assert_eq!(json["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/run-results/v6.json");
    assert_eq!(json["results"][0]["status"], "success");
    assert_eq!(json["results"][0]["timing"][0]["completed_at"], Value::Null);
    assert_eq!(json["args"]["which"], "run");
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/target/manifest.json");
    write_atomically(&path, b"one").unwrap();
    write_atomically(&path, b"two").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    // A folder in the way: the error names the file, and no temporary file stays.
    let blocked = folder.path().join("blocked");
    std::fs::create_dir_all(blocked.join("inside")).unwrap();
    let error = write_atomically(&blocked, b"x").unwrap_err();
    assert!(error.to_string().contains("blocked"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
