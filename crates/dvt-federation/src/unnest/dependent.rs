//! Pushes the domain of a subquery down its plan: the same rows for each of the domain's, with the domain's columns beside.

use super::{Names, columns_of, outer_columns};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result, TableReference, not_impl_err};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::Sort as SortKey;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, DistinctOn, Expr, ExprFunctionExt, ExprSchemable, FetchType, Filter, Join, Limit,
    LogicalPlan, LogicalPlanBuilder, Operator, Projection, SkipType, Sort, SubqueryAlias, Union, Window, cast, col,
    lit, when,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows, and the columns among them that are the domain's, in its order.
type Pushed = (LogicalPlan, Vec<Column>);

/// The rows that ask, and which of their columns a subquery depends on.
pub(super) struct Dependent<'a> {
    input: Arc<LogicalPlan>,
    columns: Vec<Column>,
    names: &'a mut Names,
}

impl<'a> Dependent<'a> {
    pub(super) fn new(input: &Arc<LogicalPlan>, columns: Vec<Column>, names: &'a mut Names) -> Self {
        Self { input: Arc::clone(input), columns, names }
    }

    /// That the keys are the values of the rows that ask; NULL is NULL.
    pub(super) fn same_keys(&self, keys: &[Column]) -> Vec<Expr> {
        let asking: Vec<Column> = self.columns.clone();
        equal(&asking, keys)
    }

    /// Each combination of values once, under new names.
    fn domain(&mut self) -> Result<Pushed> {
        let keys: Vec<Column> =
            self.columns.iter().map(|_| Column::new_unqualified(self.names.fresh("outer"))).collect();
        let columns: Vec<Expr> =
            self.columns.iter().zip(&keys).map(|(column, key)| Expr::Column(column.clone()).alias(&key.name)).collect();
        let rows = Projection::try_new(columns, Arc::clone(&self.input))?;
        Ok((LogicalPlan::Distinct(Distinct::All(Arc::new(LogicalPlan::Projection(rows)))), keys))
    }

    fn is_read_by(&self, plan: &LogicalPlan) -> Result<bool> {
        let read = outer_columns(plan)?;
        Ok(self.columns.iter().any(|column| read.contains(column)))
    }

    /// The expression over the keys instead of the outer columns.
    fn inside(&self, expr: Expr, keys: &[Column]) -> Result<Expr> {
        let replaced = expr.transform_up(|expr| {
            let Expr::OuterReferenceColumn(_, column) = &expr else { return Ok(Transformed::no(expr)) };
            match self.columns.iter().position(|known| known == column) {
                Some(index) => Ok(Transformed::yes(Expr::Column(keys[index].clone()))),
                None => Ok(Transformed::no(expr)),
            }
        })?;
        Ok(replaced.data)
    }

    /// The expressions over the keys, under the names of the schema from `first` on.
    fn inside_named(&self, exprs: &[Expr], keys: &[Column], schema: &DFSchema, first: usize) -> Result<Vec<Expr>> {
        exprs
            .iter()
            .zip(first..)
            .map(|(expr, index)| Ok(named(self.inside(expr.clone(), keys)?, schema, index)))
            .collect()
    }

