//! The engine's optimiser, without the rules that forget something.
//!
//! A join has one answer to "is NULL equal to NULL" for all its keys. The engine turns `a IS NOT DISTINCT FROM b` into a key of
//! a join for which it is, and then adds keys from `c = d`, or puts such a join in one row with others and keeps the answer
//! of one of them. Here `IS NOT DISTINCT FROM` stays a condition until all joins are settled.
//!
//! An aggregate without keys has a row also of no rows; the engine would put a condition without columns below it.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// For a plan as it was analysed.
pub(crate) fn first_pass() -> Optimizer {
    let mut optimizer = Optimizer::new();
    // It names `cast(x as date)` and `x` alike, and fails on a query that groups by both.
    optimizer.rules.retain(|rule| rule.name() != "eliminate_group_by_constant");
    for rule in &mut optimizer.rules {
        match rule.name() {
            "extract_equijoin_predicate" => *rule = Arc::new(EqualKeys(ExtractEquijoinPredicate::new())),
            "push_down_filter" => *rule = Arc::new(FilterAboveTotals(PushDownFilter::new())),
            _ => {}
        }
    }
    optimizer
}

/// For joins that have found their order: the engine would bring them back into one row, in the order of the text.
pub(crate) fn second_pass() -> Optimizer {
    let mut optimizer = first_pass();
    optimizer.rules.retain(|rule| rule.name() != "eliminate_cross_join");
    optimizer
}

/// For a plan whose joins are settled: conditions that can be keys become keys.
pub(crate) fn last_pass() -> Optimizer {
    Optimizer::with_rules(vec![Arc::new(NullSafeKeys(ExtractEquijoinPredicate::new()))])
}

/// Takes keys from `=` only.
#[derive(Debug)]
struct EqualKeys(ExtractEquijoinPredicate);

impl OptimizerRule for EqualKeys {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        if join.filter.is_none() || join.null_equality == NullEquality::NullEqualsNull {
            return Ok(Transformed::no(plan));
        }
        let rewritten = self.0.rewrite(plan.clone(), config)?;
        match &rewritten.data {
            LogicalPlan::Join(join) if join.null_equality == NullEquality::NullEqualsNull => Ok(Transformed::no(plan)),
            _ => Ok(rewritten),
        }
    }
}

/// Takes keys from `IS NOT DISTINCT FROM` where a join has no others.
#[derive(Debug)]
struct NullSafeKeys(ExtractEquijoinPredicate);

impl OptimizerRule for NullSafeKeys {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Join(join) if join.on.is_empty() => self.0.rewrite(plan, config),
            _ => Ok(Transformed::no(plan)),
        }
    }
}

/// Moves conditions down, but not below an aggregate that has a row for no rows.
#[derive(Debug)]
struct FilterAboveTotals(PushDownFilter);

/// What a condition must not pass: none of its keys is in every row.
fn is_total(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => is_total(&filter.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().all(|key| matches!(key, Expr::GroupingSet(_))),
        _ => false,
    }
}

impl OptimizerRule for FilterAboveTotals {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Filter(filter) if is_total(&filter.input) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
}
