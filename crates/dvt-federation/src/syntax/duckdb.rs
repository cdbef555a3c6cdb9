//! Calls of DuckDB with regular expressions, which have to be constant.

use super::tree::{arguments, call, choose, is_named, number};
use crate::re2::translate;
use datafusion::sql::sqlparser::ast::{DateTimeField, Expr, Function, Interval, Value};

/// `interval (n) unit` of an expression, which the planner does not read.
pub(super) fn interval_of(interval: &Interval) -> Option<Expr> {
    let is_constant = matches!(interval.value.as_ref(), Expr::Value(_));
    if is_constant || interval.leading_precision.is_some() || interval.last_field.is_some() {
        return None;
    }
    let unit = match interval.leading_field.as_ref()? {
        DateTimeField::Microsecond | DateTimeField::Microseconds => "microsecond",
        DateTimeField::Millisecond | DateTimeField::Milliseconds => "millisecond",
        DateTimeField::Second | DateTimeField::Seconds => "second",
        DateTimeField::Minute | DateTimeField::Minutes => "minute",
        DateTimeField::Hour | DateTimeField::Hours => "hour",
        DateTimeField::Day | DateTimeField::Days => "day",
        DateTimeField::Week(None) | DateTimeField::Weeks => "week",
        DateTimeField::Month | DateTimeField::Months => "month",
        DateTimeField::Quarter => "quarter",
        DateTimeField::Year | DateTimeField::Years => "year",
        _ => return None,
    };
    Some(call("dvt_interval", vec![value(unit.to_owned()), interval.value.as_ref().clone()]))
}

/// The call in words that the planner keeps; `None` for one that it keeps as it is, or does not know.
pub(super) fn duckdb_call(function: &Function) -> Option<Expr> {
    let is = |name: &str| is_named(&function.name, name);
    let given = arguments(function)?;
    match given.as_slice() {
        [text, pattern] if is("regexp_matches") => {
            Some(call("dvt_regexp_like", vec![text.clone(), value(translate(constant(pattern)?)?)]))
        }
        [text, pattern] if is("regexp_full_match") => {
            let whole = format!(r"\A(?:{})\z", translate(constant(pattern)?)?);
            Some(call("dvt_regexp_like", vec![text.clone(), value(whole)]))
        }
        [text, pattern, with] if is("regexp_replace") => replaced(text, pattern, with, None),
        [text, pattern, with, flags] if is("regexp_replace") && constant(flags) == Some("g") => {
            replaced(text, pattern, with, Some("g"))
        }
        [text, pattern] if is("regexp_extract") => extracted(text, pattern, 0),
        [text, pattern, Expr::Value(group)] if is("regexp_extract") => match &group.value {
            Value::Number(digits, _) => extracted(text, pattern, digits.parse().ok()?),
            _ => None,
        },
        _ => None,
    }
}

fn constant(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn value(text: String) -> Expr {
    Expr::value(Value::SingleQuotedString(text))
}

fn replaced(text: &Expr, pattern: &Expr, with: &Expr, flags: Option<&str>) -> Option<Expr> {
    let with = constant(with)?;
    // The engine reads `$` as a group.
    if with.contains('$') || with.contains('\\') {
        return None;
    }
    let mut given = vec![text.clone(), value(translate(constant(pattern)?)?), value(with.to_owned())];
    given.extend(flags.map(|flags| value(flags.to_owned())));
    Some(call("dvt_regexp_replace", given))
}

/// What a group matched; an empty text where nothing did.
fn extracted(text: &Expr, pattern: &Expr, group: u64) -> Option<Expr> {
    let pattern = translate(constant(pattern)?)?;
    let groups = pattern.matches('(').count() - pattern.matches("(?:").count() - pattern.matches(r"\(").count();
    if usize::try_from(group).ok()? > groups {
        return None;
    }
    let matched = call("dvt_regexp_match", vec![text.clone(), value(format!("({pattern})"))]);
    let found = call("array_element", vec![matched, *number(group + 1)]);
    let empty = call("coalesce", vec![found, value(String::new())]);
    Some(choose(Expr::IsNull(Box::new(text.clone())), Expr::value(Value::Null), empty))
}
