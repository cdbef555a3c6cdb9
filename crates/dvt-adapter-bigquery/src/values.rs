//! JSON values of results as Arrow columns, and Arrow values as lines of JSON for a load.
//!
//! Source: REST reference, `jobs.getQueryResults` (values are texts; with `formatOptions.useInt64Timestamp` an instant is a count of
//! microseconds); documentation, "Loading JSON data".

use crate::base64;
use crate::types::BigType;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Decimal128Array, Decimal256Array, NullBufferBuilder,
    PrimitiveBuilder, StringBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, i256,
};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;

/// What a value is that its column cannot hold: the end of a sentence that begins with the column.
pub(crate) type Misfit = &'static str;

const UNREADABLE: Misfit = "has an unexpected form";
const TOO_WIDE: Misfit = "has more digits than its column";

/// Collects one column of a batch.
pub(crate) enum Column {
    Int64(PrimitiveBuilder<Int64Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Decimal128 {
        values: Vec<i128>,
        nulls: NullBufferBuilder,
        precision: u8,
        scale: i8,
    },
    Decimal256 {
        values: Vec<i256>,
        nulls: NullBufferBuilder,
        precision: u8,
        scale: i8,
    },
    Bool(BooleanBuilder),
    Text(StringBuilder),
    /// Whatever comes, as JSON, for people: the schema field says what it is.
    Shown(StringBuilder, Value),
    Bytes(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    DateTime(PrimitiveBuilder<TimestampMicrosecondType>),
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
}

impl Column {
    /// For values of a schema's field.
    pub(crate) fn new(field: &Value) -> Self {
        match BigType::of_schema(field).arrow() {
            Ok((DataType::Int64, _)) => Self::Int64(PrimitiveBuilder::new()),
            Ok((DataType::Float64, _)) => Self::Float64(PrimitiveBuilder::new()),
            Ok((DataType::Decimal128(precision, scale), _)) => {
                Self::Decimal128 { values: Vec::new(), nulls: NullBufferBuilder::new(0), precision, scale }
            }
            Ok((DataType::Decimal256(precision, scale), _)) => {
                Self::Decimal256 { values: Vec::new(), nulls: NullBufferBuilder::new(0), precision, scale }
            }
            Ok((DataType::Boolean, _)) => Self::Bool(BooleanBuilder::new()),
            Ok((DataType::Binary, _)) => Self::Bytes(BinaryBuilder::new()),
            Ok((DataType::Date32, _)) => Self::Date(PrimitiveBuilder::new()),
            Ok((DataType::Time64(_), _)) => Self::Time(PrimitiveBuilder::new()),
            Ok((DataType::Timestamp(_, None), _)) => Self::DateTime(PrimitiveBuilder::new()),
            Ok((DataType::Timestamp(_, Some(_)), _)) => {
                Self::Timestamp(PrimitiveBuilder::new().with_timezone_opt(Some("UTC")))
            }
            Ok(_) => Self::Text(StringBuilder::new()),
            Err(_) => Self::Shown(StringBuilder::new(), field.clone()),
        }
    }

    /// Appends the `v` of a cell.
    pub(crate) fn push(&mut self, value: &Value) -> Result<(), Misfit> {
        if value.is_null() {
            self.push_null();
            return Ok(());
        }
        if let Self::Shown(column, field) = self {
            column.append_value(shown(value, field).to_string());
            return Ok(());
        }
        let text = value.as_str().ok_or(UNREADABLE)?;
        match self {
            Self::Int64(column) => column.append_value(text.parse().map_err(|_| UNREADABLE)?),
            Self::Float64(column) => column.append_value(text.parse().map_err(|_| UNREADABLE)?),
            Self::Decimal128 { values, nulls, precision, scale } => {
                values.push(unscaled(text, *precision, *scale)?.parse().map_err(|_| TOO_WIDE)?);
                nulls.append_non_null();
            }
            Self::Decimal256 { values, nulls, precision, scale } => {
                values.push(i256::from_string(&unscaled(text, *precision, *scale)?).ok_or(TOO_WIDE)?);
                nulls.append_non_null();
            }
            Self::Bool(column) => column.append_value(match text {
                "true" => true,
                "false" => false,
                _ => return Err(UNREADABLE),
            }),
            Self::Text(column) => column.append_value(text),
            Self::Bytes(column) => column.append_value(base64::decode(text).ok_or(UNREADABLE)?),
            Self::Date(column) => {
                column.append_value(days_of(NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| UNREADABLE)?))
            }
            Self::Time(column) => {
                let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").map_err(|_| UNREADABLE)?;
                let micros =
                    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1000);
                column.append_value(micros);
            }
            Self::DateTime(column) => {
                let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map_err(|_| UNREADABLE)?;
                column.append_value(time.and_utc().timestamp_micros());
            }
            Self::Timestamp(column) => column.append_value(text.parse().map_err(|_| UNREADABLE)?),
            Self::Shown(..) => {}
        }
        Ok(())
    }

