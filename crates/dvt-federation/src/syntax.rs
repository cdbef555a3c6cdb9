//! What the planner would forget, mistake or refuse of a syntax tree is written in words that it keeps.
//!
//! Lengths of text types, `numeric` without digits, `mod()`, intervals with a clock, series and JSON operators: each becomes
//! another expression with the dialect's meaning, on the tree; no text is replaced.

mod calls;
mod casts;
mod duckdb;
mod mysql;
mod rows;
mod series;
mod sqlite;
mod tree;
mod twins;

pub(crate) use series::write_series;
pub(crate) use tree::call;

use crate::error::Location;
use crate::functions::NAMED;
use calls::{choice, postgres_call};
use casts::{complete_time, give_cast_meaning, plain_interval, unwrap_amount};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Statement, Value,
    VisitMut, VisitorMut,
};
use duckdb::{duckdb_call, interval_of};
use dvt_sql::Dialect;
use mysql::{mysql_call, shifted_by_operator};
use rows::compared_by_parts;
use sqlite::{number_of_fields, sqlite_call};
use std::ops::ControlFlow;
use tree::{arguments, cast_to, is_named, is_text, number};
use twins::sets_of_twins;

/// The digits that carry a PostgreSQL `numeric` which names none.
pub(crate) const CARRIER: (u8, i8) = (76, 28);

/// Writes the statement so that the planner gives it the dialect's meaning.
pub(crate) fn give_meaning(statement: &mut Statement, dialect: &Dialect) {
    // A lake's own SQL keeps the engine's meaning.
    if dialect.name == "filesystem" {
        return;
    }
    let _: ControlFlow<()> = statement.visit(&mut Writer { dialect: dialect.name });
}

/// Gives every cast a name of its own, by the type it casts to, and every subquery that is a value.
pub(crate) fn name_casts(statement: &mut Statement) {
    struct Casts {
        subqueries: usize,
    }
    impl VisitorMut for Casts {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let name = match expr {
                // Here a subquery is no value.
                Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => {
                    if let Some(subquery) = named_subquery(right) {
                        **right = subquery;
                    }
                    return ControlFlow::Continue(());
                }
                Expr::Cast { data_type, .. } => data_type.to_string(),
                Expr::TypedString(typed) => typed.data_type.to_string(),
                Expr::Subquery(_) => {
                    self.subqueries += 1;
                    self.subqueries.to_string()
                }
                _ => return ControlFlow::Continue(()),
            };
            let named = std::mem::replace(expr, Expr::value(Value::Null));
            *expr = call(NAMED, vec![named, Expr::value(Value::SingleQuotedString(name))]);
            ControlFlow::Continue(())
        }
    }
    let _: ControlFlow<()> = statement.visit(&mut Casts { subqueries: 0 });
}

/// The subquery that [`name_casts`] has named.
fn named_subquery(expr: &Expr) -> Option<Expr> {
    let Expr::Function(function) = expr else { return None };
    let given = is_named(&function.name, NAMED).then(|| arguments(function))??;
    given.into_iter().find(|value| matches!(value, Expr::Subquery(_)))
}

/// Where a name stands in the compiled SQL.
pub(crate) fn place_of(name: &ObjectName) -> Option<Location> {
    let place = name.0.first()?.as_ident()?.span.start;
    let known = place.line > 0;
    known.then(|| Some(Location { line: place.line.try_into().ok()?, column: place.column.try_into().ok()? }))?
}

struct Writer<'a> {
    dialect: &'a str,
}

