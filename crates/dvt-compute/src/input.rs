//! An extract as a table of the engine: a stream from its connection, or a staged table.

use crate::reduction::{await_keys, fitting, is_bound_by_subquery};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use dvt_adapter::{AdapterError, BatchStream};
use dvt_federation::{Extract, KeyReduction};
use dvt_staging::StagedTable;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Opens the stream of an extract by the SQL it is given (the extract's own, or one that reads less of it): called when the
/// engine starts to read, once per scan.
pub type OpenStream =
    Arc<dyn Fn(String) -> BoxFuture<'static, std::result::Result<BatchStream, AdapterError>> + Send + Sync>;

/// Where the rows of one extract come from.
#[derive(Clone)]
pub enum ExtractInput {
    /// Read from the connection as the engine asks for it.
    Stream(OpenStream),
    /// Rows that were staged before.
    Table(Arc<dyn TableProvider>),
    /// The same, as a table that another engine can read by its files.
    Staged(Arc<StagedTable>),
    /// Read by the executors of another engine themselves.
    Jdbc(Arc<crate::JdbcExtract>),
}

/// Batches read ahead of the engine, so that a connection works while another side of a join is read.
const BATCHES_AHEAD: usize = 2;

/// A streamed extract as a table of one partition.
pub(crate) struct StreamTable {
    extract: Arc<Extract>,
    statistics: Statistics,
    open: OpenStream,
    /// Whether the plan may tell it to read less.
    is_reducible: bool,
}

impl StreamTable {
    /// The extract's statistics tell what it gives back, not what the whole relation has.
    pub(crate) fn new(extract: &Extract, open: OpenStream, reduces: bool) -> Self {
        let mut statistics = Statistics::new_unknown(&extract.schema);
        let inexact = |number: Option<u64>| {
            number.and_then(|number| usize::try_from(number).ok()).map_or(Precision::Absent, Precision::Inexact)
        };
        statistics.num_rows = inexact(extract.statistics.rows);
        statistics.total_byte_size = inexact(extract.statistics.bytes);
        let is_reducible = reduces && extract.is_reducible();
        Self { extract: Arc::new(extract.clone()), statistics, open, is_reducible }
    }
}

impl fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamTable({})", self.extract.sql)
    }
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.extract.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics.clone())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.extract.schema.project(columns)?),
            None => Arc::clone(&self.extract.schema),
        };
        Ok(Arc::new(StreamScan {
            properties: Arc::new(PlanProperties::new(
                EquivalenceProperties::new(Arc::clone(&schema)),
                Partitioning::UnknownPartitioning(1),
                EmissionType::Incremental,
                Boundedness::Bounded,
            )),
            statistics: Arc::new(self.statistics.clone().project(projection)),
            projection: projection.cloned(),
            schema,
            open: Arc::clone(&self.open),
            extract: Arc::clone(&self.extract),
            filters: Vec::new(),
            is_reducible: self.is_reducible,
            waits_for_keys: Arc::new(AtomicBool::new(false)),
        }))
    }
}

pub(crate) struct StreamScan {
    properties: Arc<PlanProperties>,
    statistics: Arc<Statistics>,
    projection: Option<Vec<usize>>,
    schema: SchemaRef,
    open: OpenStream,
    extract: Arc<Extract>,
    /// What joins above will tell about the rows they need.
    filters: Vec<Arc<dyn PhysicalExpr>>,
    is_reducible: bool,
    waits_for_keys: Arc<AtomicBool>,
}

impl StreamScan {
    /// Lets the scan wait for the other side of its joins, so that it reads only what can find a partner.
    pub(crate) fn wait_for_keys(&self) {
        self.waits_for_keys.store(true, Ordering::Relaxed);
    }

    /// Rows that come back without any keys, as far as anybody knows.
    pub(crate) fn expected_rows(&self) -> Option<usize> {
        self.statistics.num_rows.get_value().copied()
    }
}

impl fmt::Debug for StreamScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamScan({})", self.extract.sql)
    }
}

