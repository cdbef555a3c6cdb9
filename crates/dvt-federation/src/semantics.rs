//! The author's dialect has the last word on what an operator means; here the bound plan is brought to that meaning.
//!
//! Runs on the plan as bound, before types are coerced, so that every cast in it is the author's. What the engine would
//! compute differently is rewritten (division, averages, sums, dates, casts) or refused by name.

use crate::error::PlanError;
use crate::functions::{
    Deviation, DivisionRule, FunctionPack, IntegerWidth, NAMED, Rounding, checked_arithmetic, decimal_rounding,
    element, exact_deviation, exact_division, postgres_function, round_half_even, row_function,
};
use crate::provenance::has_declared_scale;
use crate::regex::{Asked, translate, translate_replacement};
use crate::subqueries::keep_nulls_of_in;
use crate::syntax::CARRIER;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, i256};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result, ScalarValue};
use datafusion::functions::core::expr_fn::nullif;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::binary::type_union_resolution;
use datafusion::logical_expr::expr::{
    AggregateFunction, AggregateFunctionParams, Cast, ScalarFunction, WindowFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, ExprFunctionExt, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator,
    Projection, Window, WindowFunctionDefinition, cast, lit, not, when,
};
use dvt_sql::Dialect;
use std::sync::Arc;

/// Rewrites the plan to the dialect's meaning. Output names stay; types may change.
pub(crate) fn apply_semantics(
    plan: LogicalPlan,
    dialect: &'static Dialect,
    functions: &FunctionPack,
) -> std::result::Result<LogicalPlan, PlanError> {
    let Some(mut rules) = Rules::of(dialect) else { return crate::strange_dialect::only_plain(plan, dialect) };
    // The rows of a recursive CTE have the types with which it was bound.
    rules.literals_are_narrow &= !is_recursive(&plan);
    let mut refused: Option<PlanError> = None;
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let node = node.recompute_schema()?;
        // First the node's own expressions: what follows moves them into other nodes, which are not visited again.
        let node = rewrite_expressions(node, &rules, &mut refused)?;
        let node = keep_nulls_of_in(lift_subqueries(first_of_each(node)?)?)?;
        let node = node.recompute_schema()?;
        Ok(Transformed::yes(rewrite_aggregates(node, &rules)?))
    });
    if let Some(refused) = refused {
        return Err(refused);
    }
    rewritten.map(|rewritten| rewritten.data).map_err(|error| crate::bind::explain(&error, dialect, functions, &[]))
}

