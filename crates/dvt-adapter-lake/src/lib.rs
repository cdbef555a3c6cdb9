//! The lake client: connect, run SQL, stream Arrow out, load Arrow in.
//!
//! A folder or a bucket as a connection: Delta tables, Parquet, CSV and JSON files, and views, with SQL by DataFusion. Every statement
//! is atomic for readers (a Delta commit, or written aside and renamed); there are no transactions over several.
//! Where things are is said in `layout`; which types there are, in `types`.

mod changes;
mod errors;
mod files;
mod information_schema;
mod lake;
mod layout;
mod macros;
mod names;
mod now;
mod profile;
mod session;
mod statements;
mod types;
mod write;

pub use macros::macro_files;

use crate::lake::Lake;
use crate::layout::Stored;
use crate::names::Name;
use crate::profile::{Format, Place, Settings};
use crate::session::LakeSession;
use crate::types::ADAPTER_TYPE;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, Capabilities, ColumnDescription, ConnectionIdentity,
    ErrorClass, ExtractRequest, Hold, LoadReport, LoadRequest, RelationDescription, RelationKind, RelationName,
    Session, Statistics, TextComparison, UnsupportedType,
};
use dvt_sql::{Dialect, LAKE};
use futures::StreamExt;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: false,
    describes_queries: true,
    concurrent_writers: true,
    binary_text_by_default: true,
};

/// One `filesystem`, `s3`, `gcs` or `azure` output of the profile.
pub struct LakeAdapter {
    lake: Arc<Lake>,
}

impl LakeAdapter {
    /// Reads the rendered profile output; nothing is opened. Relative paths start at `project_directory`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key that is missing, unknown or of the wrong type.
    pub fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
    ) -> Result<Self, AdapterError> {
        Ok(Self { lake: Lake::new(Settings::from_profile(connection, output, project_directory)?) })
    }

    /// Reads the rendered output of a bucket (`type: s3`, `gcs` or `azure`); nothing is sent. `environment` holds the
    /// variables that the service's own tools read.
    ///
    /// # Errors
    /// As [`LakeAdapter::from_profile`].
    pub fn in_bucket(
        connection: &str,
        output: &Map<String, Value>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, AdapterError> {
        Ok(Self { lake: Lake::new(Settings::in_bucket(connection, output, environment)?) })
    }

    /// A lake over a store that is open already; `output` holds the keys that have a meaning wherever a lake is.
    ///
    /// # Errors
    /// As [`LakeAdapter::from_profile`].
    pub fn over(connection: &str, output: &Map<String, Value>, store: dvt_delta::Store) -> Result<Self, AdapterError> {
        Ok(Self { lake: Lake::new(Settings::over(connection, output, store)?) })
    }

    fn name(&self, relation: &RelationName) -> Name {
        let schema = relation.schema.clone().unwrap_or_else(|| self.lake.settings.schema.clone());
        Name { schema, identifier: relation.identifier.clone() }
    }

    async fn describe_one(&self, relation: &RelationName) -> Result<Option<RelationDescription>, AdapterError> {
        let name = self.lake.readable(&self.name(relation)).await?;
        let (kind, statistics) = match self.lake.find(&name).await? {
            None if name.schema == information_schema::SCHEMA => (RelationKind::View, Statistics::default()),
            None => return Ok(None),
            Some(Stored::View(_)) => (RelationKind::View, Statistics::default()),
            Some(Stored::Files(table)) => (RelationKind::Table, files::statistics(&table)),
            Some(Stored::Delta(delta)) => {
                let table = self.lake.open_delta(&name, &delta).await?;
                let statistics = Statistics { rows: table.rows(), bytes: Some(table.bytes()), ..Statistics::default() };
                (RelationKind::Table, statistics)
            }
        };
        let schema = match self.lake.provider(&name).await {
            Ok(provider) => provider.schema(),
            // Dropped in between.
            Err(error) if error.class == ErrorClass::MissingRelation && kind != RelationKind::View => return Ok(None),
            Err(error) if name.schema == information_schema::SCHEMA => {
                return if error.class == ErrorClass::MissingRelation { Ok(None) } else { Err(error) };
            }
            Err(error) => return Err(error),
        };
        Ok(Some(RelationDescription {
            name: relation.clone(),
            kind,
            columns: schema.fields().iter().map(|field| describe_column(field)).collect(),
            statistics,
        }))
    }

    async fn load_rows(&self, request: LoadRequest, rows: BatchStream) -> Result<LoadReport, AdapterError> {
        let errors = &self.lake.errors;
        let name = self.name(&request.relation);
        let format = match request.options.get("format") {
            None | Some(Value::Null) => self.lake.settings.format,
            Some(Value::String(format)) => format.parse::<Format>().map_err(|problem| {
                errors.of(ErrorClass::Configuration, format!("`format` of {}: {problem}", request.on_behalf_of))
            })?,
            Some(other) => {
                let message = format!("`format` of {} must be text, not {other}", request.on_behalf_of);
                return Err(errors.of(ErrorClass::Configuration, message));
            }
        };
        if request.columns.len() != request.schema.fields().len() {
            let message = format!(
                "{} columns are declared for {}, its rows have {}",
                request.columns.len(),
                request.on_behalf_of,
                request.schema.fields().len()
            );
            return Err(errors.of(ErrorClass::Other, message));
        }
        let fields = request.columns.iter().zip(request.schema.fields()).map(|(column, source)| {
            types::lake_field(&column.name, &column.column_type, column.nullable, Some(source)).map_err(|problem| {
                let message = format!("column `{}` of {}: {problem}", column.name, request.on_behalf_of);
                errors.of(ErrorClass::UnsupportedType, message).with_column(&column.name)
            })
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?));
        let sources = (0..schema.fields().len()).map(Some).collect();
        let rows = self.lake.cast_rows(&name, &schema, sources, rows);
        self.lake.create_table(&name, format, &schema, rows).await
    }
}

