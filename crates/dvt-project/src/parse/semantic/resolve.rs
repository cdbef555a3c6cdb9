//! What metrics, semantic models and saved queries depend on.

use super::super::lookup::{Found, Lookup};
use super::super::resolve::Failed;
use crate::dbt_words::DbtKind;
use dvt_diagnostics::{Diagnostic, did_you_mean};
use dvt_manifest::{Disabled, Manifest, ResourceType, SemanticNode, UniqueId};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// Finds the models of semantic models, the measures and metrics of metrics, the metrics of saved queries, exposures and
/// nodes.
pub(crate) fn resolve(manifest: &mut Manifest, lookup: &Lookup, failed: &Failed, problems: &mut Vec<Diagnostic>) {
    resolve_models(manifest, lookup, failed, problems);
    resolve_metrics(manifest, lookup, problems);
    resolve_named(manifest, lookup, problems);
}

fn wrong(node: &SemanticNode, message: String) -> Diagnostic {
    Diagnostic::error("semantic-layer", message)
        .parsing_error()
        .label(node.span.clone(), format!("in this {}", node.resource_type))
}

fn resolve_models(manifest: &mut Manifest, lookup: &Lookup, failed: &Failed, problems: &mut Vec<Diagnostic>) {
    let mut found: Vec<(UniqueId, UniqueId)> = Vec::new();
    for model in manifest.semantic_models.values() {
        for call in &model.refs {
            let version = call.version.as_ref();
            match lookup.find_ref(&model.package_name, call.package.as_deref(), &call.name, version) {
                Found::Id(id) => found.push((model.unique_id.clone(), id.clone())),
                Found::Disabled => problems.push(
                    Diagnostic::error(
                        "disabled-ref",
                        format!(
                            "Semantic Model '{}' ({}) depends on a node named '{}' which is disabled",
                            model.unique_id, model.original_file_path, call.name
                        ),
                    )
                    .compilation_error()
                    .label(call.span.clone(), "switched off by `enabled: false`"),
                ),
                Found::Nothing if failed.nodes.contains(&call.name) => {}
                Found::Nothing => {
                    let mut diagnostic = Diagnostic::error(
                        "unknown-ref",
                        format!(
                            "Semantic Model '{}' ({}) depends on a node named '{}' which was not found",
                            model.unique_id, model.original_file_path, call.name
                        ),
                    )
                    .compilation_error()
                    .label(call.span.clone(), "no model of this name");
                    if let Some(near) = did_you_mean(&call.name, lookup.ref_names()) {
                        diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                    }
                    problems.push(diagnostic);
                }
            }
        }
    }
    for (id, target) in found {
        let relation = manifest.nodes.get(&target).map(|node| {
            json!({
                "alias": node.alias,
                "schema_name": node.schema,
                "database": node.database,
                "relation_name": node.relation_name,
            })
        });
        let Some(model) = manifest.semantic_models.get_mut(&id) else { continue };
        model.depends_on.nodes.push(target.clone());
        for call in &mut model.refs {
            call.unique_id.get_or_insert_with(|| target.clone());
        }
        if let Some(relation) = relation {
            model.body.insert("node_relation".to_owned(), relation);
        }
    }
}

/// The measures of all semantic models, by name.
struct Measures {
    enabled: HashMap<String, Vec<(String, UniqueId)>>,
    disabled: HashMap<String, String>,
}

impl Measures {
    fn new(manifest: &Manifest) -> Self {
        let mut measures = Self { enabled: HashMap::new(), disabled: HashMap::new() };
        let names = |model: &SemanticNode| -> Vec<String> {
            let name = |measure: &Value| measure.get("name").and_then(Value::as_str).map(str::to_owned);
            model.list("measures").iter().filter_map(name).collect()
        };
        for model in manifest.semantic_models.values() {
            for name in names(model) {
                let found = (model.package_name.clone(), model.unique_id.clone());
                measures.enabled.entry(name).or_default().push(found);
            }
        }
        for entry in manifest.disabled.values().flatten() {
            if let Disabled::Semantic(model) = entry {
                for name in names(model) {
                    measures.disabled.insert(name, model.name.clone());
                }
            }
        }
        measures
    }

    fn find(&self, manifest: &Manifest, own: &str, name: &str) -> Option<UniqueId> {
        let candidates = self.enabled.get(name)?;
        let of = |package: &str| candidates.iter().find(|(of, _)| of == package).map(|(_, id)| id.clone());
        of(&manifest.metadata.project_name).or_else(|| of(own)).or_else(|| candidates.first().map(|(_, id)| id.clone()))
    }
}

