//! What a node reads: names resolved to relations, looked through ephemeral models, and the route that follows.

use crate::run::Run;
use dvt_adapter::RelationName;
use dvt_diagnostics::Diagnostic;
use dvt_federation::{Route, choose_route};
use dvt_jinja::RefRequest;
use dvt_manifest::{Manifest, Node, Relation, ResourceType, Source, UniqueId, version_text};
use dvt_sql::IdentifierCase;
use std::collections::BTreeSet;

/// A relation that a node reads (or is: `this`).
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) connection: String,
    /// As its own connection writes it.
    pub(crate) relation: Relation,
    /// What the user calls it: `ref('orders')`, `source('crm', 'customers')`.
    pub(crate) display_name: String,
}

impl Run {
    /// The route of a node from the parsed graph.
    pub(crate) fn route(&self, node: &Node) -> Route {
        let own = |read: &Node| read.connection.clone();
        self.route_over(node, &connections_read(&self.project().manifest, &node.depends_on.nodes, &own))
    }

    /// The route of a node that reads these connections.
    pub(crate) fn route_over(&self, node: &Node, reads: &BTreeSet<String>) -> Route {
        choose_route(&node.connection, reads.iter().map(String::as_str), |left, right| {
            match (self.connections().get(left), self.connections().get(right)) {
                (Some(left), Some(right)) => left.identity() == right.identity(),
                _ => false,
            }
        })
    }

    /// A bare relation in its own connection's dialect.
    pub(crate) fn in_own_dialect(&self, relation: Relation) -> Relation {
        match self.connections().get(&relation.connection) {
            Some(adapter) => {
                let dialect = adapter.dialect();
                relation.in_dialect(dialect.quote, dialect.has_database)
            }
            None => relation,
        }
    }

    /// What a `ref` of this node means.
    pub(crate) fn resolve_ref(&self, node: &Node, request: &RefRequest) -> Result<&Node, Diagnostic> {
        let manifest = &self.project().manifest;
        let parsed = node.refs.iter().find(|call| {
            call.name == request.name
                && call.package == request.package
                && call.version.as_ref().map(version_text) == request.version
        });
        let found = match parsed.and_then(|call| call.unique_id.as_deref()) {
            Some(unique_id) => manifest.nodes.get(unique_id),
            None => find_node(manifest, request, &node.package_name),
        };
        let shown = show_ref(request);
        let found = found
            .ok_or_else(|| Diagnostic::error("unknown-ref", format!("{shown} names no model, seed or snapshot")))?;
        // A name that the parse phase did not see gives no order: the model may not have run yet.
        if !node.depends_on.nodes.contains(&found.unique_id)
            && !matches!(node.resource_type, ResourceType::Operation | ResourceType::SqlOperation)
            && found.unique_id != node.unique_id
        {
            return Err(Diagnostic::error(
                "unseen-ref",
                format!("`{}` uses {shown}, which was not seen when the project was parsed", node.name),
            )
            .note("it stands in a branch that is taken only when the node runs, so its order cannot be known")
            .help(format!("add this line at the top of the model: -- depends_on: {{{{ {shown} }}}}")));
        }
        Ok(found)
    }

    pub(crate) fn resolve_source(&self, node: &Node, source_name: &str, table_name: &str) -> Result<Input, Diagnostic> {
        let display_name = format!("source('{source_name}', '{table_name}')");
        let source = self
            .find_source(node, source_name, table_name)
            .ok_or_else(|| Diagnostic::error("unknown-source", format!("{display_name} names no source table")))?;
        Ok(Input { connection: source.connection.clone(), relation: source.relation(), display_name })
    }

    /// What a `source` of this node means: what the parse phase found, else the node's own package first.
    pub(crate) fn find_source(&self, node: &Node, source_name: &str, table_name: &str) -> Option<&Source> {
        let manifest = &self.project().manifest;
        let parsed = node.sources.iter().find(|call| call.source_name == source_name && call.table_name == table_name);
        match parsed.and_then(|call| call.unique_id.as_deref()) {
            Some(unique_id) => manifest.sources.get(unique_id),
            None => {
                let mut matching = manifest
                    .sources
                    .values()
                    .filter(|source| source.source_name == source_name && source.name == table_name);
                let first = matching.next();
                first
                    .filter(|first| first.package_name == node.package_name)
                    .or_else(|| matching.find(|source| source.package_name == node.package_name).or(first))
            }
        }
    }
}

