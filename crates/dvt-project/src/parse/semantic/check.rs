//! What must hold for the semantic layer as a whole: names, primary entities, time dimensions, time spines.
//!
//! Source: dbt-core 1.12 and the validation rules of MetricFlow's interfaces; the checks that read SQL templates of filters
//! are MetricFlow's own and are not made here.

use super::super::session::Session;
use super::words::GRANULARITIES;
use crate::dbt_words::DbtKind;
use dvt_diagnostics::{Diagnostic, Event, EventLevel, kinds};
use dvt_manifest::{Manifest, ResourceType, SemanticNode};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The model that older projects have as their time spine, without any YAML.
const LEGACY_TIME_SPINE: &str = "metricflow_time_spine";

/// Checks a manifest whose semantic layer is resolved.
pub(crate) fn check(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    if !manifest.semantic_models.is_empty() {
        check_time_spine(manifest, problems);
    }
    if manifest.metrics.is_empty() || manifest.semantic_models.is_empty() {
        return;
    }
    let before = problems.len();
    for model in manifest.semantic_models.values() {
        check_elements(model, problems);
        check_primary_entity(model, problems);
        check_aggregation_times(model, problems);
    }
    let named =
        manifest.semantic_models.values().chain(manifest.metrics.values()).chain(manifest.saved_queries.values());
    for node in named {
        check_name(node, &node.name, problems);
    }
    check_custom_granularities(manifest, problems);
    check_nested_params(session, manifest, problems);
    // dbt says each failure as an event, and then that there were some.
    if problems[before..].iter().any(|problem| problem.id == "semantic-validation") {
        let message = "Semantic Manifest validation failed.";
        problems.push(Diagnostic::error("semantic-manifest", message).parsing_error());
    }
}

fn failure(node: &SemanticNode, message: String) -> Diagnostic {
    let event = Event::new(kinds::SEMANTIC_VALIDATION_FAILURE, message.clone()).at(EventLevel::Error);
    Diagnostic::warning("semantic-validation", message)
        .label(node.span.clone(), format!("in this {}", node.resource_type))
        .event(event)
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn is_valid_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.len() >= 2
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.ends_with(is_letter)
        && name.chars().all(|letter| is_letter(letter) || letter == '_')
        && !name.contains("__")
}

fn check_name(node: &SemanticNode, name: &str, problems: &mut Vec<Diagnostic>) {
    if !is_valid_name(name) {
        problems.push(failure(
            node,
            format!(
                "Invalid name `{name}` - names may only contain lower case letters, numbers, and underscores. \
                 Additionally, names must start with a lower case letter, cannot end with an underscore, cannot contain \
                 dunders (double underscores, or __), and must be at least 2 characters long."
            ),
        ));
    }
    if GRANULARITIES.contains(&name.to_lowercase().as_str()) {
        problems.push(failure(
            node,
            format!(
                "Invalid name `{name}` - names cannot match reserved time granularity keywords ({GRANULARITIES:?})"
            ),
        ));
    }
    if matches!(name.to_lowercase().as_str(), "metric_time" | "mf_internal_uuid") {
        problems.push(failure(node, format!("Invalid name `{name}` - this name is reserved by MetricFlow.")));
    }
}

fn check_elements(model: &SemanticNode, problems: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (key, kind) in [("measures", "measure"), ("entities", "entity"), ("dimensions", "dimension")] {
        for element in model.list(key) {
            let Some(name) = text(element, "name") else { continue };
            match seen.get(name) {
                Some(first) => problems.push(failure(
                    model,
                    format!(
                        "In semantic model `{}`, can't use name `{name}` for a {kind} when it was already used for a \
                         {first}",
                        model.name
                    ),
                )),
                None => {
                    seen.insert(name, kind);
                    check_name(model, name, problems);
                }
            }
        }
    }
}

fn check_primary_entity(model: &SemanticNode, problems: &mut Vec<Diagnostic>) {
    let primaries: Vec<&str> = model
        .list("entities")
        .iter()
        .filter(|entity| text(entity, "type") == Some("primary"))
        .filter_map(|entity| text(entity, "name"))
        .collect();
    let named = model.body.get("primary_entity").and_then(Value::as_str);
    match (primaries.as_slice(), named) {
        ([_, _, ..], _) => problems.push(failure(
            model,
            format!(
                "Semantic models can have only one primary entity. The semantic model `{}` has {}: {}",
                model.name,
                primaries.len(),
                primaries.join(", ")
            ),
        )),
        ([entity], Some(named)) => problems.push(failure(
            model,
            format!(
                "The semantic model `{}` has an entity named `{entity}` with type primary but it also has the \
                 `primary_entity` field set to `{named}`. Both should not be present in the model.",
                model.name
            ),
        )),
        ([], None) if !model.list("dimensions").is_empty() => problems.push(failure(
            model,
            format!(
                "The semantic model {} contains dimensions, but it does not define a primary entity. Either add an \
                 entity with type PRIMARY or set a value for the primary_entity key.",
                model.name
            ),
        )),
        _ => {}
    }
}

