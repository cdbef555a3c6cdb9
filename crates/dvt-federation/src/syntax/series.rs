//! Functions that stand for a table become lists whose elements are rows.

use super::place_of;
use super::tree::{call, is_named};
use crate::error::PlanError;
use datafusion::sql::sqlparser::ast::{
    FunctionArg, FunctionArgExpr, Ident, SelectItem, SetExpr, Statement, TableAlias, TableAliasColumnDef, TableFactor,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use dvt_sql::Dialect;
use std::ops::ControlFlow;

/// Writes functions that stand for a table as lists whose elements are rows.
///
/// # Errors
/// [`PlanError::Unsupported`] for other functions in a FROM.
pub(crate) fn write_series(statement: &mut Statement, dialect: &Dialect) -> Result<(), PlanError> {
    if dialect.name == "filesystem" {
        return Ok(());
    }
    match statement.visit(&mut Series { dialect: dialect.name }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refused) => Err(refused),
    }
}

struct Series<'a> {
    dialect: &'a str,
}

impl VisitorMut for Series<'_> {
    type Break = PlanError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<PlanError> {
        if self.dialect == "postgres"
            && let Some(series) = series(factor)
        {
            *factor = series;
        }
        let (TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. }) = factor else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(PlanError::Unsupported {
            construct: format!("the function `{name}` in a FROM"),
            hint: Some("call it in a model on one connection, and read that model here".to_owned()),
            location: place_of(name),
        })
    }
}

/// Functions whose rows are the elements of a list: name, what makes the list of the arguments, and the column.
const LISTS: [(&str, Option<&str>, &str); 6] = [
    ("generate_series", Some("dvt_series"), "generate_series"),
    ("unnest", None, "unnest"),
    ("json_array_elements", Some("dvt_json_elements"), "value"),
    ("jsonb_array_elements", Some("dvt_json_elements"), "value"),
    ("json_array_elements_text", Some("dvt_json_elements_text"), "value"),
    ("jsonb_array_elements_text", Some("dvt_json_elements_text"), "value"),
];

/// `generate_series(…)` as a table becomes the elements of a list; `unnest` of a list is that already.
fn series(factor: &TableFactor) -> Option<TableFactor> {
    let (name, arguments, alias) = match factor {
        TableFactor::Table { name, alias, args: Some(arguments), with_ordinality: false, .. } => {
            (name, &arguments.args, alias)
        }
        TableFactor::Function { name, args, alias, with_ordinality: false, .. } => (name, args, alias),
        _ => return None,
    };
    // The function that gives the rows as a list, and the name of the column that it makes.
    let (name, function, column) = LISTS.into_iter().find(|(known, ..)| is_named(name, known))?;
    if name != "generate_series" && arguments.len() != 1 {
        return None;
    }
    let arguments = arguments
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()?;
    let typed = match name {
        "json_array_elements" => Some("dvt_to_json"),
        "jsonb_array_elements" => Some("dvt_to_jsonb"),
        _ => None,
    };
    // The column has the name of the table, where it has none of its own.
    let mut alias = alias.clone().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new(column),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        let name = if column == "value" { Ident::new(column) } else { alias.name.clone() };
        alias.columns.push(TableAliasColumnDef { name, data_type: None });
    }
    let elements = |alias: TableAlias| TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs: function.map_or_else(|| arguments.clone(), |function| vec![call(function, arguments.clone())]),
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    };
    let Some(typed) = typed else { return Some(elements(alias)) };
    // An element keeps the type of its array, which a row of the list does not.
    let parser = PostgreSqlDialect {};
    let mut query = Parser::new(&parser).try_with_sql("SELECT dvt_value FROM a").ok()?.parse_query().ok()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let [SelectItem::UnnamedExpr(value)] = select.projection.as_mut_slice() else { return None };
    let column = TableAliasColumnDef { name: Ident::new("dvt_value"), data_type: None };
    let inner = TableAlias { explicit: true, name: Ident::new("dvt_elements"), columns: vec![column], at: None };
    *value = call(typed, vec![value.clone()]);
    select.from.first_mut()?.relation = elements(inner);
    Some(TableFactor::Derived { lateral: true, subquery: query, alias: Some(alias), sample: None })
}
