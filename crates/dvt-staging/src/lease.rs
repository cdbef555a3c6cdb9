//! Whether a run is alive. In a folder of this machine each run holds the lock of a file named after it, which the system
//! lets go with the process. In the cloud there are no locks: each run writes an object named after it again and again, and
//! one that was not written for long belongs to a dead run.

use crate::{Bucket, StagingError};
use dvt_delta::TableLocation;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often a run writes its object.
const BEAT: Duration = Duration::from_secs(60);
/// How old the object of a living run may look. The services refuse clocks that are more than a quarter of an hour off.
const ALIVE: Duration = Duration::from_secs(45 * 60);

/// This run's sign of life. Dropped, or with the process, it is gone; in the cloud some time later.
#[derive(Debug)]
pub(crate) enum Lease {
    Lock { path: PathBuf, _file: File },
    Beats { beats: tokio::task::JoinHandle<()>, runs: TableLocation, run: String },
}

impl Lease {
    /// Says that the run is alive.
    pub(crate) async fn take(bucket: &Bucket, run: &str) -> Result<Self, StagingError> {
        let Some(folder) = &bucket.runs else { return beats(bucket, run).await };
        lock(folder, run).map_err(|cause| StagingError::Configuration {
            bucket: bucket.name().to_owned(),
            problem: format!("a lock cannot be had in {}: {cause}", folder.display()),
        })
    }
}

fn lock(folder: &Path, run: &str) -> io::Result<Lease> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(run);
    // Whoever looks between the file and its lock would take the run for dead, so it gets its name when it is locked.
    let unnamed = folder.join(format!("{run}.new"));
    let file = File::create(&unnamed)?;
    file.try_lock().map_err(io::Error::from)?;
    std::fs::rename(&unnamed, &path)?;
    Ok(Lease::Lock { path, _file: file })
}

async fn beats(bucket: &Bucket, run: &str) -> Result<Lease, StagingError> {
    let runs = bucket.table(&["runs"]);
    runs.put_mark(run, "").await.map_err(|cause| bucket.storage(cause))?;
    let beats = tokio::spawn({
        let (runs, run) = (runs.clone(), run.to_owned());
        async move {
            loop {
                tokio::time::sleep(BEAT).await;
                if let Err(error) = runs.put_mark(&run, "").await {
                    tracing::warn!(%error, "this run's sign of life could not be written");
                }
            }
        }
    });
    Ok(Lease::Beats { beats, runs, run: run.to_owned() })
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self {
            // The file goes before its lock: a name without a lock would be a dead run's.
            Self::Lock { path, .. } => {
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::debug!(path = %path.display(), %error, "a run's sign of life is left");
                }
            }
            Self::Beats { beats, runs, run } => {
                beats.abort();
                // Where nobody can wait for the removal, the object tells of its age.
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    let (runs, run) = (runs.clone(), std::mem::take(run));
                    runtime.spawn(async move { drop(runs.remove_mark(&run).await) });
                }
            }
        }
    }
}

/// The runs that live, by the objects in a cloud's bucket; `None` for a bucket whose runs hold locks.
pub(crate) async fn living(bucket: &Bucket) -> Result<Option<BTreeSet<String>>, StagingError> {
    if bucket.runs.is_some() {
        return Ok(None);
    }
    let objects = bucket.store.list(&["runs"]).await.map_err(|cause| bucket.storage(cause))?;
    let now = SystemTime::now();
    let living = objects.into_iter().filter(|object| {
        // A clock that is behind makes no run dead.
        now.duration_since(SystemTime::from(object.last_modified)).is_ok_and(|age| age < ALIVE)
            || SystemTime::from(object.last_modified) > now
    });
    Ok(Some(living.filter_map(|object| object.location.filename().map(str::to_owned)).collect()))
}

/// Whether the run's process lives, by its lock. What cannot be found out counts as alive.
pub(crate) fn holds_lock(bucket: &Bucket, run: &str) -> bool {
    let Some(folder) = &bucket.runs else { return true };
    let path = folder.join(run);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    match file.try_lock_shared() {
        Ok(()) => {
            // The process died without taking it away.
            let _ = std::fs::remove_file(&path);
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => true,
    }
}
