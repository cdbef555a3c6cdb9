//! The values that templates compute with: Python's, as far as dbt projects can tell.
//!
//! Lists, dicts and sets are shared and mutable, as in Python: `{% do items.append(x) %}` changes every name of the list.

mod compare;
mod decimal;
mod dict;
mod display;
mod iterators;
mod json;
mod object;
mod ops;

pub use decimal::Decimal;
pub use dict::Dict;
pub use object::{Args, Object};

pub(crate) use compare::{compare, contains, equals};
pub use display::float_repr;
pub(crate) use display::repr;
pub(crate) use iterators::{DictView, Generator, Range, ViewKind};
pub(crate) use json::{DumpStyle, HOLDS_ITSELF, dump_json};
pub(crate) use ops::{binary, negate, slice, to_float};

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value of the template language.
#[derive(Clone)]
pub enum Value {
    /// A name or attribute that is not defined; holds the message of using it. Prints as nothing.
    Undefined(Option<Arc<str>>),
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Decimal(Decimal),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Arc<Mutex<Vec<Value>>>),
    Tuple(Arc<[Value]>),
    Dict(Arc<Mutex<Dict>>),
    /// A set, in order of insertion.
    Set(Arc<Mutex<Dict>>),
    /// Relations, columns, tables, functions, dates: everything with behaviour of its own.
    Object(Arc<dyn Object>),
}

/// The longest text, in bytes, and the most items of a list; what grows beyond is a mistake that would take all memory.
pub(crate) const MAX_TEXT: usize = 1 << 27;
pub(crate) const MAX_ITEMS: usize = 10_000_000;

/// Why a value that grows beyond the limits is refused.
pub(crate) const TOO_LARGE: &str = "the value is too large: it grows beyond 128 MB, or beyond 10 million items";

