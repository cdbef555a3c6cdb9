//! Values that conditions ask for: `where a.ts > (select max(ts) from {{ this }})`.
//!
//! The engine would read all of `a` and compare here, since no connection can evaluate a subquery over another one. Asked
//! first, the value is a literal, which goes to the connection of `a` like any other. A question is a subquery in a WHERE
//! that reads relations, gives one value whatever row is looked at, and draws nothing.

use crate::error::PlanError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use std::sync::Arc;

/// The questions of a bound plan, each once, in an order that depends on the plan alone.
pub(crate) fn questions_of(plan: &LogicalPlan) -> std::result::Result<Vec<Arc<LogicalPlan>>, PlanError> {
    let mut found: Vec<Arc<LogicalPlan>> = Vec::new();
    let walked = plan.apply(|node| {
        if let LogicalPlan::Filter(filter) = node {
            filter.predicate.apply(|expr| {
                if let Some(question) = question(expr)?
                    && !found.contains(question)
                {
                    found.push(Arc::clone(question));
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(|error| PlanError::Invalid { message: error.strip_backtrace(), location: None })?;
    Ok(found)
}

/// The plan with the answers in the place of its questions; `None` leaves a question to the engine.
pub(crate) fn with_answers(plan: LogicalPlan, answers: &[Option<ScalarValue>]) -> Result<LogicalPlan> {
    if answers.iter().all(Option::is_none) {
        return Ok(plan);
    }
    let questions =
        questions_of(&plan).map_err(|error| datafusion::common::DataFusionError::Plan(error.to_string()))?;
    let answered = plan.transform_up(|node| {
        let LogicalPlan::Filter(filter) = node else { return Ok(Transformed::no(node)) };
        let Filter { predicate, input, .. } = filter;
        let predicate = predicate.transform_up(|expr| {
            let Some(asked) = question(&expr)? else { return Ok(Transformed::no(expr)) };
            let place = questions.iter().position(|question| question == asked);
            let Some(Some(answer)) = place.and_then(|place| answers.get(place)) else {
                return Ok(Transformed::no(expr));
            };
            let answer = answer.cast_to(asked.schema().field(0).data_type())?;
            Ok(Transformed::yes(Expr::Literal(answer, None)))
        })?;
        Filter::try_new(predicate.data, input).map(|filter| Transformed::yes(LogicalPlan::Filter(filter)))
    })?;
    Ok(answered.data)
}

/// The subquery behind an expression, if it is a question.
fn question(expr: &Expr) -> Result<Option<&Arc<LogicalPlan>>> {
    let Expr::ScalarSubquery(subquery) = expr else { return Ok(None) };
    if !subquery.outer_ref_columns.is_empty() {
        return Ok(None);
    }
    let (mut reads, mut is_plain) = (false, true);
    subquery.subquery.apply(|node| {
        reads |= matches!(node, LogicalPlan::TableScan(_));
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let is_nested = matches!(
                    expr,
                    Expr::ScalarSubquery(_)
                        | Expr::InSubquery(_)
                        | Expr::Exists(_)
                        | Expr::SetComparison(_)
                        | Expr::OuterReferenceColumn(..)
                );
                is_plain &= !is_nested && !expr.is_volatile_node();
                Ok(if is_plain { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
            })
        })
    })?;
    Ok((reads && is_plain).then_some(&subquery.subquery))
}
