//! One run at a time adds rows to a relation.
//!
//! An incremental model or a snapshot across connections reads what its relation holds, then reads the sources, then writes.
//! Two runs that do so beside each other would add the same rows twice, or put older rows over newer ones that the next
//! watermark hides for ever. So the second waits until the first is done, and then sees what that has written.

use crate::failure::{FailedAt, NodeError, from_adapter};
use crate::inputs::stored_name;
use crate::node::Job;
use dvt_adapter::Hold;
use dvt_federation::Route;
use dvt_manifest::ResourceType;

impl Job<'_> {
    /// Waits for other runs that build the node's relation, and keeps them waiting until the value is dropped.
    pub(crate) async fn hold(&self) -> Result<Option<Hold>, NodeError> {
        let adds_rows = match self.node.resource_type {
            ResourceType::Model => self.node.config.materialized() == "incremental",
            kind => kind == ResourceType::Snapshot,
        };
        if !adds_rows || self.route == Route::Pushdown || !self.run.request.command.writes() {
            return Ok(None);
        }
        let relation = stored_name(&self.node.relation(), self.adapter.dialect());
        let held = self.adapter.hold(&relation, self.run.stop().child_token()).await;
        let at = FailedAt { compiled: None, node: Some(&self.node.span) };
        held.map_err(|error| from_adapter(&error, None, at))
    }
}
