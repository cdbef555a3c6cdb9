//! Joins that would wait for ever for what another of their partitions has read.
//!
//! A hash join that tells its probe side which keys it needs waits until each of its partitions has read its build side. A join
//! by partitions above it never asks for a partition whose own build side is empty, and then the others wait for that one. Such a
//! join keeps its keys to itself.

use datafusion::common::Result;
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use std::sync::Arc;

/// The plan with no join that waits for a partition which nobody may ask for.
pub(crate) fn without_endless_waits(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    guarded(plan, false)
}

/// `may_be_skipped`: whether what is above may ask for some partitions of the plan and not for others.
fn guarded(plan: Arc<dyn ExecutionPlan>, may_be_skipped: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let mut has_changed = false;
    let mut inputs = Vec::new();
    for (at, input) in plan.children().into_iter().enumerate() {
        let guarded = guarded(Arc::clone(input), skips(plan.as_ref(), at, may_be_skipped))?;
        has_changed |= !Arc::ptr_eq(&guarded, input);
        inputs.push(guarded);
    }
    let same_properties = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
    let plan = if has_changed { plan.replace_children(inputs, same_properties)? } else { plan };
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(plan) };
    let told = plan.dynamic_expressions_produced();
    if told.is_empty() || !may_be_skipped || join.right().output_partitioning().partition_count() < 2 {
        return Ok(plan);
    }
    // Whoever waits for the keys learns nothing.
    told.iter()
        .filter_map(|keys| keys.downcast_ref::<DynamicFilterPhysicalExpr>())
        .for_each(|keys| keys.mark_complete());
    plan.reset_state()
}

/// Whether some partitions of this input may never be asked for.
fn skips(plan: &dyn ExecutionPlan, input: usize, may_be_skipped: bool) -> bool {
    if plan.is::<RepartitionExec>() || plan.is::<CoalescePartitionsExec>() || plan.is::<SortPreservingMergeExec>() {
        // Each reads all of its input.
        return false;
    }
    if plan.is::<SortMergeJoinExec>() {
        return true;
    }
    match plan.downcast_ref::<HashJoinExec>() {
        Some(join) if input == 1 => may_be_skipped || *join.partition_mode() == PartitionMode::Partitioned,
        _ => may_be_skipped,
    }
}
