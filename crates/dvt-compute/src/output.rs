//! The result's batches in the schema that the plan declared.

use crate::ComputeError;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use datafusion::execution::SendableRecordBatchStream;
use dvt_adapter::{CastProblem, strict_cast};
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
        Self::of_rows(schema, rows.map(|batch| batch.map_err(ComputeError::from)).boxed())
    }

    /// The same for batches that come from elsewhere.
    pub(crate) fn of_rows(schema: SchemaRef, rows: BoxStream<'static, Result<RecordBatch, ComputeError>>) -> Self {
        let declared = Arc::clone(&schema);
        let batches = rows.map(move |batch| conform(&batch?, &declared)).boxed();
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
        let cast = in_declared_form(column, field)?;
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

/// The column as it was declared: another form of the same values, never other values. Only the nanoseconds of what was
/// computed here (`now()`) are cut to the microseconds that databases keep.
fn in_declared_form(column: &ArrayRef, field: &Field) -> Result<ArrayRef, ComputeError> {
    let failed = |reason: String| ComputeError::Value { message: format!("column `{}`: {reason}", field.name()) };
    match (column.data_type(), field.data_type()) {
        (DataType::Null, declared) => Ok(new_null_array(declared, column.len())),
        (
            DataType::Timestamp(TimeUnit::Nanosecond, from_zone),
            declared @ DataType::Timestamp(TimeUnit::Microsecond, zone),
        ) if from_zone.is_some() == zone.is_some() => {
            let options = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(column, declared, &options).map_err(|error| failed(error.to_string()))
        }
        (actual, declared) => strict_cast(column, declared).map_err(|problem| match problem {
            CastProblem::NoSuchCast { .. } => ComputeError::TypeMismatch {
                column: field.name().clone(),
                planned: declared.to_string(),
                actual: actual.to_string(),
            },
            other => failed(other.to_string()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, StringViewArray};

    #[test]
    fn a_column_changes_its_form_and_never_its_values() {
        let text: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None]));
        let plain = in_declared_form(&text, &Field::new("x", DataType::Utf8, true)).unwrap();
        assert_eq!((plain.data_type(), plain.null_count()), (&DataType::Utf8, 1));

        let price: ArrayRef = Arc::new(Decimal128Array::from(vec![12_345]).with_precision_and_scale(10, 4).unwrap());
        let error =
            in_declared_form(&price, &Field::new("price", DataType::Decimal128(10, 2), true)).expect_err("rounds");
        assert!(error.to_string().contains("price"), "{error}");

        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let bare: ArrayRef = new_null_array(&DataType::Timestamp(TimeUnit::Microsecond, None), 1);
        let error = in_declared_form(&bare, &Field::new("at", zoned, true)).expect_err("a guess");
        assert!(matches!(error, ComputeError::TypeMismatch { .. }), "{error}");
    }
}
