//! What proves that tables of a DuckDB file have not changed: what the file system says of the file and its write-ahead log.
//!
//! A commit is in one of the two before it returns, and neither is written without one (a checkpoint moves rows from the
//! log to the file: then they are read once more for nothing, and never too seldom).

use super::{DuckDb, catalog, database};
use crate::vendor::Vendor;
use adbc_driver_manager::ManagedConnection;
use dvt_adapter::{AdapterError, RelationKind, RelationName};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that was changed twice within a tick of the file system's clock keeps its time. File systems that know fractions
/// of a second tick at least this often.
const FINE_TICK: Duration = Duration::from_millis(50);
/// And the others this often.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// See [`dvt_adapter::Adapter::change_token`].
pub(super) fn token(
    duck: &DuckDb,
    connection: &mut ManagedConnection,
    relations: &[RelationName],
) -> Result<Option<String>, AdapterError> {
    let Some(file) = &duck.settings.file else { return Ok(None) };
    let is_elsewhere = |relation: &RelationName| {
        duck.place(relation).0.is_none_or(|database| !database.eq_ignore_ascii_case(&duck.settings.database))
    };
    if relations.iter().any(is_elsewhere) {
        return Ok(None);
    }
    // A view may read anything.
    let described = catalog::describe(duck, connection, relations)?;
    if described.iter().any(|found| found.as_ref().is_none_or(|found| found.kind != RelationKind::Table)) {
        return Ok(None);
    }
    let file = database::resolved(file);
    let mut log = OsString::from(&file);
    log.push(".wal");
    let now = SystemTime::now();
    let states = [file, PathBuf::from(log)].map(|path| state_of(&path, now));
    let [Some(file), Some(log)] = states else { return Ok(None) };
    Ok(Some(format!("duckdb:{file};{log}")))
}

/// Size, time and place of a file; `None` where it is too young for its time to tell.
fn state_of(path: &Path, now: SystemTime) -> Option<String> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some("none".to_owned()),
        Err(_) => return None,
    };
    let modified = metadata.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    let tick = if since.subsec_nanos() == 0 { COARSE_TICK } else { FINE_TICK };
    // A time in the future tells nothing either.
    if now.duration_since(modified).ok()? <= tick {
        return None;
    }
    Some(format!("{}:{}:{}", metadata.len(), since.as_nanos(), identity(&metadata)))
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    // The time of the last change of the file's own entry cannot be set back, as the other one can.
    format!("{}-{}-{}.{}", metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> String {
    String::new()
}
