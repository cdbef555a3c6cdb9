//! Which node a `ref` means, which table a `source`; and what is wrong with the graph as a whole.
//!
//! Source: dbt docs, "ref" (packages, versions, access) and "Model access".

use super::session::Session;
use dvt_diagnostics::{Diagnostic, Event, Severity, Span, did_you_mean, kinds};
use dvt_manifest::{
    Access, Disabled, Graph, Manifest, Node, RefCall, ResourceType, SourceCall, UniqueId, version_text,
};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// What could not be read. Whoever depends on it is not told that it does not exist.
#[derive(Debug, Default)]
pub(crate) struct Failed {
    pub(crate) nodes: HashSet<String>,
    pub(crate) sources: HashSet<String>,
}

/// Names to ids, for refs and sources.
struct Names {
    /// Under the name, and for a version under `name.v<version>`: package and id, root project first.
    refs: HashMap<String, Vec<(String, UniqueId)>>,
    /// Under `source.table`.
    sources: HashMap<String, Vec<(String, UniqueId)>>,
    disabled_refs: HashMap<String, UniqueId>,
    disabled_sources: HashMap<String, UniqueId>,
}

impl Names {
    fn new(manifest: &Manifest) -> Self {
        let mut names = Self {
            refs: HashMap::new(),
            sources: HashMap::new(),
            disabled_refs: HashMap::new(),
            disabled_sources: HashMap::new(),
        };
        for node in manifest.nodes.values().filter(|node| node.resource_type.is_refable()) {
            let mut add = |key: String| {
                names.refs.entry(key).or_default().push((node.package_name.clone(), node.unique_id.clone()));
            };
            match (&node.version, &node.latest_version) {
                (Some(version), latest) => {
                    add(node.search_name());
                    if latest.as_ref().is_some_and(|latest| version_text(latest) == version_text(version)) {
                        add(node.name.clone());
                    }
                }
                (None, _) => add(node.name.clone()),
            }
        }
        for source in manifest.sources.values() {
            let key = format!("{}.{}", source.source_name, source.name);
            names.sources.entry(key).or_default().push((source.package_name.clone(), source.unique_id.clone()));
        }
        for entry in manifest.disabled.values().flatten() {
            match entry {
                Disabled::Node(node) if node.resource_type.is_refable() => {
                    names.disabled_refs.insert(node.name.clone(), node.unique_id.clone());
                    names.disabled_refs.insert(node.search_name(), node.unique_id.clone());
                }
                Disabled::Source(source) => {
                    let key = format!("{}.{}", source.source_name, source.name);
                    names.disabled_sources.insert(key, source.unique_id.clone());
                }
                _ => {}
            }
        }
        names
    }
}

/// The one among the candidates that dbt finds first: the root project's, the asking package's, any other's.
fn pick<'a>(candidates: &'a [(String, UniqueId)], package: Option<&str>, order: [&str; 2]) -> Option<&'a UniqueId> {
    // Of two in one package, dbt knows the one it read last.
    let of = |wanted: &str| candidates.iter().rev().find(|(package, _)| package == wanted).map(|(_, id)| id);
    match package {
        Some(package) => of(package),
        None => of(order[0]).or_else(|| of(order[1])).or_else(|| candidates.first().map(|(_, id)| id)),
    }
}

/// What is wrong with one call.
enum Failure {
    Unknown(Box<Diagnostic>),
    Disabled(Box<Diagnostic>),
    /// It is there, but not for this one.
    Refused(Box<Diagnostic>),
}

