//! Clauses that the engine's planner passes over in silence, though they change which rows there are: each is written in words
//! that it keeps, or refused by name.

use sqlparser::ast::{
    Expr, Fetch, GroupByExpr, GroupByWithModifier, LimitClause, ObjectName, Query, Select, Statement, TableFactor,
    Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// A clause of a query that has no other words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{clause} is not supported{}", place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default())]
pub struct LostClause {
    pub clause: &'static str,
    /// What to write instead, where there is anything.
    pub hint: Option<&'static str>,
    /// Line and column, from 1, where the syntax tree knows them.
    pub place: Option<(u64, u64)>,
}

/// Writes the clauses of the statement's queries so that the engine's planner keeps every one.
///
/// # Errors
/// [`LostClause`] for one that has no other words.
pub fn keep_clauses(statement: &mut Statement) -> Result<(), LostClause> {
    match statement.visit(&mut Clauses) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(lost) => Err(lost),
    }
}

struct Clauses;

/// Where a name stands.
fn place_of(name: &ObjectName) -> Option<(u64, u64)> {
    let place = name.0.first()?.as_ident()?.span.start;
    (place.line > 0).then_some((place.line, place.column))
}

fn lost(clause: &'static str) -> LostClause {
    LostClause { clause, hint: None, place: None }
}

impl VisitorMut for Clauses {
    type Break = LostClause;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<LostClause> {
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
        ControlFlow::Break(lost(clause))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<LostClause> {
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
        ControlFlow::Break(lost(clause))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<LostClause> {
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
        ControlFlow::Break(LostClause { place: name.and_then(|name| place_of(name)), ..lost(clause) })
    }
}

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`.
fn limited(query: &mut Query, fetch: Fetch) -> Result<(), LostClause> {
    if fetch.with_ties || fetch.percent {
        let clause = if fetch.percent { "FETCH … PERCENT" } else { "FETCH … WITH TIES" };
        let hint = Some("number the rows with rank() in a CTE, and choose by that number");
        return Err(LostClause { hint, ..lost(clause) });
    }
    let rows = fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into()));
    match &mut query.limit_clause {
        None => {
            query.limit_clause =
                Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        Some(_) => return Err(LostClause { hint: Some("keep one of them"), ..lost("LIMIT beside FETCH") }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BIGQUERY, DATABRICKS, Dialect, LAKE, MYSQL, POSTGRES, SNOWFLAKE};
    use sqlparser::parser::Parser;

    fn kept(sql: &str, dialect: &Dialect) -> Result<String, LostClause> {
        let mut statements = Parser::parse_sql(dialect.parser().as_ref(), sql).unwrap();
        keep_clauses(&mut statements[0]).map(|()| statements[0].to_string())
    }

    #[test]
    fn what_the_planner_would_forget_is_refused_by_name_and_place() {
        for (dialect, sql, clause) in [
            (&POSTGRES, "select 1 from a.b tablesample system (10)", "TABLESAMPLE"),
            (&POSTGRES, "select 1 from (select 1) q tablesample bernoulli (10)", "TABLESAMPLE"),
            (&POSTGRES, "select 1 from t order by a fetch first 3 rows with ties", "FETCH … WITH TIES"),
            (&POSTGRES, "select 1 from t order by a fetch first 3 percent rows only", "FETCH … PERCENT"),
            (&MYSQL, "select 1 from t partition (p0)", "PARTITION behind a table's name"),
            (&MYSQL, "select 1 from u where a in (select b from t partition (p0))", "PARTITION behind a table's name"),
            (&DATABRICKS, "select 1 from t version as of 3", "an earlier version of a table (AS OF)"),
            (&DATABRICKS, "select 1 from t timestamp as of '2024-01-01'", "an earlier version of a table (AS OF)"),
            (&BIGQUERY, "select 1 from t for system_time as of '2024-01-01'", "an earlier version of a table (AS OF)"),
            (&SNOWFLAKE, "select 1 from t at(offset => -60)", "an earlier version of a table (AS OF)"),
            (&LAKE, "insert into u select 1 from t tablesample (10 rows)", "TABLESAMPLE"),
        ] {
            assert_eq!(kept(sql, dialect).map_err(|lost| lost.clause), Err(clause), "{sql}");
        }
        let lost = kept("select 1\nfrom t partition (p0)", &MYSQL).unwrap_err();
        assert_eq!(lost.to_string(), "PARTITION behind a table's name is not supported (line 2, column 6)");
    }

    #[test]
    fn other_words_are_found_where_there_are_some() {
        let fetch = "select a from t order by a offset 1 fetch next 2 rows only";
        assert_eq!(kept(fetch, &POSTGRES).unwrap(), "SELECT a FROM t ORDER BY a LIMIT 2 OFFSET 1");
        let rollup = "select a, count(*) from t group by a, b with rollup";
        assert_eq!(kept(rollup, &MYSQL).unwrap(), "SELECT a, count(*) FROM t GROUP BY ROLLUP (a, b)");
    }
}
