//! A table version as DataFusion reads it: its live Parquet files, decoded to the Arrow schema.

mod decode_expression;

use crate::data_files::join;
use crate::encoding::TableColumns;
use crate::log;
use crate::table::DeltaTable;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DataFusionError, Result, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use decode_expression::DecodeExpression;
use std::sync::Arc;

pub(crate) fn provider(table: &DeltaTable) -> Arc<dyn TableProvider> {
    let schema = if table.state.foreign { without_views(&table.schema()) } else { table.schema() };
    Arc::new(DeltaProvider { table: table.clone(), schema })
}

/// One version of a table. Filters are not taken here: DataFusion hands them to the Parquet scan itself, which skips row
/// groups by their statistics, and filters again above it.
#[derive(Debug)]
struct DeltaProvider {
    table: DeltaTable,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for DeltaProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(rows) = self.table.rows() {
            statistics.num_rows = Precision::Exact(usize::try_from(rows).ok()?);
        }
        statistics.total_byte_size = Precision::Inexact(usize::try_from(self.table.bytes()).ok()?);
        Some(statistics)
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.table.state.foreign {
            return self.scan_foreign(session, projection, limit).await;
        }
        self.scan_files(session, projection, limit)
    }
}

impl DeltaProvider {
    fn scan_files(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = &self.table.state;
        let columns = &state.columns;
        let location = self.table.location();
        if !location.is_local() {
            let url = location.object_store_url();
            session.runtime_env().register_object_store(url.as_ref(), Arc::clone(location.objects()));
        }
        let files: Vec<PartitionedFile> = state
            .files
            .iter()
            .map(|file| {
                let mut part = PartitionedFile::new("", file.bytes);
                part.object_meta.location = join(&location.path, &file.path);
                if state.ours {
                    part = part.with_arrow_schema(Arc::clone(&columns.stored));
                }
                match file.rows.and_then(|rows| usize::try_from(rows).ok()) {
                    Some(rows) => part.with_statistics(Arc::new(Statistics {
                        num_rows: Precision::Exact(rows),
                        total_byte_size: Precision::Inexact(usize::try_from(file.bytes).unwrap_or(usize::MAX)),
                        column_statistics: vec![ColumnStatistics::new_unknown(); columns.stored.fields().len()],
                    })),
                    None => part,
                }
            })
            .collect();
        // Statistics are exact for all rows; with a filter the scan itself weakens them.
        let statistics = self.statistics().map(|statistics| Statistics {
            column_statistics: vec![ColumnStatistics::new_unknown(); columns.stored.fields().len()],
            ..statistics
        });
        let mut options = session.default_table_options().parquet;
        options.global.pushdown_filters = session.config_options().execution.parquet.pushdown_filters;
        let source = ParquetSource::new(Arc::clone(&columns.stored)).with_table_parquet_options(options);
        let mut config = FileScanConfigBuilder::new(location.object_store_url(), Arc::new(source))
            .with_file_groups(file_groups(files, session.config().target_partitions()))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit);
        if let Some(statistics) = statistics {
            config = config.with_statistics(statistics);
        }
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config.build());
        decoded(scan, columns, projection)
    }

    async fn scan_foreign(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let failed = |error: deltalake::DeltaTableError| DataFusionError::External(Box::new(error));
        let log = log::log_store(self.table.location()).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut table = deltalake::DeltaTable::new(log);
        table.load_version(self.table.version()).await.map_err(failed)?;
        table.update_datafusion_session(session).map_err(failed)?;
        let inner = table.table_provider().build().await?;
        let scan = inner.scan(session, projection, &[], limit).await?;
        let delivered = scan.schema();
        let mut expressions: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::new();
        for (index, field) in delivered.fields().iter().enumerate() {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
            let declared = self.schema.field_with_name(field.name())?;
            let expression = if field.data_type() == declared.data_type() {
                column
            } else {
                Arc::new(DecodeExpression::new(column, Arc::new(declared.clone())))
            };
            expressions.push((expression, field.name().clone()));
        }
        Ok(Arc::new(ProjectionExec::try_new(expressions, scan)?))
    }
}

/// Spreads files over partitions; DataFusion splits large ones further by their row groups.
fn file_groups(files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let count = partitions.max(1).min(files.len().max(1));
    let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new(); count];
    for (index, file) in files.into_iter().enumerate() {
        groups[index % count].push(file);
    }
    groups.into_iter().map(FileGroup::new).collect()
}

/// Puts the decoding above the scan, unless every column is stored as it is.
fn decoded(
    scan: Arc<dyn ExecutionPlan>,
    columns: &TableColumns,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let all: Vec<usize>;
    let projection = match projection {
        Some(projection) => projection,
        None => {
            all = (0..columns.arrow.fields().len()).collect();
            &all
        }
    };
    if projection.iter().all(|index| columns.is_plain(*index)) {
        return Ok(scan);
    }
    let expressions: Vec<(Arc<dyn PhysicalExpr>, String)> = projection
        .iter()
        .enumerate()
        .map(|(position, index)| {
            let field = &columns.arrow.fields()[*index];
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(columns.stored.field(*index).name(), position));
            let expression = if columns.is_plain(*index) {
                column
            } else {
                Arc::new(DecodeExpression::new(column, Arc::clone(field)))
            };
            (expression, field.name().clone())
        })
        .collect();
    Ok(Arc::new(ProjectionExec::try_new(expressions, scan)?))
}

/// deltalake reads text as views; ours is plain text, at any depth.
fn without_views(schema: &Schema) -> SchemaRef {
    fn plain(data_type: &DataType) -> DataType {
        let child = |field: &Field| Arc::new(field.clone().with_data_type(plain(field.data_type())));
        match data_type {
            DataType::Utf8View => DataType::Utf8,
            DataType::BinaryView => DataType::Binary,
            DataType::List(item) => DataType::List(child(item)),
            DataType::Map(entries, sorted) => DataType::Map(child(entries), *sorted),
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| child(field)).collect()),
            DataType::Dictionary(_, values) => plain(values),
            other => other.clone(),
        }
    }
    let fields: Vec<Field> =
        schema.fields().iter().map(|field| field.as_ref().clone().with_data_type(plain(field.data_type()))).collect();
    Arc::new(Schema::new(fields))
}
