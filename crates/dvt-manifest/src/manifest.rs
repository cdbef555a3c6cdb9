//! The manifest: everything a project holds, by unique id.

use crate::{Doc, Exposure, Group, Macro, Node, ResourceType, SemanticNode, Source, UniqueId, UnitTest};
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// A parsed project. Every id in a `depends_on` is a key of one of the maps.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub metadata: ManifestMetadata,
    pub nodes: IndexMap<UniqueId, Node>,
    pub sources: IndexMap<UniqueId, Source>,
    pub macros: IndexMap<UniqueId, Macro>,
    pub docs: IndexMap<UniqueId, Doc>,
    pub exposures: IndexMap<UniqueId, Exposure>,
    pub groups: IndexMap<UniqueId, Group>,
    pub unit_tests: IndexMap<UniqueId, UnitTest>,
    pub metrics: IndexMap<UniqueId, SemanticNode>,
    pub semantic_models: IndexMap<UniqueId, SemanticNode>,
    pub saved_queries: IndexMap<UniqueId, SemanticNode>,
    /// Functions of the database: nodes like models, in a map of their own as in the artifact.
    pub functions: IndexMap<UniqueId, Node>,
    /// `selectors.yml`, as dbt serialises it: name to definition.
    pub selectors: Map<String, Value>,
    /// What `enabled: false` took out; several per id are possible.
    pub disabled: IndexMap<UniqueId, Vec<Disabled>>,
}

/// A node or source that is switched off.
#[derive(Clone, Debug)]
pub enum Disabled {
    Node(Box<Node>),
    Source(Box<Source>),
    Exposure(Box<Exposure>),
    Semantic(Box<SemanticNode>),
    UnitTest(Box<UnitTest>),
}

/// The `metadata` of `manifest.json`.
#[derive(Clone, Debug, Default)]
pub struct ManifestMetadata {
    pub project_name: String,
    /// The md5 of the project's name.
    pub project_id: String,
    /// The adapter type of the default target.
    pub adapter_type: String,
    pub invocation_id: String,
    /// RFC 3339 in UTC, with microseconds and `Z`.
    pub generated_at: String,
    pub invocation_started_at: String,
    /// `DBT_ENV_CUSTOM_ENV_*` of the environment, without the prefix.
    pub env: IndexMap<String, String>,
    /// The project's `quoting`.
    pub quoting: Map<String, Value>,
    /// Another run may have another default target, so the artifact says which connection is meant.
    pub names_connections: bool,
}

impl Manifest {
    /// A node that dbt runs: from `nodes` or `functions`.
    #[must_use]
    pub fn node(&self, unique_id: &str) -> Option<&Node> {
        self.nodes.get(unique_id).or_else(|| self.functions.get(unique_id))
    }

    /// A metric, semantic model or saved query.
    #[must_use]
    pub fn semantic_node(&self, unique_id: &str) -> Option<&SemanticNode> {
        self.metrics
            .get(unique_id)
            .or_else(|| self.semantic_models.get(unique_id))
            .or_else(|| self.saved_queries.get(unique_id))
    }

    /// What kind of thing the id names; `None` for an id that is not in the graph.
    #[must_use]
    pub fn resource_type(&self, unique_id: &str) -> Option<ResourceType> {
        if let Some(node) = self.node(unique_id) {
            return Some(node.resource_type);
        }
        if self.sources.contains_key(unique_id) {
            return Some(ResourceType::Source);
        }
        if self.exposures.contains_key(unique_id) {
            return Some(ResourceType::Exposure);
        }
        if self.unit_tests.contains_key(unique_id) {
            return Some(ResourceType::UnitTest);
        }
        self.semantic_node(unique_id).map(|node| node.resource_type)
    }

    /// The ids that this one depends on directly, in the order they were asked for.
    #[must_use]
    pub fn parents(&self, unique_id: &str) -> &[UniqueId] {
        if let Some(node) = self.node(unique_id) {
            return &node.depends_on.nodes;
        }
        if let Some(exposure) = self.exposures.get(unique_id) {
            return &exposure.depends_on.nodes;
        }
        if let Some(unit_test) = self.unit_tests.get(unique_id) {
            return &unit_test.depends_on.nodes;
        }
        self.semantic_node(unique_id).map_or(&[], |node| &node.depends_on.nodes)
    }

    /// Every id of the graph: nodes, sources, exposures, functions, the semantic layer, unit tests.
    pub fn graph_ids(&self) -> impl Iterator<Item = &UniqueId> {
        self.nodes
            .keys()
            .chain(self.sources.keys())
            .chain(self.exposures.keys())
            .chain(self.functions.keys())
            .chain(self.metrics.keys())
            .chain(self.semantic_models.keys())
            .chain(self.saved_queries.keys())
            .chain(self.unit_tests.keys())
    }

    /// The files of the node as `package://path`, for messages.
    #[must_use]
    pub fn file_path(&self, unique_id: &str) -> Option<&str> {
        if let Some(node) = self.node(unique_id) {
            return Some(&node.original_file_path);
        }
        if let Some(source) = self.sources.get(unique_id) {
            return Some(&source.original_file_path);
        }
        if let Some(exposure) = self.exposures.get(unique_id) {
            return Some(&exposure.original_file_path);
        }
        if let Some(node) = self.semantic_node(unique_id) {
            return Some(&node.original_file_path);
        }
        self.unit_tests.get(unique_id).map(|unit_test| unit_test.original_file_path.as_str())
    }
}
