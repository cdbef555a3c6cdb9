//! What went wrong with a node, as diagnostics in the user's own files.

use crate::compile::{CompiledNode, artifact_path};
use crate::journal::JournalError;
use crate::run::Run;
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_compute::{ComputeError, SparkFailure};
use dvt_diagnostics::{Diagnostic, Event, Span, kinds};
use dvt_federation::PlanError;
use dvt_jinja::RenderError;
use dvt_manifest::Node;
use dvt_staging::StagingError;
use serde_json::Value as Json;
use std::fmt;
use std::ops::Range;

/// A node failed. The first diagnostic says it in one line.
#[derive(Debug)]
pub(crate) struct NodeError {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The same work may succeed when it is repeated: a connection broke, and nothing was written.
    pub(crate) is_retryable: bool,
}

impl NodeError {
    /// The first thing that went wrong, for who can pass on only one.
    pub(crate) fn into_first(self) -> Diagnostic {
        let mut diagnostics = self.diagnostics.into_iter();
        diagnostics.next().unwrap_or_else(|| Diagnostic::error("internal", "the node failed without a reason"))
    }

    /// What went wrong in dbt's words, without its headline.
    pub(crate) fn message(&self) -> String {
        let Some(diagnostic) = self.diagnostics.first() else { return "the node failed".to_owned() };
        match &diagnostic.event {
            Some(event) => event.message.clone(),
            None => diagnostic.message.clone(),
        }
    }

    /// The whole message of a failed node as dbt writes it into its artifacts and its log: the kind of error and the
    /// node, then what went wrong, indented, and where the SQL is that the database refused.
    pub(crate) fn told(&self, of: &Told<'_>) -> String {
        let id = self.diagnostics.first().map_or("internal", |diagnostic| diagnostic.id);
        let kind = kind_of(id);
        let mut lines: Vec<String> = self.message().lines().map(str::to_owned).collect();
        if let (Some(path), "Database") = (&of.build_path, kind) {
            lines.push(format!("compiled code at {path}"));
        }
        let stack = self.diagnostics.first().and_then(|diagnostic| diagnostic.event.as_ref()?.data.get("macro_stack"));
        let stack: Vec<&str> = stack.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        if let ([innermost, rest @ ..], "Compilation") = (stack.as_slice(), kind) {
            lines.push(String::new());
            lines.push(format!("> in {innermost}"));
            lines.extend(rest.iter().map(|place| format!("> called by {place}")));
            lines.push(format!("> called by {} {} ({})", of.resource_type, of.name, of.path));
        }
        let mut text = format!("{kind} Error in {} {} ({})", of.resource_type, of.name, of.path);
        for line in lines {
            text.push_str("\n  ");
            text.push_str(&line);
        }
        text
    }
}

/// The node of [`NodeError::told`].
pub(crate) struct Told<'a> {
    resource_type: &'a str,
    name: &'a str,
    path: &'a str,
    /// `target/run/…`, if it was written.
    build_path: Option<String>,
}

impl<'a> Told<'a> {
    pub(crate) fn new(resource_type: &'a str, name: &'a str, path: &'a str) -> Self {
        Self { resource_type, name, path, build_path: None }
    }

    pub(crate) fn of_node(run: &Run, node: &'a Node) -> Self {
        let project = run.project();
        let path = project.config.target_path.join("run").join(artifact_path(node));
        let shown = path.strip_prefix(&project.config.project.root).unwrap_or(&path);
        let build_path = path.is_file().then(|| shown.display().to_string());
        Self { build_path, ..Self::new(node.resource_type.as_str(), &node.name, &node.original_file_path) }
    }
}

/// dbt's word for the kind of an error, by the diagnostic's id.
pub(crate) fn kind_of(id: &str) -> &'static str {
    const DATABASE: [ErrorClass; 17] = [
        ErrorClass::Unreachable,
        ErrorClass::Authentication,
        ErrorClass::Tls,
        ErrorClass::Permission,
        ErrorClass::MissingDatabase,
        ErrorClass::MissingRelation,
        ErrorClass::MissingColumn,
        ErrorClass::Syntax,
        ErrorClass::Constraint,
        ErrorClass::ValueDoesNotFit,
        ErrorClass::UnsupportedType,
        ErrorClass::Timeout,
        ErrorClass::Cancelled,
        ErrorClass::ConnectionLost,
        ErrorClass::Conflict,
        ErrorClass::Configuration,
        ErrorClass::Other,
    ];
    if DATABASE.into_iter().any(|class| class_id(class) == id) {
        return "Database";
    }
    match id {
        "internal" => "Internal",
        "journal" | "artifact" | "seed-file" | "bucket" | "memory-limit" | "value-error" | "compute-failed"
        | "staging-failed" | "unit-test-failed" | "warning-as-error" | "unknown-compute" | "unknown-bucket" => {
            "Runtime"
        }
        _ => "Compilation",
    }
}

