//! Any database behind an ADBC driver: `type: adbc`, with the driver's name or library and its own options.
//!
//! Nothing is known of the engine but what its driver says: values arrive as the driver's Arrow types, no condition is sent
//! along, there are no transactions, and a load takes away what it made when it fails.

use crate::driver::{DriverFolders, driver_named, load, load_library};
use crate::run::query;
use crate::vendor::{Ingest, Transactions, Vendor};
use adbc_core::options::{OptionDatabase, OptionValue};
use adbc_core::{Connection as _, Database as _, Driver as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedDatabase};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use dvt_adapter::{
    AdapterError, Capabilities, ColumnDescription, ConnectionIdentity, ErrorClass, RelationDescription, RelationKind,
    RelationName, Statistics, TextComparison, UnsupportedType, with_types,
};
use dvt_diagnostics::{Secret, did_you_mean};
use dvt_sql::{Dialect, GENERIC};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub(crate) const ADAPTER_TYPE: &str = "adbc";

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: false,
    describes_queries: true,
    concurrent_writers: true,
    binary_text_by_default: false,
};

const KNOWN_KEYS: [&str; 10] =
    ["type", "driver", "entrypoint", "options", "uri", "username", "password", "database", "schema", "threads"];

/// One `adbc` output of the profile.
pub(crate) struct Generic {
    connection: String,
    driver: String,
    library: Option<PathBuf>,
    entry_point: Option<String>,
    options: Vec<(OptionDatabase, Secret)>,
    catalog: Option<String>,
    schema: String,
    target_values: Map<String, Value>,
    folders: DriverFolders,
    database: Mutex<Option<ManagedDatabase>>,
}

impl Generic {
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
        folders: &DriverFolders,
    ) -> Result<Self, AdapterError> {
        let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        if let Some(unknown) = output.keys().find(|key| !KNOWN_KEYS.contains(&key.as_str())) {
            let error = refuse(format!("profile key `{unknown}` is not known for type adbc"));
            return Err(match did_you_mean(unknown, KNOWN_KEYS) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint("what the driver itself understands goes into `options`"),
            });
        }
        let text = |key: &str| match output.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(refuse(format!("profile key `{key}` has to be text"))),
        };
        let driver = text("driver")?.ok_or_else(|| refuse("profile key `driver` is missing".to_owned()))?;
        let library = driver.contains('/').then(|| project_directory.join(&driver));
        if library.is_none() && driver_named(&driver).is_none() {
            let known: Vec<&str> = crate::driver::DRIVERS.iter().map(|pin| pin.name).collect();
            let error = refuse(format!("dvt knows no driver called `{driver}`"));
            return Err(error.with_hint(format!(
                "its drivers are {}; for another, give the path of its library",
                known.join(", ")
            )));
        }
        let mut options = Vec::new();
        for (key, option) in [
            ("uri", OptionDatabase::Uri),
            ("username", OptionDatabase::Username),
            ("password", OptionDatabase::Password),
        ] {
            if let Some(value) = text(key)? {
                options.push((option, Secret::new(value)));
            }
        }
        match output.get("options") {
            None | Some(Value::Null) => {}
            Some(Value::Object(more)) => {
                for (key, value) in more {
                    let value = match value {
                        Value::String(text) => text.clone(),
                        Value::Bool(_) | Value::Number(_) => value.to_string(),
                        _ => return Err(refuse(format!("`options.{key}` has to be text, a number or true/false"))),
                    };
                    options.push((OptionDatabase::Other(key.clone()), Secret::new(value)));
                }
            }
            Some(_) => return Err(refuse("profile key `options` has to be a map".to_owned())),
        }
        let schema = text("schema")?.ok_or_else(|| refuse("profile key `schema` is missing".to_owned()))?;
        let catalog = text("database")?;
        let mut target_values = output.clone();
        target_values.retain(|key, _| !matches!(key.as_str(), "options" | "uri" | "password"));
        target_values.insert("type".to_owned(), ADAPTER_TYPE.into());
        target_values.entry("threads").or_insert_with(|| 1.into());
        target_values.entry("database").or_insert(Value::Null);
        Ok(Self {
            connection: connection.to_owned(),
            driver,
            library,
            entry_point: text("entrypoint")?,
            options,
            catalog,
            schema,
            target_values,
            folders: folders.clone(),
            database: Mutex::new(None),
        })
    }

    fn open(&self) -> Result<ManagedDatabase, AdapterError> {
        let mut driver = match (&self.library, driver_named(&self.driver)) {
            (Some(library), _) => load_library(&self.connection, library, self.entry_point.as_deref())?,
            (None, Some(pin)) => load(&self.connection, pin, &self.folders)?,
            (None, None) => {
                let message = format!("dvt knows no driver called `{}`", self.driver);
                return Err(AdapterError::new(ErrorClass::Configuration, self.connection.as_str(), message));
            }
        };
        let options =
            self.options.iter().map(|(key, value)| (key.clone(), OptionValue::String(value.expose().to_owned())));
        driver.new_database_with_opts(options).map_err(|error| self.error(&error.message))
    }

    fn column(&self, field: &Field) -> ColumnDescription {
        let native = field.data_type().to_string();
        ColumnDescription {
            name: field.name().clone(),
            field: self
                .delivered(field)
                .map(|given| with_types(given.with_nullable(field.is_nullable()), ADAPTER_TYPE, &native, None)),
            native_type: native,
            comparison: TextComparison::Loose { collation: "a collation that the driver does not tell".to_owned() },
        }
    }
}

