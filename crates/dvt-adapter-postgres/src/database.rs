//! What differs between the databases that speak PostgreSQL's protocol.
//!
//! Connections, sessions, transactions, cancelling and streaming are the protocol's and lie in the crate's root; a database
//! says how its rows are read and written, what its connections begin with, and what it answers.

use crate::pool::{Lease, Pool};
use crate::settings::Settings;
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, AppendTarget, BatchStream, ColumnDescription, LoadReport, QueryResult, Witness,
};
use dvt_sql::Dialect;
use std::fmt;
use std::sync::Arc;
use tokio_postgres::Statement;

/// One kind of database.
#[async_trait]
pub(crate) trait Database: fmt::Debug + Send + Sync + 'static {
    fn dialect(&self) -> &'static Dialect;

    /// What a connection runs before anything else, when it is new and when it was reset.
    fn opening(&self, settings: &Settings) -> Option<String>;

    /// Undoes whatever a session's SQL may have changed of its connection; `None`: the connection is closed instead.
    fn reset(&self) -> Option<&'static str>;

    /// dbt's response from the tag of the last command, `INSERT 0 3`.
    fn response(&self, tag: &str) -> AdapterResponse;

    /// Whether statements like these disturb each other, so that a process runs one at a time.
    fn runs_alone(&self, _sql: &str) -> bool {
        false
    }

    /// Runs a statement that gives rows, and reads them.
    async fn fetch(&self, query: Query<'_>) -> Result<QueryResult, AdapterError>;

    /// The columns that a query would give.
    async fn describe(
        &self,
        lease: &Lease,
        sql: &str,
        connection: &str,
    ) -> Result<Vec<ColumnDescription>, AdapterError>;

    /// Adds rows to a table within the open transaction.
    async fn append(
        &self,
        lease: &Lease,
        connection: &str,
        target: &AppendTarget,
        rows: BatchStream,
    ) -> Result<LoadReport, AdapterError>;

    /// What the server would know the open transaction by later; `None` where it has changed nothing, or the server keeps no
    /// record.
    async fn transaction_id(&self, _lease: &Lease) -> Option<i64> {
        None
    }

    /// What became of the transaction with this id, whose commit was not answered: a new connection if it was committed, else
    /// the error, with what is known.
    async fn outcome_of(&self, _pool: &Arc<Pool>, _id: i64, lost: AdapterError) -> Result<Lease, AdapterError> {
        Err(lost)
    }

    /// Lets a row of the witness go with the open transaction; the process of the session if one went. For a server that keeps
    /// no record itself.
    async fn let_testify(&self, _lease: &Lease, _witness: &Witness) -> Result<Option<i64>, AdapterError> {
        Ok(None)
    }

    /// The same as [`Database::outcome_of`], told by the witness.
    async fn outcome_by_witness(
        &self,
        _pool: &Arc<Pool>,
        _process: i64,
        _witness: &Witness,
        lost: AdapterError,
    ) -> Result<Lease, AdapterError> {
        Err(lost)
    }
}

/// A prepared statement that gives rows.
pub(crate) struct Query<'a> {
    pub(crate) lease: &'a Lease,
    pub(crate) connection: &'a str,
    pub(crate) sql: &'a str,
    pub(crate) statement: &'a Statement,
    /// The rest of the rows is not wanted.
    pub(crate) limit: usize,
}