impl VisitorMut for Writer<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let is_postgres = self.dialect == "postgres";
        // DuckDB's rows are structures.
        if self.dialect != "duckdb"
            && let Some(parts) = compared_by_parts(expr)
        {
            *expr = parts;
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Cast { .. } => give_cast_meaning(expr, self.dialect),
            Expr::Rollup(_) | Expr::Cube(_) => {
                if let Some(sets) = sets_of_twins(expr) {
                    *expr = sets;
                }
            }
            Expr::TypedString(typed) if matches!(typed.data_type, DataType::Timestamp(..)) => {
                complete_time(&mut typed.value.value);
            }
            Expr::Interval(interval) => {
                unwrap_amount(interval);
                if self.dialect != "mysql"
                    && self.dialect != "mariadb"
                    && let Some(plain) = plain_interval(interval)
                {
                    *interval = plain;
                } else if self.dialect == "duckdb"
                    && let Some(made) = interval_of(interval)
                {
                    *expr = made;
                }
            }
            Expr::Function(function) if is_named(&function.name, "mod") => {
                if let FunctionArguments::List(list) = &function.args
                    && let [
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(left)),
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(right)),
                    ] = list.args.as_slice()
                {
                    *expr = Expr::Nested(Box::new(Expr::BinaryOp {
                        left: Box::new(Expr::Nested(Box::new(left.clone()))),
                        op: BinaryOperator::Modulo,
                        right: Box::new(Expr::Nested(Box::new(right.clone()))),
                    }));
                }
            }
            Expr::Substring { expr: inner, substring_from, substring_for, .. }
                if matches!(self.dialect, "mysql" | "mariadb" | "sqlite" | "duckdb") =>
            {
                let mut given = vec![inner.as_ref().clone()];
                given.push(substring_from.as_ref().map_or_else(|| *number(1), |from| from.as_ref().clone()));
                given.extend(substring_for.as_ref().map(|length| length.as_ref().clone()));
                *expr = call("dvt_substr", given);
            }
            Expr::Function(function) if self.dialect != "postgres" => {
                let own = match self.dialect {
                    "sqlite" => sqlite_call(function),
                    "duckdb" => duckdb_call(function),
                    "mysql" | "mariadb" => mysql_call(function),
                    _ => None,
                };
                if let Some(plain) = own.or_else(|| choice(function, self.dialect)) {
                    *expr = plain;
                }
            }
            Expr::BinaryOp { left, op: op @ (BinaryOperator::Plus | BinaryOperator::Minus), right }
                if matches!(self.dialect, "mysql" | "mariadb") =>
            {
                if let Some(call) = shifted_by_operator(left, op, right) {
                    *expr = call;
                }
            }
            Expr::BinaryOp {
                left,
                op:
                    BinaryOperator::Plus
                    | BinaryOperator::Minus
                    | BinaryOperator::Multiply
                    | BinaryOperator::Divide
                    | BinaryOperator::Modulo,
                right,
            } if self.dialect == "sqlite" => {
                number_of_fields(left);
                number_of_fields(right);
            }
            Expr::BinaryOp { left, op: BinaryOperator::MyIntegerDivide, right } => {
                let nested = |expr: &Expr| Box::new(Expr::Nested(Box::new(expr.clone())));
                let made = |left, op, right| Expr::BinaryOp { left, op, right };
                // Exact, where the quotient itself would be rounded.
                let rest = made(nested(left), BinaryOperator::Modulo, nested(right));
                let whole = made(nested(left), BinaryOperator::Minus, nested(&rest));
                let quotient = made(nested(&whole), BinaryOperator::Divide, nested(right));
                *expr = cast_to(quotient, DataType::BigInt(None));
            }
            // The planner of an array forgets the query that it stands in.
            Expr::Array(array) if is_postgres && !array.elem.is_empty() => {
                *expr = call("make_array", std::mem::take(&mut array.elem));
            }
            // With a pattern in the place of a number.
            Expr::Substring { expr: inner, substring_from: Some(pattern), substring_for: None, .. }
                if is_postgres && is_text(pattern) =>
            {
                let found = call("dvt_first_match", vec![inner.as_ref().clone(), pattern.as_ref().clone()]);
                *expr = call("array_element", vec![found, *number(1)]);
            }
            Expr::Function(function) if is_postgres => {
                if let Some(plain) = postgres_call(function) {
                    *expr = plain;
                }
            }
            Expr::BinaryOp { left, op, right } if is_postgres => {
                let function = match op {
                    BinaryOperator::Arrow => "dvt_json_get",
                    BinaryOperator::LongArrow => "dvt_json_get_text",
                    BinaryOperator::HashArrow => "dvt_json_path",
                    BinaryOperator::HashLongArrow => "dvt_json_path_text",
                    BinaryOperator::Question => "dvt_json_has",
                    _ => return ControlFlow::Continue(()),
                };
                *expr = call(function, vec![left.as_ref().clone(), right.as_ref().clone()]);
            }
            Expr::AtTimeZone { timestamp, time_zone } if is_postgres => {
                *expr = call("dvt_at_zone", vec![time_zone.as_ref().clone(), timestamp.as_ref().clone()]);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
