//! Casts to text that nobody wrote: where a moment or a real number stands beside a text (`coalesce(ts, 'none')`, a UNION), the
//! planner makes texts of both, in a form of its own. SQLite's form is known; with other authors it is refused.

use super::rules::Rules;
use super::stored::stored_text;
use crate::error::PlanError;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use dvt_sql::Dialect;

/// Gives the casts to text of an analysed plan the author's form, after the author's own casts have theirs.
///
/// # Errors
/// [`PlanError::Unsupported`] for one whose form is not known.
pub(crate) fn give_texts_their_form(
    plan: LogicalPlan,
    dialect: &'static Dialect,
) -> std::result::Result<LogicalPlan, PlanError> {
    let Some(rules) = Rules::of(dialect) else { return Ok(plan) };
    let mut refused = None;
    let written = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| {
                let Expr::Cast(Cast { expr: value, field }) = &expr else { return Ok(Transformed::no(expr)) };
                if !matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
                    return Ok(Transformed::no(expr));
                }
                let from = value.get_type(&schema)?;
                if !has_own_form(&from) {
                    return Ok(Transformed::no(expr));
                }
                match rules.stores_texts.then(|| stored_text(value.as_ref().clone(), &from)).flatten() {
                    Some(text) => Ok(Transformed::yes(text)),
                    None => {
                        refused.get_or_insert_with(|| mixed(&from));
                        Ok(Transformed::no(expr))
                    }
                }
            })?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })?;
        if node.transformed { node.map_data(LogicalPlan::recompute_schema) } else { Ok(node) }
    });
    match (written, refused) {
        (_, Some(refused)) => Err(refused),
        (written, None) => written.map(|written| written.data).map_err(|error| invalid(&error)),
    }
}

fn invalid(error: &datafusion::common::DataFusionError) -> PlanError {
    PlanError::Invalid { message: error.strip_backtrace(), location: None }
}

fn has_own_form(from: &DataType) -> bool {
    from.is_floating() || matches!(from, DataType::Timestamp(..) | DataType::Interval(_) | DataType::List(_))
}

fn mixed(from: &DataType) -> PlanError {
    PlanError::Unsupported {
        construct: format!("a text in the place of a {from}, whose own form as text each engine chooses,"),
        hint: Some(
            "cast the text to the type of the other values, or the values to text on their own connection".to_owned(),
        ),
        location: None,
    }
}
