//! Functions of the engine whose result is another than the author's dialect has it.

use super::casts::{own_text, refuse_loose_scale, refuse_own_form};
use super::operators::binary;
use super::patterns::{rewrite_match, rewrite_replacement};
use super::rules::Rules;
use super::stored::{refuse_local_time, stored_choice};
use crate::error::PlanError;
use crate::functions::{
    DivisionRule, IntegerWidth, NAMED, Rounding, decimal_rounding, element, postgres_function, round_half_even,
    row_function, shows_values,
};
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, cast, lit, not, when};
use std::sync::Arc;

/// The engine writes elements in its own form where it makes one text of an array.
fn refuse_own_elements(list: &DataType, refused: &mut Option<PlanError>) {
    let (DataType::List(element) | DataType::LargeList(element)) = list else { return };
    let element = element.data_type();
    let has_own_form = element.is_floating()
        || matches!(
            element,
            DataType::Boolean | DataType::Timestamp(..) | DataType::Interval(_) | DataType::Binary | DataType::List(_)
        );
    if has_own_form {
        refused.get_or_insert(PlanError::Unsupported {
            construct: format!("array_to_string() of elements of type {element}"),
            hint: Some("make an array of texts: cast each element to text first".to_owned()),
            location: None,
        });
    }
}

/// Functions of the engine whose result is another than PostgreSQL's.
pub(super) fn rewrite_function(
    mut call: ScalarFunction,
    schema: &DFSchema,
    inputs: &[LogicalPlan],
    rules: &Rules,
    refused: &mut Option<PlanError>,
) -> Result<Transformed<Expr>> {
    if rules.stores_texts {
        refuse_local_time(&call, refused);
        if let Some(chosen) = stored_choice(&call, schema)? {
            return Ok(Transformed::yes(chosen));
        }
    }
    if matches!(call.name(), "concat" | "concat_ws") {
        let name = call.name().to_owned();
        for argument in &mut call.args {
            let data_type = argument.get_type(schema)?;
            if let Some(text) = own_text(argument.clone(), &data_type, rules) {
                *argument = text;
                continue;
            }
            refuse_own_form(argument, &data_type, inputs, rules, refused);
            // PostgreSQL's concat writes `t`, the engine's `true`.
            if data_type == DataType::Boolean && rules.values_have_scales {
                let value = argument.clone();
                *argument = when(value.clone(), lit("t")).when(not(value), lit("f")).end()?;
            } else if data_type == DataType::Boolean {
                refused.get_or_insert(PlanError::Unsupported {
                    construct: format!("{name}() of a boolean"),
                    hint: Some("cast it to text first".to_owned()),
                    location: None,
                });
            }
        }
    }
    if call.name() == "array_to_string"
        && let Some(list) = call.args.first()
    {
        refuse_own_elements(&list.get_type(schema)?, refused);
    }
    if shows_values(call.name()) {
        for argument in &call.args {
            refuse_loose_scale(argument, &argument.get_type(schema)?, inputs, rules, refused);
        }
    }
    if call.name() == NAMED && !call.args.is_empty() {
        return Ok(Transformed::yes(call.args.swap_remove(0)));
    }
    if call.name() == "array_element" && rules.values_have_scales {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(element(), call.args))));
    }
    if call.name() == "regexp_match" && rules.values_have_scales {
        return Ok(rewrite_match(call, refused));
    }
    if call.name() == "regexp_replace" && rules.values_have_scales {
        return Ok(rewrite_replacement(call, refused));
    }
    if rules.integers == IntegerWidth::Whole
        && let Some(whole) = of_whole_numbers(&call, schema, rules)?
    {
        return Ok(Transformed::yes(whole));
    }
    if call.name() == "generate_series" && rules.values_have_scales {
        return series_of(call, schema).map(Transformed::yes);
    }
    // Places and lengths are integers there.
    if rules.values_have_scales && call.name() == "array_length" {
        // An array without elements has no dimensions there.
        let length = cast(Expr::ScalarFunction(call), DataType::Int32);
        return Ok(Transformed::yes(nullif(length, lit(0_i32))));
    }
    if rules.values_have_scales && matches!(call.name(), "cardinality" | "array_position") {
        return Ok(Transformed::yes(cast(Expr::ScalarFunction(call), DataType::Int32)));
    }
    // What the planner makes of EXTRACT, which is a number with digits after the point in PostgreSQL.
    if call.name() == "date_part"
        && rules.divides_as_float
        && let Some(field) = row_function("duckdb_date_part")
    {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(field, call.args))));
    }
    // A whole number stays one where digits are cut off; where it is rounded up or down it is a double.
    if rules.divides_as_float
        && matches!(call.name(), "round" | "trunc" | "ceil" | "floor")
        && let [argument, digits @ ..] = call.args.as_slice()
        && argument.get_type(schema)?.is_integer()
    {
        let is_fraction = digits.iter().all(|digits| matches!(digits, Expr::Literal(ScalarValue::Int32(Some(0..)), _)));
        return Ok(match call.name() {
            "ceil" | "floor" => Transformed::yes(cast(argument.clone(), DataType::Float64)),
            _ if is_fraction => Transformed::yes(argument.clone()),
            name => {
                refused.get_or_insert(PlanError::Unsupported {
                    construct: format!("{name}() of a whole number to places before the point"),
                    hint: Some("cast the number to double first".to_owned()),
                    location: None,
                });
                Transformed::no(Expr::ScalarFunction(call))
            }
        });
    }
    if call.name() == "date_part"
        && rules.values_have_scales
        && let Some(extract) = postgres_function("postgres_extract")
    {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(extract, call.args))));
    }
    if let ("trunc", true, [number, Expr::Literal(digits, _)]) =
        (call.name(), rules.integers == IntegerWidth::Whole, call.args.as_slice())
        && number.get_type(schema)?.is_integer()
        && let ScalarValue::Int64(Some(digits)) = digits.cast_to(&DataType::Int64)?
    {
        // Digits before the point become zeros; all that an integer has after it are.
        let whole = cast(number.clone(), DataType::Int64);
        let power = u32::try_from(-digits).ok().map(|power| 10_i64.checked_pow(power));
        return Ok(Transformed::yes(match power {
            None | Some(Some(1)) => whole,
            Some(Some(power)) => binary(binary(whole, Operator::Divide, lit(power)), Operator::Multiply, lit(power)),
            Some(None) => lit(0_i64),
        }));
    }
    if let Some(rounding) = Rounding::of(call.name())
        && let [argument, digits @ ..] = call.args.as_slice()
        && argument.get_type(schema)?.is_decimal()
    {
        let digits = match digits.first() {
            Some(Expr::Literal(ScalarValue::Int32(Some(digits)), _)) => lit(i64::from(*digits)),
            Some(digits) => digits.clone(),
            None => lit(0_i64),
        };
        let arguments = vec![argument.clone(), digits];
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
            decimal_rounding(rounding),
            arguments,
        ))));
    }
    if let ("round", [argument]) = (call.name(), call.args.as_slice())
        && rules.values_have_scales
        && argument.get_type(schema)?.is_floating()
    {
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(round_half_even(), call.args))));
    }
    Ok(Transformed::no(Expr::ScalarFunction(call)))
}

