//! `semantic_manifest.json`: the semantic layer in the form that MetricFlow reads.

use crate::{Manifest, Node, ResourceType, SemanticNode, python_json};
use serde_json::{Map, Value, json};

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
