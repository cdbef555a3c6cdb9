//! Rounding as databases do it: floats to even, decimals half away from zero to a scale that the call names.

use arrow::array::{Array, ArrayRef, AsArray, Decimal256Builder, Float64Array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Decimal256Type, Field, FieldRef, Float64Type, Int64Type, i256};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// `round_half_even(double)`: what PostgreSQL does with `round` of a floating point number and with its cast to an integer.
pub(crate) fn round_half_even() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(RoundHalfEven { signature: Signature::any(1, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RoundHalfEven {
    signature: Signature,
}

impl ScalarUDFImpl for RoundHalfEven {
    fn name(&self) -> &str {
        "round_half_even"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = cast(&arguments.args[0].to_array(arguments.number_rows)?, &DataType::Float64)?;
        let rounded: Float64Array = values.as_primitive::<Float64Type>().unary(f64::round_ties_even);
        Ok(ColumnarValue::Array(Arc::new(rounded) as ArrayRef))
    }
}

/// Which neighbour a decimal goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rounding {
    /// The nearest; a half goes away from zero.
    Nearest,
    TowardsZero,
    Up,
    Down,
}

impl Rounding {
    /// The rounding that the engine's function of this name stands for.
    pub(crate) fn of(function: &str) -> Option<Self> {
        match function {
            "round" => Some(Self::Nearest),
            "trunc" => Some(Self::TowardsZero),
            "ceil" => Some(Self::Up),
            "floor" => Some(Self::Down),
            _ => None,
        }
    }
}

/// `rounding(decimal, digits)`; the result's scale is `digits` where they are a constant, so that it shows as the databases
/// show it.
pub(crate) fn decimal_rounding(rounding: Rounding) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(DecimalRounding {
        rounding,
        signature: Signature::any(2, Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DecimalRounding {
    rounding: Rounding,
    signature: Signature,
}

/// The type of the result; `digits` when it is a constant.
fn rounded_type(from: &DataType, digits: Option<i64>) -> Result<DataType> {
    let (precision, scale) = match from {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (*precision, *scale),
        other => return plan_err!("exact rounding of {other}"),
    };
    let kept = digits.map_or(scale, |digits| i8::try_from(digits.clamp(0, i64::from(scale.max(0)))).unwrap_or(scale));
    // A digit more, since 9.9 becomes 10; a digit fewer for each that goes.
    let wanted = i16::from(precision) - i16::from(scale) + i16::from(kept) + 1;
    let precision = u8::try_from(wanted.max(i16::from(kept) + 1)).unwrap_or(76);
    Ok(match from {
        DataType::Decimal256(..) => DataType::Decimal256(precision.min(76), kept),
        _ => DataType::Decimal128(precision.min(38), kept),
    })
}

impl ScalarUDFImpl for DecimalRounding {
    fn name(&self) -> &str {
        match self.rounding {
            Rounding::Nearest => "round_decimal",
            Rounding::TowardsZero => "trunc_decimal",
            Rounding::Up => "ceil_decimal",
            Rounding::Down => "floor_decimal",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        rounded_type(&arguments[0], None)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let digits = match arguments.scalar_arguments.get(1) {
            Some(Some(ScalarValue::Int64(digits))) => *digits,
            Some(Some(ScalarValue::Int32(digits))) => digits.map(i64::from),
            _ => None,
        };
        let data_type = rounded_type(arguments.arg_fields[0].data_type(), digits)?;
        Ok(Arc::new(Field::new(self.name(), data_type, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ScalarFunctionArgs { args, number_rows, return_field, .. } = arguments;
        let values = args[0].to_array(number_rows)?;
        let (DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale)) = *values.data_type()
        else {
            return plan_err!("exact rounding of {}", values.data_type());
        };
        let (DataType::Decimal128(_, kept) | DataType::Decimal256(_, kept)) = *return_field.data_type() else {
            return plan_err!("exact rounding to {}", return_field.data_type());
        };
        let values = cast(&values, &DataType::Decimal256(76, scale))?;
        let digits = cast(&args[1].to_array(number_rows)?, &DataType::Int64)?;
        let (values, digits) = (values.as_primitive::<Decimal256Type>(), digits.as_primitive::<Int64Type>());
        let mut rounded = Decimal256Builder::with_capacity(number_rows).with_data_type(DataType::Decimal256(76, kept));
        for row in 0..number_rows {
            if values.is_null(row) || digits.is_null(row) {
                rounded.append_null();
                continue;
            }
            let digits = digits.value(row).clamp(-76, i64::from(kept));
            match i32::try_from(digits)
                .ok()
                .and_then(|digits| round(values.value(row), scale, kept, digits, self.rounding))
            {
                Some(value) => rounded.append_value(value),
                None => return exec_err!("a rounded number has more digits than a decimal can hold"),
            }
        }
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        Ok(ColumnarValue::Array(cast_with_options(&rounded.finish(), return_field.data_type(), &strict)?))
    }
}

/// `unscaled` at `scale`, rounded to `digits` after the point, at scale `kept`.
fn round(unscaled: i256, scale: i8, kept: i8, digits: i32, rounding: Rounding) -> Option<i256> {
    let dropped = i32::from(scale) - digits;
    let at_digits = if dropped <= 0 {
        unscaled.checked_mul(power_of_ten(-dropped)?)?
    } else if let Some(unit) = power_of_ten(dropped) {
        let quotient = unscaled.checked_div(unit)?;
        let rest = unscaled.checked_rem(unit)?;
        let is_negative = rest < i256::ZERO;
        let magnitude = if is_negative { rest.checked_neg()? } else { rest };
        let goes_away = match rounding {
            Rounding::Nearest => magnitude >= unit.checked_sub(magnitude)?,
            Rounding::TowardsZero => false,
            Rounding::Up => !is_negative && rest != i256::ZERO,
            Rounding::Down => is_negative,
        };
        match (goes_away, is_negative) {
            (false, _) => quotient,
            (true, false) => quotient.checked_add(i256::ONE)?,
            (true, true) => quotient.checked_sub(i256::ONE)?,
        }
    } else {
        i256::ZERO
    };
    at_digits.checked_mul(power_of_ten(i32::from(kept) - digits)?)
}

fn power_of_ten(exponent: i32) -> Option<i256> {
    i256::from_i128(10).checked_pow(u32::try_from(exponent).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_go_to_the_neighbour_that_databases_choose() {
        let check = |unscaled: i128, scale: i8, digits: i32, rounding, expected: i128| {
            let kept = i8::try_from(digits.clamp(0, i32::from(scale))).unwrap();
            let found = round(i256::from_i128(unscaled), scale, kept, digits, rounding);
            assert_eq!(found, Some(i256::from_i128(expected)), "{unscaled}e-{scale} to {digits} {rounding:?}");
        };
        check(25, 1, 0, Rounding::Nearest, 3);
        check(-25, 1, 0, Rounding::Nearest, -3);
        check(24, 1, 0, Rounding::Nearest, 2);
        check(12345, 2, -1, Rounding::Nearest, 120);
        check(12500, 2, -1, Rounding::Nearest, 130);
        check(12345, 2, 1, Rounding::Nearest, 1235);
        check(-19, 1, 0, Rounding::TowardsZero, -1);
        check(-19, 1, 0, Rounding::Up, -1);
        check(-11, 1, 0, Rounding::Down, -2);
        check(11, 1, 0, Rounding::Up, 2);
        check(5, 0, -3, Rounding::Nearest, 0);
    }

    #[test]
    fn the_scale_is_what_the_call_names() {
        let decimal = DataType::Decimal128(10, 2);
        assert_eq!(rounded_type(&decimal, Some(0)).unwrap(), DataType::Decimal128(9, 0));
        assert_eq!(rounded_type(&decimal, Some(1)).unwrap(), DataType::Decimal128(10, 1));
        assert_eq!(rounded_type(&decimal, Some(5)).unwrap(), DataType::Decimal128(11, 2));
        assert_eq!(rounded_type(&decimal, Some(-2)).unwrap(), DataType::Decimal128(9, 0));
    }
}
