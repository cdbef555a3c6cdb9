//! Which stored values are read as which types, and which are refused.

use super::{RowCollector, iso_moment};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use rusqlite::types::ValueRef;
use std::sync::Arc;

fn read(data_type: DataType, value: ValueRef<'_>) -> Result<String, String> {
    let schema = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
    let mut collector = RowCollector::new(schema).map_err(|error| error.to_string())?;
    collector.push([value].into_iter()).map_err(|misfit| misfit.reason)?;
    let batch = collector.finish().map_err(|misfit| misfit.reason)?;
    let formatter = ArrayFormatter::try_new(batch.column(0), &FormatOptions::new()).unwrap();
    Ok(formatter.value(0).to_string())
}

#[test]
fn decimals_are_what_was_put_in() {
    let check = |value, expected: &str| assert_eq!(read(DataType::Decimal128(15, 2), value).as_deref(), Ok(expected));
    check(ValueRef::Real(12.34), "12.34");
    check(ValueRef::Real(0.1), "0.10");
    check(ValueRef::Integer(-7), "-7.00");
    check(ValueRef::Real(9_999_999_999_999.99), "9999999999999.99");
    check(ValueRef::Text(b"-0.50"), "-0.50");
    assert!(read(DataType::Decimal128(15, 2), ValueRef::Real(0.1 + 0.2)).unwrap_err().contains("15 digits"));
    assert!(read(DataType::Decimal128(15, 2), ValueRef::Real(1.234)).unwrap_err().contains("does not fit"));
    assert!(read(DataType::Decimal128(3, 2), ValueRef::Integer(10)).unwrap_err().contains("does not fit"));
    assert!(read(DataType::Decimal128(3, 2), ValueRef::Text(b"1e2")).unwrap_err().contains("TEXT `1e2`"));
}

#[test]
fn moments_are_read_in_their_forms() {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    let check = |value, expected: &str| assert_eq!(read(timestamp.clone(), value).as_deref(), Ok(expected));
    check(ValueRef::Text(b"2024-02-29 12:34:56.123456"), "2024-02-29T12:34:56.123456");
    check(ValueRef::Text(b"2024-02-29T12:34"), "2024-02-29T12:34:00");
    check(ValueRef::Text(b"2024-02-29T12:34:56Z"), "2024-02-29T12:34:56");
    check(ValueRef::Text(b"2024-02-29 12:34:56+02:00"), "2024-02-29T10:34:56");
    check(ValueRef::Text(b"0001-01-01"), "0001-01-01T00:00:00");
    check(ValueRef::Integer(0), "1970-01-01T00:00:00");
    assert!(read(timestamp.clone(), ValueRef::Text(b"2023-02-29")).is_err());
    assert!(read(timestamp.clone(), ValueRef::Text(b"29.02.2024")).is_err());
    assert!(read(timestamp.clone(), ValueRef::Text(b"2024-01-01 00:00:00.1234567")).is_err());
    assert!(read(timestamp.clone(), ValueRef::Real(2_460_000.5)).unwrap_err().contains("Julian"));
    assert!(read(timestamp, ValueRef::Integer(1_700_000_000_000)).is_err(), "milliseconds are no seconds");
    assert!(read(DataType::Date32, ValueRef::Text(b"2024-01-01 10:00")).unwrap_err().contains("time of day"));
    assert_eq!(iso_moment("1969-12-31 23:59:59.5"), Some((-1, 500_000_000)));
}

#[test]
fn a_wrong_storage_class_is_an_error() {
    let check = |data_type, value, text: &str| {
        let reason = read(data_type, value).unwrap_err();
        assert!(reason.contains(text), "{reason}");
    };
    check(DataType::Int64, ValueRef::Text(b"abc"), "the TEXT `abc` is not a whole number");
    check(DataType::Int64, ValueRef::Real(1.5), "the REAL 1.5");
    check(DataType::Int8, ValueRef::Integer(300), "the INTEGER 300");
    check(DataType::Utf8, ValueRef::Blob(b"x"), "a BLOB of 1 bytes");
    check(DataType::Utf8, ValueRef::Real(0.5), "the REAL 0.5");
    check(DataType::Boolean, ValueRef::Integer(2), "truth value");
    check(DataType::Binary, ValueRef::Text(b"x"), "blob");
    check(DataType::Float64, ValueRef::Integer(i64::MAX), "floating");
}
