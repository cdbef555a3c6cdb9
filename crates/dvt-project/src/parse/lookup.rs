//! Finds what a name means, once all nodes are in the manifest: for unit tests, functions and the semantic layer.
//!
//! Source: dbt's search order: the named package; else the root project, the asking package, any package.

use dvt_manifest::{Disabled, Manifest, Node, ResourceType, UniqueId, version_text};
use serde_json::Value;
use std::collections::HashMap;

/// Names to ids. Built once for a manifest whose nodes no longer change.
pub(crate) struct Lookup {
    root: String,
    refs: HashMap<String, Vec<(String, UniqueId)>>,
    sources: HashMap<String, Vec<(String, UniqueId)>>,
    functions: HashMap<String, Vec<(String, UniqueId)>>,
    metrics: HashMap<String, Vec<(String, UniqueId)>>,
    disabled: HashMap<(ResourceType, String), Vec<(String, UniqueId)>>,
}

/// What a search found.
pub(crate) enum Found<'l> {
    Id(&'l UniqueId),
    /// There is one, but it is switched off.
    Disabled,
    Nothing,
}

impl Lookup {
    pub(crate) fn new(manifest: &Manifest) -> Self {
        let mut lookup = Self {
            root: manifest.metadata.project_name.clone(),
            refs: HashMap::new(),
            sources: HashMap::new(),
            functions: HashMap::new(),
            metrics: HashMap::new(),
            disabled: HashMap::new(),
        };
        let mut add_ref = |key: String, node: &Node| {
            lookup.refs.entry(key).or_default().push((node.package_name.clone(), node.unique_id.clone()));
        };
        for node in manifest.nodes.values().filter(|node| node.resource_type.is_refable()) {
            let Some(version) = &node.version else {
                add_ref(node.name.clone(), node);
                continue;
            };
            add_ref(node.search_name(), node);
            let is_latest =
                node.latest_version.as_ref().is_some_and(|latest| version_text(latest) == version_text(version));
            if is_latest {
                add_ref(node.name.clone(), node);
            }
        }
        for source in manifest.sources.values() {
            let key = format!("{}.{}", source.source_name, source.name);
            lookup.sources.entry(key).or_default().push((source.package_name.clone(), source.unique_id.clone()));
        }
        for node in manifest.functions.values() {
            let found = (node.package_name.clone(), node.unique_id.clone());
            lookup.functions.entry(node.name.clone()).or_default().push(found);
        }
        for node in manifest.metrics.values() {
            let found = (node.package_name.clone(), node.unique_id.clone());
            lookup.metrics.entry(node.name.clone()).or_default().push(found);
        }
        for entry in manifest.disabled.values().flatten() {
            let (kind, name, package, id) = match entry {
                Disabled::Node(node) => (node.resource_type, &node.name, &node.package_name, &node.unique_id),
                Disabled::Semantic(node) => (node.resource_type, &node.name, &node.package_name, &node.unique_id),
                _ => continue,
            };
            lookup.disabled.entry((kind, name.clone())).or_default().push((package.clone(), id.clone()));
        }
        lookup
    }

    /// A model, seed or snapshot.
    pub(crate) fn find_ref(&self, own: &str, package: Option<&str>, name: &str, version: Option<&Value>) -> Found<'_> {
        let key = match version {
            Some(version) => format!("{name}.v{}", version_text(version)),
            None => name.to_owned(),
        };
        let kinds = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];
        self.pick(self.refs.get(&key), &kinds, own, package, name)
    }

    /// A source's table.
    pub(crate) fn find_source(&self, own: &str, source_name: &str, table_name: &str) -> Found<'_> {
        self.pick(self.sources.get(&format!("{source_name}.{table_name}")), &[], own, None, table_name)
    }

    pub(crate) fn find_function(&self, own: &str, package: Option<&str>, name: &str) -> Found<'_> {
        self.pick(self.functions.get(name), &[ResourceType::Function], own, package, name)
    }

    pub(crate) fn find_metric(&self, own: &str, package: Option<&str>, name: &str) -> Found<'_> {
        self.pick(self.metrics.get(name), &[ResourceType::Metric], own, package, name)
    }

    fn pick<'l>(
        &'l self,
        candidates: Option<&'l Vec<(String, UniqueId)>>,
        kinds: &[ResourceType],
        own: &str,
        package: Option<&str>,
        name: &str,
    ) -> Found<'l> {
        if let Some(id) = candidates.and_then(|candidates| self.first(candidates, own, package)) {
            return Found::Id(id);
        }
        let disabled = kinds.iter().find_map(|kind| {
            let candidates = self.disabled.get(&(*kind, name.to_owned()))?;
            self.first(candidates, own, package)
        });
        if disabled.is_some() { Found::Disabled } else { Found::Nothing }
    }

    fn first<'l>(
        &'l self,
        candidates: &'l [(String, UniqueId)],
        own: &str,
        package: Option<&str>,
    ) -> Option<&'l UniqueId> {
        let of = |wanted: &str| candidates.iter().find(|(package, _)| package == wanted).map(|(_, id)| id);
        match package {
            Some(package) => of(package),
            None => of(&self.root).or_else(|| of(own)).or_else(|| candidates.first().map(|(_, id)| id)),
        }
    }

    /// All names that `ref` knows, sorted, for suggestions.
    pub(crate) fn ref_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.refs.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}
