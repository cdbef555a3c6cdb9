//! From a query to extracts and the plan that joins them.

use crate::bind::{bind, explain, parse_for_plan, quoted_names, swapped_case};
use crate::catalog::{CatalogRelation, ForeignTable};
use crate::error::PlanError;
use crate::extract::Extract;
use crate::functions::FunctionPack;
use crate::optimizer::{first_pass, last_pass, second_pass};
use crate::output::output_schema;
use crate::questions::{Answered, questions_of, with_answers};
use crate::remote::{Translator, carve, regroup_joins};
use crate::semantics::{apply_semantics, give_texts_their_form};
use crate::unnest::unnest_subqueries;
use crate::volatile::{keep_draws_in_place, refuse_draws_read_twice};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ScalarValue, config::ConfigOptions};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{Analyzer, OptimizerContext};
use dvt_sql::{Dialect, IdentifierCase};
use std::fmt;
use std::sync::Arc;

/// What is planned.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// One query in the author's dialect: that of the target connection.
    pub sql: &'a str,
    pub dialect: &'static Dialect,
    /// Every relation that [`crate::relations_read`] finds in the query.
    pub relations: Vec<CatalogRelation>,
    /// At most this many rows of the result (`dvt show --limit`).
    pub limit: Option<usize>,
    pub pushdown: Pushdown,
}

/// How much of a query the connections may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pushdown {
    /// All that keeps the answer and is expected to be cheaper there.
    #[default]
    Whole,
    /// Nothing but handing out columns: what tests compare with.
    Columns,
}

/// Extracts and the plan that joins them. `Display` prints it as short stable text.
#[derive(Clone, Debug)]
pub struct FederatedPlan {
    pub extracts: Vec<Extract>,
    /// The optimised plan over [`ExtractScan`]s.
    pub logical_plan: LogicalPlan,
    /// The result: names and types for the target; metadata says where a column comes from.
    pub output_schema: SchemaRef,
}

/// Splits a query over several connections into extracts and the plan that joins them.
///
/// The predicates sent to a connection are those that the plan itself moved down to the scan and that
/// [`crate::PushedPredicate`]'s rules allow there; an inexact one stays in the plan as well. A limit is sent only where the
/// plan moved it down to a scan whose predicates are all exact.
///
/// # Errors
/// Every [`PlanError`]; an unknown column or function carries its place in the SQL.
///
/// Source: DataFusion's `TableProviderFilterPushDown` for exact and inexact.
pub fn plan_query(request: PlanRequest<'_>) -> Result<FederatedPlan, PlanError> {
    plan_answered(request, &[])
}

/// The plans of the values that the query's conditions ask for, each of one row and one column. Their answers, given to
/// [`plan_answered`] in this order, let connections filter by them.
///
/// # Errors
/// As [`plan_query`].
pub fn plan_questions(request: PlanRequest<'_>) -> Result<Vec<FederatedPlan>, PlanError> {
    if request.pushdown == Pushdown::Columns || !has_subquery(request.sql) {
        return Ok(Vec::new());
    }
    let pushdown = request.pushdown;
    let bound = Bound::new(request)?;
    let questions = questions_of(&bound.analyzed)?;
    questions
        .into_iter()
        .map(|question| {
            let output_schema = Arc::new(question.schema().as_arrow().clone());
            let (extracts, logical_plan) = bound.carved(question.as_ref().clone(), pushdown)?;
            Ok(FederatedPlan { extracts, logical_plan, output_schema })
        })
        .collect()
}

/// Most queries have no subquery, and need not be bound twice.
fn has_subquery(sql: &str) -> bool {
    sql.to_lowercase().matches("select").nth(1).is_some()
}

/// The answer to one of [`plan_questions`].
#[derive(Clone, Debug)]
pub struct QuestionAnswer {
    /// One value; `None` leaves the question to the engine.
    pub value: Option<ArrayRef>,
    /// The question is how far an incremental model has come: it reads nothing but the model itself. What is read of a
    /// source above such a value ends where an open transaction may still write (`settled`).
    pub is_watermark: bool,
}

/// [`plan_query`] with the answers to [`plan_questions`].
///
/// # Errors
/// As [`plan_query`].
pub fn plan_answered(request: PlanRequest<'_>, answers: &[QuestionAnswer]) -> Result<FederatedPlan, PlanError> {
    let pushdown = request.pushdown;
    let answers: Vec<Answered> = answers
        .iter()
        .map(|answer| Answered {
            value: answer.value.as_ref().and_then(|value| ScalarValue::try_from_array(value, 0).ok()),
            is_watermark: answer.is_watermark,
        })
        .collect();
    let mut bound = Bound::new(request)?;
    let analyzed = std::mem::take(&mut bound.analyzed);
    let answered = with_answers(analyzed, &answers).map_err(|error| bound.explain(&error))?;
    let (extracts, logical_plan) = bound.carved(answered, pushdown)?;
    Ok(FederatedPlan { extracts, logical_plan, output_schema: bound.output })
}

