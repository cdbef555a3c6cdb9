//! The last step of every route: the node's own materialization macro, on its target.

use crate::bridge::NodeBridge;
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_render};
use crate::run::{Run, lock};
use crate::settings::RunCommand;
use dvt_adapter::Adapter;
use dvt_jinja::{Bridge, Materialized, run_materialization};
use dvt_manifest::{Node, Relation, ResourceType};
use std::sync::Arc;

/// Runs the materialization. Whatever it leaves uncommitted is rolled back, as dbt does when it releases a connection.
/// Blocks.
pub(crate) fn materialize(
    run: &Arc<Run>,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    compiled: &CompiledNode,
    landing: Option<&Relation>,
    thread_id: &str,
) -> Result<Materialized, NodeError> {
    let sql = match landing {
        Some(landing) if node.resource_type != ResourceType::Seed => format!("select * from {}", landing.render()),
        _ => compiled.sql.clone(),
    };
    let landing = landing.filter(|_| node.resource_type != ResourceType::Seed);
    let mut context = run.materialization_context(node, &sql, landing, thread_id);
    if let Some(batch) = bridge.batch() {
        batch.add_to_materialization(&mut context);
    }
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    let result = run_materialization(run.library(), &context, outside, materialization_name(run, node));
    bridge.abandon();
    run.note_publication(node);
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    let materialized = result.map_err(|error| from_render(error, at))?;
    for relation in &materialized.relations {
        bridge.cache_added(relation);
    }
    Ok(materialized)
}

impl Run {
    /// Rows may have changed where the node lives: what was read there before is not what is there now.
    pub(crate) fn note_publication(&self, node: &Node) {
        let Ok(adapter) = self.adapter(&node.connection) else { return };
        *lock(&self.publications).entry(adapter.identity()).or_default() += 1;
    }

    /// The SQL of an extract as its key holds it: with the number of changes that this run made where it is read.
    pub(crate) fn sql_of_now(&self, adapter: &dyn Adapter, sql: &str) -> String {
        match lock(&self.publications).get(&adapter.identity()) {
            None => sql.to_owned(),
            Some(changes) => format!("{sql}\n-- after {changes} changes"),
        }
    }
}

fn materialization_name<'n>(run: &Run, node: &'n Node) -> &'n str {
    match node.resource_type {
        _ if run.request.command == RunCommand::Clone => "clone",
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        ResourceType::Test => "test",
        _ => node.config.materialized(),
    }
}
