//! Dialects whose operators are not described in `semantics`: only what means the same everywhere is let through.
//!
//! Comparisons, AND, OR, NOT, CASE, IN, BETWEEN and IS NULL of stored values have one meaning. Arithmetic, casts, patterns and
//! joined text depend on the engine (how many digits a quotient has, whether a cast rounds), and are refused by name;
//! functions are refused already, because such a dialect has no function pack.

use crate::error::PlanError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};
use dvt_sql::Dialect;

/// The plan, unless it holds an operator whose meaning in this dialect is not known here.
pub(crate) fn only_plain(plan: LogicalPlan, dialect: &'static Dialect) -> Result<LogicalPlan, PlanError> {
    // A lake's SQL is the engine's own.
    if dialect.name == "filesystem" {
        return Ok(plan);
    }
    let mut found = None;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|expression| {
                found = found.take().or_else(|| strange(expression));
                Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    });
    if let Err(error) = walked {
        return Err(PlanError::Invalid { message: error.to_string(), location: None });
    }
    match found {
        None => Ok(plan),
        Some(construct) => Err(PlanError::Unsupported {
            construct: format!("{construct} in the dialect of {}", dialect.name),
            hint: Some(
                "compute it in a model on that connection, or give this model a target of another type".to_owned(),
            ),
            location: None,
        }),
    }
}

fn strange(expression: &Expr) -> Option<String> {
    match expression {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::And
            | Operator::Or
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom => None,
            other => Some(format!("the operator `{other}`")),
        },
        Expr::Cast(_) | Expr::TryCast(_) => Some("a cast".to_owned()),
        Expr::Negative(_) => Some("the operator `-`".to_owned()),
        Expr::Like(_) | Expr::SimilarTo(_) => Some("LIKE".to_owned()),
        _ => None,
    }
}
