//! The few calls that templates make to the outside: names, the database, the relation cache, log lines.
//!
//! The runner implements [`Bridge`] for runs and `compile`; [`ParseBridge`] serves the parse phase, where dbt answers
//! every such call with a default. All methods are called on the thread that renders, which may block.

use crate::{Dict, Table, Value};
use chrono::{DateTime, Utc};
use dvt_diagnostics::EventKind;
use dvt_manifest::Relation;
use dvt_sql::Dialect;
use serde_json::{Map, Value as Json};
use std::error::Error;
use std::sync::Arc;

/// An error from outside. It travels through the templates untouched and comes back in
/// [`RenderError::into_bridge_error`](crate::RenderError::into_bridge_error), so that the caller can downcast it.
pub type BridgeError = Box<dyn Error + Send + Sync>;

/// What a template's `ref(...)` asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefRequest {
    pub package: Option<String>,
    pub name: String,
    /// As text: `1` and `"1"` are the same version.
    pub version: Option<String>,
}

/// The time of which an input's rows are wanted: `--sample`, or the batch of a microbatch model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTimeFilter {
    /// The input's `event_time` as SQL writes it.
    pub field_name: String,
    /// Inclusive.
    pub start: Option<DateTime<Utc>>,
    /// Exclusive.
    pub end: Option<DateTime<Utc>>,
    /// Whether the engine's times have no zone, so that a text with one would not compare as a time.
    pub is_zoneless: bool,
}

impl EventTimeFilter {
    /// The condition as dbt writes it; empty without bounds.
    pub(crate) fn condition(&self) -> String {
        let field = &self.field_name;
        let text = |time: DateTime<Utc>| match self.is_zoneless {
            true => Value::datetime(time.naive_utc()).to_string(),
            false => Value::datetime_utc(time).to_string(),
        };
        let start = self.start.map(|start| format!("{field} >= '{}'", text(start)));
        let end = self.end.map(|end| format!("{field} < '{}'", text(end)));
        [start, end].into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }

    /// The filter as templates see it.
    pub(crate) fn to_value(&self) -> Value {
        let time = |time: Option<DateTime<Utc>>| time.map_or(Value::None, Value::datetime_utc);
        let mut dict = Dict::new();
        dict.set("field_name", self.field_name.as_str());
        dict.set("start", time(self.start));
        dict.set("end", time(self.end));
        Value::dict(dict)
    }
}

/// How `adapter.execute` and `statement` want a statement to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecuteOptions {
    /// Start a transaction first, if none is open.
    pub auto_begin: bool,
    /// Whether the rows of the last result are wanted.
    pub fetch: bool,
    /// At most this many rows.
    pub limit: Option<usize>,
}

/// dbt's adapter response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementResponse {
    /// What dbt prints behind OK: `SELECT 10`.
    pub message: String,
    pub code: Option<String>,
    pub rows_affected: Option<i64>,
    /// More keys of `adapter_response`.
    pub extra: Map<String, Json>,
}

/// What a statement answered.
#[derive(Clone, Debug, Default)]
pub struct Executed {
    pub response: StatementResponse,
    /// The rows, when they were asked for.
    pub table: Option<Table>,
}

/// One column of a seed's table, as it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedColumn {
    pub name: String,
    /// The engine's type text the table was created with.
    pub column_type: String,
}

/// The outside, as templates see it. Everything concerns the connection of the node that is rendered.
pub trait Bridge: Send + Sync {
    /// The adapter type of the node's connection: `postgres`, `mysql`, …; the first prefix that dispatch tries.
    fn adapter_type(&self) -> &str;

    /// How SQL is written on the node's connection.
    fn dialect(&self) -> &'static Dialect;

    /// The name of the node's connection (the profile output).
    fn connection(&self) -> &str;

    /// The relation of a model, seed or snapshot; [`Relation::cte`] for an ephemeral model. Written for the node's
    /// route: qualified by connection where the node reads across connections.
    fn resolve_ref(&self, request: &RefRequest) -> Result<Relation, BridgeError>;

    fn resolve_source(&self, source_name: &str, table_name: &str) -> Result<Relation, BridgeError>;

    /// The database's name of a function of the project.
    fn resolve_function(&self, request: &RefRequest) -> Result<Relation, BridgeError> {
        Err(format!("there is no function '{}' here", request.name).into())
    }

    /// The time of which the rows of a model, seed or snapshot are wanted.
    fn ref_event_time(&self, _request: &RefRequest) -> Option<EventTimeFilter> {
        None
    }

    /// The time of which a source's rows are wanted.
    fn source_event_time(&self, _source_name: &str, _table_name: &str) -> Option<EventTimeFilter> {
        None
    }

    /// Whether inputs are read whole, whatever the flags say: a unit test's rows are its own.
    fn reads_inputs_whole(&self) -> bool {
        false
    }

    /// Runs SQL on the node's session.
    fn execute(&self, sql: &str, options: ExecuteOptions) -> Result<Executed, BridgeError>;

