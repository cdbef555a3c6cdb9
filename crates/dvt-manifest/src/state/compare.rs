//! `state:new`, `state:modified` and their kin: which things of the project differ from the earlier manifest.
//!
//! Source: dbt 1.12's `StateSelectorMethod` and the `same_*` methods of its nodes, per kind.

use super::contract::{self, Removed};
use super::macros::ModifiedMacros;
use super::same::{same, same_config, same_in};
use super::{PreviousManifest, PreviousNode};
use crate::selection::member::{Member, Noun};
use crate::selection::{SelectionError, StateSettings};
use crate::{Disabled, Manifest, Node, ResourceType, SemanticNode};
use dvt_diagnostics::{Diagnostic, Event, kinds};
use serde_json::{Map, Value};
use std::cell::OnceCell;

const CHECKS: [(&str, Check); 10] = [
    ("new", Check::New),
    ("old", Check::Old),
    ("modified", Check::Modified),
    ("unmodified", Check::Unmodified),
    ("modified.body", Check::Body),
    ("modified.configs", Check::Configs),
    ("modified.persisted_descriptions", Check::PersistedDescriptions),
    ("modified.relation", Check::Relation),
    ("modified.macros", Check::Macros),
    ("modified.contract", Check::Contract),
];

#[derive(Clone, Copy, PartialEq)]
enum Check {
    New,
    Old,
    Modified,
    Unmodified,
    Body,
    Configs,
    PersistedDescriptions,
    Relation,
    Macros,
    Contract,
}

/// The keys of a config that say where a node goes or how it is found, not what it is.
const NOT_CONFIGURATION: [&str; 5] = ["alias", "schema", "database", "tags", "group"];

/// What counts as the configuration of a test.
const TEST_CONFIGURATION: [&str; 9] = [
    "severity",
    "where",
    "limit",
    "fail_calc",
    "warn_if",
    "error_if",
    "store_failures",
    "store_failures_as",
    "sql_header",
];

/// The project beside an earlier manifest.
pub(crate) struct StateComparison<'a> {
    manifest: &'a Manifest,
    previous: &'a PreviousManifest,
    settings: StateSettings,
    macros: OnceCell<ModifiedMacros<'a>>,
    warnings: Vec<Diagnostic>,
}

impl<'a> StateComparison<'a> {
    pub(crate) fn new(manifest: &'a Manifest, previous: &'a PreviousManifest, settings: StateSettings) -> Self {
        Self { manifest, previous, settings, macros: OnceCell::new(), warnings: Vec::new() }
    }

