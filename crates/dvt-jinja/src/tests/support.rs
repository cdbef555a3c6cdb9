//! Helpers: a library from texts, a bridge that remembers, one-line checks.

use crate::{
    Args, Bridge, BridgeError, DispatchConfig, ExecuteOptions, Executed, Invocation, LogLine, MacroFile, MacroLibrary,
    ParseBridge, Phase, RefRequest, RenderContext, RenderError, Rendered, SeedColumn, StatementResponse, Table, Value,
    builtin_macro_files, call_macro, render,
};
use chrono::{TimeZone, Utc};
use dvt_diagnostics::{RenderStyle, SourceFile};
use dvt_manifest::{Relation, RelationKind};
use dvt_sql::{Dialect, POSTGRES};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A library with the built-in package and these files: `(package, path, text)`.
pub(super) fn library(files: &[(&str, &str, &str)]) -> MacroLibrary {
    library_with(files, DispatchConfig::default())
}

pub(super) fn library_with(files: &[(&str, &str, &str)], dispatch: DispatchConfig) -> MacroLibrary {
    let mut all = builtin_macro_files();
    all.extend(files.iter().map(|(package, path, text)| MacroFile::new(package, SourceFile::new(*path, *text))));
    match MacroLibrary::load(&all, "shop", dispatch, &["dbt_postgres"]) {
        Ok(library) => library,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

pub(super) fn invocation() -> Arc<Invocation> {
    let mut invocation = Invocation::new("6f0c", Utc.with_ymd_and_hms(2026, 11, 23, 4, 5, 6).unwrap());
    invocation.env = BTreeMap::from([("SHOP_REGION".to_owned(), "eu".to_owned())]);
    Arc::new(invocation)
}

pub(super) fn relation(identifier: &str) -> Relation {
    Relation::new("warehouse", Some("db"), Some("shop"), Some(identifier))
}

/// A context for the model `orders` of the package `shop` on PostgreSQL.
pub(super) fn context(phase: Phase) -> RenderContext {
    let mut context = RenderContext::new(phase, &invocation(), "shop", &["postgres"]);
    context.target = json!({"name": "dev", "type": "postgres", "schema": "shop", "database": "db", "threads": 4})
        .as_object()
        .cloned()
        .unwrap_or_default();
    context.node = Some(Arc::new(json!({
        "unique_id": "model.shop.orders", "name": "orders", "alias": "orders", "resource_type": "model",
        "description": "all orders", "columns": {}, "config": {"materialized": "table"}, "tags": ["a"],
    })));
    context.this = Some(relation("orders"));
    context
}

/// Renders in the run phase and gives the text.
pub(super) fn run(library: &MacroLibrary, template: &str) -> Result<String, RenderError> {
    run_with(library, &context(Phase::Run), Arc::new(Recorder::default()), template).map(|rendered| rendered.text)
}

pub(super) fn run_with(
    library: &MacroLibrary,
    context: &RenderContext,
    bridge: Arc<dyn Bridge>,
    template: &str,
) -> Result<Rendered, RenderError> {
    render(library, context, bridge, &SourceFile::new("models/orders.sql", template))
}

/// Renders in the parse phase.
pub(super) fn parse(library: &MacroLibrary, template: &str) -> Result<Rendered, RenderError> {
    let bridge = Arc::new(ParseBridge::new("warehouse", &POSTGRES));
    run_with(library, &context(Phase::Parse), bridge, template)
}

/// The template renders to this text in the run phase.
#[track_caller]
pub(super) fn check(template: &str, expected: &str) {
    check_in(&library(&[]), template, expected);
}

#[track_caller]
pub(super) fn check_in(library: &MacroLibrary, template: &str, expected: &str) {
    match run(library, template) {
        Ok(text) => assert_eq!(text, expected, "rendered from {template}"),
        Err(error) => panic!("{template}\n{}", show(&error)),
    }
}

/// The template fails in the run phase with a message that holds this text.
#[track_caller]
pub(super) fn check_error(template: &str, expected: &str) {
    match run(&library(&[]), template) {
        Ok(text) => panic!("{template} rendered to `{text}`"),
        Err(error) => assert!(error.message.contains(expected), "{template}\n{}", error.message),
    }
}

pub(super) fn show(error: &RenderError) -> String {
    dvt_diagnostics::render(&error.diagnostic(), RenderStyle::Plain)
}

pub(super) fn value_of(library: &MacroLibrary, name: &str, args: Vec<Value>) -> Result<Value, RenderError> {
    let bridge = Arc::new(Recorder::default());
    call_macro(library, &context(Phase::Run), bridge, name, Args::new(name, args)).map(|called| called.value)
}

/// A bridge over PostgreSQL that writes down what it is asked and answers with what it was told.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) events: Mutex<Vec<String>>,
    pub(super) relations: Mutex<Vec<Relation>>,
    /// Answers by a piece of the SQL.
    pub(super) answers: Vec<(&'static str, Table)>,
    pub(super) seed: Table,
    /// SQL that holds this text fails.
    pub(super) fails_on: Option<&'static str>,
}

/// The typed error that a database gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DatabaseError(pub(super) &'static str);

impl std::fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the database refused `{}`", self.0)
    }
}

impl std::error::Error for DatabaseError {}