fn is_recursive(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::RecursiveQuery(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || walked.is_err()
}

/// What an engine means by its operators, as data.
struct Rules {
    /// How exact numbers are divided; `None`: not by a rule of its own.
    division: Option<DivisionRule>,
    /// Exact numbers are divided as floats, and what remains of a division by zero is NULL.
    divides_as_float: bool,
    /// Dividing by zero gives NULL.
    division_by_zero_is_null: bool,
    /// `sum` of 64-bit integers and `avg` of integers are exact decimals.
    exact_aggregates: bool,
    /// `date - date` is a number of days, `date + 1` the next day, `date + interval` a timestamp.
    date_arithmetic: bool,
    /// `date + interval` is a date if the interval has no part of a day, else a timestamp.
    intervals_may_keep_dates: bool,
    /// Casting to an integer rounds.
    casts_round: bool,
    /// `||` joins text.
    concatenates: bool,
    /// Each exact number has a scale of its own, which shows when it becomes text; floats are rounded to even.
    values_have_scales: bool,
    /// How wide the sum of two integers is; one that does not fit is an error.
    integers: IntegerWidth,
    /// A whole number that fits 32 bits has 32 bits.
    literals_are_narrow: bool,
    /// LIKE takes ASCII letters of either case for equal.
    like_ignores_case: bool,
}

impl Rules {
    fn of(dialect: &Dialect) -> Option<Self> {
        match dialect.name {
            "postgres" => Some(Self {
                division: Some(DivisionRule::Postgres),
                divides_as_float: false,
                division_by_zero_is_null: false,
                exact_aggregates: true,
                date_arithmetic: true,
                intervals_may_keep_dates: false,
                casts_round: true,
                concatenates: true,
                values_have_scales: true,
                integers: IntegerWidth::OfTheSides,
                literals_are_narrow: true,
                like_ignores_case: false,
            }),
            "mysql" | "mariadb" => Some(Self {
                division: Some(DivisionRule::MySql),
                divides_as_float: false,
                division_by_zero_is_null: true,
                exact_aggregates: true,
                date_arithmetic: false,
                intervals_may_keep_dates: true,
                casts_round: true,
                concatenates: false,
                values_have_scales: false,
                integers: IntegerWidth::Whole,
                literals_are_narrow: false,
                like_ignores_case: false,
            }),
            "sqlite" => Some(Self {
                division: None,
                divides_as_float: false,
                division_by_zero_is_null: true,
                exact_aggregates: false,
                date_arithmetic: false,
                intervals_may_keep_dates: false,
                casts_round: false,
                concatenates: true,
                values_have_scales: false,
                integers: IntegerWidth::Whole,
                literals_are_narrow: false,
                like_ignores_case: true,
            }),
            "duckdb" => Some(Self {
                division: None,
                divides_as_float: true,
                division_by_zero_is_null: false,
                exact_aggregates: true,
                date_arithmetic: true,
                intervals_may_keep_dates: false,
                casts_round: true,
                concatenates: true,
                values_have_scales: false,
                integers: IntegerWidth::OfTheSides,
                literals_are_narrow: true,
                like_ignores_case: false,
            }),
            _ => None,
        }
    }
}

/// DISTINCT ON as the first row of each set of equal values: the engine's own form, aggregates of first values, fails for
/// constants and for conditions that are found to be false.
fn first_of_each(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Distinct(Distinct::On(on)) = node else { return Ok(node) };
    let order = on.sort_expr.unwrap_or_default();
    let place = Expr::WindowFunction(Box::new(WindowFunction::new(row_number_udwf(), Vec::new())))
        .partition_by(on.on_expr)
        .order_by(order.clone())
        .build()?;
    let name = Column::from_name(place.schema_name().to_string());
    let rows = LogicalPlanBuilder::from(on.input.as_ref().clone()).window(vec![place])?;
    let first = rows.filter(Expr::Column(name).eq(lit(1_u64)))?;
    let first = if order.is_empty() { first } else { first.sort(order)? };
    first.project(on.select_expr)?.build()
}

/// The engine looks for subqueries in WHERE, not in ON. In an inner join both are the same place; those of an outer join
/// are left to `unnest`.
fn lift_subqueries(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Join(mut join) = node else { return Ok(node) };
    let Some(filter) = join.filter.take() else { return Ok(LogicalPlan::Join(join)) };
    let has_subquery = |expr: &Expr| {
        expr.exists(|expr| {
            Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_)))
        })
    };
    let mut above = Vec::new();
    let mut kept = Vec::new();
    for condition in split_conjunction_owned(filter) {
        if has_subquery(&condition)? { above.push(condition) } else { kept.push(condition) }
    }
    join.filter = conjunction(kept);
    match conjunction(above) {
        None => Ok(LogicalPlan::Join(join)),
        Some(above) if join.join_type == JoinType::Inner => {
            LogicalPlanBuilder::from(LogicalPlan::Join(join)).filter(above)?.build()
        }
        Some(above) => {
            join.filter = conjunction(join.filter.into_iter().chain([above]));
            Ok(LogicalPlan::Join(join))
        }
    }
}

fn rewrite_expressions(node: LogicalPlan, rules: &Rules, refused: &mut Option<PlanError>) -> Result<LogicalPlan> {
    // A number of rows is no value of the dialect.
    if let LogicalPlan::Limit(_) = node {
        return Ok(node);
    }
    let inputs = node.inputs();
    let mut schema = merge_schema(&inputs);
    if let LogicalPlan::TableScan(_) = node {
        schema = node.schema().as_ref().clone();
    }
    let names = NamePreserver::new(&node);
    let inputs: Vec<LogicalPlan> = inputs.into_iter().cloned().collect();
    let rewritten = node.map_expressions(|expr| {
        let name = names.save(&expr);
        let expr = expr.transform_up(|expr| rewrite_expression(expr, &schema, &inputs, rules, refused))?;
        Ok(expr.update_data(|expr| name.restore(expr)))
    })?;
    match rewritten.data {
        // Its columns have the types of its values.
        LogicalPlan::Values(values) => {
            let plain = values.values.into_iter().map(|row| row.into_iter().map(Expr::unalias).collect()).collect();
            LogicalPlanBuilder::values(plain)?.build()
        }
        other => Ok(other),
    }
}

