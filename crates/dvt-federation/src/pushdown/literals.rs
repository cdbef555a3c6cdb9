//! Values as literals of a connection's SQL.

use super::chrono_text::{date_text, timestamp_text};
use super::{Reason, Rules};
use datafusion::common::ScalarValue;
use dvt_sql::Dialect;

/// The value in the connection's SQL, or why it has no form there.
pub(crate) fn literal(value: &ScalarValue, dialect: &Dialect, rules: &Rules) -> Result<String, Reason> {
    let out_of_range = "the value has no form in that connection's SQL";
    let typed = |word: &str, text: String| {
        let quoted = dialect.string_literal(&text);
        if rules.typed_literals { format!("{word} {quoted}") } else { quoted }
    };
    Ok(match value {
        // BigQuery reads no line break between single quotes.
        ScalarValue::Utf8(Some(text)) if dialect.name == "bigquery" && text.contains(['\n', '\r']) => {
            return Err(out_of_range);
        }
        ScalarValue::Utf8(Some(text)) if !text.contains('\0') => dialect.string_literal(text),
        ScalarValue::Boolean(Some(flag)) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
        ScalarValue::Float64(Some(number)) => format!("{number:e}"),
        ScalarValue::Date32(Some(days)) => typed("DATE", date_text(*days).ok_or(out_of_range)?),
        ScalarValue::TimestampMicrosecond(Some(micros), None) => {
            typed("TIMESTAMP", timestamp_text(*micros).ok_or(out_of_range)?)
        }
        ScalarValue::TimestampMicrosecond(Some(micros), Some(_)) => {
            let text = timestamp_text(*micros).ok_or(out_of_range)?;
            match dialect.name {
                "postgres" | "duckdb" => typed("TIMESTAMP WITH TIME ZONE", format!("{text}+00")),
                // Extract sessions of MySQL run in UTC.
                "mysql" | "mariadb" => typed("TIMESTAMP", text),
                _ => return Err(out_of_range),
            }
        }
        ScalarValue::Int8(Some(_))
        | ScalarValue::Int16(Some(_))
        | ScalarValue::Int32(Some(_))
        | ScalarValue::Int64(Some(_))
        | ScalarValue::UInt8(Some(_))
        | ScalarValue::UInt16(Some(_))
        | ScalarValue::UInt32(Some(_))
        | ScalarValue::UInt64(Some(_)) => value.to_string(),
        ScalarValue::Decimal128(Some(number), _, scale) => decimal_text(&number.to_string(), *scale),
        ScalarValue::Decimal256(Some(number), _, scale) => decimal_text(&number.to_string(), *scale),
        _ => return Err(out_of_range),
    })
}

/// The digits of an unscaled integer with the point put in: `-5` at scale 2 is `-0.05`.
fn decimal_text(unscaled: &str, scale: i8) -> String {
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |digits| ("-", digits));
    match usize::try_from(scale) {
        Ok(0) => unscaled.to_owned(),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let point = padded.len() - scale;
            format!("{sign}{}.{}", &padded[..point], &padded[point..])
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}
