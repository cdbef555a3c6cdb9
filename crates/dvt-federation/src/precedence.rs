//! `a IS DISTINCT FROM b AND c` is `(a IS DISTINCT FROM b) AND c`; the parser reads all that follows as the right side.
//!
//! Here such a tree is taken apart into operands and operators in the order of the text, and put together again by the
//! standard's precedence: NOT before AND before OR, `IS` before all three. Parentheses are nodes of their own in the
//! tree and stay as written.

use datafusion::sql::sqlparser::ast::visit_expressions;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Statement, UnaryOperator, VisitMut, VisitorMut};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Gives each `IS [NOT] DISTINCT FROM` of the statement its own right side.
pub(crate) fn bind_is_distinct_tightly(statement: &mut Statement) {
    let is_wrong = visit_expressions(statement, |expr| match expr {
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) if is_logical(right) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    if is_wrong.is_break() {
        let _: ControlFlow<()> = statement.visit(&mut Rebuild);
    }
}

/// `a > ALL (SELECT …) NOT BETWEEN b AND c` asks it of the comparison; the parser asks it of the subquery. And `NOT EXISTS (…) IN
/// (…)` denies the whole; the parser denies what comes first.
pub(crate) fn bind_comparisons_of_sets_tightly(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut Sets);
}

struct Sets;

impl VisitorMut for Sets {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } = expr
            && let Some(asked) = asked(right)
            && matches!(**asked, Expr::Subquery(_))
        {
            let subquery = std::mem::replace(asked.as_mut(), placeholder());
            let question = std::mem::replace(right.as_mut(), subquery);
            let comparison = std::mem::replace(expr, question);
            if let Some(place) = self::asked(expr) {
                **place = comparison;
            }
        }
        if let Some(first) = asked(expr)
            && let Expr::Exists { negated: negated @ true, .. } = first.as_mut()
        {
            *negated = false;
            let question = std::mem::replace(expr, placeholder());
            *expr = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(question) };
        }
        ControlFlow::Continue(())
    }
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// Of what such a question is asked.
fn asked(question: &mut Expr) -> Option<&mut Box<Expr>> {
    match question {
        Expr::Between { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr) => Some(expr),
        Expr::BinaryOp { left, op, .. } if compares(op) => Some(left),
        _ => None,
    }
}

struct Rebuild;

impl VisitorMut for Rebuild {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if is_logical(expr) || is_distinct(expr) {
            let mut items = VecDeque::new();
            take_apart(std::mem::replace(expr, placeholder()), &mut items);
            *expr = disjunction(&mut items);
        }
        ControlFlow::Continue(())
    }
}

#[expect(clippy::large_enum_variant, reason = "a short list that lives for one expression")]
enum Item {
    Operand(Expr),
    And,
    Or,
    Not,
    Distinct { negated: bool },
}

fn is_logical(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. }
            | Expr::UnaryOp { op: UnaryOperator::Not, .. }
    )
}

fn is_distinct(expr: &Expr) -> bool {
    matches!(expr, Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..))
}

fn placeholder() -> Expr {
    Expr::Tuple(Vec::new())
}

/// In the order of the text. The left spine, which is as long as a chain of conditions, is walked without recursion.
fn take_apart(mut expr: Expr, items: &mut VecDeque<Item>) {
    let mut to_the_right = Vec::new();
    loop {
        let (left, operator, right) = match expr {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => (left, Item::And, right),
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => (left, Item::Or, right),
            Expr::IsDistinctFrom(left, right) => (left, Item::Distinct { negated: false }, right),
            Expr::IsNotDistinctFrom(left, right) => (left, Item::Distinct { negated: true }, right),
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                items.push_back(Item::Not);
                expr = *inner;
                continue;
            }
            operand => {
                items.push_back(Item::Operand(operand));
                break;
            }
        };
        to_the_right.push((operator, right));
        expr = *left;
    }
    while let Some((operator, right)) = to_the_right.pop() {
        items.push_back(operator);
        take_apart(*right, items);
    }
}

fn disjunction(items: &mut VecDeque<Item>) -> Expr {
    let mut expr = conjunction(items);
    while matches!(items.front(), Some(Item::Or)) {
        items.pop_front();
        expr = logical(expr, BinaryOperator::Or, conjunction(items));
    }
    expr
}

fn conjunction(items: &mut VecDeque<Item>) -> Expr {
    let mut expr = negation(items);
    while matches!(items.front(), Some(Item::And)) {
        items.pop_front();
        expr = logical(expr, BinaryOperator::And, negation(items));
    }
    expr
}

fn negation(items: &mut VecDeque<Item>) -> Expr {
    let mut negations = 0_usize;
    while matches!(items.front(), Some(Item::Not)) {
        items.pop_front();
        negations += 1;
    }
    let mut expr = comparison(items);
    for _ in 0..negations {
        expr = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) };
    }
    expr
}

fn comparison(items: &mut VecDeque<Item>) -> Expr {
    let mut expr = operand(items);
    while let Some(Item::Distinct { negated }) = items.front() {
        let negated = *negated;
        items.pop_front();
        let (left, right) = (Box::new(expr), Box::new(operand(items)));
        expr = if negated { Expr::IsNotDistinctFrom(left, right) } else { Expr::IsDistinctFrom(left, right) };
    }
    expr
}

/// What was taken apart has an operand wherever one is asked for.
fn operand(items: &mut VecDeque<Item>) -> Expr {
    match items.pop_front() {
        Some(Item::Operand(expr)) => expr,
        // A NOT after IS DISTINCT FROM is no SQL, yet the parser takes it: it keeps its place.
        Some(Item::Not) => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(operand(items)) },
        _ => placeholder(),
    }
}

fn logical(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::parser::Parser;
    use dvt_sql::POSTGRES;

    /// Two texts that mean the same become the same tree, once the parentheses of the second are gone.
    fn same(text: &str, with_parentheses: &str) {
        let parsed = |text: &str| {
            let sql = format!("select 1 where {text}");
            let mut statements = Parser::parse_sql(POSTGRES.parser().as_ref(), &sql).unwrap();
            let mut statement = statements.pop().unwrap();
            bind_is_distinct_tightly(&mut statement);
            statement
        };
        let mut wanted = parsed(with_parentheses);
        let _: ControlFlow<()> = datafusion::sql::sqlparser::ast::visit_expressions_mut(&mut wanted, |expr| {
            if let Expr::Nested(inner) = expr {
                *expr = std::mem::replace(inner, placeholder());
            }
            ControlFlow::Continue(())
        });
        assert_eq!(parsed(text), wanted, "{text}");
    }

    #[test]
    fn is_distinct_from_binds_before_and_or_and_not() {
        same("a is distinct from b and c", "(a is distinct from b) and c");
        same("a is not distinct from b or c", "(a is not distinct from b) or c");
        same("p and a is distinct from b or c", "(p and (a is distinct from b)) or c");
        same("p or a is distinct from b and c or d", "(p or ((a is distinct from b) and c)) or d");
        same("not a is distinct from b and c", "(not (a is distinct from b)) and c");
        same(
            "a is distinct from b and c is distinct from d and not e or f",
            "(((a is distinct from b) and (c is distinct from d)) and (not e)) or f",
        );
        same(
            "a is distinct from (select 1 where x is distinct from y and z) and c",
            "(a is distinct from (select 1 where (x is distinct from y) and z)) and c",
        );
    }
}
