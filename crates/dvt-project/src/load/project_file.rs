//! Reads a `dbt_project.yml`, of the project or of an installed package.

use crate::check::Reader;
use crate::files::{read_text, shown_path};
use crate::render::{ValueRenderer, invocation};
use crate::yaml::{Entry, Yaml, YamlValue, load_yaml, map_to_json};
use crate::{DispatchEntry, ProjectFile, ProjectSettings, QueryComment};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, SourceFile, Span, did_you_mean, kinds};
use indexmap::IndexMap;
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

/// Names that templates use themselves.
const RESERVED_NAMES: &[&str] = &[
    "_sql_results",
    "adapter",
    "api",
    "column",
    "config",
    "context",
    "database",
    "env",
    "env_var",
    "exceptions",
    "execute",
    "flags",
    "fromjson",
    "fromyaml",
    "graph",
    "invocation_id",
    "load_agate_table",
    "load_result",
    "log",
    "model",
    "modules",
    "post_hooks",
    "pre_hooks",
    "ref",
    "render",
    "return",
    "run_started_at",
    "schema",
    "source",
    "sql",
    "sql_now",
    "store_result",
    "store_raw_result",
    "target",
    "this",
    "tojson",
    "toyaml",
    "try_or_compiler_error",
    "var",
    "write",
];

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
    if let Some(required) = raw.get_set("require-dbt-version") {
        let name = raw.get_set("name").and_then(Yaml::scalar_text).unwrap_or_default();
        let problems = crate::parse::version::check_file(settings, &file, &name, required);
        if !problems.is_empty() {
            return Err(Diagnostics(problems));
        }
    }
    let is_package = root != shown_root;
    check_keys(&file, keys, is_package, &mut problems, warnings);
    let vars_file = if is_package { Map::new() } else { read_vars_file(root, &file, &raw, warnings)? };
    let raw = with_new_names(raw);
    let vars = vec![settings.vars.clone(), vars_file.clone()];
    let mut renderer = ValueRenderer::new(&invocation(settings), vars, None);
    if settings.flags.get("WHICH").and_then(Value::as_str) == Some("deps") {
        renderer = renderer.with_missing_vars();
    }
    let tree = renderer.tree(
        &file,
        &raw,
        &mut Vec::new(),
        &|path| path.first().is_some_and(|key| !RAW_KEYS.contains(&key.as_str()) && !LATE_KEYS.contains(&key.as_str())),
        &mut problems,
    );
    let mut project = read(&file, root, tree, &mut problems);
    if let Some(project) = &mut project
        && !vars_file.is_empty()
    {
        project.vars.clone_from(&vars_file);
        project.vars_file = vars_file;
    }
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

