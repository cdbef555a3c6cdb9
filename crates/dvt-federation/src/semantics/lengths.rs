//! Intervals as keys and in comparisons: a month is as long as 30 days and a day as 24 hours, so `1 month` and `30 days` are
//! one value to ORDER BY, GROUP BY, DISTINCT and joins. The engine compares their parts instead.

use crate::error::PlanError;
use crate::functions::postgres_function;
use crate::interval::read_interval;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{
    AggregateFunction, Alias, Between, Case, InList, InSubquery, ScalarFunction, SetComparison, Sort, WindowFunction,
};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Join, LogicalPlan, Projection, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition, when,
};
use std::sync::Arc;

/// How long the interval is, as a number that orders and equates as intervals do; a text beside intervals is one.
pub(super) fn length(interval: Expr) -> Expr {
    let interval = read_interval(interval);
    if matches!(interval, Expr::Literal(ScalarValue::Utf8(_), _)) {
        return interval;
    }
    match postgres_function("interval_order") {
        Some(order) => Expr::ScalarFunction(ScalarFunction::new_udf(order, vec![interval])),
        None => interval,
    }
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(matches!(expr.get_type(schema)?, DataType::Interval(_)))
}

/// Whether an average's argument is an interval.
pub(super) fn averages_intervals(arguments: &[Expr], schema: &DFSchema) -> Result<bool> {
    arguments.first().map_or(Ok(false), |argument| is_interval(argument, schema))
}

fn refuse(construct: String, refused: &mut Option<PlanError>) {
    refused.get_or_insert(PlanError::Unsupported {
        construct,
        hint: Some("compute with extract(epoch from …) instead".to_owned()),
        location: None,
    });
}

/// Comparisons that are written without an operator, and calls that compare their arguments.
pub(super) fn compare_lengths(
    expr: Expr,
    schema: &DFSchema,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    let compared = match &expr {
        Expr::InList(InList { expr: value, .. })
        | Expr::Between(Between { expr: value, .. })
        | Expr::InSubquery(InSubquery { expr: value, .. })
        | Expr::SetComparison(SetComparison { expr: value, .. })
        | Expr::Case(Case { expr: Some(value), .. }) => Some(value.as_ref()),
        Expr::ScalarFunction(call) if matches!(call.name(), "greatest" | "least" | "nullif") => call.args.first(),
        Expr::AggregateFunction(_) | Expr::WindowFunction(_) => None,
        _ => return Ok(Transformed::no(expr)),
    };
    if let Some(compared) = compared
        && !is_interval(compared, schema)?
    {
        return Ok(Transformed::no(expr));
    }
    Ok(Transformed::yes(match expr {
        Expr::InList(list) => Expr::InList(InList {
            expr: Box::new(length(*list.expr)),
            list: list.list.into_iter().map(length).collect(),
            negated: list.negated,
        }),
        Expr::Between(between) => Expr::Between(Between {
            expr: Box::new(length(*between.expr)),
            negated: between.negated,
            low: Box::new(length(*between.low)),
            high: Box::new(length(*between.high)),
        }),
        Expr::Case(mut case) => {
            case.expr = case.expr.map(|value| Box::new(length(*value)));
            for (value, _) in &mut case.when_then_expr {
                **value = length(std::mem::take(value.as_mut()));
            }
            Expr::Case(case)
        }
        Expr::InSubquery(_) | Expr::SetComparison(_) => {
            refuse("a comparison of an interval with the rows of a subquery".to_owned(), refused);
            expr
        }
        Expr::ScalarFunction(call) => chosen(call, schema)?,
        Expr::AggregateFunction(call) => return aggregate(call, schema, refused),
        Expr::WindowFunction(window) => return over(window, schema, refused),
        other => other,
    }))
}

/// `greatest`, `least` and `nullif` in words that compare.
fn chosen(call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let name = call.name().to_owned();
    for argument in &call.args {
        if !is_interval(argument, schema)? && !argument.get_type(schema)?.is_null() {
            return Ok(Expr::ScalarFunction(call));
        }
    }
    let mut arguments = call.args.into_iter();
    let Some(mut best) = arguments.next() else {
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(call.func, vec![])));
    };
    for other in arguments {
        let (one, two) = (length(best.clone()), length(other.clone()));
        best = match name.as_str() {
            "nullif" => when(one.not_eq(two).is_not_false(), best).end()?,
            "greatest" => when(best.clone().is_null().or(two.gt(one)), other).otherwise(best)?,
            _ => when(best.clone().is_null().or(two.lt(one)), other).otherwise(best)?,
        };
    }
    Ok(best)
}

fn aggregate(
    mut call: AggregateFunction,
    schema: &DFSchema,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    let mut is_new = by_length(&mut call.params.order_by, schema)?;
    let Some(argument) = call.params.args.first() else { return Ok(Transformed::no(Expr::AggregateFunction(call))) };
    if !is_interval(argument, schema)? {
        return Ok(Transformed::new_transformed(Expr::AggregateFunction(call), is_new));
    }
    let name = call.func.name().to_owned();
    match name.as_str() {
        "min" | "max" => {
            let value = argument.clone();
            let has_value = value.clone().is_not_null();
            call.func = first_value_udaf();
            call.params.distinct = false;
            call.params.order_by = vec![Sort::new(length(value), name == "min", false)];
            call.params.filter = Some(Box::new(match call.params.filter.take() {
                Some(filter) => filter.and(has_value),
                None => has_value,
            }));
            is_new = true;
        }
        "count" if call.params.distinct => {
            call.params.args = call.params.args.into_iter().map(length).collect();
            is_new = true;
        }
        name if call.params.distinct || name.contains("percentile") || name.contains("mode") => {
            refuse(format!("{}() of intervals, as it is asked here,", name.trim_start_matches("postgres_")), refused);
        }
        _ => {}
    }
    Ok(Transformed::new_transformed(Expr::AggregateFunction(call), is_new))
}