fn rewrite_expression(
    expr: Expr,
    schema: &DFSchema,
    inputs: &[LogicalPlan],
    rules: &Rules,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(mut binary) => {
            if binary.op == Operator::StringConcat && rules.concatenates {
                for side in [&mut binary.left, &mut binary.right] {
                    let data_type = side.get_type(schema)?;
                    match own_text(side.as_ref().clone(), &data_type, rules) {
                        Some(text) => **side = text,
                        None => refuse_own_form(side, &data_type, inputs, rules, refused),
                    }
                }
            }
            rewrite_operator(binary, schema, rules, refused)
        }
        Expr::Negative(inner) => {
            let data_type = inner.get_type(schema)?;
            match checked_arithmetic(Operator::Minus, rules.integers, &data_type, &data_type) {
                Some(checked) => {
                    let zero = cast(lit(0_i64), data_type);
                    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(checked, vec![zero, *inner]))))
                }
                None => Ok(Transformed::no(Expr::Negative(inner))),
            }
        }
        Expr::Cast(cast) => rewrite_cast(cast, schema, inputs, rules, refused),
        // `1e2` is read as a decimal of scale -2, which the engine's arithmetic does not expect.
        Expr::Literal(ScalarValue::Decimal128(Some(value), _, scale @ ..0), _) => {
            let factor = 10_i128.checked_pow(u32::from(scale.unsigned_abs()));
            match factor
                .and_then(|factor| value.checked_mul(factor))
                .filter(|value| value.unsigned_abs() < 10_u128.pow(38))
            {
                Some(value) => {
                    let digits = u8::try_from(value.unsigned_abs().to_string().len()).unwrap_or(38);
                    Ok(Transformed::yes(lit(ScalarValue::Decimal128(Some(value), digits, 0))))
                }
                None => {
                    refused.get_or_insert(PlanError::Unsupported {
                        construct: "a number of more than 38 digits".to_owned(),
                        hint: Some("cast it to double precision, if its digits do not count".to_owned()),
                        location: None,
                    });
                    Ok(Transformed::no(lit(ScalarValue::Decimal128(Some(value), 38, 0))))
                }
            }
        }
        Expr::Literal(ScalarValue::Int64(Some(number)), metadata) if rules.literals_are_narrow => {
            Ok(match i32::try_from(number) {
                Ok(narrow) => Transformed::yes(Expr::Literal(ScalarValue::Int32(Some(narrow)), metadata)),
                Err(_) => Transformed::no(Expr::Literal(ScalarValue::Int64(Some(number)), metadata)),
            })
        }
        Expr::AggregateFunction(call) => {
            if rules.values_have_scales
                && Deviation::of(call.func.name()).is_some()
                && let [argument] = call.params.args.as_slice()
            {
                let data_type = argument.get_type(schema)?;
                // Equal squares are not equal values.
                let (construct, hint) = if data_type == DataType::Decimal256(CARRIER.0, CARRIER.1) {
                    ("numbers without a declared scale", "cast the argument to numeric(precision, scale)")
                } else {
                    ("distinct exact numbers", "make the values distinct in a CTE first")
                };
                if construct.starts_with("numbers") || call.params.distinct && is_exact(&data_type) {
                    refused.get_or_insert(PlanError::Unsupported {
                        construct: format!("{}() of {construct}", call.func.name()),
                        hint: Some(hint.to_owned()),
                        location: None,
                    });
                }
            }
            Ok(Transformed::no(Expr::AggregateFunction(call)))
        }
        Expr::ScalarFunction(call) => rewrite_function(call, schema, inputs, rules, refused),
        // The value and what stands for it are of one type; the engine would bring the one to the other's.
        Expr::WindowFunction(mut window)
            if matches!(window.fun.name(), "lag" | "lead") && window.params.args.len() == 3 =>
        {
            let args = &mut window.params.args;
            let types = [args[0].get_type(schema)?, args[2].get_type(schema)?];
            if let Some(both) = (types[0] != types[1]).then(|| type_union_resolution(&types)).flatten() {
                for at in [0, 2] {
                    let value = std::mem::replace(&mut args[at], lit(true));
                    args[at] = cast(value, both.clone());
                }
                return Ok(Transformed::yes(Expr::WindowFunction(window)));
            }
            Ok(Transformed::no(Expr::WindowFunction(window)))
        }
        Expr::Like(mut like) if rules.like_ignores_case && !like.case_insensitive => {
            let Some(lower) = row_function("sqlite_lower") else { return Ok(Transformed::no(Expr::Like(like))) };
            for side in [&mut like.expr, &mut like.pattern] {
                let written = std::mem::replace(side.as_mut(), lit(true));
                **side = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&lower), vec![written]));
            }
            Ok(Transformed::yes(Expr::Like(like)))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn rewrite_operator(
    BinaryExpr { left, op, right }: BinaryExpr,
    schema: &DFSchema,
    rules: &Rules,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
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
            // A month is as long as 30 days, a day as 24 hours.
            let Some(order) = postgres_function("interval_order") else {
                return Ok(Transformed::no(binary(*left, op, *right)));
            };
            let length = |expr: Expr| Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&order), vec![expr]));
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

