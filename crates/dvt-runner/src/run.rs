//! One run from its first event to its artifacts.

use crate::artifacts::write_artifacts;
use crate::cache::RelationCache;
use crate::failure::NodeError;
use crate::hooks::{HookTime, run_hooks};
use crate::inputs::find_node;
use crate::journal::{Entry, Journal, JournalError};
use crate::landing::recover;
use crate::node::{run_node, skipped_result};
use crate::outcome::{NodeResult, RunOutcome, Status};
use crate::reporter::{Reporter, RunStarted};
use crate::scheduler::{Event, Limits, Skip, Task, Verdict, run_tasks};
use crate::schemas::create_schemas;
use crate::settings::{Connections, RunCommand, RunRequest, RunnerSettings};
use chrono::{DateTime, SecondsFormat, Utc};
use dvt_adapter::{Adapter, CancellationToken};
use dvt_compute::{ComputeSettings, Engine};
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_jinja::{Invocation, MacroLibrary, ParseBridge, Phase, RefRequest, Template, render_template};
use dvt_manifest::{Graph, Manifest, Node, RefCall, ResourceType, SourceCall};
use dvt_project::{BucketKind, ComputeKind, Project, Staging as StagingMode};
use dvt_staging::{Bucket, Staging};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
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
}

/// One run.
pub(crate) struct Run {
    shared: Arc<Shared>,
    pub(crate) request: RunRequest,
    reporter: Arc<dyn Reporter>,
    cancel: CancellationToken,
    handle: Handle,
    invocation: Arc<Invocation>,
    started_at: DateTime<Utc>,
    journal: OnceLock<Journal>,
    engines: Mutex<HashMap<String, Arc<Engine>>>,
    stagings: Mutex<HashMap<String, Arc<Staging>>>,
    /// Connections on which the run cannot work, with the reason.
    pub(crate) broken: Mutex<HashMap<String, Diagnostic>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
            }),
        }
    }

    /// Runs what the request selects and writes the artifacts. Call it on a multi-threaded tokio runtime. After a cancel
    /// running statements are cancelled, what was not committed is rolled back, and the results so far are written.
    pub async fn run(&self, request: RunRequest, reporter: Arc<dyn Reporter>, cancel: CancellationToken) -> RunOutcome {
        let mut invocation = (*self.shared.project.invocation).clone();
        invocation.selected_resources.clone_from(&request.selected);
        let run = Arc::new(Run {
            shared: Arc::clone(&self.shared),
            request,
            reporter,
            cancel,
            handle: Handle::current(),
            invocation: Arc::new(invocation),
            started_at: Utc::now(),
            journal: OnceLock::new(),
            engines: Mutex::default(),
            stagings: Mutex::default(),
            broken: Mutex::default(),
        });
        run_whole(&run).await
    }
}

async fn run_whole(run: &Arc<Run>) -> RunOutcome {
    let begun = Instant::now();
    let (nodes, mut diagnostics) = selected_nodes(run);
    let mut results = Vec::new();
    let mut reached_all = true;
    let threads = run.settings().threads.max(1);
    run.reporter.run_started(&RunStarted {
        command: run.request.command.as_str(),
        total: nodes.len(),
        threads,
        target: run.project().config.profile.target.clone(),
    });
    let executes = !matches!(run.request.command, RunCommand::Compile | RunCommand::Show);
    if diagnostics.is_empty() {
        let mut is_ready = true;
        if executes && !nodes.is_empty() {
            match prepare(run, &nodes).await {
                Ok(()) => {
                    let hooks = run_hooks(run, HookTime::Start, &results).await;
                    is_ready = hooks.iter().all(|hook| hook.status == Status::Success);
                    results.extend(hooks);
                }
                Err(error) => {
                    diagnostics.extend(error.diagnostics);
                    is_ready = false;
                }
            }
        }
        if is_ready {
            let (node_results, all) = run_selected(run, &nodes, threads).await;
            results.extend(node_results);
            reached_all = all;
        } else {
            let total = nodes.len();
            for (index, node) in nodes.iter().enumerate() {
                let result = skipped_result(node, None);
                run.reporter.node_finished(index + 1, total, &result);
                results.push(result);
            }
        }
        if executes && !nodes.is_empty() && !run.cancel.is_cancelled() {
            let hooks = run_hooks(run, HookTime::End, &results).await;
            results.extend(hooks);
        }
    }
    diagnostics.extend(clean_up(run).await);
    let mut outcome = RunOutcome {
        invocation_id: run.invocation.invocation_id.clone(),
        started_at: run.started_at,
        elapsed_seconds: begun.elapsed().as_secs_f64(),
        stopped_early: !reached_all,
        cancelled: run.cancel.is_cancelled(),
        results,
        diagnostics,
    };
    if run.settings().write_artifacts {
        outcome.diagnostics.extend(write_artifacts(run, &outcome));
    }
    for diagnostic in &outcome.diagnostics {
        run.reporter.diagnostic(diagnostic);
    }
    run.reporter.run_finished(&outcome);
    outcome
}

