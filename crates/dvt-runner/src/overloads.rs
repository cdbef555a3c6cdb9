//! The overloads of a function: one more statement each, under the same name, with other arguments.

use crate::bridge::NodeBridge;
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_render};
use crate::node::{Job, Work, blocking};
use crate::outcome::Status;
use crate::reporter::node_info;
use dvt_diagnostics::{Diagnostic, Event, EventKind, EventLevel, SourceFile, kinds};
use dvt_jinja::{Bridge, render};
use dvt_manifest::{FunctionOverload, Node};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Instant;

impl Job<'_> {
    /// Renders every overload's body, and creates them all when the command writes: one that fails stops no other, and
    /// makes the function a partial success.
    pub(crate) async fn overloads(&self, bridge: &Arc<NodeBridge>, work: &mut Work) -> Result<(), NodeError> {
        let overloads = self.node.function.as_ref().map(|function| function.overloads.clone()).unwrap_or_default();
        let mut bodies = Vec::with_capacity(overloads.len());
        for overload in &overloads {
            bodies.push(self.render_overload(bridge, overload).await?);
        }
        work.overloads =
            overloads.iter().zip(&bodies).map(|(overload, body)| (overload.defined_in.clone(), body.clone())).collect();
        if !self.run.request.command.writes() {
            return Ok(());
        }
        let total = overloads.len();
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (index, (overload, body)) in overloads.iter().zip(bodies).enumerate() {
            let shown = format!("function {} overload {}", self.node.name, overload.defined_in);
            let tell = |kind: EventKind, level: EventLevel, text: String, shown: &str| {
                let event = Event::new(kind, text).at(level).node(node_info(&self.node, "executing"));
                let event = event.with("overload_index", index + 1).with("total_overloads", total);
                event.with("description", shown)
            };
            if self.was_created(overload) {
                let event = tell(kinds::LOG_OVERLOAD_RESULT, EventLevel::Info, format!("SKIP {shown}"), &shown);
                self.run.settings().events.fire(event.with("status", "skipped").with("execution_time", 0.0));
                successful.push(overload.defined_in.clone());
                continue;
            }
            let event = tell(kinds::LOG_START_OVERLOAD, EventLevel::Info, format!("START {shown}"), &shown);
            self.run.settings().events.fire(event);
            let begun = Instant::now();
            let node = Arc::new(overloaded(&self.node, overload));
            let compiled = Arc::new(CompiledNode::over_clone(body));
            let done = self.materialize(&node, bridge, &compiled, None).await;
            let (status, level, text, described) = match &done {
                Ok(_) => (Status::Success, EventLevel::Info, format!("OK created {shown}"), shown),
                Err(error) => {
                    let described = format!("{shown}: {}", error.message());
                    (Status::Error, EventLevel::Error, format!("ERROR creating {described}"), described)
                }
            };
            let event = tell(kinds::LOG_OVERLOAD_RESULT, level, text, &described).with("status", status.as_str());
            self.run.settings().events.fire(event.with("execution_time", begun.elapsed().as_secs_f64()));
            match done {
                Ok(_) => successful.push(overload.defined_in.clone()),
                Err(error) => {
                    failed.push(overload.defined_in.clone());
                    work.diagnostics.extend(error.diagnostics);
                }
            }
        }
        if !failed.is_empty() {
            work.status = Some(Status::PartialSuccess);
            work.message = Some(format!("PARTIAL SUCCESS {}", self.node.name));
        }
        work.overload_results = Some(json!({"successful": successful, "failed": failed}));
        Ok(())
    }

    /// Whether the run that is tried again has created this overload.
    fn was_created(&self, overload: &FunctionOverload) -> bool {
        let earlier = self.run.request.earlier_overloads.get(&self.node.unique_id);
        let successful = earlier.and_then(|earlier| earlier.get("successful")).and_then(Json::as_array);
        successful.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(&overload.defined_in)))
    }

    async fn render_overload(
        &self,
        bridge: &Arc<NodeBridge>,
        overload: &FunctionOverload,
    ) -> Result<String, NodeError> {
        let Some(raw_body) = overload.raw_body.clone() else {
            let message = format!("overload `{}` of function `{}` has no body", overload.defined_in, self.node.name);
            return Err(Diagnostic::error("function-overload", message).into());
        };
        let (run, node, bridge) = (Arc::clone(self.run), Arc::clone(&self.node), Arc::clone(bridge));
        let (thread_id, name) = (self.thread_id.clone(), overload.defined_in.clone());
        blocking(move || {
            let at = FailedAt { compiled: None, node: Some(&node.span) };
            let context = run.context(&node, bridge.connection(), &thread_id);
            let file = SourceFile::new(format!("functions/{name}.sql"), raw_body);
            let outside: Arc<dyn Bridge> = bridge;
            render(run.library(), &context, outside, &file)
                .map(|rendered| rendered.text)
                .map_err(|error| from_render(error, at))
        })
        .await
    }
}

/// The function with the overload's signature in the place of its own.
fn overloaded(node: &Node, overload: &FunctionOverload) -> Node {
    let mut node = node.clone();
    if let Some(function) = &mut node.function {
        function.arguments.clone_from(&overload.arguments);
        if let Some(returns) = &overload.returns {
            function.returns = returns.clone();
        }
        function.overloads.clear();
    }
    node
}
