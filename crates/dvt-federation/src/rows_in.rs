//! `(a, b) IN (SELECT x, y …)` as a condition, which the planner refuses: written as the EXISTS that keeps the same rows.
//!
//! Only where a row is kept for TRUE alone, at the top of a WHERE, a HAVING or the ON of a join: elsewhere NULL and FALSE
//! differ.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, Query, Select, SelectItem, SetExpr, Statement,
    TableAlias, TableAliasColumnDef, TableFactor, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;
use dvt_sql::Dialect;
use std::ops::ControlFlow;

/// Writes row comparisons with subqueries as EXISTS, in every SELECT of the statement.
pub(crate) fn write_row_tests(statement: &mut Statement, dialect: &'static Dialect) {
    let _: ControlFlow<()> = VisitMut::visit(statement, &mut Tests { dialect });
}

struct Tests {
    dialect: &'static Dialect,
}

impl VisitorMut for Tests {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for condition in [&mut select.selection, &mut select.having].into_iter().flatten() {
            self.conjuncts(condition);
        }
        for join in select.from.iter_mut().flat_map(|entry| &mut entry.joins) {
            if let JoinOperator::Join(JoinConstraint::On(condition))
            | JoinOperator::Inner(JoinConstraint::On(condition)) = &mut join.join_operator
            {
                self.conjuncts(condition);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Tests {
    fn conjuncts(&self, condition: &mut Expr) {
        match condition {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.conjuncts(left);
                self.conjuncts(right);
            }
            Expr::Nested(inner) => self.conjuncts(inner),
            Expr::InSubquery { expr, subquery, negated: false } => {
                if let Expr::Tuple(values) = expr.as_ref()
                    && let Some(exists) = self.exists(values, subquery)
                {
                    *condition = exists;
                }
            }
            _ => {}
        }
    }

    /// `EXISTS (SELECT 1 FROM (subquery) AS dvt_rows (…) WHERE each is equal)`.
    fn exists(&self, values: &[Expr], subquery: &Query) -> Option<Expr> {
        let table = Ident::new("dvt_rows");
        let names: Vec<Ident> = (0..values.len()).map(|at| Ident::new(format!("dvt_cell_{at}"))).collect();
        let equal = values.iter().zip(&names).map(|(value, name)| Expr::BinaryOp {
            left: Box::new(Expr::CompoundIdentifier(vec![table.clone(), name.clone()])),
            op: BinaryOperator::Eq,
            right: Box::new(Expr::Nested(Box::new(value.clone()))),
        });
        let condition = equal.reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::And,
            right: Box::new(right),
        })?;
        // Two columns of one name would be one too many below.
        let mut rows = subquery.clone();
        if let SetExpr::Select(select) = rows.body.as_mut()
            && rows.order_by.is_none()
            && select.projection.len() == names.len()
        {
            for (item, name) in select.projection.iter_mut().zip(&names) {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: name.clone() };
                }
            }
        }
        let columns = names.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect();
        // The plainest query there is, with its parts exchanged.
        let parser = self.dialect.parser();
        let mut query = Parser::new(parser.as_ref()).try_with_sql("SELECT 1 FROM a AS b").ok()?.parse_query().ok()?;
        let SetExpr::Select(select) = query.body.as_mut() else { return None };
        select.selection = Some(condition);
        select.from.first_mut()?.relation = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(rows),
            alias: Some(TableAlias { explicit: true, name: table, columns, at: None }),
            sample: None,
        };
        Some(Expr::Exists { subquery: query, negated: false })
    }
}
