//! `require-dbt-version`: whether the dbt that dvt stands for is in the range a project or package asks for.
//!
//! Source: dbt docs, "require-dbt-version".

use crate::yaml::Yaml;
use crate::{Package, ProjectSettings};
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_manifest::DBT_VERSION;
use serde_json::Value;
use std::sync::Arc;

/// The problem of a project file, before anything else in it is looked at.
pub(crate) fn check_file(
    settings: &ProjectSettings,
    file: &Arc<SourceFile>,
    name: &str,
    required: &Yaml,
) -> Vec<Diagnostic> {
    let texts: Vec<String> = match required.as_list() {
        Some(items) => items.iter().filter_map(Yaml::scalar_text).collect(),
        None => required.scalar_text().into_iter().collect(),
    };
    let mut problems = Vec::new();
    if settings.flags.get("VERSION_CHECK").and_then(Value::as_bool) != Some(false) {
        check_range(name, &texts, &required.span(file), &mut problems);
    }
    problems
}

fn check_range(name: &str, texts: &[String], place: &Span, problems: &mut Vec<Diagnostic>) {
    let ranges = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty());
    for text in ranges {
        match holds(text, DBT_VERSION) {
            Some(true) => {}
            Some(false) => problems.push(
                Diagnostic::error(
                    "dbt-version",
                    format!(
                        "This version of dbt is not supported with the '{name}' package. Installed version of dbt: \
                         ={DBT_VERSION}. Required version of dbt for '{name}': {text}."
                    ),
                )
                .label(place.clone(), "required here")
                .help(format!(
                    "Check for a different version of the '{name}' package, or run dbt again with --no-version-check"
                )),
            ),
            None => problems.push(
                Diagnostic::error("dbt-version", format!("`{text}` is no version range"))
                    .label(place.clone(), "in this key"),
            ),
        }
    }
}

/// A diagnostic for each package whose range leaves our version out; none with `--no-version-check`.
pub(crate) fn check_versions(settings: &ProjectSettings, packages: &[Package], problems: &mut Vec<Diagnostic>) {
    if settings.flags.get("VERSION_CHECK").and_then(Value::as_bool) == Some(false) {
        return;
    }
    for package in packages {
        let project = &package.project;
        let place = project
            .tree
            .get("require-dbt-version")
            .map_or_else(|| Span::line(&project.file, 1), |place| place.span(&project.file));
        check_range(&package.name, &project.require_dbt_version, &place, problems);
    }
}

/// Whether a version lies in a range like `>=1.3.0`; `None` when the text is no range.
fn holds(range: &str, version: &str) -> Option<bool> {
    let split = range.find(|character: char| character.is_ascii_digit() || character == 'v')?;
    let (operator, wanted) = range.split_at(split);
    let wanted = numbers(wanted.trim_start_matches('v'))?;
    let version = numbers(version)?;
    match operator.trim() {
        "" | "=" | "==" => Some(version == wanted),
        ">=" => Some(version >= wanted),
        ">" => Some(version > wanted),
        "<=" => Some(version <= wanted),
        "<" => Some(version < wanted),
        "!=" => Some(version != wanted),
        _ => None,
    }
}

/// Major, minor, patch. A pre-release suffix (`1.0.0b1`, `2.0.0-rc1`) is left aside: no release of ours is one.
fn numbers(text: &str) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    for (index, part) in text.trim().splitn(3, '.').enumerate() {
        let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
        numbers[index] = part[..digits].parse().ok()?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn ranges_hold_what_they_say() {
        for (range, expected) in [
            (">=1.3.0", Some(true)),
            ("<2.0.0", Some(true)),
            ("<=1.12.5", Some(false)),
            (">1.12", Some(true)),
            ("1.12.6", Some(true)),
            ("=1.12.6", Some(true)),
            ("!=1.12.6", Some(false)),
            (">=1.0.0b1", Some(true)),
            ("<2.0.0-rc1", Some(true)),
            ("latest", None),
            ("~>1.2", None),
        ] {
            assert_eq!(holds(range, "1.12.6"), expected, "{range}");
        }
    }
}
