//! Subscripts of arrays as PostgreSQL has them. The engine's planner would count negative ones from the end, and make of
//! `(array_agg(x))[1]` an aggregate that does not work in groups.

use crate::functions::element;
use datafusion::common::{DFSchema, Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, GetFieldAccess};

/// For authors of PostgreSQL's dialect.
#[derive(Debug)]
pub(crate) struct Subscripts;

impl ExprPlanner for Subscripts {
    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        match &raw.field_access {
            GetFieldAccess::ListIndex { key } => {
                let arguments = vec![raw.expr, key.as_ref().clone()];
                Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(element(), arguments))))
            }
            GetFieldAccess::ListRange { start, stop, .. } if !is_place(start) || !is_place(stop) => {
                not_impl_err!("a slice of an array whose bounds are no numbers from 1 on")
            }
            _ => Ok(PlannerResult::Original(raw)),
        }
    }
}

/// Whether it is a constant at which an array may have an element.
fn is_place(bound: &Expr) -> bool {
    matches!(bound, Expr::Literal(ScalarValue::Int64(Some(1..)), _))
}
