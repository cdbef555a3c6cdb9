//! `var(name, default)` and `var.has_var(name)`.

use crate::engine::Interpreter;
use crate::error::{ErrorKind, Flow};
use crate::rendered::AskedName;
use crate::{Args, Object, Value};
use dvt_diagnostics::did_you_mean;
use serde_json::{Map, Value as Json};

#[derive(Debug)]
pub(super) struct Var;

impl Object for Var {
    fn type_name(&self) -> &str {
        "Var"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(var(interpreter, args))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["has_var"]
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        (name == "has_var").then(|| {
            let name = args.required_str("var_name")?;
            args.finish()?;
            Ok(Value::Bool(interpreter.context.vars.get(&name).is_some()))
        })
    }
}

fn var(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required_str("var_name")?;
    let default = args.optional("default")?;
    args.finish()?;
    let span = interpreter.user_span();
    interpreter.asked.vars.push(AskedName { name: name.to_string(), span });
    if let Some(value) = interpreter.context.vars.get(&name) {
        // A text may itself be a template: dbt renders it where it is asked for.
        return match value.as_str().filter(|text| super::native::has_jinja(text)) {
            Some(text) => {
                let text = text.to_owned();
                interpreter.nested(|interpreter| interpreter.render_text(&text).map(Value::from))
            }
            None => Ok(Value::from(value)),
        };
    }
    if let Some(default) = default {
        return Ok(default);
    }
    // While parsing, dbt forgives a missing variable: the model may be disabled, or the value given later.
    if !interpreter.executes() && interpreter.context.node.is_some() {
        return Ok(Value::None);
    }
    let merged = interpreter.context.vars.merged();
    let nearest = did_you_mean(&name, merged.keys().map(String::as_str));
    let owner = interpreter.context.node.as_ref().and_then(|node| node.get("name")).and_then(Json::as_str);
    let supplied = indented(&merged);
    let message = format!(
        "Required var '{name}' not found in config:\nVars supplied to {} = {supplied}",
        owner.unwrap_or("<Configuration>")
    );
    Err(Flow::error(ErrorKind::Missing, message).with_help(Some(match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!(
            "set it below `vars:` in dbt_project.yml or with `--vars`, or give a default: `var('{name}', 'default')`"
        ),
    })))
}

/// Variables as dbt shows them: JSON with four blanks to a level.
fn indented(values: &Map<String, Json>) -> String {
    let narrow = serde_json::to_string_pretty(values).unwrap_or_default();
    let widened = narrow.lines().map(|line| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        format!("{}{line}", &line[..blanks])
    });
    widened.collect::<Vec<_>>().join("\n")
}