impl Vendor for Generic {
    fn connection(&self) -> &str {
        &self.connection
    }

    fn adapter_type(&self) -> &'static str {
        ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &GENERIC
    }

    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    /// Two outputs are never taken for one place: what the options mean is the driver's alone.
    fn identity(&self) -> ConnectionIdentity {
        ConnectionIdentity {
            adapter_type: ADAPTER_TYPE.to_owned(),
            host: format!("{} of {}", self.driver, self.connection),
            port: None,
            database: self.catalog.clone().unwrap_or_default(),
            user: String::new(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.target_values.clone()
    }

    fn display_location(&self) -> String {
        format!("adbc:{}", self.driver)
    }

    fn connect(&self) -> Result<ManagedConnection, AdapterError> {
        let mut slot = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match slot.as_mut() {
            Some(database) => database,
            None => slot.insert(self.open()?),
        };
        let database = database.clone();
        drop(slot);
        database.new_connection().map_err(|error| self.error(&error.message))
    }

    fn error(&self, message: &str) -> AdapterError {
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let lower = line.to_ascii_lowercase();
        let has = |part: &str| lower.contains(part);
        let class = if has("connection refused") || has("could not translate host") || has("unavailable") {
            ErrorClass::Unreachable
        } else if has("authentication") || has("unauthenticated") || has("password") {
            ErrorClass::Authentication
        } else if has("cancel") {
            ErrorClass::Cancelled
        } else if has("does not exist") || has("not found") {
            ErrorClass::MissingRelation
        } else if has("syntax error") {
            ErrorClass::Syntax
        } else {
            ErrorClass::Other
        };
        AdapterError::new(class, self.connection.as_str(), line)
    }

    fn transactions(&self) -> Option<Transactions> {
        None
    }

    fn delivered(&self, field: &Field) -> Result<Field, String> {
        match field.data_type() {
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::Struct(_)
            | DataType::Map(..)
            | DataType::Union(..) => {
                Err(format!("its type {} is not read over a driver of this kind; cast it there", field.data_type()))
            }
            data_type => Ok(Field::new(field.name(), data_type.clone(), true)),
        }
    }

    fn decode(&self, values: &ArrayRef, _field: &Field) -> Result<ArrayRef, String> {
        Ok(std::sync::Arc::clone(values))
    }

    fn guarded(&self, _sql: &str, _schema: &Schema) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn is_row_count(&self, _statement: &str, schema: &SchemaRef) -> bool {
        schema.fields().is_empty()
    }

    fn row_count(&self, batch: &RecordBatch) -> Option<i64> {
        let column = batch.columns().first()?;
        let counts = arrow::compute::cast(column, &DataType::Int64).ok()?;
        let counts = arrow::array::AsArray::as_primitive_opt::<arrow::datatypes::Int64Type>(&counts)?.clone();
        counts.iter().flatten().next()
    }

    fn describe(
        &self,
        connection: &mut ManagedConnection,
        relations: &[RelationName],
    ) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        let describe = |relation: &RelationName| {
            let (catalog, schema) = self.place(relation);
            match connection.get_table_schema(catalog.as_deref(), schema.as_deref(), &relation.identifier) {
                Ok(found) => Some(RelationDescription {
                    name: relation.clone(),
                    kind: RelationKind::Table,
                    columns: found.fields().iter().map(|field| self.column(field)).collect(),
                    statistics: Statistics::default(),
                }),
                Err(error) => {
                    tracing::debug!(connection = self.connection, relation = %relation, error = error.message, "not described");
                    None
                }
            }
        };
        Ok(relations.iter().map(describe).collect())
    }

    fn describe_query(
        &self,
        connection: &mut ManagedConnection,
        sql: &str,
    ) -> Result<Vec<ColumnDescription>, AdapterError> {
        let sql = sql.trim().trim_end_matches(';');
        let failed = |error: adbc_core::error::Error| self.error(&error.message);
        let mut statement = connection.new_statement().map_err(failed)?;
        statement.set_sql_query(sql).map_err(failed)?;
        let schema = match statement.execute_schema() {
            Ok(schema) => schema,
            // Not every driver compiles a query without running it.
            Err(_) => {
                let none = format!("SELECT * FROM ({sql}) AS q WHERE 1 = 0");
                query(self, connection, &none)?.reader.schema().as_ref().clone()
            }
        };
        Ok(schema.fields().iter().map(|field| self.column(field)).collect())
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        standard_type(field.data_type()).ok_or_else(|| UnsupportedType {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            adapter_type: ADAPTER_TYPE.to_owned(),
            reason: "the SQL standard has no such type".to_owned(),
        })
    }

    fn ingested_as(&self, column_type: &str) -> Ingest {
        let upper = column_type.to_ascii_uppercase();
        Ingest::As(match upper.split('(').next().unwrap_or_default().trim() {
            "BOOLEAN" => DataType::Boolean,
            "SMALLINT" => DataType::Int16,
            "INTEGER" => DataType::Int32,
            "BIGINT" => DataType::Int64,
            "REAL" => DataType::Float32,
            "DOUBLE PRECISION" => DataType::Float64,
            "DATE" => DataType::Date32,
            "TIME" => DataType::Time64(TimeUnit::Microsecond),
            "TIMESTAMP" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "TIMESTAMP WITH TIME ZONE" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "DECIMAL" => {
                let numbers: Vec<u8> =
                    upper.split(['(', ',', ')']).skip(1).filter_map(|number| number.trim().parse().ok()).collect();
                let scale = numbers.get(1).and_then(|scale| i8::try_from(*scale).ok()).unwrap_or(0);
                DataType::Decimal128(numbers.first().copied().unwrap_or(38).clamp(1, 38), scale)
            }
            _ => DataType::Utf8,
        })
    }

    fn has_no_cast(&self, _value: &str, _column_type: &str) -> String {
        "1 = 0".to_owned()
    }

    fn sql_name(&self, relation: &RelationName) -> String {
        let (catalog, schema) = self.place(relation);
        GENERIC
            .quote_path(catalog.as_deref().into_iter().chain(schema.as_deref()).chain([relation.identifier.as_str()]))
    }

    fn place(&self, relation: &RelationName) -> (Option<String>, Option<String>) {
        let catalog = relation.database.clone().or_else(|| self.catalog.clone());
        (catalog, Some(relation.schema.clone().unwrap_or_else(|| self.schema.clone())))
    }
}

