//! Runs the joining query over staged and streamed extracts: DataFusion in process, or Spark.
//!
//! In: a `FederatedPlan` and, for each of its extracts, where the rows come from. Out: a stream of Arrow batches in the
//! plan's output schema, evaluated once. Memory stays within the compute's limit: aggregates and sorts spill to disk, and
//! a join that does not fit is an error that says so ([`ComputeError::MemoryExhausted`]), upon which the caller runs the
//! plan again with [`JoinStrategy::SortMerge`], which spills.

mod engine;
mod error;
mod input;
mod output;
mod reduction;
mod spark;
mod waiting;

pub use engine::{ComputeSettings, Engine, JoinStrategy, estimate};
pub use error::ComputeError;
pub use input::{ExtractInput, OpenStream};
pub use output::ResultStream;
pub use spark::{
    CONNECT_TIMEOUT, JdbcExtract, JdbcTarget, LOADED_ROW, ROW_BITS, SparkEngine, SparkFailure, SparkQuery,
    SparkSettings, find_drivers, jdbc_reads, spark_query,
};

#[cfg(test)]
mod tests;
