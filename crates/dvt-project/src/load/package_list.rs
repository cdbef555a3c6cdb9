//! `packages.yml`, `dependencies.yml` and `package-lock.yml`: which packages a folder asks for.

use super::value_renderer;
use crate::ProjectSettings;
use crate::files::{read_text, shown_path};
use crate::yaml::{Yaml, load_yaml};
use dvt_diagnostics::{Diagnostic, Diagnostics, SourceFile, Span};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

const PACKAGES: &str = "packages.yml";
const DEPENDENCIES: &str = "dependencies.yml";
const LOCK: &str = "package-lock.yml";

/// What `packages:` of one folder says.
#[derive(Clone, Debug)]
pub struct PackageList {
    /// `packages.yml` or `dependencies.yml`: where a package would be added.
    pub file_name: &'static str,
    pub entries: Vec<PackageEntry>,
    /// The file; `None` when there is none.
    pub file: Option<Arc<SourceFile>>,
    /// All that the file says, as it was written.
    pub document: Value,
}

/// One item of `packages:`, not yet looked into.
#[derive(Clone, Debug)]
pub struct PackageEntry {
    /// With its Jinja rendered.
    pub value: Value,
    /// As it was written: what goes into the lock file, so that no secret does.
    pub unrendered: Value,
    pub span: Span,
}

/// `package-lock.yml`.
#[derive(Clone, Debug)]
pub struct PackageLock {
    pub entries: Vec<PackageEntry>,
    /// The hash of the list that was resolved; `None` in a file that was written by hand.
    pub sha1_hash: Option<String>,
}

/// Reads the packages that a folder asks for. The root project's `dependencies.yml` knows no Jinja; elsewhere `env_var`
/// (secrets too) and `var` (of the command line) are rendered.
///
/// # Errors
/// A file is no YAML, `packages` stands in both files, or its Jinja fails.
pub fn load_package_list(
    settings: &ProjectSettings,
    root: &Path,
    shown_root: &Path,
) -> Result<PackageList, Diagnostics> {
    let mut warnings = Vec::new();
    let mut read = |name: &str| -> Result<Option<(Arc<SourceFile>, Yaml)>, Diagnostic> {
        let path = root.join(name);
        let Some(file) = read_text(&path, &shown_path(&path, shown_root))? else { return Ok(None) };
        let tree = load_yaml(&file, &mut warnings)?;
        if tree.is_null() {
            return Ok(None);
        }
        if tree.as_map().is_none() {
            return Err(malformed(&format!("{} must be a dictionary, but it is {}", file.path, tree.kind()))
                .label(tree.span(&file), "expected `packages:`"));
        }
        Ok(Some((file, tree)))
    };
    let packages = read(PACKAGES)?;
    let dependencies = read(DEPENDENCIES)?.filter(|(_, tree)| tree.get("packages").is_some());
    if let (Some((file, tree)), Some((other, other_tree))) = (&packages, &dependencies)
        && let (Some(first), Some(second)) = (tree.get("packages"), other_tree.get("packages"))
    {
        return Err(Diagnostic::error(
            "packages-twice",
            "The 'packages' key cannot be specified in both packages.yml and dependencies.yml",
        )
        .label(first.span(file), "here")
        .label(second.span(other), "and here")
        .help("keep one of the two lists")
        .into());
    }
    if let Some((file, tree)) = &packages
        && let Some(projects) = tree.get("projects")
    {
        return Err(Diagnostic::error("projects-key", "The 'projects' key cannot be specified in packages.yml")
            .label(projects.span(file), "here")
            .help("move it to dependencies.yml")
            .into());
    }
    let is_root = root == shown_root;
    match (dependencies, packages) {
        (Some((file, tree)), _) => {
            let entries = entries(settings, &file, &tree, !is_root)?;
            Ok(PackageList { file_name: DEPENDENCIES, entries, file: Some(file), document: tree.to_json() })
        }
        (None, Some((file, tree))) => {
            for key in tree.as_map().into_iter().flat_map(|map| map.keys()) {
                if key != "packages" {
                    return Err(malformed(&format!("`{key}` is not a key of {}", file.path))
                        .label(tree.get(key).unwrap_or(&tree).span(&file), "not known")
                        .into());
                }
            }
            let entries = entries(settings, &file, &tree, true)?;
            Ok(PackageList { file_name: PACKAGES, entries, file: Some(file), document: tree.to_json() })
        }
        (None, None) => Ok(PackageList { file_name: PACKAGES, entries: Vec::new(), file: None, document: Value::Null }),
    }
}

/// Reads the lock file; `None` when there is none.
///
/// # Errors
/// It is no YAML, or its Jinja fails.
pub fn load_package_lock(settings: &ProjectSettings, root: &Path) -> Result<Option<PackageLock>, Diagnostics> {
    let Some(file) = read_text(&root.join(LOCK), LOCK)? else { return Ok(None) };
    let mut warnings = Vec::new();
    let tree = load_yaml(&file, &mut warnings)?;
    if !tree.is_null() && tree.as_map().is_none() {
        return Err(Diagnostic::error("wrong-type", format!("{LOCK} must be a dictionary, but it is {}", tree.kind()))
            .label(tree.span(&file), "expected `packages:`")
            .help("delete the file and run `dvt deps`")
            .into());
    }
    let sha1_hash = tree.get("sha1_hash").and_then(Yaml::scalar_text);
    Ok(Some(PackageLock { entries: entries(settings, &file, &tree, true)?, sha1_hash }))
}

/// The `name` in a folder's `dbt_project.yml`, as it is written; `None` when the file says none.
///
/// # Errors
/// The file is missing or no YAML.
pub fn load_package_name(root: &Path, shown_root: &Path) -> Result<Option<String>, Diagnostics> {
    let path = root.join("dbt_project.yml");
    let shown = shown_path(&path, shown_root);
    let Some(file) = read_text(&path, &shown)? else {
        return Err(Diagnostic::error("no-project", format!("{shown} is not there")).into());
    };
    let tree = load_yaml(&file, &mut Vec::new())?;
    Ok(tree.get("name").and_then(Yaml::as_text).filter(|name| !name.is_empty()).map(str::to_owned))
}

fn entries(
    settings: &ProjectSettings,
    file: &Arc<SourceFile>,
    tree: &Yaml,
    renders: bool,
) -> Result<Vec<PackageEntry>, Diagnostics> {
    let Some(list) = tree.get_set("packages") else { return Ok(Vec::new()) };
    let Some(items) = list.as_list() else {
        return Err(malformed(&format!("`packages` must be a list, but it is {}", list.kind()))
            .label(list.span(file), "expected a list")
            .into());
    };
    let renderer = value_renderer(settings).with_secrets();
    let mut problems = Vec::new();
    let entries = items
        .iter()
        .map(|item| {
            let rendered = match renders {
                true => renderer.tree(file, item, &mut Vec::new(), &|_| true, &mut problems),
                false => item.clone(),
            };
            PackageEntry { value: rendered.to_json(), unrendered: item.to_json(), span: item.span(file) }
        })
        .collect();
    if problems.is_empty() { Ok(entries) } else { Err(Diagnostics(problems)) }
}

/// dbt's words for a list of packages that cannot be read, with what is wrong as a note.
#[must_use]
pub fn malformed_packages(reason: &str) -> Diagnostic {
    malformed(reason)
}

fn malformed(reason: &str) -> Diagnostic {
    Diagnostic::error("malformed-packages", "The packages.yml file in this project is malformed")
        .note(reason)
        .help("check the list of packages; dbt's documentation describes it under `package-management`")
}
