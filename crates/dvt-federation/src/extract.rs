//! One input of a federated query: the SQL that is sent, and why it is what it is.

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::{TableSource, TableType};
use dvt_adapter::{RelationName, Statistics};
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
