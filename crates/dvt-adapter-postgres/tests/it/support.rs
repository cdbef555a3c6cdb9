//! A database, an adapter over it, and the few calls that the tests are written in.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, ColumnDescription, ExtractRequest, Fetch, LoadColumn,
    LoadReport, LoadRequest, RelationName,
};
use dvt_adapter_postgres::PostgresAdapter;
use dvt_test_support::TestDatabase;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The profile output that leads to a test's database.
pub(crate) fn output(database: &TestDatabase) -> Map<String, Value> {
    let output = json!({
        "type": "postgres",
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": database.password,
        "dbname": database.database,
        "schema": "public",
        "retries": 0,
    });
    output.as_object().unwrap().clone()
}

/// The same with some keys replaced.
pub(crate) fn output_with(database: &TestDatabase, changes: Value) -> Map<String, Value> {
    let mut output = output(database);
    for (key, value) in changes.as_object().unwrap() {
        output.insert(key.clone(), value.clone());
    }
    output
}

pub(crate) fn adapter(output: &Map<String, Value>) -> Arc<dyn Adapter> {
    Arc::new(PostgresAdapter::from_profile("warehouse", output).unwrap())
}

pub(crate) async fn run(adapter: &dyn Adapter, sql: &str) {
    adapter.session().await.unwrap().execute(sql, Fetch::None).await.unwrap();
}

/// The columns of a table of the schema `public`.
pub(crate) async fn describe(adapter: &dyn Adapter, table: &str) -> Vec<ColumnDescription> {
    let name = RelationName::new(None, Some("public"), table);
    adapter.describe(&[name]).await.unwrap().pop().unwrap().unwrap().columns
}

pub(crate) fn schema_of(columns: &[ColumnDescription]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|column| column.field.clone().unwrap()).collect::<Vec<_>>()))
}

pub(crate) async fn extract(adapter: &dyn Adapter, sql: &str, schema: SchemaRef) -> Result<RecordBatch, AdapterError> {
    let request = ExtractRequest { sql: sql.to_owned(), schema: Arc::clone(&schema), batch_rows: 1000 };
    let stream = adapter.extract(request, CancellationToken::new()).await?;
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    Ok(concat_batches(&schema, &batches).unwrap())
}

/// Loads a batch with the adapter's own column types.
pub(crate) async fn load(adapter: &dyn Adapter, table: &str, batch: RecordBatch) -> Result<LoadReport, AdapterError> {
    let types: Vec<String> = batch.schema().fields().iter().map(|field| adapter.column_type(field).unwrap()).collect();
    load_as(adapter, table, batch, &types).await
}

/// Loads a batch into columns of these types.
pub(crate) async fn load_as(
    adapter: &dyn Adapter,
    table: &str,
    batch: RecordBatch,
    types: &[String],
) -> Result<LoadReport, AdapterError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(types).map(|(field, column_type)| LoadColumn {
        name: field.name().clone(),
        column_type: column_type.clone(),
        nullable: field.is_nullable(),
    });
    let request = LoadRequest {
        relation: RelationName::new(None, Some("public"), table),
        columns: columns.collect(),
        schema: batch.schema(),
        on_behalf_of: "model.shop.orders".to_owned(),
        options: Map::new(),
    };
    let rows: BatchStream = stream::iter([Ok(batch)]).boxed();
    adapter.load(request, rows, CancellationToken::new()).await
}

/// The rows of a batch as PostgreSQL-like text, `∅` for NULL.
pub(crate) fn show(batch: &RecordBatch) -> Vec<String> {
    let options = arrow::util::display::FormatOptions::new().with_null("∅");
    let formatters: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| arrow::util::display::ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    (0..batch.num_rows())
        .map(|row| formatters.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect()
}
