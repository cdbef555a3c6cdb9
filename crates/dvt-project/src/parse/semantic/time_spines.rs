//! `time_spine:` of a model: the table of points in time that metrics are joined to.

use super::super::properties::{PropertyEntry, Section};
use super::super::python_text::python_repr;
use super::super::session::Session;
use super::words::GRANULARITIES;
use crate::check::Reader;
use crate::dbt_words::DbtKind;
use crate::yaml::Yaml;
use dvt_diagnostics::Diagnostic;
use dvt_manifest::{Manifest, ResourceType, version_text};
use serde_json::{Value, json};

/// Puts what the entries say onto the models, and checks it against their columns.
pub(crate) fn read_time_spines(
    session: &Session<'_>,
    entries: &[PropertyEntry],
    manifest: &mut Manifest,
    problems: &mut Vec<Diagnostic>,
) {
    for entry in entries.iter().filter(|entry| entry.section == Section::Models) {
        let Some(spine) = entry.yaml.get_set("time_spine") else { continue };
        let Some(json) = read(entry, spine, problems) else { continue };
        let package_name = session.package_name(entry.package);
        let mut is_checked = false;
        for node in manifest.nodes.values_mut() {
            let is_meant = node.resource_type == ResourceType::Model
                && node.package_name == package_name
                && node.name == entry.name;
            if !is_meant {
                continue;
            }
            node.time_spine = Some(json.clone());
            let is_latest = node.version.as_ref().map(version_text) == node.latest_version.as_ref().map(version_text);
            if !is_checked && is_latest {
                is_checked = true;
                let columns: Vec<(String, Option<String>)> =
                    node.columns.values().map(|column| (column.name.clone(), column.granularity.clone())).collect();
                if let Err(message) = check_columns(&entry.name, &json, &columns, node.version.is_some()) {
                    problems.push(
                        Diagnostic::error("time-spine", message)
                            .parsing_error()
                            .label(entry.span(spine), "this time spine"),
                    );
                }
            }
        }
    }
}

fn read(entry: &PropertyEntry, spine: &Yaml, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    let mut reader = Reader { file: &entry.file, problems };
    if spine.as_map().is_none() {
        reader.wrong_type("time_spine", "a dictionary", spine);
        return None;
    }
    let Some(column) = reader.text(spine, "standard_granularity_column") else {
        reader.problems.push(
            Diagnostic::error(
                "time-spine",
                format!(
                    "Invalid models config given in {} @ models: `{}` - 'standard_granularity_column' is a required \
                     property",
                    entry.original_path, entry.name
                ),
            )
            .parsing_error()
            .label(entry.span(spine), "this time spine"),
        );
        return None;
    };
    let items: Vec<Yaml> = reader.list(spine, "custom_granularities").map(<[Yaml]>::to_vec).unwrap_or_default();
    let custom: Vec<Value> = items
        .iter()
        .map(|item| json!({"name": reader.text(item, "name"), "column_name": reader.text(item, "column_name")}))
        .collect();
    Some(json!({"standard_granularity_column": column, "custom_granularities": custom}))
}

fn check_columns(
    model: &str,
    spine: &Value,
    columns: &[(String, Option<String>)],
    is_versioned: bool,
) -> Result<(), String> {
    let names = python_repr(&columns.iter().map(|(name, _)| Value::from(name.as_str())).collect());
    let standard = spine.get("standard_granularity_column").and_then(Value::as_str).unwrap_or_default();
    let Some((_, granularity)) = columns.iter().find(|(name, _)| name == standard) else {
        let latest = if is_versioned { " for latest version" } else { "" };
        return Err(format!(
            "Time spine standard granularity column must be defined on the model. Got invalid column name '{standard}' \
             for model '{model}'. Valid names{latest}: {names}."
        ));
    };
    match granularity.as_deref() {
        None => {
            return Err(format!(
                "Time spine standard granularity column must have a granularity defined. Please add one for column \
                 '{standard}' in model '{model}'."
            ));
        }
        Some(granularity) if !GRANULARITIES.contains(&granularity.to_lowercase().as_str()) => {
            return Err(format!(
                "'{granularity}' of column '{standard}' in model '{model}' is not a valid granularity"
            ));
        }
        Some(_) => {}
    }
    let missing: Vec<&str> = spine
        .get("custom_granularities")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|custom| {
            let column = custom.get("column_name").and_then(Value::as_str);
            column.or_else(|| custom.get("name").and_then(Value::as_str))
        })
        .filter(|wanted| !columns.iter().any(|(name, _)| name == wanted))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Time spine custom granularity columns do not exist in the model. Columns not found: {}; Available columns: \
         {names}",
        python_repr(&Value::from(missing))
    ))
}