    fn push_null(&mut self) {
        match self {
            Self::Int64(column) => column.append_null(),
            Self::Float64(column) => column.append_null(),
            Self::Decimal128 { values, nulls, .. } => {
                values.push(0);
                nulls.append_null();
            }
            Self::Decimal256 { values, nulls, .. } => {
                values.push(i256::ZERO);
                nulls.append_null();
            }
            Self::Bool(column) => column.append_null(),
            Self::Text(column) | Self::Shown(column, _) => column.append_null(),
            Self::Bytes(column) => column.append_null(),
            Self::Date(column) => column.append_null(),
            Self::Time(column) => column.append_null(),
            Self::DateTime(column) | Self::Timestamp(column) => column.append_null(),
        }
    }

    /// The column so far; the next one starts empty.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, Misfit> {
        Ok(match self {
            Self::Int64(column) => Arc::new(column.finish()),
            Self::Float64(column) => Arc::new(column.finish()),
            Self::Decimal128 { values, nulls, precision, scale } => {
                let array = Decimal128Array::new(std::mem::take(values).into(), nulls.finish());
                Arc::new(array.with_precision_and_scale(*precision, *scale).map_err(|_| TOO_WIDE)?)
            }
            Self::Decimal256 { values, nulls, precision, scale } => {
                let array = Decimal256Array::new(std::mem::take(values).into(), nulls.finish());
                Arc::new(array.with_precision_and_scale(*precision, *scale).map_err(|_| TOO_WIDE)?)
            }
            Self::Bool(column) => Arc::new(column.finish()),
            Self::Text(column) | Self::Shown(column, _) => Arc::new(column.finish()),
            Self::Bytes(column) => Arc::new(column.finish()),
            Self::Date(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::DateTime(column) | Self::Timestamp(column) => Arc::new(column.finish()),
        })
    }
}

fn days_of(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// A cell of a nested type as plain JSON: rows are objects, repeated values lists.
fn shown(value: &Value, field: &Value) -> Value {
    let is = |key: &str, expected: &str| field.get(key).and_then(Value::as_str) == Some(expected);
    if let (true, Some(items)) = (is("mode", "REPEATED"), value.as_array()) {
        let mut item = field.clone();
        item["mode"] = Value::from("NULLABLE");
        return items.iter().map(|cell| shown(cell.get("v").unwrap_or(&Value::Null), &item)).collect();
    }
    let fields = field.get("fields").and_then(Value::as_array);
    if let (Some(fields), Some(cells)) = (fields, value.get("f").and_then(Value::as_array)) {
        let pairs = fields.iter().zip(cells).map(|(field, cell)| {
            let name = field.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            (name, shown(cell.get("v").unwrap_or(&Value::Null), field))
        });
        return Value::Object(pairs.collect());
    }
    match (value.as_str(), BigType::of_schema(field)) {
        (Some(text), BigType::Int64) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        (Some(text), BigType::Float64) => text.parse::<f64>().map_or_else(|_| value.clone(), Value::from),
        (Some(text), BigType::Bool) => Value::from(text == "true"),
        (Some(text), BigType::Json) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        (Some(text), BigType::Timestamp) => {
            let instant = text.parse().ok().and_then(DateTime::from_timestamp_micros);
            instant.map_or_else(|| value.clone(), |instant| Value::from(instant.to_rfc3339()))
        }
        _ => value.clone(),
    }
}

/// The digits of a number as a whole one, as many of them after the point as the scale says. An exponent may stand behind.
fn unscaled(text: &str, precision: u8, scale: i8) -> Result<String, Misfit> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.trim_start_matches('+').parse::<i32>().map_err(|_| UNREADABLE)?),
        None => (text, 0),
    };
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |number| ("-", number));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty()
        || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return Err(UNREADABLE);
    }
    let digits = format!("{whole}{fraction}");
    let shift = i32::from(scale) + exponent - i32::try_from(fraction.len()).map_err(|_| TOO_WIDE)?;
    let digits = if shift >= 0 {
        format!("{digits}{}", "0".repeat(usize::try_from(shift.min(200)).unwrap_or(0)))
    } else {
        let cut = usize::try_from(-shift).unwrap_or(0);
        let kept = digits.len().saturating_sub(cut);
        if digits[kept..].bytes().any(|digit| digit != b'0') {
            return Err(TOO_WIDE);
        }
        digits[..kept].to_owned()
    };
    let digits = digits.trim_start_matches('0');
    if digits.len() > usize::from(precision) {
        return Err(TOO_WIDE);
    }
    Ok(if digits.is_empty() { "0".to_owned() } else { format!("{sign}{digits}") })
}

/// The Arrow type that values of a column of this type are written from; what does not travel is written as its text.
pub(crate) fn written_from(big_type: &BigType) -> DataType {
    big_type.arrow().map_or(DataType::Utf8, |(data_type, _)| data_type)
}

