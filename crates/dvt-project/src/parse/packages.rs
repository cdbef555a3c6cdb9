//! Installed packages: the folders below `packages-install-path`, and what should be there.

use crate::check::Reader;
use crate::files::{read_text, shown_path};
use crate::load::read_project_file;
use crate::yaml::{Yaml, load_yaml};
use crate::{ConfigFiles, Package, ProjectSettings};
use dvt_diagnostics::Diagnostic;
use std::fs;

/// Where `dvt deps` installs, beside the configured folder.
const OWN_FOLDER: &str = "dvt_packages";

/// The root project, then the installed packages by name.
pub(crate) fn find_packages(
    settings: &ProjectSettings,
    config: &ConfigFiles,
    warnings: &mut Vec<Diagnostic>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Package> {
    let root = &config.project.root;
    let configured = settings.variable("PACKAGES_INSTALL_PATH").unwrap_or(&config.project.packages_install_path);
    let mut folders = vec![configured];
    if configured != OWN_FOLDER {
        folders.push(OWN_FOLDER);
    }
    let mut installed: Vec<Package> = Vec::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| path.join("dbt_project.yml").is_file()) {
            match read_project_file(settings, &path, root, warnings) {
                Ok(project) => {
                    let name = project.name.clone();
                    let first = installed.iter().find(|package| package.name == name);
                    if name == config.project.name || first.is_some() {
                        problems.push(
                            Diagnostic::error("duplicate-package", format!("two packages are named `{name}`"))
                                .label(
                                    project.tree.get("name").map_or_else(
                                        || dvt_diagnostics::Span::line(&project.file, 1),
                                        |name| name.span(&project.file),
                                    ),
                                    "this one",
                                )
                                .note(format!(
                                    "the other is {}",
                                    first.map_or_else(
                                        || "the project itself".to_owned(),
                                        |first| shown_path(&first.root, root)
                                    )
                                )),
                        );
                        continue;
                    }
                    installed.push(Package { name, root: path, project });
                }
                Err(diagnostics) => problems.extend(diagnostics.0),
            }
        }
    }
    installed.sort_by(|left, right| left.name.cmp(&right.name));
    check_installed(config, installed.len(), problems);
    let mut packages =
        vec![Package { name: config.project.name.clone(), root: root.clone(), project: config.project.clone() }];
    packages.extend(installed);
    packages
}

/// As many packages must be there as the project asks for.
fn check_installed(config: &ConfigFiles, installed: usize, problems: &mut Vec<Diagnostic>) {
    let root = &config.project.root;
    for name in ["packages.yml", "dependencies.yml"] {
        let file = match read_text(&root.join(name), name) {
            Ok(Some(file)) => file,
            Ok(None) => continue,
            Err(diagnostic) => {
                problems.push(diagnostic);
                continue;
            }
        };
        let tree = match load_yaml(&file, problems) {
            Ok(tree) => tree,
            Err(diagnostic) => {
                problems.push(diagnostic);
                continue;
            }
        };
        let asked = Reader { file: &file, problems }.list(&tree, "packages").map_or(0, <[Yaml]>::len);
        if asked > installed {
            let place = tree
                .get("packages")
                .map_or_else(|| tree.span(&file), |packages| super::properties::first_line(&file, packages));
            problems.push(
                Diagnostic::error(
                    "packages-not-installed",
                    format!("{name} asks for {asked} packages, but {installed} are installed"),
                )
                .label(place, "asked for here")
                .help("run `dvt deps`, or `dbt deps`, which installs into the same folder"),
            );
        }
    }
}
