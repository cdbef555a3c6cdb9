//! `--defer`: what this environment does not have is read from another one.
//!
//! The manifest's nodes say where the other environment has them ([`Node::defer_relation`]). Whether a reference goes
//! there is decided when it is compiled, since a node of this very run may have built its own relation by then.

use crate::bridge::NodeBridge;
use crate::failure::{FailedAt, NodeError, from_render};
use crate::inputs::connections_read;
use crate::query_comment::StatementComment;
use crate::run::Run;
use dvt_federation::Route;
use dvt_jinja::{Args, Bridge, Value, call_macro};
use dvt_manifest::{Node, Relation};
use std::sync::Arc;

impl Run {
    /// Whether references may be answered by another environment.
    pub(crate) fn defers(&self) -> bool {
        self.flag("DEFER", false)
    }

    /// The relation of the other environment that a reference to this node means; `None` for the node's own.
    ///
    /// `--favor-state` prefers the other environment for what this run does not build; without it, the node's own
    /// relation wins where it is there. Blocks: the database may be asked.
    pub(crate) fn deferred(self: &Arc<Self>, node: &Node) -> Result<Option<Relation>, NodeError> {
        if !self.defers() || node.defer_relation.is_none() {
            return Ok(None);
        }
        let favors_state = self.flag("FAVOR_STATE", false) && !self.request.selected.contains(&node.unique_id);
        if !favors_state && self.has_relation(node)? {
            return Ok(None);
        }
        Ok(self.deferred_relation(node))
    }

    /// The node's relation in the other environment. It is reached over the node's own connection unless it lives in
    /// another place.
    pub(crate) fn deferred_relation(&self, node: &Node) -> Option<Relation> {
        let mut relation = node.deferred_relation()?;
        let own = self.connections().get(&node.connection).map(|adapter| adapter.identity());
        let other = self.connections().get(&relation.connection).map(|adapter| adapter.identity());
        let is_elsewhere = match (own, other) {
            (Some(own), Some(other)) => {
                // Some engines read every database of their server over one connection, the others only their own.
                let reads_all = matches!(own.adapter_type.as_str(), "mysql" | "mariadb" | "snowflake" | "bigquery");
                (&own.adapter_type, &own.host, own.port) != (&other.adapter_type, &other.host, other.port)
                    || (!reads_all && own.database != other.database)
            }
            _ => false,
        };
        if !is_elsewhere {
            relation.connection.clone_from(&node.connection);
        }
        Some(relation)
    }

    /// The route of a node whose references may be answered by another environment. Blocks.
    pub(crate) fn route_with_deferral(self: &Arc<Self>, node: &Node) -> Route {
        let manifest = &self.project().manifest;
        let reads = connections_read(manifest, &node.depends_on.nodes, &|read| match self.deferred(read) {
            Ok(Some(relation)) => relation.connection,
            // A database that cannot be asked is told about when the reference itself is compiled.
            Ok(None) | Err(_) => read.connection.clone(),
        });
        self.route_over(node, &reads)
    }

    /// Whether the node's own relation is in the database, by the relation cache.
    fn has_relation(self: &Arc<Self>, node: &Node) -> Result<bool, NodeError> {
        let adapter = self.adapter(&node.connection)?;
        let relation = node.relation();
        if let Some(is_there) = self.cache(&adapter).holds(&relation) {
            return Ok(is_there);
        }
        let operation = Arc::new(self.operation_node("defer", adapter.connection()));
        let bridge = NodeBridge::new(self, &operation, &adapter, StatementComment::default());
        let context = self.context(&operation, adapter.connection(), "main");
        let outside: Arc<dyn Bridge> = Arc::clone(&bridge) as Arc<dyn Bridge>;
        let name = "load_cached_relation";
        let found =
            call_macro(self.library(), &context, outside, name, Args::new(name, vec![Value::relation(relation)]));
        bridge.abandon();
        let found = found.map_err(|error| from_render(error, FailedAt::NOWHERE))?;
        Ok(!matches!(found.value, Value::None))
    }
}