/// Writes a value as JSON.
pub(crate) fn write(big_type: &BigType, values: &ArrayRef, row: usize, line: &mut String) -> Result<(), Misfit> {
    const FIRST_YEARS: Misfit = "is outside of the years 1 to 9999";
    if values.is_null(row) {
        line.push_str("null");
        return Ok(());
    }
    let quoted = |line: &mut String, text: &str| line.push_str(&Value::from(text).to_string());
    let is_a_year = |year: i32| if (1..=9999).contains(&year) { Ok(()) } else { Err(FIRST_YEARS) };
    match values.data_type() {
        // A number of JSON is a double to many.
        DataType::Int64 => {
            let _ = write!(line, "\"{}\"", values.as_primitive::<Int64Type>().value(row));
        }
        DataType::Float64 => match values.as_primitive::<Float64Type>().value(row) {
            number if number.is_nan() => line.push_str("\"NaN\""),
            number if number.is_infinite() => {
                line.push_str(if number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" })
            }
            number => {
                let _ = write!(line, "{number:e}");
            }
        },
        DataType::Decimal128(..) => quoted(line, &values.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => quoted(line, &values.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Boolean => line.push_str(if values.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Utf8 if *big_type == BigType::Json => {
            // The document itself; a line of JSON has no breaks.
            let text = values.as_string::<i32>().value(row);
            let document: Value = serde_json::from_str(text).map_err(|_| "is no JSON")?;
            line.push_str(&document.to_string());
        }
        DataType::Utf8 => {
            let text = values.as_string::<i32>().value(row);
            if let BigType::String(Some(length)) = big_type
                && u64::try_from(text.chars().count()).unwrap_or(u64::MAX) > *length
            {
                return Err("is longer than its column");
            }
            quoted(line, text);
        }
        DataType::Binary => quoted(line, &base64::encode(values.as_binary::<i32>().value(row))),
        DataType::Date32 => {
            let days = values.as_primitive::<Date32Type>().value(row);
            let date = days.checked_add(719_163).and_then(NaiveDate::from_num_days_from_ce_opt).ok_or(FIRST_YEARS)?;
            is_a_year(date.year())?;
            quoted(line, &date.format("%Y-%m-%d").to_string());
        }
        DataType::Time64(_) => {
            let micros = values.as_primitive::<Time64MicrosecondType>().value(row);
            let seconds = u32::try_from(micros / 1_000_000).map_err(|_| UNREADABLE)?;
            let nanos = u32::try_from(micros % 1_000_000).map_err(|_| UNREADABLE)? * 1000;
            let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos);
            quoted(line, &time.ok_or("is no time of a day")?.format("%H:%M:%S%.6f").to_string());
        }
        DataType::Timestamp(_, zone) => {
            let micros = values.as_primitive::<TimestampMicrosecondType>().value(row);
            let time = DateTime::from_timestamp_micros(micros).ok_or(FIRST_YEARS)?;
            is_a_year(time.year())?;
            let form = if zone.is_some() { "%Y-%m-%d %H:%M:%S%.6f+00:00" } else { "%Y-%m-%dT%H:%M:%S%.6f" };
            quoted(line, &time.format(form).to_string());
        }
        _ => return Err("has no form in JSON"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::util::display::array_value_to_string;
    use serde_json::json;

    #[test]
    fn cells_become_values() {
        let check = |field: Value, value: Value, expected: Result<&str, &str>| {
            let mut column = Column::new(&field);
            let pushed = column.push(&value);
            let shown = pushed.map(|()| array_value_to_string(&column.finish().unwrap(), 0).unwrap());
            assert_eq!(shown.as_deref().map_err(|problem| *problem), expected, "{field} {value}");
        };
        check(json!({"type": "INTEGER"}), json!("-9223372036854775808"), Ok("-9223372036854775808"));
        check(json!({"type": "FLOAT"}), json!("NaN"), Ok("NaN"));
        check(json!({"type": "FLOAT"}), json!("1.0E-7"), Ok("1e-7"));
        check(json!({"type": "NUMERIC"}), json!("-1.5"), Ok("-1.500000000"));
        check(json!({"type": "NUMERIC", "precision": "5", "scale": "2"}), json!("123.4"), Ok("123.40"));
        check(json!({"type": "NUMERIC", "precision": "5", "scale": "2"}), json!("1.234"), Err(TOO_WIDE));
        check(json!({"type": "BIGNUMERIC"}), json!("1E-38"), Ok("0.00000000000000000000000000000000000001"));
        check(json!({"type": "BYTES"}), json!("AP8="), Ok("00ff"));
        check(json!({"type": "TIMESTAMP"}), json!("1709210096123456"), Ok("2024-02-29T12:34:56.123456Z"));
        check(json!({"type": "DATETIME"}), json!("0001-01-01T00:00:00"), Ok("0001-01-01T00:00:00"));
        check(json!({"type": "TIME"}), json!("23:59:59.999999"), Ok("23:59:59.999999"));
        check(json!({"type": "DATE"}), json!("1969-12-31"), Ok("1969-12-31"));
        let fields = json!([{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "STRING", "mode": "REPEATED"}]);
        let value = json!({"f": [{"v": "1"}, {"v": [{"v": "x"}, {"v": "y"}]}]});
        check(json!({"type": "RECORD", "fields": fields}), value, Ok(r#"{"a":1,"b":["x","y"]}"#));
    }
}
