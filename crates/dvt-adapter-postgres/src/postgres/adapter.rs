//! The adapter: one PostgreSQL connection of the profile.

use crate::connect::Connector;
use crate::pool::Pool;
use crate::postgres::database::Postgres;
use crate::postgres::profile;
use crate::postgres::types::{ADAPTER_TYPE, column_type};
use crate::postgres::{changes, describe, extract, jdbc, load, statistics};
use crate::session::PgSession;
use crate::settings::Settings;
use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ErrorClass, ExtractRequest, Fetch, Hold, JdbcAccess, JdbcColumn, JdbcForm, JdbcPurpose, LoadReport, LoadRequest,
    RelationDescription, RelationName, Session, UnsupportedType, hold_key,
};
use dvt_sql::{Dialect, POSTGRES};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex};

/// A PostgreSQL database. Nothing is asked before the first call.
pub struct PostgresAdapter {
    pool: Arc<Pool>,
}

impl PostgresAdapter {
    /// Reads a rendered profile output of `type: postgres`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or has the wrong type.
    ///
    /// Source: dbt docs, "Postgres setup".
    pub fn from_profile(connection: &str, output: &Map<String, Value>) -> Result<Self, AdapterError> {
        let settings = profile::settings(connection, output)?;
        Ok(Self { pool: Pool::new(Connector::new(settings, Arc::new(Postgres))) })
    }

    fn settings(&self) -> &Settings {
        &self.pool.connector.settings
    }
}

#[async_trait]
impl Adapter for PostgresAdapter {
    fn connection(&self) -> &str {
        &self.settings().connection
    }

    fn adapter_type(&self) -> &'static str {
        ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &POSTGRES
    }

    fn capabilities(&self) -> &Capabilities {
        const CAPABILITIES: Capabilities = Capabilities {
            transactional_ddl: true,
            describes_queries: true,
            concurrent_writers: true,
            binary_text_by_default: false,
        };
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        let settings = self.settings();
        ConnectionIdentity {
            adapter_type: ADAPTER_TYPE.to_owned(),
            host: settings.place(),
            port: Some(settings.port),
            database: settings.database.clone(),
            user: settings.user.clone(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.settings().target_values.clone()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        let lease = self.pool.take().await?;
        Ok(Box::new(PgSession::new(self.connection(), lease)))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        describe::describe(&self.pool, relations).await
    }

    async fn hold(&self, relation: &RelationName, cancel: CancellationToken) -> Result<Option<Hold>, AdapterError> {
        // A transaction's lock, which goes with it, also where many clients share a server's connections.
        let key = hold_key(&format!("{}.{}", relation.schema.as_deref().unwrap_or_default(), relation.identifier));
        let mut session = self.session().await?;
        session.set_cancel(cancel);
        session.begin().await?;
        let sql = format!(
            "set local idle_in_transaction_session_timeout = 0; select pg_catalog.pg_advisory_xact_lock({})",
            key.cast_signed()
        );
        match session.execute(&sql, Fetch::None).await {
            Ok(_) => Ok(Some(Hold::new(Mutex::new(session)))),
            Err(error) if matches!(error.class, ErrorClass::Cancelled | ErrorClass::ConnectionLost) => Err(error),
            Err(error) => {
                tracing::debug!(connection = self.connection(), %error, "no lock among runs");
                Ok(None)
            }
        }
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        describe::describe_query(&self.pool, sql).await
    }

    async fn change_token(&self, relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
        changes::token(&self.pool, relations).await
    }

    async fn parts(&self, relation: &RelationName, rows: u64) -> Result<Vec<String>, AdapterError> {
        changes::parts(&self.pool, relation, rows).await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(&self.pool, request, cancel).await
    }

    async fn estimate_rows(&self, sql: &str) -> Result<Option<u64>, AdapterError> {
        statistics::estimate_rows(&self.pool, sql).await
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        column_type(field)
    }

    async fn load(
        &self,
        request: LoadRequest,
        rows: BatchStream,
        cancel: CancellationToken,
    ) -> Result<LoadReport, AdapterError> {
        load::load(&self.pool, request, rows, cancel).await
    }

    fn session_appends(&self) -> bool {
        true
    }

    fn jdbc_drivers(&self) -> &'static [&'static str] {
        &["postgresql"]
    }

    fn jdbc_shares_snapshots(&self) -> bool {
        true
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
        changes::split(&self.pool, relation, into).await
    }

    fn display_location(&self) -> String {
        let settings = self.settings();
        format!("postgres://{}@{}:{}/{}", settings.user, settings.host, settings.port, settings.database)
    }
}
