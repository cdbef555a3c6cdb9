//! Subqueries that the engine cannot run as they stand become joins: correlated ones as values, EXISTS and IN outside of
//! WHERE, LATERAL, and whatever correlates by more than equality.
//!
//! A subquery is computed once for each combination of outer values that occurs (the *domain*), and its rows are joined
//! back to the rows that asked. `dependent` pushes the domain down into the subquery until nothing refers outside; here the
//! subqueries are found and their answers joined. What the engine runs itself, and cheaper, is left to it.
//! Source: T. Neumann, A. Kemper, "Unnesting Arbitrary Queries" (2015).

mod dependent;

use crate::error::PlanError;
use crate::functions::single_value;
use crate::subqueries::{at_least_one, compared_with_all, three_valued};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result, not_impl_err};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{AggregateFunction, Exists};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, Filter, Join, JoinConstraint, LogicalPlan, LogicalPlanBuilder, Operator,
    Projection, Sort, Subquery, Window, col, lit,
};
use dependent::Dependent;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Brings every subquery of a bound plan into a form that the engine runs. Names and rows stay.
///
/// # Errors
/// [`PlanError::Unsupported`] for a correlation through an operator that it cannot be brought through.
pub(crate) fn unnest_subqueries(plan: LogicalPlan) -> std::result::Result<LogicalPlan, PlanError> {
    let mut names = Names::default();
    let unnested = plan.transform_up_with_subqueries(|node| {
        let node = if has_subquery(&node)? || is_lateral(&node) { node.recompute_schema()? } else { node };
        unnest(node, &mut names).map(Transformed::yes)
    });
    unnested.map(|unnested| unnested.data).map_err(|error| match error {
        datafusion::common::DataFusionError::NotImplemented(construct) => PlanError::Unsupported {
            construct,
            hint: Some("compute the subquery in a CTE or a model of its own, and join it".to_owned()),
            location: None,
        },
        other => PlanError::Invalid { message: other.strip_backtrace(), location: None },
    })
}

/// Numbers for columns that no query names.
#[derive(Default)]
pub(super) struct Names(usize);

impl Names {
    fn fresh(&mut self, what: &str) -> String {
        self.0 += 1;
        format!("dvt_{what}_{}", self.0)
    }
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
}

fn holds_subquery(expr: &Expr) -> Result<bool> {
    expr.exists(|expr| Ok(is_subquery(expr)))
}

pub(crate) fn has_subquery(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found |= holds_subquery(expr)?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// A join whose right side is computed for each row of the left one.
pub(crate) fn is_lateral(node: &LogicalPlan) -> bool {
    let LogicalPlan::Join(join) = node else { return false };
    let mut found = false;
    let _ = join.right.apply(|node| {
        found |= matches!(node, LogicalPlan::Subquery(_));
        Ok(if found || matches!(node, LogicalPlan::Join(_)) {
            TreeNodeRecursion::Jump
        } else {
            TreeNodeRecursion::Continue
        })
    });
    found
}

fn unnest(node: LogicalPlan, names: &mut Names) -> Result<LogicalPlan> {
    if is_lateral(&node)
        && let LogicalPlan::Join(join) = node
    {
        return lateral(join, names);
    }
    if !has_subquery(&node)? {
        return Ok(node);
    }
    match node {
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            let columns = columns_of(input.schema());
            let mut rows = Rows { input, place: Place::Condition, names };
            let conditions = split_conjunction_owned(predicate)
                .into_iter()
                .map(|condition| rows.with_answers(condition))
                .collect::<Result<Vec<_>>>()?;
            let predicate = conjunction(conditions).unwrap_or_else(|| lit(true));
            let filter = Filter::try_new(predicate, Arc::clone(&rows.input))?;
            narrowed(LogicalPlan::Filter(filter), columns)
        }
        LogicalPlan::Projection(Projection { expr, input, .. }) => {
            let mut rows = Rows { input, place: Place::Value, names };
            let expr = rows.all_with_answers(expr)?;
            Projection::try_new(expr, rows.input).map(LogicalPlan::Projection)
        }
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) => {
            let mut rows = Rows { input, place: Place::Elsewhere, names };
            let group_expr = rows.all_with_answers(group_expr)?;
            let aggr_expr = rows.all_with_answers(aggr_expr)?;
            Aggregate::try_new(rows.input, group_expr, aggr_expr).map(LogicalPlan::Aggregate)
        }
        LogicalPlan::Window(Window { input, window_expr, schema }) => {
            let mut rows = Rows { input, place: Place::Elsewhere, names };
            let window_expr = rows.all_with_answers(window_expr)?;
            let window = Window::try_new(window_expr, rows.input)?;
            narrowed(LogicalPlan::Window(window), columns_of(&schema))
        }
        LogicalPlan::Sort(Sort { expr, input, fetch }) => {
            let columns = columns_of(input.schema());
            let mut rows = Rows { input, place: Place::Elsewhere, names };
            let expr = expr
                .into_iter()
                .map(|mut sort| {
                    sort.expr = rows.with_answers(sort.expr)?;
                    Ok(sort)
                })
                .collect::<Result<Vec<_>>>()?;
            narrowed(LogicalPlan::Sort(Sort { expr, input: rows.input, fetch }), columns)
        }
        LogicalPlan::Join(join) => in_outer_join(join, names),
        other => Ok(other),
    }
}

