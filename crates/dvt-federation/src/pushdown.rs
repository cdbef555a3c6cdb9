//! Which expressions a connection may evaluate for us, and how they are written there.
//!
//! A predicate is sent only when its meaning there is known to be ours: *exact*, or *inexact* (it keeps every row we
//! want and perhaps more, so it is evaluated again here). A value is sent only when it is exact. Everything else stays here.
//! What may be sent is an allow-list: an operator, function or type that is not named in this room is never sent.

mod chrono_text;
mod fragment;
mod literals;
mod predicates;
mod rules;
mod values;

pub(crate) use fragment::Fragment;
pub(crate) use literals::literal;
pub(crate) use rules::{LOCAL, NullsInOrder, Rules};
pub(crate) use values::Value;

use arrow::datatypes::{DataType, Field};
use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use dvt_adapter::{ColumnDescription, LogicalType, TextComparison, logical_type, native_type};
use dvt_sql::Dialect;
use std::fmt;

/// DataFusion's words, in the order of what may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exactness {
    /// Keeps a superset of the rows; evaluated again here.
    Inexact,
    /// Keeps exactly the rows we would keep.
    Exact,
}

impl fmt::Display for Exactness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inexact => "widened",
            Self::Exact => "exact",
        })
    }
}

/// A predicate in a connection's SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedPredicate {
    pub sql: String,
    pub exactness: Exactness,
}

/// Why something stays here: the end of a sentence about it.
pub(crate) type Reason = &'static str;

/// A column that a connection's query can use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RemoteColumn {
    pub(crate) sql: Fragment,
    /// Its Arrow type and what its metadata says.
    pub(crate) field: Field,
    pub(crate) comparison: TextComparison,
    /// Why it cannot be read, if it cannot.
    pub(crate) unreadable: Option<String>,
    /// Different values, as far as the catalog knows.
    pub(crate) distinct: Option<f64>,
    /// Bytes of an average value.
    pub(crate) width: Option<f64>,
}

impl RemoteColumn {
    /// A stored column of the relation with this number.
    pub(crate) fn stored(relation: usize, description: &ColumnDescription, dialect: &Dialect) -> Self {
        let (field, unreadable) = match &description.field {
            Ok(field) => (field.clone(), None),
            Err(reason) => (Field::new(&description.name, DataType::Null, true), Some(reason.clone())),
        };
        Self {
            sql: Fragment::column(relation, dialect.quote_identifier(&description.name)),
            field,
            comparison: comparison_of(description),
            unreadable,
            distinct: None,
            width: None,
        }
    }
}

/// How the connection compares the column's values. What travels as a number and is another type there (a length of time, an
/// object's number) is not compared or computed with as a number.
fn comparison_of(description: &ColumnDescription) -> TextComparison {
    let is_span = description.field.as_ref().is_ok_and(|field| logical_type(field) == Some(LogicalType::TimeSpan));
    match &description.comparison {
        TextComparison::Binary if is_span || description.native_type == "oid" => {
            TextComparison::Loose { collation: description.native_type.clone() }
        }
        other => other.clone(),
    }
}

/// The columns that an expression may name.
pub(crate) trait Columns {
    fn find(&self, column: &Column) -> Option<&RemoteColumn>;
}

/// Writes expressions over a connection's columns in its SQL.
pub(crate) struct Writer<'a> {
    pub(crate) columns: &'a dyn Columns,
    pub(crate) dialect: &'static Dialect,
    pub(crate) rules: &'static Rules,
    pub(crate) connection: &'a str,
}

/// The longest list of values sent in one IN.
pub(crate) const MAX_LIST: usize = 500_000;

/// The predicate in the SQL of one relation's connection, its columns without qualifier, or why it stays here.
pub(crate) fn push_predicate(expr: &Expr, writer: &Writer<'_>) -> Result<PushedPredicate, Reason> {
    let (sql, exactness) = writer.predicate(expr)?;
    Ok(PushedPredicate { sql: sql.to_sql(), exactness })
}

/// Text whose comparison is text's own: not a uuid, a document, an address or an enumeration, which compare by meaning, and
/// not PostgreSQL's one-byte type, which has no collation.
fn is_plain_text(field: &Field) -> bool {
    if native_type(field, "postgres") == Some("\"char\"") {
        return false;
    }
    matches!(logical_type(field), None | Some(LogicalType::Varchar(_) | LogicalType::Char(_)))
}
