//! What is described but not built: docs blocks, exposures, groups, unit tests, the macros' entries in the manifest.

use super::config::{Layer, Merged, check_types, with_defaults};
use super::draft::Draft;
use super::patch::Descriptions;
use super::properties::{PropertyEntry, Section};
use super::session::Session;
use crate::check::Reader;
use crate::files::{Ignore, find_files, read_text};
use crate::yaml::{Yaml, map_to_json};
use dvt_diagnostics::{Diagnostic, SourceFile};
use dvt_jinja::{DefinitionKind, MacroLibrary, Template, render_template};
use dvt_manifest::{
    DependsOn, Doc, Exposure, Group, Macro, MacroArgument, MacroKind, Manifest, Owner, RefCall, ResourceType,
    SourceCall, UniqueId, UnitTest,
};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The docs blocks of all packages.
pub(crate) fn read_docs(
    packages: &[crate::Package],
    ignores: &[Ignore],
    problems: &mut Vec<Diagnostic>,
) -> IndexMap<UniqueId, Doc> {
    let mut docs = IndexMap::new();
    for (package, ignore) in packages.iter().zip(ignores) {
        let files = match find_files(&package.root, &package.project.docs_paths, &["md"], ignore) {
            Ok(files) => files,
            Err(diagnostics) => {
                problems.extend(diagnostics);
                continue;
            }
        };
        for found in files {
            let shown = super::session::shown_in(&package.root, &packages[0].root, &found.original_path);
            let file = match read_text(&found.absolute, &shown) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(diagnostic) => {
                    problems.push(diagnostic);
                    continue;
                }
            };
            if !file.text.contains("{%") {
                continue;
            }
            let blocks = match MacroLibrary::docs_blocks(&file) {
                Ok(blocks) => blocks,
                Err(diagnostics) => {
                    problems.extend(diagnostics.0);
                    continue;
                }
            };
            for block in blocks {
                let unique_id = format!("doc.{}.{}", package.name, block.name);
                let doc = Doc {
                    unique_id: unique_id.clone(),
                    name: block.name.clone(),
                    package_name: package.name.clone(),
                    path: found.relative_path.clone(),
                    original_file_path: found.original_path.clone(),
                    block_contents: block.text,
                };
                if let Some(first) = docs.insert(unique_id, doc) {
                    let first: Doc = first;
                    problems.push(
                        Diagnostic::error("duplicate-doc", format!("two docs blocks are named `{}`", block.name))
                            .label(block.span, "this one")
                            .note(format!("the other is in {}", first.original_file_path)),
                    );
                }
            }
        }
    }
    docs
}

fn read_owner(reader: &mut Reader<'_>, yaml: &Yaml) -> Owner {
    let Some(map) = reader.map(yaml, "owner") else { return Owner::default() };
    let mut extra = map_to_json(map);
    let name = extra.shift_remove("name").and_then(|name| name.as_str().map(str::to_owned));
    let email = extra.shift_remove("email").filter(|email| !email.is_null());
    Owner { name, email, extra }
}

pub(crate) fn read_group(session: &Session<'_>, entry: &PropertyEntry, problems: &mut Vec<Diagnostic>) -> Group {
    let package_name = session.package_name(entry.package).to_owned();
    let mut reader = Reader { file: &entry.file, problems };
    let config = reader.map(&entry.yaml, "config").map(map_to_json).unwrap_or_default();
    Group {
        unique_id: format!("group.{package_name}.{}", entry.name),
        name: entry.name.clone(),
        package_name,
        path: entry.relative_path.clone(),
        original_file_path: entry.original_path.clone(),
        owner: read_owner(&mut reader, &entry.yaml),
        description: reader.text(&entry.yaml, "description"),
        meta: config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default(),
    }
}

