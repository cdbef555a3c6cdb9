//! Whether a run is alive: each holds the lock of a file named after it, which the system lets go with the process.

use crate::{Bucket, StagingError};
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;

/// This run's sign of life. Dropped, or with the process, it is gone.
#[derive(Debug)]
pub(crate) struct Lease {
    path: PathBuf,
    _file: File,
}

impl Lease {
    /// Says that the run is alive.
    pub(crate) fn take(bucket: &Bucket, run: &str) -> Result<Self, StagingError> {
        take(bucket, run).map_err(|cause| StagingError::Configuration {
            bucket: bucket.name().to_owned(),
            problem: format!("a lock cannot be had in {}: {cause}", bucket.runs.display()),
        })
    }
}

fn take(bucket: &Bucket, run: &str) -> io::Result<Lease> {
    std::fs::create_dir_all(&bucket.runs)?;
    let path = bucket.runs.join(run);
    // Whoever looks between the file and its lock would take the run for dead, so it gets its name when it is locked.
    let unnamed = bucket.runs.join(format!("{run}.new"));
    let file = File::create(&unnamed)?;
    file.try_lock().map_err(io::Error::from)?;
    std::fs::rename(&unnamed, &path)?;
    Ok(Lease { path, _file: file })
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The file goes before its lock: a name without a lock would be a dead run's.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "a run's sign of life is left");
        }
    }
}

/// Whether the run's process lives. What cannot be found out counts as alive.
pub(crate) fn is_alive(bucket: &Bucket, run: &str) -> bool {
    let path = bucket.runs.join(run);
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
