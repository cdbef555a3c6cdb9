//! What a render gives back: the text, what the template asked for, and the way from the text to the template.

use crate::{RefRequest, Value};
use dvt_diagnostics::{SourceFile, Span};
use dvt_manifest::Relation;
use serde_json::{Map, Value as Json};
use std::ops::Range;
use std::sync::Arc;

/// A rendered template.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub text: String,
    pub asked: Asked,
    pub source_map: SourceMap,
}

/// What a render asked for, in order of asking. Spans lie in the template that was rendered: a `ref` inside a macro has
/// the span of the macro's call.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub refs: Vec<AskedRef>,
    pub sources: Vec<AskedSource>,
    /// `function(...)` calls; a request has no version.
    pub functions: Vec<AskedRef>,
    /// `metric(...)` calls: `[name]` or `[package, name]`.
    pub metrics: Vec<Vec<String>>,
    pub configs: Vec<AskedConfig>,
    pub vars: Vec<AskedName>,
    pub env_vars: Vec<AskedName>,
    /// Unique ids (`macro.package.name`) of the macros that were called, each once, with the span of the first call.
    pub macros: Vec<AskedName>,
    /// Those among them that the template itself called, not another macro: dbt's `depends_on.macros` of a node.
    pub direct_macros: Vec<String>,
}

impl Asked {
    /// Moves every span to one place: what a YAML value asked for was asked at the value.
    pub(crate) fn move_to(&mut self, place: &Span) {
        for span in self
            .refs
            .iter_mut()
            .map(|asked| &mut asked.span)
            .chain(self.sources.iter_mut().map(|asked| &mut asked.span))
            .chain(self.functions.iter_mut().map(|asked| &mut asked.span))
            .chain(self.configs.iter_mut().map(|asked| &mut asked.span))
            .chain(self.vars.iter_mut().map(|asked| &mut asked.span))
            .chain(self.env_vars.iter_mut().map(|asked| &mut asked.span))
            .chain(self.macros.iter_mut().map(|asked| &mut asked.span))
        {
            *span = place.clone();
        }
    }
}

#[derive(Clone, Debug)]
pub struct AskedRef {
    pub request: RefRequest,
    /// The version as it was given: a number or a text.
    pub version: Option<Json>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct AskedSource {
    pub source_name: String,
    pub table_name: String,
    pub span: Span,
}

/// One `config(...)` call, with dbt's spelling of the keys (`pre_hook` is `pre-hook`).
#[derive(Clone, Debug)]
pub struct AskedConfig {
    pub values: Map<String, Json>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct AskedName {
    pub name: String,
    pub span: Span,
}

/// A piece of the output and where it comes from.
#[derive(Clone, Debug)]
struct Segment {
    /// Where the piece starts in the output.
    output_start: usize,
    template: Range<usize>,
    /// Whether the piece is the template's own text, byte for byte.
    is_verbatim: bool,
}

/// From byte offsets of the rendered text to places in the template.
#[derive(Clone, Debug)]
pub struct SourceMap {
    file: Arc<SourceFile>,
    segments: Vec<Segment>,
}

impl SourceMap {
    pub(crate) fn new(file: &Arc<SourceFile>) -> Self {
        Self { file: Arc::clone(file), segments: Vec::new() }
    }

    pub(crate) fn push(&mut self, output_start: usize, template: Range<usize>, is_verbatim: bool) {
        self.segments.push(Segment { output_start, template, is_verbatim });
    }

    /// Where the text at a byte offset of the output was written: the exact offset inside the template's own text, the
    /// whole expression for text that an expression or macro gave.
    #[must_use]
    pub fn template_span(&self, output_offset: usize) -> Span {
        let index = self.segments.partition_point(|segment| segment.output_start <= output_offset);
        let Some(segment) = index.checked_sub(1).and_then(|index| self.segments.get(index)) else {
            return Span::new(&self.file, 0..0);
        };
        if !segment.is_verbatim {
            return Span::new(&self.file, segment.template.clone());
        }
        let offset = (segment.template.start + output_offset - segment.output_start).min(segment.template.end);
        Span::new(&self.file, offset..offset)
    }

    /// The template's text behind a range of the output, grown to whole expressions.
    #[must_use]
    pub fn template_range(&self, output: Range<usize>) -> Span {
        let start = self.template_span(output.start).range;
        if output.is_empty() {
            return Span::new(&self.file, start);
        }
        let last = self.template_span(output.end - 1).range;
        let end = if last.is_empty() { last.end + 1 } else { last.end };
        Span::new(&self.file, start.start..end.max(start.start).min(self.file.text.len()))
    }

    #[must_use]
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }
}

/// What a materialization did.
#[derive(Clone, Debug)]
pub struct Materialized {
    /// The relations that it returned, for the cache.
    pub relations: Vec<Relation>,
    /// The result of the statement `main`, whose response dbt reports for the node.
    pub main: Option<crate::Executed>,
    pub asked: Asked,
}

/// A macro that was called from outside.
#[derive(Clone, Debug)]
pub struct Called {
    /// The value that it returned; the text that it rendered when it returned nothing.
    pub value: Value,
    pub asked: Asked,
}
