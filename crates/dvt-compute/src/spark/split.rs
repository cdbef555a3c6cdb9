//! What Spark computes of a plan, and what is left for dvt: row by row, as the rows of Spark's answer come.
//!
//! A select list may hold what Spark has no faithful meaning for: PostgreSQL's quotient of exact numbers, `to_char`. Where
//! it stands above everything else it is computed by the embedded engine over Spark's rows; what it would have to hold in
//! memory (joins, groups, windows) is never taken from Spark.

use super::sql;
use super::types::stored;
use crate::ComputeError;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, TableScanBuilder};
use dvt_federation::FederatedPlan;
use dvt_spark::SparkFailure;
use std::sync::Arc;

/// A plan on two engines.
#[derive(Clone, Debug)]
pub struct SparkQuery {
    /// What Spark runs, over views of the extracts.
    pub sql: String,
    /// What its answer means: the types of the plan, which Spark may hold in other forms.
    pub(super) rows: DFSchemaRef,
    /// The operators above, outermost first.
    above: Vec<LogicalPlan>,
    /// Why they are not Spark's.
    pub kept: Option<String>,
}

/// Writes as much of the plan as Spark SQL as it can.
///
/// # Errors
/// [`SparkFailure::Refused`] names what Spark cannot do and dvt would not do row by row.
pub(super) fn split(
    plan: &FederatedPlan,
    view: &(dyn Fn(usize) -> String + Sync),
    stored_names: &(dyn Fn(usize) -> Vec<String> + Sync),
) -> Result<SparkQuery, SparkFailure> {
    // Expressions are written by recursion, and callers are deep in futures: a thread has the stack for it.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("spark-sql".to_owned()).stack_size(STACK_BYTES);
        let failed = |message: String| SparkFailure::Answer { message };
        let started = thread.spawn_scoped(scope, || split_here(plan, view, stored_names));
        let written = started.map_err(|error| failed(error.to_string()))?.join();
        written.map_err(|_| failed("its SQL could not be written".to_owned()))?
    })
}

/// What deeply nested queries need.
const STACK_BYTES: usize = 64 << 20;

fn split_here(
    plan: &FederatedPlan,
    view: &dyn Fn(usize) -> String,
    stored_names: &dyn Fn(usize) -> Vec<String>,
) -> Result<SparkQuery, SparkFailure> {
    let mut above = Vec::new();
    let mut node = &plan.logical_plan;
    let mut kept: Option<SparkFailure> = None;
    loop {
        let written = check_rows(node).and_then(|()| sql::write(node, view, stored_names));
        match written {
            Ok(sql) => {
                let kept = kept.map(|reason| match reason {
                    SparkFailure::Refused { construct } => construct,
                    other => other.to_string(),
                });
                return Ok(SparkQuery { sql, rows: Arc::clone(node.schema()), above, kept });
            }
            Err(refusal) => {
                let Some(input) = rowwise_input(node) else { return Err(refusal) };
                above.push(node.clone());
                kept.get_or_insert(refusal);
                node = input;
            }
        }
    }
}

/// The input of an operator that is computed row by row (or at the end, for the order of the rows).
fn rowwise_input(node: &LogicalPlan) -> Option<&LogicalPlan> {
    let has_subquery = node
        .apply_expressions_flag(|expr| matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)));
    if has_subquery {
        return None;
    }
    match node {
        LogicalPlan::Projection(node) => Some(&node.input),
        LogicalPlan::Filter(node) => Some(&node.input),
        LogicalPlan::SubqueryAlias(node) => Some(&node.input),
        LogicalPlan::Sort(node) => Some(&node.input),
        LogicalPlan::Limit(node) => Some(&node.input),
        _ => None,
    }
}

/// Whether any of the operator's expressions holds one of these.
trait ApplyExpressions {
    fn apply_expressions_flag(&self, wanted: impl Fn(&Expr) -> bool) -> bool;
}

impl ApplyExpressions for LogicalPlan {
    fn apply_expressions_flag(&self, wanted: impl Fn(&Expr) -> bool) -> bool {
        let mut found = false;
        let walked = self.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(wanted(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        });
        found || walked.is_err()
    }
}

/// Spark gives every column of the rows in some form.
fn check_rows(node: &LogicalPlan) -> Result<(), SparkFailure> {
    for field in node.schema().fields() {
        stored(field.data_type())?;
    }
    Ok(())
}

impl SparkQuery {
    /// Spark's rows as columns with names of their own.
    pub(super) fn row_schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .rows
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| field.as_ref().clone().with_name(format!("c{index}")).with_nullable(true))
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// Whether Spark computes all of it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.above.is_empty()
    }

    /// What is left of the plan, over a table of Spark's rows with [`SparkQuery::row_schema`].
    pub(super) fn rest(&self, rows: Arc<dyn TableProvider>) -> Result<LogicalPlan, ComputeError> {
        let scan = TableScanBuilder::new("spark", provider_as_source(rows)).build()?;
        let scan = LogicalPlan::TableScan(scan);
        let named: Vec<Expr> = scan
            .schema()
            .iter()
            .zip(self.rows.iter())
            .map(|(own, (qualifier, field))| {
                let column = Expr::Column(Column::from(own));
                Expr::Alias(Alias::new(column, qualifier.cloned(), field.name().clone()))
            })
            .collect();
        let mut plan = LogicalPlan::Projection(Projection::try_new(named, Arc::new(scan))?);
        for node in self.above.iter().rev() {
            plan = node.with_new_exprs(node.expressions(), vec![plan])?;
        }
        Ok(plan)
    }
}
