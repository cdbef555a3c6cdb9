//! Semantic models and metrics of OSI documents: JSON files below `osi-paths`.
//!
//! In: the root project's documents of the Open Semantic Interchange format. Out: [`SemanticNode`]s. Each dataset has to be a
//! table that a model of the manifest makes. The format says less than dbt's own: a time has the granularity `day`, and what
//! a metric is follows from its expression (`osi_metric`).
//!
//! Source: the core specification of the format, version 0.1.1; which parts dbt 1.12 takes.

use super::super::config::with_defaults;
use super::super::session::{Session, shown_in};
use super::osi_metric::{Kind, Meaning, column_of};
use crate::dbt_words::DbtKind;
use crate::files::Ignore;
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_manifest::{DependsOn, IndexMap, Manifest, RefCall, ResourceType, SemanticNode, UniqueId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;

const SUPPORTED: [&str; 2] = ["0.1.0", "0.1.1"];

#[derive(Deserialize)]
struct Document {
    #[serde(default = "newest")]
    version: String,
    semantic_model: Vec<Model>,
}

fn newest() -> String {
    SUPPORTED[1].to_owned()
}

#[derive(Deserialize)]
struct Model {
    datasets: Vec<Dataset>,
    relationships: Option<Vec<Relationship>>,
    metrics: Option<Vec<Metric>>,
}

#[derive(Deserialize)]
struct Dataset {
    name: String,
    source: String,
    primary_key: Option<Vec<String>>,
    unique_keys: Option<Vec<Vec<String>>>,
    description: Option<String>,
    fields: Option<Vec<Field>>,
}

#[derive(Deserialize)]
struct Relationship {
    from: String,
    from_columns: Vec<String>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    expression: Expression,
    dimension: Option<Dimension>,
    datatype: Option<DataType>,
    label: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Dimension {
    is_time: bool,
}

#[derive(Deserialize)]
struct Metric {
    name: String,
    expression: Expression,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Expression {
    dialects: Vec<DialectExpression>,
}

#[derive(Deserialize)]
struct DialectExpression {
    dialect: String,
    expression: String,
}

/// The format's words for types.
#[derive(Clone, Copy, Debug, Deserialize)]
enum DataType {
    String,
    Integer,
    Decimal,
    Float,
    Boolean,
    Date,
    Time,
    DateTime,
    DateTimeTz,
    Opaque,
}

impl DataType {
    /// The semantic layer's word for it.
    fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::DateTime => "datetime",
            Self::DateTimeTz => "datetime_tz",
            Self::Opaque => "opaque",
        }
    }
}

impl Expression {
    /// The text in standard SQL, else in the first dialect that is given.
    fn text(&self) -> &str {
        let standard = self.dialects.iter().find(|of| of.dialect == "ANSI_SQL");
        standard.or(self.dialects.first()).map_or("", |of| of.expression.as_str())
    }
}

/// Reads the root project's documents into the manifest; its models must be in it.
pub(crate) fn read(session: &Session<'_>, ignore: &Ignore, manifest: &mut Manifest, problems: &mut Vec<Diagnostic>) {
    let package = &session.packages[0];
    let found = session.files.find(0, &package.root, &package.project.osi_paths, &["json"], ignore);
    let files = found.unwrap_or_else(|diagnostics| {
        problems.extend(diagnostics);
        Vec::new()
    });
    for file in files {
        let shown = shown_in(&package.root, &package.root, &file.original_path);
        let read = session.files.text(&file.absolute, &shown).and_then(|text| match text {
            Some(text) => OsiFile { session, text: &text, path: &file.original_path }.read(manifest),
            None => Ok(()),
        });
        problems.extend(read.err());
    }
}

struct OsiFile<'a, 's> {
    session: &'a Session<'s>,
    text: &'a Arc<SourceFile>,
    /// From the project's root.
    path: &'a str,
}

impl OsiFile<'_, '_> {
    fn read(&self, manifest: &mut Manifest) -> Result<(), Diagnostic> {
        let document: Document = serde_json::from_str(&self.text.text).map_err(|error| {
            self.wrong("", format!("Failed to parse OSI file '{}': {error}", self.path))
                .help("a document has `semantic_model`, a list of models with `name` and `datasets`")
        })?;
        if !SUPPORTED.contains(&document.version.as_str()) {
            let message = format!(
                "OSI file '{}' uses unsupported version '{}'. Supported versions: ['{}']",
                self.path,
                document.version,
                SUPPORTED.join("', '")
            );
            return Err(self.wrong(&document.version, message));
        }
        for model in &document.semantic_model {
            for dataset in &model.datasets {
                let node = self.semantic_model(dataset, model, manifest)?;
                self.add(&mut manifest.semantic_models, node)?;
            }
            for metric in model.metrics.iter().flatten() {
                let meaning = Meaning::of(metric.expression.text());
                self.metric(&metric.name, metric.description.as_deref(), meaning, model, manifest)?;
            }
        }
        Ok(())
    }

    /// The document's line that says `text`, for messages.
    fn wrong(&self, text: &str, message: String) -> Diagnostic {
        let quoted = format!("\"{text}\"");
        let start = self.text.text.find(&quoted).unwrap_or(0);
        let end = if start == 0 { self.text.text.lines().next().map_or(0, str::len) } else { start + quoted.len() };
        Diagnostic::error("osi-document", message).parsing_error().label(Span::new(self.text, start..end), "here")
    }

    fn add(&self, nodes: &mut IndexMap<UniqueId, SemanticNode>, node: SemanticNode) -> Result<(), Diagnostic> {
        let kind = if node.resource_type == ResourceType::Metric { "metric" } else { "semantic model" };
        if nodes.contains_key(&node.unique_id) {
            let message = format!(
                "OSI file '{}' defines {kind} '{}' which conflicts with an existing {kind} in this project.",
                self.path, node.name
            );
            return Err(self.wrong(&node.name, message).help("rename one of the two"));
        }
        nodes.insert(node.unique_id.clone(), node);
        Ok(())
    }

    /// A node with everything but its body.
    fn node(&self, resource_type: ResourceType, name: &str, description: Option<&str>) -> SemanticNode {
        let package_name = self.session.package_name(0).to_owned();
        SemanticNode {
            resource_type,
            unique_id: format!("{resource_type}.{package_name}.{name}"),
            name: name.to_owned(),
            fqn: vec![package_name.clone(), name.to_owned()],
            package_name,
            path: self.path.to_owned(),
            original_file_path: self.path.to_owned(),
            description: description.map(str::to_owned),
            label: None,
            tags: Vec::new(),
            meta: Map::new(),
            group: None,
            config: with_defaults(resource_type, Map::new()),
            unrendered_config: Map::new(),
            depends_on: DependsOn::default(),
            refs: Vec::new(),
            created_at: self.session.now,
            body: Map::new(),
            span: Span::new(self.text, 0..0),
        }
    }

    fn semantic_model(
        &self,
        dataset: &Dataset,
        model: &Model,
        manifest: &Manifest,
    ) -> Result<SemanticNode, Diagnostic> {
        let parts: Vec<String> = dataset.source.splitn(3, '.').map(str::to_lowercase).collect();
        let (database, schema, alias) = match parts.as_slice() {
            [database, schema, alias] => (database.as_str(), schema.as_str(), alias.as_str()),
            [schema, alias] => ("", schema.as_str(), alias.as_str()),
            [alias] => ("", "", alias.as_str()),
            _ => ("", "", ""),
        };
        let made = manifest.nodes.values().rfind(|node| {
            node.resource_type == ResourceType::Model
                && node.alias.to_lowercase() == alias
                && node.schema.to_lowercase() == schema
                && node.database.as_deref().unwrap_or_default().to_lowercase() == database
        });
        let made = made.ok_or_else(|| {
            let message = format!(
                "OSI file '{}' contains dataset '{}' ({}) that does not match any dbt model in this project. Each OSI \
                 dataset must reference a table managed by a dbt model.",
                self.path, dataset.name, dataset.source
            );
            self.wrong(&dataset.source, message)
                .help("write `database.schema.table` of a model, as it is in the target")
        })?;
        let foreign: HashSet<&str> = model
            .relationships
            .iter()
            .flatten()
            .filter(|relationship| relationship.from == dataset.name)
            .flat_map(|relationship| relationship.from_columns.iter().map(String::as_str))
            .collect();
        let (mut entities, mut dimensions) = (Vec::new(), Vec::new());
        for field in dataset.fields.iter().flatten() {
            match entity_type(field, dataset, &foreign) {
                Some(kind) => entities.push(entity(field, kind)),
                None => dimensions.push(dimension(field)),
            }
        }
        let mut node = self.node(ResourceType::SemanticModel, &dataset.name, dataset.description.as_deref());
        node.refs.push(RefCall {
            name: made.name.clone(),
            package: None,
            version: None,
            span: node.span.clone(),
            unique_id: Some(made.unique_id.clone()),
        });
        node.body.insert("model".to_owned(), Value::from(format!("ref('{}')", made.name)));
        for (key, value) in [
            ("node_relation", Value::Null),
            ("defaults", Value::Null),
            ("entities", Value::Array(entities)),
            ("measures", json!([])),
            ("dimensions", Value::Array(dimensions)),
            ("primary_entity", Value::Null),
        ] {
            node.body.insert(key.to_owned(), value);
        }
        Ok(node)
    }

    /// A metric, and the two that a ratio is made of.
    fn metric(
        &self,
        name: &str,
        description: Option<&str>,
        meaning: Meaning,
        model: &Model,
        manifest: &mut Manifest,
    ) -> Result<(), Diagnostic> {
        let mut params = super::metrics::empty_type_params();
        let kind = match meaning.kind {
            Kind::Aggregate { agg, percentile } => {
                let dataset = meaning.dataset.or_else(|| dataset_with(model, &meaning.expr));
                let agg_params = percentile.map(|percentile| {
                    json!({
                        "percentile": percentile,
                        "use_discrete_percentile": false,
                        "use_approximate_percentile": false,
                    })
                });
                let aggregation = json!({
                    "semantic_model": dataset.unwrap_or_default(),
                    "agg": agg,
                    "agg_params": agg_params,
                    "agg_time_dimension": null,
                    "non_additive_dimension": null,
                });
                params.insert("expr".to_owned(), Value::from(meaning.expr));
                params.insert("metric_aggregation_params".to_owned(), aggregation);
                "simple"
            }
            Kind::Ratio(parts) => {
                for (part, role) in parts.into_iter().zip(["numerator", "denominator"]) {
                    let part_name = format!("{name}_{role}");
                    self.metric(&part_name, None, part, model, manifest)?;
                    let input = json!({
                        "name": part_name, "filter": null, "alias": null, "offset_window": null, "offset_to_grain": null,
                    });
                    params.insert(role.to_owned(), input);
                }
                "ratio"
            }
        };
        let mut node = self.node(ResourceType::Metric, name, Some(description.unwrap_or_default()));
        node.label = Some(name.to_owned());
        for (key, value) in [
            ("type", Value::from(kind)),
            ("type_params", Value::Object(params)),
            ("filter", Value::Null),
            ("time_granularity", Value::Null),
            ("metrics", json!([])),
        ] {
            node.body.insert(key.to_owned(), value);
        }
        self.add(&mut manifest.metrics, node)
    }
}

/// What kind of key the field is, if any.
fn entity_type(field: &Field, dataset: &Dataset, foreign: &HashSet<&str>) -> Option<&'static str> {
    if dataset.primary_key.iter().flatten().any(|column| *column == field.name) {
        Some("primary")
    } else if dataset.unique_keys.iter().flatten().flatten().any(|column| *column == field.name) {
        Some("unique")
    } else if foreign.contains(field.name.as_str()) {
        Some("foreign")
    } else {
        None
    }
}

