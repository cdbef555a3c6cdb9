//! SQL text to a bound logical plan over the catalog's relations.

use crate::catalog::{CatalogRelation, ForeignTable};
use crate::error::{Location, PlanError};
use crate::functions::FunctionPack;
use crate::merged::name_merged_columns;
use crate::moments::Moments;
use crate::operators::Operators;
use crate::precedence::{bind_comparisons_of_sets_tightly, bind_is_distinct_tightly};
use crate::rows_in::write_row_tests;
use crate::sets::count_equal_rows;
use crate::subscripts::Subscripts;
use crate::syntax::{give_meaning, name_casts, write_series};
use crate::words::{construct, in_words};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result as DataFusionResult, SchemaError, TableReference, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion::sql::planner::{NullOrdering, ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::{Ident, Statement};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use dvt_sql::{Dialect, IdentifierCase, LostClause, NullOrder, keep_clauses};
use std::collections::HashSet;
use std::sync::Arc;

/// Parses one query. Unquoted identifiers of a dialect that ignores case are compared in lower case, and so are its
/// quoted ones: both become lower case here.
pub(crate) fn parse_query(sql: &str, dialect: &'static Dialect) -> Result<Statement, PlanError> {
    let syntax = |message: String| {
        let (message, location) = split_location(&message);
        PlanError::Syntax { dialect: dialect.name, message, location }
    };
    let parser = dialect.parser();
    let mut tokens = Tokenizer::new(parser.as_ref(), sql)
        .with_unescape(true)
        .tokenize_with_location()
        .map_err(|error| syntax(error.to_string()))?;
    if dialect.unquoted == IdentifierCase::Insensitive {
        for token in &mut tokens {
            if let Token::Word(word) = &mut token.token
                && word.quote_style.is_some()
            {
                word.value = word.value.to_lowercase();
            }
        }
    }
    if dialect.unquoted == IdentifierCase::FoldsUpper {
        // The binder folds what is unquoted to lower case: every name stands here with its case the other way round.
        for token in &mut tokens {
            if let Token::Word(word) = &mut token.token
                && word.quote_style.is_some()
            {
                word.value = swapped_case(&word.value);
            }
        }
    }
    let mut statements = Parser::new(parser.as_ref())
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| syntax(error.to_string()))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement @ Statement::Query(_)), true) => Ok(statement),
        (Some(_), false) => Err(PlanError::NotAQuery { found: "several statements".to_owned() }),
        (Some(other), true) => {
            let text = other.to_string();
            let word = text.split_whitespace().next().unwrap_or("another statement").to_owned();
            Err(PlanError::NotAQuery { found: format!("a {word} statement") })
        }
        (None, _) => Err(PlanError::NotAQuery { found: "empty".to_owned() }),
    }
}

/// Parses a query that is to be planned: what the planner would not understand is written in other words.
///
/// # Errors
/// [`PlanError::Unsupported`] for what has none, besides the errors of [`parse_query`].
pub(crate) fn parse_for_plan(sql: &str, dialect: &'static Dialect) -> Result<Statement, PlanError> {
    let mut statement = parse_query(sql, dialect)?;
    keep_clauses(&mut statement).map_err(refused)?;
    write_series(&mut statement, dialect)?;
    name_merged_columns(&mut statement, dialect)?;
    write_row_tests(&mut statement, dialect);
    Ok(statement)
}

fn refused(lost: LostClause) -> PlanError {
    let place =
        |(line, column): (u64, u64)| Some(Location { line: line.try_into().ok()?, column: column.try_into().ok()? });
    let hint =
        lost.hint.unwrap_or("use it in a model on the connection where the data lives, and read that model here");
    PlanError::Unsupported {
        construct: lost.clause.to_owned(),
        hint: Some(hint.to_owned()),
        location: lost.place.and_then(place),
    }
}

/// The identifiers that the query writes in quotes, as written.
pub(crate) fn quoted_names(sql: &str, dialect: &'static Dialect) -> HashSet<String> {
    let parser = dialect.parser();
    let tokens = Tokenizer::new(parser.as_ref(), sql).tokenize().unwrap_or_default();
    tokens
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) if word.quote_style.is_some() => Some(word.value),
            _ => None,
        })
        .collect()
}

/// The name with lower case for upper and upper for lower; twice is the name itself.
pub(crate) fn swapped_case(name: &str) -> String {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    name.chars().map(swap).collect()
}

