//! Frames by distance (`RANGE BETWEEN 1.5 PRECEDING …`): the planner would round the distance to the digits of the column that
//! the rows are ordered by, and where value and distance together leave the column's type, the engine takes the rows without a
//! value into the frame.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{ExprSchemable, WindowFrameBound, WindowFrameUnits, cast, lit};

/// Gives the column as many digits as a distance of its frame needs; whether there was anything to do.
pub(super) fn widen_order(window: &mut WindowFunction, schema: &DFSchema) -> Result<bool> {
    let frame = &window.params.window_frame;
    let [order] = window.params.order_by.as_mut_slice() else { return Ok(false) };
    if frame.units != WindowFrameUnits::Range {
        return Ok(false);
    }
    let (precision, scale) = match order.expr.get_type(schema)? {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => (precision, scale),
        DataType::Int8 | DataType::UInt8 | DataType::Int16 | DataType::UInt16 | DataType::Int32 | DataType::UInt32 => {
            (10, 0)
        }
        DataType::Int64 => (19, 0),
        DataType::UInt64 => (20, 0),
        _ => return Ok(false),
    };
    let digits = [&frame.start_bound, &frame.end_bound].into_iter().filter_map(digits_of);
    let Some((whole, fraction)) = digits.reduce(|one, two| (one.0.max(two.0), one.1.max(two.1))) else {
        return Ok(false);
    };
    let scale_wanted = i32::from(scale).max(fraction);
    // One more, for what the distance adds.
    let wanted = (i32::from(precision) - i32::from(scale)).max(whole) + scale_wanted + 1;
    let (Ok(wanted), Ok(scale_wanted)) = (u8::try_from(wanted.min(76)), i8::try_from(scale_wanted)) else {
        return Ok(false);
    };
    let wide = match wanted {
        ..=38 => DataType::Decimal128(wanted, scale_wanted),
        _ => DataType::Decimal256(wanted, scale_wanted),
    };
    let narrow = std::mem::replace(&mut order.expr, lit(true));
    order.expr = cast(narrow, wide);
    Ok(true)
}

/// The digits of a distance before and after its point; `None` where it is no number.
fn digits_of(bound: &WindowFrameBound) -> Option<(i32, i32)> {
    let (WindowFrameBound::Preceding(distance) | WindowFrameBound::Following(distance)) = bound else { return None };
    let text = match distance {
        ScalarValue::Utf8(Some(text)) => text.clone(),
        value if value.is_null() => return None,
        value => value.to_string(),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_number = [whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let length = |part: &str| i32::try_from(part.len()).ok();
    is_number.then(|| Some((length(whole)?, length(fraction)?)))?
}
