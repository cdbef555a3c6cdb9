//! When two values of artifacts are the same: as Python compares them once both are read from JSON.

use serde_json::{Map, Value};

/// Equal values: numbers by value, and a key with `null` like a key that is not there.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => same_maps(left, right),
        _ => left == right,
    }
}

fn same_maps(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    left.keys().chain(right.keys()).all(|key| same_key(left, right, key))
}

pub(super) fn same_key(left: &Map<String, Value>, right: &Map<String, Value>, key: &str) -> bool {
    same(left.get(key).unwrap_or(&Value::Null), right.get(key).unwrap_or(&Value::Null))
}

/// Two objects agree in these keys; each may be a way through objects: `query_params.where`.
pub(super) fn same_in(left: &Value, right: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| same(at(left, key), at(right, key)))
}

fn at<'a>(value: &'a Value, way: &str) -> &'a Value {
    way.split('.').try_fold(value, |value, key| value.get(key)).unwrap_or(&Value::Null)
}

/// What was configured is the same, but for the keys that dbt does not count as configuration. A key that is missing on
/// one side only is a difference, whatever its value is.
pub(super) fn same_config(new: &Map<String, Value>, old: &Map<String, Value>, excluded: &[&str]) -> bool {
    new.keys().chain(old.keys()).filter(|key| !excluded.contains(&key.as_str())).all(|key| {
        match (new.get(key), old.get(key)) {
            (Some(new), Some(old)) => same(new, old),
            _ => false,
        }
    })
}
