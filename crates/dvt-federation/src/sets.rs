//! `EXCEPT ALL` takes away as many equal rows as the other side has, `INTERSECT ALL` keeps as many; the engine takes or keeps
//! all of them. Here equal rows are numbered on both sides, and the number is compared like a column.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, Join, JoinConstraint, LogicalPlan, LogicalPlanBuilder, Projection, col,
};
use std::sync::Arc;

/// The names of the numbers; neither leaves its set operation.
const COPY: &str = "dvt_copy";
const OTHER_COPY: &str = "dvt_other_copy";

/// Gives every counted set operation of a plan as bound its own numbers.
pub(crate) fn count_equal_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    let counted = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if is_counted_set(&join) => numbered(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(counted.data)
}

/// The planner writes a set operation, and nothing else, as a join for which NULL equals NULL; without ALL its left side is
/// made distinct first, and then there is nothing to count.
fn is_counted_set(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(_))
}

fn numbered(join: Join) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = join.left.schema().iter().map(|field| Expr::Column(Column::from(field))).collect();
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let left = with_number(&join.left, left_keys, COPY)?;
    let right = with_number(&join.right, right_keys, OTHER_COPY)?;
    let mut on = join.on;
    on.push((col(COPY), col(OTHER_COPY)));
    let joined = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        None,
        join.join_type,
        JoinConstraint::On,
        NullEquality::NullEqualsNull,
        false,
    )?;
    Projection::try_new(columns, Arc::new(LogicalPlan::Join(joined))).map(LogicalPlan::Projection)
}

/// The rows with a column that numbers those that are equal.
fn with_number(rows: &Arc<LogicalPlan>, keys: Vec<Expr>, name: &str) -> Result<LogicalPlan> {
    let number = row_number().partition_by(keys).build()?.alias(name);
    LogicalPlanBuilder::from(rows.as_ref().clone()).window(vec![number])?.build()
}
