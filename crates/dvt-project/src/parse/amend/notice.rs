//! Who would notice a change: what other parts of a reading know of a node, a name or a file.
//!
//! Every function here answers `None` where something else than the node itself would be another.

use super::super::session::Session;
use super::super::{checks, has_errors};
use super::{Plan, PropertiesFile, Section};
use crate::cache::{ChangeKind, Changes, Origin};
use crate::files::FoundFile;
use dvt_diagnostics::{Diagnostic, did_you_mean};
use dvt_manifest::{Access, Disabled, Manifest, Node, ResourceType, UniqueId};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// What other nodes, and checks of the whole project, know of a node.
pub(super) struct Face {
    connection: String,
    group: Option<String>,
    access: Access,
    version: Option<Value>,
    latest_version: Option<Value>,
    event_time: Option<Value>,
    fqn: Vec<String>,
    place: (Option<String>, String, String),
}

impl Face {
    pub(super) fn of(node: &Node) -> Self {
        Self {
            connection: node.connection.clone(),
            group: node.group.clone(),
            access: node.access,
            version: node.version.clone(),
            latest_version: node.latest_version.clone(),
            event_time: node.config.get("event_time").cloned(),
            fqn: node.fqn.clone(),
            place: place(node),
        }
    }

    pub(super) fn is_of(&self, node: &Node) -> bool {
        let now = Self::of(node);
        let Self { connection, group, access, version, latest_version, event_time, fqn, place: _ } = self;
        *connection == now.connection
            && *group == now.group
            && *access == now.access
            && *version == now.version
            && *latest_version == now.latest_version
            && *event_time == now.event_time
            && *fqn == now.fqn
    }

    /// Whether the node's relation is another: it may be somebody else's.
    pub(super) fn is_moved(&self, node: &Node) -> bool {
        self.place != place(node)
    }
}

fn place(node: &Node) -> (Option<String>, String, String) {
    (node.database.clone(), node.schema.clone(), node.alias.clone())
}

/// The one node that a file of code holds.
pub(super) fn only_node_of(manifest: &Manifest, shown: &str) -> Option<UniqueId> {
    let mut found = manifest.nodes.values().filter(|node| node.file.path == shown);
    let node = found.next()?;
    let is_off = |entry: &Disabled| matches!(entry, Disabled::Node(node) if node.file.path == shown);
    let is_elsewhere = found.next().is_some()
        || manifest.functions.values().any(|node| node.file.path == shown)
        || manifest.disabled.values().flatten().any(is_off)
        || manifest.macros.values().any(|found| found.span.as_ref().is_some_and(|span| span.file.path == shown));
    let is_own = !node.is_generic_test() && node.resource_type != ResourceType::Operation;
    (is_own && !is_elsewhere).then(|| node.unique_id.clone())
}

/// The name of a new model, if nothing in the project knows it.
pub(super) fn free_name(manifest: &Manifest, place: &FoundFile) -> Option<String> {
    let name = Path::new(&place.relative_path).file_stem()?.to_string_lossy().into_owned();
    // A file of a version is named by the properties.
    if name.contains(['.', ' ']) {
        return None;
    }
    let is_known = manifest.nodes.values().chain(manifest.functions.values()).any(|node| {
        node.name == name
            || node.refs.iter().any(|call| call.name == name)
            || node.resource_type == ResourceType::Model
                && node.version.is_some()
                && Path::new(&node.path).file_stem() == Path::new(&name).file_stem()
    }) || manifest.disabled.values().flatten().any(|entry| match entry {
        Disabled::Node(node) => node.name == name || node.refs.iter().any(|call| call.name == name),
        Disabled::Exposure(exposure) => exposure.refs.iter().any(|call| call.name == name),
        Disabled::UnitTest(_) | Disabled::Semantic(_) => true,
        Disabled::Source(_) => false,
    }) || manifest.unit_tests.values().any(|test| is_tested(&test.model, &name));
    (!is_known).then_some(name)
}

fn is_tested(model: &str, name: &str) -> bool {
    model == name
        || model.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        || model.ends_with(&format!(".{name}"))
}

