//! What one method matches, without graph operators.

use super::fnmatch;
use super::parse::{Criterion, Method, SelectionError};
use crate::{Access, Config, Manifest, Node, ResourceType, UniqueId, version_text};
use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// What the selection methods look at, the same for every kind of thing in the graph.
struct Member<'a> {
    unique_id: &'a UniqueId,
    resource_type: ResourceType,
    package_name: &'a str,
    original_file_path: &'a str,
    patch_path: Option<&'a str>,
    tags: &'a [String],
    config: &'a Config,
    node: Option<&'a Node>,
    fqn: &'a [String],
    name: &'a str,
    source_name: Option<&'a str>,
}

fn members(manifest: &Manifest) -> impl Iterator<Item = Member<'_>> {
    let nodes = manifest.nodes.values().map(|node| Member {
        unique_id: &node.unique_id,
        resource_type: node.resource_type,
        package_name: &node.package_name,
        original_file_path: &node.original_file_path,
        patch_path: node.patch_path.as_deref(),
        tags: &node.tags,
        config: &node.config,
        node: Some(node),
        fqn: &node.fqn,
        name: &node.name,
        source_name: None,
    });
    let sources = manifest.sources.values().map(|source| Member {
        unique_id: &source.unique_id,
        resource_type: ResourceType::Source,
        package_name: &source.package_name,
        original_file_path: &source.original_file_path,
        patch_path: source.patch_path.as_deref(),
        tags: &source.tags,
        config: &source.config,
        node: None,
        fqn: &source.fqn,
        name: &source.name,
        source_name: Some(&source.source_name),
    });
    let exposures = manifest.exposures.values().map(|exposure| Member {
        unique_id: &exposure.unique_id,
        resource_type: ResourceType::Exposure,
        package_name: &exposure.package_name,
        original_file_path: &exposure.original_file_path,
        patch_path: None,
        tags: &exposure.tags,
        config: &exposure.config,
        node: None,
        fqn: &exposure.fqn,
        name: &exposure.name,
        source_name: None,
    });
    let unit_tests = manifest.unit_tests.values().map(|unit_test| Member {
        unique_id: &unit_test.unique_id,
        resource_type: ResourceType::UnitTest,
        package_name: &unit_test.package_name,
        original_file_path: &unit_test.original_file_path,
        patch_path: None,
        tags: &[],
        config: &unit_test.config,
        node: None,
        fqn: &unit_test.fqn,
        name: &unit_test.name,
        source_name: None,
    });
    nodes.chain(sources).chain(exposures).chain(unit_tests)
}

/// The ids that a criterion's method and value match.
pub(super) fn matching(manifest: &Manifest, criterion: &Criterion) -> Result<BTreeSet<UniqueId>, SelectionError> {
    let value = criterion.value.as_str();
    let test: Box<dyn Fn(&Member) -> bool> = match &criterion.method {
        Method::Fqn => Box::new(|member| {
            (member.node.is_some() || member.resource_type == ResourceType::UnitTest)
                && matches_fqn(value, member.fqn, member.node.is_some_and(|node| node.version.is_some()))
        }),
        Method::Tag => Box::new(|member| {
            member.tags.iter().any(|tag| fnmatch(tag, value))
                || (member.resource_type == ResourceType::UnitTest
                    && member.config.tags().iter().any(|tag| fnmatch(tag, value)))
        }),
        Method::Group => Box::new(|member| {
            member.node.and_then(|node| node.group.as_deref()).is_some_and(|group| fnmatch(group, value))
        }),
        Method::Access => {
            let access = [Access::Private, Access::Protected, Access::Public]
                .into_iter()
                .find(|access| access.as_str() == value)
                .ok_or_else(|| unknown_value(criterion, "access", "it is private, protected or public"))?;
            Box::new(move |member| {
                member.node.is_some_and(|node| node.resource_type == ResourceType::Model && node.access == access)
            })
        }
        Method::Source => {
            let parts: Vec<&str> = value.split('.').collect();
            let (package, source, table) = match parts.as_slice() {
                [source] => ("*", *source, "*"),
                [source, table] => ("*", *source, *table),
                [package, source, table] => (*package, *source, *table),
                _ => return Err(SelectionError::SourceParts { raw: criterion.raw.clone() }),
            };
            Box::new(move |member| {
                member.source_name.is_some_and(|name| {
                    fnmatch(member.package_name, package) && fnmatch(name, source) && fnmatch(member.name, table)
                })
            })
        }
        Method::Path => {
            let matcher = path_matcher(criterion)?;
            Box::new(move |member| {
                let patch = member.patch_path.map(|path| path.split_once("://").map_or(path, |(_, path)| path));
                Path::new(member.original_file_path).ancestors().any(|path| matcher.is_match(path))
                    || patch.is_some_and(|path| matcher.is_match(path))
            })
        }
        Method::File => Box::new(|member| {
            let path = Path::new(member.original_file_path);
            [path.file_name(), path.file_stem()]
                .into_iter()
                .flatten()
                .any(|name| fnmatch(&name.to_string_lossy(), value))
        }),
        Method::Package => {
            let package = if value == "this" { manifest.metadata.project_name.clone() } else { value.to_owned() };
            Box::new(move |member| fnmatch(member.package_name, &package))
        }
        Method::Config(way) => Box::new(|member| {
            let mut found = way.first().and_then(|key| member.config.get(key));
            for key in &way[1..] {
                found = found.and_then(|value| value.get(key));
            }
            found.is_some_and(|found| matches_config(found, value, way.last().is_some_and(|key| key == "severity")))
        }),
        Method::ResourceType => {
            let resource_type: ResourceType = value.parse().map_err(|_| {
                unknown_value(criterion, "resource_type", "it is model, seed, snapshot, test, source, …")
            })?;
            Box::new(move |member| member.resource_type == resource_type)
        }
        Method::TestType => {
            let (generic, singular, unit) = match value {
                "generic" | "schema" => (true, false, false),
                "singular" => (false, true, false),
                "data" => (true, true, false),
                "unit" => (false, false, true),
                _ => {
                    return Err(unknown_value(criterion, "test_type", "it is generic, singular, data or unit"));
                }
            };
            Box::new(move |member| match member.resource_type {
                ResourceType::Test => {
                    let is_generic = member.node.is_some_and(Node::is_generic_test);
                    (is_generic && generic) || (!is_generic && singular)
                }
                ResourceType::UnitTest => unit,
                _ => false,
            })
        }
        Method::TestName => Box::new(|member| {
            let generic = member.node.and_then(|node| node.test.as_ref()).and_then(|test| test.metadata.as_ref());
            match generic {
                Some(metadata) => fnmatch(&metadata.name, value),
                None => member.resource_type == ResourceType::UnitTest && fnmatch(member.name, value),
            }
        }),
        Method::Exposure => named(ResourceType::Exposure, value),
        Method::UnitTest => named(ResourceType::UnitTest, value),
        Method::Version => {
            if !matches!(value, "latest" | "prerelease" | "old" | "none") {
                return Err(unknown_value(criterion, "version", "it is latest, prerelease, old or none"));
            }
            Box::new(|member| {
                member
                    .node
                    .is_some_and(|node| node.resource_type == ResourceType::Model && matches_version(node, value))
            })
        }
        // Nothing of these kinds is in a manifest of dvt yet, so nothing matches.
        Method::Metric | Method::SemanticModel | Method::SavedQuery => Box::new(|_| false),
    };
    Ok(members(manifest).filter(|member| test(member)).map(|member| member.unique_id.clone()).collect())
}

