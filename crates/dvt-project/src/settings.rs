//! What the command line and the environment decide before any file is read.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The command line's choices, with a copy of the environment: `env_var` sees this copy and nothing else.
#[derive(Clone, Default)]
pub struct ProjectSettings {
    /// Where the search for `dbt_project.yml` starts; it goes on in the parents.
    pub project_dir: PathBuf,
    /// `--profiles-dir`.
    pub profiles_dir: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--compute`.
    pub compute: Option<String>,
    /// `--bucket`.
    pub bucket: Option<String>,
    /// `--vars`, parsed (see [`crate::parse_vars`]).
    pub vars: Map<String, Value>,
    /// `--target-path`.
    pub target_path: Option<PathBuf>,
    /// The environment as it was when dvt started.
    pub env: BTreeMap<String, String>,
    /// The names of `env` as the process has them in order: dbt shows custom ones so.
    pub env_names: Vec<String>,
    pub home: Option<PathBuf>,
    /// What templates see as `flags`: upper-case names.
    pub flags: Map<String, Value>,
    pub invocation_id: String,
    /// When dvt started.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// Where reading the project says what is no diagnostic: what templates log, dbt's events by name.
    pub events: dvt_diagnostics::Events,
    /// What is remembered of a reading for the next invocation.
    pub parse_cache: ParseCache,
}

/// Whether and how a reading of the project is remembered: dbt's partial parsing. By default it is not.
#[derive(Clone, Debug, Default)]
pub struct ParseCache {
    /// `--partial-parse`: an earlier reading is used where it still holds.
    pub is_read: bool,
    /// Readings are kept in the target folder.
    pub is_written: bool,
    /// `--partial-parse-file-path`: the file to read in place of the target folder's.
    pub path: Option<PathBuf>,
    /// `--no-partial-parse-file-diff`: the files of the project are taken for unchanged without a look.
    pub trusts_files: bool,
}

impl ProjectSettings {
    /// A flag by dbt's name, in upper case or as it is.
    pub(crate) fn flag(&self, name: &str) -> Option<&Value> {
        self.flags.get(&name.to_uppercase()).or_else(|| self.flags.get(name))
    }

    /// An environment variable that dvt itself understands: `DVT_<name>` wins over `DBT_<name>` and `DBT_ENGINE_<name>`.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        ["DVT_", "DBT_ENGINE_", "DBT_"]
            .iter()
            .find_map(|prefix| self.env.get(&format!("{prefix}{name}")))
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl std::fmt::Debug for ProjectSettings {
    /// Without the environment, which may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProjectSettings")
            .field("project_dir", &self.project_dir)
            .field("profiles_dir", &self.profiles_dir)
            .field("profile", &self.profile)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
