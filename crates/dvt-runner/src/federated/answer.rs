//! How a crossing query will be answered: what it reads is described, then it is sent whole or planned.

use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_adapter, from_plan};
use crate::inputs::{Input, stored_name};
use crate::questions::{Question, ask};
use crate::run::Run;
use arrow::datatypes::{Field, Schema, SchemaRef};
use dvt_adapter::{AdapterError, ErrorClass, RelationName};
use dvt_diagnostics::Diagnostic;
use dvt_federation::{
    CatalogRelation, FederatedPlan, PlanRequest, Route, plan_answered, plan_questions, relations_read, rename_relations,
};
use dvt_manifest::{Node, Relation};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a crossing query will be answered.
pub(crate) enum Answer {
    /// One connection runs the author's own text.
    Whole { connection: String, sql: String, schema: SchemaRef },
    /// With the values that were asked for to make it.
    Plan(Box<FederatedPlan>, Vec<Question>),
}

impl Answer {
    pub(crate) fn schema(&self) -> &SchemaRef {
        match self {
            Self::Whole { schema, .. } => schema,
            Self::Plan(plan, _) => &plan.output_schema,
        }
    }
}

/// Decides how the query is answered: describes what it reads, then sends it whole or plans it.
pub(crate) async fn plan_answer(
    run: &Arc<Run>,
    node: &Node,
    compiled: &CompiledNode,
    limit: Option<usize>,
) -> Result<Answer, NodeError> {
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    let target = run.adapter(&node.connection)?;
    let dialect = target.dialect();
    let read = relations_read(&compiled.sql, dialect).map_err(|error| from_plan(&error, at))?;
    let inputs: Vec<(Vec<String>, Input)> = read
        .into_iter()
        .map(|parts| {
            let input = input_of(compiled, &parts, node);
            (parts, input)
        })
        .collect();
    if limit.is_none()
        && let Route::Transfer(from) = &compiled.route
        && inputs.iter().all(|(_, input)| input.connection == *from)
        && let Some(answer) = whole_answer(run, from, dialect.name, &inputs, at).await?
    {
        return Ok(answer);
    }
    let relations = describe_inputs(run, &inputs, at).await?;
    let pushdown = run.settings().pushdown;
    // Planning is work for a processor; the tasks that move rows must not wait for it.
    let (sql, relations_of_plan) = (compiled.sql.clone(), relations.clone());
    let asked = in_background(move || {
        plan_questions(PlanRequest { sql: &sql, dialect, relations: relations_of_plan, limit, pushdown })
    });
    let asked = asked.await?.map_err(|error| from_plan(&error, at))?;
    let (questions, answers) = ask(run, node, asked, at).await?;
    let sql = compiled.sql.clone();
    let planned =
        in_background(move || plan_answered(PlanRequest { sql: &sql, dialect, relations, limit, pushdown }, &answers));
    let mut plan = planned.await?.map_err(|error| from_plan(&error, at))?;
    expect_rows(run, &mut plan).await;
    tracing::debug!(node = %node.unique_id, %plan, "federated plan");
    Ok(Answer::Plan(Box::new(plan), questions))
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NodeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| NodeError::from(Diagnostic::error("internal", error.to_string())))
}

/// Asks each connection how many rows its query will give, where that costs no more than planning: joins choose their sides
/// by it. What cannot be asked keeps the estimate of the catalogs.
async fn expect_rows(run: &Run, plan: &mut FederatedPlan) {
    if plan.extracts.len() < 2 {
        return;
    }
    let asked = plan
        .extracts
        .iter()
        .map(|extract| async move { run.adapter(&extract.connection).ok()?.estimate_rows(&extract.sql).await.ok()? });
    let expected = futures::future::join_all(asked).await;
    for (extract, rows) in plan.extracts.iter_mut().zip(expected) {
        if rows.is_some() {
            extract.expect_rows(rows);
        }
    }
}

