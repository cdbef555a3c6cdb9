//! Where a column of a plan comes from: the stored column whose type it still has, and whether a decimal still has the
//! scale that its database would print.
//!
//! The engine lets a field's metadata through casts, unions and sums, so what a field says of itself is no proof. Here the
//! plan is followed down to the scan; what is not known to keep a column's type makes a new one.

use crate::syntax::CARRIER;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan, TableScan, WindowFunctionDefinition};
use dvt_adapter::{LogicalType, logical_type};

/// What gives one column of a plan.
enum Definition<'p> {
    /// A column of an input, unchanged.
    Passed(&'p LogicalPlan, usize),
    /// An expression over the inputs.
    Computed(&'p Expr, Vec<&'p LogicalPlan>),
    /// The same column of one of several plans.
    Either(Vec<&'p LogicalPlan>),
    Stored(&'p Field),
    Unknown,
}

fn computed<'p>(expr: Option<&'p Expr>, input: &'p LogicalPlan) -> Definition<'p> {
    expr.map_or(Definition::Unknown, |expr| Definition::Computed(expr, vec![input]))
}

fn definition(plan: &LogicalPlan, index: usize) -> Definition<'_> {
    match plan {
        LogicalPlan::Projection(node) => computed(node.expr.get(index), &node.input),
        LogicalPlan::Filter(node) => Definition::Passed(&node.input, index),
        LogicalPlan::Sort(node) => Definition::Passed(&node.input, index),
        LogicalPlan::Limit(node) => Definition::Passed(&node.input, index),
        LogicalPlan::SubqueryAlias(node) => Definition::Passed(&node.input, index),
        LogicalPlan::Distinct(Distinct::All(input)) => Definition::Passed(input, index),
        LogicalPlan::Distinct(Distinct::On(node)) => computed(node.select_expr.get(index), &node.input),
        LogicalPlan::Aggregate(node) => {
            let is_plain = !node.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)));
            let expr = node.group_expr.iter().chain(&node.aggr_expr).nth(index).filter(|_| is_plain);
            computed(expr, &node.input)
        }
        LogicalPlan::Window(node) => match index.checked_sub(node.input.schema().fields().len()) {
            Some(added) => computed(node.window_expr.get(added), &node.input),
            None => Definition::Passed(&node.input, index),
        },
        LogicalPlan::Join(node) => {
            let left = node.left.schema().fields().len();
            match node.join_type {
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full if index >= left => {
                    Definition::Passed(&node.right, index - left)
                }
                JoinType::RightSemi | JoinType::RightAnti => Definition::Passed(&node.right, index),
                JoinType::LeftMark | JoinType::RightMark => Definition::Unknown,
                _ => Definition::Passed(&node.left, index),
            }
        }
        LogicalPlan::Union(node) => Definition::Either(node.inputs.iter().map(AsRef::as_ref).collect()),
        LogicalPlan::TableScan(scan) => match scan.projected_schema.fields().get(index) {
            Some(field) => Definition::Stored(field),
            None => Definition::Unknown,
        },
        _ => Definition::Unknown,
    }
}

/// The column of the inputs that the name stands for.
fn resolve<'p>(column: &Column, inputs: &[&'p LogicalPlan]) -> Option<(&'p LogicalPlan, usize)> {
    inputs.iter().find_map(|input| Some((*input, input.schema().maybe_index_of_column(column)?)))
}

/// The stored column whose type the column of the plan has; `None` when it was computed.
pub(crate) fn stored_type(plan: &LogicalPlan, index: usize) -> Option<&Field> {
    match definition(plan, index) {
        Definition::Passed(input, index) => stored_type(input, index),
        Definition::Computed(expr, inputs) => type_of(expr, &inputs),
        Definition::Either(plans) => agreed(plans.into_iter().map(|plan| stored_type(plan, index))),
        Definition::Stored(field) => Some(field),
        Definition::Unknown => None,
    }
}

/// The kind of JSON that a column of the plan holds, computed or stored.
pub(crate) fn json_type(plan: &LogicalPlan, index: usize) -> Option<LogicalType> {
    match definition(plan, index) {
        Definition::Passed(input, index) => json_type(input, index),
        Definition::Computed(expr, inputs) => json_type_of(expr, &inputs),
        Definition::Either(plans) => agreed_json(plans.into_iter().map(|plan| json_type(plan, index))),
        Definition::Stored(field) => json_of(field),
        Definition::Unknown => None,
    }
}

