//! Foreign keys of contracts: `to: ref('model')` becomes the relation that the database knows.

use crate::run::Run;
use dvt_jinja::RefRequest;
use dvt_manifest::Node;
use serde_json::Value;
use std::sync::Arc;

impl Run {
    /// The node with its foreign keys resolved; the same node where there is none to resolve.
    pub(crate) fn with_foreign_keys(&self, node: Arc<Node>) -> Arc<Node> {
        if !names_foreign_keys(&node) {
            return node;
        }
        let mut resolved = (*node).clone();
        self.resolve_foreign_keys(&mut resolved);
        Arc::new(resolved)
    }

    /// Puts relations in the place of `ref` and `source`. What names nothing stays: parsing has already told of it.
    pub(crate) fn resolve_foreign_keys(&self, node: &mut Node) {
        if !names_foreign_keys(node) {
            return;
        }
        let original = node.clone();
        let own = node.constraints.iter_mut();
        let all = own.chain(node.columns.values_mut().flat_map(|column| column.constraints.iter_mut()));
        for constraint in all {
            let Some(relation) = target_of(constraint).and_then(|target| self.relation_of(&original, &target)) else {
                continue;
            };
            if let Some(fields) = constraint.as_object_mut() {
                fields.insert("to".to_owned(), Value::String(relation));
            }
        }
    }

    fn relation_of(&self, node: &Node, target: &Target) -> Option<String> {
        match target {
            Target::Ref(request) => {
                let found = self.resolve_ref(node, request).ok()?;
                // What this run builds is meant, else what the other environment has.
                let elsewhere = self.defers() && !self.request.selected.contains(&found.unique_id);
                let deferred = if elsewhere { self.deferred_relation(found) } else { None };
                Some(deferred.unwrap_or_else(|| found.relation()).render())
            }
            Target::Source(source_name, table_name) => {
                Some(self.resolve_source(node, source_name, table_name).ok()?.relation.render())
            }
        }
    }
}

/// Whether a foreign key of the node names something of the project.
fn names_foreign_keys(node: &Node) -> bool {
    constraints(node).any(|constraint| target_of(constraint).is_some())
}

fn constraints(node: &Node) -> impl Iterator<Item = &Value> {
    node.constraints.iter().chain(node.columns.values().flat_map(|column| column.constraints.iter()))
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    Ref(RefRequest),
    Source(String, String),
}

/// What a foreign key's `to` asks for; `None` for another constraint, and for a relation written out.
fn target_of(constraint: &Value) -> Option<Target> {
    if constraint.get("type").and_then(Value::as_str) != Some("foreign_key") {
        return None;
    }
    let (call, arguments) = constraint.get("to")?.as_str()?.trim().strip_suffix(')')?.split_once('(')?;
    let bare = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    let (mut names, mut version) = (Vec::new(), None);
    for argument in arguments.split(',').filter(|argument| !argument.trim().is_empty()) {
        match argument.split_once('=') {
            Some((_, value)) => version = Some(bare(value)),
            None => names.push(bare(argument)),
        }
    }
    match (call.trim(), names.as_slice()) {
        ("ref", [name]) => Some(Target::Ref(RefRequest { package: None, name: name.clone(), version })),
        ("ref", [package, name]) => {
            Some(Target::Ref(RefRequest { package: Some(package.clone()), name: name.clone(), version }))
        }
        ("source", [source_name, table_name]) => Some(Target::Source(source_name.clone(), table_name.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_target_is_read_as_it_is_written() {
        let check = |to: &str, expected: Option<Target>| {
            assert_eq!(target_of(&json!({"type": "foreign_key", "to": to})), expected, "{to}");
        };
        let request = |package: Option<&str>, version: Option<&str>| {
            Some(Target::Ref(RefRequest {
                package: package.map(str::to_owned),
                name: "m".to_owned(),
                version: version.map(str::to_owned),
            }))
        };
        check("ref('m')", request(None, None));
        check("ref(\"p\", 'm', v=2)", request(Some("p"), Some("2")));
        check(" source( 's' , 't' ) ", Some(Target::Source("s".to_owned(), "t".to_owned())));
        check("schema.table", None);
        assert_eq!(target_of(&json!({"type": "check", "to": "ref('m')"})), None);
    }
}
