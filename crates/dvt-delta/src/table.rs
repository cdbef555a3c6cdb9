//! A Delta table at one version, and every way to write one.

use crate::data_files::{WrittenFiles, join, write_files};
use crate::encoding::TableColumns;
use crate::log::{self, Change, TableState};
use crate::{DeltaError, DeltaErrorKind, SourceError, TableLocation, TableProvider, WriteError};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// Rows to write. An error ends the write, which then leaves nothing behind.
pub type RowStream = BoxStream<'static, Result<RecordBatch, SourceError>>;

/// One live file of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Relative to the table's folder.
    pub path: Path,
    pub bytes: u64,
    /// `None` when the table's writer left no count.
    pub rows: Option<u64>,
}

/// A table at one version. Writing gives a new value at the new version; this one still reads the old rows.
#[derive(Clone, Debug)]
pub struct DeltaTable {
    location: TableLocation,
    pub(crate) state: Arc<TableState>,
}

impl DeltaTable {
    /// Creates a table with these rows, in one commit. Memory is bounded by one row group, whatever the stream's length.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Exists`] when there is a table, [`DeltaErrorKind::UnsupportedType`] before anything is read.
    pub async fn create(location: &TableLocation, schema: &SchemaRef, rows: RowStream) -> Result<Self, WriteError> {
        let columns = TableColumns::new(schema)?;
        if log::has_log(location).await? {
            return Err(exists(location).into());
        }
        let written = write_files(location, &columns, rows).await?;
        let committed = log::commit_create(location, &columns, None, &written.files).await;
        let state = finish(written, committed).await?;
        Ok(Self::at(location, state))
    }

    /// Creates a table without rows.
    ///
    /// # Errors
    /// As [`DeltaTable::create`].
    pub async fn create_empty(location: &TableLocation, schema: &SchemaRef) -> Result<Self, DeltaError> {
        let columns = TableColumns::new(schema)?;
        Ok(Self::at(location, log::commit_create(location, &columns, None, &[]).await?))
    }

    /// The same with a text that stays with the table: [`DeltaTable::note`].
    ///
    /// # Errors
    /// As [`DeltaTable::create`].
    pub async fn create_noted(location: &TableLocation, schema: &SchemaRef, note: &str) -> Result<Self, DeltaError> {
        let columns = TableColumns::new(schema)?;
        Ok(Self::at(location, log::commit_create(location, &columns, Some(note), &[]).await?))
    }

    /// The table at its latest version.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Missing`] when there is none.
    pub async fn open(location: &TableLocation) -> Result<Self, DeltaError> {
        Ok(Self::at(location, log::open(location, None).await?))
    }

    /// The table as it was at a version.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Missing`] when there is no table or no such version.
    pub async fn open_version(location: &TableLocation, version: u64) -> Result<Self, DeltaError> {
        Ok(Self::at(location, log::open(location, Some(version)).await?))
    }

    /// Whether there is a table.
    ///
    /// # Errors
    /// What the store says.
    pub async fn exists(location: &TableLocation) -> Result<bool, DeltaError> {
        log::has_log(location).await
    }

    /// Adds rows in one commit. Other appends may happen at the same time. The batches have this table's schema.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Conflict`] when somebody changed the table in another way meanwhile.
    pub async fn append(&self, rows: RowStream) -> Result<Self, WriteError> {
        self.refuse_foreign("appending to")?;
        let written = write_files(&self.location, &self.state.columns, rows).await?;
        if written.files.is_empty() {
            return Ok(self.clone());
        }
        let committed = log::commit_change(&self.location, &self.state, Change::Append, &written.files).await;
        Ok(Self::at(&self.location, finish(written, committed).await?))
    }

    /// Writes rows that are to become the version right after this one, also when there are none, so that versions count
    /// the appends. Nobody sees them before [`PreparedAppend::commit`].
    ///
    /// # Errors
    /// As [`DeltaTable::append`].
    pub async fn prepare_next(&self, rows: RowStream) -> Result<PreparedAppend, WriteError> {
        self.refuse_foreign("appending to")?;
        let written = write_files(&self.location, &self.state.columns, rows).await?;
        Ok(PreparedAppend { table: self.clone(), written })
    }

