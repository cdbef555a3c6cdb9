//! From a file to a node: rendered once in the parse phase, its config merged, its name in the database made by macros.

use super::config::{ConfigTrees, Layer, Merged, check_types, with_defaults};
use super::connections::Connection;
use super::generic_test::TestedThing;
use super::layering::{NodeLayers, merge_calls};
use super::patch::{Descriptions, config_layer, patches_config, written_config};
use super::properties::PropertyEntry;
use super::session::Session;
use super::{python_model, static_parse};
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, Event, SourceFile, Span, kinds};
use dvt_jinja::{
    Args, Asked, AskedRef, AskedSource, RefRequest, Rendered, Template, Value as Jinja, call_macro, render_template,
};
use dvt_manifest::{
    Access, Checksum, Compiled, Config, DependsOn, FunctionCall, Node, RefCall, Relation, ResourceType, SourceCall,
    TestInfo,
};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

/// What is known about a node before it is rendered.
pub(crate) struct Draft<'p> {
    pub(crate) resource_type: ResourceType,
    pub(crate) package: usize,
    pub(crate) name: String,
    pub(crate) unique_id: String,
    pub(crate) path: String,
    pub(crate) original_path: String,
    pub(crate) fqn: Vec<String>,
    pub(crate) file: Arc<SourceFile>,
    pub(crate) span: Span,
    pub(crate) template: Arc<SourceFile>,
    pub(crate) template_range: Range<usize>,
    /// dbt's `raw_code`, where it is not the template's text.
    pub(crate) raw_code: Option<String>,
    pub(crate) checksum: Checksum,
    pub(crate) properties: Option<&'p PropertyEntry>,
    pub(crate) version: Option<VersionOf<'p>>,
    /// Layers between the project's config and the file's own: config of a generic test, of a hook.
    pub(crate) extra_layers: Vec<Layer>,
    pub(crate) test: Option<TestInfo>,
    /// The macro of a generic test, and what it tests.
    pub(crate) test_macro: Option<String>,
    pub(crate) tested: Option<TestedThing>,
    /// The group of the node that a generic test is attached to.
    pub(crate) attached_group: Option<Option<String>>,
    /// The name that `dbt_project.yml` configures it by, where it is not `fqn`.
    pub(crate) config_fqn: Option<Vec<String>>,
    /// The connection when the config says none: of a generic test, its model's.
    pub(crate) connection: Option<String>,
    pub(crate) index: Option<usize>,
    pub(crate) tags: Vec<String>,
    pub(crate) description: Option<String>,
}

/// Which version of a versioned model a file is.
#[derive(Clone)]
pub(crate) struct VersionOf<'p> {
    pub(crate) version: Value,
    pub(crate) latest: Value,
    pub(crate) yaml: &'p Yaml,
    /// The same before its Jinja was rendered.
    pub(crate) written: &'p Yaml,
}

