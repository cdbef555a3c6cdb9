//! Values computed from a connection's columns in its SQL: only those that come out there exactly as they would here.

use super::{Exactness, Fragment, Reason, RemoteColumn, Writer, is_plain_text, literal};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Case, Expr, Operator};
use dvt_adapter::TextComparison;

/// A value in a connection's SQL.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) sql: Fragment,
    /// The type that it has here.
    pub(crate) data_type: DataType,
    pub(crate) comparison: TextComparison,
    pub(crate) is_plain_text: bool,
}

impl Value {
    pub(crate) fn of(column: &RemoteColumn) -> Self {
        Self {
            sql: column.sql.clone(),
            data_type: column.field.data_type().clone(),
            comparison: column.comparison.clone(),
            is_plain_text: is_plain_text(&column.field),
        }
    }

    /// A number or a moment.
    fn computed(sql: Fragment, data_type: DataType) -> Self {
        Self { sql, data_type, comparison: TextComparison::Binary, is_plain_text: true }
    }
}

impl Writer<'_> {
    pub(crate) fn readable(&self, column: &Column) -> Result<&RemoteColumn, Reason> {
        let found = self.columns.find(column).ok_or("its column is not in the table")?;
        if found.unreadable.is_some() {
            return Err("its column cannot be read");
        }
        Ok(found)
    }

    /// The expression as a value that the connection computes exactly as we would, or why it stays here.
    pub(crate) fn value(&self, expr: &Expr) -> Result<Value, Reason> {
        match expr {
            Expr::Column(column) => self.readable(column).map(Value::of),
            Expr::Alias(alias) => self.value(&alias.expr),
            Expr::Literal(value, _) => self.constant(value),
            Expr::Cast(cast) => self.cast(cast),
            Expr::BinaryExpr(binary) => self.arithmetic(binary),
            Expr::ScalarFunction(call) => self.function(call),
            Expr::Case(case) => self.case(case),
            _ => Err("it computes on a column"),
        }
    }

    fn constant(&self, value: &ScalarValue) -> Result<Value, Reason> {
        let data_type = value.data_type();
        let text = literal(value, self.dialect, self.rules)?;
        let sql = match data_type {
            DataType::Utf8 | DataType::Date32 | DataType::Boolean => text,
            // A number's width decides where its sums overflow.
            DataType::Int32 if self.rules.integer.is_some() => {
                self.rules.integer.map_or(text.clone(), |integer| format!("CAST({text} AS {integer})"))
            }
            DataType::Int64 | DataType::Int32 => match self.rules.bigint {
                Some(bigint) => format!("CAST({text} AS {bigint})"),
                None => text,
            },
            ref decimal if decimal.is_decimal() && self.rules.decimal_arithmetic => text,
            _ => return Err("a value of this type is not written in a computation"),
        };
        Ok(Value { sql: sql.into(), data_type, comparison: TextComparison::Binary, is_plain_text: true })
    }

    /// Casts that change the type and never the value.
    fn cast(&self, Cast { expr, field }: &Cast) -> Result<Value, Reason> {
        let value = self.value(expr)?;
        if value.comparison != TextComparison::Binary {
            return Err("it casts a value whose form is the connection's own");
        }
        let to = field.data_type();
        let refused = "its cast is not known to be the same on that connection";
        let whole_digits = |data_type: &DataType| match data_type {
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Some((i16::from(*precision) - i16::from(*scale), i16::from(*scale)))
            }
            DataType::Int8 => Some((3, 0)),
            DataType::Int16 => Some((5, 0)),
            DataType::Int32 => Some((10, 0)),
            DataType::Int64 => Some((19, 0)),
            _ => None,
        };
        let is_wider = |from: &DataType, to: &DataType| match (whole_digits(from), whole_digits(to)) {
            (Some((digits, scale)), Some((to_digits, to_scale))) => digits <= to_digits && scale <= to_scale,
            _ => false,
        };
        let sql = match (&value.data_type, to) {
            (from, to) if from == to => value.sql,
            (from, DataType::Int64) if from.is_signed_integer() => match self.rules.bigint {
                Some(bigint) => Fragment::concat(["CAST(".into(), value.sql, format!(" AS {bigint})").into()]),
                None => return Err(refused),
            },
            (from, to) if from.is_signed_integer() && to.is_decimal() && is_wider(from, to) => {
                match (self.rules.decimal_cast, to) {
                    (Some(word), DataType::Decimal128(precision, scale)) => Fragment::concat([
                        "CAST(".into(),
                        value.sql,
                        format!(" AS {word}({precision},{scale}))").into(),
                    ]),
                    _ => return Err(refused),
                }
            }
            // Exact numbers are the same numbers with more room.
            (from, to)
                if from.is_decimal() && to.is_decimal() && is_wider(from, to) && self.rules.decimal_arithmetic =>
            {
                value.sql
            }
            (DataType::Date32, DataType::Timestamp(TimeUnit::Microsecond, None))
                if self.rules.dates && self.rules.timestamps && self.rules.typed_literals =>
            {
                let word = match self.dialect.name {
                    "postgres" | "redshift" | "filesystem" | "duckdb" => "timestamp",
                    "mysql" | "mariadb" => "datetime(6)",
                    _ => return Err(refused),
                };
                Fragment::concat(["CAST(".into(), value.sql, format!(" AS {word})").into()])
            }
            _ => return Err(refused),
        };
        Ok(Value::computed(sql, to.clone()))
    }

    /// Sums, differences and products of decimals, as long as no digit is lost.
    fn arithmetic(&self, BinaryExpr { left, op, right }: &BinaryExpr) -> Result<Value, Reason> {
        let symbol = match op {
            Operator::Plus => "+",
            Operator::Minus => "-",
            Operator::Multiply => "*",
            _ => return Err("its operator is not one that is sent"),
        };
        let (left, right) = (self.value(left)?, self.value(right)?);
        let scale = |data_type: &DataType| match data_type {
            DataType::Decimal128(_, scale) => Some(i16::from(*scale)),
            _ => None,
        };
        let (Some(left_scale), Some(right_scale)) = (scale(&left.data_type), scale(&right.data_type)) else {
            return Err("it computes with numbers that are not exact decimals");
        };
        if !self.rules.decimal_arithmetic {
            return Err("the connection's decimals are not exact");
        }
        let data_type = BinaryTypeCoercer::new(&left.data_type, op, &right.data_type)
            .get_result_type()
            .map_err(|_| "its result has no type")?;
        let exact_scale =
            if *op == Operator::Multiply { left_scale + right_scale } else { left_scale.max(right_scale) };
        // MySQL keeps 30 digits behind the point.
        if scale(&data_type) != Some(exact_scale) || exact_scale > 30 {
            return Err("its result would be rounded");
        }
        Ok(Value::computed(Fragment::infix(left.sql, symbol, right.sql), data_type))
    }

    fn function(&self, call: &ScalarFunction) -> Result<Value, Reason> {
        let values = || call.args.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>, _>>();
        match call.name() {
            name @ ("checked_add" | "checked_subtract" | "checked_multiply") => {
                let symbol = match name {
                    "checked_add" => "+",
                    "checked_subtract" => "-",
                    _ => "*",
                };
                let values = values()?;
                let [left, right] = values.as_slice() else { return Err("its function is not one that is sent") };
                if !left.data_type.is_signed_integer() || !right.data_type.is_signed_integer() {
                    return Err("its integers have another width there");
                }
                // A result overflows there only where it does here if both sides have its width.
                let types = [left.data_type.clone(), right.data_type.clone()];
                let data_type = call.func.return_type(&types).map_err(|_| "its result has no type")?;
                let word = match data_type {
                    DataType::Int64 => self.rules.bigint,
                    DataType::Int32 => self.rules.integer,
                    _ => None,
                };
                let Some(word) = word else { return Err("integers that overflow do not fail on that connection") };
                let side = |value: &Value| match value.data_type == data_type {
                    true => value.sql.clone(),
                    false => Fragment::concat(["CAST(".into(), value.sql.clone(), format!(" AS {word})").into()]),
                };
                Ok(Value::computed(Fragment::infix(side(left), symbol, side(right)), data_type))
            }
            "coalesce" => self.one_of(values()?, |values| Fragment::call("COALESCE", values)),
            _ => Err("its function is not one that is sent"),
        }
    }

    fn case(&self, case: &Case) -> Result<Value, Reason> {
        if case.expr.is_some() {
            return Err("it chooses by the value of another");
        }
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for (when, then) in &case.when_then_expr {
            match self.predicate(when)? {
                (sql, Exactness::Exact) => conditions.push(sql),
                _ => return Err("its condition may keep too much there"),
            }
            results.push(self.value(then)?);
        }
        let otherwise = match case.else_expr.as_deref() {
            None => None,
            Some(Expr::Literal(value, _)) if value.is_null() => None,
            Some(value) => Some(self.value(value)?),
        };
        let has_else = otherwise.is_some();
        results.extend(otherwise);
        self.one_of(results, |values| {
            let mut values: Vec<Fragment> = values.into_iter().collect();
            let last = has_else.then(|| values.pop()).flatten();
            let branches = conditions
                .into_iter()
                .zip(values)
                .map(|(condition, value)| Fragment::concat([" WHEN ".into(), condition, " THEN ".into(), value]));
            let branches = Fragment::join(branches, "");
            let last = last.map_or_else(Fragment::default, |last| Fragment::concat([" ELSE ".into(), last]));
            Fragment::concat(["(CASE".into(), branches, last, " END)".into()])
        })
    }

    /// One of several values of one type; what compares differently among them decides how the result compares.
    fn one_of(&self, values: Vec<Value>, write: impl FnOnce(Vec<Fragment>) -> Fragment) -> Result<Value, Reason> {
        let Some(first) = values.first().cloned() else { return Err("it has no values") };
        if values.iter().any(|value| value.data_type != first.data_type) {
            return Err("its values are of several types");
        }
        let is_text = first.data_type == DataType::Utf8;
        // The collation of a text made of several is the engine's to choose.
        if is_text || values.iter().any(|value| value.comparison != TextComparison::Binary) {
            return Err("its values have a form of the connection's own");
        }
        let is_plain_text = values.iter().all(|value| value.is_plain_text);
        let sql = write(values.into_iter().map(|value| value.sql).collect());
        Ok(Value { is_plain_text, ..Value::computed(sql, first.data_type) })
    }
}
