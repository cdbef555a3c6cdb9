//! The BigQuery client: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`BigQueryAdapter`] speaks to BigQuery's HTTP API alone. Whatever runs is a job whose id is made here, so that a request may be
//! sent again after a lost answer and the job still runs once ([`jobs`]); results are read page by page as JSON (`rows`), and rows go
//! in by one load job, whose content is streamed (`load`). There are no sessions and no transactions: each job is atomic by itself.
//! Google's ADBC driver is not used: its reader ends a broken stream as if it were complete, and it does not wait for changes.

mod api;
mod base64;
mod catalog;
mod errors;
mod extract;
mod jobs;
mod load;
mod login;
mod macros;
mod profile;
mod rows;
mod session;
mod types;
mod values;

pub use macros::macro_files;

use api::Api;
use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ExtractRequest, Hold, LoadReport, LoadRequest, RelationDescription, RelationName, Session, UnsupportedType,
};
use dvt_sql::{BIGQUERY, Dialect};
use profile::{ADAPTER_TYPE, Settings};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: false,
    describes_queries: true,
    concurrent_writers: true,
    binary_text_by_default: true,
};

/// One `bigquery` output of the profile.
pub struct BigQueryAdapter {
    api: Api,
}

impl BigQueryAdapter {
    /// Reads the rendered output; nothing is connected, and no credential is looked for. `connection` is the output's name,
    /// relative paths start at `project_directory`, `variables` say where Google's own tools keep their credentials.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or not supported.
    pub fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, AdapterError> {
        Ok(Self { api: Api::new(Arc::new(Settings::from_profile(connection, output, project_directory, variables)?))? })
    }
}

#[async_trait]
impl Adapter for BigQueryAdapter {
    fn connection(&self) -> &str {
        &self.api.settings.connection
    }

    fn adapter_type(&self) -> &'static str {
        ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &BIGQUERY
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        let settings = &self.api.settings;
        ConnectionIdentity {
            adapter_type: ADAPTER_TYPE.to_owned(),
            host: settings.endpoint.clone(),
            port: None,
            database: settings.project.clone(),
            user: settings.execution_project.clone(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.api.settings.target_values.clone()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        Ok(Box::new(session::BigQuerySession::new(self.api.clone())))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        catalog::describe(&self.api, relations).await
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        catalog::describe_query(&self.api, sql).await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(&self.api, request, cancel).await
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        types::column_type(field)
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
        let place = Path::new("/bigquery").join(&self.api.settings.project);
        Ok(Hold::on_this_machine(&place, relation, &cancel).await)
    }

    fn display_location(&self) -> String {
        let settings = &self.api.settings;
        format!("bigquery://{}/{}", settings.project, settings.dataset)
    }
}