/// A query with names and types, not yet optimised.
struct Bound {
    analyzed: LogicalPlan,
    output: SchemaRef,
    dialect: &'static Dialect,
    functions: FunctionPack,
    known: Vec<String>,
    context: OptimizerContext,
}

impl Bound {
    fn new(request: PlanRequest<'_>) -> Result<Self, PlanError> {
        let PlanRequest { sql, dialect, relations, limit, pushdown } = request;
        let functions = FunctionPack::of(dialect);
        let statement = parse_for_plan(sql, dialect)?;
        let mut quoted = quoted_names(sql, dialect);
        if dialect.unquoted == IdentifierCase::FoldsUpper {
            quoted = quoted.iter().map(|name| swapped_case(name)).collect();
        }
        let known: Vec<String> = relations.iter().map(|relation| relation.display_name.clone()).collect();
        let explained = |error: DataFusionError| explain(&error, dialect, &functions, &known);

        let is_whole = pushdown == Pushdown::Whole;
        let tables = relations.iter().cloned().map(|relation| ForeignTable::new(relation, &quoted, is_whole)).collect();
        let bound = bind(statement.clone(), dialect, tables, &functions)?;
        refuse_draws_read_twice(&bound, &statement)?;
        let meant = keep_draws_in_place(apply_semantics(bound, dialect, &functions)?)?;
        let mut meant = unnest_subqueries(meant)?;
        if let Some(limit) = limit {
            meant = LogicalPlanBuilder::from(meant)
                .limit(0, Some(limit))
                .and_then(LogicalPlanBuilder::build)
                .map_err(explained)?;
        }
        let mut options = ConfigOptions::default();
        options.optimizer.filter_null_join_keys = true;
        let analyzed = Analyzer::new().execute_and_check(meant.clone(), &options, |_, _| {}).map_err(explained)?;
        let analyzed = give_texts_their_form(analyzed, dialect)?;
        let output = output_schema(&meant, analyzed.schema().as_arrow(), &statement, dialect, &relations);
        let context = OptimizerContext::new_with_config_options(Arc::new(options));
        Ok(Self { analyzed, output, dialect, functions, known, context })
    }

    fn explain(&self, error: &DataFusionError) -> PlanError {
        explain(error, self.dialect, &self.functions, &self.known)
    }

    /// The plan optimised, and cut where connections take over.
    fn carved(&self, plan: LogicalPlan, pushdown: Pushdown) -> Result<(Vec<Extract>, LogicalPlan), PlanError> {
        let explained = |error: DataFusionError| self.explain(&error);
        let optimized = first_pass().optimize(plan, &self.context, |_, _| {}).map_err(explained)?;
        refuse_subqueries_left(&optimized)?;
        let translator = Translator::new(pushdown == Pushdown::Columns);
        let optimized = match pushdown {
            Pushdown::Columns => optimized,
            Pushdown::Whole => {
                let regrouped = regroup_joins(optimized, &translator).map_err(explained)?;
                second_pass().optimize(regrouped, &self.context, |_, _| {}).map_err(explained)?
            }
        };
        let (extracts, carved) = carve(optimized, &translator)?;
        let settled = last_pass().optimize(carved, &self.context, |_, _| {}).map_err(explained)?;
        Ok((extracts, settled))
    }
}

/// The optimiser turns conditions with a subquery into joins where it can; the engine runs no others.
fn refuse_subqueries_left(plan: &LogicalPlan) -> Result<(), PlanError> {
    let mut left = None;
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node
            && join.null_aware
            && (join.on.len() != 1 || join.filter.is_some())
        {
            left = Some("NOT IN with a correlated subquery");
            return Ok(TreeNodeRecursion::Stop);
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                left = match expr {
                    Expr::Exists(_) => Some("EXISTS"),
                    Expr::InSubquery(_) => Some("IN with a subquery"),
                    Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty() => {
                        Some("a correlated subquery as a value")
                    }
                    Expr::SetComparison(_) => Some("ANY or ALL with a subquery"),
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                Ok(TreeNodeRecursion::Stop)
            })
        })
    });
    match (walked, left) {
        (_, Some(construct)) => Err(PlanError::Unsupported {
            construct: format!("{construct}, in this place,"),
            hint: Some("put it into WHERE as a condition of its own, or join the subquery".to_owned()),
            location: None,
        }),
        (Err(error), None) => Err(PlanError::Invalid { message: error.strip_backtrace(), location: None }),
        (Ok(_), None) => Ok(()),
    }
}

impl FederatedPlan {
    /// The connections read, each once, in order.
    #[must_use]
    pub fn connections(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.extracts.iter().map(|extract| extract.connection.as_str()).collect();
        names.dedup();
        names
    }
}

impl fmt::Display for FederatedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for extract in &self.extracts {
            let (read, all) = extract.pushed.columns;
            write!(f, "extract {} from {} ({read} of {all} columns", extract.index, extract.connection)?;
            if extract.readers > 1 {
                write!(f, ", read {} times", extract.readers)?;
            }
            writeln!(f, "): {}", extract.sql)?;
        }
        write!(f, "{}", self.logical_plan.display_indent())
    }
}
