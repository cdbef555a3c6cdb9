//! Private database servers for tests: a PostgreSQL and a MariaDB that start on first use and stop by themselves.
//!
//! ```no_run
//! let Some(database) = dvt_test_support::postgres() else { return };
//! // connect to database.host, database.port, … ; the database goes when `database` is dropped
//! ```
//!
//! Every test gets a database of its own. The server is shared by all test processes of the machine's user: the first one
//! starts it, and a watchdog stops it once no process has used it for 20 seconds (nextest runs each test in a process of
//! its own, so a server per process would be a server per test). `DVT_TEST_POSTGRES_URL` and `DVT_TEST_MYSQL_URL` name a
//! server to use instead. When there is neither, the test is skipped with a line that names it, or fails if
//! `DVT_REQUIRE_DATABASES=1`.

mod certificates;
mod database;
mod drivers;
mod emulators;
mod mysql;
mod postgres;
mod proxy;
mod server;
mod shared;
mod spark;

pub use certificates::Certificates;
pub use database::{Engine, TestDatabase};
pub use drivers::{SPARK_VERSION, drivers, has_jdbc_drivers, spark};
pub use emulators::{
    BIGQUERY_REFRESH, BIGQUERY_TOKEN, DATABRICKS_PRINCIPAL, DATABRICKS_TOKEN, Emulator, bigquery, databricks,
    drivers_with, fakesnow, moto,
};
pub use proxy::{Cut, Proxy};
pub use server::{Server, StartError};
pub use spark::{SPARK_TOKEN, SparkConnect, spark_connect};

/// A fresh PostgreSQL database, or `None` (and a line on stderr) when no server can be had.
///
/// # Panics
/// When a server is there but does not work, or is required and absent.
#[must_use]
pub fn postgres() -> Option<TestDatabase> {
    database::fresh(Engine::Postgres)
}

/// A fresh PostgreSQL database that plays Amazon Redshift: with the views, types and functions of Redshift that can be written
/// in PostgreSQL, and its reading of backslashes. What it cannot play: `diststyle`, `sortkey`, late-binding views, functions
/// that take a part of a date as a word, and how Redshift calculates.
///
/// # Panics
/// When a server is there but does not work, or is required and absent.
#[must_use]
pub fn redshift() -> Option<TestDatabase> {
    let database = postgres()?;
    database.sql(include_str!("redshift.sql"));
    Some(database)
}

/// A fresh MariaDB (or MySQL) database, or `None` (and a line on stderr) when no server can be had.
///
/// # Panics
/// When a server is there but does not work, or is required and absent.
#[must_use]
pub fn mysql() -> Option<TestDatabase> {
    database::fresh(Engine::Mysql)
}

/// A loopback port on which nothing listens: what an unreachable server looks like.
///
/// # Panics
/// When the machine has no free port.
#[must_use]
pub fn closed_port() -> u16 {
    server::free_port()
}