fn constant_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text),
        _ => None,
    }
}

fn refuse_pattern(function: &str, refused: &mut Option<PlanError>) {
    refused.get_or_insert(PlanError::Unsupported {
        construct: format!("{function} with this regular expression, of which engines find different matches,"),
        hint: Some(
            "use a constant pattern of characters, classes, groups and greedy repetition, or match it in a model on one \
             connection"
                .to_owned(),
        ),
        location: None,
    });
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn shifted_date(date: Expr, op: Operator, days: Expr) -> Expr {
    cast(binary(cast(date, DataType::Int32), op, cast(days, DataType::Int32)), DataType::Date32)
}

fn is_exact(data_type: &DataType) -> bool {
    data_type.is_decimal() || data_type.is_integer()
}

/// Whether both sides are exact numbers that the rule divides; PostgreSQL divides two integers as integers.
fn divides_exactly(rule: DivisionRule, left: &DataType, right: &DataType) -> bool {
    let both_integers = left.is_integer() && right.is_integer();
    is_exact(left) && is_exact(right) && (rule == DivisionRule::MySql || !both_integers)
}

fn rewrite_cast(
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

/// The value as the text that PostgreSQL makes of it, where the engine's own differs.
fn own_text(expr: Expr, from: &DataType, rules: &Rules) -> Option<Expr> {
    let is_known = matches!(from, DataType::Float64 | DataType::Timestamp(_, None) | DataType::Interval(_));
    let function = (is_known && rules.values_have_scales).then(|| postgres_function("postgres_text"))??;
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![expr])))
}

