//! Listens to the server's messages on their way to the driver.
//!
//! The driver keeps things to itself: the command tag (`CREATE VIEW`, `INSERT 0 3`), whether a transaction is open (macros
//! send `commit;` as text), and the server's version. They are in the byte stream, so a wrapper of the socket reads the
//! message headers that pass and keeps what three kinds of messages say. Nothing is changed or held back.
//!
//! Source: PostgreSQL manual, "Message Formats".

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// What the server said last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The tag of the last command that was completed.
    pub(crate) tag: String,
    /// `I` idle, `T` in a transaction, `E` in a failed one.
    pub(crate) transaction: u8,
    /// Errors so far.
    pub(crate) errors: u64,
    /// The server's major version, as it says itself.
    pub(crate) version: u32,
}

/// Shared between the tap and the session that asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ear(Arc<Mutex<Heard>>);

impl Ear {
    pub(crate) fn heard(&self) -> Heard {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn in_transaction(&self) -> bool {
        matches!(self.0.lock().unwrap_or_else(PoisonError::into_inner).transaction, b'T' | b'E')
    }

    pub(crate) fn errors(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).errors
    }

    /// Forgets the last tag, so that the next one read belongs to what is sent now.
    pub(crate) fn clear_tag(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tag.clear();
    }
}

/// A stream whose server messages are listened to.
pub(crate) struct Tap<S> {
    inner: S,
    frames: Frames,
}

impl<S> Tap<S> {
    pub(crate) fn new(inner: S, ear: Ear) -> Self {
        Self { inner, frames: Frames { ear, header: [0; 5], header_length: 0, body: Vec::new(), remaining: 0 } }
    }
}

/// Steps over messages: five bytes of header, then a body that is kept only for the kinds of interest.
struct Frames {
    ear: Ear,
    header: [u8; 5],
    header_length: usize,
    body: Vec<u8>,
    remaining: usize,
}

impl Frames {
    fn hear(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.remaining == 0 && self.header_length < 5 {
                let taken = bytes.len().min(5 - self.header_length);
                self.header[self.header_length..self.header_length + taken].copy_from_slice(&bytes[..taken]);
                self.header_length += taken;
                bytes = &bytes[taken..];
                if self.header_length < 5 {
                    return;
                }
                let [_, a, b, c, d] = self.header;
                self.remaining = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
                if self.remaining == 0 {
                    self.header_length = 0;
                }
                continue;
            }
            let taken = bytes.len().min(self.remaining);
            if matches!(self.header[0], b'C' | b'Z' | b'S') {
                self.body.extend_from_slice(&bytes[..taken]);
            }
            self.remaining -= taken;
            bytes = &bytes[taken..];
            if self.remaining == 0 {
                self.header_length = 0;
                self.message();
            }
        }
    }

    fn message(&mut self) {
        match self.header[0] {
            b'C' => {
                let tag = String::from_utf8_lossy(self.body.strip_suffix(b"\0").unwrap_or(&self.body)).into_owned();
                self.lock().tag = tag;
            }
            b'Z' => self.lock().transaction = self.body.first().copied().unwrap_or(b'I'),
            b'E' => self.lock().errors += 1,
            b'S' => {
                if let Some(version) = self.body.strip_prefix(b"server_version\0") {
                    let digits = version.iter().take_while(|byte| byte.is_ascii_digit());
                    let major = digits
                        .fold(0_u32, |major, digit| major.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
                    self.lock().version = major;
                }
            }
            _ => return,
        }
        self.body.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.ear.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            self.frames.hear(&buffer.filled()[before..]);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Tap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests {
    use super::{Ear, Tap};

    /// However the bytes are cut, the same is heard.
    #[test]
    fn tags_and_transaction_states_are_heard_across_cuts() {
        let mut bytes = Vec::new();
        let mut message = |kind: u8, body: &[u8]| {
            bytes.push(kind);
            bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
            bytes.extend_from_slice(body);
        };
        message(b'S', b"server_version\x0016.4 (Debian 16.4-1)\0");
        message(b'1', b"");
        message(b'D', b"C a row that looks like a tag Z");
        message(b'E', b"SERROR\0\0");
        message(b'C', b"CREATE VIEW\0");
        message(b'Z', b"T");
        for size in 1..bytes.len() {
            let ear = Ear::default();
            let mut tap = Tap::new((), ear.clone());
            for chunk in bytes.chunks(size) {
                tap.frames.hear(chunk);
            }
            let heard = ear.heard();
            assert_eq!((heard.tag.as_str(), heard.transaction, heard.errors), ("CREATE VIEW", b'T', 1));
            assert_eq!(heard.version, 16);
        }
    }
}
