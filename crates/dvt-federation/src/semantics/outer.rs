//! What a subquery sees of the rows around it: their columns may have other types once those rows have their meaning.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::sync::Arc;

/// The plan with the types that the columns outside of it have now.
pub(super) fn see_outer_types(plan: LogicalPlan, outer: &DFSchema) -> Result<LogicalPlan> {
    let seen = plan.transform_down_with_subqueries(|node| {
        let node = match node {
            LogicalPlan::Subquery(subquery) => LogicalPlan::Subquery(listed(subquery, outer)?),
            other => other,
        };
        node.map_expressions(|expr| in_expression(expr, outer))
    });
    seen.map(|seen| seen.data)
}

/// The subquery with the same types in its list of outer columns.
pub(super) fn listed(mut subquery: Subquery, outer: &DFSchema) -> Result<Subquery> {
    let columns = std::mem::take(&mut subquery.outer_ref_columns).into_iter();
    subquery.outer_ref_columns =
        columns.map(|column| Ok(in_expression(column, outer)?.data)).collect::<Result<Vec<_>>>()?;
    Ok(subquery)
}

fn in_expression(expr: Expr, outer: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        let Expr::OuterReferenceColumn(field, column) = expr else { return Ok(Transformed::no(expr)) };
        match outer.field_from_column(&column) {
            Ok(now) if now.data_type() != field.data_type() => {
                Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(now), column)))
            }
            _ => Ok(Transformed::no(Expr::OuterReferenceColumn(field, column))),
        }
    })
}
