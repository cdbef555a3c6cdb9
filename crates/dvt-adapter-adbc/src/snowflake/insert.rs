//! Rows as INSERT statements, for a server that takes no files into a stage.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_sql::SNOWFLAKE;
use std::fmt::Write;

/// Snowflake takes at most 16,384 rows in one VALUES clause, and statements of at most one megabyte.
const MOST_ROWS: usize = 4_000;
const MOST_BYTES: usize = 900_000;

/// The statements that add the batch's rows to a table whose columns have these types.
pub(super) fn statements(table: &str, types: &[String], batch: &RecordBatch) -> Result<Vec<String>, String> {
    let casts: Vec<String> = types.iter().enumerate().map(|(index, of)| format!("column{}::{of}", index + 1)).collect();
    let head = format!("insert into {table} select {} from values ", casts.join(", "));
    let formats = FormatOptions::new();
    let formatters = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &formats).map_err(|error| error.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut statements = Vec::new();
    let (mut text, mut rows) = (head.clone(), 0);
    for row in 0..batch.num_rows() {
        let mut values = String::from("(");
        for (index, (column, formatter)) in batch.columns().iter().zip(&formatters).enumerate() {
            if index > 0 {
                values.push_str(", ");
            }
            literal(column, row, formatter, &mut values)?;
        }
        values.push(')');
        if rows > 0 && (rows == MOST_ROWS || text.len() + values.len() > MOST_BYTES) {
            statements.push(std::mem::replace(&mut text, head.clone()));
            rows = 0;
        }
        if rows > 0 {
            text.push_str(", ");
        }
        text.push_str(&values);
        rows += 1;
    }
    if rows > 0 {
        statements.push(text);
    }
    Ok(statements)
}

/// Each value as text that its column's type reads back exactly; the statement casts it.
fn literal(column: &ArrayRef, row: usize, formatter: &ArrayFormatter<'_>, into: &mut String) -> Result<(), String> {
    if column.is_null(row) {
        into.push_str("null");
        return Ok(());
    }
    let value = formatter.value(row).try_to_string().map_err(|error| error.to_string())?;
    match column.data_type() {
        DataType::Boolean => into.push_str(&value),
        DataType::Utf8
        | DataType::Decimal128(..)
        | DataType::Float64
        | DataType::Date32
        | DataType::Time64(_)
        | DataType::Timestamp(..) => into.push_str(&SNOWFLAKE.string_literal(&value)),
        // The formatter writes bytes as hexadecimal digits, which is how a cast reads them.
        DataType::Binary => {
            write!(into, "to_binary('{value}', 'HEX')").map_err(|error| error.to_string())?;
        }
        other => return Err(format!("values of type {other} are not written as SQL")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::statements;
    use arrow::array::{
        ArrayRef, BinaryArray, Decimal128Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    };
    use std::sync::Arc;

    #[test]
    fn rows_become_values_that_the_statement_casts() {
        let number: ArrayRef =
            Arc::new(Decimal128Array::from(vec![Some(125), None]).with_precision_and_scale(10, 2).unwrap());
        let text: ArrayRef = Arc::new(StringArray::from(vec!["it's a \\ b", ""]));
        let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"\xab\x01", b""]));
        let time: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1_704_070_923_123_456), None]).with_timezone("UTC"));
        let float: ArrayRef = Arc::new(Float64Array::from(vec![1e300, f64::NAN]));
        let batch =
            RecordBatch::try_from_iter([("n", number), ("t", text), ("b", bytes), ("z", time), ("f", float)]).unwrap();
        let types = ["NUMBER(10,2)", "VARCHAR", "BINARY", "TIMESTAMP_LTZ(6)", "FLOAT"].map(str::to_owned);
        assert_eq!(
            statements("T", &types, &batch).unwrap(),
            ["insert into T select column1::NUMBER(10,2), column2::VARCHAR, column3::BINARY, \
              column4::TIMESTAMP_LTZ(6), column5::FLOAT from values \
              ('1.25', 'it''s a \\\\ b', to_binary('ab01', 'HEX'), '2024-01-01T01:02:03.123456Z', '1e300'), \
              (null, '', to_binary('', 'HEX'), null, 'NaN')"]
        );
    }

    #[test]
    fn many_rows_are_several_statements_and_none_is_none() {
        let numbers: ArrayRef =
            Arc::new(Decimal128Array::from(vec![1; 9_000]).with_precision_and_scale(38, 0).unwrap());
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let types = ["NUMBER(38,0)".to_owned()];
        assert_eq!(statements("T", &types, &batch).unwrap().len(), 3);
        assert!(statements("T", &types, &batch.slice(0, 0)).unwrap().is_empty());
    }
}
