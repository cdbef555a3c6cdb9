//! A node's merged config: an open map, since packages read keys that only they know, with typed access to dbt's own keys.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The config of one node after all levels are merged. Keys are dbt's (`pre-hook`, `post-hook`, `materialized`, …).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Config(pub Map<String, Value>);

/// A config value of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("config `{key}` must be {expected}, but it is {found}")]
pub struct ConfigError {
    pub key: String,
    pub expected: &'static str,
    /// The value as JSON, cut to a readable length.
    pub found: String,
}

impl Config {
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The key's text; absent, `null` and other types give `None` (types were checked when the project was read).
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    #[must_use]
    pub fn boolean(&self, key: &str) -> Option<bool> {
        self.0.get(key).and_then(Value::as_bool)
    }

    /// A text or a list of texts, as one list.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<String> {
        match self.0.get(key) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    #[must_use]
    pub fn enabled(&self) -> bool {
        self.boolean("enabled").unwrap_or(true)
    }

    /// `view` when nothing says otherwise.
    #[must_use]
    pub fn materialized(&self) -> &str {
        self.text("materialized").unwrap_or("view")
    }

    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.materialized() == "ephemeral"
    }

    /// The connection that the node names for itself.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.text("target")
    }

    #[must_use]
    pub fn compute(&self) -> Option<&str> {
        self.text("compute")
    }

    #[must_use]
    pub fn bucket(&self) -> Option<&str> {
        self.text("bucket")
    }

    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.texts("tags")
    }

    /// `None` when neither true nor false was said: then `--full-refresh` decides.
    #[must_use]
    pub fn full_refresh(&self) -> Option<bool> {
        self.boolean("full_refresh")
    }

    /// `pre-hook` or `post-hook` as (sql, transaction), in order.
    #[must_use]
    pub fn hooks(&self, key: &str) -> Vec<(String, bool)> {
        let items = match self.0.get(key) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        items
            .iter()
            .filter_map(|item| match item {
                Value::String(sql) => Some((sql.clone(), true)),
                Value::Object(hook) => hook
                    .get("sql")
                    .and_then(Value::as_str)
                    .map(|sql| (sql.to_owned(), hook.get("transaction").and_then(Value::as_bool).unwrap_or(true))),
                _ => None,
            })
            .collect()
    }

    pub fn set(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }
}
