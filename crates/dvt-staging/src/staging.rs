//! One run's extracts in one bucket: staged once, shared, kept for later runs where there is proof, removed at the end else.

use crate::lease::Lease;
use crate::request::{Origin, Parts, Proof, Reading, StageOutcome, StageRequest};
use crate::tables::{Found, KEPT, PART};
use crate::{Bucket, StagedTable, StagingError, StagingKey};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken};
use dvt_delta::{DeltaErrorKind, DeltaTable, RowStream, TableLocation, WriteError};
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One run's staging in one bucket. Shared by all nodes of the run.
#[derive(Debug)]
pub struct Staging {
    bucket: Bucket,
    run: String,
    /// The sign that this run lives, from the first table on.
    lease: tokio::sync::Mutex<Option<Lease>>,
    /// One slot per extract and state of its source: whoever holds its lock stages, the others wait for it.
    slots: Mutex<HashMap<(StagingKey, Option<String>), Slot>>,
    /// How often each extract was staged.
    times: Mutex<HashMap<StagingKey, u32>>,
    /// Every location of this run's own, until it is removed or kept.
    begun: Mutex<Vec<TableLocation>>,
    /// Tables of other runs that this run reads.
    reading: Mutex<Vec<TableLocation>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Arc<StagedTable>>>>;

/// What `_kept` says.
struct Kept {
    token: String,
    rows: u64,
}

impl Kept {
    fn to_text(&self) -> String {
        format!("{}\n{}", self.rows, self.token)
    }

    fn of_text(text: &str) -> Option<Self> {
        let (rows, token) = text.split_once('\n')?;
        Some(Self { rows: rows.parse().ok()?, token: token.to_owned() })
    }
}

/// The note of a table that is written in parts: the state of its source, and its parts.
fn note_of(token: &str, conditions: &[String]) -> String {
    std::iter::once(token)
        .chain(conditions.iter().map(String::as_str))
        .map(|line| line.replace('\n', " ") + "\n")
        .collect()
}

fn read_note(note: &str) -> Option<(String, Vec<String>)> {
    let mut lines = note.lines().map(str::to_owned);
    Some((lines.next()?, lines.collect()))
}

impl Staging {
    /// Staging for the run `run` (its invocation id: tables carry it in their names, so that runs never share files).
    #[must_use]
    pub fn new(bucket: Bucket, run: &str) -> Arc<Self> {
        let run = run.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        Arc::new(Self {
            bucket,
            run,
            lease: tokio::sync::Mutex::default(),
            slots: Mutex::default(),
            times: Mutex::default(),
            begun: Mutex::default(),
            reading: Mutex::default(),
        })
    }

    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Whether [`Staging::stage`] would find the rows staged already: by this run, or by another one with proof. Nothing is
    /// written.
    ///
    /// # Errors
    /// What the store says.
    pub async fn look_up(&self, request: &StageRequest) -> Result<Option<Origin>, StagingError> {
        let slot = self.slot(request);
        if slot.try_lock().is_ok_and(|staged| staged.is_some()) {
            return Ok(Some(Origin::Shared));
        }
        let Some(proof) = &request.proof else { return Ok(None) };
        for found in self.candidates(request).await? {
            if found.is_kept && self.open_kept(&found, proof, request).await.is_some() {
                return Ok(Some(Origin::Reused));
            }
        }
        Ok(None)
    }

