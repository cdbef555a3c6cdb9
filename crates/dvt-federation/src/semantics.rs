//! The author's dialect has the last word on what an operator means; here the bound plan is brought to that meaning.
//!
//! Runs on the plan as bound, before types are coerced, so that every cast in it is the author's. What the engine would
//! compute differently is rewritten (division, averages, sums, dates, casts) or refused by name.

mod aggregates;
mod casts;
mod frames;
mod functions;
mod implicit;
mod lengths;
mod operators;
mod outer;
mod patterns;
mod rules;
mod stored;

use crate::error::PlanError;
use crate::functions::{AVERAGE, FunctionPack, checked_arithmetic, row_function};
use crate::provenance::json_type_of;
use crate::subqueries::keep_nulls_of_in;
use crate::unnest::{has_subquery, is_lateral};
use aggregates::{refuse_deviation, rewrite_aggregates};
use casts::{own_text, refuse_own_form, rewrite_cast};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion, TreeNodeRewriter};
use datafusion::common::{Column, DFSchema, JoinType, Result, ScalarValue};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::binary::type_union_resolution;
use datafusion::logical_expr::expr::{ScalarFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, ExprFunctionExt, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator,
    WindowFunctionDefinition, cast, lit,
};
use dvt_adapter::LogicalType;
use dvt_sql::Dialect;
use frames::widen_order;
use functions::rewrite_function;
pub(crate) use implicit::give_texts_their_form;
use lengths::{averages_intervals, compare_lengths, equate_lengths};
use operators::rewrite_operator;
use outer::{listed, see_outer_types};
use rules::Rules;
use std::sync::Arc;
use stored::{stored_between, stored_case, stored_list, stored_union, texts_of};

/// Rewrites the plan to the dialect's meaning. Output names stay; types may change.
pub(crate) fn apply_semantics(
    plan: LogicalPlan,
    dialect: &'static Dialect,
    functions: &FunctionPack,
) -> std::result::Result<LogicalPlan, PlanError> {
    let Some(mut rules) = Rules::of(dialect) else { return crate::strange_dialect::only_plain(plan, dialect) };
    // The rows of a recursive CTE have the types with which it was bound.
    rules.literals_are_narrow &= !is_recursive(&plan);
    let mut meaning = Meaning { rules: &rules, refused: None };
    let rewritten = meaning.of(plan);
    if let Some(refused) = meaning.refused {
        return Err(refused);
    }
    rewritten.map_err(|error| crate::bind::explain(&error, dialect, functions, &[]))
}

/// Goes through a plan from below; a subquery comes after the rows that it is asked for, whose types it then sees.
struct Meaning<'r> {
    rules: &'r Rules,
    refused: Option<PlanError>,
}

impl Meaning<'_> {
    fn of(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        Ok(plan.rewrite(self)?.data)
    }

    /// The node's inputs, then the subqueries over them.
    fn inputs_first(&mut self, node: LogicalPlan) -> Result<LogicalPlan> {
        let node = match node {
            LogicalPlan::Join(mut join) => {
                join.left = Arc::new(self.of(Arc::unwrap_or_clone(join.left))?);
                let right = see_outer_types(Arc::unwrap_or_clone(join.right), join.left.schema())?;
                join.right = Arc::new(self.of(right)?);
                LogicalPlan::Join(join)
            }
            other => other.map_children(|input| Ok(Transformed::yes(self.of(input)?)))?.data,
        };
        let outer = merge_schema(&node.inputs());
        let seen = node.map_subqueries(|plan| {
            let LogicalPlan::Subquery(subquery) = plan else { return Ok(Transformed::no(plan)) };
            let mut subquery = listed(subquery, &outer)?;
            let rows = see_outer_types(Arc::unwrap_or_clone(subquery.subquery), &outer)?;
            subquery.subquery = Arc::new(self.of(rows)?);
            Ok(Transformed::yes(LogicalPlan::Subquery(subquery)))
        });
        seen.map(|seen| seen.data)
    }
}

impl TreeNodeRewriter for Meaning<'_> {
    type Node = LogicalPlan;

    fn f_down(&mut self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        if !has_subquery(&node)? && !is_lateral(&node) {
            return Ok(Transformed::no(node));
        }
        let node = self.inputs_first(node)?;
        Ok(Transformed::new(node, true, TreeNodeRecursion::Jump))
    }

    fn f_up(&mut self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let node = node.recompute_schema()?;
        // First the node's own expressions: what follows moves them into other nodes, which are not visited again.
        let node = rewrite_expressions(node, self.rules, &mut self.refused)?;
        let node = match node {
            LogicalPlan::Union(union) if self.rules.stores_texts => stored_union(union)?,
            other => other,
        };
        let node = keep_nulls_of_in(lift_subqueries(first_of_each(node)?)?)?;
        let node = node.recompute_schema()?;
        let node = rewrite_aggregates(node, self.rules)?;
        Ok(Transformed::yes(equate_lengths(node, &mut self.refused)?))
    }
}

