//! YAML with places: a tree in which every key and value knows its bytes in the user's file.

mod load;
mod scalar;
#[cfg(test)]
mod tests;

pub(crate) use load::load_yaml;

use dvt_diagnostics::{SourceFile, Span};
use indexmap::IndexMap;
use serde_json::{Map, Number, Value};
use std::ops::Range;
use std::sync::Arc;

/// A value and its byte range in the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Yaml {
    pub(crate) value: YamlValue,
    pub(crate) range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum YamlValue {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Yaml>),
    Map(IndexMap<String, Entry>),
}

/// A value in a map, with the range of its key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key_range: Range<usize>,
    pub(crate) value: Yaml,
}

impl Yaml {
    pub(crate) fn null() -> Self {
        Self { value: YamlValue::Null, range: 0..0 }
    }

    pub(crate) fn span(&self, file: &Arc<SourceFile>) -> Span {
        Span::new(file, self.range.clone())
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value == YamlValue::Null
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            YamlValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match &self.value {
            YamlValue::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Text, or a number or boolean in the way Python prints it: what `str()` of the value is.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        match &self.value {
            YamlValue::Text(text) => Some(text.clone()),
            YamlValue::Number(number) => Some(crate::parse::python_text::number_text(number)),
            YamlValue::Bool(true) => Some("True".to_owned()),
            YamlValue::Bool(false) => Some("False".to_owned()),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&IndexMap<String, Entry>> {
        match &self.value {
            YamlValue::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Yaml]> {
        match &self.value {
            YamlValue::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value under a key; `None` when this is no map or has no such key.
    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        self.as_map().and_then(|map| map.get(key)).map(|entry| &entry.value)
    }

    /// The value under a key, unless it is null.
    pub(crate) fn get_set(&self, key: &str) -> Option<&Yaml> {
        self.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.value {
            YamlValue::Null => Value::Null,
            YamlValue::Bool(value) => Value::Bool(*value),
            YamlValue::Number(number) => Value::Number(number.clone()),
            YamlValue::Text(text) => Value::String(text.clone()),
            YamlValue::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            YamlValue::Map(map) => Value::Object(map_to_json(map)),
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            YamlValue::Null => "nothing",
            YamlValue::Bool(_) => "a boolean",
            YamlValue::Number(_) => "a number",
            YamlValue::Text(_) => "a text",
            YamlValue::List(_) => "a list",
            YamlValue::Map(_) => "a dictionary",
        }
    }
}

pub(crate) fn map_to_json(map: &IndexMap<String, Entry>) -> Map<String, Value> {
    map.iter().map(|(key, entry)| (key.clone(), entry.value.to_json())).collect()
}
