//! What an adapter tells about its relations.

use arrow::datatypes::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A relation's real name in its engine: parts as they are stored, without quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelationName {
    /// `None` where the engine has no such level (MySQL, SQLite, a lake) or the default is meant.
    pub database: Option<String>,
    pub schema: Option<String>,
    pub identifier: String,
}

impl RelationName {
    #[must_use]
    pub fn new(database: Option<&str>, schema: Option<&str>, identifier: &str) -> Self {
        Self { database: database.map(Into::into), schema: schema.map(Into::into), identifier: identifier.into() }
    }

    /// The name parts that are there, outermost first.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.database.as_deref().into_iter().chain(self.schema.as_deref()).chain([self.identifier.as_str()])
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().collect::<Vec<_>>().join("."))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    Table,
    View,
    MaterializedView,
    External,
}

/// How an engine compares the text of a column; decides which predicates may be sent (pitfalls 13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextComparison {
    /// `=` and `<` compare code points: the same meaning everywhere.
    Binary,
    /// `=` holds only for equal text, but the order is a language's (PostgreSQL's deterministic collations).
    BinaryEquality,
    /// Different texts can be equal: case, accents or trailing blanks do not count. `collation` names it.
    Loose { collation: String },
}

/// One column as the catalog has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDescription {
    pub name: String,
    /// The engine's own type text, complete with length or precision: `character varying(25)`.
    pub native_type: String,
    /// The Arrow field the column is read as (its metadata carries the native and logical type), or why it cannot be
    /// read; such a column is an error only for a query that needs it.
    pub field: Result<Field, String>,
    pub comparison: TextComparison,
}

/// A relation and its columns, in their order.
#[derive(Clone, Debug)]
pub struct RelationDescription {
    pub name: RelationName,
    pub kind: RelationKind,
    pub columns: Vec<ColumnDescription>,
    pub statistics: Statistics,
}

impl RelationDescription {
    /// The schema of the readable columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().filter_map(|column| column.field.clone().ok()).collect::<Vec<_>>()))
    }
}

/// Estimates from the engine's catalog; `None` where it has none. Never exact enough to answer a query from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    /// By the column's own name; a column without any is not there.
    pub columns: BTreeMap<String, ColumnStatistics>,
    /// Indexes whose columns, from the first on, find rows without reading the whole relation.
    pub keys: Vec<KeyDescription>,
}

/// Estimates of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColumnStatistics {
    /// Different values, NULL not counted.
    pub distinct: Option<f64>,
    /// The share of NULLs, 0 to 1.
    pub nulls: Option<f64>,
    /// Bytes of an average value.
    pub width: Option<f64>,
}

/// An index, as far as planning needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDescription {
    /// In the index's order; one over an expression is not told.
    pub columns: Vec<String>,
    /// No two rows have the same values (rows with a NULL among them aside).
    pub is_unique: bool,
}

/// Two connections are the same place only if all of these are the same after resolution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionIdentity {
    pub adapter_type: String,
    /// Host name, or the absolute path of an embedded database.
    pub host: String,
    pub port: Option<u16>,
    pub database: String,
    pub user: String,
}
