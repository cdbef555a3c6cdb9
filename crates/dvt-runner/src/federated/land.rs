//! Loading an answer into the landing relation of its node.

use super::rows::{Again, Rows, start_rows};
use super::{Answer, Delivery, InputCounter, InputFigures, plan_answer};
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_adapter, from_compute};
use crate::inputs::stored_name;
use crate::jdbc::{load_by_executors, plan_of};
use crate::journal::Entry;
use crate::landing::remove_landing;
use crate::progress::Progress;
use crate::reporter::Phase;
use crate::run::Run;
use arrow::datatypes::Schema;
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, ErrorClass, LoadColumn, LoadReport, LoadRequest,
};
use dvt_compute::{ComputeError, JoinStrategy};
use dvt_diagnostics::Diagnostic;
use dvt_manifest::{Node, Relation};
use futures::StreamExt;
use std::sync::{Arc, Mutex, PoisonError};

/// A loaded landing relation.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) report: LoadReport,
    pub(crate) inputs: Vec<InputFigures>,
}

/// Answers the node's query into its landing relation. The whole is tried again where a connection broke (nothing has
/// been published yet), and once more with sorting joins where memory ran out.
pub(crate) async fn land(
    run: &Arc<Run>,
    node: &Arc<Node>,
    compiled: &CompiledNode,
    landing: &Relation,
    progress: &Arc<Progress>,
) -> Result<Landed, NodeError> {
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    progress.phase(Phase::Plan);
    let answer = plan_answer(run, node, compiled, None).await?;
    let target = run.adapter(&node.connection)?;
    let columns = load_columns(target.as_ref(), node, answer.schema())?;
    run.record(&Entry::LandingPlanned {
        unique_id: node.unique_id.clone(),
        connection: node.connection.clone(),
        relation: stored_name(landing, target.dialect()),
    })?;
    let mut again = Again::default();
    loop {
        // One token per attempt: what failed must stop reading before the next begins.
        let cancel = run.stop().child_token();
        progress.restart();
        let attempt = load_once(run, node, &answer, again.joins, &columns, landing, progress, &cancel, at).await;
        cancel.cancel();
        let (error, out_of_memory) = match attempt {
            Ok(landed) => {
                for input in landed.inputs.iter().filter(|input| matches!(input.delivery, Delivery::Streamed)) {
                    run.record(&Entry::Extracted {
                        unique_id: node.unique_id.clone(),
                        connection: input.connection.clone(),
                        relation: input.relation.clone(),
                        rows: input.rows,
                        bytes: input.bytes,
                    })?;
                }
                run.record(&Entry::LandingLoaded { unique_id: node.unique_id.clone(), rows: landed.report.rows })?;
                return Ok(landed);
            }
            Err(failed) => failed,
        };
        again.after(run, node, error, out_of_memory).await?;
        // A load whose answer was lost may have been committed.
        remove_landing(run, node, landing, &target).await?;
        run.record(&Entry::LandingPlanned {
            unique_id: node.unique_id.clone(),
            connection: node.connection.clone(),
            relation: stored_name(landing, target.dialect()),
        })?;
    }
}

/// One attempt. The error says whether the engine's memory was the reason.
#[expect(clippy::too_many_arguments, reason = "one step of `land`, cut out so that it can be repeated")]
async fn load_once(
    run: &Arc<Run>,
    node: &Arc<Node>,
    answer: &Answer,
    joins: JoinStrategy,
    columns: &[LoadColumn],
    landing: &Relation,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
    at: FailedAt<'_>,
) -> Result<Landed, (NodeError, bool)> {
    let target = run.adapter(&node.connection).map_err(|error| (error, false))?;
    if let Some(plan) = plan_of(answer) {
        let choice = run.choose_compute(node, plan).map_err(|error| (error, false))?;
        if let Some(Ok(loading)) = run.jdbc_loading(&choice, target.as_ref(), plan, columns) {
            let work = load_by_executors(run, node, plan, &choice, &loading, columns, landing, progress, cancel, at);
            if let Some(landed) = work.await.map_err(|error| (error, false))? {
                return Ok(landed);
            }
        }
    }
    let rows = start_rows(run, node, answer, joins, progress, cancel, at).await.map_err(|error| (error, false))?;
    let Rows { schema, batches, inputs } = rows;
    let failure: Arc<Mutex<Option<ComputeError>>> = Arc::default();
    let request = LoadRequest {
        relation: stored_name(landing, target.dialect()),
        columns: columns.to_vec(),
        schema,
        on_behalf_of: node.relation().render(),
        options: node.config.0.clone(),
    };
    let (noted, counted, connection) = (Arc::clone(&failure), Arc::clone(progress), node.connection.clone());
    progress.phase(Phase::Load);
    let batches: BatchStream = batches
        .map(move |batch| match batch {
            Ok(batch) => {
                counted.written(&batch);
                Ok(batch)
            }
            Err(error) => {
                // The target only needs to know that no more rows come; why is kept here, whole.
                let told = AdapterError::new(ErrorClass::Other, connection.clone(), error.to_string());
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(told)
            }
        })
        .boxed();
    let loaded = target.load(request, batches, cancel.clone()).await;
    let cause = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (loaded, cause) {
        (_, Some(error)) => Err((from_compute(&error, at), error.is_memory_exhausted())),
        (Err(error), None) => Err((from_adapter(&error, None, at), false)),
        (Ok(report), None) => Ok(Landed { report, inputs: inputs.iter().map(InputCounter::figures).collect() }),
    }
}

/// The target's column types for the result; a type that it cannot hold names the column and the model.
pub(crate) fn load_columns(target: &dyn Adapter, node: &Node, schema: &Schema) -> Result<Vec<LoadColumn>, NodeError> {
    let (mut columns, mut diagnostics) = (Vec::new(), Vec::new());
    for field in schema.fields() {
        match target.column_type(field) {
            Ok(column_type) => {
                columns.push(LoadColumn { name: field.name().clone(), column_type, nullable: true });
            }
            Err(error) => diagnostics.push(
                Diagnostic::error(
                    "unsupported-type",
                    format!("`{}` cannot be built on connection `{}`: {error}", node.name, target.connection()),
                )
                .label(node.span.clone(), "")
                .help(format!("cast `{}` to a type that {} has", field.name(), target.adapter_type())),
            ),
        }
    }
    if diagnostics.is_empty() { Ok(columns) } else { Err(NodeError { diagnostics, is_retryable: false }) }
}
