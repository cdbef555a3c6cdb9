//! Which casts give the same value in Spark.

use super::Written;
use crate::spark::types::{Held, held, spark_type};
use arrow::datatypes::{DataType, TimeUnit};
use dvt_spark::SparkFailure;

/// `sql` of type `from` as a value of type `to`, for a CAST of the query.
pub(super) fn cast(sql: &str, from: &DataType, to: &DataType) -> Written<String> {
    use DataType as D;
    let refused = || SparkFailure::refused(format!("a cast of {from} to {to}"));
    let name = spark_type(to)?;
    if spark_type(from)? == name && held(from) == held(to) && is_same_form(from, to) {
        return Ok(sql.to_owned());
    }
    if *from == D::Null {
        return Ok(format!("CAST({sql} AS {name})"));
    }
    let plain = || Ok(format!("CAST({sql} AS {name})"));
    match (from, to) {
        (D::Dictionary(_, from), _) => cast(sql, from, to),
        (_, D::Dictionary(_, to)) => cast(sql, from, to),
        // Numbers: what does not fit is an error here and there. Decimals round half away from zero in both, and lose
        // their digits after the point when they become integers.
        (from, to) if is_number(from) && is_number(to) && held(from) == Held::Own && held(to) == Held::Own => {
            match (from.is_floating(), to.is_decimal()) {
                // The engine rounds the binary value, Spark its shortest decimal form.
                (true, true) => Err(refused()),
                _ => plain(),
            }
        }
        // Unsigned ones are held as wider signed ones.
        (from, to) if from.is_unsigned_integer() && is_number(to) && held(to) == Held::Own => plain(),
        (from, to) if from.is_signed_integer() && to.is_unsigned_integer() => {
            let least = "raise_error('a negative number has no unsigned form')";
            Ok(format!("CASE WHEN {sql} < 0 THEN CAST({least} AS {name}) ELSE CAST({sql} AS {name}) END"))
        }
        (D::Boolean, to) if to.is_signed_integer() => plain(),
        (from, D::Boolean) if from.is_signed_integer() => Ok(format!("({sql} <> 0)")),
        // Texts.
        (from, D::Utf8 | D::LargeUtf8 | D::Utf8View)
            if from.is_integer() || matches!(from, D::Boolean | D::Date32) || is_own_decimal(from) =>
        {
            plain()
        }
        // Spark takes blanks around it, as databases do.
        (D::Utf8 | D::LargeUtf8 | D::Utf8View, to) if to.is_signed_integer() => plain(),
        // Days and instants; the session's zone is UTC.
        (D::Date32, D::Int32) => Ok(format!("unix_date({sql})")),
        (D::Date32, D::Int64) => Ok(format!("CAST(unix_date({sql}) AS BIGINT)")),
        (D::Int32, D::Date32) => Ok(format!("date_from_unix_date({sql})")),
        (D::Date32, D::Timestamp(TimeUnit::Microsecond, _)) | (D::Timestamp(TimeUnit::Microsecond, _), D::Date32)
            if held(from) == Held::Own && held(to) == Held::Own =>
        {
            plain()
        }
        (D::Timestamp(TimeUnit::Microsecond, _), D::Timestamp(TimeUnit::Microsecond, _))
            if held(from) == Held::Own && held(to) == Held::Own =>
        {
            plain()
        }
        _ => Err(refused()),
    }
}

/// Types with one Spark type that yet hold different things in it.
fn is_same_form(from: &DataType, to: &DataType) -> bool {
    held(from) == Held::Own || from == to
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() || data_type.is_decimal()
}

fn is_own_decimal(data_type: &DataType) -> bool {
    data_type.is_decimal() && held(data_type) == Held::Own
}
