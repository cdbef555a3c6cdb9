//! Operators on values, with Python's meaning. Errors are Python's messages.

use super::{Decimal, Dict, MAX_ITEMS, MAX_TEXT, TOO_LARGE, Value, compare, contains, equals, lock};
use crate::engine::ir::BinaryOp;
use std::cmp::Ordering;

fn unsupported(symbol: &str, left: &Value, right: &Value) -> String {
    let undefined = [left, right].into_iter().find_map(Value::undefined_message);
    match undefined {
        Some(message) => message,
        None => format!("unsupported operand type(s) for {symbol}: '{}' and '{}'", left.type_name(), right.type_name()),
    }
}

/// Evaluates a binary operator that does not short-circuit.
pub(crate) fn binary(operator: BinaryOp, left: &Value, right: &Value) -> Result<Value, String> {
    match operator {
        BinaryOp::Eq => Ok(Value::Bool(equals(left, right))),
        BinaryOp::Ne => Ok(Value::Bool(!equals(left, right))),
        BinaryOp::Lt => ordering("<", left, right, Ordering::is_lt),
        BinaryOp::Lte => ordering("<=", left, right, Ordering::is_le),
        BinaryOp::Gt => ordering(">", left, right, Ordering::is_gt),
        BinaryOp::Gte => ordering(">=", left, right, Ordering::is_ge),
        BinaryOp::In => membership(left, right).map(Value::Bool),
        BinaryOp::NotIn => membership(left, right).map(|found| Value::Bool(!found)),
        BinaryOp::Concat => {
            let text = format!("{left}{right}");
            if text.len() > MAX_TEXT { Err(TOO_LARGE.to_owned()) } else { Ok(Value::from(text)) }
        }
        BinaryOp::Add => add(left, right),
        BinaryOp::Sub => subtract(left, right),
        BinaryOp::Mul => multiply(left, right),
        BinaryOp::Div => divide(left, right),
        BinaryOp::FloorDiv => floor_divide(left, right),
        BinaryOp::Rem => remainder(left, right),
        BinaryOp::Pow => power(left, right),
    }
}

fn ordering(symbol: &str, left: &Value, right: &Value, test: fn(Ordering) -> bool) -> Result<Value, String> {
    match compare(left, right) {
        Some(order) => Ok(Value::Bool(test(order))),
        None if is_number(left) && is_number(right) => Ok(Value::Bool(false)),
        None => Err([left, right].into_iter().find_map(Value::undefined_message).unwrap_or_else(|| {
            format!("'{symbol}' not supported between instances of '{}' and '{}'", left.type_name(), right.type_name())
        })),
    }
}

fn membership(item: &Value, container: &Value) -> Result<bool, String> {
    if let (Value::Str(_), false) = (container, matches!(item, Value::Str(_))) {
        return Err(format!("'in <string>' requires string as left operand, not {}", item.type_name()));
    }
    contains(container, item).ok_or_else(|| format!("argument of type '{}' is not iterable", container.type_name()))
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_))
}

/// Two numbers brought to one kind.
enum Pair {
    Ints(i128, i128),
    Floats(f64, f64),
    /// Unscaled integers and their common scale.
    Decimals(i128, i128, usize),
}

fn pair(left: &Value, right: &Value) -> Option<Pair> {
    if !is_number(left) || !is_number(right) {
        return None;
    }
    if let (Value::Bool(_) | Value::Int(_), Value::Bool(_) | Value::Int(_)) = (left, right) {
        return Some(Pair::Ints(left.as_int()?, right.as_int()?));
    }
    if !matches!(left, Value::Float(_)) && !matches!(right, Value::Float(_)) {
        let decimal = |value: &Value| match value {
            Value::Decimal(decimal) => Some(decimal.clone()),
            other => other.as_int().map(|integer| Decimal::from_unscaled(integer, 0)),
        };
        let (left, right) = (decimal(left)?, decimal(right)?);
        let scale = left.scale().max(right.scale());
        if let (Some(left), Some(right)) = (left.unscaled(scale), right.unscaled(scale)) {
            return Some(Pair::Decimals(left, right, scale));
        }
    }
    Some(Pair::Floats(to_float(left)?, to_float(right)?))
}

/// The value as a float, if it is a number.
#[expect(clippy::cast_precision_loss, reason = "as Python's float(int), to its precision")]
pub(crate) fn to_float(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Int(value) => *value as f64,
        Value::Float(value) => *value,
        Value::Decimal(value) => value.to_f64(),
        _ => return None,
    })
}

