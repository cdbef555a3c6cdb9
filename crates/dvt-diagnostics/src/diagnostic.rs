//! The value that every error a user sees becomes.

use crate::{Event, Span};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A place in the user's file and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One thing that is wrong. `id` is kebab-case and stays stable; `message` makes sense alone on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub id: &'static str,
    pub message: String,
    /// The first label is the primary one; the others give context ("called from here").
    pub labels: Vec<Label>,
    pub notes: Vec<String>,
    /// What to do next, as sentences; printed last.
    pub help: Vec<String>,
    /// What dbt calls it: the name that `--warn-error-options` and JSON logs use. Its message is what dbt would print; the
    /// diagnostic's own says the same in dvt's words, with the place.
    pub event: Option<Box<Event>>,
}

impl Diagnostic {
    #[must_use]
    pub fn error(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, id, message.into())
    }

    #[must_use]
    pub fn warning(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, id, message.into())
    }

    fn new(severity: Severity, id: &'static str, message: String) -> Self {
        Self { severity, id, message, labels: Vec::new(), notes: Vec::new(), help: Vec::new(), event: None }
    }

    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Gives it dbt's name; see [`Event`].
    #[must_use]
    pub fn event(mut self, event: Event) -> Self {
        self.event = Some(Box::new(event));
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::render_line(self))
    }
}

impl std::error::Error for Diagnostic {}

/// All that one phase found wrong, so that one run reports every broken thing it can find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