/// An exposure; its `depends_on` is a list of `ref(...)` and `source(...)` calls.
pub(crate) fn read_exposure(
    session: &Session<'_>,
    entry: &PropertyEntry,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Exposure> {
    let package_name = session.package_name(entry.package).to_owned();
    let yaml = &entry.yaml;
    let mut reader = Reader { file: &entry.file, problems };
    let exposure_type = match reader.text(yaml, "type") {
        Some(kind) if matches!(kind.as_str(), "dashboard" | "notebook" | "analysis" | "ml" | "application") => kind,
        _ => {
            let place = yaml.get("type").map_or_else(|| entry.name_span.clone(), |place| entry.span(place));
            reader.problems.push(
                Diagnostic::error("exposure-type", format!("exposure `{}` needs a `type`", entry.name))
                    .label(place, "expected dashboard, notebook, analysis, ml or application"),
            );
            return None;
        }
    };
    let owner = read_owner(&mut reader, yaml);
    let mut fqn = vec![package_name.clone()];
    fqn.extend(entry.folders().map(str::to_owned));
    fqn.push(entry.name.clone());
    let mut merged = Merged::default();
    session.trees[entry.package].layers(ResourceType::Exposure, &fqn).iter().for_each(|layer| merged.add(layer));
    for key in ["tags", "meta"] {
        if let Some(value) = yaml.get_set(key) {
            merged.add(&Layer { entries: vec![(key.to_owned(), value.to_json(), entry.span(value))] });
        }
    }
    if reader.map(yaml, "config").is_some()
        && let Some(config) = yaml.get_set("config")
    {
        merged.add(&Layer::from_yaml(&entry.file, config));
    }
    let label = reader.text(yaml, "label");
    let maturity = reader.text(yaml, "maturity");
    let url = reader.text(yaml, "url");
    let asked: Vec<Yaml> = reader.list(yaml, "depends_on").map(<[Yaml]>::to_vec).unwrap_or_default();
    check_types(&mut merged, &format!("exposure `{}`", entry.name), problems);
    let (refs, sources) = calls(session, entry, &asked, problems);
    let config = with_defaults(ResourceType::Exposure, merged.values.clone());
    Some(Exposure {
        unique_id: format!("exposure.{package_name}.{}", entry.name),
        name: entry.name.clone(),
        package_name,
        path: entry.relative_path.clone(),
        original_file_path: entry.original_path.clone(),
        fqn,
        exposure_type,
        owner,
        description: descriptions.read(session, entry, yaml, problems),
        label,
        maturity,
        url,
        meta: config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default(),
        tags: config.tags(),
        config,
        unrendered_config: merged.values,
        depends_on: DependsOn::default(),
        refs,
        sources,
        created_at: session.now,
        span: entry.name_span.clone(),
    })
}

/// The refs and sources that texts like `ref('orders')` call.
fn calls(
    session: &Session<'_>,
    entry: &PropertyEntry,
    texts: &[Yaml],
    problems: &mut Vec<Diagnostic>,
) -> (Vec<RefCall>, Vec<SourceCall>) {
    let (mut refs, mut sources) = (Vec::new(), Vec::new());
    let Ok(connection) = session.connections.get(session.connections.default_name()) else {
        return (refs, sources);
    };
    for text in texts {
        let span = entry.span(text);
        let Some(call) = text.as_text() else {
            Reader { file: &entry.file, problems }.wrong_type(
                "depends_on",
                "a list of `ref('…')` and `source('…', '…')`",
                text,
            );
            continue;
        };
        let file = SourceFile::new(entry.original_path.clone(), format!("{{{{ {call} }}}}"));
        let context = session.context(entry.package, &connection);
        let rendered = Template::parse(&file).and_then(|template| {
            render_template(&session.library, &context, Arc::clone(&connection.bridge), &template)
        });
        match rendered {
            Ok(rendered) => {
                refs.extend(rendered.asked.refs.iter().map(|asked| RefCall {
                    name: asked.request.name.clone(),
                    package: asked.request.package.clone(),
                    version: asked.request.version.as_deref().map(Value::from),
                    span: span.clone(),
                    unique_id: None,
                }));
                sources.extend(rendered.asked.sources.iter().map(|asked| SourceCall {
                    source_name: asked.source_name.clone(),
                    table_name: asked.table_name.clone(),
                    span: span.clone(),
                    unique_id: None,
                }));
            }
            Err(error) => {
                let mut diagnostic = error.diagnostic();
                diagnostic.labels.clear();
                problems.push(diagnostic.label(span, "in this dependency"));
            }
        }
    }
    (refs, sources)
}

/// A unit test, as written; its rows are read when it runs.
pub(crate) fn read_unit_test(
    session: &Session<'_>,
    entry: &PropertyEntry,
    problems: &mut Vec<Diagnostic>,
) -> Option<UnitTest> {
    let package_name = session.package_name(entry.package).to_owned();
    let yaml = &entry.yaml;
    let mut reader = Reader { file: &entry.file, problems };
    let Some(model) = reader.text(yaml, "model") else {
        reader.problems.push(
            Diagnostic::error("unit-test", format!("unit test `{}` does not say its `model`", entry.name))
                .label(entry.name_span.clone(), "this unit test"),
        );
        return None;
    };
    let Some(expect) = yaml.get_set("expect") else {
        reader.problems.push(
            Diagnostic::error("unit-test", format!("unit test `{}` expects nothing: `expect` is missing", entry.name))
                .label(entry.name_span.clone(), "this unit test"),
        );
        return None;
    };
    let fqn = vec![package_name.clone(), model.clone(), entry.name.clone()];
    let mut merged = Merged::default();
    session.trees[entry.package].layers(ResourceType::UnitTest, &fqn).iter().for_each(|layer| merged.add(layer));
    if reader.map(yaml, "config").is_some()
        && let Some(config) = yaml.get_set("config")
    {
        merged.add(&Layer::from_yaml(&entry.file, config));
    }
    let given = reader.list(yaml, "given").map(|given| given.iter().map(fixture).collect()).unwrap_or_default();
    let description = reader.text(yaml, "description").unwrap_or_default();
    check_types(&mut merged, &format!("unit test `{}`", entry.name), problems);
    Some(UnitTest {
        unique_id: format!("unit_test.{package_name}.{model}.{}", entry.name),
        name: entry.name.clone(),
        package_name,
        path: entry.relative_path.clone(),
        original_file_path: entry.original_path.clone(),
        fqn,
        model,
        description,
        given,
        expect: fixture(expect),
        overrides: yaml.get_set("overrides").map(Yaml::to_json),
        versions: yaml.get_set("versions").map(Yaml::to_json),
        version: None,
        config: with_defaults(ResourceType::UnitTest, merged.values),
        depends_on: DependsOn::default(),
        checksum: None,
        schema: None,
        created_at: session.now,
        span: entry.name_span.clone(),
    })
}

/// `format` is `dict` when nothing is said.
fn fixture(yaml: &Yaml) -> Value {
    let mut value = yaml.to_json();
    if let Value::Object(map) = &mut value {
        map.entry("format").or_insert_with(|| Value::from("dict"));
        for key in ["rows", "fixture"] {
            map.entry(key).or_insert(Value::Null);
        }
    }
    value
}

/// The macros, with what properties files say about them.
pub(crate) fn manifest_macros(
    session: &Session<'_>,
    entries: &[PropertyEntry],
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> IndexMap<UniqueId, Macro> {
    let mut macros = IndexMap::new();
    for definition in session.library.definitions() {
        let shown = definition.span.file.path.as_str();
        let package = session.packages.iter().position(|package| package.name == definition.package);
        let prefix = package.map(|package| session.shown(package, "")).unwrap_or_default();
        let path = shown.strip_prefix(&prefix).unwrap_or(shown).trim_start_matches('/').to_owned();
        macros.insert(
            definition.unique_id.clone(),
            Macro {
                unique_id: definition.unique_id.clone(),
                name: definition.name.clone(),
                kind: match definition.kind {
                    DefinitionKind::Macro => MacroKind::Macro,
                    DefinitionKind::Materialization => MacroKind::Materialization,
                    DefinitionKind::Test => MacroKind::Test,
                },
                package_name: definition.package.clone(),
                path: path.clone(),
                original_file_path: path,
                macro_sql: definition.macro_sql.clone(),
                depends_on: definition.depends_on.clone(),
                description: String::new(),
                meta: Map::new(),
                docs: Map::new(),
                patch_path: None,
                arguments: Vec::new(),
                created_at: session.now,
                supported_languages: definition.supported_languages.clone(),
                span: Some(definition.span.clone()),
            },
        );
    }
    for entry in entries.iter().filter(|entry| entry.section == Section::Macros) {
        let package_name = session.package_name(entry.package);
        let candidates =
            [format!("macro.{package_name}.{}", entry.name), format!("macro.{package_name}.test_{}", entry.name)];
        let description = descriptions.read(session, entry, &entry.yaml, problems);
        let id = candidates.iter().find(|id| macros.contains_key(*id));
        let Some(described) = id.and_then(|id| macros.get_mut(id)) else {
            problems.push(
                Diagnostic::warning(
                    "no-node-for-properties",
                    format!("Found patch for macro \"{}\" which was not found", entry.name),
                )
                .label(entry.name_span.clone(), "no macro of this name"),
            );
            continue;
        };
        let mut reader = Reader { file: &entry.file, problems };
        described.description = description;
        described.meta = reader.map(&entry.yaml, "meta").map(map_to_json).unwrap_or_default();
        described.docs = reader.map(&entry.yaml, "docs").map(map_to_json).unwrap_or_default();
        described.patch_path = Some(format!("{package_name}://{}", entry.original_path));
        for argument in reader.list(&entry.yaml, "arguments").unwrap_or_default() {
            let name = reader.text(argument, "name").unwrap_or_default();
            let argument_type = reader.text(argument, "type");
            let description = reader.text(argument, "description").unwrap_or_default();
            described.arguments.push(MacroArgument { name, argument_type, description });
        }
    }
    macros
}

/// dbt's `on-run-start` and `on-run-end` operations of one package.
pub(crate) fn hook_drafts<'p>(session: &Session<'_>, package: usize) -> Vec<Draft<'p>> {
    let project = &session.packages[package].project;
    let name = session.package_name(package);
    let mut drafts = Vec::new();
    for (key, hooks) in [("on-run-start", &project.on_run_start), ("on-run-end", &project.on_run_end)] {
        for (index, sql) in hooks.iter().enumerate() {
            let place =
                project.tree.get(key).map(|value| value.as_list().and_then(|items| items.get(index)).unwrap_or(value));
            let span =
                place.map_or_else(|| dvt_diagnostics::Span::line(&project.file, 1), |place| place.span(&project.file));
            let hook_name = format!("{name}-{key}-{index}");
            let template = SourceFile::new(project.file.path.clone(), sql.as_str());
            drafts.push(Draft {
                resource_type: ResourceType::Operation,
                package,
                unique_id: format!("operation.{name}.{hook_name}"),
                path: format!("hooks/{hook_name}.sql"),
                original_path: "./dbt_project.yml".to_owned(),
                fqn: vec![name.to_owned(), "hooks".to_owned(), hook_name.clone()],
                name: hook_name,
                file: Arc::clone(&project.file),
                span,
                template_range: 0..template.text.len(),
                template,
                raw_code: Some(sql.clone()),
                checksum: dvt_manifest::Checksum::of_text(&project.file.text),
                properties: None,
                version: None,
                extra_layers: Vec::new(),
                test: None,
                connection: None,
                index: Some(index),
                tags: vec![key.to_owned()],
                description: None,
            });
        }
    }
    drafts
}

