//! What databases behind a driver of the user's own have in common: the standard's quotes and strings, nothing more.

use crate::{Dialect, IdentifierCase, NullOrder};

pub static GENERIC: Dialect = Dialect {
    name: "adbc",
    quote: '"',
    unquoted: IdentifierCase::FoldsLower,
    quotes_names: true,
    backslash_escapes: false,
    max_identifier_length: None,
    nulls_ascending: NullOrder::Last,
    integer_division: true,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::GenericDialect {}),
};
