//! What differs between the databases behind ADBC drivers.

use adbc_driver_manager::ManagedConnection;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
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

    /// What a driver's message means.
    fn error(&self, message: &str) -> AdapterError;

    /// The words that begin and end transactions, `None` when they are to be left out.
    fn transactions(&self) -> Option<Transactions>;

    /// The field that a delivered column is given as, or why it cannot be.
    fn delivered(&self, field: &Field) -> Result<Field, String>;

    /// Values of a delivered column as the type that [`Vendor::delivered`] gives.
    fn decode(&self, values: &ArrayRef, field: &Field) -> Result<ArrayRef, String>;

    /// The query once more, so written that values which the driver would deliver wrong are errors; `None` when all of the
    /// schema's values come right.
    fn guarded(&self, sql: &str, schema: &Schema) -> Result<Option<String>, String>;

    /// Whether the answer of a statement that changes things is the number of rows it changed.
    fn is_row_count(&self, statement: &str, schema: &SchemaRef) -> bool;

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

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType>;

    /// How values get into a column of this native type.
    fn ingested_as(&self, column_type: &str) -> Ingest;

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
