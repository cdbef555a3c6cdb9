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
                let (wanted, given) = match (args.required("yaml_columns"), args.required("sql_columns")) {
                    (Ok(wanted), Ok(given)) => (wanted, given),
                    (Err(flow), _) | (_, Err(flow)) => return Some(Err(flow)),
                };
                contract_mismatch(&wanted, &given)
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

/// What of a contract's columns and a query's does not agree, as dbt's table.
fn contract_mismatch(wanted: &Value, given: &Value) -> String {
    let columns = |list: &Value| -> Vec<(String, String)> {
        let part = |column: &Value, key: &str| {
            column.as_dict().and_then(|dict| dict.get_str(key).map(ToString::to_string)).unwrap_or_default()
        };
        let list = list.iterate().unwrap_or_default();
        list.iter().map(|column| (part(column, "name"), part(column, "data_type"))).collect()
    };
    let (wanted, given) = (columns(wanted), columns(given));
    if wanted.is_empty() {
        return "This model has an enforced contract, and its 'columns' specification is missing".to_owned();
    }
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (name, data_type) in &given {
        match wanted.iter().find(|(other, _)| other == name) {
            Some((_, same)) if same == data_type => {}
            Some((_, other)) => {
                rows.push([name.clone(), data_type.clone(), other.clone(), "data type mismatch".to_owned()]);
            }
            None => rows.push([name.clone(), data_type.clone(), String::new(), "missing in contract".to_owned()]),
        }
    }
    for (name, data_type) in &wanted {
        if !given.iter().any(|(other, _)| other == name) {
            rows.push([name.clone(), String::new(), data_type.clone(), "missing in definition".to_owned()]);
        }
    }
    rows.sort_by(|left, right| left[0].cmp(&right[0]));
    let header = ["column_name", "definition_type", "contract_type", "mismatch_reason"].map(str::to_owned);
    let width =
        |index: usize| rows.iter().chain([&header]).map(|row| row[index].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 4]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let rule = widths.map(|width| "-".repeat(width));
    let table: Vec<String> = [line(&header), line(&rule)].into_iter().chain(rows.iter().map(line)).collect();
    format!(
        "This model has an enforced contract that failed.\nPlease ensure the name, data_type, and number of columns in \
         your contract match the columns in your model's definition.\n\n{}",
        table.join("\n")
    )
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