    pub(crate) fn take_warnings(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.warnings)
    }

    /// The positions of the members that the check is true of.
    ///
    /// # Errors
    /// An unknown check, or a breaking change to the contract of a versioned model.
    pub(crate) fn search(&mut self, members: &[Option<Member<'_>>], value: &str) -> Result<Vec<usize>, SelectionError> {
        let Some(&(_, check)) = CHECKS.iter().find(|(name, _)| *name == value) else {
            let known: Vec<String> = CHECKS.iter().map(|(name, _)| format!("'{name}'")).collect();
            return Err(SelectionError::UnknownStateCheck {
                value: value.to_owned(),
                known: format!("[{}]", known.join(", ")),
            });
        };
        let mut found = Vec::new();
        for (position, member) in members.iter().enumerate() {
            if let Some(member) = member
                && self.holds(member, check)?
            {
                found.push(position);
            }
        }
        if matches!(check, Check::Modified | Check::Unmodified | Check::Contract) {
            self.look_for_removed()?;
        }
        Ok(found)
    }

    fn holds(&mut self, member: &Member<'_>, check: Check) -> Result<bool, SelectionError> {
        let is_known = self.previous.contains(member.unique_id);
        Ok(match check {
            Check::New => !is_known,
            Check::Old => is_known,
            Check::Modified => self.is_modified(member)?,
            Check::Unmodified => !self.is_modified(member)?,
            Check::Macros => self.calls_modified(member),
            Check::Body | Check::PersistedDescriptions | Check::Contract => match self.nodes(member) {
                None => false,
                Some((_, None)) => true,
                Some((node, Some(old))) => match check {
                    Check::Body => !self.same_body(node, old),
                    Check::PersistedDescriptions => !same_persisted_descriptions(node, old),
                    _ => !self.same_contract(node, old)?,
                },
            },
            Check::Configs => match (member.noun, self.previous.other(member.unique_id)) {
                (Noun::Node(node) | Noun::Function(node), _) => {
                    self.previous.node(member.unique_id).is_none_or(|old| !same_node_config(node, old))
                }
                (Noun::UnitTest(_), _) => false,
                (_, None) => true,
                (_, Some(old)) => !self.same_other_config(member, old),
            },
            Check::Relation => match (member.noun, self.previous.other(member.unique_id)) {
                (Noun::Node(node) | Noun::Function(node), _) => {
                    self.previous.node(member.unique_id).is_none_or(|old| !same_representation(node, old))
                }
                (Noun::Source(source), old) => {
                    old.is_none_or(|old| !self.same_source_representation(&source.to_json(), old))
                }
                _ => false,
            },
        })
    }

    /// A node or function, and what it was.
    fn nodes<'m>(&self, member: &Member<'m>) -> Option<(&'m Node, Option<&'a PreviousNode>)> {
        match member.noun {
            Noun::Node(node) | Noun::Function(node) => Some((node, self.previous.node(member.unique_id))),
            _ => None,
        }
    }

    fn is_modified(&mut self, member: &Member<'_>) -> Result<bool, SelectionError> {
        let is_same = match self.nodes(member) {
            Some((_, None)) => false,
            Some((node, Some(old))) => self.same_contents(node, old)?,
            // What is not a node and was not there before is new, and dbt does not call it modified.
            None => match self.previous.other(member.unique_id) {
                None => !matches!(member.noun, Noun::UnitTest(_)),
                Some(old) => self.same_other(member, old),
            },
        };
        Ok(!is_same || self.calls_modified(member))
    }

    fn calls_modified(&self, member: &Member<'_>) -> bool {
        let built_in = |package: &str| package == "dbt" || package.starts_with("dbt_") && self.is_adapter(package);
        self.macros
            .get_or_init(|| ModifiedMacros::new(self.manifest, self.previous, built_in))
            .is_called_by(member.macros())
    }

    /// Packages of macros without a file in the project come with dvt.
    fn is_adapter(&self, package: &str) -> bool {
        package
            .strip_prefix("dbt_")
            .is_some_and(|adapter| ADAPTERS.contains(&adapter) || adapter == self.manifest.metadata.adapter_type)
    }

    fn same_contents(&mut self, node: &Node, old: &PreviousNode) -> Result<bool, SelectionError> {
        if node.is_generic_test() {
            return Ok(same_node_config(node, old) && node.fqn == old.fqn);
        }
        // First, whatever else differs: a broken contract must be told.
        let same_contract = self.same_contract(node, old)?;
        Ok(same_contract
            && self.same_body(node, old)
            && same_node_config(node, old)
            && same_persisted_descriptions(node, old)
            && node.fqn == old.fqn
            && same_representation(node, old)
            && same_reference(node, old)
            && same_signature(node, old))
    }

    fn same_contract(&mut self, node: &Node, old: &PreviousNode) -> Result<bool, SelectionError> {
        if node.resource_type != ResourceType::Model {
            return Ok(true);
        }
        let change = contract::compare(node, old, &self.manifest.metadata.adapter_type)?;
        if let Some(warning) = change.warning
            && !self.warnings.contains(&warning)
        {
            self.warnings.push(warning);
        }
        Ok(change.is_same)
    }

    fn same_body(&mut self, node: &Node, old: &PreviousNode) -> bool {
        if node.resource_type != ResourceType::Seed {
            return node.raw_code == old.raw_code.as_deref().unwrap_or_default();
        }
        let is_same = node.checksum.name != "none" && old.checksum.as_ref() == Some(&node.checksum);
        if node.checksum.name == "path" {
            self.warn_of_large_seed(node, old, is_same);
        }
        is_same
    }

    fn warn_of_large_seed(&mut self, seed: &Node, old: &PreviousNode, is_same: bool) {
        let limit = format!("{}MiB", self.settings.maximum_seed_size_mib);
        let what = format!("Found a seed ({}.{}) >{limit} in size", seed.package_name, seed.name);
        let was_path = old.checksum.as_ref().is_some_and(|checksum| checksum.name == "path");
        let (kind, message) = match (was_path, is_same) {
            (false, _) => {
                (kinds::SEED_INCREASED, format!("{what}. The previous file was <={limit}, so it has changed"))
            }
            (true, true) => (
                kinds::SEED_EXCEEDS_LIMIT_SAME_PATH,
                format!("{what} at the same path, dbt cannot tell if it has changed: assuming they are the same"),
            ),
            (true, false) => (
                kinds::SEED_EXCEEDS_LIMIT_AND_PATH_CHANGED,
                format!("{what}. The previous file was in a different location, assuming it has changed"),
            ),
        };
        let event = Event::new(kind, message.clone())
            .with("package_name", seed.package_name.as_str())
            .with("name", seed.name.as_str());
        let warning = Diagnostic::warning("large-seed", message).event(event);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn same_other(&self, member: &Member<'_>, old: &Value) -> bool {
        match member.noun {
            Noun::Node(_) | Noun::Function(_) => true,
            Noun::Source(source) => {
                let new = source.to_json();
                self.same_source_representation(&new, old)
                    && same_in(&new, old, &["fqn", "quoting", "freshness", "loaded_at_field", "external"])
                    && self.same_other_config(member, old)
            }
            Noun::Exposure(exposure) => {
                same_in(&exposure.to_json(), old, &["fqn", "type", "owner", "maturity", "url", "description", "label"])
                    && same_set(&exposure.depends_on.nodes, old)
                    && self.same_other_config(member, old)
            }
            Noun::UnitTest(test) => old.get("checksum").and_then(Value::as_str) == test.checksum.as_deref(),
            Noun::Semantic(semantic) => same_semantic(semantic, old) && self.same_other_config(member, old),
        }
    }

    fn same_other_config(&self, member: &Member<'_>, old: &Value) -> bool {
        let empty = Map::new();
        let unrendered_before = old.get("unrendered_config").and_then(Value::as_object).unwrap_or(&empty);
        match member.noun {
            Noun::Source(source) => same_config(&source.unrendered_config, unrendered_before, &[]),
            Noun::Exposure(exposure) => same_config(&exposure.unrendered_config, unrendered_before, &[]),
            Noun::Semantic(semantic) if semantic.resource_type == ResourceType::Metric => {
                same_config(&semantic.unrendered_config, unrendered_before, &["group"])
            }
            Noun::Semantic(semantic) => same(
                semantic.to_json().get("config").unwrap_or(&Value::Null),
                old.get("config").unwrap_or(&Value::Null),
            ),
            Noun::Node(_) | Noun::Function(_) | Noun::UnitTest(_) => true,
        }
    }

    fn same_source_representation(&self, new: &Value, old: &Value) -> bool {
        let (database, schema) = if self.settings.compares_unrendered {
            ("unrendered_database", "unrendered_schema")
        } else {
            ("database", "schema")
        };
        same_in(new, old, &[database, schema, "identifier"])
    }

    /// Models with a contract that are not there any more.
    fn look_for_removed(&mut self) -> Result<(), SelectionError> {
        for (id, old) in &self.previous.nodes {
            let disabled = self.manifest.disabled.get(id).and_then(|entries| entries.first());
            let removed = match disabled {
                Some(Disabled::Node(node)) if node.resource_type == ResourceType::Model => Removed {
                    unique_id: id,
                    name: &node.name,
                    path: &node.original_file_path,
                    is_enforced: contract::is_enforced(node),
                    is_disabled: true,
                    is_versioned: node.version.is_some(),
                    deprecation_date: node.deprecation_date.as_deref(),
                },
                Some(_) => continue,
                None if self.manifest.nodes.contains_key(id) || old.resource_type != "model" => continue,
                None => Removed {
                    unique_id: id,
                    name: &old.name,
                    path: &old.original_file_path,
                    is_enforced: old.is_enforced(),
                    is_disabled: false,
                    is_versioned: !old.version.is_null(),
                    deprecation_date: old.deprecation_date.as_deref(),
                },
            };
            if let Some(warning) = contract::compare_removed(&removed)?
                && !self.warnings.contains(&warning)
            {
                self.warnings.push(warning);
            }
        }
        Ok(())
    }
}

