//! Reading typed values out of a YAML tree, with a diagnostic at the value for each that is of another type.

use crate::wording;
use crate::yaml::{Entry, Yaml};
use dvt_diagnostics::{Diagnostic, SourceFile, Span, did_you_mean};
use indexmap::IndexMap;
use std::sync::Arc;

/// A file being read, and what is wrong with it so far.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a Arc<SourceFile>,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(crate) fn wrong_type(&mut self, what: &str, expected: &str, found: &Yaml) {
        self.problems.push(
            Diagnostic::error("wrong-type", format!("`{what}` must be {expected}, but it is {}", found.kind()))
                .label(found.span(self.file), format!("expected {expected}")),
        );
    }

    /// The text under a key; numbers count as text, null as absent.
    pub(crate) fn text(&mut self, map: &Yaml, key: &str) -> Option<String> {
        let value = map.get_set(key)?;
        let text = value.scalar_text();
        if text.is_none() {
            self.wrong_type(key, "a text", value);
        }
        text
    }

    pub(crate) fn boolean(&mut self, map: &Yaml, key: &str) -> Option<bool> {
        let value = map.get_set(key)?;
        let found = as_boolean(value);
        if found.is_none() {
            self.wrong_type(key, "true or false", value);
        }
        found
    }

    /// A text or a list of texts; `None` when absent.
    pub(crate) fn texts(&mut self, map: &Yaml, key: &str) -> Option<Vec<String>> {
        let value = map.get_set(key)?;
        let Some(items) = value.as_list() else {
            let text = value.scalar_text();
            if text.is_none() {
                self.wrong_type(key, "a text or a list of texts", value);
            }
            return text.map(|text| vec![text]);
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.scalar_text() {
                Some(text) => texts.push(text),
                None => self.wrong_type(key, "a list of texts", item),
            }
        }
        Some(texts)
    }

    /// A positive whole number; texts of digits count, as `env_var` gives them.
    pub(crate) fn count(&mut self, map: &Yaml, key: &str) -> Option<usize> {
        let value = map.get_set(key)?;
        let count = value.scalar_text().and_then(|text| text.trim().parse::<usize>().ok()).filter(|&count| count > 0);
        if count.is_none() {
            self.wrong_type(key, "a positive whole number", value);
        }
        count
    }

    pub(crate) fn map<'y>(&mut self, map: &'y Yaml, key: &str) -> Option<&'y IndexMap<String, Entry>> {
        let value = map.get_set(key)?;
        let found = value.as_map();
        if found.is_none() {
            self.wrong_type(key, "a dictionary", value);
        }
        found
    }

    pub(crate) fn list<'y>(&mut self, map: &'y Yaml, key: &str) -> Option<&'y [Yaml]> {
        let value = map.get_set(key)?;
        let found = value.as_list();
        if found.is_none() {
            self.wrong_type(key, "a list", value);
        }
        found
    }

    /// A diagnostic for each key that nobody reads.
    pub(crate) fn refuse_unknown_keys(&mut self, map: &IndexMap<String, Entry>, known: &[&str], what: &str) {
        for (key, entry) in map {
            if known.contains(&key.as_str()) {
                continue;
            }
            let mut diagnostic = Diagnostic::error("unknown-key", format!("`{key}` is not a key of {what}"))
                .label(Span::new(self.file, entry.key_range.clone()), "not known")
                .note(format!("the keys are {}", wording::list(known)));
            if let Some(near) = did_you_mean(key, known.iter().copied()) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            self.problems.push(diagnostic);
        }
    }
}

/// A boolean, or the text that Jinja made of one.
pub(crate) fn as_boolean(value: &Yaml) -> Option<bool> {
    value.as_bool().or_else(|| match value.as_text()?.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}