impl From<Diagnostic> for NodeError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic], is_retryable: false }
    }
}

impl From<JournalError> for NodeError {
    fn from(error: JournalError) -> Self {
        Diagnostic::error("journal", error.to_string())
            .help("free space or repair the permissions of the `.dvt` folder in the target path")
            .into()
    }
}

/// A statement that the database refused, on its way through the templates.
#[derive(Debug)]
pub(crate) struct StatementError {
    pub(crate) error: AdapterError,
    /// What was sent, without the query comment; positions count from here.
    pub(crate) sql: String,
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for StatementError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Where a failure happened, for finding the user's own line.
#[derive(Clone, Copy)]
pub(crate) struct FailedAt<'a> {
    pub(crate) compiled: Option<&'a CompiledNode>,
    /// The node as a whole.
    pub(crate) node: Option<&'a Span>,
}

impl FailedAt<'_> {
    pub(crate) const NOWHERE: Self = Self { compiled: None, node: None };

    fn span(&self, range: Range<usize>) -> Option<Span> {
        self.compiled?.span(range)
    }

    /// The place of an error in a statement: the engine's position, or the name that it complains about.
    fn statement_span(&self, error: &AdapterError, sql: Option<&str>) -> Option<Span> {
        let compiled = self.compiled?;
        if let (Some(position), Some(sql)) = (error.position, sql)
            && let Some(start) = sql.find(&compiled.sql)
            && let Some(offset) = position.checked_sub(start)
            && offset < compiled.sql.len()
        {
            return compiled.span(word_at(&compiled.sql, offset));
        }
        let name = match error.class {
            ErrorClass::MissingColumn => error.column.as_deref(),
            ErrorClass::MissingRelation => error.relation.as_ref().map(|relation| relation.identifier.as_str()),
            _ => None,
        }?;
        let name = name.rsplit('.').next().unwrap_or(name);
        let found = match error.class {
            ErrorClass::MissingRelation => find_qualified(&compiled.sql, name),
            _ => None,
        };
        compiled.span(found.or_else(|| find_word(&compiled.sql, name))?)
    }
}

/// The error of a connection as the user sees it.
pub(crate) fn adapter_diagnostic(error: &AdapterError, sql: Option<&str>, at: FailedAt<'_>) -> Diagnostic {
    // What a stream passed on may already be a diagnostic of ours.
    if let Some(own) = error.cause.as_ref().and_then(|cause| cause.downcast_ref::<Diagnostic>()) {
        return own.clone();
    }
    let mut diagnostic = Diagnostic::error(class_id(error.class), error.to_string());
    match at.statement_span(error, sql) {
        Some(span) => diagnostic = diagnostic.label(span, ""),
        None => {
            if let Some(node) = at.node {
                diagnostic = diagnostic.label(node.clone(), "");
            }
        }
    }
    if let Some(hint) = &error.hint {
        diagnostic = diagnostic.help(hint.clone());
    }
    diagnostic.event(Event::new(kinds::RUN_RESULT_ERROR, server_text(error, sql)))
}

/// The server's message as its command line would show it: with the line that it complains about, and its hint.
fn server_text(error: &AdapterError, sql: Option<&str>) -> String {
    // Which of the connections it was is half of the answer when one cannot be had.
    let mut text = match error.class {
        ErrorClass::Unreachable | ErrorClass::Authentication | ErrorClass::Tls | ErrorClass::MissingDatabase => {
            error.to_string()
        }
        _ => error.message.clone(),
    };
    if let (Some(position), Some(sql)) = (error.position, sql)
        && let Some(before) = sql.get(..position)
    {
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = sql[start..].lines().next().unwrap_or_default();
        let head = format!("LINE {}: ", before.matches('\n').count() + 1);
        let indent = " ".repeat(head.len() + before[start..].chars().count());
        text = format!("{text}\n{head}{line}\n{indent}^");
    }
    if let Some(hint) = &error.hint {
        text = format!("{text}\nHINT:  {hint}");
    }
    text
}