impl Failure {
    /// Where the place is the call of a macro, the call that failed stands in that macro: the message says so.
    fn through_macro(self, place: &Span, function: &str, name: &str) -> Self {
        let text = place.file.text.get(place.range.clone()).unwrap_or_default();
        let called: String =
            text.chars().take_while(|next| next.is_alphanumeric() || matches!(next, '_' | '.')).collect();
        let is_macro = text[called.len()..].trim_start().starts_with('(')
            && !called.is_empty()
            && called.rsplit('.').next() != Some(function)
            && !matches!(called.as_str(), "ref" | "source" | "builtins.ref" | "builtins.source");
        let add = |diagnostic: Box<Diagnostic>| match is_macro {
            true => {
                Box::new(diagnostic.note(format!("`{called}` calls `{function}('{name}')`, itself or through others")))
            }
            false => diagnostic,
        };
        match self {
            Self::Unknown(diagnostic) => Self::Unknown(add(diagnostic)),
            Self::Disabled(diagnostic) => Self::Disabled(add(diagnostic)),
            Self::Refused(diagnostic) => Self::Refused(add(diagnostic)),
        }
    }
}

/// Resolves every ref and source of the manifest and fills in `depends_on.nodes`. A test whose target is disabled is
/// disabled with it, as in dbt.
pub(crate) fn resolve(session: &Session<'_>, manifest: &mut Manifest, failed: &Failed, problems: &mut Vec<Diagnostic>) {
    let names = Names::new(manifest);
    let root = session.root_name().to_owned();
    let restricting = restricting(session);
    let own_first = session.project_flag("require_ref_searches_node_package_before_root", false);
    let asker = |manifest| Asker { manifest, names: &names, failed, root: &root, own_first, restricting: &restricting };
    let mut disabled_tests = Vec::new();
    let mut resolved = Vec::new();
    for node in manifest.nodes.values().chain(manifest.functions.values()) {
        let asking = Asking::of_node(node);
        let (refs, sources, depends_on, failures) = asker(manifest).resolve_all(&asking, &node.refs, &node.sources);
        let is_test = node.resource_type == ResourceType::Test;
        let mut is_disabled = false;
        for failure in failures {
            match failure {
                Failure::Disabled(_) if is_test => is_disabled = true,
                Failure::Unknown(mut diagnostic) if is_test => {
                    is_disabled = true;
                    let event = Event::new(kinds::NODE_NOT_FOUND_OR_DISABLED, diagnostic.message.clone())
                        .with("unique_id", node.unique_id.as_str())
                        .with("original_file_path", node.original_file_path.as_str())
                        .with("resource_type_title", asking.title());
                    diagnostic.severity = Severity::Warning;
                    diagnostic.event = Some(Box::new(event));
                    problems.push(*diagnostic);
                }
                Failure::Unknown(diagnostic) | Failure::Disabled(diagnostic) | Failure::Refused(diagnostic) => {
                    problems.push(*diagnostic);
                }
            }
        }
        if is_disabled {
            disabled_tests.push(node.unique_id.clone());
        }
        if !own_first {
            warn_of_root(manifest, node, &refs, &root, problems);
        }
        resolved.push((node.unique_id.clone(), refs, sources, depends_on));
    }
    let mut resolved_exposures = Vec::new();
    for exposure in manifest.exposures.values() {
        let asking = Asking {
            kind: ResourceType::Exposure,
            unique_id: &exposure.unique_id,
            path: &exposure.original_file_path,
            package: &exposure.package_name,
            group: None,
        };
        let (refs, sources, depends_on, failures) =
            asker(manifest).resolve_all(&asking, &exposure.refs, &exposure.sources);
        problems.extend(failures.into_iter().map(|failure| match failure {
            Failure::Unknown(diagnostic) | Failure::Disabled(diagnostic) | Failure::Refused(diagnostic) => *diagnostic,
        }));
        resolved_exposures.push((exposure.unique_id.clone(), refs, sources, depends_on));
    }
    for (id, refs, sources, depends_on) in resolved {
        let node = match manifest.nodes.get_mut(&id) {
            Some(node) => Some(node),
            None => manifest.functions.get_mut(&id),
        };
        if let Some(node) = node {
            node.refs = refs;
            node.sources = sources;
            node.depends_on.nodes = depends_on;
        }
    }
    for (id, refs, sources, nodes) in resolved_exposures {
        if let Some(exposure) = manifest.exposures.get_mut(&id) {
            exposure.refs = refs;
            exposure.sources = sources;
            exposure.depends_on.nodes = nodes;
        }
    }
    // dbt leaves such a test among the nodes, switched off.
    for id in disabled_tests {
        if let Some(node) = manifest.nodes.get_mut(&id) {
            node.config.0.insert("enabled".to_owned(), Value::Bool(false));
        }
    }
}