/// Whether a node may be read again, or go: nothing that is made of its text or config is anywhere else.
pub(super) fn check_replaceable(manifest: &Manifest, id: &UniqueId) -> Option<()> {
    let node = manifest.nodes.get(id)?;
    let is_plain = matches!(
        node.resource_type,
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot | ResourceType::Analysis | ResourceType::Test
    ) && !node.is_generic_test()
        && node.time_spine.is_none()
        && node.deprecation_date.is_none()
        && node.functions.is_empty()
        && node.metrics.is_empty()
        && !node.name.contains(' ')
        && !checks::is_microbatch(node);
    if !is_plain {
        return None;
    }
    let reads = |ids: &[UniqueId]| ids.contains(id);
    let semantic = [&manifest.metrics, &manifest.semantic_models, &manifest.saved_queries];
    let is_read = semantic.iter().flat_map(|map| map.values()).any(|node| reads(&node.depends_on.nodes))
        || manifest.unit_tests.values().any(|test| {
            reads(&test.depends_on.nodes)
                || is_tested(&test.model, &node.name)
                || test.given.iter().any(|given| given.unique_id.as_ref() == Some(id))
        })
        || manifest.disabled.values().flatten().any(|entry| match entry {
            Disabled::UnitTest(test) => is_tested(&test.model, &node.name),
            Disabled::Node(other) => other.unique_id == *id,
            _ => false,
        });
    (!is_read).then_some(())
}

/// Models come and go only where no part of the project goes through all models.
pub(super) fn check_graph_readers(manifest: &Manifest) -> Option<()> {
    (manifest.semantic_models.is_empty() && manifest.metrics.is_empty() && manifest.saved_queries.is_empty())
        .then_some(())
}

/// Whether nothing reads the node, but for others that go with it.
pub(super) fn check_unread(manifest: &Manifest, id: &UniqueId, removed: &HashSet<UniqueId>) -> Option<()> {
    let node = manifest.nodes.get(id)?;
    let is_read = manifest
        .nodes
        .values()
        .chain(manifest.functions.values())
        .filter(|other| !removed.contains(&other.unique_id))
        .any(|other| {
            other.depends_on.nodes.contains(id)
                || other.unique_id != *id && other.name == node.name
                || other.test.as_ref().is_some_and(|test| test.attached_node.as_ref() == Some(id))
        })
        || manifest.exposures.values().any(|exposure| exposure.depends_on.nodes.contains(id))
        || manifest.disabled.values().flatten().any(|entry| match entry {
            Disabled::Node(other) => {
                other.name == node.name
                    || other.test.as_ref().is_some_and(|test| test.attached_node.as_ref() == Some(id))
            }
            _ => false,
        });
    (!is_read).then_some(())
}

/// A changed properties file must hold models and seeds only, now and before.
pub(super) fn check_sections(session: &Session<'_>, manifest: &Manifest, file: &PropertiesFile) -> Option<()> {
    const OWN_RULES: &[&str] = &[
        "versions",
        "latest_version",
        "time_spine",
        "semantic_model",
        "metrics",
        "derived_semantics",
        "deprecation_date",
    ];
    let is_plain = file.entries.iter().all(|entry| {
        matches!(entry.section, Section::Models | Section::Seeds)
            && OWN_RULES.iter().all(|key| entry.yaml.get(key).is_none())
    });
    let package_name = session.package_name(file.package);
    let (path, patch_path) = (&file.place.original_path, file.patch_path(session));
    let is_here = |package: &str, original: &str| package == package_name && original == path;
    let semantic = [&manifest.metrics, &manifest.semantic_models, &manifest.saved_queries];
    let holds_others =
        manifest.sources.values().any(|source| is_here(&source.package_name, &source.original_file_path))
            || manifest.exposures.values().any(|found| is_here(&found.package_name, &found.original_file_path))
            || manifest.unit_tests.values().any(|found| is_here(&found.package_name, &found.original_file_path))
            || manifest.groups.values().any(|found| is_here(&found.package_name, &found.original_file_path))
            || semantic
                .iter()
                .flat_map(|map| map.values())
                .any(|found| is_here(&found.package_name, &found.original_file_path))
            || manifest.macros.values().any(|found| found.patch_path.as_ref() == Some(&patch_path))
            || manifest.functions.values().any(|found| found.patch_path.as_ref() == Some(&patch_path))
            || manifest
                .nodes
                .values()
                .any(|node| node.file.path == file.shown && (!node.is_generic_test() || node.name.contains(' ')))
            || manifest.disabled.values().flatten().any(|entry| match entry {
                Disabled::Node(node) => {
                    node.patch_path.as_ref() == Some(&patch_path)
                        || is_here(&node.package_name, &node.original_file_path)
                }
                Disabled::Source(source) => is_here(&source.package_name, &source.original_file_path),
                Disabled::Exposure(found) => is_here(&found.package_name, &found.original_file_path),
                Disabled::Semantic(found) => is_here(&found.package_name, &found.original_file_path),
                Disabled::UnitTest(found) => is_here(&found.package_name, &found.original_file_path),
            });
    (is_plain && !holds_others).then_some(())
}

