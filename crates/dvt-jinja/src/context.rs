//! What a template is rendered with: the node, its connection, variables, flags.

use crate::Value;
use chrono::{DateTime, Utc};
use dvt_manifest::Relation;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Which of dbt's two readings of a template this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `execute` is false: refs, sources and configs are written down, nothing is resolved, undefined names are
    /// forgiven as dbt forgives them.
    Parse,
    /// `execute` is true: names are resolved, SQL runs, undefined names are errors.
    Run,
}

/// Where `var()` looks: maps in order, the first that has the name wins (command line first).
#[derive(Clone, Debug, Default)]
pub struct Vars {
    pub layers: Vec<Map<String, Json>>,
}

impl Vars {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.layers.iter().find_map(|layer| layer.get(name))
    }

    /// All that can be seen, for messages.
    #[must_use]
    pub fn merged(&self) -> Map<String, Json> {
        let mut merged = Map::new();
        for layer in self.layers.iter().rev() {
            merged.extend(layer.clone());
        }
        merged
    }
}

/// Facts that are the same for every template of one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub invocation_id: String,
    pub run_started_at: DateTime<Utc>,
    /// The version of dbt that templates and `require-dbt-version` are told.
    pub dbt_version: String,
    pub dvt_version: String,
    /// `flags`, by upper-case name (`FULL_REFRESH`, `WHICH`, …).
    pub flags: Map<String, Json>,
    /// `invocation_args_dict`.
    pub args: Map<String, Json>,
    /// Environment variables as they were read once; `env_var` sees nothing else.
    pub env: BTreeMap<String, String>,
    /// `dbt_metadata_envs`.
    pub metadata_envs: Map<String, Json>,
    pub selected_resources: Vec<String>,
    /// What templates looked at of all this.
    pub uses: crate::Uses,
    /// What packages put into `graph`: it stays there for the whole invocation.
    pub graph_additions: Arc<Mutex<crate::Dict>>,
}

impl Invocation {
    /// An invocation with dbt's version, no flags and no environment.
    #[must_use]
    pub fn new(invocation_id: &str, run_started_at: DateTime<Utc>) -> Self {
        Self {
            invocation_id: invocation_id.to_owned(),
            run_started_at,
            dbt_version: "1.12.6".to_owned(),
            dvt_version: env!("CARGO_PKG_VERSION").to_owned(),
            flags: Map::new(),
            args: Map::new(),
            env: BTreeMap::new(),
            metadata_envs: Map::new(),
            selected_resources: Vec::new(),
            uses: crate::Uses::default(),
            graph_additions: Arc::default(),
        }
    }
}

/// What one template is rendered with.
#[derive(Clone, Debug)]
pub struct RenderContext {
    pub phase: Phase,
    pub invocation: Arc<Invocation>,
    /// The package of the node: its macros are found first.
    pub package: String,
    /// The adapter types whose prefixes `adapter.dispatch` tries, most specific first; `default` is added.
    /// For a node on MariaDB: `["mariadb", "mysql"]`.
    pub adapter_types: Vec<String>,
    /// The connection's profile keys without secrets (`name`, `type`, `schema`, `database`, `threads`, …).
    pub target: Map<String, Json>,
    /// The node as dbt shows it: `model` and `node`.
    pub node: Option<Arc<Json>>,
    /// The node's config, for `config.get` when `execute` is true. (When parsing, `config.get` gives nothing.)
    pub config: Map<String, Json>,
    /// The node's relation; when parsing, also what `ref` and `source` give.
    pub this: Option<Relation>,
    pub vars: Arc<Vars>,
    /// Whether `env_var` may read `DBT_ENV_SECRET_…` (profiles, packages).
    pub allow_secrets: bool,
    /// More variables, which win over everything but macros: `sql`, `compiled_code`, `pre_hooks`, `post_hooks`,
    /// `database`, `schema`, `identifier`, `landing`, `results`, … Use [`Value::from`] on JSON, and
    /// [`Value::relation`](crate::Value::relation) for relations.
    pub variables: IndexMap<String, Value>,
    /// Macros replaced by values (unit tests' `overrides.macros`): a call of the name gives the value.
    pub macro_overrides: IndexMap<String, Value>,
    /// The name of the worker that renders: `thread_id`.
    pub thread_id: String,
}

impl RenderContext {
    /// A context for the parse phase with nothing in it yet.
    #[must_use]
    pub fn new(phase: Phase, invocation: &Arc<Invocation>, package: &str, adapter_types: &[&str]) -> Self {
        Self {
            phase,
            invocation: Arc::clone(invocation),
            package: package.to_owned(),
            adapter_types: adapter_types.iter().map(|&name| name.to_owned()).collect(),
            target: Map::new(),
            node: None,
            config: Map::new(),
            this: None,
            vars: Arc::default(),
            allow_secrets: false,
            variables: IndexMap::new(),
            macro_overrides: IndexMap::new(),
            thread_id: "main".to_owned(),
        }
    }

    /// Whether `execute` is true.
    #[must_use]
    pub fn executes(&self) -> bool {
        self.phase == Phase::Run
    }
}
