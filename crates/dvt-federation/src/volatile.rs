//! Conditions that draw (`random() < 0.5`) are evaluated where they stand: once for each row that reaches them.
//!
//! The optimiser takes a condition without columns for one that any side of a join can answer, and moves it below. Here
//! such a condition becomes a column of a projection, which nothing moves, and the filter asks for that column. A CTE that
//! draws and is read twice would be drawn twice, since the planner writes it out at each place; it is refused.

use crate::error::PlanError;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, col};
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement, Visit, Visitor};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The name of the column that holds a drawn condition; it is gone above the filter.
const CONDITION: &str = "dvt_condition";

/// Holds every volatile condition of the plan above what it was written above.
///
/// # Errors
/// [`PlanError::Unsupported`] for a volatile condition in the ON of an outer join.
pub(crate) fn keep_draws_in_place(plan: LogicalPlan) -> std::result::Result<LogicalPlan, PlanError> {
    let mut refused = false;
    let kept = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Filter(filter) if filter.predicate.is_volatile() => {
            let Filter { predicate, input, .. } = filter;
            drawn_above(input, predicate).map(Transformed::yes)
        }
        LogicalPlan::Join(mut join) if join.filter.as_ref().is_some_and(Expr::is_volatile) => {
            if join.join_type != JoinType::Inner {
                refused = true;
                return Ok(Transformed::no(LogicalPlan::Join(join)));
            }
            let (drawn, plain) = parted(join.filter.take());
            join.filter = conjunction(plain);
            match conjunction(drawn) {
                Some(drawn) => drawn_above(Arc::new(LogicalPlan::Join(join)), drawn).map(Transformed::yes),
                None => Ok(Transformed::no(LogicalPlan::Join(join))),
            }
        }
        other => Ok(Transformed::no(other)),
    });
    if refused {
        return Err(PlanError::Unsupported {
            construct: "a volatile condition in the ON of an outer join".to_owned(),
            hint: Some("draw in a CTE first, and join on its column".to_owned()),
            location: None,
        });
    }
    kept.map(|kept| kept.data).map_err(|error| PlanError::Invalid { message: error.strip_backtrace(), location: None })
}

fn parted(condition: Option<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    condition.map(split_conjunction_owned).unwrap_or_default().into_iter().partition(Expr::is_volatile)
}

/// The rows of `input` for which the condition holds; its conjuncts that draw nothing stay free to move.
fn drawn_above(input: Arc<LogicalPlan>, condition: Expr) -> Result<LogicalPlan> {
    let (drawn, plain) = parted(Some(condition));
    let Some(drawn) = conjunction(drawn) else { return Ok(input.as_ref().clone()) };
    let input = match conjunction(plain) {
        Some(plain) => Arc::new(LogicalPlan::Filter(Filter::try_new(plain, input)?)),
        None => input,
    };
    let columns: Vec<Expr> = input.schema().iter().map(|field| Expr::Column(Column::from(field))).collect();
    let with_condition = columns.iter().cloned().chain([drawn.alias(CONDITION)]).collect();
    let evaluated = Projection::try_new(with_condition, input)?;
    let kept = Filter::try_new(col(CONDITION), Arc::new(LogicalPlan::Projection(evaluated)))?;
    Projection::try_new(columns, Arc::new(LogicalPlan::Filter(kept))).map(LogicalPlan::Projection)
}

/// A CTE is evaluated once in a database; the planner would evaluate it at each place that reads it.
///
/// # Errors
/// [`PlanError::Unsupported`] for a CTE that draws and is read more than once.
pub(crate) fn refuse_draws_read_twice(plan: &LogicalPlan, statement: &Statement) -> std::result::Result<(), PlanError> {
    let mut readers = Readers::default();
    let _: ControlFlow<()> = statement.visit(&mut readers);
    let mut found = None;
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::SubqueryAlias(alias) = node
            && readers.counts.get(alias.alias.table()).is_some_and(|count| *count > 1)
            && draws(&alias.input)?
        {
            found = Some(alias.alias.table().to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    match (walked, found) {
        (_, Some(name)) => Err(PlanError::Unsupported {
            construct: format!("the CTE `{name}`, which calls a volatile function and is read more than once,"),
            hint: Some("make the CTE a model of its own: its rows are then drawn once".to_owned()),
            location: None,
        }),
        (Err(error), None) => Err(PlanError::Invalid { message: error.strip_backtrace(), location: None }),
        (Ok(_), None) => Ok(()),
    }
}

fn draws(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.is_volatile();
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

/// How often each CTE's name stands in a FROM.
#[derive(Default)]
struct Readers {
    counts: HashMap<String, usize>,
}

impl Visitor for Readers {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.counts.entry(folded(&cte.alias.name.value, cte.alias.name.quote_style)).or_default();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if let [part] = relation.0.as_slice()
            && let Some(name) = part.as_ident()
            && let Some(count) = self.counts.get_mut(&folded(&name.value, name.quote_style))
        {
            *count += 1;
        }
        ControlFlow::Continue(())
    }
}

fn folded(name: &str, quote: Option<char>) -> String {
    if quote.is_some() { name.to_owned() } else { name.to_lowercase() }
}
