//! Comparisons of rows, written as comparisons of their parts: the planner would compare structures, for which NULL is a value.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

/// `(a, b) = (c, d)` and its kin, `(a, b) IN ((c, d), …)`; `None` for any other expression.
pub(super) fn compared_by_parts(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::BinaryOp { left, op, right } => match (left.as_ref(), right.as_ref()) {
            (Expr::Tuple(left), Expr::Tuple(right)) => compared(left, op, right),
            _ => None,
        },
        Expr::InList { expr, list, negated } => {
            let Expr::Tuple(left) = expr.as_ref() else { return None };
            let equal = list.iter().map(|row| match row {
                Expr::Tuple(right) => compared(left, &BinaryOperator::Eq, right),
                _ => None,
            });
            let any =
                equal.collect::<Option<Vec<_>>>()?.into_iter().reduce(|one, two| joined(one, BinaryOperator::Or, two));
            let any = Expr::Nested(Box::new(any?));
            Some(if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(any) } } else { any })
        }
        _ => None,
    }
}

fn compared(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Option<Expr> {
    if left.len() != right.len() || left.is_empty() {
        return None;
    }
    let nested = |expr: &Expr| Expr::Nested(Box::new(expr.clone()));
    let part = |op: &BinaryOperator, at: usize| joined(nested(&left[at]), op.clone(), nested(&right[at]));
    let all = |op: BinaryOperator, by: BinaryOperator| {
        (0..left.len()).map(|at| part(&op, at)).reduce(|one, two| joined(one, by.clone(), two))
    };
    let found = match op {
        BinaryOperator::Eq => all(BinaryOperator::Eq, BinaryOperator::And)?,
        BinaryOperator::NotEq => all(BinaryOperator::NotEq, BinaryOperator::Or)?,
        // The first parts that differ decide.
        BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
            let strict = match op {
                BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
                _ => BinaryOperator::Gt,
            };
            let last = left.len() - 1;
            (0..last).rev().fold(part(op, last), |rest, at| {
                let equal = joined(part(&BinaryOperator::Eq, at), BinaryOperator::And, rest);
                joined(part(&strict, at), BinaryOperator::Or, equal)
            })
        }
        _ => return None,
    };
    Some(Expr::Nested(Box::new(found)))
}

fn joined(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}
