//! The order of inner joins: what lives on one connection is brought together, and the smallest comes first.
//!
//! The planner joins in the order of the query's text. Inner joins may be joined in any order, and columns that are equal
//! to the same column are equal to each other, so that tables of one connection find each other across tables of another.
//! Whether bringing them together is cheaper is asked for each pair; where the catalogs know nothing, the text's order of
//! what is left stays.

use super::Block;
use super::estimate::{join_estimate, share_of_all};
use super::translate::Translator;
use crate::pushdown::{Columns, LOCAL};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinConstraint, JoinType, NullEquality, Result, plan_err};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Filter, Join, LogicalPlan, Operator, Projection};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// More relations than this are joined in the order of the text: trying pairs would take longer than it saves.
const MOST_RELATIONS: usize = 16;

/// The plan with its inner joins in the order that moves the fewest rows.
pub(crate) fn regroup_joins(plan: LogicalPlan, translator: &Translator) -> Result<LogicalPlan> {
    plan.transform_down_with_subqueries(|node| {
        if !is_joined(&node) {
            return Ok(Transformed::no(node));
        }
        let mut tree = Tree::default();
        tree.flatten(&node)?;
        if tree.leaves.len() + tree.semis.len() < 3 || tree.leaves.len() > MOST_RELATIONS {
            return Ok(Transformed::no(node));
        }
        let rebuilt = tree.rebuild(node.schema(), translator)?;
        Ok(Transformed::new(rebuilt, true, TreeNodeRecursion::Jump))
    })
    .map(|rewritten| rewritten.data)
}

/// Whether the node is part of a tree of inner joins.
fn is_joined(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::Inner => is_plain(join),
            JoinType::LeftSemi => is_plain(join) && is_joined(&join.left),
            _ => false,
        },
        LogicalPlan::Filter(filter) => is_movable(&filter.predicate) && is_joined(&filter.input),
        LogicalPlan::Projection(node) => {
            node.expr.iter().all(|expr| matches!(expr, Expr::Column(_))) && is_joined(&node.input)
        }
        _ => false,
    }
}

fn is_plain(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNothing
        && !join.null_aware
        && join.on.iter().all(|(left, right)| is_movable(left) && is_movable(right))
        && join.filter.as_ref().is_none_or(is_movable)
}

/// Without a value of its own at each place, and without another plan inside.
fn is_movable(expr: &Expr) -> bool {
    let holds_plan = expr.exists(|expr| {
        Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)))
    });
    !expr.is_volatile() && matches!(holds_plan, Ok(false))
}

/// A tree of inner joins taken apart.
#[derive(Default)]
struct Tree {
    leaves: Vec<LogicalPlan>,
    conditions: Vec<Expr>,
    semis: Vec<Join>,
}

/// Columns that are equal to each other.
type Class = Vec<Column>;

/// Relations by their place in the query's text.
type Leaves = BTreeSet<usize>;

/// Some of the leaves, joined.
struct Group {
    plan: LogicalPlan,
    leaves: Leaves,
    block: Option<Block>,
    rows: f64,
    is_known: bool,
}

impl Tree {
    fn flatten(&mut self, node: &LogicalPlan) -> Result<()> {
        match node {
            LogicalPlan::Join(join) if is_joined(node) => {
                self.flatten(&join.left)?;
                if join.join_type == JoinType::LeftSemi {
                    self.semis.push(join.clone());
                    return Ok(());
                }
                self.flatten(&join.right)?;
                self.conditions.extend(join.on.iter().map(|(left, right)| left.clone().eq(right.clone())));
                let filter = join.filter.iter().flat_map(|filter| split_conjunction(filter));
                self.conditions.extend(filter.cloned());
            }
            LogicalPlan::Filter(filter) if is_joined(node) => {
                self.flatten(&filter.input)?;
                self.conditions.extend(split_conjunction(&filter.predicate).into_iter().cloned());
            }
            LogicalPlan::Projection(projection) if is_joined(node) => self.flatten(&projection.input)?,
            leaf => self.leaves.push(leaf.clone()),
        }
        Ok(())
    }

    fn leaf_of(&self, column: &Column) -> Option<usize> {
        self.leaves.iter().position(|leaf| leaf.schema().has_column(column))
    }