/// A node, before its refs are resolved, with what went wrong on the way.
pub(crate) struct Parsed {
    pub(crate) node: Option<Node>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Renders a draft and builds its node. A template that fails is a problem and gives no node.
pub(crate) fn parse_draft(session: &Session<'_>, draft: Draft<'_>, descriptions: &Descriptions<'_>) -> Parsed {
    let mut problems = Vec::new();
    let node = build(session, draft, descriptions, &mut problems);
    Parsed { node, problems }
}

fn build(
    session: &Session<'_>,
    draft: Draft<'_>,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let mut layers = node_layers(session, &draft, problems);
    let before = layers.full(&draft.extra_layers);
    let mut connection = connection_of(session, &draft, &before, problems)?;
    let mut node = skeleton(session, &draft, &connection, &before);
    let mut read = if is_python(&draft) {
        python_reading(session, &draft).map_err(|diagnostic| problems.push(*diagnostic)).ok()?
    } else if let Some(found) = static_reading(session, &draft) {
        found
    } else {
        let stand_in = without_macro(&draft);
        let (text, range) = match &stand_in {
            Some(text) => (text, 0..text.text.len()),
            None => (&draft.template, draft.template_range.clone()),
        };
        let template = match Template::parse_range(text, range) {
            Ok(template) => template,
            Err(error) => {
                problems.push(relocate(error.diagnostic(), &draft));
                return None;
            }
        };
        let mut read = rendered_reading(session, &draft, &node, &connection, &template, &before)
            .map_err(|diagnostic| problems.push(*diagnostic))
            .ok()?;
        let merged = layers.full(&read.calls);
        let named = connection_of(session, &draft, &merged, problems)?;
        if named.name != connection.name {
            // The file names another connection than was assumed: `target` in its Jinja must mean that one.
            connection = named;
            node = skeleton(session, &draft, &connection, &merged);
            read = rendered_reading(session, &draft, &node, &connection, &template, &merged)
                .map_err(|diagnostic| problems.push(*diagnostic))
                .ok()?;
        }
        read
    };
    let full = layers.full(&read.calls);
    connection = connection_of(session, &draft, &full, problems)?;
    node.connection.clone_from(&connection.name);
    let mut names = OwnNames::of(&full.values);
    if draft.resource_type == ResourceType::Test && !full.values.contains_key("schema") {
        names.schema = Some("dbt_test__audit".to_owned());
    }
    let mut merged = full;
    // dbt keeps what dbt_project.yml said where a later layer takes it back with nothing.
    for (key, value) in layers.base().values {
        if !value.is_null() && merged.values.get(&key).is_none_or(Value::is_null) {
            merged.values.insert(key, value);
        }
    }
    let owner = format!("{} `{}`", draft.resource_type, draft.name);
    let before_check = problems.len();
    check_types(&mut merged, &owner, problems);
    super::config_rules::check(&draft, &merged, problems);
    check_names(session, &merged, problems);
    if problems.len() > before_check {
        return None;
    }
    if !session.project_flag("state_modified_compare_more_unrendered_values", true) {
        // The older way: what the file and its properties say counts as it was rendered.
        layers.written_patch = None;
        let calls = super::layering::merge_calls(&read.calls);
        read.written = calls.entries.into_iter().map(|(key, value, _)| (key, value)).collect();
    }
    for layer in &read.calls {
        for (key, value, place) in &layer.entries {
            if super::config::is_text_for_boolean(key, value) && draft.test.is_none() {
                let shown = super::python_text::python_repr(value);
                problems.push(
                    Diagnostic::error(
                        "wrong-type",
                        format!("config `{key}` of {owner} must be true or false: {shown} is not of type 'boolean'"),
                    )
                    .label(place.clone(), "a text")
                    .help("leave the quotes away, or write `| as_bool` after what gives the value"),
                );
                return None;
            }
        }
    }
    node.unrendered_config = layers.written(&read.written);
    if read.is_static && layers.patch.is_none() && draft.version.is_none() {
        node.unrendered_config.extend(read.written.clone());
    }
    node.tags = draft.tags.clone();
    for values in [&layers.without_patch(&read.calls).values, &merged.values] {
        for tag in values.get("tags").map(super::patch::text_list).unwrap_or_default() {
            if !node.tags.contains(&tag) {
                node.tags.push(tag);
            }
        }
    }
    finish(session, draft, node, connection, merged, &names, &read, descriptions, problems)
}

/// All layers of the draft's config but what its file says.
fn node_layers(session: &Session<'_>, draft: &Draft<'_>, problems: &mut Vec<Diagnostic>) -> NodeLayers {
    let (own, root) = (&session.trees[draft.package], &session.trees[0]);
    let (kind, fqn) = (draft.resource_type, draft.config_fqn.as_ref().unwrap_or(&draft.fqn));
    let version = draft.version.as_ref();
    // dbt gives the root project the last word on an installed package's nodes, over the file itself.
    let of_root = |layers: &dyn Fn(&ConfigTrees) -> Vec<Layer>| match draft.package {
        0 => Vec::new(),
        _ => layers(root),
    };
    let patch = draft.properties.and_then(|entry| config_layer(entry, version.map(|version| version.yaml), problems));
    let mut patch = patch;
    if is_python(draft) {
        // dbt's default for Python, over dbt_project.yml.
        let layer = patch.get_or_insert_default();
        if !layer.entries.iter().any(|(key, _, _)| key == "materialized") {
            layer.entries.push(("materialized".to_owned(), Value::from("table"), draft.span.clone()));
        }
    }
    NodeLayers {
        resource_type: kind,
        own: own.layers(kind, fqn),
        root: of_root(&|trees| trees.layers(kind, fqn)),
        written_own: own.written_layers(kind, fqn),
        written_root: of_root(&|trees| trees.written_layers(kind, fqn)),
        patch: patch.map(|layer| own.translate(layer)),
        written_patch: draft
            .properties
            .filter(|_| kind != ResourceType::Test)
            .and_then(|entry| written_config(entry, version.map(|version| version.written))),
    }
}

/// What a file says about its node: the `config` calls, and everything it asks for.
struct Reading {
    calls: Vec<Layer>,
    /// The calls as dbt notes them for `unrendered_config`.
    written: Map<String, Value>,
    asked: Asked,
    /// Macros that dbt lists without having seen a call.
    macros: Vec<String>,
    /// It was read without being rendered.
    is_static: bool,
}

fn is_python(draft: &Draft<'_>) -> bool {
    draft.resource_type == ResourceType::Model && draft.original_path.ends_with(".py")
}

/// The calls of a Python model.
fn python_reading(session: &Session<'_>, draft: &Draft<'_>) -> Result<Reading, Box<Diagnostic>> {
    let text = &draft.template.text[draft.template_range.clone()];
    let place = |range: &Range<usize>| {
        let start = draft.template_range.start;
        Span::new(&draft.template, range.start + start..range.end + start)
    };
    let refuse = |message: String, range: &Range<usize>| {
        Box::new(Diagnostic::error("python-model", message).label(place(range), "in this Python model"))
    };
    if text.contains("{{") && text.contains("}}") || text.contains("{%") && text.contains("%}") {
        return Err(refuse("No jinja in python model code is allowed".to_owned(), &(0..1)));
    }
    let calls = python_model::read(text).map_err(|error| refuse(error.message, &error.range))?;
    let mut asked = Asked::default();
    let mut configs = Vec::new();
    let (mut keys, mut meta_keys) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for call in calls {
        let span = place(&call.range);
        let texts: Vec<&str> = call.positional.iter().filter_map(Value::as_str).collect();
        match call.function {
            "ref" => {
                let (package, name) = match texts.as_slice() {
                    [name] => (None, (*name).to_owned()),
                    [package, name] => (Some((*package).to_owned()), (*name).to_owned()),
                    _ => {
                        let message = format!("ref() takes at most two arguments ({} given)", call.positional.len());
                        return Err(refuse(message, &call.range));
                    }
                };
                let version = call.keyword.iter().find(|(key, _)| key == "v" || key == "version");
                let version = version.map(|(_, version)| version.clone()).filter(|version| !version.is_null());
                let text = version.as_ref().map(dvt_manifest::version_text);
                asked.refs.push(AskedRef { request: RefRequest { package, name, version: text }, version, span });
            }
            "source" => {
                let [source_name, table_name] = texts.as_slice() else {
                    let message = format!("source() takes exactly two arguments ({} given)", call.positional.len());
                    return Err(refuse(message, &call.range));
                };
                asked.sources.push(AskedSource {
                    source_name: (*source_name).to_owned(),
                    table_name: (*table_name).to_owned(),
                    span,
                });
            }
            "config" => {
                let entries = call.keyword.into_iter().map(|(key, value)| (key, value, span.clone())).collect();
                configs.push(session.trees[0].translate(Layer { entries }));
            }
            function => {
                let used = if function == "config.get" { &mut keys } else { &mut meta_keys };
                let Some(key) = call.positional.first() else {
                    let message = format!("dbt.{function}() requires at least one argument");
                    return Err(refuse(message, &call.range));
                };
                if call.positional.len() > 2 {
                    let message =
                        format!("dbt.{function}() takes at most 2 arguments ({} given)", call.positional.len());
                    return Err(refuse(message, &call.range));
                }
                used.0.push(key.clone());
                used.1.push(call.positional.get(1).cloned().unwrap_or(Value::Null));
            }
        }
    }
    if !keys.0.is_empty() || !meta_keys.0.is_empty() {
        let entry = |key: &str, values: Vec<Value>| (key.to_owned(), Value::Array(values), draft.span.clone());
        configs.push(Layer {
            entries: vec![
                entry("config_keys_used", keys.0),
                entry("config_keys_defaults", keys.1),
                entry("meta_keys_used", meta_keys.0),
                entry("meta_keys_defaults", meta_keys.1),
            ],
        });
    }
    let written = as_map(&merge_calls(&configs));
    Ok(Reading { calls: configs, written, asked, macros: Vec::new(), is_static: false })
}

/// What dbt reads without rendering: seeds, models with literal calls only, and its two most common generic tests.
fn static_reading(session: &Session<'_>, draft: &Draft<'_>) -> Option<Reading> {
    let calls = draft.extra_layers.clone();
    match draft.resource_type {
        ResourceType::Seed => {
            let asked = Asked::default();
            Some(Reading { calls, written: Map::new(), asked, macros: Vec::new(), is_static: true })
        }
        ResourceType::Test => {
            let test_macro = draft.test_macro.as_deref()?;
            if !matches!(test_macro, "macro.dbt.test_not_null" | "macro.dbt.test_unique") {
                return None;
            }
            let mut asked = Asked::default();
            match draft.tested.as_ref()? {
                TestedThing::Node { name, version } => asked.refs.push(AskedRef {
                    request: RefRequest {
                        package: None,
                        name: name.clone(),
                        version: version.as_ref().map(dvt_manifest::version_text),
                    },
                    version: version.clone(),
                    span: draft.span.clone(),
                }),
                TestedThing::SourceTable { source, table } => asked.sources.push(AskedSource {
                    source_name: source.clone(),
                    table_name: table.clone(),
                    span: draft.span.clone(),
                }),
            }
            let written = as_map(&merge_calls(&calls));
            Some(Reading { calls, written, asked, macros: vec![test_macro.to_owned()], is_static: true })
        }
        ResourceType::Model => {
            let is_off = session.settings.flags.get("STATIC_PARSER").and_then(Value::as_bool) == Some(false);
            let is_overridden = || {
                [session.root_name(), session.package_name(draft.package)].iter().any(|package| {
                    ["ref", "source", "config"]
                        .iter()
                        .any(|name| session.library.get_in_package(package, name).is_some())
                })
            };
            if is_off || is_overridden() {
                return None;
            }
            let found = static_parse::read(&draft.template.text[draft.template_range.clone()])?;
            let place = |range: &Range<usize>| {
                let start = draft.template_range.start;
                Span::new(&draft.template, range.start + start..range.end + start)
            };
            let mut asked = Asked::default();
            asked.refs.extend(found.refs.into_iter().map(|call| AskedRef {
                request: RefRequest {
                    package: call.package,
                    name: call.name,
                    version: call.version.as_ref().map(dvt_manifest::version_text),
                },
                version: call.version,
                span: place(&call.range),
            }));
            asked.sources.extend(found.sources.into_iter().map(|(source_name, table_name, range)| AskedSource {
                source_name,
                table_name,
                span: place(&range),
            }));
            let calls: Vec<Layer> = found
                .configs
                .into_iter()
                .map(|(key, value, range)| Layer { entries: vec![(key, value, place(&range))] })
                .map(|layer| session.trees[0].translate(layer))
                .collect();
            let written = as_map(&merge_calls(&calls));
            Some(Reading { calls, written, asked, macros: Vec::new(), is_static: true })
        }
        _ => None,
    }
}

fn as_map(layer: &Layer) -> Map<String, Value> {
    layer.entries.iter().map(|(key, value, _)| (key.clone(), value.clone())).collect()
}

/// Renders the template for what it asks.
/// The template of a generic test whose macro is not there: what its arguments ask for, and no call.
fn without_macro(draft: &Draft<'_>) -> Option<Arc<SourceFile>> {
    if draft.test_macro.is_some() {
        return None;
    }
    let metadata = draft.test.as_ref()?.metadata.as_ref()?;
    let namespace = metadata.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
    let call = format!("{{{{ {namespace}test_{}(", metadata.name);
    Some(SourceFile::new(draft.file.path.clone(), draft.template.text.replacen(&call, "{{ dict(", 1)))
}

fn rendered_reading(
    session: &Session<'_>,
    draft: &Draft<'_>,
    node: &Node,
    connection: &Connection,
    template: &Template,
    merged: &Merged,
) -> Result<Reading, Box<Diagnostic>> {
    let rendered = render(session, draft, node, connection, template, merged)?;
    let mut calls = draft.extra_layers.clone();
    let is_calling = !rendered.asked.configs.is_empty();
    calls.extend(
        rendered
            .asked
            .configs
            .iter()
            .map(|config| Layer::from_map(&config.values, &config.span))
            .map(|layer| session.trees[0].translate(layer)),
    );
    // The code that dbt makes of a generic test ends with the test's own config.
    calls.extend(draft.extra_layers.iter().filter(|layer| !layer.entries.is_empty()).cloned());
    let is_generic = draft.test.as_ref().is_some_and(|test| test.metadata.is_some());
    let as_written = if is_generic {
        let file = SourceFile::new(draft.file.path.clone(), draft.raw_code.clone().unwrap_or_default());
        Template::parse(&file).ok().and_then(|template| template.written_config())
    } else {
        template.written_config().filter(|_| is_calling)
    };
    let written = match as_written {
        Some(as_written) if !as_written.is_empty() => {
            as_written.into_iter().map(|(key, text)| (key, Value::String(text))).collect()
        }
        _ => as_map(&merge_calls(&calls)),
    };
    let macros = draft.test_macro.iter().cloned().collect();
    Ok(Reading { calls, written, asked: rendered.asked, macros, is_static: false })
}

/// The connection that the config names, or the default. An unknown name is a problem at its place.
fn connection_of(
    session: &Session<'_>,
    draft: &Draft<'_>,
    merged: &Merged,
    problems: &mut Vec<Diagnostic>,
) -> Option<Connection> {
    let named = merged.text("target");
    let name = named.or(draft.connection.as_deref()).unwrap_or(session.connections.default_name());
    match session.connections.get(name) {
        Ok(connection) => Some(connection),
        Err(mut diagnostic) => {
            if named.is_some()
                && let Some(span) = merged.spans.get("target")
            {
                let label = dvt_diagnostics::Label { span: span.clone(), text: "named here".to_owned() };
                diagnostic.labels.insert(0, label);
            }
            problems.push(diagnostic);
            None
        }
    }
}

/// `compute` and `bucket` must be known, like `target`.
fn check_names(session: &Session<'_>, merged: &Merged, problems: &mut Vec<Diagnostic>) {
    let mut check = |key: &str, result: Result<(), Diagnostic>| {
        if let Err(mut diagnostic) = result {
            if let Some(span) = merged.spans.get(key) {
                diagnostic = diagnostic.label(span.clone(), "named here");
            }
            problems.push(diagnostic);
        }
    };
    if let Some(name) = merged.text("compute") {
        check("compute", session.config.computes.require(name).map(|_| ()));
    }
    if let Some(name) = merged.text("bucket") {
        check("bucket", session.config.buckets.require(name).map(|_| ()));
    }
}

fn render(
    session: &Session<'_>,
    draft: &Draft<'_>,
    node: &Node,
    connection: &Connection,
    template: &Template,
    merged: &Merged,
) -> Result<Rendered, Box<Diagnostic>> {
    let mut context = session.context(draft.package, connection);
    context.node = Some(Arc::new(node.to_json()));
    context.config = merged.values.clone();
    context.this = Some(placeholder(node, connection));
    render_template(&session.library, &context, Arc::clone(&connection.bridge), template)
        .map_err(|error| Box::new(relocate(error.diagnostic(), draft)))
}

/// What `this`, `ref` and `source` give while parsing.
fn placeholder(node: &Node, connection: &Connection) -> Relation {
    let relation = Relation::new(&connection.name, node.database.as_deref(), Some(&node.schema), Some(&node.alias));
    relation.in_dialect(connection.facts.dialect.quote, connection.facts.dialect.has_database)
}

/// A generic test's template is dvt's own text: what is wrong in it is shown where the test stands.
fn relocate(mut diagnostic: Diagnostic, draft: &Draft<'_>) -> Diagnostic {
    if Arc::ptr_eq(&draft.template, &draft.file) {
        return diagnostic;
    }
    let mut is_placed = false;
    for label in &mut diagnostic.labels {
        if Arc::ptr_eq(&label.span.file, &draft.template) {
            label.span = draft.span.clone();
            is_placed = true;
        }
    }
    if !is_placed {
        diagnostic.labels.insert(0, dvt_diagnostics::Label { span: draft.span.clone(), text: "this one".to_owned() });
    }
    diagnostic
}

/// The node as far as it is known before rendering: what templates see as `model`.
fn skeleton(session: &Session<'_>, draft: &Draft<'_>, connection: &Connection, merged: &Merged) -> Node {
    let raw_code = match &draft.raw_code {
        Some(raw_code) => raw_code.clone(),
        None if draft.resource_type == ResourceType::Seed => String::new(),
        None => draft.template.text[draft.template_range.clone()].to_owned(),
    };
    Node {
        unique_id: draft.unique_id.clone(),
        resource_type: draft.resource_type,
        name: draft.name.clone(),
        package_name: session.package_name(draft.package).to_owned(),
        path: draft.path.clone(),
        original_file_path: draft.original_path.clone(),
        fqn: draft.fqn.clone(),
        connection: connection.name.clone(),
        database: connection.default_database(),
        schema: connection.default_schema(),
        alias: draft.name.clone(),
        relation_name: None,
        checksum: draft.checksum.clone(),
        config: with_defaults(draft.resource_type, merged.values.clone()),
        unrendered_config: Map::new(),
        tags: Vec::new(),
        description: String::new(),
        columns: IndexMap::new(),
        meta: Map::new(),
        group: None,
        docs: Map::new(),
        patch_path: None,
        build_path: None,
        created_at: session.now,
        raw_code,
        language: super::functions::language(&draft.original_path).to_owned(),
        refs: Vec::new(),
        sources: Vec::new(),
        metrics: Vec::new(),
        functions: Vec::new(),
        depends_on: DependsOn::default(),
        compiled: Compiled::default(),
        contract_checksum: None,
        access: Access::Protected,
        constraints: Vec::new(),
        version: draft.version.as_ref().map(|version| version.version.clone()),
        defer_relation: None,
        latest_version: draft.version.as_ref().map(|version| version.latest.clone()),
        deprecation_date: None,
        primary_key: Vec::new(),
        time_spine: None,
        doc_blocks: Vec::new(),
        function: None,
        test: draft.test.clone(),
        root_path: (draft.resource_type == ResourceType::Seed)
            .then(|| session.packages[draft.package].root.display().to_string()),
        index: draft.index,
        file: Arc::clone(&draft.file),
        span: draft.span.clone(),
        template: Arc::clone(&draft.template),
        template_range: draft.template_range.clone(),
        style: session.style(connection, merged.values.get("quoting")),
    }
}

#[allow(clippy::too_many_arguments, reason = "the last step of one function, split for length")]
fn finish(
    session: &Session<'_>,
    draft: Draft<'_>,
    mut node: Node,
    connection: Connection,
    merged: Merged,
    names: &OwnNames,
    read: &Reading,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    node.style = session.style(&connection, merged.values.get("quoting"));
    node.config = with_defaults(draft.resource_type, merged.values);
    node.meta = node.config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    node.docs = node.config.get("docs").and_then(Value::as_object).cloned().unwrap_or_default();
    node.group = node.config.text("group").map(str::to_owned);
    node.access = match node.config.text("access") {
        Some("private") => Access::Private,
        Some("public") => Access::Public,
        _ => Access::Protected,
    };
    if let Some(group) = &draft.attached_group {
        node.group.clone_from(group);
    }
    if let Some(description) = &draft.description {
        node.description.clone_from(description);
    }
    let is_test = draft.resource_type == ResourceType::Test;
    let is_patched = draft.version.is_some()
        || draft.properties.is_some_and(|entry| entry.yaml.get_set("config").is_some() || patches_config(entry));
    node.depends_on.macros.clone_from(&read.macros);
    // dbt renders hooks before what it read without rendering, and again when properties change the config.
    if read.is_static && !is_test {
        render_hooks(session, &mut node, &connection, draft.package, problems);
    }
    apply_asked(session, &mut node, &read.asked, &draft);
    if !read.is_static && !is_test {
        render_hooks(session, &mut node, &connection, draft.package, problems);
    }
    if let Some(entry) = draft.properties {
        let version = draft.version.as_ref().map(|version| version.yaml);
        super::patch::apply(session, &mut node, entry, version, descriptions, problems);
        if version.is_some() {
            super::contracts::apply(&mut node, entry, version, problems);
        }
        if is_patched && !is_test {
            render_hooks(session, &mut node, &connection, draft.package, &mut Vec::new());
        }
        super::contracts::apply(&mut node, entry, version, problems);
    }
    if draft.resource_type == ResourceType::Function {
        let info = draft.properties.map(|entry| super::functions::read_info(session, entry, descriptions, problems));
        node.function = Some(info.unwrap_or_default());
    }
    let mut warnings = Vec::new();
    let named = name_relation(session, &mut node, &connection, draft.package, names, &mut warnings);
    problems.append(&mut warnings);
    if let Err(diagnostic) = named {
        problems.push(*diagnostic);
        return None;
    }
    Some(node)
}

/// Writes down what the template asked for.
fn apply_asked(session: &Session<'_>, node: &mut Node, asked: &Asked, draft: &Draft<'_>) {
    let place = |span: &Span| if Arc::ptr_eq(&draft.template, &draft.file) { span.clone() } else { draft.span.clone() };
    for asked_ref in &asked.refs {
        let request = &asked_ref.request;
        node.refs.push(RefCall {
            name: request.name.clone(),
            package: request.package.clone(),
            version: asked_ref.version.clone(),
            span: place(&asked_ref.span),
            unique_id: None,
        });
    }
    for asked_source in &asked.sources {
        node.sources.push(SourceCall {
            source_name: asked_source.source_name.clone(),
            table_name: asked_source.table_name.clone(),
            span: place(&asked_source.span),
            unique_id: None,
        });
    }
    for called in &asked.functions {
        let is_known =
            |known: &FunctionCall| known.name == called.request.name && known.package == called.request.package;
        if !node.functions.iter().any(is_known) {
            node.functions.push(FunctionCall {
                package: called.request.package.clone(),
                name: called.request.name.clone(),
                span: place(&called.span),
                unique_id: None,
            });
        }
    }
    node.metrics.extend(asked.metrics.iter().cloned());
    // A generic test sees the macros that its own names, so dbt notes no others.
    let visible = draft.test_macro.as_deref().map(|test_macro| {
        let where_subquery = session.library.find(&node.package_name, "get_where_subquery");
        let where_subquery = where_subquery.map_or("macro.dbt.get_where_subquery", |found| found.unique_id.as_str());
        session.library.with_dependencies(&[test_macro, where_subquery])
    });
    for called in &asked.direct_macros {
        let is_visible = visible.as_ref().is_none_or(|visible| visible.contains(called));
        if is_visible && !node.depends_on.macros.contains(called) {
            node.depends_on.macros.push(called.clone());
        }
    }
}

/// Hooks may `ref` too: their Jinja is rendered now for what it asks, and again when they run.
fn render_hooks(
    session: &Session<'_>,
    node: &mut Node,
    connection: &Connection,
    package: usize,
    problems: &mut Vec<Diagnostic>,
) {
    let hooks: Vec<String> =
        ["pre-hook", "post-hook"].iter().flat_map(|key| node.config.hooks(key)).map(|(sql, _)| sql).collect();
    for sql in hooks.iter().filter(|sql| sql.contains("{{") || sql.contains("{%")) {
        let file = SourceFile::new(node.original_file_path.clone(), sql.as_str());
        let mut context = session.context(package, connection);
        context.node = Some(Arc::new(node.to_json()));
        context.config = node.config.0.clone();
        context.this = Some(placeholder(node, connection));
        let rendered = Template::parse(&file).and_then(|template| {
            render_template(&session.library, &context, Arc::clone(&connection.bridge), &template)
        });
        match rendered {
            Ok(rendered) => {
                node.refs.extend(rendered.asked.refs.iter().map(|asked| RefCall {
                    name: asked.request.name.clone(),
                    package: asked.request.package.clone(),
                    version: asked.version.clone(),
                    span: asked.span.clone(),
                    unique_id: None,
                }));
                node.sources.extend(rendered.asked.sources.iter().map(|asked| SourceCall {
                    source_name: asked.source_name.clone(),
                    table_name: asked.table_name.clone(),
                    span: asked.span.clone(),
                    unique_id: None,
                }));
                for called in &rendered.asked.direct_macros {
                    if !node.depends_on.macros.contains(called) {
                        node.depends_on.macros.push(called.clone());
                    }
                }
            }
            Err(error) => {
                problems.push(error.diagnostic().note(format!("in a hook of {} `{}`", node.resource_type, node.name)))
            }
        }
    }
}

/// What a node's own config says about its name.
struct OwnNames {
    schema: Option<String>,
    database: Option<String>,
    alias: Option<String>,
    target_schema: Option<String>,
    target_database: Option<String>,
}

impl OwnNames {
    fn of(config: &Map<String, Value>) -> Self {
        let text = |key: &str| match config.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            None | Some(Value::Null) => None,
            Some(other) => Some(other.to_string()),
        };
        Self {
            schema: text("schema"),
            database: text("database"),
            alias: text("alias"),
            target_schema: text("target_schema").filter(|schema| !schema.is_empty()),
            target_database: text("target_database").filter(|database| !database.is_empty()),
        }
    }
}

