//! PostgreSQL. Source: PostgreSQL manual, "Lexical Structure" and "Sorting Rows".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static POSTGRES: Dialect = Dialect {
    name: "postgres",
    quote: '"',
    unquoted: IdentifierCase::FoldsLower,
    quotes_names: true,
    backslash_escapes: false,
    max_identifier_length: Some(63),
    nulls_ascending: NullOrder::Last,
    integer_division: true,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::PostgreSqlDialect {}),
};
