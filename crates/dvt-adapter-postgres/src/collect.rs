//! Rows of a macro's query on their way into batches, whatever form their values have.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use dvt_adapter::{AdapterError, ErrorClass};
use std::sync::Arc;

/// Rows come in batches of this many.
const BATCH_ROWS: usize = 8192;

/// What a value is that its column cannot hold: the end of a sentence that begins with the column.
pub(crate) type Misfit = &'static str;

/// One column of a batch, value by value.
pub(crate) trait Values: Send {
    /// Appends a value, in the form that the database sent it in.
    fn push(&mut self, value: &[u8]) -> Result<(), Misfit>;

    fn push_null(&mut self);

    /// The column so far; the next one starts empty.
    fn finish(&mut self) -> Result<ArrayRef, Misfit>;
}

pub(crate) struct Collected<V> {
    schema: SchemaRef,
    columns: Vec<V>,
    rows: usize,
    in_batch: usize,
    batches: Vec<RecordBatch>,
}

impl<V: Values> Collected<V> {
    pub(crate) fn new(schema: SchemaRef, columns: Vec<V>) -> Self {
        Self { schema, columns, rows: 0, in_batch: 0, batches: Vec::new() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn push(&mut self, index: usize, value: Option<&[u8]>, connection: &str) -> Result<(), AdapterError> {
        match value {
            None => self.columns[index].push_null(),
            Some(value) => {
                self.columns[index].push(value).map_err(|problem| self.misfit(index, problem, connection))?;
            }
        }
        Ok(())
    }

    pub(crate) fn end_row(&mut self, connection: &str) -> Result<(), AdapterError> {
        self.rows += 1;
        self.in_batch += 1;
        if self.in_batch == BATCH_ROWS { self.end_batch(connection) } else { Ok(()) }
    }

    fn end_batch(&mut self, connection: &str) -> Result<(), AdapterError> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for index in 0..self.columns.len() {
            let finished = self.columns[index].finish();
            columns.push(finished.map_err(|problem| self.misfit(index, problem, connection))?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| AdapterError::new(ErrorClass::Other, connection, error.to_string()))?;
        self.batches.push(batch);
        self.in_batch = 0;
        Ok(())
    }

    pub(crate) fn finish(mut self, connection: &str) -> Result<Vec<RecordBatch>, AdapterError> {
        if self.in_batch > 0 {
            self.end_batch(connection)?;
        }
        Ok(self.batches)
    }

    fn misfit(&self, index: usize, problem: &str, connection: &str) -> AdapterError {
        let name = self.schema.field(index).name();
        AdapterError::new(ErrorClass::ValueDoesNotFit, connection, format!("a value of column `{name}` {problem}"))
            .with_column(name)
    }
}
