//! The postgres client: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`PostgresAdapter`] fulfils the adapter contract over tokio-postgres: queries are read with binary COPY straight into
//! Arrow columns, tables are loaded with binary COPY, column types come from the catalog. [`macro_files`] are the macros of
//! the package `dbt_postgres`.

mod adapter;
mod append;
mod changes;
mod commit;
mod connect;
mod copy_out;
mod decode;
mod describe;
mod encode;
mod errors;
mod extract;
mod formats;
mod jdbc;
mod load;
mod macros;
mod numeric;
mod pool;
mod profile;
mod session;
mod statistics;
mod tap;
mod tls;
mod types;

pub use adapter::PostgresAdapter;
pub use macros::macro_files;
