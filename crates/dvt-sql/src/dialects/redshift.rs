//! Amazon Redshift. Source: its developer guide, "Names and identifiers", "Amazon Redshift and PostgreSQL".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static REDSHIFT: Dialect = Dialect {
    name: "redshift",
    quote: '"',
    unquoted: IdentifierCase::FoldsLower,
    quotes_names: true,
    backslash_escapes: true,
    max_identifier_length: Some(127),
    nulls_ascending: NullOrder::Last,
    integer_division: true,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::RedshiftSqlDialect {}),
};
