//! Removing staged tables that are no longer needed: whole tables only, by the age of their last commit.

use crate::{Bucket, StagingError};
use dvt_delta::{DeltaError, DeltaErrorKind, DeltaTable, TableLocation, WriteError};
use std::time::{Duration, SystemTime};

/// A staged table in the bucket.
#[derive(Clone, Debug)]
pub struct StagedTableInfo {
    /// `<connection>/<schema>.<table>/<key>-<run>`.
    pub name: String,
    /// When its last file was written: its last commit, or for one that was never committed the last sign of its writer.
    pub modified: SystemTime,
    pub bytes: u64,
    /// A table without a commit is what a killed run left, or what another run is writing just now.
    pub committed: bool,
    /// It stays for later runs, because there is proof of what it holds.
    pub kept: bool,
    /// A run that lives writes or reads it.
    pub in_use: bool,
}

/// What [`Bucket::clean`] did.
#[derive(Clone, Debug, Default)]
pub struct CleanReport {
    pub removed: Vec<StagedTableInfo>,
    pub kept: usize,
    /// Old enough to go, but a run that lives uses them; among `kept`.
    pub in_use: usize,
}

/// What [`Bucket::optimize`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptimizeReport {
    pub tables: usize,
    pub files_removed: usize,
}

/// How long a run may go on reading the files of an older version.
const READERS_LAST: Duration = Duration::from_secs(24 * 3_600);

impl Bucket {
    /// Every table that is staged in the bucket, by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn staged_tables(&self) -> Result<Vec<StagedTableInfo>, StagingError> {
        Ok(self.found(&[]).await?.iter().map(|table| self.info(table)).collect())
    }

    fn info(&self, table: &crate::tables::Found) -> StagedTableInfo {
        StagedTableInfo {
            name: table.name.clone(),
            modified: table.modified,
            bytes: table.bytes,
            committed: table.has_log,
            kept: table.is_kept,
            in_use: table.is_in_use(self, ""),
        }
    }

    /// Removes each staged table whose last commit is older than `older_than` and that no living run uses. Files inside a
    /// table are never looked at by age, and nothing outside `sources/` of the bucket's prefix is touched.
    ///
    /// # Errors
    /// The first table that could not be removed.
    pub async fn clean(&self, older_than: Duration) -> Result<CleanReport, StagingError> {
        let now = SystemTime::now();
        let mut report = CleanReport::default();
        for table in self.found(&[]).await? {
            // A clock that went backwards makes no table old.
            let is_old = now.duration_since(table.modified).is_ok_and(|age| age >= older_than);
            if is_old && self.remove_unused(&table.location).await? {
                report.removed.push(StagedTableInfo { in_use: false, ..self.info(&table) });
            } else {
                report.kept += 1;
                report.in_use += usize::from(is_old);
            }
        }
        Ok(report)
    }

    /// Compacts each complete table's small files into few large ones and removes the files that no version needs any
    /// more. Rows stay as they are. A table that a living run is writing, or that a killed one left half-way, is left alone.
    ///
    /// # Errors
    /// The first table that could not be rewritten.
    pub async fn optimize(&self) -> Result<OptimizeReport, StagingError> {
        let mut report = OptimizeReport::default();
        for found in self.found(&[]).await? {
            if !found.is_there() || !found.is_kept {
                continue;
            }
            match compact(&found.location).await {
                Ok(removed) => report.files_removed += removed,
                // Another process has removed it meanwhile, or compacts it too.
                Err(error) if error.kind == DeltaErrorKind::Conflict || !self.is_there(&found.location).await? => {
                    continue;
                }
                Err(error) => return Err(self.storage(error)),
            }
            report.tables += 1;
        }
        Ok(report)
    }
}

/// Rewrites the table's files, and removes those that no version needs; how many were removed.
async fn compact(location: &TableLocation) -> Result<usize, DeltaError> {
    let table = DeltaTable::open(location).await?;
    let table = table.compact().await.map_err(|error| match error {
        WriteError::Delta(error) => error,
        WriteError::Source(cause) => DeltaError::other(format!("compacting `{location}`"), cause),
    })?;
    // Another run may read the version before this one: its files stay as long as a run can last.
    table.vacuum(READERS_LAST).await
}
