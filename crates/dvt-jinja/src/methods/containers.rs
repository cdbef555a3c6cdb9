//! Python's methods of lists, tuples, dicts and sets.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::{DictView, MAX_ITEMS, TOO_LARGE, ViewKind, compare, equals, lock, repr};
use crate::{Args, Dict, Value};
use std::cmp::Ordering;
use std::sync::{Arc, Mutex};

pub(super) const LIST_NAMES: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
pub(super) const TUPLE_NAMES: &[&str] = &["count", "index"];
pub(super) const DICT_NAMES: &[&str] =
    &["clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
pub(super) const SET_NAMES: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "difference_update",
    "discard",
    "intersection",
    "intersection_update",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "union",
    "update",
];

pub(super) fn call_list(
    interpreter: &mut Interpreter<'_>,
    list: &Arc<Mutex<Vec<Value>>>,
    name: &str,
    args: &mut Args,
) -> Option<Result<Value, Flow>> {
    LIST_NAMES.contains(&name).then(|| run_list(interpreter, list, name, args))
}

fn run_list(
    interpreter: &mut Interpreter<'_>,
    list: &Arc<Mutex<Vec<Value>>>,
    name: &str,
    args: &mut Args,
) -> Result<Value, Flow> {
    let value = match name {
        "append" => {
            let item = args.required("object")?;
            lock(list).push(item);
            Value::None
        }
        "extend" => {
            let items = iterable(args, "iterable")?;
            let mut list = lock(list);
            if list.len() + items.len() > MAX_ITEMS {
                return Err(raise(TOO_LARGE));
            }
            list.extend(items);
            Value::None
        }
        "insert" => {
            let index = args.required("index")?;
            let index = index.as_int().ok_or_else(|| args.wrong_type("index", "an integer", &index))?;
            let item = args.required("object")?;
            let mut items = lock(list);
            let length = items.len() as i128;
            let index = if index < 0 { index + length } else { index }.clamp(0, length);
            items.insert(usize::try_from(index).unwrap_or(0), item);
            Value::None
        }
        "pop" => {
            let index = args.optional_int("index")?.unwrap_or(-1);
            let mut items = lock(list);
            let length = items.len() as i128;
            let index = if index < 0 { index + length } else { index };
            match usize::try_from(index) {
                Ok(index) if index < items.len() => items.remove(index),
                _ if items.is_empty() => return Err(raise("pop from empty list")),
                _ => return Err(raise("pop index out of range")),
            }
        }
        "remove" => {
            let wanted = args.required("value")?;
            let mut items = lock(list);
            match items.iter().position(|item| equals(item, &wanted)) {
                Some(index) => {
                    items.remove(index);
                    Value::None
                }
                None => return Err(raise("list.remove(x): x not in list")),
            }
        }
        "clear" => {
            lock(list).clear();
            Value::None
        }
        "copy" => Value::list(lock(list).clone()),
        "reverse" => {
            lock(list).reverse();
            Value::None
        }
        "sort" => {
            let key = args.keyword.shift_remove("key").filter(|key| !key.is_none());
            let is_reversed = args.keyword.shift_remove("reverse").is_some_and(|value| value.is_true());
            let items = lock(list).clone();
            let sorted = sort_by_key(interpreter, items, key.as_ref(), is_reversed)?;
            *lock(list) = sorted;
            Value::None
        }
        "count" | "index" => return run_sequence(&lock(list).clone(), name, args),
        other => return Err(raise(format!("'list' object has no attribute '{other}'"))),
    };
    args.finish()?;
    Ok(value)
}

