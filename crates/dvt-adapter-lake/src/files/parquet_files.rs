//! Parquet files: their own schema is the table's.

use super::{FileWriter, columns};
use crate::errors::Errors;
use crate::layout::{FileTable, partition_value};
use crate::names::Name;
use crate::types;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Union, lit};
use dvt_adapter::{AdapterError, ErrorClass, UnsupportedType};
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Footers that are read to count rows, at most.
const FILES_COUNTED: usize = 64;
/// Files that are looked into at once.
const FOOTERS_AT_ONCE: usize = 32;

pub(super) async fn open(
    errors: &Errors,
    state: &SessionState,
    name: &Name,
    table: &FileTable,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    let broken = |message: String| errors.of(ErrorClass::Other, message).with_relation(name.relation());
    let failed = |error| errors.io("reading", name, error);
    let files = table.files().map_err(failed)?;
    let url = |path: &PathBuf| {
        let url = table.url(path, state.runtime_env()).map_err(failed)?;
        ListingTableUrl::try_new(url, None).map_err(|error| errors.query(error))
    };
    let urls = files.iter().map(url).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = urls.first() else { return Err(broken(format!("`{name}` has no files"))) };
    let format = ParquetFormat::default().with_force_view_types(false).with_skip_metadata(false);
    let options = ListingOptions::new(Arc::new(format)).with_file_extension(".parquet");
    // Columns may have been added since the first file was written; in a table of dvt's own all files have the same.
    let looked_at = if table.is_ours() { vec![first.clone()] } else { urls.clone() };
    let asked = &options;
    let schemas = futures::stream::iter(looked_at).map(|url| async move { asked.infer_schema(state, &url).await });
    let schemas: Result<Vec<SchemaRef>, _> = schemas.buffered(FOOTERS_AT_ONCE).try_collect().await;
    let schemas =
        schemas.map_err(|error| broken(format!("`{name}` cannot be read as Parquet: {}", error.strip_backtrace())))?;
    let schema = Schema::try_merge(schemas.iter().map(|schema| schema.as_ref().clone()));
    let schema = schema.map_err(|error| broken(format!("the files of `{name}` have other columns: {error}")))?;
    let schema = plain(&schema);
    let listing = |urls: Vec<ListingTableUrl>| -> Result<Arc<dyn TableProvider>, AdapterError> {
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(options.clone())
            .with_schema(Arc::clone(&schema));
        Ok(Arc::new(ListingTable::try_new(config).map_err(|error| errors.query(error))?))
    };
    let folders = columns::in_folders(errors, name, table, &files, &schema)?;
    if folders.is_empty() {
        return listing(urls);
    }
    // The files of each folder, with the values that its name holds: a condition on these leaves out whole folders.
    let mut parts: BTreeMap<Vec<Option<String>>, FolderFiles> = BTreeMap::new();
    for (file, url) in files.iter().zip(urls) {
        let key = folders.iter().map(|column| partition_value(&table.path, file, column.name())).collect();
        match parts.entry(key) {
            Entry::Occupied(mut part) => part.get_mut().1.push(url),
            Entry::Vacant(part) => {
                let values = columns::values_in_folders(errors, name, table, file, &folders)?;
                let values = values.iter().map(|value| ScalarValue::try_from_array(value, 0)).collect::<Result<_, _>>();
                part.insert((values.map_err(|error| errors.query(error))?, vec![url]));
            }
        }
    }
    let mut plans = Vec::with_capacity(parts.len());
    for (values, urls) in parts.into_values() {
        let own = schema.fields().iter().map(|field| Expr::Column(Column::from_name(field.name())));
        let constants = folders.iter().zip(values).map(|(field, value)| lit(value).alias(field.name()));
        let plan = LogicalPlanBuilder::scan(name.identifier.as_str(), provider_as_source(listing(urls)?), None)
            .and_then(|scan| scan.project(own.chain(constants).collect::<Vec<_>>()))
            .and_then(LogicalPlanBuilder::build);
        plans.push(Arc::new(plan.map_err(|error| errors.query(error))?));
    }
    let plan = match plans.as_slice() {
        [plan] => plan.as_ref().clone(),
        _ => LogicalPlan::Union(Union::try_new_with_loose_types(plans).map_err(|error| errors.query(error))?),
    };
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// The values in a folder's name, and the folder's files.
type FolderFiles = (Vec<ScalarValue>, Vec<ListingTableUrl>);

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
