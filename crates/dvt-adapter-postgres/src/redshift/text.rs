//! From the text form of values to Arrow columns: one typed builder per column, chosen once.

use crate::collect::{Misfit, Values};
use crate::redshift::calendar;
use crate::redshift::types::RedType;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Array, Decimal256Array, NullBufferBuilder, PrimitiveBuilder,
    StringBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, i256,
};
use std::str::FromStr;
use std::sync::Arc;

const UNREADABLE: Misfit = "has an unexpected form";

/// Collects one column of a batch.
pub(crate) enum TextColumn {
    Boolean(BooleanBuilder),
    Int16(PrimitiveBuilder<Int16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
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
    Text(StringBuilder),
    /// Without the blanks that fill it up.
    Padded(StringBuilder),
    Binary(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
    Instant(PrimitiveBuilder<TimestampMicrosecondType>),
}

impl TextColumn {
    /// For values of this type; those of a type that does not travel stay the text that they are. `trims` says whether blanks
    /// at the end of a `char` are left out.
    pub(crate) fn new(red_type: &RedType, trims: bool) -> Self {
        if trims && matches!(red_type, RedType::Char(_)) {
            return Self::Padded(StringBuilder::new());
        }
        match red_type.arrow().map(|(data_type, _)| data_type) {
            Ok(DataType::Boolean) => Self::Boolean(BooleanBuilder::new()),
            Ok(DataType::Int16) => Self::Int16(PrimitiveBuilder::new()),
            Ok(DataType::Int32) => Self::Int32(PrimitiveBuilder::new()),
            Ok(DataType::Int64) => Self::Int64(PrimitiveBuilder::new()),
            Ok(DataType::Float32) => Self::Float32(PrimitiveBuilder::new()),
            Ok(DataType::Float64) => Self::Float64(PrimitiveBuilder::new()),
            Ok(DataType::Decimal128(precision, scale)) => {
                Self::Decimal128 { values: Vec::new(), nulls: NullBufferBuilder::new(0), precision, scale }
            }
            Ok(DataType::Decimal256(precision, scale)) => {
                Self::Decimal256 { values: Vec::new(), nulls: NullBufferBuilder::new(0), precision, scale }
            }
            Ok(DataType::Binary) => Self::Binary(BinaryBuilder::new()),
            Ok(DataType::Date32) => Self::Date(PrimitiveBuilder::new()),
            Ok(DataType::Time64(_)) => Self::Time(PrimitiveBuilder::new()),
            Ok(DataType::Timestamp(_, None)) => Self::Timestamp(PrimitiveBuilder::new()),
            Ok(DataType::Timestamp(_, Some(_))) => {
                Self::Instant(PrimitiveBuilder::new().with_timezone_opt(Some("UTC")))
            }
            _ => Self::Text(StringBuilder::new()),
        }
    }

    fn push_text(&mut self, text: &str) -> Result<(), Misfit> {
        match self {
            Self::Boolean(column) => column.append_value(match text {
                "t" | "true" => true,
                "f" | "false" => false,
                _ => return Err(UNREADABLE),
            }),
            Self::Int16(column) => column.append_value(parsed(text)?),
            Self::Int32(column) => column.append_value(parsed(text)?),
            Self::Int64(column) => column.append_value(parsed(text)?),
            Self::Float32(column) => column.append_value(parsed(text)?),
            Self::Float64(column) => column.append_value(parsed(text)?),
            Self::Decimal128 { values, nulls, precision, scale } => {
                let digits = unscaled(text, *precision, *scale)?;
                values.push(digits.parse().map_err(|_| "has more digits than its column")?);
                nulls.append_non_null();
            }
            Self::Decimal256 { values, nulls, precision, scale } => {
                let digits = unscaled(text, *precision, *scale)?;
                values.push(i256::from_string(&digits).ok_or("has more digits than its column")?);
                nulls.append_non_null();
            }
            Self::Text(column) => column.append_value(text),
            Self::Padded(column) => column.append_value(text.trim_end_matches(' ')),
            Self::Binary(column) => column.append_value(binary(text).ok_or(UNREADABLE)?),
            Self::Date(column) => {
                let days = calendar::date(text).and_then(|days| i32::try_from(days).ok());
                column.append_value(days.ok_or("is no date of the calendar")?);
            }
            Self::Time(column) => column.append_value(calendar::time(text).ok_or(UNREADABLE)?),
            Self::Timestamp(column) => {
                column.append_value(calendar::timestamp(text, false).ok_or("is no time of the calendar")?);
            }
            Self::Instant(column) => {
                column.append_value(calendar::timestamp(text, true).ok_or("is no time of the calendar")?);
            }
        }
        Ok(())
    }
}

impl Values for TextColumn {
    fn push(&mut self, value: &[u8]) -> Result<(), Misfit> {
        self.push_text(std::str::from_utf8(value).map_err(|_| "is not UTF-8")?)
    }

    fn push_null(&mut self) {
        match self {
            Self::Boolean(column) => column.append_null(),
            Self::Int16(column) => column.append_null(),
            Self::Int32(column) => column.append_null(),
            Self::Int64(column) => column.append_null(),
            Self::Float32(column) => column.append_null(),
            Self::Float64(column) => column.append_null(),
            Self::Decimal128 { values, nulls, .. } => {
                values.push(0);
                nulls.append_null();
            }
            Self::Decimal256 { values, nulls, .. } => {
                values.push(i256::ZERO);
                nulls.append_null();
            }
            Self::Text(column) | Self::Padded(column) => column.append_null(),
            Self::Binary(column) => column.append_null(),
            Self::Date(column) => column.append_null(),
            Self::Time(column) => column.append_null(),
            Self::Timestamp(column) | Self::Instant(column) => column.append_null(),
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, Misfit> {
        const TOO_WIDE: Misfit = "has more digits than its column";
        Ok(match self {
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Int16(column) => Arc::new(column.finish()),
            Self::Int32(column) => Arc::new(column.finish()),
            Self::Int64(column) => Arc::new(column.finish()),
            Self::Float32(column) => Arc::new(column.finish()),
            Self::Float64(column) => Arc::new(column.finish()),
            Self::Decimal128 { values, nulls, precision, scale } => {
                let array = Decimal128Array::new(std::mem::take(values).into(), nulls.finish());
                Arc::new(array.with_precision_and_scale(*precision, *scale).map_err(|_| TOO_WIDE)?)
            }
            Self::Decimal256 { values, nulls, precision, scale } => {
                let array = Decimal256Array::new(std::mem::take(values).into(), nulls.finish());
                Arc::new(array.with_precision_and_scale(*precision, *scale).map_err(|_| TOO_WIDE)?)
            }
            Self::Text(column) | Self::Padded(column) => Arc::new(column.finish()),
            Self::Binary(column) => Arc::new(column.finish()),
            Self::Date(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::Timestamp(column) | Self::Instant(column) => Arc::new(column.finish()),
        })
    }
}

/// Numbers; `NaN`, `Infinity` and `-Infinity` of floats included.
fn parsed<T: FromStr>(text: &str) -> Result<T, Misfit> {
    text.trim().parse().map_err(|_| UNREADABLE)
}

/// The digits of a number as a whole one, as many of them after the point as the scale says.
fn unscaled(text: &str, precision: u8, scale: i8) -> Result<String, Misfit> {
    let (sign, number) = text.strip_prefix('-').map_or(("", text), |number| ("-", number));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(if text.eq_ignore_ascii_case("nan") { "is NaN" } else { UNREADABLE });
    }
    let scale = usize::try_from(scale).unwrap_or(0);
    let fraction = if fraction.len() > scale { fraction.trim_end_matches('0') } else { fraction };
    if fraction.len() > scale || whole.trim_start_matches('0').len() > usize::from(precision).saturating_sub(scale) {
        return Err("has more digits than its column");
    }
    Ok(format!("{sign}{whole}{fraction:0<scale$}"))
}

/// Pairs of hexadecimal digits, after `\x` or without it.
fn binary(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x").unwrap_or(text).as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::util::display::array_value_to_string;

    fn check(native: &str, text: &str, expected: Result<&str, &str>) {
        let mut column = TextColumn::new(&RedType::parse(native), true);
        let pushed = column.push(text.as_bytes());
        let shown = pushed.map(|()| array_value_to_string(&column.finish().unwrap(), 0).unwrap());
        assert_eq!(shown.as_deref().map_err(|problem| *problem), expected, "{native} {text}");
    }

    #[test]
    fn texts_become_values() {
        check("boolean", "t", Ok("true"));
        check("bigint", "-9223372036854775808", Ok("-9223372036854775808"));
        check("double precision", "0.10000000000000001", Ok("0.1"));
        check("real", "-Infinity", Ok("-inf"));
        check("numeric(5,2)", "-0.5", Ok("-0.50"));
        check("numeric(5,2)", "123.450", Ok("123.45"));
        check("numeric(38,0)", "99999999999999999999999999999999999999", Ok("99999999999999999999999999999999999999"));
        check(
            "numeric",
            "12345678901234567890123456789012345678901234.5",
            Ok("12345678901234567890123456789012345678901234.5000000000000000000000000000"),
        );
        check("character(5)", "ab   ", Ok("ab"));
        check("character varying(5)", "ab   ", Ok("ab   "));
        check("varbyte", "00ff", Ok("00ff"));
        check("varbyte", "\\x00ff", Ok("00ff"));
        check("date", "2024-02-29", Ok("2024-02-29"));
        check("timestamptz", "2024-01-01 00:00:00+02", Ok("2023-12-31T22:00:00Z"));
        check("super", r#"{"a":1}"#, Ok(r#"{"a":1}"#));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        check("numeric(5,2)", "1234.5", Err("has more digits than its column"));
        check("numeric(5,2)", "1.234", Err("has more digits than its column"));
        check("numeric(5,2)", "NaN", Err("is NaN"));
        check("integer", "2147483648", Err("has an unexpected form"));
        check("timestamp", "infinity", Err("is no time of the calendar"));
        check("varbyte", "0f0", Err("has an unexpected form"));
    }
}
