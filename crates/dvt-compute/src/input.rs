//! An extract as a table of the engine: a stream from its connection, or a staged table.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use dvt_adapter::{AdapterError, BatchStream};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Opens the stream of an extract: called when the engine starts to read, at most once per scan.
pub type OpenStream = Arc<dyn Fn() -> BoxFuture<'static, std::result::Result<BatchStream, AdapterError>> + Send + Sync>;

/// Where the rows of one extract come from.
#[derive(Clone)]
pub enum ExtractInput {
    /// Read from the connection as the engine asks for it.
    Stream(OpenStream),
    /// Rows that were staged before.
    Table(Arc<dyn TableProvider>),
}

/// Batches read ahead of the engine, so that a connection works while another side of a join is read.
const BATCHES_AHEAD: usize = 2;

/// A streamed extract as a table of one partition.
pub(crate) struct StreamTable {
    schema: SchemaRef,
    statistics: Statistics,
    open: OpenStream,
    label: String,
}

impl StreamTable {
    /// `estimated_rows` and `estimated_bytes` are of what the extract gives back, not of the whole relation.
    pub(crate) fn new(schema: SchemaRef, label: String, open: OpenStream, rows: Option<u64>, bytes: Option<u64>) -> Self {
        let mut statistics = Statistics::new_unknown(&schema);
        let inexact = |number: Option<u64>| {
            number.and_then(|number| usize::try_from(number).ok()).map_or(Precision::Absent, Precision::Inexact)
        };
        statistics.num_rows = inexact(rows);
        statistics.total_byte_size = inexact(bytes);
        Self { schema, statistics, open, label }
    }
}

impl fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamTable({})", self.label)
    }
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
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
            label: self.label.clone(),
        }))
    }
}

struct StreamScan {
    properties: Arc<PlanProperties>,
    statistics: Arc<Statistics>,
    projection: Option<Vec<usize>>,
    schema: SchemaRef,
    open: OpenStream,
    label: String,
}

impl fmt::Debug for StreamScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamScan({})", self.label)
    }
}

impl DisplayAs for StreamScan {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamScan: {}", self.label)
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
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a stream has no inputs") }
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], _arguments: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&self.statistics))
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a stream has one partition, not {}", partition + 1);
        }
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let open = (self.open)();
        let reader = tokio::spawn(async move {
            let mut batches = match open.await {
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
