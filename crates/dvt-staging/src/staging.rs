//! One run's extracts in one bucket: staged once, shared, and removed at the end.

use crate::{Bucket, StagedTable, StagingError, StagingKey};
use arrow::datatypes::SchemaRef;
use dvt_adapter::{AdapterError, BatchStream, CancellationToken};
use dvt_delta::{DeltaTable, TableLocation, WriteError};
use futures::StreamExt;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is to be staged.
#[derive(Clone, Debug)]
pub struct StageRequest {
    /// The connection's name: the first folder.
    pub connection: String,
    /// What is read, for the folder's name and for messages: `public.customers`.
    pub relation: String,
    pub key: StagingKey,
    pub schema: SchemaRef,
}

/// Starts the extract; called only when nobody has staged it yet.
pub type OpenExtract = Box<dyn FnOnce() -> BoxFuture<'static, Result<BatchStream, AdapterError>> + Send>;

/// A staged table, and whether this call staged it (so that its rows are counted once).
#[derive(Clone, Debug)]
pub struct StageOutcome {
    pub table: Arc<StagedTable>,
    pub shared: bool,
}

/// One run's staging in one bucket. Shared by all nodes of the run.
#[derive(Debug)]
pub struct Staging {
    bucket: Bucket,
    run: String,
    /// One slot per extract: whoever holds its lock stages, the others wait for it.
    slots: Mutex<HashMap<StagingKey, Slot>>,
    /// Every location this run has begun to write, until it is removed.
    begun: Mutex<Vec<TableLocation>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Arc<StagedTable>>>>;

impl Staging {
    /// Staging for the run `run` (its invocation id: tables carry it in their names, so that runs never share files).
    #[must_use]
    pub fn new(bucket: Bucket, run: &str) -> Arc<Self> {
        let run = run.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        Arc::new(Self { bucket, run, slots: Mutex::default(), begun: Mutex::default() })
    }

    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Stages the rows that `open` streams, or gives the table that another node of this run staged under the same key.
    /// While one caller stages, the others wait; when it fails, the next one tries with its own stream. Memory is bounded by
    /// one row group. After an error, a cancel or a dropped future nothing of the attempt is left.
    ///
    /// # Errors
    /// [`StagingError::Extract`] passes on what the stream or its opening said.
    pub async fn stage(
        &self,
        request: &StageRequest,
        open: OpenExtract,
        cancel: &CancellationToken,
    ) -> Result<StageOutcome, StagingError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(request.key.clone()).or_default())
        };
        let cancelled = || StagingError::Cancelled { relation: request.relation.clone() };
        let mut staged = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            staged = slot.lock() => staged,
        };
        if let Some(table) = staged.as_ref() {
            return Ok(StageOutcome { table: Arc::clone(table), shared: true });
        }
        let table = Arc::new(tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            table = self.write(request, open) => table?,
        });
        *staged = Some(Arc::clone(&table));
        Ok(StageOutcome { table, shared: false })
    }

    async fn write(&self, request: &StageRequest, open: OpenExtract) -> Result<StagedTable, StagingError> {
        let location = self.location(request);
        let staged = self.write_to(request, open, &location).await;
        if staged.is_err()
            && let Err(error) = location.remove().await
        {
            tracing::warn!(%location, %error, "what a failed extract left could not be removed");
        }
        staged
    }

    fn location(&self, request: &StageRequest) -> TableLocation {
        let folder = format!("{}-{}", request.key, self.run);
        self.bucket.table(&["sources", &request.connection, &request.relation, &folder])
    }

    async fn write_to(
        &self,
        request: &StageRequest,
        open: OpenExtract,
        location: &TableLocation,
    ) -> Result<StagedTable, StagingError> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(location.clone());
        let rows = open().await?.map(|batch| batch.map_err(|error| Box::new(error) as dvt_delta::SourceError)).boxed();
        let table = DeltaTable::create(location, &request.schema, rows).await.map_err(|error| match error {
            WriteError::Source(error) => match error.downcast::<AdapterError>() {
                Ok(error) => StagingError::Extract(error),
                Err(other) => self.storage(dvt_delta::DeltaError::other("reading the extract", other)),
            },
            WriteError::Delta(error) => self.storage(error),
        })?;
        Ok(StagedTable {
            location: location.to_string(),
            version: table.version(),
            rows: table.rows().unwrap_or_default(),
            bytes: table.bytes(),
            schema: Arc::clone(&request.schema),
            table,
        })
    }

    /// Removes everything this run has staged. Call it when nothing reads any more.
    ///
    /// # Errors
    /// The first table that could not be removed; the others are removed all the same.
    pub async fn remove_all(&self) -> Result<(), StagingError> {
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut result = Ok(());
        for location in begun {
            if let Err(error) = location.remove().await {
                result = result.and(Err(self.storage(error)));
            }
        }
        result
    }

    fn storage(&self, cause: dvt_delta::DeltaError) -> StagingError {
        StagingError::Storage { bucket: self.bucket.name().to_owned(), cause: Box::new(cause) }
    }
}
