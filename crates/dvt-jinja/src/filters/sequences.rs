//! Filters on sequences and mappings.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::tests_of_values;
use crate::value::{Generator, MAX_TEXT, TOO_LARGE, binary, compare, equals};
use crate::{Args, Value};
use std::cmp::Ordering;

const NAMES: &[&str] = &[
    "batch",
    "count",
    "dictsort",
    "first",
    "groupby",
    "items",
    "join",
    "last",
    "length",
    "list",
    "map",
    "max",
    "min",
    "random",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "sum",
    "unique",
];

/// Applies a sequence filter; `None` when the name is none of them.
pub(super) fn apply(
    interpreter: &mut Interpreter<'_>,
    name: &str,
    value: &Value,
    args: &mut Args,
) -> Option<Result<Value, Flow>> {
    NAMES.contains(&name).then(|| run(interpreter, name, value, args))
}

fn items_of(value: &Value) -> Result<Vec<Value>, Flow> {
    value.iterate().ok_or_else(|| raise(format!("'{}' object is not iterable", value.type_name())))
}

/// What the lazy filters run over: nothing for anything false, so that `none | map(…)` is empty.
fn lazy_items_of(value: &Value) -> Result<Vec<Value>, Flow> {
    if value.is_true() { items_of(value) } else { Ok(Vec::new()) }
}