fn describe_column(field: &Field) -> ColumnDescription {
    let described = types::described(field);
    let native_type = described.as_ref().ok().and_then(|field| dvt_adapter::native_type(field, ADAPTER_TYPE));
    ColumnDescription {
        name: field.name().clone(),
        native_type: native_type.map_or_else(|| field.data_type().to_string(), str::to_owned),
        field: described,
        comparison: TextComparison::Binary,
    }
}

#[async_trait]
impl Adapter for LakeAdapter {
    fn connection(&self) -> &str {
        &self.lake.settings.connection
    }

    fn adapter_type(&self) -> &'static str {
        ADAPTER_TYPE
    }

    fn dialect(&self) -> &'static Dialect {
        &LAKE
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        ConnectionIdentity {
            adapter_type: ADAPTER_TYPE.into(),
            host: self.lake.settings.place.location(),
            port: None,
            database: String::new(),
            user: String::new(),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        let settings = &self.lake.settings;
        let values = json!({
            "type": settings.place.kind(),
            "path": settings.place.location(),
            "format": settings.format.to_string(),
            "schema": settings.schema,
            "database": null,
            "threads": settings.threads,
        });
        match values {
            Value::Object(values) => values,
            _ => Map::new(),
        }
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        if let Place::Folder(path) = &self.lake.settings.place
            && path.exists()
            && !path.is_dir()
        {
            let message = format!("`{}` is a file, where `path` names a folder", path.display());
            return Err(self.lake.errors.of(ErrorClass::Configuration, message));
        }
        self.lake.check_bucket().await?;
        Ok(Box::new(LakeSession::new(Arc::clone(&self.lake))))
    }

    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        let mut described = Vec::with_capacity(relations.len());
        for relation in relations {
            described.push(self.describe_one(relation).await?);
        }
        Ok(described)
    }

    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        let frame = self.lake.plan(self.lake.parse_query(sql)?).await?;
        Ok(frame
            .schema()
            .fields()
            .iter()
            .map(|field| {
                describe_column(&field.as_ref().clone().with_data_type(types::stored_arrow(field.data_type())))
            })
            .collect())
    }

    async fn change_token(&self, relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
        let names: Vec<Name> = relations.iter().map(|relation| self.name(relation)).collect();
        changes::token(&self.lake, &names).await
    }

    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        let errors = self.lake.errors.clone();
        if cancel.is_cancelled() {
            return Err(errors.cancelled());
        }
        let frame = self.lake.plan(self.lake.parse_query(&request.sql)?).await?;
        let delivered = frame.schema().fields().len();
        if delivered != request.schema.fields().len() {
            let message = format!("the query has {delivered} columns, {} are asked for", request.schema.fields().len());
            return Err(errors.of(ErrorClass::Other, message));
        }
        let rows = statements::stream(&self.lake, frame).await?;
        let query = Name { schema: self.lake.settings.schema.clone(), identifier: "the query".into() };
        let sources = (0..delivered).map(Some).collect();
        let rows = self.lake.cast_rows(&query, &request.schema, sources, rows);
        let batch_rows = request.batch_rows.max(1);
        let rows = rows.flat_map(move |batch| {
            futures::stream::iter(match batch {
                Ok(batch) => (0..batch.num_rows())
                    .step_by(batch_rows)
                    .map(|start| Ok(batch.slice(start, batch_rows.min(batch.num_rows() - start))))
                    .collect(),
                Err(error) => vec![Err(error)],
            })
        });
        // An error ends the stream; a cancel is one.
        let state = Some((rows.boxed(), cancel, errors));
        Ok(futures::stream::unfold(state, |state| async move {
            let (mut rows, cancel, errors) = state?;
            let next = tokio::select! {
                biased;
                () = cancel.cancelled() => Some(Err(errors.cancelled())),
                next = rows.next() => next,
            };
            match next? {
                Ok(batch) => Some((Ok(batch), Some((rows, cancel, errors)))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
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
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(self.lake.errors.cancelled()),
            report = self.load_rows(request, rows) => report,
        }
    }

    async fn hold(&self, relation: &RelationName, cancel: CancellationToken) -> Result<Option<Hold>, AdapterError> {
        let name = self.name(relation);
        let relation = RelationName::new(None, Some(&name.schema), &name.identifier);
        Ok(Hold::on_this_machine(&self.lake.settings.locks(), &relation, &cancel).await)
    }

    fn display_location(&self) -> String {
        match &self.lake.settings.place {
            Place::Folder(path) => format!("filesystem://{}", path.display()),
            Place::Bucket { location, .. } => location.clone(),
        }
    }
}
