//! Databricks SQL. Source: Databricks' SQL language reference, "Identifiers", "STRING type", "ORDER BY clause", "`/` operator".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static DATABRICKS: Dialect = Dialect {
    name: "databricks",
    quote: '`',
    unquoted: IdentifierCase::Insensitive,
    backslash_escapes: true,
    // Two literals that touch are one there, without a quote between them.
    escaped_quote: "\\'",
    max_identifier_length: Some(255),
    nulls_ascending: NullOrder::First,
    integer_division: false,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::DatabricksDialect {}),
};