fn run(interpreter: &mut Interpreter<'_>, name: &str, value: &Value, args: &mut Args) -> Result<Value, Flow> {
    let result = match name {
        "length" | "count" => {
            let length =
                value.length().ok_or_else(|| raise(format!("object of type '{}' has no len()", value.type_name())))?;
            Value::from(length)
        }
        "list" => Value::list(items_of(value)?),
        "items" => match value {
            Value::Undefined(_) => Generator::value("do_items", Vec::new()),
            _ => {
                let dict = value.as_dict().ok_or_else(|| raise("Can only get item pairs from a mapping."))?;
                let pairs = dict.iter().map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()]));
                Generator::value("do_items", pairs.collect())
            }
        },
        "first" => match value.downcast::<Generator>() {
            Some(generator) => generator.next().unwrap_or_else(empty),
            None => items_of(value)?.first().cloned().unwrap_or_else(empty),
        },
        "last" if value.downcast::<Generator>().is_some() => {
            return Err(raise(format!("'{}' object is not reversible", value.type_name())));
        }
        "last" => items_of(value)?.last().cloned().unwrap_or_else(empty),
        "random" => {
            // The first item is as random as any other, and makes a build repeatable.
            items_of(value)?.first().cloned().unwrap_or_else(empty)
        }
        "reverse" => match value {
            Value::Str(text) => Value::from(text.chars().rev().collect::<String>()),
            other => {
                let mut items = items_of(other)?;
                items.reverse();
                match other {
                    Value::List(_) => Generator::of_class("list_reverseiterator", items),
                    _ if other.downcast::<Generator>().is_some() => Value::list(items),
                    _ => Generator::of_class("reversed", items),
                }
            }
        },
        "join" => {
            let separator = args.optional("d")?.map(|value| value.to_string()).unwrap_or_default();
            let attribute = args.optional("attribute")?;
            let mut parts = Vec::new();
            let mut length = 0usize;
            for item in items_of(value)? {
                let part = match &attribute {
                    Some(attribute) => lookup(interpreter, &item, attribute)?,
                    None => item,
                };
                let part = part.to_string();
                length = length.saturating_add(part.len() + separator.len());
                if length > MAX_TEXT {
                    return Err(raise(TOO_LARGE));
                }
                parts.push(part);
            }
            Value::from(parts.join(&separator))
        }
        "map" => return map(interpreter, value, args),
        "select" | "reject" => {
            let test = args.rest();
            let mut kept = Vec::new();
            for item in lazy_items_of(value)? {
                if passes(&item, &test)? == (name == "select") {
                    kept.push(item);
                }
            }
            Generator::value(if name == "select" { "sync_do_select" } else { "sync_do_reject" }, kept)
        }
        "selectattr" | "rejectattr" => {
            let attribute = args.required("attribute")?;
            let test = args.rest();
            let mut kept = Vec::new();
            for item in lazy_items_of(value)? {
                let found = lookup(interpreter, &item, &attribute)?;
                if passes(&found, &test)? == (name == "selectattr") {
                    kept.push(item);
                }
            }
            Generator::value(if name == "selectattr" { "sync_do_selectattr" } else { "sync_do_rejectattr" }, kept)
        }
        "sort" => {
            let is_reversed = args.flag("reverse", false)?;
            let is_case_sensitive = args.flag("case_sensitive", false)?;
            let attribute = args.optional("attribute")?;
            let items = items_of(value)?;
            Value::list(sort(interpreter, items, attribute.as_ref(), is_case_sensitive, is_reversed)?)
        }
        "unique" => {
            let is_case_sensitive = args.flag("case_sensitive", false)?;
            let attribute = args.optional("attribute")?;
            let mut seen: Vec<Value> = Vec::new();
            let mut kept = Vec::new();
            for item in items_of(value)? {
                let key = sort_key(interpreter, &item, attribute.as_ref(), is_case_sensitive)?;
                if !seen.iter().any(|known| equals(known, &key)) {
                    seen.push(key);
                    kept.push(item);
                }
            }
            Generator::value("do_unique", kept)
        }
        "min" | "max" => {
            let is_case_sensitive = args.flag("case_sensitive", false)?;
            let attribute = args.optional("attribute")?;
            let items = sort(interpreter, items_of(value)?, attribute.as_ref(), is_case_sensitive, false)?;
            let found = if name == "min" { items.first() } else { items.last() };
            found.cloned().unwrap_or_else(empty)
        }
        "sum" => {
            let attribute = args.optional("attribute")?;
            let mut sum = args.optional("start")?.unwrap_or(Value::Int(0));
            for item in items_of(value)? {
                let item = match &attribute {
                    Some(attribute) => lookup(interpreter, &item, attribute)?,
                    None => item,
                };
                sum = binary(crate::engine::ir::BinaryOp::Add, &sum, &item).map_err(raise)?;
            }
            sum
        }
        "batch" | "slice" => {
            let size = args.required("size")?;
            let size = size.as_int().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
            let size = size.ok_or_else(|| raise(format!("{name}: the size must be a positive integer")))?;
            let fill = args.optional("fill_with")?.filter(|fill| !fill.is_none());
            let items = items_of(value)?;
            if name == "batch" {
                Generator::value("do_batch", batch(&items, size, fill))
            } else {
                Generator::value("sync_do_slice", slices(&items, size, fill))
            }
        }
        "dictsort" => {
            let is_case_sensitive = args.flag("case_sensitive", false)?;
            let by = args.optional_str("by")?.unwrap_or_else(|| "key".into());
            let is_reversed = args.flag("reverse", false)?;
            let dict = value.as_dict().ok_or_else(|| raise("dictsort needs a mapping"))?;
            let pairs = dict.iter().map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()])).collect();
            let position = match &*by {
                "key" => 0,
                "value" => 1,
                _ => return Err(raise("You can only sort by either \"key\" or \"value\"")),
            };
            Value::list(sort(interpreter, pairs, Some(&Value::Int(position)), is_case_sensitive, is_reversed)?)
        }
        "groupby" => {
            let attribute = args.required("attribute")?;
            let default = args.optional("default")?;
            let is_case_sensitive = args.flag("case_sensitive", false)?;
            group_by(interpreter, items_of(value)?, &attribute, default.as_ref(), is_case_sensitive)?
        }
        other => return Err(raise(format!("No filter named '{other}'."))),
    };
    args.finish()?;
    Ok(result)
}

fn empty() -> Value {
    Value::Undefined(Some("No item: the sequence was empty.".into()))
}

/// `item.a.0.b` by a dotted attribute.
fn lookup(interpreter: &mut Interpreter<'_>, item: &Value, attribute: &Value) -> Result<Value, Flow> {
    let Some(path) = attribute.as_str() else {
        return interpreter.item(item, attribute);
    };
    let mut value = item.clone();
    for part in path.split('.') {
        let key = part.parse().map_or_else(|_| Value::from(part), Value::Int);
        value = match &value {
            Value::Undefined(_) => return Ok(value),
            other => interpreter.item(other, &key)?,
        };
    }
    Ok(value)
}

/// Whether a value passes the test named first (its truth when none is named).
fn passes(value: &Value, test: &[Value]) -> Result<bool, Flow> {
    match test.split_first() {
        None => Ok(value.is_true()),
        Some((name, rest)) => {
            let name = name.to_string();
            tests_of_values::check(&name, value, &mut Args::new(&name, rest.to_vec()))
        }
    }
}

