//! Reads the four configuration files.

mod buckets;
pub(crate) mod catalogs;
mod computes;
mod package_list;
mod profile;
mod project_file;
mod selectors;
mod size;

pub use package_list::{
    PackageEntry, PackageList, PackageLock, load_package_list, load_package_lock, load_package_name, malformed_packages,
};
pub(crate) use project_file::read_project_file;
pub(crate) use selectors::read_selectors;

use crate::render::{ValueRenderer, invocation};
use crate::{Buckets, Computes, ConfigFiles, Profile, ProjectFile, ProjectSettings};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, SourceFile, kinds};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Reads the configuration files and nothing else: no model, no macro, no package.
///
/// # Errors
/// All that is wrong in them.
pub fn load_config(settings: &ProjectSettings) -> Result<ConfigFiles, Diagnostics> {
    let mut warnings = Vec::new();
    let project = load_project_file(settings, &mut warnings)?;
    let profile = load_profile(settings, Some(&project), &mut warnings)?;
    let mut problems = Diagnostics::default();
    let computes = load_computes(settings, &project.root, &profile, &mut warnings);
    let buckets = load_buckets(settings, &project.root, &profile, &mut warnings);
    let (computes, buckets) = match (computes, buckets) {
        (Ok(computes), Ok(buckets)) => (computes, buckets),
        (computes, buckets) => {
            problems.0.extend(computes.err().into_iter().chain(buckets.err()).flat_map(|diagnostics| diagnostics.0));
            return Err(problems);
        }
    };
    let target_path = settings
        .target_path
        .clone()
        .or_else(|| settings.variable("TARGET_PATH").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(&project.target_path));
    let log_path = settings.variable("LOG_PATH").map_or_else(|| PathBuf::from(&project.log_path), PathBuf::from);
    Ok(ConfigFiles {
        target_path: project.root.join(target_path),
        log_path: project.root.join(log_path),
        project,
        profile,
        computes,
        buckets,
        warnings,
    })
}

/// Finds and reads `dbt_project.yml`, in the project folder or its parents.
///
/// # Errors
/// There is none, or it is wrong.
pub fn load_project_file(
    settings: &ProjectSettings,
    warnings: &mut Vec<Diagnostic>,
) -> Result<ProjectFile, Diagnostics> {
    let start = std::path::absolute(&settings.project_dir).unwrap_or_else(|_| settings.project_dir.clone());
    let Some(root) = start.ancestors().find(|folder| folder.join("dbt_project.yml").is_file()) else {
        return Err(Diagnostic::error(
            "no-project",
            format!("no dbt_project.yml was found in {} or a folder above it", start.display()),
        )
        .event(Event::new(
            kinds::MAIN_ENCOUNTERED_ERROR,
            format!(
                "Runtime Error\n  No dbt_project.yml found at expected path {}",
                settings.project_dir.join("dbt_project.yml").display()
            ),
        ))
        .help("run dvt inside a project, name it with `--project-dir`, or make one with `dvt init`")
        .into());
    };
    read_project_file(settings, root, root, warnings)
}

/// Finds `profiles.yml` and reads the project's profile; without a project, the profile that `--profile` names.
///
/// # Errors
/// There is none (with the places that were searched), the profile or target is unknown, or a value is wrong.
pub fn load_profile(
    settings: &ProjectSettings,
    project: Option<&ProjectFile>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Profile, Diagnostics> {
    profile::load(settings, project, warnings)
}

/// Reads `computes.yml` from where `profiles.yml` was found, then from `~/.dvt`.
///
/// # Errors
/// A value is wrong or an unknown name is asked for.
pub fn load_computes(
    settings: &ProjectSettings,
    project_root: &Path,
    profile: &Profile,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Computes, Diagnostics> {
    computes::load(settings, project_root, profile, warnings)
}

/// Reads `buckets.yml` from where `profiles.yml` was found, then from `~/.dvt`.
///
/// # Errors
/// A value is wrong or an unknown name is asked for.
pub fn load_buckets(
    settings: &ProjectSettings,
    project_root: &Path,
    profile: &Profile,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Buckets, Diagnostics> {
    buckets::load(settings, project_root, profile, warnings)
}

/// Parses the text of `--vars`: a YAML dictionary.
///
/// # Errors
/// It is no YAML or no dictionary.
pub fn parse_vars(text: &str) -> Result<Map<String, Value>, Diagnostic> {
    parse_mapping(text, "--vars")
}

/// Parses the text of a flag that takes a YAML dictionary: `--vars`, `--args`.
///
/// # Errors
/// It is no YAML or no dictionary.
pub fn parse_mapping(text: &str, flag: &str) -> Result<Map<String, Value>, Diagnostic> {
    let file = SourceFile::new(flag, text);
    let mut warnings = Vec::new();
    let yaml = crate::yaml::load_yaml(&file, &mut warnings)?;
    if yaml.is_null() {
        return Ok(Map::new());
    }
    match yaml.as_map() {
        Some(map) => Ok(crate::yaml::map_to_json(map)),
        None => {
            let wrong = format!("`{flag}` must be a YAML dictionary, but it is {}", yaml.kind());
            Err(Diagnostic::error("wrong-type", wrong)
                .label(yaml.span(&file), "not a dictionary")
                .help(format!("write `{flag} '{{name: value}}'`")))
        }
    }
}

/// The folders where `computes.yml` and `buckets.yml` are looked for.
fn companion_folders(settings: &ProjectSettings, profile: &Profile) -> Vec<PathBuf> {
    let mut folders = vec![profile.directory.clone()];
    folders.extend(settings.home.as_ref().map(|home| home.join(".dvt")));
    folders
}

/// A renderer for values outside of the project: the environment and the command line's variables.
fn value_renderer(settings: &ProjectSettings) -> ValueRenderer {
    ValueRenderer::new(&invocation(settings), vec![settings.vars.clone()], None)
}

/// `~/x` in the home directory, relative paths in `base`.
fn resolve_path(text: &str, base: &Path, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.join(text),
    }
}