    /// Stages the rows, or gives the table that another node of this run staged for the same question, or one that another
    /// run left and that the source's state proves right. While one caller stages, the others wait; when it fails, the
    /// next one tries with its own stream. Memory is bounded by one row group. After an error, a cancel or a dropped
    /// future nothing of the attempt is left, except the parts of one that can be resumed.
    ///
    /// # Errors
    /// [`StagingError::Extract`] passes on what the stream or its opening said.
    pub async fn stage(
        &self,
        request: &StageRequest,
        reading: Reading,
        cancel: &CancellationToken,
    ) -> Result<StageOutcome, StagingError> {
        let slot = self.slot(request);
        let cancelled = || StagingError::Cancelled { relation: request.relation.clone() };
        let mut staged = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            staged = slot.lock() => staged,
        };
        if let Some(table) = staged.as_ref() {
            return Ok(StageOutcome { table: Arc::clone(table), origin: Origin::Shared });
        }
        let (table, origin) = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            table = self.find_or_write(request, reading) => table?,
        };
        let table = Arc::new(table);
        *staged = Some(Arc::clone(&table));
        Ok(StageOutcome { table, origin })
    }

    fn slot(&self, request: &StageRequest) -> Slot {
        let token = request.proof.as_ref().map(|proof| proof.token.clone());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry((request.key.clone(), token)).or_default())
    }

    /// Shows that this run lives, and takes away what dead ones left.
    async fn live(&self) -> Result<(), StagingError> {
        let mut lease = self.lease.lock().await;
        if lease.is_none() {
            *lease = Some(Lease::take(&self.bucket, &self.run).await?);
            drop(lease);
            if let Err(error) = self.bucket.sweep().await {
                tracing::warn!(%error, "what dead runs left could not be removed");
            }
        }
        Ok(())
    }

    async fn candidates(&self, request: &StageRequest) -> Result<Vec<Found>, StagingError> {
        let mut found = self.bucket.found(&[&request.connection, &request.relation]).await?;
        found.retain(|found| found.is_there() && found.key() == request.key.as_str());
        Ok(found)
    }

    async fn find_or_write(
        &self,
        request: &StageRequest,
        reading: Reading,
    ) -> Result<(StagedTable, Origin), StagingError> {
        self.live().await?;
        let Some(proof) = &request.proof else {
            return Ok((self.write_whole(request, reading).await?, Origin::Read));
        };
        if let Some(table) = self.reuse(request, proof).await? {
            return Ok((table, Origin::Reused));
        }
        let Reading { whole, parts } = reading;
        if let Some(parts) = parts.filter(|parts| parts.conditions.len() > 1)
            && let Some(staged) = self.write_parts(request, proof, &parts).await?
        {
            return Ok(staged);
        }
        let table = self.write_whole(request, Reading { whole, parts: None }).await?;
        if proof.still_holds().await {
            self.keep(request, proof, &table.table).await?;
        }
        Ok((table, Origin::Read))
    }

    /// A complete table of another run, or an earlier one of this, that holds the source's present state.
    async fn reuse(&self, request: &StageRequest, proof: &Proof) -> Result<Option<StagedTable>, StagingError> {
        for found in self.candidates(request).await? {
            if !found.is_kept || !self.bucket.begin_reading(&found.location, &self.run).await? {
                continue;
            }
            if let Some(table) = self.open_kept(&found, proof, request).await {
                self.reading.lock().unwrap_or_else(PoisonError::into_inner).push(found.location);
                return Ok(Some(table));
            }
            self.bucket.end_reading(&found.location, &self.run).await?;
        }
        Ok(None)
    }

    /// The table, if it holds this state and is whole. What is damaged is as good as not there.
    async fn open_kept(&self, found: &Found, proof: &Proof, request: &StageRequest) -> Option<StagedTable> {
        let mark = found.location.read_mark(KEPT).await.ok().flatten()?;
        let kept = Kept::of_text(&mark).filter(|kept| kept.token == proof.token)?;
        let opened = match DeltaTable::open(&found.location).await {
            Ok(table) => table.damaged_files().await.map(|damaged| (table, damaged)),
            Err(error) => Err(error),
        };
        match opened {
            Ok((table, damaged)) if damaged.is_empty() && table.rows() == Some(kept.rows) => {
                (table.schema() == request.schema).then(|| staged(table))
            }
            Ok(_) => {
                tracing::warn!(location = %found.location, "a staged table is damaged; the source is read again");
                None
            }
            Err(error) => {
                tracing::warn!(location = %found.location, %error, "a staged table is damaged; the source is read again");
                None
            }
        }
    }

    /// Says what the table holds, so that later runs may use it, and removes what it supersedes.
    async fn keep(&self, request: &StageRequest, proof: &Proof, table: &DeltaTable) -> Result<(), StagingError> {
        let Some(rows) = table.rows() else { return Ok(()) };
        let location = table.location();
        let kept = Kept { token: proof.token.clone(), rows };
        location.put_mark(KEPT, &kept.to_text()).await.map_err(|cause| self.bucket.storage(cause))?;
        self.forget(location);
        for other in self.candidates(request).await? {
            // This run's own count as used: another node may be reading them.
            if other.location.names() != location.names() && !other.is_in_use(&self.bucket, "") {
                self.bucket.remove_unused(&other.location).await?;
            }
        }
        Ok(())
    }

    fn forget(&self, location: &TableLocation) {
        let names = location.names();
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).retain(|begun| begun.names() != names);
    }

    async fn write_whole(&self, request: &StageRequest, reading: Reading) -> Result<StagedTable, StagingError> {
        let location = self.own_location(request);
        let created = async {
            let rows = (reading.whole)().await?;
            DeltaTable::create(&location, &request.schema, as_source(rows))
                .await
                .map_err(|error| self.write_error(error))
        };
        match created.await {
            Ok(table) => Ok(staged(table)),
            Err(error) => {
                self.discard(&location).await;
                Err(error)
            }
        }
    }

    /// Writes the parts that are not there yet, each in a commit of its own. `None` when they do not come together to one
    /// state of the source: it has changed meanwhile, or somebody else is writing the same table.
    async fn write_parts(
        &self,
        request: &StageRequest,
        proof: &Proof,
        parts: &Parts,
    ) -> Result<Option<(StagedTable, Origin)>, StagingError> {
        let (mut table, conditions, is_own) = match self.resume(request, proof).await? {
            Some((table, conditions)) => (table, conditions, false),
            None => {
                let location = self.own_location(request);
                let note = note_of(&proof.token, &parts.conditions);
                let made = DeltaTable::create_noted(&location, &request.schema, &note).await;
                (made.map_err(|cause| self.bucket.storage(cause))?, parts.conditions.clone(), true)
            }
        };
        let location = table.location().clone();
        let count = conditions.len();
        let done = usize::try_from(table.version()).unwrap_or(count).min(count);
        for (index, condition) in conditions.iter().enumerate().skip(done) {
            match self.write_part(&table, condition, parts).await {
                Ok(Some(next)) => table = next,
                // Another run resumes it too, and was faster.
                Ok(None) => return Ok(None),
                Err(error) => {
                    // What is complete so far is of use to the next attempt.
                    if is_own && table.version() == 0 {
                        self.discard(&location).await;
                    }
                    return Err(error);
                }
            }
            if !proof.still_holds().await {
                tracing::debug!(%location, "the source has changed while it was read in parts");
                if is_own {
                    self.discard(&location).await;
                }
                return Ok(None);
            }
            (parts.on_part)(index + 1, count);
        }
        self.keep(request, proof, &table).await?;
        let origin = if is_own { Origin::Read } else { Origin::Resumed { parts_done: done, parts: count } };
        Ok(Some((staged(table), origin)))
    }

    /// One part more. What the table will hold is written down before the commit: after a crash, rows that got lost from
    /// the log show.
    async fn write_part(
        &self,
        table: &DeltaTable,
        condition: &str,
        parts: &Parts,
    ) -> Result<Option<DeltaTable>, StagingError> {
        let rows = (parts.open)(condition).await?;
        let prepared = table.prepare_next(as_source(rows)).await.map_err(|error| self.write_error(error))?;
        let (before, after) = (table.rows().unwrap_or_default(), prepared.total_rows().unwrap_or_default());
        let mark = format!("{}\n{before}\n{after}", table.version() + 1);
        table.location().put_mark(PART, &mark).await.map_err(|cause| self.bucket.storage(cause))?;
        match prepared.commit().await {
            Ok(next) => Ok(Some(next)),
            Err(error) if error.kind == DeltaErrorKind::Conflict => Ok(None),
            Err(error) => Err(self.bucket.storage(error)),
        }
    }

    /// A table of the same question and state that a run which is dead, or an attempt of this one, left half-way.
    async fn resume(
        &self,
        request: &StageRequest,
        proof: &Proof,
    ) -> Result<Option<(DeltaTable, Vec<String>)>, StagingError> {
        for found in self.candidates(request).await? {
            let is_own = found.owner() == self.run;
            if found.is_kept || found.is_in_use(&self.bucket, &self.run) {
                continue;
            }
            if !is_own && !self.bucket.begin_reading(&found.location, &self.run).await? {
                continue;
            }
            if let Some(resumed) = open_partial(&found, proof, request).await {
                if !is_own {
                    self.reading.lock().unwrap_or_else(PoisonError::into_inner).push(found.location);
                }
                return Ok(Some(resumed));
            }
            if !is_own {
                self.bucket.end_reading(&found.location, &self.run).await?;
            }
        }
        Ok(None)
    }

    fn own_location(&self, request: &StageRequest) -> TableLocation {
        // A run may stage an extract more than once: after its own changes, or after an attempt that failed.
        let time = {
            let mut staged = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            let times = staged.entry(request.key.clone()).or_default();
            *times += 1;
            *times
        };
        let mut folder = format!("{}-{}", request.key, self.run);
        if time > 1 {
            folder += &format!("-{time}");
        }
        let location = self.bucket.table(&["sources", &request.connection, &request.relation, &folder]);
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(location.clone());
        location
    }

    async fn discard(&self, location: &TableLocation) {
        if let Err(error) = location.remove().await {
            tracing::warn!(%location, %error, "what a failed extract left could not be removed");
        }
    }

    fn write_error(&self, error: WriteError) -> StagingError {
        match error {
            WriteError::Source(error) => match error.downcast::<AdapterError>() {
                Ok(error) => StagingError::Extract(error),
                Err(other) => self.bucket.storage(dvt_delta::DeltaError::other("reading the extract", other)),
            },
            WriteError::Delta(error) => self.bucket.storage(error),
        }
    }

    /// Removes everything this run has staged that serves no later one, and lets go of what it reads. Call it when nothing
    /// reads any more.
    ///
    /// # Errors
    /// The first table that could not be removed; the others are removed all the same.
    pub async fn remove_all(&self) -> Result<(), StagingError> {
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        let reading = std::mem::take(&mut *self.reading.lock().unwrap_or_else(PoisonError::into_inner));
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut result = Ok(());
        for location in begun {
            if !is_resumable(&location).await
                && let Err(error) = location.remove().await
            {
                result = result.and(Err(self.bucket.storage(error)));
            }
        }
        for location in reading {
            result = result.and(self.bucket.end_reading(&location, &self.run).await);
        }
        *self.lease.lock().await = None;
        result
    }
}

