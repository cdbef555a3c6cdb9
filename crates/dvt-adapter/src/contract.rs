//! The traits a leaf implements, and the values that cross them.

use crate::{
    AdapterError, Capabilities, ColumnDescription, ConnectionIdentity, ErrorClass, Hold, JdbcAccess, JdbcColumn,
    JdbcForm, JdbcPurpose, RelationDescription, RelationName, UnsupportedType,
};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use async_trait::async_trait;
use dvt_sql::Dialect;
use futures::stream::BoxStream;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// Arrow batches as they arrive. Each holds the schema that was asked for; an error ends the stream.
/// Dropping the stream cancels the query in the database.
pub type BatchStream = BoxStream<'static, Result<RecordBatch, AdapterError>>;

/// One connection of the profile. Cheap to build: nothing is asked before the first call; sessions are pooled inside.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// The profile output's name.
    fn connection(&self) -> &str;

    /// dbt's adapter type: `postgres`, `mysql`, `mariadb`, `sqlite`, `filesystem`.
    fn adapter_type(&self) -> &'static str;

    fn dialect(&self) -> &'static Dialect;

    fn capabilities(&self) -> &Capabilities;

    /// Where this connection leads, resolved; two connections with equal identities are the same place.
    fn identity(&self) -> ConnectionIdentity;

    /// What dbt shows templates as `target`: the profile keys without secrets, `schema`, `database`, `type`, `threads`.
    fn target_values(&self) -> Map<String, Value>;

    /// Opens a session, or takes an idle one from the pool. It returns to the pool when dropped outside a transaction.
    async fn session(&self) -> Result<Box<dyn Session>, AdapterError>;

    /// The relations as the catalog has them, in the given order; `None` for one that does not exist.
    /// One round trip for all of them where the engine can. Statistics come along when they cost no scan.
    async fn describe(&self, relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError>;

    /// The result columns of a query, without running it.
    ///
    /// # Errors
    /// Class `Other` when [`Capabilities::describes_queries`] is false.
    async fn describe_query(&self, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError>;

    /// A text that stands for the present state of these relations: as long as this method gives the same text again, by
    /// whatever process, any query over them gives the same rows. `None` where the engine has nothing that proves this.
    /// Relations that are not plain tables (views, foreign tables) have no token: what they read may be anywhere.
    async fn change_token(&self, _relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
        Ok(None)
    }

    /// Conditions in the engine's SQL that split the relation into parts of about `rows` rows each: every row fulfils
    /// exactly one of them as long as [`Adapter::change_token`] stays the same, and the engine finds a part's rows
    /// without reading the others. Empty where it has no such conditions, or where one part is enough.
    async fn parts(&self, _relation: &RelationName, _rows: u64) -> Result<Vec<String>, AdapterError> {
        Ok(Vec::new())
    }

    /// Runs a query and streams its rows. Memory stays bounded by a few batches: the stream is read only as fast as the
    /// caller asks. The columns are matched by position; each is delivered as the type `request.schema` declares, or the
    /// stream ends with class `ValueDoesNotFit` and the column's name. NULLs in a non-nullable field are an error too.
    async fn extract(&self, request: ExtractRequest, cancel: CancellationToken) -> Result<BatchStream, AdapterError>;

    /// How many rows the engine expects the query to give, from its own planner; `None` where asking would cost more than
    /// a planner's work, or the engine cannot tell.
    async fn estimate_rows(&self, _sql: &str) -> Result<Option<u64>, AdapterError> {
        Ok(None)
    }

    /// The engine's type text for a column of a new table that holds this field's values exactly: the native type when it
    /// comes from the same adapter type, else the nearest for the logical and Arrow type.
    ///
    /// # Errors
    /// [`UnsupportedType`] when no type holds the values without loss.
    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType>;

    /// Creates `request.relation` and bulk loads the stream into it, over the engine's fastest protocol. All or nothing:
    /// after an error or a cancel the relation is gone. The rows are committed when it returns.
    ///
    /// # Errors
    /// Class `ValueDoesNotFit` names the column and the value's problem; an error of the input stream is passed on.
    async fn load(
        &self,
        request: LoadRequest,
        rows: BatchStream,
        cancel: CancellationToken,
    ) -> Result<LoadReport, AdapterError>;

    /// Whether [`Session::commit_witnessed`] needs its witness: the engine itself does not tell what became of a commit whose
    /// answer was lost.
    fn needs_commit_witness(&self) -> bool {
        false
    }

    /// Whether its sessions add rows by [`Session::append`].
    fn session_appends(&self) -> bool {
        false
    }

    /// Waits until no other run holds the relation, and keeps others waiting until the value is dropped or the process ends.
    /// `None` where the engine has no lock for that. It keeps nobody from reading or writing but who asks for it too.
    async fn hold(&self, _relation: &RelationName, _cancel: CancellationToken) -> Result<Option<Hold>, AdapterError> {
        Ok(None)
    }

    /// The names of [`crate::JDBC_DRIVERS`] that reach this database; empty where executors of another engine cannot.
    fn jdbc_drivers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether [`Adapter::jdbc_access`] can give all sessions of executors one state to read.
    fn jdbc_shares_snapshots(&self) -> bool {
        false
    }

    /// Why executors on other machines, or at all, cannot log in as this profile output says; `None` where they can.
    fn jdbc_obstacle(&self, _executors_are_here: bool) -> Option<String> {
        Some(format!("type `{}` has no JDBC driver that dvt knows", self.adapter_type()))
    }

    /// How executors log in. For reading it begins what they share.
    async fn jdbc_access(&self, _purpose: JdbcPurpose) -> Result<JdbcAccess, AdapterError> {
        let message = format!("type `{}` has no JDBC driver that dvt knows", self.adapter_type());
        Err(AdapterError::new(ErrorClass::Configuration, self.connection(), message))
    }

    /// How a column of this native type travels to executors, exactly.
    ///
    /// # Errors
    /// The reason why it does not.
    fn jdbc_column(&self, column: &ColumnDescription) -> Result<JdbcColumn, String> {
        Err(format!("`{}`", column.native_type))
    }

    /// How executors hand over the values of a field for a column of this type, exactly.
    ///
    /// # Errors
    /// The reason why they cannot.
    fn jdbc_parameter(&self, column_type: &str, _field: &Field) -> Result<JdbcForm, String> {
        Err(format!("`{column_type}`"))
    }

    /// Conditions in the engine's SQL that split the relation into about so many parts: every row fulfils exactly one of them
    /// in any one state of the relation. Empty where it has no such conditions.
    async fn split(&self, _relation: &RelationName, _into: usize) -> Result<Vec<String>, AdapterError> {
        Ok(Vec::new())
    }

    /// Where this connection leads, for people: `postgres://user@host:5432/db`. Never a password.
    fn display_location(&self) -> String;
}

/// One session with the engine: what a node's macros run on. Statements are sent in order.
#[async_trait]
pub trait Session: Send {
    /// Runs SQL, which may be several statements separated by `;` (what a macro rendered). With [`Fetch::All`] or
    /// [`Fetch::Limit`] the rows of the last statement that returns rows come back, typed.
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError>;

    /// Starts a transaction. An error if one is open.
    async fn begin(&mut self) -> Result<(), AdapterError>;

    /// Commits the open transaction; nothing happens without one.
    async fn commit(&mut self) -> Result<(), AdapterError>;

    /// Commits like [`Session::commit`]. Where the answer is lost, it is found out whether the transaction was committed, and
    /// the session goes on if it was; an engine that tells by itself needs no witness.
    async fn commit_witnessed(&mut self, _witness: &mut Witness) -> Result<(), AdapterError> {
        self.commit().await
    }

    /// Rolls the open transaction back; nothing happens without one.
    async fn rollback(&mut self) -> Result<(), AdapterError>;

    fn in_transaction(&self) -> bool;

    /// What [`Adapter::describe_query`] tells, asked on this session: it sees what the open transaction has made, and waits
    /// for no lock behind another one that waits for this transaction. `None`: the engine has no need of it.
    async fn describe_query(&mut self, _sql: &str) -> Result<Option<Vec<ColumnDescription>>, AdapterError> {
        Ok(None)
    }

    /// Adds rows to the relation that `target` names, inside the open transaction, or in one of its own; all of them or none.
    /// For engines whose [`Adapter::session_appends`] is true.
    async fn append(&mut self, target: &AppendTarget, _rows: BatchStream) -> Result<LoadReport, AdapterError> {
        let message = format!("rows cannot be added to {} within a session", target.relation);
        Err(AdapterError::new(ErrorClass::UnsupportedType, "", message).with_relation(target.relation.clone()))
    }

    /// Cancels what `execute` is running when the token fires; `execute` then returns class `Cancelled`.
    fn set_cancel(&mut self, cancel: CancellationToken);
}

/// A table of dvt's own that nobody needs after the transaction: one of its rows may go with it, so that the number of those
/// that are left tells what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    pub relation: RelationName,
    /// Rows in it now; a session that takes one counts it off.
    pub rows: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    None,
    All,
    /// At most this many rows; the rest is not read.
    Limit(usize),
}