    /// Replaces all rows, and the columns, in one commit: a reader sees the old table or the new one. The stream may read
    /// this very table.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Conflict`] when anybody has committed since this version was opened.
    pub async fn overwrite(&self, schema: &SchemaRef, rows: RowStream) -> Result<Self, WriteError> {
        self.refuse_partitions("replacing the rows of")?;
        let columns = TableColumns::new(schema)?;
        let written = write_files(&self.location, &columns, rows).await?;
        let change = Change::Overwrite { columns: &columns };
        let committed = log::commit_change(&self.location, &self.state, change, &written.files).await;
        Ok(Self::at(&self.location, finish(written, committed).await?))
    }

    /// Makes `location` a table with exactly this version's rows and columns, in one commit, by copying files (a local file
    /// system links them). An existing table keeps its identity and its history.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Conflict`] when somebody else commits to the target meanwhile.
    pub async fn copy_to(&self, location: &TableLocation) -> Result<Self, DeltaError> {
        self.refuse_foreign("copying")?;
        let target = if log::has_log(location).await? { Some(Self::open(location).await?) } else { None };
        if let Some(target) = &target {
            target.refuse_partitions("replacing the rows of")?;
        }
        let mut written = WrittenFiles::new(location);
        for file in self.state.files.iter() {
            let path = Path::from(format!("part-{}.parquet", uuid::Uuid::new_v4()));
            let (from, to) = (join(&self.location.path, &file.path), join(&location.path, &path));
            // Known before it exists, so that a copy that fails half-way is removed with the others.
            written.files.push(DataFile { path, ..file.clone() });
            if let Err(error) = location.objects().copy(&from, &to).await {
                let error = self.location.failed("copying", error);
                written.remove().await;
                return Err(error);
            }
        }
        let columns = &self.state.columns;
        let committed = match &target {
            Some(target) => {
                log::commit_change(location, &target.state, Change::Overwrite { columns }, &written.files).await
            }
            None => log::commit_create(location, columns, None, &written.files).await,
        };
        Ok(Self::at(location, finish(written, committed).await?))
    }

    #[must_use]
    pub fn location(&self) -> &TableLocation {
        &self.location
    }

