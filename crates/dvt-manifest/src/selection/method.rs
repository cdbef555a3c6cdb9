//! What one method matches, without graph operators.
//!
//! Methods that need earlier artifacts (`state:`, `result:`, `source_status:`) are in `earlier`, `selector:` in `select`.

use super::member::{Member, Noun, version_age};
use super::parse::{Criterion, Method, SelectionError};
use super::path::PathPattern;
use super::{fnmatch, select::Selector, set::NodeSet};
use crate::{Node, ResourceType};
use serde_json::Value;
use std::cmp::Ordering;
use std::path::Path;

/// A method that has its value: whether it matches a member.
type Matcher<'c> = Box<dyn Fn(&Member) -> bool + 'c>;

/// The positions that a criterion's method and value match.
pub(super) fn matching(selector: &Selector<'_>, criterion: &Criterion) -> Result<NodeSet, SelectionError> {
    let matches = matcher(selector, criterion)?;
    let mut found = NodeSet::empty(selector.members.len());
    for (position, member) in selector.members.iter().enumerate() {
        if member.as_ref().is_some_and(&matches) {
            found.insert(position);
        }
    }
    Ok(found)
}

fn matcher<'c, 'a: 'c>(selector: &'c Selector<'a>, criterion: &'c Criterion) -> Result<Matcher<'c>, SelectionError> {
    let value = criterion.value.as_str();
    let raw = || criterion.raw.clone();
    Ok(match &criterion.method {
        Method::Fqn => Box::new(|member| {
            !matches!(member.noun, Noun::Source(_)) && matches_fqn(value, member.fqn, member.is_versioned())
        }),
        Method::Tag => Box::new(|member| member.tags.iter().any(|tag| fnmatch(tag, value))),
        Method::Group => Box::new(|member| member.group().is_some_and(|group| fnmatch(group, value))),
        Method::Access => Box::new(move |member| member.as_model().is_some_and(|model| model.access.as_str() == value)),
        Method::Source => {
            let parts: Vec<&str> = value.split('.').collect();
            let (package, source, table) = match parts.as_slice() {
                [source] => ("*", *source, "*"),
                [source, table] => ("*", *source, *table),
                [package, source, table] => (*package, *source, *table),
                _ => return Err(SelectionError::SourceParts { raw: raw(), value: value.to_owned() }),
            };
            Box::new(move |member| match member.noun {
                Noun::Source(found) => {
                    fnmatch(member.package_name, package)
                        && fnmatch(&found.source_name, source)
                        && fnmatch(member.name, table)
                }
                _ => false,
            })
        }
        Method::Path => path_matcher(selector, value),
        Method::File => Box::new(|member| {
            let path = Path::new(member.original_file_path);
            [path.file_name(), path.file_stem()]
                .into_iter()
                .flatten()
                .any(|name| fnmatch(&name.to_string_lossy(), value))
        }),
        Method::Package => {
            let project = &selector.manifest.metadata.project_name;
            let package = if value == "this" { project.as_str() } else { value };
            Box::new(move |member| fnmatch(member.package_name, package))
        }
        Method::Config(way) => Box::new(|member| {
            let is_configurable = matches!(member.noun, Noun::Node(_) | Noun::Source(_));
            is_configurable
                && config_value(member, way)
                    .is_some_and(|found| matches_config(found, value, way.as_slice() == ["severity"]))
        }),
        Method::ResourceType => {
            let resource_type: ResourceType =
                value.parse().map_err(|_| SelectionError::ResourceType { raw: raw(), value: value.to_owned() })?;
            Box::new(move |member| member.resource_type == resource_type)
        }
        Method::TestType => {
            let (generic, singular, unit) = match value {
                "generic" | "schema" => (true, false, false),
                "singular" => (false, true, false),
                "data" => (true, true, false),
                "unit" => (false, false, true),
                _ => return Err(SelectionError::TestType { raw: raw(), value: value.to_owned() }),
            };
            Box::new(move |member| match member.resource_type {
                ResourceType::Test => {
                    let is_generic = member.as_node().is_some_and(Node::is_generic_test);
                    (is_generic && generic) || (!is_generic && singular)
                }
                ResourceType::UnitTest => unit,
                _ => false,
            })
        }
        Method::TestName => Box::new(|member| match member.resource_type {
            ResourceType::Test => member
                .as_node()
                .and_then(|node| node.test.as_ref()?.metadata.as_ref())
                .is_some_and(|metadata| fnmatch(&metadata.name, value)),
            ResourceType::UnitTest => fnmatch(member.name, value),
            _ => false,
        }),
        Method::Exposure => named(ResourceType::Exposure, ["exposure", "Exposures", "exposure"], value)?,
        Method::Metric => named(ResourceType::Metric, ["metric", "Metrics", "metric"], value)?,
        Method::SemanticModel => {
            named(ResourceType::SemanticModel, ["semantic model", "Semantic models", "semantic_model"], value)?
        }
        Method::SavedQuery => named(ResourceType::SavedQuery, ["saved query", "Saved queries", "saved_query"], value)?,
        Method::UnitTest => named(ResourceType::UnitTest, ["unit test", "Unit tests", "unit_test"], value)?,
        Method::Function => named(ResourceType::Function, ["function", "Functions", "function"], value)?,
        Method::Version => {
            let age = match value {
                "latest" => Some(Ordering::Equal),
                "prerelease" => Some(Ordering::Greater),
                "old" => Some(Ordering::Less),
                "none" => None,
                _ => return Err(SelectionError::Version { raw: raw(), value: value.to_owned() }),
            };
            Box::new(move |member| {
                member.as_model().is_some_and(|model| match age {
                    Some(_) => version_age(model) == age,
                    None => model.version.is_none(),
                })
            })
        }
        // `select` asks the rooms that know them before it comes here.
        Method::State | Method::Result | Method::SourceStatus | Method::Selector => Box::new(|_| false),
    })
}

