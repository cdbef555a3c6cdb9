//! The oracle of SQLite, in memory.

use super::{Author, ROWS, Wanted, columns, compare, listed};
use arrow::datatypes::DataType;
use dvt_sql::SQLITE;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeMap;

/// Texts of moments in most of the forms that there are, and two that are none.
const MOMENTS: [&str; ROWS] = [
    "2024-02-29 10:20:30.4567",
    "12:34",
    "2023-02-31",
    " 2024-01-01T10:00:00+02:30",
    "1700000000",
    "2024-01-31 24:00",
    "2024-1-1",
    "-0044-03-15 23:59:59.9999",
    "",
];
const SECONDS: [&str; ROWS] =
    ["0", "1700000000", "-1", "2460310", "5373484", "253402300799", "253402300800", "-210866760000", ""];
const DAYS: [&str; ROWS] =
    ["0", "2460000.5", "2451544.75", "1700000000.1234", "-1.5", "5373484.4999999", "2440587.5", "1e300", ""];

/// The value as dvt writes it.
fn stored(data_type: &DataType, value: &str) -> String {
    match (data_type, value) {
        (DataType::Boolean, "true") => "1".to_owned(),
        (DataType::Boolean, _) => "0".to_owned(),
        (DataType::Timestamp(..), value) => {
            let (seconds, fraction) = value.split_once('.').unwrap_or((value, ""));
            let width = fraction.len().div_ceil(3) * 3;
            let fraction = if width > 0 { format!(".{fraction:0<width$}") } else { String::new() };
            format!("'{}{fraction}'", seconds.replace('T', " "))
        }
        _ => format!("'{}'", value.replace('\'', "''")),
    }
}

#[test]
fn expressions_give_what_sqlite_gives() {
    let own = std::env::var("DVT_EXPRESSIONS_SQLITE").ok();
    let expressions = listed(own.as_deref().unwrap_or(include_str!("sqlite.txt")));
    let columns: Vec<_> = columns()
        .into_iter()
        .map(|(name, sql, data_type, values)| {
            let data_type = if data_type == DataType::Int32 { DataType::Int64 } else { data_type };
            // Dates and times are texts there.
            let sql = if matches!(data_type, DataType::Date32 | DataType::Timestamp(..)) { "text" } else { sql };
            (name, sql, data_type, values)
        })
        .chain([
            ("m", "text", DataType::Utf8, MOMENTS),
            ("u", "integer", DataType::Int64, SECONDS),
            ("j", "real", DataType::Float64, DAYS),
        ])
        .collect();
    let database = Connection::open_in_memory().unwrap();
    let names: Vec<String> = columns.iter().map(|(name, sql, ..)| format!("{name} {sql}")).collect();
    let mut script = format!("create table v (row_no int, {});\n", names.join(", "));
    for row in 0..ROWS {
        let values: Vec<String> = columns
            .iter()
            .map(|(_, _, data_type, values)| match row + 1 == ROWS {
                true => "null".to_owned(),
                false => stored(data_type, values[row]),
            })
            .collect();
        script += &format!("insert into v values ({row}, {});\n", values.join(", "));
    }
    database.execute_batch(&script).unwrap();
    let mut wanted: BTreeMap<(usize, usize), Wanted> = BTreeMap::new();
    for (index, expression) in expressions.iter().enumerate() {
        for row in 0..ROWS {
            let expression = expression.trim_start_matches('!');
            let asked = format!("select {expression} from v where row_no = {row}");
            let value: rusqlite::Result<Value> = database.query_row(&asked, [], |found| found.get(0));
            let found = match value {
                Err(error) => Err(error.to_string()),
                Ok(Value::Null) => Ok((None, String::new())),
                Ok(Value::Integer(number)) => Ok((Some(number.to_string()), "whole".to_owned())),
                Ok(Value::Real(number)) => Ok((Some(number.to_string()), "double precision".to_owned())),
                Ok(Value::Text(text)) => Ok((Some(text.replace(['\n', '\t'], " ")), "text".to_owned())),
                Ok(Value::Blob(bytes)) => Ok((Some(format!("{bytes:?}")), "blob".to_owned())),
            };
            wanted.insert((index, row), found);
        }
    }
    compare(&Author { dialect: &SQLITE, columns }, &expressions, &wanted, str::to_owned);
}
