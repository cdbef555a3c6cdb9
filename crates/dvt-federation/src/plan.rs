//! From a query to extracts and the plan that joins them.

use crate::bind::{bind, explain, parse_query, quoted_names};
use crate::catalog::{CatalogRelation, ForeignTable, UNREADABLE};
use crate::error::PlanError;
use crate::extract::{Extract, ExtractQuery, ExtractScan, ExtractedTable, PushdownReport};
use crate::functions::FunctionPack;
use crate::output::output_schema;
use crate::pushdown::push_predicate;
use crate::semantics::apply_semantics;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, config::ConfigOptions};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan, TableScanBuilder};
use datafusion::optimizer::{Analyzer, Optimizer, OptimizerContext};
use dvt_sql::Dialect;
use std::any::Any;
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
    let PlanRequest { sql, dialect, relations, limit } = request;
    let functions = FunctionPack::of(dialect);
    let statement = parse_query(sql, dialect)?;
    let quoted = quoted_names(sql, dialect);
    let known: Vec<String> = relations.iter().map(|relation| relation.display_name.clone()).collect();
    let explained = |error: DataFusionError| explain(&error, dialect, &functions, &known);

    let tables = relations.iter().cloned().map(|relation| ForeignTable::new(relation, &quoted)).collect();
    let bound = bind(statement.clone(), dialect, tables, &functions)?;
    let mut meant = apply_semantics(bound, dialect, &functions)?;
    if let Some(limit) = limit {
        meant = LogicalPlanBuilder::from(meant)
            .limit(0, Some(limit))
            .and_then(LogicalPlanBuilder::build)
            .map_err(explained)?;
    }
    let mut options = ConfigOptions::default();
    options.optimizer.filter_null_join_keys = true;
    let analyzed = Analyzer::new().execute_and_check(meant.clone(), &options, |_, _| {}).map_err(explained)?;
    let result = output_schema(&meant, analyzed.schema().as_arrow(), &statement, dialect, &relations);
    let context = OptimizerContext::new_with_config_options(Arc::new(options));
    let optimized = Optimizer::new().optimize(analyzed, &context, |_, _| {}).map_err(explained)?;
    refuse_subqueries_left(&optimized)?;

    let mut scans = Scans::default();
    scans.collect(&optimized)?;
    let extracts = scans.into_extracts();
    let logical_plan = replace_scans(optimized, &extracts).map_err(explained)?;
    Ok(FederatedPlan { extracts, logical_plan, output_schema: result })
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

/// What one scan sends; scans that send the same share an extract.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    connection: String,
    sql: String,
    schema: SchemaRef,
}

#[derive(Default)]
struct Scans {
    found: Vec<(Sent, Extract)>,
}

impl Scans {
    fn collect(&mut self, plan: &LogicalPlan) -> Result<(), PlanError> {
        let mut failure = None;
        let walked = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some(table) = foreign_table(scan)
            {
                match extract_of(scan, table) {
                    Ok((sent, extract)) => self.add(sent, extract),
                    Err(error) => {
                        failure = Some(error);
                        return Ok(TreeNodeRecursion::Stop);
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        });
        if let Err(error) = walked {
            return Err(PlanError::Invalid { message: error.strip_backtrace(), location: None });
        }
        failure.map_or(Ok(()), Err)
    }

    fn add(&mut self, sent: Sent, extract: Extract) {
        match self.found.iter_mut().find(|(known, _)| *known == sent) {
            Some((_, known)) => known.readers += 1,
            None => self.found.push((sent, extract)),
        }
    }

    fn into_extracts(mut self) -> Vec<Extract> {
        self.found.sort_by(|(left, left_extract), (right, right_extract)| {
            (&left.connection, &left_extract.relation, &left.sql).cmp(&(
                &right.connection,
                &right_extract.relation,
                &right.sql,
            ))
        });
        self.found.into_iter().enumerate().map(|(index, (_, extract))| Extract { index, ..extract }).collect()
    }
}

fn foreign_table(scan: &TableScan) -> Option<&ForeignTable> {
    (scan.source.as_ref() as &dyn Any).downcast_ref::<ForeignTable>()
}

/// The query that a scan sends.
fn extract_of(scan: &TableScan, table: &ForeignTable) -> Result<(Sent, Extract), PlanError> {
    let relation = &table.relation;
    let dialect = relation.dialect;
    let schema = scan.source.schema();
    let projection: Vec<usize> = scan.projection.clone().unwrap_or_else(|| (0..schema.fields().len()).collect());
    let mut columns = Vec::new();
    let mut fields = Vec::new();
    for index in &projection {
        let field = schema.field(*index);
        if let Some(reason) = field.metadata().get(UNREADABLE) {
            return Err(PlanError::UnreadableColumn {
                column: field.name().clone(),
                relation: relation.display_name.clone(),
                reason: reason.clone(),
            });
        }
        columns.push(dialect.quote_identifier(&table.column(*index).name));
        fields.push(field.clone());
    }
    if columns.is_empty() {
        // Only the number of rows matters; a constant stands for the row.
        columns.push("1".to_owned());
        fields.push(row_marker());
    }
    let mut predicates = Vec::new();
    for filter in &scan.filters {
        let pushed = push_predicate(filter, table).map_err(|reason| PlanError::Invalid {
            message: format!(
                "a predicate was moved to connection `{}` that cannot be sent: {reason}",
                relation.connection
            ),
            location: None,
        })?;
        predicates.push(pushed.sql);
    }
    let query = ExtractQuery {
        columns,
        relation: dialect.quote_path(relation.description.name.parts()),
        predicates: predicates.clone(),
        limit: scan.fetch,
    };
    let sql = query.to_sql();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let sent = Sent { connection: relation.connection.clone(), sql: sql.clone(), schema: Arc::clone(&schema) };
    let extract = Extract {
        index: 0,
        connection: relation.connection.clone(),
        relation: relation.description.name.clone(),
        display_name: relation.display_name.clone(),
        sql,
        schema,
        readers: 1,
        pushed: PushdownReport {
            columns: (projection.len(), relation.description.columns.len()),
            predicates,
            limit: scan.fetch,
        },
        statistics: relation.description.statistics,
        query,
        table: ExtractedTable(Arc::clone(&scan.source)),
    };
    Ok((sent, extract))
}

/// The column of an extract of which only the number of rows matters.
pub(crate) fn row_marker() -> Field {
    Field::new("dvt_row", DataType::Int64, true)
}

/// The same plan over [`ExtractScan`]s. What a connection evaluates exactly is no longer in the plan; the rest is.
fn replace_scans(plan: LogicalPlan, extracts: &[Extract]) -> Result<LogicalPlan, DataFusionError> {
    let replaced = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
        let Some(table) = foreign_table(scan) else { return Ok(Transformed::no(node)) };
        let (sent, _) = extract_of(scan, table).map_err(|error| DataFusionError::Plan(error.to_string()))?;
        let Some(extract) = extracts.iter().find(|extract| {
            extract.connection == sent.connection && extract.sql == sent.sql && extract.schema == sent.schema
        }) else {
            return Err(DataFusionError::Internal("a scan has no extract".to_owned()));
        };
        let source = ExtractScan::new(extract.index, Arc::clone(&extract.schema));
        let reads_nothing = scan.projection.as_ref().is_some_and(Vec::is_empty);
        let scan = TableScanBuilder::new(scan.table_name.clone(), source)
            .with_projection(reads_nothing.then(Vec::new))
            .build()?;
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(replaced.data)
}
