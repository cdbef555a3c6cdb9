//! Functions of the plan that Spark has with the same meaning, by the engine's names.
//!
//! A function is written only for arguments for which both sides agree: often only for constants in some places. What is
//! not here is refused by name.

use super::expressions::{Scope, is_text};
use super::literals::text_literal;
use super::{Writer, Written};
use crate::spark::types::{Held, held, spark_type};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;
use dvt_spark::SparkFailure;

impl Scope<'_> {
    /// The call, as the Spark type that holds the type of `whole`.
    pub(super) fn function(&self, call: &ScalarFunction, whole: &Expr, writer: &mut Writer<'_>) -> Written<String> {
        let result = self.type_of(whole)?;
        let name = call.name();
        let types: Vec<DataType> = call.args.iter().map(|argument| self.type_of(argument)).collect::<Written<_>>()?;
        let shown = || {
            let types: Vec<String> = types.iter().map(ToString::to_string).collect();
            SparkFailure::refused(format!("the function `{name}({})`", types.join(", ")))
        };
        // Functions of which one argument becomes the value.
        if matches!(name, "coalesce" | "greatest" | "least") {
            let least = if name == "coalesce" { Held::Opaque } else { Held::Ordered };
            let mut values = Vec::with_capacity(call.args.len());
            for (argument, data_type) in call.args.iter().zip(&types) {
                if *data_type != DataType::Null && !super::same_type(data_type, &result)? || held(data_type) < least {
                    return Err(shown());
                }
                values.push(self.branch(argument, &result, writer)?);
            }
            return Ok(match values.as_slice() {
                [only] => only.clone(),
                values => format!("{name}({})", values.join(", ")),
            });
        }
        let mut arguments = Vec::with_capacity(call.args.len());
        for argument in &call.args {
            arguments.push(self.write(argument, writer)?);
        }
        let typed = |sql: String| -> Written<String> { Ok(format!("CAST({sql} AS {})", spark_type(&result)?)) };
        let a = |index: usize| arguments.get(index).map_or("", String::as_str);
        let t = |index: usize| types.get(index).cloned().unwrap_or(DataType::Null);
        let number = |index: usize| call.args.get(index).and_then(constant_number);
        let text = |index: usize| call.args.get(index).and_then(constant_text);
        let texts = || types.iter().all(is_text);
        match (name, arguments.len()) {
            ("nullif", 2) if super::same_type(&t(0), &t(1))? && held(&t(0)) >= Held::Equal => {
                Ok(format!("nullif({}, {})", a(0), a(1)))
            }

            // Text.
            ("character_length" | "sqlite_length", 1) if texts() => typed(format!("char_length({})", a(0))),
            ("octet_length" | "sqlite_octet_length", 1) if texts() => typed(format!("octet_length({})", a(0))),
            ("bit_length", 1) if texts() => typed(format!("bit_length({})", a(0))),
            ("lower_letters", 1) if texts() => Ok(letter_by_letter("lower", a(0))),
            ("upper_letters", 1) if texts() => Ok(letter_by_letter("upper", a(0))),
            ("btrim" | "sqlite_trim", 1) if texts() => Ok(format!("trim(BOTH ' ' FROM {})", a(0))),
            ("ltrim" | "sqlite_ltrim", 1) if texts() => Ok(format!("trim(LEADING ' ' FROM {})", a(0))),
            ("rtrim" | "sqlite_rtrim", 1) if texts() => Ok(format!("trim(TRAILING ' ' FROM {})", a(0))),
            ("btrim" | "sqlite_trim", 2) if texts() && text(1).is_some() => {
                Ok(format!("trim(BOTH {} FROM {})", a(1), a(0)))
            }
            ("ltrim" | "sqlite_ltrim", 2) if texts() && text(1).is_some() => {
                Ok(format!("trim(LEADING {} FROM {})", a(1), a(0)))
            }
            ("rtrim" | "sqlite_rtrim", 2) if texts() && text(1).is_some() => {
                Ok(format!("trim(TRAILING {} FROM {})", a(1), a(0)))
            }
            ("replace" | "sqlite_replace", 3) if texts() && text(1).is_some_and(|from| !from.is_empty()) => {
                Ok(format!("replace({}, {}, {})", a(0), a(1), a(2)))
            }
            ("reverse", 1) if texts() => Ok(format!("reverse({})", a(0))),
            ("repeat", 2) if is_text(&t(0)) && number(1).is_some_and(|times| (0..=10_000).contains(&times)) => {
                Ok(format!("repeat({}, CAST({} AS INT))", a(0), a(1)))
            }
            ("left" | "right", 2) if is_text(&t(0)) && number(1).is_some_and(|count| count >= 0) => {
                Ok(format!("{name}({}, CAST({} AS INT))", a(0), a(1)))
            }
            ("lpad" | "rpad", 2 | 3)
                if is_text(&t(0))
                    && number(1).is_some_and(|length| (0..=1_000_000).contains(&length))
                    && (arguments.len() == 2 || text(2).is_some_and(|pad| !pad.is_empty())) =>
            {
                let pad = if arguments.len() == 3 { a(2).to_owned() } else { text_literal(" ") };
                Ok(format!("{name}({}, CAST({} AS INT), {pad})", a(0), a(1)))
            }
            ("substr" | "mysql_substr" | "sqlite_substr", 2 | 3)
                if is_text(&t(0))
                    && number(1).is_some_and(|start| start >= 1)
                    && (arguments.len() == 2 || number(2).is_some_and(|length| length >= 0)) =>
            {
                let length = if arguments.len() == 3 { format!(", CAST({} AS INT)", a(2)) } else { String::new() };
                Ok(format!("substring({}, CAST({} AS INT){length})", a(0), a(1)))
            }
            ("strpos" | "sqlite_instr", 2) if texts() => typed(format!("instr({}, {})", a(0), a(1))),
            ("starts_with", 2) if texts() => Ok(format!("startswith({}, {})", a(0), a(1))),
            ("split_part", 3)
                if is_text(&t(0))
                    && text(1).is_some_and(|delimiter| !delimiter.is_empty())
                    && number(2).is_some_and(|part| part >= 1) =>
            {
                Ok(format!("split_part({}, {}, CAST({} AS INT))", a(0), a(1), a(2)))
            }
            ("translate", 3) if texts() && text(1).is_some() && text(2).is_some() => {
                Ok(format!("translate({}, {}, {})", a(0), a(1), a(2)))
            }
            ("md5", 1) if texts() && is_text(&result) => Ok(format!("md5(CAST({} AS BINARY))", a(0))),
            ("concat", _) if texts() && !arguments.is_empty() => {
                let parts: Vec<String> = arguments.iter().map(|part| format!("coalesce({part}, '')")).collect();
                Ok(format!("concat({})", parts.join(", ")))
            }
            ("mysql_concat", _) if texts() && !arguments.is_empty() => Ok(format!("concat({})", arguments.join(", "))),
            ("concat_ws" | "mysql_concat_ws", 2..) if texts() => Ok(format!("concat_ws({})", arguments.join(", "))),

            // Numbers. Integers that do not fit are errors in ANSI mode.
            ("checked_add" | "checked_subtract" | "checked_multiply", 2) if result.is_signed_integer() => {
                let sign = match name {
                    "checked_add" => "+",
                    "checked_subtract" => "-",
                    _ => "*",
                };
                let wide = spark_type(&result)?;
                Ok(format!("(CAST({} AS {wide}) {sign} CAST({} AS {wide}))", a(0), a(1)))
            }
            ("abs", 1) if held(&t(0)) == Held::Own && t(0).is_numeric() && super::same_type(&t(0), &result)? => {
                Ok(format!("abs({})", a(0)))
            }
            ("mod", 2) if t(0) == t(1) && t(0).is_signed_integer() => Ok(format!("({} % {})", a(0), a(1))),
            ("signum", 1) if t(0) == DataType::Float64 => Ok(format!("sign({})", a(0))),
            ("round_half_even", 1) if t(0).is_floating() => Ok(format!("rint(CAST({} AS DOUBLE))", a(0))),
            ("round_decimal", 2)
                if is_own_decimal(&t(0)) && is_own_decimal(&result) && number(1).is_some_and(|digits| digits >= 0) =>
            {
                typed(format!("round({}, CAST({} AS INT))", a(0), a(1)))
            }
            ("ceil_decimal" | "floor_decimal", 2)
                if is_own_decimal(&t(0)) && is_own_decimal(&result) && number(1) == Some(0) =>
            {
                let word = if name == "ceil_decimal" { "ceil" } else { "floor" };
                typed(format!("{word}({})", a(0)))
            }

            // Days and instants.
            ("date_trunc", 2) => {
                let unit = text(0).map(str::to_lowercase).ok_or_else(shown)?;
                let units = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"];
                if !units.contains(&unit.as_str()) || !is_moment(&t(1)) || !is_moment(&result) {
                    return Err(shown());
                }
                typed(format!("date_trunc('{unit}', CAST({} AS TIMESTAMP))", a(1)))
            }
            ("date_part" | "postgres_extract" | "postgres_date_part", 2) => {
                let unit = text(0).map(str::to_lowercase).ok_or_else(shown)?;
                if !is_moment(&t(1)) || held(&result) != Held::Own {
                    return Err(shown());
                }
                typed(part_of(&unit, a(1), &t(1)).ok_or_else(shown)?)
            }
            (
                "mysql_year" | "mysql_quarter" | "mysql_month" | "mysql_day" | "mysql_hour" | "mysql_minute"
                | "mysql_second" | "mysql_dayofweek" | "mysql_dayofyear",
                1,
            ) if is_moment(&t(0)) => typed(format!("{}({})", name.trim_start_matches("mysql_"), a(0))),
            ("mysql_weekday", 1) if is_moment(&t(0)) => typed(format!("weekday({})", a(0))),
            ("mysql_date", 1) if is_moment(&t(0)) => typed(a(0).to_owned()),
            ("mysql_last_day", 1) if is_moment(&t(0)) => typed(format!("last_day({})", a(0))),
            ("mysql_datediff", 2) if is_moment(&t(0)) && is_moment(&t(1)) => {
                typed(format!("datediff(CAST({} AS DATE), CAST({} AS DATE))", a(0), a(1)))
            }
            _ => Err(shown()),
        }
    }
}

