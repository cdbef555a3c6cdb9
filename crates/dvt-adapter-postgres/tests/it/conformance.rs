//! The contract.

use crate::support::{adapter, output, output_with};
use dvt_adapter::conformance::{Engine, Subject};
use serde_json::json;

fn subject() -> Option<Subject> {
    let database = dvt_test_support::postgres()?;
    Some(Subject {
        adapter: adapter(&output(&database)),
        database: Some(database.database.clone()),
        schema: Some("public".to_owned()),
        wrong_password: Some(adapter(&output_with(&database, json!({"password": "not-the-password"})))),
        unreachable: Some(adapter(&output_with(&database, json!({"port": dvt_test_support::closed_port()})))),
        password: Some(database.password.clone()),
        engine: Engine {
            // In the select list it streams; as a table it is computed whole first.
            numbers: |count| format!("select generate_series(1::int8, {count}) as n"),
            slow_statement: "select pg_sleep(120)",
            // Microseconds are what it keeps.
            refuses: &[],
            refuses_values: &["timestamp_nanosecond"],
            skips: &[],
        },
        keep: Box::new(database),
    })
}

dvt_adapter::conformance!(subject);
