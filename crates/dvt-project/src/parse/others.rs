//! What is described but not built: exposures, groups, the macros' entries in the manifest.

use super::config::{Layer, Merged};
use super::draft::Draft;
use super::patch::Descriptions;
use super::properties::{PropertyEntry, Section};
use super::session::Session;
use crate::check::Reader;
use crate::yaml::{Yaml, map_to_json};
use dvt_diagnostics::{Diagnostic, Event, SourceFile, kinds};
use dvt_jinja::DefinitionKind;
use dvt_manifest::{Group, Macro, MacroArgument, MacroKind, Manifest, Owner, ResourceType, UniqueId};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(crate) fn read_owner(reader: &mut Reader<'_>, yaml: &Yaml) -> Owner {
    let Some(map) = reader.map(yaml, "owner") else { return Owner::default() };
    let mut extra = map_to_json(map);
    let name = extra.shift_remove("name").and_then(|name| name.as_str().map(str::to_owned));
    let email = extra.shift_remove("email").filter(|email| !email.is_null());
    Owner { name, email, extra }
}

pub(crate) fn read_group(session: &Session<'_>, entry: &PropertyEntry, problems: &mut Vec<Diagnostic>) -> Group {
    let package_name = session.package_name(entry.package).to_owned();
    let mut reader = Reader { file: &entry.file, problems };
    let owner = read_owner(&mut reader, &entry.yaml);
    let has_email = owner.email.as_ref().is_some_and(|email| !email.is_null());
    if owner.name.is_none() && !has_email {
        reader.problems.push(
            Diagnostic::error(
                "group-owner",
                format!(
                    "Invalid groups config given in {} @ groups: `{}` - Group owner must have at least one of 'name' or \
                     'email'.",
                    entry.original_path, entry.name
                ),
            )
            .label(entry.name_span.clone(), "this group"),
        );
    }
    let mut fqn = vec![package_name.clone()];
    fqn.extend(entry.folders().map(str::to_owned));
    fqn.push(entry.name.clone());
    let mut merged = Merged::of(ResourceType::Group);
    session.trees[entry.package].layers(ResourceType::Group, &fqn).iter().for_each(|layer| merged.add(layer));
    if reader.map(&entry.yaml, "config").is_some()
        && let Some(config) = entry.yaml.get_set("config")
    {
        merged.add(&Layer::from_yaml(&entry.file, config));
    }
    if entry.package != 0 {
        session.trees[0].layers(ResourceType::Group, &fqn).iter().for_each(|layer| merged.add(layer));
    }
    let meta = merged.values.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut config = merged.values;
    config.retain(|key, _| !matches!(key.as_str(), "pre-hook" | "post-hook"));
    config.entry("meta").or_insert_with(|| Value::Object(Map::new()));
    Group {
        unique_id: format!("group.{package_name}.{}", entry.name),
        name: entry.name.clone(),
        package_name,
        path: entry.relative_path.clone(),
        original_file_path: entry.original_path.clone(),
        owner,
        description: reader.text(&entry.yaml, "description"),
        meta,
        config,
    }
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
                arguments: macro_arguments(session, definition),
                created_at: session.now,
                supported_languages: definition.supported_languages.clone(),
                span: Some(definition.span.clone()),
            },
        );
    }
    for entry in entries.iter().filter(|entry| entry.section == Section::Macros) {
        describe_macro(session, entry, descriptions, &mut macros, problems);
    }
    macros
}

/// The parameters of a macro, as its definition names them. dbt leaves those of tests below `tests/generic` out.
fn macro_arguments(session: &Session<'_>, definition: &dvt_jinja::Definition) -> Vec<MacroArgument> {
    let is_test_file = definition.kind == DefinitionKind::Test
        && session.packages.iter().any(|package| {
            package.name == definition.package
                && package
                    .project
                    .test_paths
                    .iter()
                    .any(|folder| definition.span.file.path.contains(&format!("{folder}/generic/")))
        });
    if is_test_file || !session.project_flag("validate_macro_args", true) {
        return Vec::new();
    }
    if definition.kind == DefinitionKind::Materialization {
        let name = "supported_languages".to_owned();
        return vec![MacroArgument { name, argument_type: None, description: String::new() }];
    }
    let argument =
        |name: &String| MacroArgument { name: name.clone(), argument_type: None, description: String::new() };
    definition.arguments.iter().map(argument).collect()
}

