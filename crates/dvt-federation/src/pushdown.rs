//! Which predicates a connection may evaluate for us, and how they are written there.
//!
//! A predicate is sent only when its meaning there is known to be ours: *exact*, or *inexact* (it keeps every row we
//! want and perhaps more, so it is evaluated again here). Everything else stays here. What may be sent is an allow-list:
//! an operator or type that is not named below is never sent.

use crate::catalog::ForeignTable;
use arrow::datatypes::{DataType, TimeUnit};
use chrono_text::{date_text, timestamp_text};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Like, Operator, expr::InList};
use dvt_adapter::{ColumnDescription, LogicalType, TextComparison, logical_type};
use dvt_sql::Dialect;

mod chrono_text;

/// DataFusion's words, in the order of what may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exactness {
    /// Keeps a superset of the rows; evaluated again here.
    Inexact,
    /// Keeps exactly the rows we would keep.
    Exact,
}

/// A predicate in a connection's SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedPredicate {
    pub sql: String,
    pub exactness: Exactness,
}

/// The longest list of values sent in one IN.
const MAX_LIST: usize = 50_000;

/// The predicate in the SQL of the table's connection, or why it stays here.
pub(crate) fn push_predicate(expr: &Expr, table: &ForeignTable) -> Result<PushedPredicate, &'static str> {
    let pusher = Pusher { table, dialect: table.relation.dialect, rules: Rules::of(&table.relation.adapter_type) };
    pusher.predicate(expr).map(|(sql, exactness)| PushedPredicate { sql, exactness })
}

/// What a kind of engine may be trusted with, as data.
struct Rules {
    decimals: bool,
    dates: bool,
    timestamps: bool,
    booleans: bool,
    /// `LIKE` compares like ours: case-sensitive, `\` escapes.
    like: bool,
    /// Prefix before a date or timestamp literal.
    typed_literals: bool,
}

impl Rules {
    fn of(adapter_type: &str) -> Self {
        match adapter_type {
            "postgres" | "filesystem" => {
                Self { decimals: true, dates: true, timestamps: true, booleans: true, like: true, typed_literals: true }
            }
            "mysql" | "mariadb" => Self {
                decimals: true,
                dates: true,
                timestamps: true,
                booleans: false,
                like: false,
                typed_literals: true,
            },
            // SQLite keeps decimals, dates and booleans in whatever form they were written; only what has one form there
            // (integers, reals, text) can be compared by it.
            _ => Self {
                decimals: false,
                dates: false,
                timestamps: false,
                booleans: false,
                like: false,
                typed_literals: false,
            },
        }
    }
}

struct Pusher<'a> {
    table: &'a ForeignTable,
    dialect: &'static Dialect,
    rules: Rules,
}

type Pushed = Result<(String, Exactness), &'static str>;

