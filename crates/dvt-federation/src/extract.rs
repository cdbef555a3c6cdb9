//! One input of a federated query: the SQL that is sent, and why it is what it is.

use crate::pushdown::Exactness;
use crate::remote::{Block, expected_rows, expected_width};
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{TableSource, TableType};
use dvt_adapter::{RelationName, Statistics};
use std::sync::Arc;

/// What is read from one connection by one query. Extracts are ordered by connection, then relation, then SQL, so plans
/// compare as text.
#[derive(Clone, Debug)]
pub struct Extract {
    /// Position in [`crate::FederatedPlan::extracts`].
    pub index: usize,
    pub connection: String,
    /// The relation that is read; of several, the one that stands first. See [`PushdownReport::relations`].
    pub relation: RelationName,
    /// What the user calls what is read: relations joined there are named together.
    pub display_name: String,
    /// The query in the connection's dialect.
    pub sql: String,
    /// What the rows come back as; the columns in the order of the query.
    pub schema: SchemaRef,
    /// How many scans of the plan read it. More than one means that the rows are needed more than once.
    pub readers: usize,
    pub pushed: PushdownReport,
    /// What is known of the rows that come back: estimates from the catalogs, until the runner asks the engine itself.
    pub statistics: Statistics,
    pub(crate) block: Block,
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
    /// The least and the greatest, as far as they are known.
    Range(Option<ScalarValue>, Option<ScalarValue>),
}

impl Extract {
    pub(crate) fn new(block: Block, schema: SchemaRef, kept: Vec<KeptPredicate>) -> Self {
        let rows = expected_rows(&block);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an estimate"
        )]
        let bytes = rows.map(|rows| (rows as f64 * expected_width(&block)) as u64);
        let names: Vec<&str> = block.relations.iter().map(|relation| relation.display_name.as_str()).collect();
        let pushed = PushdownReport {
            columns: block
                .relations
                .iter()
                .fold((0, 0), |(read, all), relation| (read + relation.columns.0, all + relation.columns.1)),
            relations: block.relations.iter().map(|relation| relation.name.clone()).collect(),
            predicates: block.sent.iter().map(|sent| sent.sql.to_sql()).collect(),
            sent: block
                .sent
                .iter()
                .map(|sent| SentPredicate {
                    text: sent.text.clone(),
                    sql: sent.sql.to_sql(),
                    exactness: sent.exactness,
                })
                .collect(),
            kept,
            operators: block.operators.clone(),
            limit: block.limit,
        };
        Self {
            index: 0,
            connection: block.place.connection.clone(),
            relation: block
                .relations
                .first()
                .map_or_else(|| RelationName::new(None, None, "query"), |first| first.name.clone()),
            display_name: names.join(" and "),
            sql: block.to_sql(),
            schema,
            readers: 1,
            pushed,
            statistics: Statistics { rows, bytes, ..Statistics::default() },
            block,
        }
    }

    /// The extract's SQL with the keys of the other side added to its predicates; `None` when nothing can be added
    /// (the extract is limited, or the keys' comparison is not one that may be sent). The join itself stays in the plan, so
    /// a reduction that keeps too much is only slower.
    #[must_use]
    pub fn reduced_sql(&self, reductions: &[KeyReduction]) -> Option<String> {
        if !self.is_reducible() {
            return None;
        }
        let mut block = self.block.clone();
        let mut is_reduced = false;
        for reduction in reductions {
            if matches!(&reduction.keys, Keys::Values(values) if values.is_empty()) {
                block.predicates.push("1 = 0".into());
                is_reduced = true;
                continue;
            }
            let Some(column) = self.block.columns.get(reduction.column) else { continue };
            // Whole groups are left out, or none: only what rows are grouped by may narrow them.
            let is_key = self.block.group_by.as_ref().is_none_or(|keys| keys.contains(&column.column.sql));
            if !is_key {
                continue;
            }
            let writer = self.block.writer();
            let condition = match &reduction.keys {
                Keys::Values(values) => writer.among(&column.column, values),
                Keys::Range(least, greatest) => writer.within(&column.column, least.as_ref(), greatest.as_ref()),
            };
            if let Ok(condition) = condition {
                block.predicates.push(condition);
                is_reduced = true;
            }
        }
        is_reduced.then(|| block.to_sql())
    }

    /// Whether [`Extract::reduced_sql`] can add anything at all.
    #[must_use]
    pub fn is_reducible(&self) -> bool {
        // One group of all rows comes back even where no row is left.
        self.block.limit.is_none() && self.block.group_by.as_ref().is_none_or(|keys| !keys.is_empty())
    }

    /// Every relation that the SQL reads.
    #[must_use]
    pub fn relations(&self) -> Vec<RelationName> {
        self.pushed.relations.clone()
    }

    /// The SQL with one more condition, which splits the rows of its only relation into parts. `None` where the rows that
    /// come back are not the relation's own, one by one.
    #[must_use]
    pub fn part_sql(&self, condition: &str) -> Option<String> {
        if !self.block.is_simple() || !self.block.operators.is_empty() {
            return None;
        }
        let mut block = self.block.clone();
        block.predicates.push(format!("({condition})").into());
        Some(block.to_sql())
    }

    /// Takes the engine's own estimate of the rows that come back.
    pub fn expect_rows(&mut self, rows: Option<u64>) {
        self.statistics.rows = rows;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an estimate"
        )]
        let bytes = rows.map(|rows| (rows as f64 * self.row_width()) as u64);
        self.statistics.bytes = bytes;
    }

    /// Bytes of an average row as it comes back.
    #[must_use]
    pub fn row_width(&self) -> f64 {
        expected_width(&self.block)
    }
}

/// What was sent of a subplan and what was not, for `dvt plan` and logs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PushdownReport {
    /// Columns read of all columns.
    pub columns: (usize, usize),
    /// All relations that the query reads, as they first stand.
    pub relations: Vec<RelationName>,
    /// Predicates in the connection's SQL.
    pub predicates: Vec<String>,
    /// The same with what the plan calls them, and how far they are trusted.
    pub sent: Vec<SentPredicate>,
    /// Conditions on this input alone that are evaluated here, and why.
    pub kept: Vec<KeptPredicate>,
    /// Operators that run there besides reading and filtering, innermost first: `join`, `aggregate`, `top-k`, ….
    pub operators: Vec<&'static str>,
    pub limit: Option<usize>,
}

/// A condition that the connection does not evaluate, or not alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPredicate {
    /// In the words of the joining plan.
    pub predicate: String,
    pub reason: String,
    /// [`Exactness::Inexact`] for one that was sent as a wider one as well.
    pub exactness: Option<Exactness>,
}

/// A condition that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPredicate {
    /// As the plan shows it.
    pub text: String,
    /// In the connection's SQL, its columns without qualifiers.
    pub sql: String,
    pub exactness: Exactness,
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

    pub(crate) fn schema_ref(&self) -> &SchemaRef {
        &self.schema
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
