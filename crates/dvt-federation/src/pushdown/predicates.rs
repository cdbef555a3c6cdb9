//! Conditions over a connection's columns in its SQL.

use super::{Exactness, Fragment, MAX_LIST, Reason, RemoteColumn, Value, Writer, literal};
use crate::settled;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Like, Operator};
use dvt_adapter::TextComparison;

type Pushed = Result<(Fragment, Exactness), Reason>;

impl Writer<'_> {
    pub(crate) fn predicate(&self, expr: &Expr) -> Pushed {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let (left, left_exactness) = self.predicate(left)?;
                let (right, right_exactness) = self.predicate(right)?;
                let word = if *op == Operator::And { "AND" } else { "OR" };
                Ok((Fragment::infix(left, word, right), left_exactness.min(right_exactness)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.comparison(left, *op, right),
            Expr::Not(inner) => match self.predicate(inner)? {
                (sql, Exactness::Exact) => Ok((Fragment::concat(["(NOT ".into(), sql, ")".into()]), Exactness::Exact)),
                _ => Err("its negation would lose rows"),
            },
            Expr::IsNull(inner) => self.null_test(inner, "IS NULL"),
            Expr::IsNotNull(inner) => self.null_test(inner, "IS NOT NULL"),
            Expr::Between(Between { expr, negated: false, low, high }) => {
                let (low, low_exactness) = self.comparison(expr, Operator::GtEq, low)?;
                let (high, high_exactness) = self.comparison(expr, Operator::LtEq, high)?;
                Ok((Fragment::infix(low, "AND", high), low_exactness.min(high_exactness)))
            }
            Expr::InList(list) => self.in_list(list),
            Expr::Like(like) => self.like(like),
            Expr::Column(column) => {
                let column = self.readable(column)?;
                match column.field.data_type() {
                    DataType::Boolean if self.rules.booleans => Ok((column.sql.clone(), Exactness::Exact)),
                    _ => Err("a column stands as a condition"),
                }
            }
            Expr::Alias(alias) => self.predicate(&alias.expr),
            Expr::Literal(ScalarValue::Boolean(Some(flag)), _) => {
                Ok((if *flag { "(1 = 1)" } else { "(1 = 0)" }.into(), Exactness::Exact))
            }
            Expr::ScalarFunction(call) if let Some(written) = settled::written(call, self) => written,
            _ => Err("its meaning on that connection is not known to be the same"),
        }
    }

    fn null_test(&self, expr: &Expr, test: &str) -> Pushed {
        let value = self.value(expr)?;
        Ok((Fragment::concat(["(".into(), value.sql, format!(" {test})").into()]), Exactness::Exact))
    }

    fn comparison(&self, left: &Expr, op: Operator, right: &Expr) -> Pushed {
        let symbol = match op {
            Operator::Eq => "=",
            Operator::NotEq => "<>",
            Operator::Lt => "<",
            Operator::LtEq => "<=",
            Operator::Gt => ">",
            Operator::GtEq => ">=",
            _ => return Err("its operator is not one that is sent"),
        };
        let (value, symbol, op, constant) = match (left, right) {
            (Expr::Literal(..), Expr::Literal(..)) => return Err("it compares two values"),
            (value, Expr::Literal(constant, _)) => (value, symbol, op, constant),
            (Expr::Literal(constant, _), value) => {
                let op = op.swap().ok_or("its operator cannot be turned round")?;
                let symbol = match op {
                    Operator::Lt => "<",
                    Operator::LtEq => "<=",
                    Operator::Gt => ">",
                    Operator::GtEq => ">=",
                    _ => symbol,
                };
                (value, symbol, op, constant)
            }
            (left, right) => return self.pair(left, symbol, op, right),
        };
        let value = self.value(value)?;
        let exactness = self.comparable(&value, op, constant)?;
        let constant = literal(constant, self.dialect, self.rules)?;
        Ok((Fragment::infix(value.sql, symbol, constant.into()), exactness))
    }

    /// Two values of the connection with each other.
    fn pair(&self, left: &Expr, symbol: &str, op: Operator, right: &Expr) -> Pushed {
        let (left, right) = (self.side(left)?, self.side(right)?);
        let is_loose = |value: &Value| matches!(value.comparison, TextComparison::Loose { .. });
        let is_equality = matches!(op, Operator::Eq | Operator::NotEq);
        let (left_type, right_type) = (&left.data_type, &right.data_type);
        let both = |test: fn(&DataType) -> bool| test(left_type) && test(right_type);
        if *left_type == DataType::Utf8 && *right_type == DataType::Utf8 {
            if !left.is_plain_text || !right.is_plain_text {
                return Err("the column is not plain text there");
            }
            if is_loose(&left) || is_loose(&right) {
                return match op {
                    Operator::Eq if self.rules.bytewise.is_none() => {
                        Ok((Fragment::infix(left.sql, symbol, right.sql), Exactness::Inexact))
                    }
                    _ => Err("the connection's collation compares text in another way"),
                };
            }
            let is_binary = left.comparison == TextComparison::Binary && right.comparison == TextComparison::Binary;
            return match self.rules.bytewise {
                // Two columns of different collations cannot be compared without naming one.
                Some(bytewise) => {
                    let right = Fragment::concat([right.sql, bytewise.into()]);
                    Ok((Fragment::infix(left.sql, symbol, right), Exactness::Exact))
                }
                None if is_equality || is_binary => {
                    Ok((Fragment::infix(left.sql, symbol, right.sql), Exactness::Exact))
                }
                None => Err("the connection's collation compares text in another way"),
            };
        }
        if is_loose(&left) || is_loose(&right) {
            return Err("the connection stores its values in a form that compares in another way");
        }
        let is_comparable = both(DataType::is_signed_integer)
            || (self.rules.decimals && both(DataType::is_decimal))
            || (left_type == right_type
                && match left_type {
                    DataType::Date32 => self.rules.dates,
                    DataType::Timestamp(TimeUnit::Microsecond, _) => self.rules.timestamps,
                    DataType::Boolean => self.rules.booleans && is_equality,
                    other => other.is_unsigned_integer(),
                });
        if !is_comparable {
            return Err("values of these types are not compared on that connection");
        }
        Ok((Fragment::infix(left.sql, symbol, right.sql), Exactness::Exact))
    }

    /// Whole numbers of different widths compare as they are.
    fn side(&self, expr: &Expr) -> Result<Value, Reason> {
        if let Expr::Cast(cast) = expr
            && cast.field.data_type().is_signed_integer()
        {
            let value = self.value(&cast.expr)?;
            if value.data_type.is_signed_integer()
                && value.data_type.primitive_width() <= cast.field.data_type().primitive_width()
            {
                return Ok(value);
            }
        }
        self.value(expr)
    }

    fn in_list(&self, InList { expr, list, negated }: &InList) -> Pushed {
        if list.is_empty() || list.len() > MAX_LIST {
            return Err("its list is too long");
        }
        let value = self.value(expr)?;
        let mut exactness = Exactness::Exact;
        let mut values = Vec::with_capacity(list.len());
        for item in list {
            let Expr::Literal(constant, _) = item else { return Err("its list holds more than values") };
            exactness = exactness.min(self.comparable(&value, Operator::Eq, constant)?);
            values.push(literal(constant, self.dialect, self.rules)?);
        }
        if *negated && exactness != Exactness::Exact {
            return Err("its negation would lose rows");
        }
        let not = if *negated { "NOT " } else { "" };
        let list = format!(" {not}IN ({}))", values.join(", "));
        Ok((Fragment::concat(["(".into(), value.sql, list.into()]), exactness))
    }

    /// The column is among the values that another connection gave; the join itself decides, so that it may keep too much.
    pub(crate) fn among(&self, column: &RemoteColumn, values: &[ScalarValue]) -> Result<Fragment, Reason> {
        if values.len() > MAX_LIST {
            return Err("there are too many keys");
        }
        let value = Value::of(column);
        let mut texts = Vec::with_capacity(values.len());
        for constant in values {
            self.comparable(&value, Operator::Eq, constant)?;
            texts.push(literal(constant, self.dialect, self.rules)?);
        }
        let is_whole = column.field.data_type().is_signed_integer();
        if is_whole && self.rules.array_above.is_some_and(|above| values.len() > above) {
            // Parsed and planned as one value; its length tells the planner how many rows there are.
            let array = format!(" IN (SELECT unnest('{{{}}}'::bigint[])))", texts.join(","));
            return Ok(Fragment::concat(["(".into(), column.sql.clone(), array.into()]));
        }
        let list = format!(" IN ({}))", texts.join(", "));
        Ok(Fragment::concat(["(".into(), column.sql.clone(), list.into()]))
    }

    /// The column lies between the least and the greatest value that another connection gave.
    pub(crate) fn within(
        &self,
        column: &RemoteColumn,
        least: Option<&ScalarValue>,
        greatest: Option<&ScalarValue>,
    ) -> Result<Fragment, Reason> {
        let value = Value::of(column);
        let bound = |op: Operator, symbol: &str, bound: &ScalarValue| -> Result<Fragment, Reason> {
            self.comparable(&value, op, bound)?;
            let bound = literal(bound, self.dialect, self.rules)?;
            Ok(Fragment::infix(column.sql.clone(), symbol, bound.into()))
        };
        let least = least.map(|least| bound(Operator::GtEq, ">=", least)).transpose()?;
        let greatest = greatest.map(|greatest| bound(Operator::LtEq, "<=", greatest)).transpose()?;
        match (least, greatest) {
            (Some(least), Some(greatest)) => Ok(Fragment::infix(least, "AND", greatest)),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Err("there are no bounds"),
        }
    }

    fn like(&self, like: &Like) -> Pushed {
        // A SQLite author's LIKE, of which both sides are in lower case here.
        let (written, ignores_case) = match like.expr.as_ref() {
            Expr::ScalarFunction(call) if call.name() == "sqlite_lower" && call.args.len() == 1 => {
                (&call.args[0], true)
            }
            other => (other, false),
        };
        let value = self.value(written)?;
        let Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) = like.pattern.as_ref() else {
            return Err("its pattern is not a value");
        };
        let is_plain = !like.case_insensitive && like.escape_char.is_none() && !pattern.contains('\\');
        let is_binary = matches!(value.comparison, TextComparison::Binary | TextComparison::BinaryEquality);
        let is_text = value.data_type == DataType::Utf8 && value.is_plain_text;
        let exactness = match ignores_case {
            false if self.rules.like && is_binary => Exactness::Exact,
            // It finds what differs in case besides.
            false if self.rules.like_ignores_case && !like.negated => Exactness::Inexact,
            true if self.rules.like_ignores_case => Exactness::Exact,
            _ => return Err("LIKE does not mean the same on that connection"),
        };
        if !is_plain || !is_text {
            return Err("LIKE does not mean the same on that connection");
        }
        let not = if like.negated { "NOT " } else { "" };
        let pattern = format!(" {not}LIKE {})", self.dialect.string_literal(pattern));
        Ok((Fragment::concat(["(".into(), value.sql, pattern.into()]), exactness))
    }

    /// Whether the connection compares the value with the constant as we would.
    fn comparable(&self, value: &Value, op: Operator, constant: &ScalarValue) -> Result<Exactness, Reason> {
        let data_type = &value.data_type;
        if constant.is_null() {
            return Err("it compares with NULL");
        }
        let both_decimals = data_type.is_decimal() && constant.data_type().is_decimal();
        if constant.data_type() != *data_type && !both_decimals {
            return Err("the value is of another type than the column");
        }
        let rules = &self.rules;
        // Numbers that an engine stores as text compare as text there.
        if *data_type != DataType::Utf8 && matches!(value.comparison, TextComparison::Loose { .. }) {
            return Err("the connection stores its values in a form that compares in another way");
        }
        match data_type {
            DataType::Utf8 => {
                if !value.is_plain_text {
                    return Err("the column is not plain text there");
                }
                let is_equality = matches!(op, Operator::Eq | Operator::NotEq);
                match &value.comparison {
                    TextComparison::Binary => Ok(Exactness::Exact),
                    TextComparison::BinaryEquality if is_equality => Ok(Exactness::Exact),
                    TextComparison::Loose { .. } if op == Operator::Eq => Ok(Exactness::Inexact),
                    _ => Err("the connection's collation compares text in another way"),
                }
            }
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Ok(Exactness::Exact),
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Ok(Exactness::Exact),
            DataType::Float64 if is_finite(constant) => Ok(Exactness::Exact),
            DataType::Decimal128(..) | DataType::Decimal256(..) if rules.decimals => Ok(Exactness::Exact),
            DataType::Date32 if rules.dates => Ok(Exactness::Exact),
            DataType::Timestamp(TimeUnit::Microsecond, _) if rules.timestamps => Ok(Exactness::Exact),
            DataType::Boolean if rules.booleans && matches!(op, Operator::Eq | Operator::NotEq) => Ok(Exactness::Exact),
            _ => Err("values of this type are not compared on that connection"),
        }
    }
}

fn is_finite(value: &ScalarValue) -> bool {
    matches!(value, ScalarValue::Float64(Some(number)) if number.is_finite())
}
