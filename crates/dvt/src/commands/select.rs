//! From the selection flags to unique ids.

use crate::app::App;
use crate::cli::{IndirectMode, SelectionArgs};
use dvt_diagnostics::{Diagnostic, Diagnostics, did_you_mean};
use dvt_manifest::selection::{IndirectSelection, SelectionRequest, select};
use dvt_manifest::{Graph, Manifest, ResourceType, UniqueId};
use std::collections::BTreeSet;

/// The nodes that the flags mean, of these types. dbt's warning for a criterion without a match is printed here.
pub(super) fn selected(
    app: &App,
    manifest: &Manifest,
    flags: &SelectionArgs,
    resource_types: Option<Vec<ResourceType>>,
) -> Result<BTreeSet<UniqueId>, Diagnostics> {
    let indirect = match app.settings.indirect_selection {
        IndirectMode::Eager => IndirectSelection::Eager,
        IndirectMode::Cautious => IndirectSelection::Cautious,
        IndirectMode::Buildable => IndirectSelection::Buildable,
        IndirectMode::Empty => IndirectSelection::Empty,
    };
    let request =
        SelectionRequest { select: flags.select.clone(), exclude: flags.exclude.clone(), indirect, resource_types };
    let found = select(manifest, &Graph::new(manifest), &request).map_err(|error| {
        let diagnostic = Diagnostic::error("invalid-selection", error.to_string());
        match error.hint() {
            Some(hint) => diagnostic.help(hint),
            None => diagnostic,
        }
    })?;
    app.warn(found.warnings.iter())?;
    Ok(found.ids)
}

/// `--resource-type` as types.
pub(super) fn resource_types(words: &[String]) -> Result<Vec<ResourceType>, Diagnostic> {
    let mut types = Vec::new();
    for word in words.iter().flat_map(|word| word.split([' ', ','])).filter(|word| !word.is_empty()) {
        if word == "all" {
            return Ok(ResourceType::ALL.to_vec());
        }
        if word == "default" {
            types.extend(ResourceType::ALL.into_iter().filter(|kind| *kind != ResourceType::Analysis));
            continue;
        }
        types.push(word.parse().map_err(|_| {
            let diagnostic = Diagnostic::error("unknown-resource-type", format!("there is no resource type `{word}`"));
            match did_you_mean(word, ResourceType::ALL.map(ResourceType::as_str)) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("the usual ones are model, seed, source, snapshot, test, analysis, exposure"),
            }
        })?);
    }
    Ok(types)
}
