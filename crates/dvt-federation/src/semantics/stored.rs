//! SQLite has no type of dates and times: they are texts there, and are compared, joined and cast as such.
//!
//! Where the other side is a text of a known form, a comparison of moments says the same, and a connection can be asked it.

use super::operators::binary;
use super::rules::Rules;
use crate::error::PlanError;
use crate::functions::{EITHER, become_texts, row_function};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::functions::core::{coalesce, greatest, least};
use datafusion::logical_expr::expr::{Between, Case, InList, ScalarFunction};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, Operator, Projection, ScalarUDF, Union, cast, lit, not, when,
};
use std::sync::Arc;

/// The value in the text that SQLite stores or makes of it, `None` where it is a text already or none is known.
pub(super) fn stored_text(expr: Expr, from: &DataType) -> Option<Expr> {
    match from {
        DataType::Date32 => Some(cast(expr, DataType::Utf8)),
        from if from.is_integer() => Some(cast(expr, DataType::Utf8)),
        from if from.is_floating() || from.is_decimal() => call_on("sqlite_text", expr),
        DataType::Boolean | DataType::Timestamp(..) | DataType::Time64(TimeUnit::Microsecond) => {
            call_on("sqlite_text", expr)
        }
        _ => None,
    }
}

fn call_on(name: &str, argument: Expr) -> Option<Expr> {
    let function = row_function(name)?;
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![argument])))
}

/// A cast as SQLite does it, where the engine's own differs; `None` where it does not.
pub(super) fn stored_cast(expr: Expr, from: &DataType, to: &DataType, refused: &mut Option<PlanError>) -> Option<Expr> {
    let is_text = matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_moment = matches!(from, DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_));
    match to {
        DataType::Int64 if is_text || is_moment || from.is_floating() || from.is_decimal() => {
            call_on("sqlite_integer", expr)
        }
        DataType::Float64 if is_text || is_moment => call_on("sqlite_real", expr),
        // A word that is no type of its own there: the value stays a number.
        DataType::Boolean if from.is_numeric() => Some(expr),
        DataType::Boolean if is_text || is_moment => refuse(to, refused),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) | DataType::Time64(_) if !from.is_null() => {
            refuse(to, refused)
        }
        _ => None,
    }
}

fn refuse(to: &DataType, refused: &mut Option<PlanError>) -> Option<Expr> {
    refused.get_or_insert(PlanError::Unsupported {
        construct: format!("a cast to {to}, which makes a number of a text in SQLite,"),
        hint: Some("use date(), datetime() or strftime(), which give texts".to_owned()),
        location: None,
    });
    None
}

/// What a text of a moment looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `YYYY-MM-DD`.
    Day,
    /// `YYYY-MM-DD HH:MM:SS`.
    Second,
}

/// The form of a text, where it is known before the query runs.
fn form_of(expr: &Expr) -> Option<Form> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => match text.len() {
            10 => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|_| Form::Day),
            19 => chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|_| Form::Second),
            _ => None,
        },
        Expr::ScalarFunction(call) => {
            let are_known = call.args.iter().skip(1).all(|modifier| match modifier {
                Expr::Literal(ScalarValue::Utf8(Some(text)), _) => !text.to_ascii_lowercase().starts_with("subsec"),
                _ => false,
            });
            match call.name() {
                "sqlite_date" => Some(Form::Day),
                "sqlite_datetime" if are_known => Some(Form::Second),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(TimeUnit::Microsecond))
}

/// `left op right` of values that SQLite compares as texts and the engine would not; `None` where both do the same.
pub(super) fn stored_comparison(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    if !matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom) {
        return Ok(None);
    }
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    let is_mixed = match &types {
        (left, right) if is_moment(left) && is_moment(right) => left != right,
        (left, right) => is_moment(left) && is_text(right) || is_text(left) && is_moment(right),
    };
    if !is_mixed {
        return of_written_moments(left, op, right, schema);
    }
    let known = match (&types, op.swap()) {
        ((moment, text), _) if is_moment(moment) && is_text(text) => of_moments(left, moment, op, right),
        ((text, moment), Some(swapped)) if is_text(text) && is_moment(moment) => {
            of_moments(right, moment, swapped, left)
        }
        _ => None,
    };
    if let Some(known) = known {
        return Ok(Some(known));
    }
    let as_text = |side: &Expr, from: &DataType| stored_text(side.clone(), from).unwrap_or_else(|| side.clone());
    Ok(Some(binary(as_text(left, &types.0), op, as_text(right, &types.1))))
}

