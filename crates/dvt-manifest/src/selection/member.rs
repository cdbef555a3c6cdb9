//! What the selection methods look at: the same view of every kind of thing in the graph.

use crate::{
    Config, Exposure, Graph, Manifest, Node, ResourceType, SemanticNode, Source, UniqueId, UnitTest, version_text,
};
use std::borrow::Cow;

/// One thing of the graph.
pub(crate) struct Member<'a> {
    pub(crate) unique_id: &'a UniqueId,
    pub(crate) resource_type: ResourceType,
    pub(crate) package_name: &'a str,
    pub(crate) name: &'a str,
    pub(crate) fqn: &'a [String],
    pub(crate) original_file_path: &'a str,
    pub(crate) patch_path: Option<&'a str>,
    pub(crate) tags: Cow<'a, [String]>,
    pub(crate) config: &'a Config,
    pub(crate) noun: Noun<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Noun<'a> {
    /// Of `manifest.nodes`.
    Node(&'a Node),
    /// Of `manifest.functions`.
    Function(&'a Node),
    Source(&'a Source),
    Exposure(&'a Exposure),
    UnitTest(&'a UnitTest),
    /// A metric, semantic model or saved query.
    Semantic(&'a SemanticNode),
}

impl<'a> Member<'a> {
    /// The members of the graph, each at its position. There is none for what is switched off: a test of something that
    /// is missing stays in the manifest so.
    pub(crate) fn all(manifest: &'a Manifest, graph: &Graph) -> Vec<Option<Self>> {
        graph.ids().iter().map(|id| Self::of(manifest, id).filter(|member| member.config.enabled())).collect()
    }

    fn of(manifest: &'a Manifest, id: &str) -> Option<Self> {
        if let Some(node) = manifest.nodes.get(id) {
            return Some(Self::node(node, Noun::Node(node)));
        }
        if let Some(source) = manifest.sources.get(id) {
            return Some(Self {
                unique_id: &source.unique_id,
                resource_type: ResourceType::Source,
                package_name: &source.package_name,
                name: &source.name,
                fqn: &source.fqn,
                original_file_path: &source.original_file_path,
                patch_path: source.patch_path.as_deref(),
                tags: Cow::Borrowed(&source.tags),
                config: &source.config,
                noun: Noun::Source(source),
            });
        }
        if let Some(exposure) = manifest.exposures.get(id) {
            return Some(Self {
                unique_id: &exposure.unique_id,
                resource_type: ResourceType::Exposure,
                package_name: &exposure.package_name,
                name: &exposure.name,
                fqn: &exposure.fqn,
                original_file_path: &exposure.original_file_path,
                patch_path: None,
                tags: Cow::Borrowed(&exposure.tags),
                config: &exposure.config,
                noun: Noun::Exposure(exposure),
            });
        }
        if let Some(function) = manifest.functions.get(id) {
            return Some(Self::node(function, Noun::Function(function)));
        }
        if let Some(unit_test) = manifest.unit_tests.get(id) {
            return Some(Self {
                unique_id: &unit_test.unique_id,
                resource_type: ResourceType::UnitTest,
                package_name: &unit_test.package_name,
                name: &unit_test.name,
                fqn: &unit_test.fqn,
                original_file_path: &unit_test.original_file_path,
                patch_path: None,
                tags: Cow::Owned(unit_test.config.tags()),
                config: &unit_test.config,
                noun: Noun::UnitTest(unit_test),
            });
        }
        manifest.semantic_node(id).map(|semantic| Self {
            unique_id: &semantic.unique_id,
            resource_type: semantic.resource_type,
            package_name: &semantic.package_name,
            name: &semantic.name,
            fqn: &semantic.fqn,
            original_file_path: &semantic.original_file_path,
            patch_path: None,
            tags: Cow::Borrowed(&semantic.tags),
            config: &semantic.config,
            noun: Noun::Semantic(semantic),
        })
    }

    fn node(node: &'a Node, noun: Noun<'a>) -> Self {
        Self {
            unique_id: &node.unique_id,
            resource_type: node.resource_type,
            package_name: &node.package_name,
            name: &node.name,
            fqn: &node.fqn,
            original_file_path: &node.original_file_path,
            patch_path: node.patch_path.as_deref(),
            tags: Cow::Borrowed(&node.tags),
            config: &node.config,
            noun,
        }
    }

    /// Of `manifest.nodes`.
    pub(crate) fn as_node(&self) -> Option<&'a Node> {
        match self.noun {
            Noun::Node(node) => Some(node),
            _ => None,
        }
    }

    pub(crate) fn as_model(&self) -> Option<&'a Node> {
        self.as_node().filter(|node| node.resource_type == ResourceType::Model)
    }

    pub(crate) fn is_versioned(&self) -> bool {
        self.as_model().is_some_and(|model| model.version.is_some())
    }

    /// A test or unit test: what may come along with what it tests.
    pub(crate) fn is_test(&self) -> bool {
        matches!(self.resource_type, ResourceType::Test | ResourceType::UnitTest)
    }

    /// Nothing but blanks: dbt lists it and runs it not.
    pub(crate) fn is_empty(&self) -> bool {
        self.as_node().is_some_and(|node| node.resource_type != ResourceType::Seed && node.raw_code.trim().is_empty())
    }

    pub(crate) fn depends_on(&self) -> &'a [UniqueId] {
        match self.noun {
            Noun::Node(node) | Noun::Function(node) => &node.depends_on.nodes,
            Noun::Source(_) => &[],
            Noun::Exposure(exposure) => &exposure.depends_on.nodes,
            Noun::UnitTest(unit_test) => &unit_test.depends_on.nodes,
            Noun::Semantic(semantic) => &semantic.depends_on.nodes,
        }
    }

    /// The macros that it calls.
    pub(crate) fn macros(&self) -> &'a [UniqueId] {
        match self.noun {
            Noun::Node(node) | Noun::Function(node) => &node.depends_on.macros,
            Noun::Source(_) => &[],
            Noun::Exposure(exposure) => &exposure.depends_on.macros,
            Noun::UnitTest(unit_test) => &unit_test.depends_on.macros,
            Noun::Semantic(semantic) => &semantic.depends_on.macros,
        }
    }

    pub(crate) fn group(&self) -> Option<&'a str> {
        match self.noun {
            Noun::Node(node) => node.group.as_deref().or_else(|| node.config.text("group")),
            Noun::Semantic(metric) if metric.resource_type == ResourceType::Metric => {
                metric.group.as_deref().or_else(|| metric.config.text("group"))
            }
            _ => None,
        }
    }
}

/// Whether the model's version is the latest one, older or newer; `None` without a version.
pub(super) fn version_age(model: &Node) -> Option<std::cmp::Ordering> {
    let (version, latest) = (model.version.as_ref()?, model.latest_version.as_ref()?);
    let (version, latest) = (version_text(version), version_text(latest));
    if version == latest {
        return Some(std::cmp::Ordering::Equal);
    }
    match (version.parse::<f64>(), latest.parse::<f64>()) {
        (Ok(version), Ok(latest)) => version.partial_cmp(&latest),
        _ => Some(version.cmp(&latest)),
    }
}
