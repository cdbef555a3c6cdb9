//! Removing staged tables that are no longer needed: whole tables only, by the age of their last commit.

use crate::{Bucket, StagingError};
use dvt_delta::{DeltaTable, TableLocation, WriteError};
use std::collections::BTreeMap;
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
}

/// What [`Bucket::clean`] did.
#[derive(Clone, Debug, Default)]
pub struct CleanReport {
    pub removed: Vec<StagedTableInfo>,
    pub kept: usize,
}

/// What [`Bucket::optimize`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptimizeReport {
    pub tables: usize,
    pub files_removed: usize,
}

/// How long a run may go on reading the files of an older version.
const READERS_LAST: Duration = Duration::from_secs(24 * 3_600);

/// Folders between the bucket's prefix and a table's own: `sources`, connection, relation, key.
const DEPTH: usize = 4;

impl Bucket {
    /// Every table that is staged in the bucket, by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn staged_tables(&self) -> Result<Vec<StagedTableInfo>, StagingError> {
        Ok(self.survey().await?.into_iter().map(|(_, info)| info).collect())
    }

    /// Removes each staged table whose last commit is older than `older_than`. Files inside a table are never looked at by
    /// age, and nothing outside `sources/` of the bucket's prefix is touched.
    ///
    /// # Errors
    /// The first table that could not be removed.
    pub async fn clean(&self, older_than: Duration) -> Result<CleanReport, StagingError> {
        let now = SystemTime::now();
        let mut report = CleanReport::default();
        for (location, info) in self.survey().await? {
            // A clock that went backwards makes no table old.
            if now.duration_since(info.modified).is_ok_and(|age| age >= older_than) {
                location.remove().await.map_err(|cause| self.storage(cause))?;
                report.removed.push(info);
            } else {
                report.kept += 1;
            }
        }
        Ok(report)
    }

    /// Compacts each committed table's small files into few large ones and removes the files that no version needs any
    /// more. Rows stay as they are.
    ///
    /// # Errors
    /// The first table that could not be rewritten.
    pub async fn optimize(&self) -> Result<OptimizeReport, StagingError> {
        let mut report = OptimizeReport::default();
        for (location, info) in self.survey().await? {
            if !info.committed {
                continue;
            }
            let table = DeltaTable::open(&location).await.map_err(|cause| self.storage(cause))?;
            let table = table.compact().await.map_err(|error| match error {
                WriteError::Delta(cause) => self.storage(cause),
                WriteError::Source(cause) => self.storage(dvt_delta::DeltaError::other("compacting", cause)),
            })?;
            // Another run may read the version before this one: its files stay as long as a run can last.
            report.files_removed += table.vacuum(READERS_LAST).await.map_err(|cause| self.storage(cause))?;
            report.tables += 1;
        }
        Ok(report)
    }

    async fn survey(&self) -> Result<Vec<(TableLocation, StagedTableInfo)>, StagingError> {
        let objects = self.store.list(&["sources"]).await.map_err(|cause| self.storage(cause))?;
        let mut tables: BTreeMap<String, (TableLocation, StagedTableInfo)> = BTreeMap::new();
        for object in objects {
            let Some(location) = self.store.location_of(&object.location, DEPTH) else { continue };
            let name = location.names().split_off(1).join("/");
            let modified = SystemTime::from(object.last_modified);
            let (_, info) = tables
                .entry(name.clone())
                .or_insert_with(|| (location, StagedTableInfo { name, modified, bytes: 0, committed: false }));
            info.modified = info.modified.max(modified);
            info.bytes += object.size;
            info.committed |= object.location.as_ref().contains("/_delta_log/");
        }
        Ok(tables.into_values().collect())
    }

    fn storage(&self, cause: dvt_delta::DeltaError) -> StagingError {
        StagingError::Storage { bucket: self.name().to_owned(), cause: Box::new(cause) }
    }
}
