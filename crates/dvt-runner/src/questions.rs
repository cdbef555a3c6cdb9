//! Values that a query's conditions ask for are asked first: a watermark (`select max(ts) from {{ this }}`) then goes to the
//! other connections as a literal, and they send only what is needed.

use crate::failure::{FailedAt, NodeError, from_compute};
use crate::federated::{InputCounter, open_inputs};
use crate::inputs::stored_name;
use crate::node::kind_of;
use crate::progress::Progress;
use crate::run::Run;
use arrow::array::{ArrayRef, new_null_array};
use dvt_adapter::RelationName;
use dvt_compute::JoinStrategy;
use dvt_federation::{FederatedPlan, QuestionAnswer, Route};
use dvt_manifest::Node;
use futures::StreamExt;
use std::sync::Arc;

/// A value that was asked for, and what was read for it.
pub(crate) struct Question {
    pub(crate) plan: FederatedPlan,
    pub(crate) inputs: Vec<InputCounter>,
}

/// Whether the plan reads nothing but the node's own relation.
fn reads_only(run: &Run, node: &Node, plan: &FederatedPlan) -> bool {
    let Some(target) = run.connections().get(&node.connection) else { return false };
    let own = stored_name(&node.relation(), target.dialect());
    let is_own = |read: &RelationName| read.identifier == own.identifier && read.schema == own.schema;
    plan.extracts.iter().all(|extract| extract.connection == node.connection && extract.relations().iter().all(is_own))
}

/// Asks, one after the other. `None`: the rows are not one value, of which the engine tells when it comes to it.
pub(crate) async fn ask(
    run: &Arc<Run>,
    node: &Node,
    plans: Vec<FederatedPlan>,
    at: FailedAt<'_>,
) -> Result<(Vec<Question>, Vec<QuestionAnswer>), NodeError> {
    let (mut questions, mut answers) = (Vec::new(), Vec::new());
    for plan in plans {
        // What is read here is counted with the node's inputs; its live line begins with the rows.
        let progress = Progress::new(run.reporter(), &node.unique_id, kind_of(&Route::Federate));
        let cancel = run.stop().child_token();
        let (sources, inputs) = open_inputs(run, node, &plan, None, &progress, &cancel, at).await?;
        let result = run.engine(node)?.execute(&plan, sources, JoinStrategy::Hash).await;
        let mut rows = result.map_err(|error| from_compute(&error, at))?;
        let mut values: Vec<ArrayRef> = Vec::new();
        while let Some(batch) = rows.batches.next().await {
            let batch = batch.map_err(|error| from_compute(&error, at))?;
            if batch.num_rows() > 0 {
                values.push(Arc::clone(batch.column(0)));
            }
        }
        cancel.cancel();
        let value = match values.as_slice() {
            [] => Some(new_null_array(rows.schema.field(0).data_type(), 1)),
            [one] if one.len() == 1 => Some(Arc::clone(one)),
            _ => None,
        };
        let is_watermark = node.config.materialized() == "incremental" && reads_only(run, node, &plan);
        answers.push(QuestionAnswer { value, is_watermark });
        tracing::debug!(node = %node.unique_id, %plan, answer = ?answers.last(), "asked first");
        questions.push(Question { plan, inputs });
    }
    Ok((questions, answers))
}
