//! The result's batches in the schema that the plan declared.

use crate::ComputeError;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;

/// The rows of a federated query.
pub struct ResultStream {
    /// The plan's output schema; every batch has it.
    pub schema: SchemaRef,
    pub batches: BoxStream<'static, Result<RecordBatch, ComputeError>>,
}

impl ResultStream {
    /// Brings the engine's batches to the declared schema: columns by position, types that differ in form only (views,
    /// dictionaries, units) cast strictly, so that a value that does not fit is an error that names the column.
    pub(crate) fn new(schema: SchemaRef, rows: SendableRecordBatchStream) -> Self {
        let declared = Arc::clone(&schema);
        let batches = rows.map(move |batch| conform(&batch.map_err(ComputeError::from)?, &declared)).boxed();
        Self { schema, batches }
    }
}

fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ComputeError> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        if column.data_type() == field.data_type() {
            columns.push(Arc::clone(column));
            continue;
        }
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let cast = cast_with_options(column, field.data_type(), &strict)
            .map_err(|error| ComputeError::Value { message: format!("column `{}`: {error}", field.name()) })?;
        columns.push(cast);
    }
    if columns.len() != schema.fields().len() {
        return Err(ComputeError::Engine {
            message: "the result has another number of columns than planned".to_owned(),
        });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| ComputeError::Engine { message: error.to_string() })
}