/// Refuses to make text of a value whose form each engine chooses.
fn refuse_own_form(
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

/// Functions of the engine whose result is another than PostgreSQL's.
fn rewrite_function(
    mut call: ScalarFunction,
    schema: &DFSchema,
    inputs: &[LogicalPlan],
    rules: &Rules,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    if matches!(call.name(), "concat" | "concat_ws") {
        let name = call.name().to_owned();
        for argument in &mut call.args {
            let data_type = argument.get_type(schema)?;
            if let Some(text) = own_text(argument.clone(), &data_type, rules) {
                *argument = text;
                continue;
            }
            refuse_own_form(argument, &data_type, inputs, rules, refused);
            // PostgreSQL's concat writes `t`, the engine's `true`.
            if data_type == DataType::Boolean && rules.values_have_scales {
                let value = argument.clone();
                *argument = when(value.clone(), lit("t")).when(not(value), lit("f")).end()?;
            } else if data_type == DataType::Boolean {
                refused.get_or_insert(PlanError::Unsupported {
                    construct: format!("{name}() of a boolean"),
                    hint: Some("cast it to text first".to_owned()),
                    location: None,
                });
            }
        }
    }
    if call.name() == NAMED && !call.args.is_empty() {
        return Ok(Transformed::yes(call.args.swap_remove(0)));
    }
    if call.name() == "array_element" && rules.values_have_scales {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(element(), call.args))));
    }
    if call.name() == "regexp_match" && rules.values_have_scales {
        let flags = call.args.get(2).map_or(Some(""), constant_text).filter(|flags| matches!(*flags, "" | "i"));
        let pattern = call.args.get(1).and_then(constant_text).and_then(|text| translate(text, Asked::Match));
        // A group that takes no part would be left out of the list.
        let has_loose_group = |pattern: &String| [")?", ")*", "){"].iter().any(|end| pattern.contains(end));
        return Ok(match (pattern.filter(|pattern| !has_loose_group(pattern)), flags) {
            (Some(pattern), Some(_)) => {
                call.args[1] = lit(pattern);
                Transformed::yes(Expr::ScalarFunction(call))
            }
            _ => {
                refuse_pattern("a match", refused);
                Transformed::no(Expr::ScalarFunction(call))
            }
        });
    }
    if call.name() == "regexp_replace" && rules.values_have_scales {
        let flags = call
            .args
            .get(3)
            .map_or(Some(""), constant_text)
            .filter(|flags| flags.chars().all(|flag| matches!(flag, 'g' | 'i')));
        let pattern = call.args.get(1).and_then(constant_text).and_then(|text| translate(text, Asked::Match));
        let replacement = call.args.get(2).and_then(constant_text).and_then(translate_replacement);
        return Ok(match (pattern, replacement, flags) {
            (Some(pattern), Some(replacement), Some(_)) => {
                call.args[1] = lit(pattern);
                call.args[2] = lit(replacement);
                Transformed::yes(Expr::ScalarFunction(call))
            }
            _ => {
                refuse_pattern("regexp_replace()", refused);
                Transformed::no(Expr::ScalarFunction(call))
            }
        });
    }
    if rules.integers == IntegerWidth::Whole
        && let Some(whole) = of_whole_numbers(&call, schema, rules)?
    {
        return Ok(Transformed::yes(whole));
    }
    if call.name() == "generate_series" && rules.values_have_scales {
        return series_of(call, schema).map(Transformed::yes);
    }
    // Places and lengths are integers there.
    if rules.values_have_scales && matches!(call.name(), "cardinality" | "array_length" | "array_position") {
        return Ok(Transformed::yes(cast(Expr::ScalarFunction(call), DataType::Int32)));
    }
    // What the planner makes of EXTRACT, which is a number with digits after the point in PostgreSQL.
    if call.name() == "date_part"
        && rules.divides_as_float
        && let Some(field) = row_function("duckdb_date_part")
    {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(field, call.args))));
    }
    // A whole number stays one where digits are cut off; where it is rounded up or down it is a double.
    if rules.divides_as_float
        && matches!(call.name(), "round" | "trunc" | "ceil" | "floor")
        && let [argument, digits @ ..] = call.args.as_slice()
        && argument.get_type(schema)?.is_integer()
    {
        let is_fraction = digits.iter().all(|digits| matches!(digits, Expr::Literal(ScalarValue::Int32(Some(0..)), _)));
        return Ok(match call.name() {
            "ceil" | "floor" => Transformed::yes(cast(argument.clone(), DataType::Float64)),
            _ if is_fraction => Transformed::yes(argument.clone()),
            name => {
                refused.get_or_insert(PlanError::Unsupported {
                    construct: format!("{name}() of a whole number to places before the point"),
                    hint: Some("cast the number to double first".to_owned()),
                    location: None,
                });
                Transformed::no(Expr::ScalarFunction(call))
            }
        });
    }
    if call.name() == "date_part"
        && rules.values_have_scales
        && let Some(extract) = postgres_function("postgres_extract")
    {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(extract, call.args))));
    }
    if let ("trunc", true, [number, Expr::Literal(digits, _)]) =
        (call.name(), rules.integers == IntegerWidth::Whole, call.args.as_slice())
        && number.get_type(schema)?.is_integer()
        && let ScalarValue::Int64(Some(digits)) = digits.cast_to(&DataType::Int64)?
    {
        // Digits before the point become zeros; all that an integer has after it are.
        let whole = cast(number.clone(), DataType::Int64);
        let power = u32::try_from(-digits).ok().map(|power| 10_i64.checked_pow(power));
        return Ok(Transformed::yes(match power {
            None | Some(Some(1)) => whole,
            Some(Some(power)) => binary(binary(whole, Operator::Divide, lit(power)), Operator::Multiply, lit(power)),
            Some(None) => lit(0_i64),
        }));
    }
    if let Some(rounding) = Rounding::of(call.name())
        && let [argument, digits @ ..] = call.args.as_slice()
        && argument.get_type(schema)?.is_decimal()
    {
        let digits = match digits.first() {
            Some(Expr::Literal(ScalarValue::Int32(Some(digits)), _)) => lit(i64::from(*digits)),
            Some(digits) => digits.clone(),
            None => lit(0_i64),
        };
        let arguments = vec![argument.clone(), digits];
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
            decimal_rounding(rounding),
            arguments,
        ))));
    }
    if let ("round", [argument]) = (call.name(), call.args.as_slice())
        && rules.values_have_scales
        && argument.get_type(schema)?.is_floating()
    {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(round_half_even(), call.args))));
    }
    Ok(Transformed::no(Expr::ScalarFunction(call)))
}

