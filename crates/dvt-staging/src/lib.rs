//! Delta tables that hold extracts: append, overwrite, read at a version, watermark, clean up.
//!
//! In: a [`StageRequest`] and streams of Arrow batches. Out: a [`StagedTable`], which exists only when all its rows are
//! committed. A [`Staging`] belongs to one run: callers that ask for the same [`StagingKey`] share one extract. What it
//! staged goes when the run ends, unless a [`Proof`] tells which state of the source it holds: then later runs read it again
//! as long as the source is in that state. Tables that a living run uses are never touched by another one.

mod bucket;
mod clean;
mod error;
mod key;
mod lease;
mod probe;
mod request;
mod staged_table;
mod staging;
mod tables;

#[cfg(test)]
mod tests;

pub use bucket::Bucket;
pub use clean::{CleanReport, OptimizeReport, StagedTableInfo};
pub use dvt_delta::TableProvider;
pub use error::StagingError;
pub use key::StagingKey;
pub use probe::ProbeFailure;
pub use request::{AskToken, OnPart, OpenExtract, OpenPart, Origin, Parts, Proof, Reading, StageOutcome, StageRequest};
pub use staged_table::StagedTable;
pub use staging::Staging;
