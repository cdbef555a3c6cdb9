//! Python's iterators and views: what filters like `map` give, `dict.keys()`, `range(...)`.

use super::{Dict, Value, equals, lock, repr};
use crate::Object;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A generator or iterator: true, without a length, and empty once it was read.
#[derive(Debug)]
pub(crate) struct Generator {
    type_name: &'static str,
    /// What Python prints behind `<`: `generator object sync_do_map`.
    label: &'static str,
    items: Mutex<VecDeque<Value>>,
}

impl Generator {
    /// What a lazy filter gives; `label` is the name of Jinja's function.
    pub(crate) fn value(label: &'static str, items: Vec<Value>) -> Value {
        Value::object(Self { type_name: "generator", label, items: Mutex::new(items.into()) })
    }

    /// An iterator of a class with a name of its own (`zip`, `list_reverseiterator`).
    pub(crate) fn of_class(type_name: &'static str, items: Vec<Value>) -> Value {
        Value::object(Self { type_name, label: "", items: Mutex::new(items.into()) })
    }

    /// The next item, which is gone afterwards.
    pub(crate) fn next(&self) -> Option<Value> {
        lock(&self.items).pop_front()
    }
}

impl Object for Generator {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn display(&self) -> String {
        if self.label.is_empty() {
            format!("<{} object>", self.type_name)
        } else {
            format!("<generator object {}>", self.label)
        }
    }

    fn is_true(&self) -> bool {
        true
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(std::mem::take(&mut *lock(&self.items)).into())
    }

    fn is_iterable(&self) -> bool {
        true
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn length(&self) -> Option<usize> {
        None
    }

    fn equals(&self, _other: &dyn Object) -> bool {
        false
    }
}

/// Which part of a dict a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViewKind {
    Keys,
    Values,
    Items,
}

/// `dict.keys()`, `dict.values()`, `dict.items()`: they follow the dict when it changes.
#[derive(Debug)]
pub(crate) struct DictView {
    pub(crate) dict: Arc<Mutex<Dict>>,
    pub(crate) kind: ViewKind,
}

impl DictView {
    fn parts(&self) -> Vec<Value> {
        let dict = lock(&self.dict);
        match self.kind {
            ViewKind::Keys => dict.keys().cloned().collect(),
            ViewKind::Values => dict.values().cloned().collect(),
            ViewKind::Items => dict.iter().map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()])).collect(),
        }
    }
}

impl Object for DictView {
    fn type_name(&self) -> &str {
        match self.kind {
            ViewKind::Keys => "dict_keys",
            ViewKind::Values => "dict_values",
            ViewKind::Items => "dict_items",
        }
    }

    fn display(&self) -> String {
        format!("{}({})", self.type_name(), repr(&Value::list(self.parts())))
    }

    fn is_true(&self) -> bool {
        !lock(&self.dict).is_empty()
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.parts())
    }

    fn has(&self, key: &Value) -> Option<bool> {
        match self.kind {
            ViewKind::Keys => Some(lock(&self.dict).get(key).is_some()),
            _ => None,
        }
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn equals(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            let (own, others) = (self.parts(), other.parts());
            self.kind != ViewKind::Values
                && self.kind == other.kind
                && own.len() == others.len()
                && own.iter().all(|part| others.iter().any(|known| equals(known, part)))
        })
    }

    /// `keys - others` is a set.
    fn arithmetic(&self, operator: char, other: &Value) -> Option<Value> {
        if operator != '-' || self.kind == ViewKind::Values {
            return None;
        }
        let others = other.iterate()?;
        Some(Value::set(self.parts().into_iter().filter(|part| !others.iter().any(|known| equals(known, part)))))
    }
}

/// `range(start, stop, step)`.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) start: i128,
    pub(crate) stop: i128,
    pub(crate) step: i128,
    pub(crate) numbers: Vec<Value>,
}

impl Object for Range {
    fn type_name(&self) -> &str {
        "range"
    }

    fn display(&self) -> String {
        match self.step {
            1 => format!("range({}, {})", self.start, self.stop),
            step => format!("range({}, {}, {step})", self.start, self.stop),
        }
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.numbers.clone())
    }

    fn length(&self) -> Option<usize> {
        Some(self.numbers.len())
    }

    fn equals(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.numbers == other.numbers)
    }
}
