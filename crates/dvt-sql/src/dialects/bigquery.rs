//! Google BigQuery. Source: its SQL reference, "Lexical structure and syntax", "Query syntax".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static BIGQUERY: Dialect = Dialect {
    name: "bigquery",
    quote: '`',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: true,
    max_identifier_length: Some(300),
    nulls_ascending: NullOrder::First,
    integer_division: false,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::BigQueryDialect {}),
};
