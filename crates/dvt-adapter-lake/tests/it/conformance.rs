//! The contract every adapter fulfils, for each of the ways a lake keeps tables.

use dvt_adapter::conformance::{Engine, Subject};
use dvt_adapter_lake::LakeAdapter;
use serde_json::json;
use std::sync::Arc;

const ENGINE: Engine = Engine {
    numbers: |count| format!("select value as n from generate_series(1, {count})"),
    slow_statement: "select count(*) from generate_series(1, 1000000000000) where value % 7 = 3",
    refuses: &[],
    refuses_values: &[],
    skips: &[
        ("a_broken_constraint_is_told_as_one", "a lake has no constraint but NOT NULL, and says so"),
        ("a_rollback_undoes", "a lake has no transactions"),
        ("a_commit_shows_to_other_sessions", "a lake has no transactions: each statement shows at once"),
        ("a_session_dropped_in_a_transaction_leaves_no_trace", "a lake has no transactions"),
    ],
};

fn subject(format: &str, schema: &str, engine: Engine) -> Option<Subject> {
    let folder = tempfile::tempdir().unwrap();
    let output = json!({"type": "filesystem", "path": "lake", "format": format, "schema": schema});
    let adapter = LakeAdapter::from_profile("lake", output.as_object().unwrap(), folder.path()).unwrap();
    Some(Subject {
        adapter: Arc::new(adapter),
        database: None,
        schema: Some(schema.into()),
        wrong_password: None,
        unreachable: None,
        password: None,
        engine,
        keep: Box::new(folder),
    })
}

mod delta {
    use super::*;

    fn subject() -> Option<Subject> {
        super::subject("delta", "main", ENGINE)
    }
    dvt_adapter::conformance!(subject);
}

mod parquet {
    use super::*;

    fn subject() -> Option<Subject> {
        let skips = &[
            ("a_broken_constraint_is_told_as_one", "a lake has no constraint but NOT NULL, and says so"),
            ("a_rollback_undoes", "a lake has no transactions"),
            ("a_commit_shows_to_other_sessions", "a lake has no transactions: each statement shows at once"),
            ("a_commit_shows_to_other_sessions", "a lake has no transactions: each statement shows at once"),
            ("a_session_dropped_in_a_transaction_leaves_no_trace", "a lake has no transactions"),
            (
                "every_type_round_trips",
                "Parquet has no interval; the rest is tested in files::parquet_keeps_every_type",
            ),
            ("described_types_recreate_themselves", "Parquet has no interval"),
        ];
        super::subject("parquet", "Some Schema", Engine { skips, ..ENGINE })
    }
    dvt_adapter::conformance!(subject);
}

/// The same in a bucket, here one in memory.
fn in_bucket(format: &str, schema: &str, engine: Engine) -> Option<Subject> {
    let output = json!({"format": format, "schema": schema});
    let store = dvt_delta::Store::memory("some/prefix").unwrap();
    Some(Subject {
        adapter: Arc::new(LakeAdapter::over("lake", output.as_object().unwrap(), store).unwrap()),
        database: None,
        schema: Some(schema.into()),
        wrong_password: None,
        unreachable: None,
        password: None,
        engine,
        keep: Box::new(()),
    })
}

mod delta_in_bucket {
    use super::*;

    fn subject() -> Option<Subject> {
        in_bucket("delta", "Some Schema", ENGINE)
    }
    dvt_adapter::conformance!(subject);
}

mod parquet_in_bucket {
    use super::*;

    fn subject() -> Option<Subject> {
        let skips = &[
            ("a_broken_constraint_is_told_as_one", "a lake has no constraint but NOT NULL, and says so"),
            ("a_rollback_undoes", "a lake has no transactions"),
            ("a_commit_shows_to_other_sessions", "a lake has no transactions: each statement shows at once"),
            ("a_session_dropped_in_a_transaction_leaves_no_trace", "a lake has no transactions"),
            (
                "every_type_round_trips",
                "Parquet has no interval; the rest is tested in files::parquet_keeps_every_type",
            ),
            ("described_types_recreate_themselves", "Parquet has no interval"),
        ];
        in_bucket("parquet", "main", Engine { skips, ..ENGINE })
    }
    dvt_adapter::conformance!(subject);
}