    /// The table's own id: one that is made later in the same place has another.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.state.id
    }

    /// What [`DeltaTable::create_noted`] wrote.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.state.note.as_deref()
    }

    #[must_use]
    pub fn version(&self) -> u64 {
        self.state.version
    }

    /// The columns as they were given when the table was made, metadata included.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.state.columns.arrow)
    }

    /// The live files of this version.
    #[must_use]
    pub fn files(&self) -> &[DataFile] {
        &self.state.files
    }

    /// The columns as the files of a table of ours hold them: names and types.
    #[must_use]
    pub fn stored_schema(&self) -> SchemaRef {
        Arc::clone(&self.state.columns.stored)
    }

    /// The live files as URLs of their store, for another engine to read.
    #[must_use]
    pub fn file_urls(&self) -> Vec<String> {
        self.state.files.iter().map(|file| self.location.url_of(&join(&self.location.path, &file.path))).collect()
    }

    /// Rows of this version; `None` when the log does not tell (another writer's table without statistics).
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.state.files.iter().map(|file| file.rows).sum()
    }

    /// Bytes of the live files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state.files.iter().map(|file| file.bytes).sum()
    }

    /// When the newest live file was written, or the table created.
    #[must_use]
    pub fn modified(&self) -> SystemTime {
        let millis = u64::try_from(self.state.modified_ms).unwrap_or(0);
        SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millis)
    }

    /// The rows of this version for DataFusion.
    #[must_use]
    pub fn table_provider(&self) -> Arc<dyn TableProvider> {
        crate::provider::provider(self)
    }

    /// Rewrites the live files as few large ones, in one commit; the rows stay the same.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Conflict`] when anybody has committed since this version was opened.
    pub async fn compact(&self) -> Result<Self, WriteError> {
        self.refuse_foreign("compacting")?;
        if self.state.files.len() < 2 {
            return Ok(self.clone());
        }
        let context = datafusion::prelude::SessionContext::new();
        let rows = context
            .read_table(self.table_provider())
            .map_err(|error| self.location.failed("compacting", error))?
            .execute_stream()
            .await
            .map_err(|error| self.location.failed("compacting", error))?;
        let rows = rows.map(|batch| batch.map_err(|error| Box::new(error) as SourceError)).boxed();
        self.overwrite(&self.schema(), rows).await
    }

    /// The live files that are not there, or not as long as the log says.
    ///
    /// # Errors
    /// What the store says.
    pub async fn damaged_files(&self) -> Result<Vec<Path>, DeltaError> {
        let listed = self.location.list().await?;
        let sizes: HashMap<&Path, u64> = listed.iter().map(|object| (&object.location, object.size)).collect();
        let is_whole = |file: &&DataFile| sizes.get(&join(&self.location.path, &file.path)) != Some(&file.bytes);
        Ok(self.state.files.iter().filter(is_whole).map(|file| file.path.clone()).collect())
    }

    /// Removes the files that no version younger than `keep` uses. Returns how many were removed.
    ///
    /// # Errors
    /// What the store says.
    pub async fn vacuum(&self, keep: std::time::Duration) -> Result<usize, DeltaError> {
        let failed = |error| log::delta_error(&self.location, "vacuuming", error);
        let mut table = deltalake::DeltaTable::new(log::log_store(&self.location)?);
        table.load().await.map_err(failed)?;
        let keep = chrono::Duration::from_std(keep).map_err(|error| self.location.failed("vacuuming", error))?;
        let (_, metrics) =
            table.vacuum().with_retention_period(keep).with_enforce_retention_duration(false).await.map_err(failed)?;
        Ok(metrics.files_deleted.len())
    }

    fn at(location: &TableLocation, state: TableState) -> Self {
        Self { location: location.clone(), state: Arc::new(state) }
    }

    fn refuse_foreign(&self, doing: &str) -> Result<(), DeltaError> {
        if self.state.foreign {
            return Err(DeltaError::new(
                DeltaErrorKind::Other,
                format!("{doing} `{}`", self.location),
                "the table uses partitions, deletion vectors or column mapping, which dvt reads and does not write",
            ));
        }
        Ok(())
    }

    fn refuse_partitions(&self, doing: &str) -> Result<(), DeltaError> {
        // Replacing every row needs no old file, so deletion vectors are no hindrance; partitions and mapping are in the
        // metadata and would stay.
        self.refuse_foreign(doing)
    }
}

/// Rows that are written and not yet part of their table; dropped, they are removed.
#[derive(Debug)]
pub struct PreparedAppend {
    table: DeltaTable,
    written: WrittenFiles,
}

impl PreparedAppend {
    /// Rows that the table will have.
    #[must_use]
    pub fn total_rows(&self) -> Option<u64> {
        let added: Option<u64> = self.written.files.iter().map(|file| file.rows).sum();
        self.table.rows().zip(added).map(|(before, added)| before + added)
    }

    /// The table with these rows.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Conflict`] when anybody has committed since the version that they were prepared for.
    pub async fn commit(self) -> Result<DeltaTable, DeltaError> {
        let Self { table, written } = self;
        let committed = log::commit_next(&table.location, &table.state, &written.files).await;
        Ok(DeltaTable::at(&table.location, finish(written, committed).await?))
    }
}

fn exists(location: &TableLocation) -> DeltaError {
    DeltaError::new(DeltaErrorKind::Exists, format!("creating `{location}`"), "there is a table already")
}

/// Keeps the files of a commit that succeeded, removes those of one that did not.
async fn finish(written: WrittenFiles, committed: Result<TableState, DeltaError>) -> Result<TableState, DeltaError> {
    match committed {
        Ok(state) => {
            written.commit();
            Ok(state)
        }
        Err(error) => {
            written.remove().await;
            Err(error)
        }
    }
}
