//! Files that are there whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many files this process began to write.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// An artifact could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {cause}", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    #[source]
    pub cause: io::Error,
}

/// Writes a file so that a reader sees the old contents or the new, never a part: into a temporary file beside it, then
/// renamed. Folders on the way are made.
///
/// # Errors
/// [`WriteError`]; the file is then as it was.
pub fn write_atomically(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    write_atomically_with(path, |file| file.write_all(contents))
}

/// The same, where the contents are written piece by piece.
///
/// # Errors
/// [`WriteError`]; the file is then as it was.
pub fn write_atomically_with(
    path: &Path,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    write_beside(path, |file| {
        let mut buffered = io::BufWriter::with_capacity(1 << 16, file);
        contents(&mut buffered)?;
        buffered.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    })
}

/// The same without waiting for the disk: a reader sees the old contents or the new, but when the machine itself goes
/// down, the file may be cut. For what can be made again, and for what nobody reads without a check.
///
/// # Errors
/// [`WriteError`]; the file is then as it was.
pub fn write_quickly(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    write_beside(path, |mut file| file.write_all(contents))
}

/// Writes a file that is not there yet, in as few steps as there can be. `false`: there is one, which is as it was.
///
/// A reader may see the start of it, and when writing fails what was written stays.
///
/// # Errors
/// [`WriteError`].
pub fn write_new(path: &Path, contents: &[u8]) -> Result<bool, WriteError> {
    let create = || fs::File::create_new(path);
    let created = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.parent() {
            Some(folder) => fs::create_dir_all(folder).and_then(|()| create()),
            None => Err(error),
        },
        other => other,
    };
    match created.and_then(|mut file| file.write_all(contents)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        written => written.map(|()| true).map_err(|cause| WriteError { path: path.to_owned(), cause }),
    }
}

fn write_beside(path: &Path, write: impl FnOnce(fs::File) -> io::Result<()>) -> Result<(), WriteError> {
    let error = |cause| WriteError { path: path.to_owned(), cause };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(error)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Two threads may write the same file: dbt gives two tests of one name one path.
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}.{}.{number}.tmp", std::process::id()));
    let written = fs::File::create(&temporary).and_then(write).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|cause| {
        // The temporary file is ours alone; that it cannot be removed either changes nothing for the caller.
        let _ = fs::remove_file(&temporary);
        error(cause)
    })
}
