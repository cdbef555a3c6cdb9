//! `osi_document.json`: the semantic layer as an Open Semantic Interchange document, as far as that format can say it.
//!
//! In: the semantic manifest. Out: datasets with their fields, the relationships that shared entities mean, and metrics as
//! expressions; what the format cannot say is told as an issue, never dropped in silence.
//!
//! Source: MetricFlow 0.213's converter, whose document dbt 1.12 writes; OSI core specification 0.1.1.

use super::osi_metrics::{Measures, metric_expressions};
use crate::{Manifest, python_json};
use serde_json::{Map, Value, json};
use thiserror::Error;

const VERSION: &str = "0.1.1";
pub(super) const DIALECT: &str = "ANSI_SQL";

/// The document, and what it cannot say.
#[derive(Clone, Debug)]
pub struct OsiDocument {
    pub text: String,
    pub issues: Vec<OsiIssue>,
}

/// Something of the semantic layer that the format has no place for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsiIssue {
    pub kind: OsiIssueKind,
    /// The metric or entity.
    pub element: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OsiIssueKind {
    ConversionMetric,
    PrivateMetric,
    NaturalEntity,
    CumulativeSemantics,
}

impl OsiIssueKind {
    /// dbt's name of the issue, which its event holds.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConversionMetric => "CONVERSION_METRIC_DROPPED",
            Self::PrivateMetric => "PRIVATE_METRIC_DROPPED",
            Self::NaturalEntity => "NATURAL_ENTITY_DROPPED",
            Self::CumulativeSemantics => "CUMULATIVE_SEMANTICS_LOSS",
        }
    }
}

impl OsiIssue {
    pub(super) fn new(kind: OsiIssueKind, element: &str) -> Self {
        Self { kind, element: element.to_owned() }
    }

    /// dbt's sentence about it.
    #[must_use]
    pub fn message(&self) -> String {
        let element = &self.element;
        match self.kind {
            OsiIssueKind::ConversionMetric => format!(
                "Metric '{element}' was excluded from the OSI document: conversion metrics cannot be represented in the OSI \
                 format."
            ),
            OsiIssueKind::PrivateMetric => format!(
                "Metric '{element}' was excluded from the OSI document: private metrics are not included in OSI output."
            ),
            OsiIssueKind::NaturalEntity => format!(
                "Entity '{element}' was excluded from the OSI document: natural entities have no equivalent in the OSI format."
            ),
            OsiIssueKind::CumulativeSemantics => format!(
                "Metric '{element}' was included in the OSI document, but its cumulative window and grain semantics cannot be \
                 represented."
            ),
        }
    }
}

/// The semantic layer has no meaning that could be written down.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OsiError {
    #[error("metric '{metric}' refers to the metric '{wanted}', which does not exist")]
    UnknownMetric { metric: String, wanted: String },
    #[error("metric '{metric}' has no measure and no aggregation")]
    NoAggregation { metric: String },
    #[error("metric '{metric}' is a ratio without a numerator or a denominator")]
    NoRatio { metric: String },
    #[error("{element} uses a COUNT aggregation, which requires an expr")]
    CountWithoutExpr { element: String },
    #[error("the filter `{filter}` is none that can be read")]
    Filter { filter: String },
    #[error("metric '{metric}' depends on itself")]
    Cycle { metric: String },
}

impl Manifest {
    /// The document, as JSON text.
    ///
    /// # Errors
    /// A metric that has no expression: then there is no document.
    pub fn osi_document(&self) -> Result<OsiDocument, OsiError> {
        of_semantic_manifest(&self.semantic_manifest())
    }
}

pub(super) fn of_semantic_manifest(semantic: &Value) -> Result<OsiDocument, OsiError> {
    let models = list(semantic, "semantic_models");
    let measures = Measures::of(models)?;
    let mut issues = Vec::new();
    let datasets: Vec<Value> = models.iter().map(|model| dataset(model, &measures)).collect();
    let relationships = relationships(&entities(models, &mut issues));
    let metrics = metric_expressions(list(semantic, "metrics"), &measures, &mut issues)?;
    let mut model = Map::new();
    model.insert("name".to_owned(), "semantic_model".into());
    model.insert("datasets".to_owned(), datasets.into());
    put_list(&mut model, "relationships", relationships);
    put_list(&mut model, "metrics", metrics);
    let document = json!({"version": VERSION, "dialects": [DIALECT], "semantic_model": [model]});
    Ok(OsiDocument { text: python_json(&document), issues })
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

pub(super) fn expression(text: &str) -> Value {
    json!({"dialects": [{"dialect": DIALECT, "expression": text}]})
}

fn put_list(map: &mut Map<String, Value>, key: &str, items: Vec<Value>) {
    if !items.is_empty() {
        map.insert(key.to_owned(), items.into());
    }
}

/// Puts what is there: the document has no nulls.
pub(super) fn put(map: &mut Map<String, Value>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value.into());
    }
}

