//! Unpacks a package's `.tar.gz`. Only plain files and folders below one top folder come out: a link, a device, an absolute
//! path or one with `..` refuses the whole archive.
//!
//! Source: POSIX pax interchange format (ustar headers, extended headers), GNU tar's long names.

use crate::PackageError;
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

const BLOCK: usize = 512;
/// More than any package; an archive that unpacks to more is a trap.
const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const MAX_ENTRIES: usize = 500_000;
/// Extended headers hold names, not data.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// Unpacks `archive` into the folder `to`, which must not exist yet, without the archive's own top folder.
///
/// # Errors
/// [`PackageError::UnsafeArchive`] for what is never unpacked, [`PackageError::DamagedArchive`] for what cannot be read (then
/// a new download may help), [`PackageError::ArchiveLayout`] when there is no single top folder.
pub(crate) fn unpack(archive: &Path, source: &str, to: &Path) -> Result<(), PackageError> {
    let file =
        File::open(archive).map_err(|cause| PackageError::Files { action: "open", path: archive.to_owned(), cause })?;
    let mut reader =
        Unpacker { tar: MultiGzDecoder::new(BufReader::new(file)), source, to, top: None, bytes: 0, entries: 0 };
    reader.run()
}

struct Unpacker<'a, R> {
    tar: R,
    source: &'a str,
    to: &'a Path,
    /// The one folder that holds everything.
    top: Option<String>,
    bytes: u64,
    entries: usize,
}

/// What extended headers say about the next entry.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    size: Option<u64>,
}

