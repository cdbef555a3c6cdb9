//! Sums, averages and deviations of exact numbers, exactly.

use super::operators::{binary, is_exact};
use super::rules::Rules;
use crate::error::PlanError;
use crate::functions::{
    AVERAGE, Deviation, DivisionRule, checked_sum, exact_deviation, exact_division, postgres_function,
};
use crate::syntax::CARRIER;
use arrow::datatypes::{DataType, i256};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, LogicalPlan, Operator, Projection, Window, WindowFunctionDefinition, cast, lit,
};
use std::sync::Arc;

/// Sums of fewer digits than these fit 128 bits within 10^10 rows.
const SAFE_DIGITS: u8 = 29;

/// Replaces `sum` and `avg` of exact numbers in an aggregate or window node; a projection above keeps the old names.
pub(super) fn rewrite_aggregates(node: LogicalPlan, rules: &Rules) -> Result<LogicalPlan> {
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

/// Refuses a deviation that is not computed exactly.
pub(super) fn refuse_deviation(
    call: &AggregateFunction,
    schema: &DFSchema,
    refused: &mut Option<PlanError>,
) -> Result<()> {
    let ([argument], Some(_)) = (call.params.args.as_slice(), Deviation::of(call.func.name())) else { return Ok(()) };
    let data_type = argument.get_type(schema)?;
    // Equal squares are not equal values.
    let (construct, hint) = if data_type == DataType::Decimal256(CARRIER.0, CARRIER.1) {
        ("numbers without a declared scale", "cast the argument to numeric(precision, scale)")
    } else if call.params.distinct && is_exact(&data_type) {
        ("distinct exact numbers", "make the values distinct in a CTE first")
    } else {
        return Ok(());
    };
    refused.get_or_insert(PlanError::Unsupported {
        construct: format!("{}() of {construct}", call.func.name()),
        hint: Some(hint.to_owned()),
        location: None,
    });
    Ok(())
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
                Some(ExactForm::WholeSum(sum)) => {
                    let sum = cast(rewrite.compute(sum), DataType::Int64);
                    rewrite.replaced.push((name, sum));
                }
                Some(ExactForm::NarrowedSum(sum, narrow)) => {
                    let sum = cast(rewrite.compute(sum), narrow);
                    rewrite.replaced.push((name, sum));
                }
                Some(ExactForm::Average { sum, narrow, count, rule }) => {
                    let sum = rewrite.compute(sum);
                    let sum = match narrow {
                        Some(narrow) => cast(sum, narrow),
                        None => sum,
                    };
                    let arguments = vec![sum, rewrite.compute(count)];
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
                Some(ExactForm::Span { sum, count }) => {
                    let Some(over) = postgres_function("interval_over") else {
                        return internal_err!("an interval cannot be divided");
                    };
                    let count = cast(rewrite.compute(count), DataType::Float64);
                    let arguments = vec![rewrite.compute(sum), count];
                    rewrite.replaced.push((name, Expr::ScalarFunction(ScalarFunction::new_udf(over, arguments))));
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
    /// A sum that has to fit 64 bits.
    WholeSum(Expr),
    /// A sum that has to fit this type.
    NarrowedSum(Expr, DataType),
    Average {
        sum: Expr,
        /// What the sum has to fit.
        narrow: Option<DataType>,
        count: Expr,
        rule: DivisionRule,
    },
    /// A double, of exact numbers with so many digits after the point.
    Mean {
        sum: Expr,
        count: Expr,
        scale: i8,
    },
    /// An average of intervals.
    Span {
        sum: Expr,
        count: Expr,
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
    // A 64-bit sum can overflow; narrower integers cannot within 2^32 rows. The engine's sums of decimals go round where they
    // leave 128 bits.
    let is_distinct = match expr {
        Expr::AggregateFunction(aggregate) => aggregate.params.distinct,
        Expr::WindowFunction(window) => window.params.distinct,
        _ => false,
    };
    let (exact_argument, sum, narrow) = match data_type {
        DataType::Int64 | DataType::UInt64 => (cast(argument.clone(), DataType::Decimal128(38, 0)), Which::Sum, None),
        DataType::Decimal128(precision @ SAFE_DIGITS.., scale) if is_distinct => {
            let wide = cast(argument.clone(), DataType::Decimal256(precision, scale));
            (wide, Which::Sum, Some(DataType::Decimal128(38, scale)))
        }
        DataType::Decimal128(SAFE_DIGITS.., _) => (argument.clone(), Which::CheckedSum, None),
        _ => (argument.clone(), Which::Sum, None),
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
        ("sum", _) if rules.stores_texts && matches!(data_type, DataType::Int64 | DataType::UInt64) => {
            Ok(Some(ExactForm::WholeSum(with_function(expr, Which::Sum, exact_argument))))
        }
        ("sum", _) if matches!(data_type, DataType::Int64 | DataType::UInt64) => {
            Ok(Some(ExactForm::Sum(with_function(expr, Which::Sum, exact_argument))))
        }
        ("sum", _) if let Some(narrow) = narrow => {
            Ok(Some(ExactForm::NarrowedSum(with_function(expr, Which::Sum, exact_argument), narrow)))
        }
        ("sum", _) if matches!(sum, Which::CheckedSum) => {
            Ok(Some(ExactForm::Sum(with_function(expr, sum, exact_argument))))
        }
        (AVERAGE, _) if matches!(data_type, DataType::Interval(_)) => Ok(Some(ExactForm::Span {
            sum: with_function(expr, Which::Sum, argument.clone()),
            count: with_function(expr, Which::Count, argument.clone()),
        })),
        ("avg", Some(rule)) if data_type.is_integer() || data_type.is_decimal() => Ok(Some(ExactForm::Average {
            sum: with_function(expr, sum, exact_argument),
            narrow,
            count: with_function(expr, Which::Count, argument.clone()),
            rule,
        })),
        ("avg", None) if rules.divides_as_float && is_exact(&data_type) => {
            let scale = match data_type {
                DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => scale,
                _ => 0,
            };
            Ok(Some(ExactForm::Mean {
                sum: with_function(expr, sum, exact_argument),
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
    /// A sum of 128 bits that is an error where it leaves them.
    CheckedSum,
    Count,
}

/// The same call (distinct, filter, window) of another aggregate.
fn with_function(expr: &Expr, which: Which, argument: Expr) -> Expr {
    let function = match which {
        Which::Sum => sum_udaf(),
        Which::CheckedSum => checked_sum(),
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
