//! The SQLite client: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`SqliteAdapter::from_profile`] makes the [`Adapter`] of a `sqlite` output; [`macro_files`] is the macro package
//! `dbt_sqlite`. SQLite works on blocking threads; each session has a connection of its own to the file. How the dynamic
//! types of SQLite are read is told in `types.rs`.

mod catalog;
mod changes;
mod encode;
mod errors;
mod extract;
mod functions;
mod load;
mod macros;
mod open;
mod profile;
mod session;
mod types;
mod values;

pub use macros::macro_files;

use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ErrorClass, ExtractRequest, Hold, LoadReport, LoadRequest, RelationDescription, RelationName, Session,
    UnsupportedType,
};
use dvt_sql::{Dialect, SQLITE};
use open::{Purpose, open};
use profile::Settings;
use rusqlite::Connection;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: true,
    // An expression has no type until its values come.
    describes_queries: false,
    concurrent_writers: false,
    binary_text_by_default: true,
};

/// One `sqlite` output of the profile. Files are opened when first needed.
pub struct SqliteAdapter {
    settings: Arc<Settings>,
}

impl SqliteAdapter {
    /// Reads the rendered profile output; no file is touched. `connection` is the output's name, relative paths start at
    /// `project_directory`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or of the wrong type.
    pub fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
    ) -> Result<Self, AdapterError> {
        Ok(Self { settings: Arc::new(Settings::from_profile(connection, output, project_directory)?) })
    }

    /// Opens the files on a blocking thread and works with them there.
    async fn with_connection<T: Send + 'static>(
        &self,
        purpose: Purpose,
        work: impl FnOnce(&Settings, Connection) -> Result<T, AdapterError> + Send + 'static,
    ) -> Result<T, AdapterError> {
        let settings = self.settings.clone();
        let task = tokio::task::spawn_blocking(move || {
            let connection = open(&settings, purpose)?;
            work(&settings, connection)
        });
        match task.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

#[async_trait]
impl Adapter for SqliteAdapter {
    fn connection(&self) -> &str {
        &self.settings.connection
    }

    fn adapter_type(&self) -> &'static str {
        types::ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        let path = &self.settings.files[0].path;
        let path = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.clone());
        ConnectionIdentity {
            adapter_type: types::ADAPTER_TYPE.to_owned(),
            host: path.display().to_string(),
            port: None,
            database: self.settings.schema.clone(),
            user: String::new(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.settings.target_values.clone()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        let settings = self.settings.clone();
        let connection = self.with_connection(Purpose::Write, |_, connection| Ok(connection)).await?;
        Ok(Box::new(session::SqliteSession::new(settings, connection)))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        let target = self.settings.target_file();
        let is_folder_there = target.path.parent().is_some_and(Path::is_dir);
        if !target.path.exists() && is_folder_there && self.settings.files.len() == 1 {
            // The first run makes the file; until then it holds nothing.
            return Ok(vec![None; relations.len()]);
        }
        let relations = relations.to_vec();
        // Reading a missing target beside others would fail; its file is made as the run is going to.
        self.with_connection(Purpose::Write, move |settings, connection| {
            catalog::describe(settings, &connection, &relations)
        })
        .await
    }

    async fn describe_query(&self, _sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        let message = "SQLite tells the types of a query's columns only with their values";
        Err(AdapterError::new(ErrorClass::Other, self.connection(), message))
    }

    async fn change_token(&self, relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
        let relations = relations.to_vec();
        self.with_connection(Purpose::Read, move |settings, connection| {
            changes::token(settings, &connection, &relations)
        })
        .await
    }

    async fn parts(&self, relation: &RelationName, rows: u64) -> Result<Vec<String>, AdapterError> {
        let relation = relation.clone();
        self.with_connection(Purpose::Read, move |settings, connection| {
            changes::parts(settings, &connection, &relation, rows)
        })
        .await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(self.settings.clone(), request, cancel).await
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
        load::load(self.settings.clone(), request, rows, cancel).await
    }

    async fn hold(&self, relation: &RelationName, cancel: CancellationToken) -> Result<Option<Hold>, AdapterError> {
        Ok(Hold::on_this_machine(&self.settings.target_file().path, relation, &cancel).await)
    }

    fn display_location(&self) -> String {
        format!("sqlite://{}", self.settings.files[0].path.display())
    }
}
