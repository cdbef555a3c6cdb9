//! Takes what is wanted out of the archives that package clients fetch: wheels (zip) and `.tar.gz`.

use crate::error::files;
use crate::{Members, SyncError};
use dvt_archive::{ArchiveError, Entry, Kind, Limits, read_tar_gz, read_zip};
use sha2::{Digest, Sha256, Sha512};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// More than any package that dvt takes.
const LIMITS: Limits = Limits { entries: 200_000, bytes: 8 * 1024 * 1024 * 1024 };

/// The file's hash, in the notation of `like` (`sha512-` and base64), else `sha256-` and hexadecimal digits.
pub(crate) fn integrity_of(file: &Path, like: Option<&str>) -> Result<String, SyncError> {
    let open = File::open(file).map_err(files("open", file))?;
    let mut reader = BufReader::with_capacity(1 << 20, open);
    if like.is_some_and(|like| like.starts_with("sha512-")) {
        let mut hasher = Sha512::new();
        io::copy(&mut reader, &mut hasher).map_err(files("read", file))?;
        return Ok(format!("sha512-{}", base64(&hasher.finalize())));
    }
    let mut hasher = Sha256::new();
    io::copy(&mut reader, &mut hasher).map_err(files("read", file))?;
    Ok(format!("sha256-{}", hexadecimal(&hasher.finalize())))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = number >> (18 - 6 * index) & 63;
            text.push(if index > chunk.len() { '=' } else { char::from(DIGITS[digit as usize]) });
        }
    }
    text
}

/// Takes the members out of the archive into the folder `to`, which is there and empty. Gives each file's path below it
/// with its size.
pub(crate) fn unpack(
    archive: &Path,
    package: &str,
    members: &Members,
    to: &Path,
) -> Result<BTreeMap<String, u64>, SyncError> {
    let file = File::open(archive).map_err(files("open", archive))?;
    let mut sink = Sink { members, to, top: None, sizes: BTreeMap::new() };
    let is_zip = archive.extension().is_some_and(|extension| extension == "whl");
    let take = |entry: &mut Entry<'_>| sink.take(entry);
    let read = if is_zip { read_zip(file, LIMITS, take) } else { read_tar_gz(file, LIMITS, take) };
    read.map_err(|error| match error {
        ArchiveError::Files { action, path, cause } => SyncError::Files { action, path, cause },
        refused => SyncError::Archive { package: package.to_owned(), reason: refused.to_string() },
    })?;
    if sink.sizes.is_empty() {
        let (Members::File(member) | Members::Below(member) | Members::Macros(member)) = members;
        return Err(SyncError::NoSuchMember { package: package.to_owned(), member: member.clone() });
    }
    Ok(sink.sizes)
}

/// Where entries go.
struct Sink<'a> {
    members: &'a Members,
    to: &'a Path,
    top: Option<String>,
    sizes: BTreeMap<String, u64>,
}

impl Sink<'_> {
    fn take(&mut self, entry: &mut Entry<'_>) -> Result<(), ArchiveError> {
        // Links are passed over unless they are wanted; a path that leads outside refuses the archive, wanted or not.
        let Some(below) = self.place(entry)?.filter(|_| entry.kind != Kind::Folder) else { return Ok(()) };
        entry.is_plain()?;
        entry.write_to(&below.split('/').fold(self.to.to_owned(), |path, part| path.join(part)))?;
        self.sizes.insert(below, entry.size);
        Ok(())
    }

    /// The path below the folder that an entry gets; `None` for one that is not wanted.
    fn place(&mut self, entry: &Entry<'_>) -> Result<Option<String>, ArchiveError> {
        let path = entry.path;
        let parts = entry.parts()?;
        Ok(match self.members {
            Members::File(wanted) => {
                let path = parts.join("/");
                let is_it = path == *wanted || path.strip_prefix("package/") == Some(wanted);
                is_it.then(|| parts.last().copied().unwrap_or_default().to_owned())
            }
            Members::Macros(_) if ![".sql", ".yml", ".yaml"].iter().any(|ending| path.ends_with(ending)) => None,
            Members::Below(folder) | Members::Macros(folder) => {
                let mut wanted = folder.split('/');
                let mut rest = parts.as_slice();
                if folder.starts_with("*/") {
                    wanted.next();
                    let Some((top, below)) = rest.split_first() else { return Ok(None) };
                    if *self.top.get_or_insert_with(|| (*top).to_owned()) != **top {
                        return Err(ArchiveError::Damaged { reason: "it has more than one top folder".to_owned() });
                    }
                    rest = below;
                }
                for part in wanted {
                    match rest.split_first() {
                        Some((first, below)) if *first == part => rest = below,
                        _ => return Ok(None),
                    }
                }
                (!rest.is_empty()).then(|| rest.join("/"))
            }
        })
    }
}

#[cfg(test)]
mod tests;
