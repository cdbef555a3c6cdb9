//! One input of a federated query: the SQL that is sent, and why it is what it is.

use crate::catalog::ForeignTable;
use crate::pushdown::push_predicate;
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, TableSource, TableType, col, lit};
use dvt_adapter::{RelationName, Statistics};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What is read from one relation. Extracts are ordered by connection, then relation, then SQL, so plans compare as text.
#[derive(Clone, Debug)]
pub struct Extract {
    /// Position in [`crate::FederatedPlan::extracts`].
    pub index: usize,
    pub connection: String,
    pub relation: RelationName,
    /// What the user calls the relation.
    pub display_name: String,
    /// The query in the connection's dialect.
    pub sql: String,
    /// What the rows come back as; the columns in the order of the query.
    pub schema: SchemaRef,
    /// How many scans of the plan read it. More than one means that the rows are needed more than once.
    pub readers: usize,
    pub pushed: PushdownReport,
    /// The relation's statistics before any predicate.
    pub statistics: Statistics,
    pub(crate) query: ExtractQuery,
    pub(crate) table: ExtractedTable,
}

/// The relation behind an extract, as the planner saw it.
#[derive(Clone)]
pub(crate) struct ExtractedTable(pub(crate) Arc<dyn TableSource>);

impl ExtractedTable {
    pub(crate) fn foreign(&self) -> Option<&ForeignTable> {
        (self.0.as_ref() as &dyn Any).downcast_ref::<ForeignTable>()
    }
}

impl fmt::Debug for ExtractedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExtractedTable")
    }
}

/// The parts of an extract's SQL, in the connection's dialect.
#[derive(Clone, Debug)]
pub(crate) struct ExtractQuery {
    pub(crate) columns: Vec<String>,
    pub(crate) relation: String,
    pub(crate) predicates: Vec<String>,
    pub(crate) limit: Option<usize>,
}

impl ExtractQuery {
    pub(crate) fn to_sql(&self) -> String {
        let mut sql = format!("SELECT {} FROM {}", self.columns.join(", "), self.relation);
        if !self.predicates.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&self.predicates.join(" AND "));
        }
        if let Some(limit) = self.limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        sql
    }
}

/// What the other side of a join is known to hold: only rows whose column is among these can find a partner.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyReduction {
    /// Position in [`Extract::schema`].
    pub column: usize,
    pub keys: Keys,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Keys {
    /// All of them, each once.
    Values(Vec<ScalarValue>),
    /// The least and the greatest.
    Range(ScalarValue, ScalarValue),
}

impl Extract {
    /// The extract's SQL with the keys of the other side added to its predicates; `None` when nothing can be added
    /// (the extract is limited, or the keys' comparison is not one that may be sent). The join itself stays in the plan, so
    /// a reduction that keeps too much is only slower.
    #[must_use]
    pub fn reduced_sql(&self, reductions: &[KeyReduction]) -> Option<String> {
        if self.query.limit.is_some() {
            return None;
        }
        let table = self.table.foreign()?;
        let mut query = self.query.clone();
        for reduction in reductions {
            let Some(field) = self.schema.fields().get(reduction.column) else { continue };
            let column = col(datafusion::common::Column::new_unqualified(field.name()));
            let predicate: Expr = match &reduction.keys {
                Keys::Values(values) if values.is_empty() => {
                    query.predicates.push("1 = 0".to_owned());
                    continue;
                }
                Keys::Values(values) => column.in_list(values.iter().cloned().map(lit).collect(), false),
                Keys::Range(least, greatest) => column.between(lit(least.clone()), lit(greatest.clone())),
            };
            if let Ok(pushed) = push_predicate(&predicate, table) {
                query.predicates.push(pushed.sql);
            }
        }
        (query.predicates.len() > self.query.predicates.len()).then(|| query.to_sql())
    }

    /// Whether [`Extract::reduced_sql`] can add anything at all.
    #[must_use]
    pub fn is_reducible(&self) -> bool {
        self.query.limit.is_none()
    }
}

/// What was sent of a scan and what was not, for `dvt plan` and logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushdownReport {
    /// Columns read of all columns.
    pub columns: (usize, usize),
    /// Predicates in the connection's SQL.
    pub predicates: Vec<String>,
    pub limit: Option<usize>,
}

/// The scan of an extract in a [`crate::FederatedPlan`]'s logical plan; the engine puts its own table in its place.
#[derive(Debug)]
pub struct ExtractScan {
    /// Which extract it reads.
    pub index: usize,
    schema: SchemaRef,
}

impl ExtractScan {
    pub(crate) fn new(index: usize, schema: SchemaRef) -> Arc<Self> {
        Arc::new(Self { index, schema })
    }
}

impl TableSource for ExtractScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }
}
