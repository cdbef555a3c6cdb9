//! Calls that are another way to write a cast, a CASE or an operator, or name their arguments.

use super::mysql::shifted;
use super::series::elements_of;
use super::tree::{arguments, as_double, call, cast_to, choose, is_named, is_the_text, number};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Ident, ObjectName, OrderByExpr, OrderByOptions, TimezoneInfo, UnaryOperator, Value,
};

/// Calls of PostgreSQL that are another way to write a cast, or name their arguments.
pub(super) fn postgres_call(function: &Function) -> Option<Expr> {
    const PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
    if is_named(&function.name, "date") {
        let [value] = arguments(function)?.try_into().ok()?;
        return Some(cast_to(value, DataType::Date));
    }
    // In a FROM they are lists already.
    if let Some(rows) = elements_of(function) {
        return Some(rows);
    }
    if let Some(aggregate) = json_aggregate(function).or_else(|| sorted_when_distinct(function)) {
        return Some(aggregate);
    }
    if is_named(&function.name, "regexp_like") {
        let given = arguments(function)?;
        let (text, pattern, op) = match given.as_slice() {
            [text, pattern] => (text, pattern, BinaryOperator::PGRegexMatch),
            [text, pattern, flags] if is_the_text(flags, "i") => (text, pattern, BinaryOperator::PGRegexIMatch),
            _ => return None,
        };
        let (left, right) = (Box::new(Expr::Nested(Box::new(text.clone()))), Box::new(pattern.clone()));
        return Some(Expr::Nested(Box::new(Expr::BinaryOp { left, op, right })));
    }
    if let Some((name, at)) = DOUBLES.into_iter().find(|(name, _)| is_named(&function.name, name)) {
        let given = arguments(function)?.into_iter().enumerate();
        return Some(call(
            name,
            given.map(|(index, value)| if index < at { value } else { as_double(value) }).collect(),
        ));
    }
    if !is_named(&function.name, "make_interval") {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return None };
    let mut parts: Vec<Expr> = PARTS.iter().map(|_| *number(0)).collect();
    for (at, argument) in list.args.iter().enumerate() {
        let (at, value) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (at, value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
            | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                (PARTS.iter().position(|part| name.value.eq_ignore_ascii_case(part))?, value)
            }
            _ => return None,
        };
        *parts.get_mut(at)? = value.clone();
    }
    let seconds = parts.pop()?;
    parts.push(as_double(seconds));
    Some(call("dvt_make_interval", parts))
}

/// Aggregates of JSON: the text of each value, and what makes one value of their list.
const JSON_AGGREGATES: [(&str, &str, &str); 4] = [
    ("json_agg", "dvt_json_item", "dvt_json_items"),
    ("jsonb_agg", "dvt_jsonb_item", "dvt_jsonb_items"),
    ("json_object_agg", "dvt_json_pair", "dvt_json_pairs"),
    ("jsonb_object_agg", "dvt_jsonb_pair", "dvt_jsonb_pairs"),
];

/// `json_agg(x order by y)` gathers texts by `array_agg`, in its order.
fn json_aggregate(function: &Function) -> Option<Expr> {
    let (_, item, whole) = JSON_AGGREGATES.into_iter().find(|(name, ..)| is_named(&function.name, name))?;
    let given = arguments(function)?;
    let mut function = function.clone();
    let FunctionArguments::List(list) = &mut function.args else { return None };
    // Distinct values have an order of their own there.
    if list.duplicate_treatment.is_some() {
        return None;
    }
    let value = match &function.filter {
        // A name that is NULL is an error only where its row counts.
        Some(filter) if whole.ends_with("pairs") => {
            choose(filter.as_ref().clone(), call(item, given), Expr::value(Value::Null))
        }
        _ => call(item, given),
    };
    list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(value))];
    function.name = ObjectName::from(vec![Ident::new("array_agg")]);
    Some(call(whole, vec![Expr::Function(function)]))
}

/// Distinct values are gathered in their order there, where nothing else is asked for.
fn sorted_when_distinct(function: &Function) -> Option<Expr> {
    if !["array_agg", "string_agg"].iter().any(|name| is_named(&function.name, name)) {
        return None;
    }
    let mut function = function.clone();
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let is_sorted = list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(value))) = list.args.first() else { return None };
    if is_sorted || list.duplicate_treatment != Some(DuplicateTreatment::Distinct) {
        return None;
    }
    let options = OrderByOptions { asc: None, nulls_first: None };
    let order = OrderByExpr { expr: value.clone(), options, with_fill: None };
    list.clauses.push(FunctionArgumentClause::OrderBy(vec![order]));
    Some(Expr::Function(function))
}

