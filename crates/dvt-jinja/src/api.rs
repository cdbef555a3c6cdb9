//! The entry points: render a template, call a macro, run a materialization, render a YAML value.

use crate::engine::Interpreter;
use crate::engine::ir::Body;
use crate::error::{ErrorKind, Flow, RenderError};
use crate::functions::native;
use crate::objects::relation::RelationValue;
use crate::rendered::{Called, Materialized, Rendered};
use crate::{Args, Bridge, MacroLibrary, RenderContext, Value};
use dvt_diagnostics::SourceFile;
use dvt_manifest::Relation;
use serde_json::Value as Json;
use std::ops::Range;
use std::sync::Arc;

/// A parsed template. Parse once, render in both phases.
#[derive(Clone, Debug)]
pub struct Template {
    body: Arc<Body>,
    range: Range<usize>,
}

impl Template {
    /// Parses a file's text without the blank space around it, which is what dbt calls `raw_code`.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] with the place in the file.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, RenderError> {
        let text = &file.text;
        let start = text.len() - text.trim_start().len();
        let end = start + text[start..].trim_end().len();
        Self::parse_range(file, start..end)
    }

    /// Parses a piece of a file (the body of a snapshot block, a value of a YAML file).
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] with the place in the file.
    pub fn parse_range(file: &Arc<SourceFile>, range: Range<usize>) -> Result<Self, RenderError> {
        let statements = crate::syntax::parse_template(file, range.clone(), false)?;
        Ok(Self { body: Arc::new(Body { file: Arc::clone(file), statements }), range })
    }

    /// The text of the template: dbt's `raw_code`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.body.file.text[self.range.clone()]
    }

    #[must_use]
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.body.file
    }

    pub(crate) fn statements(&self) -> &[crate::engine::ir::Stmt] {
        &self.body.statements
    }
}

/// Renders a whole file (see [`Template::parse`]); parse-phase or run-phase as the context says.
///
/// # Errors
/// What the template or a macro got wrong, or what the bridge answered.
pub fn render(
    library: &MacroLibrary,
    context: &RenderContext,
    bridge: Arc<dyn Bridge>,
    file: &Arc<SourceFile>,
) -> Result<Rendered, RenderError> {
    render_template(library, context, bridge, &Template::parse(file)?)
}

/// Renders a parsed template.
///
/// # Errors
/// What the template or a macro got wrong, or what the bridge answered.
pub fn render_template(
    library: &MacroLibrary,
    context: &RenderContext,
    bridge: Arc<dyn Bridge>,
    template: &Template,
) -> Result<Rendered, RenderError> {
    let mut interpreter = Interpreter::new(library, context, bridge);
    let (text, source_map) = interpreter.render_body(&template.body).map_err(into_error)?;
    Ok(Rendered { text, asked: interpreter.into_asked(), source_map })
}

/// Calls a macro by its name (dbt's lookup order), by `package.name`, or by unique id.
/// The value is what it returned, or the text that it rendered.
///
/// # Errors
/// [`ErrorKind::UnknownMacro`], or what happened inside.
pub fn call_macro(
    library: &MacroLibrary,
    context: &RenderContext,
    bridge: Arc<dyn Bridge>,
    name: &str,
    args: Args,
) -> Result<Called, RenderError> {
    let mut interpreter = Interpreter::new(library, context, bridge);
    let value = interpreter.call_macro_by_name(name, args).map_err(into_error)?;
    Ok(Called { value, asked: interpreter.into_asked() })
}

