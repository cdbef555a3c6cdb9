//! `exceptions.*`: warnings and errors that macros raise.

use crate::engine::Interpreter;
use crate::error::{ErrorKind, Flow, raise};
use crate::objects::relation::RelationValue;
use crate::{Args, Object, Value};

#[derive(Debug)]
pub(super) struct Exceptions;

/// The raising methods that take a message (and maybe the node).
const WITH_MESSAGE: &[&str] = &[
    "raise_compiler_error",
    "raise_database_error",
    "raise_dependency_error",
    "raise_not_implemented",
    "raise_fail_fast_error",
    "raise_cache_inconsistent",
    "raise_dataclass_not_dict",
];

impl Object for Exceptions {
    fn type_name(&self) -> &str {
        "exceptions"
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        if WITH_MESSAGE.contains(&name) {
            let message = match args.optional("msg") {
                Ok(message) => message.map(|message| message.to_string()).unwrap_or_default(),
                Err(flow) => return Some(Err(flow)),
            };
            return Some(Err(Flow::error(ErrorKind::Raised, message)));
        }
        let texts = |args: &mut Args| -> Vec<String> {
            let mut values = args.rest();
            values.extend(args.keyword.drain(..).map(|(_, value)| value));
            values.iter().map(ToString::to_string).collect()
        };
        let part = |texts: &[String], index: usize| texts.get(index).cloned().unwrap_or_default();
        let message = match name {
            "warn" => return Some(warn(interpreter, args)),
            "warn_snapshot_timestamp_data_types" => {
                let texts = texts(args);
                let message = format!(
                    "Data type of snapshot table timestamp columns ({}) doesn't match derived column 'updated_at' \
                     ({}). Please update snapshot config 'updated_at'.",
                    part(&texts, 0),
                    part(&texts, 1)
                );
                return Some(interpreter.bridge.warn(&message).map(|()| Value::from("")).map_err(Flow::from));
            }
            "missing_config" => {
                let texts = texts(args);
                format!(
                    "Model '{}' does not define a required config parameter '{}'.",
                    part(&texts, 0),
                    part(&texts, 1)
                )
            }
            "missing_materialization" => {
                let texts = texts(args);
                format!("No materialization '{}' was found for adapter {}!", part(&texts, 0), part(&texts, 1))
            }
            "missing_relation" => {
                let texts = texts(args);
                format!("Relation {} not found!", part(&texts, 0))
            }
            "relation_wrong_type" => {
                let found = args.positional.first().cloned().or_else(|| args.keyword.get("relation").cloned());
                let found = found.and_then(|relation| relation.downcast::<RelationValue>()?.attribute("type"));
                let mut texts = texts(args);
                texts.truncate(2);
                texts.push(found.map(|kind| kind.to_string()).unwrap_or_default());
                format!(
                    "Trying to create {} {}, but it currently exists as a {}. Either drop {} manually, or run dvt with \
                     `--full-refresh` and dvt will drop it for you.",
                    part(&texts, 1),
                    part(&texts, 0),
                    part(&texts, 2),
                    part(&texts, 0)
                )
            }
            "raise_contract_error" => {
                "This model has an enforced contract that failed.\nPlease ensure the name, data_type, and number of \
                 columns in your contract match the columns in your model's definition."
                    .to_owned()
            }
            "column_type_missing" => {
                let texts = texts(args);
                format!(
                    "Contracted models require data_type to be defined for each column. Please ensure that the column \
                     name and data_type are defined within the YAML configuration for the {} column(s).",
                    part(&texts, 0)
                )
            }
            "raise_ambiguous_alias"
            | "raise_ambiguous_catalog_match"
            | "raise_dep_not_found"
            | "raise_duplicate_patch_name"
            | "raise_duplicate_resource_name"
            | "raise_duplicate_macro_name"
            | "raise_invalid_property_yml_version"
            | "raise_duplicate_alias" => {
                format!("{}: {}", name.trim_start_matches("raise_").replace('_', " "), texts(args).join(", "))
            }
            _ => return None,
        };
        Some(Err(Flow::error(ErrorKind::Raised, message)))
    }
}

/// `exceptions.warn(message)`.
fn warn(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let message = args.required("msg")?;
    args.optional("node")?;
    args.finish()?;
    interpreter.bridge.warn(&message.to_string())?;
    Ok(Value::from(""))
}

/// `try_or_compiler_error(message, function, *args, **kwargs)`.
pub(super) fn try_or_compiler_error(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let message = args.required("message_if_exception")?.to_string();
    let function = args.required("func")?;
    let mut inner = Args::new("func", args.rest());
    inner.keyword = std::mem::take(&mut args.keyword);
    match interpreter.call_value(&function, &mut inner) {
        Err(Flow::Error(_)) => Err(Flow::error(ErrorKind::Raised, message)),
        Err(other) => Err(other),
        Ok(value) if value.is_undefined() => Err(raise(message)),
        Ok(value) => Ok(value),
    }
}