/// Keys that dbt does not know are errors, old names and settings that moved are deprecations.
fn check_keys(
    file: &Arc<SourceFile>,
    keys: &IndexMap<String, Entry>,
    is_package: bool,
    problems: &mut Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) {
    let place = |entry: &Entry| Span::new(file, entry.key_range.clone());
    for (key, entry) in keys {
        if let Some((_, new)) = RENAMED.iter().find(|(old, _)| old == key) {
            if keys.contains_key(*new) {
                problems.push(
                    Diagnostic::error(
                        "old-key",
                        format!(
                            "{key} and {new} cannot both be defined. The `{key}` config has been deprecated in favor of \
                             `{new}`. Please update your `dbt_project.yml` configuration to reflect this change."
                        ),
                    )
                    .label(place(entry), "old name"),
                );
                continue;
            }
            let message = format!(
                "The `{key}` config has been renamed to `{new}`. Please update your `dbt_project.yml` configuration to \
                 reflect this change."
            );
            let kind = match key.as_str() {
                "source-paths" => kinds::CONFIG_SOURCE_PATH_DEPRECATION,
                _ => kinds::CONFIG_DATA_PATH_DEPRECATION,
            };
            let event = Event::new(kind, message.clone()).with("deprecated_path", key.as_str()).with("exp_path", *new);
            warnings.push(Diagnostic::warning("old-key", message).label(place(entry), "old name").event(event));
        } else if !KEYS.contains(&key.as_str()) && !is_package {
            let mut diagnostic = Diagnostic::error(
                "unknown-key",
                format!("Additional properties are not allowed ('{key}' was unexpected): `{key}` is not a key of dbt_project.yml"),
            )
            .label(place(entry), "not known");
            if let Some(near) = did_you_mean(key, KEYS.iter().copied()) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            problems.push(diagnostic);
        }
    }
    let is_version = |value: &Yaml| match &value.value {
        YamlValue::Null | YamlValue::Number(_) => true,
        YamlValue::Text(text) => text.contains("{{") || is_semantic_version(text),
        _ => false,
    };
    let schemas = [
        ("version", &is_version as &dyn Fn(&Yaml) -> bool),
        ("dbt-cloud", &|value: &Yaml| value.is_null() || value.as_map().is_some()),
    ];
    for (key, is_valid) in schemas {
        let Some(entry) = keys.get(key).filter(|entry| !is_package && !is_valid(&entry.value)) else { continue };
        let help = match key {
            "version" => "write three numbers, as in `1.0.0`",
            _ => "write a dictionary, with `project-id` for one",
        };
        problems.push(
            Diagnostic::error(
                "wrong-type",
                format!(
                    "at path ['{key}']: {} is not valid under any of the given schemas",
                    crate::parse::python_repr(&entry.value.to_json())
                ),
            )
            .label(entry.value.span(file), "this value")
            .help(help),
        );
    }
    if let (Some(_), Some(entry)) = (keys.get("data_tests"), keys.get("tests")) {
        problems.push(
            Diagnostic::error(
                "both-tests",
                "Invalid project config: cannot have both 'tests' and 'data_tests' defined",
            )
            .label(place(entry), "old name")
            .help("move its keys below `data_tests`"),
        );
    }
    if is_package {
        return;
    }
    let moved = [
        ("log-path", "logs", "logs", kinds::CONFIG_LOG_PATH_DEPRECATION),
        ("target-path", "target", "artifacts", kinds::CONFIG_TARGET_PATH_DEPRECATION),
    ];
    for (key, default, what, kind) in moved {
        let Some(entry) = keys.get(key).filter(|entry| entry.value.as_text() != Some(default)) else { continue };
        let message = format!(
            "The `{key}` config in `dbt_project.yml` has been deprecated, and will no longer be supported in a future \
             version of dbt-core. If you wish to write dbt {what} to a custom directory, please use the --{key} CLI flag \
             or DBT_{} env var instead.",
            key.to_uppercase().replace('-', "_")
        );
        let event = Event::new(kind, message.clone()).with("deprecated_path", key);
        warnings.push(Diagnostic::warning("old-key", message).label(place(entry), "set here").event(event));
    }
    let texts = |key: &str| -> Vec<String> {
        keys.get(key)
            .and_then(|entry| entry.value.as_list())
            .map(|items| items.iter().filter_map(Yaml::scalar_text).collect())
            .unwrap_or_default()
    };
    let targets = texts("clean-targets");
    let install_path = keys
        .get("packages-install-path")
        .and_then(|entry| entry.value.scalar_text())
        .unwrap_or("dbt_packages".to_owned());
    if targets.iter().any(|target| target == "dbt_modules") && !targets.contains(&install_path) {
        let message = "The default package install path has changed from `dbt_modules` to `dbt_packages`. Please update \
                       `clean-targets` in `dbt_project.yml` and check `.gitignore` as well. Or, set \
                       `packages-install-path: dbt_modules` if you'd like to keep the current value.";
        let mut diagnostic = Diagnostic::warning("old-install-path", message)
            .event(Event::new(kinds::PACKAGE_INSTALL_PATH_DEPRECATION, message));
        if let Some(entry) = keys.get("clean-targets") {
            diagnostic = diagnostic.label(place(entry), "names `dbt_modules`");
        }
        warnings.push(diagnostic);
    }
}

/// The tree with old keys under their new names.
fn with_new_names(mut tree: Yaml) -> Yaml {
    if let YamlValue::Map(map) = &mut tree.value {
        for (old, new) in RENAMED {
            if let Some(entry) = map.shift_remove(*old) {
                map.entry((*new).to_owned()).or_insert(entry);
            }
        }
    }
    tree
}

/// The variables of `vars.yml` beside the project file; then the project file must have none.
fn read_vars_file(
    root: &Path,
    project_file: &Arc<SourceFile>,
    project: &Yaml,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Map<String, Value>, Diagnostics> {
    let Some(file) = read_text(&root.join("vars.yml"), "vars.yml")? else { return Ok(Map::new()) };
    let tree = load_yaml(&file, warnings)?;
    let Some(vars) = tree.get_set("vars") else { return Ok(Map::new()) };
    let Some(map) = vars.as_map() else {
        return Err(Diagnostic::error("wrong-type", format!("`vars` must be a dictionary, but it is {}", vars.kind()))
            .label(vars.span(&file), "expected `name: value`")
            .into());
    };
    let of_project = project.get_set("vars").filter(|vars| vars.as_map().is_some_and(|map| !map.is_empty()));
    if let (false, Some(of_project)) = (map.is_empty(), of_project) {
        return Err(Diagnostic::error(
            "vars-twice",
            "Variables cannot be defined in both vars.yml and dbt_project.yml.",
        )
        .label(of_project.span(project_file), "here")
        .label(vars.span(&file), "and here")
        .help("move them all to vars.yml")
        .into());
    }
    Ok(map_to_json(map))
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
        (Some(name), Some(place)) if RESERVED_NAMES.contains(&name.as_str()) => reader.problems.push(
            Diagnostic::error("project-name", format!("Invalid project name: {name} is a reserved word"))
                .label(place.span(file), "templates use this name")
                .help("choose another name"),
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
    let osi_paths = paths("osi-paths", &["osi", "OSI"]);
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
        osi_paths,
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
        vars_file: Map::new(),
        tree,
    })
}

/// Two or three numbers, after three maybe `-` and a pre-release, `+` and a build.
fn is_semantic_version(text: &str) -> bool {
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(end);
    let is_number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let count = numbers.split('.').count();
    let is_suffix = suffix.is_empty() || count == 3 && suffix.len() > 1;
    let is_plain = |character: char| character.is_ascii_alphanumeric() || ".-+".contains(character);
    matches!(count, 2 | 3) && numbers.split('.').all(is_number) && is_suffix && suffix.chars().all(is_plain)
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
