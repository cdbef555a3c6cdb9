//! From text to the owned form: minijinja's parser, with the few things it lacks for dbt.

mod lower;
mod words;

use crate::engine::ir::{MacroBody, Stmt};
use crate::error::{ErrorKind, RenderError};
use dvt_diagnostics::{SourceFile, Span};
use lower::Lowering;
use minijinja::machinery::{ast, parse};
use minijinja::syntax::SyntaxConfig;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// Macro bodies keep their last newline; a template of its own loses one, as in Jinja.
static KEEPING: LazyLock<SyntaxConfig> = LazyLock::new(|| {
    let mut builder = SyntaxConfig::builder();
    builder.keep_trailing_newline(true);
    builder.build().unwrap_or_default()
});

/// A text to parse that is a piece of a file with insertions.
struct Piece {
    text: String,
    offsets: Vec<(usize, usize)>,
}

impl Piece {
    fn of_range(file: &SourceFile, range: Range<usize>) -> Self {
        Self { text: file.text[range.clone()].to_owned(), offsets: vec![(0, range.start)] }
    }

    /// The piece with changes that let minijinja's parser take what Jinja takes too: any expression in a `do` tag, and
    /// tuples in subscripts. `None` when there is nothing to change.
    fn with_jinja_forms(&self) -> Option<Self> {
        let edits = crate::library::jinja_forms(&self.text);
        if edits.is_empty() {
            return None;
        }
        let mut text = String::with_capacity(self.text.len() + edits.len() * 16);
        let mut offsets = Vec::with_capacity(self.offsets.len() + edits.len());
        let mut pending = self.offsets.iter().copied().peekable();
        let mut position = 0;
        for (range, replacement) in edits {
            while let Some((start, file_start)) = pending.next_if(|(start, _)| *start <= range.end) {
                offsets.push((start.max(position) + text.len() - position, file_start));
            }
            let base = self.offsets.partition_point(|(start, _)| *start <= range.end).saturating_sub(1);
            let file_offset = self.offsets.get(base).map_or(0, |(start, file_start)| file_start + range.end - start);
            text.push_str(&self.text[position..range.start]);
            text.push_str(replacement);
            position = range.end;
            offsets.push((text.len(), file_offset));
        }
        for (start, file_start) in pending {
            offsets.push((start + text.len() - position, file_start));
        }
        text.push_str(&self.text[position..]);
        Some(Self { text, offsets })
    }
}

/// Parses a piece of a file as a template.
pub(crate) fn parse_template(
    file: &Arc<SourceFile>,
    range: Range<usize>,
    keeps_newline: bool,
) -> Result<Vec<Stmt>, RenderError> {
    if !file.text[range.clone()].contains('{') {
        // Plain text needs no parser.
        let text = &file.text[range.clone()];
        let text = if keeps_newline { text } else { strip_newline(text) };
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let place = crate::engine::ir::Place {
            start: u32::try_from(range.start).unwrap_or(u32::MAX),
            end: u32::try_from(range.start + text.len()).unwrap_or(u32::MAX),
        };
        return Ok(vec![Stmt::Text { text: text.into(), place }]);
    }
    let piece = Piece::of_range(file, range);
    let syntax = if keeps_newline { KEEPING.clone() } else { SyntaxConfig::default() };
    with_parsed(file, piece, syntax, |lowering, template| lowering.template(template))
}

fn strip_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

fn with_parsed<T>(
    file: &Arc<SourceFile>,
    piece: Piece,
    syntax: SyntaxConfig,
    lower: impl Fn(&Lowering<'_>, &ast::Stmt<'_>) -> T,
) -> Result<T, RenderError> {
    let first = match parse(&piece.text, &file.path, syntax.clone()) {
        Ok(template) => return Ok(lower(&Lowering { file, offsets: &piece.offsets }, &template)),
        Err(error) => error,
    };
    if let Some(rewritten) = piece.with_jinja_forms() {
        return match parse(&rewritten.text, &file.path, syntax) {
            Ok(template) => Ok(lower(&Lowering { file, offsets: &rewritten.offsets }, &template)),
            Err(error) => Err(syntax_error(file, &rewritten, &error)),
        };
    }
    Err(syntax_error(file, &piece, &first))
}

fn syntax_error(file: &Arc<SourceFile>, piece: &Piece, error: &minijinja::Error) -> RenderError {
    let detail = error.detail().unwrap_or("malformed template");
    let lowering = Lowering { file, offsets: &piece.offsets };
    let range = error.range().unwrap_or(0..1);
    let found = piece.text.get(range.clone()).unwrap_or_default();
    let mut render_error = RenderError::new(ErrorKind::Syntax, words::in_jinjas_words(detail, found));
    render_error.span = Some(Span::new(file, lowering.range(range)));
    if detail.starts_with("unexpected end of input")
        && let Some((range, keyword)) = crate::library::unclosed_tag(&piece.text)
    {
        render_error.message = words::unclosed(keyword);
        render_error.help.push(format!("`{{% {keyword} %}}` is not closed: `{{% end{keyword} %}}` is missing"));
        render_error.span = Some(Span::new(file, lowering.range(range)));
    }
    if detail.contains("unknown statement") {
        render_error.help.push("the tags are: if, for, set, macro, call, filter, do, raw, with".to_owned());
    }
    render_error
}

/// Parses a definition: `signature` is `name(parameters)` as text to parse (its place in the file beside it), `body` the
/// content between the tags.
pub(crate) fn parse_definition(
    file: &Arc<SourceFile>,
    signature: &[(String, usize)],
    body: Range<usize>,
) -> Result<Arc<MacroBody>, RenderError> {
    let mut piece = Piece { text: "{% macro ".to_owned(), offsets: vec![(0, body.start)] };
    for (text, file_offset) in signature {
        piece.offsets.push((piece.text.len(), *file_offset));
        piece.text.push_str(text);
    }
    piece.text.push_str(" %}");
    piece.offsets.push((piece.text.len(), body.start));
    piece.text.push_str(&file.text[body.clone()]);
    piece.offsets.push((piece.text.len(), body.end));
    piece.text.push_str("{% endmacro %}");
    let definition = with_parsed_definition(file, piece)?;
    definition.ok_or_else(|| {
        let mut error = RenderError::new(ErrorKind::Syntax, "malformed definition");
        error.span = Some(Span::new(file, body));
        error
    })
}

fn with_parsed_definition(file: &Arc<SourceFile>, piece: Piece) -> Result<Option<Arc<MacroBody>>, RenderError> {
    with_parsed(file, piece, KEEPING.clone(), |lowering, template| {
        let ast::Stmt::Template(template) = template else {
            return None;
        };
        match template.children.as_slice() {
            [ast::Stmt::Macro(declaration)] => Some(lowering.macro_body(declaration)),
            _ => None,
        }
    })
}
