//! Unpacks a package's `.tar.gz`. Only plain files and folders below one top folder come out: a link, a device, an absolute
//! path or one with `..` refuses the whole archive.

use crate::PackageError;
use dvt_archive::{ArchiveError, Entry, Kind, Limits, read_tar_gz};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// More than any package.
const LIMITS: Limits = Limits { entries: 500_000, bytes: 2 * 1024 * 1024 * 1024 };

/// Unpacks `archive` into the folder `to`, which must not exist yet, without the archive's own top folder.
///
/// # Errors
/// [`PackageError::UnsafeArchive`] for what is never unpacked, [`PackageError::DamagedArchive`] for what cannot be read (then
/// a new download may help), [`PackageError::ArchiveLayout`] when there is no single top folder.
pub(crate) fn unpack(archive: &Path, source: &str, to: &Path) -> Result<(), PackageError> {
    let file =
        File::open(archive).map_err(|cause| PackageError::Files { action: "open", path: archive.to_owned(), cause })?;
    let mut unpacker = Unpacker { to, top: None };
    let read = read_tar_gz(file, LIMITS, |entry| unpacker.take(entry));
    let has_one_top = unpacker.top.is_some() && to.is_dir();
    match read {
        Ok(()) if has_one_top => Ok(()),
        Ok(()) | Err(Refusal::Layout) => Err(PackageError::ArchiveLayout { source_name: source.to_owned() }),
        Err(Refusal::Archive(ArchiveError::Damaged { reason })) => {
            Err(PackageError::DamagedArchive { source_name: source.to_owned(), reason })
        }
        Err(Refusal::Archive(ArchiveError::Unsafe { entry, reason })) => {
            Err(PackageError::UnsafeArchive { source_name: source.to_owned(), entry, reason })
        }
        Err(Refusal::Archive(ArchiveError::Files { action, path, cause })) => {
            Err(PackageError::Files { action, path, cause })
        }
    }
}

enum Refusal {
    /// It has no single top folder.
    Layout,
    Archive(ArchiveError),
}

impl From<ArchiveError> for Refusal {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

struct Unpacker<'a> {
    to: &'a Path,
    /// The one folder that holds everything.
    top: Option<String>,
}

impl Unpacker<'_> {
    fn take(&mut self, entry: &mut Entry<'_>) -> Result<(), Refusal> {
        entry.is_plain()?;
        let place = self.place(entry)?;
        match (entry.kind, place) {
            (Kind::Folder, None) => self.create(self.to),
            (Kind::Folder, Some(folder)) => self.create(&folder),
            (_, Some(file)) => Ok(entry.write_to(&file)?),
            (_, None) => Err(Refusal::Layout),
        }
    }

    /// Where an entry goes; `None` for the top folder itself.
    fn place(&mut self, entry: &Entry<'_>) -> Result<Option<PathBuf>, Refusal> {
        let parts = entry.parts()?;
        let Some((first, rest)) = parts.split_first() else { return Ok(None) };
        if self.top.get_or_insert_with(|| (*first).to_owned()) != first {
            return Err(Refusal::Layout);
        }
        Ok((!rest.is_empty()).then(|| rest.iter().fold(self.to.to_owned(), |path, part| path.join(part))))
    }

    fn create(&self, folder: &Path) -> Result<(), Refusal> {
        fs::create_dir_all(folder)
            .map_err(|cause| Refusal::Archive(ArchiveError::Files { action: "create", path: folder.to_owned(), cause }))
    }
}

#[cfg(test)]
mod tests;