    fn leaves_of(&self, expr: &Expr) -> BTreeSet<usize> {
        expr.column_refs().into_iter().filter_map(|column| self.leaf_of(column)).collect()
    }

    /// The leaves that a semi join's own side looks at.
    fn leaves_of_semi(&self, semi: &Join) -> BTreeSet<usize> {
        let mut leaves: BTreeSet<usize> = semi.on.iter().flat_map(|(left, _)| self.leaves_of(left)).collect();
        if let Some(filter) = &semi.filter {
            let own = semi.right.schema();
            let outer = filter.column_refs().into_iter().filter(|column| !own.has_column(column));
            leaves.extend(outer.filter_map(|column| self.leaf_of(column)));
        }
        leaves
    }

    /// Equal columns of one type together, and all other conditions.
    fn classes(&self) -> Result<(Vec<Class>, Vec<Expr>)> {
        let mut classes: Vec<Class> = Vec::new();
        let mut others = Vec::new();
        for condition in &self.conditions {
            let Some((left, right)) = self.equal_columns(condition)? else {
                others.push(condition.clone());
                continue;
            };
            let place = |column: &Column, classes: &[Class]| classes.iter().position(|class| class.contains(column));
            match (place(&left, &classes), place(&right, &classes)) {
                (Some(one), Some(other)) if one == other => {}
                (Some(one), Some(other)) => {
                    let (keep, gone) = (one.min(other), one.max(other));
                    let moved = classes.remove(gone);
                    classes[keep].extend(moved);
                }
                (Some(class), None) => classes[class].push(right),
                (None, Some(class)) => classes[class].push(left),
                (None, None) => classes.push(vec![left, right]),
            }
        }
        Ok((classes, others))
    }

    fn equal_columns(&self, condition: &Expr) -> Result<Option<(Column, Column)>> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return Ok(None) };
        let (Some(left), Some(right)) = (left.try_as_col(), right.try_as_col()) else { return Ok(None) };
        let (Some(left_leaf), Some(right_leaf)) = (self.leaf_of(left), self.leaf_of(right)) else { return Ok(None) };
        let data_type =
            |leaf: usize, column: &Column| Expr::Column(column.clone()).get_type(self.leaves[leaf].schema().as_ref());
        let (left_type, right_type) = (data_type(left_leaf, left)?, data_type(right_leaf, right)?);
        // Zero has two signs, and what is no number equals nothing or itself.
        let is_transitive = left_type == right_type && !left_type.is_floating() && left != right;
        Ok(is_transitive.then(|| (left.clone(), right.clone())))
    }

    fn rebuild(mut self, wanted: &DFSchema, translator: &Translator) -> Result<LogicalPlan> {
        let (classes, mut others) = self.classes()?;
        let mut groups = Vec::with_capacity(self.leaves.len());
        for index in 0..self.leaves.len() {
            let mut conditions: Vec<Expr> = Vec::new();
            for class in &classes {
                let own: Vec<&Column> = class.iter().filter(|column| self.leaf_of(column) == Some(index)).collect();
                conditions.extend(own.windows(2).map(|pair| column(pair[0]).eq(column(pair[1]))));
            }
            let (of_leaf, rest) =
                others.into_iter().partition(|condition| self.leaves_of(condition).iter().all(|leaf| *leaf == index));
            others = rest;
            conditions.extend::<Vec<Expr>>(of_leaf);
            let leaf = regroup_joins(self.leaves[index].clone(), translator)?;
            let plan = match conjunction(conditions) {
                Some(condition) => LogicalPlan::Filter(Filter::try_new(condition, Arc::new(leaf))?),
                None => leaf,
            };
            groups.push(Group::new(plan, [index].into(), translator));
        }
        // A semi join with rows of the same connection can go there as a whole.
        let mut semis = Vec::new();
        for semi in std::mem::take(&mut self.semis) {
            let leaves = self.leaves_of_semi(&semi);
            let single = leaves.first().copied().filter(|_| leaves.len() == 1);
            if let Some(leaf) = single {
                let joined = semi_join(groups[leaf].plan.clone(), &semi, translator)?;
                let candidate = Group::new(joined, [leaf].into(), translator);
                if candidate.block.is_some() {
                    groups[leaf] = candidate;
                    continue;
                }
            }
            semis.push((leaves, semi));
        }
        let distinct = classes
            .iter()
            .flatten()
            .filter_map(|column| Some((column.clone(), groups.get(self.leaf_of(column)?)?.distinct(column)?)))
            .collect();
        let joining = Joining { tree: &self, classes: &classes, distinct };
        joining.bring_together(&mut groups, &mut others, translator)?;
        // What is left of the semi joins narrows the group that it looks at.
        let mut above = Vec::new();
        for (leaves, semi) in semis {
            match groups.iter_mut().find(|group| leaves.is_subset(&group.leaves)) {
                Some(group) => {
                    group.plan = semi_join(group.plan.clone(), &semi, translator)?;
                    group.block = None;
                    group.rows = (group.rows * 0.1).max(1.0);
                }
                None => above.push(semi),
            }
        }
        let mut plan = joining.join_all(groups, &mut others)?;
        if let Some(condition) = conjunction(others) {
            plan = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?);
        }
        for semi in above {
            plan = semi_join(plan, &semi, translator)?;
        }
        let columns = wanted.iter().map(|(qualifier, field)| Expr::Column(Column::from((qualifier, field)))).collect();
        Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
    }
}

