//! Where nodes stand in a manifest: in the order of files, the tests of properties files behind all others.

use super::super::properties_files;
use super::super::session::Session;
use super::{Plan, PropertiesFile, notice};
use crate::files::Ignore;
use dvt_manifest::{Manifest, Node, ResourceType, UniqueId};
use std::collections::HashMap;

/// Takes the tests of these files out; for each file, where its first one stood.
pub(super) fn take_tests(manifest: &mut Manifest, files: &[PropertiesFile]) -> Vec<Option<UniqueId>> {
    let mut next_of: Vec<Option<UniqueId>> = Vec::new();
    for file in files {
        let is_of = |node: &Node| node.is_generic_test() && node.file.path == file.shown;
        // Its place is told by what follows its tests; they stand together.
        let last = manifest.nodes.values().rposition(is_of);
        next_of.push(last.and_then(|at| manifest.nodes.get_index(at + 1)).map(|(id, _)| id.clone()));
    }
    let is_taken = |node: &Node| node.is_generic_test() && files.iter().any(|file| node.file.path == file.shown);
    if !files.is_empty() {
        manifest.nodes.retain(|_, node| !is_taken(node));
    }
    next_of
}

/// Takes models out whose files are gone, if nothing reads them.
pub(super) fn take_removed(session: &Session<'_>, manifest: &mut Manifest, plan: &Plan) -> Option<Vec<UniqueId>> {
    let mut taken = Vec::new();
    let changed: Vec<String> = plan.properties.iter().map(|file| file.patch_path(session)).collect();
    for id in &plan.removed {
        let node = manifest.nodes.get(id)?;
        let is_described = node.patch_path.as_ref().is_some_and(|path| !changed.contains(path));
        let is_far = node.connection != session.connections.default_name();
        if node.resource_type != ResourceType::Model || is_described || is_far || node.version.is_some() {
            return None;
        }
        notice::check_unread(manifest, id, &plan.removed)?;
        taken.push(id.clone());
    }
    for id in &taken {
        manifest.nodes.shift_remove(id);
    }
    Some(taken)
}

/// Puts a new model in where its file stands among the others.
pub(super) fn insert_model(
    session: &Session<'_>,
    manifest: &mut Manifest,
    ignores: &[Ignore],
    node: Node,
) -> Option<()> {
    let package = session.packages.iter().position(|package| package.name == node.package_name)?;
    let (root, project) = (&session.packages[package].root, &session.packages[package].project);
    let found = session.files.find(package, root, &project.model_paths, &["sql", "py"], ignores.get(package)?).ok()?;
    let at = found.iter().position(|file| file.original_path == node.original_file_path)?;
    let places: HashMap<&str, usize> = manifest
        .nodes
        .values()
        .enumerate()
        .filter(|(_, other)| other.resource_type == ResourceType::Model && other.package_name == node.package_name)
        .map(|(place, other)| (other.original_file_path.as_str(), place))
        .collect();
    let place = |index: usize| places.get(found[index].original_path.as_str()).copied();
    let before = (0..at).rev().find_map(place).map(|before| before + 1);
    let place = before.or_else(|| (at + 1..found.len()).find_map(place))?;
    manifest.nodes.shift_insert(place, node.unique_id.clone(), node);
    Some(())
}

/// Puts the tests of a properties file in: before `next`, if its tests stood before that one; where it had none, before
/// the tests of the files that follow it.
pub(super) fn insert_tests(
    session: &Session<'_>,
    manifest: &mut Manifest,
    ignores: &[Ignore],
    file: &PropertiesFile,
    next: Option<UniqueId>,
    tests: Vec<(UniqueId, Node)>,
) -> Option<()> {
    if tests.is_empty() {
        return Some(());
    }
    let first = match next.and_then(|id| manifest.nodes.get_index_of(&id)) {
        Some(place) => place,
        None => first_test_after(session, manifest, ignores, file)?,
    };
    for (place, (id, test)) in (first..).zip(tests) {
        if manifest.nodes.contains_key(&id) {
            return None;
        }
        manifest.nodes.shift_insert(place, id, test);
    }
    Some(())
}

fn first_test_after(
    session: &Session<'_>,
    manifest: &Manifest,
    ignores: &[Ignore],
    file: &PropertiesFile,
) -> Option<usize> {
    let mut order: HashMap<String, usize> = HashMap::new();
    for (index, package) in session.packages.iter().enumerate() {
        let mut problems = Vec::new();
        for found in properties_files(session.files, index, package, ignores.get(index)?, &mut problems) {
            let shown = session.shown(index, &found.original_path);
            let next = order.len();
            order.entry(shown).or_insert(next);
        }
        if !problems.is_empty() {
            return None;
        }
    }
    let own = *order.get(&file.shown)?;
    let follows = |node: &Node| node.is_generic_test() && order.get(&node.file.path).is_some_and(|place| *place > own);
    Some(manifest.nodes.values().position(follows).unwrap_or(manifest.nodes.len()))
}