/// What gives a 64-bit integer in MySQL and SQLite, where the engine keeps the type of the argument.
fn of_whole_numbers(call: &ScalarFunction, schema: &DFSchema, rules: &Rules) -> Result<Option<Expr>> {
    let [argument] = call.args.as_slice() else { return Ok(None) };
    let data_type = argument.get_type(schema)?;
    let again = |argument: Expr| Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), vec![argument]));
    let is_mysql = rules.division == Some(DivisionRule::MySql);
    Ok(match (call.name(), &data_type) {
        ("abs", data_type) if data_type.is_integer() && *data_type != DataType::Int64 => {
            Some(again(cast(argument.clone(), DataType::Int64)))
        }
        ("signum", _) => Some(cast(again(argument.clone()), DataType::Int64)),
        ("round", data_type) if is_mysql && data_type.is_floating() => {
            Some(Expr::ScalarFunction(ScalarFunction::new_udf(round_half_even(), vec![argument.clone()])))
        }
        ("ceil" | "floor", DataType::Decimal128(precision, scale))
            if is_mysql && i16::from(*precision) - i16::from(*scale) <= 18 =>
        {
            let rounding = if call.name() == "ceil" { Rounding::Up } else { Rounding::Down };
            let rounded = ScalarFunction::new_udf(decimal_rounding(rounding), vec![argument.clone(), lit(0_i64)]);
            Some(cast(Expr::ScalarFunction(rounded), DataType::Int64))
        }
        _ => None,
    })
}

/// A series has the type of its ends; one of dates is of instants, midnight of the session's zone.
fn series_of(mut call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let types = call.args.iter().map(|argument| argument.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let zone = match types.first() {
        Some(DataType::Date32) => Some(Arc::from("UTC")),
        Some(DataType::Timestamp(_, zone)) => zone.as_ref().map(|_| Arc::from("UTC")),
        _ if types.iter().all(|data_type| matches!(data_type, DataType::Int16 | DataType::Int32)) => {
            let item = Field::new_list_field(DataType::Int32, true);
            return Ok(cast(Expr::ScalarFunction(call), DataType::List(Arc::new(item))));
        }
        _ => return Ok(Expr::ScalarFunction(call)),
    };
    for end in call.args.iter_mut().take(2) {
        let written = std::mem::replace(end, lit(true));
        *end = cast(written, DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()));
    }
    let item = Field::new_list_field(DataType::Timestamp(TimeUnit::Microsecond, zone), true);
    Ok(cast(Expr::ScalarFunction(call), DataType::List(Arc::new(item))))
}

/// Replaces `sum` and `avg` of exact numbers in an aggregate or window node; a projection above keeps the old names.
fn rewrite_aggregates(node: LogicalPlan, rules: &Rules) -> Result<LogicalPlan> {
    if !rules.exact_aggregates {
        return Ok(node);
    }
    match node {
        LogicalPlan::Aggregate(aggregate) => {
            let schema = Arc::clone(aggregate.input.schema());
            let Some(rewrite) = Rewrite::of(&aggregate.aggr_expr, &schema, rules)? else {
                return Ok(LogicalPlan::Aggregate(aggregate));
            };
            let inner = Aggregate::try_new(aggregate.input, aggregate.group_expr, rewrite.computed)?;
            project(LogicalPlan::Aggregate(inner), &aggregate.schema, &rewrite.replaced)
        }
        LogicalPlan::Window(window) => {
            let schema = Arc::clone(window.input.schema());
            let Some(rewrite) = Rewrite::of(&window.window_expr, &schema, rules)? else {
                return Ok(LogicalPlan::Window(window));
            };
            let inner = Window::try_new(rewrite.computed, window.input)?;
            project(LogicalPlan::Window(inner), &window.schema, &rewrite.replaced)
        }
        other => Ok(other),
    }
}

