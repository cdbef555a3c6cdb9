//! Semantic models: entries of their own, and models that say `semantic_model:`.

use super::metrics::OnModel;
use super::words::{AGGREGATIONS, DIMENSION_TYPES, ENTITY_TYPES, GRANULARITIES};
use super::{OwnConfig, Reading};
use crate::yaml::{Yaml, YamlValue, map_to_json};
use dvt_manifest::{Manifest, ResourceType, SemanticNode, version_text};
use serde_json::{Map, Value, json};

/// The parts of a semantic model, in the artifact's form.
#[derive(Default)]
struct Parts {
    entities: Vec<Value>,
    measures: Vec<Value>,
    dimensions: Vec<Value>,
}

impl Parts {
    /// dbt gives the semantic model's own `meta` to all its parts, below their own.
    fn inherit_meta(&mut self, meta: &Map<String, Value>) {
        if meta.is_empty() {
            return;
        }
        for part in self.entities.iter_mut().chain(&mut self.measures).chain(&mut self.dimensions) {
            let own = part.pointer("/config/meta").and_then(Value::as_object).cloned().unwrap_or_default();
            let mut merged = meta.clone();
            merged.extend(own);
            part["config"] = json!({"meta": merged});
        }
    }

    fn put_into(self, body: &mut Map<String, Value>) {
        body.insert("entities".to_owned(), Value::Array(self.entities));
        body.insert("measures".to_owned(), Value::Array(self.measures));
        body.insert("dimensions".to_owned(), Value::Array(self.dimensions));
    }
}

impl Reading<'_, '_> {
    /// An entry under `semantic_models:`, with the metrics that its measures make.
    pub(super) fn semantic_model(&mut self) -> Vec<SemanticNode> {
        let entry = self.entry;
        let yaml = &entry.yaml;
        let before = self.problems.len();
        let Some(model) = self.required(yaml, "model") else { return Vec::new() };
        let own = OwnConfig::Yaml(yaml.get_set("config"));
        let mut node = self.node(ResourceType::SemanticModel, &entry.name, own, entry.name_span.clone());
        let mut parts = Parts::default();
        for item in self.items(yaml, "entities") {
            let entity = self.entity(&item, true);
            parts.entities.extend(entity);
        }
        let measures = self.items(yaml, "measures");
        for item in &measures {
            let measure = self.measure(item);
            parts.measures.extend(measure);
        }
        for item in self.items(yaml, "dimensions") {
            let dimension = self.dimension(&item);
            parts.dimensions.extend(dimension);
        }
        let meta = node.config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
        parts.inherit_meta(&meta);
        let defaults = yaml.get_set("defaults").cloned();
        let agg_time_dimension = defaults.as_ref().map(|defaults| self.text_or_null(defaults, "agg_time_dimension"));
        node.refs = self.refs_of(&model, &yaml.get("model").map_or(entry.name_span.clone(), |place| entry.span(place)));
        node.description = self.description(yaml);
        node.label = self.reader().text(yaml, "label");
        node.body.insert("model".to_owned(), Value::String(model));
        node.body.insert("node_relation".to_owned(), Value::Null);
        let defaults = agg_time_dimension.map(|dimension| json!({"agg_time_dimension": dimension}));
        node.body.insert("defaults".to_owned(), defaults.unwrap_or(Value::Null));
        let created: Vec<(Yaml, Value)> = measures
            .iter()
            .zip(&parts.measures)
            .filter(|(item, _)| item.get("create_metric").and_then(Yaml::as_bool) == Some(true))
            .map(|(item, measure)| (item.clone(), measure.clone()))
            .collect();
        parts.put_into(&mut node.body);
        node.body.insert("primary_entity".to_owned(), self.text_or_null(yaml, "primary_entity"));
        let enabled = node.config.enabled();
        let mut nodes = vec![node];
        for (item, measure) in created {
            nodes.extend(self.metric_of_measure(&item, &measure, enabled, &meta));
        }
        if self.problems.len() > before { Vec::new() } else { nodes }
    }

    fn items(&mut self, yaml: &Yaml, key: &str) -> Vec<Yaml> {
        self.reader().list(yaml, key).map(<[Yaml]>::to_vec).unwrap_or_default()
    }

