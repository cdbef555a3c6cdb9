//! Rows and bytes, from what the catalogs know. Only for choosing between plans: every plan gives the same rows.

use super::{Block, Estimate};
use crate::pushdown::{Columns, RemoteColumn};
use datafusion::common::Column;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use dvt_adapter::Statistics;

/// What a relation is taken to have that its catalog knows nothing of, as PostgreSQL takes it.
const UNKNOWN_ROWS: f64 = 1000.0;

/// The share of rows that a comparison with `<` or `>` keeps.
const RANGE: f64 = 0.33;

/// The share that a condition nobody can judge keeps.
const UNKNOWN_SHARE: f64 = 0.25;

/// The share of groups that a condition over their aggregates keeps: such conditions look for the few.
pub(super) const HAVING_SHARE: f64 = 0.03;

/// Rows of a relation that fulfil all of the predicates.
pub(crate) fn scan_estimate(statistics: &Statistics, filters: &[Expr], columns: &dyn Columns) -> Estimate {
    let rows = statistics.rows.map_or(UNKNOWN_ROWS, |rows| rows as f64);
    let kept = rows * share_of_all(filters.iter(), columns);
    Estimate { rows: kept.max(1.0), is_known: statistics.rows.is_some(), work: 0.0 }
}

/// The share of rows that fulfil all of the conditions; two bounds of one column together keep less than each alone.
pub(super) fn share_of_all<'e>(conditions: impl Iterator<Item = &'e Expr>, columns: &dyn Columns) -> f64 {
    let mut share = 1.0;
    let mut bounded: Vec<&Column> = Vec::new();
    for condition in conditions.flat_map(split_conjunction) {
        let part = share_of(condition, columns);
        let bound = match condition {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq,
                ..
            }) => left.try_as_col(),
            _ => None,
        };
        match bound {
            // A range between two bounds: a quarter of what one bound keeps.
            Some(column) if bounded.contains(&column) => share *= 0.25,
            Some(column) => {
                bounded.push(column);
                share *= part;
            }
            None => share *= part,
        }
    }
    share
}

fn share_of(condition: &Expr, columns: &dyn Columns) -> f64 {
    let distinct = |expr: &Expr| columns.find(expr.try_as_col()?)?.distinct.filter(|distinct| *distinct >= 1.0);
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => share_of(left, columns) * share_of(right, columns),
            Operator::Or => (share_of(left, columns) + share_of(right, columns)).min(1.0),
            Operator::Eq => {
                let known = [distinct(left), distinct(right)].into_iter().flatten().fold(0.0, f64::max);
                if known > 0.0 { 1.0 / known } else { 0.05 }
            }
            Operator::NotEq => 0.9,
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => RANGE,
            _ => UNKNOWN_SHARE,
        },
        Expr::InList(InList { expr, list, negated: false }) => {
            let known = distinct(expr).unwrap_or(20.0 * list.len() as f64);
            (list.len() as f64 / known).min(1.0)
        }
        Expr::Not(inner) => 1.0 - share_of(inner, columns),
        Expr::IsNotNull(_) | Expr::InList(_) => 0.95,
        Expr::IsNull(_) => 0.05,
        Expr::Between(_) => RANGE * 0.1,
        _ => UNKNOWN_SHARE,
    }
}

/// Rows of an inner join on these pairs of columns.
pub(super) fn join_rows(left: &Block, right: &Block, pairs: &[(RemoteColumn, RemoteColumn)]) -> f64 {
    let known: Vec<Option<f64>> = pairs
        .iter()
        .map(|(left, right)| {
            let known = [left.distinct, right.distinct].into_iter().flatten().fold(0.0, f64::max);
            (known >= 1.0).then_some(known)
        })
        .collect();
    join_estimate(left.estimate.rows, right.estimate.rows, &known)
}

/// Rows of an inner join on columns of so many different values.
pub(super) fn join_estimate(left_rows: f64, right_rows: f64, distinct: &[Option<f64>]) -> f64 {
    let smaller = left_rows.min(right_rows);
    // Nobody knows: the smaller side's values are taken to be its key.
    let mut values: f64 = distinct.iter().map(|known| known.unwrap_or(smaller)).product();
    if distinct.len() > 1 {
        values = values.min(smaller);
    }
    (left_rows * right_rows / values.max(1.0)).max(1.0)
}

/// Groups by these columns.
pub(super) fn group_rows(input: f64, keys: &[Option<f64>]) -> f64 {
    if keys.is_empty() {
        return 1.0;
    }
    let groups: f64 = keys.iter().map(|distinct| distinct.unwrap_or((input / 10.0).max(1.0))).product();
    groups.clamp(1.0, input.max(1.0))
}

/// Bytes of an average value of the column.
pub(super) fn width(column: &RemoteColumn) -> f64 {
    let fixed = || column.field.data_type().primitive_width().map(|width| width as f64);
    column.width.or_else(fixed).unwrap_or(24.0)
}
