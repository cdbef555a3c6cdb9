//! `.tar.gz`: the headers that describe a later entry are read here, so that none of them can fill the memory.

use crate::{ArchiveError, Entry, Kind, Limits};
use flate2::read::MultiGzDecoder;
use std::io::{self, BufReader, Read};
use tar::{Archive, EntryType, PaxExtensions};

/// Extended headers hold names, not data.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// Reads every entry, then what stands behind the last one: the checksum of the compressed data.
pub(crate) fn read<E: From<ArchiveError>>(
    archive: impl Read,
    limits: Limits,
    visit: &mut impl FnMut(&mut Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = Archive::new(MultiGzDecoder::new(BufReader::new(archive)));
    let mut left = limits.bytes;
    let mut next_path = None;
    let entries = archive.entries().map_err(ArchiveError::from)?.raw(true);
    let mut count = 0;
    for entry in entries {
        let mut entry = entry.map_err(ArchiveError::from)?;
        let kind = match entry.header().entry_type() {
            EntryType::XHeader => {
                next_path = extended(&header_text(&mut entry)?)?.or(next_path);
                continue;
            }
            EntryType::GNULongName => {
                let name = header_text(&mut entry)?;
                next_path = Some(String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned());
                continue;
            }
            // Commit ids and comments; the name of what a link points to.
            EntryType::XGlobalHeader | EntryType::GNULongLink => {
                header_text(&mut entry)?;
                continue;
            }
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink | EntryType::Link => Kind::Link,
            _ => Kind::Other,
        };
        let path = next_path.take().unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        count += 1;
        if count > limits.entries {
            return Err(too_many(&path).into());
        }
        let is_executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        let size = entry.size();
        visit(&mut Entry { path: &path, kind, size, is_executable, content: &mut entry, left: &mut left })?;
    }
    let mut rest = archive.into_inner();
    io::copy(&mut Read::by_ref(&mut rest).take(limits.bytes), &mut io::sink()).map_err(ArchiveError::from)?;
    Ok(())
}

pub(crate) fn too_many(path: &str) -> ArchiveError {
    ArchiveError::Unsafe { entry: path.to_owned(), reason: "the archive holds too many entries" }
}

fn header_text(entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>, ArchiveError> {
    if entry.size() > MAX_HEADER_BYTES {
        return Err(ArchiveError::damaged("a header is too long"));
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text)?;
    if text.len() as u64 == entry.size() {
        Ok(text)
    } else {
        Err(ArchiveError::damaged("it ends in the middle of a header"))
    }
}

/// The path that an extended header gives to the next entry.
fn extended(text: &[u8]) -> Result<Option<String>, ArchiveError> {
    let mut path = None;
    for record in PaxExtensions::new(text) {
        let record = record?;
        match record.key_bytes() {
            b"path" => path = Some(String::from_utf8_lossy(record.value_bytes()).into_owned()),
            // Only a file that the plain header has no room for needs it.
            b"size" => return Err(ArchiveError::damaged("it holds a file of 8 GiB or more")),
            key if key.starts_with(b"GNU.sparse") => return Err(ArchiveError::damaged("it holds a sparse file")),
            _ => {}
        }
    }
    Ok(path)
}