fn over(
    mut window: Box<WindowFunction>,
    schema: &DFSchema,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    let params = &mut window.params;
    let mut is_new = false;
    for key in &mut params.partition_by {
        if is_interval(key, schema)? {
            *key = length(std::mem::take(key));
            is_new = true;
        }
    }
    let is_distance = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(distance) | WindowFrameBound::Following(distance) => !distance.is_null(),
        WindowFrameBound::CurrentRow => false,
    };
    let frame = &params.window_frame;
    let by_distance =
        frame.units == WindowFrameUnits::Range && (is_distance(&frame.start_bound) || is_distance(&frame.end_bound));
    if by_length(&mut params.order_by, schema)? {
        is_new = true;
        if by_distance {
            refuse("a frame by the distance of intervals".to_owned(), refused);
        }
    }
    if let WindowFunctionDefinition::AggregateUDF(function) = &window.fun
        && matches!(function.name(), "min" | "max")
        && let Some(argument) = window.params.args.first()
        && is_interval(argument, schema)?
    {
        refuse(format!("{}() of intervals over a window", function.name()), refused);
    }
    Ok(Transformed::new_transformed(Expr::WindowFunction(window), is_new))
}

/// Whether a key was an interval.
fn by_length(keys: &mut [Sort], schema: &DFSchema) -> Result<bool> {
    let mut is_new = false;
    for key in keys {
        if is_interval(&key.expr, schema)? {
            key.expr = length(std::mem::take(&mut key.expr));
            is_new = true;
        }
    }
    Ok(is_new)
}

/// Nodes whose rows are put in order, together or beside each other by intervals.
pub(super) fn equate_lengths(node: LogicalPlan, refused: &mut Option<PlanError>) -> Result<LogicalPlan> {
    match node {
        LogicalPlan::Sort(mut sort) => {
            by_length(&mut sort.expr, &Arc::clone(sort.input.schema()))?;
            Ok(LogicalPlan::Sort(sort))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            if !input.schema().fields().iter().any(|field| matches!(field.data_type(), DataType::Interval(_))) {
                return Ok(LogicalPlan::Distinct(Distinct::All(input)));
            }
            let columns = input.schema().columns().into_iter().map(Expr::Column).collect();
            grouped(Aggregate::try_new(input, columns, Vec::new())?, refused)
        }
        LogicalPlan::Aggregate(aggregate) => grouped(aggregate, refused),
        LogicalPlan::Projection(mut projection) if matches!(*projection.input, LogicalPlan::Aggregate(_)) => {
            projection.input = Arc::new(equate_lengths(Arc::unwrap_or_clone(projection.input), refused)?);
            Ok(LogicalPlan::Projection(projection))
        }
        LogicalPlan::Join(mut join) => {
            if equate_joined(&mut join)? {
                LogicalPlan::Join(join).recompute_schema()
            } else {
                Ok(LogicalPlan::Join(join))
            }
        }
        other => Ok(other),
    }
}

fn equate_joined(join: &mut Join) -> Result<bool> {
    let mut is_new = false;
    for (left, right) in &mut join.on {
        if is_interval(left, join.left.schema())? && is_interval(right, join.right.schema())? {
            *left = length(std::mem::take(left));
            *right = length(std::mem::take(right));
            is_new = true;
        }
    }
    Ok(is_new)
}

/// Groups by lengths; the interval that stands for a group is the first of its rows.
fn grouped(aggregate: Aggregate, refused: &mut Option<PlanError>) -> Result<LogicalPlan> {
    let schema = Arc::clone(aggregate.input.schema());
    let mut keys = aggregate.group_expr.clone();
    let mut values = aggregate.aggr_expr.clone();
    let mut firsts = Vec::new();
    for (at, key) in keys.iter_mut().enumerate() {
        if let Expr::GroupingSet(sets) = key {
            for key in sets.distinct_expr() {
                if is_interval(key, &schema)? {
                    refuse("intervals in GROUPING SETS, CUBE or ROLLUP".to_owned(), refused);
                }
            }
        } else if is_interval(key, &schema)? {
            let value = std::mem::take(key).unalias();
            *key = length(value.clone()).alias(format!("dvt_length_{at}"));
            let name = format!("dvt_first_{at}");
            let first = Expr::AggregateFunction(AggregateFunction::new_udf(
                first_value_udaf(),
                vec![value],
                false,
                None,
                Vec::new(),
                None,
            ));
            values.push(first.alias(&name));
            firsts.push((at, name));
        }
    }
    if firsts.is_empty() {
        return Ok(LogicalPlan::Aggregate(aggregate));
    }
    let wanted = Arc::clone(&aggregate.schema);
    let together = Aggregate::try_new(aggregate.input, keys, values)?;
    let columns = wanted
        .iter()
        .zip(together.schema.columns())
        .enumerate()
        .map(|(at, ((qualifier, field), own))| match firsts.iter().find(|(place, _)| *place == at) {
            Some((_, first)) => {
                let first = Expr::Column(Column::from_name(first));
                Expr::Alias(Alias::new(first, qualifier.cloned(), field.name().clone()))
            }
            None => Expr::Column(own),
        })
        .collect();
    Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(together))).map(LogicalPlan::Projection)
}
