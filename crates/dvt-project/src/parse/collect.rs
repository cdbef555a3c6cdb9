//! Which files become which nodes: drafts from the resource folders, with the properties entries that describe them.

use super::config::Layer;
use super::draft::{Draft, VersionOf};
use super::generic_test::{GenericTest, TestRules, TestedThing};
use super::patch::Descriptions;
use super::properties::{PropertyEntry, Section};
use super::session::Session;
use crate::files::{FoundFile, Ignore, find_files, read_text};
use crate::render::ValueRenderer;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, Event, SourceFile, Span, kinds};
use dvt_jinja::{MacroLibrary, ValueMode};
use dvt_manifest::{Checksum, Disabled, Manifest, Node, ResourceType, TestInfo, TestMetadata, version_text};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// dbt hashes seeds up to this size; of larger ones it keeps the path.
const MAXIMUM_HASHED_SEED_BYTES: u64 = 1024 * 1024;

/// The entries that describe nodes, by what they describe.
pub(crate) struct Described<'p> {
    entries: HashMap<(Section, usize, String), &'p PropertyEntry>,
    /// By package and file stem: the entry and the version that the file is.
    versions: HashMap<(usize, String), (&'p PropertyEntry, VersionOf<'p>)>,
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
            problems.push(
                Diagnostic::warning("no-node-for-properties", message)
                    .label(entry.name_span.clone(), "describes nothing")
                    .event(event),
            );
        }
    }
}

fn compare_versions(left: &Value, right: &Value) -> std::cmp::Ordering {
    let number = |version: &Value| version.as_f64().or_else(|| version.as_str().and_then(|text| text.parse().ok()));
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        _ => version_text(left).cmp(&version_text(right)),
    }
}

/// `[package, folders…, last]`.
fn fqn(package: &str, relative_path: &str, last: &str) -> Vec<String> {
    let mut parts: Vec<String> = relative_path.split('/').map(str::to_owned).collect();
    parts.pop();
    let mut fqn = vec![package.to_owned()];
    fqn.extend(parts);
    fqn.push(last.to_owned());
    fqn
}

