//! Operators with the author's meaning: division, remainders, dates, intervals, checked sums.

use super::lengths::length;
use super::patterns::{constant_text, refuse_pattern};
use super::rules::Rules;
use super::stored::stored_comparison;
use crate::error::PlanError;
use crate::functions::{DivisionRule, checked_arithmetic, exact_division};
use crate::regex::{Asked, translate};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast, lit};

pub(super) fn rewrite_operator(
    BinaryExpr { left, op, right }: BinaryExpr,
    schema: &DFSchema,
    rules: &Rules,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    if rules.stores_texts
        && let Some(compared) = stored_comparison(&left, op, &right, schema)?
    {
        return Ok(Transformed::yes(compared));
    }
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    let rewritten = match (op, &types) {
        // There a date is a number or a text, and the engine would count days.
        (
            Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo,
            (left_type, right_type),
        ) if !rules.date_arithmetic && is_time_beside_no_interval(left_type, right_type) => {
            refused.get_or_insert(PlanError::Unsupported {
                construct: format!("`{op}` of a date or time"),
                hint: Some("add an interval, or use datediff() or timestampdiff()".to_owned()),
                location: None,
            });
            return Ok(Transformed::no(binary(*left, op, *right)));
        }
        (Operator::RegexMatch | Operator::RegexIMatch | Operator::RegexNotMatch | Operator::RegexNotIMatch, _)
            if rules.values_have_scales =>
        {
            match constant_text(&right).and_then(|text| translate(text, Asked::IsMatch)) {
                Some(pattern) => binary(*left, op, lit(pattern)),
                None => {
                    refuse_pattern("`~`", refused);
                    return Ok(Transformed::no(binary(*left, op, *right)));
                }
            }
        }
        (Operator::Divide, (left_type, right_type))
            if rules.divides_as_float && is_exact(left_type) && is_exact(right_type) =>
        {
            binary(cast(*left, DataType::Float64), op, cast(*right, DataType::Float64))
        }
        (Operator::Modulo, (_, right_type)) if rules.divides_as_float && is_exact(right_type) => {
            binary(*left, op, nullif(*right, lit(0_i64)))
        }
        (Operator::Divide, (left_type, right_type)) => match rules.division {
            Some(rule) if divides_exactly(rule, left_type, right_type) => {
                Expr::ScalarFunction(ScalarFunction::new_udf(exact_division(rule), vec![*left, *right]))
            }
            _ if rules.division_by_zero_is_null => binary(*left, op, nullif(*right, lit(0_i64))),
            _ => return Ok(Transformed::no(binary(*left, op, *right))),
        },
        (Operator::Modulo, _) if rules.division_by_zero_is_null => binary(*left, op, nullif(*right, lit(0_i64))),
        (Operator::StringConcat, _) if !rules.concatenates => {
            refused.get_or_insert(PlanError::Unsupported {
                construct: "`||`, which is a logical OR in this dialect,".to_owned(),
                hint: Some("use concat() to join text, or OR".to_owned()),
                location: None,
            });
            return Ok(Transformed::no(binary(*left, op, *right)));
        }
        (Operator::Minus, (DataType::Date32, DataType::Date32)) if rules.date_arithmetic => {
            binary(cast(*left, DataType::Int32), Operator::Minus, cast(*right, DataType::Int32))
        }
        (Operator::Plus | Operator::Minus, (DataType::Date32, days)) if rules.date_arithmetic && days.is_integer() => {
            shifted_date(*left, op, *right)
        }
        (Operator::Plus, (days, DataType::Date32)) if rules.date_arithmetic && days.is_integer() => {
            shifted_date(*right, op, *left)
        }
        (Operator::Plus | Operator::Minus, (DataType::Date32, DataType::Interval(_))) if rules.date_arithmetic => {
            binary(cast(*left, DataType::Timestamp(TimeUnit::Microsecond, None)), op, *right)
        }
        (Operator::Plus, (DataType::Interval(_), DataType::Date32)) if rules.date_arithmetic => {
            binary(*left, op, cast(*right, DataType::Timestamp(TimeUnit::Microsecond, None)))
        }
        (Operator::Plus | Operator::Minus, (DataType::Date32, DataType::Interval(_)))
            if rules.intervals_may_keep_dates && !is_of_days(&right) =>
        {
            binary(cast(*left, DataType::Timestamp(TimeUnit::Microsecond, None)), op, *right)
        }
        (op, (DataType::Interval(_), DataType::Interval(_))) if op.supports_propagation() => {
            binary(length(*left), op, length(*right))
        }
        (_, (left_type, right_type)) => match checked_arithmetic(op, rules.integers, left_type, right_type) {
            Some(checked) => Expr::ScalarFunction(ScalarFunction::new_udf(checked, vec![*left, *right])),
            None => return Ok(Transformed::no(binary(*left, op, *right))),
        },
    };
    Ok(Transformed::yes(rewritten))
}

fn is_time_beside_no_interval(left: &DataType, right: &DataType) -> bool {
    let is_time = |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Timestamp(..));
    let is_interval = |data_type: &DataType| matches!(data_type, DataType::Interval(_));
    is_time(left) && !is_interval(right) || is_time(right) && !is_interval(left)
}

/// Whether an interval has no part of a day.
fn is_of_days(interval: &Expr) -> bool {
    match interval {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => interval.nanoseconds == 0,
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => true,
        Expr::Negative(inner) => is_of_days(inner),
        _ => false,
    }
}

pub(super) fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn shifted_date(date: Expr, op: Operator, days: Expr) -> Expr {
    cast(binary(cast(date, DataType::Int32), op, cast(days, DataType::Int32)), DataType::Date32)
}

pub(super) fn is_exact(data_type: &DataType) -> bool {
    data_type.is_decimal() || data_type.is_integer()
}

/// Whether both sides are exact numbers that the rule divides; PostgreSQL divides two integers as integers.
fn divides_exactly(rule: DivisionRule, left: &DataType, right: &DataType) -> bool {
    let both_integers = left.is_integer() && right.is_integer();
    is_exact(left) && is_exact(right) && (rule == DivisionRule::MySql || !both_integers)
}
