//! An earlier reading put right where a few files have changed: only what they hold is read again.
//!
//! In: a reading, and the files that are no longer what it saw (models, seeds, snapshots, analyses, tests; properties
//! files that describe models and seeds). Out: what a full reading would give, or `None`: wherever another part of the
//! project could notice the change, and wherever there is something new to be said about the project as a whole, the
//! answer is a full reading, never a guess.
//!
//! What one node's reading depends on is its file, its properties entry, and what is the same for all (macros, docs
//! blocks, `dbt_project.yml`, variables, environment, flags: `cache` has compared them). What others know of a node is
//! its `Face`: as long as that stays, only the node itself and its tests are another.

mod notice;
mod place;

use super::collect;
use super::described::Described;
use super::descriptions::Descriptions;
use super::draft::Draft;
use super::properties::{PropertyEntry, Section, read_properties};
use super::session::{Session, shown_in};
use super::{checks, connections, has_errors, resolve, test_drafts};
use crate::cache::{Change, ChangeKind, Changes, Origin, Remembered};
use crate::files::{FoundFile, Ignore};
use crate::render::ValueRenderer;
use dvt_diagnostics::Diagnostic;
use dvt_jinja::LogLine;
use dvt_manifest::{Doc, IndexMap, Manifest, Node, ResourceType, UniqueId};
use notice::Face;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Puts the reading right. `None`: the project must be read in full.
pub(crate) fn amend(
    session: &Session<'_>,
    docs: &Arc<IndexMap<UniqueId, Doc>>,
    renderers: &[ValueRenderer],
    ignores: &[Ignore],
    earlier: Remembered,
    changes: &Changes,
) -> Option<Remembered> {
    let Remembered { mut manifest, problems, lines } = earlier;
    let descriptions = Descriptions::new(docs, session.packages, renderers);
    let mut said = NewlySaid::default();
    let plan = Plan::new(session, renderers, &manifest, changes, &mut said)?;
    notice::check_said(&plan, &problems, changes)?;

    // The tests of changed properties files go, and come back as the files say them now.
    let first_tests = place::take_tests(&mut manifest, &plan.properties);
    let removed = place::take_removed(session, &mut manifest, &plan)?;
    let before: HashMap<UniqueId, Face> =
        plan.again.iter().map(|id| Some((id.clone(), Face::of(manifest.nodes.get(id)?)))).collect::<Option<_>>()?;
    let mut fresh = parse_nodes(session, &descriptions, ignores, &manifest, &plan, &mut said)?;
    for (id, node) in fresh.drain(..) {
        match before.get(&id) {
            Some(face) if face.is_of(&node) => {
                *manifest.nodes.get_mut(&id)? = node;
            }
            Some(_) => return None,
            None => place::insert_model(session, &mut manifest, ignores, node)?,
        }
    }
    let mut ids: Vec<UniqueId> = plan.again.iter().cloned().collect();
    ids.extend(plan.added.keys().cloned());
    let nodes_only = ids.len();
    for (file, at) in plan.properties.iter().zip(first_tests) {
        let tests = test_drafts::generic_test_drafts(
            session,
            &file.entries,
            &manifest,
            renderers,
            &descriptions,
            said.of(Origin::Properties(file.shown.clone())),
        );
        let tests = said.parse(session, tests, &descriptions)?;
        ids.extend(tests.iter().map(|(id, _)| id.clone()));
        place::insert_tests(session, &mut manifest, ignores, file, at, tests)?;
    }
    said.settle()?;

    resolve::resolve_some(session, &mut manifest, &ids)?;
    resolve::infer_primary_keys(&mut manifest);
    notice::check_nodes(session, &manifest, &ids)?;
    let mut wrong = Vec::new();
    let is_moved =
        |id: &UniqueId| manifest.nodes.get(id).zip(before.get(id)).is_none_or(|(node, face)| face.is_moved(node));
    if ids[..nodes_only].iter().any(is_moved) {
        resolve::check_relations(session, &manifest, &mut wrong);
    }
    if !wrong.is_empty() || ids[..nodes_only].iter().any(|id| resolve::reads_itself(&manifest, id)) {
        return None;
    }
    let has_other_nodes = !plan.added.is_empty() || !removed.is_empty();
    finish(session, manifest, problems, lines, said, &plan, has_other_nodes)
}

