//! Reads a `dbt_project.yml`, of the project or of an installed package.

use crate::check::Reader;
use crate::files::{read_text, shown_path};
use crate::render::{ValueRenderer, invocation};
use crate::yaml::{Yaml, load_yaml, map_to_json};
use crate::{DispatchEntry, ProjectFile, ProjectSettings, QueryComment};
use dvt_diagnostics::{Diagnostic, Diagnostics, SourceFile, Span, did_you_mean};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// dbt's keys, and dvt's `require-adapters`.
const KEYS: &[&str] = &[
    "name",
    "version",
    "config-version",
    "profile",
    "project-root",
    "model-paths",
    "seed-paths",
    "test-paths",
    "analysis-paths",
    "macro-paths",
    "snapshot-paths",
    "docs-paths",
    "asset-paths",
    "function-paths",
    "osi-paths",
    "target-path",
    "log-path",
    "packages-install-path",
    "clean-targets",
    "quoting",
    "on-run-start",
    "on-run-end",
    "require-dbt-version",
    "require-adapters",
    "dispatch",
    "query-comment",
    "vars",
    "restrict-access",
    "flags",
    "dbt-cloud",
    "models",
    "seeds",
    "snapshots",
    "sources",
    "tests",
    "data_tests",
    "unit_tests",
    "analyses",
    "exposures",
    "metrics",
    "semantic-models",
    "saved-queries",
    "functions",
    "packages",
    "anchors",
];

/// Keys whose Jinja is not rendered when the file is read: SQL, and variables, which dbt hands on as they are.
const RAW_KEYS: &[&str] = &["on-run-start", "on-run-end", "query-comment", "vars"];

/// Keys that are rendered later, when the target is known.
const LATE_KEYS: &[&str] = &[
    "models",
    "seeds",
    "snapshots",
    "sources",
    "tests",
    "data_tests",
    "unit_tests",
    "analyses",
    "exposures",
    "metrics",
    "semantic-models",
    "saved-queries",
    "functions",
];

const RENAMED: &[(&str, &str)] = &[("source-paths", "model-paths"), ("data-paths", "seed-paths")];

pub(crate) fn read_project_file(
    settings: &ProjectSettings,
    root: &Path,
    shown_root: &Path,
    warnings: &mut Vec<Diagnostic>,
) -> Result<ProjectFile, Diagnostics> {
    let path = root.join("dbt_project.yml");
    let shown = shown_path(&path, shown_root);
    let Some(file) = read_text(&path, &shown)? else {
        return Err(Diagnostic::error("no-project", format!("{shown} is not there")).into());
    };
    let raw = load_yaml(&file, warnings)?;
    let Some(keys) = raw.as_map() else {
        return Err(Diagnostic::error("wrong-type", format!("{shown} must be a dictionary, but it is {}", raw.kind()))
            .label(raw.span(&file), "expected `name: …` and more keys")
            .into());
    };
    let mut problems = Vec::new();
    let is_package = root != shown_root;
    for (key, entry) in keys {
        if let Some((_, new)) = RENAMED.iter().find(|(old, _)| old == key) {
            problems.push(
                Diagnostic::error("unknown-key", format!("`{key}` is named `{new}` since dbt 1.0"))
                    .label(Span::new(&file, entry.key_range.clone()), "old name")
                    .help(format!("rename it to `{new}`")),
            );
        } else if !KEYS.contains(&key.as_str()) && !is_package {
            let mut diagnostic = Diagnostic::error("unknown-key", format!("`{key}` is not a key of dbt_project.yml"))
                .label(Span::new(&file, entry.key_range.clone()), "not known");
            if let Some(near) = did_you_mean(key, KEYS.iter().copied()) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            problems.push(diagnostic);
        }
    }
    let renderer = ValueRenderer::new(&invocation(settings), vec![settings.vars.clone()], None);
    let tree = renderer.tree(
        &file,
        &raw,
        &mut Vec::new(),
        &|path| path.first().is_some_and(|key| !RAW_KEYS.contains(&key.as_str()) && !LATE_KEYS.contains(&key.as_str())),
        &mut problems,
    );
    let project = read(&file, root, tree, &mut problems);
    let mut diagnostics = Diagnostics(problems);
    match project {
        Some(project) if !diagnostics.has_errors() => Ok(project),
        _ => {
            if diagnostics.is_empty() {
                diagnostics.push(Diagnostic::error("no-project", format!("{shown} could not be read")));
            }
            Err(diagnostics)
        }
    }
}