/// Resolves what these nodes ask for, in a manifest whose other nodes are resolved. `None` where anything is to be said
/// about it: that is for a reading of the whole project.
pub(crate) fn resolve_some(session: &Session<'_>, manifest: &mut Manifest, ids: &[UniqueId]) -> Option<()> {
    let names = Names::new(manifest);
    let (failed, restricting) = (Failed::default(), restricting(session));
    let own_first = session.project_flag("require_ref_searches_node_package_before_root", false);
    let root = session.root_name();
    for id in ids {
        let node = manifest.nodes.get(id)?;
        let asker = Asker { manifest, names: &names, failed: &failed, root, own_first, restricting: &restricting };
        let (refs, sources, depends_on, failures) =
            asker.resolve_all(&Asking::of_node(node), &node.refs, &node.sources);
        let mut warnings = Vec::new();
        if !own_first {
            warn_of_root(manifest, node, &refs, root, &mut warnings);
        }
        if !failures.is_empty() || !warnings.is_empty() {
            return None;
        }
        let node = manifest.nodes.get_mut(id)?;
        node.refs = refs;
        node.sources = sources;
        node.depends_on.nodes = depends_on;
    }
    Some(())
}

/// The packages with `restrict-access`.
fn restricting<'s>(session: &'s Session<'_>) -> HashSet<&'s str> {
    let restricting = session.packages.iter().filter(|package| package.project.restrict_access);
    restricting.map(|package| package.name.as_str()).collect()
}

/// Whether a node reads itself, through whatever others.
pub(crate) fn reads_itself(manifest: &Manifest, id: &UniqueId) -> bool {
    let mut seen: HashSet<&UniqueId> = HashSet::new();
    let mut next = vec![id];
    while let Some(reader) = next.pop() {
        for read in manifest.nodes.get(reader).into_iter().flat_map(|node| &node.depends_on.nodes) {
            if read == id {
                return true;
            }
            if seen.insert(read) {
                next.push(read);
            }
        }
    }
    false
}

/// dbt's warning for a node of a package that reads one of the root project without saying so.
fn warn_of_root(manifest: &Manifest, node: &Node, refs: &[RefCall], root: &str, problems: &mut Vec<Diagnostic>) {
    if node.package_name == root {
        return;
    }
    for call in refs.iter().filter(|call| call.package.as_deref() != Some(root)) {
        let target = call.unique_id.as_ref().and_then(|id| manifest.nodes.get(id));
        let Some(target) = target.filter(|target| target.package_name == root) else { continue };
        let message = format!(
            "The node '{}' in package '{}' depends on the root project node '{}'. This may lead to unexpected cycles \
             downstream. Please set the 'require_ref_searches_node_package_before_root' behavior change flag to True to \
             avoid this issue.",
            node.name, node.package_name, target.unique_id
        );
        problems.push(
            Diagnostic::warning("package-reads-root", message.clone()).label(call.span.clone(), "read here").event(
                Event::new(kinds::PACKAGE_NODE_DEPENDS_ON_ROOT_PROJECT_NODE, message)
                    .with("node_name", node.name.as_str())
                    .with("package_name", node.package_name.as_str())
                    .with("root_project_unique_id", target.unique_id.as_str()),
            ),
        );
    }
}

/// Whoever calls `ref` or `source`.
struct Asking<'a> {
    kind: ResourceType,
    unique_id: &'a str,
    path: &'a str,
    package: &'a str,
    group: Option<&'a str>,
}