/// What a name of the query means. One that no `ref` or `source` gave is a name on the node's own connection.
fn input_of(compiled: &CompiledNode, parts: &[String], node: &Node) -> Input {
    if let Some(input) = compiled.names.get(parts) {
        return input.clone();
    }
    let folded = |name: &Vec<String>| name.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>();
    let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
    if let Some((_, input)) = compiled.names.iter().find(|(name, _)| folded(name) == lower) {
        return input.clone();
    }
    let count = parts.len();
    let part = |from_end: usize| count.checked_sub(from_end).and_then(|at| parts.get(at)).map(String::as_str);
    Input {
        connection: node.connection.clone(),
        relation: Relation::new(&node.connection, part(3), part(2).or(Some(&node.schema)), part(1)),
        display_name: format!("`{}`", parts.join(".")),
    }
}

/// The author's text for the one connection that can run it as it is: same dialect, and it tells the result's types.
async fn whole_answer(
    run: &Run,
    from: &str,
    dialect: &str,
    inputs: &[(Vec<String>, Input)],
    at: FailedAt<'_>,
) -> Result<Option<Answer>, NodeError> {
    let adapter = run.adapter(from)?;
    if adapter.dialect().name != dialect || !adapter.capabilities().describes_queries {
        return Ok(None);
    }
    let Some(compiled) = at.compiled else { return Ok(None) };
    let names: BTreeMap<Vec<String>, String> =
        inputs.iter().map(|(parts, input)| (parts.clone(), input.relation.render())).collect();
    let sql = rename_relations(&compiled.sql, adapter.dialect(), &names).map_err(|error| from_plan(&error, at))?;
    let columns = adapter.describe_query(&sql).await.map_err(|error| from_adapter(&error, Some(&sql), at))?;
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|column| {
            column.field.map_err(|reason| {
                let message =
                    format!("column `{}` of type {} cannot be read: {reason}", column.name, column.native_type);
                at_node(Diagnostic::error("unreadable-column", message), at)
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(Answer::Whole { connection: from.to_owned(), sql, schema: Arc::new(Schema::new(fields)) }))
}

fn at_node(diagnostic: Diagnostic, at: FailedAt<'_>) -> NodeError {
    match at.node {
        Some(span) => diagnostic.label(span.clone(), "").into(),
        None => diagnostic.into(),
    }
}

/// Asks each connection once for all relations that the query reads there.
async fn describe_inputs(
    run: &Run,
    inputs: &[(Vec<String>, Input)],
    at: FailedAt<'_>,
) -> Result<Vec<CatalogRelation>, NodeError> {
    let mut by_connection: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (_, input)) in inputs.iter().enumerate() {
        by_connection.entry(&input.connection).or_default().push(index);
    }
    let described = futures::future::join_all(by_connection.into_iter().map(|(connection, indices)| async move {
        let adapter = run.adapter(connection)?;
        let names: Vec<RelationName> =
            indices.iter().map(|index| stored_name(&inputs[*index].1.relation, adapter.dialect())).collect();
        let found = adapter.describe(&names).await.map_err(|error| from_adapter(&error, None, at))?;
        let mut relations = Vec::with_capacity(names.len());
        for ((index, name), description) in indices.into_iter().zip(names).zip(found) {
            let (parts, input) = &inputs[index];
            let Some(description) = description else {
                let error = AdapterError::new(
                    ErrorClass::MissingRelation,
                    connection,
                    format!("{} is `{name}`, which does not exist", input.display_name),
                )
                .with_relation(name);
                return Err(from_adapter(&error, None, at));
            };
            relations.push(CatalogRelation {
                sql_name: parts.clone(),
                connection: connection.to_owned(),
                adapter_type: adapter.adapter_type().to_owned(),
                dialect: adapter.dialect(),
                description,
                display_name: input.display_name.clone(),
            });
        }
        Ok::<_, NodeError>(relations)
    }))
    .await;
    let (mut relations, mut diagnostics, mut is_retryable) = (Vec::new(), Vec::new(), true);
    for result in described {
        match result {
            Ok(found) => relations.extend(found),
            Err(error) => {
                is_retryable &= error.is_retryable;
                diagnostics.extend(error.diagnostics);
            }
        }
    }
    if diagnostics.is_empty() { Ok(relations) } else { Err(NodeError { diagnostics, is_retryable }) }
}
