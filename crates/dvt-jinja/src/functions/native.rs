//! Values of YAML files: dbt's native environment.

use crate::api::ValueMode;
use crate::engine::ir::{Body, Stmt};
use crate::engine::{Interpreter, Output, Scope};
use crate::error::{ErrorKind, Flow};
use crate::{Object, Value};
use serde_json::Value as Json;

/// Whether a text holds any Jinja.
pub(crate) fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// What `as_text`, `as_bool`, `as_number` and `as_native` leave behind: text with the wish for a type.
#[derive(Debug)]
pub(crate) struct Marker {
    text: String,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Text,
    Native,
    Bool,
    Number,
}

impl Marker {
    fn new(value: &Value, wanted: Wanted) -> Self {
        Self { text: value.to_string(), wanted }
    }

    pub(crate) fn text(value: &Value) -> Self {
        Self::new(value, Wanted::Text)
    }

    pub(crate) fn native(value: &Value) -> Self {
        Self::new(value, Wanted::Native)
    }

    pub(crate) fn boolean(value: &Value) -> Self {
        Self::new(value, Wanted::Bool)
    }

    pub(crate) fn number(value: &Value) -> Self {
        Self::new(value, Wanted::Number)
    }

    /// The value in the wanted type.
    fn resolve(&self) -> Result<Value, Flow> {
        if self.wanted == Wanted::Text {
            return Ok(Value::from(self.text.as_str()));
        }
        let literal = literal(&self.text);
        let wrong = |kind: &str| {
            Flow::error(ErrorKind::Evaluation, format!("Could not convert value '{}' into type '{kind}'", self.text))
        };
        match (self.wanted, literal) {
            (Wanted::Bool, Some(value @ Value::Bool(_))) => Ok(value),
            // YAML's spellings are what environment variables hold.
            (Wanted::Bool, _) => match self.text.trim().to_lowercase().as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(wrong("bool")),
            },
            (Wanted::Number, Some(value @ (Value::Int(_) | Value::Float(_)))) => Ok(value),
            (Wanted::Number, _) => Err(wrong("number")),
            (_, Some(value)) => Ok(value),
            (_, None) => Ok(Value::from(self.text.as_str())),
        }
    }
}

impl Object for Marker {
    fn type_name(&self) -> &str {
        "str"
    }

    fn display(&self) -> String {
        self.text.clone()
    }

    fn is_true(&self) -> bool {
        !self.text.is_empty()
    }

    fn dumps(&self) -> Option<Json> {
        Some(Json::String(self.text.clone()))
    }

    fn to_json(&self) -> Option<Json> {
        match self.resolve() {
            Ok(value) => value.to_json().ok(),
            Err(_) => None,
        }
    }
}

/// A Python literal: number, quoted text, True, None, list, tuple, dict.
fn literal(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_plain = text.chars().next().is_some_and(|first| first.is_ascii_digit() || "+-.'\"[({TFN".contains(first));
    if !is_plain {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let file = dvt_diagnostics::SourceFile::new("", format!("{{{{ {text} }}}}"));
    let statements = crate::syntax::parse_template(&file, 0..file.text.len(), true).ok()?;
    match statements.as_slice() {
        [Stmt::Emit { expr, .. }] => constant(expr),
        _ => None,
    }
}

/// The value of an expression that holds nothing but literals.
fn constant(expr: &crate::engine::ir::Expr) -> Option<Value> {
    use crate::engine::ir::ExprNode;
    let all = |items: &[crate::engine::ir::Expr]| items.iter().map(constant).collect::<Option<Vec<_>>>();
    Some(match &expr.node {
        ExprNode::Const(value) => value.clone(),
        ExprNode::Negate(value) => crate::value::negate(&constant(value)?).ok()?,
        ExprNode::List(items) => Value::list(all(items)?),
        ExprNode::Tuple(items) => Value::tuple(all(items)?),
        ExprNode::Dict(entries) => Value::dict(
            entries
                .iter()
                .map(|(key, value)| Some((constant(key)?, constant(value)?)))
                .collect::<Option<Vec<_>>>()?
                .into_iter()
                .collect(),
        ),
        _ => return None,
    })
}

/// The value as JSON, for YAML.
pub(crate) fn to_json(value: &Value) -> Result<Json, String> {
    match value {
        // As dbt writes it: what has no value is null.
        Value::Undefined(_) => Ok(Json::Null),
        other => other.to_json(),
    }
}

impl Interpreter<'_> {
    /// Renders a body; a single expression keeps its type in native mode.
    pub(crate) fn render_native(&mut self, body: &Body, mode: ValueMode) -> Result<Value, Flow> {
        self.is_native = true;
        let scope = Scope::root(&body.file);
        if let ([Stmt::Emit { expr, .. }], ValueMode::Native) = (body.statements.as_slice(), mode) {
            let value = self.expr(expr, &scope)?;
            return match value.downcast::<Marker>() {
                Some(marker) => marker.resolve(),
                None => Ok(value),
            };
        }
        let mut output = Output::captured();
        self.statements(&body.statements, &scope, &mut output)?;
        Ok(Value::from(output.text))
    }
}
