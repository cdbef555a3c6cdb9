//! Intervals of MySQL: of expressions, of weeks and quarters, as calls and as operators.

use super::tree::{arguments, call, is_named};
use datafusion::sql::sqlparser::ast::{BinaryOperator, DateTimeField, Expr, Function, Interval, UnaryOperator, Value};

/// The name of a unit, and whether it is a part of a day.
fn unit_of(interval: &Interval) -> Option<(&'static str, bool)> {
    Some(match interval.leading_field.as_ref()? {
        DateTimeField::Microsecond => ("microsecond", true),
        DateTimeField::Second => ("second", true),
        DateTimeField::Minute => ("minute", true),
        DateTimeField::Hour => ("hour", true),
        DateTimeField::Day => ("day", false),
        DateTimeField::Week(None) => ("week", false),
        DateTimeField::Month => ("month", false),
        DateTimeField::Quarter => ("quarter", false),
        DateTimeField::Year => ("year", false),
        _ => return None,
    })
}

/// The date and the interval as a call, where the interval is one that the planner does not read.
pub(super) fn shifted(date: &Expr, interval: &Interval, is_back: bool) -> Option<Expr> {
    let is_constant = matches!(interval.value.as_ref(), Expr::Value(_));
    let is_read = !matches!(interval.leading_field, Some(DateTimeField::Week(_) | DateTimeField::Quarter));
    if is_constant && is_read || interval.last_field.is_some() {
        return None;
    }
    let (unit, is_of_a_day) = unit_of(interval)?;
    let mut amount = Expr::Nested(interval.value.clone());
    if is_back {
        amount = Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(amount) }));
    }
    let name = if is_of_a_day { "dvt_add_time" } else { "dvt_add_days" };
    Some(call(name, vec![Expr::value(Value::SingleQuotedString(unit.to_owned())), amount, date.clone()]))
}

/// `date + interval n unit`, `interval n unit + date`, `date - interval n unit`.
pub(super) fn shifted_by_operator(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    match (left, op, right) {
        (date, BinaryOperator::Plus | BinaryOperator::Minus, Expr::Interval(interval)) => {
            shifted(date, interval, *op == BinaryOperator::Minus)
        }
        (Expr::Interval(interval), BinaryOperator::Plus, date) => shifted(date, interval, false),
        _ => None,
    }
}

/// `timestampadd(unit, n, date)`, and `adddate(date, n)` of days.
pub(super) fn mysql_call(function: &Function) -> Option<Expr> {
    let is = |name: &str| is_named(&function.name, name);
    let text = |unit: &str| Expr::value(Value::SingleQuotedString(unit.to_owned()));
    let given = arguments(function)?;
    match given.as_slice() {
        [Expr::Identifier(unit), amount, date] if is("timestampadd") => {
            let unit = unit.value.to_lowercase();
            let name = match unit.as_str() {
                "microsecond" | "second" | "minute" | "hour" => "dvt_add_time",
                _ => "dvt_add_days",
            };
            Some(call(name, vec![text(&unit), amount.clone(), date.clone()]))
        }
        [Expr::Interval(_), ..] | [_, Expr::Interval(_)] => None,
        [date, amount] if is("adddate") => Some(call("dvt_add_days", vec![text("day"), amount.clone(), date.clone()])),
        [date, amount] if is("subdate") => {
            let back =
                Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(Expr::Nested(Box::new(amount.clone()))) };
            Some(call("dvt_add_days", vec![text("day"), back, date.clone()]))
        }
        _ => None,
    }
}
