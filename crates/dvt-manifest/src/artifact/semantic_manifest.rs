//! `semantic_manifest.json`: the semantic layer in the form that MetricFlow reads.

use crate::{Manifest, Node, ResourceType, SemanticNode};
use serde_json::ser::Formatter;
use serde_json::{Map, Serializer, Value, json};
use std::io;

/// The model that older projects have as their time spine, without any YAML.
const LEGACY_TIME_SPINE: &str = "metricflow_time_spine";

/// The version of MetricFlow's interfaces whose form this is.
const INTERFACES_VERSION: [&str; 3] = ["0", "213", "0"];

impl Manifest {
    /// The text of `semantic_manifest.json`.
    #[must_use]
    pub fn semantic_manifest_json(&self) -> String {
        python_json(&self.semantic_manifest())
    }

    pub(super) fn semantic_manifest(&self) -> Value {
        let [major, minor, patch] = INTERFACES_VERSION;
        let (spines, legacy) = (self.time_spines(), self.legacy_time_spine());
        json!({
            "semantic_models": self.semantic_models.values().map(semantic_model).collect::<Vec<_>>(),
            "metrics": self.metrics.values().map(metric).collect::<Vec<_>>(),
            "project_configuration": {
                "time_spine_table_configurations": legacy.into_iter().collect::<Vec<_>>(),
                "metadata": null,
                "dsi_package_version": {"major_version": major, "minor_version": minor, "patch_version": patch},
                "time_spines": spines,
            },
            "saved_queries": self.saved_queries.values().map(saved_query).collect::<Vec<_>>(),
        })
    }

    fn time_spines(&self) -> Vec<Value> {
        let spine = |node: &Node| {
            let spine = node.time_spine.as_ref()?;
            let name = spine.get("standard_granularity_column")?.as_str()?;
            let granularity = node.columns.get(name).and_then(|column| column.granularity.as_deref());
            Some(json!({
                "node_relation": relation(node),
                "primary_column": {"name": name, "time_granularity": granularity.map(str::to_lowercase)},
                "custom_granularities": spine.get("custom_granularities"),
            }))
        };
        self.nodes.values().filter_map(spine).collect()
    }

    fn legacy_time_spine(&self) -> Option<Value> {
        if self.semantic_models.is_empty() {
            return None;
        }
        let model = self
            .nodes
            .values()
            .find(|node| node.resource_type == ResourceType::Model && node.name == LEGACY_TIME_SPINE)?;
        model
            .time_spine
            .is_none()
            .then(|| json!({"location": model.relation_name, "column_name": "date_day", "grain": "day"}))
    }
}

fn relation(node: &Node) -> Value {
    json!({
        "alias": node.alias,
        "schema_name": node.schema,
        "database": node.database,
        "relation_name": node.relation_name,
    })
}

/// These keys of a dictionary, in this order; null for what is not there.
fn pick(value: &Value, keys: &[&str]) -> Value {
    if !value.is_object() {
        return Value::Null;
    }
    keys.iter()
        .map(|key| ((*key).to_owned(), value.get(*key).cloned().unwrap_or(Value::Null)))
        .collect::<Map<_, _>>()
        .into()
}

fn picked(node: &SemanticNode, key: &str, keys: &[&str]) -> Vec<Value> {
    node.list(key).iter().map(|item| pick(item, keys)).collect()
}

fn config(node: &SemanticNode) -> Value {
    json!({"meta": node.config.get("meta").cloned().unwrap_or_else(|| json!({}))})
}

fn semantic_model(node: &SemanticNode) -> Value {
    let body = |key: &str| node.body.get(key).cloned().unwrap_or(Value::Null);
    json!({
        "name": node.name,
        "defaults": body("defaults"),
        "description": node.description,
        "node_relation": body("node_relation"),
        "primary_entity": body("primary_entity"),
        "entities": picked(
            node,
            "entities",
            &["name", "description", "type", "role", "expr", "metadata", "label", "config"],
        ),
        "measures": picked(
            node,
            "measures",
            &[
                "name", "agg", "description", "create_metric", "expr", "agg_params", "metadata",
                "non_additive_dimension", "agg_time_dimension", "label", "config",
            ],
        ),
        "dimensions": picked(
            node,
            "dimensions",
            &[
                "name", "description", "type", "datatype", "is_partition", "type_params", "expr", "metadata", "label",
                "config",
            ],
        ),
        "label": node.label,
        "metadata": null,
        "config": config(node),
    })
}

fn metric(node: &SemanticNode) -> Value {
    let mut params = pick(
        node.body.get("type_params").unwrap_or(&Value::Null),
        &[
            "measure",
            "numerator",
            "denominator",
            "expr",
            "window",
            "grain_to_date",
            "metrics",
            "conversion_type_params",
            "cumulative_type_params",
            "input_measures",
            "metric_aggregation_params",
            "join_to_timespine",
            "fill_nulls_with",
            "is_private",
        ],
    );
    if let Some(conversion) = params.get_mut("conversion_type_params") {
        *conversion = pick(
            conversion,
            &[
                "base_measure",
                "base_metric",
                "conversion_measure",
                "conversion_metric",
                "entity",
                "calculation",
                "window",
                "constant_properties",
            ],
        );
    }
    json!({
        "name": node.name,
        "description": node.description.as_deref().unwrap_or_default(),
        "type": node.body.get("type"),
        "datatype": null,
        "type_params": params,
        "filter": node.body.get("filter"),
        "metadata": null,
        "label": node.label.as_deref().unwrap_or(&node.name),
        "config": config(node),
        "time_granularity": node.body.get("time_granularity"),
    })
}

fn saved_query(node: &SemanticNode) -> Value {
    let params = node.body.get("query_params").unwrap_or(&Value::Null);
    let exports: Vec<Value> = node
        .list("exports")
        .iter()
        .map(|export| {
            let config = export.get("config").unwrap_or(&Value::Null);
            json!({
                "name": export.get("name"),
                "config": pick(config, &["export_as", "schema_name", "alias"]),
            })
        })
        .collect();
    json!({
        "name": node.name,
        "query_params": pick(params, &["metrics", "group_by", "order_by", "limit", "where"]),
        "description": node.description,
        "metadata": null,
        "label": node.label,
        "exports": exports,
        "tags": node.tags,
    })
}

/// JSON with a blank behind each comma and colon, and only ASCII, as Python writes it.
pub(super) fn python_json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PythonFormatter);
    // Writing a value to memory cannot fail.
    let _ = serde::Serialize::serialize(value, &mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut units = [0; 2];
        for letter in fragment.chars() {
            if letter.is_ascii() {
                writer.write_all(&[letter as u8])?;
                continue;
            }
            for unit in letter.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::python_json;
    use serde_json::json;

    #[test]
    fn json_is_written_as_python_writes_it() {
        let text = python_json(&json!({"a": [1, null], "b": "ä😀\n"}));
        assert_eq!(text, r#"{"a": [1, null], "b": "\u00e4\ud83d\ude00\n"}"#);
    }
}
