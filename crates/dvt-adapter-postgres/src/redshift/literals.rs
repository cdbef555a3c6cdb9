//! Arrow values as Redshift writes them in SQL.
//!
//! A text stands as it is, so that the column it goes into refuses what is too long (an explicit cast would cut it); whatever
//! could be taken for another type says its own.

use crate::collect::Misfit;
use crate::redshift::calendar::{date_text, time_text, timestamp_text};
use crate::redshift::types::{LONGEST_TEXT, RedType};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Decimal256Array, PrimitiveArray, StringArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use dvt_sql::REDSHIFT;
use std::fmt::Write as _;

/// A column of values on their way into a column of one type.
pub(crate) enum Literals<'a> {
    Boolean(&'a BooleanArray),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Decimal128(&'a Decimal128Array, String),
    Decimal256(&'a Decimal256Array, String),
    Text { values: &'a StringArray, limit: usize },
    Super(&'a StringArray),
    TimeTz(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
    Instant(&'a PrimitiveArray<TimestampMicrosecondType>),
}

/// The Arrow type that values of a column of this type are written from; what does not travel is written as its text.
pub(crate) fn written_from(red_type: &RedType) -> DataType {
    red_type.arrow().map_or(DataType::Utf8, |(data_type, _)| data_type)
}

impl<'a> Literals<'a> {
    /// `None` where the values have another type than [`written_from`] says.
    pub(crate) fn new(red_type: &RedType, values: &'a ArrayRef) -> Option<Self> {
        Some(match red_type {
            RedType::Boolean => Self::Boolean(values.as_boolean_opt()?),
            RedType::SmallInt => Self::Int16(values.as_primitive_opt()?),
            RedType::Integer => Self::Int32(values.as_primitive_opt()?),
            RedType::BigInt | RedType::Oid => Self::Int64(values.as_primitive_opt()?),
            RedType::Real => Self::Float32(values.as_primitive_opt()?),
            RedType::Double => Self::Float64(values.as_primitive_opt()?),
            RedType::Numeric { .. } | RedType::AnyNumeric => match values.as_primitive_opt() {
                Some(array) => Self::Decimal128(array, red_type.native()),
                None => Self::Decimal256(values.as_primitive_opt()?, red_type.native()),
            },
            RedType::Char(length) | RedType::Varchar(length) => {
                let limit = length.unwrap_or(LONGEST_TEXT);
                Self::Text { values: values.as_string_opt()?, limit: usize::try_from(limit).unwrap_or(usize::MAX) }
            }
            RedType::Super => Self::Super(values.as_string_opt()?),
            RedType::TimeTz => Self::TimeTz(values.as_string_opt()?),
            RedType::Varbyte(_) => Self::Binary(values.as_binary_opt()?),
            RedType::Date => Self::Date(values.as_primitive_opt()?),
            RedType::Time => Self::Time(values.as_primitive_opt()?),
            RedType::Timestamp => Self::Timestamp(values.as_primitive_opt()?),
            RedType::TimestampTz => Self::Instant(values.as_primitive_opt()?),
            RedType::Other(_) => Self::Text { values: values.as_string_opt()?, limit: usize::MAX },
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Boolean(values) => *values,
            Self::Int16(values) => *values,
            Self::Int32(values) => *values,
            Self::Int64(values) => *values,
            Self::Float32(values) => *values,
            Self::Float64(values) => *values,
            Self::Decimal128(values, _) => *values,
            Self::Decimal256(values, _) => *values,
            Self::Text { values, .. } | Self::Super(values) | Self::TimeTz(values) => *values,
            Self::Binary(values) => *values,
            Self::Date(values) => *values,
            Self::Time(values) => *values,
            Self::Timestamp(values) | Self::Instant(values) => *values,
        }
    }

    /// Writes the value of a row.
    pub(crate) fn write(&self, row: usize, sql: &mut String) -> Result<(), Misfit> {
        if self.array().is_null(row) {
            sql.push_str(self.null());
            return Ok(());
        }
        // Writing to a string does not fail.
        let _ = match self {
            Self::Boolean(values) => write!(sql, "{}", values.value(row)),
            Self::Int16(values) => write!(sql, "{}", values.value(row)),
            Self::Int32(values) => write!(sql, "{}", values.value(row)),
            Self::Int64(values) => write!(sql, "'{}'::bigint", values.value(row)),
            Self::Float32(values) => {
                write!(sql, "'{}'::real", float_text(f64::from(values.value(row)), &values.value(row)))
            }
            Self::Float64(values) => write!(sql, "'{}'::float8", float_text(values.value(row), &values.value(row))),
            Self::Decimal128(values, native) => write!(sql, "'{}'::{native}", values.value_as_string(row)),
            Self::Decimal256(values, native) => write!(sql, "'{}'::{native}", values.value_as_string(row)),
            Self::Text { values, limit } => {
                let text = values.value(row);
                if text.trim_end_matches(' ').len() > *limit {
                    return Err("is longer than its column, whose length is in bytes");
                }
                return push_text(text, sql);
            }
            Self::Super(values) => {
                sql.push_str("json_parse(");
                push_text(values.value(row), sql)?;
                sql.push(')');
                Ok(())
            }
            Self::TimeTz(values) => {
                push_text(values.value(row), sql)?;
                write!(sql, "::timetz")
            }
            Self::Binary(values) => {
                sql.push_str("from_hex('");
                for byte in values.value(row) {
                    let _ = write!(sql, "{byte:02x}");
                }
                write!(sql, "')")
            }
            Self::Date(values) => write!(sql, "'{}'::date", date_text(i64::from(values.value(row)))),
            Self::Time(values) => write!(sql, "'{}'::time", time_text(values.value(row))),
            Self::Timestamp(values) => write!(sql, "'{}'::timestamp", timestamp_text(values.value(row), "")),
            Self::Instant(values) => write!(sql, "'{}'::timestamptz", timestamp_text(values.value(row), "+00")),
        };
        Ok(())
    }

    /// NULL in the type that the column's other values have.
    fn null(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "null::boolean",
            Self::Int64(_) => "null::bigint",
            Self::Float32(_) => "null::real",
            Self::Float64(_) => "null::float8",
            Self::Decimal128(..) | Self::Decimal256(..) => "null::numeric",
            Self::TimeTz(_) => "null::timetz",
            Self::Date(_) => "null::date",
            Self::Time(_) => "null::time",
            Self::Timestamp(_) => "null::timestamp",
            Self::Instant(_) => "null::timestamptz",
            Self::Int16(_) | Self::Int32(_) | Self::Text { .. } | Self::Super(_) | Self::Binary(_) => "null",
        }
    }
}

fn push_text(text: &str, sql: &mut String) -> Result<(), Misfit> {
    if text.contains('\0') {
        return Err("holds a NUL character, which Redshift's text cannot");
    }
    sql.push_str(&REDSHIFT.string_literal(text));
    Ok(())
}

/// The shortest text that is read as the same number, and the words for what is none.
fn float_text(number: f64, shortest: &dyn std::fmt::LowerExp) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        format!("{shortest:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dvt_adapter::strict_cast;
    use std::sync::Arc;

    fn check(native: &str, values: Vec<Option<&str>>, expected: &str) {
        let red_type = RedType::parse(native);
        let texts: ArrayRef = Arc::new(StringArray::from(values));
        let values = strict_cast(&texts, &written_from(&red_type)).unwrap();
        let literals = Literals::new(&red_type, &values).unwrap();
        let mut sql = String::new();
        for row in 0..values.len() {
            let written = literals.write(row, &mut sql);
            sql.push_str(&written.map_or_else(|problem| format!("! {problem}"), |()| " ".to_owned()));
        }
        assert_eq!(sql.trim_end(), expected, "{native}");
    }

    #[test]
    fn values_are_written_in_their_type() {
        check("integer", vec![Some("-1"), None], "-1 null");
        check("bigint", vec![Some("-9223372036854775808"), None], "'-9223372036854775808'::bigint null::bigint");
        check(
            "float8",
            vec![Some("0.1"), Some("1e300"), Some("inf")],
            "'1e-1'::float8 '1e300'::float8 'Infinity'::float8",
        );
        check("real", vec![Some("0.1"), Some("NaN")], "'1e-1'::real 'NaN'::real");
        check("numeric(5,2)", vec![Some("-0.05"), None], "'-0.05'::numeric(5,2) null::numeric");
        check("varchar(4)", vec![Some("it's"), Some("a\\b"), Some("")], r"'it''s' 'a\\b' ''");
        check("varchar(3)", vec![Some("äö")], "! is longer than its column, whose length is in bytes");
        check("super", vec![Some(r#"{"a": "b"}"#)], r#"json_parse('{"a": "b"}')"#);
        check("date", vec![Some("2024-02-29"), None], "'2024-02-29'::date null::date");
        check("timestamp", vec![Some("2024-01-01T00:00:00.5")], "'2024-01-01 00:00:00.500000'::timestamp");
    }
}