fn unknown_value(criterion: &Criterion, method: &'static str, known: &'static str) -> SelectionError {
    SelectionError::UnknownValue { raw: criterion.raw.clone(), method, value: criterion.value.clone(), known }
}

/// `[package.]name`.
fn named(resource_type: ResourceType, value: &str) -> Box<dyn Fn(&Member) -> bool> {
    let (package, name) = match value.split_once('.') {
        Some((package, name)) => (package.to_owned(), name.to_owned()),
        None => ("*".to_owned(), value.to_owned()),
    };
    Box::new(move |member| {
        member.resource_type == resource_type && fnmatch(member.package_name, &package) && fnmatch(member.name, &name)
    })
}

fn path_matcher(criterion: &Criterion) -> Result<GlobMatcher, SelectionError> {
    let pattern = criterion.value.trim_start_matches("./").trim_end_matches('/');
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| SelectionError::PathPattern { raw: criterion.raw.clone(), reason: error.kind().to_string() })
}

/// A name matches with or without its package; dots separate folders; from the first part with a wildcard on, the rest is
/// one pattern.
fn matches_fqn(selector: &str, fqn: &[String], is_versioned: bool) -> bool {
    matches_fqn_from(selector, fqn, is_versioned)
        || fqn.get(1..).is_some_and(|unscoped| matches_fqn_from(selector, unscoped, is_versioned))
}

fn matches_fqn_from(selector: &str, fqn: &[String], is_versioned: bool) -> bool {
    let parts: Vec<&str> = selector.split('.').collect();
    match fqn {
        [.., name, version] if is_versioned => {
            let last_two = parts[parts.len().saturating_sub(2)..].join("_");
            if name == selector || format!("{name}_{version}") == last_two {
                return true;
            }
        }
        [.., name] if !is_versioned && name == selector => return true,
        _ => {}
    }
    let flat: Vec<&str> = fqn.iter().flat_map(|segment| segment.split('.')).collect();
    if flat.len() < parts.len() {
        return false;
    }
    for (index, part) in parts.iter().enumerate() {
        if part.contains(['*', '?', '[', ']']) {
            if fnmatch(&flat[index..].join("."), &parts[index..].join(".")) {
                return true;
            }
            // A pattern without a dot may also mean the name alone, however deep the folder.
            let leaf = if is_versioned { fqn.len().checked_sub(2) } else { fqn.len().checked_sub(1) };
            return parts.len() == 1 && leaf.is_some_and(|leaf| fnmatch(&fqn[leaf], selector));
        }
        if flat[index] != *part {
            return false;
        }
    }
    true
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

fn matches_version(node: &Node, wanted: &str) -> bool {
    let (Some(version), Some(latest)) = (&node.version, &node.latest_version) else {
        return wanted == "none" && node.version.is_none();
    };
    if version_text(version) == version_text(latest) {
        return wanted == "latest";
    }
    let is_newer = match (number(version), number(latest)) {
        (Some(version), Some(latest)) => version > latest,
        _ => version_text(version) > version_text(latest),
    };
    wanted == if is_newer { "prerelease" } else { "old" }
}

fn number(version: &Value) -> Option<f64> {
    match version {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
