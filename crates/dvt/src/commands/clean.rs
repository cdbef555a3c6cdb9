//! `dvt clean`: the project's clean-targets, or staged tables of a bucket. Nothing outside either is touched.

use crate::app::{App, Exit};
use crate::cli::{CleanArgs, Cli};
use crate::printer::{counted, events};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event};
use dvt_project::{BucketKind, ConfigFiles, ProjectFile};
use dvt_runner::journals_to_keep;
use dvt_staging::Bucket;
use serde_json::json;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

pub(super) fn run(app: &mut App, cli: &Cli, args: &CleanArgs) -> Result<Exit, Diagnostics> {
    if args.optimize || args.older_than.is_some() {
        let config = app.load_config(cli)?;
        app.announce();
        let age = args.older_than.as_deref().map(parse_age).transpose()?;
        return clean_bucket(app, &config, args.optimize, age);
    }
    // The targets are deleted without a profile, as in dbt.
    let project = app.load_project_file(cli)?;
    app.announce();
    if args.bucket.is_some() {
        return Err(
            Diagnostic::error("bucket-without-action", "`--bucket` goes with `--older-than` or `--optimize`").into()
        );
    }
    let only_inside = if args.no_clean_project_files_only {
        false
    } else {
        args.clean_project_files_only || app.environment.switch("CLEAN_PROJECT_FILES_ONLY").unwrap_or(true)
    };
    clean_targets(app, &project, only_inside)
}

fn clean_bucket(app: &App, config: &ConfigFiles, optimize: bool, age: Option<Duration>) -> Result<Exit, Diagnostics> {
    let name = app.settings.bucket.as_ref().unwrap_or(&config.buckets.target);
    let entry = config.buckets.require(name)?;
    let storage = |error: dvt_staging::StagingError| Diagnostic::error("staging", error.to_string());
    let bucket = match &entry.kind {
        BucketKind::Filesystem { path } => Bucket::filesystem(name, path),
        BucketKind::Cloud(cloud) => {
            Bucket::cloud(name, &cloud.service, cloud.settings.expose(), cloud.environment.expose())
        }
    };
    let bucket = bucket.map_err(storage)?;
    if let Some(age) = age {
        let report = app.runtime.block_on(bucket.clean(age)).map_err(storage)?;
        for table in &report.removed {
            app.printer.event(events::CLEANED, &format!("Removed {}", table.name), json!({"path": table.name}));
        }
        let text =
            format!("Bucket `{name}`: {} removed, {} kept", counted(report.removed.len(), "staged table"), report.kept);
        app.printer.event(events::CLEANED, &text, json!({}));
    }
    if optimize {
        let report = app.runtime.block_on(bucket.optimize()).map_err(storage)?;
        let text = format!(
            "Bucket `{name}`: {} compacted, {} removed",
            counted(report.tables, "staged table"),
            counted(report.files_removed, "file")
        );
        app.printer.event(events::CLEANED, &text, json!({}));
    }
    Ok(Exit::Success)
}

/// `30d`, `12h`, `45m`, `90s`, `2w`.
fn parse_age(text: &str) -> Result<Duration, Diagnostic> {
    let wrong = || {
        Diagnostic::error("invalid-setting", format!("`{text}` is not a value for --older-than"))
            .note("it takes a whole number and a unit: 90s, 45m, 12h, 30d, 2w")
    };
    let split = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..split].parse().map_err(|_| wrong())?;
    let seconds = match text[split..].trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// What one clean-target is.
enum Target {
    Folder(PathBuf),
    /// It holds or is a folder of the project's sources.
    Source(PathBuf),
    /// Outside the project.
    Outside(PathBuf),
    /// It holds the project or the user's home folder: never deleted.
    Above(PathBuf),
}