/// What gives a 64-bit integer in MySQL and SQLite, where the engine keeps the type of the argument.
fn of_whole_numbers(call: &ScalarFunction, schema: &DFSchema, rules: &Rules) -> Result<Option<Expr>> {
    let [argument] = call.args.as_slice() else { return Ok(None) };
    let data_type = argument.get_type(schema)?;
    let again = |argument: Expr| Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), vec![argument]));
    let is_mysql = rules.division == Some(DivisionRule::MySql);
    Ok(match (call.name(), &data_type) {
        ("abs", data_type) if data_type.is_integer() && *data_type != DataType::Int64 => {
            Some(again(cast(argument.clone(), DataType::Int64)))
        }
        ("signum", _) => Some(cast(again(argument.clone()), DataType::Int64)),
        ("round", data_type) if is_mysql && data_type.is_floating() => {
            Some(Expr::ScalarFunction(ScalarFunction::new_udf(round_half_even(), vec![argument.clone()])))
        }
        ("ceil" | "floor", DataType::Decimal128(precision, scale))
            if is_mysql && i16::from(*precision) - i16::from(*scale) <= 18 =>
        {
            let rounding = if call.name() == "ceil" { Rounding::Up } else { Rounding::Down };
            let rounded = ScalarFunction::new_udf(decimal_rounding(rounding), vec![argument.clone(), lit(0_i64)]);
            Some(cast(Expr::ScalarFunction(rounded), DataType::Int64))
        }
        _ => None,
    })
}

/// A series has the type of its ends; one of dates is of instants, midnight of the session's zone.
fn series_of(mut call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let types = call.args.iter().map(|argument| argument.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let zone = match types.first() {
        Some(DataType::Date32) => Some(Arc::from("UTC")),
        Some(DataType::Timestamp(_, zone)) => zone.as_ref().map(|_| Arc::from("UTC")),
        _ if types.iter().all(|data_type| matches!(data_type, DataType::Int16 | DataType::Int32)) => {
            let item = Field::new_list_field(DataType::Int32, true);
            return Ok(cast(Expr::ScalarFunction(call), DataType::List(Arc::new(item))));
        }
        _ => return Ok(Expr::ScalarFunction(call)),
    };
    for end in call.args.iter_mut().take(2) {
        let written = std::mem::replace(end, lit(true));
        *end = cast(written, DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()));
    }
    let item = Field::new_list_field(DataType::Timestamp(TimeUnit::Microsecond, zone), true);
    Ok(cast(Expr::ScalarFunction(call), DataType::List(Arc::new(item))))
}
