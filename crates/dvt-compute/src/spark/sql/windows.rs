//! Window functions.

use super::expressions::Scope;
use super::{Writer, Written};
use crate::spark::types::{Held, spark_type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};
use dvt_spark::SparkFailure;

impl Scope<'_> {
    /// One window function, as the Spark type that holds its type.
    pub(super) fn window(&self, expr: &Expr, writer: &mut Writer<'_>) -> Written<String> {
        let call: &WindowFunction = match expr {
            Expr::Alias(alias) => return self.window(&alias.expr, writer),
            Expr::WindowFunction(call) => call,
            other => return Err(SparkFailure::refused(format!("the window function `{other}`"))),
        };
        let name = call.fun.name().to_owned();
        let refused = || SparkFailure::refused(format!("the window function `{name}`"));
        let params = &call.params;
        if params.distinct {
            return Err(SparkFailure::refused(format!("`{name}` of DISTINCT values in a window")));
        }
        let mut parts = Vec::new();
        if !params.partition_by.is_empty() {
            let mut keys = Vec::with_capacity(params.partition_by.len());
            for key in &params.partition_by {
                self.comparable(key, Held::Equal)?;
                keys.push(self.write(key, writer)?);
            }
            parts.push(format!("PARTITION BY {}", keys.join(", ")));
        }
        if !params.order_by.is_empty() {
            parts.push(format!("ORDER BY {}", self.order(&params.order_by, writer)?));
        }
        let result = self.type_of(expr)?;
        if let WindowFunctionDefinition::AggregateUDF(function) = &call.fun {
            let filter = match &params.filter {
                Some(filter) => format!(" FILTER (WHERE {})", self.write(filter, writer)?),
                None => String::new(),
            };
            parts.push(frame(&params.window_frame, !params.order_by.is_empty())?);
            let over = format!("{filter} OVER ({})", parts.join(" "));
            return self.aggregate_call(function.name(), &params.args, false, &result, &over, writer);
        }
        let ignores = match params.null_treatment {
            Some(NullTreatment::IgnoreNulls) => " IGNORE NULLS",
            _ => "",
        };
        let mut values = Vec::with_capacity(params.args.len());
        for argument in &params.args {
            values.push(self.write(argument, writer)?);
        }
        let is_ranking = matches!(
            name.as_str(),
            "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" | "lag" | "lead"
        );
        // Spark wants an order for these; without one all rows are peers.
        if is_ranking && params.order_by.is_empty() {
            parts.push("ORDER BY NULL".to_owned());
        }
        let written = match (name.as_str(), values.as_slice()) {
            ("row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist", []) => format!("{name}()"),
            ("ntile", [_]) => match &params.args[0] {
                Expr::Literal(value, _) => format!("ntile({})", positive(value).ok_or_else(refused)?),
                _ => return Err(refused()),
            },
            ("lag" | "lead", [value]) => format!("{name}({value})"),
            ("lag" | "lead", [value, _, rest @ ..]) => {
                let Expr::Literal(offset, _) = &params.args[1] else { return Err(refused()) };
                let offset = offset.to_string().parse::<i32>().map_err(|_| refused())?;
                let default = match rest {
                    [] => String::new(),
                    [default] => format!(", CAST({default} AS {})", spark_type(&result)?),
                    _ => return Err(refused()),
                };
                format!("{name}({value}, {offset}{default})")
            }
            ("first_value" | "last_value", [value]) => {
                parts.push(frame(&params.window_frame, !params.order_by.is_empty())?);
                format!("{name}({value})")
            }
            ("nth_value", [value, _]) => {
                parts.push(frame(&params.window_frame, !params.order_by.is_empty())?);
                let Expr::Literal(nth, _) = &params.args[1] else { return Err(refused()) };
                format!("nth_value({value}, {})", positive(nth).ok_or_else(refused)?)
            }
            _ => return Err(refused()),
        };
        Ok(format!("CAST({written}{ignores} OVER ({}) AS {})", parts.join(" "), spark_type(&result)?))
    }
}

fn positive(value: &ScalarValue) -> Option<u32> {
    value.to_string().parse::<u32>().ok().filter(|number| *number > 0)
}

/// The frame, written out whole: defaults differ.
fn frame(frame: &WindowFrame, is_ordered: bool) -> Written<String> {
    let bound = |bound: &WindowFrameBound| -> Written<String> {
        Ok(match bound {
            WindowFrameBound::CurrentRow => "CURRENT ROW".to_owned(),
            WindowFrameBound::Preceding(value) if value.is_null() => "UNBOUNDED PRECEDING".to_owned(),
            WindowFrameBound::Following(value) if value.is_null() => "UNBOUNDED FOLLOWING".to_owned(),
            WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value)
                if frame.units == WindowFrameUnits::Rows =>
            {
                let rows: u32 = value
                    .to_string()
                    .parse()
                    .map_err(|_| SparkFailure::refused("a window frame of no whole number"))?;
                let word = if matches!(bound, WindowFrameBound::Preceding(_)) { "PRECEDING" } else { "FOLLOWING" };
                format!("{rows} {word}")
            }
            _ => return Err(SparkFailure::refused("a window frame over a range of values")),
        })
    };
    let units = match frame.units {
        WindowFrameUnits::Rows => "ROWS",
        // Without an order every row is a peer of all others.
        WindowFrameUnits::Range if is_ordered => "RANGE",
        WindowFrameUnits::Range => {
            return Ok("ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned());
        }
        WindowFrameUnits::Groups => return Err(SparkFailure::refused("a window frame of GROUPS")),
    };
    Ok(format!("{units} BETWEEN {} AND {}", bound(&frame.start_bound)?, bound(&frame.end_bound)?))
}
