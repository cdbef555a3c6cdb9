//! The dialects of the built-in connections, one file of data each.

mod duckdb;
mod lake;
mod mysql;
mod postgres;
mod sqlite;

pub use duckdb::DUCKDB;
pub use lake::LAKE;
pub use mysql::{MARIADB, MYSQL};
pub use postgres::POSTGRES;
pub use sqlite::SQLITE;

use crate::Dialect;

/// The dialect of a profile output's `type`, `None` for a type that is not built in.
#[must_use]
pub fn dialect_of(adapter_type: &str) -> Option<&'static Dialect> {
    match adapter_type {
        "postgres" => Some(&POSTGRES),
        "mysql" => Some(&MYSQL),
        "mariadb" => Some(&MARIADB),
        "sqlite" => Some(&SQLITE),
        "duckdb" => Some(&DUCKDB),
        "filesystem" => Some(&LAKE),
        _ => None,
    }
}