impl<'a> Asking<'a> {
    fn of_node(node: &'a Node) -> Self {
        Self {
            kind: node.resource_type,
            unique_id: &node.unique_id,
            path: &node.original_file_path,
            package: &node.package_name,
            group: node.group.as_deref(),
        }
    }

    /// dbt's word with a capital: `Model`.
    fn title(&self) -> String {
        let word = self.kind.as_str();
        word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect()
    }

    /// The start of dbt's messages.
    fn depends_on(&self) -> String {
        format!("{} '{}' ({}) depends on a", self.title(), self.unique_id, self.path)
    }
}

struct Asker<'a> {
    manifest: &'a Manifest,
    names: &'a Names,
    failed: &'a Failed,
    root: &'a str,
    /// The asking package is searched before the root project.
    own_first: bool,
    /// The packages with `restrict-access`.
    restricting: &'a HashSet<&'a str>,
}

type Resolved = (Vec<RefCall>, Vec<SourceCall>, Vec<UniqueId>, Vec<Failure>);

impl Asker<'_> {
    fn resolve_all(&self, asking: &Asking<'_>, refs: &[RefCall], sources: &[SourceCall]) -> Resolved {
        let mut refs = refs.to_vec();
        let mut sources = sources.to_vec();
        let mut depends_on = Vec::new();
        let mut failures = Vec::new();
        let mut add = |id: &UniqueId| {
            if !depends_on.contains(id) {
                depends_on.push(id.clone());
            }
        };
        // dbt lists sources before refs, in the order of the calls.
        for call in &mut sources {
            match self.resolve_source(asking, call) {
                Ok(id) => {
                    add(&id);
                    call.unique_id = Some(id);
                }
                Err(_) if self.failed.sources.contains(&call.source_name) => {}
                Err(failure) => failures.push(failure),
            }
        }
        for call in &mut refs {
            match self.resolve_ref(asking, call).and_then(|id| self.check_access(asking, call, id)) {
                Ok(id) => {
                    add(&id);
                    call.unique_id = Some(id);
                }
                Err(_) if self.failed.nodes.contains(&call.name) => {}
                Err(failure) => failures.push(failure),
            }
        }
        (refs, sources, depends_on, failures)
    }

    fn order<'o>(&'o self, asking: &Asking<'o>) -> [&'o str; 2] {
        if self.own_first { [asking.package, self.root] } else { [self.root, asking.package] }
    }

    fn resolve_ref(&self, asking: &Asking<'_>, call: &RefCall) -> Result<UniqueId, Failure> {
        self.find_ref(asking, call).map_err(|failure| failure.through_macro(&call.span, "ref", &call.name))
    }

    fn find_ref(&self, asking: &Asking<'_>, call: &RefCall) -> Result<UniqueId, Failure> {
        let key = match &call.version {
            Some(version) => format!("{}.v{}", call.name, version_text(version)),
            None => call.name.clone(),
        };
        let order = self.order(asking);
        let found = self.names.refs.get(&key).and_then(|found| pick(found, call.package.as_deref(), order));
        if let Some(id) = found {
            return Ok(id.clone());
        }
        let mut called = format!("node named '{}' ", call.name);
        if let Some(version) = &call.version {
            called.push_str(&format!("with version '{}' ", version_text(version)));
        }
        if let Some(package) = &call.package {
            called.push_str(&format!("in package or project '{package}' "));
        }
        let says = |reason: &str| format!("{} {called}which {reason}", asking.depends_on());
        let disabled =
            self.names.disabled_refs.get(&key).or_else(|| {
                self.names.disabled_refs.get(&call.name).filter(|_| !self.names.refs.contains_key(&call.name))
            });
        let of_package =
            |id: &&UniqueId| call.package.as_ref().is_none_or(|package| id.split('.').nth(1) == Some(package.as_str()));
        if let Some(id) = disabled.filter(of_package) {
            let file = disabled_path(self.manifest, id);
            return Err(Failure::Disabled(Box::new(
                Diagnostic::error("disabled-ref", says("is disabled"))
                    .label(call.span.clone(), "switched off by `enabled: false`")
                    .note(file.map_or_else(|| "it is disabled".to_owned(), |path| format!("it is in {path}"))),
            )));
        }
        let mut diagnostic = Diagnostic::error("unknown-ref", says("was not found"));
        let versions: Vec<String> = self
            .manifest
            .nodes
            .values()
            .filter(|node| node.name == call.name && node.resource_type.is_refable())
            .filter_map(|node| node.version.as_ref().map(version_text))
            .collect();
        if let (Some(version), false) = (&call.version, versions.is_empty()) {
            diagnostic = diagnostic
                .label(call.span.clone(), format!("there is no version {}", version_text(version)))
                .note(format!("its versions are {}", crate::wording::list(&versions)));
            return Err(Failure::Unknown(Box::new(diagnostic)));
        }
        if call.version.is_some() && call.package.is_none() && self.names.refs.contains_key(&call.name) {
            diagnostic = diagnostic
                .label(call.span.clone(), "asks for a version")
                .note(format!("`{}` has no versions", call.name))
                .help("take the version away");
            return Err(Failure::Unknown(Box::new(diagnostic)));
        }
        diagnostic = diagnostic.label(call.span.clone(), "no model, seed or snapshot of this name");
        let mut known: Vec<&str> = self.names.refs.keys().map(String::as_str).collect();
        known.sort_unstable();
        if let (Some(package), Some(candidates)) = (&call.package, self.names.refs.get(&call.name)) {
            let packages: Vec<&str> = candidates.iter().map(|(package, _)| package.as_str()).collect();
            diagnostic = diagnostic.note(format!(
                "`{}` is in {}, not in `{package}`",
                call.name,
                crate::wording::list(&packages)
            ));
        } else if let Some(near) = did_you_mean(&call.name, known) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        Err(Failure::Unknown(Box::new(diagnostic)))
    }

    /// A private model may be read in its group only, a protected one where its package does not restrict access.
    fn check_access(&self, asking: &Asking<'_>, call: &RefCall, id: UniqueId) -> Result<UniqueId, Failure> {
        let Some(node) = self.manifest.nodes.get(&id).filter(|node| node.resource_type == ResourceType::Model) else {
            return Ok(id);
        };
        let is_restricted =
            node.package_name != asking.package && self.restricting.contains(node.package_name.as_str());
        let refused = match node.access {
            Access::Private => {
                let is_outside = asking.group.is_none() || asking.group != node.group.as_deref();
                (asking.kind != ResourceType::SqlOperation && (is_outside || is_restricted))
                    .then(|| ("group", node.group.clone().unwrap_or_default()))
            }
            Access::Protected => is_restricted.then(|| ("package", node.package_name.clone())),
            Access::Public => None,
        };
        let Some((scope, name)) = refused else { return Ok(id) };
        Err(Failure::Refused(Box::new(
            Diagnostic::error(
                "refused-ref",
                format!(
                    "Node {} attempted to reference node {id}, which is not allowed because the referenced node is {} \
                     to the '{name}' {scope}.",
                    asking.unique_id,
                    node.access.as_str()
                ),
            )
            .label(call.span.clone(), format!("`{}` is {}", node.name, node.access.as_str()))
            .help(match scope {
                "group" => "make the model `access: protected`, or put both into one group",
                _ => "make the model `access: public`",
            }),
        )))
    }

    fn resolve_source(&self, asking: &Asking<'_>, call: &SourceCall) -> Result<UniqueId, Failure> {
        let name = format!("{}', '{}", call.source_name, call.table_name);
        self.find_source(asking, call).map_err(|failure| failure.through_macro(&call.span, "source", &name))
    }

    fn find_source(&self, asking: &Asking<'_>, call: &SourceCall) -> Result<UniqueId, Failure> {
        let key = format!("{}.{}", call.source_name, call.table_name);
        let order = self.order(asking);
        if let Some(id) = self.names.sources.get(&key).and_then(|found| pick(found, None, order)) {
            return Ok(id.clone());
        }
        let says = |reason: &str| format!("{} source named '{key}' which {reason}", asking.depends_on());
        if let Some(id) = self.names.disabled_sources.get(&key) {
            return Err(Failure::Disabled(Box::new(
                Diagnostic::error("disabled-source", says("is disabled"))
                    .label(call.span.clone(), "switched off by `enabled: false`")
                    .note(format!("it is `{id}`")),
            )));
        }
        let mut diagnostic = Diagnostic::error("unknown-source", says("was not found"));
        let tables: Vec<&str> = self
            .manifest
            .sources
            .values()
            .filter(|source| source.source_name == call.source_name)
            .map(|source| source.name.as_str())
            .collect();
        if tables.is_empty() {
            diagnostic = diagnostic.label(call.span.clone(), "no source of this name");
            let known: Vec<&str> = self.manifest.sources.values().map(|source| source.source_name.as_str()).collect();
            if let Some(near) = did_you_mean(&call.source_name, known) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
        } else {
            diagnostic = diagnostic
                .label(call.span.clone(), format!("no table of source `{}`", call.source_name))
                .note(format!("its tables are {}", crate::wording::list(&tables)));
            if let Some(near) = did_you_mean(&call.table_name, tables) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
        }
        Err(Failure::Unknown(Box::new(diagnostic)))
    }
}

