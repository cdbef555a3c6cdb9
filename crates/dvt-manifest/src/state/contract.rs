//! Contracts: what changed since the earlier manifest, and whether it breaks who relies on it.

use super::previous::PreviousNode;
use super::same::same;
use crate::Node;
use crate::selection::SelectionError;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use dvt_diagnostics::{Diagnostic, Event, kinds};
use serde_json::{Value, json};

/// What comparing a contract came to.
pub(super) struct ContractChange {
    pub(super) is_same: bool,
    /// The warning about a breaking change to a model without versions.
    pub(super) warning: Option<Diagnostic>,
}

impl ContractChange {
    fn is(is_same: bool) -> Self {
        Self { is_same, warning: None }
    }
}

/// Compares the contract of a model with its earlier one.
///
/// # Errors
/// A breaking change of a versioned model.
pub(super) fn compare(node: &Node, old: &PreviousNode, adapter_type: &str) -> Result<ContractChange, SelectionError> {
    let is_enforced = is_enforced(node);
    match (old.is_enforced(), is_enforced) {
        (false, false) => return Ok(ContractChange::is(true)),
        (false, true) => return Ok(ContractChange::is(false)),
        (true, true)
            if old.contract.as_ref().and_then(|old| old.checksum.as_ref()) == node.contract_checksum.as_ref() =>
        {
            return Ok(ContractChange::is(true));
        }
        _ => {}
    }
    let changes = Changes::find(node, old, is_enforced, adapter_type);
    let sentences = changes.sentences();
    if sentences.is_empty() {
        return Ok(ContractChange::is(false));
    }
    breaking(&node.name, &node.original_file_path, node.version.is_some(), sentences, changes.data())
        .map(|warning| ContractChange { is_same: false, warning: Some(warning) })
}

/// A model that is not there any more, because it was deleted, renamed or (`is_disabled`) switched off.
///
/// # Errors
/// It had a contract and a version.
pub(super) fn compare_removed(removed: &Removed<'_>) -> Result<Option<Diagnostic>, SelectionError> {
    if !removed.is_enforced || removed.deprecation_date.is_some_and(is_past) {
        return Ok(None);
    }
    let what = if removed.is_disabled { "disabled" } else { "deleted or renamed" };
    let sentence = format!("Contracted model '{}' was {what}.", removed.unique_id);
    breaking(removed.name, removed.path, removed.is_versioned, vec![sentence], json!({})).map(Some)
}

/// A model that was removed.
pub(super) struct Removed<'a> {
    pub(super) unique_id: &'a str,
    pub(super) name: &'a str,
    pub(super) path: &'a str,
    pub(super) is_enforced: bool,
    pub(super) is_disabled: bool,
    pub(super) is_versioned: bool,
    pub(super) deprecation_date: Option<&'a str>,
}

pub(super) fn is_enforced(node: &Node) -> bool {
    node.config.get("contract").and_then(|contract| contract.get("enforced")).and_then(Value::as_bool).unwrap_or(false)
}

fn breaking(
    name: &str,
    path: &str,
    is_versioned: bool,
    changes: Vec<String>,
    data: Value,
) -> Result<Diagnostic, SelectionError> {
    if is_versioned {
        return Err(SelectionError::BreakingChange { name: name.to_owned(), path: path.to_owned(), changes });
    }
    let message = format!(
        "Breaking change to contracted, unversioned model {name} ({path})\nWhile comparing to previous project state, dbt detected a breaking change to an unversioned model.\n  - {}\n",
        changes.join("\n  - ")
    );
    let event = Event::new(kinds::UNVERSIONED_BREAKING_CHANGE, message.clone())
        .with("breaking_changes", changes)
        .with("model_name", name)
        .with("model_file_path", path)
        .data(data);
    Ok(Diagnostic::warning("breaking-change", message.trim_end()).event(event))
}

/// What breaks.
#[derive(Default)]
struct Changes {
    is_enforcement_removed: bool,
    columns_removed: Vec<String>,
    /// Name, type before, type now.
    types: Vec<(String, String, String)>,
    column_constraints: Vec<(String, String)>,
    /// The constraint's name or type, and its columns as Python prints them.
    model_constraints: Vec<(String, String)>,
    materialization: Option<(String, String)>,
}

impl Changes {
    fn find(node: &Node, old: &PreviousNode, is_enforced: bool, adapter_type: &str) -> Self {
        let mut changes = Self { is_enforcement_removed: !is_enforced, ..Self::default() };
        let checks_constraints = |materialized: &str| matches!(materialized, "table" | "incremental");
        let checked_before = checks_constraints(old.materialized());
        let mut has_column_constraints = false;
        let mut columns: Vec<_> = old.columns.iter().collect();
        columns.sort_unstable_by_key(|(key, _)| *key);
        for (key, before) in columns {
            has_column_constraints |= !before.constraints.is_empty();
            let Some(now) = node.columns.get(key) else {
                changes.columns_removed.push(before.name.clone());
                continue;
            };
            if base_type(before.data_type.as_deref()) != base_type(now.data_type.as_deref()) {
                let shown = |data_type: &Option<String>| data_type.clone().unwrap_or_else(|| "None".to_owned());
                changes.types.push((before.name.clone(), shown(&before.data_type), shown(&now.data_type)));
            }
            if checked_before {
                changes.column_constraints.extend(
                    lost(&before.constraints, &now.constraints, adapter_type)
                        .map(|constraint| (constraint_name(constraint), key.clone())),
                );
            }
        }
        if checked_before {
            changes.model_constraints = lost(&old.constraints, &node.constraints, adapter_type)
                .map(|constraint| (constraint_name(constraint), columns_text(constraint)))
                .collect();
        }
        let materialized = node.config.materialized();
        if checked_before
            && !checks_constraints(materialized)
            && (!old.constraints.is_empty() || has_column_constraints)
        {
            changes.materialization = Some((old.materialized().to_owned(), materialized.to_owned()));
        }
        changes
    }

    fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.is_enforcement_removed {
            sentences.push("Contract enforcement was removed: Previously, this model had an enforced contract. It is no longer configured to enforce its contract, and this is a breaking change.".to_owned());
        }
        let mut list = |title: &str, items: Vec<String>| {
            if !items.is_empty() {
                sentences.push(format!("{title}: \n    - {}", items.join("\n    - ")));
            }
        };
        list("Columns were removed", self.columns_removed.clone());
        list(
            "Columns with data_type changes",
            self.types.iter().map(|(name, before, now)| format!("{name} ({before} -> {now})")).collect(),
        );
        list(
            "Enforced column level constraints were removed",
            self.column_constraints
                .iter()
                .map(|(name, column)| format!("'{name}' constraint on column {column}"))
                .collect(),
        );
        list(
            "Enforced model level constraints were removed",
            self.model_constraints
                .iter()
                .map(|(name, columns)| format!("'{name}' constraint on columns {columns}"))
                .collect(),
        );
        list(
            "Materialization changed with enforced constraints",
            self.materialization.iter().map(|(before, now)| format!("{before} -> {now}")).collect(),
        );
        sentences
    }

    fn data(&self) -> Value {
        json!({
            "contract_enforced_disabled": self.is_enforcement_removed,
            "columns_removed": self.columns_removed,
            "column_type_changes": self.types.iter().map(|(name, before, now)| json!({
                "column_name": name, "previous_column_type": before, "current_column_type": now,
            })).collect::<Vec<_>>(),
        })
    }
}

/// The type without size, precision and scale: those may change freely.
fn base_type(data_type: Option<&str>) -> Option<String> {
    data_type.map(|data_type| data_type.split('(').next().unwrap_or_default().trim().to_lowercase())
}

/// Constraints that are gone and that the database really checks.
fn lost<'a>(before: &'a [Value], now: &'a [Value], adapter_type: &'a str) -> impl Iterator<Item = &'a Value> {
    before.iter().filter(move |constraint| {
        !now.iter().any(|other| same_constraint(constraint, other))
            && constraint.get("type").and_then(Value::as_str).is_some_and(|kind| is_checked(kind, adapter_type))
    })
}

/// The same once dbt's defaults are filled in.
fn same_constraint(left: &Value, right: &Value) -> bool {
    let text = |value: &Value, key: &str| value.get(key).cloned().unwrap_or(Value::Null);
    let flag = |value: &Value, key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(true);
    let list = |value: &Value, key: &str| match value.get(key) {
        None | Some(Value::Null) => json!([]),
        Some(list) => list.clone(),
    };
    ["type", "name", "expression", "to"].iter().all(|key| same(&text(left, key), &text(right, key)))
        && ["warn_unenforced", "warn_unsupported"].iter().all(|key| flag(left, key) == flag(right, key))
        && ["columns", "to_columns"].iter().all(|key| same(&list(left, key), &list(right, key)))
}

/// Whether the database refuses rows that break such a constraint.
fn is_checked(kind: &str, adapter_type: &str) -> bool {
    match adapter_type {
        "snowflake" | "redshift" | "bigquery" => kind == "not_null",
        "databricks" | "spark" => matches!(kind, "not_null" | "check"),
        _ => matches!(kind, "check" | "not_null" | "unique" | "primary_key" | "foreign_key"),
    }
}

fn constraint_name(constraint: &Value) -> String {
    let text = |key: &str| constraint.get(key).and_then(Value::as_str).map(str::to_owned);
    text("name").or_else(|| text("type")).unwrap_or_default()
}

/// The columns as Python prints a list.
fn columns_text(constraint: &Value) -> String {
    let columns = constraint.get("columns").and_then(Value::as_array).cloned().unwrap_or_default();
    let columns: Vec<String> =
        columns.iter().map(|column| format!("'{}'", column.as_str().unwrap_or_default())).collect();
    format!("[{}]", columns.join(", "))
}

fn is_past(date: &str) -> bool {
    let at = DateTime::parse_from_rfc3339(date)
        .map(|at| at.with_timezone(&Utc))
        .ok()
        .or_else(|| NaiveDateTime::parse_from_str(date, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|at| at.and_utc()))
        .or_else(|| NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|at| at.and_utc()));
    at.is_some_and(|at| at < Utc::now())
}
