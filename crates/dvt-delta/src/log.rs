//! The Delta log: what a commit says, and the state of a table at a version.

use crate::data_files::join;
use crate::encoding::{TableColumns, schema_from_text, schema_to_text};
use crate::table::DataFile;
use crate::{DeltaError, DeltaErrorKind, TableLocation};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake::DeltaTableError;
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};
use deltalake::kernel::transaction::{CommitBuilder, CommitData, TransactionError};
use deltalake::kernel::{Action, Add, EagerSnapshot, MetadataExt, Protocol, Remove, StructType, new_metadata};
use deltalake::logstore::{CommitOrBytes, LogStoreRef};
use deltalake::protocol::{DeltaOperation, SaveMode};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// Table configuration key: the Arrow schema that the columns come back as.
const ARROW_SCHEMA: &str = "dvt.arrowSchema";
/// Table configuration key: what the table's maker wrote beside it.
const NOTE: &str = "dvt.note";

/// A table at one version.
#[derive(Clone, Debug)]
pub(crate) struct TableState {
    /// Given once, when the table is made: a table of the same name that is made later has another.
    pub(crate) id: String,
    pub(crate) note: Option<String>,
    pub(crate) version: u64,
    pub(crate) columns: TableColumns,
    pub(crate) files: Arc<[DataFile]>,
    /// Needs a reader that knows more of Delta than plain files: partitions, deletion vectors, column mapping.
    pub(crate) foreign: bool,
    /// The stored columns are exactly ours, so a file's own schema need not be asked.
    pub(crate) ours: bool,
    /// Milliseconds since 1970 of the newest file, or of the table's creation.
    pub(crate) modified_ms: i64,
}

/// Commits version 0. Nobody has seen the table before it returns.
pub(crate) async fn commit_create(
    location: &TableLocation,
    columns: &TableColumns,
    note: Option<&str>,
    files: &[DataFile],
) -> Result<TableState, DeltaError> {
    let log = location.log_store()?;
    let (schema, text) = delta_schema(location, columns)?;
    let configuration = [(ARROW_SCHEMA, text)].into_iter().chain(note.map(|note| (NOTE, note.to_owned())));
    let metadata = new_metadata(&schema, Vec::<String>::new(), configuration)
        .map_err(|error| location.failed("creating", error))?;
    let id = metadata.id().to_owned();
    let protocol = protocol(columns).map_err(|error| location.failed("creating", error))?;
    let mut actions = vec![Action::Protocol(protocol.clone()), Action::Metadata(metadata.clone())];
    actions.extend(files.iter().map(|file| Action::Add(add(file))));
    let operation = DeltaOperation::Create {
        mode: SaveMode::ErrorIfExists,
        location: log.config().location().clone(),
        protocol,
        metadata,
    };
    let bytes = CommitData::new(actions, operation, HashMap::new(), Vec::new())
        .get_bytes()
        .map_err(|error| location.failed("creating", error))?;
    match log.write_commit_entry(0, CommitOrBytes::LogBytes(bytes), uuid::Uuid::new_v4()).await {
        Ok(()) => Ok(TableState {
            id,
            note: note.map(str::to_owned),
            version: 0,
            columns: columns.clone(),
            files: files.into(),
            foreign: false,
            ours: true,
            modified_ms: chrono::Utc::now().timestamp_millis(),
        }),
        Err(TransactionError::VersionAlreadyExists(_)) => {
            Err(DeltaError::new(DeltaErrorKind::Exists, format!("creating `{location}`"), "there is a table already"))
        }
        Err(error) => Err(location.failed("creating", error)),
    }
}

/// What a commit on an existing table does.
pub(crate) enum Change<'a> {
    /// Adds the files; other appends may happen beside it.
    Append,
    /// Replaces all rows and the columns. Refused if anybody committed since `TableState::version`.
    Overwrite { columns: &'a TableColumns },
}

pub(crate) async fn commit_change(
    location: &TableLocation,
    state: &TableState,
    change: Change<'_>,
    files: &[DataFile],
) -> Result<TableState, DeltaError> {
    match change {
        Change::Append => {
            // An append depends on no row, so it is tried again on top of whatever another writer has done meanwhile.
            let mut attempt = 1;
            loop {
                match append(location, state, files).await {
                    Err(error) if error.kind == DeltaErrorKind::Conflict && attempt < APPEND_ATTEMPTS => attempt += 1,
                    result => return result,
                }
            }
        }
        Change::Overwrite { columns } => overwrite(location, state, columns, files).await,
    }
}

