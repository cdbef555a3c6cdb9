//! The difference of two moments as PostgreSQL has it, an interval: the planner would make a duration of it, which no
//! function of intervals takes and no column holds. And a text that is compared with an interval is one.

use crate::functions::postgres_function;
use crate::interval::read_interval;
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
            _ => Ok(PlannerResult::Original(beside_intervals(raw, &left, &right))),
        }
    }
}

fn beside_intervals(raw: RawBinaryExpr, left: &DataType, right: &DataType) -> RawBinaryExpr {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let RawBinaryExpr { op, left: one, right: two } = raw;
    let compares = matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq);
    match (left, right) {
        (DataType::Interval(_), DataType::Utf8) if compares => {
            RawBinaryExpr { op, left: one, right: read_interval(two) }
        }
        (DataType::Utf8, DataType::Interval(_)) if compares => {
            RawBinaryExpr { op, left: read_interval(one), right: two }
        }
        _ => RawBinaryExpr { op, left: one, right: two },
    }
}
