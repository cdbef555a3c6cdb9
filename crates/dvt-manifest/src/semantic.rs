//! The semantic layer: metrics, semantic models and saved queries. dvt reads them for the manifest and for
//! `semantic_manifest.json`; no command computes them.

use crate::{Config, DependsOn, RefCall, ResourceType, UniqueId};
use dvt_diagnostics::Span;
use serde_json::{Map, Value};

/// A metric, semantic model or saved query. What selection and the graph look at is typed; the rest is kept as the
/// artifact has it.
#[derive(Clone, Debug)]
pub struct SemanticNode {
    /// [`ResourceType::Metric`], [`ResourceType::SemanticModel`] or [`ResourceType::SavedQuery`].
    pub resource_type: ResourceType,
    pub unique_id: UniqueId,
    pub name: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    pub description: Option<String>,
    pub label: Option<String>,
    pub tags: Vec<String>,
    pub meta: Map<String, Value>,
    pub group: Option<String>,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub depends_on: DependsOn,
    pub refs: Vec<RefCall>,
    pub created_at: f64,
    /// What only this kind has, in the artifact's form: `type_params` of a metric, `entities` of a semantic model,
    /// `query_params` of a saved query.
    pub body: Map<String, Value>,
    pub span: Span,
}

impl SemanticNode {
    /// A list of the body; empty when there is none.
    #[must_use]
    pub fn list(&self, key: &str) -> &[Value] {
        self.body.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}
