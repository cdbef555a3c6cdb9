//! `selectors.yml`: named selections.
//!
//! In: the file's contents, rendered. Out: a specification for each name, and the form in which the manifest keeps them.

use super::parse::{Criterion, CriterionText, Depth, Method, SelectionError};
use super::spec::{IndirectSelection, SelectionSpec, SetOperation};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

/// The selectors of a project by name, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selectors {
    entries: IndexMap<String, Entry>,
    /// As `manifest.json` keeps them.
    serialized: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    is_default: bool,
    spec: SelectionSpec,
}

/// What is wrong with `selectors.yml`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectorsError {
    #[error(
        "Could not parse selector file data: {reason}\nValid root-level selector definitions: union, intersection, string, dictionary. No lists.\nhttps://docs.getdbt.com/reference/node-selection/yaml-selectors"
    )]
    Shape { reason: String },
    #[error("Could not read selector file data: {reason} (in selector `{name}`)")]
    Definition { name: String, reason: String },
    #[error("Could not read selector file data: {cause} (in selector `{name}`)")]
    Selection {
        name: String,
        #[source]
        cause: SelectionError,
    },
    #[error("Error when parsing the selector file. Found multiple selectors with `default: true`:{first} and {second}")]
    TwoDefaults { first: String, second: String },
}

impl Selectors {
    /// The selectors of the file's contents: `{selectors: [{name, description, default, definition}]}`.
    ///
    /// # Errors
    /// The first thing that is no selector.
    pub fn from_value(contents: &Value) -> Result<Self, SelectorsError> {
        let shape = |reason: String| SelectorsError::Shape { reason };
        let file = contents.as_object().ok_or_else(|| shape("the file is not a dictionary".to_owned()))?;
        if let Some(key) = file.keys().find(|key| !matches!(key.as_str(), "selectors" | "version")) {
            return Err(shape(format!("`{key}` is not a key of selectors.yml")));
        }
        let list = file
            .get("selectors")
            .and_then(Value::as_array)
            .ok_or_else(|| shape("`selectors` must be a list".to_owned()))?;
        let mut selectors = Self::default();
        for item in list {
            selectors.add(item)?;
        }
        Ok(selectors)
    }