/// The kind of JSON that a value over these inputs is.
pub(crate) fn json_type_of(expr: &Expr, inputs: &[&LogicalPlan]) -> Option<LogicalType> {
    let both = |values: &mut dyn Iterator<Item = &Expr>| {
        agreed_json(values.filter(|value| !is_null(value)).map(|value| json_type_of(value, inputs)))
    };
    match expr {
        Expr::Alias(alias) => json_type_of(&alias.expr, inputs),
        Expr::Column(column) => resolve(column, inputs).and_then(|(plan, index)| json_type(plan, index)),
        Expr::Case(case) => {
            both(&mut case.when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(case.else_expr.as_deref()))
        }
        Expr::ScalarFunction(call) if call.name() == "coalesce" => both(&mut call.args.iter()),
        // What one of these functions says of its result is so.
        Expr::ScalarFunction(call) if call.name().starts_with("dvt_json") || call.name().starts_with("dvt_to_json") => {
            let field = inputs.iter().find_map(|input| expr.to_field(input.schema().as_ref()).ok());
            json_of(&field?.1)
        }
        Expr::WindowFunction(call) if call.params.args.len() < 3 && keeps_type(call.fun.name()) => {
            json_type_of(call.params.args.first()?, inputs)
        }
        _ => None,
    }
}

fn json_of(field: &Field) -> Option<LogicalType> {
    logical_type(field).filter(|known| matches!(known, LogicalType::Json | LogicalType::Jsonb))
}

fn agreed_json(mut kinds: impl Iterator<Item = Option<LogicalType>>) -> Option<LogicalType> {
    let first = kinds.next()??;
    kinds.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The scan that hands a column of the plan through unchanged, and its name there.
pub(crate) fn stored_column(plan: &LogicalPlan, index: usize) -> Option<(&TableScan, &str)> {
    match (plan, definition(plan, index)) {
        (LogicalPlan::TableScan(scan), Definition::Stored(field)) => Some((scan, field.name())),
        (_, Definition::Passed(input, index)) => stored_column(input, index),
        (_, Definition::Computed(expr, inputs)) => {
            let mut expr = expr;
            while let Expr::Alias(alias) = expr {
                expr = &alias.expr;
            }
            let Expr::Column(column) = expr else { return None };
            let (input, index) = resolve(column, &inputs)?;
            stored_column(input, index)
        }
        _ => None,
    }
}

fn type_of<'p>(expr: &Expr, inputs: &[&'p LogicalPlan]) -> Option<&'p Field> {
    match expr {
        Expr::Alias(alias) => type_of(&alias.expr, inputs),
        Expr::Column(column) => resolve(column, inputs).and_then(|(plan, index)| stored_type(plan, index)),
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
            agreed(results.filter(|result| !is_null(result)).map(|result| type_of(result, inputs)))
        }
        Expr::ScalarFunction(call) => match call.name() {
            "coalesce" | "greatest" | "least" => agreed(call.args.iter().map(|value| type_of(value, inputs))),
            "nullif" => type_of(call.args.first()?, inputs),
            _ => None,
        },
        Expr::AggregateFunction(call) if keeps_type(call.func.name()) => type_of(call.params.args.first()?, inputs),
        Expr::WindowFunction(call) => {
            let name = match &call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => function.name(),
                WindowFunctionDefinition::WindowUDF(function) => function.name(),
            };
            // The third argument of lag and lead stands for a missing row.
            (keeps_type(name) && call.params.args.len() < 3).then(|| type_of(call.params.args.first()?, inputs))?
        }
        _ => None,
    }
}

fn keeps_type(function: &str) -> bool {
    matches!(function, "min" | "max" | "lag" | "lead" | "first_value" | "last_value" | "nth_value")
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}

/// The type that all of them have.
fn agreed<'p>(mut types: impl Iterator<Item = Option<&'p Field>>) -> Option<&'p Field> {
    let first = types.next()??;
    types
        .all(|other| {
            other.is_some_and(|other| other.data_type() == first.data_type() && other.metadata() == first.metadata())
        })
        .then_some(first)
}

/// Whether each value of the decimal would have this very scale in PostgreSQL too, which keeps a scale with each value:
/// stored columns, casts, literals, and sums, differences and products of them have; what picks one of several values,
/// rounds or divides has not.
pub(crate) fn has_declared_scale(expr: &Expr, inputs: &[&LogicalPlan]) -> bool {
    match expr {
        Expr::Alias(alias) => has_declared_scale(&alias.expr, inputs),
        Expr::Column(column) => resolve(column, inputs).is_some_and(|(plan, index)| column_has_scale(plan, index)),
        Expr::Literal(ScalarValue::Null, _) => true,
        Expr::Literal(value, _) => value.data_type().is_decimal() || value.data_type().is_integer(),
        // Only more room for the same digits.
        Expr::Cast(cast)
            if let DataType::Decimal256(precision, scale) = cast.field.data_type()
                && data_type_of(&cast.expr, inputs) == Some(DataType::Decimal128(*precision, *scale)) =>
        {
            has_declared_scale(&cast.expr, inputs)
        }
        Expr::Cast(cast) => {
            let to = cast.field.data_type();
            to.is_integer() || to.is_decimal() && *to != DataType::Decimal256(CARRIER.0, CARRIER.1)
        }
        Expr::Negative(inner) => has_declared_scale(inner, inputs),
        Expr::BinaryExpr(binary) => {
            use datafusion::logical_expr::Operator::{Minus, Multiply, Plus};
            matches!(binary.op, Plus | Minus | Multiply)
                && has_declared_scale(&binary.left, inputs)
                && has_declared_scale(&binary.right, inputs)
        }
        Expr::ScalarFunction(call) => match call.name() {
            "round_decimal" | "trunc_decimal" | "ceil_decimal" | "floor_decimal" => {
                // More digits than there are would be shown as zeros.
                let scale = scale_of(&call.args[0], inputs);
                match &call.args[1] {
                    Expr::Literal(ScalarValue::Int64(Some(digits)), _) => {
                        scale.is_some_and(|scale| *digits <= i64::from(scale))
                    }
                    _ => false,
                }
            }
            "checked_add" | "checked_subtract" | "checked_multiply" => true,
            "abs" | "nullif" => call.args.first().is_some_and(|value| has_declared_scale(value, inputs)),
            _ => false,
        },
        Expr::AggregateFunction(call) => {
            matches!(call.func.name(), "sum" | "min" | "max")
                && call.params.args.first().is_some_and(|value| has_declared_scale(value, inputs))
        }
        _ => false,
    }
}