    fn entity(&mut self, yaml: &Yaml, has_role: bool) -> Option<Value> {
        let name = self.required(yaml, "name")?;
        let kind = self.required(yaml, "type")?;
        let kind = self.word(yaml, &kind, ENTITY_TYPES, "entity type")?;
        let role = if has_role { self.text_or_null(yaml, "role") } else { Value::Null };
        Some(json!({
            "name": name,
            "type": kind,
            "description": self.description(yaml),
            "label": self.text_or_null(yaml, "label"),
            "role": role,
            "expr": self.text_or_null(yaml, "expr"),
            "config": {"meta": self.element_meta(yaml)},
        }))
    }

    fn measure(&mut self, yaml: &Yaml) -> Option<Value> {
        let name = self.required(yaml, "name")?;
        let aggregation = self.required(yaml, "agg")?;
        let aggregation = self.word(yaml, &aggregation, AGGREGATIONS, "aggregation")?;
        let parameters = yaml.get_set("agg_params").map(|parameters| {
            let flag = |key: &str| parameters.get(key).and_then(Yaml::as_bool).unwrap_or(false);
            json!({
                "percentile": parameters.get_set("percentile").map(Yaml::to_json),
                "use_discrete_percentile": flag("use_discrete_percentile"),
                "use_approximate_percentile": flag("use_approximate_percentile"),
            })
        });
        let non_additive = match yaml.get_set("non_additive_dimension").cloned() {
            Some(dimension) => self.non_additive(&dimension, "window_choice", "window_groupings"),
            None => Value::Null,
        };
        Some(json!({
            "name": name,
            "agg": aggregation,
            "description": self.description(yaml),
            "label": self.text_or_null(yaml, "label"),
            "create_metric": false,
            "expr": self.text_or_null(yaml, "expr"),
            "agg_params": parameters,
            "non_additive_dimension": non_additive,
            "agg_time_dimension": self.text_or_null(yaml, "agg_time_dimension"),
            "config": {"meta": self.element_meta(yaml)},
        }))
    }

    fn dimension(&mut self, yaml: &Yaml) -> Option<Value> {
        let name = self.required(yaml, "name")?;
        let kind = self.required(yaml, "type")?;
        let kind = self.word(yaml, &kind, DIMENSION_TYPES, "dimension type")?;
        let type_params = match yaml.get_set("type_params").cloned() {
            Some(params) => {
                let granularity = self.required(&params, "time_granularity")?;
                let granularity = self.word(&params, &granularity, GRANULARITIES, "granularity")?;
                json!({"time_granularity": granularity, "validity_params": validity(&params)})
            }
            None => Value::Null,
        };
        let is_partition = self.reader().boolean(yaml, "is_partition").unwrap_or(false);
        Some(dimension_json(
            &name,
            &kind,
            DimensionRest {
                description: self.description(yaml),
                label: self.text_or_null(yaml, "label"),
                is_partition,
                type_params,
                expr: self.text_or_null(yaml, "expr"),
                meta: self.element_meta(yaml),
            },
        ))
    }

