//! The MySQL and MariaDB client: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`MySqlAdapter::from_profile`] makes the [`Adapter`] of a `mysql` or `mariadb` output; [`macro_files`] is the macro
//! package `dbt_mysql`, which serves both. Rows come over the binary protocol and are decoded in the read buffer; loads
//! go as `LOAD DATA LOCAL`. Instants are read in UTC whatever the server's time zone.

mod catalog;
mod client;
mod commit;
mod decode;
mod errors;
mod extract;
mod jdbc;
mod load;
mod macros;
mod pool;
mod profile;
mod session;
mod types;

pub use macros::macro_files;

use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ExtractRequest, Fetch, Hold, JdbcAccess, JdbcColumn, JdbcForm, JdbcPurpose, LoadReport, LoadRequest,
    RelationDescription, RelationName, Session, UnsupportedType, hold_key,
};
use dvt_sql::{Dialect, MARIADB, MYSQL};
use pool::{Pool, Purpose};
use profile::Settings;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Mutex;

/// Seconds after which a lock among runs is no longer waited for.
const LONGEST_WAIT: u32 = 31_536_000;

static CAPABILITIES: Capabilities = Capabilities {
    // Each DDL statement commits what was open.
    transactional_ddl: false,
    describes_queries: true,
    concurrent_writers: true,
    // Default collations compare without case and pad with blanks.
    binary_text_by_default: false,
};

/// One `mysql` or `mariadb` output of the profile. Connections are opened when first needed and kept for reuse.
pub struct MySqlAdapter {
    pool: Pool,
}

impl MySqlAdapter {
    /// Reads the rendered profile output; nothing is connected. `connection` is the output's name, relative paths of
    /// certificates start at `project_directory`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or of the wrong type.
    pub fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
    ) -> Result<Self, AdapterError> {
        Ok(Self { pool: Pool::new(Settings::from_profile(connection, output, project_directory)?) })
    }

    fn settings(&self) -> &Settings {
        &self.pool.settings
    }
}

#[async_trait]
impl Adapter for MySqlAdapter {
    fn connection(&self) -> &str {
        &self.settings().connection
    }

    fn adapter_type(&self) -> &'static str {
        self.settings().adapter_type
    }

    fn dialect(&self) -> &'static Dialect {
        if self.adapter_type() == "mariadb" { &MARIADB } else { &MYSQL }
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        let settings = self.settings();
        ConnectionIdentity {
            adapter_type: settings.adapter_type.to_owned(),
            host: match &settings.unix_socket {
                Some(path) => path.display().to_string(),
                None => settings.host.to_lowercase(),
            },
            port: settings.unix_socket.is_none().then_some(settings.port),
            database: settings.schema.clone(),
            user: settings.user.clone(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.settings().target_values.clone()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        let client = self.pool.take(Purpose::Statements).await?;
        Ok(Box::new(session::MySqlSession::new(self.pool.clone(), client)))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        catalog::describe(&self.pool, relations).await
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        catalog::describe_query(&self.pool, sql).await
    }

    fn jdbc_drivers(&self) -> &'static [&'static str] {
        &["mariadb", "mysql"]
    }

    fn jdbc_obstacle(&self, executors_are_here: bool) -> Option<String> {
        jdbc::obstacle(self.settings(), executors_are_here)
    }

    async fn jdbc_access(&self, purpose: JdbcPurpose) -> Result<JdbcAccess, AdapterError> {
        jdbc::access(&self.pool, purpose).await
    }

    fn jdbc_column(&self, column: &ColumnDescription) -> Result<JdbcColumn, String> {
        jdbc::column(column)
    }

    fn jdbc_parameter(&self, column_type: &str, field: &Field) -> Result<JdbcForm, String> {
        jdbc::parameter(column_type, field)
    }

    async fn split(&self, relation: &RelationName, into: usize) -> Result<Vec<String>, AdapterError> {
        jdbc::split(&self.pool, relation, into).await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(&self.pool, request, cancel).await
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        types::column_type(self.adapter_type(), field)
    }

    async fn load(
        &self,
        request: LoadRequest,
        rows: BatchStream,
        cancel: CancellationToken,
    ) -> Result<LoadReport, AdapterError> {
        load::load(&self.pool, request, rows, cancel).await
    }

    /// The lock goes with its connection, which a session in a transaction does not return.
    async fn hold(&self, relation: &RelationName, cancel: CancellationToken) -> Result<Option<Hold>, AdapterError> {
        let schema = relation.schema.as_deref().unwrap_or(&self.settings().schema);
        let key = hold_key(&format!("{schema}.{}", relation.identifier));
        let mut session = self.session().await?;
        session.set_cancel(cancel);
        session.begin().await?;
        session.execute(&format!("SELECT get_lock('dvt-{key:016x}', {LONGEST_WAIT})"), Fetch::All).await?;
        Ok(Some(Hold::new(Mutex::new(session))))
    }

    fn needs_commit_witness(&self) -> bool {
        true
    }

    fn display_location(&self) -> String {
        let settings = self.settings();
        let place = match &settings.unix_socket {
            Some(path) => path.display().to_string(),
            None => format!("{}:{}", settings.host, settings.port),
        };
        format!("{}://{}@{place}/{}", settings.adapter_type, settings.user, settings.schema)
    }
}
