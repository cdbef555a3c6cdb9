//! The one place where templates wait for the outside: names, statements, the relation cache, seeds.

use crate::cache::RelationCache;
use crate::compile::{write_batch, write_below};
use crate::failure::StatementError;
use crate::inputs::{Input, show_ref, stored_name};
use crate::journal::Entry;
use crate::microbatch::{Batch, EventTimeInput};
use crate::query_comment::StatementComment;
use crate::reporter::{LineLevel, node_info};
use crate::run::Run;
use crate::seed::{SeedFile, cast_type};
use crate::settings::RunCommand;
use crate::tables::{table_of_result, table_of_seed};
use crate::unit::UnitInputs;
use arrow::datatypes::SchemaRef;
use dvt_adapter::{
    Adapter, AdapterError, AdapterResponse, AppendTarget, BatchStream, CancellationToken, ErrorClass, Fetch,
    QueryResult, Session, Witness,
};
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_federation::{relations_read, rename_relations};
use dvt_jinja::{
    Bridge, BridgeError, EventTimeFilter, ExecuteOptions, Executed, RefRequest, SeedColumn, StatementResponse, Table,
    finds_in_any_case,
};
use dvt_manifest::{Node, Relation, ResourceType};
use dvt_sql::{Dialect, split_statements};
use futures::StreamExt;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Rows of a seed that macros always see.
const SEED_ROWS_SHOWN: u64 = 10_000;

/// The outside of one node. Its session is opened when it is first needed and closed with the bridge; what was not
/// committed by then is rolled back.
pub(crate) struct NodeBridge {
    run: Arc<Run>,
    node: Arc<Node>,
    adapter: Arc<dyn Adapter>,
    cache: Arc<RelationCache>,
    comment: StatementComment,
    /// Ends what runs: the run's own token, but never that of work which cleans up after a cancel.
    cancel: CancellationToken,
    session: Arc<Mutex<SessionSlot>>,
    /// Whether names are written by connection just now.
    crossing: AtomicBool,
    /// Whether the cache was told of changes that are not committed yet.
    changed_cache: AtomicBool,
    noted: Mutex<Noted>,
    seed: Mutex<Option<SeedSource>>,
    /// What a unit test gives in the place of what its model reads.
    unit_inputs: OnceLock<Arc<UnitInputs>>,
    /// The batch that is built, of a microbatch model.
    batch: OnceLock<Batch>,
    /// What tells of a commit whose answer was lost, where the server does not.
    witness: Mutex<Option<Witness>>,
}

struct SessionSlot {
    session: Option<Box<dyn Session>>,
    /// Statements outside of a transaction are committed at once. Not so on PostgreSQL before the first COMMIT: what a
    /// node did until it failed is undone there, with or without `auto_begin`, as dbt's driver has it.
    commits_at_once: bool,
}

/// What a render asked for.
#[derive(Default)]
struct Noted {
    names: BTreeMap<Vec<String>, Input>,
    ephemerals: Vec<String>,
    /// Relations that a macro renamed or dropped, to know whether the landing relation is still there.
    gone: Vec<Relation>,
    /// Schemas that are being read for the cache, and the state that they had before.
    reading: BTreeMap<(Option<String>, String), u64>,
    /// The materialization's own statement has been begun.
    has_main: bool,
}

/// A seed's file, and where its rows come from when the macros want them in the table.
pub(crate) struct SeedSource {
    pub(crate) file: Arc<SeedFile>,
    pub(crate) rows: SeedRows,
}

