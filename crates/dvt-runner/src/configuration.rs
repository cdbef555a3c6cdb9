//! The project's configuration as packages see it: the fields of dbt's `RuntimeConfig`, as JSON.

use crate::run::Run;
use dvt_project::ProjectFile;
use serde_json::{Map, Value, json};

/// What `dbt_project.yml`, the profile's target and the command line came to; `dependencies` holds the same of every
/// package, the project itself among them. No secret is in it: the target is what templates see as `target`.
pub(crate) fn configuration(run: &Run) -> Value {
    let project = run.project();
    let config = &project.config;
    let profile = &config.profile;
    let target = project.connections.get(&profile.target).map(|facts| facts.target.clone()).unwrap_or_default();
    let mut shared = Map::new();
    let mut set = |key: &str, value: Value| {
        shared.insert(key.to_owned(), value);
    };
    set("profile_name", json!(profile.name));
    set("target_name", json!(profile.target));
    set("threads", json!(run.settings().threads));
    set("args", json!(run.invocation().args));
    set("cli_vars", json!(run.settings().cli_vars));
    set("credentials", Value::Object(target));
    set("target_path", json!(config.target_path.display().to_string()));
    set("log_path", json!(config.log_path.display().to_string()));
    let of = |file: &ProjectFile| {
        let mut fields = shared.clone();
        fields.extend(fields_of(file));
        fields
    };
    let mut root = of(&config.project);
    let dependencies: Map<String, Value> =
        project.packages.iter().map(|package| (package.name.clone(), Value::Object(of(&package.project)))).collect();
    root.insert("dependencies".to_owned(), Value::Object(dependencies));
    Value::Object(root)
}

fn fields_of(file: &ProjectFile) -> Map<String, Value> {
    let fields = json!({
        "project_name": file.name,
        "version": file.version,
        "project_root": file.root.display().to_string(),
        "model_paths": file.model_paths,
        "macro_paths": file.macro_paths,
        "seed_paths": file.seed_paths,
        "test_paths": file.test_paths,
        "analysis_paths": file.analysis_paths,
        "snapshot_paths": file.snapshot_paths,
        "docs_paths": file.docs_paths,
        "asset_paths": file.asset_paths,
        "function_paths": file.function_paths,
        "clean_targets": file.clean_targets,
        "packages_install_path": file.packages_install_path,
        "quoting": file.quoting,
        "on_run_start": file.on_run_start,
        "on_run_end": file.on_run_end,
        "vars": file.vars,
        "dbt_version": file.require_dbt_version,
        "restrict_access": file.restrict_access,
        "flags": file.flags,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
