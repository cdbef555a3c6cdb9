//! Which relations a query reads, and the same query with other names for them.

use crate::bind::{identifier_name, parse_query, swapped_case};
use crate::error::PlanError;
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as ParserStatement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{ObjectName, TableFactor, Visit, VisitMut, Visitor, VisitorMut};
use dvt_sql::{Dialect, IdentifierCase};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The names of the relations that the query reads, each as its parts (without quotes, folded as the dialect folds);
/// common table expressions are not among them, by scope. Sorted, each once.
///
/// # Errors
/// [`PlanError::Syntax`] and [`PlanError::NotAQuery`].
pub fn relations_read(sql: &str, dialect: &'static Dialect) -> Result<Vec<Vec<String>>, PlanError> {
    let mut statement = parse_query(sql, dialect)?;
    let _: ControlFlow<()> = VisitMut::visit(&mut statement, &mut FunctionsAside);
    let (relations, _) = resolve_table_references(&ParserStatement::Statement(Box::new(statement)), true)
        .map_err(|error| PlanError::Invalid { message: error.strip_backtrace(), location: None })?;
    let mut names: Vec<Vec<String>> = relations.iter().map(|table| table_parts(table, dialect)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The author's own text with each relation of `names` (parts as [`relations_read`] gives them) replaced by its new,
/// ready quoted name. The names' places come from the syntax tree; everything else stays byte for byte.
///
/// # Errors
/// [`PlanError::Syntax`] and [`PlanError::NotAQuery`].
pub fn rename_relations(
    sql: &str,
    dialect: &'static Dialect,
    names: &BTreeMap<Vec<String>, String>,
) -> Result<String, PlanError> {
    let statement = parse_query(sql, dialect)?;
    let mut finder = Finder { dialect, names, found: Vec::new() };
    let _: ControlFlow<()> = statement.visit(&mut finder);
    finder.found.sort_by_key(|(start, _, _)| *start);
    let mut renamed = String::with_capacity(sql.len());
    let mut copied = 0;
    for (start, end, name) in finder.found {
        let (Some(start), Some(end)) = (offset(sql, start), offset(sql, end)) else { continue };
        if start < copied {
            continue;
        }
        renamed.push_str(&sql[copied..start]);
        renamed.push_str(&name);
        copied = end;
    }
    renamed.push_str(&sql[copied..]);
    Ok(renamed)
}

/// Calls that stand for a table, `generate_series(1, 3)`, are no relations.
struct FunctionsAside;

impl VisitorMut for FunctionsAside {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: Some(arguments), with_ordinality, .. } = factor {
            *factor = TableFactor::Function {
                lateral: false,
                name: name.clone(),
                args: std::mem::take(&mut arguments.args),
                with_ordinality: *with_ordinality,
                alias: alias.take(),
            };
        }
        ControlFlow::Continue(())
    }
}

type Position = (u64, u64);

struct Finder<'a> {
    dialect: &'static Dialect,
    names: &'a BTreeMap<Vec<String>, String>,
    found: Vec<(Position, Position, String)>,
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts: Option<Vec<_>> = relation.0.iter().map(|part| part.as_ident()).collect();
        if let Some(parts) = parts
            && let (Some(first), Some(last)) = (parts.first(), parts.last())
        {
            let key: Vec<String> = parts.iter().map(|part| identifier_name(part, self.dialect)).collect();
            if let Some(name) = self.names.get(&key) {
                let start = (first.span.start.line, first.span.start.column);
                let end = (last.span.end.line, last.span.end.column);
                self.found.push((start, end, name.clone()));
            }
        }
        ControlFlow::Continue(())
    }
}

fn table_parts(table: &TableReference, dialect: &Dialect) -> Vec<String> {
    let parts = table.to_vec();
    match dialect.unquoted {
        // In the tree their case is the other way round.
        IdentifierCase::FoldsUpper => parts.iter().map(|part| swapped_case(part)).collect(),
        IdentifierCase::FoldsLower | IdentifierCase::Insensitive => parts,
    }
}

/// The byte offset of a line and column counted from 1.
fn offset(text: &str, (line, column): Position) -> Option<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let rest = text.get(start..)?;
    let characters = usize::try_from(column).ok()?.checked_sub(1)?;
    Some(start + rest.char_indices().nth(characters).map_or(rest.len(), |(at, _)| at))
}