    /// Starts a transaction; nothing happens if one is open.
    fn begin(&self) -> Result<(), BridgeError>;

    /// Commits the open transaction; nothing happens without one.
    fn commit(&self) -> Result<(), BridgeError>;

    fn rollback(&self) -> Result<(), BridgeError>;

    /// The cached relations of a schema, `None` when the schema has not been read yet.
    fn cached_relations(&self, database: Option<&str>, schema: &str) -> Option<Vec<Relation>>;

    /// One relation of a schema that was read: `Some(None)` when the schema has none of this name. `None` leaves the
    /// answer to [`cached_relations`](Self::cached_relations).
    fn cached_relation(&self, _database: Option<&str>, _schema: &str, _identifier: &str) -> Option<Option<Relation>> {
        None
    }

    /// Stores what a schema holds.
    fn cache_schema(&self, database: Option<&str>, schema: &str, relations: Vec<Relation>);

    fn cache_added(&self, relation: &Relation);

    fn cache_dropped(&self, relation: &Relation);

    fn cache_renamed(&self, from: &Relation, to: &Relation);

    /// Whether the cache wants to know which views read which relations: true once, when a connection's first schema is
    /// read, on engines where a drop takes them along.
    fn asks_for_links(&self) -> bool {
        false
    }

    /// Views and what they read, as (schema, name) pairs: the rows of the macro `get_relations`.
    fn cache_links(&self, _links: Vec<((String, String), (String, String))>) {}

    /// A schema was dropped with all that was in it.
    fn cache_schema_dropped(&self, database: Option<&str>, schema: &str);

    /// `log(message, info)`: to the log file, and to the screen when `info`.
    fn log(&self, message: &str, info: bool);

    /// `print(message)`: to the screen.
    fn print(&self, message: &str);

    /// `exceptions.warn(message)`. An error makes the warning an error (`--warn-error`).
    fn warn(&self, message: &str) -> Result<(), BridgeError>;

    /// A warning that dbt raises as this event.
    fn warn_as(&self, _kind: EventKind, message: &str) -> Result<(), BridgeError> {
        self.warn(message)
    }

    /// The rows of the seed that is materialized, typed as its file and `column_types` say (dbt's agate table).
    fn seed_table(&self) -> Result<Table, BridgeError>;

    /// Bulk loads the seed's rows into the table that a macro just created (or truncated), inside the node's session, so
    /// that it takes part in an open transaction where the engine can. Returns the number of rows.
    fn load_seed_rows(&self, relation: &Relation, columns: &[SeedColumn]) -> Result<u64, BridgeError>;

    /// `write(payload)`: the node's file below `target/run`.
    fn write_node_file(&self, payload: &str) -> Result<(), BridgeError>;

    /// Writes a file that a template asked for (`table.to_csv(path)`), relative to the project.
    fn write_file(&self, path: &str, _text: &str) -> Result<(), BridgeError> {
        Err(format!("templates cannot write the file '{path}' here").into())
    }

    /// The text of a docs block.
    fn doc(&self, package: Option<&str>, name: &str) -> Result<Option<String>, BridgeError>;

    /// dbt's `graph`: `nodes`, `sources`, `exposures`, … as dicts by unique_id. Asked only when a template reads it.
    fn graph(&self) -> Arc<Json>;

    /// The project's configuration, for packages that read it from `builtins.ref.config`: `project_name`, `args`, `vars`,
    /// `cli_vars`, `dependencies`, and what else dbt's `RuntimeConfig` holds. Asked for with each `ref`: it is shared.
    fn project_config(&self) -> Arc<Json> {
        Arc::default()
    }

    /// Name and type text of a query's result columns, without running it (contracts).
    fn describe_query(&self, _sql: &str) -> Result<Vec<(String, String)>, BridgeError> {
        Err(format!("the adapter '{}' cannot describe a query without running it", self.adapter_type()).into())
    }

