//! Adapter methods that check what a node asks for: a snapshot's target and its hard deletes, an index.

use super::adapter_metadata as metadata;
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::Dict;
use crate::{Args, Value};

/// `get_hard_deletes_behavior(config)`: `ignore`, `invalidate` or `new_record`; the older boolean counts too.
pub(super) fn hard_deletes(interpreter: &Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let given = args.required("config")?.as_dict();
    args.finish()?;
    let get = |key: &str| match &given {
        Some(dict) => dict.get_str(key).cloned().unwrap_or(Value::None),
        None => interpreter.context.config.get(key).map_or(Value::None, Value::from),
    };
    let (older, newer) = (get("invalidate_hard_deletes"), get("hard_deletes"));
    if !older.is_none() && !newer.is_none() {
        return Err(raise(
            "You cannot set both the invalidate_hard_deletes and hard_deletes config properties on the same snapshot.",
        ));
    }
    Ok(Value::from(match newer.as_str() {
        _ if older.is_true() => "invalidate",
        Some("invalidate") => "invalidate",
        Some("new_record") => "new_record",
        Some("ignore") => "ignore",
        None if newer.is_none() => "ignore",
        _ => {
            return Err(raise("Invalid setting for property hard_deletes.")
                .with_help(Some("it may be `ignore`, `invalidate` or `new_record`".to_owned())));
        }
    }))
}

/// `valid_snapshot_target(relation, column_names)`, and the same with a strategy: the snapshot's own columns are there.
pub(super) fn check_target(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let relation = metadata::required_relation(args, "relation")?;
    let names = args.optional("column_names")?.and_then(|names| names.as_dict());
    let strategy = args.optional("strategy")?.and_then(|strategy| strategy.as_dict());
    args.finish()?;
    let mut wanted = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
    let hard_deletes = strategy.as_ref().and_then(|strategy| strategy.get_str("hard_deletes"));
    if hard_deletes.and_then(Value::as_str) == Some("new_record") {
        wanted.push("dbt_is_deleted");
    }
    let present: Vec<String> =
        metadata::columns(interpreter, &relation)?.into_iter().map(|column| column.name.to_lowercase()).collect();
    let configured = |key: &str| match names.as_ref().and_then(|names| names.get_str(key)) {
        Some(name) if !name.is_none() => name.to_string(),
        _ => key.to_owned(),
    };
    let missing: Vec<String> = wanted
        .into_iter()
        .map(configured)
        .filter(|name| !present.contains(&name.to_lowercase()))
        .map(|name| format!("\"{name}\""))
        .collect();
    if missing.is_empty() {
        return Ok(Value::from(""));
    }
    Err(raise(format!(
        "Snapshot target is missing configured columns (missing {}). See \
         https://docs.getdbt.com/docs/build/snapshots#snapshot-meta-fields for more information.",
        missing.join(", ")
    )))
}

/// `parse_index(raw)`: one entry of the config `indexes` as a dict of `columns`, `unique` and `type`; none for none.
pub(super) fn parse_index(args: &mut Args) -> Result<Value, Flow> {
    let raw = args.required("raw_index")?;
    args.finish()?;
    if raw.is_none() {
        return Ok(Value::None);
    }
    let Some(given) = raw.as_dict() else {
        return Err(raise(format!(
            "Invalid index config:\n  Got: {raw}\n  Expected a dictionary with at minimum a \"columns\" key"
        )));
    };
    let wrong = |what: &str| raise(format!("Could not parse index config: {what}"));
    let columns = match given.get_str("columns") {
        Some(columns @ (Value::List(_) | Value::Tuple(_))) => columns.iterate().unwrap_or_default(),
        Some(other) => return Err(wrong(&format!("at path ['columns']: '{other}' is not of type 'array'"))),
        None => return Err(wrong("'columns' is a required property")),
    };
    if let Some(column) = columns.iter().find(|column| column.as_str().is_none()) {
        return Err(wrong(&format!("{column} is not of type 'string'")));
    }
    let unique = match given.get_str("unique") {
        None => Value::Bool(false),
        Some(unique @ Value::Bool(_)) => unique.clone(),
        Some(other) => {
            let shown = other.as_str().map_or_else(|| other.to_string(), |text| format!("'{text}'"));
            return Err(wrong(&format!("at path ['unique']: {shown} is not of type 'boolean'")));
        }
    };
    let kind = match given.get_str("type") {
        None | Some(Value::None) => Value::None,
        Some(kind) if kind.as_str().is_some() => kind.clone(),
        Some(other) => return Err(wrong(&format!("{other} is not valid under any of the given schemas"))),
    };
    let mut index = Dict::new();
    index.set("columns", Value::list(columns));
    index.set("unique", unique);
    index.set("type", kind);
    Ok(Value::dict(index))
}
