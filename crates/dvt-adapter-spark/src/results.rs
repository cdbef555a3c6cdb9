//! Spark's batches as dvt's rooms take them.

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, StructArray, new_null_array};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use dvt_adapter::{CastProblem, strict_cast};
use serde_json::Value;
use std::sync::Arc;

/// The schema that rows of these columns are shown with: nested values are JSON text, instants are in UTC, and what Arrow has no
/// value for that templates could read is text.
pub(crate) fn shown_schema(schema: &Schema) -> SchemaRef {
    let shown = |data_type: &DataType| match data_type {
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::Struct(_)
        | DataType::Map(..)
        | DataType::Null
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::LargeUtf8 => DataType::Utf8,
        other => other.clone(),
    };
    let fields = schema.fields().iter().map(|field| Field::new(field.name(), shown(field.data_type()), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch in the shown schema.
pub(crate) fn shown(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    if batch.num_columns() != schema.fields().len() {
        return Err(format!("{} columns were told and {} came", schema.fields().len(), batch.num_columns()));
    }
    let columns = batch.columns().iter().zip(schema.fields()).map(|(values, field)| {
        decode(values, field.data_type()).map_err(|problem| format!("column `{}`: {problem}", field.name()))
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|error| error.to_string())
}

fn decode(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    match (values.data_type(), to) {
        (DataType::Null, _) => Ok(new_null_array(to, values.len())),
        (DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) | DataType::Map(..), DataType::Utf8) => {
            as_json(values).map_err(|error| error.to_string())
        }
        (DataType::Duration(_) | DataType::Interval(_), DataType::Utf8) => {
            arrow::compute::cast(values, to).map_err(|error| error.to_string())
        }
        _ => cast(values, to).map_err(|problem| problem.to_string()),
    }
}

/// The values as that type, all of them as they are. The zone of an instant is only how it is shown.
pub(crate) fn cast(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, CastProblem> {
    if let (DataType::Timestamp(unit, Some(_)), DataType::Timestamp(_, Some(zone))) = (values.data_type(), to) {
        let in_zone = DataType::Timestamp(*unit, Some(Arc::clone(zone)));
        if let Ok(relabelled) = values.to_data().into_builder().data_type(in_zone).build() {
            return strict_cast(&arrow::array::make_array(relabelled), to);
        }
    }
    strict_cast(values, to)
}

/// Nested values as JSON text.
fn as_json(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let fields = Fields::from(vec![Field::new("v", values.data_type().clone(), true)]);
    let rows = StructArray::try_new(fields, vec![Arc::clone(values)], None)?;
    let mut lines = Vec::new();
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::LineDelimited>(&mut lines);
    writer.write(&RecordBatch::from(rows))?;
    writer.finish()?;
    let texts = lines.split(|byte| *byte == b'\n').take(values.len()).map(|line| {
        let row: Value = serde_json::from_slice(line).ok()?;
        row.get("v").filter(|value| !value.is_null()).map(Value::to_string)
    });
    Ok(Arc::new(texts.collect::<StringArray>()))
}
