//! Rows as text: a table for people, JSON for programs. Every value is shown as it is, NULL as nothing or `null`.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_adapter::{LogicalType, logical_type};
use serde_json::{Map, Value};

/// A table with headings, each column as wide as its widest value; numbers stand to the right.
///
/// # Errors
/// A type that cannot be shown as text.
pub(super) fn text_table(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String, ArrowError> {
    let mut rows: Vec<Vec<String>> = vec![schema.fields().iter().map(|field| field.name().clone()).collect()];
    for batch in batches {
        let formatters = formatters(batch.columns())?;
        for row in 0..batch.num_rows() {
            let cells = formatters.iter().zip(schema.fields()).map(|(cell, field)| {
                Ok::<_, ArrowError>(one_line(&as_written(field, cell.value(row).try_to_string()?)))
            });
            rows.push(cells.collect::<Result<_, _>>()?);
        }
    }
    let widths: Vec<usize> = (0..schema.fields().len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(1))
        .collect();
    let right: Vec<bool> = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, text)| pad(text, widths[column], right[column] && index > 0))
            .collect();
        lines.push(format!("| {} |", cells.join(" | ")));
        if index == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            lines.push(format!("| {} |", rule.join(" | ")));
        }
    }
    Ok(lines.join("\n"))
}

/// A JSON array with one object per row. Numbers keep every digit: what a double cannot hold is a text.
///
/// # Errors
/// A type that cannot be shown as text.
pub(super) fn json_rows(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Value, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        let formatters = formatters(batch.columns())?;
        for row in 0..batch.num_rows() {
            let mut object = Map::new();
            for ((field, column), formatter) in schema.fields().iter().zip(batch.columns()).zip(&formatters) {
                let value = if column.is_null(row) {
                    Value::Null
                } else {
                    json_value(column, as_written(field, formatter.value(row).try_to_string()?))
                };
                object.insert(field.name().clone(), value);
            }
            rows.push(Value::Object(object));
        }
    }
    Ok(Value::Array(rows))
}

fn json_value(column: &ArrayRef, text: String) -> Value {
    match column.data_type() {
        DataType::Boolean => Value::Bool(text == "true"),
        kind if kind.is_integer() || kind.is_floating() => {
            text.parse().map(Value::Number).unwrap_or(Value::String(text))
        }
        DataType::Decimal128(precision, _) | DataType::Decimal256(precision, _) if *precision <= 15 => {
            text.parse().map(Value::Number).unwrap_or(Value::String(text))
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => exact_number(text),
        _ => Value::String(text),
    }
}

/// A number where a double holds all of it, else its text.
fn exact_number(text: String) -> Value {
    let is_exact = text.parse::<f64>().is_ok_and(|number| number.to_string() == text);
    match text.parse().map(Value::Number) {
        Ok(number) if is_exact => number,
        _ => Value::String(text),
    }
}

fn formatters(columns: &[ArrayRef]) -> Result<Vec<ArrayFormatter<'_>>, ArrowError> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new()
        .with_date_format(Some("%Y-%m-%d"))
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"));
    columns.iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &OPTIONS)).collect()
}

/// A number without a declared scale has no zeros behind its last digit; the carrier of such numbers has.
fn as_written(field: &Field, text: String) -> String {
    if logical_type(field) == Some(LogicalType::Numeric) && text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn one_line(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
    if right { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, Int64Array, StringArray};
    use arrow::datatypes::Schema;
    use dvt_adapter::LOGICAL_TYPE;
    use std::sync::Arc;

    fn rows() -> (SchemaRef, Vec<RecordBatch>) {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("name", DataType::Utf8, true),
            Field::new("paid", DataType::Decimal128(20, 2), true),
        ]));
        let paid = Decimal128Array::from(vec![Some(1_050), None]).with_precision_and_scale(20, 2).unwrap();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 20])),
            Arc::new(StringArray::from(vec![Some("Ada\nL"), Some("")])),
            Arc::new(paid),
        ];
        (Arc::clone(&schema), vec![RecordBatch::try_new(schema, columns).unwrap()])
    }

    #[test]
    fn a_table_lines_up_and_keeps_each_row_on_one_line() {
        let (schema, batches) = rows();
        let expected = "\
| id | name   | paid  |
| -- | ------ | ----- |
|  1 | Ada\\nL | 10.50 |
| 20 |        |       |";
        assert_eq!(text_table(&schema, &batches).unwrap(), expected);
    }

    #[test]
    fn a_number_without_a_scale_is_shown_without_the_zeros_that_carry_it() {
        let numeric = [(LOGICAL_TYPE.to_owned(), LogicalType::Numeric.to_string())].into();
        let field = Field::new("mean", DataType::Decimal128(38, 28), true).with_metadata(numeric);
        let schema: SchemaRef = Arc::new(Schema::new(vec![field]));
        let means = Decimal128Array::from(vec![15 * 10_i128.pow(27), 10 * 10_i128.pow(28)]);
        let means: ArrayRef = Arc::new(means.with_precision_and_scale(38, 28).unwrap());
        let batches = [RecordBatch::try_new(Arc::clone(&schema), vec![means]).unwrap()];
        assert_eq!(json_rows(&schema, &batches).unwrap().to_string(), r#"[{"mean":1.5},{"mean":10}]"#);
    }

    #[test]
    fn json_keeps_null_and_wide_decimals() {
        let (schema, batches) = rows();
        assert_eq!(
            json_rows(&schema, &batches).unwrap().to_string(),
            r#"[{"id":1,"name":"Ada\nL","paid":"10.50"},{"id":20,"name":"","paid":null}]"#
        );
    }
}
