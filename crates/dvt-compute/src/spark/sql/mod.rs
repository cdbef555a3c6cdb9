//! The joining plan as Spark SQL: each operator a named query over the ones below it, written from the bound plan.
//!
//! Only operators, functions and casts that mean the same in Spark (ANSI mode, UTC, exact decimals) are written; anything
//! else is refused by name. Every expression that is written has the Spark type that holds the plan's type for it.

mod aggregates;
mod casts;
mod expressions;
mod functions;
mod literals;
mod windows;

use super::types::{Held, held, quoted, spark_type};
use datafusion::common::{DFSchema, DFSchemaRef, JoinType, NullEquality};
use datafusion::logical_expr::{
    Aggregate, Distinct, EmptyRelation, Expr, FetchType, Join, Limit, LogicalPlan, Projection, SkipType, Sort, Union,
    Values, Window,
};
use dvt_federation::ExtractScan;
use dvt_spark::SparkFailure;
use expressions::Scope;
use std::any::Any;
use std::collections::HashSet;

type Written<T> = Result<T, SparkFailure>;

/// The plan as one query over views of its extracts; `view(n)` is the name of the n-th.
///
/// # Errors
/// [`SparkFailure::Refused`] names what has no counterpart.
pub(super) fn write(
    plan: &LogicalPlan,
    view: &dyn Fn(usize) -> String,
    stored_names: &dyn Fn(usize) -> Vec<String>,
) -> Written<String> {
    let mut writer = Writer { steps: Vec::new(), view, stored_names };
    let last = writer.relation(plan)?;
    let mut steps = writer.steps;
    // The last step is the query itself, so that its order is the order of the rows.
    let body = match steps.pop() {
        Some((name, body)) if name == last.name => body,
        other => {
            steps.extend(other);
            let columns: Vec<String> = last.columns.iter().map(|column| quoted(column)).collect();
            let columns = if columns.is_empty() { "1 AS dvt_row".to_owned() } else { columns.join(", ") };
            format!("SELECT {columns} FROM {}", last.name)
        }
    };
    if steps.is_empty() {
        return Ok(body);
    }
    let steps: Vec<String> = steps.into_iter().map(|(name, body)| format!("{name} AS (\n  {body}\n)")).collect();
    Ok(format!("WITH {}\n{body}", steps.join(",\n")))
}

/// A step that can be read from: its name, and its columns by the positions of the operator's schema.
#[derive(Clone, Debug)]
struct Relation {
    name: String,
    columns: Vec<String>,
    /// It has no other columns.
    is_whole: bool,
}

impl Relation {
    /// The columns as expressions of a query that reads the step under this name.
    fn names_in(&self, alias: &str) -> Vec<String> {
        self.columns.iter().map(|column| format!("{alias}.{}", quoted(column))).collect()
    }

    /// All columns, for a SELECT that changes none.
    fn all(&self) -> String {
        match self.columns.as_slice() {
            [] => "1 AS dvt_row".to_owned(),
            _ if self.is_whole => "*".to_owned(),
            _ => self.names_in("t").join(", "),
        }
    }
}

struct Writer<'v> {
    steps: Vec<(String, String)>,
    view: &'v dyn Fn(usize) -> String,
    stored_names: &'v dyn Fn(usize) -> Vec<String>,
}

