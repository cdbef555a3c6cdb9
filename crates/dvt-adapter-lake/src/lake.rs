//! One lake: its folder, and the SQL engine over it.

use crate::errors::Errors;
use crate::files;
use crate::information_schema;
use crate::layout::{Layout, Stored};
use crate::names::{self, Name};
use crate::now::Now;
use crate::profile::{Place, Settings};
use crate::types::LakeTypes;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    TableProvider,
};
use datafusion::common::TableReference;
use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::ViewTable;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement as PlannedStatement;
use datafusion::sql::sqlparser::ast::{Select, Statement, Visit, Visitor};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_delta::DeltaTable;
use dvt_diagnostics::did_you_mean;
use dvt_sql::keep_clauses;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

const CATALOG: &str = "lake";
/// How deep expressions and subqueries may be nested.
const PARSER_DEPTH: usize = 200;

pub(crate) struct Lake {
    pub(crate) settings: Settings,
    pub(crate) layout: Layout,
    pub(crate) errors: Errors,
    /// Whether the bucket has answered.
    is_reached: AtomicBool,
    /// Functions, rules and the memory pool: made once, shared by every statement.
    engine: OnceLock<SessionState>,
}

impl Lake {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            layout: settings.layout(),
            errors: Errors::new(&settings.connection),
            settings,
            is_reached: AtomicBool::new(false),
            engine: OnceLock::new(),
        })
    }

    /// Asks the bucket, the first time, so that one which is not there or not ours is told before anything is done.
    pub(crate) async fn check_bucket(&self) -> Result<(), AdapterError> {
        if let Place::Bucket { store, location, .. } = &self.settings.place
            && !self.is_reached.load(Ordering::Relaxed)
        {
            store.holds("").await.map_err(|error| self.errors.unreachable_bucket(location, error))?;
            self.is_reached.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn engine(&self) -> Result<&SessionState, AdapterError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let mut config = SessionConfig::new().with_default_catalog_and_schema(CATALOG, &self.settings.schema);
        let options = config.options_mut();
        options.catalog.create_default_catalog_and_schema = false;
        options.catalog.information_schema = false;
        options.sql_parser.map_string_types_to_utf8view = false;
        options.sql_parser.recursion_limit =
            ConfigNonZeroUsize::try_new(PARSER_DEPTH).map_err(|error| self.errors.query(error))?;
        options.execution.parquet.schema_force_view_types = false;
        options.execution.time_zone = Some("UTC".into());
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(self.settings.memory_limit, 1.0)
            // A table's files change from one statement to the next.
            .with_cache_manager(
                CacheManagerConfig::default().with_list_files_cache_limit(0).with_file_statistics_cache_limit(0),
            )
            .build_arc()
            .map_err(|error| self.errors.query(error))?;
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rules(dvt_delta::physical_rules())
            .with_type_planner(Arc::new(LakeTypes))
            .build();
        state.register_udf(Arc::new(ScalarUDF::from(Now::new()))).map_err(|error| self.errors.query(error))?;
        Ok(self.engine.get_or_init(|| state))
    }

    /// The statements of a text.
    ///
    /// # Errors
    /// A clause that the planner would pass over is refused by name.
    pub(crate) fn parse(&self, sql: &str) -> Result<Vec<Statement>, AdapterError> {
        let mut statements = self.parsed(sql)?;
        for statement in &mut statements {
            keep_clauses(statement).map_err(|lost| match lost.hint {
                Some(hint) => self.errors.unsupported(format_args!("{}; {hint}", lost.clause)),
                None => self.errors.unsupported(lost.clause),
            })?;
        }
        Ok(statements)
    }

    fn parsed(&self, sql: &str) -> Result<Vec<Statement>, AdapterError> {
        let dialect = dvt_sql::LAKE.parser();
        Parser::new(dialect.as_ref())
            .with_recursion_limit(PARSER_DEPTH)
            .try_with_sql(sql)
            .and_then(|mut parser| parser.parse_statements())
            .and_then(refuse_empty_selects)
            .map_err(|error| {
                let message = match &error {
                    ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.clone(),
                    ParserError::RecursionLimitExceeded => {
                        format!("the statement is nested more than {PARSER_DEPTH} levels deep")
                    }
                };
                let made = self.errors.syntax(format!("syntax error: {message}")).with_cause(error);
                match position(&message, sql) {
                    Some(position) => made.with_position(position),
                    None => made,
                }
            })
    }

    /// The only statement of a text that is to be a query.
    pub(crate) fn parse_query(&self, sql: &str) -> Result<Statement, AdapterError> {
        let mut statements = self.parse(sql)?;
        match (statements.pop(), statements.is_empty()) {
            (Some(statement @ Statement::Query(_)), true) => Ok(statement),
            (Some(_), true) => Err(self.errors.syntax("this is not a query")),
            _ => Err(self.errors.syntax("exactly one query is expected")),
        }
    }

    /// The name of a relation in a statement.
    pub(crate) fn name(&self, name: &datafusion::sql::sqlparser::ast::ObjectName) -> Result<Name, AdapterError> {
        names::relation(name, &self.settings.schema).map_err(|problem| self.errors.of(ErrorClass::Other, problem))
    }

    /// The relation, or `None`.
    pub(crate) async fn find(&self, name: &Name) -> Result<Option<Stored>, AdapterError> {
        self.layout.find(name).await.map_err(|error| self.errors.io("looking for", name, error))
    }

    /// Where a relation of this name is read from. dbt gives a source without `schema` its own name as schema; in a lake that
    /// has no such folder it means the default schema. Only reading looks there: nothing is made or dropped by this rule.
    pub(crate) async fn readable(&self, name: &Name) -> Result<Name, AdapterError> {
        let default = Name { schema: self.settings.schema.clone(), identifier: name.identifier.clone() };
        if name.schema == information_schema::SCHEMA || name.schema == default.schema {
            return Ok(name.clone());
        }
        let exists = self.layout.schema_exists(&name.schema).await;
        let exists = exists.map_err(|error| self.errors.io("looking for the schema of", name, error))?;
        if !exists && self.find(&default).await?.is_some() { Ok(default) } else { Ok(name.clone()) }
    }

    /// The relation, or an error that names a similar one.
    pub(crate) async fn find_or_missing(&self, name: &Name) -> Result<Stored, AdapterError> {
        if let Some(stored) = self.find(name).await? {
            return Ok(stored);
        }
        let error = self.errors.missing(name);
        let known = self.layout.relations(&name.schema).await.unwrap_or_default();
        Err(match did_you_mean(&name.identifier, known.keys().map(String::as_str)) {
            Some(similar) => error.with_hint(format!("did you mean `{}.{similar}`?", name.schema)),
            None => error,
        })
    }

    /// Plans a query or an EXPLAIN over the lake as it is now.
    pub(crate) async fn plan(self: &Arc<Self>, statement: Statement) -> Result<DataFrame, AdapterError> {
        let planning = self.planning()?;
        let plan = planning.plan(statement, &mut Vec::new()).await?;
        Ok(DataFrame::new(planning.state, plan))
    }

    /// A relation as DataFusion reads it.
    pub(crate) async fn provider(self: &Arc<Self>, name: &Name) -> Result<Arc<dyn TableProvider>, AdapterError> {
        self.planning()?.provider(name, &mut Vec::new()).await
    }

    /// All rows of a relation.
    pub(crate) async fn read(self: &Arc<Self>, name: &Name) -> Result<DataFrame, AdapterError> {
        let planning = self.planning()?;
        let provider = planning.provider(name, &mut Vec::new()).await?;
        let source = datafusion::datasource::provider_as_source(provider);
        let plan = datafusion::logical_expr::LogicalPlanBuilder::scan(
            TableReference::bare(name.identifier.as_str()),
            source,
            None,
        )
        .and_then(|builder| builder.build())
        .map_err(|error| self.errors.query(error))?;
        Ok(DataFrame::new(planning.state, plan))
    }

    fn planning(self: &Arc<Self>) -> Result<Planning, AdapterError> {
        let catalog = Arc::new(MemoryCatalogProvider::new());
        let catalogs = Arc::new(MemoryCatalogProviderList::new());
        catalogs.register_catalog(CATALOG.into(), Arc::<MemoryCatalogProvider>::clone(&catalog));
        let mut state =
            SessionStateBuilder::new_from_existing(self.engine()?.clone()).with_catalog_list(catalogs).build();
        state.mark_start_execution();
        Ok(Planning { lake: Arc::clone(self), catalog, state })
    }
}

