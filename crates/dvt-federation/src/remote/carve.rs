//! Which subplans are sent whole, and the plan over what comes back.
//!
//! From the top: a subplan that can be one SELECT is sent if that is expected to cost less than sending its parts and
//! computing here. Nothing of the plan below a sent subplan is left; what a connection only narrows stays above it.

use super::translate::{Kept, Translator, foreign_table};
use super::{Block, estimate};
use crate::error::PlanError;
use crate::extract::{Extract, ExtractScan, KeptPredicate};
use crate::pushdown::LOCAL;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, TableReference};
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, SubqueryAlias, TableScanBuilder};
use std::collections::HashSet;
use std::sync::Arc;

/// What a subplan is answered with.
struct Answer {
    block: Block,
    /// Conditions over the rows that come back.
    kept: Vec<(Expr, Kept)>,
}

/// Cuts the plan into extracts and what is computed over them.
///
/// # Errors
/// [`PlanError::UnreadableColumn`] when the plan needs a column that cannot be read.
pub(crate) fn carve(plan: LogicalPlan, translator: &Translator) -> Result<(Vec<Extract>, LogicalPlan), PlanError> {
    let mut carver = Carver { translator, extracts: Vec::new(), failure: None };
    let carved = plan.transform_down_with_subqueries(|node| carver.replace(node));
    if let Some(failure) = carver.failure {
        return Err(failure);
    }
    let carved = carved.map_err(|error| PlanError::Invalid { message: error.strip_backtrace(), location: None })?.data;
    let (extracts, places) = in_order(carver.extracts);
    let carved = carved
        .transform_up_with_subqueries(|node| renumber(node, &places))
        .map_err(|error| PlanError::Invalid { message: error.strip_backtrace(), location: None })?;
    Ok((extracts, carved.data))
}

struct Carver<'t> {
    translator: &'t Translator,
    /// What is sent, each once; scans that send the same share one.
    extracts: Vec<Extract>,
    failure: Option<PlanError>,
}

impl Carver<'_> {
    fn replace(&mut self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
        let Some(answer) = self.answer(&node) else {
            if let LogicalPlan::TableScan(scan) = &node
                && foreign_table(scan).is_some()
                && let Err(reason) = self.translator.block_of(&node)
            {
                let message = format!("{} cannot be read: {reason}", scan.table_name);
                self.failure = Some(PlanError::Invalid { message, location: None });
                return Ok(Transformed::new(node, false, TreeNodeRecursion::Stop));
            }
            return Ok(Transformed::no(node));
        };
        let Answer { block, kept } = answer;
        if let Err(error) = check_readable(&block, &node) {
            self.failure = Some(error);
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Stop));
        }
        // The schema below a kept condition, or of the node itself.
        let rows = match (&node, kept.is_empty()) {
            (LogicalPlan::Filter(filter), false) => Arc::clone(filter.input.schema()),
            _ => Arc::clone(node.schema()),
        };
        let reads_nothing = rows.fields().is_empty();
        let (schema, qualifier) = extract_schema(&rows);
        let index = self.add(block, Arc::clone(&schema), &kept);
        let source = ExtractScan::new(index, Arc::clone(&schema));
        let scan =
            TableScanBuilder::new(scan_name(index), source).with_projection(reads_nothing.then(Vec::new)).build()?;
        let is_shared = qualifier.is_some();
        let alias = qualifier.unwrap_or_else(|| TableReference::bare("dvt_rows"));
        let scan = SubqueryAlias::try_new(Arc::new(LogicalPlan::TableScan(scan)), alias)?;
        let scan = LogicalPlan::SubqueryAlias(scan);
        let named = if is_shared || reads_nothing { scan } else { named_as(scan, &rows)? };
        let answered = match &node {
            // The order, and the cut where rows come in no order, are made here again.
            LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => node.with_new_exprs(node.expressions(), vec![named])?,
            LogicalPlan::Filter(_) => {
                match datafusion::logical_expr::utils::conjunction(kept.into_iter().map(|(condition, _)| condition)) {
                    Some(condition) => LogicalPlan::Filter(Filter::try_new(condition, Arc::new(named))?),
                    None => named,
                }
            }
            _ => named,
        };
        // What is left of the conditions may hold plans of its own.
        let answered = answered
            .map_subqueries(|subquery| subquery.transform_down_with_subqueries(|node| self.replace(node)))?
            .data;
        Ok(Transformed::new(answered, true, TreeNodeRecursion::Jump))
    }

    /// The subplan's SELECT where it is worth being sent whole.
    fn answer(&self, node: &LogicalPlan) -> Option<Answer> {
        if let LogicalPlan::TableScan(scan) = node {
            foreign_table(scan)?;
            let block = self.translator.block_of(node).ok()?;
            return Some(Answer { block, kept: Vec::new() });
        }
        if let LogicalPlan::Filter(filter) = node {
            let (block, kept) = self.translator.filter(filter).ok()?;
            let is_plain_scan = matches!(filter.input.as_ref(), LogicalPlan::TableScan(_));
            // A scan has been told all that it can take.
            let is_worth = is_plain_scan || self.is_worth(&filter.input, &block);
            if self.translator.only_columns || !is_worth {
                return None;
            }
            return Some(Answer { block, kept });
        }
        let block = self.translator.block_of(node).ok()?;
        self.is_worth(node, &block).then(|| Answer { block, kept: Vec::new() })
    }

    fn is_worth(&self, node: &LogicalPlan, block: &Block) -> bool {
        block.cost() <= self.local_cost(node)
    }

    /// What the subplan costs when its top operator runs here.
    fn local_cost(&self, node: &LogicalPlan) -> f64 {
        let inputs = node.inputs();
        let below: f64 = inputs.iter().map(|input| self.best_cost(input)).sum();
        let rows: f64 = inputs.iter().map(|input| self.rows(input)).sum();
        let here = match node {
            LogicalPlan::Join(_) => LOCAL.join,
            LogicalPlan::Aggregate(_) | LogicalPlan::Sort(_) => LOCAL.group,
            _ => 0.0,
        };
        match node {
            LogicalPlan::TableScan(_) => f64::INFINITY,
            _ => below + rows * here,
        }
    }

    fn best_cost(&self, node: &LogicalPlan) -> f64 {
        let local = self.local_cost(node);
        self.translator.block_of(node).map_or(local, |block| block.cost().min(local))
    }

    fn rows(&self, node: &LogicalPlan) -> f64 {
        self.translator.block_of(node).map_or(f64::INFINITY, |block| block.estimate.rows)
    }

    fn add(&mut self, block: Block, schema: SchemaRef, kept: &[(Expr, Kept)]) -> usize {
        let kept = kept
            .iter()
            .map(|(condition, kept)| KeptPredicate {
                predicate: condition.human_display().to_string(),
                reason: kept.reason.to_owned(),
                exactness: kept.exactness,
            })
            .collect::<Vec<_>>();
        let extract = Extract::new(block, schema, kept);
        let same = |known: &&mut Extract| {
            known.connection == extract.connection && known.sql == extract.sql && known.schema == extract.schema
        };
        if let Some(known) = self.extracts.iter_mut().find(same) {
            known.readers += 1;
            return known.index;
        }
        let index = self.extracts.len();
        self.extracts.push(Extract { index, ..extract });
        index
    }
}