pub(crate) enum SeedRows {
    /// They wait in a landing relation.
    Landed(Relation),
    /// They are read now, in the types of the table's columns; once.
    Stream { rows: Option<BatchStream>, schema: SchemaRef },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NodeBridge {
    pub(crate) fn new(
        run: &Arc<Run>,
        node: &Arc<Node>,
        adapter: &Arc<dyn Adapter>,
        comment: StatementComment,
    ) -> Arc<Self> {
        let bridge = Self::with_cancel(run, node, adapter, comment, run.stop().clone());
        lock(&bridge.session).commits_at_once = adapter.dialect().name != "postgres";
        bridge
    }

    /// An outside for work of the run itself: Ctrl-C stops it, `--fail-fast` does not.
    pub(crate) fn for_run(
        run: &Arc<Run>,
        node: &Arc<Node>,
        adapter: &Arc<dyn Adapter>,
        comment: StatementComment,
    ) -> Arc<Self> {
        Self::with_cancel(run, node, adapter, comment, run.cancel().clone())
    }

    /// An outside that a cancel of the run does not stop: for cleaning up.
    pub(crate) fn for_clean_up(run: &Arc<Run>, node: &Arc<Node>, adapter: &Arc<dyn Adapter>) -> Arc<Self> {
        Self::with_cancel(run, node, adapter, StatementComment::default(), CancellationToken::new())
    }

    fn with_cancel(
        run: &Arc<Run>,
        node: &Arc<Node>,
        adapter: &Arc<dyn Adapter>,
        comment: StatementComment,
        cancel: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            run: Arc::clone(run),
            node: Arc::clone(node),
            adapter: Arc::clone(adapter),
            cache: run.cache(adapter),
            comment,
            cancel,
            session: Arc::new(Mutex::new(SessionSlot { session: None, commits_at_once: true })),
            crossing: AtomicBool::new(false),
            changed_cache: AtomicBool::new(false),
            noted: Mutex::default(),
            seed: Mutex::default(),
            unit_inputs: OnceLock::new(),
            batch: OnceLock::new(),
            witness: Mutex::default(),
        })
    }

    /// The same outside for an ephemeral model that the node reads: its own names, the node's session and dialect.
    pub(crate) fn reading_as(&self, node: &Arc<Node>) -> Arc<Self> {
        self.serving(node, self.comment.clone())
    }

    /// The same session for another node.
    pub(crate) fn serving(&self, node: &Arc<Node>, comment: StatementComment) -> Arc<Self> {
        Arc::new(Self {
            run: Arc::clone(&self.run),
            node: Arc::clone(node),
            adapter: Arc::clone(&self.adapter),
            cache: Arc::clone(&self.cache),
            comment,
            cancel: self.cancel.clone(),
            session: Arc::clone(&self.session),
            crossing: AtomicBool::new(self.crosses()),
            changed_cache: AtomicBool::new(false),
            noted: Mutex::default(),
            seed: Mutex::default(),
            unit_inputs: OnceLock::new(),
            batch: OnceLock::new(),
            witness: Mutex::default(),
        })
    }

    pub(crate) fn set_crossing(&self, crossing: bool) {
        self.crossing.store(crossing, Ordering::Relaxed);
    }

    /// Whether an input's event time is a date or a time by the catalog of the input's own connection. Asked only where it
    /// matters: while connections are crossed for a target whose own times are texts.
    fn is_time_elsewhere(&self, connection: &str, relation: &Relation, input: &EventTimeInput<'_>) -> bool {
        let (true, "sqlite", Some(field)) = (self.crosses(), self.adapter.dialect().name, input.event_time) else {
            return false;
        };
        let Ok(adapter) = self.run.adapter(connection) else { return false };
        let name = stored_name(relation, adapter.dialect());
        let found = self.run.handle().block_on(adapter.describe(&[name])).unwrap_or_default();
        let columns = found.into_iter().flatten().flat_map(|relation| relation.columns);
        let mut named = columns.filter(|column| column.name.eq_ignore_ascii_case(field));
        named.next().and_then(|column| column.field.ok()).is_some_and(|field| field.data_type().is_temporal())
    }

    fn crosses(&self) -> bool {
        self.crossing.load(Ordering::Relaxed)
    }

    /// From now on a row of this relation goes with each commit.
    pub(crate) fn set_witness(&self, witness: Witness) {
        *lock(&self.witness) = Some(witness);
    }

    /// From now on `ref` and `source` give the rows of this unit test.
    pub(crate) fn set_unit_inputs(&self, inputs: Arc<UnitInputs>) {
        // A bridge serves one test, so this is set once.
        let _ = self.unit_inputs.set(inputs);
    }

    pub(crate) fn unit_inputs(&self) -> Option<Arc<UnitInputs>> {
        self.unit_inputs.get().cloned()
    }

    /// From now on the inputs are read for this batch.
    pub(crate) fn set_batch(&self, batch: Batch) {
        // A bridge serves one batch, so this is set once.
        let _ = self.batch.set(batch);
    }

    pub(crate) fn batch(&self) -> Option<&Batch> {
        self.batch.get()
    }

    pub(crate) fn set_seed(&self, seed: SeedSource) {
        *lock(&self.seed) = Some(seed);
    }

    /// The ephemeral models that the last render read, in order, each once.
    pub(crate) fn take_ephemerals(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.noted).ephemerals)
    }

    pub(crate) fn names(&self) -> BTreeMap<Vec<String>, Input> {
        lock(&self.noted).names.clone()
    }

    pub(crate) fn adopt_names(&self, other: &Self) {
        let names = other.names();
        lock(&self.noted).names.extend(names);
    }

    /// Whether a macro renamed or dropped this relation.
    pub(crate) fn knows_gone(&self, relation: &Relation) -> bool {
        lock(&self.noted)
            .gone
            .iter()
            .any(|gone| gone.identifier == relation.identifier && gone.schema == relation.schema)
    }

    /// The input's relation as the node's SQL writes it just now.
    pub(crate) fn written(&self, input: &Input) -> Relation {
        if !self.crosses() {
            return input.relation.clone();
        }
        let relation = input.relation.clone().qualified_by_connection(self.adapter.dialect().quote);
        let parts: Vec<String> = relation.written_parts().into_iter().map(|(part, _)| part.to_owned()).collect();
        lock(&self.noted).names.insert(parts, input.clone());
        relation
    }

    /// The response and rows of a statement, as templates see them.
    fn run_statement(&self, sql: &str, auto_begin: bool, fetch: Fetch) -> Result<Executed, BridgeError> {
        let result = self.query(sql, auto_begin, fetch)?;
        let table = match &result.rows {
            Some((schema, batches)) => Some(table_of_result(schema, batches)?),
            None => None,
        };
        let response = result.response;
        Ok(Executed {
            response: StatementResponse {
                message: response.message,
                code: (!response.code.is_empty()).then_some(response.code),
                rows_affected: response.rows_affected,
                extra: Map::new(),
            },
            table,
        })
    }

    /// The response and rows of a statement; positions in errors count from the start of `sql`.
    pub(crate) fn query(&self, sql: &str, auto_begin: bool, fetch: Fetch) -> Result<QueryResult, BridgeError> {
        if matches!(self.run.request.command, RunCommand::Compile | RunCommand::Plan)
            && !self.run.flag("INTROSPECT", true)
        {
            // dbt's words.
            let message =
                "connection never acquired for thread: a template asks the database, and `--no-introspect` forbids it";
            return Err(Box::new(
                Diagnostic::error("no-introspection", message)
                    .label(self.node.span.clone(), "")
                    .help("leave the flag out"),
            ));
        }
        let mut slot = lock(&self.session);
        let handle = self.run.handle();
        let refused = |error: AdapterError| -> BridgeError { Box::new(StatementError { error, sql: sql.to_owned() }) };
        let SessionSlot { session, commits_at_once } = &mut *slot;
        let session = self.opened(session).map_err(refused)?;
        // Hooks commit with a statement of their own; the session must know.
        match sql.trim().trim_end_matches(';').trim_end().to_ascii_lowercase().as_str() {
            "commit" => {
                *commits_at_once = true;
                match lock(&self.witness).as_mut() {
                    Some(witness) => handle.block_on(session.commit_witnessed(witness)).map_err(refused)?,
                    None => handle.block_on(session.commit()).map_err(refused)?,
                }
                self.changed_cache.store(false, Ordering::Relaxed);
                return Ok(word_response("COMMIT"));
            }
            "rollback" => {
                handle.block_on(session.rollback()).map_err(refused)?;
                return Ok(word_response("ROLLBACK"));
            }
            "begin" => {
                if !session.in_transaction() {
                    handle.block_on(session.begin()).map_err(refused)?;
                }
                return Ok(word_response("BEGIN"));
            }
            _ => {}
        }
        if (auto_begin || !*commits_at_once) && !session.in_transaction() {
            handle.block_on(session.begin()).map_err(refused)?;
        }
        let sent = self.comment.add_to(sql);
        let begun = self.tell_statement(&sent);
        let done = handle.block_on(session.execute(&sent, fetch)).map_err(|mut error| {
            error.position = error.position.and_then(|position| position.checked_sub(self.comment.bytes_before()));
            refused(error)
        });
        // A text of several statements may have ended the transaction.
        *commits_at_once |= !session.in_transaction();
        if let Ok(result) = &done {
            self.tell_status(&result.response.message, begun);
        }
        done
    }

    /// The node's session, opened when it is first needed.
    fn opened<'a>(&self, slot: &'a mut Option<Box<dyn Session>>) -> Result<&'a mut Box<dyn Session>, AdapterError> {
        match slot {
            Some(session) => Ok(session),
            None => {
                let mut session = self.run.handle().block_on(open_session(self.adapter.as_ref(), &self.cancel))?;
                self.tell_session();
                session.set_cancel(self.cancel.clone());
                Ok(slot.insert(session))
            }
        }
    }

    /// Adds a seed's rows to its table within the node's transaction. `names` are the table's columns as SQL writes them,
    /// `fields` the file's columns that go into them.
    fn append_rows(
        &self,
        relation: &Relation,
        names: Vec<String>,
        fields: &[String],
        schema: &SchemaRef,
        rows: BatchStream,
    ) -> Result<u64, BridgeError> {
        let own = |error: arrow::error::ArrowError| -> BridgeError { Box::new(error) };
        let order: Vec<usize> =
            fields.iter().map(|field| schema.index_of(field)).collect::<Result<_, _>>().map_err(own)?;
        let target = AppendTarget {
            relation: stored_name(relation, self.adapter.dialect()),
            rendered: relation.render(),
            columns: names,
            schema: Arc::new(schema.project(&order).map_err(own)?),
        };
        let connection = self.node.connection.clone();
        let rows = rows.map(move |batch| {
            let ordered = batch?.project(&order);
            ordered.map_err(|error| AdapterError::new(ErrorClass::Other, connection.clone(), error.to_string()))
        });
        let mut slot = lock(&self.session);
        let handle = self.run.handle();
        let refused = |error: AdapterError| -> BridgeError { Box::new(StatementError { error, sql: String::new() }) };
        let session = self.opened(&mut slot.session).map_err(refused)?;
        if !session.in_transaction() {
            handle.block_on(session.begin()).map_err(refused)?;
        }
        let appended = handle.block_on(session.append(&target, rows.boxed()));
        Ok(appended.map_err(refused)?.rows)
    }

    /// Opens the session, if it is not open yet.
    pub(crate) fn connect(&self) -> Result<(), BridgeError> {
        let opened = self.opened(&mut lock(&self.session).session).map(drop);
        opened.map_err(|error| -> BridgeError { Box::new(StatementError { error, sql: String::new() }) })
    }

    /// dbt's `ConnectionReused`: sessions come from a pool, which the run itself has used first.
    fn tell_session(&self) {
        let name = self.node.unique_id.clone();
        let former = lock(&self.run.last_users).insert(self.adapter.connection().to_owned(), name.clone());
        let former = former.unwrap_or_else(|| "master".to_owned());
        let message = format!("Re-using an available connection from the pool (formerly {former}, now {name})");
        let event =
            Event::new(kinds::CONNECTION_REUSED, message).with("orig_conn_name", former).with("conn_name", name);
        self.run.settings().events.fire(event.node(node_info(&self.node, "executing")));
    }

    /// dbt's `SQLQuery`.
    fn tell_statement(&self, sent: &str) -> Instant {
        let name = &self.node.unique_id;
        let event = Event::new(kinds::SQL_QUERY, format!("On {name}: {sent}"));
        let event = event.with("conn_name", name.as_str()).with("sql", sent).node(node_info(&self.node, "executing"));
        self.run.settings().events.fire(event);
        Instant::now()
    }

    /// dbt's `SQLQueryStatus`.
    fn tell_status(&self, status: &str, begun: Instant) {
        let elapsed = begun.elapsed().as_secs_f64();
        let event = Event::new(kinds::SQL_QUERY_STATUS, format!("SQL status: {status} in {elapsed:.3} seconds"));
        let event = event.with("status", status).with("elapsed", elapsed).with("query_id", "");
        self.run.settings().events.fire(event.node(node_info(&self.node, "executing")));
    }

    /// Rolls back what is open and lets go of the session. What the cache says of the schema may have been undone.
    pub(crate) fn abandon(&self) {
        let mut slot = lock(&self.session);
        if let Some(mut session) = slot.session.take() {
            let was_open = session.in_transaction();
            if let Err(error) = self.run.handle().block_on(session.rollback()) {
                tracing::debug!(%error, "rollback failed; the connection is closed");
            }
            if was_open && self.changed_cache.swap(false, Ordering::Relaxed) {
                self.cache.forget_all();
            }
        }
    }

    /// Whether the commit that just went well was the node's last word: an incremental model or a snapshot that has
    /// added its rows, with no hook to come and no relation set aside. Doing that again would add them twice.
    fn commit_ends_node(&self) -> bool {
        let config = &self.node.config;
        let adds = match self.node.resource_type {
            ResourceType::Snapshot => true,
            ResourceType::Model => {
                config.materialized() == "incremental" && config.text("incremental_strategy") != Some("microbatch")
            }
            _ => false,
        };
        let has_hooks_outside =
            ["pre-hook", "post-hook"].iter().any(|key| config.hooks(key).iter().any(|(_, inside)| !inside));
        let noted = lock(&self.noted);
        adds && !has_hooks_outside && noted.has_main && noted.gone.is_empty()
    }

    /// SQL of a template that crosses connections, as the one connection that it reads knows it.
    fn sql_while_crossing(&self, sql: &str) -> Result<String, BridgeError> {
        let dialect = self.adapter.dialect();
        let names = self.names();
        // What cannot be parsed as a query names no relation of ours; it goes as it is.
        let Ok(read) = relations_read(sql, dialect) else { return Ok(sql.to_owned()) };
        let mut native = BTreeMap::new();
        for parts in read {
            let Some(input) = names.get(&parts) else { continue };
            if input.connection != self.adapter.connection() {
                return Err(Box::new(
                    Diagnostic::error(
                        "statement-across-connections",
                        format!(
                            "`{}` runs a statement while it is compiled that reads {} on connection `{}`, but it runs on `{}`",
                            self.node.name,
                            input.display_name,
                            input.connection,
                            self.adapter.connection()
                        ),
                    )
                    .help("put what the statement reads into a model on this connection, and read that model instead"),
                ));
            }
            native.insert(parts, input.relation.render());
        }
        if native.is_empty() {
            return Ok(sql.to_owned());
        }
        rename_relations(sql, dialect, &native).map_err(|error| -> BridgeError { Box::new(error) })
    }
}