fn columns_of(schema: &DFSchema) -> Vec<Expr> {
    schema.iter().map(|field| Expr::Column(Column::from(field))).collect()
}

/// The plan with these columns alone, if it has more.
fn narrowed(plan: LogicalPlan, columns: Vec<Expr>) -> Result<LogicalPlan> {
    if plan.schema().fields().len() == columns.len() {
        return Ok(plan);
    }
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}

/// In the ON of an outer join a subquery may ask one side, whose rows then carry its answer; an inner join's stand in a
/// filter above it.
fn in_outer_join(mut join: Join, names: &mut Names) -> Result<LogicalPlan> {
    let Some(filter) = join.filter.take() else { return Ok(LogicalPlan::Join(join)) };
    let columns = columns_of(&join.schema);
    let mut kept = Vec::new();
    for condition in split_conjunction_owned(filter) {
        if !holds_subquery(&condition)? {
            kept.push(condition);
            continue;
        }
        let asked = asked_columns(&condition)?;
        let side = if asked.iter().all(|column| join.right.schema().has_column(column)) {
            &mut join.right
        } else if asked.iter().all(|column| join.left.schema().has_column(column)) {
            &mut join.left
        } else {
            return not_impl_err!("a subquery over both sides in the ON of an outer join");
        };
        let mut rows = Rows { input: Arc::clone(side), place: Place::Elsewhere, names };
        kept.push(rows.with_answers(condition)?);
        *side = rows.input;
    }
    let Join { left, right, on, join_type, join_constraint, null_equality, null_aware, .. } = join;
    let filter = conjunction(kept);
    let join = Join::try_new(left, right, on, filter, join_type, join_constraint, null_equality, null_aware)?;
    narrowed(LogicalPlan::Join(join), columns)
}

