//! Which properties entry describes which node, which version a file is, and entries that describe nothing.

use super::draft::{Draft, VersionOf};
use super::properties::{PropertyEntry, Section};
use super::session::Session;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, Event, did_you_mean, kinds};
use dvt_manifest::{Manifest, ResourceType, compare_versions, version_text};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The entries that describe nodes, by what they describe.
pub(crate) struct Described<'p> {
    entries: HashMap<(Section, usize, String), &'p PropertyEntry>,
    /// By package and file stem: the entry and the version that the file is.
    pub(crate) versions: HashMap<(usize, String), (&'p PropertyEntry, VersionOf<'p>)>,
    /// Entries that describe a node of another package.
    adopted: HashSet<(Section, usize, String)>,
}

impl<'p> Described<'p> {
    /// Sorts the entries; two entries for one node are a problem.
    pub(crate) fn new(session: &Session<'_>, entries: &'p [PropertyEntry], problems: &mut Vec<Diagnostic>) -> Self {
        let mut described = Self { entries: HashMap::new(), versions: HashMap::new(), adopted: HashSet::new() };
        let node_sections = [
            Section::Models,
            Section::Seeds,
            Section::Snapshots,
            Section::Analyses,
            Section::SingularTests,
            Section::Functions,
        ];
        for entry in entries.iter().filter(|entry| node_sections.contains(&entry.section)) {
            let key = (entry.section, entry.package, entry.name.clone());
            if let Some(first) = described.entries.insert(key, entry) {
                problems.push(
                    Diagnostic::error(
                        "duplicate-properties",
                        format!(
                            "dbt found two schema.yml entries for the same resource named {}. Resources and their \
                             associated columns may only be described a single time. To fix this, remove one of the \
                             resource entries for {} in this file: {}",
                            entry.name, entry.name, first.original_path
                        ),
                    )
                    .label(
                        entry.name_span.clone(),
                        format!("again in {}", session.shown(entry.package, &entry.original_path)),
                    )
                    .label(first.name_span.clone(), "first here")
                    .help("keep one of the two entries"),
                );
            }
            if entry.section == Section::Models {
                described.add_versions(entry, problems);
            }
        }
        described
    }

    fn add_versions(&mut self, entry: &'p PropertyEntry, problems: &mut Vec<Diagnostic>) {
        let Some(versions) = entry.yaml.get_set("versions").and_then(Yaml::as_list) else { return };
        let written = entry.written.get_set("versions").and_then(Yaml::as_list).unwrap_or_default();
        let numbers: Vec<(Value, &'p Yaml, &'p Yaml)> = versions
            .iter()
            .enumerate()
            .filter_map(|(index, yaml)| match yaml.get_set("v") {
                Some(version) => Some((version.to_json(), yaml, written.get(index).unwrap_or(yaml))),
                None => {
                    problems.push(
                        Diagnostic::error("no-version", format!("a version of `{}` has no `v`", entry.name))
                            .label(super::properties::first_line(&entry.file, yaml), "this version"),
                    );
                    None
                }
            })
            .collect();
        let mut seen: Vec<String> = Vec::new();
        for (version, yaml, _) in &numbers {
            let text = version_text(version);
            if seen.contains(&text) {
                problems.push(
                    Diagnostic::error(
                        "duplicate-version",
                        format!("Found duplicate version: '{text}' in versions list of model '{}'", entry.name),
                    )
                    .label(super::properties::first_line(&entry.file, yaml), "again here")
                    .help("keep one of the two"),
                );
            }
            seen.push(text);
            let is_rule = |item: &&Yaml| item.get("include").is_some() || item.get("exclude").is_some();
            let columns = yaml.get_set("columns").and_then(Yaml::as_list).unwrap_or_default();
            if let Some(second) = columns.iter().filter(is_rule).nth(1) {
                problems.push(
                    Diagnostic::error(
                        "version-columns",
                        format!(
                            "version can have at most one include/exclude element (version {version} of model '{}')",
                            entry.name
                        ),
                    )
                    .label(super::properties::first_line(&entry.file, second), "a second one")
                    .help("write `include` and `exclude` into one element"),
                );
            }
        }
        let latest = match entry.yaml.get_set("latest_version") {
            Some(latest) => {
                let wanted = latest.to_json();
                if !seen.contains(&version_text(&wanted)) {
                    let all: Vec<Value> = numbers.iter().map(|(version, _, _)| version.clone()).collect();
                    problems.push(
                        Diagnostic::error(
                            "latest-version",
                            format!(
                                "latest_version: {} is not one of model '{}' versions: {} ",
                                version_text(&wanted),
                                entry.name,
                                super::python_text::python_repr(&Value::Array(all))
                            )
                            .trim_end(),
                        )
                        .label(latest.span(&entry.file), "no version of the model")
                        .help("add it below `versions`, or name one that is there"),
                    );
                }
                wanted
            }
            None => {
                let newest =
                    numbers.iter().map(|(version, _, _)| version).max_by(|left, right| compare_versions(left, right));
                newest.cloned().unwrap_or(Value::Null)
            }
        };
        for (version, yaml, written) in numbers {
            let text = version_text(&version);
            let stems = match yaml.get_set("defined_in").and_then(Yaml::scalar_text) {
                Some(stem) => vec![stem],
                None => vec![format!("{}_v{text}", entry.name), format!("{}.v{text}", entry.name)],
            };
            for stem in stems {
                let of = VersionOf { version: version.clone(), latest: latest.clone(), yaml, written };
                self.versions.insert((entry.package, stem), (entry, of));
            }
            // The latest version may live in a file without a suffix.
            if yaml.get("defined_in").is_none() && version_text(&latest) == text {
                let of = VersionOf { version, latest: latest.clone(), yaml, written };
                self.versions.entry((entry.package, entry.name.clone())).or_insert((entry, of));
            }
        }
    }

