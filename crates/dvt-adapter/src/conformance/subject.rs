//! What a leaf hands to the conformance tests, and the small steps that the cases are written in.

use crate::{
    Adapter, AdapterError, BatchStream, ErrorClass, ExtractRequest, Fetch, LoadColumn, LoadReport, LoadRequest,
    QueryResult, RelationDescription, RelationName,
};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt, stream};
use std::any::Any;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// An adapter over a fresh, empty schema.
pub struct Subject {
    pub adapter: Arc<dyn Adapter>,
    /// The name parts before a relation's identifier.
    pub database: Option<String>,
    pub schema: Option<String>,
    /// The same place with a password that is wrong; `None` where there are no passwords.
    pub wrong_password: Option<Arc<dyn Adapter>>,
    /// The same configuration leading to a closed port, or to a folder that does not exist.
    pub unreachable: Option<Arc<dyn Adapter>>,
    /// The password in use, which no error may contain.
    pub password: Option<String>,
    pub engine: Engine,
    /// Dropped last: the test database, a temporary folder.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// What an engine is stated to be able to do. Nothing is skipped that is not listed here.
#[derive(Clone, Copy)]
pub struct Engine {
    /// A query whose one integer column `n` counts from 1 to the argument; it must stream, not take seconds to begin.
    pub numbers: fn(u64) -> String,
    /// A statement that runs for more than a minute unless it is cancelled, and returns a row at most.
    pub slow_statement: &'static str,
    /// Names of [`samples`](super::samples) that [`Adapter::column_type`] refuses.
    pub refuses: &'static [&'static str],
    /// Names of samples whose type the engine has, but whose values it cannot hold (NaN, more digits than its widest
    /// decimal): the load is an error that names the column.
    pub refuses_values: &'static [&'static str],
    /// Cases that the engine cannot fulfil, with the reason.
    pub skips: &'static [(&'static str, &'static str)],
}

impl Subject {
    /// A relation of the test's schema.
    pub(crate) fn relation(&self, identifier: &str) -> RelationName {
        RelationName::new(self.database.as_deref(), self.schema.as_deref(), identifier)
    }

    /// The relation as SQL names it.
    pub(crate) fn sql_name(&self, identifier: &str) -> String {
        let relation = self.relation(identifier);
        self.adapter.dialect().quote_path(relation.parts())
    }

    pub(crate) fn quote(&self, name: &str) -> String {
        self.adapter.dialect().quote_identifier(name)
    }

    /// The engine's type text for a field.
    pub(crate) fn column_type(&self, field: &Field) -> String {
        self.adapter.column_type(field).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A request to make `identifier` with the engine's own types for the schema.
    pub(crate) fn load_request(&self, identifier: &str, schema: &SchemaRef) -> LoadRequest {
        let columns = schema.fields().iter().map(|field| LoadColumn {
            name: field.name().clone(),
            column_type: self.column_type(field),
            nullable: field.is_nullable(),
        });
        LoadRequest {
            relation: self.relation(identifier),
            columns: columns.collect(),
            schema: Arc::clone(schema),
            on_behalf_of: format!("model.conformance.{identifier}"),
            options: serde_json::Map::new(),
        }
    }

    pub(crate) async fn try_load(
        &self,
        request: LoadRequest,
        batches: Vec<RecordBatch>,
    ) -> Result<LoadReport, AdapterError> {
        let rows: BatchStream = stream::iter(batches.into_iter().map(Ok)).boxed();
        self.adapter.load(request, rows, CancellationToken::new()).await
    }

    /// Makes and fills a table.
    pub(crate) async fn load(&self, identifier: &str, batch: RecordBatch) -> LoadReport {
        let request = self.load_request(identifier, &batch.schema());
        self.try_load(request, vec![batch]).await.unwrap_or_else(|error| panic!("load of {identifier}: {error}"))
    }

    /// All rows of a query, as the schema says.
    pub(crate) async fn try_extract(&self, sql: &str, schema: &SchemaRef) -> Result<RecordBatch, AdapterError> {
        let request = ExtractRequest { sql: sql.to_owned(), schema: Arc::clone(schema), batch_rows: 1000 };
        let stream = self.adapter.extract(request, CancellationToken::new()).await?;
        let batches: Vec<RecordBatch> = stream.try_collect().await?;
        for batch in &batches {
            assert_eq!(batch.schema(), *schema, "a batch holds the schema that was asked for");
        }
        Ok(concat_batches(schema, &batches).unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) async fn extract(&self, sql: &str, schema: &SchemaRef) -> RecordBatch {
        self.try_extract(sql, schema).await.unwrap_or_else(|error| panic!("extract of {sql}: {error}"))
    }

    pub(crate) async fn describe(&self, identifier: &str) -> Option<RelationDescription> {
        let described = self.adapter.describe(&[self.relation(identifier)]).await;
        described.unwrap_or_else(|error| panic!("describe {identifier}: {error}")).pop().flatten()
    }

    /// Runs SQL in a session of its own.
    pub(crate) async fn try_run(&self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        self.adapter.session().await?.execute(sql, fetch).await
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.try_run(sql, Fetch::None).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a table, counted by the engine in a session of its own.
    pub(crate) async fn count(&self, identifier: &str) -> i64 {
        let sql = format!("select count(*) as n from {}", self.sql_name(identifier));
        let result = self.try_run(&sql, Fetch::All).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        single_integer(&result)
    }

    pub(crate) async fn expect_error(&self, sql: &str, class: ErrorClass) -> AdapterError {
        match self.try_run(sql, Fetch::All).await {
            Ok(_) => panic!("{sql} is expected to fail with {class:?}"),
            Err(error) => {
                assert_eq!(error.class, class, "{sql}: {error}");
                error
            }
        }
    }
}

/// The only value of a result, as an integer.
pub(crate) fn single_integer(result: &QueryResult) -> i64 {
    let (schema, batches) = result.rows.as_ref().expect("rows were fetched");
    let batch = concat_batches(schema, batches).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((batch.num_rows(), batch.num_columns()), (1, 1), "one value");
    let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Int64)
        .unwrap_or_else(|error| panic!("{error}"));
    arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&column).value(0)
}

/// A batch of named columns, all nullable.
pub(crate) fn batch_of(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let fields = columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.iter().map(|(_, values)| Arc::clone(values)).collect())
        .unwrap_or_else(|error| panic!("{error}"))
}
