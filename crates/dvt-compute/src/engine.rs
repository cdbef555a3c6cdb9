//! The embedded engine: DataFusion with a memory limit and a place to spill.

use crate::input::{StreamScan, StreamTable};
use crate::waiting::without_endless_waits;
use crate::{ComputeError, ExtractInput, ResultStream};
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{LogicalPlan, TableScanBuilder};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::SessionConfig;
use dvt_federation::{Extract, ExtractScan, FederatedPlan};
use std::any::Any;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

/// A `type: datafusion` entry of `computes.yml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputeSettings {
    /// Bytes that all queries of a run may hold together.
    pub memory_limit: u64,
    /// Threads one query uses, at least 1.
    pub threads: usize,
    /// Where operators spill to; the system's temporary directory when absent.
    pub spill_dir: Option<PathBuf>,
    /// Rows in a batch.
    pub batch_size: usize,
    /// The large side of a join waits for the keys of a much smaller one; tests compare with what comes without.
    pub reduces: bool,
}

impl Default for ComputeSettings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { memory_limit: 2 << 30, threads, spill_dir: None, batch_size: 8192, reduces: true }
    }
}

/// How equal keys are brought together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinStrategy {
    /// One side in memory; fast, and an error when it does not fit.
    #[default]
    Hash,
    /// Both sides sorted, spilling to disk.
    SortMerge,
}

/// The least memory that sorting one partition needs.
const BYTES_PER_SORTED_PARTITION: u64 = 64 << 20;

/// How many keys are sent to the other side of a join at most.
const MAX_KEYS: usize = 200_000;

/// How much smaller a side must be for the other to wait for its keys.
const SMALLER_BY: usize = 4;

/// One per run: its memory limit is shared by all queries that run at once.
pub struct Engine {
    settings: ComputeSettings,
    runtime: Arc<RuntimeEnv>,
}

impl Engine {
    /// # Errors
    /// [`ComputeError::Engine`] when the spill directory cannot be made.
    pub fn new(settings: ComputeSettings) -> Result<Self, ComputeError> {
        let mut disk = DiskManagerBuilder::default();
        if let Some(directory) = &settings.spill_dir {
            std::fs::create_dir_all(directory).map_err(|error| ComputeError::Engine {
                message: format!("the spill directory {} cannot be made: {error}", directory.display()),
            })?;
            disk = disk.with_mode(DiskManagerMode::Directories(vec![directory.clone()]));
        }
        let limit = usize::try_from(settings.memory_limit).unwrap_or(usize::MAX);
        let consumers_named = NonZeroUsize::MIN.saturating_add(2);
        let pool = TrackConsumersPool::new(FairSpillPool::new(limit), consumers_named);
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).with_disk_manager_builder(disk).build_arc()?;
        Ok(Self { settings, runtime })
    }

    #[must_use]
    pub fn settings(&self) -> &ComputeSettings {
        &self.settings
    }

    /// Runs the plan; `inputs` are in the order of `plan.extracts`. The rows come as they are computed; dropping the
    /// stream stops all of it, the queries at the connections included.
    ///
    /// # Errors
    /// [`ComputeError`] when the plan cannot be run at all; failures of inputs and values come with the stream.
    pub async fn execute(
        &self,
        plan: &FederatedPlan,
        inputs: Vec<ExtractInput>,
        joins: JoinStrategy,
    ) -> Result<ResultStream, ComputeError> {
        let logical = attach(plan, inputs, self.settings.reduces)?;
        self.run(&logical, Arc::clone(&plan.output_schema), joins).await
    }

    /// Runs a plan whose scans have their tables.
    pub(crate) async fn run(
        &self,
        logical: &LogicalPlan,
        output_schema: SchemaRef,
        joins: JoinStrategy,
    ) -> Result<ResultStream, ComputeError> {
        let mut config = SessionConfig::new()
            .with_batch_size(self.settings.batch_size)
            .with_target_partitions(self.partitions(joins));
        let options = config.options_mut();
        // Fields carry the types of their databases as metadata; the engine keeps it in one place and drops it in another.
        options.execution.skip_physical_aggregate_schema_check = true;
        options.optimizer.prefer_hash_join = joins == JoinStrategy::Hash;
        options.execution.parquet.pushdown_filters = true;
        // These filters are final only when the query is: a scan that waits for its keys would wait for ever.
        options.optimizer.enable_topk_dynamic_filter_pushdown = false;
        options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        options.optimizer.hash_join_inlist_pushdown_max_distinct_values = MAX_KEYS;
        options.optimizer.hash_join_inlist_pushdown_max_size = MAX_KEYS * 64;
        if joins == JoinStrategy::SortMerge {
            let reservation = (self.settings.memory_limit / 64).clamp(1 << 20, 10 << 20);
            options.execution.sort_spill_reservation_bytes = usize::try_from(reservation).unwrap_or(1 << 20);
        }
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_default_features()
            .with_physical_optimizer_rules(dvt_delta::physical_rules())
            .build();
        let physical = state.query_planner().create_physical_plan(logical, &state).await?;
        let physical = without_endless_waits(physical)?;
        if self.settings.reduces {
            choose_reductions(&physical)?;
        }
        tracing::debug!(plan = %displayable(physical.as_ref()).indent(false), "physical plan");
        let rows = execute_stream(physical, Arc::new(TaskContext::from(&state)))?;
        Ok(ResultStream::new(output_schema, rows))
    }

    /// Sorting reserves memory per partition, so a small limit gets fewer of them.
    fn partitions(&self, joins: JoinStrategy) -> usize {
        match joins {
            JoinStrategy::Hash => self.settings.threads.max(1),
            JoinStrategy::SortMerge => {
                let affordable = self.settings.memory_limit / BYTES_PER_SORTED_PARTITION / 2;
                // With one partition the planner knows hash joins only.
                self.settings.threads.min(usize::try_from(affordable).unwrap_or(usize::MAX)).max(2)
            }
        }
    }
}