/// The nodes that the command runs, in dbt's order.
fn selected_nodes(run: &Arc<Run>) -> (Vec<Arc<Node>>, Vec<Diagnostic>) {
    if run.request.empty {
        let refused = Diagnostic::error("unsupported-flag", "`--empty` is not supported by this version of dvt");
        return (Vec::new(), vec![refused.help("leave it out, or limit the rows in the models themselves")]);
    }
    if run.request.inline.is_some() {
        return match run.inline_node() {
            Ok(node) => (vec![Arc::new(node)], Vec::new()),
            Err(error) => (Vec::new(), error.diagnostics),
        };
    }
    let manifest = &run.project().manifest;
    let chosen: BTreeSet<String> = run
        .request
        .selected
        .iter()
        .filter(|id| manifest.nodes.get(*id).is_some_and(|node| command_runs(run.request.command, node)))
        .cloned()
        .collect();
    let order = run.graph().schedule(&chosen).order;
    (order.iter().filter_map(|id| manifest.nodes.get(id)).map(|node| Arc::new(node.clone())).collect(), Vec::new())
}

/// Whether a command runs nodes of this kind. Ephemeral models run inside those that read them.
fn command_runs(command: RunCommand, node: &Node) -> bool {
    use ResourceType as Kind;
    let kind = node.resource_type;
    match command {
        RunCommand::Run => kind == Kind::Model && !node.is_ephemeral(),
        RunCommand::Seed => kind == Kind::Seed,
        RunCommand::Test => kind == Kind::Test,
        RunCommand::Build => {
            matches!(kind, Kind::Model | Kind::Seed | Kind::Snapshot | Kind::Test) && !node.is_ephemeral()
        }
        RunCommand::Compile => matches!(kind, Kind::Model | Kind::Snapshot | Kind::Test | Kind::Analysis),
        RunCommand::Show => matches!(kind, Kind::Model | Kind::Seed | Kind::Snapshot | Kind::Test | Kind::Analysis),
    }
}

/// What must be there before the first node: the journal, what the dead left cleaned up, the schemas.
async fn prepare(run: &Arc<Run>, nodes: &[Arc<Node>]) -> Result<(), NodeError> {
    let folder = run.project().config.project.root.join(".dvt").join("journal");
    recover(run, &folder).await?;
    let journal = Journal::create(&folder, &run.invocation.invocation_id)?;
    journal.record(&Entry::RunStarted {
        invocation_id: run.invocation.invocation_id.clone(),
        command: run.request.command.as_str().to_owned(),
        at: now(),
    })?;
    if run.journal.set(journal).is_err() {
        return Err(Diagnostic::error("internal", "the journal was started twice").into());
    }
    create_schemas(run, nodes).await;
    Ok(())
}

