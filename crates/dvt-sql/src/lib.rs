//! SQL text: dialects, quoting, parsing, which relations a query reads.
//!
//! In: text and a [`Dialect`]. Out: syntax trees, names, statements. Nothing here asks a database, and no SQL is ever
//! changed by replacing text: rewriting works on trees.

mod clauses;
mod dialect;
mod dialects;
mod inject_ctes;
mod statements;

pub use clauses::{LostClause, keep_clauses};
pub use dialect::{Dialect, IdentifierCase, NullOrder};
pub use dialects::{
    ATHENA, BIGQUERY, DATABRICKS, DUCKDB, GENERIC, LAKE, MARIADB, MYSQL, POSTGRES, REDSHIFT, SNOWFLAKE, SPARK, SQLITE,
    TRINO, dialect_of,
};
pub use inject_ctes::{Injected, inject_ctes};
pub use statements::{StatementText, split_statements};
