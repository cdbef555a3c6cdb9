//! What goes wrong in a template, and the way back to the user's own line.

use crate::{BridgeError, Value};
use dvt_diagnostics::{Diagnostic, Span};
use std::fmt;

/// What kind of mistake it is; gives the diagnostic its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The template is no Jinja.
    Syntax,
    /// A name is not defined.
    Undefined,
    /// A macro does not exist, or nothing fits a dispatch.
    UnknownMacro,
    /// An operation on the wrong type, a wrong argument, an unknown filter.
    Evaluation,
    /// A macro called `exceptions.raise_compiler_error` or a sibling.
    Raised,
    /// A required config, variable or environment variable is missing.
    Missing,
    /// Macros call each other without end.
    Recursion,
    /// The outside (the database, a name that does not resolve) answered with an error.
    Bridge,
}

impl ErrorKind {
    /// The diagnostic's id.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Syntax => "jinja-syntax",
            Self::Undefined => "undefined-name",
            Self::UnknownMacro => "unknown-macro",
            Self::Evaluation => "jinja-error",
            Self::Raised => "compilation-error",
            Self::Missing => "missing-value",
            Self::Recursion => "macro-recursion",
            Self::Bridge => "macro-failed",
        }
    }
}

/// A macro on the way from the template to the error.
#[derive(Clone, Debug)]
pub struct TraceFrame {
    /// `macro.package.name`.
    pub unique_id: String,
    /// Where it was called.
    pub called_at: Span,
    /// The file it is written in, as its package knows it.
    pub path: String,
}

/// A failed render. [`RenderError::diagnostic`] shows it at the user's own line.
pub struct RenderError {
    pub kind: ErrorKind,
    pub message: String,
    /// Where it happened; in a macro's file if a macro failed.
    pub span: Option<Span>,
    /// The macros on the way, outermost first.
    pub trace: Vec<TraceFrame>,
    pub help: Vec<String>,
    pub(crate) bridge: Option<BridgeError>,
}

impl RenderError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), span: None, trace: Vec::new(), help: Vec::new(), bridge: None }
    }

    /// The error that the bridge raised, if it was one.
    #[must_use]
    pub fn bridge_error(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.bridge.as_deref()
    }

    /// Takes out the error that the bridge raised.
    ///
    /// # Errors
    /// The error itself, when it did not come from the bridge.
    pub fn into_bridge_error(mut self) -> Result<BridgeError, Self> {
        match self.bridge.take() {
            Some(error) => Ok(error),
            None => Err(self),
        }
    }

    /// The place in the template that was rendered (or of the macro that was called first).
    #[must_use]
    pub fn user_span(&self) -> Option<&Span> {
        self.trace.first().map(|frame| &frame.called_at).or(self.span.as_ref())
    }

    /// The macros on the way in dbt's words, the innermost first: `macro name (macros/file.sql)`.
    #[must_use]
    pub fn macro_stack(&self) -> Vec<String> {
        let shown = |frame: &TraceFrame| {
            format!("macro {} ({})", frame.unique_id.rsplit('.').next().unwrap_or_default(), frame.path)
        };
        self.trace.iter().rev().map(shown).collect()
    }

    /// The error as the user sees it: first the place in the rendered template, then the way into the macros.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let mut lines = self.message.trim().lines();
        let headline = lines.next().unwrap_or("the template failed").trim_end().to_owned();
        let rest: Vec<&str> = lines.collect();
        let mut diagnostic = Diagnostic::error(self.kind.id(), headline);
        if let Some(span) = self.user_span() {
            let text = match self.trace.first() {
                Some(frame) => format!("in the call of macro `{}`", short_name(&frame.unique_id)),
                None => match self.kind {
                    ErrorKind::Undefined | ErrorKind::UnknownMacro => "not defined".to_owned(),
                    _ => String::new(),
                },
            };
            diagnostic = diagnostic.label(span.clone(), text);
        }
        for (index, frame) in self.trace.iter().enumerate() {
            let inner = self.trace.get(index + 1);
            let place = inner.map(|inner| &inner.called_at).or(self.span.as_ref());
            let hidden = index > 0 && index + 2 < self.trace.len() && self.trace.len() > 5;
            if let (Some(place), false) = (place, hidden) {
                let name = short_name(&frame.unique_id);
                let text = match inner {
                    Some(_) => format!("in macro `{name}`, called from here"),
                    None => format!("in macro `{name}`"),
                };
                diagnostic = diagnostic.label(place.clone(), text);
            }
        }
        if !rest.is_empty() {
            diagnostic = diagnostic.note(rest.join("\n"));
        }
        for help in &self.help {
            diagnostic = diagnostic.help(help.clone());
        }
        diagnostic
    }
}

/// `macro.package.name` without its first part.
fn short_name(unique_id: &str) -> &str {
    unique_id.strip_prefix("macro.").unwrap_or(unique_id)
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("span", &self.span)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.bridge.as_deref().map(|error| error as &(dyn std::error::Error + 'static))
    }
}

impl From<&RenderError> for Diagnostic {
    fn from(error: &RenderError) -> Self {
        error.diagnostic()
    }
}

/// How evaluation leaves its straight path. `Return` unwinds to the macro that called `return`.
pub enum Flow {
    Error(Box<RenderError>),
    Return(Value),
    Break,
    Continue,
}

impl Flow {
    pub(crate) fn error(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Error(Box::new(RenderError::new(kind, message)))
    }

    /// The same error with what to do next.
    pub(crate) fn with_help(mut self, help: Option<String>) -> Self {
        if let (Self::Error(error), Some(help)) = (&mut self, help) {
            error.help.push(help);
        }
        self
    }

    /// Says where an error happened, unless an inner place is known.
    pub(crate) fn at(mut self, span: impl FnOnce() -> Span) -> Self {
        if let Self::Error(error) = &mut self
            && error.span.is_none()
        {
            error.span = Some(span());
        }
        self
    }
}

/// An evaluation error.
pub(crate) fn raise(message: impl Into<String>) -> Flow {
    Flow::error(ErrorKind::Evaluation, message)
}

impl From<BridgeError> for Flow {
    fn from(error: BridgeError) -> Self {
        let mut render_error = RenderError::new(ErrorKind::Bridge, error.to_string());
        render_error.bridge = Some(error);
        Self::Error(Box::new(render_error))
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Return(value) => write!(f, "Return({value:?})"),
            Self::Break => f.write_str("Break"),
            Self::Continue => f.write_str("Continue"),
        }
    }
}
