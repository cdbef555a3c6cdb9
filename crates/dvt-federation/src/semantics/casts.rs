//! Casts with the author's meaning, and the text that a value becomes.

use super::rules::Rules;
use super::stored::{stored_cast, stored_text};
use crate::error::PlanError;
use crate::functions::{Rounding, decimal_rounding, postgres_function, round_half_even};
use crate::provenance::has_declared_scale;
use crate::syntax::CARRIER;
use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast, lit};
use std::sync::Arc;

pub(super) fn rewrite_cast(
    Cast { expr, field }: Cast,
    schema: &DFSchema,
    inputs: &[LogicalPlan],
    rules: &Rules,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    let from = expr.get_type(schema)?;
    // The planner reads TIMESTAMP as nanoseconds, which end in 2262; databases mean microseconds.
    let field = match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let zone = zone.as_ref().map(|_| "UTC".into());
            Arc::new(field.as_ref().clone().with_data_type(DataType::Timestamp(TimeUnit::Microsecond, zone)))
        }
        _ => field,
    };
    let to = field.data_type();
    let rebuild = |expr: Expr| Expr::Cast(Cast { expr: Box::new(expr), field: Arc::clone(&field) });
    if rules.casts_round && to.is_integer() {
        if from.is_decimal() {
            let arguments = vec![*expr, lit(0_i64)];
            let rounded = ScalarFunction::new_udf(decimal_rounding(Rounding::Nearest), arguments);
            return Ok(Transformed::yes(rebuild(Expr::ScalarFunction(rounded))));
        }
        if from.is_floating() {
            let rounded = Expr::ScalarFunction(ScalarFunction::new_udf(round_half_even(), vec![*expr]));
            return Ok(Transformed::yes(rebuild(rounded)));
        }
    }
    if rules.stores_texts
        && let Some(stored) = stored_cast(expr.as_ref().clone(), &from, to, refused)
    {
        return Ok(Transformed::yes(stored));
    }
    if from.is_numeric() && matches!(to, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)) {
        refused.get_or_insert(PlanError::Unsupported {
            construct: format!("a cast of a number to {to}, which each engine reads in its own way,"),
            hint: Some("write the moment from its parts, or as text".to_owned()),
            location: None,
        });
    }
    if to.is_decimal() && rules.numbers_keep_their_kind && !from.is_null() {
        if from.is_numeric() {
            return Ok(Transformed::yes(*expr));
        }
        refused.get_or_insert(PlanError::Unsupported {
            construct: format!("a cast of {from} to numeric, whose kind of number each value chooses,"),
            hint: Some("cast it to integer or real".to_owned()),
            location: None,
        });
    }
    if to.is_decimal() && rules.values_have_scales {
        return exact_cast(*expr, &from, &field).map(Transformed::yes);
    }
    if matches!(to, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        if let Some(text) = own_text(expr.as_ref().clone(), &from, rules) {
            return Ok(Transformed::yes(text));
        }
        refuse_own_form(&expr, &from, inputs, rules, refused);
    }
    Ok(Transformed::yes(rebuild(*expr)))
}

/// A cast to `numeric` as PostgreSQL does it: without digits of its own it keeps those of the value, a double counts with its
/// 15 significant digits, and what is too long is rounded half away from zero.
fn exact_cast(expr: Expr, from: &DataType, field: &FieldRef) -> Result<Expr> {
    let carrier = DataType::Decimal256(CARRIER.0, CARRIER.1);
    let digits = match from {
        DataType::Int8 | DataType::Int16 => Some(5),
        DataType::Int32 => Some(10),
        DataType::Int64 | DataType::UInt64 => Some(20),
        _ => None,
    };
    let is_carrier = *field.data_type() == carrier;
    match (is_carrier, digits) {
        (true, Some(digits)) => return Ok(cast(expr, DataType::Decimal128(digits, 0))),
        (true, None) if from.is_decimal() => return Ok(expr),
        _ => {}
    }
    let to = |expr: Expr| Expr::Cast(Cast { expr: Box::new(expr), field: Arc::clone(field) });
    let is_text = matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let text = match postgres_function("double_digits") {
        Some(digits) if from.is_floating() => {
            let digits = ScalarFunction::new_udf(digits, vec![cast(expr, DataType::Float64)]);
            Expr::ScalarFunction(digits)
        }
        _ if is_text => expr,
        _ => return Ok(to(expr)),
    };
    let exact = cast(text, carrier);
    if is_carrier {
        return Ok(exact);
    }
    let (DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) = *field.data_type() else {
        return Ok(to(exact));
    };
    let rounded = ScalarFunction::new_udf(decimal_rounding(Rounding::Nearest), vec![exact, lit(i64::from(scale))]);
    Ok(to(Expr::ScalarFunction(rounded)))
}

/// The value as the text that PostgreSQL or SQLite makes of it, where the engine's own differs.
pub(super) fn own_text(expr: Expr, from: &DataType, rules: &Rules) -> Option<Expr> {
    if rules.stores_texts {
        return stored_text(expr, from);
    }
    let is_known = matches!(from, DataType::Float64 | DataType::Timestamp(_, None) | DataType::Interval(_));
    let function = (is_known && rules.values_have_scales).then(|| postgres_function("postgres_text"))??;
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![expr])))
}

/// Refuses to make text of a value whose form each engine chooses.
pub(super) fn refuse_own_form(
    expr: &Expr,
    from: &DataType,
    inputs: &[LogicalPlan],
    rules: &Rules,
    refused: &mut Option<PlanError>,
) {
    let has_own_form = from.is_floating()
        || matches!(from, DataType::Timestamp(..) | DataType::Interval(_) | DataType::Binary | DataType::List(_));
    if has_own_form {
        refused.get_or_insert(PlanError::Unsupported {
            construct: format!("a cast of {from} to text, whose form each engine chooses,"),
            hint: Some("format the value in a model on one connection".to_owned()),
            location: None,
        });
    }
    refuse_loose_scale(expr, from, inputs, rules, refused);
}

/// Refuses to show a number whose digits after the point depend on its value.
pub(super) fn refuse_loose_scale(
    expr: &Expr,
    from: &DataType,
    inputs: &[LogicalPlan],
    rules: &Rules,
    refused: &mut Option<PlanError>,
) {
    if from.is_decimal() && rules.values_have_scales {
        let inputs: Vec<&LogicalPlan> = inputs.iter().collect();
        if !has_declared_scale(expr, &inputs) {
            refused.get_or_insert(PlanError::Unsupported {
                construct: "a cast to text of a number whose digits after the point depend on its value".to_owned(),
                hint: Some("cast it to numeric(precision, scale) first".to_owned()),
                location: None,
            });
        }
    }
}
