//! Expressions: columns, operators, conditions.

use super::casts::cast;
use super::literals::{literal, text_literal};
use super::{Writer, Written};
use crate::spark::types::{Held, held, spark_type};
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Case, InList, Sort};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, Like, Operator};
use dvt_spark::SparkFailure;

/// What an expression's columns are: the schema that it was bound to, and each column in Spark SQL.
pub(super) struct Scope<'s> {
    pub(super) schema: &'s DFSchema,
    pub(super) names: Vec<String>,
}

impl Scope<'_> {
    pub(super) fn type_of(&self, expr: &Expr) -> Written<DataType> {
        expr.get_type(self.schema)
            .map_err(|error| SparkFailure::refused(format!("`{expr}` ({})", error.strip_backtrace())))
    }

    /// The expression, as the Spark type that holds its type.
    pub(super) fn write(&self, expr: &Expr, writer: &mut Writer<'_>) -> Written<String> {
        match expr {
            Expr::Alias(alias) => self.write(&alias.expr, writer),
            Expr::Column(column) => self
                .schema
                .maybe_index_of_column(column)
                .and_then(|index| self.names.get(index).cloned())
                .ok_or_else(|| SparkFailure::refused(format!("the column `{column}`, which is not in its input,"))),
            Expr::Literal(value, _) => literal(value),
            Expr::BinaryExpr(binary) => self.binary(binary, writer),
            Expr::Not(inner) => Ok(format!("(NOT {})", self.write(inner, writer)?)),
            Expr::IsNull(inner) => Ok(format!("({} IS NULL)", self.write(inner, writer)?)),
            Expr::IsNotNull(inner) => Ok(format!("({} IS NOT NULL)", self.write(inner, writer)?)),
            Expr::IsTrue(inner) => Ok(format!("({} IS TRUE)", self.write(inner, writer)?)),
            Expr::IsFalse(inner) => Ok(format!("({} IS FALSE)", self.write(inner, writer)?)),
            Expr::IsUnknown(inner) => Ok(format!("({} IS NULL)", self.write(inner, writer)?)),
            Expr::IsNotTrue(inner) => Ok(format!("({} IS NOT TRUE)", self.write(inner, writer)?)),
            Expr::IsNotFalse(inner) => Ok(format!("({} IS NOT FALSE)", self.write(inner, writer)?)),
            Expr::IsNotUnknown(inner) => Ok(format!("({} IS NOT NULL)", self.write(inner, writer)?)),
            Expr::Negative(inner) => {
                let data_type = self.own(inner)?;
                if !is_arithmetic(&data_type) {
                    return Err(SparkFailure::refused(format!("`-` of {data_type}")));
                }
                Ok(format!("(- {})", self.write(inner, writer)?))
            }
            Expr::Between(between) => self.between(between, writer),
            Expr::InList(list) => self.in_list(list, writer),
            Expr::Like(like) => self.like(like, writer),
            Expr::Case(case) => self.case(case, writer),
            Expr::Cast(conversion) => {
                let from = self.type_of(&conversion.expr)?;
                let to = conversion.field.data_type();
                // A constant is brought to its type here, by the engine that would do it.
                if let Expr::Literal(value, _) = conversion.expr.as_ref()
                    && let Ok(value) = value.cast_to(to)
                {
                    return literal(&value);
                }
                cast(&self.write(&conversion.expr, writer)?, &from, to)
            }
            Expr::ScalarFunction(call) => self.function(call, expr, writer),
            Expr::ScalarSubquery(subquery) if subquery.outer_ref_columns.is_empty() => {
                writer.scalar_subquery(&subquery.subquery)
            }
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => {
                Err(SparkFailure::refused("a correlated subquery in this place"))
            }
            Expr::SimilarTo(_) => Err(SparkFailure::refused("SIMILAR TO")),
            Expr::TryCast(_) => Err(SparkFailure::refused("TRY_CAST")),
            other => Err(SparkFailure::refused(format!("`{other}`"))),
        }
    }

    /// The type of an operand that Spark computes with.
    pub(super) fn own(&self, expr: &Expr) -> Written<DataType> {
        let data_type = self.type_of(expr)?;
        if held(&data_type) == Held::Own {
            return Ok(data_type);
        }
        Err(SparkFailure::refused(format!("computing with `{expr}` of type {data_type}")))
    }

    /// Refuses an operand whose form in Spark cannot be compared in this way.
    pub(super) fn comparable(&self, expr: &Expr, least: Held) -> Written<DataType> {
        let data_type = self.type_of(expr)?;
        if held(&data_type) >= least {
            return Ok(data_type);
        }
        let what = if least == Held::Equal { "comparing" } else { "ordering by" };
        Err(SparkFailure::refused(format!("{what} `{expr}` of type {data_type}")))
    }

    fn binary(&self, BinaryExpr { left, op, right }: &BinaryExpr, writer: &mut Writer<'_>) -> Written<String> {
        let comparison = match op {
            Operator::Eq => Some(("=", Held::Equal)),
            Operator::NotEq => Some(("<>", Held::Equal)),
            Operator::Lt => Some(("<", Held::Ordered)),
            Operator::LtEq => Some(("<=", Held::Ordered)),
            Operator::Gt => Some((">", Held::Ordered)),
            Operator::GtEq => Some((">=", Held::Ordered)),
            Operator::IsNotDistinctFrom | Operator::IsDistinctFrom => Some(("<=>", Held::Equal)),
            _ => None,
        };
        if let Some((sign, least)) = comparison {
            self.compared(left, right, least)?;
            let written = format!("({} {sign} {})", self.write(left, writer)?, self.write(right, writer)?);
            return Ok(if *op == Operator::IsDistinctFrom { format!("(NOT {written})") } else { written });
        }
        match op {
            Operator::And | Operator::Or => {
                let word = if *op == Operator::And { "AND" } else { "OR" };
                Ok(format!("({} {word} {})", self.write(left, writer)?, self.write(right, writer)?))
            }
            Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo => {
                self.arithmetic(left, *op, right, writer)
            }
            Operator::StringConcat => {
                for side in [left, right] {
                    let data_type = self.type_of(side)?;
                    if !is_text(&data_type) {
                        return Err(SparkFailure::refused(format!("`||` of {data_type}")));
                    }
                }
                Ok(format!("({} || {})", self.write(left, writer)?, self.write(right, writer)?))
            }
            Operator::BitwiseAnd | Operator::BitwiseOr | Operator::BitwiseXor => {
                let types = (self.own(left)?, self.own(right)?);
                if types.0 != types.1 || !types.0.is_signed_integer() {
                    return Err(SparkFailure::refused(format!("`{op}` of {} and {}", types.0, types.1)));
                }
                let sign = match op {
                    Operator::BitwiseAnd => "&",
                    Operator::BitwiseOr => "|",
                    _ => "^",
                };
                Ok(format!("({} {sign} {})", self.write(left, writer)?, self.write(right, writer)?))
            }
            other => Err(SparkFailure::refused(format!("the operator `{other}`"))),
        }
    }

    /// Both sides of a comparison are held in the same way.
    fn compared(&self, left: &Expr, right: &Expr, least: Held) -> Written<()> {
        let types = (self.comparable(left, least)?, self.comparable(right, least)?);
        if types.0 == types.1
            || super::same_type(&types.0, &types.1)?
            || [&types.0, &types.1].iter().all(|side| is_exact(side) && held(side) == Held::Own)
            || types.0 == DataType::Null
            || types.1 == DataType::Null
        {
            return Ok(());
        }
        Err(SparkFailure::refused(format!("comparing {} with {}", types.0, types.1)))
    }

    fn arithmetic(&self, left: &Expr, op: Operator, right: &Expr, writer: &mut Writer<'_>) -> Written<String> {
        let result =
            self.type_of(&Expr::BinaryExpr(BinaryExpr::new(Box::new(left.clone()), op, Box::new(right.clone()))))?;
        if let Some(moved) = self.moved(left, op, right, &result, writer)? {
            return Ok(moved);
        }
        let types = (self.own(left)?, self.own(right)?);
        let refused = || SparkFailure::refused(format!("`{op}` of {} and {}", types.0, types.1));
        let (sides, same) = ((self.write(left, writer)?, self.write(right, writer)?), types.0 == types.1);
        let (l, r) = (&sides.0, &sides.1);
        if same && types.0.is_signed_integer() {
            return Ok(match op {
                // Spark divides integers as 64-bit ones.
                Operator::Divide => format!("CAST(({l} div {r}) AS {})", spark_type(&result)?),
                Operator::Modulo => format!("({l} % {r})"),
                _ => format!("({l} {op} {r})"),
            });
        }
        if same && types.0.is_floating() {
            return match op {
                // Dividing a float by zero is an error in ANSI mode, and infinite in the engine.
                Operator::Divide => {
                    let name = spark_type(&result)?;
                    Ok(format!("CASE WHEN {r} = 0 THEN CAST({l} * power({r}, -1) AS {name}) ELSE {} END", {
                        let quotient = format!("{l} / {r}");
                        if result == DataType::Float64 { quotient } else { format!("CAST({quotient} AS {name})") }
                    }))
                }
                Operator::Modulo => Err(refused()),
                _ => Ok(format!("({l} {op} {r})")),
            };
        }
        if is_exact(&types.0) && is_exact(&types.1) && (types.0.is_decimal() || types.1.is_decimal()) {
            let natural = exact_type(&types.0, op, &types.1).ok_or_else(refused)?;
            let (DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) = &result else {
                return Err(refused());
            };
            if held(&result) != Held::Own || *scale != natural.1 {
                return Err(refused());
            }
            let written = format!("({l} {op} {r})");
            let name = spark_type(&result)?;
            return Ok(if name == format!("DECIMAL({},{})", natural.0, natural.1) {
                written
            } else {
                format!("CAST({written} AS {name})")
            });
        }
        Err(refused())
    }

    /// A day or an instant moved by a constant interval.
    fn moved(
        &self,
        left: &Expr,
        op: Operator,
        right: &Expr,
        result: &DataType,
        writer: &mut Writer<'_>,
    ) -> Written<Option<String>> {
        let sign: i64 = match op {
            Operator::Plus => 1,
            Operator::Minus => -1,
            _ => return Ok(None),
        };
        let (moment, interval, sign) = match (interval_of(left), interval_of(right)) {
            (None, Some(interval)) => (left, interval, sign),
            (Some(interval), None) if sign == 1 => (right, interval, sign),
            _ => return Ok(None),
        };
        let (months, days, nanos) = interval;
        let from = self.own(moment)?;
        let (months, days, nanos) = (sign * i64::from(months), sign * i64::from(days), sign * nanos);
        let mut written = self.write(moment, writer)?;
        match (&from, result) {
            (DataType::Date32, DataType::Date32) if nanos == 0 => {
                if months != 0 {
                    written = format!("add_months({written}, {months})");
                }
                if days != 0 {
                    written = format!("date_add({written}, {days})");
                }
            }
            (DataType::Timestamp(TimeUnit::Microsecond, _), result) if *result == from && nanos % 1000 == 0 => {
                if months != 0 {
                    written = format!("({written} + make_ym_interval(0, {months}))");
                }
                if days != 0 || nanos != 0 {
                    let micros = nanos / 1000;
                    let sign = if micros < 0 { "-" } else { "" };
                    let (seconds, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
                    let seconds = format!("CAST('{sign}{seconds}.{rest:06}' AS DECIMAL(18,6))");
                    written = format!("({written} + make_dt_interval({days}, 0, 0, {seconds}))");
                }
            }
            _ => return Err(SparkFailure::refused(format!("`{op}` of {from} and an interval"))),
        }
        Ok(Some(written))
    }

    fn between(&self, between: &Between, writer: &mut Writer<'_>) -> Written<String> {
        self.compared(&between.expr, &between.low, Held::Ordered)?;
        self.compared(&between.expr, &between.high, Held::Ordered)?;
        let word = if between.negated { "NOT BETWEEN" } else { "BETWEEN" };
        let (value, low, high) =
            (self.write(&between.expr, writer)?, self.write(&between.low, writer)?, self.write(&between.high, writer)?);
        Ok(format!("({value} {word} {low} AND {high})"))
    }

    fn in_list(&self, list: &InList, writer: &mut Writer<'_>) -> Written<String> {
        let mut values = Vec::with_capacity(list.list.len());
        for value in &list.list {
            self.compared(&list.expr, value, Held::Equal)?;
            values.push(self.write(value, writer)?);
        }
        let word = if list.negated { "NOT IN" } else { "IN" };
        if values.is_empty() {
            return Ok(if list.negated { "true" } else { "false" }.to_owned());
        }
        Ok(format!("({} {word} ({}))", self.write(&list.expr, writer)?, values.join(", ")))
    }

    fn like(&self, like: &Like, writer: &mut Writer<'_>) -> Written<String> {
        if like.case_insensitive {
            return Err(SparkFailure::refused("ILIKE"));
        }
        let Expr::Literal(
            ScalarValue::Utf8(Some(pattern))
            | ScalarValue::LargeUtf8(Some(pattern))
            | ScalarValue::Utf8View(Some(pattern)),
            _,
        ) = like.pattern.as_ref()
        else {
            return Err(SparkFailure::refused("LIKE with a pattern that is no constant"));
        };
        if !is_text(&self.type_of(&like.expr)?) {
            return Err(SparkFailure::refused("LIKE of what is no text"));
        }
        let pattern = own_pattern(pattern, like.escape_char)?;
        let word = if like.negated { "NOT LIKE" } else { "LIKE" };
        Ok(format!("({} {word} {})", self.write(&like.expr, writer)?, text_literal(&pattern)))
    }

    fn case(&self, case: &Case, writer: &mut Writer<'_>) -> Written<String> {
        let mut text = "CASE".to_owned();
        if let Some(value) = &case.expr {
            for (when, _) in &case.when_then_expr {
                self.compared(value, when, Held::Equal)?;
            }
            text += &format!(" {}", self.write(value, writer)?);
        }
        let mut result = DataType::Null;
        let branches = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
        for branch in branches.clone() {
            let data_type = self.type_of(branch)?;
            if result == DataType::Null {
                result = data_type;
            } else if data_type != DataType::Null && !super::same_type(&result, &data_type)? {
                return Err(SparkFailure::refused(format!("CASE with results of types {result} and {data_type}")));
            }
        }
        for (when, then) in &case.when_then_expr {
            text += &format!(" WHEN {} THEN {}", self.write(when, writer)?, self.branch(then, &result, writer)?);
        }
        if let Some(otherwise) = &case.else_expr {
            text += &format!(" ELSE {}", self.branch(otherwise, &result, writer)?);
        }
        Ok(format!("{text} END"))
    }

    /// One of several expressions of which one becomes the value; an untyped NULL has the type of the others.
    pub(super) fn branch(&self, expr: &Expr, result: &DataType, writer: &mut Writer<'_>) -> Written<String> {
        if self.type_of(expr)? == DataType::Null {
            return Ok(format!("CAST(NULL AS {})", spark_type(result)?));
        }
        self.write(expr, writer)
    }

    /// What a query is ordered by; Spark's own places for NULLs are others than those of most databases.
    pub(super) fn order(&self, keys: &[Sort], writer: &mut Writer<'_>) -> Written<String> {
        let mut written = Vec::with_capacity(keys.len());
        for key in keys {
            self.comparable(&key.expr, Held::Ordered)?;
            let direction = if key.asc { "ASC" } else { "DESC" };
            let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
            written.push(format!("{} {direction} NULLS {nulls}", self.write(&key.expr, writer)?));
        }
        Ok(written.join(", "))
    }
}