    /// The incremental strategies that the engine carries out.
    fn incremental_strategies(&self) -> Vec<String> {
        let names: &[&str] = match self.adapter_type() {
            "postgres" | "redshift" => &["append", "delete+insert", "merge", "microbatch"],
            "mysql" | "mariadb" | "sqlite" | "duckdb" => &["append", "delete+insert", "merge", "microbatch"],
            "snowflake" => &["append", "delete+insert", "merge", "insert_overwrite", "microbatch"],
            "bigquery" => &["merge", "insert_overwrite", "microbatch"],
            "spark" => &["append", "merge", "insert_overwrite", "microbatch"],
            "databricks" => &["append", "delete+insert", "merge", "insert_overwrite", "microbatch", "replace_where"],
            "filesystem" | "s3" | "gcs" | "azure" => {
                &["append", "delete+insert", "merge", "insert_overwrite", "microbatch"]
            }
            _ => &["append", "delete+insert"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// A method of `adapter` that only this adapter type has; `None` when there is none of that name.
    fn adapter_method(
        &self,
        _name: &str,
        _positional: &[Value],
        _keyword: &Dict,
    ) -> Option<Result<Value, BridgeError>> {
        None
    }
}

/// The bridge of the parse phase: nothing is resolved, nothing is run. Names resolve to the placeholder that the
/// context's `this` is, and `log` lines are dropped, as dbt drops nothing but shows: see [`ParseBridge::take_lines`].
pub struct ParseBridge {
    connection: String,
    dialect: &'static Dialect,
    lines: std::sync::Mutex<Vec<LogLine>>,
    graph: Arc<Json>,
    docs: Option<DocLookup>,
}

/// Finds the text of a docs block by package (maybe) and name.
pub type DocLookup = Arc<dyn Fn(Option<&str>, &str) -> Option<String> + Send + Sync>;

impl std::fmt::Debug for ParseBridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParseBridge").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// A line that a template wrote while it was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLine {
    /// `log(message, info)`.
    Log {
        message: String,
        info: bool,
    },
    Print(String),
    Warning(String),
}

impl ParseBridge {
    #[must_use]
    pub fn new(connection: &str, dialect: &'static Dialect) -> Self {
        let graph = serde_json::json!({
            "nodes": {}, "sources": {}, "exposures": {}, "metrics": {}, "groups": {}, "semantic_models": {},
            "saved_queries": {}, "functions": {}, "unit_tests": {},
        });
        Self {
            connection: connection.to_owned(),
            dialect,
            lines: std::sync::Mutex::default(),
            graph: Arc::new(graph),
            docs: None,
        }
    }

    /// The same, where `doc()` finds docs blocks: for descriptions.
    #[must_use]
    pub fn with_docs(mut self, docs: DocLookup) -> Self {
        self.docs = Some(docs);
        self
    }

    /// The same bridge with lines of its own: what is written through it can be told from what others write.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            dialect: self.dialect,
            lines: std::sync::Mutex::default(),
            graph: Arc::clone(&self.graph),
            docs: self.docs.clone(),
        }
    }

    /// The lines that templates wrote since the last call.
    pub fn take_lines(&self) -> Vec<LogLine> {
        std::mem::take(&mut *crate::value::lock(&self.lines))
    }

    fn push(&self, line: LogLine) {
        crate::value::lock(&self.lines).push(line);
    }
}

impl Bridge for ParseBridge {
    fn adapter_type(&self) -> &str {
        self.dialect.name
    }

    fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    fn connection(&self) -> &str {
        &self.connection
    }

    fn resolve_ref(&self, request: &RefRequest) -> Result<Relation, BridgeError> {
        let relation = Relation::new(&self.connection, None, None, Some(&request.name));
        Ok(relation.in_dialect(self.dialect.quote, self.dialect.has_database))
    }

    fn resolve_source(&self, source_name: &str, table_name: &str) -> Result<Relation, BridgeError> {
        let relation = Relation::new(&self.connection, None, Some(source_name), Some(table_name));
        Ok(relation.in_dialect(self.dialect.quote, self.dialect.has_database))
    }

    fn execute(&self, _sql: &str, _options: ExecuteOptions) -> Result<Executed, BridgeError> {
        Ok(Executed::default())
    }

    fn begin(&self) -> Result<(), BridgeError> {
        Ok(())
    }

    fn commit(&self) -> Result<(), BridgeError> {
        Ok(())
    }

    fn rollback(&self) -> Result<(), BridgeError> {
        Ok(())
    }

    fn cached_relations(&self, _database: Option<&str>, _schema: &str) -> Option<Vec<Relation>> {
        Some(Vec::new())
    }

    fn cache_schema(&self, _database: Option<&str>, _schema: &str, _relations: Vec<Relation>) {}

    fn cache_added(&self, _relation: &Relation) {}

    fn cache_dropped(&self, _relation: &Relation) {}

    fn cache_renamed(&self, _from: &Relation, _to: &Relation) {}

    fn cache_schema_dropped(&self, _database: Option<&str>, _schema: &str) {}

    fn log(&self, message: &str, info: bool) {
        self.push(LogLine::Log { message: message.to_owned(), info });
    }

    fn print(&self, message: &str) {
        self.push(LogLine::Print(message.to_owned()));
    }

    fn warn(&self, message: &str) -> Result<(), BridgeError> {
        self.push(LogLine::Warning(message.to_owned()));
        Ok(())
    }

    fn seed_table(&self) -> Result<Table, BridgeError> {
        Ok(Table::default())
    }

    fn load_seed_rows(&self, _relation: &Relation, _columns: &[SeedColumn]) -> Result<u64, BridgeError> {
        Ok(0)
    }

    fn write_node_file(&self, _payload: &str) -> Result<(), BridgeError> {
        Ok(())
    }

    fn doc(&self, package: Option<&str>, name: &str) -> Result<Option<String>, BridgeError> {
        Ok(match &self.docs {
            Some(docs) => docs(package, name),
            None => Some(String::new()),
        })
    }

    fn graph(&self) -> Arc<Json> {
        Arc::clone(&self.graph)
    }
}
