//! Snowflake behind its ADBC driver.
//!
//! A connection is a session of the server; the driver's database handle holds what all of them share. Data definition is
//! not part of a transaction there, so a load that fails takes away what it made. What an extract delivers is read with a
//! flag beside each timestamp that says whether it is NULL: not every server marks that in the value itself.

mod catalog;
mod errors;
mod insert;
mod profile;
mod types;

use crate::driver::{DriverFolders, driver_of, load};
use crate::vendor::{Ingest, Transactions, Vendor};
use adbc_core::options::{OptionDatabase, OptionStatement, OptionValue};
use adbc_core::{Database as _, Driver as _, Optionable as _};
use adbc_driver_manager::{ManagedConnection, ManagedDatabase, ManagedStatement};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use dvt_adapter::{
    AdapterError, Capabilities, ColumnDescription, ConnectionIdentity, ErrorClass, LOGICAL_TYPE, RelationDescription,
    RelationName, UnsupportedType, strict_cast,
};
use dvt_sql::{Dialect, SNOWFLAKE};
use profile::Settings;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use types::{SnowType, delivered_native};

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: false,
    describes_queries: true,
    concurrent_writers: true,
    binary_text_by_default: true,
};

/// One `snowflake` output of the profile.
pub(crate) struct Snowflake {
    settings: Settings,
    folders: DriverFolders,
    database: Mutex<Option<ManagedDatabase>>,
}

impl Snowflake {
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

    fn open(&self) -> Result<ManagedDatabase, AdapterError> {
        let name = self.settings.connection.as_str();
        let Some(pin) = driver_of(types::ADAPTER_TYPE) else {
            return Err(AdapterError::new(ErrorClass::Configuration, name, "dvt knows no driver for Snowflake"));
        };
        let mut driver = load(name, pin, &self.folders)?;
        let options = self.settings.options.iter().map(|(key, value)| {
            let key = match key.as_str() {
                "username" => OptionDatabase::Username,
                "password" => OptionDatabase::Password,
                other => OptionDatabase::Other(other.to_owned()),
            };
            (key, OptionValue::String(value.expose().to_owned()))
        });
        driver.new_database_with_opts(options).map_err(|error| self.error(&error.message))
    }
}

impl Vendor for Snowflake {
    fn connection(&self) -> &str {
        &self.settings.connection
    }

