//! Sessions: transactions, several statements, fetched rows.

use crate::conformance::Subject;
use crate::conformance::subject::{batch_of, single_integer};
use crate::{ErrorClass, Fetch, Session};
use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

async fn session(subject: &Subject) -> Box<dyn Session> {
    subject.adapter.session().await.unwrap_or_else(|error| panic!("{error}"))
}

async fn execute(session: &mut Box<dyn Session>, sql: &str) {
    session.execute(sql, Fetch::None).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn make_table(subject: &Subject, table: &str) -> String {
    subject.load(table, batch_of(&[("n", Arc::new(Int64Array::from(vec![1])))])).await;
    subject.sql_name(table)
}

/// What a rolled back transaction did is gone.
pub async fn a_rollback_undoes(subject: &Subject) {
    let table = make_table(subject, "rolled").await;
    let mut session = session(subject).await;
    session.begin().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(session.in_transaction());
    execute(&mut session, &format!("insert into {table} values (2)")).await;
    session.rollback().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(!session.in_transaction());
    drop(session);
    assert_eq!(subject.count("rolled").await, 1);
}

/// Others see a transaction's rows after the commit, and not before.
pub async fn a_commit_shows_to_other_sessions(subject: &Subject) {
    let table = make_table(subject, "committed").await;
    let mut session = session(subject).await;
    session.begin().await.unwrap_or_else(|error| panic!("{error}"));
    execute(&mut session, &format!("insert into {table} values (2)")).await;
    assert_eq!(subject.count("committed").await, 1, "another session sees what is not committed");
    session.commit().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(!session.in_transaction());
    assert_eq!(subject.count("committed").await, 2);
    // Without a transaction both do nothing.
    session.commit().await.unwrap_or_else(|error| panic!("{error}"));
    session.rollback().await.unwrap_or_else(|error| panic!("{error}"));
}

/// A second `begin` is a mistake of the caller, not a nested transaction.
pub async fn a_second_begin_is_an_error(subject: &Subject) {
    let mut session = session(subject).await;
    session.begin().await.unwrap_or_else(|error| panic!("{error}"));
    session.begin().await.expect_err("a transaction is open");
    session.rollback().await.unwrap_or_else(|error| panic!("{error}"));
}

/// After an error and a rollback the same session goes on.
pub async fn a_session_works_after_an_error(subject: &Subject) {
    let table = make_table(subject, "survivor").await;
    let mut session = session(subject).await;
    session.execute("selekt", Fetch::None).await.expect_err("it is no SQL");
    execute(&mut session, &format!("insert into {table} values (2)")).await;
    session.begin().await.unwrap_or_else(|error| panic!("{error}"));
    session.execute("selekt", Fetch::None).await.expect_err("it is no SQL");
    session.rollback().await.unwrap_or_else(|error| panic!("{error}"));
    execute(&mut session, &format!("insert into {table} values (3)")).await;
    assert_eq!(subject.count("survivor").await, 3);
}

/// In order; the rows of the last statement that returns some are fetched.
pub async fn several_statements_run_in_order(subject: &Subject) {
    let table = make_table(subject, "scripted").await;
    let script = format!(
        "insert into {table} values (2);\nselect 41 as n;\nselect count(*) as n from {table};\ninsert into {table} values (3);\n"
    );
    let mut session = session(subject).await;
    let result = session.execute(&script, Fetch::All).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(single_integer(&result), 2);
    assert_eq!(subject.count("scripted").await, 3);
    let result = session.execute(&script, Fetch::None).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(result.rows.is_none());
    assert_eq!(subject.count("scripted").await, 5);
}

/// A `;` inside a text or a comment ends nothing; neither does a missing or a doubled one at the end.
pub async fn quotes_and_comments_do_not_split_statements(subject: &Subject) {
    let mut session = session(subject).await;
    let text = subject.adapter.dialect().string_literal("it's; one");
    let script = format!("-- a comment; with a semicolon\n/* another; one */ select {text} as label /* ; */;; -- end;");
    let result = session.execute(&script, Fetch::All).await.unwrap_or_else(|error| panic!("{error}"));
    let (schema, batches) = result.rows.expect("rows were fetched");
    let batch = concat_batches(&schema, &batches).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(batch.column(0).as_string::<i32>().value(0), "it's; one");
    session.execute("  \n-- nothing but a comment\n", Fetch::None).await.unwrap_or_else(|error| panic!("{error}"));
    session.execute("", Fetch::All).await.unwrap_or_else(|error| panic!("{error}"));
}

/// dbt's agate table has types: integers, texts and NULLs stay what they are.
pub async fn fetched_rows_are_typed(subject: &Subject) {
    let label: Arc<StringArray> = Arc::new(StringArray::from(vec![Some(""), None]));
    subject.load("typed", batch_of(&[("n", Arc::new(Int64Array::from(vec![1, 2]))), ("label", label)])).await;
    let sql = format!("select n, label from {} order by n", subject.sql_name("typed"));
    let result = subject.try_run(&sql, Fetch::All).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(!result.response.message.is_empty());
    let (schema, batches) = result.rows.expect("rows were fetched");
    assert_eq!((schema.field(0).data_type(), schema.field(1).data_type()), (&DataType::Int64, &DataType::Utf8));
    let batch = concat_batches(&schema, &batches).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    let labels = batch.column(1).as_string::<i32>();
    assert!(!labels.is_null(0) && labels.value(0).is_empty() && labels.is_null(1));
}

/// `Fetch::Limit` stops reading; the session goes on.
pub async fn a_fetch_limit_is_kept(subject: &Subject) {
    let mut session = session(subject).await;
    for limit in [0, 1, 7] {
        let sql = (subject.engine.numbers)(100_000);
        let result = session.execute(&sql, Fetch::Limit(limit)).await.unwrap_or_else(|error| panic!("{error}"));
        let (schema, batches) = result.rows.expect("rows were fetched");
        assert_eq!(schema.fields().len(), 1);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), limit);
    }
    let result = session.execute("select 5 as n", Fetch::Limit(10)).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(single_integer(&result), 5);
}

/// A session that is dropped half way does not hand its transaction to the next user of the pool.
pub async fn a_session_dropped_in_a_transaction_leaves_no_trace(subject: &Subject) {
    let table = make_table(subject, "abandoned").await;
    let mut first = session(subject).await;
    first.begin().await.unwrap_or_else(|error| panic!("{error}"));
    execute(&mut first, &format!("insert into {table} values (2)")).await;
    drop(first);
    for _ in 0..3 {
        let mut next = session(subject).await;
        assert!(!next.in_transaction());
        let sql = format!("select count(*) as n from {table}");
        let result = next.execute(&sql, Fetch::All).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(single_integer(&result), 1);
        next.begin().await.unwrap_or_else(|error| panic!("{error}"));
        next.rollback().await.unwrap_or_else(|error| panic!("{error}"));
    }
    let error = subject.expect_error("selekt 1", ErrorClass::Syntax).await;
    assert!(!error.message.is_empty());
}
