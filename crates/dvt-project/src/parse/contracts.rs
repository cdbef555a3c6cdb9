//! Constraints of models, what they refer to, and the checksum of an enforced contract.
//!
//! Source: dbt docs, "Constraints" and "contract"; the checksum is over what Python prints of the constraints, so that it
//! equals the one in an earlier manifest.

use super::properties::PropertyEntry;
use super::python_text::{python_repr, python_str};
use super::static_parse;
use crate::check::Reader;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, Event, Span, kinds};
use dvt_manifest::{Node, RefCall, ResourceType, SourceCall};
use serde_json::Value;
use sha2::{Digest, Sha256};

const TYPES: &[&str] = &["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

/// Puts the constraints of the entry (the version's own, else the model's) on the model, and checks them.
pub(crate) fn apply(node: &mut Node, entry: &PropertyEntry, version: Option<&Yaml>, problems: &mut Vec<Diagnostic>) {
    if node.resource_type != ResourceType::Model {
        return;
    }
    let mut reader = Reader { file: &entry.file, problems };
    let mut of = |yaml: &Yaml| -> Vec<Value> {
        reader.list(yaml, "constraints").map(|items| items.iter().map(Yaml::to_json).collect()).unwrap_or_default()
    };
    let mut constraints = version.map(&mut of).unwrap_or_default();
    if constraints.is_empty() {
        constraints = of(&entry.yaml);
    }
    let place = constraints_place(entry, version);
    let contract = node.config.get("contract");
    let is_enforced = contract.and_then(|contract| contract.get("enforced")).and_then(Value::as_bool) == Some(true);
    if is_enforced {
        check_enforced(node, &constraints, &place, problems);
    }
    check_primary_keys(node, &constraints, &place, problems);
    node.constraints = constraints;
    add_references(node, &place, problems);
    node.contract_checksum = is_enforced.then(|| checksum(node));
}

fn constraints_place(entry: &PropertyEntry, version: Option<&Yaml>) -> Span {
    let place = version.and_then(|version| version.get_set("constraints")).or(entry.yaml.get_set("constraints"));
    place.map_or_else(|| entry.name_span.clone(), |place| super::properties::first_line(&entry.file, place))
}

fn constraint_type(constraint: &Value) -> Option<&str> {
    constraint.get("type").and_then(Value::as_str)
}

/// A column's constraints must have types that exist.
pub(crate) fn check_column(name: &str, constraints: &[Value], place: &Span, problems: &mut Vec<Diagnostic>) {
    if constraints.iter().any(|constraint| constraint_type(constraint).is_none_or(|found| !TYPES.contains(&found))) {
        problems.push(
            Diagnostic::error("constraint-type", format!("Invalid constraint type on column {name}"))
                .label(place.clone(), "this column")
                .help(format!("a constraint's `type` is one of {}", crate::wording::list(TYPES))),
        );
    }
}

fn check_enforced(node: &Node, constraints: &[Value], place: &Span, problems: &mut Vec<Diagnostic>) {
    let warns = |constraint: &Value| constraint.get("warn_unsupported").and_then(Value::as_bool) != Some(false);
    let any_warns = constraints.iter().chain(node.columns.values().flat_map(|column| &column.constraints)).any(warns);
    let materialized = node.config.materialized().to_owned();
    if any_warns && !enforces_constraints(node) {
        let message = format!(
            "Constraint types are not supported for {materialized} materializations and will be ignored.  Set \
             'warn_unsupported: false' on this constraint to ignore this warning."
        );
        problems.push(
            Diagnostic::warning("constraint-unsupported", message.clone())
                .label(place.clone(), format!("of {} `{}`", node.resource_type, node.name))
                .event(
                    Event::new(kinds::UNSUPPORTED_CONSTRAINT_MATERIALIZATION, message)
                        .with("materialized", materialized),
                ),
        );
    }
    let mut wrong = Vec::new();
    if node.columns.is_empty() {
        wrong.push("Constraints must be defined in a `yml` schema configuration file like `schema.yml`.".to_owned());
    }
    if node.language != "sql" {
        wrong.push(format!("Language Error: Expected 'sql' but found '{}'", node.language));
    }
    if !wrong.is_empty() {
        problems.push(
            Diagnostic::error(
                "contract",
                format!("Contract enforcement failed for: ({}) {}", node.original_file_path, wrong.join(" ")),
            )
            .label(place.clone(), "of this model"),
        );
    }
    if constraints.iter().any(|constraint| constraint_type(constraint).is_none_or(|found| !TYPES.contains(&found))) {
        let types: Vec<Value> = TYPES.iter().map(|&name| Value::from(name)).collect();
        problems.push(
            Diagnostic::error(
                "constraint-type",
                format!(
                    "Invalid constraint type on model {}: Type must be one of {}",
                    node.name,
                    python_repr(&Value::Array(types))
                ),
            )
            .label(place.clone(), "in these constraints"),
        );
    }
}

fn check_primary_keys(node: &Node, constraints: &[Value], place: &Span, problems: &mut Vec<Diagnostic>) {
    let is_key = |constraint: &Value| constraint_type(constraint) == Some("primary_key");
    let columns: Vec<Value> = node
        .columns
        .values()
        .flat_map(|column| column.constraints.iter().filter(|constraint| is_key(constraint)).map(|_| &column.name))
        .map(|name| Value::from(name.as_str()))
        .collect();
    let mut wrong = Vec::new();
    if columns.len() > 1 {
        wrong.push(format!(
            "Found {} columns ({}) with primary key constraints defined. Primary keys for multiple columns must be \
             defined as a model level constraint.",
            columns.len(),
            python_repr(&Value::Array(columns.clone()))
        ));
    }
    if !columns.is_empty() && constraints.iter().any(is_key) {
        wrong.push(
            "Primary key constraints defined at the model level and the columns level. Primary keys can be defined at \
             the model level or the column level, not both."
                .to_owned(),
        );
    }
    if !wrong.is_empty() {
        problems.push(
            Diagnostic::error(
                "primary-key",
                format!("Primary key constraint error: ({}) {}", node.original_file_path, wrong.join(" ")),
            )
            .label(place.clone(), format!("of model `{}`", node.name)),
        );
    }
}

/// A foreign key depends on what it points to.
fn add_references(node: &mut Node, place: &Span, problems: &mut Vec<Diagnostic>) {
    let targets: Vec<String> = node
        .constraints
        .iter()
        .chain(node.columns.values().flat_map(|column| &column.constraints))
        .filter(|constraint| constraint_type(constraint) == Some("foreign_key"))
        .filter_map(|constraint| constraint.get("to").and_then(Value::as_str).filter(|to| !to.is_empty()))
        .map(str::to_owned)
        .collect();
    for target in targets {
        let found = static_parse::read(&format!("{{{{ {target} }}}}"));
        let (call, source) = match found {
            Some(found) => (found.refs.into_iter().next(), found.sources.into_iter().next()),
            None => (None, None),
        };
        match (call, source) {
            (Some(call), _) => node.refs.push(RefCall {
                name: call.name,
                package: call.package,
                version: call.version,
                span: place.clone(),
                unique_id: None,
            }),
            (None, Some((source_name, table_name, _))) => {
                node.sources.push(SourceCall { source_name, table_name, span: place.clone(), unique_id: None });
            }
            (None, None) => problems.push(
                Diagnostic::error(
                    "foreign-key",
                    format!(
                        "Invalid 'ref' or 'source' syntax on foreign key constraint 'to' on model {}: {target}.",
                        node.name
                    ),
                )
                .label(place.clone(), "in these constraints")
                .help("write `to: ref('model')` or `to: source('source', 'table')`"),
            ),
        }
    }
}

fn enforces_constraints(node: &Node) -> bool {
    matches!(node.config.materialized(), "table" | "incremental")
}

fn checksum(node: &Node) -> String {
    let mut columns: Vec<_> = node.columns.values().collect();
    columns.sort_by(|left, right| left.name.cmp(&right.name));
    let mut state = String::new();
    for column in columns {
        state.push('|');
        state.push_str(&column.name);
        state.push_str(column.data_type.as_deref().unwrap_or("None"));
        state.push_str(&printed(&column.constraints, false));
    }
    if enforces_constraints(node) {
        state.push_str(node.config.materialized());
        state.push_str(&printed(&node.constraints, true));
    }
    Sha256::digest(state.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The constraints as Python prints dbt's objects.
fn printed(constraints: &[Value], of_model: bool) -> String {
    let class = if of_model { "ModelLevelConstraint" } else { "ColumnLevelConstraint" };
    let all: Vec<String> = constraints
        .iter()
        .map(|constraint| {
            let get = |key: &str, default: Value| {
                python_repr(&constraint.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(default))
            };
            let kind = constraint.get("type").map(python_str).unwrap_or_default();
            let mut text = format!(
                "{class}(type=<ConstraintType.{kind}: '{kind}'>, name={}, expression={}, warn_unenforced={}, \
                 warn_unsupported={}, to={}, to_columns={}",
                get("name", Value::Null),
                get("expression", Value::Null),
                get("warn_unenforced", Value::Bool(true)),
                get("warn_unsupported", Value::Bool(true)),
                get("to", Value::Null),
                get("to_columns", Value::Array(Vec::new())),
            );
            if of_model {
                text.push_str(&format!(", columns={}", get("columns", Value::Array(Vec::new()))));
            }
            text.push(')');
            text
        })
        .collect();
    format!("[{}]", all.join(", "))
}
