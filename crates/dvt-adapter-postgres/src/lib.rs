//! The client of PostgreSQL's protocol: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`PostgresAdapter`] and [`RedshiftAdapter`] fulfil the adapter contract over tokio-postgres. What is the protocol's (opening
//! connections, TLS, sessions and transactions, cancelling, streams) lies here, what is a database's in its folder, behind the
//! trait `Database`: PostgreSQL's rows travel by binary COPY, Redshift's as text and INSERT statements. [`macro_files`] and
//! [`redshift_macro_files`] are the macros of the packages `dbt_postgres` and `dbt_redshift`.

mod collect;
mod connect;
mod database;
mod errors;
mod pool;
mod postgres;
mod redshift;
mod session;
mod settings;
mod stream;
mod tap;
mod tls;

pub use postgres::adapter::PostgresAdapter;
pub use postgres::macros::macro_files;
pub use redshift::adapter::RedshiftAdapter;
pub use redshift::macros::redshift_macro_files;