fn stem(path: &str) -> String {
    Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The drafts of one package's own files.
pub(crate) fn file_drafts<'p>(
    session: &Session<'_>,
    package: usize,
    ignore: &Ignore,
    described: &Described<'p>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Draft<'p>> {
    let project = &session.packages[package].project;
    let mut drafts = Vec::new();
    let collector = Collector { session, package, ignore };
    for found in collector.find(&project.model_paths, &["sql", "py"], problems) {
        drafts.extend(collector.sql(&found, ResourceType::Model, problems).map(|mut draft| {
            if let Some((entry, version)) = described.versions.get(&(package, draft.name.clone())) {
                let suffix = format!("v{}", version_text(&version.version));
                draft.name = entry.name.clone();
                draft.unique_id = format!("model.{}.{}.{suffix}", session.package_name(package), entry.name);
                draft.fqn = fqn(session.package_name(package), &found.relative_path, &entry.name);
                draft.fqn.push(suffix);
                draft.properties = Some(entry);
                draft.version = Some(version.clone());
            } else {
                draft.properties = described.get(Section::Models, package, &draft.name);
            }
            draft
        }));
    }
    for found in collector.find(&project.seed_paths, &["csv"], problems) {
        drafts.extend(collector.seed(&found, problems).map(|mut draft| {
            draft.properties = described.get(Section::Seeds, package, &draft.name);
            draft
        }));
    }
    for found in collector.find(&project.snapshot_paths, &["sql"], problems) {
        for mut draft in collector.snapshots(&found, problems) {
            draft.properties = described.get(Section::Snapshots, package, &draft.name);
            drafts.push(draft);
        }
    }
    for found in collector.find(&project.analysis_paths, &["sql"], problems) {
        drafts.extend(collector.sql(&found, ResourceType::Analysis, problems).map(|mut draft| {
            if !session.project_flag("require_corrected_analysis_fqns", false) {
                draft.path = format!("analysis/{}", found.relative_path);
            }
            draft.fqn = fqn(session.package_name(package), &draft.path, &draft.name);
            draft.properties = described.get(Section::Analyses, package, &draft.name);
            draft
        }));
    }
    for found in collector.find(&project.test_paths, &["sql"], problems) {
        let is_other = ["generic/", "fixtures/"].iter().any(|folder| found.relative_path.starts_with(folder));
        if is_other {
            continue;
        }
        drafts.extend(collector.sql(&found, ResourceType::Test, problems).map(|mut draft| {
            draft.test = Some(TestInfo::default());
            draft.properties = described.get(Section::SingularTests, package, &draft.name);
            draft
        }));
    }
    for found in collector.find(&project.function_paths, super::functions::EXTENSIONS, problems) {
        drafts.extend(collector.sql(&found, ResourceType::Function, problems).map(|mut draft| {
            draft.properties = described.get(Section::Functions, package, &draft.name);
            draft
        }));
    }
    drafts
}

struct Collector<'a, 's> {
    session: &'a Session<'s>,
    package: usize,
    ignore: &'a Ignore,
}

impl Collector<'_, '_> {
    fn find(&self, folders: &[String], extensions: &[&str], problems: &mut Vec<Diagnostic>) -> Vec<FoundFile> {
        let root = &self.session.packages[self.package].root;
        find_files(root, folders, extensions, self.ignore).unwrap_or_else(|diagnostics| {
            problems.extend(diagnostics);
            Vec::new()
        })
    }

    fn read(&self, found: &FoundFile, problems: &mut Vec<Diagnostic>) -> Option<Arc<SourceFile>> {
        read_text(&found.absolute, &self.session.shown(self.package, &found.original_path)).unwrap_or_else(
            |diagnostic| {
                problems.push(diagnostic);
                None
            },
        )
    }

    fn draft<'p>(
        &self,
        found: &FoundFile,
        resource_type: ResourceType,
        name: String,
        file: Arc<SourceFile>,
    ) -> Draft<'p> {
        let package_name = self.session.package_name(self.package);
        let text = &file.text;
        let start = text.len() - text.trim_start().len();
        let end = start + text[start..].trim_end().len();
        Draft {
            resource_type,
            package: self.package,
            unique_id: format!("{resource_type}.{package_name}.{name}"),
            path: found.relative_path.clone(),
            original_path: found.original_path.clone(),
            fqn: fqn(package_name, &found.relative_path, &name),
            name,
            span: Span::line(&file, file.line_column(start).0),
            template: Arc::clone(&file),
            template_range: start..end,
            checksum: Checksum::of_text(text),
            file,
            raw_code: None,
            properties: None,
            version: None,
            extra_layers: Vec::new(),
            test_macro: None,
            tested: None,
            attached_group: None,
            config_fqn: None,
            test: None,
            connection: None,
            index: None,
            tags: Vec::new(),
            description: None,
        }
    }

    fn sql<'p>(
        &self,
        found: &FoundFile,
        resource_type: ResourceType,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Draft<'p>> {
        let file = self.read(found, problems)?;
        Some(self.draft(found, resource_type, stem(&found.relative_path), file))
    }

    /// A seed's rows are read when it is loaded; here its file is only hashed.
    fn seed<'p>(&self, found: &FoundFile, problems: &mut Vec<Diagnostic>) -> Option<Draft<'p>> {
        let shown = self.session.shown(self.package, &found.original_path);
        let checksum = std::fs::metadata(&found.absolute).and_then(|metadata| {
            if metadata.len() > MAXIMUM_HASHED_SEED_BYTES {
                return Ok(Checksum::of_path(&found.original_path));
            }
            std::fs::read(&found.absolute).map(|bytes| Checksum::of_seed(&String::from_utf8_lossy(&bytes)))
        });
        let checksum = match checksum {
            Ok(checksum) => checksum,
            Err(error) => {
                problems.push(crate::files::unreadable(&shown, &error));
                return None;
            }
        };
        let mut draft = self.draft(found, ResourceType::Seed, stem(&found.relative_path), SourceFile::new(shown, ""));
        draft.checksum = checksum;
        Some(draft)
    }

    /// The snapshot blocks of a file.
    fn snapshots<'p>(&self, found: &FoundFile, problems: &mut Vec<Diagnostic>) -> Vec<Draft<'p>> {
        let Some(file) = self.read(found, problems) else { return Vec::new() };
        let blocks = match MacroLibrary::snapshot_blocks(&file) {
            Ok(blocks) => blocks,
            Err(diagnostics) => {
                problems.extend(diagnostics.0);
                return Vec::new();
            }
        };
        blocks
            .into_iter()
            .map(|block| {
                let mut draft = self.draft(found, ResourceType::Snapshot, block.name.clone(), Arc::clone(&file));
                let folder = found.relative_path.strip_suffix(".sql").unwrap_or(&found.relative_path);
                draft.fqn = fqn(self.session.package_name(self.package), &format!("{folder}/x"), &block.name);
                draft.raw_code = Some(file.text[block.body.range.clone()].to_owned());
                draft.template_range = block.body.range;
                draft.span = Span::line(&file, file.line_column(block.span.range.start).0);
                draft
            })
            .collect()
    }
}

