//! Renderers: the full form with the user's lines, and the one-line form for logs and summaries.

use crate::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderStyle {
    Plain,
    Colored,
}

/// `path:line:column: error[id]: message`, or without the place when there is none.
#[must_use]
pub fn render_line(diagnostic: &Diagnostic) -> String {
    let kind = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let headline = format!("{kind}[{}]: {}", diagnostic.id, diagnostic.message);
    match diagnostic.labels.first() {
        Some(label) => {
            let (line, column) = label.span.file.line_column(label.span.range.start);
            format!("{}:{line}:{column}: {headline}", label.span.file.path)
        }
        None => headline,
    }
}

/// The full form: headline, the user's lines with the wrong text marked, notes, and help last.
#[must_use]
pub fn render(diagnostic: &Diagnostic, style: RenderStyle) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.id));
    for (index, label) in diagnostic.labels.iter().enumerate() {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let text = &label.span.file.text;
        let range = clamp(text, label.span.range.clone());
        group = group.element(
            Snippet::source(text.as_str())
                .path(label.span.file.path.as_str())
                .annotation(kind.span(range).label(label.text.as_str())),
        );
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    let mut groups = vec![group];
    for help in &diagnostic.help {
        groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
    }
    let renderer = match style {
        RenderStyle::Plain => Renderer::plain(),
        RenderStyle::Colored => Renderer::styled(),
    };
    let text = renderer.render(&groups);
    if diagnostic.labels.is_empty() { without_gutters(&text) } else { text }
}

/// Without the lines that hold only the gutter `|`: where no code is shown, they lead from nowhere to nowhere.
fn without_gutters(text: &str) -> String {
    let is_gutter = |line: &&str| {
        let mut visible = String::new();
        let mut in_escape = false;
        for character in line.chars() {
            match character {
                '\u{1b}' => in_escape = true,
                'm' if in_escape => in_escape = false,
                _ if in_escape => {}
                other => visible.push(other),
            }
        }
        visible.trim() == "|"
    };
    text.lines().filter(|line| !is_gutter(line)).collect::<Vec<_>>().join("\n")
}

/// A range that lies in the text and on character boundaries, whatever the caller computed.
fn clamp(text: &str, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let boundary = |mut offset: usize| {
        offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = boundary(range.start);
    start..boundary(range.end.max(range.start)).max(start)
}
