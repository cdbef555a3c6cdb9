//! Schemas that the selected nodes need, made before the first of them runs: dbt's `create_schemas`.

use crate::bridge::NodeBridge;
use crate::failure::{FailedAt, NodeError, from_bridge, from_render};
use crate::member::Member;
use crate::query_comment::StatementComment;
use crate::run::Run;
use dvt_adapter::Adapter;
use dvt_diagnostics::{Diagnostic, SourceFile};
use dvt_jinja::{Args, Bridge, RenderContext, Value, call_macro, render};
use dvt_manifest::{Node, Relation};
use dvt_sql::IdentifierCase;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// Makes what is missing, all connections at once; where nothing is, a session shows whether the connection can be had. A
/// connection where that fails is noted as broken: its nodes fail with the reason, the others run.
pub(crate) async fn create_schemas(run: &Arc<Run>, members: &[Member]) {
    let mut wanted: BTreeMap<String, BTreeMap<String, Relation>> = BTreeMap::new();
    for member in members {
        let connection = member.connection(run);
        if !connection.is_empty() {
            wanted.entry(connection.to_owned()).or_default();
        }
        let Some(node) = member.node() else { continue };
        if run.leaves_relation(node) {
            let schema = schema_of(node);
            wanted.entry(node.connection.clone()).or_default().entry(schema.render()).or_insert(schema);
        }
    }
    let mut tasks = Vec::new();
    for (connection, schemas) in wanted {
        let run = Arc::clone(run);
        let schemas: Vec<Relation> = schemas.into_values().collect();
        tasks.push(async move {
            let result = match run.adapter(&connection) {
                Ok(adapter) => {
                    let inner = Arc::clone(&run);
                    tokio::task::spawn_blocking(move || create_on(&inner, &adapter, &schemas))
                        .await
                        .unwrap_or_else(|error| Err(Diagnostic::error("internal", error.to_string()).into()))
                }
                Err(error) => Err(error),
            };
            if let Err(error) = result
                && let Some(diagnostic) = error.diagnostics.into_iter().next()
            {
                run.broken.lock().unwrap_or_else(PoisonError::into_inner).insert(connection, diagnostic);
            }
        });
    }
    futures::future::join_all(tasks).await;
}

/// The schema that a node's relation is in.
pub(crate) fn schema_of(node: &Node) -> Relation {
    let mut schema = node.relation();
    schema.identifier = None;
    schema.include.identifier = false;
    schema.kind = None;
    schema
}

/// One connection's schemas, with dbt's macros `list_schemas` and `create_schema`. Blocks.
pub(crate) fn create_on(run: &Arc<Run>, adapter: &Arc<dyn Adapter>, schemas: &[Relation]) -> Result<(), NodeError> {
    let node = Arc::new(run.operation_node("create_schemas", adapter.connection()));
    let bridge = NodeBridge::new(run, &node, adapter, StatementComment::default());
    let result = if schemas.is_empty() {
        bridge.connect().map_err(|error| from_bridge(error.as_ref(), FailedAt::NOWHERE))
    } else {
        create_missing(run, adapter, schemas, &node, &bridge)
    };
    bridge.abandon();
    result
}

fn create_missing(
    run: &Arc<Run>,
    adapter: &Arc<dyn Adapter>,
    schemas: &[Relation],
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
) -> Result<(), NodeError> {
    let context = run.context(node, adapter.connection(), "main");
    let call = |name: &str, args: Args| {
        let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
        call_macro(run.library(), &context, outside, name, args).map_err(|error| from_render(error, FailedAt::NOWHERE))
    };
    let fold = |name: &str| match adapter.dialect().unquoted {
        IdentifierCase::Insensitive | IdentifierCase::FoldsUpper => name.to_lowercase(),
        IdentifierCase::FoldsLower => name.to_owned(),
    };
    let mut known: BTreeMap<Option<String>, BTreeSet<String>> = BTreeMap::new();
    for schema in schemas {
        if !known.contains_key(&schema.database) {
            let database = schema.database.as_deref().map_or(Value::None, Value::str);
            let listed = call("list_schemas", Args::new("list_schemas", vec![database]))?.value;
            let names =
                listed.iterate().unwrap_or_default().iter().filter_map(first_text).map(|name| fold(&name)).collect();
            known.insert(schema.database.clone(), names);
        }
        let name = fold(schema.schema.as_deref().unwrap_or_default());
        if name.is_empty() {
            continue;
        }
        if known.get(&schema.database).is_some_and(|names| names.contains(&name)) {
            fill_cache(run, &context, bridge, schema)?;
            continue;
        }
        call("create_schema", Args::new("create_schema", vec![Value::relation(schema.clone())]))?;
        bridge.commit().map_err(|error| NodeError::from(Diagnostic::error("database-error", error.to_string())))?;
        known.entry(schema.database.clone()).or_default().insert(name);
    }
    Ok(())
}

/// Reads what a schema holds before the first node asks: once, and not by all threads at the same time.
fn fill_cache(
    run: &Arc<Run>,
    context: &RenderContext,
    bridge: &Arc<NodeBridge>,
    schema: &Relation,
) -> Result<(), NodeError> {
    if !run.flag("POPULATE_CACHE", true) {
        return Ok(());
    }
    let mut context = context.clone();
    let text = |part: &Option<String>| part.as_deref().map_or(Value::None, Value::str);
    context.variables.insert("cached_database".to_owned(), text(&schema.database));
    context.variables.insert("cached_schema".to_owned(), text(&schema.schema));
    let file = SourceFile::new(
        "relation cache",
        "{% do adapter.list_relations(database=cached_database, schema=cached_schema) %}",
    );
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    render(run.library(), &context, outside, &file).map(drop).map_err(|error| from_render(error, FailedAt::NOWHERE))
}

/// The first cell of a row, or the value itself where the macro gave a list of names.
fn first_text(row: &Value) -> Option<String> {
    match row.as_str() {
        Some(text) => Some(text.to_owned()),
        None => row.iterate()?.first()?.as_str().map(str::to_owned),
    }
}
