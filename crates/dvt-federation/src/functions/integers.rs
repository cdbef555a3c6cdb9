//! Sums, differences and products of integers that fail instead of wrapping round.

use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// Which type the result has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IntegerWidth {
    /// The wider of the two sides (PostgreSQL).
    OfTheSides,
    /// 64 bits, whatever the sides have (MySQL, SQLite).
    Whole,
}

/// `checked(left, right)` for `+`, `-` and `*` of signed integers, `None` for other operators and types.
pub(crate) fn checked_arithmetic(
    operator: Operator,
    width: IntegerWidth,
    left: &DataType,
    right: &DataType,
) -> Option<Arc<ScalarUDF>> {
    let is_checked = matches!(operator, Operator::Plus | Operator::Minus | Operator::Multiply);
    if !is_checked || !left.is_signed_integer() || !right.is_signed_integer() {
        return None;
    }
    let signature = Signature::any(2, Volatility::Immutable);
    Some(Arc::new(ScalarUDF::new_from_impl(CheckedArithmetic { operator, width, signature })))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedArithmetic {
    operator: Operator,
    width: IntegerWidth,
    signature: Signature,
}

impl ScalarUDFImpl for CheckedArithmetic {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_subtract",
            _ => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [left, right] = arguments else { return plan_err!("integer arithmetic has two sides") };
        Ok(match self.width {
            IntegerWidth::Whole => DataType::Int64,
            IntegerWidth::OfTheSides if left.primitive_width() >= right.primitive_width() => left.clone(),
            IntegerWidth::OfTheSides => right.clone(),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let data_type = arguments.return_field.data_type();
        let side = |index: usize| -> Result<_> {
            let values = arguments.args[index].to_array(arguments.number_rows)?;
            Ok(cast_with_options(&values, data_type, &strict)?)
        };
        let (left, right) = (side(0)?, side(1)?);
        let computed = match self.operator {
            Operator::Plus => add(&left, &right),
            Operator::Minus => sub(&left, &right),
            _ => mul(&left, &right),
        };
        match computed {
            Ok(values) => Ok(ColumnarValue::Array(values)),
            Err(ArrowError::ArithmeticOverflow(sum)) => exec_err!("integer out of range: {sum}"),
            Err(other) => Err(other.into()),
        }
    }
}