impl Recorder {
    pub(super) fn with_relations(relations: &[(&str, RelationKind)]) -> Self {
        let relations = relations.iter().map(|(name, kind)| relation(name).with_kind(*kind)).collect();
        Self { relations: Mutex::new(relations), ..Self::default() }
    }

    pub(super) fn push(&self, event: impl Into<String>) {
        self.events.lock().unwrap().push(event.into());
    }

    /// The events, with blank space made one.
    pub(super) fn log(&self) -> String {
        let events = self.events.lock().unwrap();
        let squeeze = |event: &String| event.split_whitespace().collect::<Vec<_>>().join(" ");
        events.iter().map(squeeze).collect::<Vec<_>>().join("\n")
    }
}

impl Bridge for Recorder {
    fn adapter_type(&self) -> &str {
        "postgres"
    }

    fn dialect(&self) -> &'static Dialect {
        &POSTGRES
    }

    fn connection(&self) -> &str {
        "warehouse"
    }

    fn resolve_ref(&self, request: &RefRequest) -> Result<Relation, BridgeError> {
        if request.name == "missing" {
            return Err(Box::new(DatabaseError("missing")));
        }
        if request.name.starts_with("eph") {
            return Ok(Relation::cte(&request.name));
        }
        let version = request.version.as_ref().map(|version| format!("_v{version}")).unwrap_or_default();
        Ok(relation(&format!("{}{version}", request.name)))
    }

    fn resolve_source(&self, source_name: &str, table_name: &str) -> Result<Relation, BridgeError> {
        Ok(Relation::new("warehouse", Some("db"), Some(source_name), Some(table_name)))
    }

    fn execute(&self, sql: &str, options: ExecuteOptions) -> Result<Executed, BridgeError> {
        if let Some(text) = self.fails_on.filter(|text| sql.contains(text)) {
            return Err(Box::new(DatabaseError(text)));
        }
        self.push(format!("{}: {sql}", if options.auto_begin { "in transaction" } else { "execute" }));
        let table = self.answers.iter().find(|(text, _)| sql.contains(text)).map(|(_, table)| table.clone());
        let response = StatementResponse { message: "SELECT 2".to_owned(), ..StatementResponse::default() };
        Ok(Executed { response, table: options.fetch.then_some(table).flatten() })
    }

    fn begin(&self) -> Result<(), BridgeError> {
        self.push("begin");
        Ok(())
    }

    fn commit(&self) -> Result<(), BridgeError> {
        self.push("commit");
        Ok(())
    }

    fn rollback(&self) -> Result<(), BridgeError> {
        self.push("rollback");
        Ok(())
    }

    fn cached_relations(&self, _database: Option<&str>, schema: &str) -> Option<Vec<Relation>> {
        (schema != "unread").then(|| self.relations.lock().unwrap().clone())
    }

    fn cache_schema(&self, _database: Option<&str>, schema: &str, relations: Vec<Relation>) {
        let names: Vec<String> = relations.iter().map(|r| format!("{r} {:?}", r.kind)).collect();
        self.push(format!("cache {schema}: {}", names.join(", ")));
    }

    fn cache_added(&self, relation: &Relation) {
        self.relations.lock().unwrap().push(relation.clone());
    }

    fn cache_dropped(&self, relation: &Relation) {
        self.relations.lock().unwrap().retain(|known| known.identifier != relation.identifier);
    }

    fn cache_renamed(&self, from: &Relation, to: &Relation) {
        for known in self.relations.lock().unwrap().iter_mut() {
            if known.identifier == from.identifier {
                known.identifier.clone_from(&to.identifier);
            }
        }
    }

    fn cache_schema_dropped(&self, _database: Option<&str>, schema: &str) {
        self.push(format!("schema {schema} left the cache"));
    }

    fn log(&self, message: &str, info: bool) {
        if info {
            self.push(format!("{:?}", LogLine::Log { message: message.to_owned(), info }));
        }
    }

    fn print(&self, message: &str) {
        self.push(format!("print {message}"));
    }

    fn warn(&self, message: &str) -> Result<(), BridgeError> {
        self.push(format!("warn {message}"));
        Ok(())
    }

    fn seed_table(&self) -> Result<Table, BridgeError> {
        Ok(self.seed.clone())
    }

    fn load_seed_rows(&self, relation: &Relation, columns: &[SeedColumn]) -> Result<u64, BridgeError> {
        let columns: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.name, column.column_type)).collect();
        self.push(format!("load {relation} ({})", columns.join(", ")));
        Ok(self.seed.row_count() as u64)
    }

    fn write_node_file(&self, _payload: &str) -> Result<(), BridgeError> {
        Ok(())
    }

    fn doc(&self, _package: Option<&str>, name: &str) -> Result<Option<String>, BridgeError> {
        Ok((name == "known").then(|| "the text".to_owned()))
    }

    fn project_config(&self) -> Arc<Json> {
        Arc::new(json!({
            "project_name": "shop", "vars": {"a": 1}, "dependencies": {"utils": {"version": "1.2.0"}},
        }))
    }

    fn graph(&self) -> Arc<Json> {
        Arc::new(json!({"nodes": {"model.shop.orders": {"name": "orders"}}, "sources": {}}))
    }
}