async fn run_selected(run: &Arc<Run>, nodes: &[Arc<Node>], threads: usize) -> (Vec<NodeResult>, bool) {
    let ids: BTreeSet<String> = nodes.iter().map(|node| node.unique_id.clone()).collect();
    let places: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(place, node)| (node.unique_id.as_str(), place)).collect();
    let waits_for = run.graph().schedule(&ids).waits_for;
    let tasks: Vec<Task> = nodes
        .iter()
        .map(|node| Task {
            unique_id: node.unique_id.clone(),
            group: node.connection.clone(),
            dependencies: match run.request.command {
                // Nothing is built, so nothing has to be there first.
                RunCommand::Compile | RunCommand::Show => Vec::new(),
                _ => waits_for
                    .get(&node.unique_id)
                    .into_iter()
                    .flatten()
                    .filter_map(|id| places.get(id.as_str()).copied())
                    .collect(),
            },
        })
        .collect();
    let total = tasks.len();
    let mut results = Vec::with_capacity(total);
    let all = run_tasks(
        &tasks,
        &run.limits(threads),
        run.settings().fail_fast,
        &run.cancel,
        |place| run_node(Arc::clone(run), Arc::clone(&nodes[place.task]), place, total),
        |event| {
            let (position, result) = match event {
                Event::Finished { position, result, .. } => (*position, result.clone()),
                Event::Skipped { task, position, why } => {
                    let why = match why {
                        Skip::Upstream(cause) => Some(nodes[*cause].unique_id.clone()),
                        Skip::FailFast => None,
                    };
                    (*position, skipped_result(&nodes[*task], why.as_deref()))
                }
                Event::Panicked { task, position, slot, panic } => {
                    let mut result = skipped_result(&nodes[*task], None);
                    result.status = Status::Error;
                    result.thread_id = crate::node::thread_name(*slot);
                    result.message = Some(format!("dvt itself failed: {panic}"));
                    result.diagnostics = vec![Diagnostic::error("internal", format!("dvt itself failed: {panic}"))];
                    (*position, result)
                }
            };
            run.reporter.node_finished(position, total, &result);
            let verdict = match result.status {
                Status::Success | Status::Pass | Status::Warn | Status::NoOp => Verdict::Succeeded,
                Status::Error | Status::Fail | Status::Skipped => Verdict::Failed,
            };
            results.push(result);
            verdict
        },
    )
    .await;
    (results, all)
}