pub(crate) fn class_id(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Unreachable => "connection-unreachable",
        ErrorClass::Authentication => "authentication-failed",
        ErrorClass::Tls => "tls-refused",
        ErrorClass::Permission => "permission-denied",
        ErrorClass::MissingDatabase => "missing-database",
        ErrorClass::MissingRelation => "missing-relation",
        ErrorClass::MissingColumn => "missing-column",
        ErrorClass::Syntax => "sql-syntax",
        ErrorClass::Constraint => "constraint-violated",
        ErrorClass::ValueDoesNotFit => "value-does-not-fit",
        ErrorClass::UnsupportedType => "unsupported-type",
        ErrorClass::Timeout => "timeout",
        ErrorClass::Cancelled => "cancelled",
        ErrorClass::ConnectionLost => "connection-lost",
        ErrorClass::Conflict => "conflict",
        ErrorClass::Configuration => "configuration",
        ErrorClass::Other => "database-error",
    }
}

pub(crate) fn from_adapter(error: &AdapterError, sql: Option<&str>, at: FailedAt<'_>) -> NodeError {
    NodeError { diagnostics: vec![adapter_diagnostic(error, sql, at)], is_retryable: error.is_retryable() }
}

/// A text that dvt made of the user's file (a generic test's template, a hook) is no place to show: the node's is. An
/// error without any place is at its node.
fn at_node(mut diagnostic: Diagnostic, node: Option<&Span>) -> Diagnostic {
    let Some(node) = node else { return diagnostic };
    let mut is_placed = false;
    diagnostic.labels.retain_mut(|label| {
        let file = &label.span.file;
        if file.path != node.file.path || file.text == node.file.text {
            return true;
        }
        label.span = node.clone();
        !std::mem::replace(&mut is_placed, true)
    });
    if diagnostic.labels.is_empty() { diagnostic.label(node.clone(), "") } else { diagnostic }
}

/// A failed render or macro: the database's answer if that was the cause, at the user's line either way.
pub(crate) fn from_render(error: RenderError, at: FailedAt<'_>) -> NodeError {
    let text = error.message.trim().to_owned();
    let event = Event::new(kinds::RUN_RESULT_ERROR, text).with("macro_stack", error.macro_stack());
    let rendered = at_node(error.diagnostic().event(event), at.node);
    let Some(bridge) = error.bridge_error() else {
        return rendered.into();
    };
    let (mut diagnostic, is_retryable) = if let Some(statement) = bridge.downcast_ref::<StatementError>() {
        let at = FailedAt { node: None, ..at };
        (adapter_diagnostic(&statement.error, Some(&statement.sql), at), statement.error.is_retryable())
    } else if let Some(diagnostic) = bridge.downcast_ref::<Diagnostic>() {
        (diagnostic.clone(), false)
    } else {
        return rendered.into();
    };
    let is_users = |label: &dvt_diagnostics::Label| at.node.is_some_and(|node| node.file.path == label.span.file.path);
    if diagnostic.labels.is_empty() && rendered.labels.first().is_some_and(is_users) {
        // The macros on the way, from the template's own line inwards. Where dvt itself called the first macro, the
        // user's place is the node.
        diagnostic.labels = rendered.labels;
    }
    if let (true, Some(node)) = (diagnostic.labels.is_empty(), at.node) {
        diagnostic = diagnostic.label(node.clone(), "");
    }
    NodeError { diagnostics: vec![diagnostic], is_retryable }
}