/// The planning of one statement: the relations it names, looked up when they are named.
struct Planning {
    lake: Arc<Lake>,
    catalog: Arc<MemoryCatalogProvider>,
    state: SessionState,
}

impl Planning {
    /// `views` are those that are being looked into, outermost first.
    async fn plan(
        &self,
        statement: Statement,
        views: &mut Vec<Name>,
    ) -> Result<datafusion::logical_expr::LogicalPlan, AdapterError> {
        let errors = &self.lake.errors;
        let statement = PlannedStatement::Statement(Box::new(statement));
        let references = self.state.resolve_table_references(&statement).map_err(|error| errors.query(error))?;
        for reference in references {
            self.register(&reference, views).await?;
        }
        self.state.statement_to_plan(statement).await.map_err(|error| errors.query(error))
    }

    async fn register(&self, reference: &TableReference, views: &mut Vec<Name>) -> Result<(), AdapterError> {
        let errors = &self.lake.errors;
        let name = match reference {
            TableReference::Bare { table } => {
                Name { schema: self.lake.settings.schema.clone(), identifier: table.to_string() }
            }
            TableReference::Partial { schema, table } => {
                Name { schema: schema.to_string(), identifier: table.to_string() }
            }
            TableReference::Full { .. } => {
                return Err(errors.of(
                    ErrorClass::MissingRelation,
                    format!("`{reference}` has too many parts: a lake has schemas and relations, and no databases"),
                ));
            }
        };
        let schema = match self.catalog.schema(&name.schema) {
            Some(schema) => schema,
            None => {
                let schema = Arc::new(MemorySchemaProvider::new());
                self.catalog
                    .register_schema(&name.schema, Arc::<MemorySchemaProvider>::clone(&schema))
                    .map_err(|error| errors.query(error))?;
                schema
            }
        };
        if schema.table_exist(&name.identifier) {
            return Ok(());
        }
        let is_function = matches!(reference, TableReference::Bare { table }
            if self.state.table_functions().contains_key(table.as_ref()));
        let provider = match self.provider(&name, views).await {
            Ok(provider) => provider,
            Err(error) if is_function && error.class == ErrorClass::MissingRelation => return Ok(()),
            Err(error) => return Err(error),
        };
        schema.register_table(name.identifier, provider).map_err(|error| errors.query(error))?;
        Ok(())
    }

