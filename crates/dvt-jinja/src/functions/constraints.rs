//! DDL text of column and model constraints.

use crate::Value;
use crate::engine::Interpreter;
use crate::error::Flow;
use dvt_diagnostics::kinds;

/// What becomes of a constraint.
/// Source: dbt's table of constraint support by adapter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Support {
    Enforced,
    NotEnforced,
    NotSupported,
}

impl Support {
    fn of(adapter_type: &str, kind: &str) -> Self {
        match (adapter_type, kind) {
            ("redshift", "check") | ("bigquery", "check" | "unique") => Self::NotSupported,
            ("redshift", "unique" | "primary_key" | "foreign_key") | ("bigquery", "primary_key" | "foreign_key") => {
                Self::NotEnforced
            }
            _ => Self::Enforced,
        }
    }
}

/// Whether the constraint is part of the table; warns of what it will not do, unless it says that nobody wants to know.
fn is_rendered(interpreter: &mut Interpreter<'_>, constraint: &Value, kind: &str) -> Result<bool, Flow> {
    let adapter = interpreter.bridge.adapter_type().to_owned();
    let support = Support::of(&adapter, kind);
    let (key, event, message) = match support {
        Support::Enforced => return Ok(true),
        Support::NotSupported => (
            "warn_unsupported",
            kinds::CONSTRAINT_NOT_SUPPORTED,
            format!(
                "The constraint type {kind} is not supported by {adapter}, and will be ignored. Set 'warn_unsupported: false' \
                 on this constraint to ignore this warning."
            ),
        ),
        Support::NotEnforced => (
            "warn_unenforced",
            kinds::CONSTRAINT_NOT_ENFORCED,
            format!(
                "The constraint type {kind} is not enforced by {adapter}. The constraint will be included in this model's \
                 DDL statement, but it will not guarantee anything about the underlying data. Set 'warn_unenforced: false' \
                 on this constraint to ignore this warning."
            ),
        ),
    };
    let wants_warning = match interpreter.item(constraint, &Value::from(key))? {
        Value::None | Value::Undefined(_) => true,
        other => other.is_true(),
    };
    if wants_warning {
        interpreter.bridge.warn_as(event, &message)?;
    }
    Ok(support == Support::NotEnforced)
}

fn text(interpreter: &mut Interpreter<'_>, constraint: &Value, key: &str) -> Result<String, Flow> {
    let value = interpreter.item(constraint, &Value::from(key))?;
    Ok(match value {
        Value::None | Value::Undefined(_) => String::new(),
        other => other.to_string(),
    })
}

/// `to (columns)` of a foreign key, when it is given by relation.
fn target(interpreter: &mut Interpreter<'_>, constraint: &Value) -> Result<Option<String>, Flow> {
    let to = text(interpreter, constraint, "to")?;
    let columns = interpreter.item(constraint, &Value::from("to_columns"))?.iterate().unwrap_or_default();
    let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
    Ok((!to.is_empty() && !columns.is_empty()).then(|| format!("{to} ({})", columns.join(", "))))
}

/// One line per column: name, type, constraints.
pub(super) fn columns(interpreter: &mut Interpreter<'_>, raw: &Value) -> Result<Value, Flow> {
    let mut lines = Vec::new();
    let raw = raw.as_dict().unwrap_or_default();
    for column in raw.values() {
        let name = text(interpreter, column, "name")?;
        let is_quoted = interpreter.item(column, &Value::from("quote"))?.is_true();
        let name = if is_quoted { interpreter.bridge.dialect().quote_identifier(&name) } else { name };
        let mut parts = vec![name, text(interpreter, column, "data_type")?];
        let constraints = interpreter.item(column, &Value::from("constraints"))?.iterate().unwrap_or_default();
        for constraint in &constraints {
            let kind = text(interpreter, constraint, "type")?;
            if !is_rendered(interpreter, constraint, &kind)? {
                continue;
            }
            let expression = text(interpreter, constraint, "expression")?;
            let rendered = match kind.as_str() {
                "check" if !expression.is_empty() => format!("check ({expression})"),
                "not_null" => format!("not null {expression}"),
                "unique" => format!("unique {expression}"),
                "primary_key" => format!("primary key {expression}"),
                "foreign_key" => match target(interpreter, constraint)? {
                    Some(target) => format!("references {target}"),
                    None => format!("references {expression}"),
                },
                "custom" => expression,
                _ => continue,
            };
            parts.push(format!("{}{}", rendered.trim(), unenforced(interpreter, &kind)));
        }
        lines.push(Value::from(parts.join(" ")));
    }
    Ok(Value::list(lines))
}

/// One line per constraint of the model.
pub(super) fn model(interpreter: &mut Interpreter<'_>, raw: &Value) -> Result<Value, Flow> {
    let mut lines = Vec::new();
    for constraint in &raw.iterate().unwrap_or_default() {
        let kind = text(interpreter, constraint, "type")?;
        if !is_rendered(interpreter, constraint, &kind)? {
            continue;
        }
        let expression = text(interpreter, constraint, "expression")?;
        let name = text(interpreter, constraint, "name")?;
        let columns = interpreter.item(constraint, &Value::from("columns"))?.iterate().unwrap_or_default();
        let columns = columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let prefix = if name.is_empty() { String::new() } else { format!("constraint {name} ") };
        let suffix = if expression.is_empty() { String::new() } else { format!(" {expression}") };
        let rendered = match kind.as_str() {
            "check" if !expression.is_empty() => format!("{prefix}check ({expression})"),
            "unique" => format!("{prefix}unique{suffix} ({columns})"),
            "primary_key" => format!("{prefix}primary key{suffix} ({columns})"),
            "foreign_key" => match target(interpreter, constraint)? {
                Some(target) => format!("{prefix}foreign key ({columns}) references {target}"),
                None => format!("{prefix}foreign key ({columns}) references{suffix}"),
            },
            "custom" if !expression.is_empty() => format!("{prefix}{expression}"),
            _ => continue,
        };
        lines.push(Value::from(format!("{rendered}{}", unenforced(interpreter, &kind))));
    }
    Ok(Value::list(lines))
}

/// What BigQuery wants behind the keys of a table: that nobody checks them.
fn unenforced(interpreter: &Interpreter<'_>, kind: &str) -> &'static str {
    let is_key = matches!(kind, "primary_key" | "foreign_key");
    if is_key && interpreter.bridge.adapter_type() == "bigquery" { " not enforced" } else { "" }
}