fn read(file: &Arc<SourceFile>, root: &Path, tree: Yaml, problems: &mut Vec<Diagnostic>) -> Option<ProjectFile> {
    let mut reader = Reader { file, problems };
    let name = reader.text(&tree, "name");
    match (&name, tree.get("name")) {
        (Some(name), Some(place)) if !is_package_name(name) => reader.problems.push(
            Diagnostic::error("project-name", format!("`{name}` cannot be the name of a project"))
                .label(place.span(file), "letters, digits and underscores only, no digit first")
                .help(format!("call it `{}`", safe_name(name))),
        ),
        (None, None) => reader.problems.push(
            Diagnostic::error("project-name", format!("{} has no `name`", file.path))
                .label(Span::line(file, 1), "the file says no name")
                .help("add `name: my_project`"),
        ),
        _ => {}
    }
    if let Some(version) = tree.get_set("config-version")
        && version.scalar_text().as_deref() != Some("2")
    {
        reader.problems.push(
            Diagnostic::error("config-version", "only `config-version: 2` is known")
                .label(version.span(file), "another version"),
        );
    }
    let mut paths = |key: &str, default: &[&str]| -> Vec<String> {
        let found = reader.texts(&tree, key);
        let mut paths: Vec<String> = found.unwrap_or_else(|| default.iter().map(|&path| path.to_owned()).collect());
        for path in &mut paths {
            while path.len() > 1 && path.ends_with('/') {
                path.pop();
            }
            if let Some(rest) = path.strip_prefix("./") {
                *path = rest.to_owned();
            }
        }
        paths
    };
    let model_paths = paths("model-paths", &["models"]);
    let seed_paths = paths("seed-paths", &["seeds"]);
    let test_paths = paths("test-paths", &["tests"]);
    let analysis_paths = paths("analysis-paths", &["analyses"]);
    let macro_paths = paths("macro-paths", &["macros"]);
    let snapshot_paths = paths("snapshot-paths", &["snapshots"]);
    let function_paths = paths("function-paths", &["functions"]);
    let asset_paths = paths("asset-paths", &[]);
    let docs_default: Vec<String> =
        [&model_paths, &seed_paths, &snapshot_paths, &analysis_paths, &macro_paths, &test_paths]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
    let docs_default: Vec<&str> = docs_default.iter().map(String::as_str).collect();
    let docs_paths = paths("docs-paths", &docs_default);
    let target_path = reader.text(&tree, "target-path").unwrap_or_else(|| "target".to_owned());
    let clean_targets = reader.texts(&tree, "clean-targets").unwrap_or_else(|| vec![target_path.clone()]);
    let quoting = read_quoting(&mut reader, &tree);
    let on_run_start = reader.texts(&tree, "on-run-start").unwrap_or_default();
    let on_run_end = reader.texts(&tree, "on-run-end").unwrap_or_default();
    let dispatch = read_dispatch(&mut reader, &tree);
    let query_comment = read_query_comment(&mut reader, &tree);
    let vars = reader.map(&tree, "vars").map(map_to_json).unwrap_or_default();
    let flags = reader.map(&tree, "flags").map(map_to_json).unwrap_or_default();
    for key in LATE_KEYS {
        reader.map(&tree, key);
    }
    Some(ProjectFile {
        root: root.to_owned(),
        file: Arc::clone(file),
        name: name?,
        version: reader.text(&tree, "version"),
        profile: reader.text(&tree, "profile"),
        model_paths,
        seed_paths,
        test_paths,
        analysis_paths,
        macro_paths,
        snapshot_paths,
        docs_paths,
        asset_paths,
        function_paths,
        target_path,
        log_path: reader.text(&tree, "log-path").unwrap_or_else(|| "logs".to_owned()),
        packages_install_path: reader.text(&tree, "packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned()),
        clean_targets,
        quoting,
        on_run_start,
        on_run_end,
        require_dbt_version: reader.texts(&tree, "require-dbt-version").unwrap_or_default(),
        dispatch,
        query_comment,
        vars,
        flags,
        restrict_access: reader.boolean(&tree, "restrict-access").unwrap_or(false),
        tree,
    })
}

/// dbt's rule: a Python identifier.
fn is_package_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_alphanumeric() || character == '_')
}

fn safe_name(name: &str) -> String {
    let safe: String =
        name.chars().map(|character| if character.is_alphanumeric() { character } else { '_' }).collect();
    if safe.starts_with(|first: char| first.is_ascii_digit()) { format!("_{safe}") } else { safe }
}

fn read_quoting(reader: &mut Reader<'_>, tree: &Yaml) -> Map<String, Value> {
    let known = ["database", "schema", "identifier", "column", "snowflake_ignore_case"];
    let Some(map) = reader.map(tree, "quoting") else { return Map::new() };
    let map = map.clone();
    reader.refuse_unknown_keys(&map, &known, "`quoting`");
    let quoting = tree.get("quoting").cloned().unwrap_or_else(Yaml::null);
    known
        .iter()
        .filter_map(|key| reader.boolean(&quoting, key).map(|value| ((*key).to_owned(), Value::Bool(value))))
        .collect()
}

fn read_dispatch(reader: &mut Reader<'_>, tree: &Yaml) -> Vec<DispatchEntry> {
    let entries = reader.list(tree, "dispatch").unwrap_or_default();
    let mut dispatch = Vec::new();
    for entry in entries {
        let namespace = reader.text(entry, "macro_namespace");
        let order = reader.texts(entry, "search_order");
        match (namespace, order) {
            (Some(macro_namespace), Some(search_order)) => {
                dispatch.push(DispatchEntry { macro_namespace, search_order })
            }
            _ => reader.problems.push(
                Diagnostic::error("dispatch", "an entry of `dispatch` needs `macro_namespace` and `search_order`")
                    .label(entry.span(reader.file), "one of the two is missing"),
            ),
        }
    }
    dispatch
}

fn read_query_comment(reader: &mut Reader<'_>, tree: &Yaml) -> QueryComment {
    let Some(value) = tree.get("query-comment") else { return QueryComment::Standard };
    if value.is_null() {
        return QueryComment::None;
    }
    if let Some(text) = value.scalar_text() {
        return match text.as_str() {
            "" | "None" => QueryComment::None,
            _ => QueryComment::Custom { comment: Some(text), append: false, job_label: false },
        };
    }
    if value.as_map().is_none() {
        reader.wrong_type("query-comment", "a text or a dictionary", value);
        return QueryComment::Standard;
    }
    QueryComment::Custom {
        comment: reader.text(value, "comment"),
        append: reader.boolean(value, "append").unwrap_or(false),
        job_label: reader.boolean(value, "job-label").unwrap_or(false),
    }
}
