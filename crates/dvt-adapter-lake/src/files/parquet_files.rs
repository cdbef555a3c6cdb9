//! Parquet files: their own schema is the table's.

use super::{FileWriter, columns};
use crate::errors::Errors;
use crate::layout::FileTable;
use crate::names::Name;
use crate::types;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::SessionState;
use dvt_adapter::{AdapterError, ErrorClass, UnsupportedType};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Footers that are read to count rows, at most.
const FILES_COUNTED: usize = 64;

pub(super) async fn open(
    errors: &Errors,
    state: &SessionState,
    name: &Name,
    table: &FileTable,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    let broken = |message: String| errors.of(ErrorClass::Other, message).with_relation(name.relation());
    let failed = |error| errors.io("reading", name, error);
    let files = table.files().map_err(failed)?;
    let folders = table.partitions(&files);
    if !folders.is_empty() && table.is_chosen() {
        let message = format!(
            "the folders of `{name}` hold the columns {}, which a pattern of Parquet files cannot give",
            folders.join(", ")
        );
        return Err(broken(message).with_hint("name the folder, and choose by a condition on these columns"));
    }
    // A folder of somebody's is listed by the engine, which knows the values in its folders' names.
    let is_listed = !table.is_in_bucket() && !table.is_chosen() || !folders.is_empty();
    let paths = if is_listed { vec![table.path.clone()] } else { files };
    let url = |path: &PathBuf| {
        let url = table.url(path, state.runtime_env()).map_err(failed)?;
        ListingTableUrl::try_new(url, None).map_err(|error| errors.query(error))
    };
    let paths = paths.iter().map(url).collect::<Result<Vec<_>, _>>()?;
    let Some(path) = paths.first().cloned() else { return Err(broken(format!("`{name}` has no files"))) };
    let format = ParquetFormat::default().with_force_view_types(false).with_skip_metadata(false);
    let options = ListingOptions::new(Arc::new(format)).with_file_extension(".parquet");
    let columns = columns::in_folders(errors, name, table, &table.files().map_err(failed)?, &Schema::empty())?;
    let columns = columns.iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
    let options = options.with_table_partition_cols(columns);
    let schema = options
        .infer_schema(state, &path)
        .await
        .map_err(|error| broken(format!("`{name}` cannot be read as Parquet: {}", error.strip_backtrace())))?;
    let config =
        ListingTableConfig::new_with_multi_paths(paths).with_listing_options(options).with_schema(plain(&schema));
    Ok(Arc::new(ListingTable::try_new(config).map_err(|error| errors.query(error))?))
}

/// The schema with plain arrays; the scan casts what the file has otherwise.
fn plain(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_data_type(types::stored_arrow(field.data_type())))
        .collect();
    Arc::new(Schema::new(fields))
}

/// Rows by the files' footers.
pub(super) fn rows(files: &[PathBuf]) -> Option<u64> {
    if files.len() > FILES_COUNTED {
        return None;
    }
    files
        .iter()
        .map(|path| {
            let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
            u64::try_from(reader.metadata().file_metadata().num_rows()).ok()
        })
        .sum()
}

/// A column whose distinct values take more than this is written without a dictionary: looking each value up costs more
/// than it saves, and the values are looked up until the limit is reached.
const DICTIONARY_BYTES: usize = 64 << 10;

pub(super) fn writer(
    errors: &Errors,
    name: &Name,
    path: &Path,
    schema: &SchemaRef,
) -> Result<Box<dyn FileWriter>, AdapterError> {
    for field in schema.fields() {
        if matches!(field.data_type(), arrow::datatypes::DataType::Interval(_)) {
            let error = UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
                adapter_type: "filesystem (parquet)".into(),
                reason: "Parquet has no interval with nanoseconds".into(),
            };
            return Err(errors
                .of(ErrorClass::UnsupportedType, error.to_string())
                .with_relation(name.relation())
                .with_column(error.column)
                .with_hint("use `format: delta`, which keeps every type"));
        }
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_bytes(Some(32 << 20))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("dvt".to_owned())
        .build();
    let file = File::create_new(path).map_err(|error| errors.io("writing", name, error))?;
    let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties))
        .map_err(|error| errors.of(ErrorClass::Other, error.to_string()).with_relation(name.relation()))?;
    Ok(Box::new(ParquetWriter { errors: errors.clone(), name: name.clone(), writer }))
}

struct ParquetWriter {
    errors: Errors,
    name: Name,
    writer: ArrowWriter<File>,
}

impl ParquetWriter {
    fn failed(&self, error: parquet::errors::ParquetError) -> AdapterError {
        let made = self.errors.of(ErrorClass::Other, format!("writing `{}`: {error}", self.name));
        made.with_relation(self.name.relation()).with_cause(error)
    }
}

impl FileWriter for ParquetWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), AdapterError> {
        self.writer.write(batch).map_err(|error| self.failed(error))
    }

    fn finish(mut self: Box<Self>) -> Result<u64, AdapterError> {
        self.writer.finish().map_err(|error| self.failed(error))?;
        Ok(self.writer.bytes_written() as u64)
    }
}