/// Functions of doubles alone, to which exact numbers are cast, and the first argument that is one.
const DOUBLES: [(&str, usize); 11] = [
    ("acos", 0),
    ("asin", 0),
    ("atan", 0),
    ("atan2", 0),
    ("cbrt", 0),
    ("cos", 0),
    ("degrees", 0),
    ("make_timestamp", 5),
    ("radians", 0),
    ("sin", 0),
    ("tan", 0),
];

/// Functions that are another way to write a CASE or an operator.
pub(super) fn choice(function: &Function, dialect: &str) -> Option<Expr> {
    let is_mysql = matches!(dialect, "mysql" | "mariadb");
    let is = |name: &str| is_named(&function.name, name);
    if is_mysql && (is("sum") || is("avg") || is("group_concat")) {
        return mysql_aggregate(function, is("group_concat"));
    }
    let given = arguments(function)?;
    match given.as_slice() {
        [condition, then, otherwise] if is_mysql && is("if") || dialect == "sqlite" && is("iif") => {
            Some(choose(condition.clone(), then.clone(), otherwise.clone()))
        }
        // NULL among the arguments makes the result NULL.
        [first, rest @ ..] if is_mysql && !rest.is_empty() && (is("greatest") || is("least")) => {
            let is_null = rest.iter().fold(Expr::IsNull(Box::new(first.clone())), |known, value| Expr::BinaryOp {
                left: Box::new(known),
                op: BinaryOperator::Or,
                right: Box::new(Expr::IsNull(Box::new(value.clone()))),
            });
            let name = if is("greatest") { "dvt_greatest" } else { "dvt_least" };
            let chosen = call(name, given.clone());
            Some(choose(Expr::Nested(Box::new(is_null)), Expr::value(Value::Null), chosen))
        }
        [Expr::Identifier(unit), from, to] if is_mysql && is("timestampdiff") => {
            let unit = Expr::value(Value::SingleQuotedString(unit.value.clone()));
            Some(call("dvt_timestampdiff", vec![unit, from.clone(), to.clone()]))
        }
        [digits] if is_mysql && is_number(digits) && (is("now") || is("current_timestamp")) => {
            let moment = cast_to(call("now", Vec::new()), DataType::Timestamp(Some(6), TimezoneInfo::None));
            Some(call("dvt_datetime_cut", vec![moment, digits.clone()]))
        }
        [date, span] if dialect == "duckdb" && is("date_add") => {
            let (left, right) = (Box::new(Expr::Nested(Box::new(date.clone()))), Box::new(span.clone()));
            Some(Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::Plus, right })))
        }
        [date, span @ Expr::Interval(_)] if is_mysql => {
            let op = match () {
                () if is("date_add") || is("adddate") => BinaryOperator::Plus,
                () if is("date_sub") || is("subdate") => BinaryOperator::Minus,
                () => return None,
            };
            let date = Expr::Nested(Box::new(as_time(date.clone())));
            if let Expr::Interval(interval) = span
                && let Some(call) = shifted(&date, interval, op == BinaryOperator::Minus)
            {
                return Some(call);
            }
            let (left, right) = (Box::new(date), Box::new(span.clone()));
            Some(Expr::Nested(Box::new(Expr::BinaryOp { left, op, right })))
        }
        _ => None,
    }
}

fn is_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Number(..)))
}

/// `sum` and `avg` of truth values, which are numbers there, and `group_concat`, which is `string_agg` of texts.
fn mysql_aggregate(function: &Function, joins: bool) -> Option<Expr> {
    let mut function = function.clone();
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_mut_slice() else { return None };
    if !joins {
        if !is_condition(argument) {
            return None;
        }
        *argument = cast_to(argument.clone(), DataType::BigInt(None));
        return Some(Expr::Function(function));
    }
    *argument = cast_to(argument.clone(), DataType::Varchar(None));
    let mut separator = Value::SingleQuotedString(",".to_owned());
    list.clauses.retain(|clause| match clause {
        FunctionArgumentClause::Separator(given) => {
            separator = given.value.clone();
            false
        }
        _ => true,
    });
    list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::value(separator))));
    function.name = ObjectName::from(vec![Ident::new("dvt_group_concat")]);
    Some(Expr::Function(function))
}

/// A text that is a date or a time, as one: where time is added to it, it is no text there.
fn as_time(expr: Expr) -> Expr {
    let Expr::Value(value) = &expr else { return expr };
    let Value::SingleQuotedString(text) = &value.value else { return expr };
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    cast_to(expr, if is_date { DataType::Date } else { DataType::Timestamp(None, TimezoneInfo::None) })
}

/// Whether the expression is a truth value whatever its parts are.
pub(super) fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_condition(inner),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::Spaceship
                | BinaryOperator::And
                | BinaryOperator::Or
        ),
        Expr::UnaryOp { op: UnaryOperator::Not, .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Exists { .. } => true,
        _ => false,
    }
}