fn sort_by_key(
    interpreter: &mut Interpreter<'_>,
    items: Vec<Value>,
    key: Option<&Value>,
    is_reversed: bool,
) -> Result<Vec<Value>, Flow> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let sort_key = match key {
            Some(function) => interpreter.call_value(function, &mut Args::new("key", vec![item.clone()]))?,
            None => item.clone(),
        };
        keyed.push((sort_key, item));
    }
    let mut failure = None;
    keyed.sort_by(|left, right| {
        let order = compare(&left.0, &right.0).unwrap_or_else(|| {
            failure = Some(format!(
                "'<' not supported between instances of '{}' and '{}'",
                left.0.type_name(),
                right.0.type_name()
            ));
            Ordering::Equal
        });
        if is_reversed { order.reverse() } else { order }
    });
    match failure {
        Some(message) => Err(raise(message)),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

fn iterable(args: &mut Args, name: &str) -> Result<Vec<Value>, Flow> {
    let value = args.required(name)?;
    value.iterate().ok_or_else(|| args.wrong_type(name, "an iterable", &value))
}

pub(super) fn call_tuple(items: &[Value], name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
    TUPLE_NAMES.contains(&name).then(|| run_sequence(items, name, args))
}

fn run_sequence(items: &[Value], name: &str, args: &mut Args) -> Result<Value, Flow> {
    let wanted = args.required("value")?;
    args.finish()?;
    if name == "count" {
        return Ok(Value::from(items.iter().filter(|item| equals(item, &wanted)).count()));
    }
    match items.iter().position(|item| equals(item, &wanted)) {
        Some(index) => Ok(Value::from(index)),
        None => Err(raise(format!("{} is not in list", repr(&wanted)))),
    }
}

pub(super) fn call_dict(dict: &Arc<Mutex<Dict>>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
    DICT_NAMES.contains(&name).then(|| run_dict(dict, name, args))
}

fn run_dict(dict: &Arc<Mutex<Dict>>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    let value = match name {
        "get" => {
            let key = args.required("key")?;
            let default = args.optional("default")?.unwrap_or(Value::None);
            lock(dict).get(&key).cloned().unwrap_or(default)
        }
        "keys" => Value::object(DictView { dict: Arc::clone(dict), kind: ViewKind::Keys }),
        "values" => Value::object(DictView { dict: Arc::clone(dict), kind: ViewKind::Values }),
        "items" => Value::object(DictView { dict: Arc::clone(dict), kind: ViewKind::Items }),
        "copy" => Value::dict(lock(dict).clone()),
        "clear" => {
            lock(dict).clear();
            Value::None
        }
        "pop" => {
            let key = args.required("key")?;
            let default = args.optional("default")?;
            match lock(dict).remove(&key).or(default) {
                Some(value) => value,
                None => return Err(raise(format!("KeyError: {}", repr(&key)))),
            }
        }
        "popitem" => match lock(dict).pop_last() {
            Some((key, value)) => Value::tuple(vec![key, value]),
            None => return Err(raise("popitem(): dictionary is empty")),
        },
        "setdefault" => {
            let key = args.required("key")?;
            let default = args.optional("default")?.unwrap_or(Value::None);
            let mut dict = lock(dict);
            match dict.get(&key) {
                Some(value) => value.clone(),
                None => {
                    if !dict.insert(key.clone(), default.clone()) {
                        return Err(unhashable(&key));
                    }
                    default
                }
            }
        }
        "update" => {
            let mut entries = Vec::new();
            if let Some(other) = args.optional("other")? {
                entries = pairs(&other)?;
            }
            entries.extend(args.keyword.drain(..).map(|(key, value)| (Value::Str(key), value)));
            let mut dict = lock(dict);
            for (key, value) in entries {
                if !dict.insert(key.clone(), value) {
                    return Err(unhashable(&key));
                }
            }
            Value::None
        }
        other => return Err(raise(format!("'dict' object has no attribute '{other}'"))),
    };
    args.finish()?;
    Ok(value)
}

fn unhashable(key: &Value) -> Flow {
    raise(format!("unhashable type: '{}'", key.type_name()))
}

/// The entries of a dict, or of a list of pairs.
pub(crate) fn pairs(value: &Value) -> Result<Vec<(Value, Value)>, Flow> {
    if let Some(dict) = value.as_dict() {
        return Ok(dict.iter().map(|(key, value)| (key.clone(), value.clone())).collect());
    }
    let not_pairs = || raise(format!("'{}' object is no mapping and no list of pairs", value.type_name()));
    let items = value.iterate().ok_or_else(not_pairs)?;
    items
        .iter()
        .map(|item| match item.iterate().as_deref() {
            Some([key, value]) => Ok((key.clone(), value.clone())),
            _ => Err(not_pairs()),
        })
        .collect()
}

pub(super) fn call_set(set: &Arc<Mutex<Dict>>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
    SET_NAMES.contains(&name).then(|| run_set(set, name, args))
}

fn run_set(set: &Arc<Mutex<Dict>>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    let value = match name {
        "add" => {
            let item = args.required("elem")?;
            if !lock(set).insert(item.clone(), Value::None) {
                return Err(unhashable(&item));
            }
            Value::None
        }
        "discard" | "remove" => {
            let item = args.required("elem")?;
            let removed = lock(set).remove(&item);
            if removed.is_none() && name == "remove" {
                return Err(raise(format!("KeyError: {}", repr(&item))));
            }
            Value::None
        }
        "clear" => {
            lock(set).clear();
            Value::None
        }
        "copy" => Value::set(lock(set).keys().cloned().collect::<Vec<_>>()),
        "pop" => {
            let mut set = lock(set);
            let first = set.keys().next().cloned();
            match first {
                Some(item) => {
                    set.remove(&item);
                    item
                }
                None => return Err(raise("pop from an empty set")),
            }
        }
        "isdisjoint" | "issubset" | "issuperset" => {
            let other: Dict = iterable(args, "other")?.into_iter().map(|item| (item, Value::None)).collect();
            let own = lock(set).clone();
            Value::Bool(match name {
                "isdisjoint" => own.keys().all(|item| other.get(item).is_none()),
                "issubset" => own.keys().all(|item| other.get(item).is_some()),
                _ => other.keys().all(|item| own.get(item).is_some()),
            })
        }
        _ => {
            let mut result = lock(set).clone();
            for other in args.rest() {
                let other = other.iterate().ok_or_else(|| args.wrong_type("other", "an iterable", &other))?;
                let other: Dict = other.into_iter().map(|item| (item, Value::None)).collect();
                result = combine(name, &result, &other);
            }
            args.finish()?;
            if name.ends_with("update") {
                *lock(set) = result;
                return Ok(Value::None);
            }
            return Ok(Value::Set(Arc::new(Mutex::new(result))));
        }
    };
    args.finish()?;
    Ok(value)
}

fn combine(name: &str, left: &Dict, right: &Dict) -> Dict {
    let with_none = |item: &Value| (item.clone(), Value::None);
    match name {
        "union" | "update" => left.keys().chain(right.keys()).map(with_none).collect(),
        "intersection" | "intersection_update" => {
            left.keys().filter(|item| right.get(item).is_some()).map(with_none).collect()
        }
        "difference" | "difference_update" => {
            left.keys().filter(|item| right.get(item).is_none()).map(with_none).collect()
        }
        _ => {
            let only_left = left.keys().filter(|item| right.get(item).is_none());
            let only_right = right.keys().filter(|item| left.get(item).is_none());
            only_left.chain(only_right).map(with_none).collect()
        }
    }
}
