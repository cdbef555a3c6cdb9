//! From operators of the plan to SELECTs.

use super::estimate::{self, HAVING_SHARE, join_rows, share_of_all};
use super::{Block, BlockColumn, BlockRelation, Estimate, FromItem, JoinWord, Place, SentPredicate};
use crate::Exactness;
use crate::catalog::ForeignTable;
use crate::pushdown::{Fragment, NullsInOrder, Reason, RemoteColumn, Rules, Value};
use arrow::datatypes::DataType;
use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Expr, FetchType, Filter, Join, Limit, LogicalPlan, Projection, SkipType, Sort, SubqueryAlias, TableScan,
};
use dvt_adapter::TextComparison;
use std::any::Any;
use std::cell::Cell;

/// Turns subplans into SELECTs; each relation that is read gets its own number.
pub(crate) struct Translator {
    relations: Cell<usize>,
    /// Only columns are read: the switch that tests compare with.
    pub(crate) only_columns: bool,
}

pub(crate) fn foreign_table(scan: &TableScan) -> Option<&ForeignTable> {
    (scan.source.as_ref() as &dyn Any).downcast_ref::<ForeignTable>()
}

impl Translator {
    pub(crate) fn new(only_columns: bool) -> Self {
        Self { relations: Cell::new(0), only_columns }
    }

    fn next_relation(&self) -> usize {
        self.relations.replace(self.relations.get() + 1)
    }

    /// [`Translator::block`], after a look at where the leaves live.
    pub(crate) fn block_of(&self, plan: &LogicalPlan) -> Result<Block, Reason> {
        let mut connection: Option<&str> = None;
        let mut is_single = true;
        let mut open = vec![plan];
        while let Some(node) = open.pop() {
            if let LogicalPlan::TableScan(scan) = node {
                match (foreign_table(scan).map(|table| table.relation.connection.as_str()), connection) {
                    (Some(own), None) => connection = Some(own),
                    (Some(own), Some(known)) if own == known => {}
                    _ => is_single = false,
                }
            }
            open.extend(node.inputs());
        }
        if is_single { self.block(plan) } else { Err("its inputs live on several connections") }
    }

    /// The subplan as one SELECT, or why it cannot be.
    fn block(&self, plan: &LogicalPlan) -> Result<Block, Reason> {
        let is_scan = matches!(plan, LogicalPlan::TableScan(_));
        if self.only_columns && !is_scan {
            return Err("pushdown is switched off");
        }
        let block = match plan {
            LogicalPlan::TableScan(scan) => return self.scan(scan),
            LogicalPlan::Projection(node) => self.projection(node)?,
            LogicalPlan::Filter(node) => {
                let (block, kept) = self.filter(node)?;
                match kept.first() {
                    None => block,
                    Some((_, kept)) => return Err(kept.reason),
                }
            }
            LogicalPlan::SubqueryAlias(node) => self.alias(node)?,
            LogicalPlan::Join(node) => self.join(node)?,
            LogicalPlan::Aggregate(node) => self.aggregate(node)?,
            LogicalPlan::Sort(node) => self.sort(node)?,
            LogicalPlan::Limit(node) => self.limit(node)?,
            _ => return Err("the operator is not one that is sent"),
        };
        if !block.place.rules.subplans && !block.operators.is_empty() {
            return Err("the connection is only read from");
        }
        Ok(block)
    }

