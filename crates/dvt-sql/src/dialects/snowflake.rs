//! Snowflake. Source: Snowflake's documentation, "Identifier requirements", "String & binary data types", "ORDER BY".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static SNOWFLAKE: Dialect = Dialect {
    name: "snowflake",
    quote: '"',
    unquoted: IdentifierCase::FoldsUpper,
    quotes_names: false,
    backslash_escapes: true,
    max_identifier_length: Some(255),
    nulls_ascending: NullOrder::Last,
    integer_division: false,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::SnowflakeDialect {}),
};