impl<R: Read> Unpacker<'_, R> {
    fn run(&mut self) -> Result<(), PackageError> {
        let mut extended = Extended::default();
        let mut header = [0; BLOCK];
        loop {
            self.tar.read_exact(&mut header).map_err(|error| self.damaged(&error.to_string()))?;
            if header.iter().all(|byte| *byte == 0) {
                break;
            }
            if !has_right_checksum(&header) {
                return Err(self.damaged("a header's checksum is wrong"));
            }
            let kind = header[156];
            let own_size = number(&header[124..136]).ok_or_else(|| self.damaged("a size is no number"))?;
            match kind {
                b'x' => {
                    let text = self.read_header_text(own_size)?;
                    extended = self.read_extended(&text)?;
                    continue;
                }
                // A header for all entries; commit ids and comments stand there.
                b'g' => {
                    self.read_header_text(own_size)?;
                    continue;
                }
                b'L' => {
                    let text = self.read_header_text(own_size)?;
                    extended.path = Some(String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned());
                    continue;
                }
                _ => {}
            }
            let Extended { path, size } = std::mem::take(&mut extended);
            let path = path.unwrap_or_else(|| header_path(&header));
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(self.unsafe_entry(&path, "the archive holds too many entries"));
            }
            match kind {
                b'0' | b'\0' | b'7' => self.write_file(&path, size.unwrap_or(own_size), &header)?,
                b'5' => {
                    if let Some(folder) = self.place(&path)? {
                        self.create_folder(&folder)?;
                    }
                }
                b'1' | b'2' | b'K' => return Err(self.unsafe_entry(&path, "it is a link")),
                _ => return Err(self.unsafe_entry(&path, "it is neither a file nor a folder")),
            }
        }
        // The checksum of the compressed data stands behind it.
        io::copy(&mut self.tar.by_ref().take(MAX_BYTES), &mut io::sink())
            .map_err(|error| self.damaged(&error.to_string()))?;
        if self.top.is_none() || !self.to.is_dir() {
            return Err(PackageError::ArchiveLayout { source_name: self.source.to_owned() });
        }
        Ok(())
    }

    fn write_file(&mut self, path: &str, size: u64, header: &[u8; BLOCK]) -> Result<(), PackageError> {
        let Some(target) = self.place(path)? else {
            return Err(PackageError::ArchiveLayout { source_name: self.source.to_owned() });
        };
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_BYTES {
            return Err(self.unsafe_entry(path, "the archive unpacks to more than 2 GiB"));
        }
        if let Some(parent) = target.parent() {
            self.create_folder(parent)?;
        }
        let write = |cause| PackageError::Files { action: "write", path: target.clone(), cause };
        // A second entry of one name replaces the first, as in every tar; a folder is never replaced by a file.
        let mut file = File::create(&target).map_err(write)?;
        let mut left = size;
        let mut buffer = [0; 16 * 1024];
        while left > 0 {
            let part = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.tar.read_exact(&mut buffer[..part]).map_err(|error| self.damaged(&error.to_string()))?;
            io::Write::write_all(&mut file, &buffer[..part]).map_err(write)?;
            left -= part as u64;
        }
        self.skip_padding(size)?;
        if number(&header[100..108]).is_some_and(|mode| mode & 0o100 != 0) {
            make_executable(&file).map_err(write)?;
        }
        Ok(())
    }

    /// Where an entry goes; `None` for the top folder itself.
    fn place(&mut self, path: &str) -> Result<Option<PathBuf>, PackageError> {
        if path.contains(['\0', '\\']) {
            return Err(self.unsafe_entry(path, "its path holds a character that no path may have"));
        }
        let mut parts = Vec::new();
        for part in Path::new(path).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(part) => parts.push(part),
                Component::ParentDir => return Err(self.unsafe_entry(path, "its path leaves the package")),
                Component::RootDir | Component::Prefix(_) => {
                    return Err(self.unsafe_entry(path, "its path is absolute"));
                }
            }
        }
        let Some((first, rest)) = parts.split_first() else { return Ok(None) };
        let first = first.to_string_lossy();
        match &self.top {
            None => self.top = Some(first.into_owned()),
            Some(top) if *top == first => {}
            Some(_) => return Err(PackageError::ArchiveLayout { source_name: self.source.to_owned() }),
        }
        if rest.is_empty() {
            self.create_folder(self.to)?;
            return Ok(None);
        }
        Ok(Some(rest.iter().fold(self.to.to_owned(), |path, part| path.join(part))))
    }

    fn create_folder(&self, path: &Path) -> Result<(), PackageError> {
        fs::create_dir_all(path).map_err(|cause| PackageError::Files { action: "create", path: path.to_owned(), cause })
    }

    fn read_header_text(&mut self, size: u64) -> Result<Vec<u8>, PackageError> {
        if size > MAX_HEADER_BYTES {
            return Err(self.damaged("a header is too long"));
        }
        let mut text = Vec::new();
        let read = self.tar.by_ref().take(size).read_to_end(&mut text);
        read.map_err(|error| self.damaged(&error.to_string()))?;
        if text.len() as u64 != size {
            return Err(self.damaged("it ends in the middle of a header"));
        }
        self.skip_padding(size)?;
        Ok(text)
    }

    /// Records are `<length> <key>=<value>\n`.
    fn read_extended(&self, text: &[u8]) -> Result<Extended, PackageError> {
        let mut extended = Extended::default();
        let mut rest = text;
        while !rest.is_empty() {
            let wrong = || self.damaged("an extended header is wrong");
            let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
            let length = std::str::from_utf8(&rest[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let length = length.filter(|length| *length > space + 1 && *length <= rest.len()).ok_or_else(wrong)?;
            let record = String::from_utf8_lossy(&rest[space + 1..length - 1]).into_owned();
            match record.split_once('=').ok_or_else(wrong)? {
                ("path", value) => extended.path = Some(value.to_owned()),
                ("size", value) => extended.size = Some(value.parse().map_err(|_| wrong())?),
                (key, _) if key.starts_with("GNU.sparse") => {
                    return Err(self.unsafe_entry(&record, "it is a sparse file"));
                }
                _ => {}
            }
            rest = &rest[length..];
        }
        Ok(extended)
    }

    /// Entries are filled up to whole blocks.
    fn skip_padding(&mut self, size: u64) -> Result<(), PackageError> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            let mut padding = [0; BLOCK];
            self.tar.read_exact(&mut padding[over..]).map_err(|error| self.damaged(&error.to_string()))?;
        }
        Ok(())
    }

    fn damaged(&self, reason: &str) -> PackageError {
        PackageError::DamagedArchive { source_name: self.source.to_owned(), reason: reason.to_owned() }
    }

    fn unsafe_entry(&self, path: &str, reason: &'static str) -> PackageError {
        PackageError::UnsafeArchive { source_name: self.source.to_owned(), entry: path.to_owned(), reason }
    }
}

fn header_path(header: &[u8; BLOCK]) -> String {
    let name = text(&header[0..100]);
    let is_ustar = &header[257..262] == b"ustar";
    let prefix = if is_ustar && header[263..265] == *b"00" { text(&header[345..500]) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Octal digits, or GNU's binary form, which is told by its first bit.
fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        let mut value: u64 = 0;
        for (index, byte) in field.iter().enumerate() {
            let byte = if index == 0 { byte & 0x7f } else { *byte };
            value = value.checked_mul(256)?.checked_add(u64::from(byte))?;
        }
        return Some(value);
    }
    let digits = text(field);
    let digits = digits.trim();
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn has_right_checksum(header: &[u8; BLOCK]) -> bool {
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(index, byte)| u64::from(if (148..156).contains(&index) { b' ' } else { *byte }))
        .sum();
    number(&header[148..156]) == Some(sum)
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