/// What a node computes now, and how each replaced output is made from that.
struct Rewrite {
    computed: Vec<Expr>,
    replaced: Vec<(String, Expr)>,
}

impl Rewrite {
    fn of(exprs: &[Expr], schema: &DFSchema, rules: &Rules) -> Result<Option<Self>> {
        let mut rewrite = Self { computed: Vec::new(), replaced: Vec::new() };
        for expr in exprs {
            let name = expr.schema_name().to_string();
            match exact_form(expr, schema, rules)? {
                Some(ExactForm::Sum(sum)) => {
                    let sum = rewrite.compute(sum);
                    rewrite.replaced.push((name, sum));
                }
                Some(ExactForm::Average { sum, count, rule }) => {
                    let arguments = vec![rewrite.compute(sum), rewrite.compute(count)];
                    let quotient = Expr::ScalarFunction(ScalarFunction::new_udf(exact_division(rule), arguments));
                    rewrite.replaced.push((name, quotient));
                }
                Some(ExactForm::Mean { sum, count, scale }) => {
                    // Both are doubles before they are divided, the sum without its point.
                    let shift = lit(10_f64.powi(i32::from(scale)));
                    let power = i256::from_i128(10).checked_pow(u32::from(scale.unsigned_abs())).unwrap_or(i256::ONE);
                    let whole = ScalarValue::Decimal256(Some(power), 76, 0);
                    let sum = cast(rewrite.compute(sum), DataType::Decimal256(76, scale));
                    let sum = cast(binary(sum, Operator::Multiply, lit(whole)), DataType::Decimal256(76, 0));
                    let count = binary(cast(rewrite.compute(count), DataType::Float64), Operator::Multiply, shift);
                    rewrite.replaced.push((name, binary(cast(sum, DataType::Float64), Operator::Divide, count)));
                }
                Some(ExactForm::Deviation { count, sum, squares, deviation }) => {
                    let arguments = vec![rewrite.compute(count), rewrite.compute(sum), rewrite.compute(squares)];
                    let value = Expr::ScalarFunction(ScalarFunction::new_udf(exact_deviation(deviation), arguments));
                    rewrite.replaced.push((name, value));
                }
                None => {
                    let column = rewrite.compute(expr.clone());
                    if column != Expr::Column(Column::new_unqualified(name.clone())) {
                        rewrite.replaced.push((name, column));
                    }
                }
            }
        }
        Ok((!rewrite.replaced.is_empty()).then_some(rewrite))
    }

    /// Adds the expression once; gives the column it comes out as.
    fn compute(&mut self, expr: Expr) -> Expr {
        let plain = |expr: &Expr| match expr {
            Expr::Alias(alias) => alias.expr.as_ref().clone(),
            other => other.clone(),
        };
        let mut name = expr.schema_name().to_string();
        match self.computed.iter().find(|known| **known == expr || plain(known) == expr) {
            Some(known) => name = known.schema_name().to_string(),
            // A cast has no part in a name.
            None if self.computed.iter().any(|other| other.schema_name().to_string() == name) => {
                name = format!("{name} {}", self.computed.len());
                self.computed.push(expr.alias(&name));
            }
            None => self.computed.push(expr),
        }
        Expr::Column(Column::new_unqualified(name))
    }
}

enum ExactForm {
    Sum(Expr),
    Average {
        sum: Expr,
        count: Expr,
        rule: DivisionRule,
    },
    /// A double, of exact numbers with so many digits after the point.
    Mean {
        sum: Expr,
        count: Expr,
        scale: i8,
    },
    Deviation {
        count: Expr,
        sum: Expr,
        squares: Expr,
        deviation: Deviation,
    },
}