/// The pattern with backslashes before what they protect, and before nothing else: Spark takes no others.
fn own_pattern(pattern: &str, escape: Option<char>) -> Written<String> {
    let escape = escape.unwrap_or('\\');
    let mut own = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == escape {
            let Some(next) = letters.next() else {
                return Err(SparkFailure::refused(format!("the LIKE pattern '{pattern}', which ends in its escape,")));
            };
            if matches!(next, '%' | '_' | '\\') {
                own.push('\\');
            }
            own.push(next);
        } else {
            if letter == '\\' {
                own.push('\\');
            }
            own.push(letter);
        }
    }
    Ok(own)
}

/// Months, days and nanoseconds of a constant interval.
fn interval_of(expr: &Expr) -> Option<(i32, i32, i64)> {
    match expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => {
            Some((interval.months, interval.days, interval.nanoseconds))
        }
        Expr::Literal(ScalarValue::IntervalYearMonth(Some(months)), _) => Some((*months, 0, 0)),
        Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => {
            Some((0, interval.days, i64::from(interval.milliseconds) * 1_000_000))
        }
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Interval(IntervalUnit::MonthDayNano)) => {
            interval_of(&cast.expr)
        }
        _ => None,
    }
}

/// The type of a sum, difference or product of exact numbers in Spark, as precision and scale.
/// Source: Spark's documentation, "ANSI compliance", arithmetic of decimals without loss of precision.
fn exact_type(left: &DataType, op: Operator, right: &DataType) -> Option<(u8, i8)> {
    let ((p1, s1), (p2, s2)) = (digits(left)?, digits(right)?);
    let (precision, scale) = match op {
        Operator::Plus | Operator::Minus => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Operator::Multiply => (p1 + p2 + 1, s1 + s2),
        _ => return None,
    };
    if scale > 38 {
        return None;
    }
    Some((u8::try_from(precision.min(38)).ok()?, i8::try_from(scale).ok()?))
}

