//! Clauses that the planner passes over in silence, though they change which rows there are: each is written in words that
//! it keeps, or refused by name.

use crate::error::PlanError;
use crate::syntax::place_of;
use datafusion::sql::sqlparser::ast::{
    Expr, Fetch, GroupByExpr, GroupByWithModifier, LimitClause, Query, Select, Statement, TableFactor, Value, VisitMut,
    VisitorMut,
};
use std::ops::ControlFlow;

/// Keeps every clause of the statement's queries.
///
/// # Errors
/// [`PlanError::Unsupported`] for one that has no other words.
pub(crate) fn keep_clauses(statement: &mut Statement) -> Result<(), PlanError> {
    match statement.visit(&mut Clauses) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refused) => Err(refused),
    }
}

struct Clauses;

fn refused(construct: &str, hint: &str) -> PlanError {
    PlanError::Unsupported { construct: construct.to_owned(), hint: Some(hint.to_owned()), location: None }
}

const ON_ONE_CONNECTION: &str = "use it in a model on the connection where the data lives, and read that model here";

impl VisitorMut for Clauses {
    type Break = PlanError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<PlanError> {
        if let Some(fetch) = query.fetch.take()
            && let Err(error) = limited(query, fetch)
        {
            return ControlFlow::Break(error);
        }
        let clause = match query {
            Query { for_clause: Some(_), .. } => "FOR XML or FOR JSON",
            Query { settings: Some(_), .. } => "SETTINGS",
            Query { format_clause: Some(_), .. } => "FORMAT",
            Query { order_by: Some(order), .. } if order.interpolate.is_some() => "INTERPOLATE",
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(refused(clause, ON_ONE_CONNECTION))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<PlanError> {
        if let GroupByExpr::Expressions(keys, modifiers) = &mut select.group_by
            && let [GroupByWithModifier::Rollup] = modifiers.as_slice()
        {
            modifiers.clear();
            let keys: Vec<Vec<Expr>> = std::mem::take(keys).into_iter().map(|key| vec![key]).collect();
            select.group_by = GroupByExpr::Expressions(vec![Expr::Rollup(keys)], Vec::new());
        }
        let clause = match select {
            Select { prewhere: Some(_), .. } => "PREWHERE",
            Select { exclude: Some(_), .. } => "EXCLUDE behind a select list",
            Select { value_table_mode: Some(_), .. } => "SELECT AS STRUCT or AS VALUE",
            Select { connect_by, .. } if !connect_by.is_empty() => "CONNECT BY",
            Select { group_by: GroupByExpr::Expressions(_, more) | GroupByExpr::All(more), .. } if !more.is_empty() => {
                "GROUP BY … WITH"
            }
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(refused(clause, ON_ONE_CONNECTION))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<PlanError> {
        let (clause, name) = match factor {
            TableFactor::Table { name, sample: Some(_), .. } => ("TABLESAMPLE", Some(name)),
            TableFactor::Derived { sample: Some(_), .. } => ("TABLESAMPLE", None),
            TableFactor::Table { name, version: Some(_), .. } => ("an earlier version of a table (AS OF)", Some(name)),
            TableFactor::Table { name, partitions, .. } if !partitions.is_empty() => {
                ("PARTITION behind a table's name", Some(name))
            }
            TableFactor::Table { name, json_path: Some(_), .. } => ("a path behind a table's name", Some(name)),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(PlanError::Unsupported {
            construct: clause.to_owned(),
            hint: Some(ON_ONE_CONNECTION.to_owned()),
            location: name.and_then(|name| place_of(name)),
        })
    }
}

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`.
fn limited(query: &mut Query, fetch: Fetch) -> Result<(), PlanError> {
    if fetch.with_ties || fetch.percent {
        let clause = if fetch.percent { "FETCH … PERCENT" } else { "FETCH … WITH TIES" };
        return Err(refused(clause, "number the rows with rank() in a CTE, and choose by that number"));
    }
    let rows = fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into()));
    match &mut query.limit_clause {
        None => {
            query.limit_clause =
                Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        Some(_) => return Err(refused("LIMIT beside FETCH", "keep one of them")),
    }
    Ok(())
}