/// The reading, with what is said about it.
fn finish(
    session: &Session<'_>,
    manifest: Manifest,
    mut problems: Vec<(Origin, Diagnostic)>,
    mut lines: Vec<(Origin, LogLine)>,
    said: NewlySaid,
    plan: &Plan,
    has_other_nodes: bool,
) -> Option<Remembered> {
    problems.retain(|(origin, _)| !plan.replaces(origin));
    lines.retain(|(origin, _)| !plan.replaces(origin));
    problems.extend(said.problems);
    lines.extend(said.lines);
    let shared = session.connections.take_lines();
    if !shared.is_empty() || session.invocation.uses.so_far().itertools {
        return None;
    }
    if has_other_nodes {
        let mut unused = Vec::new();
        let (fqns, disabled) = super::all_fqns(&manifest);
        session.trees[0].warn_unused(&fqns, &disabled, &mut unused);
        problems.retain(|(_, problem)| problem.id != "unused-config-path");
        problems.extend(unused.into_iter().map(|problem| (Origin::Project, problem)));
    }
    problems.retain(|(_, problem)| problem.id != "template-warning");
    let warnings = connections::warnings(lines.iter().map(|(_, line)| line));
    problems.extend(warnings.into_iter().map(|problem| (Origin::Project, problem)));
    Some(Remembered { manifest, problems, lines })
}

/// What the changes mean: which nodes are read again, which come and go.
struct Plan {
    /// Nodes that stay, and are read again.
    again: HashSet<UniqueId>,
    /// Models that are new, with their files.
    added: HashMap<UniqueId, (usize, String)>,
    removed: HashSet<UniqueId>,
    /// Properties files that have changed.
    properties: Vec<PropertiesFile>,
    /// Generic tests of those files, as they were.
    tests: HashSet<UniqueId>,
    /// Entries of unchanged files that describe nodes that are read again.
    described: Vec<PropertyEntry>,
}

struct PropertiesFile {
    package: usize,
    place: FoundFile,
    shown: String,
    entries: Vec<PropertyEntry>,
}

impl PropertiesFile {
    /// How nodes name the file that describes them.
    fn patch_path(&self, session: &Session<'_>) -> String {
        format!("{}://{}", session.package_name(self.package), self.place.original_path)
    }
}

impl Plan {
    fn new(
        session: &Session<'_>,
        renderers: &[ValueRenderer],
        manifest: &Manifest,
        changes: &Changes,
        said: &mut NewlySaid,
    ) -> Option<Self> {
        let mut plan = Self {
            again: HashSet::new(),
            added: HashMap::new(),
            removed: HashSet::new(),
            properties: Vec::new(),
            tests: HashSet::new(),
            described: Vec::new(),
        };
        let is_properties = |change: &&Change| {
            let path = change.place.original_path.to_lowercase();
            path.ends_with(".yml") || path.ends_with(".yaml")
        };
        for change in changes.files.iter().filter(|change| !is_properties(change)) {
            match change.kind {
                ChangeKind::Changed => {
                    plan.again.insert(notice::only_node_of(manifest, &change.shown)?);
                }
                ChangeKind::Removed => {
                    plan.removed.insert(notice::only_node_of(manifest, &change.shown)?);
                }
                ChangeKind::Added => {
                    let name = notice::free_name(manifest, &change.place)?;
                    let id = format!("model.{}.{name}", session.package_name(change.package));
                    let file = (change.package, change.place.original_path.clone());
                    if plan.added.insert(id, file).is_some() {
                        return None;
                    }
                }
            }
        }
        for path in &changes.seeds {
            let is_seed = |node: &&Node| {
                let root = node.root_path.as_deref().map(std::path::Path::new);
                root.is_some_and(|root| root.join(&node.original_file_path) == *path)
            };
            let mut found = manifest.nodes.values().filter(is_seed);
            plan.again.insert(found.next()?.unique_id.clone());
            if found.next().is_some() {
                return None;
            }
        }
        for change in changes.files.iter().filter(is_properties) {
            plan.add_properties(session, renderers, manifest, change, said)?;
        }
        if plan.again.iter().any(|id| plan.removed.contains(id)) {
            plan.again.retain(|id| !plan.removed.contains(id));
        }
        for id in plan.again.iter().chain(&plan.removed) {
            notice::check_replaceable(manifest, id)?;
        }
        if plan.added.len() + plan.removed.len() > 0 {
            notice::check_graph_readers(manifest)?;
        }
        plan.find_descriptions(session, renderers, manifest)?;
        Some(plan)
    }

