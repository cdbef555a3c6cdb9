//! Calls of SQLite that are another way to write a function with the moment of the query, an aggregate or a CASE.

use super::calls::is_condition;
use super::tree::{arguments, as_double, call, cast_to, choose, is_named};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Value,
};

/// A text of digits that is computed with, as a number: `strftime('%Y', x) - 1`.
pub(super) fn number_of_fields(side: &mut Expr) {
    let Expr::Function(function) = &*side else { return };
    if !is_named(&function.name, "strftime") {
        return;
    }
    let Some(given) = arguments(function) else { return };
    let Some(Expr::Value(value)) = given.first() else { return };
    let Value::SingleQuotedString(pattern) = &value.value else { return };
    let Some(fields) = pattern.strip_prefix('%') else { return };
    let mut are_digits = fields.split('%').all(|field| {
        let mut letters = field.chars();
        letters.next().is_some_and(|letter| "dGgHIjmMsSuUVwWY".contains(letter))
            && letters.all(|digit| digit.is_ascii_digit())
    });
    // Seconds may have a fraction.
    are_digits &= !pattern.contains("%s") || given.len() == 2;
    if are_digits {
        let written = std::mem::replace(side, Expr::value(Value::Null));
        *side = cast_to(written, DataType::BigInt(None));
    }
}

/// Functions of a moment, and how many arguments stand before it.
const OF_MOMENTS: [(&str, usize); 6] =
    [("date", 0), ("time", 0), ("datetime", 0), ("julianday", 0), ("unixepoch", 0), ("strftime", 1)];

/// Names that stand without brackets.
const WITHOUT_BRACKETS: [(&str, &str); 3] =
    [("current_date", "date"), ("current_time", "time"), ("current_timestamp", "datetime")];

/// The call in words that the planner keeps; `None` for one that it keeps as it is.
pub(super) fn sqlite_call(function: &Function) -> Option<Expr> {
    let is = |name: &str| is_named(&function.name, name);
    if let Some((_, name)) = WITHOUT_BRACKETS.into_iter().find(|(name, _)| is(name)) {
        return Some(call(name, vec![now()]));
    }
    if let Some((name, before)) = OF_MOMENTS.into_iter().find(|(name, _)| is(name)) {
        return of_moment(name, before, arguments(function)?);
    }
    if ["sum", "avg", "total", "group_concat", "string_agg"].into_iter().any(is) {
        return aggregate(function);
    }
    let given = arguments(function)?;
    match given.as_slice() {
        [condition, then] if is("iif") => Some(choose(condition.clone(), then.clone(), Expr::value(Value::Null))),
        // `md5` gives bytes there.
        [Expr::Function(inner)] if is("hex") && is_named(&inner.name, "md5") => {
            let [value] = arguments(inner)?.try_into().ok()?;
            let hashed = call("upper", vec![call("dvt_md5", vec![cast_to(value, DataType::Text)])]);
            // Empty of NULL, as any `hex`.
            Some(call("coalesce", vec![hashed, Expr::value(Value::SingleQuotedString(String::new()))]))
        }
        // The largest of several; none if one of them is NULL.
        [first, rest @ ..] if !rest.is_empty() && (is("max") || is("min")) => {
            let is_null = rest.iter().fold(Expr::IsNull(Box::new(first.clone())), |known, value| Expr::BinaryOp {
                left: Box::new(known),
                op: BinaryOperator::Or,
                right: Box::new(Expr::IsNull(Box::new(value.clone()))),
            });
            let chosen = call(if is("max") { "dvt_greatest" } else { "dvt_least" }, given.clone());
            Some(choose(Expr::Nested(Box::new(is_null)), Expr::value(Value::Null), chosen))
        }
        _ => None,
    }
}

/// `date('now', …)`, `date()` and `strftime(pattern)` are of the moment at which the query began.
fn of_moment(name: &str, before: usize, mut given: Vec<Expr>) -> Option<Expr> {
    let is_text = |expr: &Expr, words: &[&str]| {
        let Expr::Value(value) = expr else { return false };
        let Value::SingleQuotedString(text) = &value.value else { return false };
        words.iter().any(|word| text.eq_ignore_ascii_case(word))
    };
    let with_millis = given.iter().skip(before).any(|modifier| is_text(modifier, &["subsec", "subsecond"]));
    let name = if name == "unixepoch" && with_millis { "dvt_unixepoch_subsec" } else { name };
    if given.len() == before {
        given.push(now());
        return Some(call(name, given));
    }
    match given.get_mut(before) {
        None => return None,
        Some(moment) if is_text(moment, &["now"]) => *moment = now(),
        Some(moment) if is_text(moment, &["subsec", "subsecond"]) => given.insert(before, now()),
        Some(_) if name == "dvt_unixepoch_subsec" => {}
        Some(_) => return None,
    }
    Some(call(name, given))
}

/// When the query began, in the milliseconds that SQLite counts.
fn now() -> Expr {
    call("dvt_now_millis", vec![call("dvt_now", Vec::new())])
}

/// Aggregates of truth values, which are numbers there; `total`; texts behind each other.
fn aggregate(function: &Function) -> Option<Expr> {
    let is = |name: &str| is_named(&function.name, name);
    let mut made = function.clone();
    let FunctionArguments::List(list) = &mut made.args else { return None };
    if is("group_concat") || is("string_agg") {
        let (argument, has_separator) = match list.args.as_mut_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => (argument, false),
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)), _] => (argument, true),
            _ => return None,
        };
        *argument = cast_to(argument.clone(), DataType::Text);
        if !has_separator {
            let comma = Expr::value(Value::SingleQuotedString(",".to_owned()));
            list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(comma)));
        }
        made.name = ObjectName::from(vec![Ident::new("dvt_group_concat")]);
        return Some(Expr::Function(made));
    }
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_mut_slice() else { return None };
    if is("total") {
        *argument = as_double(argument.clone());
        made.name = ObjectName::from(vec![Ident::new("sum")]);
        let zero = Expr::value(Value::Number("0.0".to_owned(), false));
        return Some(call("coalesce", vec![Expr::Function(made), zero]));
    }
    if !is_condition(argument) {
        return None;
    }
    *argument = cast_to(argument.clone(), DataType::BigInt(None));
    Some(Expr::Function(made))
}