    fn provider<'a>(
        &'a self,
        name: &'a Name,
        views: &'a mut Vec<Name>,
    ) -> BoxFuture<'a, Result<Arc<dyn TableProvider>, AdapterError>> {
        async move {
            let errors = &self.lake.errors;
            if let Some(table) = information_schema::table(&self.lake, name) {
                return Ok(table);
            }
            let name = &self.lake.readable(name).await?;
            match self.lake.find_or_missing(name).await? {
                Stored::Delta(delta) => {
                    let table = DeltaTable::open(&delta.location).await.map_err(|error| errors.delta(name, error))?;
                    Ok(table.table_provider())
                }
                Stored::Files(table) => files::open(errors, &self.state, name, &table).await,
                Stored::View(view) => {
                    if views.contains(name) {
                        let mut names: Vec<String> = views.iter().map(ToString::to_string).collect();
                        names.push(name.to_string());
                        let message = format!("the view `{name}` reads itself: {}", names.join(" -> "));
                        return Err(errors.of(ErrorClass::Other, message).with_relation(name.relation()));
                    }
                    let sql = view.sql;
                    let statement = self.lake.parse_query(&sql)?;
                    views.push(name.clone());
                    let plan = self.plan(statement, views).await.map_err(|mut error| {
                        error.message = format!("in view `{name}`: {}", error.message);
                        error
                    })?;
                    views.pop();
                    Ok(Arc::new(ViewTable::new(plan, Some(sql))) as Arc<dyn TableProvider>)
                }
            }
        }
        .boxed()
    }
}

/// The parser takes `select from t`, which no engine of ours does; it is a slip, such as a column named like a keyword.
fn refuse_empty_selects(statements: Vec<Statement>) -> Result<Vec<Statement>, ParserError> {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            if select.projection.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    match statements.visit(&mut Finder) {
        ControlFlow::Break(()) => Err(ParserError::ParserError("a SELECT names no column".to_owned())),
        ControlFlow::Continue(()) => Ok(statements),
    }
}

/// The byte offset that a parser's message tells as line and column.
fn position(message: &str, sql: &str) -> Option<usize> {
    let (_, rest) = message.rsplit_once("Line: ")?;
    let (line, column) = rest.split_once(", Column: ")?;
    let line: usize = line.trim().parse().ok()?;
    let column: usize = column.trim().parse().ok()?;
    let mut offset = 0;
    for (index, text) in sql.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            let within = text.char_indices().nth(column.checked_sub(1)?).map_or(text.len(), |(index, _)| index);
            return Some(offset + within);
        }
        offset += text.len();
    }
    None
}