/// A moment beside a text of a known form. A text that is longer than an equal beginning of it comes later.
fn of_moments(moment: &Expr, from: &DataType, op: Operator, text: &Expr) -> Option<Expr> {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let compared = |op: Operator, to: DataType| Some(binary(moment.clone(), op, cast(text.clone(), to)));
    match (from, form_of(text)?) {
        (DataType::Date32, Form::Day) => compared(op, DataType::Date32),
        // The day's text is the beginning of the other.
        (DataType::Date32, Form::Second) => match op {
            Operator::Gt | Operator::GtEq => compared(Operator::Gt, DataType::Date32),
            Operator::Lt | Operator::LtEq => compared(Operator::LtEq, DataType::Date32),
            _ => None,
        },
        (DataType::Timestamp(TimeUnit::Microsecond, None), Form::Second) => compared(op, micros(None)),
        (DataType::Timestamp(TimeUnit::Microsecond, zone), _) => {
            let to = micros(zone.as_ref().map(|_| "UTC"));
            match op {
                Operator::Gt | Operator::GtEq => compared(Operator::GtEq, to),
                Operator::Lt | Operator::LtEq => compared(Operator::Lt, to),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `date(x)` or `datetime(x)` of a moment beside a text of its form: the moment itself can be compared.
fn of_written_moments(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let (call, op, text) = match (left, right, op.swap()) {
        (Expr::ScalarFunction(call), Expr::Literal(..), _) => (call, op, right),
        (Expr::Literal(..), Expr::ScalarFunction(call), Some(swapped)) => (call, swapped, left),
        _ => return Ok(None),
    };
    let ([moment], Some(form)) = (call.args.as_slice(), form_of(text)) else { return Ok(None) };
    let from = moment.get_type(schema)?;
    let to = match &from {
        DataType::Date32 => DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into()))
        }
        _ => return Ok(None),
    };
    let compared = |op: Operator| Ok(Some(binary(moment.clone(), op, cast(text.clone(), to.clone()))));
    match (call.name(), form, op) {
        ("sqlite_date", Form::Day, _) if from == DataType::Date32 => compared(op),
        // What is of that day or second, or of a later one, is not before its beginning.
        ("sqlite_date", Form::Day, Operator::GtEq | Operator::Lt) => compared(op),
        ("sqlite_datetime", Form::Second, Operator::GtEq | Operator::Lt) if from != DataType::Date32 => compared(op),
        ("sqlite_datetime", Form::Second, _) => {
            let Expr::Literal(ScalarValue::Utf8(Some(written)), _) = text else { return Ok(None) };
            let Some(day) = written.strip_suffix(" 00:00:00") else { return Ok(None) };
            // A day is the midnight that it begins with.
            Ok((from == DataType::Date32).then(|| binary(moment.clone(), op, cast(lit(day), from.clone()))))
        }
        _ => Ok(None),
    }
}

/// BETWEEN as its two comparisons, where SQLite compares texts.
pub(super) fn stored_between(between: &Between, schema: &DFSchema) -> Result<Option<Expr>> {
    let Between { expr, negated, low, high } = between;
    let of_low = stored_comparison(expr, Operator::GtEq, low, schema)?;
    let of_high = stored_comparison(expr, Operator::LtEq, high, schema)?;
    if of_low.is_none() && of_high.is_none() {
        return Ok(None);
    }
    let plain = |op: Operator, bound: &Expr| binary(expr.as_ref().clone(), op, bound.clone());
    let above = of_low.unwrap_or_else(|| plain(Operator::GtEq, low));
    let below = of_high.unwrap_or_else(|| plain(Operator::LtEq, high));
    let inside = binary(above, Operator::And, below);
    Ok(Some(if *negated { not(inside) } else { inside }))
}

/// A moment looked for among texts is a text, unless all are days of its own form.
pub(super) fn stored_list(list: &InList, schema: &DFSchema) -> Result<Option<Expr>> {
    let from = list.expr.get_type(schema)?;
    let types = list.list.iter().map(|value| value.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let is_mixed = (is_moment(&from) || is_text(&from))
        && types.iter().any(|other| *other != from && (is_moment(other) || is_text(other) && is_moment(&from)));
    if !is_mixed {
        return Ok(None);
    }
    let as_text = |value: &Expr, from: &DataType| stored_text(value.clone(), from).unwrap_or_else(|| value.clone());
    let own_form = match from {
        DataType::Date32 => Some(Form::Day),
        DataType::Timestamp(TimeUnit::Microsecond, None) => Some(Form::Second),
        _ => None,
    };
    let is_of_form = |value: &Expr| matches!(value, Expr::Literal(..)) && form_of(value) == own_form;
    if own_form.is_some() && list.list.iter().all(is_of_form) {
        let values = list.list.iter().map(|value| cast(value.clone(), from.clone())).collect();
        return Ok(Some(Expr::InList(InList::new(list.expr.clone(), values, list.negated))));
    }
    let values = list.list.iter().zip(&types).map(|(value, from)| as_text(value, from)).collect();
    Ok(Some(Expr::InList(InList::new(Box::new(as_text(&list.expr, &from)), values, list.negated))))
}

/// What is refused besides: what depends on the machine, told before anything is read.
pub(super) fn refuse_local_time(call: &ScalarFunction, refused: &mut Option<PlanError>) {
    if !call.name().starts_with("sqlite_") {
        return;
    }
    for argument in call.args.iter().skip(1) {
        if let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = argument
            && ["localtime", "utc"].iter().any(|word| text.eq_ignore_ascii_case(word))
            && matches!(
                call.name(),
                "sqlite_date"
                    | "sqlite_time"
                    | "sqlite_datetime"
                    | "sqlite_julianday"
                    | "sqlite_unixepoch"
                    | "sqlite_strftime"
            )
        {
            refused.get_or_insert(PlanError::Unsupported {
                construct: format!("the modifier `{text}`, which depends on the machine,"),
                hint: Some("leave it out: times across connections are those of UTC".to_owned()),
                location: None,
            });
        }
    }
}

/// The value as a text, for LIKE.
pub(super) fn texts_of(expr: Expr, schema: &DFSchema, rules: &Rules) -> Result<Expr> {
    if !rules.stores_texts {
        return Ok(expr);
    }
    let from = expr.get_type(schema)?;
    Ok(stored_text(expr.clone(), &from).unwrap_or(expr))
}

/// CASE whose results, or whose tests, SQLite compares or gives as texts.
pub(super) fn stored_case(case: &Case, schema: &DFSchema) -> Result<Option<Expr>> {
    let results: Vec<&Expr> =
        case.when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(case.else_expr.as_deref()).collect();
    let tests: Vec<&Expr> = match &case.expr {
        Some(tested) => case.when_then_expr.iter().map(|(when, _)| when.as_ref()).chain([tested.as_ref()]).collect(),
        None => Vec::new(),
    };
    let are_mixed = |values: &[&Expr]| -> Result<bool> {
        Ok(become_texts(&values.iter().map(|value| value.get_type(schema)).collect::<Result<Vec<_>>>()?))
    };
    let (results_mix, tests_mix) = (are_mixed(&results)?, are_mixed(&tests)?);
    if !results_mix && !tests_mix {
        return Ok(None);
    }
    let text = |value: &Expr, is_mixed: bool| match is_mixed {
        true => as_text(value.clone(), schema).map(Box::new),
        false => Ok(Box::new(value.clone())),
    };
    let branches =
        case.when_then_expr.iter().map(|(when, then)| Ok((text(when, tests_mix)?, text(then, results_mix)?)));
    let branches = branches.collect::<Result<Vec<_>>>()?;
    let tested = case.expr.as_deref().map(|tested| text(tested, tests_mix)).transpose()?;
    let otherwise = case.else_expr.as_deref().map(|otherwise| text(otherwise, results_mix)).transpose()?;
    Ok(Some(Expr::Case(Case::new(tested, branches, otherwise))))
}

fn as_text(value: Expr, schema: &DFSchema) -> Result<Expr> {
    let from = value.get_type(schema)?;
    Ok(stored_text(value.clone(), &from).unwrap_or(value))
}

/// `coalesce`, `max(a, b)`, `min(a, b)` and `nullif`, where some arguments are texts and some moments; the first three always,
/// since they stand for the engine's until now.
pub(super) fn stored_choice(call: &ScalarFunction, schema: &DFSchema) -> Result<Option<Expr>> {
    let types = call.args.iter().map(|value| value.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let is_mixed = become_texts(&types);
    if let ("nullif", true, [value, other]) = (call.name(), is_mixed, call.args.as_slice()) {
        let equal = binary(as_text(value.clone(), schema)?, Operator::Eq, as_text(other.clone(), schema)?);
        return when(equal, lit(ScalarValue::Null)).otherwise(value.clone()).map(Some);
    }
    let Some(function) =
        EITHER.iter().find(|(name, _)| *name == call.name()).and_then(|(_, name)| engine_function(name))
    else {
        return Ok(None);
    };
    let text = |value: &Expr| if is_mixed { as_text(value.clone(), schema) } else { Ok(value.clone()) };
    let arguments = call.args.iter().map(text).collect::<Result<Vec<_>>>()?;
    Ok(Some(Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments))))
}

/// The engine's own function of this name.
fn engine_function(name: &str) -> Option<Arc<ScalarUDF>> {
    match name {
        "coalesce" => Some(coalesce()),
        "greatest" => Some(greatest()),
        "least" => Some(least()),
        _ => None,
    }
}

/// A UNION whose columns are moments on one side and texts on another is of texts.
pub(super) fn stored_union(union: Union) -> Result<LogicalPlan> {
    let columns = union.schema.fields().len();
    let mixed: Vec<bool> = (0..columns)
        .map(|at| {
            let types: Vec<DataType> =
                union.inputs.iter().map(|input| input.schema().field(at).data_type().clone()).collect();
            become_texts(&types)
        })
        .collect();
    if !mixed.contains(&true) {
        return Ok(LogicalPlan::Union(union));
    }
    let inputs = union.inputs.iter().map(|input| {
        let written = input.schema().iter().zip(&mixed).map(|((qualifier, field), is_mixed)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            match stored_text(column.clone(), field.data_type()).filter(|_| *is_mixed) {
                Some(text) => text.alias_qualified(qualifier.cloned(), field.name()),
                None => column,
            }
        });
        Projection::try_new(written.collect(), Arc::clone(input)).map(|node| Arc::new(LogicalPlan::Projection(node)))
    });
    Union::try_new_with_loose_types(inputs.collect::<Result<Vec<_>>>()?).map(LogicalPlan::Union)
}