    fn scan(&self, scan: &TableScan) -> Result<Block, Reason> {
        let table = foreign_table(scan).ok_or("it reads no relation of a connection")?;
        let relation = &table.relation;
        let place = Place {
            connection: relation.connection.clone(),
            dialect: relation.dialect,
            rules: Rules::of(&relation.adapter_type),
        };
        let number = self.next_relation();
        let all = scan.source.schema();
        let indices: Vec<usize> = scan.projection.clone().unwrap_or_else(|| (0..all.fields().len()).collect());
        let statistics = &relation.description.statistics;
        let columns = indices
            .iter()
            .map(|index| {
                let description = table.column(*index);
                let mut column = RemoteColumn::stored(number, description, relation.dialect);
                let known = statistics.columns.get(&description.name).copied().unwrap_or_default();
                let is_key = statistics
                    .keys
                    .iter()
                    .any(|key| key.is_unique && matches!(&key.columns[..], [only] if *only == description.name));
                column.distinct = known.distinct.or(statistics.rows.filter(|_| is_key).map(|rows| rows as f64));
                column.width = known.width;
                BlockColumn { qualifier: Some(scan.table_name.clone()), name: all.field(*index).name().clone(), column }
            })
            .collect();
        let mut block = Block {
            place,
            from: vec![FromItem {
                sql: Fragment::concat([
                    relation.dialect.quote_path(relation.description.name.parts()).into(),
                    Fragment::alias(number),
                ]),
                joined: None,
            }],
            predicates: Vec::new(),
            group_by: None,
            having: Vec::new(),
            order_by: Vec::new(),
            limit: scan.fetch.filter(|_| !self.only_columns),
            columns,
            relations: vec![BlockRelation {
                name: relation.description.name.clone(),
                display_name: relation.display_name.clone(),
                columns: (indices.len(), relation.description.columns.len()),
                rows: statistics.rows,
            }],
            sent: Vec::new(),
            operators: Vec::new(),
            keys: statistics.keys.clone(),
            estimate: estimate::scan_estimate(statistics, &scan.filters, table),
        };
        let writer = table.writer();
        for filter in &scan.filters {
            let (sql, exactness) = writer.predicate(filter)?;
            let sql = sql.with_relation(number);
            block.sent.push(SentPredicate { text: filter.to_string(), sql: sql.clone(), exactness });
            block.predicates.push(sql);
        }
        if let Some(limit) = block.limit {
            block.estimate.rows = block.estimate.rows.min(limit as f64);
        }
        Ok(block)
    }

    /// The columns under the names of the subquery.
    fn alias(&self, node: &SubqueryAlias) -> Result<Block, Reason> {
        let mut block = self.block(&node.input)?;
        for (column, (qualifier, field)) in block.columns.iter_mut().zip(node.schema.iter()) {
            column.qualifier = qualifier.cloned();
            column.name.clone_from(field.name());
        }
        Ok(block)
    }

    fn projection(&self, node: &Projection) -> Result<Block, Reason> {
        let mut block = self.block(&node.input)?;
        let mut columns = Vec::with_capacity(node.expr.len());
        let mut is_computed = false;
        for (expr, (qualifier, field)) in node.expr.iter().zip(node.schema.iter()) {
            let plain = match expr {
                Expr::Alias(alias) => alias.expr.as_ref(),
                other => other,
            };
            let column = match plain {
                Expr::Column(column) => {
                    use crate::pushdown::Columns;
                    block.find(column).ok_or("its column is not in the table")?.clone()
                }
                computed => {
                    is_computed = true;
                    let value = block.writer().value(computed)?;
                    if value.data_type != *field.data_type() {
                        return Err("its value has another type on that connection");
                    }
                    computed_column(value, field.as_ref().clone())
                }
            };
            columns.push(BlockColumn { qualifier: qualifier.cloned(), name: field.name().clone(), column });
        }
        // What is ordered and cut already may still be computed with: SELECT comes last.
        block.columns = columns;
        if is_computed {
            block.operators.push("projection");
        }
        Ok(block)
    }

