//! From a node to its SQL: Jinja rendered, names resolved, ephemeral models put in front.

use crate::aliases::keep_own_aliases;
use crate::bridge::NodeBridge;
use crate::failure::{FailedAt, NodeError, from_render};
use crate::inputs::Input;
use crate::run::Run;
use dvt_diagnostics::{Diagnostic, Span};
use dvt_federation::Route;
use dvt_jinja::{Bridge, RenderContext, SourceMap, Template, Value, render_template};
use dvt_manifest::{InjectedCte, Node, Relation, ResourceType, write_new, write_quickly};
use dvt_sql::{Injected, inject_ctes};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A node's SQL, and the way from it back to the user's files.
#[derive(Clone, Debug)]
pub(crate) struct CompiledNode {
    pub(crate) sql: String,
    pub(crate) route: Route,
    pub(crate) extra_ctes: Vec<InjectedCte>,
    /// The macros that the text itself called; while parsing it may have called others.
    pub(crate) macros: Vec<String>,
    /// What the SQL may read, by the parts that were written (only where the SQL crosses connections).
    pub(crate) names: BTreeMap<Vec<String>, Input>,
    injected: Injected,
    own_map: Option<SourceMap>,
    /// One per CTE of `injected`.
    cte_maps: Vec<SourceMap>,
}

impl CompiledNode {
    /// A unit test's query: the model's own text over CTEs that no file of the user holds.
    pub(crate) fn over_fixtures(injected: Injected, own_map: SourceMap, extra_ctes: Vec<InjectedCte>) -> Self {
        Self {
            sql: injected.sql.clone(),
            route: Route::Pushdown,
            extra_ctes,
            macros: Vec::new(),
            names: BTreeMap::new(),
            injected,
            own_map: Some(own_map),
            cte_maps: Vec::new(),
        }
    }

    /// What `clone` runs: no text of the node, only the other environment's relation.
    pub(crate) fn over_clone(sql: String) -> Self {
        Self {
            injected: Injected { sql: sql.clone(), ctes: Vec::new(), added: 0..0 },
            sql,
            route: Route::Pushdown,
            extra_ctes: Vec::new(),
            macros: Vec::new(),
            names: BTreeMap::new(),
            own_map: None,
            cte_maps: Vec::new(),
        }
    }

    /// A query over the node's own: it reads the same, but its text is no file's.
    pub(crate) fn over_rows(&self, sql: String) -> Self {
        Self { names: self.names.clone(), route: self.route.clone(), ..Self::over_clone(sql) }
    }

    /// The user's text behind a range of the SQL; the ephemeral model's own file inside its CTE.
    pub(crate) fn span(&self, range: Range<usize>) -> Option<Span> {
        if let Some(start) = self.injected.query_offset(range.start) {
            return self.own_map.as_ref().map(|map| map.template_range(start..start + range.len()));
        }
        let (place, map) =
            self.injected.ctes.iter().zip(&self.cte_maps).find(|(place, _)| place.contains(&range.start))?;
        let start = range.start - place.start;
        Some(map.template_range(start..start + range.len()))
    }
}

/// Renders the node for its route. Runs on a thread that may block: templates may ask the database.
pub(crate) fn compile_node(
    run: &Arc<Run>,
    node: &Arc<Node>,
    route: &Route,
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
) -> Result<CompiledNode, NodeError> {
    bridge.set_crossing(*route != Route::Pushdown);
    let compiled = render_with_ctes(run, node, route, bridge, thread_id);
    bridge.set_crossing(false);
    compiled
}

fn render_with_ctes(
    run: &Arc<Run>,
    node: &Arc<Node>,
    route: &Route,
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
) -> Result<CompiledNode, NodeError> {
    if node.resource_type == ResourceType::Seed {
        return Ok(CompiledNode {
            sql: String::new(),
            route: route.clone(),
            extra_ctes: Vec::new(),
            macros: Vec::new(),
            names: BTreeMap::new(),
            injected: Injected { sql: String::new(), ctes: Vec::new(), added: 0..0 },
            own_map: None,
            cte_maps: Vec::new(),
        });
    }
    let text = render_one(run, node, bridge, thread_id)?;
    with_ctes(run, route, bridge, thread_id, text)
}

/// Puts the ephemeral models that the last render read in front of its text.
fn with_ctes(
    run: &Arc<Run>,
    route: &Route,
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
    rendered: RenderedText,
) -> Result<CompiledNode, NodeError> {
    let RenderedText { text, map: own_map, macros } = rendered;
    let mut ctes = Vec::new();
    collect_ctes(run, &bridge.take_ephemerals(), bridge, thread_id, &mut ctes, &mut Vec::new())?;
    let pairs: Vec<(String, String)> = match run.request.injects_ephemerals {
        true => ctes.iter().map(|cte| (Relation::cte(&cte.node.alias).render(), cte.sql.clone())).collect(),
        false => Vec::new(),
    };
    let injected = inject_ctes(&text, &pairs, bridge.dialect());
    Ok(CompiledNode {
        sql: injected.sql.clone(),
        route: route.clone(),
        extra_ctes: ctes
            .iter()
            .map(|cte| InjectedCte {
                id: cte.node.unique_id.clone(),
                sql: format!(" {} as (\n{}\n)", Relation::cte(&cte.node.alias), cte.sql),
            })
            .collect(),
        macros,
        names: bridge.names(),
        injected,
        own_map: Some(own_map),
        cte_maps: ctes.into_iter().map(|cte| cte.map).collect(),
    })
}

