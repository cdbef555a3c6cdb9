//! From a file to a node: rendered once in the parse phase, its config merged, its name in the database made by macros.

use super::config::{Layer, Merged, check_types, with_defaults};
use super::connections::Connection;
use super::patch::{Descriptions, config_layers};
use super::properties::PropertyEntry;
use super::session::Session;
use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_jinja::{Args, Asked, Rendered, Template, Value as Jinja, call_macro, render_template};
use dvt_manifest::{
    Access, Checksum, Compiled, Config, DependsOn, Node, RefCall, Relation, ResourceType, SourceCall, TestInfo,
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
    let owner = format!("{} `{}`", draft.resource_type, draft.name);
    let own_layers = session.trees[draft.package].layers(draft.resource_type, &draft.fqn);
    let mut lower = own_layers;
    if let Some(entry) = draft.properties {
        lower.extend(config_layers(entry, draft.version.as_ref().map(|version| version.yaml), problems));
    }
    lower.extend(draft.extra_layers.iter().cloned());
    // dbt gives the root project the last word on an installed package's nodes, over the file itself.
    let upper = match draft.package {
        0 => Vec::new(),
        _ => session.trees[0].layers(draft.resource_type, &draft.fqn),
    };
    let merge = |in_file: &[Layer]| {
        let mut merged = Merged::default();
        lower.iter().chain(in_file).chain(&upper).for_each(|layer| merged.add(layer));
        merged
    };
    let before = merge(&[]);
    let connection = connection_of(session, &draft, &before, problems)?;
    let template = if draft.resource_type == ResourceType::Seed {
        None
    } else {
        match Template::parse_range(&draft.template, draft.template_range.clone()) {
            Ok(template) => Some(template),
            Err(error) => {
                problems.push(relocate(error.diagnostic(), &draft));
                return None;
            }
        }
    };
    let mut node = skeleton(session, &draft, &connection, &before, template.as_ref());
    let mut asked = Asked::default();
    let mut merged = before;
    let mut connection = connection;
    if let Some(template) = &template {
        let rendered = render(session, &draft, &node, &connection, template, &merged)
            .map_err(|diagnostic| problems.push(*diagnostic))
            .ok()?;
        asked = rendered.asked;
        merged = merge(&in_file_layers(&asked));
        let named = connection_of(session, &draft, &merged, problems)?;
        if named.name != connection.name {
            // The file names another connection than was assumed: `target` in its Jinja must mean that one.
            connection = named;
            node = skeleton(session, &draft, &connection, &merged, Some(template));
            let rendered = render(session, &draft, &node, &connection, template, &merged)
                .map_err(|diagnostic| problems.push(*diagnostic))
                .ok()?;
            asked = rendered.asked;
            merged = merge(&in_file_layers(&asked));
        }
    }
    let before_check = problems.len();
    check_types(&mut merged, &owner, problems);
    check_names(session, &merged, problems);
    if problems.len() > before_check {
        return None;
    }
    finish(session, draft, node, connection, merged, asked, descriptions, problems)
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

fn in_file_layers(asked: &Asked) -> Vec<Layer> {
    asked.configs.iter().map(|config| Layer::from_map(&config.values, &config.span)).collect()
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
fn skeleton(
    session: &Session<'_>,
    draft: &Draft<'_>,
    connection: &Connection,
    merged: &Merged,
    template: Option<&Template>,
) -> Node {
    let raw_code =
        draft.raw_code.clone().or_else(|| template.map(|template| template.text().to_owned())).unwrap_or_default();
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
        language: "sql".to_owned(),
        refs: Vec::new(),
        sources: Vec::new(),
        depends_on: DependsOn::default(),
        compiled: Compiled::default(),
        contract_checksum: None,
        access: Access::Protected,
        constraints: Vec::new(),
        version: draft.version.as_ref().map(|version| version.version.clone()),
        latest_version: draft.version.as_ref().map(|version| version.latest.clone()),
        deprecation_date: None,
        primary_key: Vec::new(),
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
    asked: Asked,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    node.style = session.style(&connection, merged.values.get("quoting"));
    node.unrendered_config = merged.values.clone();
    node.config = with_defaults(draft.resource_type, merged.values);
    apply_asked(&mut node, &asked, &draft);
    node.tags = draft.tags.clone();
    for tag in node.config.tags() {
        if !node.tags.contains(&tag) {
            node.tags.push(tag);
        }
    }
    node.meta = node.config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    node.docs = node.config.get("docs").and_then(Value::as_object).cloned().unwrap_or_default();
    node.group = node.config.text("group").map(str::to_owned);
    node.access = match node.config.text("access") {
        Some("private") => Access::Private,
        Some("public") => Access::Public,
        _ => Access::Protected,
    };
    if let Some(description) = draft.description {
        node.description = description;
    }
    if let Some(entry) = draft.properties {
        super::patch::apply(
            session,
            &mut node,
            entry,
            draft.version.as_ref().map(|version| version.yaml),
            descriptions,
            problems,
        );
    }
    render_hooks(session, &mut node, &connection, draft.package, problems);
    if let Err(diagnostic) = name_relation(session, &mut node, &connection, draft.package) {
        problems.push(*diagnostic);
        return None;
    }
    Some(node)
}

/// Writes down what the template asked for.
fn apply_asked(node: &mut Node, asked: &Asked, draft: &Draft<'_>) {
    let place = |span: &Span| if Arc::ptr_eq(&draft.template, &draft.file) { span.clone() } else { draft.span.clone() };
    for asked_ref in &asked.refs {
        let request = &asked_ref.request;
        let version = request.version.as_ref().map(|text| match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(text.as_str()),
        });
        let call = RefCall {
            name: request.name.clone(),
            package: request.package.clone(),
            version,
            span: place(&asked_ref.span),
            unique_id: None,
        };
        if !node
            .refs
            .iter()
            .any(|known| (&known.name, &known.package, &known.version) == (&call.name, &call.package, &call.version))
        {
            node.refs.push(call);
        }
    }
    for asked_source in &asked.sources {
        let is_known = node.sources.iter().any(|known| {
            (&known.source_name, &known.table_name) == (&asked_source.source_name, &asked_source.table_name)
        });
        if !is_known {
            node.sources.push(SourceCall {
                source_name: asked_source.source_name.clone(),
                table_name: asked_source.table_name.clone(),
                span: place(&asked_source.span),
                unique_id: None,
            });
        }
    }
    for called in &asked.macros {
        if !node.depends_on.macros.contains(&called.name) {
            node.depends_on.macros.push(called.name.clone());
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
                for asked_ref in &rendered.asked.refs {
                    let request = &asked_ref.request;
                    if !node.refs.iter().any(|known| known.name == request.name && known.package == request.package) {
                        node.refs.push(RefCall {
                            name: request.name.clone(),
                            package: request.package.clone(),
                            version: request.version.as_deref().map(Value::from),
                            span: asked_ref.span.clone(),
                            unique_id: None,
                        });
                    }
                }
                for called in &rendered.asked.macros {
                    if !node.depends_on.macros.contains(&called.name) {
                        node.depends_on.macros.push(called.name.clone());
                    }
                }
            }
            Err(error) => {
                problems.push(error.diagnostic().note(format!("in a hook of {} `{}`", node.resource_type, node.name)))
            }
        }
    }
}

