//! What templates may ask of the outside of a node, as `dvt-jinja` declares it.

use super::contract_types::{contract_type, postgres_contract_type};
use super::{NodeBridge, lock};
use crate::compile::{write_batch, write_below};
use crate::failure::StatementError;
use crate::inputs::{Input, show_ref};
use crate::microbatch::EventTimeInput;
use crate::reporter::{LineLevel, node_info};
use dvt_adapter::{AdapterError, Fetch};
use dvt_diagnostics::{Diagnostic, Event, EventKind, kinds};
use dvt_federation::{relations_read, rename_relations};
use dvt_jinja::{
    Bridge, BridgeError, EventTimeFilter, ExecuteOptions, Executed, RefRequest, SeedColumn, Table, finds_in_any_case,
};
use dvt_manifest::{Node, Relation, compare_versions, version_text};
use dvt_sql::{Dialect, split_statements};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
        if request.version.is_none() {
            self.tell_of_newer_version(found);
        }
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
        if let (Some(location), true) = (&input.relation.external, self.crosses()) {
            let shown = &input.display_name;
            let refused = Diagnostic::error(
                "external-location",
                format!("{shown} is a file that only `{}` reads, and this model is not made there", input.connection),
            )
            .note(format!("its external_location is {location}"))
            .help(format!(
                "make a model on `{}` with `select * from {{{{ {shown} }}}}`, a view will do, and read that one here",
                input.connection
            ));
            return Err(Box::new(refused));
        }
        Ok(self.written(&input))
    }

    fn ref_event_time(&self, request: &RefRequest) -> Option<EventTimeFilter> {
        let found = self.run.resolve_ref(&self.node, request).ok()?;
        let input = EventTimeInput::new(&found.config, &found.columns, None, self.adapter.dialect());
        self.run.event_time_filter(&self.node, self.batch(), &input)
    }

    fn source_event_time(&self, source_name: &str, table_name: &str) -> Option<EventTimeFilter> {
        let source = self.run.find_source(&self.node, source_name, table_name)?;
        let dialect = self.adapter.dialect();
        let input = EventTimeInput::new(&source.config, &source.columns, source.quoting.column, dialect);
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
        self.commit_session()
    }

    fn rollback(&self) -> Result<(), BridgeError> {
        self.roll_back_session()
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
        matches!(self.adapter.adapter_type(), "postgres" | "redshift") && self.cache.asks_for_links()
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
        self.run.settings().events.warn_or_error(event).map_err(|mut error| {
            // For dbt this is a mistake in the template.
            error.id = "warning-in-template";
            error.label(self.node.span.clone(), "")
        })?;
        Ok(())
    }
    fn warn_as(&self, kind: EventKind, message: &str) -> Result<(), BridgeError> {
        let event = Event::new(kind, message).node(node_info(&self.node, "executing"));
        self.run.settings().events.warn_or_error(event).map_err(|error| error.label(self.node.span.clone(), ""))?;
        Ok(())
    }

    fn seed_table(&self) -> Result<Table, BridgeError> {
        self.rows_of_seed()
    }

    fn load_seed_rows(&self, relation: &Relation, columns: &[SeedColumn]) -> Result<u64, BridgeError> {
        self.insert_seed_rows(relation, columns)
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

impl NodeBridge {
    /// Says, as dbt does, that a `ref` without a version means the latest one, though there is a newer one.
    fn tell_of_newer_version(&self, found: &Node) {
        let (Some(version), Some(latest)) = (&found.version, &found.latest_version) else { return };
        let nodes = self.run.project().manifest.nodes.values().filter(|node| node.name == found.name);
        let newest = nodes.filter_map(|node| node.version.as_ref()).max_by(|left, right| compare_versions(left, right));
        let Some(newest) = newest.filter(|newest| compare_versions(newest, latest).is_gt()) else { return };
        let (own, package, name) = (&self.node.name, &found.package_name, &found.name);
        let (version, newest) = (version_text(version), version_text(newest));
        let message = format!(
            "While compiling '{own}':\nFound an unpinned reference to versioned model '{name}' in project '{package}'.\n\
             Resolving to latest version: {name}.v{version}\nA prerelease version {newest} is available. It has not yet \
             been marked 'latest' by its maintainer.\nWhen that happens, this reference will resolve to {name}.v{newest} \
             instead.\n\n  Try out v{newest}: {{{{ ref('{package}', '{name}', v='{newest}') }}}}\n  \
             Pin to  v{version}: {{{{ ref('{package}', '{name}', v='{version}') }}}}\n"
        );
        let event = Event::new(kinds::UNPINNED_REF_NEW_VERSION_AVAILABLE, message)
            .node(node_info(&self.node, "executing"))
            .with("ref_node_name", name.as_str())
            .with("ref_node_package", package.as_str())
            .with("ref_node_version", version)
            .with("ref_max_version", newest);
        self.run.settings().events.fire(event);
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
