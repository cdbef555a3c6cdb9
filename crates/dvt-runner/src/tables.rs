//! Rows as templates see them: Arrow batches as dbt's agate tables.

use crate::seed::{Kind, SeedError, SeedFile, collect_batches};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, SchemaRef, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::temporal_conversions::{as_date, as_datetime, as_time};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_jinja::{BridgeError, ColumnKind, Decimal, Table, Value};

/// The rows of a statement.
pub(crate) fn table_of_result(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Table, BridgeError> {
    let columns: Vec<(&str, ColumnKind)> =
        schema.fields().iter().map(|field| (field.name().as_str(), kind_of(field.data_type()))).collect();
    Ok(Table::new(&columns, rows_of(batches)?))
}

/// The rows of a seed; without `with_rows` only its columns.
pub(crate) fn table_of_seed(seed: &SeedFile, with_rows: bool) -> Result<Table, BridgeError> {
    let columns: Vec<(&str, ColumnKind)> = seed
        .columns
        .iter()
        .map(|column| {
            let kind = match column.kind {
                Kind::Number if column.data_type == DataType::Float64 => ColumnKind::Number,
                Kind::Number => ColumnKind::Integer,
                Kind::Date => ColumnKind::Date,
                Kind::DateTime | Kind::IsoDateTime => ColumnKind::DateTime,
                Kind::Boolean => ColumnKind::Boolean,
                Kind::Text => ColumnKind::Text,
            };
            (column.name.as_str(), kind)
        })
        .collect();
    let rows = if with_rows {
        let batches = collect_batches(seed).map_err(|error: SeedError| -> BridgeError { Box::new(error) })?;
        rows_of(&batches)?
    } else {
        Vec::new()
    };
    Ok(Table::new(&columns, rows))
}

fn rows_of(batches: &[RecordBatch]) -> Result<Vec<Vec<Value>>, BridgeError> {
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| value_at(column, row)).collect::<Result<_, _>>()?);
        }
    }
    Ok(rows)
}

fn kind_of(data_type: &DataType) -> ColumnKind {
    match data_type {
        DataType::Boolean => ColumnKind::Boolean,
        data_type if data_type.is_integer() => ColumnKind::Integer,
        data_type if data_type.is_numeric() => ColumnKind::Number,
        DataType::Date32 | DataType::Date64 => ColumnKind::Date,
        DataType::Timestamp(..) => ColumnKind::DateTime,
        _ => ColumnKind::Text,
    }
}

/// One cell. What has no kind of its own in templates is its text.
fn value_at(column: &ArrayRef, row: usize) -> Result<Value, BridgeError> {
    if column.is_null(row) {
        return Ok(Value::None);
    }
    macro_rules! integer {
        ($kind:ty) => {
            Value::Int(i128::from(column.as_primitive::<$kind>().value(row)))
        };
    }
    // A number without a declared scale comes with every digit there could be.
    let decimal = |text: String| {
        let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let text = if digits < 18 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() };
        Decimal::parse(&text).map_or_else(|| Value::from(text), Value::Decimal)
    };
    Ok(match column.data_type() {
        DataType::Null => Value::None,
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        // Through its shortest text, as a driver that reads text gives it.
        DataType::Float32 => {
            let number = column.as_primitive::<Float32Type>().value(row);
            Value::Float(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
        }
        DataType::Float64 => Value::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => decimal(column.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => decimal(column.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => Value::str(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::str(column.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::str(column.as_string_view().value(row)),
        DataType::Binary => Value::Bytes(column.as_binary::<i32>().value(row).into()),
        DataType::Date32 => match as_date::<Date32Type>(i64::from(column.as_primitive::<Date32Type>().value(row))) {
            Some(date) => Value::date(date),
            None => text_at(column, row)?,
        },
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let value = column.as_primitive::<TimestampMicrosecondType>().value(row);
            match (as_datetime::<TimestampMicrosecondType>(value), zone) {
                (Some(datetime), None) => Value::datetime(datetime),
                (Some(datetime), Some(_)) => Value::datetime_utc(datetime.and_utc()),
                (None, _) => text_at(column, row)?,
            }
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            match as_time::<Time64MicrosecondType>(column.as_primitive::<Time64MicrosecondType>().value(row)) {
                Some(time) => Value::from(Value::time(time).to_string()),
                None => text_at(column, row)?,
            }
        }
        _ => text_at(column, row)?,
    })
}

fn text_at(column: &ArrayRef, row: usize) -> Result<Value, BridgeError> {
    let formatter = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default())?;
    Ok(Value::from(formatter.value(row).try_to_string()?))
}