fn map(interpreter: &mut Interpreter<'_>, value: &Value, args: &mut Args) -> Result<Value, Flow> {
    let items = lazy_items_of(value)?;
    let attribute = args.keyword.shift_remove("attribute");
    let mut mapped = Vec::with_capacity(items.len());
    if let Some(attribute) = attribute {
        let default = args.keyword.shift_remove("default");
        args.finish()?;
        for item in items {
            let found = lookup(interpreter, &item, &attribute)?;
            mapped.push(match (&found, &default) {
                (Value::Undefined(_), Some(default)) => default.clone(),
                _ => found,
            });
        }
        return Ok(Generator::value("sync_do_map", mapped));
    }
    let filter = args.required("filter")?;
    let rest = args.rest();
    for item in items {
        mapped.push(match &filter {
            Value::Str(name) => {
                let mut inner = Args::new(name, rest.clone());
                inner.keyword = args.keyword.clone();
                super::apply(interpreter, name, item, &mut inner)?
            }
            function => interpreter.call_value(function, &mut Args::new("map", vec![item]))?,
        });
    }
    Ok(Generator::value("sync_do_map", mapped))
}

fn sort_key(
    interpreter: &mut Interpreter<'_>,
    item: &Value,
    attribute: Option<&Value>,
    is_case_sensitive: bool,
) -> Result<Value, Flow> {
    let fold = |value: Value| match &value {
        Value::Str(text) if !is_case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    };
    match attribute {
        None | Some(Value::None) => Ok(fold(item.clone())),
        Some(Value::Str(paths)) if paths.contains(',') => {
            let mut keys = Vec::new();
            for path in paths.split(',') {
                keys.push(fold(lookup(interpreter, item, &Value::from(path.trim()))?));
            }
            Ok(Value::tuple(keys))
        }
        Some(attribute) => Ok(fold(lookup(interpreter, item, attribute)?)),
    }
}

fn sort(
    interpreter: &mut Interpreter<'_>,
    items: Vec<Value>,
    attribute: Option<&Value>,
    is_case_sensitive: bool,
    is_reversed: bool,
) -> Result<Vec<Value>, Flow> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((sort_key(interpreter, &item, attribute, is_case_sensitive)?, item));
    }
    let mut failure = None;
    keyed.sort_by(|left, right| {
        let order = compare(&left.0, &right.0).unwrap_or_else(|| {
            failure = Some((left.0.type_name().to_owned(), right.0.type_name().to_owned()));
            Ordering::Equal
        });
        if is_reversed { order.reverse() } else { order }
    });
    if let Some((left, right)) = failure {
        return Err(raise(format!("'<' not supported between instances of '{left}' and '{right}'")));
    }
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

fn batch(items: &[Value], size: usize, fill: Option<Value>) -> Vec<Value> {
    items
        .chunks(size)
        .map(|chunk| {
            let mut chunk = chunk.to_vec();
            if let Some(fill) = &fill {
                chunk.resize(size, fill.clone());
            }
            Value::list(chunk)
        })
        .collect()
}

fn slices(items: &[Value], count: usize, fill: Option<Value>) -> Vec<Value> {
    let (each, extra) = (items.len() / count, items.len() % count);
    let mut offset = 0;
    (0..count)
        .map(|index| {
            let length = each + usize::from(index < extra);
            let mut slice = items[offset..offset + length].to_vec();
            offset += length;
            if let (Some(fill), true) = (&fill, extra > 0 && index >= extra) {
                slice.push(fill.clone());
            }
            Value::list(slice)
        })
        .collect()
}

fn group_by(
    interpreter: &mut Interpreter<'_>,
    items: Vec<Value>,
    attribute: &Value,
    default: Option<&Value>,
    is_case_sensitive: bool,
) -> Result<Value, Flow> {
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for item in items {
        let found = lookup(interpreter, &item, attribute)?;
        let found = match (&found, default) {
            (Value::Undefined(_), Some(default)) => default.clone(),
            _ => found,
        };
        let key = match &found {
            Value::Str(text) if !is_case_sensitive => Value::from(text.to_lowercase()),
            other => other.clone(),
        };
        match groups.iter_mut().find(|(known, _, _)| equals(known, &key)) {
            Some((_, _, members)) => members.push(item),
            None => groups.push((key, found, vec![item])),
        }
    }
    groups.sort_by(|left, right| compare(&left.0, &right.0).unwrap_or(Ordering::Equal));
    Ok(Value::list(
        groups
            .into_iter()
            .map(|(_, grouper, members)| {
                Value::object(crate::objects::namespace::Group { grouper, members: Value::list(members) })
            })
            .collect(),
    ))
}