/// Snapshots that a properties file defines with `relation:`.
pub(crate) fn yaml_snapshot_drafts<'p>(session: &Session<'_>, entries: &'p [PropertyEntry]) -> Vec<Draft<'p>> {
    entries
        .iter()
        .filter(|entry| entry.section == Section::Snapshots)
        .filter_map(|entry| {
            let relation = entry.yaml.get_set("relation")?.scalar_text()?;
            let raw_code = format!("select * from {{{{ {relation} }}}}");
            let template = SourceFile::new(entry.file.path.clone(), raw_code.as_str());
            let package_name = session.package_name(entry.package);
            Some(Draft {
                resource_type: ResourceType::Snapshot,
                package: entry.package,
                unique_id: format!("snapshot.{package_name}.{}", entry.name),
                path: format!("{}.sql", entry.name),
                original_path: entry.original_path.clone(),
                fqn: fqn(package_name, &entry.relative_path, &entry.name),
                name: entry.name.clone(),
                file: Arc::clone(&entry.file),
                span: entry.name_span.clone(),
                template_range: 0..template.text.len(),
                template,
                checksum: Checksum::of_text(&entry.file.text),
                raw_code: Some(raw_code),
                properties: Some(entry),
                version: None,
                extra_layers: Vec::new(),
                test_macro: None,
                tested: None,
                attached_group: None,
                config_fqn: None,
                test: None,
                connection: None,
                index: None,
                tags: Vec::new(),
                description: None,
            })
        })
        .collect()
}

/// The generic tests of all entries, for things that are in the manifest.
pub(crate) fn generic_test_drafts<'p>(
    session: &Session<'_>,
    entries: &'p [PropertyEntry],
    manifest: &Manifest,
    renderers: &[ValueRenderer],
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Draft<'p>> {
    let mut drafts = Vec::new();
    let rules = TestRules { takes_arguments: session.project_flag("require_generic_test_arguments_property", true) };
    for entry in entries {
        let mut tests = Tests { session, entry, renderers, descriptions, rules, drafts: &mut drafts, problems };
        match entry.section {
            Section::Models | Section::Seeds | Section::Snapshots => tests.of_node(manifest),
            Section::Sources => tests.of_source(manifest),
            _ => {}
        }
    }
    drafts
}

struct Tests<'a, 's, 'p> {
    session: &'a Session<'s>,
    entry: &'p PropertyEntry,
    renderers: &'a [ValueRenderer],
    descriptions: &'a Descriptions<'a>,
    rules: TestRules,
    drafts: &'a mut Vec<Draft<'p>>,
    problems: &'a mut Vec<Diagnostic>,
}

/// Where a test was found: for `file_key_name` and `attached_node`.
struct Attached {
    connection: Option<String>,
    /// A source's tags, which its tests share.
    tags: Vec<String>,
    unique_id: Option<String>,
    /// The node's group, which its tests take over; `None` for a source.
    group: Option<Option<String>>,
    key: String,
}