    /// The input with those conditions added that can be sent, and the conditions that must (also) stay here, with the
    /// reason.
    pub(crate) fn filter(&self, node: &Filter) -> Result<(Block, Vec<(Expr, Kept)>), Reason> {
        let mut block = self.block_of(&node.input)?;
        if block.limit.is_some() {
            block = self.derived(block);
        }
        let mut kept = Vec::new();
        for condition in split_conjunction(&node.predicate) {
            let (sql, exactness) = match block.writer().predicate(condition) {
                Ok(pushed) => pushed,
                Err(reason) => {
                    kept.push((condition.clone(), Kept { reason, exactness: None }));
                    continue;
                }
            };
            if exactness == Exactness::Inexact {
                let reason = "what the connection keeps is more than what fulfils it";
                kept.push((condition.clone(), Kept { reason, exactness: Some(exactness) }));
                if block.predicates.contains(&sql) {
                    continue;
                }
            }
            let is_grouped = block.group_by.is_some();
            let share = if is_grouped { HAVING_SHARE } else { share_of_all([condition].into_iter(), &block) };
            block.estimate.rows = (block.estimate.rows * share).max(1.0);
            block.sent.push(SentPredicate { text: condition.to_string(), sql: sql.clone(), exactness });
            if block.restrict(sql, is_grouped).is_none() {
                return Err("its rows are cut before");
            }
        }
        Ok((block, kept))
    }

    fn sort(&self, node: &Sort) -> Result<Block, Reason> {
        let Some(fetch) = node.fetch else { return Err("the order of all rows is made here") };
        let mut block = self.block(&node.input)?;
        // A constant in ORDER BY would be the number of a column.
        let has_constants = block.columns.iter().any(|column| !column.column.sql.has_columns());
        if block.limit.is_some() || !block.order_by.is_empty() || has_constants {
            block = self.derived(block);
        }
        let rules = block.place.rules;
        let mut keys = Vec::new();
        for sort in &node.expr {
            let value = block.writer().value(&sort.expr)?;
            let mut key = value.sql.clone();
            match (&value.data_type, &value.comparison) {
                (DataType::Utf8, TextComparison::Loose { .. }) => {
                    return Err("the connection's collation orders text in another way");
                }
                (DataType::Utf8, _) if !value.is_plain_text => return Err("the column is not plain text there"),
                (DataType::Utf8, comparison) => match (rules.bytewise, comparison) {
                    (Some(bytewise), _) => key = Fragment::concat([key, bytewise.into()]),
                    (None, TextComparison::Binary) => {}
                    _ => return Err("the connection's collation orders text in another way"),
                },
                _ if !is_groupable(&value, rules) => return Err("values of this type are not ordered there"),
                _ => {}
            }
            let direction = if sort.asc { "ASC" } else { "DESC" };
            match rules.nulls_in_order {
                NullsInOrder::Words => {
                    let nulls = if sort.nulls_first { "FIRST" } else { "LAST" };
                    keys.push(Fragment::concat([key, format!(" {direction} NULLS {nulls}").into()]));
                }
                NullsInOrder::KeyBefore => {
                    let nulls = if sort.nulls_first { "DESC" } else { "ASC" };
                    keys.push(Fragment::concat(["(".into(), key.clone(), format!(" IS NULL) {nulls}").into()]));
                    keys.push(Fragment::concat([key, format!(" {direction}").into()]));
                }
            }
        }
        block.order_by = keys;
        block.limit = Some(fetch);
        block.estimate.work += block.estimate.rows * rules.costs.group_ordered;
        block.estimate.rows = block.estimate.rows.min(fetch as f64);
        block.operators.push("top-k");
        Ok(block)
    }

    fn limit(&self, node: &Limit) -> Result<Block, Reason> {
        let (Ok(SkipType::Literal(0)), Ok(FetchType::Literal(Some(fetch)))) =
            (node.get_skip_type(), node.get_fetch_type())
        else {
            return Err("rows are skipped here");
        };
        let mut block = self.block(&node.input)?;
        block.limit = Some(block.limit.map_or(fetch, |limit| limit.min(fetch)));
        block.estimate.rows = block.estimate.rows.min(fetch as f64);
        block.operators.push("limit");
        Ok(block)
    }

