//! Reads the archives that package clients fetch: wheels (zip) and `.tar.gz`. What is wanted comes out below one folder; a
//! link, a device, an absolute path or one with `..` refuses the whole archive.
//!
//! Source: PKWARE's APPNOTE (local and central headers, zip64), POSIX ustar and pax headers, GNU tar's long names.

mod tar;
mod zip;

use crate::error::files;
use crate::{Members, SyncError};
use sha2::{Digest, Sha256, Sha512};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

/// More than any package that dvt takes; an archive that unpacks to more is a trap.
const MAX_BYTES: u64 = 8 * 1024 * 1024 * 1024;
const MAX_ENTRIES: usize = 200_000;

/// Why an archive is refused.
#[derive(Debug)]
enum Refusal {
    Damaged(String),
    Files(SyncError),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

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
    let mut sink = Sink { members, to, top: None, sizes: BTreeMap::new(), bytes: 0, entries: 0 };
    let is_zip = archive.extension().is_some_and(|extension| extension == "whl");
    let read = if is_zip { zip::read(file, &mut sink) } else { tar::read(BufReader::new(file), &mut sink) };
    match read {
        Ok(()) => {}
        Err(Refusal::Files(error)) => return Err(error),
        Err(Refusal::Damaged(reason)) => return Err(SyncError::Archive { package: package.to_owned(), reason }),
    }
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
    bytes: u64,
    entries: usize,
}

impl Sink<'_> {
    /// The path below the folder that an entry gets; `None` for one that is not wanted. A path that leads outside
    /// refuses the archive, wanted or not.
    fn place(&mut self, path: &str) -> Result<Option<String>, Refusal> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(Refusal::Damaged("it holds too many entries".to_owned()));
        }
        if path.contains(['\0', '\\']) {
            return Err(Refusal::Damaged(format!("`{path}` holds a character that no path may have")));
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in Path::new(path).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(Refusal::Damaged(format!("`{path}` leads out of the package")));
                }
            }
        }
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
                        return Err(Refusal::Damaged("it has more than one top folder".to_owned()));
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

    /// Writes one file. `size` is what the archive says; a file that has another is refused.
    fn write(&mut self, below: &str, size: u64, executable: bool, content: &mut dyn Read) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_BYTES {
            return Err(Refusal::Damaged("it unpacks to more than 8 GiB".to_owned()));
        }
        let target: PathBuf = below.split('/').fold(self.to.to_owned(), |path, part| path.join(part));
        let wrong = |action, cause| Refusal::Files(files(action, &target)(cause));
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|cause| wrong("create", cause))?;
        }
        let mut file = File::create(&target).map_err(|cause| wrong("write", cause))?;
        let mut written = 0;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = content.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            written += read as u64;
            if written > size {
                return Err(Refusal::Damaged(format!("`{below}` is longer than it says")));
            }
            file.write_all(&buffer[..read]).map_err(|cause| wrong("write", cause))?;
        }
        if written != size {
            return Err(Refusal::Damaged(format!("`{below}` ends too early")));
        }
        if executable {
            make_executable(&file).map_err(|cause| wrong("write", cause))?;
        }
        // What is renamed into place is on the disk before its name is.
        file.sync_all().map_err(|cause| wrong("write", cause))?;
        self.sizes.insert(below.to_owned(), size);
        Ok(())
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

#[cfg(test)]
mod tests;