fn word_response(word: &str) -> QueryResult {
    let response = AdapterResponse { message: word.to_owned(), code: word.to_owned(), rows_affected: None };
    QueryResult { response, rows: None }
}

/// A session; a connection that cannot be reached at once is tried again, since nothing has been done yet.
pub(crate) async fn open_session(
    adapter: &dyn Adapter,
    cancel: &CancellationToken,
) -> Result<Box<dyn Session>, AdapterError> {
    let mut waits = [Duration::from_millis(300), Duration::from_millis(1200)].into_iter();
    loop {
        match adapter.session().await {
            Err(error) if error.is_retryable() && !cancel.is_cancelled() => match waits.next() {
                Some(wait) => {
                    tracing::debug!(%error, "no session yet; trying again");
                    tokio::time::sleep(wait).await;
                }
                None => return Err(error),
            },
            result => return result,
        }
    }
}

impl Bridge for NodeBridge {
    fn adapter_type(&self) -> &str {
        self.adapter.adapter_type()
    }

    fn dialect(&self) -> &'static Dialect {
        self.adapter.dialect()
    }

    fn connection(&self) -> &str {
        self.adapter.connection()
    }

    fn resolve_ref(&self, request: &RefRequest) -> Result<Relation, BridgeError> {
        if let Some(inputs) = self.unit_inputs.get() {
            let relation = inputs.resolve_ref(&self.run, &self.node, request);
            return relation.map_err(|error| -> BridgeError { Box::new(error) });
        }
        let found = self.run.resolve_ref(&self.node, request).map_err(|error| -> BridgeError { Box::new(error) })?;
        if found.is_ephemeral() {
            let mut noted = lock(&self.noted);
            if !noted.ephemerals.contains(&found.unique_id) {
                noted.ephemerals.push(found.unique_id.clone());
            }
            return Ok(Relation::cte(&found.alias));
        }
        let deferred = self.run.deferred(found).map_err(|error| -> BridgeError { Box::new(error.into_first()) })?;
        let relation = deferred.unwrap_or_else(|| found.relation());
        Ok(self.written(&Input { connection: relation.connection.clone(), relation, display_name: show_ref(request) }))
    }

    fn resolve_function(&self, request: &RefRequest) -> Result<Relation, BridgeError> {
        self.run
            .resolve_function(&self.node, self.adapter.connection(), request)
            .map_err(|error| -> BridgeError { Box::new(error) })
    }

    fn resolve_source(&self, source_name: &str, table_name: &str) -> Result<Relation, BridgeError> {
        if let Some(inputs) = self.unit_inputs.get() {
            let relation = inputs.resolve_source(&self.run, &self.node, source_name, table_name);
            return relation.map_err(|error| -> BridgeError { Box::new(error) });
        }
        let input = self
            .run
            .resolve_source(&self.node, source_name, table_name)
            .map_err(|error| -> BridgeError { Box::new(error) })?;
        Ok(self.written(&input))
    }

    fn ref_event_time(&self, request: &RefRequest) -> Option<EventTimeFilter> {
        let found = self.run.resolve_ref(&self.node, request).ok()?;
        let mut input = EventTimeInput::new(&found.config, &found.columns, None, self.adapter.dialect());
        input.is_time = self.is_time_elsewhere(&found.connection, &found.relation(), &input);
        self.run.event_time_filter(&self.node, self.batch(), &input)
    }

    fn source_event_time(&self, source_name: &str, table_name: &str) -> Option<EventTimeFilter> {
        let source = self.run.find_source(&self.node, source_name, table_name)?;
        let dialect = self.adapter.dialect();
        let mut input = EventTimeInput::new(&source.config, &source.columns, source.quoting.column, dialect);
        input.is_time = self.is_time_elsewhere(&source.connection, &source.relation(), &input);
        self.run.event_time_filter(&self.node, self.batch(), &input)
    }

    fn reads_inputs_whole(&self) -> bool {
        self.unit_inputs.get().is_some()
    }

    fn write_file(&self, path: &str, text: &str) -> Result<(), BridgeError> {
        let path = self.run.project().config.project.root.join(path);
        dvt_manifest::write_atomically(&path, text.as_bytes()).map_err(|error| -> BridgeError { Box::new(error) })
    }

    /// A contract compares families of types: what stands in brackets is the table's to enforce.
    fn describe_query(&self, sql: &str) -> Result<Vec<(String, String)>, BridgeError> {
        let refused = |error: AdapterError| -> BridgeError { Box::new(StatementError { error, sql: sql.to_owned() }) };
        let dialect = self.adapter.dialect();
        // A `sql_header` stands before the query: it takes effect on the node's own session.
        let statements = split_statements(sql, dialect);
        let (query, header) = match statements.split_last() {
            Some((query, header)) => (query.text, header),
            None => (sql, Default::default()),
        };
        for statement in header {
            self.run_statement(statement.text, false, Fetch::None)?;
        }
        // A session of its own would see nothing of the node's transaction, and could wait for it without end.
        let handle = self.run.handle();
        let within = match &mut lock(&self.session).session {
            Some(session) => handle.block_on(session.describe_query(query)).map_err(refused)?,
            None => None,
        };
        let columns = match within {
            Some(columns) => columns,
            None => handle.block_on(self.adapter.describe_query(query)).map_err(refused)?,
        };
        let type_name = |native: &str| match dialect.name {
            "postgres" => postgres_contract_type(native),
            _ => contract_type(native),
        };
        Ok(columns.into_iter().map(|column| (column.name, type_name(&column.native_type))).collect())
    }

    fn execute(&self, sql: &str, options: ExecuteOptions) -> Result<Executed, BridgeError> {
        let fetch = match (options.fetch, options.limit) {
            (false, _) => Fetch::None,
            (true, None) => Fetch::All,
            (true, Some(limit)) => Fetch::Limit(limit),
        };
        if self.crosses() {
            let sql = self.sql_while_crossing(sql)?;
            return self.run_statement(&sql, options.auto_begin, fetch);
        }
        self.run_statement(sql, options.auto_begin, fetch)
    }

    fn begin(&self) -> Result<(), BridgeError> {
        self.run_statement("begin", false, Fetch::None).map(drop)
    }

    fn commit(&self) -> Result<(), BridgeError> {
        {
            let mut slot = lock(&self.session);
            if slot.session.is_none() {
                slot.commits_at_once = true;
                return Ok(());
            }
        }
        self.run_statement("commit", false, Fetch::None)?;
        if self.commit_ends_node() {
            let entry = Entry::Committed { unique_id: self.node.unique_id.clone() };
            // The node's end is written too, and that failure is told.
            if let Err(error) = self.run.record(&entry) {
                tracing::warn!(%error, "a commit could not be noted");
            }
        }
        Ok(())
    }

    fn rollback(&self) -> Result<(), BridgeError> {
        if lock(&self.session).session.is_none() {
            return Ok(());
        }
        self.run_statement("rollback", false, Fetch::None).map(drop)
    }

    fn cached_relations(&self, database: Option<&str>, schema: &str) -> Option<Vec<Relation>> {
        let known = self.cache.relations(database, schema);
        if known.is_none() {
            let key = (database.map(str::to_owned), schema.to_owned());
            lock(&self.noted).reading.insert(key, self.cache.state(database, schema));
        }
        known
    }

    fn cached_relation(&self, database: Option<&str>, schema: &str, identifier: &str) -> Option<Option<Relation>> {
        let found = self.cache.relation(database, schema, identifier)?;
        // The cache knows names as the engine compares them; here the letters count on most engines.
        let is_same = |relation: &Relation| {
            relation.identifier.as_deref() == Some(identifier) || finds_in_any_case(self.adapter.adapter_type())
        };
        Some(found.filter(is_same))
    }

    fn cache_schema(&self, database: Option<&str>, schema: &str, relations: Vec<Relation>) {
        let key = (database.map(str::to_owned), schema.to_owned());
        let state = lock(&self.noted).reading.remove(&key);
        let state = state.unwrap_or_else(|| self.cache.state(database, schema));
        self.cache.set(database, schema, relations, state);
    }

    fn cache_added(&self, relation: &Relation) {
        self.changed_cache.store(true, Ordering::Relaxed);
        self.cache.added(relation);
    }

    fn cache_dropped(&self, relation: &Relation) {
        self.changed_cache.store(true, Ordering::Relaxed);
        lock(&self.noted).gone.push(relation.clone());
        self.cache.dropped(relation);
    }

    fn asks_for_links(&self) -> bool {
        self.adapter.adapter_type() == "postgres" && self.cache.asks_for_links()
    }

    fn cache_links(&self, links: Vec<((String, String), (String, String))>) {
        self.cache.set_links(links);
    }

    fn cache_renamed(&self, from: &Relation, to: &Relation) {
        self.changed_cache.store(true, Ordering::Relaxed);
        lock(&self.noted).gone.push(from.clone());
        self.cache.renamed(from, to);
    }

    fn cache_schema_dropped(&self, database: Option<&str>, schema: &str) {
        self.cache.schema_dropped(database, schema);
    }

    fn log(&self, message: &str, info: bool) {
        let kind = if info { kinds::JINJA_LOG_INFO } else { kinds::JINJA_LOG_DEBUG };
        self.run.settings().events.fire(Event::new(kind, message).node(node_info(&self.node, "executing")));
    }

    fn print(&self, message: &str) {
        self.run.reporter().line(LineLevel::Print, message);
    }

    fn warn(&self, message: &str) -> Result<(), BridgeError> {
        let event = Event::new(kinds::JINJA_LOG_WARNING, message).node(node_info(&self.node, "executing"));
        self.run.settings().events.warn_or_error(event).map_err(|error| error.label(self.node.span.clone(), ""))?;
        Ok(())
    }

    fn seed_table(&self) -> Result<Table, BridgeError> {
        match &*lock(&self.seed) {
            // The rows go through `load_seed_rows`; only a macro of the user's own may want to see them all.
            Some(seed) => {
                let wants_rows = seed.file.rows <= SEED_ROWS_SHOWN || self.run.has_own_seed_macros();
                table_of_seed(&seed.file, wants_rows && !self.run.flag("EMPTY", false))
            }
            None => Ok(Table::default()),
        }
    }

    fn load_seed_rows(&self, relation: &Relation, columns: &[SeedColumn]) -> Result<u64, BridgeError> {
        let mut seed = lock(&self.seed);
        let Some(seed) = seed.as_mut() else {
            return Err(Box::new(Diagnostic::error("not-a-seed", format!("`{}` has no rows to load", self.node.name))));
        };
        let dialect = self.adapter.dialect();
        // These engines convert on assignment and have no cast to most of their column types.
        let converts = matches!(dialect.name, "mysql" | "mariadb" | "sqlite");
        let is_quoted = self.node.config.boolean("quote_columns").unwrap_or(true);
        let (mut names, mut values, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for (index, column) in columns.iter().enumerate() {
            let source = seed
                .file
                .columns
                .iter()
                .find(|source| source.name == column.name)
                .or_else(|| seed.file.columns.get(index))
                .ok_or_else(|| -> BridgeError {
                    Box::new(Diagnostic::error("unknown-column", format!("the seed has no column `{}`", column.name)))
                })?;
            names.push(if is_quoted { dialect.quote_identifier(&column.name) } else { column.name.clone() });
            let value = dialect.quote_identifier(&source.name);
            fields.push(source.name.clone());
            values.push(if converts || source.column_type.is_none() {
                value
            } else {
                format!("cast({value} as {})", cast_type(&column.column_type, dialect.name))
            });
        }
        let landing = match &mut seed.rows {
            SeedRows::Landed(landing) => landing.render(),
            SeedRows::Stream { rows, schema } => {
                let rows = rows.take().ok_or_else(|| -> BridgeError {
                    Box::new(Diagnostic::error("not-a-seed", format!("`{}` has been loaded already", self.node.name)))
                })?;
                return self.append_rows(relation, names, &fields, schema, rows);
            }
        };
        let sql =
            format!("insert into {relation} ({})\nselect {}\nfrom {landing}", names.join(", "), values.join(", "),);
        let executed = self.run_statement(&sql, true, Fetch::None)?;
        Ok(executed.response.rows_affected.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(seed.file.rows))
    }

    fn write_node_file(&self, payload: &str) -> Result<(), BridgeError> {
        lock(&self.noted).has_main = true;
        let written = match self.batch() {
            Some(batch) => write_batch(&self.run, &self.node, "run", &batch.name(), payload),
            None => write_below(&self.run, "run", &self.node, payload),
        };
        written.map_err(|error| -> BridgeError {
            match error.diagnostics.into_iter().next() {
                Some(diagnostic) => Box::new(diagnostic),
                None => "the file could not be written".into(),
            }
        })
    }

    fn doc(&self, package: Option<&str>, name: &str) -> Result<Option<String>, BridgeError> {
        let docs = &self.run.project().manifest.docs;
        let root = self.run.project().manifest.metadata.project_name.as_str();
        let packages = match package {
            Some(package) => vec![package],
            None => vec![self.node.package_name.as_str(), root],
        };
        Ok(packages
            .into_iter()
            .find_map(|package| docs.values().find(|doc| doc.package_name == package && doc.name == name))
            .or_else(|| docs.values().find(|doc| package.is_none() && doc.name == name))
            .map(|doc| doc.block_contents.clone()))
    }

    fn graph(&self) -> Arc<Json> {
        self.run.graph_json()
    }

    fn project_config(&self) -> Arc<Json> {
        self.run.project_config()
    }
}