/// Locks; a poisoned lock still holds a whole value, since no writer leaves one half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Value {
    #[must_use]
    pub fn str(text: impl AsRef<str>) -> Self {
        Self::Str(Arc::from(text.as_ref()))
    }

    #[must_use]
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(Mutex::new(items)))
    }

    #[must_use]
    pub fn tuple(items: Vec<Value>) -> Self {
        Self::Tuple(items.into())
    }

    #[must_use]
    pub fn dict(dict: Dict) -> Self {
        Self::Dict(Arc::new(Mutex::new(dict)))
    }

    #[must_use]
    pub fn object(object: impl Object) -> Self {
        Self::Object(Arc::new(object))
    }

    /// A set of the items, in order.
    #[must_use]
    pub fn set(items: impl IntoIterator<Item = Value>) -> Self {
        Self::Set(Arc::new(Mutex::new(items.into_iter().map(|item| (item, Self::None)).collect())))
    }

    /// A relation, as `this` and `ref` give it.
    #[must_use]
    pub fn relation(relation: dvt_manifest::Relation) -> Self {
        Self::object(crate::objects::relation::RelationValue::new(relation))
    }

    /// One of `on-run-end`'s `results`: its fields are attributes, `to_dict()` gives them all. The fields `node` and
    /// `timing` hold records of their own.
    #[must_use]
    pub fn run_result(fields: serde_json::Map<String, serde_json::Value>) -> Self {
        let kind = crate::objects::run_result::RecordKind::Result;
        Self::object(crate::objects::run_result::Record { kind, fields })
    }

    /// A date and time as Python's `datetime.datetime`.
    #[must_use]
    pub fn datetime(value: chrono::NaiveDateTime) -> Self {
        Self::object(crate::functions::datetime::DateTime::naive(value))
    }

    /// A point in time as Python's aware `datetime.datetime` in UTC.
    #[must_use]
    pub fn datetime_utc(value: chrono::DateTime<chrono::Utc>) -> Self {
        Self::object(crate::functions::datetime::DateTime::utc(value))
    }

    /// Python's `datetime.date`.
    #[must_use]
    pub fn date(value: chrono::NaiveDate) -> Self {
        Self::object(crate::functions::datetime::Date(value))
    }

    /// Python's `datetime.time`.
    #[must_use]
    pub fn time(value: chrono::NaiveTime) -> Self {
        Self::object(crate::functions::datetime::Time(value))
    }

    /// The point in time of a `datetime.datetime`; one without a zone counts as UTC.
    #[must_use]
    pub fn as_datetime_utc(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        let micros = self.downcast::<crate::functions::datetime::DateTime>()?.micros();
        chrono::DateTime::from_timestamp_micros(i64::try_from(micros).ok()?)
    }

    /// `value.name`, for objects and dicts.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value> {
        match self {
            Self::Object(object) => object.attribute(name),
            other => other.as_dict()?.get_str(name).cloned(),
        }
    }

    #[must_use]
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// What using an undefined value says, `None` for a defined value.
    pub(crate) fn undefined_message(&self) -> Option<String> {
        match self {
            Self::Undefined(message) => Some(message.as_deref().unwrap_or("the value is undefined").to_owned()),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The text of a string value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The object behind the value, if it is one of this type.
    #[must_use]
    pub fn downcast<T: Object>(&self) -> Option<&T> {
        match self {
            Self::Object(object) => (object.as_ref() as &dyn std::any::Any).downcast_ref::<T>(),
            _ => None,
        }
    }

    /// Python's truth of a value.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Decimal(value) => !value.is_zero(),
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) => !lock(items).is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) | Self::Set(dict) => !lock(dict).is_empty(),
            Self::Object(object) => object.is_true(),
        }
    }

    /// Python's name of the value's type, for messages.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Decimal(_) => "decimal.Decimal",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::Object(object) => object.type_name(),
        }
    }

    /// `len(value)`, `None` for a value without a length.
    #[must_use]
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Undefined(_) => Some(0),
            Self::Str(text) => Some(text.chars().count()),
            Self::Bytes(bytes) => Some(bytes.len()),
            Self::List(items) => Some(lock(items).len()),
            Self::Tuple(items) => Some(items.len()),
            Self::Dict(dict) | Self::Set(dict) => Some(lock(dict).len()),
            Self::Object(object) => object.length(),
            _ => None,
        }
    }

    /// What a `for` loop over the value gives: items, characters, keys. `None` for a value that cannot be iterated.
    #[must_use]
    pub fn iterate(&self) -> Option<Vec<Value>> {
        match self {
            Self::Undefined(_) => Some(Vec::new()),
            Self::Str(text) => {
                let mut buffer = [0; 4];
                Some(text.chars().map(|character| Value::str(&*character.encode_utf8(&mut buffer))).collect())
            }
            Self::Bytes(bytes) => Some(bytes.iter().map(|byte| Value::Int(i128::from(*byte))).collect()),
            Self::List(items) => Some(lock(items).clone()),
            Self::Tuple(items) => Some(items.to_vec()),
            Self::Dict(dict) | Self::Set(dict) => Some(lock(dict).keys().cloned().collect()),
            Self::Object(object) => object.items(),
            _ => None,
        }
    }

    /// Whether the value can be iterated, without reading it.
    pub(crate) fn is_iterable(&self) -> bool {
        match self {
            Self::Object(object) => object.is_iterable(),
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Decimal(_) => false,
            _ => true,
        }
    }

    /// A copy of the dict's content, if the value is a dict.
    #[must_use]
    pub fn as_dict(&self) -> Option<Dict> {
        match self {
            Self::Dict(dict) => Some(lock(dict).clone()),
            _ => None,
        }
    }

    /// An integer, where the value is one (or a bool, or a float or decimal without fraction).
    #[must_use]
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i128::from(*value)),
            #[expect(clippy::cast_possible_truncation, reason = "guarded by the range test")]
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 1e30 => Some(*value as i128),
            Self::Decimal(value) => value.to_int_exact(),
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&repr(self))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        equals(self, other)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(i128::from(value))
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(value as i128)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}
