//! Constants in Spark SQL, each with the exact type that holds it.

use super::Written;
use crate::spark::types::spark_type;
use arrow::array::Array;
use datafusion::common::ScalarValue;
use dvt_spark::SparkFailure;

/// A constant as the Spark type that holds its type.
pub(super) fn literal(value: &ScalarValue) -> Written<String> {
    let name = spark_type(&value.data_type())?;
    if value.is_null() {
        return Ok(format!("CAST(NULL AS {name})"));
    }
    let number = |text: String| format!("CAST('{text}' AS {name})");
    Ok(match value {
        ScalarValue::Dictionary(_, inner) => return literal(inner),
        ScalarValue::Boolean(Some(value)) => value.to_string(),
        ScalarValue::Int8(Some(value)) => number(value.to_string()),
        ScalarValue::Int16(Some(value)) => number(value.to_string()),
        ScalarValue::Int32(Some(value)) if *value >= 0 => value.to_string(),
        ScalarValue::Int32(Some(value)) => number(value.to_string()),
        ScalarValue::Int64(Some(value)) if *value >= 0 => format!("{value}L"),
        ScalarValue::Int64(Some(value)) => number(value.to_string()),
        ScalarValue::UInt8(Some(value)) => number(value.to_string()),
        ScalarValue::UInt16(Some(value)) => number(value.to_string()),
        ScalarValue::UInt32(Some(value)) => number(value.to_string()),
        ScalarValue::UInt64(Some(value)) => number(value.to_string()),
        ScalarValue::Float32(Some(value)) => number(float_text(f64::from(*value), value.to_string())),
        ScalarValue::Float64(Some(value)) => number(float_text(*value, format!("{value:e}"))),
        ScalarValue::Decimal128(Some(value), _, scale) if *scale >= 0 => {
            number(decimal_text(&value.to_string(), *scale))
        }
        ScalarValue::Decimal256(Some(value), precision, scale) if *scale >= 0 && *precision <= 38 => {
            number(decimal_text(&value.to_string(), *scale))
        }
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            text_literal(text)
        }
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("X'{hex}'")
        }
        ScalarValue::Date32(Some(days)) => format!("date_from_unix_date({days})"),
        ScalarValue::TimestampMicrosecond(Some(micros), None) => {
            format!("CAST(timestamp_micros({micros}L) AS TIMESTAMP_NTZ)")
        }
        ScalarValue::TimestampMicrosecond(Some(micros), Some(_)) => format!("timestamp_micros({micros}L)"),
        other => stored_literal(other, &name)?,
    })
}

/// A constant of a type that is held as a number or a text.
fn stored_literal(value: &ScalarValue, name: &str) -> Written<String> {
    let refused = |reason: String| SparkFailure::refused(format!("the constant {value} ({reason})"));
    let stored = crate::spark::types::stored(&value.data_type())?;
    let array = value.to_array().map_err(|error| refused(error.strip_backtrace()))?;
    let encoded = dvt_delta::encode(&array, &stored).map_err(|error| refused(error.to_string()))?;
    let simple = ScalarValue::try_from_array(&encoded, 0).map_err(|error| refused(error.strip_backtrace()))?;
    if encoded.len() != 1 || simple.data_type() == value.data_type() {
        return Err(refused(format!("of type {name}")));
    }
    literal(&simple)
}

/// Java reads `1e10`, `NaN` and `Infinity`.
fn float_text(value: f64, text: String) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        text
    }
}

/// `12345` at scale 2 is `123.45`.
fn decimal_text(unscaled: &str, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let point = padded.len() - scale;
    format!("{sign}{}.{}", &padded[..point], &padded[point..])
}

/// A text in quotes. Spark reads backslashes in it.
pub(super) fn text_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for letter in text.chars() {
        match letter {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\0' => literal.push_str("\\0"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_keep_their_types_and_digits() {
        let check = |value: ScalarValue, expected: &str| assert_eq!(literal(&value).unwrap(), expected, "{value:?}");
        check(ScalarValue::Int64(Some(-5)), "CAST('-5' AS BIGINT)");
        check(ScalarValue::Int64(Some(5)), "5L");
        check(ScalarValue::Decimal128(Some(-5), 10, 2), "CAST('-0.05' AS DECIMAL(10,2))");
        check(ScalarValue::Decimal128(Some(12_345), 10, 0), "CAST('12345' AS DECIMAL(10,0))");
        check(ScalarValue::Float64(Some(f64::NEG_INFINITY)), "CAST('-Infinity' AS DOUBLE)");
        check(ScalarValue::Utf8(Some("it's \\ ${x}\n".to_owned())), "'it\\'s \\\\ ${x}\\n'");
        check(ScalarValue::Date32(Some(-1)), "date_from_unix_date(-1)");
        check(ScalarValue::Utf8(None), "CAST(NULL AS STRING)");
        check(ScalarValue::UInt64(Some(u64::MAX)), "CAST('18446744073709551615' AS DECIMAL(20,0))");
        check(ScalarValue::Time64Microsecond(Some(7)), "7L");
        check(ScalarValue::TimestampMicrosecond(Some(-7), None), "CAST(timestamp_micros(-7L) AS TIMESTAMP_NTZ)");
    }
}
