//! Aggregates that Spark has with the same meaning.

use super::expressions::Scope;
use super::{Writer, Written};
use crate::spark::types::{Held, held, spark_type};
use arrow::datatypes::DataType;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use dvt_spark::SparkFailure;

impl Scope<'_> {
    /// One aggregate of a GROUP BY, as the Spark type that holds its type.
    pub(super) fn aggregate(&self, expr: &Expr, writer: &mut Writer<'_>) -> Written<String> {
        let call = match expr {
            Expr::Alias(alias) => return self.aggregate(&alias.expr, writer),
            Expr::AggregateFunction(call) => call,
            other => return Err(SparkFailure::refused(format!("the aggregate `{other}`"))),
        };
        let AggregateFunctionParams { args, distinct, filter, order_by, null_treatment } = &call.params;
        if !order_by.is_empty() || null_treatment.is_some() {
            return Err(SparkFailure::refused(format!("`{}` in an order", call.func.name())));
        }
        let filter = match filter {
            Some(filter) => format!(" FILTER (WHERE {})", self.write(filter, writer)?),
            None => String::new(),
        };
        let result = self.type_of(expr)?;
        self.aggregate_call(call.func.name(), args, *distinct, &result, &filter, writer)
    }

    /// The aggregate with `after` (a filter, a window) behind each call that it takes.
    pub(super) fn aggregate_call(
        &self,
        name: &str,
        args: &[Expr],
        distinct: bool,
        result: &DataType,
        after: &str,
        writer: &mut Writer<'_>,
    ) -> Written<String> {
        let mut types = Vec::with_capacity(args.len());
        let mut values = Vec::with_capacity(args.len());
        for argument in args {
            types.push(self.type_of(argument)?);
            values.push(self.write(argument, writer)?);
        }
        let refused = || {
            let types: Vec<String> = types.iter().map(ToString::to_string).collect();
            SparkFailure::refused(format!("the aggregate `{name}({})`", types.join(", ")))
        };
        let word = if distinct { "DISTINCT " } else { "" };
        if distinct && types.iter().any(|data_type| held(data_type) < Held::Equal) {
            return Err(refused());
        }
        let typed = |natural: Option<&DataType>, sql: String| -> Written<String> {
            Ok(match natural {
                Some(natural) if super::same_type(natural, result)? => sql,
                _ => format!("CAST({sql} AS {})", spark_type(result)?),
            })
        };
        let first = types.first().cloned().unwrap_or(DataType::Null);
        match (name, values.as_slice()) {
            ("count", []) => typed(Some(&DataType::Int64), format!("count(1){after}")),
            // A constant that is not NULL counts rows.
            ("count", [_]) if !distinct && matches!(args, [Expr::Literal(value, _)] if !value.is_null()) => {
                typed(Some(&DataType::Int64), format!("count(1){after}"))
            }
            ("count", [value]) => typed(Some(&DataType::Int64), format!("count({word}{value}){after}")),
            ("sum", [value]) if held(&first) == Held::Own && first.is_signed_integer() => {
                typed(Some(&DataType::Int64), format!("sum({word}{value}){after}"))
            }
            ("sum", [value]) if held(&first) == Held::Own && first.is_floating() => {
                typed(Some(&DataType::Float64), format!("sum({word}{value}){after}"))
            }
            ("sum", [value]) if held(&first) == Held::Own && first.is_decimal() && held(result) == Held::Own => {
                typed(None, format!("sum({word}{value}){after}"))
            }
            ("min" | "max", [value]) if held(&first) >= Held::Ordered => {
                typed(Some(&first), format!("{name}({value}){after}"))
            }
            ("avg", [value]) if *result == DataType::Float64 && first.is_numeric() && !first.is_decimal() => {
                Ok(format!("avg({word}CAST({value} AS DOUBLE)){after}"))
            }
            ("avg", [value]) if held(&first) == Held::Own && first.is_decimal() && held(result) == Held::Own => {
                exact_average(
                    &first,
                    result,
                    &format!("sum({word}{value}){after}"),
                    &format!("count({word}{value}){after}"),
                )
                .ok_or_else(refused)
            }
            ("bool_and", [value]) if first == DataType::Boolean => Ok(format!("bool_and({value}){after}")),
            ("bool_or", [value]) if first == DataType::Boolean => Ok(format!("bool_or({value}){after}")),
            ("bit_and" | "bit_or" | "bit_xor", [value]) if first.is_signed_integer() && !distinct => {
                typed(Some(&first), format!("{name}({value}){after}"))
            }
            ("stddev" | "stddev_pop" | "var_samp" | "var_pop" | "var", [value])
                if *result == DataType::Float64 && held(&first) == Held::Own && !distinct =>
            {
                let spark = match name {
                    "stddev" => "stddev_samp",
                    "var" => "var_samp",
                    other => other,
                };
                Ok(format!("{spark}(CAST({value} AS DOUBLE)){after}"))
            }
            _ => Err(refused()),
        }
    }
}

/// The average of decimals as the engine computes it: the sum divided by the count, cut behind the result's last digit.
/// Spark would round there; so its quotient is cut, and taken back by one where rounding had lifted it over the next digit.
fn exact_average(argument: &DataType, result: &DataType, sum: &str, count: &str) -> Option<String> {
    let (DataType::Decimal128(precision, scale), DataType::Decimal128(wide, places)) = (argument, result) else {
        return None;
    };
    // The sum, brought to the result's scale, has to keep all of its digits.
    let (sum_digits, places, scale) = (i16::from(*precision) + 10, i16::from(*places), i16::from(*scale));
    if sum_digits + places > 38 || places < scale {
        return None;
    }
    // With all digits as one whole number, dividing is exact: the quotient without what remains.
    let shift = u32::try_from(places - scale).ok()?;
    let factor = 10_u64.checked_pow(shift)?;
    let unscaled = format!("CAST({sum} * CAST('{}' AS DECIMAL(20,0)) AS DECIMAL(38,{scale}))", factor);
    let whole = format!(
        "CAST({unscaled} * CAST('{}' AS DECIMAL(20,0)) AS DECIMAL(38,0))",
        10_u64.checked_pow(u32::try_from(scale).ok()?)?
    );
    let count = format!("CAST({count} AS DECIMAL(19,0))");
    let rest = format!("CAST({whole} % {count} AS DECIMAL(38,0))");
    let quotient = format!("CAST(({whole} - {rest}) / {count} AS DECIMAL(38,0))");
    let unit = format!("CAST('0.{}1' AS DECIMAL({places},{places}))", "0".repeat(usize::try_from(places - 1).ok()?));
    Some(format!("CASE WHEN {count} = 0 THEN NULL ELSE CAST({quotient} * {unit} AS DECIMAL({wide},{places})) END"))
}