fn disabled_path(manifest: &Manifest, id: &str) -> Option<String> {
    manifest.disabled.get(id)?.iter().find_map(|entry| match entry {
        Disabled::Node(node) => Some(node.original_file_path.clone()),
        _ => None,
    })
}

/// Two nodes of one relation, and cycles.
pub(crate) fn check_graph(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    check_relations(session, manifest, problems);
    let graph = Graph::new(manifest);
    if let Some(cycle) = graph.find_cycle() {
        problems.push(cycle_diagnostic(manifest, &cycle));
    }
}

fn cycle_diagnostic(manifest: &Manifest, cycle: &[UniqueId]) -> Diagnostic {
    fn name<'a>(manifest: &'a Manifest, id: &'a str) -> &'a str {
        manifest.nodes.get(id).map_or(id, |node| node.name.as_str())
    }
    let name = |id| name(manifest, id);
    let mut names: Vec<&str> = cycle.iter().map(|id| name(id)).collect();
    names.extend(cycle.first().map(|id| name(id)));
    let mut diagnostic = Diagnostic::error("cycle", format!("Found a cycle: {}", names.join(" --> ")));
    for (index, id) in cycle.iter().enumerate() {
        let next = &cycle[(index + 1) % cycle.len()];
        let span: Option<Span> = manifest.nodes.get(id).and_then(|node| {
            node.refs.iter().find(|call| call.unique_id.as_ref() == Some(next)).map(|call| call.span.clone())
        });
        if let Some(span) = span {
            diagnostic = diagnostic.label(span, format!("`{}` reads `{}`", name(id), name(next)));
        }
    }
    diagnostic.help("take one of these refs away")
}