/// The columns of the join that the condition's subqueries depend on.
fn asked_columns(condition: &Expr) -> Result<BTreeSet<Column>> {
    let mut asked = BTreeSet::new();
    condition.apply(|expr| {
        match expr {
            Expr::InSubquery(test) => {
                asked.extend(test.expr.column_refs().into_iter().cloned());
                asked.extend(outer_columns(&test.subquery.subquery)?);
            }
            Expr::SetComparison(test) => {
                asked.extend(test.expr.column_refs().into_iter().cloned());
                asked.extend(outer_columns(&test.subquery.subquery)?);
            }
            Expr::Exists(test) => asked.extend(outer_columns(&test.subquery.subquery)?),
            Expr::ScalarSubquery(subquery) => asked.extend(outer_columns(&subquery.subquery)?),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(asked)
}

/// Every column outside of the plan that it refers to, at any depth. What a subquery inside of the plan asks of the plan's own
/// rows is none of them.
pub(super) fn outer_columns(plan: &LogicalPlan) -> Result<BTreeSet<Column>> {
    let inputs = plan.inputs();
    let is_own = |column: &Column| inputs.iter().any(|input| input.schema().has_column(column));
    let mut found = BTreeSet::new();
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            let asked = match expr {
                Expr::OuterReferenceColumn(_, column) => {
                    found.insert(column.clone());
                    return Ok(TreeNodeRecursion::Continue);
                }
                Expr::Exists(test) => &test.subquery,
                Expr::InSubquery(test) => &test.subquery,
                Expr::SetComparison(test) => &test.subquery,
                Expr::ScalarSubquery(subquery) => subquery,
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            found.extend(outer_columns(&asked.subquery)?.into_iter().filter(|column| !is_own(column)));
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    for input in &inputs {
        let mut below = outer_columns(input)?;
        // The right side of a lateral join asks the left one.
        if let LogicalPlan::Join(join) = plan {
            below.retain(|column| !join.left.schema().has_column(column));
        }
        found.extend(below);
    }
    Ok(found)
}

fn lateral(join: Join, names: &mut Names) -> Result<LogicalPlan> {
    let columns = columns_of(&join.schema);
    let Join { left, right, on, filter, join_type, .. } = join;
    let asked: Vec<Column> =
        outer_columns(&right)?.into_iter().filter(|column| left.schema().has_column(column)).collect();
    refuse_changing_rows(&left, !asked.is_empty())?;
    let mut dependent = Dependent::new(&left, asked, names);
    let (right, keys) = dependent.push_down(&right)?;
    let mut conditions = dependent.same_keys(&keys);
    let on = on.into_iter().map(|(left, right)| left.eq(right));
    let written = filter.into_iter().chain(on);
    let (filter, above) = match join_type {
        JoinType::Left => {
            conditions.extend(written);
            (conditions, Vec::new())
        }
        _ => (conditions, written.collect()),
    };
    let filter = conjunction(filter).unwrap_or_else(|| lit(true));
    let joined = match joined(left, right, filter, join_type)? {
        LogicalPlan::Join(join) => in_outer_join(join, names)?,
        other => other,
    };
    let joined = match conjunction(above) {
        Some(above) => unnest(LogicalPlan::Filter(Filter::try_new(above, Arc::new(joined))?), names)?,
        None => joined,
    };
    narrowed(joined, columns)
}

/// Rows that may be others when they are read a second time have no domain.
fn refuse_changing_rows(input: &LogicalPlan, is_asked: bool) -> Result<()> {
    let mut changing = None;
    if is_asked {
        input.apply_with_subqueries(|node| {
            if matches!(node, LogicalPlan::Limit(_)) {
                changing = Some("a subquery of this kind over rows that a LIMIT chooses");
            }
            node.apply_expressions(|expr| {
                if expr.is_volatile() {
                    changing = Some("a subquery of this kind over rows that call a volatile function");
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
    }
    match changing {
        Some(construct) => not_impl_err!("{construct}"),
        None => Ok(()),
    }
}

fn joined(left: Arc<LogicalPlan>, right: LogicalPlan, filter: Expr, join_type: JoinType) -> Result<LogicalPlan> {
    Join::try_new(
        left,
        Arc::new(right),
        Vec::new(),
        Some(filter),
        join_type,
        JoinConstraint::On,
        NullEquality::NullEqualsNothing,
        false,
    )
    .map(LogicalPlan::Join)
}

/// Where an expression stands decides what the engine runs there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Condition,
    Value,
    Elsewhere,
}

/// The rows that ask, which gain a column for each answer.
struct Rows<'a> {
    input: Arc<LogicalPlan>,
    place: Place,
    names: &'a mut Names,
}

impl Rows<'_> {
    fn all_with_answers(&mut self, exprs: Vec<Expr>) -> Result<Vec<Expr>> {
        let names = NamePreserver::new_for_projection();
        exprs
            .into_iter()
            .map(|expr| {
                let name = names.save(&expr);
                Ok(name.restore(self.with_answers(expr)?))
            })
            .collect()
    }

    /// The expression with columns in the place of the subqueries that the engine does not run there.
    fn with_answers(&mut self, expr: Expr) -> Result<Expr> {
        if !holds_subquery(&expr)? {
            return Ok(expr);
        }
        let answered = expr.transform_up(|expr| {
            if let Expr::ScalarSubquery(subquery) = &expr
                && outer_columns(&subquery.subquery)?.is_empty()
            {
                return self.nullable(subquery).map(Transformed::yes);
            }
            if !is_subquery(&expr) || self.engine_runs(&expr)? {
                return Ok(Transformed::no(expr));
            }
            match expr {
                Expr::ScalarSubquery(subquery) => self.value(&subquery).map(Transformed::yes),
                Expr::Exists(test) => self.test(test).map(Transformed::yes),
                Expr::InSubquery(_) => {
                    let value = three_valued(expr, &self.input)?;
                    if !value.transformed {
                        return not_impl_err!("IN with a subquery, in this place,");
                    }
                    self.with_answers(value.data).map(Transformed::yes)
                }
                Expr::SetComparison(comparison) => {
                    let value = compared_with_all(comparison, &self.input)?;
                    self.with_answers(value).map(Transformed::yes)
                }
                other => Ok(Transformed::no(other)),
            }
        })?;
        Ok(answered.data)
    }

    fn engine_runs(&self, expr: &Expr) -> Result<bool> {
        let (subquery, is_supported) = match expr {
            Expr::ScalarSubquery(subquery) => {
                if outer_columns(&subquery.subquery)?.is_empty() {
                    return Ok(true);
                }
                (subquery, self.place != Place::Elsewhere && is_plain_value(&subquery.subquery)?)
            }
            Expr::Exists(test) => {
                (&test.subquery, self.place == Place::Condition && is_plain_test(&test.subquery.subquery, true)?)
            }
            Expr::InSubquery(test) => {
                let is_plain = test.expr.column_refs().iter().all(|column| self.input.schema().has_column(column));
                let is_supported = self.place == Place::Condition
                    && is_plain
                    && !test.expr.contains_outer()
                    && is_plain_test(&test.subquery.subquery, false)?;
                (&test.subquery, is_supported)
            }
            _ => return Ok(false),
        };
        // What refers further out is not for the engine.
        let schema = self.input.schema();
        Ok(is_supported && outer_columns(&subquery.subquery)?.iter().all(|column| schema.has_column(column)))
    }

    fn dependent(&mut self, plan: &LogicalPlan) -> Result<(LogicalPlan, Vec<Column>, Vec<Expr>)> {
        let asked: Vec<Column> =
            outer_columns(plan)?.into_iter().filter(|column| self.input.schema().has_column(column)).collect();
        refuse_changing_rows(&self.input, !asked.is_empty())?;
        let input = Arc::clone(&self.input);
        let mut dependent = Dependent::new(&input, asked, self.names);
        let (rows, keys) = dependent.push_down(plan)?;
        let same = dependent.same_keys(&keys);
        Ok((rows, keys, same))
    }

    fn join(&mut self, right: LogicalPlan, same: Vec<Expr>) -> Result<()> {
        let filter = conjunction(same).unwrap_or_else(|| lit(true));
        self.input = Arc::new(joined(Arc::clone(&self.input), right, filter, JoinType::Left)?);
        Ok(())
    }

    /// A subquery that depends on nothing, so that the engine expects NULL of it where it may have no row: from the type of its
    /// column alone it would conclude that there always is a value.
    fn nullable(&mut self, subquery: &Subquery) -> Result<Expr> {
        let rows = &subquery.subquery;
        if gives_one_row(rows) || rows.schema().field(0).is_nullable() {
            return Ok(Expr::ScalarSubquery(subquery.clone()));
        }
        let value = Expr::Column(Column::from(rows.schema().qualified_field(0)));
        let call = AggregateFunction::new_udf(single_value(), vec![value], false, None, Vec::new(), None);
        let call = Expr::AggregateFunction(call).alias(self.names.fresh("value"));
        let one = LogicalPlan::Aggregate(Aggregate::try_new(Arc::clone(rows), Vec::new(), vec![call])?);
        Ok(Expr::ScalarSubquery(Subquery { subquery: Arc::new(one), ..subquery.clone() }))
    }

    /// The one value of a subquery, NULL where it has no row.
    fn value(&mut self, subquery: &Subquery) -> Result<Expr> {
        let (rows, keys, same) = self.dependent(&subquery.subquery)?;
        let value = Expr::Column(Column::from(rows.schema().qualified_field(0)));
        let name = self.names.fresh("value");
        let keys: Vec<Expr> = keys.into_iter().map(Expr::Column).collect();
        let answers = if gives_one_row(&subquery.subquery) {
            let columns = keys.into_iter().chain([value.alias(&name)]).collect();
            LogicalPlan::Projection(Projection::try_new(columns, Arc::new(rows))?)
        } else {
            let call = AggregateFunction::new_udf(single_value(), vec![value], false, None, Vec::new(), None);
            let call = Expr::AggregateFunction(call).alias(&name);
            LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(rows), keys, vec![call])?)
        };
        self.join(answers, same)?;
        Ok(col(name))
    }

    /// Whether a subquery has a row.
    fn test(&mut self, Exists { subquery, negated }: Exists) -> Result<Expr> {
        let plan = at_least_one(&subquery.subquery);
        if outer_columns(plan)?.is_empty() {
            let first = LogicalPlanBuilder::from(plan.clone()).limit(0, Some(1))?;
            let number = first.aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64))])?.build()?;
            let number = Expr::ScalarSubquery(Subquery { subquery: Arc::new(number), ..subquery });
            return Ok(if negated { number.eq(lit(0_i64)) } else { number.gt(lit(0_i64)) });
        }
        let (rows, keys, same) = self.dependent(plan)?;
        let name = self.names.fresh("found");
        let found = if keys.is_empty() {
            // It depends on rows further out alone: any of its rows will do.
            let first = LogicalPlanBuilder::from(rows).limit(0, Some(1))?;
            first.project(vec![lit(true).alias(&name)])?.build()?
        } else {
            let keys: Vec<Expr> = keys.into_iter().map(Expr::Column).collect();
            let each = LogicalPlanBuilder::from(rows).project(keys.clone())?.distinct()?;
            each.project(keys.into_iter().chain([lit(true).alias(&name)]))?.build()?
        };
        self.join(found, same)?;
        Ok(if negated { col(name).is_null() } else { col(name).is_not_null() })
    }
}