/// What was said about the changed files must be known to be said anew, and nothing that was said may depend on a name
/// that comes or goes.
pub(super) fn check_said(plan: &Plan, problems: &[(Origin, Diagnostic)], changes: &Changes) -> Option<()> {
    let changed: HashSet<&str> = changes.files.iter().map(|change| change.shown.as_str()).collect();
    let mut names: Vec<&str> = plan.added.keys().chain(&plan.removed).filter_map(|id| id.rsplit('.').next()).collect();
    names.extend(plan.again.iter().filter_map(|id| id.rsplit('.').next()));
    let has_others =
        changes.files.iter().any(|change| change.kind != ChangeKind::Changed) || !plan.properties.is_empty();
    for (origin, problem) in problems {
        let is_told = match problem.id {
            "modules-itertools" => true,
            "no-node-for-properties" | "unknown-ref" if has_others => {
                let about =
                    problem.event.as_ref().and_then(|event| event.data.get("patch_name")).and_then(Value::as_str);
                // The nearest name may be told, and so be another.
                let concerns = |about: &str, name: &str| {
                    about.starts_with(name) || name.starts_with(about) || did_you_mean(about, [name]).is_some()
                };
                about.is_none_or(|about| names.iter().any(|name| concerns(about, name)))
            }
            _ => false,
        };
        let is_here = problem.labels.iter().any(|label| changed.contains(label.span.file.path.as_str()));
        if is_told || is_here && !plan.replaces(origin) {
            return None;
        }
    }
    Some(())
}

/// The checks of single nodes, for those that were read again.
pub(super) fn check_nodes(session: &Session<'_>, manifest: &Manifest, ids: &[UniqueId]) -> Option<()> {
    let mut problems = Vec::new();
    let nodes: Vec<&Node> = ids.iter().map(|id| manifest.nodes.get(id)).collect::<Option<_>>()?;
    checks::check_nodes(session, manifest, nodes.iter().copied(), &mut problems);
    if !problems.is_empty() || has_errors(&problems) {
        return None;
    }
    for node in nodes {
        let is_deprecated = |id: &UniqueId| manifest.nodes.get(id).is_some_and(|read| read.deprecation_date.is_some());
        let is_told = node.name.contains(' ')
            || node.deprecation_date.is_some()
            || node.resource_type == ResourceType::Model && node.depends_on.nodes.iter().any(is_deprecated);
        // A test that names no connection goes where its inputs are.
        let is_elsewhere = node.resource_type == ResourceType::Test
            && !node.is_generic_test()
            && node.depends_on.nodes.iter().any(|id| {
                let place = manifest.nodes.get(id).map(|read| &read.connection);
                place.or_else(|| manifest.sources.get(id).map(|read| &read.connection)) != Some(&node.connection)
            });
        if is_told || is_elsewhere {
            return None;
        }
    }
    Some(())
}