/// Adds the files as the version right after `state`'s, or not at all: what was read for this version alone must never be
/// added behind what another writer has added meanwhile.
pub(crate) async fn commit_next(
    location: &TableLocation,
    state: &TableState,
    files: &[DataFile],
) -> Result<TableState, DeltaError> {
    let log = location.log_store()?;
    let actions = files.iter().map(|file| Action::Add(add(file))).collect();
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
    let bytes = CommitData::new(actions, operation, HashMap::new(), Vec::new())
        .get_bytes()
        .map_err(|error| location.failed("appending to", error))?;
    let version = state.version + 1;
    match log.write_commit_entry(version, CommitOrBytes::LogBytes(bytes), uuid::Uuid::new_v4()).await {
        Ok(()) => Ok(TableState {
            version,
            files: state.files.iter().chain(files).cloned().collect(),
            modified_ms: chrono::Utc::now().timestamp_millis(),
            ..state.clone()
        }),
        Err(TransactionError::VersionAlreadyExists(_)) => Err(DeltaError::new(
            DeltaErrorKind::Conflict,
            format!("appending to `{location}`"),
            "another writer has changed the table meanwhile",
        )),
        Err(error) => Err(location.failed("appending to", error)),
    }
}

/// Appends in a row that another writer may come before.
const APPEND_ATTEMPTS: u32 = 30;

async fn append(location: &TableLocation, state: &TableState, files: &[DataFile]) -> Result<TableState, DeltaError> {
    let failed = |error: DeltaTableError| delta_error(location, "appending to", error);
    let log = location.log_store()?;
    let snapshot = EagerSnapshot::try_new(log.as_ref(), None).await.map_err(failed)?;
    if read_state(location, &snapshot)?.columns != state.columns {
        let message = "another writer has changed the columns meanwhile";
        return Err(DeltaError::new(DeltaErrorKind::Other, format!("appending to `{location}`"), message));
    }
    let actions = files.iter().map(|file| Action::Add(add(file))).collect();
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
    let commit = CommitBuilder::default().with_actions(actions).with_max_retries(0);
    let committed = commit.build(Some(&snapshot), log, operation).await.map_err(failed)?;
    read_state(location, committed.snapshot.snapshot())
}

async fn overwrite(
    location: &TableLocation,
    state: &TableState,
    columns: &TableColumns,
    files: &[DataFile],
) -> Result<TableState, DeltaError> {
    let failed = |error: DeltaTableError| delta_error(location, "replacing", error);
    let log = location.log_store()?;
    let snapshot = EagerSnapshot::try_new(log.as_ref(), Some(state.version)).await.map_err(failed)?;
    let mut actions: Vec<Action> = files.iter().map(|file| Action::Add(add(file))).collect();
    if *columns != state.columns || !state.ours {
        let (schema, configuration) = delta_schema(location, columns)?;
        let metadata = snapshot
            .metadata()
            .clone()
            .with_schema(&schema)
            .and_then(|metadata| metadata.add_config_key(ARROW_SCHEMA.to_owned(), configuration))
            .map_err(|error| location.failed("replacing", error))?;
        let needed = protocol(columns).map_err(|error| location.failed("replacing", error))?;
        if needs_upgrade(snapshot.protocol(), &needed) {
            actions.push(Action::Protocol(needed));
        }
        actions.push(Action::Metadata(metadata));
    }
    let now = chrono::Utc::now().timestamp_millis();
    actions.extend(
        snapshot
            .log_data()
            .iter()
            .map(|file| Action::Remove(Remove { deletion_timestamp: Some(now), ..file.remove_action(true) })),
    );
    let operation = DeltaOperation::Write { mode: SaveMode::Overwrite, partition_by: None, predicate: None };
    let commit = CommitBuilder::default().with_actions(actions).with_max_retries(0);
    let committed = commit.build(Some(&snapshot), log, operation).await.map_err(failed)?;
    read_state(location, committed.snapshot.snapshot())
}

/// The table's state, at its latest version or at the given one.
pub(crate) async fn open(location: &TableLocation, version: Option<u64>) -> Result<TableState, DeltaError> {
    let log = location.log_store()?;
    if !has_log(location).await? {
        return Err(DeltaError::new(
            DeltaErrorKind::Missing,
            format!("opening `{location}`"),
            "there is no Delta table",
        ));
    }
    let snapshot =
        EagerSnapshot::try_new(log.as_ref(), version).await.map_err(|error| delta_error(location, "opening", error))?;
    read_state(location, &snapshot)
}

pub(crate) async fn has_log(location: &TableLocation) -> Result<bool, DeltaError> {
    use futures::TryStreamExt;
    let log = location.log_path();
    let first = join(&log, &Path::from("00000000000000000000.json"));
    match location.objects().head(&first).await {
        Ok(_) => return Ok(true),
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(location.failed("opening", error)),
    }
    // The first commit is gone when an old log was cleaned; any commit or checkpoint tells a table.
    let mut listed = location.objects().list(Some(&log));
    loop {
        match listed.try_next().await {
            Ok(Some(object)) => {
                let name = object.location.filename().unwrap_or_default();
                if name.ends_with(".json") || name.ends_with(".parquet") {
                    return Ok(true);
                }
            }
            Ok(None) | Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(location.failed("opening", error)),
        }
    }
}

