//! Python's and Jinja's own functions: `set`, `zip`, `range`, `dict`, `namespace`, and `modules`.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::methods::containers::pairs;
use crate::objects::namespace::Namespace;
use crate::value::{Dict, Generator, Range, lock};
use crate::{Args, Object, Value};
use std::sync::Mutex;

/// `modules`: the Python modules that dbt opens to templates.
pub(super) fn modules() -> Value {
    let mut modules = Dict::new();
    modules.set("datetime", super::datetime_module::module());
    modules.set("pytz", super::datetime_module::pytz());
    modules.set("re", Value::object(super::re::Re));
    modules.set("itertools", Value::object(super::itertools::Itertools));
    Value::dict(modules)
}

fn to_set(value: &Value) -> Option<Value> {
    let mut set = Dict::new();
    for item in value.iterate()? {
        if !set.insert(item, Value::None) {
            return None;
        }
    }
    Some(Value::Set(std::sync::Arc::new(Mutex::new(set))))
}

/// `set(iterable, default)`: the default when there is nothing to iterate.
pub(super) fn set(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let value = args.required("value")?;
    let default = args.optional("default")?.unwrap_or(Value::None);
    args.finish()?;
    Ok(to_set(&value).unwrap_or(default))
}

pub(super) fn set_strict(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let value = args.required("value")?;
    args.finish()?;
    to_set(&value).ok_or_else(|| raise(format!("'{}' object is not iterable", value.type_name())))
}

fn zipped(values: &[Value]) -> Option<Value> {
    let columns: Vec<Vec<Value>> = values.iter().map(Value::iterate).collect::<Option<_>>()?;
    let length = columns.iter().map(Vec::len).min().unwrap_or(0);
    let row = |index: usize| Value::tuple(columns.iter().map(|column| column[index].clone()).collect());
    Some(Generator::of_class("zip", (0..length).map(row).collect()))
}

/// `zip(*iterables, default=none)`.
pub(super) fn zip(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let default = args.keyword.shift_remove("default").unwrap_or(Value::None);
    let values = args.rest();
    args.finish()?;
    Ok(zipped(&values).unwrap_or(default))
}

pub(super) fn zip_strict(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let values = args.rest();
    args.finish()?;
    let refused = values.iter().find(|value| !value.is_iterable()).map(|value| value.type_name().to_owned());
    match refused {
        Some(kind) => Err(raise(format!("'{kind}' object is not iterable"))),
        None => zipped(&values).ok_or_else(|| raise("zip_strict() needs iterables")),
    }
}

/// The longest range; Jinja's sandbox has the same limit.
const MAX_RANGE: i128 = 100_000;

pub(super) fn range(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let values = args.rest();
    args.finish()?;
    let numbers: Vec<i128> = values
        .iter()
        .map(|value| {
            value
                .as_int()
                .ok_or_else(|| raise(format!("'{}' object cannot be interpreted as an integer", value.type_name())))
        })
        .collect::<Result<_, _>>()?;
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        _ => return Err(raise(format!("range expected 1 to 3 arguments, got {}", numbers.len()))),
    };
    if step == 0 {
        return Err(raise("range() arg 3 must not be zero"));
    }
    let count = if step > 0 { (stop - start + step - 1) / step } else { (start - stop - step - 1) / -step };
    if count > MAX_RANGE {
        return Err(raise(format!("Range too big. The sandbox blocks ranges larger than {MAX_RANGE}.")));
    }
    let numbers = (0..count.max(0)).map(|index| Value::Int(start + index * step)).collect();
    Ok(Value::object(Range { start, stop, step, numbers }))
}

pub(super) fn dict(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let mut dict = Dict::new();
    for value in args.rest() {
        for (key, value) in pairs(&value)? {
            dict.insert(key, value);
        }
    }
    for (key, value) in args.keyword.drain(..) {
        dict.insert(Value::Str(key), value);
    }
    Ok(Value::dict(dict))
}

pub(super) fn namespace(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    match dict(interpreter, args)? {
        Value::Dict(dict) => Ok(Value::object(Namespace(Mutex::new(lock(&dict).clone())))),
        other => Ok(other),
    }
}

/// `diff_of_two_dicts(a, b)`: what of `a` is not in `b`, whatever the case of keys and values; `a`'s spelling stays.
pub(super) fn diff_of_two_dicts(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let (left, right) = (args.required("dict_a")?, args.required("dict_b")?);
    args.finish()?;
    let (Some(left), Some(right)) = (left.as_dict(), right.as_dict()) else {
        return Err(raise("diff_of_two_dicts() takes two dicts"));
    };
    let lowered: Dict =
        right.iter().map(|(key, value)| (Value::from(key.to_string().to_lowercase()), value.clone())).collect();
    let mut difference = Dict::new();
    for (key, values) in left.iter() {
        let missing = match lowered.get(&Value::from(key.to_string().to_lowercase())) {
            None => values.clone(),
            Some(known) => {
                let known = known.iterate().unwrap_or_default();
                let is_known = |value: &Value| {
                    let value = value.to_string().to_lowercase();
                    known.iter().any(|known| known.to_string().to_lowercase() == value)
                };
                let missing: Vec<Value> =
                    values.iterate().unwrap_or_default().into_iter().filter(|value| !is_known(value)).collect();
                if missing.is_empty() {
                    continue;
                }
                Value::list(missing)
            }
        };
        difference.insert(key.clone(), missing);
    }
    Ok(Value::dict(difference))
}

/// `lipsum()`: filler text, always the same.
pub(super) fn lipsum(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let paragraphs = args.optional_int("n")?.unwrap_or(5).clamp(0, 100);
    args.rest();
    args.keyword.clear();
    let text = "Lorem ipsum dolor sit amet, consectetur adipiscing elit.";
    let paragraphs = usize::try_from(paragraphs).unwrap_or(0);
    Ok(Value::from(vec![text; paragraphs].join("\n\n")))
}

/// `cycler(...)`.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    position: Mutex<usize>,
}

pub(super) fn cycler(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let items = args.rest();
    args.finish()?;
    if items.is_empty() {
        return Err(raise("at least one item has to be provided"));
    }
    Ok(Value::object(Cycler { items, position: Mutex::new(0) }))
}

impl Object for Cycler {
    fn type_name(&self) -> &str {
        "Cycler"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        (name == "current").then(|| self.items[*lock(&self.position)].clone())
    }

    fn methods(&self) -> &'static [&'static str] {
        &["next", "reset"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let mut position = lock(&self.position);
        match name {
            "next" => {
                let value = self.items[*position].clone();
                *position = (*position + 1) % self.items.len();
                Some(args.finish().map(|()| value))
            }
            "reset" => {
                *position = 0;
                Some(args.finish().map(|()| Value::None))
            }
            _ => None,
        }
    }
}

/// `joiner(separator)`: nothing at the first call, the separator after.
#[derive(Debug)]
struct Joiner {
    separator: Value,
    was_used: Mutex<bool>,
}

pub(super) fn joiner(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let separator = args.optional("sep")?.unwrap_or_else(|| Value::from(", "));
    args.finish()?;
    Ok(Value::object(Joiner { separator, was_used: Mutex::new(false) }))
}

impl Object for Joiner {
    fn type_name(&self) -> &str {
        "Joiner"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        let mut was_used = lock(&self.was_used);
        let value = if *was_used { self.separator.clone() } else { Value::from("") };
        *was_used = true;
        Some(args.finish().map(|()| value))
    }
}
