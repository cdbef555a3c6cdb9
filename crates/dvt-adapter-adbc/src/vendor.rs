//! What differs between the databases behind ADBC drivers.

use adbc_driver_manager::{ManagedConnection, ManagedStatement};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use dvt_adapter::{
    AdapterError, Capabilities, ColumnDescription, ConnectionIdentity, RelationDescription, RelationName,
    UnsupportedType,
};
use dvt_sql::Dialect;
use serde_json::{Map, Value};

/// One connection of the profile to one kind of database. Methods that take or give a driver's connection block.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// The profile output's name.
    fn connection(&self) -> &str;
    fn adapter_type(&self) -> &'static str;
    fn dialect(&self) -> &'static Dialect;
    fn capabilities(&self) -> &'static Capabilities;
    fn identity(&self) -> ConnectionIdentity;
    fn target_values(&self) -> Map<String, Value>;
    fn display_location(&self) -> String;

    /// A new connection of the driver, ready for use.
    fn connect(&self) -> Result<ManagedConnection, AdapterError>;

    /// What every statement is told before it runs.
    fn prepare(&self, _statement: &mut ManagedStatement) -> Result<(), AdapterError> {
        Ok(())
    }

    /// What a driver's message means.
    fn error(&self, message: &str) -> AdapterError;

    /// The words that begin and end transactions, `None` when they are to be left out.
    fn transactions(&self) -> Option<Transactions>;

    /// Whether data definition commits what is open and is no part of any transaction, so that one that was asked for
    /// begins with the first change of rows.
    fn defines_outside_transactions(&self) -> bool {
        false
    }

    /// The field that a delivered column is given as, or why it cannot be.
    fn delivered(&self, field: &Field) -> Result<Field, String>;

    /// Values of a delivered column as the type that [`Vendor::delivered`] gives.
    fn decode(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, String>;

    /// The query once more, so written that values which the driver would deliver wrong are errors; `None` when all of the
    /// schema's values come right.
    fn guarded(&self, sql: &str, schema: &Schema) -> Result<Option<String>, String>;

    /// Columns of an extract, by their places, that are asked for with a flag beside them: true where the value is NULL.
    /// For a driver that delivers a NULL as a value.
    fn flagged(&self, _schema: &Schema) -> Vec<usize> {
        Vec::new()
    }

    /// Whether the answer of a statement that changes things is the number of rows it changed.
    fn is_row_count(&self, statement: &str, schema: &SchemaRef) -> bool;

    /// The number in an answer that [`Vendor::is_row_count`] says is one, or in that of a `count(*)`.
    fn row_count(&self, batch: &RecordBatch) -> Option<i64> {
        let counts = batch.columns().first()?.as_primitive_opt::<Int64Type>()?;
        counts.iter().flatten().next()
    }

    fn describe(
        &self,
        connection: &mut ManagedConnection,
        relations: &[RelationName],
    ) -> Result<Vec<Option<RelationDescription>>, AdapterError>;

    fn describe_query(
        &self,
        connection: &mut ManagedConnection,
        sql: &str,
    ) -> Result<Vec<ColumnDescription>, AdapterError>;

    /// See [`dvt_adapter::Adapter::change_token`].
    fn change_token(
        &self,
        _connection: &mut ManagedConnection,
        _relations: &[RelationName],
    ) -> Result<Option<String>, AdapterError> {
        Ok(None)
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType>;

    /// How values get into a column of this native type.
    fn ingested_as(&self, column_type: &str) -> Ingest;

    /// A value of a table that [`Ingest::Cast`] made, as the column's own type.
    fn cast_of(&self, value: &str, column_type: &str) -> String {
        format!("CAST({value} AS {column_type})")
    }

    /// The rows as statements, for a database that is not loaded by the driver's ingest; `None` where it is.
    fn inserts(&self, _table: &str, _types: &[String], _batch: &RecordBatch) -> Option<Result<Vec<String>, String>> {
        None
    }

    /// The condition that holds for a value which is not NULL and has no equal in the type.
    fn has_no_cast(&self, value: &str, column_type: &str) -> String;

    /// The name of a relation in full, as SQL writes it.
    fn sql_name(&self, relation: &RelationName) -> String;

    /// Catalog and schema that a relation is ingested into, filled up from the profile.
    fn place(&self, relation: &RelationName) -> (Option<String>, Option<String>);
}

/// SQL of transactions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transactions {
    pub(crate) begin: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) rollback: &'static str,
}

/// How Arrow values get into a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ingest {
    /// The driver takes in values of this Arrow type as exactly the column's type.
    As(DataType),
    /// By way of a table of their own, from which SQL casts them.
    Cast {
        /// What the values have to be.
        through: DataType,
        /// The form in which the driver takes them in.
        sent: DataType,
        /// The native type of that form.
        interim_type: String,
    },
}
