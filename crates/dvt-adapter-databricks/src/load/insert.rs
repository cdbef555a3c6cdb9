//! Rows as INSERT statements, for an output without a volume. Every value is written as text that its column's type is cast
//! from, exactly.

use super::{Plan, next_batch};
use crate::api::{Api, Statement};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, LoadReport};
use dvt_sql::DATABRICKS;
use std::fmt::Write;

/// A statement's text may have 16 MiB; long lists of values take the engine's parser long.
const MOST_BYTES: usize = 2 * 1024 * 1024;
const MOST_ROWS: usize = 5_000;

pub(super) async fn fill(
    api: &Api,
    plan: &Plan<'_>,
    mut rows: BatchStream,
    cancel: &CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let mut report = LoadReport::default();
    while let Some(batch) = next_batch(api, &mut rows, cancel).await? {
        let ready = plan.made_ready(&batch)?;
        let mut start = 0;
        while start < ready.num_rows() {
            let (tuples, taken) = tuples(&ready, start)
                .map_err(|problem| AdapterError::new(ErrorClass::Other, &api.settings.connection, problem))?;
            report.bytes += tuples.len() as u64;
            report.rows += taken as u64;
            start += taken;
            api.run(Statement::once(statement(plan, &tuples)), cancel).await?;
        }
    }
    Ok(report)
}

fn statement(plan: &Plan<'_>, tuples: &str) -> String {
    let names = plan.names();
    let values: Vec<String> = (0..names.len()).map(|index| plan.value(index)).collect();
    let sent: Vec<String> = (0..names.len()).map(|index| format!("`c{index}`")).collect();
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM VALUES {tuples} AS v ({})",
        plan.table,
        names.join(", "),
        values.join(", "),
        sent.join(", ")
    )
}

/// Rows from `start` on, as many as go into one statement, and their number.
fn tuples(batch: &RecordBatch, start: usize) -> Result<(String, usize), String> {
    let formats = FormatOptions::new();
    let formatters = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &formats).map_err(|error| error.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut text = String::new();
    let mut row = start;
    while row < batch.num_rows() && row - start < MOST_ROWS && text.len() < MOST_BYTES {
        text.push_str(if row == start { "(" } else { ", (" });
        for (index, (values, formatter)) in batch.columns().iter().zip(&formatters).enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            literal(values, row, formatter, &mut text)?;
        }
        text.push(')');
        row += 1;
    }
    Ok((text, row - start))
}

fn literal(values: &ArrayRef, row: usize, formatter: &ArrayFormatter<'_>, into: &mut String) -> Result<(), String> {
    if values.is_null(row) {
        into.push_str("NULL");
        return Ok(());
    }
    let number = |value: f64| match value {
        value if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    };
    let quote = |text: &str| DATABRICKS.string_literal(text);
    match values.data_type() {
        DataType::Boolean => into.push_str(if values.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Binary => {
            into.push_str("X'");
            for byte in values.as_binary::<i32>().value(row) {
                write!(into, "{byte:02X}").map_err(|error| error.to_string())?;
            }
            into.push('\'');
        }
        DataType::Utf8 => into.push_str(&quote(values.as_string::<i32>().value(row))),
        DataType::Float32 => {
            let value = values.as_primitive::<Float32Type>().value(row);
            into.push_str(&quote(&number(f64::from(value)).map_or_else(|| format!("{value:e}"), str::to_owned)));
        }
        DataType::Float64 => {
            let value = values.as_primitive::<Float64Type>().value(row);
            into.push_str(&quote(&number(value).map_or_else(|| format!("{value:e}"), str::to_owned)));
        }
        // `0001-01-01T00:00:00`, with a `Z` behind an instant.
        _ => into.push_str(&quote(&formatter.value(row).try_to_string().map_err(|error| error.to_string())?)),
    }
    Ok(())
}
