//! `plan`: what a node would do, decided by the functions that `run` acts on. Catalogs are asked; nothing is written anywhere.

use crate::compile::CompiledNode;
use crate::engines::{ChosenEngine, ComputeChoice, StagingPlace};
use crate::extracting::{Supply, choose_supply, parts_of};
use crate::failure::{FailedAt, NodeError, from_adapter};
use crate::federated::{Answer, executors_read, load_columns, plan_answer};
use crate::inputs::relations_of;
use crate::node::{kind_of, shown_materialization};
use crate::run::Run;
use dvt_compute::estimate;
use dvt_federation::{Exactness, Extract, Route};
use dvt_manifest::{Node, ResourceType};
use dvt_project::Staging as StagingMode;
use dvt_staging::Origin;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a node would do. Serialised, it is an entry of `nodes` in `dvt plan --output json`: a field may come to it, none goes or
/// changes its meaning. What a node has no use for is `null` or empty.
#[derive(Clone, Debug, Serialize)]
pub struct NodePlan {
    pub unique_id: String,
    pub name: String,
    /// `model`, `test`, `seed`, …
    pub resource_type: String,
    /// `pushdown`, `transfer` or `federate`.
    pub route: String,
    /// Why it takes that route.
    pub reason: String,
    /// The connection that holds the result.
    pub connection: String,
    /// The relation that is built; `null` for what builds none.
    pub relation: Option<String>,
    /// The materialization that runs on the connection: `table`, `view`, `incremental`, `test`, …
    pub materialized: String,
    /// What it reads: connection → how the user calls the inputs, sorted.
    pub reads: BTreeMap<String, Vec<String>>,
    /// Ephemeral models that become a part of its SQL.
    pub ephemerals: Vec<String>,
    /// The engine, where the node needs one.
    pub compute: Option<Chosen>,
    /// The bucket that extracts are staged in, where the node has any.
    pub bucket: Option<Chosen>,
    /// `auto`, `always` or `never`, beside `bucket`.
    pub staging: Option<String>,
    /// What is read from other connections than the one query of a pushdown.
    pub inputs: Vec<InputPlan>,
    /// What the engine computes, as lines of an indented tree.
    pub computes: Vec<String>,
    /// What Spark runs over views of the inputs, where Spark is the engine.
    pub spark_sql: Option<String>,
    /// Of Spark: what of the query is computed here, row by row, because it has no counterpart there.
    pub spark_leaves: Option<String>,
    /// Where the rows wait for the materialization.
    pub landing: Option<Landing>,
    /// Why inputs and the rest are not known yet: something it reads has not been built.
    pub unplanned: Option<String>,
}

/// A compute or a bucket.
#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    pub name: String,
    /// `--compute`, `--bucket`, `the model's config`, `the default`.
    pub said_by: String,
}

