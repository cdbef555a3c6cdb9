//! DuckDB behind its ADBC driver.

mod catalog;
mod database;
mod decode;
mod errors;
mod profile;
mod secrets;
mod state;
mod types;

use crate::driver::DriverFolders;
use crate::vendor::{Ingest, Transactions, Vendor};
use adbc_driver_manager::ManagedConnection;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use decode::{decode, delivered_type};
use dvt_adapter::{
    AdapterError, Capabilities, ColumnDescription, ConnectionIdentity, LOGICAL_TYPE, RelationDescription, RelationName,
    UnsupportedType,
};
use dvt_sql::{DUCKDB, Dialect};
use profile::Settings;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Mutex;
use types::DuckType;

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: true,
    describes_queries: true,
    // Of one process; each session has its own snapshot.
    concurrent_writers: true,
    binary_text_by_default: true,
};

/// One `duckdb` output of the profile.
pub(crate) struct DuckDb {
    pub(crate) settings: Settings,
    folders: DriverFolders,
    /// The open database, shared with all others of this process that lead to the same file.
    database: Mutex<Option<std::sync::Arc<database::Database>>>,
}

impl DuckDb {
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
        folders: &DriverFolders,
    ) -> Result<Self, AdapterError> {
        Ok(Self {
            settings: Settings::from_profile(connection, output, project_directory)?,
            folders: folders.clone(),
            database: Mutex::new(None),
        })
    }
}

impl Vendor for DuckDb {
    fn connection(&self) -> &str {
        &self.settings.connection
    }

    fn adapter_type(&self) -> &'static str {
        types::ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &DUCKDB
    }

    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        ConnectionIdentity {
            adapter_type: types::ADAPTER_TYPE.to_owned(),
            host: match &self.settings.file {
                Some(file) => database::resolved(file).display().to_string(),
                None => format!(":memory: of {}", self.settings.connection),
            },
            port: None,
            database: self.settings.database.clone(),
            user: String::new(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.settings.target_values.clone()
    }

    fn display_location(&self) -> String {
        match &self.settings.file {
            Some(file) => format!("duckdb://{}", file.display()),
            None => "duckdb::memory:".to_owned(),
        }
    }

    fn connect(&self) -> Result<ManagedConnection, AdapterError> {
        database::connect(&self.settings, &self.folders, &self.database)
    }

    fn error(&self, message: &str) -> AdapterError {
        errors::adapter_error(&self.settings.connection, message)
    }

    fn transactions(&self) -> Option<Transactions> {
        (!self.settings.disable_transactions).then_some(Transactions {
            begin: "BEGIN TRANSACTION",
            commit: "COMMIT",
            rollback: "ROLLBACK",
        })
    }

    fn delivered(&self, field: &Field) -> Result<Field, String> {
        let (data_type, logical) = delivered_type(field).arrow()?;
        let given = Field::new(field.name(), data_type, true);
        Ok(match logical {
            Some(logical) => given.with_metadata([(LOGICAL_TYPE.to_owned(), logical.to_string())].into()),
            None => given,
        })
    }

    fn decode(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, String> {
        decode(values, &delivered_type(field))
    }

    /// The driver counts the time of an interval in nanoseconds, without looking whether they fit 64 bits.
    fn guarded(&self, sql: &str, schema: &Schema) -> Result<Option<String>, String> {
        /// Hours that are sure to fit.
        const LONGEST: u32 = 2_562_047;
        let types: Vec<DuckType> = schema.fields().iter().map(|field| delivered_type(field)).collect();
        if let Some(index) = types.iter().position(|of| of.interval() == (true, false)) {
            let name = schema.field(index).name();
            return Err(format!("column `{name}` holds intervals inside of other values; take them out of it there"));
        }
        if !types.contains(&DuckType::Interval) {
            return Ok(None);
        }
        let values = types.iter().enumerate().map(|(index, of)| match of {
            DuckType::Interval => format!(
                "CASE WHEN abs(date_part('hour', c{index})) >= {LONGEST} THEN CAST(error('the interval ' || c{index} || \
                 ' is longer than 292 years of hours') AS INTERVAL) ELSE c{index} END AS c{index}"
            ),
            _ => format!("c{index}"),
        });
        let names = (0..types.len()).map(|index| format!("c{index}")).collect::<Vec<_>>().join(", ");
        let values = values.collect::<Vec<_>>().join(", ");
        Ok(Some(format!("SELECT {values} FROM (\n{sql}\n) AS q ({names})")))
    }

    fn is_row_count(&self, statement: &str, schema: &SchemaRef) -> bool {
        let [field] = schema.fields().as_ref() else { return schema.fields().is_empty() };
        let gives_rows = matches!(
            crate::session::first_word(statement).as_str(),
            "SELECT"
                | "FROM"
                | "VALUES"
                | "TABLE"
                | "SHOW"
                | "DESCRIBE"
                | "SUMMARIZE"
                | "EXPLAIN"
                | "PIVOT"
                | "UNPIVOT"
        );
        let is_named = match field.name().as_str() {
            "Count" => *field.data_type() == DataType::Int64,
            // What statements without rows answer, always empty.
            "Success" => delivered_type(field) == DuckType::Boolean,
            _ => false,
        };
        let words = statement.to_ascii_lowercase();
        // What follows the CTEs says which kind of statement it is.
        let changes = !words.trim_start().starts_with("with")
            || ["insert into", "update ", "delete from", "merge into"].iter().any(|verb| words.contains(verb));
        is_named && !gives_rows && changes && !words.contains("returning")
    }

    fn describe(
        &self,
        connection: &mut ManagedConnection,
        relations: &[RelationName],
    ) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        catalog::describe(self, connection, relations)
    }

    fn describe_query(
        &self,
        connection: &mut ManagedConnection,
        sql: &str,
    ) -> Result<Vec<ColumnDescription>, AdapterError> {
        catalog::describe_query(self, connection, sql)
    }

    fn change_token(
        &self,
        connection: &mut ManagedConnection,
        relations: &[RelationName],
    ) -> Result<Option<String>, AdapterError> {
        state::token(self, connection, relations)
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        types::column_type(field)
    }

    fn ingested_as(&self, column_type: &str) -> Ingest {
        let of = DuckType::parse(column_type);
        match of.ingested_as() {
            Some(data_type) => Ingest::As(data_type),
            None => {
                let (sent, interim_type) = of.interim();
                let through = of.arrow().map_or(DataType::Utf8, |(data_type, _)| data_type);
                Ingest::Cast { through, sent, interim_type }
            }
        }
    }

    fn has_no_cast(&self, value: &str, column_type: &str) -> String {
        format!("{value} IS NOT NULL AND TRY_CAST({value} AS {column_type}) IS NULL")
    }

    fn sql_name(&self, relation: &RelationName) -> String {
        let (database, schema) = self.place(relation);
        DUCKDB
            .quote_path(database.as_deref().into_iter().chain(schema.as_deref()).chain([relation.identifier.as_str()]))
    }

    fn place(&self, relation: &RelationName) -> (Option<String>, Option<String>) {
        let database = relation.database.clone().unwrap_or_else(|| self.settings.database.clone());
        let schema = relation.schema.clone().unwrap_or_else(|| self.settings.schema.clone());
        (Some(database), Some(schema))
    }
}
