//! Landing relations: where a result waits on its target until the materialization takes it.

use crate::bridge::NodeBridge;
use crate::failure::{FailedAt, NodeError, from_adapter, from_render};
use crate::inputs::stored_name;
use crate::journal::{DeadJournal, Entry, dead_journals};
use crate::run::Run;
use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{Adapter, LoadColumn, LoadRequest, Witness};
use dvt_diagnostics::Diagnostic;
use dvt_jinja::{Args, Bridge, Value, call_macro};
use dvt_manifest::{Node, Relation, RelationKind, ResourceType};
use futures::StreamExt;
use std::path::Path;
use std::sync::Arc;

impl Run {
    /// The node's landing relation, in its target's schema.
    pub(crate) fn landing_relation(&self, node: &Node) -> Relation {
        let run: String = self.invocation().invocation_id.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        // The place in the manifest: two nodes of a run never share a name.
        let place = self.project().manifest.nodes.get_index_of(&node.unique_id).unwrap_or(0xff_ffff);
        let name = format!("dvt_landing__{run:0>8}__{place:06x}");
        let mut relation = node.relation();
        relation.identifier = Some(name);
        relation.kind = Some(RelationKind::Table);
        relation.quoting.identifier = true;
        relation
    }
}

/// Rows of a witness: as many commits of one node can be found out about.
const WITNESS_ROWS: u64 = 16;

/// A relation beside the landing relation that tells of commits whose answer was lost, where the engine does not tell and
/// where doing the work again would not come to the same.
pub(crate) async fn make_witness(
    run: &Arc<Run>,
    node: &Arc<Node>,
    landing: &Relation,
    adapter: &Arc<dyn Adapter>,
) -> Result<Option<(Relation, Witness)>, NodeError> {
    let replaces_all =
        matches!(node.config.materialized(), "table" | "view") && node.resource_type == ResourceType::Model;
    if !adapter.needs_commit_witness() || replaces_all || node.resource_type == ResourceType::Test {
        return Ok(None);
    }
    let mut relation = landing.clone();
    relation.identifier = relation.identifier.map(|name| format!("{name}w"));
    let name = stored_name(&relation, adapter.dialect());
    run.record(&Entry::LandingPlanned {
        unique_id: node.unique_id.clone(),
        connection: node.connection.clone(),
        relation: name.clone(),
    })?;
    let failed = |message: String| NodeError::from(Diagnostic::error("internal", message));
    let field = Field::new("row_left", DataType::Int64, false);
    let column_type = adapter.column_type(&field).map_err(|error| failed(error.to_string()))?;
    let schema: SchemaRef = Arc::new(Schema::new(vec![field]));
    let values: Int64Array =
        (0..WITNESS_ROWS).map(|row| i64::try_from(row).unwrap_or_default()).collect::<Vec<_>>().into();
    let rows =
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(values)]).map_err(|error| failed(error.to_string()))?;
    let request = LoadRequest {
        relation: name.clone(),
        columns: vec![LoadColumn { name: "row_left".to_owned(), column_type, nullable: false }],
        schema,
        on_behalf_of: node.relation().render(),
        options: serde_json::Map::new(),
    };
    let rows = futures::stream::iter([Ok(rows)]).boxed();
    let loaded = adapter.load(request, rows, run.stop().child_token()).await;
    loaded.map_err(|error| from_adapter(&error, None, FailedAt::NOWHERE))?;
    Ok(Some((relation, Witness { relation: name, rows: WITNESS_ROWS })))
}

/// Drops the landing relation if it is still there, and notes in the journal that it is gone.
pub(crate) async fn remove_landing(
    run: &Arc<Run>,
    node: &Arc<Node>,
    landing: &Relation,
    adapter: &Arc<dyn Adapter>,
) -> Result<(), NodeError> {
    drop_if_there(run, node, landing, adapter).await?;
    run.record(&Entry::LandingGone {
        connection: adapter.connection().to_owned(),
        relation: stored_name(landing, adapter.dialect()),
    })?;
    Ok(())
}

async fn drop_if_there(
    run: &Arc<Run>,
    node: &Arc<Node>,
    relation: &Relation,
    adapter: &Arc<dyn Adapter>,
) -> Result<(), NodeError> {
    let name = stored_name(relation, adapter.dialect());
    let found = adapter.describe(&[name]).await.map_err(|error| from_adapter(&error, None, FailedAt::NOWHERE))?;
    if !found.iter().any(Option::is_some) {
        return Ok(());
    }
    let (run, node, adapter, relation) = (Arc::clone(run), Arc::clone(node), Arc::clone(adapter), relation.clone());
    let task = tokio::task::spawn_blocking(move || {
        let bridge = NodeBridge::for_clean_up(&run, &node, &adapter);
        let context = run.context(&node, adapter.connection(), "main");
        let outside: Arc<dyn Bridge> = Arc::clone(&bridge) as Arc<dyn Bridge>;
        // Left alone, the statement takes part in a transaction that nobody commits.
        let begun = bridge.begin();
        let args = Args::new("drop_relation", vec![Value::relation(relation)]);
        let dropped = begun
            .map_err(|error| NodeError::from(Diagnostic::error("database-error", error.to_string())))
            .and_then(|()| {
                call_macro(run.library(), &context, outside, "drop_relation", args)
                    .map_err(|error| from_render(error, FailedAt::NOWHERE))
            })
            .and_then(|_| {
                bridge.commit().map_err(|error| Diagnostic::error("database-error", error.to_string()).into())
            });
        bridge.abandon();
        dropped
    });
    task.await.unwrap_or_else(|error| Err(Diagnostic::error("internal", error.to_string()).into()))
}

/// Drops what runs that died have left. What cannot be dropped now is tried again by the next run.
pub(crate) async fn recover(run: &Arc<Run>, folder: &Path) -> Result<(), NodeError> {
    let folder = folder.to_path_buf();
    let dead = tokio::task::spawn_blocking(move || dead_journals(&folder))
        .await
        .map_err(|error| NodeError::from(Diagnostic::error("internal", error.to_string())))??;
    for mut journal in dead {
        recover_one(run, &mut journal).await;
    }
    Ok(())
}

async fn recover_one(run: &Arc<Run>, journal: &mut DeadJournal) {
    for leftover in journal.leftovers.clone() {
        // A connection that the profile no longer has: somebody who has it may still clean up.
        let Some(adapter) = run.connections().get(&leftover.connection) else { continue };
        let mut relation = Relation::new(
            &leftover.connection,
            leftover.relation.database.as_deref(),
            leftover.relation.schema.as_deref(),
            Some(&leftover.relation.identifier),
        );
        relation.kind = Some(RelationKind::Table);
        let relation = run.in_own_dialect(relation);
        let node = Arc::new(run.operation_node("recover", &leftover.connection));
        match drop_if_there(run, &node, &relation, adapter).await {
            Ok(()) => {
                if let Err(error) = journal.record_gone(&leftover) {
                    tracing::warn!(%error, "a recovered relation could not be noted");
                }
            }
            Err(error) => {
                let warning = Diagnostic::warning(
                    "leftover-relation",
                    format!(
                        "`{}` of an earlier run that died could not be removed: {}",
                        leftover.relation,
                        error.message()
                    ),
                );
                run.reporter().diagnostic(&warning.help("the next run tries again"));
            }
        }
    }
}
