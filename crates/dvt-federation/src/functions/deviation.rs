//! Variance and deviation of exact numbers as PostgreSQL computes them: from the exact sums, with the digits of its division
//! and of its square root.
//! Source: PostgreSQL manual, "Aggregate Functions for Statistics"; the rule of digits is that of `division`.

use super::division::{Exact, PRECISION, QUOTIENT_SCALE, divide, postgres_scale, power_of_ten, scale_of};
use arrow::array::{Array, AsArray, Decimal256Builder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal256Type, Field, FieldRef, i256};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use dvt_adapter::{LOGICAL_TYPE, LogicalType};
use std::sync::Arc;

/// Which of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deviation {
    /// Of a sample: one less than the number of values counts.
    pub(crate) is_sample: bool,
    pub(crate) is_root: bool,
}

impl Deviation {
    /// What the engine's aggregate of this name stands for.
    pub(crate) fn of(aggregate: &str) -> Option<Self> {
        Some(match aggregate {
            "stddev" => Self { is_sample: true, is_root: true },
            "stddev_pop" => Self { is_sample: false, is_root: true },
            "var" => Self { is_sample: true, is_root: false },
            "var_pop" => Self { is_sample: false, is_root: false },
            _ => return None,
        })
    }
}

/// `exact_deviation(count, sum, sum of squares)`.
pub(crate) fn exact_deviation(deviation: Deviation) -> Arc<ScalarUDF> {
    let signature = Signature::any(3, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(ExactDeviation { deviation, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactDeviation {
    deviation: Deviation,
    signature: Signature,
}

impl ScalarUDFImpl for ExactDeviation {
    fn name(&self) -> &str {
        match (self.deviation.is_sample, self.deviation.is_root) {
            (true, true) => "exact_stddev_samp",
            (false, true) => "exact_stddev_pop",
            (true, false) => "exact_var_samp",
            (false, false) => "exact_var_pop",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal256(PRECISION, QUOTIENT_SCALE))
    }

    fn return_field_from_args(&self, _arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let field = Field::new(self.name(), DataType::Decimal256(PRECISION, QUOTIENT_SCALE), true);
        Ok(Arc::new(field.with_metadata([(LOGICAL_TYPE.to_owned(), LogicalType::Numeric.to_string())].into())))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ScalarFunctionArgs { args, arg_fields, number_rows, .. } = arguments;
        let mut columns = Vec::new();
        for (argument, field) in args.iter().zip(&arg_fields) {
            let scale = scale_of(field.data_type())?;
            let values = cast(&argument.to_array(number_rows)?, &DataType::Decimal256(PRECISION, scale))?;
            columns.push((values, scale));
        }
        let column = |index: usize| columns[index].0.as_primitive::<Decimal256Type>();
        let (counts, sums, squares) = (column(0), column(1), column(2));
        let mut results = Decimal256Builder::with_capacity(number_rows)
            .with_data_type(DataType::Decimal256(PRECISION, QUOTIENT_SCALE));
        for row in 0..number_rows {
            let count = counts.value(row);
            let least = if self.deviation.is_sample { i256::ONE } else { i256::ZERO };
            if counts.is_null(row) || sums.is_null(row) || squares.is_null(row) || count <= least {
                results.append_null();
                continue;
            }
            let (sum, square) = (sums.value(row), squares.value(row));
            match self.deviation.compute(count, (sum, columns[1].1), (square, columns[2].1)) {
                Some(value) => results.append_value(value),
                None => return exec_err!("a deviation has more digits than a decimal can hold"),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(results.finish())))
    }
}

impl Deviation {
    /// At the scale of quotients; `None` when a step does not fit.
    fn compute(self, count: i256, sum: (i256, i8), squares: (i256, i8)) -> Option<i256> {
        let scale = squares.1;
        let squared = sum.0.checked_mul(sum.0)?.checked_mul(power_of_ten(i32::from(scale) - 2 * i32::from(sum.1))?)?;
        let numerator = count.checked_mul(squares.0)?.checked_sub(squared)?;
        if numerator <= i256::ZERO {
            return Some(i256::ZERO);
        }
        let others = if self.is_sample { count.checked_sub(i256::ONE)? } else { count };
        let dividend = Exact { unscaled: numerator, scale, display: i32::from(scale) };
        let divisor = Exact { unscaled: count.checked_mul(others)?, scale: 0, display: 0 };
        let digits = postgres_scale(&dividend, &divisor).min(i32::from(QUOTIENT_SCALE));
        let variance = divide(&dividend, &divisor, digits)?;
        let value = if self.is_root { root(variance, digits)? } else { variance };
        value.checked_mul(power_of_ten(i32::from(QUOTIENT_SCALE) - digits)?)
    }
}

/// The square root with as many digits after the point, rounded.
fn root(value: i256, digits: i32) -> Option<i256> {
    let wide = value.checked_mul(power_of_ten(digits)?)?;
    if wide <= i256::ZERO {
        return Some(i256::ZERO);
    }
    let two = i256::from_i128(2);
    // From above, by Newton's steps.
    let length = i32::try_from(wide.to_string().len()).ok()?;
    let mut found = power_of_ten(length / 2 + 1)?;
    loop {
        let next = found.checked_add(wide.checked_div(found)?)?.checked_div(two)?;
        if next >= found {
            break;
        }
        found = next;
    }
    let rest = wide.checked_sub(found.checked_mul(found)?)?;
    if rest > found { found.checked_add(i256::ONE) } else { Some(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of PostgreSQL 15.
    #[test]
    fn digits_are_those_of_postgres() {
        let check = |values: &[i128], deviation: Deviation, expected: &str| {
            let total = |of: fn(i128) -> i128| i256::from_i128(values.iter().map(|value| of(*value)).sum());
            let count = i256::from_i128(i128::try_from(values.len()).unwrap());
            let found = deviation.compute(count, (total(|value| value), 0), (total(|value| value * value), 0)).unwrap();
            let expected = format!("{expected}{}", "0".repeat(28 - expected.split('.').nth(1).unwrap().len()));
            assert_eq!(found.to_string(), expected.replace('.', "").trim_start_matches('0'), "{values:?}");
        };
        check(&[1, 2, 3, 4], Deviation { is_sample: true, is_root: false }, "1.6666666666666667");
        check(&[1, 2, 3, 4], Deviation { is_sample: true, is_root: true }, "1.2909944487358056");
        check(&[1, 2, 3, 4], Deviation { is_sample: false, is_root: true }, "1.1180339887498948");
    }
}
