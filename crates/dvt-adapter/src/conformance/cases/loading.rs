//! Loads are all or nothing.

use crate::conformance::Subject;
use crate::conformance::subject::batch_of;
use crate::{AdapterError, BatchStream, ErrorClass};
use arrow::array::{Array, Int16Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn numbers(from: i64, count: i64) -> RecordBatch {
    let values: Int64Array = (from..from + count).map(Some).collect();
    batch_of(&[("n", Arc::new(values))])
}

async fn assert_nothing_is_left(subject: &Subject, table: &str) {
    assert!(subject.describe(table).await.is_none(), "the relation of the failed load is still there");
    // The connection is as good as before, and the name is free.
    subject.load(table, numbers(0, 10)).await;
    assert_eq!(subject.count(table).await, 10);
}

/// A stream without batches makes a table without rows.
pub async fn a_load_without_rows_makes_the_table(subject: &Subject) {
    let request = subject.load_request("nothing", &numbers(0, 1).schema());
    let report = subject.try_load(request, vec![]).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.rows, 0);
    assert_eq!(subject.count("nothing").await, 0);
    let described = subject.describe("nothing").await.expect("the table is there");
    assert_eq!(described.columns[0].name, "n");
}

/// The error of the input comes out, and no relation stays.
pub async fn a_load_whose_input_fails_leaves_nothing(subject: &Subject) {
    let request = subject.load_request("half", &numbers(0, 1).schema());
    let broken = AdapterError::new(ErrorClass::ConnectionLost, "the source", "the source went away").with_code("X1");
    let mut items: Vec<Result<RecordBatch, AdapterError>> =
        (0..30).map(|index| Ok(numbers(index * 2000, 2000))).collect();
    items.push(Err(broken));
    let rows: BatchStream = stream::iter(items).boxed();
    let error = subject.adapter.load(request, rows, CancellationToken::new()).await.expect_err("the input failed");
    assert_eq!((error.connection.as_str(), error.code.as_deref()), ("the source", Some("X1")), "passed on as it is");
    assert_nothing_is_left(subject, "half").await;
}

/// A value that the column cannot hold: class, column, and no relation.
pub async fn a_value_that_does_not_fit_leaves_nothing(subject: &Subject) {
    let small = subject.column_type(&Field::new("n", DataType::Int16, true));
    let mut request = subject.load_request("narrow", &numbers(0, 1).schema());
    request.columns[0].column_type = small;
    let batches = vec![numbers(0, 1000), numbers(1_000_000, 1)];
    let error = subject.try_load(request, batches).await.expect_err("1000000 is too much for 16 bits");
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("n")), "{error}");
    assert_nothing_is_left(subject, "narrow").await;
}

/// NOT NULL is made as asked, and a NULL fails the whole load.
pub async fn a_null_that_the_table_refuses_leaves_nothing(subject: &Subject) {
    let values: Int16Array = (0..100).map(|row| (row != 57).then_some(row)).collect();
    let batch = batch_of(&[("n", Arc::new(values))]);
    let mut request = subject.load_request("strict", &batch.schema());
    request.columns[0].nullable = false;
    let error = subject.try_load(request, vec![batch]).await.expect_err("there is a NULL");
    assert!(matches!(error.class, ErrorClass::Constraint | ErrorClass::ValueDoesNotFit), "{error}");
    assert_eq!(error.column.as_deref(), Some("n"), "{error}");
    assert_nothing_is_left(subject, "strict").await;
}

/// The token ends a load whose input never ends.
pub async fn a_cancelled_load_leaves_nothing(subject: &Subject) {
    let request = subject.load_request("endless", &numbers(0, 1).schema());
    let cancel = CancellationToken::new();
    let rows: BatchStream = stream::unfold(0_i64, |index| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok(numbers(index * 1000, 1000)), index + 1))
    })
    .boxed();
    let trigger = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        trigger.cancel();
    });
    let error = subject.adapter.load(request, rows, cancel).await.expect_err("it was cancelled");
    assert_eq!(error.class, ErrorClass::Cancelled, "{error}");
    assert_nothing_is_left(subject, "endless").await;
}

/// A load makes its relation; one that is there is an error, and keeps its rows.
pub async fn a_load_over_an_existing_relation_fails_and_keeps_it(subject: &Subject) {
    subject.load("there", numbers(0, 5)).await;
    let other = batch_of(&[("n", Arc::new(Int64Array::from(vec![1])) as Arc<dyn Array>)]);
    let request = subject.load_request("there", &other.schema());
    let error = subject.try_load(request, vec![other]).await.expect_err("the relation exists");
    assert!(error.to_string().contains("there"), "{error}");
    assert_eq!(subject.count("there").await, 5);
}

/// The schema of a request without columns is refused or makes an empty table, but never panics.
pub async fn a_load_without_columns_does_not_panic(subject: &Subject) {
    let schema = Arc::new(Schema::empty());
    let request = subject.load_request("no_columns", &schema);
    let _ = subject.try_load(request, vec![]).await;
}
