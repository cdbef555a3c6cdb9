//! The packages-install-path: filled beside the old one, swapped in when it is complete.

use crate::PackageError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Part of the name of a folder that is being filled.
const MARK: &str = ".installing-";

/// A new install folder, not yet in its place. Dropped without [`NewFolder::finish`], it is removed.
#[derive(Debug)]
pub(crate) struct NewFolder {
    /// Where packages go until the folder is complete.
    pub(crate) path: PathBuf,
    place: PathBuf,
    /// Held while the folder is filled: one whose lock is free belongs to a run that was killed.
    _lock: File,
    is_finished: bool,
}

impl NewFolder {
    /// Starts an empty folder beside `place`, and removes what runs that were killed left there.
    pub(crate) fn create(place: &Path) -> Result<Self, PackageError> {
        // A link is followed, so that the folder it names is replaced and not the link.
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let parent = place.parent().unwrap_or(Path::new("/")).to_owned();
        let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        fs::create_dir_all(&parent).map_err(|cause| files("create", &parent, cause))?;
        let prefix = format!(".{name}{MARK}");
        remove_abandoned(&parent, &prefix);
        let path = parent.join(format!("{prefix}{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&path).map_err(|cause| files("create", &path, cause))?;
        let lock = File::open(&path).map_err(|cause| files("open", &path, cause))?;
        // A file system without locks only loses the cleaning up of abandoned folders.
        let _ = flock(&lock, FlockOperation::NonBlockingLockShared);
        Ok(Self { path, place, _lock: lock, is_finished: false })
    }

    /// Puts the folder in its place; what was there before is removed.
    pub(crate) fn finish(mut self) -> Result<(), PackageError> {
        if fs::symlink_metadata(&self.place).is_err() {
            fs::rename(&self.path, &self.place).map_err(|cause| files("move into place", &self.place, cause))?;
            self.is_finished = true;
            return Ok(());
        }
        // Afterwards the old packages are where the new ones were filled.
        swap(&self.path, &self.place).map_err(|cause| files("replace", &self.place, cause))?;
        self.is_finished = true;
        remove(&self.path).map_err(|cause| files("remove", &self.path, cause))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if !self.is_finished {
            // The folder is ours alone; the next run tries again.
            let _ = remove(&self.path);
        }
    }
}

/// Exchanges two folders, in one step where the file system can.
fn swap(new: &Path, old: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let aside = new.with_extension("old");
    fs::rename(old, &aside)?;
    if let Err(error) = fs::rename(new, old) {
        fs::rename(&aside, old)?;
        return Err(error);
    }
    fs::rename(&aside, new)
}

fn remove_abandoned(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let Ok(folder) = File::open(entry.path()) else { continue };
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // What cannot be removed now stays for the next run; it is in nobody's way.
            let _ = remove(&entry.path());
        }
    }
}

/// Removes a folder; a link in it is removed, never what it names.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

fn files(action: &'static str, path: &Path, cause: io::Error) -> PackageError {
    PackageError::Files { action, path: path.to_owned(), cause }
}