    /// A model that says `semantic_model:`: the semantic model of its columns, and its metrics.
    pub(super) fn model_with_semantics(&mut self, manifest: &Manifest) -> Vec<SemanticNode> {
        let entry = self.entry;
        let yaml = &entry.yaml;
        let Some(said) = yaml.get_set("semantic_model").cloned() else { return Vec::new() };
        let is_on = match &said.value {
            YamlValue::Bool(is_on) => *is_on,
            YamlValue::Map(_) => said.get("enabled").and_then(Yaml::as_bool) != Some(false),
            _ => {
                self.reader().wrong_type("semantic_model", "true, false or a dictionary", &said);
                false
            }
        };
        let package_name = self.session.package_name(entry.package);
        let id = format!("model.{package_name}.{}", entry.name);
        let latest = manifest.nodes.values().find(|node| {
            node.resource_type == ResourceType::Model
                && node.package_name == package_name
                && node.name == entry.name
                && node.version.as_ref().map(version_text) == node.latest_version.as_ref().map(version_text)
        });
        let (true, Some(model)) = (is_on, manifest.nodes.get(&id).or(latest)) else { return Vec::new() };
        let before = self.problems.len();
        let name = self.reader().text(&said, "name").unwrap_or_else(|| entry.name.clone());
        let mut config = Map::new();
        if let Some(meta) = said.get_set("config").and_then(|config| config.get_set("meta")).and_then(Yaml::as_map) {
            config.insert("meta".to_owned(), Value::Object(map_to_json(meta)));
        }
        if said.get_set("config").is_some() {
            config.insert("enabled".to_owned(), Value::Bool(true));
            if let Some(group) = self.reader().text(&said, "group") {
                config.insert("group".to_owned(), Value::String(group));
            }
        }
        let own = OwnConfig::Values(config);
        let mut node = self.node(ResourceType::SemanticModel, &name, own, entry.name_span.clone());
        let mut parts = Parts::default();
        for column in self.items(yaml, "columns") {
            let dimension = self.column_dimension(&column);
            parts.dimensions.extend(dimension);
            let entity = self.column_entity(&column);
            parts.entities.extend(entity);
        }
        if let Some(derived) = yaml.get_set("derived_semantics").cloned() {
            for item in self.items(&derived, "dimensions") {
                let dimension = self.derived_dimension(&item);
                parts.dimensions.extend(dimension);
            }
            for item in self.items(&derived, "entities") {
                let entity = self.entity(&item, false);
                parts.entities.extend(entity);
            }
        }
        let meta = node.config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
        parts.inherit_meta(&meta);
        let agg_time_dimension = self.reader().text(yaml, "agg_time_dimension");
        let reference = format!("ref('{}')", entry.name);
        node.refs = self.refs_of(&reference, &entry.name_span);
        node.description = Some(model.description.clone());
        node.body.insert("model".to_owned(), Value::String(reference));
        node.body.insert("node_relation".to_owned(), Value::Null);
        node.body.insert("defaults".to_owned(), json!({"agg_time_dimension": agg_time_dimension}));
        parts.put_into(&mut node.body);
        node.body.insert("primary_entity".to_owned(), self.text_or_null(yaml, "primary_entity"));
        let mut nodes = vec![node];
        for metric in self.items(yaml, "metrics") {
            let on = OnModel { semantic_model: &name, agg_time_dimension: agg_time_dimension.clone() };
            let span = metric.get("name").map_or_else(|| entry.name_span.clone(), |name| entry.span(name));
            let metric = self.metric(&metric, span, Some(&on));
            nodes.extend(metric);
        }
        if self.problems.len() > before { Vec::new() } else { nodes }
    }

    /// A column's `dimension:`: a type's name, or a dictionary.
    fn column_dimension(&mut self, column: &Yaml) -> Option<Value> {
        let said = column.get_set("dimension")?.clone();
        let column_name = self.required(column, "name")?;
        let column_meta = self.element_meta(column);
        let granularity = self.word_under(column, "granularity", GRANULARITIES, "granularity");
        let description = self.description(column);
        let is_map = said.as_map().is_some();
        let kind = if is_map { self.required(&said, "type")? } else { said.scalar_text()? };
        let kind = self.word(&said, &kind, DIMENSION_TYPES, "dimension type")?;
        let own_name = if is_map { self.reader().text(&said, "name") } else { None };
        let name = own_name.unwrap_or_else(|| column_name.clone());
        if kind == "time" && column.get_set("granularity").is_none() {
            self.invalid(
                column,
                &format!(
                    "Dimension {name} is a time dimension attached to column {column_name}, so that column must specify a \
                     granularity."
                ),
            );
        }
        if is_map && said.get_set("validity_params").is_some() && column.get_set("granularity").is_none() {
            self.invalid(
                column,
                &format!(
                    "Dimension {name} has validity_params attached to column {column_name}, so that column must specify \
                     a granularity."
                ),
            );
        }
        if !is_map {
            return Some(dimension_json(
                &name,
                &kind,
                DimensionRest {
                    description: description.or_else(|| Some(String::new())),
                    meta: column_meta,
                    ..DimensionRest::default()
                },
            ));
        }
        let type_params = match &granularity {
            Some(granularity) => json!({"time_granularity": granularity, "validity_params": validity(&said)}),
            None => Value::Null,
        };
        let mut meta = column_meta;
        meta.extend(self.element_meta(&said));
        let is_partition = self.reader().boolean(&said, "is_partition").unwrap_or(false);
        let own_description = self.description(&said).filter(|text| !text.is_empty());
        Some(dimension_json(
            &name,
            &kind,
            DimensionRest {
                description: own_description.or(description).or_else(|| Some(String::new())),
                label: self.text_or_null(&said, "label"),
                is_partition,
                type_params,
                expr: if name == column_name { Value::Null } else { Value::from(column_name) },
                meta,
            },
        ))
    }

