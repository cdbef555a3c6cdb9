//! The client of ADBC driver libraries: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`AdbcAdapter::duckdb`] and [`AdbcAdapter::snowflake`] make the [`Adapter`] of an output. Sessions, extracts and loads are the same for all
//! drivers (`session.rs`, `extract.rs`, `load.rs`); what differs between databases is a `Vendor` (`vendor.rs`): their
//! types, catalog, errors and profile keys. A driver is a library that is loaded at run time ([`driver`]); its calls block,
//! so each runs on a thread of its own, and a token cancels it.

pub mod driver;
mod duckdb;
mod extract;
mod frame;
mod generic;
mod load;
mod macros;
mod run;
mod session;
mod snowflake;
mod vendor;

pub use macros::{duckdb_macro_files, snowflake_macro_files};

use arrow::datatypes::Field;
use async_trait::async_trait;
use driver::DriverFolders;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ExtractRequest, LoadReport, LoadRequest, RelationDescription, RelationName, Session, UnsupportedType,
};
use dvt_sql::Dialect;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;
use vendor::Vendor;

/// One output of the profile whose database is reached through an ADBC driver.
pub struct AdbcAdapter {
    vendor: Arc<dyn Vendor>,
}

impl AdbcAdapter {
    /// Reads the rendered `duckdb` output; no file is touched and no driver loaded. `connection` is the output's name,
    /// relative paths start at `project_directory`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or not supported.
    pub fn duckdb(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
        drivers: &DriverFolders,
    ) -> Result<Self, AdapterError> {
        Ok(Self { vendor: Arc::new(duckdb::DuckDb::from_profile(connection, output, project_directory, drivers)?) })
    }

    /// Reads the rendered `snowflake` output; a private key's file is read, nothing is connected and no driver loaded.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or not supported.
    pub fn snowflake(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
        drivers: &DriverFolders,
    ) -> Result<Self, AdapterError> {
        let vendor = snowflake::Snowflake::from_profile(connection, output, project_directory, drivers)?;
        Ok(Self { vendor: Arc::new(vendor) })
    }

    /// Reads the rendered `adbc` output: any driver, by its name or its library. Nothing is loaded.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing or unknown.
    pub fn generic(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
        drivers: &DriverFolders,
    ) -> Result<Self, AdapterError> {
        let vendor = generic::Generic::from_profile(connection, output, project_directory, drivers)?;
        Ok(Self { vendor: Arc::new(vendor) })
    }

    /// Connects and works on a blocking thread.
    async fn with_connection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Vendor, &mut adbc_driver_manager::ManagedConnection) -> Result<T, AdapterError>
        + Send
        + 'static,
    ) -> Result<T, AdapterError> {
        let vendor = Arc::clone(&self.vendor);
        let task = tokio::task::spawn_blocking(move || {
            let mut connection = vendor.connect()?;
            work(vendor.as_ref(), &mut connection)
        });
        match task.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

#[async_trait]
impl Adapter for AdbcAdapter {
    fn connection(&self) -> &str {
        self.vendor.connection()
    }

    fn adapter_type(&self) -> &'static str {
        self.vendor.adapter_type()
    }

    fn dialect(&self) -> &'static Dialect {
        self.vendor.dialect()
    }

    fn capabilities(&self) -> &Capabilities {
        self.vendor.capabilities()
    }

    fn identity(&self) -> ConnectionIdentity {
        self.vendor.identity()
    }

    fn target_values(&self) -> Map<String, Value> {
        self.vendor.target_values()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        // A connection is a new one each time: what a macro has set on it, and its temporary tables, go with it.
        let vendor = Arc::clone(&self.vendor);
        let task = tokio::task::spawn_blocking(move || vendor.connect());
        let connection = match task.await {
            Ok(connection) => connection?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        Ok(Box::new(session::AdbcSession::new(Arc::clone(&self.vendor), connection)))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        let relations = relations.to_vec();
        self.with_connection(move |vendor, connection| vendor.describe(connection, &relations)).await
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        let sql = sql.to_owned();
        self.with_connection(move |vendor, connection| vendor.describe_query(connection, &sql)).await
    }

    async fn change_token(&self, relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
        let relations = relations.to_vec();
        self.with_connection(move |vendor, connection| vendor.change_token(connection, &relations)).await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(Arc::clone(&self.vendor), request, cancel).await
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        self.vendor.column_type(field)
    }

    async fn load(
        &self,
        request: LoadRequest,
        rows: BatchStream,
        cancel: CancellationToken,
    ) -> Result<LoadReport, AdapterError> {
        load::load(Arc::clone(&self.vendor), request, rows, cancel).await
    }

    fn display_location(&self) -> String {
        self.vendor.display_location()
    }
}