/// Removes what was staged and closes the journal.
async fn clean_up(run: &Arc<Run>) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let stagings: Vec<Arc<Staging>> = lock(&run.stagings).values().cloned().collect();
    for staging in stagings {
        if let Err(error) = staging.remove_all().await {
            diagnostics
                .push(Diagnostic::warning("staging-left", format!("staged tables could not be removed: {error}")));
        }
    }
    if let Err(error) = run.record(&Entry::RunFinished { at: now() }) {
        diagnostics.push(Diagnostic::warning("journal", error.to_string()));
    }
    diagnostics
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

    pub(crate) fn cancel(&self) -> &CancellationToken {
        &self.cancel
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

    fn graph(&self) -> Graph {
        let manifest = &self.project().manifest;
        let graph = Graph::new(manifest);
        if self.request.command == RunCommand::Build { graph.with_test_edges(manifest) } else { graph }
    }

    /// On disk when this returns. A run that writes nothing keeps no journal.
    pub(crate) fn record(&self, entry: &Entry) -> Result<(), JournalError> {
        self.journal.get().map_or(Ok(()), |journal| journal.record(entry))
    }

    /// Threads overall, and per connection: its own `threads`, and one where the engine has one writer.
    fn limits(&self, threads: usize) -> Limits {
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
        Limits { overall: threads, per_group }
    }

    /// The engine that computes this node: the command line's, the node's own, the file's default.
    pub(crate) fn engine(&self, node: &Node) -> Result<Arc<Engine>, NodeError> {
        let computes = &self.project().config.computes;
        let name = self.request.compute.as_deref().or(node.config.compute()).unwrap_or(&computes.target);
        let mut engines = lock(&self.engines);
        if let Some(engine) = engines.get(name) {
            return Ok(Arc::clone(engine));
        }
        let settings = self.compute_settings(node)?;
        let engine = Engine::new(settings)
            .map_err(|error| NodeError::from(Diagnostic::error("compute-failed", error.to_string())))?;
        let engine = Arc::new(engine);
        engines.insert(name.to_owned(), Arc::clone(&engine));
        Ok(engine)
    }

    fn compute_settings(&self, node: &Node) -> Result<ComputeSettings, NodeError> {
        let computes = &self.project().config.computes;
        let name = self.request.compute.as_deref().or(node.config.compute()).unwrap_or(&computes.target);
        let Some(compute) = computes.computes.get(name) else {
            let known: Vec<&str> = computes.computes.keys().map(String::as_str).collect();
            return Err(Diagnostic::error("unknown-compute", format!("compute `{name}` is not in computes.yml"))
                .note(format!("its computes are {}", known.join(", ")))
                .into());
        };
        let ComputeKind::Datafusion(configured) = &compute.kind else {
            return Err(Diagnostic::error(
                "unsupported-compute",
                format!("compute `{name}` is of type spark, which this version of dvt cannot run"),
            )
            .help("use a compute of type `datafusion`")
            .into());
        };
        let mut settings = ComputeSettings::default();
        settings.memory_limit = configured.memory_limit_bytes.unwrap_or(settings.memory_limit);
        settings.threads = configured.threads.unwrap_or(settings.threads).max(1);
        settings.batch_size = configured.batch_size.unwrap_or(settings.batch_size).max(1);
        settings.spill_dir.clone_from(&configured.spill_dir);
        Ok(settings)
    }

    pub(crate) fn batch_rows(&self, node: &Node) -> Result<usize, NodeError> {
        Ok(self.compute_settings(node)?.batch_size)
    }

    /// The bucket that this node's extracts are staged in, and when they are.
    pub(crate) fn staging(&self, node: &Node) -> Result<(Arc<Staging>, StagingMode), NodeError> {
        let buckets = &self.project().config.buckets;
        let name = self.request.bucket.as_deref().or(node.config.bucket()).unwrap_or(&buckets.target);
        let Some(bucket) = buckets.buckets.get(name) else {
            let known: Vec<&str> = buckets.buckets.keys().map(String::as_str).collect();
            return Err(Diagnostic::error("unknown-bucket", format!("bucket `{name}` is not in buckets.yml"))
                .note(format!("its buckets are {}", known.join(", ")))
                .into());
        };
        let mode = match node.config.text("staging") {
            Some("always") => StagingMode::Always,
            Some("never") => StagingMode::Never,
            Some("auto") => StagingMode::Auto,
            _ => bucket.staging,
        };
        let mut stagings = lock(&self.stagings);
        if let Some(staging) = stagings.get(name) {
            return Ok((Arc::clone(staging), mode));
        }
        let BucketKind::Filesystem { path } = &bucket.kind;
        let place = Bucket::filesystem(name, path)
            .map_err(|error| NodeError::from(Diagnostic::error("bucket", error.to_string())))?;
        let staging = Staging::new(place, &self.invocation.invocation_id);
        stagings.insert(name.to_owned(), Arc::clone(&staging));
        Ok((staging, mode))
    }

    /// A node for work of the run itself, such as dropping what a dead run left.
    pub(crate) fn operation_node(&self, name: &str, connection: &str) -> Node {
        let project = &self.project().config.project;
        let file = SourceFile::new("", "");
        let target = self.connections().get(connection).map(|adapter| adapter.target_values()).unwrap_or_default();
        let text = |key: &str| target.get(key).and_then(Value::as_str).map(str::to_owned);
        Node {
            unique_id: format!("operation.{}.{name}", project.name),
            resource_type: ResourceType::SqlOperation,
            name: name.to_owned(),
            package_name: project.name.clone(),
            path: name.to_owned(),
            original_file_path: name.to_owned(),
            fqn: vec![project.name.clone(), name.to_owned()],
            connection: connection.to_owned(),
            database: text("database"),
            schema: text("schema").unwrap_or_default(),
            alias: name.to_owned(),
            relation_name: None,
            checksum: dvt_manifest::Checksum::of_text(""),
            config: dvt_manifest::Config::default(),
            unrendered_config: Map::new(),
            tags: Vec::new(),
            description: String::new(),
            columns: dvt_manifest::IndexMap::new(),
            meta: Map::new(),
            group: None,
            docs: Map::new(),
            patch_path: None,
            build_path: None,
            created_at: 0.0,
            raw_code: String::new(),
            language: "sql".to_owned(),
            refs: Vec::new(),
            sources: Vec::new(),
            depends_on: dvt_manifest::DependsOn::default(),
            compiled: dvt_manifest::Compiled::default(),
            contract_checksum: None,
            access: dvt_manifest::Access::default(),
            constraints: Vec::new(),
            version: None,
            latest_version: None,
            deprecation_date: None,
            primary_key: Vec::new(),
            test: None,
            root_path: None,
            index: None,
            span: Span::new(&file, 0..0),
            template: Arc::clone(&file),
            template_range: 0..0,
            style: dvt_manifest::RelationStyle::default(),
            file,
        }
    }

    /// The node of `--inline`: parsed now, with what it reads.
    fn inline_node(&self) -> Result<Node, NodeError> {
        let text = self.request.inline.clone().unwrap_or_default();
        let connection = self.project().config.profile.target.clone();
        let mut node = self.operation_node("inline_query", &connection);
        node.unique_id = format!("sql_operation.{}.inline_query", node.package_name);
        node.file = SourceFile::new("<inline>", text);
        node.span = Span::new(&node.file, 0..node.file.text.len());
        node.template = Arc::clone(&node.file);
        node.template_range = 0..node.file.text.len();
        let at = crate::failure::FailedAt { compiled: None, node: Some(&node.span) };
        let wrong = |error| crate::failure::from_render(error, at);
        let template = Template::parse(&node.file).map_err(wrong)?;
        let mut context = self.context(&node, &connection, "main");
        context.phase = Phase::Parse;
        let dialect = self.adapter(&connection)?.dialect();
        let bridge = Arc::new(ParseBridge::new(&connection, dialect));
        let asked = render_template(self.library(), &context, bridge, &template).map_err(wrong)?.asked;
        let manifest = &self.project().manifest;
        let mut diagnostics = Vec::new();
        let mut depends_on = Vec::new();
        for call in asked.refs {
            match find_node(manifest, &call.request, &node.package_name) {
                Some(found) => {
                    depends_on.push(found.unique_id.clone());
                    node.refs.push(ref_call(&call.request, &call.span, &found.unique_id));
                }
                None => diagnostics.push(
                    Diagnostic::error(
                        "unknown-ref",
                        format!("{} names no model, seed or snapshot", crate::inputs::show_ref(&call.request)),
                    )
                    .label(call.span, ""),
                ),
            }
        }
        for call in asked.sources {
            match find_source(manifest, &call.source_name, &call.table_name) {
                Some(unique_id) => {
                    depends_on.push(unique_id.clone());
                    node.sources.push(SourceCall {
                        source_name: call.source_name,
                        table_name: call.table_name,
                        span: call.span,
                        unique_id: Some(unique_id),
                    });
                }
                None => diagnostics.push(
                    Diagnostic::error(
                        "unknown-source",
                        format!("source('{}', '{}') names no source table", call.source_name, call.table_name),
                    )
                    .label(call.span, ""),
                ),
            }
        }
        if !diagnostics.is_empty() {
            return Err(NodeError { diagnostics, is_retryable: false });
        }
        node.depends_on.nodes = depends_on;
        node.raw_code = template.text().to_owned();
        Ok(node)
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

fn ref_call(request: &RefRequest, span: &Span, unique_id: &str) -> RefCall {
    RefCall {
        name: request.name.clone(),
        package: request.package.clone(),
        version: request.version.clone().map(Value::String),
        span: span.clone(),
        unique_id: Some(unique_id.to_owned()),
    }
}

fn find_source(manifest: &Manifest, source_name: &str, table_name: &str) -> Option<String> {
    manifest
        .sources
        .values()
        .find(|source| source.source_name == source_name && source.name == table_name)
        .map(|source| source.unique_id.clone())
}
