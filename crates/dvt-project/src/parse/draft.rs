//! From a file to a node: rendered once in the parse phase, its config merged, its name in the database made by macros.

use super::config::{ConfigTrees, Layer, Merged, check_types, with_defaults};
use super::connections::Connection;
use super::generic_test::TestedThing;
use super::layering::NodeLayers;
use super::naming::{OwnNames, name_relation};
use super::patch::{Descriptions, config_layer, patches_config, written_config};
use super::properties::PropertyEntry;
use super::reading::{
    Reading, is_python, placeholder, python_reading, relocate, rendered_reading, static_reading, without_macro,
};
use super::session::Session;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_jinja::{Asked, LogLine, ParseBridge, Template, render_template};
use dvt_manifest::{
    Access, Checksum, Compiled, DependsOn, FunctionCall, Node, RefCall, ResourceType, SourceCall, TestInfo,
};
use indexmap::IndexMap;
use serde_json::{Map, Value};
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

/// A node, before its refs are resolved, with what went wrong on the way and what its templates said.
pub(crate) struct Parsed {
    pub(crate) unique_id: String,
    pub(crate) node: Option<Node>,
    pub(crate) problems: Vec<Diagnostic>,
    pub(crate) lines: Vec<LogLine>,
}

/// Renders a draft and builds its node. A template that fails is a problem and gives no node.
pub(crate) fn parse_draft(session: &Session<'_>, draft: Draft<'_>, descriptions: &Descriptions<'_>) -> Parsed {
    let mut problems = Vec::new();
    let unique_id = draft.unique_id.clone();
    let mut ears = Ears::default();
    let node = build(session, draft, descriptions, &mut ears, &mut problems);
    let lines = ears.0.iter().flat_map(|(_, bridge)| bridge.take_lines()).collect();
    Parsed { unique_id, node, problems, lines }
}

/// The connections of one draft, each with a bridge that hears this draft's templates only.
#[derive(Default)]
struct Ears(Vec<(Connection, Arc<ParseBridge>)>);

impl Ears {
    fn on(&mut self, connection: &Connection) -> Connection {
        match self.0.iter().find(|(known, _)| known.name == connection.name) {
            Some((known, _)) => known.clone(),
            None => {
                let (apart, bridge) = connection.apart();
                self.0.push((apart.clone(), bridge));
                apart
            }
        }
    }
}

fn build(
    session: &Session<'_>,
    draft: Draft<'_>,
    descriptions: &Descriptions<'_>,
    ears: &mut Ears,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let mut layers = node_layers(session, &draft, problems);
    let before = layers.full(&draft.extra_layers);
    let mut connection = connection_of(session, &draft, &before, ears, problems)?;
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
        let named = connection_of(session, &draft, &merged, ears, problems)?;
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
    connection = connection_of(session, &draft, &full, ears, problems)?;
    node.connection.clone_from(&connection.name);
    let mut names = OwnNames::of(&full.values);
    if draft.resource_type == ResourceType::Test && !full.values.contains_key("schema") {
        names.schema = Some("dbt_test__audit".to_owned());
    }
    let mut merged = full;
    // dbt keeps what dbt_project.yml said where a later layer takes it back with nothing, for the keys that it knows.
    for (key, value) in layers.base().values {
        if !value.is_null()
            && merged.values.get(&key).is_none_or(Value::is_null)
            && with_defaults(draft.resource_type, Map::new()).0.contains_key(&key)
        {
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

/// The connection that the config names, or the default. An unknown name is a problem at its place.
fn connection_of(
    session: &Session<'_>,
    draft: &Draft<'_>,
    merged: &Merged,
    ears: &mut Ears,
    problems: &mut Vec<Diagnostic>,
) -> Option<Connection> {
    let named = merged.text("target");
    let name = named.or(draft.connection.as_deref()).unwrap_or(session.connections.default_name());
    match session.connections.get(name) {
        Ok(connection) => Some(ears.on(&connection)),
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
        let computes = &session.config.computes;
        check("compute", if computes.is_auto(name) { Ok(()) } else { computes.require(name).map(|_| ()) });
    }
    if let Some(name) = merged.text("bucket") {
        check("bucket", session.config.buckets.require(name).map(|_| ()));
    }
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
