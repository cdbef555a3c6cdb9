//! Files that are read from beginning to end, as a table for DataFusion.

use super::columns;
use crate::errors::Errors;
use crate::layout::FileTable;
use crate::names::Name;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;
use dvt_adapter::AdapterError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The columns of a table's files.
pub(super) type Columns = fn(&Errors, &Name, &FileTable) -> Result<SchemaRef, AdapterError>;

/// Reads a file and hands its batches on; false says that nobody wants more.
pub(super) type Read = fn(
    &Errors,
    &Name,
    &FileTable,
    &Path,
    &SchemaRef,
    usize,
    &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<(), AdapterError>;

/// The table for DataFusion. Columns that the names of folders hold come behind those of the files; their types are text,
/// unless they are written down.
pub(super) async fn open(
    errors: &Errors,
    name: &Name,
    table: &FileTable,
    columns_of: Columns,
    read: Read,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    let (of, table_name, own) = (table.clone(), name.clone(), errors.clone());
    // Files are looked into for it.
    let looked = tokio::task::spawn_blocking(move || columns_of(&own, &table_name, &of)).await;
    let schema = match looked {
        Ok(schema) => schema?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let files = table.files().map_err(|error| errors.io("listing", name, error))?;
    let folders = columns::in_folders(errors, name, table, &files, &schema)?;
    let whole =
        Arc::new(Schema::new(schema.fields().iter().cloned().chain(folders.iter().cloned()).collect::<Vec<_>>()));
    let mut partitions: Vec<Arc<dyn PartitionStream>> = Vec::with_capacity(files.len());
    for path in files {
        let constants = columns::values_in_folders(errors, name, table, &path, &folders)?;
        partitions.push(Arc::new(FilePartition {
            errors: errors.clone(),
            name: name.clone(),
            table: table.clone(),
            path,
            stored: Arc::clone(&schema),
            whole: Arc::clone(&whole),
            constants,
            read,
        }));
    }
    let table = StreamingTable::try_new(whole, partitions).map_err(|error| errors.query(error))?;
    Ok(Arc::new(table))
}

struct FilePartition {
    errors: Errors,
    name: Name,
    table: FileTable,
    path: PathBuf,
    /// The columns that the file holds.
    stored: SchemaRef,
    /// And behind them those that its folders' names hold.
    whole: SchemaRef,
    /// One row of the latter.
    constants: Vec<ArrayRef>,
    read: Read,
}

impl std::fmt::Debug for FilePartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FilePartition({})", self.path.display())
    }
}

impl PartitionStream for FilePartition {
    fn schema(&self) -> &SchemaRef {
        &self.whole
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.whole), 2);
        let sender = builder.tx();
        let (errors, name, table, path, read) =
            (self.errors.clone(), self.name.clone(), self.table.clone(), self.path.clone(), self.read);
        let (schema, whole, constants) = (Arc::clone(&self.stored), Arc::clone(&self.whole), self.constants.clone());
        let rows = context.session_config().batch_size();
        builder.spawn_blocking(move || {
            let mut failed = None;
            let mut hand_on = |batch: RecordBatch| match with_constants(&whole, batch, &constants) {
                Ok(batch) => sender.blocking_send(Ok(batch)).is_ok(),
                Err(error) => {
                    failed = Some(error);
                    false
                }
            };
            read(&errors, &name, &table, &path, &schema, rows, &mut hand_on)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            failed.map_or(Ok(()), |error| Err(error.into()))
        });
        builder.build()
    }
}

fn with_constants(whole: &SchemaRef, batch: RecordBatch, constants: &[ArrayRef]) -> Result<RecordBatch, ArrowError> {
    if constants.is_empty() {
        return Ok(batch);
    }
    let same_row = UInt32Array::from_value(0, batch.num_rows());
    let mut columns = batch.columns().to_vec();
    for constant in constants {
        columns.push(take(constant.as_ref(), &same_row, None)?);
    }
    RecordBatch::try_new(Arc::clone(whole), columns)
}
