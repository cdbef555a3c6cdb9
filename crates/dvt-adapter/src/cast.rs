//! Casts that lose nothing: what every leaf uses between its engine's natural Arrow types and the types asked for.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal256Type, i256};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::sync::Arc;

/// A value has no equal in the type it should become.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CastProblem {
    #[error("`{value}` does not fit {to}")]
    ValueDoesNotFit { value: String, to: String },
    #[error("{from} cannot become {to} without a change of meaning")]
    NoSuchCast { from: String, to: String },
}

/// The values as another type, each equal to what it was. NULLs stay NULLs and nothing else becomes one.
///
/// Text is parsed strictly (`00123` becomes the integer 123, `12.50` fits a decimal with one digit after the point, `1.25`
/// does not). A timestamp with time zone never becomes one without, nor the reverse: that would be a guess.
///
/// # Errors
/// [`CastProblem::ValueDoesNotFit`] shows the first value that would change; [`CastProblem::NoSuchCast`] for pairs of types
/// that have no such cast at all.
pub fn strict_cast(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, CastProblem> {
    let from = values.data_type();
    if from == to {
        return Ok(Arc::clone(values));
    }
    if changes_meaning(from, to) {
        return Err(no_such_cast(from, to));
    }
    if is_text(from) && matches!(to, DataType::Decimal128(..) | DataType::Decimal256(..)) {
        return text_to_decimal(values, to);
    }
    if is_text(from) && matches!(to, DataType::Binary | DataType::LargeBinary | DataType::BinaryView) {
        return Err(no_such_cast(from, to));
    }
    let cast = match cast_with_options(values, to, &STRICT) {
        Ok(cast) => cast,
        Err(ArrowError::CastError(_) | ArrowError::NotYetImplemented(_)) if values.len() == values.null_count() => {
            return Err(no_such_cast(from, to));
        }
        Err(error) => return Err(first_misfit(values, to).unwrap_or_else(|| cast_error(from, to, &error))),
    };
    if is_lossless(from, to) {
        return Ok(cast);
    }
    let back = cast_with_options(&cast, from, &STRICT).map_err(|_| no_such_cast(from, to))?;
    if back.to_data() == values.to_data() {
        return Ok(cast);
    }
    Err(first_misfit(values, to).unwrap_or_else(|| no_such_cast(from, to)))
}

const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: FormatOptions::new() };

fn no_such_cast(from: &DataType, to: &DataType) -> CastProblem {
    CastProblem::NoSuchCast { from: from.to_string(), to: to.to_string() }
}

fn cast_error(from: &DataType, to: &DataType, error: &ArrowError) -> CastProblem {
    match error {
        ArrowError::CastError(_) | ArrowError::NotYetImplemented(_) => no_such_cast(from, to),
        other => CastProblem::ValueDoesNotFit { value: other.to_string(), to: to.to_string() },
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Pairs that Arrow would cast, with another meaning.
fn changes_meaning(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(_, zone), DataType::Timestamp(_, other)) => zone.is_some() != other.is_some(),
        (DataType::Timestamp(_, Some(_)), DataType::Date32 | DataType::Date64) => true,
        (DataType::Date32 | DataType::Date64, DataType::Timestamp(_, Some(_))) => true,
        // Numbers are not points in time, lengths of time or bytes.
        (from, to) => {
            let (number, moment) = (from.is_numeric(), from.is_temporal());
            (number && (to.is_temporal() || is_binary(to)))
                || (moment && to.is_numeric())
                || (is_binary(from) && !is_binary(to))
        }
    }
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

/// Pairs for which a cast that succeeds has kept every value, so that casting back is not needed.
fn is_lossless(from: &DataType, to: &DataType) -> bool {
    if from.is_integer() && to.is_integer() || is_text(from) {
        return true;
    }
    match (from, to) {
        (DataType::Dictionary(_, _), _) => true,
        (DataType::Float32, DataType::Float64) => true,
        (
            DataType::Decimal128(_, s) | DataType::Decimal256(_, s),
            DataType::Decimal128(_, t) | DataType::Decimal256(_, t),
        ) => t >= s,
        (from, DataType::Decimal128(_, s) | DataType::Decimal256(_, s)) => from.is_integer() && *s >= 0,
        (_, to) => is_text(to),
    }
}

/// The first value that does not survive alone.
fn first_misfit(values: &ArrayRef, to: &DataType) -> Option<CastProblem> {
    let from = values.data_type();
    let survives = |value: &ArrayRef| {
        let Ok(cast) = cast_with_options(value, to, &STRICT) else { return false };
        is_lossless(from, to)
            || cast_with_options(&cast, from, &STRICT).is_ok_and(|back| back.to_data() == value.to_data())
    };
    let row = (0..values.len()).find(|row| values.is_valid(*row) && !survives(&values.slice(*row, 1)))?;
    Some(misfit(values, row, to))
}

fn misfit(values: &ArrayRef, row: usize, to: &DataType) -> CastProblem {
    let text = ArrayFormatter::try_new(values.as_ref(), &FormatOptions::new())
        .and_then(|formatter| formatter.value(row).try_to_string())
        .unwrap_or_default();
    let shown: String = if text.chars().count() > 40 { text.chars().take(40).chain(['…']).collect() } else { text };
    CastProblem::ValueDoesNotFit { value: shown, to: to.to_string() }
}

/// Digits after the scale must be zeros, and the number must fit the precision.
fn text_to_decimal(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, CastProblem> {
    let (DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)) = to else {
        return Err(no_such_cast(values.data_type(), to));
    };
    let text = cast_with_options(values, &DataType::Utf8, &STRICT).map_err(|_| no_such_cast(values.data_type(), to))?;
    let text: &StringArray = text.as_string();
    let mut numbers = Vec::with_capacity(text.len());
    for (row, value) in text.iter().enumerate() {
        numbers.push(match value {
            None => None,
            Some(value) => match exact_decimal(value, *precision, *scale) {
                Some(number) => Some(number),
                None => return Err(misfit(values, row, to)),
            },
        });
    }
    let wide = arrow::array::PrimitiveArray::<Decimal256Type>::from_iter(numbers)
        .with_precision_and_scale(76, *scale)
        .map_err(|_| no_such_cast(values.data_type(), to))?;
    let wide: ArrayRef = Arc::new(wide);
    // Each number has been checked against the precision, so this cast only changes the width.
    cast_with_options(&wide, to, &STRICT).map_err(|_| no_such_cast(values.data_type(), to))
}

fn exact_decimal(text: &str, precision: u8, scale: i8) -> Option<i256> {
    let text = text.trim();
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let scale = usize::try_from(scale).ok()?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return None;
    }
    let joined = format!("{whole}{fraction}{}", "0".repeat(scale - fraction.len()));
    let significant = joined.trim_start_matches('0');
    if significant.len() > usize::from(precision) {
        return None;
    }
    let number = if significant.is_empty() { i256::ZERO } else { i256::from_string(significant)? };
    Some(if is_negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests;