impl Writer<'_> {
    fn step(&mut self, body: String, columns: Vec<String>) -> Relation {
        let name = format!("s{}", self.steps.len());
        self.steps.push((name.clone(), body));
        Relation { name, columns, is_whole: true }
    }

    fn relation(&mut self, plan: &LogicalPlan) -> Written<Relation> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let Some(extract) = (scan.source.as_ref() as &dyn Any).downcast_ref::<ExtractScan>() else {
                    return Err(SparkFailure::refused("a scan of something that is no extract"));
                };
                if scan.fetch.is_some() || !scan.filters.is_empty() {
                    return Err(SparkFailure::refused("a scan with conditions of its own"));
                }
                let all = (self.stored_names)(extract.index);
                let columns = match &scan.projection {
                    Some(indices) => indices.iter().filter_map(|index| all.get(*index).cloned()).collect(),
                    None => all,
                };
                Ok(Relation { name: quoted(&(self.view)(extract.index)), columns, is_whole: scan.projection.is_none() })
            }
            LogicalPlan::SubqueryAlias(node) => self.relation(&node.input),
            LogicalPlan::Subquery(node) => self.relation(&node.subquery),
            LogicalPlan::Repartition(node) => self.relation(&node.input),
            LogicalPlan::Projection(node) => self.projection(node),
            LogicalPlan::Filter(node) => {
                let input = self.relation(&node.input)?;
                let condition = self.expression(&node.predicate, node.input.schema(), &input)?;
                let body = format!("SELECT {} FROM {} AS t WHERE {condition}", input.all(), input.name);
                Ok(self.step(body, input.columns))
            }
            LogicalPlan::Join(node) => self.join(node),
            LogicalPlan::Aggregate(node) => self.aggregate(node),
            LogicalPlan::Window(node) => self.window(node),
            LogicalPlan::Sort(node) => self.sort(node),
            LogicalPlan::Limit(node) => self.limit(node),
            LogicalPlan::Union(node) => self.union(node),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                check_equal(input.schema(), "DISTINCT")?;
                let input = self.relation(input)?;
                Ok(self.step(format!("SELECT DISTINCT {} FROM {} AS t", input.all(), input.name), input.columns))
            }
            LogicalPlan::Values(node) => self.values(node),
            LogicalPlan::EmptyRelation(node) => self.empty(node),
            LogicalPlan::Distinct(Distinct::On(_)) => Err(SparkFailure::refused("DISTINCT ON")),
            LogicalPlan::RecursiveQuery(_) => Err(SparkFailure::refused("a recursive query")),
            LogicalPlan::Unnest(_) => Err(SparkFailure::refused("UNNEST")),
            other => Err(SparkFailure::refused(format!("`{}`", other.display()))),
        }
    }

    /// An expression over the rows of one step, which the query reads as `t`.
    fn expression(&mut self, expr: &Expr, schema: &DFSchema, input: &Relation) -> Written<String> {
        Scope { schema, names: input.names_in("t") }.write(expr, self)
    }

    fn projection(&mut self, node: &Projection) -> Written<Relation> {
        let input = self.relation(&node.input)?;
        let columns = output_names(&node.schema, &[]);
        let scope = Scope { schema: node.input.schema(), names: input.names_in("t") };
        let mut items = Vec::with_capacity(columns.len());
        for (expr, column) in node.expr.iter().zip(&columns) {
            items.push(format!("{} AS {}", scope.write(expr, self)?, quoted(column)));
        }
        let items = if items.is_empty() { "1 AS dvt_row".to_owned() } else { items.join(", ") };
        Ok(self.step(format!("SELECT {items} FROM {} AS t", input.name), columns))
    }

    fn join(&mut self, node: &Join) -> Written<Relation> {
        let (left, right) = (self.relation(&node.left)?, self.relation(&node.right)?);
        let left_scope = Scope { schema: node.left.schema(), names: left.names_in("l") };
        let right_scope = Scope { schema: node.right.schema(), names: right.names_in("r") };
        if node.null_aware {
            return self.not_in(node, &left, &right);
        }
        let mut conditions = Vec::new();
        for (left_key, right_key) in &node.on {
            left_scope.comparable(left_key, Held::Equal)?;
            right_scope.comparable(right_key, Held::Equal)?;
            if !same_type(&left_scope.type_of(left_key)?, &right_scope.type_of(right_key)?)? {
                return Err(SparkFailure::refused(format!(
                    "a join of `{left_key}` and `{right_key}` of different types"
                )));
            }
            let sign = match node.null_equality {
                NullEquality::NullEqualsNothing => "=",
                NullEquality::NullEqualsNull => "<=>",
            };
            let (left_key, right_key) = (left_scope.write(left_key, self)?, right_scope.write(right_key, self)?);
            conditions.push(format!("{left_key} {sign} {right_key}"));
        }
        if let Some(filter) = &node.filter {
            let both =
                node.left.schema().join(node.right.schema()).map_err(|error| {
                    SparkFailure::refused(format!("a join's condition ({})", error.strip_backtrace()))
                })?;
            let names = left.names_in("l").into_iter().chain(right.names_in("r")).collect();
            conditions.push(Scope { schema: &both, names }.write(filter, self)?);
        }
        let (word, shown): (&str, Vec<String>) = match node.join_type {
            JoinType::Inner if conditions.is_empty() => ("CROSS JOIN", both_names(&left, &right)),
            JoinType::Inner => ("JOIN", both_names(&left, &right)),
            JoinType::Left => ("LEFT JOIN", both_names(&left, &right)),
            JoinType::Right => ("RIGHT JOIN", both_names(&left, &right)),
            JoinType::Full => ("FULL JOIN", both_names(&left, &right)),
            JoinType::LeftSemi => ("LEFT SEMI JOIN", left.names_in("l")),
            JoinType::LeftAnti => ("LEFT ANTI JOIN", left.names_in("l")),
            // The same with the sides changed.
            JoinType::RightSemi => ("LEFT SEMI JOIN", right.names_in("r")),
            JoinType::RightAnti => ("LEFT ANTI JOIN", right.names_in("r")),
            JoinType::LeftMark | JoinType::RightMark => {
                return Err(SparkFailure::refused("a subquery in a condition that is not joined by AND"));
            }
        };
        let is_turned = matches!(node.join_type, JoinType::RightSemi | JoinType::RightAnti);
        let columns = output_names(&node.schema, &[]);
        let items = select_items(&shown, &columns);
        let (from, other) = (format!("{} AS l", left.name), format!("{} AS r", right.name));
        let (from, other) = if is_turned { (other, from) } else { (from, other) };
        let on = match conditions.as_slice() {
            [] if word == "CROSS JOIN" => String::new(),
            [] => " ON true".to_owned(),
            conditions => format!(" ON {}", conditions.join(" AND ")),
        };
        Ok(self.step(format!("SELECT {items} FROM {from} {word} {other}{on}"), columns))
    }

    /// `NOT IN` with NULLs on either side.
    fn not_in(&mut self, node: &Join, left: &Relation, right: &Relation) -> Written<Relation> {
        let ([(left_key, right_key)], None, JoinType::LeftAnti) = (node.on.as_slice(), &node.filter, node.join_type)
        else {
            return Err(SparkFailure::refused("NOT IN with a correlated subquery"));
        };
        let outer = Scope { schema: node.left.schema(), names: left.names_in("l") };
        let inner = Scope { schema: node.right.schema(), names: right.names_in("r") };
        outer.comparable(left_key, Held::Equal)?;
        if !same_type(&outer.type_of(left_key)?, &inner.type_of(right_key)?)? {
            return Err(SparkFailure::refused("NOT IN of different types"));
        }
        let (left_key, right_key) = (outer.write(left_key, self)?, inner.write(right_key, self)?);
        let columns = output_names(&node.schema, &[]);
        let items = select_items(&left.names_in("l"), &columns);
        let body = format!(
            "SELECT {items} FROM {} AS l WHERE {left_key} NOT IN (SELECT {right_key} FROM {} AS r)",
            left.name, right.name
        );
        Ok(self.step(body, columns))
    }

    fn aggregate(&mut self, node: &Aggregate) -> Written<Relation> {
        let input = self.relation(&node.input)?;
        let scope = Scope { schema: node.input.schema(), names: input.names_in("t") };
        let columns = output_names(&node.schema, &[]);
        let mut keys = Vec::new();
        for key in &node.group_expr {
            if matches!(key, Expr::GroupingSet(_)) {
                return Err(SparkFailure::refused("GROUPING SETS, ROLLUP and CUBE"));
            }
            scope.comparable(key, Held::Equal)?;
            keys.push(scope.write(key, self)?);
        }
        let mut items = keys.clone();
        for aggregate in &node.aggr_expr {
            items.push(scope.aggregate(aggregate, self)?);
        }
        let items = select_items(&items, &columns);
        let group = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
        Ok(self.step(format!("SELECT {items} FROM {} AS t{group}", input.name), columns))
    }

    fn window(&mut self, node: &Window) -> Written<Relation> {
        let input = self.relation(&node.input)?;
        let scope = Scope { schema: node.input.schema(), names: input.names_in("t") };
        let columns = output_names(&node.schema, &input.columns);
        let mut items = scope.names.clone();
        for expr in &node.window_expr {
            items.push(scope.window(expr, self)?);
        }
        let items = select_items(&items, &columns);
        Ok(self.step(format!("SELECT {items} FROM {} AS t", input.name), columns))
    }

    fn sort(&mut self, node: &Sort) -> Written<Relation> {
        let input = self.relation(&node.input)?;
        let scope = Scope { schema: node.input.schema(), names: input.names_in("t") };
        let keys = scope.order(&node.expr, self)?;
        let limit = node.fetch.map(|fetch| format!(" LIMIT {fetch}")).unwrap_or_default();
        Ok(self.step(format!("SELECT {} FROM {} AS t ORDER BY {keys}{limit}", input.all(), input.name), input.columns))
    }

    fn limit(&mut self, node: &Limit) -> Written<Relation> {
        let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(fetch))) =
            (node.get_skip_type(), node.get_fetch_type())
        else {
            return Err(SparkFailure::refused("a LIMIT that is no number"));
        };
        // The order below a limit is only kept in one and the same query.
        if let LogicalPlan::Sort(sort) = node.input.as_ref()
            && sort.fetch.is_none_or(|sorted| fetch.is_some_and(|fetch| sorted >= fetch.saturating_add(skip)))
        {
            let input = self.relation(&sort.input)?;
            let scope = Scope { schema: sort.input.schema(), names: input.names_in("t") };
            let keys = scope.order(&sort.expr, self)?;
            let body =
                format!("SELECT {} FROM {} AS t ORDER BY {keys}{}", input.all(), input.name, limit_clause(skip, fetch));
            return Ok(self.step(body, input.columns));
        }
        let input = self.relation(&node.input)?;
        let body = format!("SELECT {} FROM {} AS t{}", input.all(), input.name, limit_clause(skip, fetch));
        Ok(self.step(body, input.columns))
    }

    fn union(&mut self, node: &Union) -> Written<Relation> {
        let columns = output_names(&node.schema, &[]);
        let mut selects = Vec::new();
        for input in &node.inputs {
            for (field, wanted) in input.schema().fields().iter().zip(node.schema.fields()) {
                if !same_type(field.data_type(), wanted.data_type())? {
                    return Err(SparkFailure::refused(format!(
                        "a UNION of {} and {}",
                        field.data_type(),
                        wanted.data_type()
                    )));
                }
            }
            let relation = self.relation(input)?;
            let items = select_items(&relation.names_in("t"), &columns);
            selects.push(format!("SELECT {items} FROM {} AS t", relation.name));
        }
        Ok(self.step(selects.join("\n  UNION ALL "), columns))
    }

    fn values(&mut self, node: &Values) -> Written<Relation> {
        let columns = output_names(&node.schema, &[]);
        let empty = DFSchema::empty();
        let scope = Scope { schema: &empty, names: Vec::new() };
        let mut rows = Vec::with_capacity(node.values.len());
        for row in &node.values {
            let mut cells = Vec::with_capacity(row.len());
            for (cell, field) in row.iter().zip(node.schema.fields()) {
                cells.push(format!("CAST({} AS {})", scope.write(cell, self)?, spark_type(field.data_type())?));
            }
            rows.push(format!("({})", cells.join(", ")));
        }
        let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let body = format!("SELECT * FROM VALUES {} AS t({})", rows.join(", "), names.join(", "));
        Ok(self.step(body, columns))
    }

    fn empty(&mut self, node: &EmptyRelation) -> Written<Relation> {
        let columns = output_names(&node.schema, &[]);
        let mut items = Vec::new();
        for field in node.schema.fields() {
            items.push(format!("CAST(NULL AS {})", spark_type(field.data_type())?));
        }
        let items = if items.is_empty() { "1 AS dvt_row".to_owned() } else { select_items(&items, &columns) };
        let none = if node.produce_one_row { "" } else { " WHERE false" };
        Ok(self.step(format!("SELECT {items} FROM VALUES (1) AS t(one){none}"), columns))
    }

    /// A subquery that gives one value.
    fn scalar_subquery(&mut self, plan: &LogicalPlan) -> Written<String> {
        let relation = self.relation(plan)?;
        match relation.columns.as_slice() {
            [only] => Ok(format!("(SELECT {} FROM {})", quoted(only), relation.name)),
            _ => Err(SparkFailure::refused("a subquery of several columns as a value")),
        }
    }
}

