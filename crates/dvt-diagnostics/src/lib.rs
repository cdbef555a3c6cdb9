//! What a user sees: diagnostics (id, message, span, note, hint, and the renderers), and dbt's events.
//!
//! In: values from the rooms (a file, a byte range, names). Out: a [`Diagnostic`], rendered in full (with the lines of
//! the user's file) or as one line. Nothing here reads a file or writes to a terminal.

mod diagnostic;
mod event;
pub mod kinds;
mod render;
mod secret;
mod source_file;
mod suggest;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Diagnostics, Label, Severity};
pub use event::{Event, EventKind, EventLevel, EventSink, Events, NodeInfo};
pub use render::{RenderStyle, render, render_line};
pub use secret::{Redactor, Secret};
pub use source_file::{SourceFile, Span};
pub use suggest::did_you_mean;
