//! `env_var(name, default)`: reads the copy of the environment that was handed in.

use crate::engine::Interpreter;
use crate::error::{ErrorKind, Flow};
use crate::rendered::AskedName;
use crate::{Args, Value};
use dvt_diagnostics::did_you_mean;

/// Variables that may only be used where nothing is logged or stored.
const SECRET_PREFIX: &str = "DBT_ENV_SECRET";
const SECRET_PREFIX_OF_DVT: &str = "DVT_ENV_SECRET";

pub(super) fn env_var(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required_str("var")?;
    let default = args.optional("default")?.filter(|default| !default.is_none());
    args.finish()?;
    let is_secret = name.starts_with(SECRET_PREFIX) || name.starts_with(SECRET_PREFIX_OF_DVT);
    if is_secret && !interpreter.context.allow_secrets {
        return Err(Flow::error(
            ErrorKind::Missing,
            format!(
                "Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' referenced elsewhere."
            ),
        ));
    }
    let span = interpreter.user_span();
    interpreter.asked.env_vars.push(AskedName { name: name.to_string(), span });
    let env = &interpreter.context.invocation.env;
    interpreter.context.invocation.uses.env(&name, env.get(&*name).map(String::as_str));
    if let Some(value) = env.get(&*name) {
        return Ok(Value::from(value.as_str()));
    }
    if let Some(default) = default {
        return Ok(default);
    }
    // Only names of the same beginning are suggested: the environment is full of others' variables.
    let prefix = name.split('_').next().unwrap_or_default();
    let known = env.keys().map(String::as_str).filter(|key| key.starts_with(prefix));
    let nearest = did_you_mean(&name, known);
    Err(Flow::error(ErrorKind::Missing, format!("Env var required but not provided: '{name}'")).with_help(Some(
        match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("set it, or give a default: `env_var('{name}', 'default')`"),
        },
    )))
}