    fn column_entity(&mut self, column: &Yaml) -> Option<Value> {
        let said = column.get_set("entity")?.clone();
        let column_name = self.required(column, "name")?;
        let column_meta = self.element_meta(column);
        let is_map = said.as_map().is_some();
        let kind = if is_map { self.required(&said, "type")? } else { said.scalar_text()? };
        let kind = self.word(&said, &kind, ENTITY_TYPES, "entity type")?;
        let own_name = if is_map { self.reader().text(&said, "name") } else { None };
        let name = own_name.unwrap_or_else(|| column_name.clone());
        let column_description = self.description(column).or_else(|| Some(String::new()));
        let has_own_meta = said.get_set("config").and_then(|config| config.get_set("meta")).is_some();
        let meta = if is_map && has_own_meta { self.element_meta(&said) } else { column_meta };
        let (description, label) = match is_map {
            true => (self.description(&said).or(column_description), self.text_or_null(&said, "label")),
            false => (column_description, Value::Null),
        };
        let expr = if name == column_name { Value::Null } else { Value::from(column_name) };
        Some(json!({
            "name": name,
            "type": kind,
            "description": description,
            "label": label,
            "role": null,
            "expr": expr,
            "config": {"meta": meta},
        }))
    }

    fn derived_dimension(&mut self, yaml: &Yaml) -> Option<Value> {
        let name = self.required(yaml, "name")?;
        let kind = self.required(yaml, "type")?;
        let kind = self.word(yaml, &kind, DIMENSION_TYPES, "dimension type")?;
        let expr = self.required(yaml, "expr")?;
        let granularity = self.word_under(yaml, "granularity", GRANULARITIES, "granularity");
        if yaml.get_set("validity_params").is_some() && yaml.get_set("granularity").is_none() {
            self.invalid(
                yaml,
                &format!("Derived dimension {name} has validity_params, so it must specify a granularity."),
            );
        }
        let type_params = match granularity {
            Some(granularity) => json!({"time_granularity": granularity, "validity_params": validity(yaml)}),
            None => Value::Null,
        };
        let is_partition = self.reader().boolean(yaml, "is_partition").unwrap_or(false);
        Some(dimension_json(
            &name,
            &kind,
            DimensionRest {
                description: self.description(yaml),
                label: self.text_or_null(yaml, "label"),
                is_partition,
                type_params,
                expr: Value::String(expr),
                meta: self.element_meta(yaml),
            },
        ))
    }
}

/// What a dimension may say beside name and type.
#[derive(Default)]
struct DimensionRest {
    description: Option<String>,
    label: Value,
    is_partition: bool,
    type_params: Value,
    expr: Value,
    meta: Map<String, Value>,
}

fn dimension_json(name: &str, kind: &str, rest: DimensionRest) -> Value {
    json!({
        "name": name,
        "type": kind,
        "description": rest.description,
        "label": rest.label,
        "is_partition": rest.is_partition,
        "type_params": rest.type_params,
        "expr": rest.expr,
        "metadata": null,
        "config": {"meta": rest.meta},
        "datatype": null,
    })
}

fn validity(yaml: &Yaml) -> Value {
    let Some(params) = yaml.get_set("validity_params") else { return Value::Null };
    let flag = |key: &str| params.get(key).and_then(Yaml::as_bool).unwrap_or(false);
    json!({"is_start": flag("is_start"), "is_end": flag("is_end")})
}

/// What a column's entry in the manifest shows of `dimension:` and `entity:`: a type's name as it is, a dictionary with
/// dbt's defaults. Descriptions are shown as they are written.
pub(crate) fn column_semantics(column: &Yaml) -> (Option<Value>, Option<Value>) {
    let text = |yaml: &Yaml, key: &str| yaml.get_set(key).and_then(Yaml::scalar_text);
    let (name, description) = (text(column, "name"), text(column, "description").unwrap_or_default());
    let shown = |key: &str| -> Option<(Value, Option<&Yaml>)> {
        let said = column.get_set(key)?;
        if said.as_map().is_none() {
            return said.scalar_text().map(|word| (Value::String(word.to_lowercase()), None));
        }
        let base = json!({
            "name": text(said, "name").or_else(|| name.clone()),
            "type": text(said, "type").map(|word| word.to_lowercase()),
            "description": text(said, "description").unwrap_or_else(|| description.clone()),
            "label": text(said, "label"),
            "config": said.get_set("config").map_or_else(|| json!({}), Yaml::to_json),
        });
        Some((base, Some(said)))
    };
    let dimension = shown("dimension").map(|(mut json, said)| {
        if let (Some(said), Some(map)) = (said, json.as_object_mut()) {
            let is_partition = said.get("is_partition").and_then(Yaml::as_bool).unwrap_or(false);
            map.insert("is_partition".to_owned(), Value::Bool(is_partition));
            map.insert("validity_params".to_owned(), validity(said));
        }
        json
    });
    (dimension, shown("entity").map(|(json, _)| json))
}
