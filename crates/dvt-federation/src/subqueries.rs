//! `IN (subquery)` where the engine would forget that NULL is neither true nor false.
//!
//! The engine runs `x IN (…)` as a semi join and an uncorrelated `x NOT IN (…)` as an anti join that knows NULL, when either
//! is a condition of its own in WHERE. Inside OR, NOT or CASE, and where a NOT IN is correlated, it loses the NULLs; there
//! the condition is written with EXISTS, which has none. What stands elsewhere than in WHERE is brought there by `unnest`.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, ExprSchemable, FetchType, Filter, LogicalPlan, LogicalPlanBuilder, Operator, SkipType,
    Subquery, lit, not, when,
};
use std::sync::Arc;

/// Rewrites the conditions of a WHERE; other nodes are left alone.
pub(crate) fn keep_nulls_of_in(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Filter(filter) = node else { return Ok(node) };
    let Filter { predicate, input, .. } = filter;
    let conditions = split_conjunction_owned(predicate)
        .into_iter()
        .map(|condition| match condition {
            Expr::InSubquery(test) if test.subquery.outer_ref_columns.is_empty() => Ok(Expr::InSubquery(test)),
            other => where_true(other, &input),
        })
        .collect::<Result<Vec<_>>>()?;
    let predicate = conjunction(conditions).unwrap_or_else(|| lit(true));
    Filter::try_new(predicate, input).map(LogicalPlan::Filter)
}

/// A condition of which only "true" counts, NULL being as good as false.
fn where_true(condition: Expr, input: &LogicalPlan) -> Result<Expr> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (where_true(*left, input)?, where_true(*right, input)?);
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        Expr::InSubquery(test) => match Parts::of(&test, input)? {
            Some(parts) if test.negated => Ok(not(parts.found).and(not(parts.unknown))),
            Some(parts) => Ok(parts.found),
            None => Ok(Expr::InSubquery(test)),
        },
        other => other.transform_up(|expr| three_valued(expr, input)).map(|changed| changed.data),
    }
}

/// `x IN (…)` as true, false or NULL.
pub(crate) fn three_valued(expr: Expr, input: &LogicalPlan) -> Result<Transformed<Expr>> {
    let Expr::InSubquery(test) = expr else { return Ok(Transformed::no(expr)) };
    let Some(parts) = Parts::of(&test, input)? else { return Ok(Transformed::no(Expr::InSubquery(test))) };
    let unknown = lit(datafusion::common::ScalarValue::Boolean(None));
    let value = when(parts.found, lit(!test.negated)).when(parts.unknown, unknown).otherwise(lit(test.negated))?;
    Ok(Transformed::yes(value))
}

/// `x > ANY (…)` and `x > ALL (…)` as true, false or NULL.
pub(crate) fn compared_with_all(test: SetComparison, input: &LogicalPlan) -> Result<Expr> {
    let SetComparison { expr, subquery, op, quantifier } = test;
    let mut outer = subquery.outer_ref_columns.clone();
    let value = as_outer(*expr, input, &mut outer)?;
    let element = Expr::Column(Column::from(subquery.subquery.schema().qualified_field(0)));
    let comparison = Expr::BinaryExpr(BinaryExpr::new(Box::new(value), op, Box::new(element)));
    let unknown = exists(&subquery, Some(comparison.clone().is_null()), outer.clone())?;
    let null = lit(datafusion::common::ScalarValue::Boolean(None));
    match quantifier {
        SetQuantifier::Any => {
            let found = exists(&subquery, Some(comparison), outer)?;
            when(found, lit(true)).when(unknown, null).otherwise(lit(false))
        }
        SetQuantifier::All => {
            let failed = exists(&subquery, Some(not(comparison)), outer)?;
            when(failed, lit(false)).when(unknown, null).otherwise(lit(true))
        }
    }
}

/// The plan without what changes its rows but not whether there is one.
pub(crate) fn at_least_one(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Limit(limit)
            if matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
                && matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(1..)))) =>
        {
            at_least_one(&limit.input)
        }
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => at_least_one(&sort.input),
        LogicalPlan::Distinct(Distinct::All(input)) => at_least_one(input),
        other => other,
    }
}

/// The expression as a subquery over the rows of `input` sees it.
fn as_outer(expr: Expr, input: &LogicalPlan, outer: &mut Vec<Expr>) -> Result<Expr> {
    let seen = expr.transform_up(|expr| match expr {
        Expr::Column(column) => {
            let (_, field) = Expr::Column(column.clone()).to_field(input.schema().as_ref())?;
            let reference = Expr::OuterReferenceColumn(field, column);
            outer.push(reference.clone());
            Ok(Transformed::yes(reference))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(seen.data)
}

struct Parts {
    /// The value is among the rows.
    found: Expr,
    /// If it was not found: a row is NULL, or the value is and there are rows.
    unknown: Expr,
}

impl Parts {
    /// `None` when the value holds another subquery.
    fn of(test: &InSubquery, input: &LogicalPlan) -> Result<Option<Self>> {
        let holds_another = test.expr.exists(|expr| {
            Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)))
        })?;
        if holds_another {
            return Ok(None);
        }
        let mut outer = test.subquery.outer_ref_columns.clone();
        let value = as_outer(test.expr.as_ref().clone(), input, &mut outer)?;
        let rows = &test.subquery;
        let element = Expr::Column(Column::from(rows.subquery.schema().qualified_field(0)));
        let found = exists(rows, Some(element.clone().eq(value)), outer)?;
        let own = rows.outer_ref_columns.clone();
        let any_null = exists(rows, Some(element.is_null()), own.clone())?;
        let value_is_null = test.expr.as_ref().clone().is_null();
        let unknown = any_null.or(value_is_null.and(exists(rows, None, own)?));
        Ok(Some(Self { found, unknown }))
    }
}

/// `EXISTS (SELECT * FROM (rows) WHERE condition)`.
fn exists(rows: &Subquery, condition: Option<Expr>, outer_ref_columns: Vec<Expr>) -> Result<Expr> {
    let plan = rows.subquery.as_ref().clone();
    let plan = match condition {
        Some(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build()?,
        None => plan,
    };
    let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: rows.spans.clone() };
    Ok(Expr::Exists(Exists { subquery, negated: false }))
}
