//! The journal of a run: what was begun and what is done, on disk before the next step is taken.
//!
//! One file per invocation below `target/.dvt/journal`, one JSON object per line: a run changes no other folder of the
//! project than dbt does, and `clean` leaves the journals there that still say something. The process holds a lock
//! on its file as long as it lives, so another process can tell a journal of the dead from one at work. What a dead run
//! left in a database is found here and nowhere else.

use dvt_adapter::RelationName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

mod interrupted;
#[cfg(test)]
mod tests;

pub use interrupted::{InterruptedRun, interrupted_run};

/// How long an entry may wait for the disk.
const SYNC_AFTER: Duration = Duration::from_millis(200);

/// Journals of finished runs that are kept.
const KEPT: usize = 20;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Entry {
    RunStarted {
        invocation_id: String,
        command: String,
        at: String,
        /// The flags, for `retry`.
        #[serde(default)]
        args: Map<String, Value>,
        #[serde(default)]
        selected: Vec<String>,
    },
    NodeStarted {
        unique_id: String,
        route: String,
        at: String,
    },
    /// Written before the relation is made.
    LandingPlanned {
        unique_id: String,
        connection: String,
        relation: RelationName,
    },
    Extracted {
        unique_id: String,
        connection: String,
        relation: String,
        rows: u64,
        bytes: u64,
    },
    /// A part of an extract is committed in its bucket: a run after a kill goes on behind it.
    PartStaged {
        unique_id: String,
        connection: String,
        relation: String,
        part: usize,
        parts: usize,
    },
    LandingLoaded {
        unique_id: String,
        rows: u64,
    },
    Published {
        unique_id: String,
    },
    /// The database has committed the whole of a node whose work must not be done twice. What is left to do changes
    /// nothing that the user sees.
    Committed {
        unique_id: String,
    },
    /// The relation is gone: dropped, or renamed into its place.
    LandingGone {
        connection: String,
        relation: RelationName,
    },
    NodeFinished {
        unique_id: String,
        status: String,
        message: Option<String>,
        at: String,
    },
    RunFinished {
        at: String,
    },
}

impl Entry {
    fn must_be_on_disk(&self) -> bool {
        matches!(self, Self::RunStarted { .. } | Self::LandingPlanned { .. } | Self::RunFinished { .. })
    }
}

/// A journal could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the journal `{path}` cannot be {action}: {cause}")]
pub(crate) struct JournalError {
    pub(crate) path: PathBuf,
    pub(crate) action: &'static str,
    #[source]
    pub(crate) cause: std::io::Error,
}

/// The journal of this run.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    /// The file, and when it was synced last.
    file: Mutex<(File, Instant)>,
}

/// Where the journals are kept, below the folder of the artifacts.
pub(crate) fn journal_folder(target_path: &Path) -> PathBuf {
    target_path.join(".dvt").join("journal")
}

/// The journals below a folder of artifacts that must outlive it: those of runs at work, and of dead runs that left
/// relations in a database. Nothing else knows of these.
#[must_use]
pub fn journals_to_keep(target_path: &Path) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(journal_folder(target_path));
    let paths = listing.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let journals = paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let says_something = |path: &PathBuf| {
        let is_at_work = File::open(path).is_ok_and(|file| file.try_lock_shared().is_err());
        is_at_work || std::fs::read(path).is_ok_and(|text| !leftovers(&text).is_empty())
    };
    journals.filter(says_something).collect()
}

impl Journal {
    /// Starts the journal of an invocation and takes its lock.
    pub(crate) fn create(folder: &Path, invocation_id: &str) -> Result<Self, JournalError> {
        let path = folder.join(format!("{invocation_id}.jsonl"));
        let failed = |action| {
            let path = path.clone();
            move |cause| JournalError { path, action, cause }
        };
        std::fs::create_dir_all(folder).map_err(failed("created"))?;
        let file = OpenOptions::new().create_new(true).append(true).open(&path).map_err(failed("created"))?;
        file.try_lock().map_err(|error| failed("locked")(error.into()))?;
        sync_folder(folder).map_err(failed("created"))?;
        Ok(Self { path, file: Mutex::new((file, Instant::now())) })
    }

