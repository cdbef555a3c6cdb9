//! Division of exact numbers as databases do it: the quotient's scale follows a rule of the engine, not of Arrow.
//!
//! PostgreSQL chooses the scale per value so that at least 16 significant digits remain (`select_div_scale` in its
//! numeric.c describes the rule); MySQL adds four digits to the dividend's scale and gives NULL for a zero divisor.
//! Both round half away from zero. Quotients of PostgreSQL's rule are held with 28 digits after the point, so one that
//! needs more (below 1e-12) keeps fewer than 16 significant digits.

use arrow::array::{Array, ArrayRef, AsArray, Decimal256Builder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal256Type, Field, FieldRef, i256};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use dvt_adapter::{LOGICAL_TYPE, LogicalType};
use std::sync::Arc;

/// Digits after the point of a quotient held by PostgreSQL's rule; see `UNCONSTRAINED_NUMERIC`.
pub(super) const QUOTIENT_SCALE: i8 = 28;
pub(super) const PRECISION: u8 = 76;

/// Whose rule decides the scale of a quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DivisionRule {
    Postgres,
    MySql,
}

/// `exact_division(dividend, divisor)` of integers and decimals.
pub(crate) fn exact_division(rule: DivisionRule) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ExactDivision { rule, signature: Signature::any(2, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactDivision {
    rule: DivisionRule,
    signature: Signature,
}

impl ScalarUDFImpl for ExactDivision {
    fn name(&self) -> &str {
        match self.rule {
            DivisionRule::Postgres => "exact_division_postgres",
            DivisionRule::MySql => "exact_division_mysql",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let dividend_scale = scale_of(&arguments[0])?;
        scale_of(&arguments[1])?;
        Ok(match self.rule {
            DivisionRule::Postgres => DataType::Decimal256(PRECISION, QUOTIENT_SCALE),
            DivisionRule::MySql => DataType::Decimal256(65, (dividend_scale + 4).min(30)),
        })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let field = Field::new(self.name(), self.return_type(&types)?, true);
        Ok(Arc::new(match self.rule {
            DivisionRule::Postgres => {
                field.with_metadata([(LOGICAL_TYPE.to_owned(), LogicalType::Numeric.to_string())].into())
            }
            DivisionRule::MySql => field,
        }))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ScalarFunctionArgs { args, arg_fields, number_rows, .. } = arguments;
        let dividends = Operand::new(&args[0], arg_fields[0].data_type(), number_rows)?;
        let divisors = Operand::new(&args[1], arg_fields[1].data_type(), number_rows)?;
        let types = [arg_fields[0].data_type().clone(), arg_fields[1].data_type().clone()];
        let data_type = self.return_type(&types)?;
        let DataType::Decimal256(_, result_scale) = data_type else { return plan_err!("not a decimal") };
        let mut quotients = Decimal256Builder::with_capacity(number_rows).with_data_type(data_type);
        for row in 0..number_rows {
            let (Some(dividend), Some(divisor)) = (dividends.value(row), divisors.value(row)) else {
                quotients.append_null();
                continue;
            };
            if divisor == i256::ZERO {
                match self.rule {
                    DivisionRule::Postgres => return exec_err!("division by zero"),
                    DivisionRule::MySql => quotients.append_null(),
                }
                continue;
            }
            let dividend =
                Exact { unscaled: dividend, scale: dividends.scale, display: dividends.display_scale(dividend) };
            let divisor = Exact { unscaled: divisor, scale: divisors.scale, display: divisors.display_scale(divisor) };
            let rounded_to = match self.rule {
                DivisionRule::Postgres => postgres_scale(&dividend, &divisor).min(i32::from(QUOTIENT_SCALE)),
                DivisionRule::MySql => i32::from(result_scale),
            };
            match divide(&dividend, &divisor, rounded_to)
                .and_then(|quotient| quotient.checked_mul(power_of_ten(i32::from(result_scale) - rounded_to)?))
            {
                Some(quotient) => quotients.append_value(quotient),
                None => return exec_err!("a quotient has more digits than a decimal can hold"),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(quotients.finish())))
    }
}

/// One side of the division as 256-bit integers with one scale.
struct Operand {
    values: ArrayRef,
    scale: i8,
    /// The declared scale counts for the result's scale; the carrier of unconstrained numerics has none.
    is_unconstrained: bool,
}

impl Operand {
    fn new(argument: &ColumnarValue, data_type: &DataType, rows: usize) -> Result<Self> {
        let scale = scale_of(data_type)?;
        let values = cast(&argument.to_array(rows)?, &DataType::Decimal256(PRECISION, scale))?;
        Ok(Self {
            values,
            scale,
            is_unconstrained: matches!(data_type, DataType::Decimal256(PRECISION, QUOTIENT_SCALE)),
        })
    }

    fn value(&self, row: usize) -> Option<i256> {
        let values = self.values.as_primitive::<Decimal256Type>();
        values.is_valid(row).then(|| values.value(row))
    }

    fn display_scale(&self, unscaled: i256) -> i32 {
        let mut scale = i32::from(self.scale);
        if self.is_unconstrained {
            let ten = i256::from_i128(10);
            let mut rest = unscaled;
            while scale > 0 && rest != i256::ZERO && rest.wrapping_rem(ten) == i256::ZERO {
                rest = rest.wrapping_div(ten);
                scale -= 1;
            }
            if rest == i256::ZERO {
                scale = 0;
            }
        }
        scale
    }
}

pub(super) struct Exact {
    pub(super) unscaled: i256,
    pub(super) scale: i8,
    /// The digits after the point that PostgreSQL would show.
    pub(super) display: i32,
}

impl Exact {
    /// The weight of the first non-zero digit in base 10,000 and that digit, as PostgreSQL stores numbers.
    fn leading_digit(&self) -> (i32, u32) {
        let text = self.unscaled.to_string();
        let digits = text.trim_start_matches('-');
        if digits == "0" {
            return (0, 0);
        }
        // The decimal exponent of the first digit: 0 for units.
        let exponent = i32::try_from(digits.len()).unwrap_or(i32::MAX) - 1 - i32::from(self.scale);
        let weight = exponent.div_euclid(4);
        let length = usize::try_from(exponent.rem_euclid(4)).unwrap_or(0) + 1;
        let group: String = digits.chars().chain(std::iter::repeat('0')).take(length).collect();
        (weight, group.parse().unwrap_or(0))
    }
}

/// The scale of PostgreSQL's quotient: at least 16 significant digits, and no less than either operand's scale.
pub(super) fn postgres_scale(dividend: &Exact, divisor: &Exact) -> i32 {
    let (dividend_weight, dividend_digit) = dividend.leading_digit();
    let (divisor_weight, divisor_digit) = divisor.leading_digit();
    let mut weight = dividend_weight - divisor_weight;
    if dividend_digit <= divisor_digit {
        weight -= 1;
    }
    (16 - weight * 4).max(dividend.display).max(divisor.display).max(0)
}

/// The quotient at a scale, rounded half away from zero; `None` when it does not fit.
pub(super) fn divide(dividend: &Exact, divisor: &Exact, scale: i32) -> Option<i256> {
    let shift = scale + i32::from(divisor.scale) - i32::from(dividend.scale);
    let (numerator, denominator) = if shift >= 0 {
        (dividend.unscaled.checked_mul(power_of_ten(shift)?)?, divisor.unscaled)
    } else {
        (dividend.unscaled, divisor.unscaled.checked_mul(power_of_ten(-shift)?)?)
    };
    let quotient = numerator.checked_div(denominator)?;
    let remainder = numerator.checked_rem(denominator)?;
    let is_half = magnitude(remainder)?.checked_mul(i256::from_i128(2))? >= magnitude(denominator)?;
    if !is_half {
        return Some(quotient);
    }
    let is_negative = (numerator < i256::ZERO) != (denominator < i256::ZERO);
    if is_negative { quotient.checked_sub(i256::ONE) } else { quotient.checked_add(i256::ONE) }
}

fn magnitude(value: i256) -> Option<i256> {
    if value < i256::ZERO { value.checked_neg() } else { Some(value) }
}

pub(super) fn power_of_ten(exponent: i32) -> Option<i256> {
    i256::from_i128(10).checked_pow(u32::try_from(exponent).ok()?)
}

pub(super) fn scale_of(data_type: &DataType) -> Result<i8> {
    Ok(match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        integer if integer.is_integer() => 0,
        other => return plan_err!("exact division of {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotient(dividend: (i128, i8), divisor: (i128, i8)) -> String {
        let exact = |(unscaled, scale): (i128, i8)| Exact {
            unscaled: i256::from_i128(unscaled),
            scale,
            display: i32::from(scale),
        };
        let (dividend, divisor) = (exact(dividend), exact(divisor));
        let scale = postgres_scale(&dividend, &divisor);
        format!("{}e-{scale}", divide(&dividend, &divisor, scale).unwrap())
    }

    /// The expected quotients are what PostgreSQL 15 prints.
    #[test]
    fn quotients_have_the_scale_of_postgres() {
        assert_eq!(quotient((10, 0), (3, 0)), "33333333333333333e-16");
        assert_eq!(quotient((1, 0), (3, 0)), "33333333333333333333e-20");
        assert_eq!(quotient((2, 0), (3, 0)), "66666666666666666667e-20");
        assert_eq!(quotient((-2, 0), (3, 0)), "-66666666666666666667e-20");
        assert_eq!(quotient((100_000, 0), (7, 0)), "14285714285714286e-12");
        assert_eq!(quotient((1, 4), (3, 0)), "33333333333333333333e-24");
        assert_eq!(quotient((123_456_789, 3), (3, 3)), "41152263000000000000e-12");
        assert_eq!(quotient((1, 0), (3_000_000, 0)), "333333333333333333e-24");
    }
}