    fn add(&mut self, item: &Value) -> Result<(), SelectorsError> {
        let shape = |reason: String| SelectorsError::Shape { reason };
        let item = item.as_object().ok_or_else(|| shape(format!("{item} is not a selector")))?;
        let name = item
            .get("name")
            .and_then(Value::as_str)
            .ok_or_else(|| shape(format!("a selector has no name: {}", Value::Object(item.clone()))))?;
        for (key, value) in item {
            let is_right = match key.as_str() {
                "name" => true,
                "definition" => value.is_string() || value.is_object(),
                "description" => value.is_string(),
                "default" => value.is_boolean(),
                _ => return Err(shape(format!("`{key}` is not a key of a selector (in selector `{name}`)"))),
            };
            if !is_right {
                return Err(shape(format!("{value} is not valid for `{key}` (in selector `{name}`)")));
            }
        }
        let definition =
            item.get("definition").ok_or_else(|| shape(format!("selector `{name}` has no `definition`")))?;
        let is_default = item.get("default") == Some(&Value::Bool(true));
        if let (true, Some(first)) = (is_default, self.default_name()) {
            return Err(SelectorsError::TwoDefaults { first: first.to_owned(), second: name.to_owned() });
        }
        let definition_error = |error| match error {
            DefinitionError::Definition(reason) => SelectorsError::Definition { name: name.to_owned(), reason },
            DefinitionError::Selection(cause) => SelectorsError::Selection { name: name.to_owned(), cause },
        };
        let spec = root_spec(definition).map_err(definition_error)?;
        let mut kept = item.clone();
        kept.insert("definition".to_owned(), serialized(definition).map_err(|cause| definition_error(cause.into()))?);
        self.serialized.insert(name.to_owned(), Value::Object(kept));
        self.entries.insert(name.to_owned(), Entry { is_default, spec });
        Ok(())
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SelectionSpec> {
        self.entries.get(name).map(|entry| &entry.spec)
    }

    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The selector that is used when the command line selects nothing.
    #[must_use]
    pub fn default_name(&self) -> Option<&str> {
        self.entries.iter().find(|(_, entry)| entry.is_default).map(|(name, _)| name.as_str())
    }

    /// The `selectors` of `manifest.json`: definitions in their long form, by name.
    #[must_use]
    pub fn to_json(&self) -> &Map<String, Value> {
        &self.serialized
    }
}

enum DefinitionError {
    Definition(String),
    Selection(SelectionError),
}

impl From<SelectionError> for DefinitionError {
    fn from(cause: SelectionError) -> Self {
        Self::Selection(cause)
    }
}

fn wrong<T>(reason: impl Into<String>) -> Result<T, DefinitionError> {
    Err(DefinitionError::Definition(reason.into()))
}

fn root_spec(definition: &Value) -> Result<SelectionSpec, DefinitionError> {
    if let Some(map) = definition.as_object()
        && map.len() > 1
        && (map.contains_key("union") || map.contains_key("intersection"))
    {
        let keys: Vec<&str> = map.keys().map(String::as_str).collect();
        return wrong(format!(
            "Only a single 'union' or 'intersection' key is allowed in a root level selector definition; found {}.",
            keys.join(",")
        ));
    }
    spec(definition)
}

fn spec(definition: &Value) -> Result<SelectionSpec, DefinitionError> {
    match definition {
        Value::String(text) => Ok(SelectionSpec::Criterion(Criterion::parse(text)?)),
        Value::Object(map) if map.contains_key("union") => set(map, "union", SetOperation::Union),
        Value::Object(map) if map.contains_key("intersection") => set(map, "intersection", SetOperation::Intersection),
        Value::Object(map) => criterion(map),
        other => wrong(format!("Expected to find union, intersection, str or dict, instead found {other}")),
    }
}

/// `union: […]` or `intersection: […]`, with at most one `exclude` among the parts.
fn set(map: &Map<String, Value>, key: &str, operation: SetOperation) -> Result<SelectionSpec, DefinitionError> {
    let mut included = Vec::new();
    let mut excluded: Option<Option<SelectionSpec>> = None;
    for part in definitions(map, key)? {
        match part.as_object().filter(|part| part.contains_key("exclude")) {
            // As in dbt, whatever else stands beside `exclude` is passed over here.
            Some(part) => {
                if excluded.as_ref().is_some_and(Option::is_some) {
                    return wrong(format!(
                        "You cannot provide multiple exclude arguments to the same selector set operator:\n{}",
                        Value::Object(part.clone())
                    ));
                }
                excluded = Some(exclusions(part)?);
            }
            None => included.push(spec(part)?),
        }
    }
    let group = SelectionSpec::group(operation, included);
    Ok(match excluded.flatten() {
        Some(excluded) => SelectionSpec::group(SetOperation::Difference, vec![group, excluded]),
        None => group,
    })
}

/// `exclude: […]` as one selection; nothing for an empty list.
fn exclusions(map: &Map<String, Value>) -> Result<Option<SelectionSpec>, DefinitionError> {
    let mut parts = definitions(map, "exclude")?.iter().map(spec).collect::<Result<Vec<_>, _>>()?;
    Ok(match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(SelectionSpec::group(SetOperation::Union, parts)),
    })
}

fn definitions<'a>(map: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], DefinitionError> {
    let Some(Value::Array(items)) = map.get(key) else {
        return wrong(format!("Invalid value for key \"{key}\". Expected a list."));
    };
    match items.iter().find(|item| !item.is_string() && !item.is_object()) {
        Some(item) => wrong(format!("Invalid value type in key \"{key}\", expected dict or str (value: {item}).")),
        None => Ok(items),
    }
}