/// One query that is sent to a connection.
#[derive(Clone, Debug, Serialize)]
pub struct InputPlan {
    pub connection: String,
    /// As their database calls them.
    pub relations: Vec<String>,
    /// As the user calls them.
    pub display_name: String,
    /// What will be sent. At run time the keys of the other side of a join may come to its conditions.
    pub sql: String,
    /// Columns read, and columns there are; `null` where the whole query is sent.
    pub columns: Option<ColumnCount>,
    pub pushed: Vec<String>,
    pub kept: Vec<Kept>,
    pub limit: Option<u64>,
    /// Estimates from the connection's catalog, of what comes back.
    pub estimated_rows: Option<u64>,
    pub estimated_bytes: Option<u64>,
    /// How many times the engine reads it.
    pub readers: u64,
    /// `streamed`, `staged`, or `executors` where Spark's read it themselves.
    pub delivery: String,
    pub delivery_reason: String,
    /// `read`, `reused` (staged by an earlier run) or `shared` (staged by this one).
    pub rows_from: String,
    /// Of a staged one: whether later runs may use it, and why.
    pub reuse_reason: Option<String>,
    /// Of a large staged one: in how many parts it is read, each a commit that a run after a kill need not repeat.
    pub parts: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct ColumnCount {
    pub read: u64,
    pub of: u64,
}

/// A condition that is evaluated here.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    pub predicate: String,
    pub reason: String,
    /// The connection gets a wider one too.
    pub sent_wider: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Landing {
    pub connection: String,
    pub schema: String,
    /// What becomes of it.
    pub then: String,
    /// Where executors were asked to load it: whether they do, and why not.
    pub loaded_by: Option<String>,
}

/// Plans the node. Its SQL is compiled already.
pub(crate) async fn plan_node(
    run: &Arc<Run>,
    node: &Arc<Node>,
    compiled: &CompiledNode,
) -> Result<NodePlan, NodeError> {
    let mut plan = outline(run, node, &compiled.route);
    if compiled.route == Route::Pushdown {
        return Ok(plan);
    }
    let at = FailedAt { compiled: Some(compiled), node: Some(&node.span) };
    let (compute, said_by) = run.compute_name(node);
    plan.compute = Some(Chosen { name: compute, said_by: said_by.to_owned() });
    let mut place = run.staging(node)?;
    let (bucket, said_by) = run.bucket_name(node);
    plan.bucket = Some(Chosen { name: bucket, said_by: said_by.to_owned() });
    plan.staging = Some(mode_name(place.mode).to_owned());
    let is_counted = node.resource_type == ResourceType::Test && !run.stores_failures(node);
    plan.landing = (!is_counted).then(|| Landing {
        connection: node.connection.clone(),
        schema: node.schema.clone(),
        then: after_landing(node, &plan.materialized),
        loaded_by: None,
    });
    let answer = match plan_answer(run, node, compiled, None).await {
        Ok(answer) => answer,
        Err(error) => match missing_models(run, node, at).await? {
            missing if missing.is_empty() => return Err(error),
            missing => {
                plan.unplanned = Some(format!("not built yet: {}", missing.join(", ")));
                return Ok(plan);
            }
        },
    };
    match &answer {
        Answer::Whole { connection, sql, .. } => plan.inputs.push(whole_input(run, node, connection, sql)),
        Answer::Plan(federated, questions) => {
            let choice = run.choose_compute(node, federated)?;
            place.read_by = choice.reads_bucket().map(str::to_owned);
            plan.compute = Some(Chosen { name: choice.name.clone(), said_by: choice.said_by.clone() });
            if let ChosenEngine::Spark(_, query) = &choice.engine {
                plan.spark_sql = Some(query.sql.clone());
                plan.spark_leaves.clone_from(&query.kept);
            }
            if let Some(landing) = &mut plan.landing {
                let target = run.adapter(&node.connection)?;
                let columns = load_columns(target.as_ref(), node, &federated.output_schema)?;
                let loading = run.jdbc_loading(&choice, target.as_ref(), federated, &columns);
                landing.loaded_by = loading.map(|loading| match loading {
                    Ok(_) => format!("executors of `{}` load it over JDBC", choice.name),
                    Err(reason) => format!("dvt loads it, not executors: {reason}"),
                });
            }
            for extract in questions.iter().flat_map(|question| &question.plan.extracts) {
                plan.inputs.push(input_of(run, node, extract, None, &place, at).await?);
            }
            for extract in &federated.extracts {
                plan.inputs.push(input_of(run, node, extract, Some(&choice), &place, at).await?);
            }
            let tree = federated.logical_plan.display_indent().to_string();
            plan.computes = tree.lines().map(str::to_owned).collect();
        }
    }
    Ok(plan)
}

/// What the graph alone tells.
pub(crate) fn outline(run: &Run, node: &Node, route: &Route) -> NodePlan {
    let leaves_relation = run.leaves_relation(node);
    let (reads, ephemerals) = reads_of(run, node);
    NodePlan {
        unique_id: node.unique_id.clone(),
        name: node.name.clone(),
        resource_type: node.resource_type.as_str().to_owned(),
        route: kind_of(route).as_str().to_owned(),
        reason: reason_of(run, node, route, &reads),
        connection: node.connection.clone(),
        relation: leaves_relation.then(|| node.relation().render()),
        materialized: shown_materialization(node, route).to_owned(),
        reads,
        ephemerals,
        compute: None,
        bucket: None,
        staging: None,
        inputs: Vec::new(),
        computes: Vec::new(),
        spark_sql: None,
        spark_leaves: None,
        landing: None,
        unplanned: None,
    }
}

/// What is read by connection, in the user's words, and the ephemeral models on the way.
fn reads_of(run: &Run, node: &Node) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
    let manifest = &run.project().manifest;
    let mut reads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut ephemerals = BTreeSet::new();
    let mut open: Vec<&str> = node.depends_on.nodes.iter().map(String::as_str).collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(unique_id) = open.pop() {
        if let Some(source) = manifest.sources.get(unique_id) {
            let name = format!("source('{}', '{}')", source.source_name, source.name);
            reads.entry(source.connection.clone()).or_default().insert(name);
        } else if let Some(read) = manifest.nodes.get(unique_id) {
            if read.is_ephemeral() {
                ephemerals.insert(read.name.clone());
                open.extend(read.depends_on.nodes.iter().map(String::as_str).filter(|id| seen.insert(id)));
            } else {
                reads.entry(read.connection.clone()).or_default().insert(format!("ref('{}')", read.name));
            }
        }
    }
    let sorted = |names: BTreeSet<String>| names.into_iter().collect();
    (
        reads.into_iter().map(|(connection, names)| (connection, sorted(names))).collect(),
        ephemerals.into_iter().collect(),
    )
}

