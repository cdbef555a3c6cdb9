//! The SQLite leaf: the conformance suite, and what is special here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod special;

use dvt_adapter::conformance::{Engine, Subject};
use dvt_adapter_sqlite::SqliteAdapter;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

fn adapter(output: Value) -> Arc<SqliteAdapter> {
    let Value::Object(output) = output else { panic!("not a map") };
    Arc::new(SqliteAdapter::from_profile("test", &output, Path::new("/")).unwrap())
}

fn subject() -> Option<Subject> {
    let folder = tempfile::tempdir().unwrap();
    // An empty file is a database without tables; one that is not there is an error for readers.
    std::fs::write(folder.path().join("test.db"), "").unwrap();
    Some(Subject {
        adapter: adapter(json!({"type": "sqlite", "path": folder.path().join("test.db")})),
        database: None,
        schema: Some("main".to_owned()),
        wrong_password: None,
        unreachable: Some(adapter(json!({"type": "sqlite", "path": folder.path().join("missing/test.db")}))),
        password: None,
        engine: Engine {
            numbers: |count| {
                format!(
                    "with recursive c(n) as (select 1 union all select n + 1 from c where n < {count}) select n from c"
                )
            },
            slow_statement: "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c where n < 0",
            refuses: &["interval", "list_of_integers", "list_of_texts"],
            refuses_values: &["float64_special"],
            skips: &[],
        },
        keep: Box::new(folder),
    })
}

dvt_adapter::conformance!(crate::subject);