    /// A properties file that only describes models and seeds: those are read again, and so are its tests.
    fn add_properties(
        &mut self,
        session: &Session<'_>,
        renderers: &[ValueRenderer],
        manifest: &Manifest,
        change: &Change,
        said: &mut NewlySaid,
    ) -> Option<()> {
        let problems = said.of(Origin::Properties(change.shown.clone()));
        let renderer = renderers.get(change.package)?;
        let entries = read_properties(session.files, change.package, &change.place, &change.shown, renderer, problems);
        if has_errors(problems) {
            return None;
        }
        let file = PropertiesFile {
            package: change.package,
            place: change.place.clone(),
            shown: change.shown.clone(),
            entries,
        };
        notice::check_sections(session, manifest, &file)?;
        let patch_path = file.patch_path(session);
        for node in manifest.nodes.values() {
            if node.patch_path.as_ref() == Some(&patch_path) {
                if !matches!(node.resource_type, ResourceType::Model | ResourceType::Seed) || node.version.is_some() {
                    return None;
                }
                self.again.insert(node.unique_id.clone());
            } else if node.is_generic_test() && node.file.path == file.shown {
                self.tests.insert(node.unique_id.clone());
            }
        }
        let package_name = session.package_name(file.package);
        for entry in &file.entries {
            let kind = if entry.section == Section::Seeds { ResourceType::Seed } else { ResourceType::Model };
            let id = format!("{kind}.{package_name}.{}", entry.name);
            if self.added.contains_key(&id) {
                continue;
            }
            let node = manifest.nodes.get(&id)?;
            // An entry may describe a node of that name in another package, by rules of its own.
            let is_shared = manifest.nodes.values().any(|other| {
                other.name == entry.name && other.resource_type == kind && other.package_name != package_name
            });
            let is_others = node.patch_path.as_ref().is_some_and(|path| *path != patch_path);
            if is_others || is_shared || self.removed.contains(&id) {
                return None;
            }
            self.again.insert(id);
        }
        self.properties.push(file);
        Some(())
    }

    /// The entries of unchanged files that describe what is read again.
    fn find_descriptions(
        &mut self,
        session: &Session<'_>,
        renderers: &[ValueRenderer],
        manifest: &Manifest,
    ) -> Option<()> {
        let changed: HashSet<String> = self.properties.iter().map(|file| file.patch_path(session)).collect();
        let mut read: HashSet<&str> = HashSet::new();
        for id in &self.again {
            let node = manifest.nodes.get(id)?;
            let Some(path) = node.patch_path.as_deref() else { continue };
            if changed.contains(path) || !read.insert(path) {
                continue;
            }
            let (package_name, original) = path.split_once("://")?;
            let package = session.packages.iter().position(|package| package.name == package_name)?;
            // An entry of another package describes a node by rules of its own.
            if node.package_name != package_name {
                return None;
            }
            let root = &session.packages[package].root;
            let shown = shown_in(root, &session.packages[0].root, original);
            let relative = original.split_once('/').map_or(original, |(_, rest)| rest);
            let place = FoundFile {
                absolute: root.join(original),
                original_path: original.to_owned(),
                relative_path: relative.to_owned(),
            };
            // What is wrong in it was said before.
            let mut problems = Vec::new();
            self.described.extend(read_properties(
                session.files,
                package,
                &place,
                &shown,
                renderers.get(package)?,
                &mut problems,
            ));
            if has_errors(&problems) {
                return None;
            }
        }
        Some(())
    }

    /// Whether what was said by this part of the reading is said anew.
    fn replaces(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Project => false,
            Origin::Node(id) => self.again.contains(id) || self.removed.contains(id) || self.tests.contains(id),
            Origin::Properties(shown) => self.properties.iter().any(|file| file.shown == *shown),
        }
    }
}

/// What is said by what is read again.
#[derive(Default)]
struct NewlySaid {
    /// Not yet settled: by the part that said it.
    pending: Vec<(Origin, Vec<Diagnostic>)>,
    problems: Vec<(Origin, Diagnostic)>,
    lines: Vec<(Origin, LogLine)>,
}

