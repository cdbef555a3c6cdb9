//! Functions that stand for a table become lists whose elements are rows.

use super::place_of;
use super::tree::{call, cast_to, is_named, number};
use crate::error::PlanError;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, SelectItem, SetExpr, Statement, TableAlias,
    TableAliasColumnDef, TableFactor, VisitMut, VisitorMut,
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

fn list_of(name: &ObjectName) -> Option<(&'static str, Option<&'static str>, &'static str)> {
    LISTS.into_iter().find(|(known, ..)| is_named(name, known))
}

/// `generate_series(…)` as a table becomes the elements of a list; `unnest` of a list is that already.
fn series(factor: &TableFactor) -> Option<TableFactor> {
    let plain = |arguments: &[FunctionArg]| {
        let exprs = arguments.iter().map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        });
        exprs.collect::<Option<Vec<_>>>()
    };
    let (known, arguments, alias, is_numbered) = match factor {
        TableFactor::Table { name, alias, args: Some(arguments), with_ordinality, .. } => {
            (list_of(name)?, plain(&arguments.args)?, alias, *with_ordinality)
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            (list_of(name)?, plain(args)?, alias, *with_ordinality)
        }
        TableFactor::UNNEST { array_exprs, alias, with_offset: false, with_ordinality: true, .. } => {
            (("unnest", None, "unnest"), array_exprs.clone(), alias, true)
        }
        _ => return None,
    };
    // The function that gives the rows as a list, and the name of the column that it makes.
    let (name, function, column) = known;
    if name != "generate_series" && arguments.len() != 1 {
        return None;
    }
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
    if is_numbered && alias.columns.len() == 1 {
        alias.columns.push(TableAliasColumnDef { name: Ident::new("ordinality"), data_type: None });
    }
    let mut lists = function.map_or_else(|| arguments.clone(), |function| vec![call(function, arguments.clone())]);
    if is_numbered {
        let big = |expr: Expr| cast_to(expr, DataType::BigInt(None));
        let count = call("cardinality", vec![lists.first()?.clone()]);
        lists.push(call("dvt_series", vec![big(*number(1)), big(count)]));
    }
    let elements = |alias: TableAlias| TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs: lists.clone(),
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    };
    let Some(typed) = typed else { return Some(elements(alias)) };
    // An element keeps the type of its array, which a row of the list does not.
    let parser = PostgreSqlDialect {};
    let columns = if is_numbered { ["dvt_value", "dvt_number"].as_slice() } else { ["dvt_value"].as_slice() };
    let sql = format!("SELECT {} FROM a", columns.join(", "));
    let mut query = Parser::new(&parser).try_with_sql(&sql).ok()?.parse_query().ok()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let [SelectItem::UnnamedExpr(value), ..] = select.projection.as_mut_slice() else { return None };
    let columns = columns.iter().map(|name| TableAliasColumnDef { name: Ident::new(*name), data_type: None }).collect();
    let inner = TableAlias { explicit: true, name: Ident::new("dvt_elements"), columns, at: None };
    *value = call(typed, vec![value.clone()]);
    select.from.first_mut()?.relation = elements(inner);
    Some(TableFactor::Derived { lateral: true, subquery: query, alias: Some(alias), sample: None })
}
