//! zip archives with stored or deflated members. (The crates that read zip bring compressors and ciphers that no wheel uses.)
//!
//! Source: PKWARE's APPNOTE (local and central headers, zip64).

use crate::tar_gz::too_many;
use crate::{ArchiveError, Entry, Kind, Limits};
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

const END: [u8; 4] = *b"PK\x05\x06";
const END_64_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const END_64: [u8; 4] = *b"PK\x06\x06";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// A comment may stand behind the end record.
const LONGEST_END: u64 = 22 + 65_535;

/// One member as the central directory tells it.
struct Member {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
    mode: u32,
}

pub(crate) fn read<E: From<ArchiveError>>(
    mut file: File,
    limits: Limits,
    visit: &mut impl FnMut(&mut Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut left = limits.bytes;
    for (count, member) in directory(&mut file)?.iter().enumerate() {
        if count >= limits.entries {
            return Err(too_many(&member.name).into());
        }
        let mut content = Content::open(&mut file, member)?;
        // The upper half of a member's attributes is its mode on Unix.
        let kind = match member.mode & 0o170_000 {
            0o120_000 => Kind::Link,
            _ if member.name.ends_with('/') => Kind::Folder,
            _ => Kind::File,
        };
        visit(&mut Entry {
            path: &member.name,
            kind,
            size: member.size,
            is_executable: member.mode & 0o100 != 0,
            content: &mut content,
            left: &mut left,
        })?;
        if content.is_read_through && content.crc.sum() != member.crc {
            return Err(ArchiveError::damaged(format!("the checksum of `{}` is wrong", member.name)).into());
        }
    }
    Ok(())
}

/// A member's bytes, summed up as they pass.
struct Content<'a> {
    bytes: Box<dyn Read + 'a>,
    crc: Crc,
    is_read_through: bool,
}

impl<'a> Content<'a> {
    fn open(file: &'a mut File, member: &Member) -> Result<Self, ArchiveError> {
        file.seek(SeekFrom::Start(member.offset))?;
        let mut header = [0; 30];
        file.read_exact(&mut header)?;
        if header[..4] != LOCAL {
            return Err(ArchiveError::damaged(format!("`{}` has no header", member.name)));
        }
        let skip = i64::from(u16_at(&header, 26)?) + i64::from(u16_at(&header, 28)?);
        file.seek(SeekFrom::Current(skip))?;
        let packed = BufReader::with_capacity(256 * 1024, file.take(member.packed));
        let bytes: Box<dyn Read> = match member.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            other => {
                return Err(ArchiveError::damaged(format!("`{}` is packed by method {other}", member.name)));
            }
        };
        Ok(Self { bytes, crc: Crc::new(), is_read_through: false })
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.crc.update(&buffer[..read]);
        self.is_read_through |= read == 0;
        Ok(read)
    }
}

fn directory(file: &mut File) -> Result<Vec<Member>, ArchiveError> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail_start = length.saturating_sub(LONGEST_END);
    file.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    Read::by_ref(file).take(LONGEST_END).read_to_end(&mut tail)?;
    let end = (0..tail.len().saturating_sub(21)).rev().find(|at| tail[*at..*at + 4] == END);
    let end = end.ok_or_else(|| ArchiveError::damaged("it is no zip archive, or its end is missing"))?;
    let mut count = u64::from(u16_at(&tail, end + 10)?);
    let mut size = u64::from(u32_at(&tail, end + 12)?);
    let mut offset = u64::from(u32_at(&tail, end + 16)?);
    if let Some(locator) = end.checked_sub(20).filter(|at| tail[*at..*at + 4] == END_64_LOCATOR) {
        file.seek(SeekFrom::Start(u64_at(&tail, locator + 8)?))?;
        let mut record = [0; 56];
        file.read_exact(&mut record)?;
        if record[..4] != END_64 {
            return Err(ArchiveError::damaged("its zip64 end is wrong"));
        }
        (count, size, offset) = (u64_at(&record, 32)?, u64_at(&record, 40)?, u64_at(&record, 48)?);
    }
    if offset.checked_add(size).is_none_or(|end| end > length) {
        return Err(ArchiveError::damaged("its directory lies outside of it"));
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    Read::by_ref(file).take(size).read_to_end(&mut bytes)?;
    let mut entries = Vec::new();
    let mut at = 0;
    while at < bytes.len() && (entries.len() as u64) < count {
        entries.push(central(&bytes, &mut at)?);
    }
    if entries.len() as u64 != count {
        return Err(ArchiveError::damaged("its directory ends too early"));
    }
    Ok(entries)
}

fn central(bytes: &[u8], at: &mut usize) -> Result<Member, ArchiveError> {
    let start = *at;
    let wrong = || ArchiveError::damaged("an entry of its directory is wrong");
    if bytes.get(start..start + 4) != Some(&CENTRAL) {
        return Err(wrong());
    }
    let flags = u16_at(bytes, start + 8)?;
    let (name_length, extra_length, comment_length) = (
        usize::from(u16_at(bytes, start + 28)?),
        usize::from(u16_at(bytes, start + 30)?),
        usize::from(u16_at(bytes, start + 32)?),
    );
    let name_end = start + 46 + name_length;
    let name = bytes.get(start + 46..name_end).ok_or_else(wrong)?;
    let extra = bytes.get(name_end..name_end + extra_length).ok_or_else(wrong)?;
    let mut entry = Member {
        name: String::from_utf8(name.to_vec()).map_err(|_| wrong())?,
        method: u16_at(bytes, start + 10)?,
        crc: u32_at(bytes, start + 16)?,
        packed: u64::from(u32_at(bytes, start + 20)?),
        size: u64::from(u32_at(bytes, start + 24)?),
        offset: u64::from(u32_at(bytes, start + 42)?),
        mode: u32_at(bytes, start + 38)? >> 16,
    };
    if flags & 1 != 0 {
        return Err(ArchiveError::damaged(format!("`{}` is encrypted", entry.name)));
    }
    // Values that do not fit 32 bits stand in the extra field of zip64, in this order, only where they do not fit.
    let mut rest = extra;
    while rest.len() >= 4 {
        let (kind, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let field = rest.get(4..4 + length).ok_or_else(wrong)?;
        if kind == 1 {
            let mut position = 0;
            for value in [&mut entry.size, &mut entry.packed, &mut entry.offset] {
                if *value == u64::from(u32::MAX) {
                    *value = u64_at(field, position)?;
                    position += 8;
                }
            }
        }
        rest = &rest[4 + length..];
    }
    *at = name_end + extra_length + comment_length;
    Ok(entry)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], ArchiveError> {
    let field = bytes.get(at..at + N).and_then(|field| field.try_into().ok());
    field.ok_or_else(|| ArchiveError::damaged("a header ends too early"))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, ArchiveError> {
    field(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, ArchiveError> {
    field(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, ArchiveError> {
    field(bytes, at).map(u64::from_le_bytes)
}