/// Lets a scan wait for the keys of a join's other side where that side is expected to be much smaller. Waiting costs the
/// time in which both could have been read at once, so it must be likely to save more.
fn choose_reductions(plan: &Arc<dyn ExecutionPlan>) -> Result<(), ComputeError> {
    plan.apply(|node| {
        if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            let Some(build) = estimated_rows(join.left())? else { return Ok(TreeNodeRecursion::Continue) };
            join.right().apply(|node| {
                if let Some(scan) = node.downcast_ref::<StreamScan>()
                    && scan.expected_rows().is_some_and(|rows| build.saturating_mul(SMALLER_BY) <= rows)
                {
                    scan.wait_for_keys();
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn estimated_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<usize>, DataFusionError> {
    let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::default())?;
    Ok(statistics.num_rows.get_value().copied())
}

/// Rows and bytes that an extract is expected to give.
#[must_use]
pub fn estimate(extract: &Extract) -> (Option<u64>, Option<u64>) {
    (extract.statistics.rows, extract.statistics.bytes)
}

/// The plan with each extract's rows in the place of its scan.
fn attach(plan: &FederatedPlan, inputs: Vec<ExtractInput>, reduces: bool) -> Result<LogicalPlan, ComputeError> {
    let sources: Vec<_> = plan
        .extracts
        .iter()
        .zip(inputs)
        .map(|(extract, input)| {
            Ok(provider_as_source(match input {
                ExtractInput::Table(table) => table,
                ExtractInput::Staged(table) => table.table_provider(),
                ExtractInput::Stream(open) => Arc::new(StreamTable::new(extract, open, reduces)),
                ExtractInput::Jdbc(_) => {
                    return Err(ComputeError::Engine { message: "only Spark has executors that read".to_owned() });
                }
            }))
        })
        .collect::<Result<_, _>>()?;
    if sources.len() != plan.extracts.len() {
        return Err(ComputeError::Engine { message: "not every extract has an input".to_owned() });
    }
    let attached = plan.logical_plan.clone().transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
        let Some(extract) = (scan.source.as_ref() as &dyn Any).downcast_ref::<ExtractScan>() else {
            return Ok(Transformed::no(node));
        };
        let Some(source) = sources.get(extract.index) else {
            return Err(DataFusionError::Internal("a scan reads an unknown extract".to_owned()));
        };
        let scan = TableScanBuilder::new(scan.table_name.clone(), Arc::clone(source))
            .with_projection(scan.projection.clone())
            .build()?;
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(attached.data)
}
