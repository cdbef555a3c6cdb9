//! Operators that the engine's planner has no meaning for: an interval times or over a number.

use crate::functions::postgres_function;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Plans PostgreSQL's operators.
#[derive(Debug)]
pub(crate) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match raw.op {
            BinaryOperator::Multiply => "interval_times",
            BinaryOperator::Divide => "interval_over",
            _ => return Ok(PlannerResult::Original(raw)),
        };
        // What has no type yet, a parameter for one, is the planner's to refuse.
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        let is_factor = |data_type: &DataType| data_type.is_numeric() || data_type.is_null();
        let (interval, factor) = match (&left, &right) {
            (DataType::Interval(_), factor) if is_factor(factor) => (raw.left, raw.right),
            (factor, DataType::Interval(_)) if is_factor(factor) && function == "interval_times" => {
                (raw.right, raw.left)
            }
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let Some(function) = postgres_function(function) else {
            return Ok(PlannerResult::Original(RawBinaryExpr { op: raw.op, left: interval, right: factor }));
        };
        let arguments = vec![interval, cast(factor, DataType::Float64)];
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments))))
    }
}
