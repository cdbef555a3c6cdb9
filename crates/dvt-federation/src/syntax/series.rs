//! Functions that stand for a table become lists whose elements are rows.

use super::place_of;
use super::tree::{arguments, call, cast_to, is_named, number};
use crate::error::PlanError;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, Ident, ObjectName, SelectItem, SetExpr, Statement,
    TableAlias, TableAliasColumnDef, TableFactor, VisitMut, VisitorMut,
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
        let is_known = self.dialect == "postgres" || (self.dialect == "duckdb" && counts_in_duckdb(factor));
        if is_known && let Some(series) = series(factor) {
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

/// A function whose rows are the elements of lists.
struct Made {
    name: &'static str,
    columns: &'static [Column],
}

struct Column {
    /// What makes the list of the arguments; none where the argument is it.
    list: Option<&'static str>,
    /// The column's name; none where it has the table's.
    name: Option<&'static str>,
    /// What gives an element the type that it has there, which a row of the list has not.
    typed: Option<&'static str>,
}

const fn of(list: &'static str) -> Column {
    Column { list: Some(list), name: None, typed: None }
}

const fn named(list: &'static str, name: &'static str, typed: Option<&'static str>) -> Column {
    Column { list: Some(list), name: Some(name), typed }
}

const MADE: [Made; 13] = [
    Made { name: "generate_series", columns: &[of("dvt_series")] },
    Made { name: "unnest", columns: &[Column { list: None, name: None, typed: None }] },
    Made { name: "string_to_table", columns: &[of("string_to_array")] },
    Made { name: "json_object_keys", columns: &[of("dvt_json_keys")] },
    Made { name: "jsonb_object_keys", columns: &[of("dvt_json_keys")] },
    Made { name: "json_array_elements", columns: &[named("dvt_json_elements", "value", Some("dvt_to_json"))] },
    Made { name: "jsonb_array_elements", columns: &[named("dvt_json_elements", "value", Some("dvt_to_jsonb"))] },
    Made { name: "json_array_elements_text", columns: &[named("dvt_json_elements_text", "value", None)] },
    Made { name: "jsonb_array_elements_text", columns: &[named("dvt_json_elements_text", "value", None)] },
    Made {
        name: "json_each",
        columns: &[named("dvt_json_keys", "key", None), named("dvt_json_values", "value", Some("dvt_to_json"))],
    },
    Made {
        name: "jsonb_each",
        columns: &[named("dvt_json_keys", "key", None), named("dvt_json_values", "value", Some("dvt_to_jsonb"))],
    },
    Made {
        name: "json_each_text",
        columns: &[named("dvt_json_keys", "key", None), named("dvt_json_values_text", "value", None)],
    },
    Made {
        name: "jsonb_each_text",
        columns: &[named("dvt_json_keys", "key", None), named("dvt_json_values_text", "value", None)],
    },
];

/// Whether this is `generate_series(1, n)` without an alias, whose column has the function's name in DuckDB too. Its numbers
/// are BIGINT whatever the arguments are.
fn counts_in_duckdb(factor: &mut TableFactor) -> bool {
    let TableFactor::Table { name, alias: None, args: Some(arguments), with_ordinality: false, .. } = factor else {
        return false;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), FunctionArg::Unnamed(FunctionArgExpr::Expr(last))] =
        arguments.args.as_mut_slice()
    else {
        return false;
    };
    let is_series = is_named(name, "generate_series");
    if is_series {
        for bound in [first, last] {
            *bound = cast_to(bound.clone(), DataType::BigInt(None));
        }
    }
    is_series
}

fn made_by(name: &ObjectName) -> Option<&'static Made> {
    MADE.iter().find(|made| is_named(name, made.name))
}

/// The rows that a call in a select list makes: the elements of its list, where they keep their type.
pub(super) fn elements_of(function: &Function) -> Option<Expr> {
    let Made { name, columns: [Column { list: Some(list), typed: None, .. }] } = made_by(&function.name)? else {
        return None;
    };
    let given = arguments(function)?;
    let is_known = given.len() == 1 || matches!(*name, "generate_series" | "string_to_table");
    is_known.then(|| call("unnest", vec![call(list, given)]))
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
    let (made, arguments, alias, is_numbered) = match factor {
        TableFactor::Table { name, alias, args: Some(arguments), with_ordinality, .. } => {
            (made_by(name)?, plain(&arguments.args)?, alias, *with_ordinality)
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            (made_by(name)?, plain(args)?, alias, *with_ordinality)
        }
        TableFactor::UNNEST { array_exprs, alias, with_offset: false, with_ordinality: true, .. } => {
            (MADE.iter().find(|made| made.name == "unnest")?, array_exprs.clone(), alias, true)
        }
        _ => return None,
    };
    if arguments.len() != 1 && !matches!(made.name, "generate_series" | "string_to_table") {
        return None;
    }
    let mut alias = alias.clone().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new(made.name),
        columns: Vec::new(),
        at: None,
    });
    let own_names: Vec<Ident> =
        made.columns.iter().map(|column| column.name.map_or_else(|| alias.name.clone(), Ident::new)).collect();
    let all_names = own_names.into_iter().chain(is_numbered.then(|| Ident::new("ordinality")));
    let missing = all_names.skip(alias.columns.len());
    alias.columns.extend(missing.map(|name| TableAliasColumnDef { name, data_type: None }));
    let mut lists: Vec<Expr> = made
        .columns
        .iter()
        .map(|column| match column.list {
            Some(list) => call(list, arguments.clone()),
            None => arguments[0].clone(),
        })
        .collect();
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
    if made.columns.iter().all(|column| column.typed.is_none()) {
        return Some(elements(alias));
    }
    let parser = PostgreSqlDialect {};
    let names: Vec<String> = (0..lists.len()).map(|at| format!("dvt_element_{at}")).collect();
    let sql = format!("SELECT {} FROM a", names.join(", "));
    let mut query = Parser::new(&parser).try_with_sql(&sql).ok()?.parse_query().ok()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    for (item, column) in select.projection.iter_mut().zip(made.columns) {
        if let (SelectItem::UnnamedExpr(value), Some(typed)) = (item, column.typed) {
            *value = call(typed, vec![value.clone()]);
        }
    }
    let columns = names.iter().map(|name| TableAliasColumnDef { name: Ident::new(name), data_type: None }).collect();
    let inner = TableAlias { explicit: true, name: Ident::new("dvt_elements"), columns, at: None };
    select.from.first_mut()?.relation = elements(inner);
    Some(TableFactor::Derived { lateral: true, subquery: query, alias: Some(alias), sample: None })
}
