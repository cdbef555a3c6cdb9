//! `show`: the rows of a node's query, computed now and written nowhere.

use crate::bridge::NodeBridge;
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_bridge, from_render};
use crate::federated::{Collected, collect_rows, plan_answer};
use crate::node::response_json;
use crate::progress::Progress;
use crate::run::Run;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use dvt_adapter::Fetch;
use dvt_diagnostics::Diagnostic;
use dvt_federation::Route;
use dvt_jinja::{Args, Bridge, Value, call_macro};
use dvt_manifest::{Node, ResourceType};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

type ShownRows = (SchemaRef, Vec<RecordBatch>);

/// The rows, and what dbt's `adapter_response` says of them: nothing of rows that no database put together.
type Shown = (ShownRows, Map<String, Json>);

/// The first rows of the node's query; a negative limit means all.
pub(crate) async fn show_rows(
    run: &Arc<Run>,
    node: &Arc<Node>,
    compiled: &Arc<CompiledNode>,
    bridge: &Arc<NodeBridge>,
    progress: &Arc<Progress>,
) -> Result<Shown, NodeError> {
    if compiled.route == Route::Pushdown {
        let (run, node) = (Arc::clone(run), Arc::clone(node));
        let (compiled, bridge) = (Arc::clone(compiled), Arc::clone(bridge));
        let shown = tokio::task::spawn_blocking(move || show_pushdown(&run, &node, &compiled, &bridge)).await;
        return shown.unwrap_or_else(|error| Err(Diagnostic::error("internal", error.to_string()).into()));
    }
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    let limit = usize::try_from(run.request.limit).ok();
    let answer = plan_answer(run, node, compiled, limit).await?;
    let Collected { schema, batches, .. } = collect_rows(run, node, &answer, progress, at).await?;
    Ok(((schema, batches), Map::new()))
}

/// On one connection the query runs there, limited as dbt's macro `get_show_sql` says. Blocks.
fn show_pushdown(
    run: &Arc<Run>,
    node: &Arc<Node>,
    compiled: &CompiledNode,
    bridge: &Arc<NodeBridge>,
) -> Result<Shown, NodeError> {
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    let query = if node.resource_type == ResourceType::Seed {
        format!("select * from {}", node.relation().render())
    } else {
        compiled.sql.clone()
    };
    let header = node.config.text("sql_header").map_or(Value::None, Value::str);
    let limit = if run.request.limit < 0 { Value::None } else { Value::from(run.request.limit) };
    let context = run.context(node, &node.connection, "main");
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    let args = Args::new("get_show_sql", vec![Value::str(&query), header, limit]);
    let called =
        call_macro(run.library(), &context, outside, "get_show_sql", args).map_err(|error| from_render(error, at))?;
    let answered = bridge.query(called.value.to_string().trim(), false, Fetch::All);
    let result = answered.map_err(|error| from_bridge(error.as_ref(), at));
    bridge.abandon();
    let result = result?;
    let told = &result.response;
    let mut response = response_json(&told.message, Some(&told.code), told.rows_affected);
    response.insert("query_id".to_owned(), Json::Null);
    Ok((result.rows.unwrap_or_else(|| (Arc::new(Schema::empty()), Vec::new())), response))
}