impl NewlySaid {
    fn of(&mut self, origin: Origin) -> &mut Vec<Diagnostic> {
        let at = match self.pending.iter().position(|(known, _)| *known == origin) {
            Some(at) => at,
            None => {
                self.pending.push((origin, Vec::new()));
                self.pending.len() - 1
            }
        };
        &mut self.pending[at].1
    }

    /// Parses drafts; `None` where one fails, is switched off, or asks for what only the whole project can answer.
    fn parse(
        &mut self,
        session: &Session<'_>,
        drafts: Vec<Draft<'_>>,
        descriptions: &Descriptions<'_>,
    ) -> Option<Vec<(UniqueId, Node)>> {
        let mut nodes = Vec::with_capacity(drafts.len());
        for parsed in super::parse_in_parallel(session, drafts, descriptions) {
            let origin = Origin::Node(parsed.unique_id.clone());
            if has_errors(&parsed.problems) {
                return None;
            }
            self.problems.extend(parsed.problems.into_iter().map(|problem| (origin.clone(), problem)));
            self.lines.extend(parsed.lines.into_iter().map(|line| (origin.clone(), line)));
            let node = parsed.node.filter(|node| node.config.enabled())?;
            if !node.functions.is_empty() || !node.metrics.is_empty() || checks::is_microbatch(&node) {
                return None;
            }
            nodes.push((parsed.unique_id, node));
        }
        Some(nodes)
    }

    /// Everything that was said has its origin; none of it is an error, and all of it has a place.
    fn settle(&mut self) -> Option<()> {
        for (origin, problems) in self.pending.drain(..) {
            self.problems.extend(problems.into_iter().map(|problem| (origin.clone(), problem)));
        }
        let is_placed = |(_, problem): &(Origin, Diagnostic)| !problem.labels.is_empty();
        let is_error = self.problems.iter().any(|(_, problem)| has_errors(std::slice::from_ref(problem)));
        (!is_error && self.problems.iter().all(is_placed)).then_some(())
    }
}

/// Reads the nodes again, and the new ones.
fn parse_nodes(
    session: &Session<'_>,
    descriptions: &Descriptions<'_>,
    ignores: &[Ignore],
    manifest: &Manifest,
    plan: &Plan,
    said: &mut NewlySaid,
) -> Option<Vec<(UniqueId, Node)>> {
    let mut files: HashSet<(usize, String)> = plan.added.values().cloned().collect();
    for id in &plan.again {
        let node = manifest.nodes.get(id)?;
        let package = session.packages.iter().position(|package| package.name == node.package_name)?;
        files.insert((package, node.original_file_path.clone()));
    }
    if files.is_empty() {
        // Only tests are another.
        return Some(Vec::new());
    }
    let mut entries: Vec<PropertyEntry> = plan.described.clone();
    entries.extend(plan.properties.iter().flat_map(|file| file.entries.iter().cloned()));
    let mut problems = Vec::new();
    let described = Described::new(session, &entries, &mut problems);
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for (package, ignore) in ignores.iter().enumerate() {
        if files.iter().any(|(of, _)| *of == package) {
            let wants = |file: &FoundFile| files.contains(&(package, file.original_path.clone()));
            drafts.extend(collect::file_drafts(session, package, ignore, &described, &wants, &mut problems));
        }
    }
    if !problems.is_empty() || drafts.len() != plan.again.len() + plan.added.len() {
        return None;
    }
    let changed: HashSet<String> = plan.properties.iter().map(|file| file.patch_path(session)).collect();
    let mut seen: HashSet<&str> = HashSet::new();
    for draft in &drafts {
        if !seen.insert(&draft.unique_id) {
            return None;
        }
        let path =
            draft.properties.map(|entry| format!("{}://{}", session.package_name(entry.package), entry.original_path));
        if plan.added.contains_key(&draft.unique_id) {
            continue;
        }
        let was = plan.again.contains(&draft.unique_id).then(|| manifest.nodes.get(&draft.unique_id))??;
        // Only a changed file describes what it did not, or no longer what it did.
        let is_same = path == was.patch_path;
        let is_changed = |path: &Option<String>| path.as_ref().is_none_or(|path| changed.contains(path));
        if !(is_same || is_changed(&path) && is_changed(&was.patch_path)) {
            return None;
        }
    }
    said.parse(session, drafts, descriptions)
}