/// Each measure is summed over a time dimension of its model.
fn check_aggregation_times(model: &SemanticNode, problems: &mut Vec<Diagnostic>) {
    let default = model.body.get("defaults").and_then(|defaults| text(defaults, "agg_time_dimension"));
    let times: HashSet<&str> = model
        .list("dimensions")
        .iter()
        .filter(|dimension| text(dimension, "type") == Some("time"))
        .filter_map(|dimension| text(dimension, "name"))
        .collect();
    for measure in model.list("measures") {
        let name = text(measure, "name").unwrap_or_default();
        match text(measure, "agg_time_dimension").or(default) {
            None => problems.push(failure(
                model,
                format!(
                    "Aggregation time dimension for measure {name} on semantic model {} is not set! To fix this either \
                     specify a default `agg_time_dimension` for the semantic model or define an `agg_time_dimension` on \
                     the measure directly.",
                    model.name
                ),
            )),
            Some(dimension) if !times.contains(dimension) => problems.push(failure(
                model,
                format!(
                    "In semantic model '{}', measure '{name}' has the aggregation time dimension set to '{dimension}', \
                     which is not a valid time dimension in the semantic model",
                    model.name
                ),
            )),
            Some(_) => {}
        }
    }
}

fn check_custom_granularities(manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for model in manifest.semantic_models.values() {
        for (key, kind) in [("measures", "measure"), ("entities", "entity"), ("dimensions", "dimension")] {
            taken.extend(model.list(key).iter().filter_map(|element| text(element, "name")).map(|name| (name, kind)));
        }
    }
    taken.extend(manifest.metrics.values().map(|metric| (metric.name.as_str(), "metric")));
    taken.extend(manifest.semantic_models.values().map(|model| (model.name.as_str(), "semantic_model")));
    let mut seen = HashSet::new();
    for node in manifest.nodes.values() {
        let custom = node.time_spine.as_ref().and_then(|spine| spine.get("custom_granularities"));
        for name in custom.and_then(Value::as_array).into_iter().flatten().filter_map(|custom| text(custom, "name")) {
            let message = match (taken.get(name), seen.insert(name)) {
                (Some(kind), _) => {
                    format!("Can't use name `{name}` for a custom granularity when it was already used for a {kind}.")
                }
                (None, false) => format!(
                    "Custom granularity names must be unique, but found duplicate custom granularities with the names \
                     {{'{name}'}}."
                ),
                (None, true) => continue,
            };
            let event = Event::new(kinds::SEMANTIC_VALIDATION_FAILURE, message.clone()).at(EventLevel::Error);
            problems.push(
                Diagnostic::warning("semantic-validation", message)
                    .label(node.span.clone(), "the time spine of this model")
                    .event(event),
            );
        }
    }
}

/// Metrics need a table of days, or of something finer.
fn check_time_spine(manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    let day = GRANULARITIES.iter().position(|word| *word == "day").unwrap_or_default();
    let is_fine = |word: &str| GRANULARITIES.iter().position(|known| *known == word).is_some_and(|at| at <= day);
    let has_spine = manifest.nodes.values().any(|node| {
        let Some(spine) = &node.time_spine else { return false };
        let column = text(spine, "standard_granularity_column").and_then(|name| node.columns.get(name));
        let granularity = column.and_then(|column| column.granularity.as_deref()).unwrap_or_default();
        is_fine(&granularity.to_lowercase())
    });
    let has_legacy =
        manifest.nodes.values().any(|node| node.resource_type == ResourceType::Model && node.name == LEGACY_TIME_SPINE);
    if !has_spine && !has_legacy {
        let mut diagnostic = Diagnostic::error(
            "time-spine",
            "The semantic layer requires a time spine model with granularity DAY or smaller in the project, but none was \
             found. Guidance on creating this model can be found on our docs site \
             (https://docs.getdbt.com/docs/build/metricflow-time-spine).",
        );
        if let Some(model) = manifest.semantic_models.values().next() {
            diagnostic = diagnostic.label(model.span.clone(), "needs one");
        }
        let diagnostic = diagnostic.parsing_error();
        problems.push(diagnostic.help("give a model of days a `time_spine:` in its properties"));
    }
}

/// dbt's behaviour flag: `window` and `grain_to_date` belong below `cumulative_type_params`.
fn check_nested_params(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    let flag = session.config.project.flags.get("require_nested_cumulative_type_params").and_then(Value::as_bool);
    let old: Vec<&SemanticNode> = manifest
        .metrics
        .values()
        .filter(|metric| {
            let params = metric.body.get("type_params");
            ["window", "grain_to_date"]
                .iter()
                .any(|key| params.and_then(|params| params.get(*key)).is_some_and(|value| !value.is_null()))
        })
        .collect();
    let Some(first) = old.first() else { return };
    if flag == Some(false) {
        let message = "Cumulative fields `type_params.window` and `type_params.grain_to_date` have been moved and will \
                       soon be deprecated. Please nest those values under \
                       `type_params.cumulative_type_params.window` and \
                       `type_params.cumulative_type_params.grain_to_date`. See documentation on behavior changes: \
                       https://docs.getdbt.com/reference/global-configs/behavior-changes.";
        let event = Event::new(kinds::MF_CUMULATIVE_TYPE_PARAMS_DEPRECATION, message);
        problems.push(
            Diagnostic::warning("cumulative-type-params", message).label(first.span.clone(), "here").event(event),
        );
        return;
    }
    let names = old.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>().join(", ");
    problems.push(failure(
        first,
        format!(
            "Cumulative fields `type_params.window` and `type_params.grain_to_date` should be nested under \
             `type_params.cumulative_type_params.window` and `type_params.cumulative_type_params.grain_to_date`. Invalid \
             metrics: {names}. See documentation on behavior changes: \
             https://docs.getdbt.com/reference/global-configs/behavior-changes."
        ),
    ));
}