/// Puts what a properties file says on its macro.
fn describe_macro(
    session: &Session<'_>,
    entry: &PropertyEntry,
    descriptions: &Descriptions<'_>,
    macros: &mut IndexMap<UniqueId, Macro>,
    problems: &mut Vec<Diagnostic>,
) {
    let package_name = session.package_name(entry.package);
    let description = descriptions.read(session, entry, &entry.yaml, problems);
    let Some(described) = macros.get_mut(&format!("macro.{package_name}.{}", entry.name)) else {
        let message = format!("Found patch for macro \"{}\" which was not found", entry.name);
        problems.push(
            Diagnostic::warning("no-node-for-properties", message.clone())
                .label(entry.name_span.clone(), "no macro of this name")
                .event(Event::new(kinds::MACRO_NOT_FOUND_FOR_PATCH, message).with("patch_name", entry.name.as_str())),
        );
        return;
    };
    if let Some(first) = &described.patch_path {
        let first = first.split("://").nth(1).unwrap_or(first);
        problems.push(
            Diagnostic::error(
                "duplicate-properties",
                format!(
                    "dbt found two schema.yml entries for the same macro in package {package_name} named {}. Macros may \
                     only be described a single time. To fix this, remove one of the macros entries for {} in this \
                     file: {first}",
                    entry.name, entry.name
                ),
            )
            .label(entry.name_span.clone(), "described again here"),
        );
        return;
    }
    let mut reader = Reader { file: &entry.file, problems };
    let config = reader.map(&entry.yaml, "config").map(map_to_json).unwrap_or_default();
    let mut meta = reader.map(&entry.yaml, "meta").map(map_to_json).unwrap_or_default();
    meta.extend(config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default());
    let docs = reader.map(&entry.yaml, "docs").map(map_to_json).unwrap_or_default();
    described.description = description;
    described.meta = meta;
    described.docs = config.get("docs").and_then(Value::as_object).cloned().unwrap_or(docs);
    described.patch_path = Some(format!("{package_name}://{}", entry.original_path));
    let items: Vec<Yaml> = reader.list(&entry.yaml, "arguments").map(<[Yaml]>::to_vec).unwrap_or_default();
    let mut arguments = Vec::new();
    for item in &items {
        let mut reader = Reader { file: &entry.file, problems };
        let name = reader.text(item, "name").unwrap_or_default();
        let argument_type = reader.text(item, "type");
        let description = descriptions.read(session, entry, item, problems);
        arguments.push(MacroArgument { name, argument_type, description });
    }
    if session.project_flag("validate_macro_args", true) {
        check_arguments(described, &arguments, entry, problems);
        if !arguments.is_empty() {
            described.arguments = arguments;
        }
    } else {
        described.arguments = arguments;
    }
}

/// Described arguments must be the macro's own, with types that dbt knows.
fn check_arguments(
    definition: &Macro,
    arguments: &[MacroArgument],
    entry: &PropertyEntry,
    problems: &mut Vec<Diagnostic>,
) {
    if arguments.is_empty() {
        return;
    }
    let mut messages = Vec::new();
    for (own, described) in definition.arguments.iter().zip(arguments) {
        if own.name != described.name {
            messages.push(format!(
                "Argument {} in yaml for macro {} does not match the jinja definition.",
                described.name, definition.name
            ));
        }
    }
    if definition.arguments.len() != arguments.len() {
        messages.push(format!(
            "The number of arguments in the yaml for macro {} does not match the jinja definition.",
            definition.name
        ));
    }
    for argument in arguments {
        let kind = argument.argument_type.as_deref().unwrap_or_default();
        if !kind.trim().is_empty() && !is_argument_type(kind) {
            messages.push(format!(
                "Argument {} in the yaml for macro {} has an invalid type.",
                argument.name, definition.name
            ));
        }
    }
    for message in messages {
        problems.push(
            Diagnostic::warning("macro-arguments", message.clone()).label(entry.name_span.clone(), "this macro").event(
                Event::new(kinds::INVALID_MACRO_ANNOTATION, message.clone())
                    .with("msg", message)
                    .with("macro_unique_id", definition.unique_id.as_str())
                    .with("macro_file_path", definition.original_file_path.as_str()),
            ),
        );
    }
}

/// dbt's types of macro arguments: `string`, `list[int]`, `dict[str, any]`, `optional[relation]`, ….
fn is_argument_type(text: &str) -> bool {
    let text: String = text.chars().filter(|next| !matches!(next, ' ' | '\t')).collect();
    argument_type(&text) == Some("")
}

/// What is left behind one type.
fn argument_type(text: &str) -> Option<&str> {
    let length = text.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(text.len());
    let parameters = match &text[..length] {
        "str" | "string" | "bool" | "int" | "integer" | "float" | "any" | "relation" | "column" => 0,
        "list" | "optional" => 1,
        "dict" => 2,
        _ => return None,
    };
    let mut rest = &text[length..];
    for index in 0..parameters {
        rest = rest.strip_prefix(if index == 0 { '[' } else { ',' })?;
        rest = argument_type(rest)?;
    }
    if parameters > 0 { rest.strip_prefix(']') } else { Some(rest) }
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
                test_macro: None,
                tested: None,
                attached_group: None,
                config_fqn: None,
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
    fixtures: &super::fixtures::Fixtures,
    descriptions: &Descriptions<'_>,
    manifest: &mut Manifest,
    problems: &mut Vec<Diagnostic>,
) {
    let duplicate = |what: &str, entry: &PropertyEntry, first: &str| {
        Diagnostic::error("duplicate-name", format!("dbt found two {what}s with the name \"{}\"", entry.name))
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
                let Some(exposure) = super::exposures::read(session, entry, descriptions, problems) else { continue };
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
                let Some(unit_test) = super::unit_tests::read(session, entry, fixtures, problems) else {
                    continue;
                };
                if let Some(first) = manifest.unit_tests.get(&unit_test.unique_id) {
                    problems.push(duplicate("unit_test", entry, &first.original_file_path));
                    continue;
                }
                manifest.unit_tests.insert(unit_test.unique_id.clone(), unit_test);
            }
            _ => {}
        }
    }
}