/// Two nodes that would write one relation.
pub(crate) fn check_relations(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<(String, String, String, String), &UniqueId> = HashMap::new();
    for node in manifest.nodes.values().filter(|node| node.resource_type.is_refable()) {
        let ignores_case = session.connections.get(&node.connection).is_ok_and(|connection| {
            !connection.facts.dialect.has_database
                && connection.facts.dialect.unquoted == dvt_sql::IdentifierCase::Insensitive
                && connection.facts.dialect.name == "sqlite"
        });
        let fold = |name: &str| if ignores_case { name.to_lowercase() } else { name.to_owned() };
        let key = (
            node.connection.clone(),
            fold(node.database.as_deref().unwrap_or_default()),
            fold(&node.schema),
            fold(&node.alias),
        );
        let Some(first) = seen.insert(key, &node.unique_id) else { continue };
        let Some(first) = manifest.nodes.get(first) else { continue };
        problems.push(
            Diagnostic::error(
                "duplicate-relation",
                format!(
                    "dbt found two resources with the database representation \"{}\". dbt cannot create two resources \
                     with identical database representations. To fix this, change the configuration of one of these \
                     resources: - {} ({}) - {} ({})",
                    node.style.apply(dvt_manifest::Relation::new(
                        &node.connection,
                        node.database.as_deref(),
                        Some(&node.schema),
                        Some(&node.alias)
                    )),
                    first.unique_id,
                    first.original_file_path,
                    node.unique_id,
                    node.original_file_path
                ),
            )
            .label(node.span.clone(), format!("in {}", node.original_file_path))
            .label(first.span.clone(), format!("in {}", first.original_file_path))
            .help("give one of them another `alias` or `schema`"),
        );
    }
}

