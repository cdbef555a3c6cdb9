//! The tables in a bucket as their folders show them: whose they are, who reads them, and which may go.
//!
//! ```text
//! sources/<connection>/<schema>.<table>/<key>-<run>/_delta_log/…, part-….parquet
//!                                                  /_kept           what is proven of it, once it is complete
//!                                                  /_part           the rows that its next commit will bring it to
//!                                                  /_readers/<run>  a run that reads a table of another one
//!                                                  /_removed        somebody is about to remove it
//! runs/<run>                                        locked as long as the run lives
//! ```
//! A reader leaves its mark and then looks for `_removed`; who removes leaves `_removed` and then looks for readers. So
//! one of the two sees the other, whatever the order.

use crate::lease::{holds_lock, living};
use crate::{Bucket, StagingError};
use dvt_delta::{DeltaError, TableLocation};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

/// What is proven of a complete table.
pub(crate) const KEPT: &str = "_kept";
/// What the commit after this will bring the table to.
pub(crate) const PART: &str = "_part";
const READERS: &str = "_readers";
const REMOVED: &str = "_removed";

/// Folders between the bucket's prefix and a table's own: `sources`, connection, relation, key.
const DEPTH: usize = 4;

/// One folder.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) location: TableLocation,
    /// `<connection>/<schema>.<table>/<key>-<run>`.
    pub(crate) name: String,
    /// When its last file was written; marks do not count.
    pub(crate) modified: SystemTime,
    pub(crate) bytes: u64,
    pub(crate) has_log: bool,
    pub(crate) is_kept: bool,
    is_marked_removed: bool,
    readers: Vec<String>,
    /// Where runs hold no locks: those that live.
    living: Option<Arc<BTreeSet<String>>>,
}

impl Found {
    /// The key in the folder's name.
    pub(crate) fn key(&self) -> &str {
        self.folder().split_once('-').map_or("", |(key, _)| key)
    }

    /// The run in the folder's name.
    pub(crate) fn owner(&self) -> &str {
        self.folder().split('-').nth(1).unwrap_or_default()
    }

    fn folder(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a run that lives writes or reads it; `but` does not count.
    pub(crate) fn is_in_use(&self, bucket: &Bucket, but: &str) -> bool {
        let lives = |run: &str| match &self.living {
            Some(living) => living.contains(run),
            None => holds_lock(bucket, run),
        };
        let counts = |run: &str| run != but && lives(run);
        counts(self.owner()) || self.readers.iter().any(|run| counts(run))
    }

    /// Whether it can be read at all.
    pub(crate) fn is_there(&self) -> bool {
        self.has_log && !self.is_marked_removed
    }
}

impl Bucket {
    /// The tables below these folders of `sources`.
    pub(crate) async fn found(&self, folders: &[&str]) -> Result<Vec<Found>, StagingError> {
        let below: Vec<&str> = std::iter::once("sources").chain(folders.iter().copied()).collect();
        let objects = self.store.list(&below).await.map_err(|cause| self.storage(cause))?;
        // Looked at after the tables: who made one of them had said before that it lives.
        let living = living(self).await?.map(Arc::new);
        let mut tables: BTreeMap<String, Found> = BTreeMap::new();
        for object in objects {
            let Some(location) = self.store.location_of(&object.location, DEPTH) else { continue };
            let name = location.names().split_off(1).join("/");
            let modified = SystemTime::from(object.last_modified);
            let mark = location.mark_name(&object.location);
            let table = tables.entry(name.clone()).or_insert_with(|| Found {
                location,
                name,
                modified: SystemTime::UNIX_EPOCH,
                bytes: 0,
                has_log: false,
                is_kept: false,
                is_marked_removed: false,
                readers: Vec::new(),
                living: living.clone(),
            });
            match mark.as_deref() {
                None => {
                    table.modified = table.modified.max(modified);
                    table.bytes += object.size;
                    table.has_log |= object.location.as_ref().contains("/_delta_log/");
                }
                Some(KEPT) => table.is_kept = true,
                Some(REMOVED) => table.is_marked_removed = true,
                Some(mark) => {
                    if let Some(run) = mark.strip_prefix("_readers/") {
                        table.readers.push(run.to_owned());
                    }
                }
            }
        }
        Ok(tables.into_values().collect())
    }

    /// One folder as it is now; `None` when nothing is there.
    async fn found_at(&self, location: &TableLocation) -> Result<Option<Found>, StagingError> {
        let names = location.names();
        let folders: Vec<&str> = names.iter().skip(1).map(String::as_str).collect();
        Ok(self.found(&folders).await?.pop())
    }

    /// Whether the table can be read, and nobody is about to remove it.
    pub(crate) async fn is_there(&self, location: &TableLocation) -> Result<bool, StagingError> {
        Ok(self.found_at(location).await?.is_some_and(|found| found.is_there()))
    }

    /// Says that `run` reads the table; false when it is gone or about to go.
    pub(crate) async fn begin_reading(&self, location: &TableLocation, run: &str) -> Result<bool, StagingError> {
        let mark = format!("{READERS}/{run}");
        location.put_mark(&mark, "").await.map_err(|cause| self.storage(cause))?;
        if self.is_there(location).await? {
            return Ok(true);
        }
        location.remove_mark(&mark).await.map_err(|cause| self.storage(cause))?;
        Ok(false)
    }

    pub(crate) async fn end_reading(&self, location: &TableLocation, run: &str) -> Result<(), StagingError> {
        location.remove_mark(&format!("{READERS}/{run}")).await.map_err(|cause| self.storage(cause))
    }

    /// Removes a table unless a living run uses it; whether it is gone.
    pub(crate) async fn remove_unused(&self, location: &TableLocation) -> Result<bool, StagingError> {
        location.put_mark(REMOVED, "").await.map_err(|cause| self.storage(cause))?;
        if self.found_at(location).await?.is_some_and(|found| found.is_in_use(self, "")) {
            location.remove_mark(REMOVED).await.map_err(|cause| self.storage(cause))?;
            return Ok(false);
        }
        location.remove().await.map_err(|cause| self.storage(cause))?;
        Ok(true)
    }

    pub(crate) fn storage(&self, cause: DeltaError) -> StagingError {
        StagingError::Storage { bucket: self.name().to_owned(), cause: Box::new(cause) }
    }
}
