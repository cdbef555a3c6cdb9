//! From the selection flags to unique ids.

use crate::app::App;
use crate::cli::{IndirectMode, ResourceTypeArgs, SelectionArgs};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, did_you_mean, kinds};
use dvt_manifest::selection::{IndirectSelection, SelectionError, SelectionRequest, StateSettings, select};
use dvt_manifest::{Graph, Manifest, ResourceType, UniqueId};
use serde_json::Value;
use std::collections::BTreeSet;

/// What `resource_type:` takes.
const RESOURCE_TYPES: &[&str] = &[
    "model",
    "seed",
    "snapshot",
    "test",
    "unit_test",
    "source",
    "exposure",
    "analysis",
    "function",
    "metric",
    "semantic_model",
    "saved_query",
];

/// The nodes that the flags mean, of these types. dbt's warning for a criterion without a match is printed here.
///
/// # Errors
/// A selection that makes no sense, or artifacts of `--state` that cannot be read.
pub(super) fn selected(
    app: &App,
    manifest: &Manifest,
    flags: &SelectionArgs,
    resource_types: Option<Vec<ResourceType>>,
) -> Result<BTreeSet<UniqueId>, Diagnostics> {
    find(app, manifest, flags, resource_types, false)
}

/// The same with models that have no SQL: what `ls` shows.
///
/// # Errors
/// As [`selected`].
pub(super) fn listed(
    app: &App,
    manifest: &Manifest,
    flags: &SelectionArgs,
    resource_types: Vec<ResourceType>,
) -> Result<BTreeSet<UniqueId>, Diagnostics> {
    find(app, manifest, flags, Some(resource_types), true)
}

fn find(
    app: &App,
    manifest: &Manifest,
    flags: &SelectionArgs,
    resource_types: Option<Vec<ResourceType>>,
    include_empty: bool,
) -> Result<BTreeSet<UniqueId>, Diagnostics> {
    if let Some(retried) = app.earlier.retried() {
        if let Some(gone) = retried.ids.iter().find(|id| manifest.resource_type(id).is_none()) {
            let message = format!("Couldn't find model '{gone}' -- does it exist or is it disabled?");
            return Err(Diagnostic::error("unknown-node", message)
                .note("the run that is retried had it")
                .help("run the command itself again instead")
                .into());
        }
        return Ok(retried.ids.clone());
    }
    let indirect = match app.settings.indirect_selection {
        IndirectMode::Eager => IndirectSelection::Eager,
        IndirectMode::Cautious => IndirectSelection::Cautious,
        IndirectMode::Buildable => IndirectSelection::Buildable,
        IndirectMode::Empty => IndirectSelection::Empty,
    };
    if flags.selector.is_some() && !(flags.select.is_empty() && flags.exclude.is_empty()) {
        let message =
            "The --select and --exclude arguments are being ignored for node selection because --selector is provided";
        let event = Event::new(kinds::SELECT_EXCLUDE_IGNORED_WITH_SELECTOR_WARNING, message);
        app.warn(std::iter::once(&Diagnostic::warning("selection-ignored", message).event(event)))?;
    }
    let request = SelectionRequest {
        select: flags.select.clone(),
        exclude: flags.exclude.clone(),
        selector: flags.selector.clone(),
        indirect,
        resource_types,
        include_empty,
        selectors: app.earlier.selectors(),
        previous: app.earlier.state(app)?,
        project_root: app.earlier.project_root().map(ToOwned::to_owned),
        comparison: StateSettings {
            maximum_seed_size_mib: app.settings.maximum_seed_size_mib,
            compares_unrendered: app.earlier.project_flag("state_modified_compare_more_unrendered_values", true),
        },
    };
    let found = select(manifest, &Graph::new(manifest), &request).map_err(|error| diagnostic(&error))?;
    if let Some(name) = &found.default_selector {
        let message = format!("Using default selector {name}");
        app.events().fire(Event::new(kinds::DEFAULT_SELECTOR, message).with("name", name.as_str()));
    }
    let warnings: Vec<Diagnostic> = found.warnings.into_iter().map(|warning| with_nearest(warning, manifest)).collect();
    app.warn(warnings.iter())?;
    Ok(found.ids)
}

/// What is near to a name that selects nothing.
fn with_nearest(warning: Diagnostic, manifest: &Manifest) -> Diagnostic {
    let raw = warning.event.as_ref().and_then(|event| event.data.get("spec_raw")).and_then(Value::as_str);
    let name = raw.unwrap_or_default().trim_matches(|next: char| next == '+' || next == '@' || next.is_ascii_digit());
    let is_name = !name.is_empty() && name.chars().all(|next| next.is_alphanumeric() || next == '_');
    let known = manifest.nodes.values().map(|node| node.name.as_str());
    match did_you_mean(name, known.filter(|_| is_name)) {
        Some(near) if near != name => warning.help(format!("did you mean `{near}`?")),
        _ => warning,
    }
}

fn diagnostic(error: &SelectionError) -> Diagnostic {
    let id = match error {
        SelectionError::BreakingChange { .. } => "breaking-change",
        SelectionError::NoComparisonManifest
        | SelectionError::NoComparisonResults
        | SelectionError::NoPreviousFreshness
        | SelectionError::NoCurrentFreshness => "no-earlier-state",
        _ => "invalid-selection",
    };
    let diagnostic = Diagnostic::error(id, error.to_string());
    let nearest_type = match error {
        SelectionError::ResourceType { value, .. } => did_you_mean(value, RESOURCE_TYPES.iter().copied()),
        _ => None,
    };
    match error.hint().or_else(|| nearest_type.map(|near| format!("did you mean `resource_type:{near}`?"))) {
        Some(hint) => diagnostic.help(hint),
        None => diagnostic,
    }
}

/// `--resource-type` and `--exclude-resource-type`, or their variables: the types that a command works on.
///
/// `default` is what it works on when nothing is said, `all` what the word `all` means.
///
/// # Errors
/// A word in a variable that is no resource type (clap has checked those of the command line).
pub(super) fn wanted_types(
    app: &App,
    flags: &ResourceTypeArgs,
    default: &[ResourceType],
    all: &[ResourceType],
) -> Result<Vec<ResourceType>, Diagnostic> {
    let words = |given: &[String], variable: &str| -> Vec<String> {
        let given = if given.is_empty() {
            app.environment.setting(variable).map(|(_, value)| value.to_owned()).into_iter().collect()
        } else {
            given.to_vec()
        };
        let words = given.iter().flat_map(|words| words.split([' ', ',']));
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let mut wanted = Vec::new();
    for word in words(&flags.resource_type, "RESOURCE_TYPES") {
        match word.as_str() {
            "all" => wanted.extend(all),
            "default" => wanted.extend(default),
            word => wanted.push(resource_type(word)?),
        }
    }
    if wanted.is_empty() {
        wanted = default.to_vec();
    }
    for word in words(&flags.exclude_resource_type, "EXCLUDE_RESOURCE_TYPES") {
        match word.as_str() {
            "default" => wanted.retain(|kind| !default.contains(kind)),
            word => {
                let unwanted = resource_type(word)?;
                wanted.retain(|kind| *kind != unwanted);
            }
        }
    }
    Ok(wanted)
}

fn resource_type(word: &str) -> Result<ResourceType, Diagnostic> {
    word.parse().map_err(|_| {
        let diagnostic = Diagnostic::error("unknown-resource-type", format!("there is no resource type `{word}`"));
        match did_you_mean(word, ResourceType::ALL.map(ResourceType::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("the usual ones are model, seed, source, snapshot, test, analysis, exposure"),
        }
    })
}
