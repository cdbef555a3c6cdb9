//! SQL functions that SQLite lacks and macros call.
//!
//! They have the meaning of the sqlean extensions that dbt-sqlite asks its users to install: `md5` gives bytes (write
//! `lower(hex(md5(x)))`), `split_part` counts from 1 and from the end with negative numbers, `regexp` is not among them.

use md5::{Digest, Md5};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value, ValueRef};

pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("md5", 1, flags, |context| {
        let bytes = match context.get_raw(0) {
            ValueRef::Null => return Ok(Value::Null),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            ValueRef::Integer(number) => number.to_string().into_bytes(),
            // How SQLite itself writes a number is not to be guessed.
            ValueRef::Real(_) => {
                return Err(rusqlite::Error::UserFunctionError("md5 takes text or blobs: cast the number".into()));
            }
        };
        Ok(Value::Blob(Md5::digest(&bytes).to_vec()))
    })?;
    connection.create_scalar_function("split_part", 3, flags, |context| {
        let (Some(text), Some(separator), Some(part)) =
            (context.get::<Option<String>>(0)?, context.get::<Option<String>>(1)?, context.get::<Option<i64>>(2)?)
        else {
            return Ok(Value::Null);
        };
        let parts: Vec<&str> =
            if separator.is_empty() { vec![text.as_str()] } else { text.split(separator.as_str()).collect() };
        let length = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        let index = if part < 0 { length + part } else { part - 1 };
        let found = usize::try_from(index).ok().and_then(|index| parts.get(index));
        Ok(Value::Text(found.map(|part| (*part).to_owned()).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::register;
    use rusqlite::Connection;

    #[test]
    fn functions_answer() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let check = |sql: &str, expected: &str| {
            let value: String = connection.query_row(&format!("select {sql}"), [], |row| row.get(0)).unwrap();
            assert_eq!(value, expected, "{sql}");
        };
        check("lower(hex(md5('hello')))", "5d41402abc4b2a76b9719d911017c592");
        check("split_part('a,b,c', ',', 2)", "b");
        check("split_part('a,b,c', ',', -1)", "c");
        check("split_part('a,b,c', ',', 9)", "");
        check("coalesce(split_part(null, ',', 1), 'none')", "none");
    }
}