/// dbt's `primary_key` of a model: what constraints say, else the columns with both a unique and a not_null test, else those
/// with a unique test, enabled ones first.
pub(crate) fn infer_primary_keys(manifest: &mut Manifest) {
    #[derive(Default)]
    struct Tested {
        unique: Vec<String>,
        disabled_unique: Vec<String>,
        not_null: Vec<String>,
    }
    let mut tested: HashMap<UniqueId, Tested> = HashMap::new();
    let disabled = manifest.disabled.values().flatten().filter_map(|entry| match entry {
        Disabled::Node(node) => Some(&**node),
        _ => None,
    });
    for (test, is_enabled) in manifest.nodes.values().map(|node| (node, true)).chain(disabled.map(|node| (node, false)))
    {
        let Some(info) = &test.test else { continue };
        let (Some(model), Some(metadata)) = (&info.attached_node, &info.metadata) else { continue };
        let columns: Vec<String> =
            match (metadata.kwargs.get("column_name"), metadata.kwargs.get("combination_of_columns")) {
                (Some(Value::String(column)), _) => vec![column.clone()],
                (_, Some(Value::Array(columns))) => {
                    columns.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                _ => continue,
            };
        let of_model = tested.entry(model.clone()).or_default();
        match metadata.name.as_str() {
            "unique" | "unique_combination_of_columns" if is_enabled => of_model.unique.extend(columns),
            "unique" | "unique_combination_of_columns" => of_model.disabled_unique.extend(columns),
            "not_null" => of_model.not_null.extend(columns),
            _ => {}
        }
    }
    for node in manifest.nodes.values_mut().filter(|node| node.resource_type == ResourceType::Model) {
        let is_key = |constraint: &&Value| constraint.get("type").and_then(Value::as_str) == Some("primary_key");
        let of_model = node.constraints.iter().find(is_key).and_then(|constraint| constraint.get("columns"));
        let of_column =
            node.columns.values().find(|column| column.constraints.iter().any(|constraint| is_key(&constraint)));
        let tests = tested.remove(&node.unique_id).unwrap_or_default();
        let mut key: Vec<String> = match (of_model.and_then(Value::as_array), of_column) {
            (Some(columns), _) => columns.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            (None, Some(column)) => vec![column.name.clone()],
            (None, None) => {
                let is_unique =
                    |column: &&String| tests.unique.contains(*column) || tests.disabled_unique.contains(*column);
                let both: Vec<String> = tests.not_null.iter().filter(is_unique).cloned().collect();
                [both, tests.unique, tests.disabled_unique]
                    .into_iter()
                    .find(|columns| !columns.is_empty())
                    .unwrap_or_default()
            }
        };
        let mut seen = HashSet::new();
        key.retain(|column| seen.insert(column.clone()));
        key.sort();
        node.primary_key = key;
    }
}