fn read_state(location: &TableLocation, snapshot: &EagerSnapshot) -> Result<TableState, DeltaError> {
    let delta: Schema =
        snapshot.schema().as_ref().try_into_arrow().map_err(|error| location.failed("reading the schema of", error))?;
    let ours = snapshot
        .metadata()
        .configuration()
        .get(ARROW_SCHEMA)
        .and_then(|text| schema_from_text(text))
        .and_then(|schema| TableColumns::new(&schema).ok())
        // Another writer may have changed the columns and left our note as it was.
        .filter(|columns| same_columns(&columns.delta_schema(), &delta));
    let configuration = snapshot.metadata().configuration();
    let mapped = configuration.get("delta.columnMapping.mode").is_some_and(|mode| mode != "none");
    let mut foreign = mapped || !snapshot.metadata().partition_columns().is_empty();
    let mut modified_ms = snapshot.metadata().created_time().unwrap_or_default();
    let mut files = Vec::new();
    for file in snapshot.log_data().iter() {
        let path = file.path().into_owned();
        foreign |= file.deletion_vector_descriptor().is_some() || path.contains(':') || path.starts_with('/');
        modified_ms = modified_ms.max(file.modification_time());
        let rows = file.num_records().map(|rows| rows as u64);
        let rows = if file.deletion_vector_descriptor().is_some() { None } else { rows };
        files.push(DataFile { path: file.object_store_path(), bytes: u64::try_from(file.size()).unwrap_or(0), rows });
    }
    let is_ours = ours.is_some();
    let columns = match ours {
        Some(columns) => columns,
        None => foreign_columns(&delta),
    };
    let note = configuration.get(NOTE).cloned();
    let id = snapshot.metadata().id().to_owned();
    let version = snapshot.version();
    Ok(TableState { id, note, version, columns, files: files.into(), foreign, ours: is_ours, modified_ms })
}

/// The columns of a table that another writer made: they come as they are stored.
fn foreign_columns(delta: &Schema) -> TableColumns {
    let fields: Vec<Field> =
        delta.fields().iter().map(|field| field.as_ref().clone().with_metadata([].into())).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    TableColumns { arrow: Arc::clone(&schema), stored: schema }
}

fn same_columns(left: &Schema, right: &Schema) -> bool {
    left.fields().len() == right.fields().len()
        && left
            .fields()
            .iter()
            .zip(right.fields())
            .all(|(left, right)| left.name() == right.name() && left.data_type().equals_datatype(right.data_type()))
}

fn delta_schema(location: &TableLocation, columns: &TableColumns) -> Result<(StructType, String), DeltaError> {
    let schema = columns.delta_schema();
    let delta: StructType = (&schema).try_into_kernel().map_err(|error| location.failed("laying out", error))?;
    let text = schema_to_text(&columns.arrow).map_err(|error| location.failed("laying out", error))?;
    Ok((delta, text))
}

/// The oldest protocol that has every type in use, so that as many engines as can be read the table.
fn protocol(columns: &TableColumns) -> Result<Protocol, serde_json::Error> {
    let protocol = if columns.stored.fields().iter().any(|field| has_local_timestamp(field.data_type())) {
        json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timestampNtz"], "writerFeatures": ["timestampNtz"]})
    } else {
        json!({"minReaderVersion": 1, "minWriterVersion": 2})
    };
    serde_json::from_value(protocol)
}

fn needs_upgrade(current: &Protocol, needed: &Protocol) -> bool {
    needed.min_reader_version() > current.min_reader_version()
        || needed.reader_features().is_some_and(|needed| {
            needed.iter().any(|feature| current.reader_features().is_none_or(|has| !has.contains(feature)))
        })
}

fn has_local_timestamp(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, None) => true,
        DataType::List(item) | DataType::Map(item, _) => has_local_timestamp(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_local_timestamp(field.data_type())),
        _ => false,
    }
}

fn add(file: &DataFile) -> Add {
    Add {
        path: file.path.to_string(),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: chrono::Utc::now().timestamp_millis(),
        data_change: true,
        stats: file.rows.map(|rows| json!({ "numRecords": rows }).to_string()),
        ..Add::default()
    }
}

pub(crate) fn log_store(location: &TableLocation) -> Result<LogStoreRef, DeltaError> {
    location.log_store()
}

pub(crate) fn delta_error(location: &TableLocation, doing: &str, error: DeltaTableError) -> DeltaError {
    let kind = match &error {
        DeltaTableError::NotATable(_) | DeltaTableError::InvalidVersion(_) => DeltaErrorKind::Missing,
        DeltaTableError::Transaction {
            source:
                TransactionError::CommitConflict(_)
                | TransactionError::MaxCommitAttempts(_)
                | TransactionError::VersionAlreadyExists(_),
        } => DeltaErrorKind::Conflict,
        _ => DeltaErrorKind::Other,
    };
    let message = match kind {
        DeltaErrorKind::Conflict => "another writer has changed the table meanwhile".to_owned(),
        _ => error.to_string(),
    };
    DeltaError { kind, message, ..DeltaError::other(format!("{doing} `{location}`"), error) }
}
