//! `dbt_project.yml`.

use crate::yaml::Yaml;
use dvt_diagnostics::SourceFile;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// One package's `dbt_project.yml`, checked and with dbt's defaults.
#[derive(Clone, Debug)]
pub struct ProjectFile {
    /// The folder that holds it.
    pub root: PathBuf,
    pub file: Arc<SourceFile>,
    pub name: String,
    pub version: Option<String>,
    /// `profile:`; a package needs none.
    pub profile: Option<String>,
    pub model_paths: Vec<String>,
    pub seed_paths: Vec<String>,
    pub test_paths: Vec<String>,
    pub analysis_paths: Vec<String>,
    pub macro_paths: Vec<String>,
    pub snapshot_paths: Vec<String>,
    /// All resource folders when not said.
    pub docs_paths: Vec<String>,
    pub asset_paths: Vec<String>,
    pub function_paths: Vec<String>,
    /// `target-path`, before `--target-path`.
    pub target_path: String,
    pub log_path: String,
    pub packages_install_path: String,
    pub clean_targets: Vec<String>,
    /// `database`, `schema`, `identifier`; absent keys are the adapter's.
    pub quoting: Map<String, Value>,
    pub on_run_start: Vec<String>,
    pub on_run_end: Vec<String>,
    pub require_dbt_version: Vec<String>,
    pub dispatch: Vec<DispatchEntry>,
    pub query_comment: QueryComment,
    /// Global vars and, under a package's name, that package's.
    pub vars: Map<String, Value>,
    pub flags: Map<String, Value>,
    pub restrict_access: bool,
    /// What `vars.yml` holds; `vars` is then the same.
    pub vars_file: Map<String, Value>,
    /// The whole file; the config trees (`models`, `seeds`, …) are read from it where they apply.
    pub(crate) tree: Yaml,
}

/// One entry of `dispatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchEntry {
    pub macro_namespace: String,
    pub search_order: Vec<String>,
}

/// `query-comment`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum QueryComment {
    /// dbt's own comment, before the query.
    #[default]
    Standard,
    /// `query-comment:` with null or an empty text.
    None,
    Custom {
        comment: Option<String>,
        append: bool,
        job_label: bool,
    },
}