/// The same in the words of dbt's PostgreSQL driver, which tools and warnings show.
fn postgres_contract_type(native_type: &str) -> String {
    let (bare, suffix) = match native_type.strip_suffix("[]") {
        Some(element) => (element, "ARRAY"),
        None => (native_type, ""),
    };
    let bare = match (bare.find('('), bare.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", bare[..open].trim_end(), &bare[close + 1..])
        }
        _ => bare.to_owned(),
    };
    let word = match bare.as_str() {
        "smallint" | "integer" => "INTEGER",
        "bigint" => "LONGINTEGER",
        "real" | "double precision" => "FLOAT",
        "numeric" => "DECIMAL",
        "boolean" => "BOOLEAN",
        // One text is dbt's TEXT, an array of them the driver's STRINGARRAY.
        "text" | "character varying" | "character" | "name" | "\"char\"" if suffix.is_empty() => "TEXT",
        "text" | "character varying" | "character" | "name" | "\"char\"" => "STRING",
        "timestamp without time zone" => "DATETIME",
        "timestamp with time zone" => "DATETIMETZ",
        "time without time zone" | "time with time zone" => "TIME",
        "date" => "DATE",
        "interval" => "INTERVAL",
        "bytea" => "BINARY",
        "json" => "JSON",
        "jsonb" => "JSONB",
        _ => return native_type.to_owned(),
    };
    format!("{word}{suffix}")
}

/// The family that a contract compares, as dbt's drivers name types: lengths and precisions do not count, nor the width of
/// a text, a small integer or a float. `numeric(10,2)` is `numeric`, `character varying(20)` is `text`.
fn contract_type(native_type: &str) -> String {
    let bare = match (native_type.find('('), native_type.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", native_type[..open].trim_end(), &native_type[close + 1..])
        }
        _ => native_type.to_owned(),
    };
    match bare.to_lowercase().as_str() {
        "character varying" | "character" | "bpchar" | "name" | "varchar" | "char" | "text" | "tinytext"
        | "mediumtext" | "longtext" => "text".to_owned(),
        "smallint" | "integer" => "integer".to_owned(),
        "real" | "double precision" => "float".to_owned(),
        other => other.to_owned(),
    }
}
