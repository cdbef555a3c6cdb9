//! Tests that cross connections: the engine counts what they find, and nothing is written anywhere.

use crate::bridge::NodeBridge;
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_bridge, from_render};
use crate::federated::{collect_rows, plan_answer};
use crate::journal::Entry;
use crate::node::{Job, Work, blocking, response_json};
use crate::reporter::Phase;
use crate::schemas::{create_on, schema_of};
use crate::tables::table_of_result;
use dvt_jinja::{Args, Bridge, Value, call_macro};
use std::sync::Arc;

impl Job<'_> {
    /// Computes the verdict of a test that keeps no failures. `false` where its rows have to land first: the project has
    /// a materialization of its own for tests, or the verdict is in words that only the database understands.
    ///
    /// # Errors
    /// What is wrong with the test's query, at its place.
    pub(crate) async fn judge(
        &self,
        bridge: &Arc<NodeBridge>,
        compiled: &Arc<CompiledNode>,
        work: &mut Work,
    ) -> Result<bool, NodeError> {
        let Some(verdict) = self.verdict(bridge, compiled).await? else { return Ok(false) };
        self.progress.phase(Phase::Plan);
        let verdict = compiled.over_rows(verdict);
        let answer = match plan_answer(self.run, &self.node, &verdict, None).await {
            Ok(answer) => answer,
            Err(error) => {
                // The test's own text tells where it is wrong.
                plan_answer(self.run, &self.node, compiled, None).await?;
                tracing::debug!(node = %self.node.unique_id, reason = error.message(), "the verdict is left to the database");
                return Ok(false);
            }
        };
        let at = FailedAt { compiled: None, node: Some(&self.node.span) };
        let found = collect_rows(self.run, &self.node, &answer, &self.progress, at).await?;
        let table = table_of_result(&found.schema, &found.batches).map_err(|error| from_bridge(error.as_ref(), at))?;
        self.run.record(&Entry::Published { unique_id: self.node.unique_id.clone() })?;
        self.note_test(Some(&table), work)?;
        work.response = response_json("SELECT 1", Some("SELECT"), Some(1));
        self.note_inputs(&found.inputs, 0, 0, work);
        Ok(true)
    }

    /// The query of one row that dbt's macro `get_test_sql` makes of the test's rows.
    async fn verdict(
        &self,
        bridge: &Arc<NodeBridge>,
        compiled: &Arc<CompiledNode>,
    ) -> Result<Option<String>, NodeError> {
        let (run, node, thread_id) = (Arc::clone(self.run), Arc::clone(&self.node), self.thread_id.clone());
        let (bridge, compiled) = (Arc::clone(bridge), Arc::clone(compiled));
        blocking(move || {
            let context = run.context(&node, &node.connection, &thread_id);
            let materialization = run.library().find_materialization("test", &context.adapter_types);
            if materialization.is_none_or(|found| !run.library().is_internal(&found.package)) {
                return Ok(None);
            }
            let at = FailedAt { compiled: Some(&compiled), node: Some(&node.span) };
            let call = |name: &str, arguments: Vec<Value>| {
                let outside: Arc<dyn Bridge> = Arc::clone(&bridge) as Arc<dyn Bridge>;
                let called = call_macro(run.library(), &context, outside, name, Args::new(name, arguments));
                called.map(|called| called.value.to_string()).map_err(|error| from_render(error, at))
            };
            let config = |key: &str| node.config.get(key).map_or(Value::None, Value::from);
            let rows = call("get_limit_subquery_sql", vec![Value::str(&compiled.sql), config("limit")])?;
            let arguments =
                vec![Value::str(&rows), config("fail_calc"), config("warn_if"), config("error_if"), Value::None];
            let verdict = call("get_test_sql", arguments)?;
            bridge.abandon();
            Ok(Some(verdict.trim().to_owned()))
        })
        .await
    }

    /// The schema in which the rows of a test land that keeps none of them: no other node makes it.
    pub(crate) async fn make_schema(&self) -> Result<(), NodeError> {
        let (run, adapter, schema) = (Arc::clone(self.run), Arc::clone(&self.adapter), schema_of(&self.node));
        blocking(move || create_on(&run, &adapter, &[schema])).await
    }
}
