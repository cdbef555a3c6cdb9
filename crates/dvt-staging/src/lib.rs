//! Delta tables that hold extracts: append, overwrite, read at a version, watermark, clean up.
//!
//! In: a [`StageRequest`] and a stream of Arrow batches. Out: a [`StagedTable`], which exists only when all its rows are
//! committed. A [`Staging`] belongs to one run: callers that ask for the same [`StagingKey`] share one extract, and what
//! it staged goes when the run ends, unless it is to be kept. Other runs on the same bucket are never touched.

mod bucket;
mod clean;
mod error;
mod key;
mod staged_table;
mod staging;

#[cfg(test)]
mod tests;

pub use bucket::Bucket;
pub use clean::{CleanReport, OptimizeReport, StagedTableInfo};
pub use dvt_delta::TableProvider;
pub use error::StagingError;
pub use key::StagingKey;
pub use staged_table::StagedTable;
pub use staging::{OpenExtract, StageOutcome, StageRequest, Staging};