/// A column that the query needs and that has no readable type.
fn check_readable(block: &Block, node: &LogicalPlan) -> Result<(), PlanError> {
    let _ = node;
    for column in &block.columns {
        if let Some(reason) = &column.column.unreadable {
            let names: Vec<&str> = block.relations.iter().map(|relation| relation.display_name.as_str()).collect();
            return Err(PlanError::UnreadableColumn {
                column: column.name.clone(),
                relation: names.join(" and "),
                reason: reason.clone(),
            });
        }
    }
    Ok(())
}

/// What the scan of an extract is called, beside the name that its columns have. Scans of one name and columns are the same to the
/// engine, whatever they read: of two subqueries that differ only in what was sent, it would run one.
fn scan_name(index: usize) -> TableReference {
    TableReference::bare(format!("input_{}", index + 1))
}

/// The schema of an extract, each name once; the qualifier that all of its columns have, if they have one.
fn extract_schema(rows: &datafusion::common::DFSchema) -> (SchemaRef, Option<TableReference>) {
    let mut names: HashSet<String> = HashSet::new();
    let mut is_renamed = false;
    let fields: Vec<Field> = rows
        .iter()
        .map(|(_, field)| {
            let mut name = field.name().clone();
            while !names.insert(name.clone()) {
                is_renamed = true;
                name.push('_');
            }
            field.as_ref().clone().with_name(name)
        })
        .collect();
    let mut qualifiers = rows.iter().map(|(qualifier, _)| qualifier);
    let first = qualifiers.next().flatten().cloned();
    let is_shared = !is_renamed && first.is_some() && qualifiers.all(|other| other == first.as_ref());
    let fields = if fields.is_empty() { vec![row_marker()] } else { fields };
    (Arc::new(Schema::new(fields)), first.filter(|_| is_shared))
}

/// The column of an extract of which only the number of rows matters.
fn row_marker() -> Field {
    Field::new("dvt_row", DataType::Int64, true)
}

/// The scan's columns under the names that the plan above knows.
fn named_as(scan: LogicalPlan, rows: &datafusion::common::DFSchema) -> Result<LogicalPlan, DataFusionError> {
    let exprs = scan
        .schema()
        .iter()
        .zip(rows.iter())
        .map(|((own_qualifier, own), (qualifier, field))| {
            let column = Expr::Column(Column::from((own_qualifier, own)));
            Expr::Alias(Alias::new(column, qualifier.cloned(), field.name().clone()))
        })
        .collect();
    Projection::try_new(exprs, Arc::new(scan)).map(LogicalPlan::Projection)
}

/// By connection, then relation, then SQL, so that plans compare as text; and where each of the old numbers went.
fn in_order(mut extracts: Vec<Extract>) -> (Vec<Extract>, Vec<usize>) {
    extracts.sort_by(|left, right| {
        (&left.connection, &left.relation, &left.sql).cmp(&(&right.connection, &right.relation, &right.sql))
    });
    let mut places = vec![0; extracts.len()];
    for (place, extract) in extracts.iter_mut().enumerate() {
        places[extract.index] = place;
        extract.index = place;
    }
    (extracts, places)
}

fn renumber(node: LogicalPlan, places: &[usize]) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
    let source: &dyn std::any::Any = scan.source.as_ref();
    let Some(read) = source.downcast_ref::<ExtractScan>() else { return Ok(Transformed::no(node)) };
    let Some(place) = places.get(read.index).copied() else { return Ok(Transformed::no(node)) };
    let columns = scan.projection.clone();
    let source = ExtractScan::new(place, Arc::clone(read.schema_ref()));
    let scan = TableScanBuilder::new(scan_name(place), source).with_projection(columns).build()?;
    Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
}

/// Rows that an extract is expected to give, `None` where no catalog knew anything.
pub(crate) fn expected_rows(block: &Block) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
    block.estimate.is_known.then_some(block.estimate.rows as u64)
}

/// Bytes of an average row.
pub(crate) fn expected_width(block: &Block) -> f64 {
    block.columns.iter().map(|column| estimate::width(&column.column)).sum::<f64>().max(1.0)
}