const ADAPTERS: [&str; 14] = [
    "postgres",
    "redshift",
    "mysql",
    "mariadb",
    "sqlite",
    "duckdb",
    "lake",
    "snowflake",
    "bigquery",
    "databricks",
    "spark",
    "trino",
    "clickhouse",
    "sqlserver",
];

fn same_node_config(node: &Node, old: &PreviousNode) -> bool {
    if node.resource_type == ResourceType::Test {
        return TEST_CONFIGURATION.iter().all(|key| {
            match (node.unrendered_config.get(*key), old.unrendered_config.get(*key)) {
                (None, None) => true,
                (Some(new), Some(old)) => same(new, old),
                _ => false,
            }
        });
    }
    same_config(&node.unrendered_config, &old.unrendered_config, &NOT_CONFIGURATION)
}

/// Descriptions count where they are written to the database.
fn same_persisted_descriptions(node: &Node, old: &PreviousNode) -> bool {
    let persists = |what: &str| {
        let persist_docs = node.config.get("persist_docs").and_then(|persist_docs| persist_docs.get(what));
        persist_docs.is_some_and(|value| !matches!(value, Value::Bool(false) | Value::Null))
    };
    if persists("relation") && node.description != old.description.as_deref().unwrap_or_default() {
        return false;
    }
    if !persists("columns") {
        return true;
    }
    node.columns.len() == old.columns.len()
        && node.columns.iter().all(|(key, column)| {
            old.columns.get(key).is_some_and(|old| old.description.as_deref().unwrap_or_default() == column.description)
        })
}

