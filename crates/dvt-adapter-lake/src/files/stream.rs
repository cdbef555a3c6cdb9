//! Files that are read from beginning to end, as a table for DataFusion.

use crate::errors::Errors;
use crate::layout::FileTable;
use crate::names::Name;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;
use dvt_adapter::AdapterError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a file and hands its batches on; false says that nobody wants more.
pub(super) type Read =
    fn(&Errors, &Name, &Path, &SchemaRef, usize, &mut dyn FnMut(RecordBatch) -> bool) -> Result<(), AdapterError>;

pub(super) fn provider(
    errors: &Errors,
    name: &Name,
    table: &FileTable,
    schema: SchemaRef,
    read: Read,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    let files = table.files().map_err(|error| errors.io("listing", name, error))?;
    let partitions = files
        .into_iter()
        .map(|path| {
            let (errors, name, schema) = (errors.clone(), name.clone(), Arc::clone(&schema));
            Arc::new(FilePartition { errors, name, path, schema, read }) as Arc<dyn PartitionStream>
        })
        .collect();
    let table = StreamingTable::try_new(schema, partitions).map_err(|error| errors.query(error))?;
    Ok(Arc::new(table))
}

struct FilePartition {
    errors: Errors,
    name: Name,
    path: PathBuf,
    schema: SchemaRef,
    read: Read,
}

impl std::fmt::Debug for FilePartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FilePartition({})", self.path.display())
    }
}

impl PartitionStream for FilePartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), 2);
        let sender = builder.tx();
        let (errors, name, path, schema, read) =
            (self.errors.clone(), self.name.clone(), self.path.clone(), Arc::clone(&self.schema), self.read);
        let rows = context.session_config().batch_size();
        builder.spawn_blocking(move || {
            let mut hand_on = |batch| sender.blocking_send(Ok(batch)).is_ok();
            read(&errors, &name, &path, &schema, rows, &mut hand_on)
                .map_err(|error| DataFusionError::External(Box::new(error)))
        });
        builder.build()
    }
}