/// Database, schema and alias, by the project's or dbt's `generate_…_name` macros.
fn name_relation(
    session: &Session<'_>,
    node: &mut Node,
    connection: &Connection,
    package: usize,
) -> Result<(), Box<Diagnostic>> {
    if node.resource_type == ResourceType::Operation {
        return Ok(());
    }
    if let (Some(version), None) = (&node.version, node.config.text("alias")) {
        node.alias = format!("{}_v{}", node.name, dvt_manifest::version_text(version));
    }
    let arguments = NameArguments { session, connection, package, node: Jinja::from(&node.to_json()) };
    let is_snapshot = node.resource_type == ResourceType::Snapshot;
    let legacy = |config: &Config, key: &str| config.text(key).filter(|_| is_snapshot).map(str::to_owned);
    let schema = match legacy(&node.config, "target_schema") {
        Some(schema) => Some(schema),
        None => arguments.call(node, "generate_schema_name", node.config.text("schema"))?,
    };
    node.schema = schema.filter(|schema| !schema.is_empty()).ok_or_else(|| {
        Box::new(
            Diagnostic::error("no-schema", format!("{} `{}` has no schema", node.resource_type, node.name))
                .label(node.span.clone(), "generate_schema_name gave none")
                .help(format!("give the connection `{}` a `schema` in profiles.yml", connection.name)),
        )
    })?;
    let custom_alias = node.config.text("alias").map(str::to_owned);
    if let Some(alias) = arguments.call(node, "generate_alias_name", custom_alias.as_deref())? {
        node.alias = alias;
    }
    node.database = match legacy(&node.config, "target_database") {
        Some(database) => Some(database),
        None if connection.facts.dialect.has_database => {
            let custom = node.config.text("database").map(str::to_owned);
            arguments
                .call(node, "generate_database_name", custom.as_deref())?
                .filter(|name| !name.is_empty() && name != "None")
        }
        None => None,
    };
    let has_relation = node.resource_type.is_relational() && !node.is_ephemeral()
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
    /// The node as the macros see it.
    node: Jinja,
}

impl NameArguments<'_, '_> {
    /// Calls the macro of this name: the root project's, the node's package's, or dbt's own.
    fn call(&self, node: &Node, name: &str, custom: Option<&str>) -> Result<Option<String>, Box<Diagnostic>> {
        let session = self.session;
        let packages = [session.root_name(), session.package_name(self.package)];
        let overridden = packages.iter().find_map(|package| session.library.get_in_package(package, name));
        let macro_name = overridden.map_or(name, |definition| definition.unique_id.as_str());
        let mut context = session.context(self.package, self.connection);
        context.node = None;
        let custom = custom.map_or_else(|| Jinja::from(&Value::Null), Jinja::from);
        let args = Args::new(name, vec![custom, self.node.clone()]);
        let called = call_macro(&session.library, &context, Arc::clone(&self.connection.bridge), macro_name, args)
            .map_err(|error| {
                Box::new(error.diagnostic().note(format!("called to name {} `{}`", node.resource_type, node.name)))
            })?;
        Ok(match called.value.to_json() {
            Ok(Value::String(text)) => Some(text.trim().to_owned()),
            Ok(Value::Null) | Err(_) => None,
            Ok(other) => Some(other.to_string()),
        })
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
                if let Err(diagnostic) = name_relation(session, node, &connection, package) {
                    problems.push(*diagnostic);
                }
            }
            Err(diagnostic) => problems.push(diagnostic),
        }
    }
}
