//! One run from its first event to its artifacts.

use crate::cache::RelationCache;
use crate::catalog::{CatalogOutcome, write_catalog};
use crate::configuration::configuration;
use crate::execution::run_whole;
use crate::extracting::Sharing;
use crate::failure::NodeError;
use crate::journal::{Entry, Journal, JournalError};
use crate::operation::{Operation, run_operation};
use crate::outcome::{NodeResult, RunOutcome};
use crate::reporter::Reporter;
use crate::scheduler::{Limits, Slots};
use crate::settings::{Connections, RunCommand, RunRequest, RunnerSettings};
use chrono::{DateTime, SecondsFormat, Utc};
use dvt_adapter::{Adapter, CancellationToken};
use dvt_compute::{Engine, SparkEngine};
use dvt_diagnostics::Diagnostic;
use dvt_jinja::{Invocation, MacroLibrary};
use dvt_manifest::{Node, ResourceType, UniqueId};
use dvt_project::Project;
use dvt_staging::Staging;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::runtime::Handle;

/// Runs commands over one parsed project.
pub struct Runner {
    shared: Arc<Shared>,
}

/// What all runs of a process share.
struct Shared {
    project: Arc<Project>,
    connections: Connections,
    settings: RunnerSettings,
    caches: Mutex<HashMap<String, Arc<RelationCache>>>,
    graph_json: OnceLock<Arc<Value>>,
    project_config: OnceLock<Arc<Value>>,
}

/// One run.
pub(crate) struct Run {
    shared: Arc<Shared>,
    pub(crate) request: RunRequest,
    reporter: Arc<dyn Reporter>,
    /// Ctrl-C.
    cancel: CancellationToken,
    /// Ends the nodes that run: Ctrl-C, or `--fail-fast`.
    stop: CancellationToken,
    slots: Arc<Slots>,
    handle: Handle,
    invocation: Arc<Invocation>,
    started_at: DateTime<Utc>,
    journal: OnceLock<Journal>,
    pub(crate) engines: Mutex<HashMap<String, Arc<Engine>>>,
    /// The same of type spark: their servers are started by the first query.
    pub(crate) sparks: Mutex<HashMap<String, Arc<SparkEngine>>>,
    pub(crate) stagings: Mutex<HashMap<String, Arc<Staging>>>,
    /// Ephemeral models that were compiled: no results, but the manifest holds their SQL.
    pub(crate) ephemerals: Mutex<Vec<NodeResult>>,
    /// Connections on which the run cannot work, with the reason.
    pub(crate) broken: Mutex<HashMap<String, Diagnostic>>,
    /// By connection, the node that had a session last: dbt's log names it when the session is used again.
    pub(crate) last_users: Mutex<HashMap<String, String>>,
    /// Who reads what, for what is staged once for several.
    pub(crate) sharing: Sharing,
    /// How often this run has changed each place: an extract is shared only until the next change where it was read.
    pub(crate) publications: Mutex<HashMap<dvt_adapter::ConnectionIdentity, u64>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runner {
    #[must_use]
    pub fn new(project: Arc<Project>, connections: Connections, settings: RunnerSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                project,
                connections,
                settings,
                caches: Mutex::default(),
                graph_json: OnceLock::new(),
                project_config: OnceLock::new(),
            }),
        }
    }

    /// Runs what the request selects and writes the artifacts. Call it on a multi-threaded tokio runtime. After a cancel
    /// running statements are cancelled, what was not committed is rolled back, and the results so far are written.
    pub async fn run(&self, request: RunRequest, reporter: Arc<dyn Reporter>, cancel: CancellationToken) -> RunOutcome {
        run_whole(&self.start(request, reporter, cancel)).await
    }

    /// Runs one macro or statement; the outcome has one result.
    pub async fn run_operation(
        &self,
        operation: Operation,
        reporter: Arc<dyn Reporter>,
        cancel: CancellationToken,
    ) -> RunOutcome {
        let request = RunRequest::new(RunCommand::Operation, Vec::new());
        run_operation(&self.start(request, reporter, cancel), operation).await
    }

    /// Reads what the databases hold of the project's relations, of these ids alone if they are given, and writes
    /// `catalog.json`.
    pub async fn write_catalog(
        &self,
        only: Option<&BTreeSet<UniqueId>>,
        reporter: Arc<dyn Reporter>,
        cancel: CancellationToken,
    ) -> CatalogOutcome {
        let request = RunRequest::new(RunCommand::Docs, Vec::new());
        write_catalog(&self.start(request, reporter, cancel), only).await
    }

    fn start(&self, request: RunRequest, reporter: Arc<dyn Reporter>, cancel: CancellationToken) -> Arc<Run> {
        let mut invocation = (*self.shared.project.invocation).clone();
        invocation.selected_resources.clone_from(&request.selected);
        if invocation.args.is_empty() {
            invocation.args.clone_from(&self.shared.settings.args);
        }
        Arc::new(Run {
            shared: Arc::clone(&self.shared),
            request,
            reporter,
            stop: cancel.child_token(),
            cancel,
            slots: Slots::new(self.shared.settings.threads),
            handle: Handle::current(),
            invocation: Arc::new(invocation),
            started_at: Utc::now(),
            journal: OnceLock::new(),
            engines: Mutex::default(),
            sparks: Mutex::default(),
            stagings: Mutex::default(),
            ephemerals: Mutex::default(),
            broken: Mutex::default(),
            last_users: Mutex::default(),
            publications: Mutex::default(),
            sharing: Sharing::default(),
        })
    }
}

pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl Run {
    pub(crate) fn project(&self) -> &Project {
        &self.shared.project
    }

    pub(crate) fn library(&self) -> &MacroLibrary {
        &self.shared.project.macro_library
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.shared.connections
    }

    pub(crate) fn settings(&self) -> &RunnerSettings {
        &self.shared.settings
    }

    pub(crate) fn reporter(&self) -> &Arc<dyn Reporter> {
        &self.reporter
    }

    /// Ctrl-C.
    pub(crate) fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// What ends the nodes that run: Ctrl-C, or a failure under `--fail-fast`. Work of the run itself listens to
    /// [`cancel`](Self::cancel).
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The run's worker slots; a node may take more than its own for its parts.
    pub(crate) fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }

    /// A flag of dbt's by its upper-case name, as templates see it.
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.invocation.flags.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// Whether the node leaves a relation of its own: dbt's `is_relational`.
    pub(crate) fn leaves_relation(&self, node: &Node) -> bool {
        match node.resource_type {
            ResourceType::Test => self.stores_failures(node),
            // A function is no relation, but it lives in a schema all the same.
            ResourceType::Function => true,
            kind => kind.is_relational() && !node.is_ephemeral(),
        }
    }

    /// Whether a test keeps the rows that it finds: its config, else `--store-failures`.
    pub(crate) fn stores_failures(&self, node: &Node) -> bool {
        node.config.boolean("store_failures").unwrap_or_else(|| self.flag("STORE_FAILURES", false))
    }

    /// Whether the project's `on-run-start` and `on-run-end` are part of the command.
    pub(crate) fn runs_hooks(&self) -> bool {
        match self.request.command {
            RunCommand::Freshness => self.flag("SOURCE_FRESHNESS_RUN_PROJECT_HOOKS", true),
            command => command.runs_hooks(),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn invocation(&self) -> &Arc<Invocation> {
        &self.invocation
    }

    pub(crate) fn started_at(&self) -> DateTime<Utc> {
        self.started_at
    }

    /// The connection of this name.
    pub(crate) fn adapter(&self, connection: &str) -> Result<Arc<dyn Adapter>, NodeError> {
        self.connections()
            .get(connection)
            .cloned()
            .ok_or_else(|| self.project().config.profile.unknown_output(connection).into())
    }

    pub(crate) fn cache(&self, adapter: &Arc<dyn Adapter>) -> Arc<RelationCache> {
        let target = adapter.target_values();
        let database = target.get("database").or_else(|| target.get("dbname")).and_then(Value::as_str);
        let mut caches = lock(&self.shared.caches);
        let cache = caches
            .entry(adapter.connection().to_owned())
            .or_insert_with(|| Arc::new(RelationCache::new(adapter.dialect(), database)));
        Arc::clone(cache)
    }

    pub(crate) fn graph_json(&self) -> Arc<Value> {
        Arc::clone(self.shared.graph_json.get_or_init(|| Arc::new(self.project().manifest.to_value())))
    }

    /// The configuration that packages read from `builtins.ref.config`.
    pub(crate) fn project_config(&self) -> Arc<Value> {
        Arc::clone(self.shared.project_config.get_or_init(|| Arc::new(configuration(self))))
    }

    pub(crate) fn set_journal(&self, journal: Journal) -> Result<(), NodeError> {
        self.journal.set(journal).map_err(|_| Diagnostic::error("internal", "the journal was started twice").into())
    }

    /// On disk when this returns. A run that writes nothing keeps no journal.
    pub(crate) fn record(&self, entry: &Entry) -> Result<(), JournalError> {
        self.journal.get().map_or(Ok(()), |journal| journal.record(entry))
    }

    /// Threads overall, and per connection: its own `threads`, and one where the engine has one writer.
    pub(crate) fn limits(&self) -> Limits {
        let threads = self.settings().threads.max(1);
        let default = &self.project().config.profile.target;
        let per_group = self
            .connections()
            .iter()
            .map(|(name, adapter)| {
                let own = adapter.target_values().get("threads").and_then(Value::as_u64);
                let own = own.and_then(|own| usize::try_from(own).ok()).filter(|_| name != default);
                let limit = own.unwrap_or(threads).min(threads);
                (name.clone(), if adapter.capabilities().concurrent_writers { limit } else { 1 })
            })
            .collect();
        Limits { slots: Arc::clone(&self.slots), per_group }
    }

    /// Whether the project or a package replaces a macro that loads seeds.
    pub(crate) fn has_own_seed_macros(&self) -> bool {
        self.library().definitions().any(|definition| {
            (definition.name.ends_with("load_csv_rows") || definition.name.ends_with("create_csv_table"))
                && definition.package != "dbt"
                && !definition.package.starts_with("dbt_")
        })
    }

    /// Where the artifacts go.
    pub(crate) fn target_path(&self) -> &PathBuf {
        &self.project().config.target_path
    }
}
