//! Packets over a stream: a four-byte header (length, sequence number) and a payload, cut at 16 MiB - 1.
//!
//! Packets are handed out as ranges of the read buffer, so that rows are decoded where they lie. What does not fit one
//! packet is put together in a second buffer. Source: MySQL manual, "MySQL Packets".

use super::ClientError;
use std::ops::Range;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest payload of one packet; a packet of exactly this length is continued by the next.
const MAX_PAYLOAD: usize = 0xff_ffff;
const BUFFER_BYTES: usize = 64 * 1024;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// What has been read and not been handed out.
    unread: Range<usize>,
    /// The parts so far of a packet that does not fit one.
    long: Vec<u8>,
    is_long: bool,
    sequence: u8,
}

/// Where a packet lies; good until the next read.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Buffered(Range<usize>),
    Long,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: vec![0; BUFFER_BYTES], unread: 0..0, long: Vec::new(), is_long: false, sequence: 0 }
    }

    /// Gives the stream back for the TLS handshake. Nothing may be unread: bytes before the handshake are not trusted.
    pub(crate) fn into_stream(self) -> Result<(Box<dyn Stream>, u8), ClientError> {
        if self.unread.is_empty() {
            Ok((self.stream, self.sequence))
        } else {
            Err(ClientError::Protocol("the server spoke before the TLS handshake".to_owned()))
        }
    }

    pub(crate) fn with_sequence(mut self, sequence: u8) -> Self {
        self.sequence = sequence;
        self
    }

    /// The next packet if it has been read whole. The last one's bytes are gone then.
    pub(crate) fn take_packet(&mut self) -> Option<Packet> {
        loop {
            let Range { start, end } = self.unread;
            let header = self.buffer.get(start..end)?.get(..4)?;
            let length = usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16;
            let payload = start + 4..start + 4 + length;
            if payload.end > end {
                return None;
            }
            self.sequence = header[3].wrapping_add(1);
            self.unread.start = payload.end;
            if length < MAX_PAYLOAD && !self.is_long {
                return Some(Packet::Buffered(payload));
            }
            if !self.is_long {
                self.long.clear();
                self.is_long = true;
            }
            self.long.extend_from_slice(&self.buffer[payload]);
            if length < MAX_PAYLOAD {
                self.is_long = false;
                return Some(Packet::Long);
            }
        }
    }

    pub(crate) fn bytes(&self, packet: &Packet) -> &[u8] {
        match packet {
            Packet::Buffered(range) => &self.buffer[range.clone()],
            Packet::Long => &self.long,
        }
    }

    /// Reads what is there, at least one byte. Safe to be dropped while it waits.
    pub(crate) async fn fill(&mut self) -> Result<(), ClientError> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        }
        let needed = self.missing_bytes();
        if self.buffer.len() - self.unread.end < needed || self.unread.end == self.buffer.len() {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            if self.buffer.len() < self.unread.end + needed {
                self.buffer.resize(self.unread.end + needed, 0);
            }
        }
        let read = self.stream.read(&mut self.buffer[self.unread.end..]).await?;
        if read == 0 {
            return Err(ClientError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.unread.end += read;
        Ok(())
    }

    /// How many bytes the packet under way still lacks.
    fn missing_bytes(&self) -> usize {
        let unread = &self.buffer[self.unread.clone()];
        match unread {
            [a, b, c, _, payload @ ..] => {
                let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
                length.saturating_sub(payload.len()).max(1)
            }
            short => 4 - short.len(),
        }
    }

    pub(crate) async fn read_packet(&mut self) -> Result<Packet, ClientError> {
        loop {
            if let Some(packet) = self.take_packet() {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    /// Starts a command: its packets are numbered from zero.
    pub(crate) async fn write_command(&mut self, command: u8, body: &[u8]) -> Result<(), ClientError> {
        self.sequence = 0;
        let mut payload = Vec::with_capacity(body.len() + 1);
        payload.push(command);
        payload.extend_from_slice(body);
        self.write_packet(&payload).await?;
        self.flush().await
    }

    /// Writes a payload, cut into packets; an exact multiple of the longest is closed by an empty one.
    pub(crate) async fn write_packet(&mut self, payload: &[u8]) -> Result<(), ClientError> {
        let mut rest = payload;
        loop {
            let (now, later) = rest.split_at(rest.len().min(MAX_PAYLOAD));
            let length = now.len() as u32;
            let mut header = length.to_le_bytes();
            header[3] = self.sequence;
            self.sequence = self.sequence.wrapping_add(1);
            if now.len() < 1024 {
                let mut small = Vec::with_capacity(now.len() + 4);
                small.extend_from_slice(&header);
                small.extend_from_slice(now);
                self.stream.write_all(&small).await?;
            } else {
                self.stream.write_all(&header).await?;
                self.stream.write_all(now).await?;
            }
            rest = later;
            if now.len() < MAX_PAYLOAD {
                return Ok(());
            }
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), ClientError> {
        Ok(self.stream.flush().await?)
    }
}

/// Reads the pieces of a payload; `None` when it is too short.
pub(crate) struct Pieces<'a>(pub(crate) &'a [u8]);

impl<'a> Pieces<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (piece, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(piece)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// An integer that says its own width; `None` also for the NULL mark.
    pub(crate) fn length(&mut self) -> Option<u64> {
        Some(match self.u8()? {
            short @ 0..=0xfa => u64::from(short),
            0xfc => u64::from(self.u16()?),
            0xfd => {
                let bytes = self.take(3)?;
                u64::from(bytes[0]) | u64::from(bytes[1]) << 8 | u64::from(bytes[2]) << 16
            }
            0xfe => u64::from_le_bytes(self.take(8)?.try_into().ok()?),
            _ => return None,
        })
    }

    /// Bytes behind their length.
    pub(crate) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.length()?).ok()?;
        self.take(length)
    }

    /// Bytes up to a NUL, which goes too.
    pub(crate) fn terminated(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let piece = self.take(end)?;
        self.take(1)?;
        Some(piece)
    }
}

/// Appends bytes behind their length.
pub(crate) fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        short @ 0..=0xfa => out.push(short as u8),
        middle @ ..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&(middle as u16).to_le_bytes());
        }
        long @ ..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&(long as u32).to_le_bytes()[..3]);
        }
        longest => {
            out.push(0xfe);
            out.extend_from_slice(&(longest as u64).to_le_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::{Pieces, put_sized};

    #[test]
    fn what_is_written_behind_its_length_is_read_back() {
        for length in [0, 1, 250, 251, 65_535, 65_536, 16_777_216] {
            let bytes = vec![7; length];
            let mut written = Vec::new();
            put_sized(&mut written, &bytes);
            put_sized(&mut written, b"next");
            let mut pieces = Pieces(&written);
            assert_eq!(pieces.sized(), Some(bytes.as_slice()), "{length}");
            assert_eq!(pieces.sized(), Some(&b"next"[..]), "{length}");
        }
        assert_eq!(Pieces(&[3, 1]).sized(), None);
    }
}
