//! The connections that nodes name, looked up once each.

use crate::{AdapterSupport, ConnectionFacts, Profile};
use dvt_diagnostics::{Diagnostic, Event, Events, kinds};
use dvt_jinja::{Bridge, LogLine, ParseBridge};
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A connection, ready for parsing.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) name: String,
    pub(crate) facts: Arc<ConnectionFacts>,
    pub(crate) bridge: Arc<dyn Bridge>,
    /// The same bridge, for the lines that templates write.
    lines: Arc<ParseBridge>,
}

impl Connection {
    /// The same connection with a bridge of its own, and that bridge, for the lines that templates write through it.
    pub(crate) fn apart(&self) -> (Self, Arc<ParseBridge>) {
        let bridge = Arc::new(self.lines.apart());
        let apart = Self {
            name: self.name.clone(),
            facts: Arc::clone(&self.facts),
            bridge: Arc::clone(&bridge) as Arc<dyn Bridge>,
            lines: Arc::clone(&bridge),
        };
        (apart, bridge)
    }

    pub(crate) fn adapter_type(&self) -> &str {
        self.facts.target.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// What the adapter calls dbt's own keys.
    pub(crate) fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        super::config::aliases(self.adapter_type())
    }

    pub(crate) fn default_schema(&self) -> String {
        self.facts.target.get("schema").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(crate) fn default_database(&self) -> Option<String> {
        if !self.facts.dialect.has_database {
            return None;
        }
        self.facts.target.get("database").and_then(Value::as_str).map(str::to_owned)
    }
}

/// Describes connections on demand, so that an output nobody uses is never asked about.
pub(crate) struct Connections<'a> {
    profile: &'a Profile,
    support: &'a AdapterSupport<'a>,
    known: Mutex<HashMap<String, Result<Connection, Diagnostic>>>,
}

impl<'a> Connections<'a> {
    pub(crate) fn new(profile: &'a Profile, support: &'a AdapterSupport<'a>) -> Self {
        Self { profile, support, known: Mutex::default() }
    }

    pub(crate) fn default_name(&self) -> &str {
        &self.profile.target
    }

    /// The connection of that name.
    ///
    /// # Errors
    /// It is unknown, or the profile's output cannot be used; the caller adds the place that names it.
    pub(crate) fn get(&self, name: &str) -> Result<Connection, Diagnostic> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let found = self.describe(name);
        known.insert(name.to_owned(), found.clone());
        found
    }

    fn describe(&self, name: &str) -> Result<Connection, Diagnostic> {
        let (output, settings) = self.profile.output(name)?;
        let mut facts = (self.support.describe)(output, settings).map_err(|message| {
            Diagnostic::error("connection-settings", format!("connection `{name}` cannot be used: {message}"))
                .label(output.span.clone(), "this output")
        })?;
        let mut set = |key: &str, value: Value| {
            facts.target.insert(key.to_owned(), value);
        };
        set("name", Value::from(name));
        set("target_name", Value::from(name));
        set("profile_name", Value::from(self.profile.name.as_str()));
        set("type", Value::from(output.adapter_type.as_str()));
        if !facts.target.contains_key("threads") {
            facts.target.insert("threads".to_owned(), Value::from(settings.threads().unwrap_or(1)));
        }
        let bridge = Arc::new(ParseBridge::new(name, facts.dialect));
        Ok(Connection { name: name.to_owned(), facts: Arc::new(facts), lines: Arc::clone(&bridge), bridge })
    }

    /// Forgets which connections were used so far: they are described anew when they are.
    pub(crate) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| *name == self.profile.target);
    }

    /// What templates wrote while they were parsed.
    pub(crate) fn take_lines(&self) -> Vec<LogLine> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().flatten().flat_map(|connection| connection.lines.take_lines()).collect()
    }

    /// The names of the connections that were used so far.
    pub(crate) fn known(&self) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> =
            known.iter().filter(|(_, found)| found.is_ok()).map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// All connections that were used, by name.
    pub(crate) fn used(self) -> IndexMap<String, ConnectionFacts> {
        let known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut used: Vec<(String, ConnectionFacts)> = known
            .into_iter()
            .filter_map(|(name, found)| found.ok().map(|connection| (name, (*connection.facts).clone())))
            .collect();
        used.sort_by(|left, right| left.0.cmp(&right.0));
        used.into_iter().collect()
    }
}

/// Says what templates logged and printed.
pub(crate) fn say<'l>(lines: impl IntoIterator<Item = &'l LogLine>, events: &Events) {
    for line in lines {
        match line.clone() {
            LogLine::Warning(_) => {}
            LogLine::Log { message, info: true } => events.fire(Event::new(kinds::JINJA_LOG_INFO, message)),
            LogLine::Log { message, info: false } => events.fire(Event::new(kinds::JINJA_LOG_DEBUG, message)),
            LogLine::Print(message) => events.fire(Event::new(kinds::PRINT_EVENT, message)),
        }
    }
}

/// What templates said with `exceptions.warn`, as often as they said it; threads read them in no order.
pub(crate) fn warnings<'l>(lines: impl IntoIterator<Item = &'l LogLine>) -> Vec<Diagnostic> {
    let mut messages: Vec<&String> = lines
        .into_iter()
        .filter_map(|line| match line {
            LogLine::Warning(message) => Some(message),
            _ => None,
        })
        .collect();
    messages.sort();
    let warning = |message: &String| {
        let event = Event::new(kinds::JINJA_LOG_WARNING, message.clone());
        Diagnostic::warning("template-warning", message.clone()).event(event)
    };
    messages.into_iter().map(warning).collect()
}
