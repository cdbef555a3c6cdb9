//! `dvt clean`: the project's clean-targets, or staged tables of a bucket. Nothing outside either is touched.

use crate::app::{App, Exit};
use crate::cli::{CleanArgs, Cli};
use crate::printer::{counted, events};
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_project::{BucketKind, ConfigFiles, ProjectFile};
use dvt_staging::Bucket;
use serde_json::json;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

pub(super) fn run(app: &mut App, cli: &Cli, args: &CleanArgs) -> Result<Exit, Diagnostics> {
    if args.no_clean_project_files_only {
        return Err(Diagnostic::error("refused", "`--no-clean-project-files-only` would delete outside the project")
            .help("remove such folders by hand")
            .into());
    }
    let config = app.load_config(cli)?;
    app.announce();
    if args.optimize || args.older_than.is_some() {
        let age = args.older_than.as_deref().map(parse_age).transpose()?;
        return clean_bucket(app, &config, args.optimize, age);
    }
    if args.bucket.is_some() {
        return Err(
            Diagnostic::error("bucket-without-action", "`--bucket` goes with `--older-than` or `--optimize`").into()
        );
    }
    clean_targets(app, &config)
}

fn clean_bucket(app: &App, config: &ConfigFiles, optimize: bool, age: Option<Duration>) -> Result<Exit, Diagnostics> {
    let name = app.settings.bucket.as_ref().unwrap_or(&config.buckets.target);
    let entry = config.buckets.require(name)?;
    let BucketKind::Filesystem { path } = &entry.kind;
    let storage = |error: dvt_staging::StagingError| Diagnostic::error("staging", error.to_string());
    let bucket = Bucket::filesystem(name, path).map_err(storage)?;
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

fn clean_targets(app: &App, config: &ConfigFiles) -> Result<Exit, Diagnostics> {
    let mut folders = Vec::new();
    let mut problems = Diagnostics::default();
    // All of them are looked at before anything is deleted.
    for target in &config.project.clean_targets {
        match checked(&config.project, target) {
            Ok(folder) => folders.push((target, folder)),
            Err(diagnostic) => problems.push(diagnostic),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for (target, folder) in folders {
        let outcome = match std::fs::symlink_metadata(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => Err(error),
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(&folder),
            Ok(_) => std::fs::remove_file(&folder),
        };
        outcome.map_err(|error| {
            Diagnostic::error("cannot-delete", format!("`{}` cannot be deleted: {error}", folder.display()))
        })?;
        app.printer.event(events::CLEANED, &format!("Cleaned {target}"), json!({"path": target}));
    }
    app.printer.event(events::CLEANED, "Finished cleaning all paths.", json!({}));
    Ok(Exit::Success)
}

/// The folder of a clean-target, if it lies in the project and holds none of its sources.
fn checked(project: &ProjectFile, target: &str) -> Result<PathBuf, Diagnostic> {
    let refused = |why: &str| {
        Diagnostic::error("protected-path", format!("clean-target `{target}` {why}"))
            .note("nothing was deleted")
            .help("take it out of `clean-targets` in dbt_project.yml")
    };
    let root = plain(&project.root);
    let folder = plain(&root.join(target));
    if folder == root || !folder.starts_with(&root) {
        return Err(refused("lies outside the project, or is the project itself"));
    }
    // A link in the way could lead out of the project; the link itself may go.
    let real_root = root.canonicalize().unwrap_or_else(|_| root.clone());
    if let Some(Ok(real)) = folder.parent().map(Path::canonicalize)
        && !real.starts_with(&real_root)
    {
        return Err(refused("leads outside the project through a link"));
    }
    let sources = [
        &project.model_paths,
        &project.seed_paths,
        &project.test_paths,
        &project.analysis_paths,
        &project.macro_paths,
        &project.snapshot_paths,
    ];
    for path in sources.into_iter().flatten() {
        let source = plain(&root.join(path));
        if source.starts_with(&folder) || folder.starts_with(&source) {
            return Err(refused(&format!("would delete files of `{path}`")));
        }
    }
    Ok(folder)
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
    fn paths_lose_their_dots() {
        assert_eq!(plain(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
