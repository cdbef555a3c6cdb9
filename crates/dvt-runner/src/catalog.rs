//! `docs generate`: what the databases hold of the project's relations, all connections merged into one catalog.

use crate::artifacts::told;
use crate::bridge::NodeBridge;
use crate::failure::{FailedAt, NodeError, from_adapter, from_render};
use crate::freshness::information_schema;
use crate::inputs::stored_name;
use crate::node::node_comment;
use crate::run::Run;
use chrono::Utc;
use dvt_adapter::{Adapter, RelationKind};
use dvt_diagnostics::Diagnostic;
use dvt_jinja::{Args, Bridge, Value, call_macro};
use dvt_manifest::{Catalog, CatalogColumn, CatalogTable, Relation, UniqueId, write_atomically};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// More relations than this are not asked for one by one, but by their schemas.
const NAMED_RELATIONS: usize = 100;

/// What was found, by unique id, and what could not be found out.
#[derive(Clone, Debug, Default)]
pub struct CatalogOutcome {
    pub nodes: BTreeMap<UniqueId, CatalogTable>,
    pub sources: BTreeMap<UniqueId, CatalogTable>,
    pub errors: Vec<Diagnostic>,
}

/// A relation of the project and whose it is.
struct Wanted {
    relation: Relation,
    unique_id: UniqueId,
    is_source: bool,
}

/// A table as a connection knows it: database, schema and name in lower case.
type Key = (String, String, String);

/// Reads the catalog and writes `catalog.json`; an empty `only` asks no database.
pub(crate) async fn write_catalog(run: &Arc<Run>, only: Option<&BTreeSet<UniqueId>>) -> CatalogOutcome {
    let mut outcome = read_catalog(run, only).await;
    let catalog = Catalog {
        invocation_id: run.invocation().invocation_id.clone(),
        generated_at: Utc::now(),
        invocation_started_at: run.started_at(),
        env: run.metadata_env(),
        nodes: outcome.nodes.clone(),
        sources: outcome.sources.clone(),
        errors: (!outcome.errors.is_empty())
            .then(|| outcome.errors.iter().map(|error| error.message.clone()).collect()),
    };
    let path = run.target_path().join("catalog.json");
    let written = write_atomically(&path, catalog.to_json().as_bytes());
    outcome.errors.extend(told(&run.settings().events, "CatalogArtifact", &path, written));
    outcome
}

/// Reads the catalog of every connection at once. `only` limits it to these ids.
async fn read_catalog(run: &Arc<Run>, only: Option<&BTreeSet<UniqueId>>) -> CatalogOutcome {
    let mut by_connection: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
    let manifest = &run.project().manifest;
    let is_wanted = |id: &UniqueId| only.is_none_or(|only| only.contains(id));
    for node in manifest.nodes.values().filter(|node| is_wanted(&node.unique_id) && run.leaves_relation(node)) {
        let wanted = Wanted { relation: node.relation(), unique_id: node.unique_id.clone(), is_source: false };
        by_connection.entry(node.connection.clone()).or_default().push(wanted);
    }
    for source in manifest.sources.values().filter(|source| is_wanted(&source.unique_id)) {
        let wanted = Wanted { relation: source.relation(), unique_id: source.unique_id.clone(), is_source: true };
        by_connection.entry(source.connection.clone()).or_default().push(wanted);
    }
    let tasks = by_connection.into_iter().map(|(connection, wanted)| {
        let run = Arc::clone(run);
        async move {
            let adapter = run.adapter(&connection)?;
            let found = if has_catalog_macros(&run, &connection) {
                let (inner, adapter) = (Arc::clone(&run), Arc::clone(&adapter));
                let relations: Vec<Relation> = wanted.iter().map(|wanted| wanted.relation.clone()).collect();
                tokio::task::spawn_blocking(move || ask_macros(&inner, &adapter, &relations))
                    .await
                    .unwrap_or_else(|error| Err(Diagnostic::error("internal", error.to_string()).into()))?
            } else {
                describe(adapter.as_ref(), &wanted).await?
            };
            Ok::<_, NodeError>((wanted, found))
        }
    });
    let mut outcome = CatalogOutcome::default();
    for done in futures::future::join_all(tasks).await {
        match done {
            Ok((wanted, found)) => {
                for Wanted { relation, unique_id, is_source } in wanted {
                    let Some(table) = found.get(&key_of(&relation)) else { continue };
                    let mut table = table.clone();
                    table.unique_id.clone_from(&unique_id);
                    let place = if is_source { &mut outcome.sources } else { &mut outcome.nodes };
                    place.insert(unique_id, table);
                }
            }
            Err(error) => outcome.errors.extend(error.diagnostics),
        }
    }
    outcome
}

/// Engines without a level above the schema say nothing there, whatever the profile calls it.
fn key_of(relation: &Relation) -> Key {
    let lower = |part: &Option<String>| part.as_deref().unwrap_or_default().to_lowercase();
    let database = if relation.include.database { lower(&relation.database) } else { String::new() };
    (database, lower(&relation.schema), lower(&relation.identifier))
}

fn has_catalog_macros(run: &Run, connection: &str) -> bool {
    let Some(facts) = run.project().connections.get(connection) else { return false };
    facts.adapter_types.iter().any(|kind| {
        let name = format!("{kind}__get_catalog_relations");
        run.library().definitions().any(|definition| definition.name == name)
    })
}

