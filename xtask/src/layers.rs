//! The layer check: directions between the rooms, and what one room alone knows.
//!
//! In: `layers.toml` and what `cargo metadata --no-deps` says about each crate. Out: every broken rule, as a sentence
//! that names both crates and the way out. Nothing is compiled.

#[cfg(test)]
mod tests;

use crate::say;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Reads both sides and reports.
///
/// # Errors
/// All broken rules, one per line.
pub(crate) fn check_workspace(root: &Path) -> Result<()> {
    let path = root.join("layers.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let rules: Rules = toml::from_str(&text).with_context(|| format!("`{}` is not valid", path.display()))?;
    let packages = read_packages(root)?;
    let problems = check(&rules, &packages);
    if !problems.is_empty() {
        bail!("{} broken in layers.toml:\n  {}", plural(problems.len(), "rule"), problems.join("\n  "));
    }
    say(&format!("layers: {} keep their directions", plural(packages.len(), "crate")));
    Ok(())
}

/// `layers.toml`: one table per crate of the workspace.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    crates: BTreeMap<String, Room>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    /// The one sentence; the manifest's `description` says the same.
    purpose: String,
    /// The rooms it may use; what those may use, it may use too.
    #[serde(default)]
    may_use: BTreeSet<String>,
    /// Rooms that only its tests may use.
    #[serde(default)]
    tests_may_use: BTreeSet<String>,
    /// Libraries that only the crates which list them here may depend on.
    #[serde(default)]
    knows: BTreeSet<String>,
    /// No async runtime and no I/O through one: `tokio`, `futures` and `async-trait` stay out.
    #[serde(default)]
    sync: bool,
}

/// What a crate's manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Package {
    name: String,
    description: String,
    dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Dependency {
    name: String,
    /// A dev-dependency: it reaches tests only.
    for_tests: bool,
}

const ASYNC_LIBRARIES: [&str; 6] = ["tokio", "tokio-util", "tokio-stream", "futures", "async-trait", "object_store"];

fn read_packages(root: &Path) -> Result<Vec<Package>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    packages_from_metadata(&output.stdout)
}

fn packages_from_metadata(json: &[u8]) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<RawPackage>,
    }
    #[derive(Deserialize)]
    struct RawPackage {
        name: String,
        description: Option<String>,
        dependencies: Vec<RawDependency>,
    }
    #[derive(Deserialize)]
    struct RawDependency {
        name: String,
        kind: Option<String>,
    }
    let metadata: Metadata = serde_json::from_slice(json).context("`cargo metadata` printed something else")?;
    let package = |raw: RawPackage| Package {
        name: raw.name,
        description: raw.description.unwrap_or_default(),
        dependencies: raw
            .dependencies
            .into_iter()
            .map(|raw| Dependency { name: raw.name, for_tests: raw.kind.as_deref() == Some("dev") })
            .collect(),
    };
    Ok(metadata.packages.into_iter().map(package).collect())
}

/// The crate without code that gives third-party crates one set of features; every room depends on it.
const UNIFY: &str = "dvt-unify";

/// Every broken rule, ordered by crate.
fn check(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for name in rules.crates.keys().filter(|name| !packages.iter().any(|package| package.name == **name)) {
        problems.push(format!("`{name}` is listed, but the workspace has no such crate: remove its table"));
    }
    for (name, room) in &rules.crates {
        for used in room.may_use.iter().chain(&room.tests_may_use).filter(|used| !rules.crates.contains_key(*used)) {
            problems.push(format!("`{name}` may use `{used}`, which has no table of its own"));
        }
        if reachable(rules, name).contains(name.as_str()) {
            problems.push(format!("`{name}` may use itself through a chain of arrows: one of them points left"));
        }
    }
    for package in packages.iter().filter(|package| package.name != UNIFY) {
        match rules.crates.get(&package.name) {
            None => problems.push(format!("`{}` has no table: say its purpose and what it may use", package.name)),
            Some(room) => check_package(rules, room, package, &mut problems),
        }
    }
    problems.sort();
    problems
}

fn check_package(rules: &Rules, room: &Room, package: &Package, problems: &mut Vec<String>) {
    let name = &package.name;
    if room.purpose != package.description {
        problems.push(format!(
            "`{name}`: its purpose is \"{}\" here and \"{}\" in its Cargo.toml: one sentence, twice the same",
            room.purpose, package.description
        ));
    }
    let allowed = reachable(rules, name);
    for dependency in package.dependencies.iter().filter(|dependency| dependency.name != UNIFY) {
        let used = dependency.name.as_str();
        if rules.crates.contains_key(used) {
            let allowed_in_tests = dependency.for_tests
                && (room.tests_may_use.contains(used)
                    || room.tests_may_use.iter().any(|t| reachable(rules, t).contains(used)));
            if !allowed.contains(used) && !allowed_in_tests {
                problems.push(format!(
                    "`{name}` uses `{used}`, and no chain of arrows leads there: ask for the one capability it needs as a \
                     small trait in a crate below both"
                ));
            }
            continue;
        }
        let knowing: Vec<&str> =
            rules.crates.iter().filter(|(_, room)| room.knows.contains(used)).map(|(name, _)| name.as_str()).collect();
        if !dependency.for_tests && !knowing.is_empty() && !knowing.contains(&name.as_str()) {
            problems.push(format!(
                "`{name}` depends on `{used}`, which is known only to {}: go through its API",
                knowing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ));
        }
        if room.sync && !dependency.for_tests && ASYNC_LIBRARIES.contains(&used) {
            problems.push(format!("`{name}` is sync and does no I/O, but depends on `{used}`"));
        }
    }
}

/// The crates that a chain of arrows leads to from `start`; `start` itself only if the arrows form a ring.
fn reachable<'rules>(rules: &'rules Rules, start: &str) -> BTreeSet<&'rules str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = rules.crates.get(start).map(names_used).unwrap_or_default();
    while let Some(name) = open.pop() {
        if found.insert(name) {
            open.extend(rules.crates.get(name).map(names_used).unwrap_or_default());
        }
    }
    found
}

fn names_used(room: &Room) -> Vec<&str> {
    room.may_use.iter().map(String::as_str).collect()
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}