    fn join(&self, node: &Join) -> Result<Block, Reason> {
        if node.null_equality != NullEquality::NullEqualsNothing || node.null_aware {
            return Err("its join treats NULLs in another way");
        }
        let (mut left, mut right) = (self.block(&node.left)?, self.block(&node.right)?);
        if left.place.connection != right.place.connection {
            return Err("its sides live on several connections");
        }
        if node.on.is_empty() {
            return Err("its join has no equal columns");
        }
        if !left.is_simple() {
            left = self.derived(left);
        }
        let needs_parts = matches!(node.join_type, JoinType::Left) && right.from.len() > 1;
        if !right.is_simple() || needs_parts {
            right = self.derived(right);
        }
        let rules = left.place.rules;
        // Both sides' columns, for writing the conditions and for the output.
        let mut both = left.clone();
        both.columns.extend(right.columns.iter().cloned());
        let mut on = Vec::new();
        let mut pairs = Vec::new();
        for (left_key, right_key) in &node.on {
            let equal = left_key.clone().eq(right_key.clone());
            match both.writer().predicate(&equal)? {
                (sql, Exactness::Exact) => on.push(sql),
                _ => return Err("its keys compare in another way there"),
            }
            let column = |block: &Block, key: &Expr| -> Option<RemoteColumn> {
                use crate::pushdown::Columns;
                let key = match key {
                    Expr::Cast(cast) => &cast.expr,
                    other => other,
                };
                block.find(key.try_as_col()?).cloned()
            };
            if let (Some(left), Some(right)) = (column(&left, left_key), column(&right, right_key)) {
                pairs.push((left, right));
            }
        }
        let left_keys: Vec<&RemoteColumn> = pairs.iter().map(|(left, _)| left).collect();
        let right_keys: Vec<&RemoteColumn> = pairs.iter().map(|(_, right)| right).collect();
        if rules.joins_need_index {
            let is_small = |block: &Block| block.estimate.is_known && block.estimate.rows <= SMALL;
            let is_found = match node.join_type {
                JoinType::Inner => {
                    is_indexed(&right, &right_keys)
                        || is_indexed(&left, &left_keys)
                        || is_small(&right)
                        || is_small(&left)
                }
                JoinType::Left => is_indexed(&right, &right_keys) || is_small(&right),
                _ => is_indexed(&right, &right_keys),
            };
            if !is_found {
                return Err("no index finds the rows of the other side");
            }
        }
        let mut filters = Vec::new();
        for condition in node.filter.iter().flat_map(|filter| split_conjunction(filter)) {
            match both.writer().predicate(condition)? {
                (sql, Exactness::Exact) => filters.push((condition, sql)),
                _ => return Err("its condition may keep too much there"),
            }
        }
        let inner_rows =
            join_rows(&left, &right, &pairs) * share_of_all(filters.iter().map(|(condition, _)| *condition), &both);
        let left_rows = left.estimate.rows;
        let rows = match node.join_type {
            JoinType::Inner => inner_rows,
            JoinType::Left => inner_rows.max(left_rows),
            JoinType::LeftSemi => inner_rows.min(left_rows * 0.5),
            JoinType::LeftAnti => left_rows * 0.5,
            _ => return Err("its kind of join is not one that is sent"),
        };
        // Where an index finds the rows of one side, only those of the other are gone through.
        let driving = match (is_indexed(&left, &left_keys), is_indexed(&right, &right_keys)) {
            _ if !rules.joins_by_index => left_rows.max(right.estimate.rows),
            (true, true) => left_rows.min(right.estimate.rows),
            (false, true) => left_rows,
            (true, false) if node.join_type == JoinType::Inner => right.estimate.rows,
            _ => left_rows.max(right.estimate.rows),
        };
        let work = left.estimate.work + right.estimate.work + (driving + inner_rows) * rules.costs.join;
        let estimate =
            Estimate { rows: rows.max(1.0), is_known: left.estimate.is_known && right.estimate.is_known, work };
        let conditions: Vec<Fragment> =
            on.into_iter().chain(filters.into_iter().map(|(_, condition)| condition)).collect();
        let mut joined = left;
        joined.sent.extend(right.sent.iter().cloned());
        joined.relations.extend(right.relations.iter().cloned());
        joined.operators.extend(right.operators.iter().copied());
        match node.join_type {
            JoinType::Inner => {
                let several = right.from.len() > 1;
                let mut items = right.from.into_iter();
                if let Some(mut first) = items.next() {
                    let on = if several { Vec::new() } else { conditions.clone() };
                    first.joined = Some((JoinWord::Inner, on));
                    joined.from.push(first);
                }
                joined.from.extend(items);
                if several {
                    joined.predicates.extend(conditions);
                }
                joined.predicates.extend(right.predicates);
                joined.columns.extend(right.columns);
                joined.operators.push("join");
            }
            JoinType::Left => {
                if let Some(mut only) = right.from.into_iter().next() {
                    let on = conditions.into_iter().chain(right.predicates).collect();
                    only.joined = Some((JoinWord::Left, on));
                    joined.from.push(only);
                }
                joined.columns.extend(right.columns.into_iter().map(|mut column| {
                    column.column.field = column.column.field.with_nullable(true);
                    column
                }));
                joined.operators.push("left join");
            }
            JoinType::LeftSemi | JoinType::LeftAnti => {
                let is_semi = node.join_type == JoinType::LeftSemi;
                right.predicates.extend(conditions);
                let rows = right.select_of("1".into());
                let word = if is_semi { "EXISTS (" } else { "NOT EXISTS (" };
                joined.predicates.push(Fragment::concat([word.into(), rows, ")".into()]));
                joined.operators.push(if is_semi { "semi join" } else { "anti join" });
            }
            _ => {}
        }
        joined.keys.clear();
        joined.estimate = estimate;
        Ok(joined)
    }