/// One connection, by dbt's macros. Blocks.
fn ask_macros(
    run: &Arc<Run>,
    adapter: &Arc<dyn Adapter>,
    relations: &[Relation],
) -> Result<BTreeMap<Key, CatalogTable>, NodeError> {
    let node = Arc::new(run.operation_node("generate_catalog", adapter.connection()));
    let bridge = NodeBridge::for_run(run, &node, adapter, node_comment(run, &node)?);
    let mut by_database: BTreeMap<Option<String>, Vec<&Relation>> = BTreeMap::new();
    for relation in relations {
        by_database.entry(relation.database.clone()).or_default().push(relation);
    }
    let mut found = BTreeMap::new();
    let mut result = Ok(());
    for relations in by_database.values() {
        let Some(first) = relations.first() else { continue };
        let context = run.context(&node, adapter.connection(), "main");
        let schema = Value::relation(information_schema(first));
        let args = if relations.len() <= NAMED_RELATIONS {
            let relations = relations.iter().map(|relation| Value::relation((*relation).clone())).collect();
            Args::new("get_catalog_relations", vec![schema, Value::list(relations)])
        } else {
            let schemas: BTreeSet<&str> = relations.iter().filter_map(|relation| relation.schema.as_deref()).collect();
            Args::new("get_catalog", vec![schema, Value::list(schemas.into_iter().map(Value::str).collect())])
        };
        let outside: Arc<dyn Bridge> = Arc::clone(&bridge) as Arc<dyn Bridge>;
        let name = args.function.clone();
        match call_macro(run.library(), &context, outside, &name, args) {
            Ok(called) => collect(&called.value, first, &mut found),
            Err(error) => {
                result = Err(from_render(error, FailedAt::NOWHERE));
                break;
            }
        }
    }
    bridge.abandon();
    result.map(|()| found)
}

/// Reads the rows of dbt's catalog query: one per column of a table.
fn collect(table: &Value, asked: &Relation, found: &mut BTreeMap<Key, CatalogTable>) {
    let names: Vec<String> = table
        .field("column_names")
        .and_then(|names| names.iterate())
        .unwrap_or_default()
        .iter()
        .map(|name| name.to_string().to_lowercase())
        .collect();
    for row in table.field("rows").and_then(|rows| rows.iterate()).unwrap_or_default() {
        let cells = row.iterate().unwrap_or_default();
        let cell = |name: &str| names.iter().position(|known| known == name).and_then(|at| cells.get(at));
        let text = |name: &str| cell(name).filter(|value| !value.is_none()).map(ToString::to_string);
        let (Some(schema), Some(name)) = (text("table_schema"), text("table_name")) else { continue };
        let database = text("table_database");
        let shown = if asked.include.database { database.clone().unwrap_or_default() } else { String::new() };
        let key = (shown.to_lowercase(), schema.to_lowercase(), name.to_lowercase());
        let entry = found.entry(key).or_insert_with(|| CatalogTable {
            kind: text("table_type").unwrap_or_default(),
            database,
            schema,
            name,
            comment: text("table_comment"),
            owner: text("table_owner"),
            columns: Vec::new(),
            stats: stats_of(&names, &cells),
            unique_id: String::new(),
        });
        if let (Some(name), Some(kind)) = (text("column_name"), text("column_type")) {
            let index = cell("column_index").and_then(Value::as_int).and_then(|index| i64::try_from(index).ok());
            let index = index.unwrap_or_else(|| i64::try_from(entry.columns.len()).unwrap_or_default() + 1);
            entry.columns.push(CatalogColumn { kind, index, name, comment: text("column_comment") });
        }
    }
}

/// dbt's statistics: columns `stats:<id>:label`, `:value`, `:description`, `:include`.
fn stats_of(names: &[String], cells: &[Value]) -> BTreeMap<String, Json> {
    let mut stats: BTreeMap<String, serde_json::Map<String, Json>> = BTreeMap::new();
    for (name, cell) in names.iter().zip(cells) {
        let Some((id, part)) = name.strip_prefix("stats:").and_then(|rest| rest.split_once(':')) else { continue };
        let value = cell.to_json().unwrap_or_else(|_| Json::from(cell.to_string()));
        stats.entry(id.to_owned()).or_default().insert(part.to_owned(), value);
    }
    stats
        .into_iter()
        .filter(|(_, stat)| stat.get("include").is_some_and(|include| *include == Json::Bool(true)))
        .map(|(id, mut stat)| {
            stat.insert("id".to_owned(), Json::from(id.as_str()));
            (id, Json::Object(stat))
        })
        .collect()
}

/// A connection without catalog macros tells the same by its own description.
async fn describe(adapter: &dyn Adapter, wanted: &[Wanted]) -> Result<BTreeMap<Key, CatalogTable>, NodeError> {
    let names: Vec<_> = wanted.iter().map(|wanted| stored_name(&wanted.relation, adapter.dialect())).collect();
    let found = adapter.describe(&names).await.map_err(|error| from_adapter(&error, None, FailedAt::NOWHERE))?;
    let tables = wanted.iter().zip(found).filter_map(|(wanted, description)| {
        let description = description?;
        let kind = match description.kind {
            RelationKind::Table => "table",
            RelationKind::View => "view",
            RelationKind::MaterializedView => "materialized view",
            RelationKind::External => "external",
        };
        let columns = description.columns.iter().zip(1..).map(|(column, index)| CatalogColumn {
            kind: column.native_type.clone(),
            index,
            name: column.name.clone(),
            comment: None,
        });
        let table = CatalogTable {
            kind: kind.to_owned(),
            database: description.name.database.clone(),
            schema: description.name.schema.clone().unwrap_or_default(),
            name: description.name.identifier.clone(),
            comment: None,
            owner: None,
            columns: columns.collect(),
            stats: BTreeMap::new(),
            unique_id: String::new(),
        };
        Some((key_of(&wanted.relation), table))
    });
    Ok(tables.collect())
}
