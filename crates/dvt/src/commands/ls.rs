//! `dvt ls`: the project's resources, one line each.

use super::parse::write_manifest;
use super::select::{resource_types, selected};
use crate::app::{App, Exit};
use crate::cli::{Cli, LsArgs, LsOutput, SelectionArgs};
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_manifest::{Manifest, ResourceType, UniqueId};
use serde_json::{Map, Value, json};

/// The keys of `--output json` when none are named, as in dbt.
const DEFAULT_KEYS: [&str; 13] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
    "label",
    "type_params",
    "measure",
];

pub(super) fn run(app: &mut App, cli: &Cli, args: &LsArgs) -> Result<Exit, Diagnostics> {
    let keys: Vec<String> = args
        .output_keys
        .iter()
        .flat_map(|words| words.split([' ', ',']))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if !keys.is_empty() && args.output != LsOutput::Json {
        return Err(Diagnostic::error("output-keys-without-json", "--output-keys goes with --output json").into());
    }
    let wanted = wanted_types(args)?;
    // The listing is data: nothing else may stand on stdout, as in dbt.
    app.data_only();
    let project = app.load_project(cli)?;
    let found = selected(app, &project.manifest, &selection(args)?, Some(wanted))?;
    for unique_id in &found {
        if let Some(line) = line(&project.manifest, unique_id, args.output, &keys) {
            app.printer.rows(events::LIST_OUTPUT, &line, json!({"msg": line}));
        }
    }
    if found.is_empty() {
        app.printer.nothing_to_do();
    }
    if app.settings.write_json {
        write_manifest(&project.manifest, &project.config.target_path)?;
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

fn wanted_types(args: &LsArgs) -> Result<Vec<ResourceType>, Diagnostic> {
    if !args.selection.models.is_empty() {
        if !args.resource_types.resource_type.is_empty() {
            let message = "\"models\" and \"resource_type\" are mutually exclusive arguments";
            return Err(Diagnostic::error("models-and-resource-type", message));
        }
        return Ok(vec![ResourceType::Model]);
    }
    let mut wanted = resource_types(&args.resource_types.resource_type)?;
    if wanted.is_empty() {
        wanted = vec![
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
            ResourceType::Analysis,
        ];
    }
    let unwanted = resource_types(&args.resource_types.exclude_resource_type)?;
    wanted.retain(|kind| !unwanted.contains(kind));
    Ok(wanted)
}

/// One resource in the asked form; `None` for what has no line (an id that is no node, source or exposure).
fn line(manifest: &Manifest, unique_id: &UniqueId, output: LsOutput, keys: &[String]) -> Option<String> {
    if output == LsOutput::Json {
        return json_line(manifest, unique_id, keys);
    }
    if let Some(node) = manifest.nodes.get(unique_id) {
        return Some(match output {
            LsOutput::Name => node.name.clone(),
            LsOutput::Path => node.original_file_path.clone(),
            _ => node.fqn.join("."),
        });
    }
    if let Some(source) = manifest.sources.get(unique_id) {
        return Some(match output {
            LsOutput::Name => format!("{}.{}", source.source_name, source.name),
            LsOutput::Path => source.original_file_path.clone(),
            _ => format!("source:{}.{}.{}", source.package_name, source.source_name, source.name),
        });
    }
    if let Some(exposure) = manifest.exposures.get(unique_id) {
        return Some(match output {
            LsOutput::Name => exposure.name.clone(),
            LsOutput::Path => exposure.original_file_path.clone(),
            _ => format!("exposure:{}", exposure.fqn.join(".")),
        });
    }
    manifest.unit_tests.get(unique_id).map(|test| match output {
        LsOutput::Name => test.name.clone(),
        LsOutput::Path => test.original_file_path.clone(),
        _ => format!("unit_test:{}", test.fqn.join(".")),
    })
}

fn json_line(manifest: &Manifest, unique_id: &UniqueId, keys: &[String]) -> Option<String> {
    let whole = if let Some(node) = manifest.nodes.get(unique_id) {
        node.to_json()
    } else if let Some(source) = manifest.sources.get(unique_id) {
        source.to_json()
    } else if let Some(exposure) = manifest.exposures.get(unique_id) {
        exposure.to_json()
    } else {
        manifest.unit_tests.get(unique_id)?.to_json()
    };
    let mut line = Map::new();
    if keys.is_empty() {
        for key in DEFAULT_KEYS {
            if let Some(value) = whole.get(key) {
                line.insert(key.to_owned(), value.clone());
            }
        }
    } else {
        for key in keys {
            if let Some(value) = descend(&whole, key) {
                line.insert(key.clone(), value.clone());
            }
        }
    }
    Some(Value::Object(line).to_string())
}

/// `config.materialized` names a key inside a key.
fn descend<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value.get(key) {
        Some(found) => Some(found),
        None => key.split('.').try_fold(value, |value, part| value.get(part)),
    }
}
