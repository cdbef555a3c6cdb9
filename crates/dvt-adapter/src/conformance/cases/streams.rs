//! Extracts as streams: shape, size, end.

use crate::conformance::Subject;
use crate::conformance::subject::batch_of;
use crate::{ErrorClass, ExtractRequest, Fetch};
use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

fn numbers_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

/// No rows are still columns.
pub async fn an_empty_result_keeps_its_schema(subject: &Subject) {
    subject.load("empty", batch_of(&[("n", Arc::new(Int64Array::from(vec![1])))])).await;
    let sql = format!("select n from {} where n > 1", subject.sql_name("empty"));
    assert_eq!(subject.extract(&sql, &numbers_schema()).await.num_rows(), 0);
    let result = subject.try_run(&sql, Fetch::All).await.unwrap_or_else(|error| panic!("{error}"));
    let (schema, batches) = result.rows.expect("a query gives its schema even without rows");
    assert_eq!(schema.field(0).name(), "n");
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
}

/// Several batches in, several out, none lost or twice.
pub async fn many_rows_round_trip(subject: &Subject) {
    let (batches, rows_each) = (20_i64, 5_000_i64);
    let batch = |index: i64| {
        let first = index * rows_each;
        let ids: Int64Array = (first..first + rows_each).map(Some).collect();
        let texts: StringArray =
            (first..first + rows_each).map(|id| (id % 10 != 0).then(|| format!("row {id}"))).collect();
        batch_of(&[("n", Arc::new(ids)), ("label", Arc::new(texts))])
    };
    let request = subject.load_request("many", &batch(0).schema());
    let report = subject.try_load(request, (0..batches).map(batch).collect()).await;
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.rows, (batches * rows_each) as u64);
    assert!(report.bytes > 0);
    let sql = format!("select n, label from {} order by n", subject.sql_name("many"));
    let rows = subject.extract(&sql, &batch(0).schema()).await;
    assert_eq!(rows.num_rows() as i64, batches * rows_each);
    let (ids, texts) = (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_string::<i32>());
    for row in 0..rows.num_rows() {
        assert_eq!(ids.value(row), row as i64);
        assert_eq!(texts.is_null(row), row % 10 == 0);
        assert!(texts.is_null(row) || texts.value(row) == format!("row {row}"));
    }
}

/// `batch_rows` bounds every batch.
pub async fn batches_hold_no_more_rows_than_asked(subject: &Subject) {
    let sql = (subject.engine.numbers)(2_500);
    let request = ExtractRequest { sql, schema: numbers_schema(), batch_rows: 1_000 };
    let stream = subject.adapter.extract(request, CancellationToken::new()).await;
    let batches: Vec<RecordBatch> =
        stream.unwrap_or_else(|error| panic!("{error}")).try_collect().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(batches.iter().all(|batch| batch.num_rows() <= 1_000 && batch.num_rows() > 0));
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2_500);
}

/// The token ends a stream that is under way with class `Cancelled`.
pub async fn a_cancelled_extract_ends(subject: &Subject) {
    let cancel = CancellationToken::new();
    let sql = (subject.engine.numbers)(50_000_000);
    let request = ExtractRequest { sql, schema: numbers_schema(), batch_rows: 1_000 };
    let mut stream = subject.adapter.extract(request, cancel.clone()).await.unwrap_or_else(|error| panic!("{error}"));
    stream.next().await.expect("there are rows").unwrap_or_else(|error| panic!("{error}"));
    let begun = Instant::now();
    cancel.cancel();
    let error = loop {
        match stream.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the stream ended as if it were complete"),
        }
    };
    assert_eq!(error.class, ErrorClass::Cancelled, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it ended by itself after {:?}", begun.elapsed());
    assert!(stream.next().await.is_none(), "nothing follows the error");
}

/// Dropping a stream half way leaves the adapter as usable as before, many times over.
pub async fn a_dropped_extract_leaves_the_connection_usable(subject: &Subject) {
    let begun = Instant::now();
    for _ in 0..5 {
        let sql = (subject.engine.numbers)(50_000_000);
        let request = ExtractRequest { sql, schema: numbers_schema(), batch_rows: 1_000 };
        let stream = subject.adapter.extract(request, CancellationToken::new()).await;
        let mut stream = stream.unwrap_or_else(|error| panic!("{error}"));
        stream.next().await.expect("there are rows").unwrap_or_else(|error| panic!("{error}"));
        drop(stream);
        let rows = subject.extract(&(subject.engine.numbers)(3), &numbers_schema()).await;
        assert_eq!(rows.num_rows(), 3);
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "dropped queries ran on: {:?}", begun.elapsed());
}

/// The token ends a statement that is under way; the session can be used again.
pub async fn a_cancelled_statement_ends(subject: &Subject) {
    let cancel = CancellationToken::new();
    let mut session = subject.adapter.session().await.unwrap_or_else(|error| panic!("{error}"));
    session.set_cancel(cancel.clone());
    let begun = Instant::now();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    });
    let error = session.execute(subject.engine.slow_statement, Fetch::None).await.expect_err("it was cancelled");
    assert_eq!(error.class, ErrorClass::Cancelled, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it ended by itself after {:?}", begun.elapsed());
    session.set_cancel(CancellationToken::new());
    session.execute("select 1 as one", Fetch::All).await.unwrap_or_else(|error| panic!("{error}"));
}
