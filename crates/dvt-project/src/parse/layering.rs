//! The layers of one node's config, in dbt's order, and the two results: what holds, and what was written.
//!
//! Own project, properties, the file itself, then (for a node of a package) the root project. dbt merges the `config`
//! calls of a file among themselves first. Source: dbt docs, "Defining configs and properties".

use super::config::{Layer, Merged};
use dvt_manifest::ResourceType;
use serde_json::{Map, Value};

/// The layers of a node.
pub(crate) struct NodeLayers {
    pub(crate) resource_type: ResourceType,
    pub(crate) own: Vec<Layer>,
    pub(crate) root: Vec<Layer>,
    pub(crate) written_own: Vec<Layer>,
    pub(crate) written_root: Vec<Layer>,
    /// What the properties entry says.
    pub(crate) patch: Option<Layer>,
    /// The same, as it is written there.
    pub(crate) written_patch: Option<Map<String, Value>>,
}

impl NodeLayers {
    /// What `dbt_project.yml` says, without file and properties.
    pub(crate) fn base(&self) -> Merged {
        self.merge(None, &[])
    }

    /// Without the properties.
    pub(crate) fn without_patch(&self, calls: &[Layer]) -> Merged {
        self.merge(None, calls)
    }

    pub(crate) fn full(&self, calls: &[Layer]) -> Merged {
        self.merge(self.patch.as_ref(), calls)
    }

    fn merge(&self, patch: Option<&Layer>, calls: &[Layer]) -> Merged {
        let mut merged = Merged::of(self.resource_type);
        self.own.iter().chain(patch).for_each(|layer| merged.add(layer));
        merged.add(&merge_calls(calls));
        self.root.iter().for_each(|layer| merged.add(layer));
        merged
    }

    /// dbt's `unrendered_config`: each layer as it was written, the later one over the earlier.
    pub(crate) fn written(&self, calls: &Map<String, Value>) -> Map<String, Value> {
        let mut written = Map::new();
        let mut add = |layer: &Layer| {
            for (key, value, _) in &layer.entries {
                written.insert(key.clone(), value.clone());
            }
        };
        self.written_own.iter().for_each(&mut add);
        if let Some(patch) = &self.patch {
            let mut values: Map<String, Value> =
                patch.entries.iter().map(|(key, value, _)| (key.clone(), value.clone())).collect();
            if let Some(as_written) = &self.written_patch {
                deep_merge(&mut values, as_written);
            }
            written.extend(values);
        }
        written.extend(calls.clone());
        for (key, value, _) in self.written_root.iter().flat_map(|layer| &layer.entries) {
            written.insert(key.clone(), value.clone());
        }
        written
    }
}

/// The `config` calls of one file as one layer: lists are appended, dictionaries updated.
pub(crate) fn merge_calls(calls: &[Layer]) -> Layer {
    let mut merged = Layer::default();
    for call in calls {
        if merged.entries.is_empty() {
            merged = call.clone();
            continue;
        }
        for (key, value, span) in &call.entries {
            let old = merged.entries.iter_mut().find(|(known, _, _)| known == key);
            let Some((_, old, old_span)) = old else {
                merged.entries.push((key.clone(), value.clone(), span.clone()));
                continue;
            };
            *old_span = span.clone();
            match (key.as_str(), &mut *old, value) {
                ("pre-hook" | "pre_hook" | "post-hook" | "post_hook" | "tags" | "packages", _, _) => {
                    let mut items = listed(old);
                    items.extend(listed(value));
                    *old = Value::Array(items);
                }
                (
                    "quoting" | "column_types" | "meta" | "docs" | "contract" | "snapshot_meta_column_names",
                    Value::Object(old),
                    Value::Object(new),
                ) => old.extend(new.clone()),
                ("grants", Value::Object(old), Value::Object(new)) => {
                    for (privilege, grantees) in new {
                        let mut items = match old.get(privilege) {
                            Some(known) if privilege.starts_with('+') => listed(known),
                            _ => Vec::new(),
                        };
                        items.extend(listed(grantees));
                        old.insert(privilege.clone(), Value::Array(items));
                    }
                }
                _ => *old = value.clone(),
            }
        }
    }
    merged
}

fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    }
}

/// Dictionaries are merged key by key, the items of a new list stand before the old ones, everything else is replaced.
pub(crate) fn deep_merge(old: &mut Map<String, Value>, new: &Map<String, Value>) {
    for (key, value) in new {
        match (old.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => deep_merge(inner, value),
            (Some(Value::Array(items)), Value::Array(value)) => {
                let mut both = value.clone();
                both.append(items);
                *items = both;
            }
            _ => {
                old.insert(key.clone(), value.clone());
            }
        }
    }
}
