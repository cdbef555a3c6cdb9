//! Rows as INSERT statements of many rows each.
//!
//! A statement may have 16 MB; those of dvt stay far below, since each is planned on the leader node.

use crate::errors::from_driver;
use crate::pool::Lease;
use crate::redshift::literals::{Literals, written_from};
use crate::redshift::types::RedType;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use dvt_adapter::{
    AdapterError, BatchStream, CastProblem, ErrorClass, LoadReport, LogicalType, RelationName, logical_type,
    strict_cast,
};
use futures::StreamExt;

/// A statement is sent when it has this many rows or bytes.
const STATEMENT_ROWS: usize = 2_000;
const STATEMENT_BYTES: usize = 2 << 20;

/// A table that rows go into.
pub(crate) struct Insert<'a> {
    pub(crate) lease: &'a Lease,
    pub(crate) connection: &'a str,
    pub(crate) relation: &'a RelationName,
    /// What stands before the rows: `insert into t (a, b)`.
    pub(crate) head: String,
    pub(crate) types: Vec<RedType>,
    pub(crate) schema: SchemaRef,
    /// The name that the user knows the table by.
    pub(crate) on_behalf_of: &'a str,
}

impl Insert<'_> {
    /// Sends all rows; those of a failed one are the transaction's to undo.
    pub(crate) async fn run(&self, mut rows: BatchStream) -> Result<LoadReport, AdapterError> {
        let mut report = LoadReport::default();
        let mut statement = Statement::new(&self.head);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let columns = self.native_columns(&batch)?;
            let literals = self.literals(&columns)?;
            for row in 0..batch.num_rows() {
                self.add_row(&literals, row, &mut statement)?;
                if statement.is_full() {
                    self.send(&mut statement, &mut report).await?;
                }
            }
        }
        self.send(&mut statement, &mut report).await?;
        Ok(report)
    }

    fn add_row(&self, literals: &[Literals<'_>], row: usize, statement: &mut Statement) -> Result<(), AdapterError> {
        let sql = &mut statement.sql;
        sql.push_str(if statement.rows == 0 { "\n(" } else { ",\n(" });
        for (index, column) in literals.iter().enumerate() {
            if index > 0 {
                sql.push_str(", ");
            }
            column.write(row, sql).map_err(|problem| {
                self.column_error(ErrorClass::ValueDoesNotFit, index, &format!("a value {problem}"))
            })?;
        }
        sql.push(')');
        statement.rows += 1;
        Ok(())
    }

    async fn send(&self, statement: &mut Statement, report: &mut LoadReport) -> Result<(), AdapterError> {
        if statement.rows == 0 {
            return Ok(());
        }
        self.lease.ear.clear_tag();
        let sent = self.lease.client.batch_execute(&statement.sql).await;
        sent.map_err(|error| self.with_relation(from_driver(self.connection, error, None)))?;
        let tag = self.lease.ear.heard().tag;
        if tag.rsplit(' ').next().and_then(|rows| rows.parse().ok()) != Some(statement.rows) {
            let message = format!("{} rows were sent, and the server says `{tag}`", statement.rows);
            return Err(self.with_relation(AdapterError::new(ErrorClass::Other, self.connection, message)));
        }
        report.rows += statement.rows as u64;
        report.bytes += statement.sql.len() as u64;
        *statement = Statement::new(&self.head);
        Ok(())
    }

    /// The batch's columns in the Arrow types that the table's columns are written from.
    fn native_columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, AdapterError> {
        if batch.num_columns() != self.types.len() {
            let message =
                format!("a batch has {} columns where {} are expected", batch.num_columns(), self.types.len());
            return Err(AdapterError::new(ErrorClass::Other, self.connection, message));
        }
        let columns = self.types.iter().zip(batch.columns()).zip(self.schema.fields()).enumerate();
        columns
            .map(|(index, ((red_type, column), field))| {
                if logical_type(field) == Some(LogicalType::TimeSpan) {
                    let problem = "a length of time has no column type that is loaded";
                    return Err(self.column_error(ErrorClass::UnsupportedType, index, problem));
                }
                strict_cast(column, &written_from(red_type)).map_err(|problem| {
                    let class = match problem {
                        CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                        CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
                    };
                    self.column_error(class, index, &problem.to_string())
                })
            })
            .collect()
    }

    fn literals<'c>(&self, columns: &'c [ArrayRef]) -> Result<Vec<Literals<'c>>, AdapterError> {
        let made: Option<Vec<_>> =
            self.types.iter().zip(columns).map(|(red_type, column)| Literals::new(red_type, column)).collect();
        made.ok_or_else(|| {
            AdapterError::new(ErrorClass::Other, self.connection, "a column has another type than it was cast to")
        })
    }

    fn with_relation(&self, error: AdapterError) -> AdapterError {
        if error.relation.is_some() { error } else { error.with_relation(self.relation.clone()) }
    }

    fn column_error(&self, class: ErrorClass, index: usize, problem: &str) -> AdapterError {
        let column = self.schema.field(index).name();
        let message = format!("column `{column}` of {}: {problem}", self.on_behalf_of);
        self.with_relation(AdapterError::new(class, self.connection, message).with_column(column))
    }
}

struct Statement {
    sql: String,
    rows: usize,
}

impl Statement {
    fn new(head: &str) -> Self {
        Self { sql: format!("{head} values"), rows: 0 }
    }

    fn is_full(&self) -> bool {
        self.rows >= STATEMENT_ROWS || self.sql.len() >= STATEMENT_BYTES
    }
}