impl Pusher<'_> {
    fn predicate(&self, expr: &Expr) -> Pushed {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let (left, left_exactness) = self.predicate(left)?;
                let (right, right_exactness) = self.predicate(right)?;
                let word = if *op == Operator::And { "AND" } else { "OR" };
                Ok((format!("({left} {word} {right})"), left_exactness.min(right_exactness)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.comparison(left, *op, right),
            Expr::Not(inner) => match self.predicate(inner)? {
                (sql, Exactness::Exact) => Ok((format!("(NOT {sql})"), Exactness::Exact)),
                _ => Err("its negation would lose rows"),
            },
            Expr::IsNull(inner) => Ok((format!("({} IS NULL)", self.column(inner)?.0), Exactness::Exact)),
            Expr::IsNotNull(inner) => Ok((format!("({} IS NOT NULL)", self.column(inner)?.0), Exactness::Exact)),
            Expr::Between(Between { expr, negated: false, low, high }) => {
                let (low, low_exactness) = self.comparison(expr, Operator::GtEq, low)?;
                let (high, high_exactness) = self.comparison(expr, Operator::LtEq, high)?;
                Ok((format!("({low} AND {high})"), low_exactness.min(high_exactness)))
            }
            Expr::InList(list) => self.in_list(list),
            Expr::Like(like) => self.like(like),
            Expr::Column(_) => {
                let (name, column) = self.column(expr)?;
                match readable_type(column)? {
                    DataType::Boolean if self.rules.booleans => Ok((name, Exactness::Exact)),
                    _ => Err("a column stands as a condition"),
                }
            }
            Expr::Alias(alias) => self.predicate(&alias.expr),
            _ => Err("its meaning on that connection is not known to be the same"),
        }
    }

    /// `column op literal`, either way round.
    fn comparison(&self, left: &Expr, op: Operator, right: &Expr) -> Pushed {
        let (column, op, literal) = match (left, right) {
            (Expr::Column(_), Expr::Literal(value, _)) => (left, op, value),
            (Expr::Literal(value, _), Expr::Column(_)) => {
                (right, op.swap().ok_or("its operator cannot be turned round")?, value)
            }
            _ => return Err("it is not a column compared with a value"),
        };
        let (name, column) = self.column(column)?;
        let symbol = match op {
            Operator::Eq => "=",
            Operator::NotEq => "<>",
            Operator::Lt => "<",
            Operator::LtEq => "<=",
            Operator::Gt => ">",
            Operator::GtEq => ">=",
            _ => return Err("its operator is not one that is sent"),
        };
        let exactness = self.comparable(column, op, literal)?;
        Ok((format!("({name} {symbol} {})", self.literal(literal)?), exactness))
    }

    fn in_list(&self, InList { expr, list, negated }: &InList) -> Pushed {
        if list.is_empty() || list.len() > MAX_LIST {
            return Err("its list is too long");
        }
        let (name, column) = self.column(expr)?;
        let mut exactness = Exactness::Exact;
        let mut values = Vec::with_capacity(list.len());
        for item in list {
            let Expr::Literal(value, _) = item else { return Err("its list holds more than values") };
            exactness = exactness.min(self.comparable(column, Operator::Eq, value)?);
            values.push(self.literal(value)?);
        }
        if *negated && exactness != Exactness::Exact {
            return Err("its negation would lose rows");
        }
        let not = if *negated { "NOT " } else { "" };
        Ok((format!("({name} {not}IN ({}))", values.join(", ")), exactness))
    }

    fn like(&self, like: &Like) -> Pushed {
        let (name, column) = self.column(&like.expr)?;
        let Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) = like.pattern.as_ref() else {
            return Err("its pattern is not a value");
        };
        let is_plain = !like.case_insensitive && like.escape_char.is_none() && !pattern.contains('\\');
        let is_binary = matches!(column.comparison, TextComparison::Binary | TextComparison::BinaryEquality);
        if !(self.rules.like && is_plain && is_binary && is_plain_text(column)?) {
            return Err("LIKE does not mean the same on that connection");
        }
        let not = if like.negated { "NOT " } else { "" };
        Ok((format!("({name} {not}LIKE {})", self.dialect.string_literal(pattern)), Exactness::Exact))
    }

    fn column(&self, expr: &Expr) -> Result<(String, &ColumnDescription), &'static str> {
        let Expr::Column(column) = expr else { return Err("it computes on a column") };
        let description = self.table.column_named(&column.name).ok_or("its column is not in the table")?;
        Ok((self.dialect.quote_identifier(&description.name), description))
    }

    /// Whether the connection compares the column with the value as we would.
    fn comparable(
        &self,
        column: &ColumnDescription,
        op: Operator,
        value: &ScalarValue,
    ) -> Result<Exactness, &'static str> {
        let data_type = readable_type(column)?;
        if value.is_null() {
            return Err("it compares with NULL");
        }
        if value.data_type() != *data_type {
            return Err("the value is of another type than the column");
        }
        let rules = &self.rules;
        // Numbers that an engine stores as text compare as text there.
        if *data_type != DataType::Utf8 && matches!(column.comparison, TextComparison::Loose { .. }) {
            return Err("the connection stores its values in a form that compares in another way");
        }
        match data_type {
            DataType::Utf8 => {
                if !is_plain_text(column)? {
                    return Err("the column is not plain text there");
                }
                let is_equality = matches!(op, Operator::Eq | Operator::NotEq);
                match &column.comparison {
                    TextComparison::Binary => Ok(Exactness::Exact),
                    TextComparison::BinaryEquality if is_equality => Ok(Exactness::Exact),
                    TextComparison::Loose { .. } if op == Operator::Eq => Ok(Exactness::Inexact),
                    _ => Err("the connection's collation compares text in another way"),
                }
            }
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Ok(Exactness::Exact),
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Ok(Exactness::Exact),
            DataType::Float64 if is_finite(value) => Ok(Exactness::Exact),
            DataType::Decimal128(..) | DataType::Decimal256(..) if rules.decimals => Ok(Exactness::Exact),
            DataType::Date32 if rules.dates => Ok(Exactness::Exact),
            DataType::Timestamp(TimeUnit::Microsecond, _) if rules.timestamps => Ok(Exactness::Exact),
            DataType::Boolean if rules.booleans && matches!(op, Operator::Eq | Operator::NotEq) => Ok(Exactness::Exact),
            _ => Err("values of this type are not compared on that connection"),
        }
    }

    fn literal(&self, value: &ScalarValue) -> Result<String, &'static str> {
        let out_of_range = "the value has no form in that connection's SQL";
        let typed = |word: &str, text: String| {
            let quoted = self.dialect.string_literal(&text);
            if self.rules.typed_literals { format!("{word} {quoted}") } else { quoted }
        };
        Ok(match value {
            ScalarValue::Utf8(Some(text)) if !text.contains('\0') => self.dialect.string_literal(text),
            ScalarValue::Boolean(Some(flag)) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
            ScalarValue::Float64(Some(number)) => format!("{number:e}"),
            ScalarValue::Date32(Some(days)) => typed("DATE", date_text(*days).ok_or(out_of_range)?),
            ScalarValue::TimestampMicrosecond(Some(micros), None) => {
                typed("TIMESTAMP", timestamp_text(*micros).ok_or(out_of_range)?)
            }
            ScalarValue::TimestampMicrosecond(Some(micros), Some(_)) => {
                let text = timestamp_text(*micros).ok_or(out_of_range)?;
                match self.dialect.name {
                    "postgres" => typed("TIMESTAMP WITH TIME ZONE", format!("{text}+00")),
                    // Extract sessions of MySQL run in UTC.
                    "mysql" | "mariadb" => typed("TIMESTAMP", text),
                    _ => return Err(out_of_range),
                }
            }
            ScalarValue::Int8(Some(_))
            | ScalarValue::Int16(Some(_))
            | ScalarValue::Int32(Some(_))
            | ScalarValue::Int64(Some(_))
            | ScalarValue::UInt8(Some(_))
            | ScalarValue::UInt16(Some(_))
            | ScalarValue::UInt32(Some(_))
            | ScalarValue::UInt64(Some(_)) => value.to_string(),
            ScalarValue::Decimal128(Some(number), _, scale) => decimal_text(&number.to_string(), *scale),
            ScalarValue::Decimal256(Some(number), _, scale) => decimal_text(&number.to_string(), *scale),
            _ => return Err(out_of_range),
        })
    }
}

fn readable_type(column: &ColumnDescription) -> Result<&DataType, &'static str> {
    column.field.as_ref().map(|field| field.data_type()).map_err(|_| "its column cannot be read")
}

/// Text whose comparison is text's own: not a uuid, a document, an address or an enumeration, which compare by meaning.
fn is_plain_text(column: &ColumnDescription) -> Result<bool, &'static str> {
    let field = column.field.as_ref().map_err(|_| "its column cannot be read")?;
    Ok(matches!(logical_type(field), None | Some(LogicalType::Varchar(_) | LogicalType::Char(_))))
}

fn is_finite(value: &ScalarValue) -> bool {
    matches!(value, ScalarValue::Float64(Some(number)) if number.is_finite())
}

/// The digits of an unscaled integer with the point put in: `-5` at scale 2 is `-0.05`.
fn decimal_text(unscaled: &str, scale: i8) -> String {
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |digits| ("-", digits));
    match usize::try_from(scale) {
        Ok(0) => unscaled.to_owned(),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let point = padded.len() - scale;
            format!("{sign}{}.{}", &padded[..point], &padded[point..])
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}