/// What one metric turned out to need.
#[derive(Clone, Default)]
struct Needs {
    input_measures: Vec<Value>,
    depends_on: Vec<UniqueId>,
}

struct MetricResolver<'a> {
    manifest: &'a Manifest,
    lookup: &'a Lookup,
    measures: Measures,
    done: HashMap<UniqueId, Needs>,
    open: HashSet<UniqueId>,
    problems: &'a mut Vec<Diagnostic>,
}

fn resolve_metrics(manifest: &mut Manifest, lookup: &Lookup, problems: &mut Vec<Diagnostic>) {
    let mut resolver = MetricResolver {
        manifest,
        lookup,
        measures: Measures::new(manifest),
        done: HashMap::new(),
        open: HashSet::new(),
        problems,
    };
    let ids: Vec<UniqueId> = resolver.manifest.metrics.keys().cloned().collect();
    for id in &ids {
        resolver.resolve(id);
    }
    let done = resolver.done;
    for (id, needs) in done {
        let Some(metric) = manifest.metrics.get_mut(&id) else { continue };
        metric.depends_on.nodes = needs.depends_on;
        if let Some(params) = metric.body.get_mut("type_params") {
            params["input_measures"] = Value::Array(needs.input_measures);
        }
    }
}

impl MetricResolver<'_> {
    fn resolve(&mut self, id: &UniqueId) -> Needs {
        if let Some(needs) = self.done.get(id) {
            return needs.clone();
        }
        let manifest = self.manifest;
        let Some(metric) = manifest.metrics.get(id) else { return Needs::default() };
        if !self.open.insert(id.clone()) {
            self.problems.push(wrong(metric, format!("metric `{}` is made of itself", metric.name)));
            return Needs::default();
        }
        let mut needs = Needs::default();
        self.needs_of(metric, &mut needs);
        self.open.remove(id);
        self.done.insert(id.clone(), needs.clone());
        needs
    }

    fn needs_of(&mut self, metric: &SemanticNode, needs: &mut Needs) {
        let params = metric.body.get("type_params").cloned().unwrap_or(Value::Null);
        let at = |path: &str| params.pointer(path).filter(|value| !value.is_null()).cloned();
        match metric.body.get("type").and_then(Value::as_str).unwrap_or_default() {
            kind @ ("simple" | "cumulative") => {
                if let Some(measure) = at("/measure") {
                    self.measure(metric, measure, needs);
                } else if let Some(model) = at("/metric_aggregation_params/semantic_model") {
                    let model = model.as_str().unwrap_or_default();
                    add(needs, format!("semantic_model.{}.{model}", metric.package_name));
                } else if let (Some(input), "cumulative") = (at("/cumulative_type_params/metric"), kind) {
                    self.metric(metric, &input, needs, false);
                } else if kind == "simple" {
                    self.problems.push(wrong(
                        metric,
                        format!(
                            "Simple metric {} should have a measure or agg type defined, but it does not.",
                            metric.name
                        ),
                    ));
                } else {
                    self.problems.push(wrong(
                        metric,
                        format!(
                            "Cumulative metric {} should have a measure or input_metric defined, but it does not.",
                            metric.name
                        ),
                    ));
                }
            }
            "conversion" => {
                let measures =
                    [at("/conversion_type_params/base_measure"), at("/conversion_type_params/conversion_measure")];
                let metrics =
                    [at("/conversion_type_params/base_metric"), at("/conversion_type_params/conversion_metric")];
                if measures.iter().chain(&metrics).all(Option::is_none) {
                    self.problems.push(wrong(
                        metric,
                        format!(
                            "Depending the version of YAML being used, conversion metric `{}` must have base and \
                             conversion measures or base and conversion metrics defined.",
                            metric.name
                        ),
                    ));
                }
                for measure in measures.into_iter().flatten() {
                    self.measure(metric, measure, needs);
                }
                for input in metrics.into_iter().flatten() {
                    self.metric(metric, &input, needs, false);
                }
            }
            kind => {
                let inputs: Vec<Value> = if kind == "ratio" {
                    let (Some(numerator), Some(denominator)) = (at("/numerator"), at("/denominator")) else {
                        self.problems.push(wrong(
                            metric,
                            "Invalid ratio metric. Both a numerator and denominator must be specified".to_owned(),
                        ));
                        return;
                    };
                    vec![numerator, denominator]
                } else {
                    at("/metrics").and_then(|metrics| metrics.as_array().cloned()).unwrap_or_default()
                };
                for input in inputs {
                    self.metric(metric, &input, needs, true);
                }
            }
        }
    }

    fn measure(&mut self, metric: &SemanticNode, measure: Value, needs: &mut Needs) {
        let name = measure.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        match self.measures.find(self.manifest, &metric.package_name, &name) {
            Some(id) => add(needs, id),
            None => {
                let message = match self.measures.disabled.get(&name) {
                    Some(model) => {
                        format!("The measure `{name}` is referenced on disabled semantic model `{model}`.")
                    }
                    None => format!("A semantic model having a measure `{name}` does not exist but was referenced."),
                };
                let known = self.measures.enabled.keys().map(String::as_str).collect::<Vec<_>>();
                let mut diagnostic = wrong(metric, message);
                if let Some(near) = did_you_mean(&name, known) {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                self.problems.push(diagnostic);
            }
        }
        add_measure(needs, measure);
    }

    fn metric(&mut self, metric: &SemanticNode, input: &Value, needs: &mut Needs, takes_measures: bool) {
        let name = input.get("name").and_then(Value::as_str).unwrap_or_default();
        match self.lookup.find_metric(&metric.package_name, None, name) {
            Found::Id(id) => {
                let of_input = self.resolve(&id.clone());
                if takes_measures {
                    of_input.input_measures.into_iter().for_each(|measure| add_measure(needs, measure));
                }
                add(needs, id.clone());
            }
            Found::Disabled => self
                .problems
                .push(wrong(metric, format!("The metric `{name}` is disabled and thus cannot be referenced."))),
            Found::Nothing => self.problems.push(wrong(
                metric,
                format!("The metric `{name}` does not exist but was referenced by metric `{}`.", metric.name),
            )),
        }
    }
}

