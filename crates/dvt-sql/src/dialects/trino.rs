//! Trino, and Athena, which is built on it. Source: Trino's documentation, "SQL language", "Identifiers" and "SELECT";
//! Athena's user guide, "Names for tables, databases, and columns".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static TRINO: Dialect = Dialect {
    name: "trino",
    quote: '"',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: false,
    max_identifier_length: None,
    nulls_ascending: NullOrder::Last,
    integer_division: true,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::GenericDialect {}),
};

pub static ATHENA: Dialect = Dialect { name: "athena", max_identifier_length: Some(255), ..TRINO };
