//! DuckDB. Source: DuckDB docs, "Keywords and Identifiers", "ORDER BY Clause", "Numeric Operators".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static DUCKDB: Dialect = Dialect {
    name: "duckdb",
    quote: '"',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: false,
    max_identifier_length: None,
    nulls_ascending: NullOrder::Last,
    integer_division: false,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::DuckDbDialect {}),
};