/// Whether a subquery gives exactly one row whatever it reads.
fn gives_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => gives_one_row(&node.input),
        LogicalPlan::SubqueryAlias(node) => gives_one_row(&node.input),
        LogicalPlan::Aggregate(node) => node.group_expr.is_empty(),
        _ => false,
    }
}

fn refers_outside(exprs: &[Expr]) -> bool {
    exprs.iter().any(Expr::contains_outer)
}

/// A test whose correlation is in a WHERE with nothing but columns above it, as the engine's semi joins take it.
fn is_plain_test(plan: &LogicalPlan, is_exists: bool) -> Result<bool> {
    Ok(match plan {
        LogicalPlan::Projection(node) => !refers_outside(&node.expr) && is_plain_test(&node.input, is_exists)?,
        LogicalPlan::SubqueryAlias(node) => is_plain_test(&node.input, is_exists)?,
        LogicalPlan::Distinct(Distinct::All(input)) => is_plain_test(input, is_exists)?,
        LogicalPlan::Limit(_) | LogicalPlan::Sort(_) if is_exists => {
            let stripped = at_least_one(plan);
            if std::ptr::eq(stripped, plan) {
                outer_columns(plan)?.is_empty()
            } else {
                is_plain_test(stripped, is_exists)?
            }
        }
        LogicalPlan::Filter(node) => !asks_deeper(&node.predicate)? && is_plain_test(&node.input, is_exists)?,
        other => outer_columns(other)?.is_empty(),
    })
}

