//! The dialects of the built-in connections, one file of data each.

mod bigquery;
mod databricks;
mod duckdb;
mod generic;
mod lake;
mod mysql;
mod postgres;
mod redshift;
mod snowflake;
mod sqlite;
mod trino;

pub use bigquery::BIGQUERY;
pub use databricks::{DATABRICKS, SPARK};
pub use duckdb::DUCKDB;
pub use generic::GENERIC;
pub use lake::LAKE;
pub use mysql::{MARIADB, MYSQL};
pub use postgres::POSTGRES;
pub use redshift::REDSHIFT;
pub use snowflake::SNOWFLAKE;
pub use sqlite::SQLITE;
pub use trino::{ATHENA, TRINO};

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
        "snowflake" => Some(&SNOWFLAKE),
        "redshift" => Some(&REDSHIFT),
        "bigquery" => Some(&BIGQUERY),
        "databricks" => Some(&DATABRICKS),
        "spark" => Some(&SPARK),
        "trino" => Some(&TRINO),
        "athena" => Some(&ATHENA),
        "adbc" => Some(&GENERIC),
        "filesystem" | "s3" | "gcs" | "azure" => Some(&LAKE),
        _ => None,
    }
}