fn reason_of(run: &Run, node: &Node, route: &Route, reads: &BTreeMap<String, Vec<String>>) -> String {
    let own = &node.connection;
    match route {
        _ if node.is_ephemeral() => "ephemeral: it runs as a part of what reads it".to_owned(),
        Route::Pushdown if node.resource_type == ResourceType::Seed => {
            format!("a file of the project, loaded into `{own}`")
        }
        Route::Pushdown if reads.is_empty() => format!("it reads nothing: the query runs on `{own}`"),
        Route::Pushdown => {
            let others: Vec<String> =
                reads.keys().filter(|read| *read != own).map(|read| format!("`{read}`")).collect();
            let same = match others.as_slice() {
                [] => String::new(),
                [one] => format!(" ({one} is the same place)"),
                _ => format!(" ({} are the same place)", others.join(", ")),
            };
            format!("all that it reads is on `{own}`{same}")
        }
        Route::Transfer(from) => {
            format!("all that it reads is on `{from}`, and its own connection is `{own}`: rows move once")
        }
        Route::Federate => {
            let connections: Vec<String> = reads.keys().map(|read| format!("`{read}`")).collect();
            let joined = match connections.as_slice() {
                [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
                all => all.join(""),
            };
            let is_elsewhere = !reads.keys().any(|read| read == own) && run.connections().contains_key(own);
            let target = if is_elsewhere { format!(", and its own connection is `{own}`") } else { String::new() };
            format!("it reads {joined}{target}")
        }
    }
}

fn after_landing(node: &Node, materialized: &str) -> String {
    match (node.resource_type, materialized) {
        (ResourceType::Test, _) => "the test counts its rows".to_owned(),
        (_, "table") => "it becomes the table, or its rows replace those of the table that is there".to_owned(),
        (_, name) => format!("the materialization `{name}` reads it"),
    }
}

fn mode_name(mode: StagingMode) -> &'static str {
    match mode {
        StagingMode::Auto => "auto",
        StagingMode::Always => "always",
        StagingMode::Never => "never",
    }
}

