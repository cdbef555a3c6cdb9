//! Rows that commit late: below a watermark, only what cannot be overtaken any more is read.
//!
//! `where a.version > (select max(version) from {{ this }})` reads what has been committed. A transaction that is still open may
//! hold a lower version than one that has committed after it began, and its rows would lie below the watermark for ever. So
//! the rows of an incremental read end below the least value that a transaction has written which began while
//! another one that is still open was at work; they are read by a later run. Where an engine's rows do not tell who wrote
//! them, nothing is added.

use crate::catalog::ForeignTable;
use crate::provenance::stored_column;
use crate::pushdown::{Exactness, Fragment, Reason, Rules, Writer, literal};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use dvt_adapter::RelationKind;
use std::any::Any;
use std::sync::Arc;

/// The condition `settled(column, watermark)`, which a connection writes in its own SQL and which is true everywhere else.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Settled {
    connection: String,
    /// The relation and its column, quoted.
    relation: String,
    column: String,
    /// Whether a row at the watermark itself is read as well.
    is_inclusive: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Settled {
    fn name(&self) -> &'static str {
        "settled"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
    }
}

/// The condition beside `condition`, if that compares a stored column with a watermark from below. `bound` is the watermark's
/// side with its answer in place of the question.
pub(crate) fn settled_beside(condition: &Expr, bound: &Expr, input: &LogicalPlan) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
    let (value, op) = match op {
        Operator::Gt | Operator::GtEq => (left, *op),
        Operator::Lt | Operator::LtEq => (right, op.swap()?),
        _ => return None,
    };
    let mut value = value.as_ref();
    while let Expr::Cast(cast) = value {
        value = &cast.expr;
    }
    let Expr::Column(column) = value else { return None };
    let (scan, name) = stored_column(input, input.schema().maybe_index_of_column(column)?)?;
    let table = (scan.source.as_ref() as &dyn Any).downcast_ref::<ForeignTable>()?;
    let relation = &table.relation;
    Rules::of(&relation.adapter_type).unsettled?;
    if relation.description.kind != RelationKind::Table {
        return None;
    }
    let stored = table.stored_name(name)?;
    let settled = Settled {
        connection: relation.connection.clone(),
        relation: relation.dialect.quote_path(relation.description.name.parts()),
        column: relation.dialect.quote_identifier(stored),
        is_inclusive: op == Operator::GtEq,
        signature: Signature::any(2, Volatility::Immutable),
    };
    let arguments = vec![Expr::Column(column.clone()), bound.clone()];
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(settled)), arguments)))
}

/// The condition in the connection's SQL; `None` for a call of something else.
pub(crate) fn written(
    call: &ScalarFunction,
    writer: &Writer<'_>,
) -> Option<std::result::Result<(Fragment, Exactness), Reason>> {
    let settled = (call.func.inner().as_ref() as &dyn Any).downcast_ref::<Settled>()?;
    Some(settled.written(&call.args, writer))
}

impl Settled {
    fn written(&self, arguments: &[Expr], writer: &Writer<'_>) -> std::result::Result<(Fragment, Exactness), Reason> {
        let (Some(unsettled), true) = (writer.rules.unsettled, writer.connection == self.connection) else {
            return Err("the connection does not tell which rows are settled");
        };
        let [value, Expr::Literal(bound, _)] = arguments else { return Err("the watermark is no value") };
        let value = writer.value(value)?;
        let is_same =
            bound.data_type() == value.data_type || (bound.data_type().is_integer() && value.data_type.is_integer());
        if !is_same || bound.is_null() {
            return Err("the watermark is of another type than the column");
        }
        let bound = literal(bound, writer.dialect, writer.rules)?;
        let (relation, column) = (&self.relation, &self.column);
        let word = if self.is_inclusive { ">=" } else { ">" };
        let least = format!(
            " < (SELECT min(unsettled.{column}) FROM {relation} AS unsettled \
             WHERE unsettled.{column} {word} {bound} AND {unsettled}), TRUE)"
        );
        Ok((Fragment::concat(["coalesce(".into(), value.sql, least.into()]), Exactness::Exact))
    }
}