/// The name an identifier stands for in comparisons.
pub(crate) fn identifier_name(identifier: &Ident, dialect: &Dialect) -> String {
    match (identifier.quote_style, dialect.unquoted) {
        (Some(_), IdentifierCase::FoldsLower) => identifier.value.clone(),
        // As it was written: in the tree its case is the other way round.
        (Some(_), IdentifierCase::FoldsUpper) => swapped_case(&identifier.value),
        (None, IdentifierCase::FoldsUpper) => identifier.value.to_uppercase(),
        _ => identifier.value.to_lowercase(),
    }
}

/// Binds the statement. The plan is not optimised; types are not yet coerced.
pub(crate) fn bind(
    mut statement: Statement,
    dialect: &'static Dialect,
    relations: Vec<ForeignTable>,
    functions: &FunctionPack,
) -> Result<LogicalPlan, PlanError> {
    bind_is_distinct_tightly(&mut statement);
    bind_comparisons_of_sets_tightly(&mut statement);
    give_meaning(&mut statement, dialect);
    let names: Vec<Vec<String>> = relations.iter().map(|table| folded_name(&table.relation, dialect)).collect();
    let known: Vec<String> = relations.iter().map(|table| table.relation.display_name.clone()).collect();
    let mut planners = SessionStateDefaults::default_expr_planners();
    if dialect.name == "postgres" {
        planners.insert(0, Arc::new(Operators));
        planners.insert(0, Arc::new(Moments));
        planners.insert(0, Arc::new(Subscripts));
    }
    let provider = Provider {
        tables: names
            .into_iter()
            .zip(relations.into_iter().map(|table| Arc::new(table) as Arc<dyn TableSource>))
            .collect(),
        functions,
        planners,
        options: planner_options(),
    };
    let options = ParserOptions::new()
        .with_parse_float_as_decimal(matches!(dialect.name, "postgres" | "redshift" | "mysql" | "mariadb" | "duckdb"))
        .with_enable_ident_normalization(true)
        .with_support_varchar_with_length(true)
        .with_map_string_types_to_utf8view(false)
        .with_collect_spans(true)
        .with_default_null_ordering(match dialect.nulls_ascending {
            // In either direction.
            NullOrder::Last if dialect.name == "duckdb" => NullOrdering::NullsLast,
            NullOrder::Last => NullOrdering::NullsMax,
            NullOrder::First => NullOrdering::NullsMin,
        });
    let planned = |statement: Statement| {
        SqlToRel::new_with_options(&provider, options).sql_statement_to_plan(statement).and_then(count_equal_rows)
    };
    let mut named = statement.clone();
    let planned = planned(statement).or_else(|error| match error.to_string() {
        // A cast has the name of what is cast.
        text if text.contains("duplicate") || text.contains("have the same name") => {
            name_casts(&mut named);
            planned(named).map_err(|_| error)
        }
        _ => Err(error),
    });
    planned.map_err(|error| explain(&error, dialect, functions, &known))
}

/// Without a zone of its own, `timestamptz` would be a timestamp.
fn planner_options() -> ConfigOptions {
    let mut options = ConfigOptions::default();
    options.execution.time_zone = Some("UTC".to_owned());
    options
}

/// How a relation's name is compared: parts in quotes keep their case, and we always quote; a dialect that ignores case
/// compares in lower case.
fn folded_name(relation: &CatalogRelation, dialect: &Dialect) -> Vec<String> {
    match dialect.unquoted {
        IdentifierCase::Insensitive => relation.sql_name.iter().map(|part| part.to_lowercase()).collect(),
        IdentifierCase::FoldsUpper => relation.sql_name.iter().map(|part| swapped_case(part)).collect(),
        _ => relation.sql_name.clone(),
    }
}

struct Provider<'a> {
    tables: Vec<(Vec<String>, Arc<dyn TableSource>)>,
    functions: &'a FunctionPack,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

