//! A project that has been read: its configuration files, its packages, its macros and its manifest.

use crate::{Buckets, Computes, ConnectionSettings, Output, Profile, ProjectFile};
use dvt_diagnostics::Diagnostic;
use dvt_jinja::{Invocation, MacroLibrary};
use dvt_manifest::Manifest;
use dvt_manifest::selection::Selectors;
use dvt_sql::Dialect;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// The configuration files, read and checked: enough for `debug`, `init`, `clean`.
#[derive(Clone, Debug)]
pub struct ConfigFiles {
    pub project: ProjectFile,
    pub profile: Profile,
    pub computes: Computes,
    pub buckets: Buckets,
    /// Where artifacts go: `--target-path`, `DVT_TARGET_PATH`, then the file's `target-path`, absolute.
    pub target_path: PathBuf,
    pub log_path: PathBuf,
    pub warnings: Vec<Diagnostic>,
}

/// How a project was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadingFigures {
    /// Files that were looked at.
    pub paths: usize,
    /// Those of them that were parsed; of the others, an earlier reading was used.
    pub parsed: usize,
}

/// What the adapters contribute to reading a project.
pub struct AdapterSupport<'a> {
    /// Macro packages of the adapters: package name, then (relative path, text) of each file.
    pub macro_packages: Vec<(String, Vec<(String, String)>)>,
    /// Describes the connection that an output means, without connecting. The error is a sentence for the user.
    #[allow(clippy::type_complexity, reason = "one call, one place")]
    pub describe: &'a (dyn Fn(&Output, &ConnectionSettings) -> Result<ConnectionFacts, String> + Sync),
}

/// What reading a project must know about a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionFacts {
    /// The adapter types whose prefixes `adapter.dispatch` tries before `default__`: `["mariadb", "mysql"]`.
    pub adapter_types: Vec<String>,
    /// What templates see as `target`, without secrets; `schema` and `database` are the defaults of a node there.
    pub target: Map<String, Value>,
    pub dialect: &'static Dialect,
}

/// One package of the project: the root project first, then the installed ones.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    pub root: PathBuf,
    pub project: ProjectFile,
}

/// A project, read whole.
#[derive(Debug)]
pub struct Project {
    pub config: ConfigFiles,
    /// The root project first; then the installed packages by name.
    pub packages: Vec<Package>,
    /// All macros of the built-in package, the adapters, the packages and the project.
    pub macro_library: Arc<MacroLibrary>,
    pub manifest: Manifest,
    /// `selectors.yml`.
    pub selectors: Arc<Selectors>,
    /// The facts of every connection that a node or source uses, by output name; the default target's among them.
    pub connections: IndexMap<String, ConnectionFacts>,
    /// What templates see of the invocation: flags, environment, ids.
    pub invocation: Arc<Invocation>,
    pub warnings: Vec<Diagnostic>,
    pub figures: ReadingFigures,
}