/// A field of a moment that is a whole number in both. Seconds have digits after the point in some dialects.
fn part_of(unit: &str, moment: &str, data_type: &DataType) -> Option<String> {
    Some(match unit {
        "year" => format!("year({moment})"),
        "quarter" => format!("quarter({moment})"),
        "month" => format!("month({moment})"),
        "week" => format!("weekofyear({moment})"),
        "day" => format!("day({moment})"),
        "doy" => format!("dayofyear({moment})"),
        "dow" => format!("(dayofweek({moment}) - 1)"),
        "isodow" => format!("(weekday({moment}) + 1)"),
        "hour" if *data_type != DataType::Date32 => format!("hour({moment})"),
        "minute" if *data_type != DataType::Date32 => format!("minute({moment})"),
        _ => return None,
    })
}

/// Upper or lower case as databases have it: each letter becomes one letter, or stays. Spark's own makes `SS` of `ß`.
fn letter_by_letter(function: &str, text: &str) -> String {
    format!(
        "CASE WHEN octet_length({text}) = char_length({text}) THEN {function}({text}) ELSE \
         array_join(transform(split({text}, ''), x -> CASE WHEN char_length({function}(x)) = 1 THEN {function}(x) ELSE x END), '') END"
    )
}

fn is_moment(data_type: &DataType) -> bool {
    held(data_type) == Held::Own
        && matches!(data_type, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _))
}

fn is_own_decimal(data_type: &DataType) -> bool {
    data_type.is_decimal() && held(data_type) == Held::Own
}

fn plain(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => plain(&alias.expr),
        Expr::Cast(cast) => plain(&cast.expr),
        other => other,
    }
}

fn constant_number(expr: &Expr) -> Option<i64> {
    match plain(expr) {
        Expr::Literal(ScalarValue::Int64(value), _) => *value,
        Expr::Literal(ScalarValue::Int32(value), _) => value.map(i64::from),
        Expr::Literal(ScalarValue::Int16(value), _) => value.map(i64::from),
        Expr::Literal(ScalarValue::Int8(value), _) => value.map(i64::from),
        _ => None,
    }
}

pub(super) fn constant_text(expr: &Expr) -> Option<&str> {
    match plain(expr) {
        Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        ) => Some(text),
        _ => None,
    }
}