/// `ref('orders')`, as the user wrote it.
pub(crate) fn show_ref(request: &RefRequest) -> String {
    let package = request.package.as_ref().map(|package| format!("'{package}', ")).unwrap_or_default();
    let version = request.version.as_ref().map(|version| format!(", version={version}")).unwrap_or_default();
    format!("ref({package}'{}'{version})", request.name)
}

/// dbt's search: the named package, or the node's own package first, then any.
pub(crate) fn find_node<'a>(manifest: &'a Manifest, request: &RefRequest, package: &str) -> Option<&'a Node> {
    let matches = |node: &&Node| {
        node.resource_type.is_refable()
            && node.name == request.name
            && match (&request.version, &node.version) {
                (Some(wanted), Some(version)) => *wanted == version_text(version),
                (Some(_), None) => false,
                (None, Some(version)) => node.latest_version.as_ref().is_none_or(|latest| latest == version),
                (None, None) => true,
            }
    };
    match &request.package {
        Some(package) => manifest.nodes.values().filter(matches).find(|node| node.package_name == *package),
        None => manifest
            .nodes
            .values()
            .filter(matches)
            .find(|node| node.package_name == package)
            .or_else(|| manifest.nodes.values().find(matches)),
    }
}

/// The connections of all that is read, looked through ephemeral models; `place` says where a node is read.
pub(crate) fn connections_read(
    manifest: &Manifest,
    depends_on: &[String],
    place: &dyn Fn(&Node) -> String,
) -> BTreeSet<String> {
    let mut connections = BTreeSet::new();
    let mut open: Vec<&str> = depends_on.iter().map(String::as_str).collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(unique_id) = open.pop() {
        if let Some(source) = manifest.sources.get(unique_id) {
            connections.insert(source.connection.clone());
        } else if let Some(node) = manifest.nodes.get(unique_id) {
            if node.is_ephemeral() {
                open.extend(node.depends_on.nodes.iter().map(String::as_str).filter(|id| seen.insert(id)));
            } else {
                connections.insert(place(node));
            }
        }
    }
    connections
}

/// What the node reads, looked through ephemeral models: each id with its connection and its name as stored there.
pub(crate) fn relations_of(run: &Run, node: &Node) -> Vec<(UniqueId, String, RelationName)> {
    let manifest = &run.project().manifest;
    let mut relations = Vec::new();
    let mut open: Vec<&str> = node.depends_on.nodes.iter().map(String::as_str).collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(unique_id) = open.pop() {
        let (connection, relation) = if let Some(source) = manifest.sources.get(unique_id) {
            (&source.connection, source.relation())
        } else {
            match manifest.nodes.get(unique_id) {
                Some(read) if read.is_ephemeral() => {
                    open.extend(read.depends_on.nodes.iter().map(String::as_str).filter(|id| seen.insert(id)));
                    continue;
                }
                Some(read) => (&read.connection, read.relation()),
                None => continue,
            }
        };
        if let Some(adapter) = run.connections().get(connection) {
            relations.push((unique_id.to_owned(), connection.clone(), stored_name(&relation, adapter.dialect())));
        }
    }
    relations
}

/// The relation's name as its engine stores it: unquoted parts are folded as the engine folds them.
pub(crate) fn stored_name(relation: &Relation, dialect: &dvt_sql::Dialect) -> RelationName {
    let fold = |part: &str, is_quoted: bool| match (is_quoted, dialect.unquoted) {
        (false, IdentifierCase::FoldsLower) => part.to_lowercase(),
        (false, IdentifierCase::FoldsUpper) => part.to_uppercase(),
        _ => part.to_owned(),
    };
    let quoting = relation.quoting;
    RelationName {
        database: relation
            .database
            .as_deref()
            .filter(|_| dialect.has_database)
            .map(|part| fold(part, quoting.database)),
        schema: relation.schema.as_deref().filter(|part| !part.is_empty()).map(|part| fold(part, quoting.schema)),
        identifier: fold(relation.identifier.as_deref().unwrap_or_default(), quoting.identifier),
    }
}
