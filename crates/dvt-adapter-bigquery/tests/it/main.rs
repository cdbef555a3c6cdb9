//! The BigQuery leaf against a service of our own (`dvt-test-support`, `bigquery/server.py`): the conformance suite, and what goes
//! wrong on the way.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod faults;
mod support;

use dvt_adapter::conformance::{Engine, Subject};
use serde_json::json;
use std::sync::Arc;
use support::{adapter, server};

fn subject() -> Option<Subject> {
    let server = server()?;
    let with = |more| Arc::new(adapter(server.port(), more));
    let dataset = server.fresh_dataset();
    Some(Subject {
        adapter: with(json!({"dataset": dataset})),
        database: Some("acme-prod".to_owned()),
        schema: Some(dataset.clone()),
        wrong_password: Some(with(json!({"dataset": dataset, "token": "wrong-hunter2"}))),
        unreachable: Some(Arc::new(adapter(dvt_test_support::closed_port(), json!({"dataset": dataset})))),
        password: Some("hunter2".to_owned()),
        engine: Engine {
            // A query has ended before its first row comes: what streams are the pages, and some sixty are enough.
            numbers: |count| format!("select n from unnest(generate_array(1, {})) as n", count.min(300_000)),
            slow_statement: "call test_sleep()",
            refuses: &["decimal_60_20", "interval", "list_of_integers", "list_of_texts"],
            refuses_values: &["timestamp_nanosecond", "numeric"],
            skips: &[
                (
                    "identifiers_of_every_kind_are_quoted",
                    "a dot parts names wherever it stands; see `faults::names_are_quoted`",
                ),
                (
                    "a_value_that_does_not_fit_leaves_nothing",
                    "every integer has 64 bits; see `faults::a_number_that_does_not_fit_leaves_nothing`",
                ),
                (
                    "several_statements_run_in_order",
                    "a script's rows are those of its last statement; see `faults::a_script_runs_in_order`",
                ),
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