/// What was configured about the name, not what came out of it.
fn same_representation(node: &Node, old: &PreviousNode) -> bool {
    ["database", "schema", "alias"].iter().all(|key| {
        let null = Value::Null;
        let at = |config: &Map<String, Value>| config.get(*key).cloned().unwrap_or_else(|| null.clone());
        same(&at(&node.unrendered_config), &at(&old.unrendered_config))
    })
}

/// What references to a model depend on.
fn same_reference(node: &Node, old: &PreviousNode) -> bool {
    if node.resource_type != ResourceType::Model {
        return true;
    }
    let date = |date: &str| date.get(..10).unwrap_or(date).to_owned();
    same(node.latest_version.as_ref().unwrap_or(&Value::Null), &old.latest_version)
        && old.access.as_deref().unwrap_or("protected") == node.access.as_str()
        && node.deprecation_date.as_deref().map(date) == old.deprecation_date.as_deref().map(date)
}

/// Of a function: descriptions do not count in overloads.
fn same_signature(node: &Node, old: &PreviousNode) -> bool {
    if node.function.is_none() {
        return true;
    }
    let new = node.to_json();
    let overloads = |value: &Value| -> Vec<Value> {
        value.as_array().map_or_else(Vec::new, |overloads| {
            overloads
                .iter()
                .map(|overload| {
                    let mut overload = overload.clone();
                    if let Value::Object(map) = &mut overload {
                        map.remove("description");
                    }
                    overload
                })
                .collect()
        })
    };
    let at = |key: &str| new.get(key).cloned().unwrap_or(Value::Null);
    same(&at("arguments"), &old.arguments)
        && same(&at("returns"), &old.returns)
        && same(&Value::Array(overloads(&at("overloads"))), &Value::Array(overloads(&old.overloads)))
}

fn same_set(new: &[String], old: &Value) -> bool {
    let old: Vec<&str> = old
        .pointer("/depends_on/nodes")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |nodes| nodes.iter().filter_map(Value::as_str).collect());
    new.iter().all(|id| old.contains(&id.as_str())) && old.iter().all(|id| new.iter().any(|new| new == id))
}

fn same_semantic(semantic: &SemanticNode, old: &Value) -> bool {
    let new = semantic.to_json();
    match semantic.resource_type {
        ResourceType::Metric => same_in(&new, old, &["type", "description", "label"]),
        ResourceType::SemanticModel => same_in(
            &new,
            old,
            &["model", "description", "defaults", "entities", "dimensions", "measures", "primary_entity", "group"],
        ),
        _ => {
            same_in(
                &new,
                old,
                &[
                    "query_params.metrics",
                    "query_params.group_by",
                    "query_params.where",
                    "description",
                    "label",
                    "group",
                    "tags",
                ],
            ) && same_exports(&new, old)
        }
    }
}

fn same_exports(new: &Value, old: &Value) -> bool {
    let exports = |value: &Value| value.get("exports").and_then(Value::as_array).cloned().unwrap_or_default();
    let (new, old) = (exports(new), exports(old));
    new.len() == old.len()
        && new.iter().zip(&old).all(|(new, old)| {
            same_in(
                new,
                old,
                &["name", "unrendered_config.export_as", "unrendered_config.schema", "unrendered_config.alias"],
            )
        })
}