/// Names of elements are compared without regard to case, and written in small letters.
fn name(element: &Value) -> String {
    text(element, "name").unwrap_or_default().to_lowercase()
}

fn column(element: &Value) -> String {
    text(element, "expr").map_or_else(|| name(element), str::to_owned)
}

/// OSI's name of one of MetricFlow's data types.
pub(super) fn data_type(element: &Value) -> Option<&'static str> {
    Some(match text(element, "datatype")? {
        "string" => "String",
        "integer" => "Integer",
        "decimal" => "Decimal",
        "float" => "Float",
        "boolean" => "Boolean",
        "date" => "Date",
        "time" => "Time",
        "datetime" => "DateTime",
        "datetime_tz" => "DateTimeTz",
        "opaque" => "Opaque",
        _ => return None,
    })
}

fn dataset(model: &Value, measures: &Measures) -> Value {
    let entities = list(model, "entities");
    let mut fields: Vec<Value> = entities.iter().map(|entity| field(entity, &column(entity), false)).collect();
    fields.extend(list(model, "dimensions").iter().map(|dimension| field(dimension, &column(dimension), true)));
    fields.extend(list(model, "measures").iter().map(|measure| {
        let name = name(measure);
        let expression = measures.get(&name).map_or_else(|| column(measure), |found| found.expression.clone());
        field(measure, &expression, false)
    }));
    let keys = |kind: &str| -> Vec<String> {
        entities.iter().filter(|entity| text(entity, "type") == Some(kind)).map(column).collect()
    };
    let mut dataset = Map::new();
    dataset.insert("name".to_owned(), name(model).into());
    let relation = model.get("node_relation").and_then(|relation| text(relation, "relation_name"));
    dataset.insert("source".to_owned(), relation.unwrap_or_default().into());
    if let Some(key) = keys("primary").pop() {
        dataset.insert("primary_key".to_owned(), json!([key]));
    }
    put_list(&mut dataset, "unique_keys", keys("unique").into_iter().map(|key| json!([key])).collect());
    put(&mut dataset, "description", text(model, "description"));
    put_list(&mut dataset, "fields", fields);
    dataset.into()
}

fn field(element: &Value, column: &str, is_dimension: bool) -> Value {
    let mut field = Map::new();
    field.insert("name".to_owned(), name(element).into());
    field.insert("expression".to_owned(), expression(column));
    if is_dimension {
        field.insert("dimension".to_owned(), json!({"is_time": text(element, "type") == Some("time")}));
        put(&mut field, "datatype", data_type(element));
    }
    put(&mut field, "label", text(element, "label"));
    put(&mut field, "description", text(element, "description"));
    field.into()
}

/// One dataset's side of an entity.
struct Side {
    dataset: String,
    column: String,
    /// Of each value there is one row at most.
    is_one: bool,
}

/// The entities by name, in the order in which they are met.
fn entities(models: &[Value], issues: &mut Vec<OsiIssue>) -> Vec<(String, Vec<Side>)> {
    let mut found: Vec<(String, Vec<Side>)> = Vec::new();
    for model in models {
        for entity in list(model, "entities") {
            let (entity_name, kind) = (name(entity), text(entity, "type").unwrap_or_default());
            if kind == "natural" {
                issues.push(OsiIssue::new(OsiIssueKind::NaturalEntity, &entity_name));
                continue;
            }
            let side =
                Side { dataset: name(model), column: column(entity), is_one: matches!(kind, "primary" | "unique") };
            match found.iter_mut().find(|(known, _)| *known == entity_name) {
                Some((_, sides)) => sides.push(side),
                None => found.push((entity_name, vec![side])),
            }
        }
    }
    found
}

/// Every two datasets that share an entity: from the side of many rows to that of one; between equals, by name.
fn relationships(entities: &[(String, Vec<Side>)]) -> Vec<Value> {
    let mut found = Vec::new();
    for (entity, sides) in entities {
        for (place, first) in sides.iter().enumerate() {
            for second in sides[place + 1..].iter().filter(|second| second.dataset != first.dataset) {
                let keeps_order = match (first.is_one, second.is_one) {
                    (true, false) => false,
                    (false, true) => true,
                    _ => first.dataset <= second.dataset,
                };
                let (from, to) = if keeps_order { (first, second) } else { (second, first) };
                found.push(json!({
                    "name": format!("{}__{}__{entity}", from.dataset, to.dataset),
                    "from": from.dataset,
                    "to": to.dataset,
                    "from_columns": [from.column],
                    "to_columns": [to.column],
                }));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