/// The field's expression, where it is more than its name.
fn expr_of(field: &Field) -> Option<&str> {
    Some(field.expression.text()).filter(|text| *text != field.name)
}

fn entity(field: &Field, kind: &str) -> Value {
    json!({
        "name": field.name,
        "type": kind,
        "description": field.description,
        "label": field.label,
        "role": null,
        "expr": expr_of(field),
        "config": {"meta": {}},
    })
}

fn dimension(field: &Field) -> Value {
    let is_time = field.dimension.as_ref().is_some_and(|dimension| dimension.is_time);
    json!({
        "name": field.name,
        "type": if is_time { "time" } else { "categorical" },
        "description": field.description,
        "label": field.label,
        "is_partition": false,
        "type_params": is_time.then(|| json!({"time_granularity": "day", "validity_params": null})),
        "expr": expr_of(field),
        "metadata": null,
        "config": {"meta": {}},
        "datatype": field.datatype.map(DataType::word),
    })
}

/// The dataset that has a field of this name or expression, else the first.
fn dataset_with(model: &Model, column: &str) -> Option<String> {
    let has = |dataset: &&Dataset| {
        let mut fields = dataset.fields.iter().flatten();
        fields.any(|field| field.name == column || column_of(field.expression.text()) == column)
    };
    model.datasets.iter().find(has).or(model.datasets.first()).map(|dataset| dataset.name.clone())
}
