//! The DuckDB of the ADBC leaf: the conformance suite, and what is special here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod snowflake;
mod special;

use dvt_adapter::conformance::{Engine, Subject};
use dvt_adapter_adbc::AdbcAdapter;
use dvt_adapter_adbc::driver::DriverFolders;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn adapter_with(output: Value, drivers: PathBuf) -> Arc<AdbcAdapter> {
    let Value::Object(output) = output else { panic!("not a map") };
    Arc::new(AdbcAdapter::duckdb("test", &output, Path::new("/"), &DriverFolders(vec![drivers])).unwrap())
}

fn adapter(output: Value) -> Option<Arc<AdbcAdapter>> {
    Some(adapter_with(output, dvt_test_support::drivers()?))
}

fn subject() -> Option<Subject> {
    let folder = tempfile::tempdir().unwrap();
    Some(Subject {
        adapter: adapter(json!({"type": "duckdb", "path": folder.path().join("test.duckdb")}))?,
        database: Some("test".to_owned()),
        schema: Some("main".to_owned()),
        wrong_password: None,
        unreachable: Some(adapter(json!({"type": "duckdb", "path": folder.path().join("missing/test.duckdb")}))?),
        password: None,
        engine: Engine {
            numbers: |count| format!("select range + 1 as n from range({count})"),
            slow_statement: "select count(*) from range(10000000) as a, range(1000000) as b \
                where (a.range * b.range) % 7 = 3",
            // Decimals end at 38 digits.
            refuses: &["decimal_60_20"],
            refuses_values: &["numeric"],
            skips: &[],
        },
        keep: Box::new(folder),
    })
}

dvt_adapter::conformance!(crate::subject);
