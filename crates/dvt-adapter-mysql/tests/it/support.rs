//! Adapters over the test server.

use dvt_adapter::conformance::{Engine, Subject};
use dvt_adapter::{Adapter, BatchStream, CancellationToken, ExtractRequest, Fetch, QueryResult};
use dvt_adapter_mysql::MySqlAdapter;
use dvt_test_support::TestDatabase;
use futures::TryStreamExt;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn profile(database: &TestDatabase, adapter_type: &str) -> Map<String, Value> {
    let Value::Object(output) = json!({
        "type": adapter_type, "server": database.host, "port": database.port, "username": database.user,
        "password": database.password, "schema": database.database, "retries": 0,
    }) else {
        unreachable!("it is a map")
    };
    output
}

pub(crate) fn adapter(output: &Map<String, Value>) -> Arc<dyn Adapter> {
    Arc::new(MySqlAdapter::from_profile("test", output, Path::new("/")).unwrap())
}

fn subject(adapter_type: &str) -> Option<Subject> {
    let database = dvt_test_support::mysql()?;
    let output = profile(&database, adapter_type);
    let with = |key: &str, value: Value| {
        let mut output = output.clone();
        output.insert(key.to_owned(), value);
        Some(adapter(&output))
    };
    Some(Subject {
        adapter: adapter(&output),
        database: None,
        schema: Some(database.database.clone()),
        wrong_password: with("password", json!("not the password")),
        unreachable: with("port", json!(dvt_test_support::closed_port())),
        password: Some(database.password.clone()),
        engine: Engine {
            numbers: |count| format!("select cast(seq as signed) as n from seq_1_to_{count}"),
            slow_statement: "select sleep(100)",
            refuses: &["interval", "list_of_integers", "list_of_texts"],
            refuses_values: &["float64_special", "numeric", "timestamp_nanosecond"],
            skips: &[],
        },
        keep: Box::new(database),
    })
}

pub(crate) fn mysql_subject() -> Option<Subject> {
    subject("mysql")
}

pub(crate) fn mariadb_subject() -> Option<Subject> {
    subject("mariadb")
}

pub(crate) async fn run(adapter: &dyn Adapter, sql: &str) -> QueryResult {
    adapter.session().await.unwrap().execute(sql, Fetch::All).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Streams a query with the types that the engine tells.
pub(crate) async fn stream(adapter: &dyn Adapter, sql: &str) -> (arrow::datatypes::SchemaRef, BatchStream) {
    let columns = adapter.describe_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let fields: Vec<_> = columns.into_iter().map(|column| column.field.unwrap()).collect();
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let request = ExtractRequest { sql: sql.to_owned(), schema: schema.clone(), batch_rows: 8192 };
    (schema, adapter.extract(request, CancellationToken::new()).await.unwrap())
}

/// The rows of a query as text, columns separated by ` | `.
pub(crate) async fn rows(adapter: &dyn Adapter, sql: &str) -> Vec<String> {
    let (_, stream) = stream(adapter, sql).await;
    let batches: Vec<_> = stream.try_collect().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    text_rows(&batches)
}

pub(crate) fn text_rows(batches: &[arrow::array::RecordBatch]) -> Vec<String> {
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::new().with_null("NULL");
    batches
        .iter()
        .flat_map(|batch| {
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            (0..batch.num_rows())
                .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | "))
                .collect::<Vec<_>>()
        })
        .collect()
}