fn limit_clause(skip: usize, fetch: Option<usize>) -> String {
    let mut clause = String::new();
    if let Some(fetch) = fetch {
        clause += &format!(" LIMIT {fetch}");
    }
    if skip > 0 {
        clause += &format!(" OFFSET {skip}");
    }
    clause
}

fn both_names(left: &Relation, right: &Relation) -> Vec<String> {
    left.names_in("l").into_iter().chain(right.names_in("r")).collect()
}

fn select_items(expressions: &[String], columns: &[String]) -> String {
    let items: Vec<String> = expressions
        .iter()
        .zip(columns)
        .map(|(expression, column)| format!("{expression} AS {}", quoted(column)))
        .collect();
    if items.is_empty() { "1 AS dvt_row".to_owned() } else { items.join(", ") }
}

/// A name for each column of an operator, unlike the others in any case; those in `kept` stay as they are.
fn output_names(schema: &DFSchemaRef, kept: &[String]) -> Vec<String> {
    let mut taken: HashSet<String> = kept.iter().map(|name| name.to_lowercase()).collect();
    let mut names = kept.to_vec();
    for (index, field) in schema.fields().iter().enumerate().skip(kept.len()) {
        let own = field.name();
        let is_plain = !own.is_empty()
            && own.len() <= 40
            && own.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && own.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let mut name = if is_plain { own.clone() } else { format!("c{index}") };
        while !taken.insert(name.to_lowercase()) {
            name = format!("{name}_{index}");
        }
        names.push(name);
    }
    names
}

/// Whether Spark holds both in the same way.
fn same_type(left: &arrow::datatypes::DataType, right: &arrow::datatypes::DataType) -> Written<bool> {
    Ok(spark_type(left)? == spark_type(right)? && held(left) == held(right))
}

fn check_equal(schema: &DFSchema, what: &str) -> Written<()> {
    for field in schema.fields() {
        if held(field.data_type()) < Held::Equal {
            return Err(SparkFailure::refused(format!("{what} of `{}` of type {}", field.name(), field.data_type())));
        }
    }
    Ok(())
}
