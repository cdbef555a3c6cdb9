//! The Databricks leaf against a workspace of our own (`dvt-test-support`, `databricks/server.py`): the conformance suite, and
//! what goes wrong on the way.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod faults;
mod support;

use dvt_adapter::conformance::{Engine, Subject};
use std::sync::Arc;
use support::{adapter, output, server};

fn subject() -> Option<Subject> {
    let server = server()?;
    let schema = server.fresh_schema();
    let with = |changes: &[(&str, serde_json::Value)]| {
        let mut output = output(server.port());
        output.insert("schema".to_owned(), schema.clone().into());
        output.insert("volume".to_owned(), "/Volumes/prod/default/files".into());
        for (key, value) in changes {
            output.insert((*key).to_owned(), value.clone());
        }
        Arc::new(adapter(output))
    };
    let closed = format!("http://127.0.0.1:{}", dvt_test_support::closed_port());
    Some(Subject {
        adapter: with(&[]),
        database: Some("prod".to_owned()),
        schema: Some(schema.clone()),
        wrong_password: Some(with(&[("token", "dapi-wrong-hunter2".into())])),
        unreachable: Some(with(&[("host", closed.into()), ("connect_retries", 0.into())])),
        password: Some("hunter2".to_owned()),
        engine: Engine {
            numbers: |count| format!("select cast(id + 1 as bigint) as n from range({count}) as r (id)"),
            slow_statement: "select count(*) as n from range(10000000) as a (x), range(1000000) as b (y) where (x * y) % 7 = 3",
            refuses: &[
                "decimal_60_20",
                "time",
                "timestamp_nanosecond",
                "interval",
                "list_of_integers",
                "list_of_texts",
            ],
            refuses_values: &["numeric"],
            skips: &[
                ("a_broken_constraint_is_told_as_one", "keys are told and not enforced"),
                ("a_rollback_undoes", "there are no transactions"),
                ("a_commit_shows_to_other_sessions", "there are no transactions"),
                ("a_session_dropped_in_a_transaction_leaves_no_trace", "there are no transactions"),
            ],
        },
        keep: Box::new(server),
    })
}

dvt_adapter::conformance!(in one test: crate::subject);