const OVERFLOW: &str = "integer too large";

fn add(left: &Value, right: &Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Str(left), Value::Str(right)) if left.len() + right.len() > MAX_TEXT => {
            return Err(TOO_LARGE.to_owned());
        }
        (Value::Str(left), Value::Str(right)) => return Ok(Value::from(format!("{left}{right}"))),
        (Value::List(left), Value::List(right)) => {
            if lock(left).len() + lock(right).len() > MAX_ITEMS {
                return Err(TOO_LARGE.to_owned());
            }
            let mut items = lock(left).clone();
            items.extend(lock(right).clone());
            return Ok(Value::list(items));
        }
        (Value::Tuple(left), Value::Tuple(right)) => {
            return Ok(Value::tuple(left.iter().chain(right.iter()).cloned().collect()));
        }
        (Value::Str(_), other) if !other.is_undefined() => {
            return Err(format!("can only concatenate str (not \"{}\") to str", other.type_name()));
        }
        (Value::Object(object), other) => {
            return object.arithmetic('+', other).ok_or_else(|| unsupported("+", left, right));
        }
        _ => {}
    }
    refuse_mixed("+", left, right)?;
    match pair(left, right) {
        Some(Pair::Ints(left, right)) => left.checked_add(right).map(Value::Int).ok_or_else(|| OVERFLOW.to_owned()),
        Some(Pair::Floats(left, right)) => Ok(Value::Float(left + right)),
        Some(Pair::Decimals(left, right, scale)) => left
            .checked_add(right)
            .map(|sum| Value::Decimal(Decimal::from_unscaled(sum, scale)))
            .ok_or_else(|| OVERFLOW.to_owned()),
        None => Err(unsupported("+", left, right)),
    }
}

fn subtract(left: &Value, right: &Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Set(left), Value::Set(right)) => {
            let (left, right) = (lock(left).clone(), lock(right).clone());
            let kept = left.keys().filter(|key| right.get(key).is_none());
            let kept: Dict = kept.map(|key| (key.clone(), Value::None)).collect();
            return Ok(Value::Set(std::sync::Arc::new(std::sync::Mutex::new(kept))));
        }
        (Value::Object(object), other) => {
            return object.arithmetic('-', other).ok_or_else(|| unsupported("-", left, right));
        }
        _ => {}
    }
    refuse_mixed("-", left, right)?;
    match pair(left, right) {
        Some(Pair::Ints(left, right)) => left.checked_sub(right).map(Value::Int).ok_or_else(|| OVERFLOW.to_owned()),
        Some(Pair::Floats(left, right)) => Ok(Value::Float(left - right)),
        Some(Pair::Decimals(left, right, scale)) => left
            .checked_sub(right)
            .map(|difference| Value::Decimal(Decimal::from_unscaled(difference, scale)))
            .ok_or_else(|| OVERFLOW.to_owned()),
        None => Err(unsupported("-", left, right)),
    }
}

fn multiply(left: &Value, right: &Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Int(_) | Value::Bool(_), Value::Str(_) | Value::List(_) | Value::Tuple(_)) => {
            return multiply(right, left);
        }
        (Value::Str(text), Value::Int(count)) => return Ok(Value::from(text.repeat(repetitions(*count, text.len())?))),
        (Value::List(items), Value::Int(count)) => {
            let items = lock(items).clone();
            return Ok(Value::list(repeated(&items, repetitions(*count, items.len())?)));
        }
        (Value::Tuple(items), Value::Int(count)) => {
            return Ok(Value::tuple(repeated(items, repetitions(*count, items.len())?)));
        }
        (Value::Object(object), other) => {
            return object.arithmetic('*', other).ok_or_else(|| unsupported("*", left, right));
        }
        _ => {}
    }
    refuse_mixed("*", left, right)?;
    match pair(left, right) {
        Some(Pair::Ints(left, right)) => left.checked_mul(right).map(Value::Int).ok_or_else(|| OVERFLOW.to_owned()),
        Some(Pair::Floats(left, right)) => Ok(Value::Float(left * right)),
        Some(Pair::Decimals(..)) => decimal_product(left, right).ok_or_else(|| OVERFLOW.to_owned()),
        None => Err(unsupported("*", left, right)),
    }
}

/// The number as a decimal, with the digits after the point that it was written with.
fn decimal_of(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(number) => Some(number.clone()),
        other => other.as_int().map(|number| Decimal::from_unscaled(number, 0)),
    }
}

