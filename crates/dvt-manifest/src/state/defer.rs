//! Deferral: where another environment has a node's relation.

use super::{PreviousManifest, PreviousNode};
use crate::{Manifest, Node, Relation, ResourceType};
use serde_json::{Map, Value, json};

/// The relation of a node in the environment that an earlier manifest describes: dbt's `defer_relation`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeferRelation {
    /// The profile output that has it; the node's own where the manifest does not say.
    pub connection: String,
    pub database: Option<String>,
    pub schema: String,
    pub alias: String,
    pub relation_name: Option<String>,
    pub resource_type: String,
    pub name: String,
    pub description: String,
    pub compiled_code: Option<String>,
    pub meta: Value,
    pub tags: Value,
    pub config: Map<String, Value>,
    /// Of a function: `arguments` and `returns`.
    pub signature: Option<(Value, Value)>,
}

impl DeferRelation {
    fn new(node: &PreviousNode, own_connection: &str) -> Self {
        Self {
            connection: node.connection.clone().unwrap_or_else(|| own_connection.to_owned()),
            database: node.database.clone(),
            schema: node.schema.clone().unwrap_or_default(),
            alias: node.alias.clone().unwrap_or_else(|| node.name.clone()),
            relation_name: node.relation_name.clone(),
            resource_type: node.resource_type.clone(),
            name: node.name.clone(),
            description: node.description.clone().unwrap_or_default(),
            compiled_code: node.compiled_code.clone().filter(|_| node.resource_type != "seed"),
            meta: node.meta.clone(),
            tags: node.tags.clone(),
            config: node.config.clone(),
            signature: (node.resource_type == "function").then(|| (node.arguments.clone(), node.returns.clone())),
        }
    }

    /// dbt's form in `manifest.json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "database": self.database,
            "schema": self.schema,
            "alias": self.alias,
            "relation_name": self.relation_name,
            "resource_type": self.resource_type,
            "name": self.name,
            "description": self.description,
            "compiled_code": self.compiled_code,
            "meta": if self.meta.is_null() { json!({}) } else { self.meta.clone() },
            "tags": if self.tags.is_null() { json!([]) } else { self.tags.clone() },
            "config": self.config,
            "connection": self.connection,
        });
        if let (Value::Object(map), Some((arguments, returns))) = (&mut json, &self.signature) {
            map.insert("arguments".to_owned(), arguments.clone());
            map.insert("returns".to_owned(), returns.clone());
        }
        json
    }
}

impl Node {
    /// The node's relation in the environment that is deferred to, written as the node's own connection writes names.
    #[must_use]
    pub fn deferred_relation(&self) -> Option<Relation> {
        let deferred = self.defer_relation.as_deref()?;
        Some(self.style.apply(Relation::new(
            &deferred.connection,
            deferred.database.as_deref(),
            Some(&deferred.schema),
            Some(&deferred.alias),
        )))
    }
}

impl Manifest {
    /// Tells every model, seed, snapshot and function where the earlier environment has it. `knows_connection` says
    /// whether the profile still has an output of that name; one that is gone gives way to the node's own.
    pub fn defer_to(&mut self, previous: &PreviousManifest, knows_connection: &dyn Fn(&str) -> bool) {
        for (id, old) in &previous.nodes {
            let is_refable = matches!(old.resource_type.as_str(), "model" | "seed" | "snapshot");
            if !is_refable || old.materialized() == "ephemeral" {
                continue;
            }
            if let Some(node) = self.nodes.get_mut(id) {
                defer(node, old, knows_connection);
            }
        }
        for (id, old) in &previous.functions {
            if let Some(function) = self.functions.get_mut(id)
                && function.resource_type == ResourceType::Function
            {
                defer(function, old, knows_connection);
            }
        }
    }
}

fn defer(node: &mut Node, old: &PreviousNode, knows_connection: &dyn Fn(&str) -> bool) {
    let mut relation = DeferRelation::new(old, &node.connection);
    if !knows_connection(&relation.connection) {
        relation.connection.clone_from(&node.connection);
    }
    node.defer_relation = Some(Box::new(relation));
}
