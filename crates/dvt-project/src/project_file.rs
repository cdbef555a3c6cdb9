//! `dbt_project.yml`.

use crate::yaml::Yaml;
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
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
    /// Documents of the Open Semantic Interchange format.
    pub osi_paths: Vec<String>,
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

/// One entry of `require-adapters`: versions of a dbt adapter that the project asks for.
#[derive(Clone, Debug)]
pub struct RequiredAdapter {
    /// `snowflake`; `dbt-snowflake` is read as the same.
    pub adapter_type: String,
    /// The clauses with commas between, unread.
    pub versions: String,
    pub span: Span,
}

impl ProjectFile {
    /// What `require-adapters` says: a map from an adapter's type to a version specifier, or a list of them.
    ///
    /// # Errors
    /// It has another shape; the diagnostic points at the value.
    pub fn required_adapters(&self) -> Result<Vec<RequiredAdapter>, Diagnostic> {
        let Some(required) = self.tree.get_set("require-adapters") else { return Ok(Vec::new()) };
        let wrong = |place: &Yaml| {
            Diagnostic::error("wrong-type", "`require-adapters` names versions by adapter type")
                .label(place.span(&self.file), "expected a version specifier such as `\">=1.5.0\"`")
        };
        let entries = required.as_map().ok_or_else(|| wrong(required))?;
        entries
            .iter()
            .map(|(name, entry)| {
                let place = &entry.value;
                let versions = match place.as_list() {
                    Some(items) => {
                        let texts: Option<Vec<String>> = items.iter().map(Yaml::scalar_text).collect();
                        texts.map(|texts| texts.join(","))
                    }
                    None => place.scalar_text(),
                };
                Ok(RequiredAdapter {
                    adapter_type: name.strip_prefix("dbt-").unwrap_or(name).to_owned(),
                    versions: versions.ok_or_else(|| wrong(place))?,
                    span: place.span(&self.file),
                })
            })
            .collect()
    }
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