fn decimal_product(left: &Value, right: &Value) -> Option<Value> {
    let (left, right) = (decimal_of(left)?, decimal_of(right)?);
    let product = left.unscaled(left.scale())?.checked_mul(right.unscaled(right.scale())?)?;
    Some(Value::Decimal(Decimal::from_unscaled(product, left.scale() + right.scale())))
}

/// Python's `Decimal` division: exact where it ends, else to 28 digits.
fn decimal_quotient(left: &Value, right: &Value) -> Option<Value> {
    let (left, right) = (decimal_of(left)?, decimal_of(right)?);
    let (mut dividend, divisor) = (left.unscaled(left.scale())?, right.unscaled(right.scale())?);
    let mut scale = i64::try_from(left.scale()).ok()? - i64::try_from(right.scale()).ok()?;
    while dividend % divisor != 0 || scale < 0 {
        let digits = (dividend / divisor).unsigned_abs().checked_ilog10().map_or(0, |digits| digits + 1);
        let Some(next) = dividend.checked_mul(10).filter(|_| digits < 28 || scale < 0) else {
            break;
        };
        dividend = next;
        scale += 1;
    }
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    let is_up = (rest.unsigned_abs() * 2).cmp(&divisor.unsigned_abs());
    let is_up = is_up.is_gt() || (is_up.is_eq() && quotient % 2 != 0);
    let step = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    let quotient = if is_up { quotient + step } else { quotient };
    Some(Value::Decimal(Decimal::from_unscaled(quotient, usize::try_from(scale).ok()?)))
}

/// A decimal does not mix with a float.
fn refuse_mixed(symbol: &str, left: &Value, right: &Value) -> Result<(), String> {
    match (left, right) {
        (Value::Decimal(_), Value::Float(_)) | (Value::Float(_), Value::Decimal(_)) => {
            Err(unsupported(symbol, left, right))
        }
        _ => Ok(()),
    }
}

fn repeated(items: &[Value], count: usize) -> Vec<Value> {
    std::iter::repeat_n(items, count).flatten().cloned().collect()
}

/// How often to repeat; a result beyond the limits is refused instead of taking all memory.
fn repetitions(count: i128, length: usize) -> Result<usize, String> {
    let count = usize::try_from(count.max(0)).map_err(|_| OVERFLOW.to_owned())?;
    if count.saturating_mul(length) > MAX_ITEMS { Err(TOO_LARGE.to_owned()) } else { Ok(count) }
}

fn divide(left: &Value, right: &Value) -> Result<Value, String> {
    if let Value::Object(object) = left {
        return object.arithmetic('/', right).ok_or_else(|| unsupported("/", left, right));
    }
    let (Some(dividend), Some(divisor)) = (to_float(left), to_float(right)) else {
        return Err(unsupported("/", left, right));
    };
    refuse_mixed("/", left, right)?;
    if divisor == 0.0 {
        return Err("division by zero".to_owned());
    }
    if matches!(left, Value::Decimal(_)) || matches!(right, Value::Decimal(_)) {
        return Ok(decimal_quotient(left, right).unwrap_or(Value::Float(dividend / divisor)));
    }
    Ok(Value::Float(dividend / divisor))
}

fn floor_divide(left: &Value, right: &Value) -> Result<Value, String> {
    if let Value::Object(object) = left {
        return object.arithmetic('f', right).ok_or_else(|| unsupported("//", left, right));
    }
    match pair(left, right) {
        Some(Pair::Ints(_, 0)) => Err("integer division or modulo by zero".to_owned()),
        Some(Pair::Ints(left, right)) => {
            let quotient = left.checked_div(right).ok_or_else(|| OVERFLOW.to_owned())?;
            let is_inexact_and_negative = left % right != 0 && ((left < 0) != (right < 0));
            Ok(Value::Int(if is_inexact_and_negative { quotient - 1 } else { quotient }))
        }
        Some(_) => match divide(left, right)? {
            Value::Float(quotient) => Ok(Value::Float(quotient.floor())),
            Value::Decimal(quotient) => Ok(quotient
                .truncate()
                .map_or(Value::Decimal(quotient), |whole| Value::Decimal(Decimal::from_unscaled(whole, 0)))),
            other => Ok(other),
        },
        None => Err(unsupported("//", left, right)),
    }
}