fn is_recursive(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::RecursiveQuery(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || walked.is_err()
}

/// DISTINCT ON as the first row of each set of equal values: the engine's own form, aggregates of first values, fails for
/// constants and for conditions that are found to be false.
fn first_of_each(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Distinct(Distinct::On(on)) = node else { return Ok(node) };
    let order = on.sort_expr.unwrap_or_default();
    let place = Expr::WindowFunction(Box::new(WindowFunction::new(row_number_udwf(), Vec::new())))
        .partition_by(on.on_expr)
        .order_by(order.clone())
        .build()?;
    let name = Column::from_name(place.schema_name().to_string());
    let rows = LogicalPlanBuilder::from(on.input.as_ref().clone()).window(vec![place])?;
    let first = rows.filter(Expr::Column(name).eq(lit(1_u64)))?;
    let first = if order.is_empty() { first } else { first.sort(order)? };
    first.project(on.select_expr)?.build()
}

/// The engine looks for subqueries in WHERE, not in ON. In an inner join both are the same place; those of an outer join
/// are left to `unnest`.
fn lift_subqueries(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Join(mut join) = node else { return Ok(node) };
    let Some(filter) = join.filter.take() else { return Ok(LogicalPlan::Join(join)) };
    let has_subquery = |expr: &Expr| {
        expr.exists(|expr| {
            Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_)))
        })
    };
    let mut above = Vec::new();
    let mut kept = Vec::new();
    for condition in split_conjunction_owned(filter) {
        if has_subquery(&condition)? { above.push(condition) } else { kept.push(condition) }
    }
    join.filter = conjunction(kept);
    match conjunction(above) {
        None => Ok(LogicalPlan::Join(join)),
        Some(above) if join.join_type == JoinType::Inner => {
            LogicalPlanBuilder::from(LogicalPlan::Join(join)).filter(above)?.build()
        }
        Some(above) => {
            join.filter = conjunction(join.filter.into_iter().chain([above]));
            Ok(LogicalPlan::Join(join))
        }
    }
}

fn rewrite_expressions(node: LogicalPlan, rules: &Rules, refused: &mut Option<PlanError>) -> Result<LogicalPlan> {
    // A number of rows is no value of the dialect.
    if let LogicalPlan::Limit(_) = node {
        return Ok(node);
    }
    let inputs = node.inputs();
    let mut schema = merge_schema(&inputs);
    if let LogicalPlan::TableScan(_) = node {
        schema = node.schema().as_ref().clone();
    }
    let names = NamePreserver::new(&node);
    let inputs: Vec<LogicalPlan> = inputs.into_iter().cloned().collect();
    let rewritten = node.map_expressions(|expr| {
        let name = names.save(&expr);
        let expr = expr.transform_up(|expr| {
            let compared = compare_lengths(expr, &schema, refused)?;
            compared.transform_data(|expr| rewrite_expression(expr, &schema, &inputs, rules, refused))
        })?;
        Ok(expr.update_data(|expr| name.restore(expr)))
    })?;
    match rewritten.data {
        // Its columns have the types of its values.
        LogicalPlan::Values(values) => {
            let plain = values.values.into_iter().map(|row| row.into_iter().map(Expr::unalias).collect()).collect();
            LogicalPlanBuilder::values(plain)?.build()
        }
        other => Ok(other),
    }
}

/// `||` of two values of jsonb is one of both, where it is no text.
fn refuse_joined_json(binary: &BinaryExpr, inputs: &[LogicalPlan], refused: &mut Option<PlanError>) {
    let inputs: Vec<&LogicalPlan> = inputs.iter().collect();
    let is_jsonb = |side: &Expr| json_type_of(side, &inputs) == Some(LogicalType::Jsonb);
    let may_be = |side: &Expr| is_jsonb(side) || matches!(side, Expr::Literal(..));
    let (left, right) = (&binary.left, &binary.right);
    if is_jsonb(left) && may_be(right) || is_jsonb(right) && may_be(left) {
        refused.get_or_insert(PlanError::Unsupported {
            construct: "`||` of jsonb".to_owned(),
            hint: Some("build the object with jsonb_build_object()".to_owned()),
            location: None,
        });
    }
}

