//! The oracle of SQLite, in memory.

use super::{Author, ROWS, Wanted, columns, compare, listed};
use arrow::datatypes::DataType;
use dvt_sql::SQLITE;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeMap;

#[test]
fn expressions_give_what_sqlite_gives() {
    let own = std::env::var("DVT_EXPRESSIONS_SQLITE").ok();
    let expressions = listed(own.as_deref().unwrap_or(include_str!("sqlite.txt")));
    // It has no other types than these.
    let columns: Vec<_> = columns()
        .into_iter()
        .filter(|(.., data_type, _)| {
            matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::Float64 | DataType::Utf8)
        })
        .map(|(name, sql, data_type, values)| {
            let data_type = if data_type == DataType::Int32 { DataType::Int64 } else { data_type };
            (name, sql, data_type, values)
        })
        .collect();
    let database = Connection::open_in_memory().unwrap();
    let names: Vec<String> = columns.iter().map(|(name, sql, ..)| format!("{name} {sql}")).collect();
    let mut script = format!("create table v (row_no int, {});\n", names.join(", "));
    for row in 0..ROWS {
        let values: Vec<String> = columns
            .iter()
            .map(|(.., values)| match row + 1 == ROWS {
                true => "null".to_owned(),
                false => format!("'{}'", values[row].replace('\'', "''")),
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
