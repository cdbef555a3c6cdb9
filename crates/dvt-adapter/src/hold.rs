//! Keeping other runs from building the same relation: a lock that lasts as long as its value.

use crate::{CancellationToken, RelationName};
use std::any::Any;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a lock that somebody else has is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// Held until it is dropped, or until the process ends.
pub struct Hold {
    _held: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hold")
    }
}

impl Hold {
    /// Lasts as long as this value: a session with a lock of its engine, for one.
    #[must_use]
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self { _held: Box::new(held) }
    }

    /// For relations that lie on this machine: waits for a lock among its processes. `None` where there can be none, or when
    /// the token fires.
    pub async fn on_this_machine(place: &Path, relation: &RelationName, cancel: &CancellationToken) -> Option<Self> {
        let place = resolved(place);
        let key = hold_key(&format!("{}\n{relation}", place.display()));
        let path = std::env::temp_dir().join(format!("dvt-{key:016x}.lock"));
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path).ok()?;
            match file.try_lock() {
                // Who had it before may have removed the file: then it is no longer the one that others find.
                Ok(()) if is_at(&file, &path) => return Some(Self::new(HeldFile { file, path })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    tokio::select! {
                        () = cancel.cancelled() => return None,
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
                Err(TryLockError::Error(error)) => {
                    tracing::debug!(%error, path = %path.display(), "no lock among processes");
                    return None;
                }
            }
        }
    }
}

/// The same path for the same place, whether it is there already or not.
fn resolved(place: &Path) -> PathBuf {
    let made_later = || Some(std::fs::canonicalize(place.parent()?).ok()?.join(place.file_name()?));
    std::fs::canonicalize(place).ok().or_else(made_later).unwrap_or_else(|| place.to_owned())
}

/// A locked file, removed while it is still locked.
struct HeldFile {
    file: File,
    path: PathBuf,
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        if cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(file), Ok(there)) => place(file) == place(there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// A number that stands for the text, the same in every version of dvt (FNV-1a).
#[must_use]
pub fn hold_key(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |key, byte| (key ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_key_of_a_text_stays_the_same() {
        assert_eq!(hold_key(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hold_key("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_at_a_time_has_a_relation() {
        let folder = std::env::temp_dir();
        let relation = RelationName::new(None, Some("main"), &format!("held_{}", std::process::id()));
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let cancel = CancellationToken::new();
        let work = (0..8).map(|_| async {
            let held = Hold::on_this_machine(&folder, &relation, &cancel).await;
            assert!(held.is_some());
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(3)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
        });
        futures::future::join_all(work).await;
        assert_eq!(most.load(Ordering::SeqCst), 1);
        let held = Hold::on_this_machine(&folder, &relation, &cancel).await;
        cancel.cancel();
        assert!(Hold::on_this_machine(&folder, &relation, &cancel).await.is_none(), "it is not waited for any more");
        drop(held);
    }
}