fn column(column: &Column) -> Expr {
    Expr::Column(column.clone())
}

fn semi_join(plan: LogicalPlan, semi: &Join, translator: &Translator) -> Result<LogicalPlan> {
    let right = regroup_joins(semi.right.as_ref().clone(), translator)?;
    Join::try_new(
        Arc::new(plan),
        Arc::new(right),
        semi.on.clone(),
        semi.filter.clone(),
        JoinType::LeftSemi,
        JoinConstraint::On,
        NullEquality::NullEqualsNothing,
        false,
    )
    .map(LogicalPlan::Join)
}

impl Group {
    fn new(plan: LogicalPlan, leaves: Leaves, translator: &Translator) -> Self {
        let block = translator.block_of(&plan).ok();
        let (rows, is_known) =
            block.as_ref().map_or((f64::MAX, false), |block| (block.estimate.rows, block.estimate.is_known));
        Self { plan, leaves, block, rows, is_known }
    }

    fn distinct(&self, column: &Column) -> Option<f64> {
        self.block.as_ref().and_then(|block| block.find(column)).and_then(|column| column.distinct)
    }
}

struct Joining<'t> {
    tree: &'t Tree,
    classes: &'t [Class],
    /// Different values, as the catalogs of the leaves know them.
    distinct: HashMap<Column, f64>,
}