fn data_type_of(expr: &Expr, inputs: &[&LogicalPlan]) -> Option<DataType> {
    inputs.iter().find_map(|input| expr.get_type(input.schema().as_ref()).ok())
}

fn scale_of(expr: &Expr, inputs: &[&LogicalPlan]) -> Option<i8> {
    match data_type_of(expr, inputs)? {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(scale),
        _ => None,
    }
}

fn column_has_scale(plan: &LogicalPlan, index: usize) -> bool {
    match definition(plan, index) {
        Definition::Passed(input, index) => column_has_scale(input, index),
        Definition::Computed(expr, inputs) => has_declared_scale(expr, &inputs),
        Definition::Either(plans) => {
            let types: Vec<&DataType> = plans.iter().map(|plan| plan.schema().field(index).data_type()).collect();
            types.windows(2).all(|pair| pair[0] == pair[1]) && plans.iter().all(|plan| column_has_scale(plan, index))
        }
        Definition::Stored(field) => field.data_type().is_integer() || is_constrained(field),
        Definition::Unknown => false,
    }
}

/// A `numeric` without precision has a scale per value, which its carrier does not keep.
fn is_constrained(field: &Field) -> bool {
    field.data_type().is_decimal() && logical_type(field) != Some(LogicalType::Numeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Schema;
    use datafusion::functions_aggregate::expr_fn::{max, sum};
    use datafusion::logical_expr::{LogicalPlanBuilder, cast, col, lit, table_scan, when};
    use dvt_adapter::with_types;

    fn scan() -> LogicalPlanBuilder {
        let short = with_types(
            Field::new("short", DataType::Utf8, true),
            "postgres",
            "varchar(3)",
            Some(LogicalType::Varchar(3)),
        );
        let long = with_types(
            Field::new("long", DataType::Utf8, true),
            "postgres",
            "varchar(9)",
            Some(LogicalType::Varchar(9)),
        );
        let price =
            with_types(Field::new("price", DataType::Decimal128(10, 2), true), "postgres", "numeric(10,2)", None);
        table_scan(Some("t"), &Schema::new(vec![short, long, price]), None).unwrap()
    }

    #[test]
    fn only_what_is_handed_through_keeps_its_stored_type() {
        let either = when(col("long").is_null(), col("short")).otherwise(col("long")).unwrap();
        let same = when(col("long").is_null(), col("short")).otherwise(col("short")).unwrap();
        let columns = vec![
            col("short").alias("renamed"),
            cast(col("short"), DataType::Utf8).alias("cast"),
            either.alias("either"),
            same.alias("same"),
            cast(col("price"), DataType::Utf8).alias("text"),
        ];
        let plan = scan().project(columns).unwrap().alias("q").unwrap().limit(0, Some(3)).unwrap().build().unwrap();
        let kept: Vec<bool> = (0..5).map(|index| stored_type(&plan, index).is_some()).collect();
        assert_eq!(kept, [true, false, false, true, false]);
    }

    #[test]
    fn a_union_keeps_a_type_that_all_sides_have() {
        let side = |name: &str| scan().project(vec![col(name).alias("c")]).unwrap().build().unwrap();
        let union =
            |left: &str, right: &str| LogicalPlanBuilder::from(side(left)).union(side(right)).unwrap().build().unwrap();
        assert!(stored_type(&union("short", "short"), 0).is_some());
        assert!(stored_type(&union("short", "long"), 0).is_none());
    }

    #[test]
    fn sums_have_the_scale_that_is_printed_and_choices_have_not() {
        let plan =
            scan().aggregate(vec![col("short")], vec![sum(col("price")), max(col("price"))]).unwrap().build().unwrap();
        assert!(column_has_scale(&plan, 1) && column_has_scale(&plan, 2));
        let scan = scan().build().unwrap();
        let choice = when(col("short").is_null(), col("price")).otherwise(lit(1_i64)).unwrap();
        assert!(has_declared_scale(&(col("price") + col("price")), &[&scan]));
        assert!(!has_declared_scale(&choice, &[&scan]));
    }
}