/// The node that a test is attached to: one that is on, of the package; else any of the name that is off.
fn attached_node<'m>(manifest: &'m Manifest, package: &str, name: &str) -> Option<&'m Node> {
    let kinds = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];
    let found = kinds.iter().find_map(|kind| manifest.nodes.get(&format!("{kind}.{package}.{name}")));
    found.or_else(|| {
        manifest.disabled.values().flatten().find_map(|entry| match entry {
            Disabled::Node(node) if node.resource_type.is_refable() && node.search_name() == name => Some(&**node),
            _ => None,
        })
    })
}

impl Tests<'_, '_, '_> {
    /// Tests of a node that is missing or switched off are read too: dbt says later that they test nothing.
    fn of_node(&mut self, manifest: &Manifest) {
        let entry = self.entry;
        let package_name = self.session.package_name(entry.package);
        let key = format!("{}.{}", entry.section.key(), entry.name);
        let attached = |node: Option<&Node>| Attached {
            connection: node.map(|node| node.connection.clone()),
            tags: Vec::new(),
            unique_id: node.map(|node| node.unique_id.clone()),
            group: node.map(|node| node.group.clone()),
            key: key.clone(),
        };
        let quotes = entry.yaml.get("quote_columns").and_then(Yaml::as_bool) == Some(true);
        if let Some(versions) = entry.yaml.get_set("versions").and_then(Yaml::as_list) {
            for version in versions {
                let Some(number) = version.get_set("v").map(Yaml::to_json) else { continue };
                let name = format!("{}.v{}", entry.name, version_text(&number));
                let attached = attached(attached_node(manifest, package_name, &name));
                let tested = TestedThing::Node { name: entry.name.clone(), version: Some(number) };
                let includes = |column: &str| super::patch::includes(version, column);
                self.columns(&entry.yaml, &tested, &attached, quotes, &includes);
                self.columns(version, &tested, &attached, quotes, &|_| true);
                let own = ["data_tests", "tests"].iter().any(|key| version.get_set(key).is_some());
                self.list(if own { version } else { &entry.yaml }, &tested, None, &attached);
            }
            return;
        }
        let attached = attached(attached_node(manifest, package_name, &entry.name));
        let tested = TestedThing::Node { name: entry.name.clone(), version: None };
        self.columns(&entry.yaml, &tested, &attached, quotes, &|_| true);
        self.list(&entry.yaml, &tested, None, &attached);
    }

    fn of_source(&mut self, manifest: &Manifest) {
        let entry = self.entry;
        let Some(tables) = entry.yaml.get_set("tables").and_then(Yaml::as_list) else { return };
        for table in tables {
            let Some(name) = table.get_set("name").and_then(Yaml::scalar_text) else { continue };
            let id = format!("source.{}.{}.{name}", self.session.package_name(entry.package), entry.name);
            let disabled = || {
                manifest.disabled.get(&id)?.iter().find_map(|entry| match entry {
                    Disabled::Source(source) => Some(&**source),
                    _ => None,
                })
            };
            let Some(source) = manifest.sources.get(&id).or_else(disabled) else { continue };
            let tags = |yaml: &Yaml| yaml.get_set("tags").map(|tags| super::patch::text_list(&tags.to_json()));
            let attached = Attached {
                connection: Some(source.connection.clone()),
                tags: [&entry.yaml, table].into_iter().filter_map(tags).flatten().collect(),
                unique_id: None,
                group: None,
                key: format!("sources.{}", entry.name),
            };
            let tested = TestedThing::SourceTable { source: entry.name.clone(), table: name };
            let quotes = source.quoting.column == Some(true);
            self.list(table, &tested, None, &attached);
            self.columns(table, &tested, &attached, quotes, &|_| true);
        }
    }

    fn columns(
        &mut self,
        yaml: &Yaml,
        tested: &TestedThing,
        attached: &Attached,
        quotes: bool,
        includes: &dyn Fn(&str) -> bool,
    ) {
        let Some(columns) = yaml.get_set("columns").and_then(Yaml::as_list) else { return };
        for column in columns {
            let Some(name) = column.get_set("name").and_then(Yaml::scalar_text) else { continue };
            if !includes(&name) {
                continue;
            }
            let quote = column.get_set("quote").and_then(Yaml::as_bool).unwrap_or(quotes);
            self.list(column, tested, Some((&name, column, quote)), attached);
        }
    }

    fn list(&mut self, yaml: &Yaml, tested: &TestedThing, column: Option<(&str, &Yaml, bool)>, attached: &Attached) {
        if let (Some(_), Some(old)) = (yaml.get("data_tests"), yaml.get_set("tests")) {
            self.problems.push(
                Diagnostic::error(
                    "both-tests",
                    "Invalid test config: cannot have both 'tests' and 'data_tests' defined",
                )
                .label(super::properties::first_line(&self.entry.file, old), "below `tests`")
                .help("move these below `data_tests`"),
            );
            return;
        }
        for key in ["data_tests", "tests"] {
            let Some(value) = yaml.get_set(key) else { continue };
            let Some(items) = value.as_list() else {
                self.problems.push(
                    Diagnostic::error("wrong-type", format!("`{key}` must be a list, but it is {}", value.kind()))
                        .label(super::properties::first_line(&self.entry.file, value), "expected `- unique`"),
                );
                continue;
            };
            for item in items {
                let named = column.map(|(name, _, is_quoted)| (name, is_quoted));
                match GenericTest::read(&self.entry.file, item, tested, named, self.rules) {
                    Ok(test) => {
                        self.warn_of_old_forms(&test, tested);
                        self.add(test, tested, column.map(|(_, yaml, _)| yaml), attached);
                    }
                    Err(diagnostic) => self.problems.push(*diagnostic),
                }
            }
        }
    }

    /// dbt's deprecations for arguments and config that stand beside `arguments:` and `config:`.
    fn warn_of_old_forms(&mut self, test: &GenericTest, tested: &TestedThing) {
        let file = self.entry.original_path.as_str();
        let name = &test.written_name;
        for (key, place) in &test.loose_config {
            let key_path = format!("data_tests.{name}.{key}");
            let message = format!(
                "Found `{key}` as a top-level property of `{key_path}` in file `{file}`. The `{key}` top-level property \
                 should be moved into the `config` of `{key_path}`."
            );
            let event = Event::new(kinds::PROPERTY_MOVED_TO_CONFIG_DEPRECATION, message.clone())
                .with("key", key.as_str())
                .with("file", file)
                .with("key_path", key_path);
            self.problems
                .push(Diagnostic::warning("test-config", message).label(place.clone(), "beside `config`").event(event));
        }
        if test.has_loose_arguments {
            let target = match tested {
                TestedThing::Node { name, .. } => name.clone(),
                TestedThing::SourceTable { source, table } => format!("{source}_{table}"),
            };
            let package = self.session.package_name(self.entry.package);
            let named = format!("`{name}` defined on '{target}' in package '{package}' ({file})");
            let message = format!(
                "Found top-level arguments to test {named}. Arguments to generic tests should be nested under the \
                 `arguments` property."
            );
            let event = Event::new(kinds::MISSING_ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION, message.clone())
                .with("test_name", named);
            self.problems.push(
                Diagnostic::warning("test-arguments", message).label(test.span.clone(), "this test").event(event),
            );
        }
        if test.has_arguments_key {
            let arguments = test.kwargs.get("arguments").cloned().unwrap_or_default();
            let named = format!("`{name}` ({})", super::python_text::python_repr(&arguments));
            let message = format!(
                "Found `arguments` property in test definition of {named} without usage of \
                 `require_generic_test_arguments_property` behavior change flag. The `arguments` property is deprecated \
                 for custom usage and will be used to nest keyword arguments in future versions of dbt."
            );
            let event = Event::new(kinds::ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION, message.clone())
                .with("test_name", named);
            self.problems.push(
                Diagnostic::warning("test-arguments", message).label(test.span.clone(), "this test").event(event),
            );
        }
    }

    fn add(&mut self, mut test: GenericTest, tested: &TestedThing, column: Option<&Yaml>, attached: &Attached) {
        let entry = self.entry;
        let package_name = self.session.package_name(entry.package);
        let library = &self.session.library;
        let definition = library.find_test(package_name, test.namespace.as_deref(), &test.name);
        if definition.is_none() {
            // dbt makes the node all the same: only running the test fails.
            self.problems.push(self.unknown_test(&test));
        }
        let noted = library.noted_test(package_name, &test.name).filter(|_| definition.is_some());
        let test_macro = noted.or(definition).map(|noted| noted.unique_id.clone());
        self.render_config(&mut test);
        let description = match test.description.contains('{') {
            true => self.descriptions.render(self.session, entry, &test.description, &test.span, self.problems),
            false => std::mem::take(&mut test.description),
        };
        let text = test.template();
        let template = SourceFile::new(entry.file.path.clone(), text);
        let raw_code = test.raw_code();
        let mut tags = attached.tags.clone();
        let of_column = |column: &Yaml| {
            let beside = column.get_set("tags").map(Yaml::to_json);
            let in_config = column.get_set("config").and_then(|config| config.get_set("tags")).map(Yaml::to_json);
            [beside, in_config].iter().flatten().flat_map(super::patch::text_list).collect::<Vec<_>>()
        };
        tags.extend(column.map(of_column).unwrap_or_default());
        tags.extend(
            test.config
                .iter()
                .filter(|(key, _, _)| key == "tags")
                .flat_map(|(_, value, _)| super::patch::text_list(value)),
        );
        tags.sort();
        tags.dedup();
        self.drafts.push(Draft {
            resource_type: ResourceType::Test,
            package: entry.package,
            unique_id: format!("test.{package_name}.{}.{}", test.node_name, test.hash()),
            path: format!("{}.sql", test.short_name),
            original_path: entry.original_path.clone(),
            fqn: fqn(
                package_name,
                entry.original_path.split_once('/').map_or(entry.original_path.as_str(), |(_, rest)| rest),
                &test.node_name,
            ),
            name: test.node_name.clone(),
            file: Arc::clone(&entry.file),
            span: test.span.clone(),
            template_range: 0..template.text.len(),
            template,
            raw_code: Some(raw_code),
            checksum: Checksum::none(),
            properties: None,
            version: None,
            extra_layers: vec![Layer { entries: test.config }],
            test_macro,
            tested: Some(tested.clone()),
            attached_group: attached.group.clone(),
            config_fqn: None,
            test: Some(TestInfo {
                column_name: test.column_name,
                file_key_name: Some(attached.key.clone()),
                attached_node: attached.unique_id.clone(),
                metadata: Some(TestMetadata { name: test.name, kwargs: test.kwargs, namespace: test.namespace }),
            }),
            connection: attached.connection.clone(),
            index: None,
            tags,
            description: Some(description),
        });
    }

    /// Config is rendered when the file is read; arguments are when the test is.
    fn render_config(&mut self, test: &mut GenericTest) {
        let renderer = &self.renderers[self.entry.package];
        for (key, value, span) in &mut test.config {
            let Value::String(text) = value else { continue };
            match renderer.text(text, span, ValueMode::Native) {
                Ok(rendered) => *value = rendered,
                Err(diagnostic) => self.problems.push(diagnostic.note(format!(
                    "in the {key} configuration argument of test \"{}\"; macros of the project cannot stand there",
                    test.name
                ))),
            }
        }
        test.config.retain(|(_, value, _)| !value.is_null());
    }

    fn unknown_test(&self, test: &GenericTest) -> Diagnostic {
        let mut diagnostic =
            Diagnostic::warning("unknown-test", format!("there is no generic test named `{}`", test.name));
        if let Some(namespace) = &test.namespace {
            diagnostic.message = format!("there is no generic test `{}` in package `{namespace}`", test.name);
        }
        let known: Vec<&str> = self
            .session
            .library
            .definitions()
            .filter(|definition| definition.kind == dvt_jinja::DefinitionKind::Test)
            .filter_map(|definition| definition.name.strip_prefix("test_"))
            .collect();
        diagnostic = diagnostic.label(test.span.clone(), "not known");
        match dvt_diagnostics::did_you_mean(&test.name, known) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!(
                "write `{{% test {}(model, column_name) %}}` in tests/generic, or install its package",
                test.name
            )),
        }
    }
}
