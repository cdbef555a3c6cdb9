//! Filters are moved below physical operators only where names cannot mislead the engine.
//!
//! The engine's rule `FilterPushdown` finds a filter's columns below an operator by their bare names. When two columns are called
//! the same, a condition on one of them ends up on the other:
//!
//! - `a right join b … where a.id is null` filters `b.id`;
//! - below a semi join, a condition on the key of one side is moved to the other side's column of that name, be it the other key
//!   or not;
//! - below a union, it is moved to each part's column of that name, wherever that stands;
//! - below a group, to the column that is called as what is grouped by.
//!
//! Plans with such names are left as they are; the logical optimiser, which knows qualified names, has moved what can be moved
//! by then.

use crate::stated_orders::StatedOrders;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::union::UnionExec;
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

/// Whether an operator of the plan gives two columns of one name, or finds another column below by a name of its own.
fn has_equal_names(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        let schema = node.schema();
        let names: HashSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        found = names.len() < schema.fields().len() || is_misled(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_misled(node: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        return has_misleading_key(join);
    }
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        let input = aggregate.input().schema();
        return aggregate
            .group_expr()
            .expr()
            .iter()
            .any(|(expr, name)| input.column_with_name(name).is_some() && column_name(expr).as_ref() != Some(name));
    }
    node.is::<UnionExec>()
        && node.children().iter().any(|part| {
            let part = part.schema();
            node.schema()
                .fields()
                .iter()
                .enumerate()
                .any(|(at, field)| part.column_with_name(field.name()).is_some_and(|(found, _)| found != at))
        })
}

fn column_name(expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
    expr.downcast_ref::<Column>().map(|column| column.name().to_owned())
}

/// Whether a semi join's other side has a column that is called like a key of the side whose rows come out, and is not the key
/// that it is compared with.
fn has_misleading_key(join: &HashJoinExec) -> bool {
    let is_left = match join.join_type() {
        JoinType::LeftSemi => true,
        JoinType::RightSemi => false,
        _ => return false,
    };
    let other = if is_left { join.right() } else { join.left() };
    join.on().iter().any(|(left, right)| {
        let (key, compared) = if is_left { (left, right) } else { (right, left) };
        column_name(key).is_some_and(|name| {
            other.schema().column_with_name(&name).is_some() && column_name(compared).as_ref() != Some(&name)
        })
    })
}