/// What the bridge answered outside of a render.
pub(crate) fn from_bridge(error: &(dyn std::error::Error + Send + Sync + 'static), at: FailedAt<'_>) -> NodeError {
    if let Some(statement) = error.downcast_ref::<StatementError>() {
        return from_adapter(&statement.error, Some(&statement.sql), at);
    }
    match error.downcast_ref::<Diagnostic>() {
        Some(diagnostic) => diagnostic.clone().into(),
        None => Diagnostic::error("macro-failed", error.to_string()).into(),
    }
}

pub(crate) fn from_plan(error: &PlanError, at: FailedAt<'_>) -> NodeError {
    let mut diagnostic = Diagnostic::error(error.id(), error.to_string());
    let span = at.compiled.and_then(|compiled| at.span(error.range(&compiled.sql)?)).or_else(|| at.node.cloned());
    if let Some(span) = span {
        diagnostic = diagnostic.label(span, "");
    }
    for note in error.notes() {
        diagnostic = diagnostic.note(note);
    }
    for help in error.help() {
        diagnostic = diagnostic.help(help);
    }
    diagnostic.into()
}

pub(crate) fn from_compute(error: &ComputeError, at: FailedAt<'_>) -> NodeError {
    if let ComputeError::Input(input) = error {
        return from_adapter(input, None, at);
    }
    if let ComputeError::Spark(failure) = error {
        return from_spark(failure, at.node);
    }
    let mut diagnostic = match error {
        ComputeError::MemoryExhausted { .. } => Diagnostic::error("memory-limit", error.to_string())
            .help("raise `memory_limit` of the compute in computes.yml, or give fewer `threads`"),
        ComputeError::Value { .. } => Diagnostic::error("value-error", error.to_string()),
        _ => Diagnostic::error("compute-failed", error.to_string()),
    };
    if let Some(node) = at.node {
        diagnostic = diagnostic.label(node.clone(), "");
    }
    diagnostic.into()
}

pub(crate) fn from_spark(failure: &SparkFailure, node: Option<&Span>) -> NodeError {
    let id = match failure {
        SparkFailure::Refused { .. } => "unsupported-on-spark",
        SparkFailure::Distribution { .. } | SparkFailure::Settings { .. } => "no-spark",
        _ => "spark-failed",
    };
    let mut diagnostic = Diagnostic::error(id, failure.to_string());
    if let Some(node) = node {
        diagnostic = diagnostic.label(node.clone(), "");
    }
    if let Some(hint) = failure.hint() {
        diagnostic = diagnostic.help(hint);
    }
    NodeError { diagnostics: vec![diagnostic], is_retryable: failure.is_retryable() }
}

pub(crate) fn from_staging(error: &StagingError, at: FailedAt<'_>) -> NodeError {
    match error {
        StagingError::Extract(error) => from_adapter(error, None, at),
        StagingError::Cancelled { .. } => Diagnostic::error("cancelled", error.to_string()).into(),
        _ => Diagnostic::error("staging-failed", error.to_string()).into(),
    }
}

/// The identifier or number around an offset.
fn word_at(text: &str, offset: usize) -> Range<usize> {
    let mut start = offset.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let rest = &text[start..];
    let length = rest
        .find(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '.' | '"' | '`' | '$')))
        .unwrap_or(rest.len());
    start..start + length.max(rest.chars().next().map_or(0, char::len_utf8))
}

/// The first place where the name stands quoted behind a dot: as the last part of a relation.
fn find_qualified(text: &str, name: &str) -> Option<Range<usize>> {
    ['"', '`'].into_iter().find_map(|quote| {
        let quoted = format!(".{quote}{name}{quote}");
        text.find(&quoted).map(|dot| dot + 2..dot + 2 + name.len())
    })
}

/// The first place where the name stands as a whole word, in any case.
fn find_word(text: &str, name: &str) -> Option<Range<usize>> {
    if name.is_empty() {
        return None;
    }
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    text.char_indices().map(|(at, _)| at).find_map(|at| {
        let end = at + name.len();
        let found = text.get(at..end)?;
        let starts = !text[..at].chars().next_back().is_some_and(is_word);
        let ends = !text[end..].chars().next().is_some_and(is_word);
        (starts && ends && found.eq_ignore_ascii_case(name)).then_some(at..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole() {
        assert_eq!(find_word("select amounts, t.AMOUNT from t", "amount"), Some(18..24));
        assert_eq!(find_word("select amounts", "amount"), None);
        let sql = "select orders.id from \"crm\".\"main\".\"orders\" as orders";
        assert_eq!(find_qualified(sql, "orders").map(|at| &sql[at.start - 1..at.end + 1]), Some("\"orders\""));
        assert_eq!(word_at("select t.amount, x", 7), 7..15);
        assert_eq!(word_at("select *", 7), 7..8);
        assert_eq!(word_at("ä", 1), 0..2);
    }
}
