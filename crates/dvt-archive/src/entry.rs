//! One entry of an archive, and how it gets onto the disk.

use crate::ArchiveError;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path};

/// What an archive may come to; more is a trap.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub entries: usize,
    /// Of all files that are written.
    pub bytes: u64,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// Symbolic or hard.
    Link,
    /// Devices, pipes, and whatever else an archive can name.
    Other,
}

/// An entry that is being read.
pub struct Entry<'a> {
    pub path: &'a str,
    pub kind: Kind,
    /// Bytes, as the archive says.
    pub size: u64,
    pub(crate) is_executable: bool,
    pub(crate) content: &'a mut dyn Read,
    /// Bytes that all files may still have.
    pub(crate) left: &'a mut u64,
}

impl Entry<'_> {
    /// The names in its path, which lead nowhere but down.
    ///
    /// # Errors
    /// [`ArchiveError::Unsafe`] for a path that leads out.
    pub fn parts(&self) -> Result<Vec<&str>, ArchiveError> {
        if self.path.contains(['\0', '\\']) {
            return Err(self.refused("its path holds a character that no path may have"));
        }
        let mut parts = Vec::new();
        for part in Path::new(self.path).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(part) => parts.extend(part.to_str()),
                Component::ParentDir => return Err(self.refused("its path leads out of the package")),
                Component::RootDir | Component::Prefix(_) => return Err(self.refused("its path is absolute")),
            }
        }
        Ok(parts)
    }

    /// That it is a file or a folder.
    ///
    /// # Errors
    /// [`ArchiveError::Unsafe`] for links and the rest.
    pub fn is_plain(&self) -> Result<(), ArchiveError> {
        match self.kind {
            Kind::File | Kind::Folder => Ok(()),
            Kind::Link => Err(self.refused("it is a link")),
            Kind::Other => Err(self.refused("it is neither a file nor a folder")),
        }
    }

    /// Writes its content to `to`, whose folders are made. A file that is there already is replaced, as in every tar.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when it is longer or shorter than the archive says; [`ArchiveError::Unsafe`] when it is one
    /// too many bytes; [`ArchiveError::Files`].
    pub fn write_to(&mut self, to: &Path) -> Result<(), ArchiveError> {
        let Some(left) = self.left.checked_sub(self.size) else {
            return Err(self.refused("the archive unpacks to more bytes than any package has"));
        };
        *self.left = left;
        let wrong = |action, cause| ArchiveError::Files { action, path: to.to_owned(), cause };
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|cause| wrong("create the folder of", cause))?;
        }
        let mut file = File::create(to).map_err(|cause| wrong("write", cause))?;
        let mut written = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = self.content.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            written += read as u64;
            if written > self.size {
                return Err(ArchiveError::damaged(format!("`{}` is longer than it says", self.path)));
            }
            file.write_all(&buffer[..read]).map_err(|cause| wrong("write", cause))?;
        }
        if written != self.size {
            return Err(ArchiveError::damaged(format!("`{}` ends too early", self.path)));
        }
        if self.is_executable {
            make_executable(&file).map_err(|cause| wrong("write", cause))?;
        }
        // What is renamed into place is on the disk before its name is.
        file.sync_all().map_err(|cause| wrong("write", cause))
    }

    fn refused(&self, reason: &'static str) -> ArchiveError {
        ArchiveError::Unsafe { entry: self.path.to_owned(), reason }
    }
}

#[cfg(unix)]
fn make_executable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = file.metadata()?.permissions();
    permissions.set_mode(permissions.mode() | 0o111);
    file.set_permissions(permissions)
}

#[cfg(not(unix))]
fn make_executable(_file: &File) -> io::Result<()> {
    Ok(())
}
