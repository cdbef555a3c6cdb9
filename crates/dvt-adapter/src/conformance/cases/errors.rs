//! Failures are told by class, with the names that a user needs.

use crate::conformance::Subject;
use crate::conformance::subject::batch_of;
use crate::{Adapter, AdapterError, ErrorClass, ExtractRequest, Fetch};
use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};
use futures::TryStreamExt;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// In a session and in an extract.
pub async fn a_missing_relation_is_named(subject: &Subject) {
    let sql = format!("select * from {}", subject.sql_name("no_such_relation"));
    let error = subject.expect_error(&sql, ErrorClass::MissingRelation).await;
    assert!(error.to_string().contains("no_such_relation"), "{error}");
    let error = failing_extract(subject.adapter.as_ref(), &sql).await;
    assert_eq!(error.class, ErrorClass::MissingRelation, "{error}");
    assert!(error.to_string().contains("no_such_relation"), "{error}");
}

/// The column's name is in the error.
pub async fn a_missing_column_is_named(subject: &Subject) {
    subject.load("some", batch_of(&[("n", Arc::new(Int64Array::from(vec![1])))])).await;
    let sql = format!("select no_such_column from {}", subject.sql_name("some"));
    let error = subject.expect_error(&sql, ErrorClass::MissingColumn).await;
    assert!(error.to_string().contains("no_such_column"), "{error}");
}

/// Not a missing thing, not a broken connection.
pub async fn a_syntax_error_is_told_as_one(subject: &Subject) {
    subject.expect_error("selekt 1", ErrorClass::Syntax).await;
    let error = failing_extract(subject.adapter.as_ref(), "select from where").await;
    assert_eq!(error.class, ErrorClass::Syntax, "{error}");
    assert!(!error.is_retryable());
}

/// A row that a constraint refuses.
pub async fn a_broken_constraint_is_told_as_one(subject: &Subject) {
    let table = subject.sql_name("unique_rows");
    subject.run(&format!("create table {table} (id integer not null primary key)")).await;
    subject.run(&format!("insert into {table} values (1)")).await;
    subject.expect_error(&format!("insert into {table} values (1)"), ErrorClass::Constraint).await;
    assert_eq!(subject.count("unique_rows").await, 1);
}

/// A wrong password is not an unreachable server.
pub async fn a_wrong_password_is_told_as_one(subject: &Subject) {
    let Some(adapter) = &subject.wrong_password else { return };
    let error = failing_session(adapter.as_ref()).await;
    assert_eq!(error.class, ErrorClass::Authentication, "{error}");
    assert!(!error.is_retryable());
    let error = failing_extract(adapter.as_ref(), "select 1").await;
    assert_eq!(error.class, ErrorClass::Authentication, "{error}");
}

/// Nothing answers: the message says where it looked.
pub async fn an_unreachable_server_is_told_as_one(subject: &Subject) {
    let Some(adapter) = &subject.unreachable else { return };
    let error = failing_session(adapter.as_ref()).await;
    assert_eq!(error.class, ErrorClass::Unreachable, "{error}");
    assert_eq!(error.connection, adapter.connection());
}

/// Neither the location nor any error shows the password.
pub async fn errors_hold_no_password(subject: &Subject) {
    let Some(password) = &subject.password else { return };
    let mut texts = vec![
        subject.adapter.display_location(),
        format!("{:?}", subject.adapter.identity()),
        serde_json::Value::Object(subject.adapter.target_values()).to_string(),
    ];
    for adapter in [&subject.wrong_password, &subject.unreachable].into_iter().flatten() {
        texts.push(format!("{:?}", failing_session(adapter.as_ref()).await));
        texts.push(adapter.display_location());
    }
    for text in texts {
        assert!(!text.contains(password.as_str()), "{text}");
    }
}

async fn failing_session(adapter: &dyn Adapter) -> AdapterError {
    // A lazy adapter may only fail when the first statement is sent.
    match adapter.session().await {
        Err(error) => error,
        Ok(mut session) => session.execute("select 1", Fetch::All).await.expect_err("it cannot work"),
    }
}

async fn failing_extract(adapter: &dyn Adapter, sql: &str) -> AdapterError {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    let request = ExtractRequest { sql: sql.to_owned(), schema, batch_rows: 100 };
    match adapter.extract(request, CancellationToken::new()).await {
        Err(error) => error,
        Ok(stream) => stream.try_collect::<Vec<_>>().await.expect_err("it cannot work"),
    }
}
