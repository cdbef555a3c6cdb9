//! Reads archives that come from elsewhere, `.tar.gz` and zip, entry by entry. The visitor decides what it wants; an entry's
//! path is only given in parts that stay below a folder, and its bytes are counted.

mod entry;
mod error;
mod tar_gz;
#[cfg(test)]
mod tests;
mod zip;

pub use entry::{Entry, Kind, Limits};
pub use error::ArchiveError;

use std::fs::File;
use std::io::Read;

/// Reads a `.tar.gz` to its end and shows each entry to `visit`, in the archive's order.
///
/// # Errors
/// [`ArchiveError`] for an archive that is damaged or beyond the limits; whatever `visit` gives.
pub fn read_tar_gz<E: From<ArchiveError>>(
    archive: impl Read,
    limits: Limits,
    mut visit: impl FnMut(&mut Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    tar_gz::read(archive, limits, &mut visit)
}

/// Reads a zip archive with stored or deflated members, as its directory lists them.
///
/// # Errors
/// As [`read_tar_gz`].
pub fn read_zip<E: From<ArchiveError>>(
    archive: File,
    limits: Limits,
    mut visit: impl FnMut(&mut Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    zip::read(archive, limits, &mut visit)
}