/// Runs the materialization of this name for the context's adapter types. The context's variables hold what dbt gives
/// a materialization: `sql`, `compiled_code`, `pre_hooks`, `post_hooks`, `database`, `schema`, `identifier`, `landing`.
///
/// # Errors
/// [`ErrorKind::UnknownMacro`] when there is no such materialization; what happened inside; a result without
/// `relations`.
pub fn run_materialization(
    library: &MacroLibrary,
    context: &RenderContext,
    bridge: Arc<dyn Bridge>,
    name: &str,
) -> Result<Materialized, RenderError> {
    let Some(definition) = library.find_materialization(name, &context.adapter_types) else {
        let adapter_type = context.adapter_types.first().map_or("default", String::as_str);
        let known = library.materialization_names();
        let nearest = dvt_diagnostics::did_you_mean(name, known.iter().map(String::as_str));
        let mut error = RenderError::new(
            ErrorKind::UnknownMacro,
            format!(
                "No materialization '{name}' was found for adapter {adapter_type}! (searched types 'default' and '{adapter_type}')"
            ),
        );
        error.help.push(match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("the known materializations are {}", known.join(", ")),
        });
        return Err(error);
    };
    let unique_id = definition.unique_id.clone();
    let language = context.node.as_ref().and_then(|node| node.get("language")?.as_str()).unwrap_or("sql");
    if let Some(languages) = &definition.supported_languages
        && !languages.iter().any(|known| known == language)
    {
        let known: Vec<String> = languages.iter().map(|known| format!("'{known}'")).collect();
        return Err(RenderError::new(
            ErrorKind::Evaluation,
            format!(
                "Materialization \"{}\" only supports languages [{}]; got \"{language}\"",
                definition.name,
                known.join(", ")
            ),
        ));
    }
    let mut interpreter = Interpreter::new(library, context, bridge);
    let value = interpreter.call_macro_by_name(&unique_id, Args::default()).map_err(into_error)?;
    let relations = materialized_relations(name, &value)?;
    let main = interpreter.take_main_result();
    Ok(Materialized { relations, main, asked: interpreter.into_asked() })
}

/// Reads `{'relations': [...]}`; text only (no `return`) is dbt's error too.
fn materialized_relations(name: &str, value: &Value) -> Result<Vec<Relation>, RenderError> {
    let wrong = |what: String| RenderError::new(ErrorKind::Evaluation, what);
    if value.as_str().is_some() {
        return Err(wrong(format!(
            "The materialization (\"{name}\") did not explicitly return a list of relations to add to the cache."
        )));
    }
    let relations = value.as_dict().and_then(|dict| dict.get_str("relations").cloned()).ok_or_else(|| {
        wrong(format!("Invalid return value from materialization \"{name}\", expected a dict with key \"relations\""))
    })?;
    relations
        .iterate()
        .unwrap_or_default()
        .iter()
        .map(|relation| match relation.downcast::<RelationValue>() {
            Some(relation) => Ok(relation.relation.clone()),
            None => Err(wrong(format!(
                "Invalid return value from materialization \"{name}\": \"relations\" holds a {}, not a Relation",
                relation.type_name()
            ))),
        })
        .collect()
}

/// How the text of a YAML value becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueMode {
    /// dbt's native environment (`dbt_project.yml`, `profiles.yml`, properties): `as_native`, `as_bool` and `as_number`
    /// change the type, everything else stays text.
    Native,
    /// Always text.
    Text,
}

/// Renders the Jinja in one string of a YAML file. Text without Jinja comes back as it is. `range` is the value's place
/// in the file, for messages; the text itself is `text` (a YAML string may be folded or escaped in the file).
///
/// # Errors
/// What the template got wrong, at the value's place.
pub fn render_value(
    library: &MacroLibrary,
    context: &RenderContext,
    bridge: Arc<dyn Bridge>,
    text: &str,
    place: Option<&dvt_diagnostics::Span>,
    mode: ValueMode,
) -> Result<(Json, crate::Asked), RenderError> {
    if !native::has_jinja(text) {
        return Ok((Json::String(text.to_owned()), crate::Asked::default()));
    }
    let file = SourceFile::new(place.map_or("<value>", |span| span.file.path.as_str()), text);
    let at_place = |mut error: RenderError| {
        if let Some(place) = place {
            error.trace.clear();
            error.span = Some(place.clone());
        }
        error
    };
    let template = Template::parse_range(&file, 0..text.len()).map_err(at_place)?;
    let mut interpreter = Interpreter::new(library, context, bridge);
    let result = interpreter.render_native(&template.body, mode).map_err(into_error).map_err(at_place)?;
    let json = native::to_json(&result).map_err(|what| {
        at_place(RenderError::new(ErrorKind::Evaluation, format!("a value of type {what} cannot stand in YAML")))
    })?;
    let mut asked = interpreter.into_asked();
    if let Some(place) = place {
        asked.move_to(place);
    }
    Ok((json, asked))
}

pub(crate) fn into_error(flow: Flow) -> RenderError {
    match flow {
        Flow::Error(error) => *error,
        Flow::Return(_) => RenderError::new(ErrorKind::Evaluation, "`return` was called outside of a macro"),
        Flow::Break | Flow::Continue => {
            RenderError::new(ErrorKind::Syntax, "`break` and `continue` belong inside a loop")
        }
    }
}
