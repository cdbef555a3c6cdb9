//! Values between the Arrow type and the stored type, both ways. Nothing is ever rounded or turned into NULL.

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, IntervalDayTimeArray, IntervalMonthDayNanoArray, ListArray,
    MapArray, StructArray, make_array, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Field, Fields, Int32Type, Int64Type, IntervalDayTime, IntervalDayTimeType, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use arrow::error::ArrowError;
use std::sync::Arc;

/// The array in the form it is stored in.
pub fn encode(array: &ArrayRef, stored: &DataType) -> Result<ArrayRef, ArrowError> {
    let from = array.data_type();
    if from == stored {
        return Ok(Arc::clone(array));
    }
    match (from, stored) {
        (DataType::Null, _) => Ok(new_null_array(stored, array.len())),
        (DataType::Interval(IntervalUnit::DayTime), DataType::Struct(fields)) => {
            let values = array.as_primitive::<IntervalDayTimeType>();
            let days: Int32Array = values.values().iter().map(|value| value.days).collect();
            let millis: Int32Array = values.values().iter().map(|value| value.milliseconds).collect();
            parts(fields, vec![Arc::new(days), Arc::new(millis)], array)
        }
        (DataType::Interval(IntervalUnit::MonthDayNano), DataType::Struct(fields)) => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>();
            let months: Int32Array = values.values().iter().map(|value| value.months).collect();
            let days: Int32Array = values.values().iter().map(|value| value.days).collect();
            let nanos: Int64Array = values.values().iter().map(|value| value.nanoseconds).collect();
            parts(fields, vec![Arc::new(months), Arc::new(days), Arc::new(nanos)], array)
        }
        (from, stored) if is_number_of(from, stored) => reinterpret(array, stored),
        (DataType::List(_), DataType::List(item)) => list(array, item, encode),
        (DataType::LargeList(child) | DataType::FixedSizeList(child, _), DataType::List(item)) => {
            list(&cast(array, &DataType::List(Arc::clone(child)))?, item, encode)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => structure(array, fields, encode),
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => map(array, entries, *sorted, encode),
        (DataType::Dictionary(_, values), _) => encode(&cast(array, values)?, stored),
        _ => cast(array, stored),
    }
}

/// The stored array as the Arrow type it came from.
pub fn decode(array: &ArrayRef, arrow: &DataType) -> Result<ArrayRef, ArrowError> {
    let stored = array.data_type();
    if stored == arrow {
        return Ok(Arc::clone(array));
    }
    match (stored, arrow) {
        (_, DataType::Null) => Ok(new_null_array(arrow, array.len())),
        (DataType::Struct(_), DataType::Interval(IntervalUnit::DayTime)) => {
            let (days, millis) = (number::<Int32Type>(array, 0), number::<Int32Type>(array, 1));
            let values = days.iter().zip(millis).map(|(days, millis)| IntervalDayTime::new(*days, *millis)).collect();
            Ok(Arc::new(IntervalDayTimeArray::new(values, array.nulls().cloned())))
        }
        (DataType::Struct(_), DataType::Interval(IntervalUnit::MonthDayNano)) => {
            let (months, days) = (number::<Int32Type>(array, 0), number::<Int32Type>(array, 1));
            let nanos = number::<Int64Type>(array, 2);
            let values = months
                .iter()
                .zip(days)
                .zip(nanos)
                .map(|((months, days), nanos)| IntervalMonthDayNano::new(*months, *days, *nanos))
                .collect();
            Ok(Arc::new(IntervalMonthDayNanoArray::new(values, array.nulls().cloned())))
        }
        (stored, arrow) if is_number_of(arrow, stored) => reinterpret(array, arrow),
        (DataType::List(_), DataType::List(item)) => list(array, item, decode),
        (DataType::List(_), DataType::LargeList(item) | DataType::FixedSizeList(item, _)) => {
            cast(&list(array, item, decode)?, arrow)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => structure(array, fields, decode),
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => map(array, entries, *sorted, decode),
        (_, DataType::Dictionary(_, values)) => cast(&decode(array, values)?, arrow),
        _ => cast(array, arrow),
    }
}

/// Whether `stored` holds the very number that `arrow` holds.
fn is_number_of(arrow: &DataType, stored: &DataType) -> bool {
    match stored {
        DataType::Int32 => matches!(arrow, DataType::Time32(_) | DataType::Interval(IntervalUnit::YearMonth)),
        DataType::Int64 => matches!(
            arrow,
            DataType::Date64
                | DataType::Time64(_)
                | DataType::Duration(_)
                | DataType::Timestamp(TimeUnit::Nanosecond, _)
        ),
        _ => false,
    }
}

fn reinterpret(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    Ok(make_array(array.to_data().into_builder().data_type(data_type.clone()).build()?))
}

fn cast(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, data_type, &strict)
}

type Convert = fn(&ArrayRef, &DataType) -> Result<ArrayRef, ArrowError>;

fn list(array: &ArrayRef, item: &Arc<Field>, convert: Convert) -> Result<ArrayRef, ArrowError> {
    let list = array.as_list::<i32>();
    let values = convert(list.values(), item.data_type())?;
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned())?))
}

fn structure(array: &ArrayRef, fields: &Fields, convert: Convert) -> Result<ArrayRef, ArrowError> {
    let columns = array
        .as_struct()
        .columns()
        .iter()
        .zip(fields)
        .map(|(column, field)| convert(column, field.data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, array.nulls().cloned())?))
}

fn map(array: &ArrayRef, entries: &Arc<Field>, sorted: bool, convert: Convert) -> Result<ArrayRef, ArrowError> {
    let source = array.as_map();
    let pairs: ArrayRef = Arc::new(source.entries().clone());
    let pairs = convert(&pairs, entries.data_type())?;
    let pairs = pairs.as_struct().clone();
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        source.offsets().clone(),
        pairs,
        source.nulls().cloned(),
        sorted,
    )?))
}

fn parts(fields: &Fields, columns: Vec<ArrayRef>, source: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns, source.nulls().cloned())?))
}

fn number<T: arrow::datatypes::ArrowPrimitiveType>(array: &ArrayRef, index: usize) -> &[T::Native] {
    array.as_struct().column(index).as_primitive::<T>().values()
}
