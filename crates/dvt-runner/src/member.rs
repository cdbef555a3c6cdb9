//! What the queue hands out: nodes, unit tests, sources to check, and things that are only described.
//!
//! Each kind has one runner behind [`run_member`]; a new kind is one variant and one match arm here.

use crate::freshness::check_source;
use crate::node::{run_node, thread_name};
use crate::outcome::{NodeResult, RouteKind, Status};
use crate::reporter::NodeStarted;
use crate::run::Run;
use crate::scheduler::Place;
use crate::unit::run_unit_test;
use dvt_manifest::{Node, ResourceType, Source, UnitTest};
use std::sync::Arc;

/// One thing to run.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    Node(Arc<Node>),
    UnitTest(Arc<UnitTest>),
    /// Of `source freshness`.
    Source(Arc<Source>),
    /// An exposure or a saved query: in `build` it has a place and a line, and nothing runs.
    Described(Described),
}

/// What is known of a thing that has nothing to run.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) unique_id: String,
    pub(crate) name: String,
    pub(crate) resource_type: ResourceType,
}

impl Member {
    pub(crate) fn unique_id(&self) -> &str {
        match self {
            Self::Node(node) => &node.unique_id,
            Self::UnitTest(test) => &test.unique_id,
            Self::Source(source) => &source.unique_id,
            Self::Described(described) => &described.unique_id,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Node(node) => &node.name,
            Self::UnitTest(test) => &test.name,
            Self::Source(source) => &source.name,
            Self::Described(described) => &described.name,
        }
    }

    pub(crate) fn resource_type(&self) -> ResourceType {
        match self {
            Self::Node(node) => node.resource_type,
            Self::UnitTest(_) => ResourceType::UnitTest,
            Self::Source(_) => ResourceType::Source,
            Self::Described(described) => described.resource_type,
        }
    }

    /// The connection that it works on; empty for what works nowhere.
    pub(crate) fn connection<'a>(&'a self, run: &'a Run) -> &'a str {
        match self {
            Self::Node(node) => &node.connection,
            Self::Source(source) => &source.connection,
            Self::UnitTest(test) => test
                .depends_on
                .nodes
                .first()
                .and_then(|model| run.project().manifest.nodes.get(model))
                .map_or(run.project().config.profile.target.as_str(), |model| &model.connection),
            Self::Described(_) => "",
        }
    }

    /// Whether it is an ephemeral model: compiled for its own sake, but neither counted nor reported.
    pub(crate) fn is_ephemeral(&self) -> bool {
        matches!(self, Self::Node(node) if node.is_ephemeral())
    }

    /// dbt's `on_error: continue`: what depends on the model runs even if it fails.
    pub(crate) fn continues_on_error(&self) -> bool {
        matches!(self, Self::Node(node) if node.resource_type == ResourceType::Model
            && node.config.text("on_error") == Some("continue"))
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    /// A result for a member that did not run.
    pub(crate) fn blank_result(&self, status: Status) -> NodeResult {
        match self {
            Self::Node(node) => {
                let mut result = crate::node::blank_result(node, None, 1);
                result.status = status;
                result
            }
            other => {
                let mut result =
                    NodeResult::new(other.unique_id(), other.resource_type().as_str(), other.name(), status);
                if let Self::Source(source) = other {
                    result.relation_display = format!("{}.{}", source.source_name, source.name);
                }
                result
            }
        }
    }
}

/// Runs one member. Never fails: what goes wrong is in the result.
pub(crate) async fn run_member(run: Arc<Run>, member: Member, place: Place, total: usize) -> NodeResult {
    match member {
        Member::Node(node) => run_node(run, node, place, total).await,
        Member::UnitTest(test) => run_unit_test(run, test, place, total).await,
        Member::Source(source) => check_source(run, source, place, total).await,
        Member::Described(described) => no_op(&run, &described, place, total),
    }
}

fn no_op(run: &Arc<Run>, described: &Described, place: Place, total: usize) -> NodeResult {
    let mut result =
        NodeResult::new(&described.unique_id, described.resource_type.as_str(), &described.name, Status::NoOp);
    run.reporter().node_started(&NodeStarted {
        index: place.position,
        total,
        unique_id: described.unique_id.clone(),
        name: described.name.clone(),
        resource_type: described.resource_type.as_str().to_owned(),
        materialized: described.resource_type.as_str().to_owned(),
        relation_display: described.name.clone(),
        connection: String::new(),
        route: RouteKind::Pushdown,
    });
    result.thread_id = thread_name(place.slot);
    result.message = Some("NO-OP".to_owned());
    result.failures = Some(0);
    result
}
