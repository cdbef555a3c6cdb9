//! The Databricks client: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`DatabricksAdapter`] speaks to a SQL warehouse by the workspace's HTTP API alone: statements ([`api`]), their results as Arrow
//! files behind presigned links (`results`), rows in by files of a volume (`load`). There are no sessions and no
//! transactions: each statement is atomic by itself, and runs once.

mod api;
mod catalog;
mod errors;
mod extract;
mod load;
mod macros;
mod profile;
mod results;
mod session;
mod types;

pub use macros::macro_files;

use api::Api;
use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ExtractRequest, Hold, LoadReport, LoadRequest, RelationDescription, RelationName, Session, UnsupportedType,
};
use dvt_sql::{DATABRICKS, Dialect};
use profile::{ADAPTER_TYPE, Settings};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: false,
    describes_queries: true,
    concurrent_writers: true,
    binary_text_by_default: true,
};

/// One `databricks` output of the profile.
pub struct DatabricksAdapter {
    api: Api,
}

impl DatabricksAdapter {
    /// Reads the rendered output; nothing is connected. `connection` is the output's name.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or not supported.
    pub fn from_profile(connection: &str, output: &Map<String, Value>) -> Result<Self, AdapterError> {
        Ok(Self { api: Api::new(Arc::new(Settings::from_profile(connection, output)?))? })
    }
}

#[async_trait]
impl Adapter for DatabricksAdapter {
    fn connection(&self) -> &str {
        &self.api.settings.connection
    }

    fn adapter_type(&self) -> &'static str {
        ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &DATABRICKS
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    /// The catalog is no part of it: every statement of a workspace sees all of them.
    fn identity(&self) -> ConnectionIdentity {
        let settings = &self.api.settings;
        ConnectionIdentity {
            adapter_type: ADAPTER_TYPE.to_owned(),
            host: settings.host.clone(),
            port: settings.port,
            database: settings.catalog.clone(),
            user: match &settings.credentials {
                profile::Credentials::Token(_) => String::new(),
                profile::Credentials::ServicePrincipal { client_id, .. } => client_id.clone(),
            },
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.api.settings.target_values.clone()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        Ok(Box::new(session::DatabricksSession::new(self.api.clone())))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        catalog::describe(&self.api, relations).await
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        catalog::describe_query(&self.api, sql, &CancellationToken::new()).await
    }

    async fn change_token(&self, relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
        catalog::change_token(&self.api, relations).await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(&self.api, request, cancel).await
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        types::TYPES.column_type(field)
    }

    async fn load(
        &self,
        request: LoadRequest,
        rows: BatchStream,
        cancel: CancellationToken,
    ) -> Result<LoadReport, AdapterError> {
        load::load(&self.api, request, rows, cancel).await
    }

    /// Among the runs of this machine only: the engine has no lock that runs elsewhere would wait for.
    async fn hold(&self, relation: &RelationName, cancel: CancellationToken) -> Result<Option<Hold>, AdapterError> {
        let place = Path::new("/databricks").join(&self.api.settings.host);
        Ok(Hold::on_this_machine(&place, relation, &cancel).await)
    }

    fn display_location(&self) -> String {
        let settings = &self.api.settings;
        let port = settings.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("databricks://{}{port}/{} (warehouse {})", settings.host, settings.catalog, settings.warehouse_id)
    }
}