/// Database, schema and alias, by the project's or dbt's `generate_…_name` macros.
fn name_relation(
    session: &Session<'_>,
    node: &mut Node,
    connection: &Connection,
    package: usize,
    names: &OwnNames,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Box<Diagnostic>> {
    let arguments = NameArguments { session, connection, package, node: OnceCell::new() };
    let is_snapshot = node.resource_type == ResourceType::Snapshot;
    if connection.facts.dialect.has_database {
        node.database = arguments
            .call(node, "generate_database_name", names.database.as_deref())?
            .filter(|name| !name.is_empty() && name != "None");
    } else {
        node.database = None;
    }
    let schema = arguments.call(node, "generate_schema_name", names.schema.as_deref())?;
    let schema = names.target_schema.clone().filter(|_| is_snapshot).or(schema);
    if names.target_database.is_some() && is_snapshot && connection.facts.dialect.has_database {
        node.database.clone_from(&names.target_database);
    }
    let is_lenient = !session.project_flag("require_valid_schema_from_generate_schema_name", false);
    let is_custom = [session.package_name(package), session.root_name()]
        .iter()
        .any(|package| session.library.get_in_package(package, "generate_schema_name").is_some());
    if schema.is_none() && is_lenient && is_custom {
        let message = format!(
            "Node '{}' has a schema set to None as a result of a generate_schema_name call. Please set a valid schema name.",
            node.unique_id
        );
        let event = Event::new(kinds::GENERATE_SCHEMA_NAME_NULL_VALUE_DEPRECATION, message.clone())
            .with("resource_unique_id", node.unique_id.as_str());
        warnings.push(Diagnostic::warning("no-schema", message).label(node.span.clone(), "this node").event(event));
    }
    node.schema = schema.unwrap_or_default();
    if node.schema.is_empty() && warnings.is_empty() {
        return Err(Box::new(
            Diagnostic::error(
                "no-schema",
                format!(
                    "Node '{}' has a schema set to None as a result of a generate_schema_name call.",
                    node.unique_id
                ),
            )
            .label(node.span.clone(), "this node")
            .help(format!(
                "let the macro give a schema, or give the connection `{}` a `schema` in profiles.yml",
                connection.name
            )),
        ));
    }
    if let Some(alias) = arguments.call(node, "generate_alias_name", names.alias.as_deref())? {
        node.alias = alias;
    }
    let has_relation = node.resource_type.is_relational() && !node.is_ephemeral()
        || node.resource_type == ResourceType::Function
        || node.resource_type == ResourceType::Test && stores_failures(&node.config);
    node.relation_name = has_relation.then(|| node.relation().render());
    Ok(())
}

fn stores_failures(config: &Config) -> bool {
    config.boolean("store_failures").unwrap_or(false)
        || config.text("store_failures_as").is_some_and(|how| how != "ephemeral")
}

struct NameArguments<'a, 'b> {
    session: &'a Session<'b>,
    connection: &'a Connection,
    package: usize,
    /// The node as the macros see it, once one is called.
    node: OnceCell<Jinja>,
}

impl NameArguments<'_, '_> {
    /// Calls the macro of this name: the root project's, the node's package's, or dbt's own.
    fn call(&self, node: &Node, name: &str, custom: Option<&str>) -> Result<Option<String>, Box<Diagnostic>> {
        let session = self.session;
        if let Some(known) = session.names.known(name, &self.connection.name, custom, node) {
            return Ok(known);
        }
        let packages = [session.package_name(self.package), session.root_name()];
        let overridden = packages.iter().find_map(|package| session.library.get_in_package(package, name));
        let macro_name = overridden.map_or(name, |definition| definition.unique_id.as_str());
        let mut context = session.context(self.package, self.connection);
        context.node = None;
        let custom_value = custom.map_or_else(|| Jinja::from(&Value::Null), Jinja::from);
        let shown = self.node.get_or_init(|| Jinja::from(&node.to_json())).clone();
        let args = Args::new(name, vec![custom_value, shown]);
        let called = call_macro(&session.library, &context, Arc::clone(&self.connection.bridge), macro_name, args)
            .map_err(|error| {
                Box::new(error.diagnostic().note(format!("called to name {} `{}`", node.resource_type, node.name)))
            })?;
        let answer = match called.value.to_json() {
            Ok(Value::String(text)) => Some(text.trim().to_owned()),
            Ok(Value::Null) | Err(_) => None,
            Ok(other) => Some(other.to_string()),
        };
        session.names.keep(name, &self.connection.name, custom, answer.as_deref());
        Ok(answer)
    }
}

/// A singular test that names no connection runs where all its inputs are, if that is one place. Its refs are known only
/// now, so its place and name are set again.
pub(crate) fn place_singular_tests(
    session: &Session<'_>,
    manifest: &mut dvt_manifest::Manifest,
    problems: &mut Vec<Diagnostic>,
) {
    let mut moves = Vec::new();
    for node in manifest.nodes.values() {
        let is_open =
            node.resource_type == ResourceType::Test && !node.is_generic_test() && node.config.target().is_none();
        if !is_open {
            continue;
        }
        let mut places: Vec<&str> = node
            .depends_on
            .nodes
            .iter()
            .filter_map(|id| {
                let of_node = manifest.nodes.get(id).map(|node| node.connection.as_str());
                of_node.or_else(|| manifest.sources.get(id).map(|source| source.connection.as_str()))
            })
            .collect();
        places.dedup();
        if let [place] = places.as_slice()
            && *place != node.connection
        {
            moves.push((node.unique_id.clone(), (*place).to_owned()));
        }
    }
    for (id, place) in moves {
        let Some(node) = manifest.nodes.get_mut(&id) else { continue };
        let package = session.packages.iter().position(|package| package.name == node.package_name).unwrap_or(0);
        match session.connections.get(&place) {
            Ok(connection) => {
                node.connection = place;
                node.style = session.style(&connection, node.config.get("quoting"));
                node.schema = connection.default_schema();
                node.database = connection.default_database();
                let names = OwnNames::of(&node.config.0);
                if let Err(diagnostic) = name_relation(session, node, &connection, package, &names, &mut Vec::new()) {
                    problems.push(*diagnostic);
                }
            }
            Err(diagnostic) => problems.push(diagnostic),
        }
    }
}