impl ContextProvider for Provider<'_> {
    fn get_table_source(&self, name: TableReference) -> DataFusionResult<Arc<dyn TableSource>> {
        let parts = name.to_vec();
        match self.tables.iter().find(|(known, _)| *known == parts) {
            Some((_, source)) => Ok(Arc::clone(source)),
            None => plan_err!("{UNKNOWN_RELATION}{name}"),
        }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> DataFusionResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.functions.scalar(name)
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.functions.aggregate(name)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.functions.window(name)
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.functions.names()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Marks our own "no such relation" among the planner's errors.
const UNKNOWN_RELATION: &str = "dvt: unknown relation ";
const INVALID_FUNCTION: &str = "Invalid function '";

/// The planner's error in our terms, with its place.
pub(crate) fn explain(
    error: &DataFusionError,
    dialect: &'static Dialect,
    functions: &FunctionPack,
    known_relations: &[String],
) -> PlanError {
    let location = error.diagnostic().and_then(|diagnostic| diagnostic.span).map(|span| Location {
        line: usize::try_from(span.start.line).unwrap_or(1),
        column: usize::try_from(span.start.column).unwrap_or(1),
    });
    let mut root = error;
    loop {
        root = match root {
            DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => inner,
            DataFusionError::Shared(inner) => inner,
            DataFusionError::Collection(errors) if !errors.is_empty() => &errors[0],
            _ => break,
        };
    }
    match root {
        DataFusionError::SchemaError(schema_error, _) => match schema_error.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let relation = field.relation.as_ref().map(|relation| format!("`{}`", relation.table()));
                let known = valid_fields
                    .iter()
                    .filter(|valid| match &field.relation {
                        Some(wanted) => valid.relation.as_ref().is_some_and(|has| has.table() == wanted.table()),
                        None => true,
                    })
                    .map(|valid| valid.name.clone())
                    .collect();
                PlanError::UnknownColumn { name: field.name.clone(), relation, known, location }
            }
            SchemaError::AmbiguousReference { field } => {
                PlanError::AmbiguousColumn { name: field.name.clone(), location }
            }
            other => PlanError::Invalid { message: in_words(&other.to_string()), location },
        },
        DataFusionError::NotImplemented(message) => PlanError::Unsupported {
            construct: construct(first_line(message)).to_owned(),
            hint: Some("run the model on one connection, or write it another way".to_owned()),
            location,
        },
        DataFusionError::Plan(message) => {
            if let Some(name) = message.strip_prefix(UNKNOWN_RELATION) {
                return PlanError::UnknownRelation {
                    name: first_line(name).to_owned(),
                    known: known_relations.to_vec(),
                    location,
                };
            }
            if let Some(rest) = message.strip_prefix(INVALID_FUNCTION) {
                let name = rest.split('\'').next().unwrap_or(rest).to_owned();
                let names = functions.names();
                let suggestion =
                    dvt_diagnostics::did_you_mean(&name, names.iter().map(String::as_str)).map(str::to_owned);
                return PlanError::UnknownFunction { name, dialect: dialect.name, suggestion, location };
            }
            if message.starts_with("Correlated scalar subquery") {
                return PlanError::Unsupported {
                    construct: "a correlated subquery as a value, in this place,".to_owned(),
                    hint: Some("join the subquery, or compute it in a CTE first".to_owned()),
                    location,
                };
            }
            // What the optimiser says when it has emptied a subquery that it wanted to join.
            if message.starts_with("single expression required") {
                return PlanError::Unsupported {
                    construct: "a subquery that never has a row".to_owned(),
                    hint: Some("leave it out: its condition is always false".to_owned()),
                    location,
                };
            }
            match refused_types(message, functions) {
                Some((construct, hint)) => PlanError::Unsupported { construct, hint: Some(hint), location },
                None => PlanError::Invalid { message: in_words(first_line(message)), location },
            }
        }
        other => PlanError::Invalid { message: in_words(first_line(&other.strip_backtrace())), location },
    }
}

/// A function of ours that has no meaning for these types, as the author called it.
fn refused_types(text: &str, functions: &FunctionPack) -> Option<(String, String)> {
    let (function, rest) = text.split_once("Function '")?.1.split_once("' user-defined coercion failed with: ")?;
    let (call, _) =
        rest.strip_prefix("Error during planning: ")?.split_once(" is not supported in a query across connections")?;
    let types = in_words(call.strip_prefix(function)?);
    let name = functions.authors_name(function).unwrap_or(function);
    let hint = match types.contains("numeric") {
        true => "cast exact numbers to double precision first",
        false => "cast the arguments to types that it takes",
    };
    Some((format!("{name}{types}"), hint.to_owned()))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// sqlparser ends its messages with ` at Line: 1, Column: 7`.
fn split_location(message: &str) -> (String, Option<Location>) {
    let text = message.strip_prefix("sql parser error: ").unwrap_or(message);
    let Some((before, place)) = text.rsplit_once(" at Line: ") else { return (text.to_owned(), None) };
    let location = place.split_once(", Column: ").and_then(|(line, column)| {
        Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    });
    (before.to_owned(), location)
}
