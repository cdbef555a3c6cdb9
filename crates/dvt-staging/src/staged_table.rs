//! An extract that is complete in the bucket.

use arrow::datatypes::SchemaRef;
use dvt_delta::{DeltaTable, TableProvider};
use std::sync::Arc;

/// A committed extract at one version. Reading it gives exactly the staged rows and schema, whatever happens to the table
/// later, until it is removed.
#[derive(Clone, Debug)]
pub struct StagedTable {
    /// Where the table is: `file:///…/sources/crm/public.customers/<key>-<run>`.
    pub location: String,
    pub version: u64,
    pub rows: u64,
    /// Bytes of the data files.
    pub bytes: u64,
    /// The schema of the rows, with the fields' metadata.
    pub schema: SchemaRef,
    pub(crate) table: DeltaTable,
}

impl StagedTable {
    /// The rows for DataFusion: projection, row-group pruning by filters, exact row count, parallel reading.
    #[must_use]
    pub fn table_provider(&self) -> Arc<dyn TableProvider> {
        self.table.table_provider()
    }

    /// The Parquet files of this version, as URLs of their store.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.table.file_urls()
    }

    /// The columns as the files hold them.
    #[must_use]
    pub fn stored_schema(&self) -> SchemaRef {
        self.table.stored_schema()
    }
}