fn clean_targets(app: &App, project: &ProjectFile, only_inside: bool) -> Result<Exit, Diagnostics> {
    // All of them are looked at before anything is deleted.
    let mut folders = Vec::new();
    let (mut sources, mut outside) = (Vec::new(), Vec::new());
    for target in &project.clean_targets {
        match classified(project, app.environment.home().as_deref(), target) {
            Target::Folder(folder) => folders.push(folder),
            Target::Source(folder) => sources.push(folder),
            Target::Above(folder) => outside.push(folder),
            Target::Outside(folder) if only_inside => outside.push(folder),
            Target::Outside(folder) => folders.push(folder),
        }
    }
    let listed = |paths: &[PathBuf]| {
        let quoted: Vec<String> = paths.iter().map(|path| format!("'{}'", path.display())).collect();
        format!("[{}]", quoted.join(", "))
    };
    let refused = |message: String, help: &str| {
        let text = format!("Runtime Error\n  {message}");
        Diagnostic::error("protected-path", message)
            .event(Event::new(events::MAIN_ENCOUNTERED_ERROR, text))
            .note("nothing was deleted")
            .help(help)
    };
    if !sources.is_empty() {
        let message = format!("dbt will not clean the following source paths: {}", listed(&sources));
        return Err(refused(message, "take them out of `clean-targets` in dbt_project.yml").into());
    }
    if !outside.is_empty() {
        let message = format!("dbt will not clean the following directories outside the project: {}", listed(&outside));
        return Err(refused(
            message,
            "take them out of `clean-targets` in dbt_project.yml; --no-clean-project-files-only allows those that hold neither \
             the project nor your home folder",
        )
        .into());
    }
    if project.clean_targets.iter().any(|target| target == "dbt_modules")
        && !project.clean_targets.contains(&project.packages_install_path)
    {
        let message = "The default package install path has changed from `dbt_modules` to `dbt_packages`. Please update \
                       `clean-targets` in `dbt_project.yml` and check `.gitignore` as well. Or, set \
                       `packages-install-path: dbt_modules` if you'd like to keep the current value.";
        app.events().fire(Event::new(events::PACKAGE_INSTALL_PATH_DEPRECATION, message));
    }
    let target_path = app.settings.target_path.clone().unwrap_or_else(|| PathBuf::from(&project.target_path));
    let target_path = plain(&project.root.join(target_path));
    for folder in folders {
        let kept = if target_path.starts_with(&folder) { journals_to_keep(&target_path) } else { Vec::new() };
        let shown = folder.display().to_string();
        app.printer.event(events::CHECK_CLEAN_PATH, &format!("Checking {shown}/*"), json!({"path": shown}));
        let outcome = match std::fs::symlink_metadata(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(found) if found.is_dir() => remove_all_but(&folder, &kept),
            Ok(_) => std::fs::remove_file(&folder),
        };
        outcome.map_err(|error| Diagnostic::error("cannot-delete", format!("`{shown}` cannot be deleted: {error}")))?;
        app.printer.event(events::CLEANED, &format!("Cleaned {shown}/*"), json!({"path": shown}));
        if !kept.is_empty() {
            let note =
                "Kept the journal of a run that is at work or left relations in a database; the next run removes them";
            app.printer.event(events::CLEANED, note, json!({"path": shown}));
        }
    }
    app.printer.event(events::FINISHED_CLEAN_PATHS, "Finished cleaning all paths.", json!({}));
    Ok(Exit::Success)
}

fn classified(project: &ProjectFile, home: Option<&Path>, target: &str) -> Target {
    let root = plain(&project.root);
    let folder = plain(&root.join(target));
    let sources = [
        &project.model_paths,
        &project.seed_paths,
        &project.test_paths,
        &project.analysis_paths,
        &project.macro_paths,
        &project.snapshot_paths,
    ];
    if folder == root || !folder.starts_with(&root) {
        // Whoever allows folders outside the project still wants to keep the project, and the home folder.
        let home = home.map(plain);
        let is_above = root.starts_with(&folder) || home.is_some_and(|home| home.starts_with(&folder));
        return if is_above { Target::Above(folder) } else { Target::Outside(folder) };
    }
    for path in sources.into_iter().flatten() {
        let source = plain(&root.join(path));
        if source.starts_with(&folder) || folder.starts_with(&source) {
            return Target::Source(folder);
        }
    }
    // A link in the way could lead out of the project; the link itself may go.
    let real_root = root.canonicalize().unwrap_or(root);
    match folder.parent().map(Path::canonicalize) {
        Some(Ok(real)) if !real.starts_with(&real_root) => Target::Outside(folder),
        _ => Target::Folder(folder),
    }
}

/// Deletes a folder, but for these files and the folders that lead to them.
fn remove_all_but(folder: &Path, kept: &[PathBuf]) -> std::io::Result<()> {
    if kept.is_empty() {
        return std::fs::remove_dir_all(folder);
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if kept.contains(&path) {
            continue;
        }
        match (kept.iter().any(|kept| kept.starts_with(&path)), entry.file_type()?.is_dir()) {
            (true, true) => remove_all_but(&path, kept)?,
            (false, true) => std::fs::remove_dir_all(&path)?,
            _ => std::fs::remove_file(&path)?,
        }
    }
    Ok(())
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_number_and_a_unit() {
        assert_eq!(parse_age("30d").unwrap(), Duration::from_secs(30 * 86_400));
        assert_eq!(parse_age("0s").unwrap(), Duration::ZERO);
        for wrong in ["", "30", "d", "-1d", "1 year", "99999999999999999999d", "9999999999999999w"] {
            assert!(parse_age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_keeps_the_folders_that_lead_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let journals = target.join(".dvt/journal");
        std::fs::create_dir_all(&journals).unwrap();
        for file in ["manifest.json", ".dvt/journal/kept.jsonl", ".dvt/journal/done.jsonl", ".dvt/other"] {
            std::fs::write(target.join(file), "").unwrap();
        }
        let kept = journals.join("kept.jsonl");
        remove_all_but(&target, std::slice::from_ref(&kept)).unwrap();
        assert!(kept.exists() && !journals.join("done.jsonl").exists());
        assert!(!target.join("manifest.json").exists() && !target.join(".dvt/other").exists());
        remove_all_but(&target, &[]).unwrap();
        assert!(!target.exists());
    }

    #[test]
    fn paths_lose_their_dots() {
        assert_eq!(plain(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
