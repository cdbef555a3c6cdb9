//! The difference of two moments as PostgreSQL has it, an interval: the planner would make a duration of it, which no
//! function of intervals takes and no column holds.

use crate::functions::postgres_function;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// For authors of PostgreSQL's dialect.
#[derive(Debug)]
pub(crate) struct Moments;

impl ExprPlanner for Moments {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use DataType::{Date32, Timestamp};
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        let are_moments = matches!((&left, &right), (Timestamp(..), Timestamp(..) | Date32) | (Date32, Timestamp(..)));
        match postgres_function("elapsed") {
            Some(function) if raw.op == BinaryOperator::Minus && are_moments => {
                let call = ScalarFunction::new_udf(function, vec![raw.left, raw.right]);
                Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
            }
            _ => Ok(PlannerResult::Original(raw)),
        }
    }
}
