//! The generic tests of properties entries, as drafts of nodes.

use super::collect::fqn;
use super::config::Layer;
use super::draft::Draft;
use super::generic_test::{GenericTest, TestRules, TestedThing};
use super::patch::Descriptions;
use super::properties::{PropertyEntry, Section};
use super::session::Session;
use crate::render::ValueRenderer;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, Event, SourceFile, kinds};
use dvt_jinja::ValueMode;
use dvt_manifest::{Checksum, Disabled, Manifest, Node, ResourceType, TestInfo, TestMetadata, version_text};
use serde_json::Value;
use std::sync::Arc;

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
        let header = test.config.iter().find(|(key, _, _)| key == "sql_header");
        if let Some((key, _, place)) = header
            && !self.session.project_flag("require_sql_header_in_test_configs", false)
        {
            let key_path = "models.config";
            let message = format!(
                "Custom key `{key}` found in `config` at path `{key_path}` in file `{file}`. Custom config keys should move \
                 into the `config.meta`."
            );
            let event = Event::new(kinds::CUSTOM_KEY_IN_CONFIG_DEPRECATION, message.clone())
                .with("key", key.as_str())
                .with("file", file)
                .with("key_path", key_path);
            self.problems.push(
                Diagnostic::warning("test-config", message)
                    .label(place.clone(), "not a config of tests yet")
                    .event(event)
                    .help("set `require_sql_header_in_test_configs: true` below `flags:` in dbt_project.yml"),
            );
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
            // Rendering takes the last newline, here as in any template.
            let text = text.strip_suffix('\n').unwrap_or(text);
            match renderer.text(text, span, ValueMode::Native) {
                Ok(rendered) => *value = rendered,
                Err(mut diagnostic) => {
                    let path = &self.entry.file.path;
                    diagnostic.message =
                        format!("Invalid generic test configuration given in {path}: {}", diagnostic.message);
                    self.problems.push(diagnostic.note(format!(
                        "in the {key} configuration argument of test \"{}\"; macros of the project and `ref` cannot stand there",
                        test.name
                    )));
                }
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