    pub(crate) fn get(&self, section: Section, package: usize, name: &str) -> Option<&'p PropertyEntry> {
        self.entries.get(&(section, package, name.to_owned())).copied()
    }

    /// An entry whose node is missing or switched off by `dbt_project.yml` describes a node of that name in another
    /// package, as dbt looks for it.
    pub(crate) fn adopt(&mut self, session: &Session<'_>, drafts: &mut [Draft<'p>]) {
        let is_off = |draft: &Draft<'_>| {
            let own = session.trees[draft.package].layers(draft.resource_type, &draft.fqn);
            let root = session.trees[0].layers(draft.resource_type, &draft.fqn);
            let root = if draft.package == 0 { Vec::new() } else { root };
            let mut said =
                own.iter().chain(&root).flat_map(|layer| &layer.entries).filter(|(key, _, _)| key == "enabled");
            said.next_back().is_some_and(|(_, value, _)| *value == Value::Bool(false))
        };
        let mut by_name: HashMap<(ResourceType, String), Vec<usize>> = HashMap::new();
        for (index, draft) in drafts.iter().enumerate().filter(|(_, draft)| draft.resource_type.is_refable()) {
            by_name.entry((draft.resource_type, draft.name.clone())).or_default().push(index);
        }
        let mut entries: Vec<_> = self.entries.iter().map(|(key, entry)| (key.clone(), *entry)).collect();
        entries.sort_by_key(|(key, entry)| (key.1, entry.original_path.clone(), entry.yaml.range.start));
        for (key, entry) in entries {
            let kind = match entry.section {
                Section::Models if entry.yaml.get_set("versions").is_none() => ResourceType::Model,
                Section::Seeds => ResourceType::Seed,
                Section::Snapshots => ResourceType::Snapshot,
                _ => continue,
            };
            let Some(found) = by_name.get(&(kind, entry.name.clone())) else { continue };
            let (own, others): (Vec<usize>, Vec<usize>) =
                found.iter().partition(|&&index| drafts[index].package == entry.package);
            if own.iter().any(|&index| !is_off(&drafts[index])) {
                continue;
            }
            // Which of several would be switched on cannot be told: all stay off, and `warn_unmatched` says so.
            let says = entry.yaml.get_set("config").and_then(|config| config.get_set("enabled"));
            if own.len() > 1 && says.and_then(crate::check::as_boolean) == Some(true) {
                for index in own {
                    drafts[index].properties = None;
                }
                continue;
            }
            let free = |index: &&usize| !is_off(&drafts[**index]) && drafts[**index].properties.is_none();
            let Some(&other) = others.iter().find(free) else { continue };
            for index in own {
                drafts[index].properties = None;
            }
            drafts[other].properties = Some(entry);
            self.adopted.insert(key);
        }
    }

    /// dbt's warning for an entry that describes nothing.
    pub(crate) fn warn_unmatched(
        &self,
        manifest: &Manifest,
        session: &Session<'_>,
        failed: &super::resolve::Failed,
        problems: &mut Vec<Diagnostic>,
    ) {
        let mut unmatched: Vec<(&PropertyEntry, String, Option<ResourceType>)> = Vec::new();
        for (key, entry) in &self.entries {
            let kind = match entry.section {
                Section::Seeds => ResourceType::Seed,
                Section::Snapshots => ResourceType::Snapshot,
                Section::Analyses => ResourceType::Analysis,
                Section::SingularTests => ResourceType::Test,
                Section::Functions => ResourceType::Function,
                _ => ResourceType::Model,
            };
            let package = session.package_name(entry.package);
            let is_there = |kind: ResourceType, name: &str| {
                let id = format!("{kind}.{package}.{name}");
                manifest.node(&id).is_some() || manifest.disabled.contains_key(&id)
            };
            let off = manifest.disabled.get(&format!("{kind}.{package}.{}", entry.name)).map_or(0, Vec::len);
            let says = entry.yaml.get_set("config").and_then(|config| config.get_set("enabled"));
            if let Some(says) = says.filter(|says| off > 1 && crate::check::as_boolean(says) == Some(true)) {
                problems.push(
                    Diagnostic::error(
                        "several-disabled",
                        format!(
                            "Found {off} matching disabled nodes for {kind} '{}'. Multiple nodes for the same unique id \
                             cannot be enabled in the schema file. They must be enabled in `dbt_project.yml` or in the \
                             sql files.",
                            entry.name
                        ),
                    )
                    .label(says.span(&entry.file), "enabled here"),
                );
            }
            if self.adopted.contains(key) || failed.nodes.contains(&entry.name) {
                continue;
            }
            if let Some(versions) = entry.yaml.get_set("versions").and_then(Yaml::as_list) {
                for version in versions.iter().filter_map(|version| Some((version, version.get_set("v")?.to_json()))) {
                    let text = version_text(&version.1);
                    if !is_there(kind, &format!("{}.v{text}", entry.name)) {
                        let defined_in = version.0.get_set("defined_in").and_then(Yaml::scalar_text);
                        unmatched.push((entry, defined_in.unwrap_or_else(|| format!("{}_v{text}", entry.name)), None));
                    }
                }
            } else if !is_there(kind, &entry.name) {
                let others = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];
                let other = others.into_iter().find(|other| *other != kind && is_there(*other, &entry.name));
                unmatched.push((entry, entry.name.clone(), other.filter(|_| kind.is_refable())));
            }
        }
        unmatched.sort_by(|left, right| (&left.0.original_path, &left.1).cmp(&(&right.0.original_path, &right.1)));
        for (entry, name, other) in unmatched {
            let (message, kind) = match other {
                Some(other) => (
                    format!(
                        "'{name}' is a {other} node, but it is specified in the {} section of {}. To fix this error, \
                         place the `{name}` specification under the {other}s key instead.",
                        entry.section.key(),
                        entry.original_path
                    ),
                    kinds::WRONG_RESOURCE_SCHEMA_FILE,
                ),
                None => (
                    format!(
                        "Did not find matching node for patch with name '{name}' in the '{}' section of file '{}'",
                        entry.section.key(),
                        entry.original_path
                    ),
                    kinds::NO_NODE_FOR_YAML_KEY,
                ),
            };
            let event = Event::new(kind, message.clone())
                .with("patch_name", name)
                .with("yaml_key", entry.section.key())
                .with("file_path", entry.original_path.as_str());
            let mut diagnostic = Diagnostic::warning("no-node-for-properties", message)
                .label(entry.name_span.clone(), "describes nothing")
                .event(event);
            let package = session.package_name(entry.package);
            let others =
                manifest.nodes.values().chain(manifest.functions.values()).filter(|node| {
                    node.package_name == package && node.patch_path.is_none() && !node.is_generic_test()
                });
            if let Some(near) = did_you_mean(&entry.name, others.map(|node| node.name.as_str())) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            problems.push(diagnostic);
        }
    }
}