/// Puts a manifest's groups, exposures and unit tests in.
pub(crate) fn add_described(
    session: &Session<'_>,
    entries: &[PropertyEntry],
    descriptions: &Descriptions<'_>,
    manifest: &mut Manifest,
    problems: &mut Vec<Diagnostic>,
) {
    let duplicate = |what: &str, entry: &PropertyEntry, first: &str| {
        Diagnostic::error("duplicate-name", format!("two {what}s are named `{}`", entry.name))
            .label(entry.name_span.clone(), "this one")
            .note(format!("the other is in {first}"))
    };
    for entry in entries {
        match entry.section {
            Section::Groups => {
                let group = read_group(session, entry, problems);
                if let Some(first) = manifest.groups.get(&group.unique_id) {
                    problems.push(duplicate("group", entry, &first.original_file_path));
                    continue;
                }
                manifest.groups.insert(group.unique_id.clone(), group);
            }
            Section::Exposures => {
                let Some(exposure) = read_exposure(session, entry, descriptions, problems) else { continue };
                if let Some(first) = manifest.exposures.get(&exposure.unique_id) {
                    problems.push(duplicate("exposure", entry, &first.original_file_path));
                    continue;
                }
                if exposure.config.enabled() {
                    manifest.exposures.insert(exposure.unique_id.clone(), exposure);
                } else {
                    let id = exposure.unique_id.clone();
                    manifest.disabled.entry(id).or_default().push(dvt_manifest::Disabled::Exposure(Box::new(exposure)));
                }
            }
            Section::UnitTests => {
                let Some(unit_test) = read_unit_test(session, entry, problems) else { continue };
                if let Some(first) = manifest.unit_tests.get(&unit_test.unique_id) {
                    problems.push(duplicate("unit test", entry, &first.original_file_path));
                    continue;
                }
                if unit_test.config.enabled() {
                    manifest.unit_tests.insert(unit_test.unique_id.clone(), unit_test);
                }
            }
            _ => {}
        }
    }
}