impl Joining<'_> {
    /// One pair of equal columns for each class that both groups have columns of.
    fn pairs(&self, left: &Leaves, right: &Leaves) -> Vec<(Column, Column)> {
        let of = |class: &Class, leaves: &Leaves| {
            class.iter().find(|column| self.tree.leaf_of(column).is_some_and(|leaf| leaves.contains(&leaf))).cloned()
        };
        self.classes.iter().filter_map(|class| Some((of(class, left)?, of(class, right)?))).collect()
    }

    /// Conditions that both groups together can answer.
    fn answerable(&self, left: &Leaves, right: &Leaves, others: &[Expr]) -> Vec<Expr> {
        let leaves: Leaves = left.union(right).copied().collect();
        others.iter().filter(|condition| self.tree.leaves_of(condition).is_subset(&leaves)).cloned().collect()
    }

    fn join(&self, left: &Group, right: &Group, others: &[Expr]) -> Result<LogicalPlan> {
        let on =
            self.pairs(&left.leaves, &right.leaves).iter().map(|(left, right)| (column(left), column(right))).collect();
        Join::try_new(
            Arc::new(left.plan.clone()),
            Arc::new(right.plan.clone()),
            on,
            conjunction(self.answerable(&left.leaves, &right.leaves, others)),
            JoinType::Inner,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        )
        .map(LogicalPlan::Join)
    }

    /// Joins groups of one connection as long as that is cheaper than bringing both here.
    fn bring_together(&self, groups: &mut Vec<Group>, others: &mut Vec<Expr>, translator: &Translator) -> Result<()> {
        loop {
            let mut best: Option<(f64, usize, usize, Group)> = None;
            for left in 0..groups.len() {
                for right in left + 1..groups.len() {
                    let (one, other) = (&groups[left], &groups[right]);
                    let (Some(one_block), Some(other_block)) = (&one.block, &other.block) else { continue };
                    if one_block.place.connection != other_block.place.connection
                        || self.pairs(&one.leaves, &other.leaves).is_empty()
                    {
                        continue;
                    }
                    let leaves = one.leaves.union(&other.leaves).copied().collect();
                    let joined = Group::new(self.join(one, other, others)?, leaves, translator);
                    let Some(block) = &joined.block else { continue };
                    let apart = one_block.cost() + other_block.cost() + (one.rows + other.rows) * LOCAL.join;
                    let gain = apart - block.cost();
                    if gain >= 0.0 && best.as_ref().is_none_or(|(known, ..)| gain > *known) {
                        best = Some((gain, left, right, joined));
                    }
                }
            }
            let Some((_, left, right, joined)) = best else { return Ok(()) };
            others.retain(|condition| !self.tree.leaves_of(condition).is_subset(&joined.leaves));
            groups.remove(right);
            groups[left] = joined;
        }
    }

    /// Joins all groups in the order that keeps the rows few.
    fn join_all(&self, groups: Vec<Group>, others: &mut Vec<Expr>) -> Result<LogicalPlan> {
        let is_known = groups.iter().all(|group| group.is_known);
        let starts = if is_known { 0..groups.len() } else { 0..1 };
        let mut best: Option<(f64, Vec<usize>)> = None;
        for start in starts {
            let (rows, order) = self.order_from(start, &groups, is_known, others);
            if best.as_ref().is_none_or(|(known, _)| rows < *known) {
                best = Some((rows, order));
            }
        }
        let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
        let mut in_order = best.into_iter().flat_map(|(_, order)| order).filter_map(|index| groups[index].take());
        let Some(mut joined) = in_order.next() else { return plan_err!("a join has no sides") };
        for group in in_order {
            let plan = self.join(&joined, &group, others)?;
            joined.leaves.extend(group.leaves);
            others.retain(|condition| !self.tree.leaves_of(condition).is_subset(&joined.leaves));
            joined = Group { plan, block: None, ..joined };
        }
        Ok(joined.plan)
    }

    /// Beginning with this group, always what keeps the rows fewest; the rows of all joins together, and the order.
    fn order_from(&self, start: usize, groups: &[Group], is_known: bool, others: &[Expr]) -> (f64, Vec<usize>) {
        let mut order = vec![start];
        let (mut leaves, mut rows, mut total) = (groups[start].leaves.clone(), groups[start].rows, 0.0);
        let mut others = others.to_vec();
        while order.len() < groups.len() {
            let candidates = (0..groups.len()).filter(|index| !order.contains(index));
            let expected = candidates.map(|index| (index, self.expected(&leaves, rows, &groups[index], &others)));
            let next = match is_known {
                true => expected.min_by(|(_, one), (_, other)| one.total_cmp(other)),
                // The text's next that is joined by a condition at all.
                false => {
                    let mut expected: Vec<(usize, f64)> = expected.collect();
                    let place = expected.iter().position(|(_, rows)| *rows < f64::MAX).unwrap_or(0);
                    (!expected.is_empty()).then(|| expected.swap_remove(place))
                }
            };
            let Some((index, expected)) = next else { break };
            order.push(index);
            leaves.extend(&groups[index].leaves);
            others.retain(|condition| !self.tree.leaves_of(condition).is_subset(&leaves));
            rows = expected;
            total += expected;
        }
        (total, order)
    }

    /// Rows of the two joined; the greatest number there is where no condition joins them.
    fn expected(&self, left: &Leaves, left_rows: f64, right: &Group, others: &[Expr]) -> f64 {
        let pairs = self.pairs(left, &right.leaves);
        let conditions = self.answerable(left, &right.leaves, others);
        if pairs.is_empty() && conditions.is_empty() {
            return f64::MAX;
        }
        let known: Vec<Option<f64>> = pairs
            .iter()
            .map(|(one, other)| {
                let known = [self.distinct(one), self.distinct(other)].into_iter().flatten().fold(0.0, f64::max);
                (known >= 1.0).then_some(known)
            })
            .collect();
        let share = match &right.block {
            Some(block) => share_of_all(conditions.iter(), block),
            None => 1.0,
        };
        join_estimate(left_rows, right.rows, &known) * share
    }

    fn distinct(&self, column: &Column) -> Option<f64> {
        self.distinct.get(column).copied()
    }
}
