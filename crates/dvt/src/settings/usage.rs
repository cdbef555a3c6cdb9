//! Mistakes in the command line that clap cannot see by itself, in the words of dbt's.

use crate::cli::{Cli, Command};
use chrono::{NaiveDate, NaiveDateTime};
use clap::{ArgAction, CommandFactory};
use dvt_diagnostics::Diagnostic;
use std::path::Path;

/// The id of a mistake in the command line. It is printed as clap prints its own.
pub(crate) const ID: &str = "usage";

pub(crate) fn error(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(ID, message)
}

/// `--inline` goes with no selection.
pub(super) fn check_exclusive_flags(cli: &Cli) -> Result<(), Diagnostic> {
    let (inline, selection) = match &cli.command {
        Some(Command::Compile(args)) => (&args.inline, &args.selection),
        Some(Command::Show(args)) => (&args.inline, &args.selection),
        _ => return Ok(()),
    };
    match (inline, selection.select.is_empty(), &selection.selector) {
        (Some(_), false, _) => Err(error("inline: not allowed with argument select")),
        (Some(_), _, Some(_)) => Err(error("inline: not allowed with argument selector")),
        _ => Ok(()),
    }
}

/// The folders that a user names are there. A few commands work without `profiles.yml`, and so without its folder.
pub(super) fn check_folders(
    command: Option<&Command>,
    project_dir: Option<&Path>,
    profiles_dir: Option<&Path>,
) -> Result<(), Diagnostic> {
    let may_lack_profiles = matches!(command, Some(Command::Debug(_) | Command::Deps(_) | Command::Init(_)) | None);
    let missing = |flag: &str, path: Option<&Path>| match path.filter(|path| !path.exists()) {
        Some(path) => Err(error(format!("Invalid value for '{flag}': Path '{}' does not exist.", path.display()))),
        None => Ok(()),
    };
    missing("--project-dir", project_dir)?;
    missing("--profiles-dir", profiles_dir.filter(|_| !may_lack_profiles))
}

/// A file that a user names is there, and is no folder.
pub(super) fn check_file(flag: &str, path: Option<&Path>) -> Result<(), Diagnostic> {
    let wrong =
        |path: &Path, how: &str| Err(error(format!("Invalid value for '{flag}': File '{}' {how}.", path.display())));
    match path {
        Some(path) if path.is_dir() => wrong(path, "is a directory"),
        Some(path) if !path.exists() => wrong(path, "does not exist"),
        _ => Ok(()),
    }
}

/// dbt's three ways to write a time.
fn moment(flag: &str, text: &str) -> Result<NaiveDateTime, Diagnostic> {
    let text = text.trim();
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    date.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok())
        .or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok())
        .ok_or_else(|| {
            error(format!(
                "Invalid value for '{flag}': '{text}' does not match the formats '%Y-%m-%d', '%Y-%m-%dT%H:%M:%S', \
                 '%Y-%m-%d %H:%M:%S'."
            ))
        })
}

/// `--sample` says a time.
pub(super) fn check_sample(sample: Option<String>) -> Result<Option<String>, Diagnostic> {
    if let Some(text) = &sample {
        dvt_runner::check_sample(text).map_err(|reason| error(format!("Invalid value for '--sample': {reason}")))?;
    }
    Ok(sample)
}

pub(super) fn check_event_times(start: Option<&str>, end: Option<&str>) -> Result<(), Diagnostic> {
    let start = start.map(|text| moment("--event-time-start", text)).transpose()?;
    let end = end.map(|text| moment("--event-time-end", text)).transpose()?;
    let alone = |given: &str, missing: &str| {
        error(format!(
            "The flag `{given}` was specified, but `{missing}` was not. When specifying `{given}`, `{missing}` must also \
             be present."
        ))
    };
    match (start, end) {
        (None, Some(_)) => Err(alone("--event-time-end", "--event-time-start")),
        (Some(_), None) => Err(alone("--event-time-start", "--event-time-end")),
        (Some(start), Some(end)) if start >= end => {
            Err(error("Value for `--event-time-start` must be less than `--event-time-end`"))
        }
        _ => Ok(()),
    }
}

/// A global flag stands before the command or after it, not both.
///
/// # Errors
/// The first flag that stands on both sides.
pub(crate) fn check_sides(words: &[String]) -> Result<(), Diagnostic> {
    let mut command = Cli::command();
    command.build();
    let id_of = |word: &str| -> Option<(String, bool)> {
        let argument = if let Some(long) = word.strip_prefix("--") {
            let long = long.split('=').next().unwrap_or(long);
            command.get_arguments().find(|argument| {
                argument.get_long() == Some(long)
                    || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
            })
        } else {
            let short = word.strip_prefix('-')?.chars().next()?;
            command.get_arguments().find(|argument| argument.get_short() == Some(short))
        }?;
        let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append) && !word.contains('=');
        Some((argument.get_id().as_str().trim_start_matches("no-").replace('-', "_"), takes_value))
    };
    let mut before: Vec<String> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            break;
        }
        if let Some((id, takes_value)) = id_of(word) {
            before.push(id);
            if takes_value {
                words.next();
            }
        }
    }
    for word in words.take_while(|word| *word != "--").filter(|word| word.starts_with('-')) {
        if let Some((id, _)) = id_of(word)
            && before.contains(&id)
        {
            return Err(error(format!(
                "{id} was provided both before and after the subcommand, it can only be set either before or after."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_stands_on_one_side_of_the_command() {
        let check = |line: &str| check_sides(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for line in ["--debug run", "run --debug", "--target prod run --debug", "-t run run --vars {}", "run -s a"] {
            check(line).unwrap();
        }
        for (line, flag) in [
            ("--debug run --debug", "debug"),
            ("-d run --no-debug", "debug"),
            ("--target a run -t b", "target"),
            ("--log-format=json run --log-format text", "log_format"),
        ] {
            assert!(check(line).unwrap_err().message.starts_with(&format!("{flag} was provided both")), "{line}");
        }
    }

    #[test]
    fn event_times_come_in_pairs_and_in_order() {
        check_event_times(Some("2026-01-01"), Some("2026-01-01T10:00:00")).unwrap();
        check_event_times(None, None).unwrap();
        for (start, end, message) in [
            (Some("2026-01-02"), Some("2026-01-01"), "must be less than"),
            (
                Some("2026-01-02"),
                None,
                "When specifying `--event-time-start`, `--event-time-end` must also be present.",
            ),
            (
                None,
                Some("2026-01-02"),
                "When specifying `--event-time-end`, `--event-time-start` must also be present.",
            ),
            (Some("soon"), Some("2026-01-02"), "does not match the formats"),
        ] {
            assert!(check_event_times(start, end).unwrap_err().message.contains(message), "{start:?} {end:?}");
        }
    }
}