/// What a statement answered.
#[derive(Clone, Debug)]
pub struct QueryResult {
    pub response: AdapterResponse,
    /// The schema and rows when rows were fetched: dbt's agate table, as Arrow.
    pub rows: Option<(SchemaRef, Vec<RecordBatch>)>,
}

/// dbt's `adapter_response`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterResponse {
    /// What dbt prints behind OK: `SELECT 10`, `CREATE TABLE`, `INSERT 0 3`.
    pub message: String,
    pub code: String,
    /// `None` when the engine does not tell.
    pub rows_affected: Option<i64>,
}

/// A query to stream.
#[derive(Clone, Debug)]
pub struct ExtractRequest {
    pub sql: String,
    pub schema: SchemaRef,
    /// Rows in a batch, at most.
    pub batch_rows: usize,
}

/// A table to create and fill.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    pub relation: RelationName,
    /// Same order and length as `schema`.
    pub columns: Vec<LoadColumn>,
    pub schema: SchemaRef,
    /// The name the model's user knows (the landing relation's is ours), for messages.
    pub on_behalf_of: String,
    /// Adapter-specific options of the model's config, such as `format: parquet` on a lake.
    pub options: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadColumn {
    pub name: String,
    /// The engine's type text, as [`Adapter::column_type`] gives it or as the user configured it.
    pub column_type: String,
    pub nullable: bool,
}

/// Where [`Session::append`] adds rows, and which.
#[derive(Clone, Debug)]
pub struct AppendTarget {
    pub relation: RelationName,
    /// The relation as the engine's SQL writes it.
    pub rendered: String,
    /// The columns that get values, as the engine's SQL writes them; same order and length as `schema`.
    pub columns: Vec<String>,
    pub schema: SchemaRef,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    pub rows: u64,
    /// Bytes sent to the engine, in its own format.
    pub bytes: u64,
}
