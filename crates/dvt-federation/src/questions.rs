//! Values that conditions ask for: `where a.ts > (select max(ts) from {{ this }})`.
//!
//! The engine would read all of `a` and compare here, since no connection can evaluate a subquery over another one. Asked
//! first, the value is a literal, which goes to the connection of `a` like any other. A question is a subquery in a WHERE
//! that reads relations, gives one value whatever row is looked at, and draws nothing.

use crate::error::PlanError;
use crate::settled::settled_beside;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator};
use std::sync::Arc;

/// The answer to a question.
pub(crate) struct Answered {
    /// `None` leaves it to the engine.
    pub(crate) value: Option<ScalarValue>,
    /// The question is how far an incremental model has come: it reads nothing but the model itself.
    pub(crate) is_watermark: bool,
}

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
pub(crate) fn with_answers(plan: LogicalPlan, answers: &[Answered]) -> Result<LogicalPlan> {
    if answers.iter().all(|answer| answer.value.is_none()) {
        return Ok(plan);
    }
    let questions =
        questions_of(&plan).map_err(|error| datafusion::common::DataFusionError::Plan(error.to_string()))?;
    let answered = plan.transform_up(|node| {
        let LogicalPlan::Filter(filter) = node else { return Ok(Transformed::no(node)) };
        let Filter { predicate, input, .. } = filter;
        let mut conditions = Vec::new();
        for condition in split_conjunction_owned(predicate) {
            let answered = answer(condition.clone(), &questions, answers)?;
            let is_answered = answered.transformed;
            conditions.push(answered.data);
            if is_answered && let Some(bound) = watermark(&condition, &questions, answers)? {
                conditions.extend(settled_beside(&condition, &bound, &input));
            }
        }
        let Some(predicate) = conjunction(conditions) else { return Ok(Transformed::no(input.as_ref().clone())) };
        Filter::try_new(predicate, input).map(|filter| Transformed::yes(LogicalPlan::Filter(filter)))
    })?;
    Ok(answered.data)
}

/// The expression with the answers in the place of its questions.
fn answer(expr: Expr, questions: &[Arc<LogicalPlan>], answers: &[Answered]) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        let Some(asked) = question(&expr)? else { return Ok(Transformed::no(expr)) };
        let place = questions.iter().position(|question| question == asked);
        let known = place.and_then(|place| answers.get(place)?.value.as_ref());
        let Some(answer) = known else { return Ok(Transformed::no(expr)) };
        let answer = answer.cast_to(asked.schema().field(0).data_type())?;
        Ok(Transformed::yes(Expr::Literal(answer, None)))
    })
}

/// The side of a comparison that was asked for, answered; the other one has to be no question.
fn watermark(condition: &Expr, questions: &[Arc<LogicalPlan>], answers: &[Answered]) -> Result<Option<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return Ok(None) };
    let asked = match op {
        Operator::Gt | Operator::GtEq => right,
        Operator::Lt | Operator::LtEq => left,
        _ => return Ok(None),
    };
    let mut is_watermark = false;
    asked.apply(|expr| {
        if let Some(asked) = question(expr)? {
            let place = questions.iter().position(|question| question == asked);
            is_watermark |= place.and_then(|place| answers.get(place)).is_some_and(|answer| answer.is_watermark);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let bound = answer(asked.as_ref().clone(), questions, answers)?;
    Ok((is_watermark && bound.transformed && bound.data.column_refs().is_empty()).then_some(bound.data))
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
