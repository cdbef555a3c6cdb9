//! Equality, order and membership, as Python has them.

use super::{Decimal, Value, lock};
use std::cmp::Ordering;
use std::sync::Arc;

/// A number that may stand beside any other number.
enum Number<'a> {
    Int(i128),
    Float(f64),
    Decimal(&'a Decimal),
}

fn number(value: &Value) -> Option<Number<'_>> {
    Some(match value {
        Value::Bool(value) => Number::Int(i128::from(*value)),
        Value::Int(value) => Number::Int(*value),
        Value::Float(value) => Number::Float(*value),
        Value::Decimal(value) => Number::Decimal(value),
        _ => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "as Python compares an int with a float, to its precision")]
fn compare_numbers(left: &Number<'_>, right: &Number<'_>) -> Option<Ordering> {
    use Number::{Decimal as Dec, Float, Int};
    match (left, right) {
        (Int(left), Int(right)) => Some(left.cmp(right)),
        (Float(left), Float(right)) => left.partial_cmp(right),
        (Int(left), Float(right)) => (*left as f64).partial_cmp(right),
        (Float(left), Int(right)) => left.partial_cmp(&(*right as f64)),
        (Dec(left), Dec(right)) => Some(left.compare(right)),
        (Dec(left), Int(right)) => Some(left.compare(&Decimal::from_unscaled(*right, 0))),
        (Int(left), Dec(right)) => Some(Decimal::from_unscaled(*left, 0).compare(right)),
        (Dec(left), Float(right)) => left.to_f64().partial_cmp(right),
        (Float(left), Dec(right)) => left.partial_cmp(&right.to_f64()),
    }
}

/// How deep containers are compared; two lists that hold themselves end here.
const MAX_DEPTH: usize = 100;

/// `left == right`.
pub(crate) fn equals(left: &Value, right: &Value) -> bool {
    equals_at(left, right, 0)
}

fn equals_at(left: &Value, right: &Value, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return compare_numbers(&left, &right) == Some(Ordering::Equal);
    }
    match (left, right) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Str(left), Value::Str(right)) => left == right,
        // What `as_bool` and its like give is a text until it is written.
        (Value::Str(text), Value::Object(object)) | (Value::Object(object), Value::Str(text))
            if object.type_name() == "str" =>
        {
            object.display() == **text
        }
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            if Arc::ptr_eq(left, right) {
                return true;
            }
            let (left, right) = (lock(left).clone(), lock(right).clone());
            all_equal(&left, &right, depth)
        }
        (Value::Tuple(left), Value::Tuple(right)) => all_equal(left, right, depth),
        (Value::Dict(left), Value::Dict(right)) => {
            if Arc::ptr_eq(left, right) {
                return true;
            }
            let (left, right) = (lock(left).clone(), lock(right).clone());
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| equals_at(value, other, depth + 1)))
        }
        (Value::Set(left), Value::Set(right)) => {
            if Arc::ptr_eq(left, right) {
                return true;
            }
            let (left, right) = (lock(left).clone(), lock(right).clone());
            left.len() == right.len() && left.keys().all(|key| right.get(key).is_some())
        }
        (Value::Object(left), Value::Object(right)) => Arc::ptr_eq(left, right) || left.equals(right.as_ref()),
        _ => false,
    }
}

fn all_equal(left: &[Value], right: &[Value], depth: usize) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equals_at(left, right, depth + 1))
}

/// The order of two values; `None` where Python raises a `TypeError` (or a NaN is met).
pub(crate) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    compare_at(left, right, 0)
}

fn compare_at(left: &Value, right: &Value, depth: usize) -> Option<Ordering> {
    if depth > MAX_DEPTH {
        return None;
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return compare_numbers(&left, &right);
    }
    match (left, right) {
        (Value::Str(left), Value::Str(right)) => Some(left.cmp(right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::List(left), Value::List(right)) => {
            let (left, right) = (lock(left).clone(), lock(right).clone());
            compare_items(&left, &right, depth)
        }
        (Value::Tuple(left), Value::Tuple(right)) => compare_items(left, right, depth),
        (Value::Object(left), Value::Object(right)) if left.type_name() == right.type_name() => {
            Some(left.order()?.cmp(&right.order()?))
        }
        _ => None,
    }
}

fn compare_items(left: &[Value], right: &[Value], depth: usize) -> Option<Ordering> {
    for (left, right) in left.iter().zip(right) {
        if !equals(left, right) {
            return compare_at(left, right, depth + 1);
        }
    }
    Some(left.len().cmp(&right.len()))
}

/// `item in container`; `None` when the container is none.
pub(crate) fn contains(container: &Value, item: &Value) -> Option<bool> {
    match container {
        Value::Str(text) => Some(text.contains(item.as_str()?)),
        Value::Dict(dict) | Value::Set(dict) => Some(lock(dict).get(item).is_some()),
        Value::Object(object) => {
            if let Some(answer) = object.has(item) {
                return Some(answer);
            }
            Some(object.items()?.iter().any(|value| equals(value, item)))
        }
        other => Some(other.iterate()?.iter().any(|value| equals(value, item))),
    }
}
