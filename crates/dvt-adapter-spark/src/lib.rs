//! The client of Spark Connect servers: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! [`SparkAdapter`] is one `spark` output of the profile: a server that listens somewhere, or one that dvt starts for the run. Each
//! of its sessions is one of Spark's; each statement is atomic as far as the table's format makes it so, and there are no
//! transactions. What reaches the server, and how rows come back whole, is `dvt-spark`'s.

mod catalog;
mod errors;
mod extract;
mod link;
mod load;
mod macros;
mod profile;
mod results;
mod session;
mod types;

pub use macros::macro_files;

use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ExtractRequest, Hold, LoadReport, LoadRequest, RelationDescription, RelationName, Session, UnsupportedType,
};
use dvt_sql::{Dialect, SPARK};
use link::Link;
use profile::{ADAPTER_TYPE, Place, Settings};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: false,
    describes_queries: true,
    concurrent_writers: true,
    binary_text_by_default: true,
};

/// Where Spark and Java are on this machine, for outputs whose server dvt starts.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Folders that hold distributions by version.
    pub distributions: Vec<PathBuf>,
    /// The distribution where the output names none.
    pub home: Option<PathBuf>,
    pub java_home: Option<PathBuf>,
}

/// One `spark` output of the profile.
pub struct SparkAdapter {
    link: Link,
}

impl SparkAdapter {
    /// Reads the rendered output; nothing is connected. `connection` is the output's name, `folder` the project's.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or not supported.
    pub fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        folder: &Path,
        places: &Places,
    ) -> Result<Self, AdapterError> {
        Ok(Self { link: Link::new(Settings::from_profile(connection, output, folder, places)?) })
    }

    /// The address without what is secret in it, or where a server of dvt's own keeps its tables.
    fn address(&self) -> String {
        match &self.link.settings.place {
            Place::Elsewhere { .. } => {
                let host = self.link.settings.target_values.get("host").and_then(Value::as_str);
                host.unwrap_or_default().to_owned()
            }
            Place::Connect(settings) => match &settings.remote {
                Some(remote) => remote.trim_start_matches("sc://").split('/').next().unwrap_or_default().to_owned(),
                None => {
                    let warehouse = settings.config.iter().find(|(key, _)| key == "spark.sql.warehouse.dir");
                    warehouse.map(|(_, folder)| folder.clone()).unwrap_or_default()
                }
            },
        }
    }
}

#[async_trait]
impl Adapter for SparkAdapter {
    fn connection(&self) -> &str {
        &self.link.settings.connection
    }

    fn adapter_type(&self) -> &'static str {
        ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &SPARK
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    /// The schema is no part of it: every statement of a server sees all of them.
    fn identity(&self) -> ConnectionIdentity {
        ConnectionIdentity {
            adapter_type: ADAPTER_TYPE.to_owned(),
            host: self.address(),
            port: None,
            database: String::new(),
            user: String::new(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.link.settings.target_values.clone()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        Ok(Box::new(session::SparkSession::new(self.link.clone(), self.link.own_session().await?)))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        catalog::describe(&self.link, relations).await
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        let session = self.link.session().await?;
        catalog::describe_query(&self.link, &session, sql).await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        extract::extract(&self.link, request, cancel).await
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
        load::load(&self.link, request, rows, cancel).await
    }

    /// Among the runs of this machine only: the engine has no lock that runs elsewhere would wait for.
    async fn hold(&self, relation: &RelationName, cancel: CancellationToken) -> Result<Option<Hold>, AdapterError> {
        let place = Path::new("/spark").join(self.address().trim_start_matches('/'));
        Ok(Hold::on_this_machine(&place, relation, &cancel).await)
    }

    fn display_location(&self) -> String {
        format!("spark://{}/{}", self.address(), self.link.settings.schema)
    }
}
