//! Python's dict: keys of any hashable kind, in order of insertion.

use super::Value;
use indexmap::IndexMap;

/// What a key is compared by: `1`, `1.0` and `True` are one key, as in Python.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    None,
    Int(i128),
    /// The bits of a float that is no integer.
    Float(u64),
    Str(std::sync::Arc<str>),
    Tuple(Vec<Key>),
    /// The type and text of an object (dates, relations).
    Object(String, String),
}

impl Key {
    /// The key of a value; `None` for one that cannot be hashed (a list, a dict).
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::None => Self::None,
            Value::Undefined(_) => Self::Object("Undefined".to_owned(), String::new()),
            Value::Bool(_) | Value::Int(_) => Self::Int(value.as_int()?),
            Value::Float(number) => value.as_int().map_or(Self::Float(number.to_bits()), Self::Int),
            Value::Decimal(number) => match number.to_int_exact() {
                Some(integer) => Self::Int(integer),
                None => Self::Float(number.to_f64().to_bits()),
            },
            Value::Str(text) => Self::Str(text.clone()),
            Value::Bytes(bytes) => Self::Object("bytes".to_owned(), format!("{bytes:?}")),
            Value::Tuple(items) => Self::Tuple(items.iter().map(Self::of).collect::<Option<_>>()?),
            Value::List(_) | Value::Dict(_) | Value::Set(_) => return None,
            Value::Object(object) => Self::Object(object.type_name().to_owned(), object.repr()),
        })
    }
}

/// An ordered dict.
#[derive(Clone, Debug, Default)]
pub struct Dict {
    entries: IndexMap<Key, (Value, Value)>,
}

impl Dict {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Inserts; an existing key keeps its place. A key that cannot be hashed is refused with `false`.
    pub fn insert(&mut self, key: Value, value: Value) -> bool {
        match Key::of(&key) {
            Some(hashed) => {
                match self.entries.entry(hashed) {
                    indexmap::map::Entry::Occupied(mut entry) => entry.get_mut().1 = value,
                    indexmap::map::Entry::Vacant(entry) => {
                        entry.insert((key, value));
                    }
                }
                true
            }
            None => false,
        }
    }

    /// Inserts under a text key.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.insert(Value::str(key), value.into());
    }

    #[must_use]
    pub fn get(&self, key: &Value) -> Option<&Value> {
        self.entries.get(&Key::of(key)?).map(|(_, value)| value)
    }

    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.entries.get(&Key::Str(key.into())).map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        self.entries.shift_remove(&Key::of(key)?).map(|(_, value)| value)
    }

    /// Removes the last entry.
    pub fn pop_last(&mut self) -> Option<(Value, Value)> {
        self.entries.pop().map(|(_, entry)| entry)
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }

    pub fn keys(&self) -> impl Iterator<Item = &Value> {
        self.entries.values().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.entries.values().map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.entries.values().map(|(key, value)| (key, value))
    }
}

impl FromIterator<(Value, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(entries: I) -> Self {
        let mut dict = Self::new();
        for (key, value) in entries {
            dict.insert(key, value);
        }
        dict
    }
}