fn remainder(left: &Value, right: &Value) -> Result<Value, String> {
    if let Value::Str(template) = left {
        return crate::methods::format::percent(template, right).map(Value::from);
    }
    match pair(left, right) {
        Some(Pair::Ints(_, 0)) => Err("integer division or modulo by zero".to_owned()),
        Some(Pair::Ints(left, right)) => {
            let rest = left.checked_rem(right).ok_or_else(|| OVERFLOW.to_owned())?;
            Ok(Value::Int(if rest != 0 && ((rest < 0) != (right < 0)) { rest + right } else { rest }))
        }
        Some(_) => {
            let (Some(left), Some(right)) = (to_float(left), to_float(right)) else {
                return Err(unsupported("%", left, right));
            };
            if right == 0.0 {
                return Err("float modulo".to_owned());
            }
            Ok(Value::Float(left - right * (left / right).floor()))
        }
        None => Err(unsupported("%", left, right)),
    }
}

fn power(left: &Value, right: &Value) -> Result<Value, String> {
    match pair(left, right) {
        Some(Pair::Ints(base, exponent)) if exponent >= 0 => u32::try_from(exponent)
            .ok()
            .and_then(|exponent| base.checked_pow(exponent))
            .map(Value::Int)
            .ok_or_else(|| OVERFLOW.to_owned()),
        Some(_) => match (to_float(left), to_float(right)) {
            (Some(base), Some(exponent)) => Ok(Value::Float(base.powf(exponent))),
            _ => Err(unsupported("**", left, right)),
        },
        None => Err(unsupported("** or pow()", left, right)),
    }
}

/// `-value`.
pub(crate) fn negate(value: &Value) -> Result<Value, String> {
    match value {
        Value::Bool(_) | Value::Int(_) => {
            value.as_int().and_then(i128::checked_neg).map(Value::Int).ok_or_else(|| OVERFLOW.to_owned())
        }
        Value::Float(number) => Ok(Value::Float(-number)),
        Value::Decimal(number) => {
            let scale = number.scale();
            let unscaled = number.unscaled(scale).ok_or_else(|| OVERFLOW.to_owned())?;
            Ok(Value::Decimal(Decimal::from_unscaled(-unscaled, scale)))
        }
        Value::Object(object) => object
            .arithmetic('*', &Value::Int(-1))
            .ok_or_else(|| format!("bad operand type for unary -: '{}'", value.type_name())),
        Value::Undefined(_) => Err(value.undefined_message().unwrap_or_default()),
        other => Err(format!("bad operand type for unary -: '{}'", other.type_name())),
    }
}

/// `value[start:stop:step]`.
pub(crate) fn slice(
    value: &Value,
    start: Option<i128>,
    stop: Option<i128>,
    step: Option<i128>,
) -> Result<Value, String> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err("slice step cannot be zero".to_owned());
    }
    let pick = |items: &[Value]| -> Vec<Value> {
        slice_indices(items.len(), start, stop, step).into_iter().map(|index| items[index].clone()).collect()
    };
    match value {
        Value::Str(text) => {
            let characters: Vec<char> = text.chars().collect();
            let picked = slice_indices(characters.len(), start, stop, step).into_iter().map(|index| characters[index]);
            Ok(Value::from(picked.collect::<String>()))
        }
        Value::List(items) => {
            let items = lock(items).clone();
            Ok(Value::list(pick(&items)))
        }
        Value::Tuple(items) => Ok(Value::tuple(pick(items))),
        Value::Undefined(_) => Err(value.undefined_message().unwrap_or_default()),
        Value::Object(object) => match object.is_sequence().then(|| object.items()).flatten() {
            Some(items) if object.slices_to_tuple() => Ok(Value::tuple(pick(&items))),
            Some(items) => Ok(Value::list(pick(&items))),
            None => Err(format!("'{}' object is not subscriptable", value.type_name())),
        },
        other => Err(format!("'{}' object is not subscriptable", other.type_name())),
    }
}

fn slice_indices(length: usize, start: Option<i128>, stop: Option<i128>, step: i128) -> Vec<usize> {
    let length = length as i128;
    let bound = |index: i128, low: i128, high: i128| {
        let index = if index < 0 { index + length } else { index };
        index.clamp(low, high)
    };
    let mut indices = Vec::new();
    if step > 0 {
        let mut index = start.map_or(0, |start| bound(start, 0, length));
        let stop = stop.map_or(length, |stop| bound(stop, 0, length));
        while index < stop {
            indices.extend(usize::try_from(index).ok());
            index += step;
        }
    } else {
        let mut index = start.map_or(length - 1, |start| bound(start, -1, length - 1));
        let stop = stop.map_or(-1, |stop| bound(stop, -1, length - 1));
        while index > stop {
            indices.extend(usize::try_from(index).ok());
            index += step;
        }
    }
    indices
}