/// One aggregate over all rows that are equal to the outer ones, as the engine's left joins take it.
fn is_plain_value(plan: &LogicalPlan) -> Result<bool> {
    Ok(match plan {
        LogicalPlan::Projection(node) => !refers_outside(&node.expr) && is_plain_value(&node.input)?,
        LogicalPlan::SubqueryAlias(node) => is_plain_value(&node.input)?,
        LogicalPlan::Aggregate(node) => {
            node.group_expr.is_empty() && !refers_outside(&node.aggr_expr) && is_equal_below(&node.input)?
        }
        _ => false,
    })
}

fn is_equal_below(plan: &LogicalPlan) -> Result<bool> {
    Ok(match plan {
        LogicalPlan::Projection(node) => !refers_outside(&node.expr) && is_equal_below(&node.input)?,
        LogicalPlan::SubqueryAlias(node) => is_equal_below(&node.input)?,
        LogicalPlan::Filter(node) => {
            let is_equality = |condition: &Expr| match condition {
                condition if !condition.contains_outer() => true,
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                    let is_pair = |inner: &Expr, outer: &Expr| {
                        matches!(inner, Expr::Column(_)) && outer.contains_outer() && outer.column_refs().is_empty()
                    };
                    is_pair(left, right) || is_pair(right, left)
                }
                _ => false,
            };
            split_conjunction(&node.predicate).into_iter().all(is_equality)
                && !asks_deeper(&node.predicate)?
                && is_equal_below(&node.input)?
        }
        other => outer_columns(other)?.is_empty(),
    })
}

/// Whether a subquery in the condition refers to more than the rows of its filter.
fn asks_deeper(condition: &Expr) -> Result<bool> {
    condition.exists(|expr| {
        Ok(match expr {
            Expr::InSubquery(test) => test.expr.contains_outer(),
            _ => false,
        })
    })
}
