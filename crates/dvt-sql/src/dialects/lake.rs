//! A bucket as a connection: Delta tables and files, SQL by DataFusion.
//! Source: DataFusion's SQL reference and its default sort options (NULLs are the largest).

use crate::{Dialect, IdentifierCase, NullOrder};

pub static LAKE: Dialect = Dialect {
    name: "filesystem",
    quote: '"',
    unquoted: IdentifierCase::FoldsLower,
    quotes_names: true,
    backslash_escapes: false,
    max_identifier_length: Some(255),
    nulls_ascending: NullOrder::Last,
    integer_division: true,
    has_database: false,
    parser: || Box::new(sqlparser::dialect::GenericDialect {}),
};