/// Precision and scale, also of an integer as Spark brings it to a decimal.
fn digits(data_type: &DataType) -> Option<(i16, i16)> {
    Some(match data_type {
        DataType::Int8 => (3, 0),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        DataType::Int64 => (20, 0),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (i16::from(*precision), i16::from(*scale)),
        _ => return None,
    })
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_decimal()
}

fn is_arithmetic(data_type: &DataType) -> bool {
    data_type.is_signed_integer() || data_type.is_floating() || data_type.is_decimal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_escape_only_what_needs_it() {
        assert_eq!(own_pattern("a\\%b\\c%", None).unwrap(), "a\\%bc%");
        assert_eq!(own_pattern("50!%\\", Some('!')).unwrap(), "50\\%\\\\");
        assert!(own_pattern("x\\", None).is_err());
    }

    #[test]
    fn exact_numbers_have_sparks_digits() {
        let decimal = |precision, scale| DataType::Decimal128(precision, scale);
        assert_eq!(exact_type(&decimal(10, 2), Operator::Plus, &decimal(5, 4)), Some((13, 4)));
        assert_eq!(exact_type(&decimal(20, 10), Operator::Multiply, &decimal(20, 10)), Some((38, 20)));
        assert_eq!(exact_type(&decimal(38, 30), Operator::Multiply, &decimal(38, 30)), None);
    }
}
