//! Databricks, and Spark without a catalog above its schemas. Source: their SQL references, "Identifiers", "Literals",
//! "ORDER BY clause".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static DATABRICKS: Dialect = Dialect {
    name: "databricks",
    quote: '`',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: true,
    max_identifier_length: Some(255),
    nulls_ascending: NullOrder::First,
    integer_division: false,
    has_database: true,
    parser: || Box::new(sqlparser::dialect::DatabricksDialect {}),
};

pub static SPARK: Dialect = Dialect { name: "spark", quotes_names: false, has_database: false, ..DATABRICKS };