    pub(super) fn push_down(&mut self, plan: &LogicalPlan) -> Result<Pushed> {
        if let LogicalPlan::Subquery(node) = plan {
            return self.push_down(&node.subquery);
        }
        if !self.is_read_by(plan)? {
            // The rows of a LATERAL that depends on nothing lose the mark that they do.
            let plan = plan.clone().transform_up(|node| match node {
                LogicalPlan::Subquery(node) => Ok(Transformed::yes(node.subquery.as_ref().clone())),
                other => Ok(Transformed::no(other)),
            })?;
            if self.columns.is_empty() {
                return Ok((plan.data, Vec::new()));
            }
            let (domain, keys) = self.domain()?;
            let rows = LogicalPlanBuilder::from(plan.data).cross_join(domain)?.build()?;
            return Ok((rows, keys));
        }
        match plan {
            LogicalPlan::Projection(node) => {
                let (rows, keys) = self.push_down(&node.input)?;
                self.projected(node, rows, keys)
            }
            LogicalPlan::SubqueryAlias(node) => {
                let (rows, keys) = self.push_down(&node.input)?;
                aliased(node, rows, keys)
            }
            LogicalPlan::Filter(node) => {
                let (rows, keys) = self.push_down(&node.input)?;
                let predicate = self.inside(node.predicate.clone(), &keys)?;
                Ok((LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(rows))?), keys))
            }
            LogicalPlan::Sort(node) if node.fetch.is_none() => {
                let (rows, keys) = self.push_down(&node.input)?;
                let expr = self.sorted_inside(&node.expr, &keys)?;
                Ok((LogicalPlan::Sort(Sort { expr, input: Arc::new(rows), fetch: None }), keys))
            }
            LogicalPlan::Limit(node) => self.limited(node),
            LogicalPlan::Aggregate(node) => self.aggregated(node),
            LogicalPlan::Window(node) => self.windowed(node),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let (rows, keys) = self.push_down(input)?;
                Ok((LogicalPlan::Distinct(Distinct::All(Arc::new(rows))), keys))
            }
            LogicalPlan::Distinct(Distinct::On(node)) => self.first_of_each(node),
            LogicalPlan::Join(node) => self.joined(node),
            LogicalPlan::Union(node) => {
                let parts = node.inputs.iter().map(|input| self.push_down(input)).collect::<Result<Vec<_>>>()?;
                self.united(parts, &node.schema)
            }
            LogicalPlan::Values(node) => {
                let mut parts = Vec::new();
                for row in &node.values {
                    let (domain, keys) = self.domain()?;
                    let values = row.iter().zip(node.schema.fields()).map(|(value, field)| {
                        let value = self.inside(value.clone(), &keys)?;
                        let is_same = value.get_type(domain.schema()).is_ok_and(|found| found == *field.data_type());
                        let value = if is_same { value } else { cast(value, field.data_type().clone()) };
                        Ok(value.alias(field.name()))
                    });
                    let columns = values.collect::<Result<Vec<_>>>()?;
                    let columns = columns.into_iter().chain(keys.iter().cloned().map(Expr::Column)).collect();
                    parts.push((LogicalPlan::Projection(Projection::try_new(columns, Arc::new(domain))?), keys));
                }
                self.united(parts, &node.schema)
            }
            LogicalPlan::Unnest(node) => {
                let (rows, keys) = self.push_down(&node.input)?;
                let lists = node.exec_columns.clone();
                let rows = LogicalPlanBuilder::from(rows);
                Ok((rows.unnest_columns_with_options(lists, node.options.clone())?.build()?, keys))
            }
            LogicalPlan::RecursiveQuery(_) => not_impl_err!("a correlated subquery in a recursive CTE"),
            other => not_impl_err!("a correlated subquery with {}", other.display()),
        }
    }

    fn projected(&self, node: &Projection, rows: LogicalPlan, keys: Vec<Column>) -> Result<Pushed> {
        let mut columns = self.inside_named(&node.expr, &keys, &node.schema, 0)?;
        columns.extend(keys.iter().cloned().map(Expr::Column));
        Ok((LogicalPlan::Projection(Projection::try_new(columns, Arc::new(rows))?), keys))
    }

    fn sorted_inside(&self, order: &[SortKey], keys: &[Column]) -> Result<Vec<SortKey>> {
        order
            .iter()
            .map(|sort| {
                Ok(SortKey {
                    expr: self.inside(sort.expr.clone(), keys)?,
                    asc: sort.asc,
                    nulls_first: sort.nulls_first,
                })
            })
            .collect()
    }

    /// A limit takes so many rows of each of the domain's: they are numbered.
    fn limited(&mut self, node: &Limit) -> Result<Pushed> {
        let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(fetch))) =
            (node.get_skip_type(), node.get_fetch_type())
        else {
            return not_impl_err!("a correlated subquery whose LIMIT is computed");
        };
        // The order stands below columns that are only renamed.
        let mut above = Vec::new();
        let mut below = node.input.as_ref();
        let order = loop {
            below = match below {
                LogicalPlan::Projection(projection) => {
                    above.push(below);
                    &projection.input
                }
                LogicalPlan::SubqueryAlias(alias) => {
                    above.push(below);
                    &alias.input
                }
                LogicalPlan::Sort(sort) if sort.fetch.is_none() => break Some(sort),
                _ => break None,
            };
        };
        let (input, order) = match order {
            Some(sort) => (sort.input.as_ref(), sort.expr.as_slice()),
            None => {
                above.clear();
                (node.input.as_ref(), [].as_slice())
            }
        };
        let columns = columns_of(input.schema());
        let (rows, keys) = self.push_down(input)?;
        let number = self.names.fresh("row");
        let order = self.sorted_inside(order, &keys)?;
        let partition: Vec<Expr> = keys.iter().cloned().map(Expr::Column).collect();
        let counted = row_number().partition_by(partition.clone());
        let counted = if order.is_empty() { counted } else { counted.order_by(order) };
        let counted = counted.build()?.alias(&number);
        let numbered = Window::try_new(vec![counted], Arc::new(rows))?;
        let at = |rows: usize| lit(u64::try_from(rows).unwrap_or(u64::MAX));
        let taken = col(&number).gt(at(skip));
        let taken = match fetch {
            Some(fetch) => taken.and(col(&number).lt_eq(at(skip.saturating_add(fetch)))),
            None => taken,
        };
        let filtered = Filter::try_new(taken, Arc::new(LogicalPlan::Window(numbered)))?;
        let columns = columns.into_iter().chain(partition).collect();
        let taken = Projection::try_new(columns, Arc::new(LogicalPlan::Filter(filtered)))?;
        let mut pushed = (LogicalPlan::Projection(taken), keys);
        for node in above.into_iter().rev() {
            pushed = match node {
                LogicalPlan::Projection(projection) => self.projected(projection, pushed.0, pushed.1)?,
                LogicalPlan::SubqueryAlias(alias) => aliased(alias, pushed.0, pushed.1)?,
                _ => pushed,
            };
        }
        Ok(pushed)
    }

    /// Groups of each of the domain's rows. An aggregate over all rows has a row for a domain without any, too.
    fn aggregated(&mut self, node: &Aggregate) -> Result<Pushed> {
        if matches!(node.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
            return not_impl_err!("a correlated subquery with GROUPING SETS");
        }
        let (rows, keys) = self.push_down(&node.input)?;
        let group_count = node.group_expr.len();
        let mut groups = self.inside_named(&node.group_expr, &keys, &node.schema, 0)?;
        groups.extend(keys.iter().cloned().map(Expr::Column));
        let calls = self.inside_named(&node.aggr_expr, &keys, &node.schema, group_count)?;
        let aggregate = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(rows), groups, calls)?);
        let mut columns = columns_of(&node.schema);
        if group_count > 0 {
            columns.extend(keys.iter().cloned().map(Expr::Column));
            return Ok((LogicalPlan::Projection(Projection::try_new(columns, Arc::new(aggregate))?), keys));
        }
        let (domain, all) = self.domain()?;
        let found = self.names.fresh("found");
        let with_mark = columns_of(aggregate.schema()).into_iter().chain([lit(true).alias(&found)]).collect::<Vec<_>>();
        let aggregate = LogicalPlan::Projection(Projection::try_new(with_mark, Arc::new(aggregate))?);
        let filter = conjunction(equal(&all, &keys)).unwrap_or_else(|| lit(true));
        let joined = super::joined(Arc::new(domain), aggregate, filter, JoinType::Left)?;
        let mut columns = Vec::new();
        for (index, call) in node.aggr_expr.iter().enumerate() {
            let (qualifier, field) = node.schema.qualified_field(index);
            let column = Expr::Column(Column::from((qualifier, field)));
            let Expr::AggregateFunction(function) = call.clone().unalias_nested().data else {
                columns.push(column);
                continue;
            };
            let none = function.func.default_value(field.data_type())?;
            if none.is_null() {
                columns.push(column);
            } else {
                let value = when(col(&found).is_null(), lit(none)).otherwise(column)?;
                columns.push(value.alias_qualified(qualifier.cloned(), field.name()));
            }
        }
        columns.extend(all.iter().cloned().map(Expr::Column));
        Ok((LogicalPlan::Projection(Projection::try_new(columns, Arc::new(joined))?), all))
    }

    fn windowed(&mut self, node: &Window) -> Result<Pushed> {
        let (rows, keys) = self.push_down(&node.input)?;
        let input_columns = columns_of(node.input.schema());
        let mut calls = Vec::new();
        let mut columns = input_columns.clone();
        for (index, expr) in (input_columns.len()..).zip(&node.window_expr) {
            let name = self.names.fresh("window");
            let expr = self.inside(expr.clone(), &keys)?;
            let partitioned = expr.transform_up(|expr| {
                let Expr::WindowFunction(window) = expr else { return Ok(Transformed::no(expr)) };
                let mut window: WindowFunction = *window;
                window.params.partition_by.extend(keys.iter().cloned().map(Expr::Column));
                Ok(Transformed::yes(Expr::WindowFunction(Box::new(window))))
            })?;
            calls.push(partitioned.data.unalias_nested().data.alias(&name));
            columns.push(named(col(name), &node.schema, index));
        }
        let window = Window::try_new(calls, Arc::new(rows))?;
        columns.extend(keys.iter().cloned().map(Expr::Column));
        Ok((LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Window(window)))?), keys))
    }

    fn first_of_each(&mut self, node: &DistinctOn) -> Result<Pushed> {
        let (rows, keys) = self.push_down(&node.input)?;
        let own: Vec<Expr> = keys.iter().cloned().map(Expr::Column).collect();
        let mut on = own.clone();
        for expr in &node.on_expr {
            on.push(self.inside(expr.clone(), &keys)?);
        }
        let mut select = self.inside_named(&node.select_expr, &keys, &node.schema, 0)?;
        select.extend(own.iter().cloned());
        let order = match &node.sort_expr {
            Some(order) => {
                let mut all: Vec<SortKey> = own.into_iter().map(|key| key.sort(true, true)).collect();
                all.extend(self.sorted_inside(order, &keys)?);
                Some(all)
            }
            None => None,
        };
        let first = DistinctOn::try_new(on, select, order, Arc::new(rows))?;
        Ok((LogicalPlan::Distinct(Distinct::On(first)), keys))
    }

    fn joined(&mut self, node: &Join) -> Result<Pushed> {
        use JoinType::{Full, Inner, Left, LeftAnti, LeftSemi, Right};
        let columns = columns_of(&node.schema);
        let (on_left, on_right) = (self.is_read_by(&node.left)?, self.is_read_by(&node.right)?);
        let (to_left, to_right) = match node.join_type {
            Inner => (on_left || !on_right, on_right),
            Left | LeftSemi | LeftAnti => (true, on_right),
            Right => (on_left, true),
            Full => (true, true),
            other => return not_impl_err!("a correlated subquery with a {other} join"),
        };
        let (left, left_keys) =
            if to_left { self.push_down(&node.left)? } else { (node.left.as_ref().clone(), vec![]) };
        let (right, right_keys) =
            if to_right { self.push_down(&node.right)? } else { (node.right.as_ref().clone(), vec![]) };
        let keys = if to_left { &left_keys } else { &right_keys };
        let mut on = node
            .on
            .iter()
            .map(|(left, right)| Ok((self.inside(left.clone(), keys)?, self.inside(right.clone(), keys)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut filter: Vec<Expr> = Vec::new();
        if let Some(condition) = &node.filter {
            filter.push(self.inside(condition.clone(), keys)?);
        }
        if to_left && to_right {
            if node.null_equality == NullEquality::NullEqualsNull {
                on.extend(
                    left_keys
                        .iter()
                        .zip(&right_keys)
                        .map(|(left, right)| (Expr::Column(left.clone()), Expr::Column(right.clone()))),
                );
            } else {
                filter.extend(equal(&left_keys, &right_keys));
            }
        }
        let join = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on,
            conjunction(filter),
            node.join_type,
            node.join_constraint,
            node.null_equality,
            node.null_aware,
        )?;
        let mut columns = columns;
        let keys: Vec<Column> = match node.join_type {
            Full => {
                let mut either = Vec::new();
                for (left, right) in left_keys.into_iter().zip(right_keys) {
                    let name = self.names.fresh("outer");
                    columns.push(coalesce(vec![Expr::Column(left), Expr::Column(right)]).alias(&name));
                    either.push(Column::new_unqualified(name));
                }
                either
            }
            Right => right_keys,
            _ if to_left => left_keys,
            _ => right_keys,
        };
        if node.join_type != Full {
            columns.extend(keys.iter().cloned().map(Expr::Column));
        }
        Ok((LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Join(join)))?), keys))
    }

    /// All rows of the parts, whose keys take the names of the first.
    fn united(&self, parts: Vec<Pushed>, schema: &DFSchema) -> Result<Pushed> {
        let Some(keys) = parts
            .first()
            .map(|(_, keys)| keys.iter().map(|key| Column::new_unqualified(key.name.clone())).collect::<Vec<_>>())
        else {
            return not_impl_err!("a correlated subquery without rows");
        };
        let mut inputs = Vec::new();
        for (rows, own) in parts {
            let own: BTreeSet<Column> = own.into_iter().collect();
            let mut next_key = keys.iter();
            let mut index = 0;
            let mut columns = Vec::new();
            for (qualifier, field) in rows.schema().iter() {
                let column = Column::from((qualifier, field));
                if own.contains(&column) {
                    let Some(key) = next_key.next() else { continue };
                    columns.push(Expr::Column(column).alias(&key.name));
                } else {
                    columns.push(named(Expr::Column(column), schema, index));
                    index += 1;
                }
            }
            inputs.push(Arc::new(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(rows))?)));
        }
        if inputs.len() == 1 {
            return Ok((inputs.remove(0).as_ref().clone(), keys));
        }
        let union = LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?);
        let found: Vec<Expr> = columns_of(union.schema());
        let is_same = columns_of(schema).iter().zip(&found).all(|(wanted, found)| wanted == found);
        if is_same {
            return Ok((union, keys));
        }
        let columns = found
            .into_iter()
            .enumerate()
            .map(|(index, column)| if index < schema.fields().len() { named(column, schema, index) } else { column })
            .collect();
        Ok((LogicalPlan::Projection(Projection::try_new(columns, Arc::new(union))?), keys))
    }
}

fn aliased(node: &SubqueryAlias, rows: LogicalPlan, keys: Vec<Column>) -> Result<Pushed> {
    let alias: TableReference = node.alias.clone();
    let rows = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(rows), alias.clone())?);
    Ok((rows, keys.into_iter().map(|key| Column::new(Some(alias.clone()), key.name)).collect()))
}

/// The expression under the name that the schema has at this place.
fn named(expr: Expr, schema: &DFSchema, index: usize) -> Expr {
    let (qualifier, field) = schema.qualified_field(index);
    if expr.qualified_name() == (qualifier.cloned(), field.name().clone()) {
        expr
    } else {
        expr.alias_qualified(qualifier.cloned(), field.name())
    }
}

fn equal(left: &[Column], right: &[Column]) -> Vec<Expr> {
    left.iter()
        .zip(right)
        .map(|(left, right)| {
            Expr::BinaryExpr(BinaryExpr::new(
                Box::new(Expr::Column(left.clone())),
                Operator::IsNotDistinctFrom,
                Box::new(Expr::Column(right.clone())),
            ))
        })
        .collect()
}