fn rewrite_expression(
    expr: Expr,
    schema: &DFSchema,
    inputs: &[LogicalPlan],
    rules: &Rules,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(mut binary) => {
            if binary.op == Operator::StringConcat && rules.values_have_scales {
                refuse_joined_json(&binary, inputs, refused);
            }
            if binary.op == Operator::StringConcat && rules.concatenates {
                for side in [&mut binary.left, &mut binary.right] {
                    let data_type = side.get_type(schema)?;
                    match own_text(side.as_ref().clone(), &data_type, rules) {
                        Some(text) => **side = text,
                        None => refuse_own_form(side, &data_type, inputs, rules, refused),
                    }
                }
            }
            rewrite_operator(binary, schema, rules, refused)
        }
        Expr::Negative(inner) => {
            let data_type = inner.get_type(schema)?;
            match checked_arithmetic(Operator::Minus, rules.integers, &data_type, &data_type) {
                Some(checked) => {
                    let zero = cast(lit(0_i64), data_type);
                    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(checked, vec![zero, *inner]))))
                }
                None => Ok(Transformed::no(Expr::Negative(inner))),
            }
        }
        Expr::Cast(cast) => rewrite_cast(cast, schema, inputs, rules, refused),
        // `1e2` is read as a decimal of scale -2, which the engine's arithmetic does not expect.
        Expr::Literal(ScalarValue::Decimal128(Some(value), _, scale @ ..0), _) => {
            let factor = 10_i128.checked_pow(u32::from(scale.unsigned_abs()));
            match factor
                .and_then(|factor| value.checked_mul(factor))
                .filter(|value| value.unsigned_abs() < 10_u128.pow(38))
            {
                Some(value) => {
                    let digits = u8::try_from(value.unsigned_abs().to_string().len()).unwrap_or(38);
                    Ok(Transformed::yes(lit(ScalarValue::Decimal128(Some(value), digits, 0))))
                }
                None => {
                    refused.get_or_insert(PlanError::Unsupported {
                        construct: "a number of more than 38 digits".to_owned(),
                        hint: Some("cast it to double precision, if its digits do not count".to_owned()),
                        location: None,
                    });
                    Ok(Transformed::no(lit(ScalarValue::Decimal128(Some(value), 38, 0))))
                }
            }
        }
        Expr::Literal(ScalarValue::Int64(Some(number)), metadata) if rules.literals_are_narrow => {
            Ok(match i32::try_from(number) {
                Ok(narrow) => Transformed::yes(Expr::Literal(ScalarValue::Int32(Some(narrow)), metadata)),
                Err(_) => Transformed::no(Expr::Literal(ScalarValue::Int64(Some(number)), metadata)),
            })
        }
        Expr::AggregateFunction(mut call) => {
            let is_average = call.func.name() == AVERAGE && !averages_intervals(&call.params.args, schema)?;
            if is_average {
                call.func = avg_udaf();
            }
            if rules.values_have_scales {
                refuse_deviation(&call, schema, refused)?;
            }
            // A key that stands twice orders nothing more, and the engine keeps it once and looks for both.
            let keys = std::mem::take(&mut call.params.order_by);
            for key in keys {
                if call.params.order_by.iter().all(|known| known.expr != key.expr) {
                    call.params.order_by.push(key);
                }
            }
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), is_average))
        }
        Expr::ScalarFunction(call) => rewrite_function(call, schema, inputs, rules, refused),
        Expr::WindowFunction(mut window) => {
            let mut is_new = widen_order(&mut window, schema)?;
            if window.fun.name() == AVERAGE && !averages_intervals(&window.params.args, schema)? {
                window.fun = WindowFunctionDefinition::AggregateUDF(avg_udaf());
                is_new = true;
            }
            // The value and what stands for it are of one type; the engine would bring the one to the other's.
            if matches!(window.fun.name(), "lag" | "lead")
                && let [value, _, otherwise] = window.params.args.as_mut_slice()
            {
                let types = [value.get_type(schema)?, otherwise.get_type(schema)?];
                if let Some(both) = (types[0] != types[1]).then(|| type_union_resolution(&types)).flatten() {
                    for side in [value, otherwise] {
                        let written = std::mem::replace(side, lit(true));
                        *side = cast(written, both.clone());
                    }
                    is_new = true;
                }
            }
            Ok(Transformed::new_transformed(Expr::WindowFunction(window), is_new))
        }
        Expr::Between(between) if rules.stores_texts => Ok(match stored_between(&between, schema)? {
            Some(compared) => Transformed::yes(compared),
            None => Transformed::no(Expr::Between(between)),
        }),
        Expr::Case(case) if rules.stores_texts => Ok(match stored_case(&case, schema)? {
            Some(written) => Transformed::yes(written),
            None => Transformed::no(Expr::Case(case)),
        }),
        Expr::InList(list) if rules.stores_texts => Ok(match stored_list(&list, schema)? {
            Some(compared) => Transformed::yes(compared),
            None => Transformed::no(Expr::InList(list)),
        }),
        Expr::SimilarTo(_) => {
            refused.get_or_insert(PlanError::Unsupported {
                construct: "SIMILAR TO".to_owned(),
                hint: Some("use LIKE, or a regular expression".to_owned()),
                location: None,
            });
            Ok(Transformed::no(expr))
        }
        Expr::Like(mut like) if rules.like_ignores_case && !like.case_insensitive => {
            let Some(lower) = row_function("sqlite_lower") else { return Ok(Transformed::no(Expr::Like(like))) };
            for side in [&mut like.expr, &mut like.pattern] {
                let written = texts_of(std::mem::replace(side.as_mut(), lit(true)), schema, rules)?;
                **side = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&lower), vec![written]));
            }
            Ok(Transformed::yes(Expr::Like(like)))
        }
        other => Ok(Transformed::no(other)),
    }
}
