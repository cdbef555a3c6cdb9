//! A node's name in the database: its config, and the project's or dbt's `generate_…_name` macros.

use super::connections::Connection;
use super::session::Session;
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_jinja::{Args, Value as Jinja, call_macro};
use dvt_manifest::{Config, Node, ResourceType};
use serde_json::{Map, Value};
use std::cell::OnceCell;
use std::sync::Arc;

/// What a node's own config says about its name.
pub(crate) struct OwnNames {
    pub(crate) schema: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) target_schema: Option<String>,
    pub(crate) target_database: Option<String>,
}

impl OwnNames {
    pub(crate) fn of(config: &Map<String, Value>) -> Self {
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
pub(crate) fn name_relation(
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
