//! Tables of plain files: how each format is read and written.

mod columns;
mod csv_reader;
mod csv_writer;
mod json_reader;
mod json_writer;
mod parquet_files;
mod stream;

use crate::errors::Errors;
use crate::layout::FileTable;
use crate::names::Name;
use crate::profile::Format;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use dvt_adapter::{AdapterError, Statistics, UnsupportedType};
use std::path::Path;
use std::sync::Arc;

pub(crate) use columns::cast_strictly;

/// The table for DataFusion.
pub(crate) async fn open(
    errors: &Errors,
    state: &SessionState,
    name: &Name,
    table: &FileTable,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    match table.format {
        Format::Parquet | Format::Delta => parquet_files::open(errors, state, name, table).await,
        Format::Csv => stream::open(errors, name, table, csv_reader::schema, csv_reader::read).await,
        Format::Json => stream::open(errors, name, table, json_reader::schema, json_reader::read).await,
    }
}

/// What is known of the table without reading its rows.
pub(crate) fn statistics(table: &FileTable) -> Statistics {
    let Ok(files) = table.files() else { return Statistics::default() };
    let bytes = files.iter().map(|file| table.facts(file).map(|facts| facts.bytes)).sum::<Result<u64, _>>();
    let is_counted = table.format == Format::Parquet && !table.is_in_bucket();
    let rows = if is_counted { parquet_files::rows(&files) } else { None };
    Statistics { rows, bytes: bytes.ok(), ..Statistics::default() }
}

/// Writes one data file, batch by batch.
pub(crate) trait FileWriter: Send {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), AdapterError>;

    /// Closes the file and says how many bytes it has.
    fn finish(self: Box<Self>) -> Result<u64, AdapterError>;
}

/// Begins a data file in a table's folder, and writes down the columns where the format does not keep them itself.
///
/// # Errors
/// Class `UnsupportedType` with the column that the format cannot keep.
pub(crate) fn writer(
    errors: &Errors,
    name: &Name,
    format: Format,
    folder: &Path,
    schema: &SchemaRef,
) -> Result<Box<dyn FileWriter>, AdapterError> {
    let file = format!("part-{}.{}", uuid::Uuid::new_v4().simple(), format.extensions()[0]);
    let path = folder.join(file);
    match format {
        Format::Parquet | Format::Delta => parquet_files::writer(errors, name, &path, schema),
        Format::Csv => {
            csv_writer::check(errors, name, schema)?;
            columns::write(errors, name, folder, schema)?;
            csv_writer::writer(errors, name, &path, schema)
        }
        Format::Json => {
            json_writer::check(errors, name, schema)?;
            columns::write(errors, name, folder, schema)?;
            json_writer::writer(errors, name, &path, schema)
        }
    }
}

/// A column that a file format cannot keep, as an adapter error.
fn unsupported(errors: &Errors, name: &Name, error: UnsupportedType) -> AdapterError {
    errors
        .of(dvt_adapter::ErrorClass::UnsupportedType, error.to_string())
        .with_relation(name.relation())
        .with_column(error.column)
        .with_hint("use `format: delta` or `format: parquet`, which keep every type")
}