/// `{method: value}` or `{method: …, value: …, parents: true, …}`.
fn criterion(map: &Map<String, Value>) -> Result<SelectionSpec, DefinitionError> {
    let raw = Value::Object(map.clone()).to_string();
    let (method, value) = match (map.get("method"), map.get("value"), map.iter().next()) {
        (_, _, Some((method, value))) if map.len() == 1 => (method.clone(), value),
        (Some(method), Some(value), _) => (text(method), value),
        _ => {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            return wrong(format!("Expected either 1 key or else \"method\" and \"value\" keys, but got {keys:?}"));
        }
    };
    let depth = |key: &str| -> Result<Depth, DefinitionError> {
        match map.get(key) {
            None | Some(Value::Null) => Ok(None),
            // dbt takes a depth of 0 for no depth at all.
            Some(Value::Number(number)) => {
                Ok(number.as_u64().filter(|&depth| depth > 0).map(|depth| usize::try_from(depth).unwrap_or(usize::MAX)))
            }
            Some(Value::String(digits)) if digits.is_empty() => Ok(None),
            Some(other) => match other.as_str().and_then(|digits| digits.parse().ok()) {
                Some(depth) => Ok(Some(depth)),
                None => wrong(format!("Invalid node spec - could not handle parent depth {other}")),
            },
        }
    };
    let indirect = match map.get("indirect_selection") {
        None => None,
        Some(word) => match word.as_str().and_then(IndirectSelection::parse) {
            Some(mode) => Some(mode),
            None => {
                return wrong(format!(
                    "{word} is not an indirect_selection: it takes eager, cautious, buildable, empty"
                ));
            }
        },
    };
    let base = Criterion {
        method: Method::parse(&raw, &method)?,
        raw,
        value: text(value),
        childrens_parents: is_true(map.get("childrens_parents")),
        parents: if is_true(map.get("parents")) { Some(depth("parents_depth")?) } else { None },
        children: if is_true(map.get("children")) { Some(depth("children_depth")?) } else { None },
        indirect,
    };
    let base = SelectionSpec::Criterion(base.checked()?);
    let excluded = if map.len() > 1 && map.contains_key("exclude") { exclusions(map)? } else { None };
    Ok(match excluded {
        Some(excluded) => SelectionSpec::group(SetOperation::Difference, vec![base, excluded]),
        None => base,
    })
}

/// Python's truth.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A definition in the long form that the manifest keeps.
fn serialized(definition: &Value) -> Result<Value, SelectionError> {
    let list = |items: &Value| -> Result<Value, SelectionError> {
        match items {
            Value::Array(items) => items.iter().map(serialized).collect::<Result<Vec<_>, _>>().map(Value::Array),
            other => Ok(other.clone()),
        }
    };
    match definition {
        Value::String(text) => serialized_criterion(text),
        Value::Object(map) => {
            for key in ["union", "intersection"] {
                if let Some(items) = map.get(key) {
                    return Ok(json!({key: list(items)?}));
                }
            }
            Ok(match map.iter().next() {
                Some((key, items)) if key == "exclude" => json!({key: list(items)?}),
                Some((key, value)) if map.len() == 1 => json!({"method": key, "value": list(value)?}),
                _ => definition.clone(),
            })
        }
        other => Ok(other.clone()),
    }
}

fn serialized_criterion(raw: &str) -> Result<Value, SelectionError> {
    let text = CriterionText::of(raw)?;
    if let Some(method) = text.method {
        Method::parse(raw, method)?;
    }
    let mut map = Map::new();
    let mut set = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    if text.childrens_parents {
        set("childrens_parents", Value::Bool(true));
    }
    if let Some(depth) = text.parents {
        set("parents", Value::Bool(true));
        if !depth.is_empty() {
            set("parents_depth", Value::from(depth));
        }
    }
    set("method", Value::from(text.method_name()));
    if !text.value.is_empty() {
        set("value", Value::from(text.value));
    }
    if let Some(depth) = text.children {
        set("children", Value::Bool(true));
        if !depth.is_empty() {
            set("children_depth", Value::from(depth));
        }
    }
    Ok(Value::Object(map))
}