    /// Writes an entry. A process that is killed has written it; and what says which relations are about to be made is
    /// on disk when this returns, so that not even a lost machine leaves one behind unnoticed. Other entries reach the
    /// disk within [`SYNC_AFTER`] of the next one, or with the last.
    pub(crate) fn record(&self, entry: &Entry) -> Result<(), JournalError> {
        let failed = |cause| JournalError { path: self.path.clone(), action: "written", cause };
        let mut line = serde_json::to_vec(entry).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.0.write_all(&line).map_err(failed)?;
        if entry.must_be_on_disk() || file.1.elapsed() >= SYNC_AFTER {
            file.0.sync_data().map_err(failed)?;
            file.1 = Instant::now();
        }
        Ok(())
    }
}

/// A relation that a dead run may have left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leftover {
    pub(crate) connection: String,
    pub(crate) relation: RelationName,
}

/// The journal of a run whose process is dead. It holds the file's lock, so that two processes never clean up the same.
#[derive(Debug)]
pub(crate) struct DeadJournal {
    path: PathBuf,
    file: File,
    pub(crate) leftovers: Vec<Leftover>,
}

impl DeadJournal {
    /// Notes that a leftover is gone.
    pub(crate) fn record_gone(&mut self, leftover: &Leftover) -> Result<(), JournalError> {
        let entry = Entry::LandingGone { connection: leftover.connection.clone(), relation: leftover.relation.clone() };
        let failed = |cause| JournalError { path: self.path.clone(), action: "written", cause };
        let mut line = vec![b'\n'];
        line.extend(serde_json::to_vec(&entry).map_err(|error| failed(error.into()))?);
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(failed)
    }
}

/// The journals of dead processes that still name relations, oldest first. Finished journals beyond the newest
/// [`KEPT`] are removed on the way.
pub(crate) fn dead_journals(folder: &Path) -> Result<Vec<DeadJournal>, JournalError> {
    let failed = |action, path: &Path| {
        let path = path.to_path_buf();
        move |cause| JournalError { path, action, cause }
    };
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("listed", folder)(error)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        let entry = entry.map_err(failed("listed", folder))?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).map_err(failed("read", &path))?;
            paths.push((modified, path));
        }
    }
    paths.sort();
    let mut dead = Vec::new();
    let mut finished = Vec::new();
    for (_, path) in paths {
        let file = match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(file) => file,
            // Another process cleaned up in between.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed("opened", &path)(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(failed("locked", &path)(error)),
        }
        let text = std::fs::read(&path).map_err(failed("read", &path))?;
        let leftovers = leftovers(&text);
        if leftovers.is_empty() {
            finished.push(path);
        } else {
            dead.push(DeadJournal { path, file, leftovers });
        }
    }
    let surplus = finished.len().saturating_sub(KEPT);
    for path in &finished[..surplus] {
        match std::fs::remove_file(path) {
            Ok(()) => {}
            // Another process tidies up too.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("removed", path)(error)),
        }
    }
    Ok(dead)
}

/// What the entries say was planned and never went. A line that a dying process left unfinished is passed over: what it
/// announces was not begun, since an entry is on disk before its step.
fn leftovers(text: &[u8]) -> Vec<Leftover> {
    let mut left = BTreeSet::new();
    for line in text.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Entry::LandingPlanned { connection, relation, .. }) => {
                left.insert(Leftover { connection, relation });
            }
            Ok(Entry::LandingGone { connection, relation }) => {
                left.remove(&Leftover { connection, relation });
            }
            _ => {}
        }
    }
    left.into_iter().collect()
}

/// A new file's name is only safe once its folder is synced.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