impl Bucket {
    /// Removes what dead runs left and nobody can use.
    async fn sweep(&self) -> Result<(), StagingError> {
        for found in self.found(&[]).await? {
            if !found.is_kept && !found.is_in_use(self, "") && !is_resumable(&found.location).await {
                self.remove_unused(&found.location).await?;
            }
        }
        Ok(())
    }
}

/// Whether a run may go on with it: it has parts, and some of them are there.
async fn is_resumable(location: &TableLocation) -> bool {
    if !matches!(location.read_mark(PART).await, Ok(Some(_))) {
        return false;
    }
    DeltaTable::open(location).await.is_ok_and(|table| table.version() > 0 && table.note().is_some())
}

/// The table and its parts, if it holds this state and everything that it says it holds.
async fn open_partial(found: &Found, proof: &Proof, request: &StageRequest) -> Option<(DeltaTable, Vec<String>)> {
    let mark = found.location.read_mark(PART).await.ok().flatten()?;
    let mut numbers = mark.lines().map(str::parse::<u64>);
    let mut number = || numbers.next()?.ok();
    let (version, before, after) = (number()?, number()?, number()?);
    let table = DeltaTable::open(&found.location).await.ok()?;
    // The mark comes first, so the commit that it tells of may not have come.
    let expected = if table.version() + 1 == version { before } else { after };
    if !(version == table.version() || version == table.version() + 1) || table.rows() != Some(expected) {
        return None;
    }
    if !table.damaged_files().await.ok()?.is_empty() || table.schema() != request.schema {
        return None;
    }
    let (token, conditions) = read_note(table.note()?)?;
    (token == proof.token && table.version() > 0).then_some((table, conditions))
}

fn staged(table: DeltaTable) -> StagedTable {
    StagedTable {
        location: table.location().to_string(),
        version: table.version(),
        rows: table.rows().unwrap_or_default(),
        bytes: table.bytes(),
        schema: table.schema(),
        table,
    }
}

fn as_source(rows: BatchStream) -> RowStream {
    rows.map(|batch| batch.map_err(|error| Box::new(error) as dvt_delta::SourceError)).boxed()
}