/// `[package.]name`.
fn named<'c>(
    resource_type: ResourceType,
    [kind, title, word]: [&'static str; 3],
    value: &'c str,
) -> Result<Matcher<'c>, SelectionError> {
    let parts: Vec<&str> = value.split('.').collect();
    let (package, name) = match parts.as_slice() {
        [name] => ("*", *name),
        [package, name] => (*package, *name),
        _ => return Err(SelectionError::NameParts { kind, title, word, value: value.to_owned() }),
    };
    Ok(Box::new(move |member| {
        member.resource_type == resource_type && fnmatch(member.package_name, package) && fnmatch(member.name, name)
    }))
}

/// Files and folders of the project: a node of a package counts where the project itself has that path, as in dbt, which
/// looks the pattern up in the project's folder.
fn path_matcher<'c, 'a: 'c>(selector: &'c Selector<'a>, value: &'c str) -> Matcher<'c> {
    let project = selector.manifest.metadata.project_name.as_str();
    let root = selector.request.project_root.as_deref();
    let relative = match root.and_then(|root| Path::new(value).strip_prefix(root).ok()) {
        Some(relative) => relative.to_string_lossy().into_owned(),
        None => value.to_owned(),
    };
    let pattern = PathPattern::new(&relative);
    Box::new(move |member| {
        let patch = member.patch_path.map(|path| path.split_once("://").map_or(path, |(_, path)| path));
        let found = pattern
            .matching_ancestor(member.original_file_path)
            .or_else(|| patch.filter(|patch| pattern.matches(patch)));
        found.is_some_and(|found| member.package_name == project || root.is_none_or(|root| root.join(found).exists()))
    })
}

/// A name matches with or without its package; dots separate folders; from the first part with a wildcard on, the rest is
/// one pattern.
fn matches_fqn(selector: &str, fqn: &[String], is_versioned: bool) -> bool {
    matches_fqn_from(selector, fqn, is_versioned)
        || fqn.get(1..).is_some_and(|unscoped| matches_fqn_from(selector, unscoped, is_versioned))
}

fn matches_fqn_from(selector: &str, fqn: &[String], is_versioned: bool) -> bool {
    // The common case is a bare name: no allocation for it.
    let leaf = if is_versioned { fqn.len().checked_sub(2) } else { fqn.len().checked_sub(1) };
    if leaf.is_some_and(|leaf| fqn[leaf] == selector) {
        return true;
    }
    let parts: Vec<&str> = selector.split('.').collect();
    if is_versioned && fqn.len() >= 2 {
        let last_two = parts[parts.len().saturating_sub(2)..].join("_");
        if fqn[fqn.len() - 2..].join("_") == last_two {
            return true;
        }
    }
    let flat: Vec<&str> = fqn.iter().flat_map(|segment| segment.split('.')).collect();
    if flat.len() < parts.len() {
        return false;
    }
    for (index, part) in parts.iter().enumerate() {
        if part.contains(['*', '?', '[', ']']) {
            return fnmatch(&flat[index..].join("."), &parts[index..].join("."))
                // A pattern without a dot may also mean the name alone, however deep the folder.
                || (parts.len() == 1 && leaf.is_some_and(|leaf| fnmatch(&fqn[leaf], selector)));
        }
        if flat[index] != *part {
            return false;
        }
    }
    true
}

/// The way into the config; `pre_hook` also finds `pre-hook`.
fn config_value<'a>(member: &Member<'a>, way: &[String]) -> Option<&'a Value> {
    let (first, rest) = way.split_first()?;
    let found = member.config.get(first).or_else(|| member.config.get(&first.replace('_', "-")))?;
    rest.iter().try_fold(found, |value, key| value.get(key))
}

fn matches_config(found: &Value, wanted: &str, ignores_case: bool) -> bool {
    match found {
        Value::Bool(found) => wanted.eq_ignore_ascii_case(if *found { "true" } else { "false" }),
        Value::String(found) if ignores_case => found.eq_ignore_ascii_case(wanted),
        Value::String(found) => found == wanted,
        Value::Number(found) => found.to_string() == wanted,
        Value::Array(items) => items.iter().any(|item| matches_config(item, wanted, ignores_case)),
        Value::Object(map) => map.contains_key(wanted),
        Value::Null => false,
    }
}