impl DisplayAs for StreamScan {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamScan: {}: {}", self.extract.connection, self.extract.sql)?;
        if self.waits_for_keys.load(Ordering::Relaxed) {
            f.write_str(", reduced by the keys of the other side")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for StreamScan {
    fn name(&self) -> &str {
        "StreamScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for filter in &self.filters {
            recursion = f(filter)?;
            if recursion == TreeNodeRecursion::Stop {
                break;
            }
        }
        Ok(recursion)
    }

    /// Keeps the filters that joins publish; none of them is evaluated here, so all stay where they are.
    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let mut filters = self.filters.clone();
        filters.extend(
            result
                .parent_filters
                .iter()
                .map(|parent| &parent.filter)
                .filter(|filter| {
                    filter.downcast_ref::<DynamicFilterPhysicalExpr>().is_some() || is_bound_by_subquery(filter)
                })
                .cloned(),
        );
        let kept = vec![PushedDown::No; result.parent_filters.len()];
        if filters.len() == self.filters.len() || !self.is_reducible {
            return Ok(FilterPushdownPropagation::with_parent_pushdown_result(kept));
        }
        let scan = Self {
            properties: Arc::clone(&self.properties),
            statistics: Arc::clone(&self.statistics),
            projection: self.projection.clone(),
            schema: Arc::clone(&self.schema),
            open: Arc::clone(&self.open),
            extract: Arc::clone(&self.extract),
            filters,
            is_reducible: self.is_reducible,
            waits_for_keys: Arc::clone(&self.waits_for_keys),
        };
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(kept).with_updated_node(Arc::new(scan)))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a stream has no inputs") }
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        _arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&self.statistics))
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a stream has one partition, not {}", partition + 1);
        }
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let (open, extract) = (Arc::clone(&self.open), Arc::clone(&self.extract));
        let waits = self.waits_for_keys.load(Ordering::Relaxed);
        let known = |filter: &&Arc<dyn PhysicalExpr>| waits || is_bound_by_subquery(filter);
        let filters: Vec<_> = self.filters.iter().filter(known).cloned().collect();
        let scan = (!filters.is_empty()).then(|| (filters, self.projection.clone()));
        let expected = self.expected_rows();
        let reader = tokio::spawn(async move {
            let sql = match scan {
                Some((filters, projection)) => {
                    let mut keys = in_extract(projection.as_deref(), await_keys(&filters).await);
                    if let Some(expected) = expected {
                        keys.iter_mut().for_each(|key| key.keys = fitting(&key.keys, expected));
                    }
                    extract.reduced_sql(&keys).unwrap_or_else(|| extract.sql.clone())
                }
                None => extract.sql.clone(),
            };
            let mut batches = match open(sql).await {
                Ok(batches) => batches,
                Err(error) => {
                    // A closed channel means that nobody reads any more: nothing is left to tell.
                    let _ = sender.send(Err(external(error))).await;
                    return;
                }
            };
            while let Some(batch) = batches.next().await {
                if sender.send(batch.map_err(external)).await.is_err() {
                    return;
                }
            }
        });
        let guard = AbortOnDrop(reader);
        let projection = self.projection.clone();
        let schema = Arc::clone(&self.schema);
        let batches = futures::stream::unfold((receiver, guard), |(mut receiver, guard)| async move {
            receiver.recv().await.map(|batch| (batch, (receiver, guard)))
        })
        .and_then(move |batch| futures::future::ready(project(&batch, projection.as_deref(), &schema)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }
}

/// The reading task ends when the engine lets go of the stream, and with it the query in the database.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The keys by the extract's columns, whatever of them the scan gives out.
fn in_extract(projection: Option<&[usize]>, mut keys: Vec<KeyReduction>) -> Vec<KeyReduction> {
    if let Some(projection) = projection {
        for key in &mut keys {
            key.column = projection.get(key.column).copied().unwrap_or(usize::MAX);
        }
    }
    keys
}

fn external(error: AdapterError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The wanted columns under the schema that the plan declared; a batch of another shape is an error.
fn project(batch: &RecordBatch, projection: Option<&[usize]>, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = match projection {
        Some(indices) => indices.iter().map(|index| Arc::clone(batch.column(*index))).collect(),
        None => batch.columns().to_vec(),
    };
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
