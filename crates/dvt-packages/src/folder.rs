//! Folders that are filled out of sight: the next packages-install-path, swapped in when it is complete, and the folder that
//! one run works in. What a killed run left of them, the next run removes.

use crate::PackageError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A folder of this run, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct OwnFolder {
    pub(crate) path: PathBuf,
    /// Held while the run lives: a folder whose lock is free belongs to a run that was killed.
    _lock: File,
}

impl OwnFolder {
    /// Makes `<parent>/<prefix><unique>`, and removes such folders of runs that were killed.
    pub(crate) fn create(parent: &Path, prefix: &str) -> Result<Self, PackageError> {
        fs::create_dir_all(parent).map_err(|cause| files("create", parent, cause))?;
        remove_abandoned(parent, prefix);
        let path = parent.join(format!("{prefix}{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&path).map_err(|cause| files("create", &path, cause))?;
        let lock = File::open(&path).map_err(|cause| files("open", &path, cause))?;
        // A file system without locks only loses the cleaning up after killed runs.
        let _ = flock(&lock, FlockOperation::NonBlockingLockShared);
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        // The folder is ours alone; the next run tries again.
        let _ = remove(&self.path);
    }
}

/// A new install folder, not yet in its place.
#[derive(Debug)]
pub(crate) struct NewFolder {
    filled: OwnFolder,
    place: PathBuf,
}

impl NewFolder {
    /// Starts an empty folder beside `place`.
    pub(crate) fn create(place: &Path) -> Result<Self, PackageError> {
        // A link is followed, so that the folder it names is replaced and not the link.
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let parent = place.parent().unwrap_or(Path::new("/")).to_owned();
        let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { filled: OwnFolder::create(&parent, &format!(".{name}.installing-"))?, place })
    }

    /// Where packages go until the folder is complete.
    pub(crate) fn path(&self) -> &Path {
        &self.filled.path
    }

    /// Puts the folder in its place; what was there before is removed.
    pub(crate) fn finish(self) -> Result<(), PackageError> {
        if fs::symlink_metadata(&self.place).is_err() {
            return fs::rename(&self.filled.path, &self.place)
                .map_err(|cause| files("move into place", &self.place, cause));
        }
        // Afterwards the old packages are where the new ones were filled, and go with `filled`.
        swap(&self.filled.path, &self.place).map_err(|cause| files("replace", &self.place, cause))
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

/// Removes what killed runs left of a file that is written aside and then moved into place (`.<name>.….tmp`). One that is
/// being written now is younger than a minute.
pub(crate) fn remove_unfinished(folder: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let file_name = entry.file_name();
        let file_name = file_name.to_string_lossy();
        let is_part = file_name.strip_prefix(&format!(".{name}.")).is_some_and(|rest| rest.ends_with(".tmp"));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_part && age.is_some_and(|age| age.as_secs() >= 60) {
            // It is in nobody's way; the next run tries again.
            let _ = fs::remove_file(entry.path());
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

/// Moves a folder, over the border of a file system too; links in it stay links.
pub(crate) fn move_folder(from: &Path, to: &Path) -> io::Result<()> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    copy_with_links(from, to)?;
    remove(from)
}

fn copy_with_links(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_with_links(&source, &target)?;
        } else if kind.is_symlink() {
            link(&fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(windows)]
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_dir(from, to)
}

fn files(action: &'static str, path: &Path, cause: io::Error) -> PackageError {
    PackageError::Files { action, path: path.to_owned(), cause }
}