fn add(needs: &mut Needs, id: UniqueId) {
    if !needs.depends_on.contains(&id) {
        needs.depends_on.push(id);
    }
}

fn add_measure(needs: &mut Needs, measure: Value) {
    if !needs.input_measures.contains(&measure) {
        needs.input_measures.push(measure);
    }
}

/// The metrics that saved queries, exposures and nodes name.
fn resolve_named(manifest: &mut Manifest, lookup: &Lookup, problems: &mut Vec<Diagnostic>) {
    let mut find = |what: String, span: &dvt_diagnostics::Span, own: &str, call: &[String]| -> Option<UniqueId> {
        let (package, name) = match call {
            [package, name] => (Some(package.as_str()), name.as_str()),
            [name] => (None, name.as_str()),
            _ => return None,
        };
        let why = match lookup.find_metric(own, package, name) {
            Found::Id(id) => return Some(id.clone()),
            Found::Disabled => "which is disabled",
            Found::Nothing => "which was not found",
        };
        problems.push(
            Diagnostic::error("unknown-metric", format!("{what} depends on a metric named '{name}' {why}"))
                .compilation_error()
                .label(span.clone(), "asked for here"),
        );
        None
    };
    for query in manifest.saved_queries.values_mut() {
        let names: Vec<String> = query
            .body
            .get("query_params")
            .and_then(|params| params.get("metrics"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        for name in names {
            let what = format!("Saved Query '{}' ({})", query.unique_id, query.original_file_path);
            let found = find(what, &query.span, &query.package_name, &[name]);
            query.depends_on.nodes.extend(found.filter(|id| !query.depends_on.nodes.contains(id)));
        }
    }
    for exposure in manifest.exposures.values_mut() {
        for call in exposure.metrics.clone() {
            let what = format!("Exposure '{}' ({})", exposure.unique_id, exposure.original_file_path);
            let found = find(what, &exposure.span, &exposure.package_name, &call);
            exposure.depends_on.nodes.extend(found.filter(|id| !exposure.depends_on.nodes.contains(id)));
        }
    }
    for node in manifest.nodes.values_mut() {
        for call in node.metrics.clone() {
            let kind = if node.resource_type == ResourceType::Model { "Model" } else { "Node" };
            let what = format!("{kind} '{}' ({})", node.unique_id, node.original_file_path);
            let found = find(what, &node.span, &node.package_name, &call);
            node.depends_on.nodes.extend(found.filter(|id| !node.depends_on.nodes.contains(id)));
        }
    }
}
