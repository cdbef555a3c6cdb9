//! Wheels: zip archives with stored or deflated members.

use super::{Refusal, Sink};
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
struct Entry {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
    mode: u32,
}

/// Reads every member and hands those that are wanted to the sink.
pub(super) fn read(mut file: File, sink: &mut Sink<'_>) -> Result<(), Refusal> {
    let entries = directory(&mut file)?;
    for entry in entries {
        let below = sink.place(&entry.name)?;
        let Some(below) = below.filter(|_| !entry.name.ends_with('/')) else { continue };
        // The upper half of a member's attributes is its mode on Unix.
        if entry.mode & 0o170_000 == 0o120_000 {
            return Err(Refusal::Damaged(format!("`{}` is a link", entry.name)));
        }
        file.seek(SeekFrom::Start(entry.offset))?;
        let mut header = [0; 30];
        file.read_exact(&mut header)?;
        if header[..4] != LOCAL {
            return Err(Refusal::Damaged(format!("`{}` has no header", entry.name)));
        }
        let skip = u64::from(u16_at(&header, 26)?) + u64::from(u16_at(&header, 28)?);
        file.seek(SeekFrom::Current(i64::try_from(skip).unwrap_or(0)))?;
        let packed = BufReader::with_capacity(256 * 1024, Read::by_ref(&mut file).take(entry.packed));
        let mut crc = Crc::new();
        {
            let content: Box<dyn Read> = match entry.method {
                0 => Box::new(packed),
                8 => Box::new(DeflateDecoder::new(packed)),
                other => return Err(Refusal::Damaged(format!("`{}` is packed by method {other}", entry.name))),
            };
            let mut checked = Checked { inner: content, crc: &mut crc };
            sink.write(&below, entry.size, entry.mode & 0o100 != 0, &mut checked)?;
        }
        if crc.sum() != entry.crc {
            return Err(Refusal::Damaged(format!("the checksum of `{}` is wrong", entry.name)));
        }
    }
    Ok(())
}

/// Sums up what passes.
struct Checked<'a> {
    inner: Box<dyn Read + 'a>,
    crc: &'a mut Crc,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

fn directory(file: &mut File) -> Result<Vec<Entry>, Refusal> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail_start = length.saturating_sub(LONGEST_END);
    file.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    Read::by_ref(file).take(LONGEST_END).read_to_end(&mut tail)?;
    let end = (0..tail.len().saturating_sub(21)).rev().find(|at| tail[*at..*at + 4] == END);
    let end = end.ok_or_else(|| Refusal::Damaged("it is no zip archive, or its end is missing".to_owned()))?;
    let mut count = u64::from(u16_at(&tail, end + 10)?);
    let mut size = u64::from(u32_at(&tail, end + 12)?);
    let mut offset = u64::from(u32_at(&tail, end + 16)?);
    if let Some(locator) = end.checked_sub(20).filter(|at| tail[*at..*at + 4] == END_64_LOCATOR) {
        file.seek(SeekFrom::Start(u64_at(&tail, locator + 8)?))?;
        let mut record = [0; 56];
        file.read_exact(&mut record)?;
        if record[..4] != END_64 {
            return Err(Refusal::Damaged("its zip64 end is wrong".to_owned()));
        }
        (count, size, offset) = (u64_at(&record, 32)?, u64_at(&record, 40)?, u64_at(&record, 48)?);
    }
    if offset.checked_add(size).is_none_or(|end| end > length) {
        return Err(Refusal::Damaged("its directory lies outside of it".to_owned()));
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    Read::by_ref(file).take(size).read_to_end(&mut bytes)?;
    let mut entries = Vec::new();
    let mut at = 0;
    while at < bytes.len() && (entries.len() as u64) < count {
        let entry = central(&bytes, &mut at)?;
        entries.push(entry);
    }
    if entries.len() as u64 != count {
        return Err(Refusal::Damaged("its directory ends too early".to_owned()));
    }
    Ok(entries)
}

fn central(bytes: &[u8], at: &mut usize) -> Result<Entry, Refusal> {
    let start = *at;
    let wrong = || Refusal::Damaged("an entry of its directory is wrong".to_owned());
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
    let mut entry = Entry {
        name: String::from_utf8(name.to_vec()).map_err(|_| wrong())?,
        method: u16_at(bytes, start + 10)?,
        crc: u32_at(bytes, start + 16)?,
        packed: u64::from(u32_at(bytes, start + 20)?),
        size: u64::from(u32_at(bytes, start + 24)?),
        offset: u64::from(u32_at(bytes, start + 42)?),
        mode: u32_at(bytes, start + 38)? >> 16,
    };
    if flags & 1 != 0 {
        return Err(Refusal::Damaged(format!("`{}` is encrypted", entry.name)));
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

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Refusal> {
    let field = bytes.get(at..at + N).and_then(|field| field.try_into().ok());
    field.ok_or_else(|| Refusal::Damaged("a header ends too early".to_owned()))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Refusal> {
    field(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Refusal> {
    field(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Refusal> {
    field(bytes, at).map(u64::from_le_bytes)
}
