//! The contract a database client fulfils, and the conformance tests that prove it.
//!
//! An [`Adapter`] is one connection of the profile: it opens [`Session`]s that run SQL (for macros), streams query
//! results out as Arrow batches, loads Arrow batches in, and describes itself (dialect, types, statistics). A leaf crate
//! per client library implements it; the rooms above know only this contract.

mod capabilities;
mod cast;
mod clientless;
#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
mod description;
mod error;
mod hold;
mod jdbc;
mod spark_types;
mod types;

pub use capabilities::Capabilities;
pub use cast::{CastProblem, strict_cast};
pub use clientless::{CLIENTLESS, Clientless, ClientlessAdapter};
pub use contract::{
    Adapter, AdapterResponse, AppendTarget, BatchStream, ExtractRequest, Fetch, LoadColumn, LoadReport, LoadRequest,
    QueryResult, Session, Witness,
};
pub use description::{
    ColumnDescription, ColumnStatistics, ConnectionIdentity, KeyDescription, RelationDescription, RelationKind,
    RelationName, Statistics, TextComparison,
};
pub use error::{AdapterError, ErrorClass};
pub use hold::{Hold, hold_key};
pub use jdbc::{JDBC_DRIVERS, JdbcAccess, JdbcColumn, JdbcDriver, JdbcForm, JdbcPurpose};
pub use spark_types::{SparkType, SparkTypes};
pub use types::{
    LOGICAL_TYPE, LogicalType, NATIVE_TYPE, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type,
    with_types,
};

pub use tokio_util::sync::CancellationToken;
