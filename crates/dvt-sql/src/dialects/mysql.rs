//! MySQL and MariaDB. Source: MySQL 8.4 and MariaDB 10.11 manuals, "Identifier Names", "String Literals".

use crate::{Dialect, IdentifierCase, NullOrder};

pub static MYSQL: Dialect = Dialect {
    name: "mysql",
    quote: '`',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: true,
    max_identifier_length: Some(64),
    nulls_ascending: NullOrder::First,
    integer_division: false,
    has_database: false,
    parser: || Box::new(sqlparser::dialect::MySqlDialect {}),
};

pub static MARIADB: Dialect = Dialect {
    name: "mariadb",
    quote: '`',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: true,
    max_identifier_length: Some(64),
    nulls_ascending: NullOrder::First,
    integer_division: false,
    has_database: false,
    parser: || Box::new(sqlparser::dialect::MySqlDialect {}),
};
