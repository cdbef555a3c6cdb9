//! The adapter: one Redshift connection of the profile.

use crate::connect::Connector;
use crate::pool::Pool;
use crate::redshift::database::Redshift;
use crate::redshift::profile::RedshiftSettings;
use crate::redshift::types::{ADAPTER_TYPE, column_type};
use crate::redshift::{describe, extract, load, profile};
use crate::session::PgSession;
use crate::settings::Settings;
use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ExtractRequest, LoadReport, LoadRequest, RelationDescription, RelationName, Session, UnsupportedType,
};
use dvt_sql::{Dialect, REDSHIFT};
use serde_json::{Map, Value};
use std::sync::Arc;

/// An Amazon Redshift database. Nothing is asked before the first call.
pub struct RedshiftAdapter {
    pool: Arc<Pool>,
    redshift: RedshiftSettings,
}

impl RedshiftAdapter {
    /// Reads a rendered profile output of `type: redshift`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown, not supported, or has the wrong type.
    ///
    /// Source: dbt docs, "Redshift setup".
    pub fn from_profile(connection: &str, output: &Map<String, Value>) -> Result<Self, AdapterError> {
        let (settings, redshift) = profile::settings(connection, output)?;
        let database = Arc::new(Redshift(redshift.clone()));
        Ok(Self { pool: Pool::new(Connector::new(settings, database)), redshift })
    }

    fn settings(&self) -> &Settings {
        &self.pool.connector.settings
    }
}

#[async_trait]
impl Adapter for RedshiftAdapter {
    fn connection(&self) -> &str {
        &self.settings().connection
    }

    fn adapter_type(&self) -> &'static str {
        ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &REDSHIFT
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
        describe::describe(&self.pool, &self.redshift, relations).await
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        let lease = self.pool.take().await?;
        let described = describe::describe_query(&lease, sql, self.connection()).await;
        lease.give_back();
        described
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(&self.pool, request, cancel).await
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

    fn needs_commit_witness(&self) -> bool {
        true
    }

    fn session_appends(&self) -> bool {
        true
    }

    fn display_location(&self) -> String {
        let settings = self.settings();
        format!("redshift://{}@{}:{}/{}", settings.user, settings.host, settings.port, settings.database)
    }
}