/// Renders a hook of the run; `extra` is what `on-run-end` sees beside the rest. Blocks.
pub(crate) fn compile_hook(
    run: &Arc<Run>,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    extra: &[(String, Value)],
) -> Result<CompiledNode, NodeError> {
    let mut context = run.context(node, bridge.connection(), "main");
    for (name, value) in extra {
        context.variables.insert(name.clone(), value.clone());
    }
    let text = render_in(run, node, bridge, &context)?;
    with_ctes(run, &Route::Pushdown, bridge, "main", text)
}

/// A node's own text, rendered.
struct RenderedText {
    text: String,
    map: SourceMap,
    macros: Vec<String>,
}

struct Cte {
    node: Arc<Node>,
    sql: String,
    map: SourceMap,
}

/// The ephemeral models behind these ids, each once, what they read before them.
fn collect_ctes(
    run: &Arc<Run>,
    ids: &[String],
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
    ctes: &mut Vec<Cte>,
    open: &mut Vec<String>,
) -> Result<(), NodeError> {
    for id in ids {
        if ctes.iter().any(|cte| cte.node.unique_id == *id) {
            continue;
        }
        if open.contains(id) {
            return Err(
                Diagnostic::error("cycle", format!("ephemeral models read each other: {}", open.join(" -> "))).into()
            );
        }
        let Some(node) = run.project().manifest.nodes.get(id).map(|node| Arc::new(node.clone())) else { continue };
        open.push(id.clone());
        let reader = bridge.reading_as(&node);
        let RenderedText { text: sql, map, .. } = render_one(run, &node, &reader, thread_id)?;
        collect_ctes(run, &reader.take_ephemerals(), &reader, thread_id, ctes, open)?;
        bridge.adopt_names(&reader);
        open.pop();
        ctes.push(Cte { node, sql, map });
    }
    Ok(())
}

fn render_one(
    run: &Arc<Run>,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
) -> Result<RenderedText, NodeError> {
    let mut context = run.context(node, bridge.connection(), thread_id);
    context.this = this_relation(node, bridge);
    if let Some(batch) = bridge.batch() {
        batch.add_to(&mut context);
    }
    render_in(run, node, bridge, &context)
}

fn render_in(
    run: &Arc<Run>,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    context: &RenderContext,
) -> Result<RenderedText, NodeError> {
    let at = FailedAt { compiled: None, node: Some(&node.span) };
    let template =
        Template::parse_range(&node.template, node.template_range.clone()).map_err(|error| from_render(error, at))?;
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    let rendered =
        render_template(run.library(), context, outside, &template).map_err(|error| from_render(error, at))?;
    Ok(RenderedText {
        text: keep_own_aliases(rendered.text),
        map: rendered.source_map,
        macros: rendered.asked.direct_macros,
    })
}

fn this_relation(node: &Node, bridge: &NodeBridge) -> Option<Relation> {
    match node.resource_type {
        ResourceType::Operation | ResourceType::SqlOperation | ResourceType::Analysis => None,
        _ => {
            let relation = match node.is_ephemeral() {
                // It has a schema and a name like any model, though nothing is there.
                true => {
                    let mut named = node.clone();
                    named.config.set("materialized", "view".into());
                    named.relation()
                }
                false => node.relation(),
            };
            let relation = Relation { kind: None, ..relation };
            let display_name = "this".to_owned();
            Some(bridge.written(&Input { connection: node.connection.clone(), relation, display_name }))
        }
    }
}

/// Where dbt writes a node's SQL below `target/compiled` and `target/run`.
#[must_use]
pub fn artifact_path(node: &Node) -> PathBuf {
    let original = PathBuf::from(&node.original_file_path);
    if node.resource_type == ResourceType::Snapshot {
        // A file may hold several, one of them with the file's own name.
        return PathBuf::from(&node.package_name).join(original).join(format!("{}.sql", node.name));
    }
    let path = PathBuf::from(&node.path);
    let file = if path.file_name() == original.file_name() { original } else { original.join(path) };
    PathBuf::from(&node.package_name).join(file)
}

/// Writes `target/compiled/…`.
pub(crate) fn write_compiled(run: &Run, node: &Node, sql: &str) -> Result<(), NodeError> {
    write_below(run, "compiled", node, sql)
}

/// The same for one batch of a microbatch model: in a folder of the model's name, a file for each.
pub(crate) fn write_batch(run: &Run, node: &Node, folder: &str, batch: &str, text: &str) -> Result<(), NodeError> {
    let path = artifact_path(node);
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    let path = path.with_file_name(&stem).join(format!("{stem}_{batch}.{extension}"));
    write_artifact(run, folder, &path, text)
}

pub(crate) fn write_below(run: &Run, folder: &str, node: &Node, text: &str) -> Result<(), NodeError> {
    write_artifact(run, folder, &artifact_path(node), text)
}

/// Whether a file is there and says this.
fn holds(path: &Path, text: &str) -> bool {
    let has_length = |file: std::fs::Metadata| file.is_file() && file.len() == text.len() as u64;
    std::fs::metadata(path).is_ok_and(has_length) && std::fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes())
}

fn write_artifact(run: &Run, folder: &str, path: &Path, text: &str) -> Result<(), NodeError> {
    if !run.settings().write_artifacts {
        return Ok(());
    }
    let path = run.project().config.target_path.join(folder).join(path);
    // There are thousands of these and they are for people to read: none is worth waiting for the disk. A file that takes
    // another's place is written there at once by many file systems, and most often it says the same.
    let written = match write_new(&path, text.as_bytes()) {
        Ok(false) if !holds(&path, text) => write_quickly(&path, text.as_bytes()),
        other => other.map(|_| ()),
    };
    written.map_err(|error| Diagnostic::error("artifact", error.to_string()).into())
}
