//! Filters are moved below physical operators only where names cannot mislead the engine.
//!
//! The engine's rule `FilterPushdown` finds a filter's columns below a projection or a join by their bare names. When two
//! columns are called the same, a condition on one of them ends up on the other: `a right join b … where a.id is null`
//! filters `b.id`. Plans with such names are left as they are; the logical optimiser, which knows qualified names, has
//! moved what can be moved by then.

use crate::stated_orders::StatedOrders;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashSet;
use std::sync::Arc;

/// The engine's physical rules: those that push filters behind a check of the names, and its last check as
/// [`StatedOrders`] has it.
#[must_use]
pub fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let guard = |rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>| -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
        match rule.name() {
            "SanityCheckPlan" => Arc::new(StatedOrders(rule)),
            name if name.starts_with("FilterPushdown") => Arc::new(ByDistinctNames(rule)),
            _ => rule,
        }
    };
    PhysicalOptimizer::new().rules.into_iter().map(guard).collect()
}

#[derive(Debug)]
struct ByDistinctNames(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for ByDistinctNames {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if has_equal_names(&plan)? { Ok(plan) } else { self.0.optimize(plan, config) }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether an operator of the plan gives two columns of one name.
fn has_equal_names(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        let schema = node.schema();
        let names: HashSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        found = names.len() < schema.fields().len();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