/// The one query of a transfer.
fn whole_input(run: &Run, node: &Node, connection: &str, sql: &str) -> InputPlan {
    let relations = relations_of(run, node).into_iter().map(|(.., relation)| relation.to_string());
    let relations: BTreeSet<String> = relations.collect();
    InputPlan {
        connection: connection.to_owned(),
        relations: relations.into_iter().collect(),
        display_name: "the whole query".to_owned(),
        sql: sql.to_owned(),
        columns: None,
        pushed: vec!["the whole query, as it was written".to_owned()],
        kept: Vec::new(),
        limit: None,
        estimated_rows: None,
        estimated_bytes: None,
        readers: 1,
        delivery: "streamed".to_owned(),
        delivery_reason: "one query whose rows are the result".to_owned(),
        rows_from: "read".to_owned(),
        reuse_reason: None,
        parts: None,
    }
}

async fn input_of(
    run: &Arc<Run>,
    node: &Node,
    extract: &Extract,
    choice: Option<&ComputeChoice>,
    place: &StagingPlace,
    at: FailedAt<'_>,
) -> Result<InputPlan, NodeError> {
    let executors = executors_read(run, choice, extract, place, at).await?;
    let read_by = executors.as_ref().and_then(|read| read.as_ref().ok());
    let mut supply = match read_by {
        Some(reading) => {
            Supply::by_executors(reading.reason(choice.map(|choice| choice.name.as_str()).unwrap_or_default()))
        }
        None => choose_supply(run, node, extract, place, at).await?,
    };
    if let Some(Err(reason)) = &executors {
        supply.reason = format!("{}; executors do not read it: {reason}", supply.reason);
    }
    let (rows, bytes) = estimate(extract);
    let mut parts = None;
    if let (Some(request), None) = (&supply.request, supply.found) {
        let adapter = run.adapter(&extract.connection)?;
        let conditions =
            parts_of(run, extract, &adapter, request).await.map_err(|error| from_adapter(&error, None, at))?;
        parts = (conditions.len() > 1).then_some(conditions.len() as u64);
    }
    let report = &extract.pushed;
    Ok(InputPlan {
        connection: extract.connection.clone(),
        relations: extract.relations().iter().map(ToString::to_string).collect(),
        display_name: extract.display_name.clone(),
        sql: extract.sql.clone(),
        columns: Some(ColumnCount { read: report.columns.0 as u64, of: report.columns.1 as u64 }),
        pushed: report.predicates.clone(),
        kept: report
            .kept
            .iter()
            .map(|kept| Kept {
                predicate: kept.predicate.clone(),
                reason: kept.reason.clone(),
                sent_wider: kept.exactness == Some(Exactness::Inexact),
            })
            .collect(),
        limit: report.limit.map(|limit| limit as u64),
        estimated_rows: rows,
        estimated_bytes: bytes,
        readers: extract.readers as u64,
        delivery: match (read_by.is_some(), supply.is_staged) {
            (true, _) => "executors",
            (false, true) => "staged",
            (false, false) => "streamed",
        }
        .to_owned(),
        delivery_reason: supply.reason,
        rows_from: match supply.found {
            Some(Origin::Shared) => "shared",
            Some(_) => "reused",
            None => "read",
        }
        .to_owned(),
        reuse_reason: supply.is_staged.then_some(supply.proof_reason),
        parts,
    })
}

/// Models, seeds and snapshots that the node reads and that are not there yet, as the user calls them.
async fn missing_models(run: &Run, node: &Node, at: FailedAt<'_>) -> Result<Vec<String>, NodeError> {
    let mut missing = Vec::new();
    for (unique_id, connection, relation) in relations_of(run, node) {
        let Some(read) = run.project().manifest.nodes.get(&unique_id) else { continue };
        let adapter = run.adapter(&connection)?;
        let found = adapter.describe(&[relation]).await.map_err(|error| from_adapter(&error, None, at))?;
        if found.iter().all(Option::is_none) {
            missing.push(format!("ref('{}')", read.name));
        }
    }
    missing.sort();
    Ok(missing)
}
