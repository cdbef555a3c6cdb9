//! The evaluator: walks a parsed template with dbt's names in reach, and keeps what was asked for.

mod attributes;
mod call;
mod expr;
pub(crate) mod ir;
mod loops;
mod names;
mod scope;
mod stmt;

pub(crate) use call::{MacroReference, RED_ZONE, STACK_STEP};
pub(crate) use names::PackageNamespace;
pub(crate) use scope::Scope;

use crate::bridge::Executed;
use crate::error::{Flow, RenderError};
use crate::rendered::{Asked, AskedName, SourceMap};
use crate::{Bridge, MacroLibrary, RenderContext, Value};
use dvt_diagnostics::{SourceFile, Span};
use ir::{Body, Place};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Renders one template (or one macro call) with one context. Made anew for each render; the library is shared.
pub struct Interpreter<'a> {
    pub(crate) library: &'a MacroLibrary,
    pub(crate) context: &'a RenderContext,
    pub(crate) bridge: Arc<dyn Bridge>,
    pub(crate) asked: Asked,
    asked_macros: HashSet<String>,
    /// The library macros that are running, outermost first.
    frames: Vec<Frame>,
    /// The call that is being evaluated.
    call_site: Option<(Arc<SourceFile>, Place)>,
    /// How many macros and blocks are nested.
    depth: usize,
    /// What `statement` stored, by name; and which of them were read already.
    pub(crate) results: HashMap<String, StoredResult>,
    main: Option<Executed>,
    /// Context members that were read, so that they keep their identity (`model` can be changed by a template).
    members: HashMap<&'static str, Value>,
    /// What `context.update(...)` put over every other name.
    pub(crate) updated: indexmap::IndexMap<Arc<str>, Value>,
    /// A value of a YAML file is rendered, and not a template.
    pub(crate) is_native: bool,
}

/// A running macro.
struct Frame {
    unique_id: String,
    called_at: Span,
}

/// What `store_result` stored.
#[derive(Clone)]
pub(crate) struct StoredResult {
    pub(crate) value: Value,
    pub(crate) was_read: bool,
}

/// What is being written.
pub(crate) struct Output {
    pub(crate) text: String,
    /// Kept for the template itself, not for macros and captured blocks.
    pub(crate) map: Option<SourceMap>,
}

impl Output {
    pub(crate) fn captured() -> Self {
        Self { text: String::new(), map: None }
    }
}

impl<'a> Interpreter<'a> {
    pub(crate) fn new(library: &'a MacroLibrary, context: &'a RenderContext, bridge: Arc<dyn Bridge>) -> Self {
        Self {
            library,
            context,
            bridge,
            asked: Asked::default(),
            asked_macros: HashSet::new(),
            frames: Vec::new(),
            call_site: None,
            depth: 0,
            results: HashMap::new(),
            main: None,
            members: HashMap::new(),
            updated: indexmap::IndexMap::new(),
            is_native: false,
        }
    }

    /// Renders a template as the outermost text.
    pub(crate) fn render_body(&mut self, body: &Body) -> Result<(String, SourceMap), Flow> {
        let scope = Scope::root(&body.file);
        let mut output = Output { text: String::new(), map: Some(SourceMap::new(&body.file)) };
        self.statements(&body.statements, &scope, &mut output)?;
        let map = output.map.unwrap_or_else(|| SourceMap::new(&body.file));
        Ok((output.text, map))
    }

    pub(crate) fn into_asked(self) -> Asked {
        self.asked
    }

    pub(crate) fn take_main_result(&mut self) -> Option<Executed> {
        self.main.take()
    }

    /// Whether no macro of the library is running.
    pub(crate) fn is_outermost(&self) -> bool {
        self.frames.is_empty()
    }

    /// Remembers the answer of the statement `main`.
    pub(crate) fn set_main_result(&mut self, executed: Executed) {
        self.main = Some(executed);
    }

    pub(crate) fn executes(&self) -> bool {
        self.context.executes()
    }

    /// The place in the outermost template that led here: what `ref` and `config` calls are reported at.
    pub(crate) fn user_span(&self) -> Span {
        if let Some(frame) = self.frames.first() {
            return frame.called_at.clone();
        }
        match &self.call_site {
            Some((file, place)) => Span::new(file, place.range()),
            None => Span::new(&SourceFile::new("", ""), 0..0),
        }
    }

    fn note_macro(&mut self, unique_id: &str) {
        if !self.asked_macros.contains(unique_id) {
            self.asked_macros.insert(unique_id.to_owned());
            let span = self.user_span();
            self.asked.macros.push(AskedName { name: unique_id.to_owned(), span });
        }
    }

    /// The macros that are running, outermost first, for messages and `context_macro_stack`.
    pub(crate) fn running_macros(&self) -> impl Iterator<Item = &str> {
        self.frames.iter().map(|frame| frame.unique_id.as_str())
    }

    /// Renders text as a template in the current context: dbt's `render(...)`, and hooks.
    pub(crate) fn render_text(&mut self, text: &str) -> Result<String, Flow> {
        // dbt gives text without any of Jinja's marks back as it is, its last line break too.
        let is_plain = !["{{", "{%", "{#", "#}", "}}", "%}"].iter().any(|mark| text.contains(mark));
        if is_plain {
            return Ok(text.to_owned());
        }
        let path = format!("{} (rendered text)", self.user_span().file.path);
        let file = SourceFile::new(path, text);
        let statements = crate::syntax::parse_template(&file, 0..text.len(), false)
            .map_err(|error: RenderError| Flow::Error(Box::new(error)))?;
        let scope = Scope::root(&file);
        let mut output = Output::captured();
        self.statements(&statements, &scope, &mut output)?;
        Ok(output.text)
    }
}
