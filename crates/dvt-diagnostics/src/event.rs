//! What dvt says while it works, in dbt's terms: an [`Event`] has dbt's name and code, a level, a message and data.
//!
//! Tools read these names and keys from the JSON log, and `--warn-error-options` names them, so they are an interface.
//! A room raises an event in one of three ways:
//!
//! - it holds an [`Events`] handle: [`Events::fire`] says something, [`Events::warn_or_error`] raises a warning that the
//!   user's `--warn-error` settings may turn into an error, which the caller passes on as its own failure;
//! - it collects diagnostics: [`Diagnostic::event`](crate::Diagnostic::event) gives a warning or an error its dbt name,
//!   and `dvt` decides about `--warn-error` when it prints it;
//! - it implements [`EventSink`]: only `dvt`'s printer and tests do.

use crate::Diagnostic;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;

/// How loud an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl EventLevel {
    /// dbt's word in `info.level`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Which event it is: a constant of [`kinds`](crate::kinds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventKind {
    /// dbt's class name, `LogModelResult`.
    pub name: &'static str,
    /// dbt's code, `Q012`.
    pub code: &'static str,
    /// The level that dbt gives it; an [`Event`] may say another.
    pub level: EventLevel,
}

impl EventKind {
    /// A deprecation: said once per run unless `--show-all-deprecations`, counted in the summary at the end, and part of
    /// the group `Deprecations` of `--warn-error-options`.
    #[must_use]
    pub fn is_deprecation(&self) -> bool {
        crate::kinds::DEPRECATIONS.contains(self)
    }
}

/// One thing that happened. `message` is dbt's `info.msg` without the tag before it (`[WARNING]: `, `[ERROR]: `,
/// `Deprecated functionality`) and unwrapped: the printer tags, colours and wraps. `data` is what the JSON form holds beside
/// it, under dbt's keys. Of `LogStartBatch`, `LogBatchResult` and the overloads' events the printer makes the line from
/// the data, so their message stays empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: EventKind,
    pub level: EventLevel,
    pub message: String,
    pub data: Map<String, Value>,
    /// `data.node_info`, for an event about a node.
    pub node: Option<Box<NodeInfo>>,
    /// `info.thread`: the thread that ran the node, `Thread-1 (worker)`; `None` for the main thread.
    pub thread: Option<String>,
}

impl Event {
    #[must_use]
    pub fn new(kind: EventKind, message: impl Into<String>) -> Self {
        Self { kind, level: kind.level, message: message.into(), data: Map::new(), node: None, thread: None }
    }

    /// Another level than the kind's own.
    #[must_use]
    pub fn at(mut self, level: EventLevel) -> Self {
        self.level = level;
        self
    }

    /// Adds a key of the data.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the keys of an object; any other value adds nothing.
    #[must_use]
    pub fn data(mut self, data: Value) -> Self {
        if let Value::Object(data) = data {
            self.data.extend(data);
        }
        self
    }

    #[must_use]
    pub fn node(mut self, node: NodeInfo) -> Self {
        self.node = Some(Box::new(node));
        self
    }

    #[must_use]
    pub fn on_thread(mut self, name: &str) -> Self {
        self.thread = Some(name.to_owned());
        self
    }

    /// `data` as the JSON form has it, with `node_info`.
    #[must_use]
    pub fn to_data(&self) -> Value {
        let mut data = self.data.clone();
        if let Some(node) = &self.node {
            data.insert("node_info".to_owned(), node.to_json());
        }
        Value::Object(data)
    }
}

/// dbt's `node_info`: which node an event is about and how far it is. Text that does not apply is empty, as in dbt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeInfo {
    /// The file, from the project's model folder on.
    pub path: String,
    pub name: String,
    pub unique_id: String,
    pub resource_type: String,
    pub materialized: String,
    /// `started`, `compiling`, `executing`, then the result's status.
    pub status: String,
    pub started_at: String,
    pub finished_at: String,
    pub meta: Map<String, Value>,
    pub database: String,
    pub schema: String,
    pub alias: String,
    pub relation_name: String,
    pub checksum: String,
}

impl NodeInfo {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "meta": self.meta,
            "materialized": self.materialized,
            "node_checksum": self.checksum,
            "node_finished_at": self.finished_at,
            "node_name": self.name,
            "node_path": self.path,
            "node_relation": {
                "alias": self.alias,
                "database": self.database,
                "relation_name": self.relation_name,
                "schema": self.schema,
            },
            "node_started_at": self.started_at,
            "node_status": self.status,
            "resource_type": self.resource_type,
            "unique_id": self.unique_id,
        })
    }
}

/// Hears events. Calls come from several threads; each must return quickly.
pub trait EventSink: Send + Sync {
    /// Says it: on the screen and in the log file, where their levels let it through.
    fn fire(&self, event: Event);

    /// Whether the user wants this warning to be an error (`--warn-error`, `--warn-error-options`).
    fn is_error(&self, kind: EventKind) -> bool;
}

/// A handle on whoever hears events; the default one is nobody.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<dyn EventSink>>);

impl Events {
    #[must_use]
    pub fn new(sink: Arc<dyn EventSink>) -> Self {
        Self(Some(sink))
    }

    /// Says it. A warning that the user's settings turn into an error is not said: it fails the command once the work
    /// that goes on is done; where the work itself must fail by it, use [`Events::warn_or_error`].
    pub fn fire(&self, event: Event) {
        if let Some(sink) = &self.0 {
            sink.fire(event);
        }
    }

    /// Whether the user wants warnings of this kind to be errors: dbt fails a test that would warn where
    /// `LogTestResult` is one.
    #[must_use]
    pub fn is_error(&self, kind: EventKind) -> bool {
        self.0.as_ref().is_some_and(|sink| sink.is_error(kind))
    }

    /// Raises a warning.
    ///
    /// # Errors
    /// The warning as an error when the user's settings say so; it has not been said then.
    pub fn warn_or_error(&self, event: Event) -> Result<(), Diagnostic> {
        let Some(sink) = &self.0 else { return Ok(()) };
        if sink.is_error(event.kind) {
            return Err(Diagnostic::error("warning-as-error", event.message.clone()).event(event));
        }
        sink.fire(event.at(EventLevel::Warn));
        Ok(())
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Events(heard)" } else { "Events(unheard)" })
    }
}
