//! The conformance tests that every leaf runs against its own engine.
//!
//! A leaf writes one function that makes a [`Subject`] (an adapter over a fresh, empty schema, plus what the engine is
//! stated to be able to do) and calls the macro in its integration tests:
//!
//! ```ignore
//! fn subject() -> Option<dvt_adapter::conformance::Subject> { … } // None: the database is not there, test skipped
//! dvt_adapter::conformance!(subject);
//! ```
//!
//! Each case becomes one `#[test]`. A case that an engine cannot fulfil is skipped by name, with its reason, in
//! [`Engine::skips`]; a type sample that it must refuse is listed in [`Engine::refuses`], and then the refusal is tested.

pub mod cases;
mod samples;
mod subject;

pub use samples::{Sample, samples};
pub use subject::{Engine, Subject};

use std::future::Future;
use std::pin::Pin;

/// Runs one case on a runtime of its own; what [`conformance!`](crate::conformance!) expands to.
///
/// # Panics
/// When the case fails: it is a test.
pub fn run(
    name: &str,
    subject: fn() -> Option<Subject>,
    case: for<'a> fn(&'a Subject) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
) {
    // The runtime comes first, so that a leaf may build its subject inside one.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the test");
    let guard = runtime.enter();
    let Some(subject) = subject() else { return };
    if let Some((_, reason)) = subject.engine.skips.iter().find(|(skipped, _)| *skipped == name) {
        #[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
        {
            eprintln!("skipped {name} on {}: {reason}", subject.adapter.adapter_type());
        }
        return;
    }
    runtime.block_on(async {
        tokio::time::timeout(std::time::Duration::from_secs(90), case(&subject))
            .await
            .unwrap_or_else(|_| panic!("{name} hangs: it took more than 90 seconds"));
    });
    drop(guard);
    drop(subject);
}

/// Expands to one `#[test]` per conformance case. The argument is the path of a `fn() -> Option<Subject>`. With `in one test:`
/// before it, all cases are one test: for a leaf whose server is dear to start.
#[macro_export]
macro_rules! conformance {
    (in one test: $subject:path) => {
        $crate::conformance!(@cases one $subject);
    };
    ($subject:path) => {
        $crate::conformance!(@cases tests $subject);
    };
    (@cases $how:ident $subject:path) => {
        $crate::conformance!(@$how $subject;
            every_type_round_trips
            types_without_a_counterpart_are_refused
            described_types_recreate_themselves
            a_value_outside_the_asked_type_is_an_error
            a_null_in_a_column_without_nulls_is_an_error
            identifiers_of_every_kind_are_quoted
            a_missing_relation_is_described_as_none
            a_view_is_described
            a_query_is_described_without_running_it
            an_empty_result_keeps_its_schema
            a_load_without_rows_makes_the_table
            many_rows_round_trip
            batches_hold_no_more_rows_than_asked
            a_cancelled_extract_ends
            a_dropped_extract_leaves_the_connection_usable
            a_cancelled_statement_ends
            a_load_whose_input_fails_leaves_nothing
            a_value_that_does_not_fit_leaves_nothing
            a_null_that_the_table_refuses_leaves_nothing
            a_cancelled_load_leaves_nothing
            a_load_over_an_existing_relation_fails_and_keeps_it
            a_load_without_columns_does_not_panic
            a_missing_relation_is_named
            a_missing_column_is_named
            a_syntax_error_is_told_as_one
            a_broken_constraint_is_told_as_one
            a_wrong_password_is_told_as_one
            an_unreachable_server_is_told_as_one
            errors_hold_no_password
            a_rollback_undoes
            a_commit_shows_to_other_sessions
            a_second_begin_is_an_error
            a_session_works_after_an_error
            several_statements_run_in_order
            quotes_and_comments_do_not_split_statements
            fetched_rows_are_typed
            a_fetch_limit_is_kept
            a_session_dropped_in_a_transaction_leaves_no_trace
        );
    };
    (@one $subject:path; $($case:ident)*) => {
        #[test]
        fn every_case_of_the_conformance_suite() {
            $(
                $crate::conformance::run(stringify!($case), $subject, |subject| {
                    Box::pin($crate::conformance::cases::$case(subject))
                });
            )*
        }
    };
    (@tests $subject:path; $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::run(stringify!($case), $subject, |subject| {
                    Box::pin($crate::conformance::cases::$case(subject))
                });
            }
        )*
    };
}
