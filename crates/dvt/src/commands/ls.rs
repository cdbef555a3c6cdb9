//! `dvt ls`: the project's resources, one line each.

use super::select::{listed, wanted_types};
use crate::app::{App, Exit};
use crate::cli::{Cli, LsArgs, LsOutput, SelectionArgs};
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, kinds};
use dvt_manifest::{Manifest, ResourceType, UniqueId, python_json, version_text};
use serde_json::{Map, Value, json};

/// The keys of `--output json` when none are named, as in dbt; they come in the manifest's order.
const DEFAULT_KEYS: [&str; 11] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "direct_parents",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// What is listed when nothing is said; `all` adds analyses.
const DEFAULT_TYPES: [ResourceType; 11] = [
    ResourceType::Model,
    ResourceType::Snapshot,
    ResourceType::Seed,
    ResourceType::Test,
    ResourceType::Source,
    ResourceType::Exposure,
    ResourceType::Metric,
    ResourceType::SavedQuery,
    ResourceType::SemanticModel,
    ResourceType::UnitTest,
    ResourceType::Function,
];

pub(super) fn run(app: &mut App, cli: &Cli, args: &LsArgs) -> Result<Exit, Diagnostics> {
    let selection = selection(args)?;
    let types = types(app, args)?;
    // The listing is data: nothing else may stand on stdout, as in dbt.
    app.data_only();
    let project = app.load_project(cli)?;
    let keys: Vec<&str> =
        args.output_keys.iter().flat_map(|words| words.split([' ', ','])).filter(|word| !word.is_empty()).collect();
    let found = listed(app, &project.manifest, &selection, types)?;
    for unique_id in &found {
        if let Some(line) = line(&project.manifest, unique_id, args.output, &keys) {
            app.printer.rows(events::LIST_OUTPUT, &line, json!({"msg": line}));
        }
    }
    if found.is_empty() {
        let message = "No nodes selected!";
        let event = Event::new(kinds::NO_NODES_SELECTED, message);
        app.warn(std::iter::once(&Diagnostic::warning("no-nodes-selected", message).event(event)))?;
    }
    Ok(Exit::Success)
}

/// dbt's `--models`: a selection that lists models only, and so goes with no other way to say either.
fn selection(args: &LsArgs) -> Result<SelectionArgs, Diagnostic> {
    let given = &args.selection;
    let select = match (given.models.is_empty(), given.select.is_empty()) {
        (false, false) => {
            return Err(Diagnostic::error(
                "models-and-select",
                "\"models\" and \"select\" are mutually exclusive arguments",
            ));
        }
        (false, true) => given.models.clone(),
        (true, _) => given.select.clone(),
    };
    Ok(SelectionArgs { select, exclude: given.exclude.clone(), selector: given.selector.clone() })
}

fn types(app: &App, args: &LsArgs) -> Result<Vec<ResourceType>, Diagnostic> {
    if !args.selection.models.is_empty() {
        if !args.resource_types.resource_type.is_empty() {
            let message = "\"models\" and \"resource_type\" are mutually exclusive arguments";
            return Err(Diagnostic::error("models-and-resource-type", message));
        }
        return Ok(vec![ResourceType::Model]);
    }
    let mut all = DEFAULT_TYPES.to_vec();
    all.push(ResourceType::Analysis);
    wanted_types(app, &args.resource_types, &DEFAULT_TYPES, &all)
}

/// One resource in the asked form; `None` for an id that is no resource.
fn line(manifest: &Manifest, unique_id: &UniqueId, output: LsOutput, keys: &[&str]) -> Option<String> {
    match output {
        LsOutput::Json => json_line(manifest, unique_id, keys),
        LsOutput::Path => manifest.file_path(unique_id).map(str::to_owned),
        LsOutput::Name => name(manifest, unique_id),
        LsOutput::Selector => selector(manifest, unique_id),
    }
}

/// The name that `ref` or `source` would take.
fn name(manifest: &Manifest, unique_id: &str) -> Option<String> {
    if let Some(node) = manifest.node(unique_id) {
        return Some(match &node.version {
            Some(version) => format!("{}.v{}", node.name, version_text(version)),
            None => node.name.clone(),
        });
    }
    if let Some(source) = manifest.sources.get(unique_id) {
        return Some(format!("{}.{}", source.source_name, source.name));
    }
    if let Some(exposure) = manifest.exposures.get(unique_id) {
        return Some(exposure.name.clone());
    }
    if let Some(node) = manifest.semantic_node(unique_id) {
        return Some(node.name.clone());
    }
    manifest.unit_tests.get(unique_id).map(|test| test.name.clone())
}

/// What `--select` would take.
fn selector(manifest: &Manifest, unique_id: &str) -> Option<String> {
    if let Some(node) = manifest.node(unique_id) {
        return Some(node.fqn.join("."));
    }
    if let Some(source) = manifest.sources.get(unique_id) {
        return Some(format!("source:{}.{}.{}", source.package_name, source.source_name, source.name));
    }
    if let Some(exposure) = manifest.exposures.get(unique_id) {
        return Some(format!("exposure:{}.{}", exposure.package_name, exposure.name));
    }
    if let Some(node) = manifest.semantic_node(unique_id) {
        return Some(format!("{}:{}.{}", node.resource_type, node.package_name, node.name));
    }
    let test = manifest.unit_tests.get(unique_id)?;
    Some(format!("unit_test:{}.{}", test.package_name, test.versioned_name()))
}

fn json_line(manifest: &Manifest, unique_id: &UniqueId, keys: &[&str]) -> Option<String> {
    let mut whole = if let Some(node) = manifest.node(unique_id) {
        node.to_json()
    } else if let Some(source) = manifest.sources.get(unique_id) {
        source.to_json()
    } else if let Some(exposure) = manifest.exposures.get(unique_id) {
        exposure.to_json()
    } else if let Some(node) = manifest.semantic_node(unique_id) {
        node.to_json()
    } else {
        manifest.unit_tests.get(unique_id)?.to_json()
    };
    if let Value::Object(map) = &mut whole
        && map.get("resource_type").and_then(Value::as_str) == Some("model")
    {
        // In dbt's cloud these reach into other projects; for a model of this project they are what it reads.
        let parents = map.get("depends_on").and_then(|depends_on| depends_on.get("nodes")).cloned();
        map.insert("direct_parents".to_owned(), parents.unwrap_or_else(|| json!([])));
    }
    let mut line = Map::new();
    if let (Value::Object(all), []) = (&whole, keys) {
        let listed = all.iter().filter(|(key, _)| DEFAULT_KEYS.contains(&key.as_str()));
        line.extend(listed.map(|(key, value)| (key.clone(), value.clone())));
    }
    for key in keys {
        if let Some(value) = at(&whole, key) {
            line.insert((*key).to_owned(), value.clone());
        }
    }
    Some(python_json(&Value::Object(line)))
}

/// A key, or with dots the way through objects; a way to `null` leads nowhere, as in dbt.
fn at<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    if !key.contains('.') {
        return value.get(key);
    }
    key.split('.').try_fold(value, |value, part| value.get(part)).filter(|value| !value.is_null())
}
