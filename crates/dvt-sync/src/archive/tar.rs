//! `.tar.gz`: plain files; links and devices are passed over unless they are wanted, and then refuse the archive.

use super::{Refusal, Sink};
use flate2::read::MultiGzDecoder;
use std::io::{self, Read};

const BLOCK: usize = 512;
/// Extended headers hold names, not data.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// Reads every entry and hands those that are wanted to the sink.
pub(super) fn read(file: impl Read, sink: &mut Sink<'_>) -> Result<(), Refusal> {
    let mut tar = MultiGzDecoder::new(file);
    let mut next = Extended::default();
    let mut header = [0; BLOCK];
    loop {
        tar.read_exact(&mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        if !has_right_checksum(&header) {
            return Err(Refusal::Damaged("a header's checksum is wrong".to_owned()));
        }
        let kind = header[156];
        let own_size = number(&header[124..136]).ok_or_else(|| Refusal::Damaged("a size is no number".to_owned()))?;
        match kind {
            b'x' => {
                next = extended(&header_text(&mut tar, own_size)?)?;
                continue;
            }
            b'g' | b'K' => {
                header_text(&mut tar, own_size)?;
                continue;
            }
            b'L' => {
                let text = header_text(&mut tar, own_size)?;
                next.path = Some(String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned());
                continue;
            }
            _ => {}
        }
        let Extended { path, size } = std::mem::take(&mut next);
        let path = path.unwrap_or_else(|| header_path(&header));
        let size = size.unwrap_or(own_size);
        let below = sink.place(&path)?;
        match (kind, below) {
            (b'0' | b'\0' | b'7', Some(below)) => {
                let executable = number(&header[100..108]).is_some_and(|mode| mode & 0o100 != 0);
                sink.write(&below, size, executable, &mut Read::by_ref(&mut tar).take(size))?;
                skip(&mut tar, padding(size))?;
            }
            (b'0' | b'\0' | b'7', None) => skip(&mut tar, size + padding(size))?,
            (b'5', _) => {}
            (b'1' | b'2', None) => {}
            (b'1' | b'2', Some(_)) => return Err(Refusal::Damaged(format!("`{path}` is a link"))),
            _ => return Err(Refusal::Damaged(format!("`{path}` is neither a file nor a folder"))),
        }
    }
    // The checksum of the compressed data stands behind it.
    io::copy(&mut tar.take(1 << 30), &mut io::sink())?;
    Ok(())
}

/// What extended headers say about the next entry.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    size: Option<u64>,
}

fn header_text(tar: &mut impl Read, size: u64) -> Result<Vec<u8>, Refusal> {
    if size > MAX_HEADER_BYTES {
        return Err(Refusal::Damaged("a header is too long".to_owned()));
    }
    let mut text = Vec::new();
    Read::by_ref(tar).take(size).read_to_end(&mut text)?;
    if text.len() as u64 != size {
        return Err(Refusal::Damaged("it ends in the middle of a header".to_owned()));
    }
    skip(tar, padding(size))?;
    Ok(text)
}

/// Records are `<length> <key>=<value>\n`.
fn extended(text: &[u8]) -> Result<Extended, Refusal> {
    let mut extended = Extended::default();
    let mut rest = text;
    let wrong = || Refusal::Damaged("an extended header is wrong".to_owned());
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length = std::str::from_utf8(&rest[..space]).ok().and_then(|text| text.parse::<usize>().ok());
        let length = length.filter(|length| *length > space + 1 && *length <= rest.len()).ok_or_else(wrong)?;
        let record = String::from_utf8_lossy(&rest[space + 1..length - 1]).into_owned();
        match record.split_once('=').ok_or_else(wrong)? {
            ("path", value) => extended.path = Some(value.to_owned()),
            ("size", value) => extended.size = Some(value.parse().map_err(|_| wrong())?),
            (key, _) if key.starts_with("GNU.sparse") => {
                return Err(Refusal::Damaged(format!("`{record}` is a sparse file")));
            }
            _ => {}
        }
        rest = &rest[length..];
    }
    Ok(extended)
}

/// Entries are filled up to whole blocks.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

fn skip(tar: &mut impl Read, bytes: u64) -> Result<(), Refusal> {
    let skipped = io::copy(&mut Read::by_ref(tar).take(bytes), &mut io::sink())?;
    if skipped == bytes { Ok(()) } else { Err(Refusal::Damaged("it ends too early".to_owned())) }
}

fn header_path(header: &[u8; BLOCK]) -> String {
    let name = text(&header[0..100]);
    let is_ustar = &header[257..262] == b"ustar" && header[262] == 0;
    let prefix = if is_ustar { text(&header[345..500]) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Octal digits, or GNU's binary form, which is told by its first bit.
fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        return field.iter().enumerate().try_fold(0_u64, |value, (index, byte)| {
            let byte = if index == 0 { byte & 0x7f } else { *byte };
            value.checked_mul(256)?.checked_add(u64::from(byte))
        });
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
