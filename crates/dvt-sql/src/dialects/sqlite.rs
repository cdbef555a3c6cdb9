//! SQLite. Source: sqlite.org, "SQLite Keywords", "Expressions", "Datatypes in SQLite".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    quote: '"',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: false,
    max_identifier_length: None,
    nulls_ascending: NullOrder::First,
    integer_division: true,
    has_database: false,
    parser: || Box::new(sqlparser::dialect::SQLiteDialect {}),
};
