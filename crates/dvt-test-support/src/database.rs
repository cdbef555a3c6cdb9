//! One test's own database on a shared server.

use crate::{Certificates, Server, StartError, mysql, postgres, shared};
use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// A database that exists for one test. Dropping it drops the database.
#[derive(Debug)]
pub struct TestDatabase {
    pub engine: Engine,
    /// `127.0.0.1` on a private server; the server's certificate is for `localhost`.
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: String,
    server: &'static Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    Mysql,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MariaDB",
        }
    }

    fn url_variable(self) -> &'static str {
        match self {
            Self::Postgres => "DVT_TEST_POSTGRES_URL",
            Self::Mysql => "DVT_TEST_MYSQL_URL",
        }
    }
}

impl TestDatabase {
    /// The certificate files of a private server, `None` on a server that `DVT_TEST_…_URL` names.
    #[must_use]
    pub fn certificates(&self) -> Option<&'static Certificates> {
        self.server.certificates.as_ref()
    }

    /// The folder that holds the server's Unix socket (PostgreSQL) on a private server.
    #[must_use]
    pub fn socket_folder(&self) -> Option<&'static str> {
        self.server.socket_folder.as_deref()
    }

    /// `scheme://user:password@host:port/database`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.engine {
            Engine::Postgres => "postgres",
            Engine::Mysql => "mysql",
        };
        let Self { user, password, host, port, database, .. } = self;
        format!("{scheme}://{user}:{password}@{host}:{port}/{database}")
    }

    /// Runs statements with the engine's own command line client and gives what it printed: one line per row, columns
    /// separated by tabs, no headings.
    ///
    /// # Panics
    /// When the client reports an error.
    pub fn sql(&self, statements: &str) -> String {
        match run(self.engine, self.server, &self.database, statements) {
            Ok(output) => output,
            Err(error) => panic!("{}: {error}\nin: {statements}", self.engine.name()),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (database, statement) = match self.engine {
            Engine::Postgres => ("postgres", format!("drop database if exists {} with (force)", self.database)),
            Engine::Mysql => ("mysql", format!("drop database if exists {}", self.database)),
        };
        // The data folder goes with the server; a database that could not be dropped is not worth failing a test.
        let _ = run(self.engine, self.server, database, &statement);
    }
}

fn run(engine: Engine, server: &Server, database: &str, statements: &str) -> Result<String, StartError> {
    match engine {
        Engine::Postgres => postgres::run(server, database, statements),
        Engine::Mysql => mysql::run(server, database, statements),
    }
}

/// A new database on the engine's server, starting the server if need be.
pub(crate) fn fresh(engine: Engine) -> Option<TestDatabase> {
    static POSTGRES: OnceLock<Result<Server, StartError>> = OnceLock::new();
    static MYSQL: OnceLock<Result<Server, StartError>> = OnceLock::new();
    let (cell, maintenance) = match engine {
        Engine::Postgres => (&POSTGRES, "postgres"),
        Engine::Mysql => (&MYSQL, "mysql"),
    };
    let server = match cell.get_or_init(|| find_server(engine)) {
        Ok(server) => server,
        Err(error @ StartError::NotInstalled { .. }) => {
            let test = thread::current().name().unwrap_or("test").to_owned();
            assert!(env::var("DVT_REQUIRE_DATABASES").as_deref() != Ok("1"), "{test} needs {}: {error}", engine.name());
            #[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
            {
                eprintln!("skipped {test}: {error}");
            }
            return None;
        }
        Err(error) => panic!("{} for tests: {error}", engine.name()),
    };
    let name = unique_name();
    let statement = match engine {
        Engine::Postgres => format!("create database {name} template template0 encoding 'UTF8'"),
        Engine::Mysql => format!("create database {name} character set utf8mb4"),
    };
    if let Err(error) = run(engine, server, maintenance, &statement) {
        panic!("{}: {error}\nin: {statement}", engine.name());
    }
    Some(TestDatabase {
        engine,
        host: server.host.clone(),
        port: server.port,
        user: server.user.clone(),
        password: server.password.clone(),
        database: name,
        server,
    })
}

fn find_server(engine: Engine) -> Result<Server, StartError> {
    if let Ok(url) = env::var(engine.url_variable())
        && !url.is_empty()
    {
        return Server::from_url(&url);
    }
    match engine {
        Engine::Postgres => shared::share("postgres", postgres::installed()?, postgres::start),
        Engine::Mysql => shared::share("mysql", mysql::installed()?, mysql::start),
    }
}

fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.subsec_nanos());
    format!("dvt_{}_{}_{nanoseconds}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}
