//! Installed packages: the folders below `packages-install-path`, and what should be there.

use crate::check::Reader;
use crate::files::{read_text, shown_path};
use crate::load::read_project_file;
use crate::yaml::{Yaml, load_yaml};
use crate::{ConfigFiles, Package, ProjectSettings};
use dvt_diagnostics::{Diagnostic, Span};
use std::fs;
use std::path::{Path, PathBuf};

/// The root project, then the installed packages by name.
pub(crate) fn find_packages(
    settings: &ProjectSettings,
    config: &ConfigFiles,
    warnings: &mut Vec<Diagnostic>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Package> {
    let root = &config.project.root;
    let configured = settings.variable("PACKAGES_INSTALL_PATH").unwrap_or(&config.project.packages_install_path);
    let mut paths: Vec<PathBuf> = fs::read_dir(root.join(configured))
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default();
    // A link whose folder is gone is no installed package, as in dbt.
    paths.retain(|path| path.is_dir() && !folder_name(path).starts_with("__"));
    paths.sort();
    check_installed(config, configured, &paths, problems);
    let mut installed: Vec<Package> = Vec::new();
    for path in paths {
        if !path.join("dbt_project.yml").is_file() {
            problems.push(
                Diagnostic::error(
                    "no-package",
                    format!(
                        "Failed to read package: No dbt_project.yml found at expected path {}",
                        shown_path(&path.join("dbt_project.yml"), root)
                    ),
                )
                .help("remove the folder, or run `dvt deps`"),
            );
            continue;
        }
        match read_project_file(settings, &path, root, warnings) {
            Ok(project) => {
                let name = project.name.clone();
                let first = installed.iter().find(|package| package.name == name);
                if name == config.project.name || first.is_some() {
                    problems.push(
                        Diagnostic::error(
                            "duplicate-package",
                            format!(
                                "dbt found more than one package with the name \"{name}\" included in this project. \
                                     Package names must be unique in a project. Please rename one of these packages."
                            ),
                        )
                        .label(
                            project
                                .tree
                                .get("name")
                                .map_or_else(|| Span::line(&project.file, 1), |name| name.span(&project.file)),
                            "this one",
                        )
                        .note(format!(
                            "the other is {}",
                            first
                                .map_or_else(|| "the project itself".to_owned(), |first| shown_path(&first.root, root))
                        )),
                    );
                    continue;
                }
                installed.push(Package { name, root: path, project });
            }
            Err(diagnostics) => problems.extend(diagnostics.0),
        }
    }
    installed.sort_by(|left, right| left.name.cmp(&right.name));
    let mut packages =
        vec![Package { name: config.project.name.clone(), root: root.clone(), project: config.project.clone() }];
    packages.extend(installed);
    packages
}

/// As many packages must be there as the lock file names or, without one, the project asks for.
fn check_installed(config: &ConfigFiles, install_path: &str, paths: &[PathBuf], problems: &mut Vec<Diagnostic>) {
    let root = &config.project.root;
    let mut lists = Vec::new();
    for name in ["package-lock.yml", "dependencies.yml", "packages.yml"] {
        match list_in(root, name, problems) {
            Ok(list) => lists.extend(list),
            Err(diagnostic) => problems.push(diagnostic),
        }
    }
    let asked = lists.iter().find(|list| !list.entries.is_empty());
    let count = asked.map_or(0, |list| list.entries.len());
    if count == paths.len() {
        return;
    }
    let installed: Vec<&str> = paths.iter().map(|path| folder_name(path)).collect();
    let missing: Vec<&str> = asked
        .iter()
        .flat_map(|list| &list.entries)
        .filter_map(|entry| entry.get("name").and_then(Yaml::as_text))
        .filter(|name| !installed.contains(name))
        .collect();
    let specified = lists.iter().find(|list| list.name != "package-lock.yml").map_or("packages.yml", |list| list.name);
    let mut message = format!(
        "dbt expects {count} package(s) based on packages specified in {specified}, but found only {} package(s) installed in \
         {install_path}. ",
        paths.len()
    );
    if !missing.is_empty() {
        message.push_str(&format!("Following packages were not found: {}. ", missing.join(", ")));
    }
    message.push_str("Run \"dbt deps\" to install package dependencies.");
    let mut diagnostic = Diagnostic::error("packages-not-installed", message).help("run `dvt deps`");
    if let Some(list) = asked {
        diagnostic = diagnostic.label(list.place.clone(), "asked for here");
    }
    problems.push(diagnostic);
}

/// `packages:` of one file.
struct List {
    name: &'static str,
    entries: Vec<Yaml>,
    place: Span,
}

fn list_in(root: &Path, name: &'static str, problems: &mut Vec<Diagnostic>) -> Result<Option<List>, Diagnostic> {
    let Some(file) = read_text(&root.join(name), name)? else { return Ok(None) };
    let tree = load_yaml(&file, problems)?;
    let Some(place) = tree.get("packages") else { return Ok(None) };
    let entries = Reader { file: &file, problems }.list(&tree, "packages").map_or_else(Vec::new, <[Yaml]>::to_vec);
    Ok(Some(List { name, entries, place: super::properties::first_line(&file, place) }))
}

fn folder_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