    fn adapter_type(&self) -> &'static str {
        types::ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &SNOWFLAKE
    }

    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        ConnectionIdentity {
            adapter_type: types::ADAPTER_TYPE.to_owned(),
            host: self.settings.host.to_ascii_lowercase(),
            port: self.settings.port,
            database: self.settings.database.clone(),
            user: self.settings.user.clone(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.settings.target_values.clone()
    }

    fn display_location(&self) -> String {
        let port = self.settings.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("snowflake://{}@{}{port}/{}", self.settings.user, self.settings.host, self.settings.database)
    }

    fn connect(&self) -> Result<ManagedConnection, AdapterError> {
        let mut slot = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match slot.as_mut() {
            Some(database) => database,
            None => slot.insert(self.open()?),
        };
        let database = database.clone();
        drop(slot);
        // Logging in takes a second or more: it holds up nobody.
        database.new_connection().map_err(|error| self.error(&error.message))
    }

    fn prepare(&self, statement: &mut ManagedStatement) -> Result<(), AdapterError> {
        let Some(tag) = &self.settings.query_tag else { return Ok(()) };
        let key = OptionStatement::Other("adbc.snowflake.statement.query_tag".to_owned());
        statement.set_option(key, tag.as_str().into()).map_err(|error| self.error(&error.message))
    }

    fn error(&self, message: &str) -> AdapterError {
        errors::adapter_error(&self.settings.connection, message)
    }

    fn transactions(&self) -> Option<Transactions> {
        Some(Transactions { begin: "begin transaction", commit: "commit", rollback: "rollback" })
    }

    fn defines_outside_transactions(&self) -> bool {
        true
    }

    fn delivered(&self, field: &Field) -> Result<Field, String> {
        let (data_type, logical) = SnowType::parse(&delivered_native(field)).arrow()?;
        let given = Field::new(field.name(), data_type, true);
        Ok(match logical {
            Some(logical) => given.with_metadata([(LOGICAL_TYPE.to_owned(), logical.to_string())].into()),
            None => given,
        })
    }

    fn decode(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, String> {
        let (data_type, _) = SnowType::parse(&delivered_native(field)).arrow()?;
        // The zone of an instant is only how it is shown.
        if let (DataType::Timestamp(unit, Some(_)), DataType::Timestamp(TimeUnit::Nanosecond, Some(zone))) =
            (values.data_type(), &data_type)
            && *unit == TimeUnit::Nanosecond
        {
            let in_utc = values.to_data().into_builder().data_type(DataType::Timestamp(*unit, Some(zone.clone())));
            return in_utc.build().map(arrow::array::make_array).map_err(|error| error.to_string());
        }
        strict_cast(values, &data_type).map_err(|problem| problem.to_string())
    }

    fn guarded(&self, _sql: &str, _schema: &Schema) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// Columns that are asked for with a flag beside them.
    fn flagged(&self, schema: &Schema) -> Vec<usize> {
        let is_timestamp = |field: &Field| matches!(field.data_type(), DataType::Timestamp(..)) && field.is_nullable();
        schema.fields().iter().enumerate().filter(|(_, field)| is_timestamp(field)).map(|(index, _)| index).collect()
    }

    fn is_row_count(&self, statement: &str, schema: &SchemaRef) -> bool {
        let gives_rows = matches!(
            crate::session::first_word(statement).as_str(),
            "SELECT" | "WITH" | "SHOW" | "DESCRIBE" | "DESC" | "VALUES"
        );
        let first = schema.fields().first().map(|field| field.name().as_str());
        !gives_rows && first.is_none_or(|name| name.starts_with("number of ") || name == "status" || name == "Count")
    }

    fn row_count(&self, batch: &RecordBatch) -> Option<i64> {
        let schema = batch.schema();
        let counted = schema.fields().iter().enumerate().filter(|(_, field)| {
            matches!(
                field.name().as_str(),
                "number of rows inserted" | "number of rows updated" | "number of rows deleted"
            ) || schema.fields().len() == 1 && field.name() != "status"
        });
        let counts = counted.filter_map(|(index, _)| {
            let column = batch.column(index);
            (!column.is_empty()).then(|| catalog::number(column, 0)).flatten()
        });
        counts.reduce(|sum, count| sum + count).and_then(|sum| i64::try_from(sum).ok())
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

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        types::column_type(field)
    }

    fn ingested_as(&self, column_type: &str) -> Ingest {
        match SnowType::parse(column_type) {
            // JSON goes in as text, which is parsed there.
            SnowType::SemiStructured | SnowType::Other(_) => {
                Ingest::Cast { through: DataType::Utf8, sent: DataType::Utf8, interim_type: "VARCHAR".to_owned() }
            }
            of => Ingest::As(of.arrow().map_or(DataType::Utf8, |(data_type, _)| data_type)),
        }
    }

    fn cast_of(&self, value: &str, column_type: &str) -> String {
        match SnowType::parse(column_type) {
            SnowType::SemiStructured => format!("CAST(PARSE_JSON({value}) AS {column_type})"),
            _ => format!("CAST({value} AS {column_type})"),
        }
    }

    fn has_no_cast(&self, value: &str, column_type: &str) -> String {
        match SnowType::parse(column_type) {
            // The JSON value null is a value: NULL means that the text is no JSON.
            SnowType::SemiStructured => format!("{value} IS NOT NULL AND TRY_PARSE_JSON({value}) IS NULL"),
            _ => format!("{value} IS NOT NULL AND TRY_CAST({value} AS {column_type}) IS NULL"),
        }
    }

    fn inserts(&self, table: &str, types: &[String], batch: &RecordBatch) -> Option<Result<Vec<String>, String>> {
        self.settings.inserts.then(|| insert::statements(table, types, batch))
    }

    fn sql_name(&self, relation: &RelationName) -> String {
        let (database, schema) = self.place(relation);
        SNOWFLAKE
            .quote_path(database.as_deref().into_iter().chain(schema.as_deref()).chain([relation.identifier.as_str()]))
    }

    fn place(&self, relation: &RelationName) -> (Option<String>, Option<String>) {
        let folded = |text: &str| text.to_uppercase();
        let database = relation.database.clone().unwrap_or_else(|| folded(&self.settings.database));
        let schema = relation.schema.clone().unwrap_or_else(|| folded(&self.settings.schema));
        (Some(database), Some(schema))
    }
}
