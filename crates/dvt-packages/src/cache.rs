//! What was fetched before, kept for the next time: the hub's answers, archives, git objects.
//!
//! A hub package's archive and a commit never change, so they are taken from here without asking; the hub's answers only
//! when the hub cannot be reached.

use crate::PackageError;
use dvt_manifest::write_atomically;
use rustix::fs::{FlockOperation, flock};
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The folder; the only one, or one for this run alone.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    is_temporary: bool,
}

impl Cache {
    /// Uses `folder` where it can be written, else a folder that goes with this run.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, PackageError> {
        if let Some(folder) = folder
            && fs::create_dir_all(folder).is_ok()
            && is_writable(folder)
        {
            return Ok(Self { folder: folder.to_owned(), is_temporary: false });
        }
        let folder = std::env::temp_dir().join(format!("dvt-packages-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir_all(&folder).map_err(|cause| PackageError::Files {
            action: "create",
            path: folder.clone(),
            cause,
        })?;
        Ok(Self { folder, is_temporary: true })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The answer that was kept for an address.
    pub(crate) fn answer(&self, url: &str) -> Option<Vec<u8>> {
        fs::read(self.answer_path(url)).ok()
    }

    /// Keeps an answer; a cache that cannot be written only loses its use.
    pub(crate) fn keep_answer(&self, url: &str, body: &[u8]) {
        let _ = write_atomically(&self.answer_path(url), body);
    }

    fn answer_path(&self, url: &str) -> PathBuf {
        self.folder.join("hub").join(format!("{}.json", key(url)))
    }

    /// Where the archive of an address is kept.
    pub(crate) fn archive_path(&self, url: &str) -> PathBuf {
        self.folder.join("archives").join(format!("{}.tar.gz", key(url)))
    }

    /// A name for a file that is being fetched, in the folder where it will stay.
    pub(crate) fn unfinished(&self, path: &Path) -> PathBuf {
        path.with_extension(format!("{}.part", uuid::Uuid::new_v4().simple()))
    }

    /// A repository's objects, locked against other runs while the value lives.
    pub(crate) fn repository(&self, url: &str) -> Result<LockedFolder, PackageError> {
        let folder = self.folder.join("git").join(key(url));
        let files = |cause| PackageError::Files { action: "create", path: folder.clone(), cause };
        fs::create_dir_all(&folder).map_err(files)?;
        let lock = File::open(&folder).map_err(files)?;
        // Without locks on this file system, git's own lock files still keep two runs apart.
        let _ = flock(&lock, FlockOperation::LockExclusive);
        Ok(LockedFolder { path: folder.clone(), _lock: lock })
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.is_temporary {
            // It lies in the system's folder for such things, which is emptied anyway.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[derive(Debug)]
pub(crate) struct LockedFolder {
    pub(crate) path: PathBuf,
    _lock: File,
}

fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!(".probe-{}", uuid::Uuid::new_v4().simple()));
    let written = File::create(&probe).is_ok();
    let _ = fs::remove_file(&probe);
    written
}

/// A file name for an address; addresses may hold tokens, file names must not.
fn key(url: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, url.as_bytes());
    hex(&digest.as_ref()[..16])
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