    /// The block as a relation of another one.
    pub(super) fn derived(&self, block: Block) -> Block {
        let number = self.next_relation();
        let sql = Fragment::concat(["(".into(), block.select(true), ")".into(), Fragment::alias(number)]);
        let columns = block
            .columns
            .into_iter()
            .enumerate()
            .map(|(index, column)| {
                let sql = Fragment::column(number, format!("c{index}"));
                BlockColumn { column: RemoteColumn { sql, ..column.column }, ..column }
            })
            .collect();
        let mut operators = block.operators;
        operators.push("subquery");
        Block {
            operators,
            from: vec![FromItem { sql, joined: None }],
            predicates: Vec::new(),
            group_by: None,
            having: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            columns,
            keys: Vec::new(),
            ..block
        }
    }
}

/// Why a condition stays here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) reason: Reason,
    /// [`Exactness::Inexact`] where a wider one was sent as well.
    pub(crate) exactness: Option<Exactness>,
}

/// Rows of a side that may be looked through for each row of the other.
const SMALL: f64 = 1000.0;

/// Whether an index of the block's relation begins with one of these columns.
fn is_indexed(block: &Block, columns: &[&RemoteColumn]) -> bool {
    block.keys.iter().any(|key| {
        key.columns.first().is_some_and(|first| {
            let quoted = block.place.dialect.quote_identifier(first);
            columns.iter().any(|column| column.sql.is_column_named(&quoted))
        })
    })
}

/// A column that the connection computes.
pub(super) fn computed_column(value: Value, field: arrow::datatypes::Field) -> RemoteColumn {
    RemoteColumn { sql: value.sql, field, comparison: value.comparison, unreadable: None, distinct: None, width: None }
}

/// Whether equal values of this kind are the same there as here, and in the same order (text aside).
pub(super) fn is_groupable(value: &Value, rules: &Rules) -> bool {
    let is_loose = matches!(value.comparison, TextComparison::Loose { .. });
    match &value.data_type {
        DataType::Utf8 => value.is_plain_text && !is_loose,
        _ if is_loose => false,
        DataType::Decimal128(..) => rules.decimals,
        DataType::Date32 => rules.dates,
        DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => rules.timestamps,
        DataType::Boolean => rules.booleans,
        other => other.is_integer(),
    }
}