/// The standard's type that holds an Arrow type's values exactly.
fn standard_type(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "SMALLINT".to_owned(),
        DataType::Int32 | DataType::UInt16 | DataType::Null => "INTEGER".to_owned(),
        DataType::Int64 | DataType::UInt32 => "BIGINT".to_owned(),
        DataType::UInt64 => "DECIMAL(20,0)".to_owned(),
        DataType::Float16 | DataType::Float32 => "REAL".to_owned(),
        DataType::Float64 => "DOUBLE PRECISION".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Time64(TimeUnit::Microsecond) | DataType::Time32(_) => "TIME".to_owned(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => return None,
        DataType::Timestamp(_, None) => "TIMESTAMP".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)
            if *precision <= 38 && *scale >= 0 =>
        {
            format!("DECIMAL({precision},{scale})")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mistakes_are_named_and_secrets_stay() {
        let read = |output: Value| {
            let Value::Object(output) = output else { panic!("not a map") };
            Generic::from_profile("any", &output, Path::new("/"), &DriverFolders::default())
        };
        let problem = |output: Value| read(output).err().map(|error| error.message).unwrap_or_default();
        assert_eq!(problem(json!({"type": "adbc", "schema": "s"})), "profile key `driver` is missing");
        assert!(problem(json!({"driver": "postgress", "schema": "s"})).contains("no driver called `postgress`"));
        assert!(problem(json!({"driver": "postgresql", "schema": "s", "host": "h"})).contains("`host` is not known"));
        assert!(problem(json!({"driver": "postgresql"})).contains("`schema` is missing"));
        let fine = read(json!({"driver": "postgresql", "schema": "s", "uri": "postgres://u:hunter2@h/d"}));
        let values = Value::Object(fine.unwrap_or_else(|error| panic!("{error}")).target_values());
        assert!(!values.to_string().contains("hunter2"), "{values}");
    }

    #[test]
    fn the_types_that_are_written_are_those_that_go_in() {
        let Value::Object(output) = json!({"driver": "postgresql", "schema": "s"}) else { panic!("not a map") };
        let generic = Generic::from_profile("any", &output, Path::new("/"), &DriverFolders::default());
        let generic = generic.unwrap_or_else(|error| panic!("{error}"));
        for data_type in [
            DataType::Boolean,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::Float64,
            DataType::Utf8,
            DataType::Date32,
            DataType::Decimal128(12, 3),
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ] {
            let text = generic.column_type(&Field::new("c", data_type.clone(), true)).unwrap();
            assert_eq!(generic.ingested_as(&text), Ingest::As(data_type), "{text}");
        }
    }
}