/// The exact form of `sum` or `avg` over exact numbers, `None` when the engine's own is right.
fn exact_form(expr: &Expr, schema: &DFSchema, rules: &Rules) -> Result<Option<ExactForm>> {
    // A call whose argument was rewritten has its old name as an alias.
    let expr = match expr {
        Expr::Alias(alias) => alias.expr.as_ref(),
        other => other,
    };
    let (function, arguments) = match expr {
        Expr::AggregateFunction(aggregate) => (aggregate.func.name(), &aggregate.params.args),
        Expr::WindowFunction(window) => match &window.fun {
            WindowFunctionDefinition::AggregateUDF(function) => (function.name(), &window.params.args),
            WindowFunctionDefinition::WindowUDF(_) => return Ok(None),
        },
        _ => return Ok(None),
    };
    let [argument] = arguments.as_slice() else { return Ok(None) };
    let data_type = argument.get_type(schema)?;
    // A 64-bit sum can overflow; narrower integers cannot within 2^32 rows.
    let exact_argument = if matches!(data_type, DataType::Int64 | DataType::UInt64) {
        cast(argument.clone(), DataType::Decimal128(38, 0))
    } else {
        argument.clone()
    };
    if rules.values_have_scales
        && is_exact(&data_type)
        && let Some(deviation) = Deviation::of(function)
    {
        let scale = match data_type {
            DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => scale,
            _ => 0,
        };
        let wide = cast(argument.clone(), DataType::Decimal256(76, scale));
        let squares = binary(wide.clone(), Operator::Multiply, wide.clone());
        return Ok(Some(ExactForm::Deviation {
            count: with_function(expr, Which::Count, argument.clone()),
            sum: with_function(expr, Which::Sum, wide),
            squares: with_function(expr, Which::Sum, squares),
            deviation,
        }));
    }
    match (function, rules.division) {
        ("sum", _) if matches!(data_type, DataType::Int64 | DataType::UInt64) => {
            Ok(Some(ExactForm::Sum(with_function(expr, Which::Sum, exact_argument))))
        }
        ("avg", Some(rule)) if data_type.is_integer() || data_type.is_decimal() => Ok(Some(ExactForm::Average {
            sum: with_function(expr, Which::Sum, exact_argument),
            count: with_function(expr, Which::Count, argument.clone()),
            rule,
        })),
        ("avg", None) if rules.divides_as_float && is_exact(&data_type) => {
            let scale = match data_type {
                DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => scale,
                _ => 0,
            };
            Ok(Some(ExactForm::Mean {
                sum: with_function(expr, Which::Sum, exact_argument),
                count: with_function(expr, Which::Count, argument.clone()),
                scale,
            }))
        }
        _ => Ok(None),
    }
}

#[derive(Clone, Copy)]
enum Which {
    Sum,
    Count,
}

/// The same call (distinct, filter, window) of another aggregate.
fn with_function(expr: &Expr, which: Which, argument: Expr) -> Expr {
    let function = match which {
        Which::Sum => sum_udaf(),
        Which::Count => count_udaf(),
    };
    match expr {
        Expr::AggregateFunction(aggregate) => Expr::AggregateFunction(AggregateFunction {
            func: function,
            params: AggregateFunctionParams { args: vec![argument], ..aggregate.params.clone() },
        }),
        Expr::WindowFunction(window) => {
            let mut window: WindowFunction = (**window).clone();
            window.fun = WindowFunctionDefinition::AggregateUDF(function);
            window.params.args = vec![argument];
            Expr::WindowFunction(Box::new(window))
        }
        other => other.clone(),
    }
}

/// A projection over `inner` that gives the columns of `wanted`: the replaced ones computed, the others as they are.
fn project(inner: LogicalPlan, wanted: &DFSchema, replaced: &[(String, Expr)]) -> Result<LogicalPlan> {
    let exprs = wanted
        .iter()
        // Which set a row is for is asked by grouping(), not by name.
        .filter(|(_, field)| field.name() != Aggregate::INTERNAL_GROUPING_ID)
        .map(|(qualifier, field)| match replaced.iter().find(|(name, _)| qualifier.is_none() && name == field.name()) {
            Some((name, expr)) => expr.clone().alias(name),
            None => Expr::Column(Column::from((qualifier, field))),
        })
        .collect();
    Projection::try_new(exprs, Arc::new(inner)).map(LogicalPlan::Projection)
}
