//! A connection that remembers how the far side began: a library that expected another protocol does
//! not tell which one it met.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the first octets of a server look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    Unknown,
    /// HTTP/1.
    Http,
    /// A frame of SETTINGS (RFC 9113 section 3.4).
    Http2,
    /// A record with an alert or a handshake message (RFC 8446 section 5.1).
    Tls,
    Other,
}

impl Beginning {
    pub(super) fn of(octets: &[u8]) -> Self {
        match octets {
            [b'H', b'T', b'T', b'P', b'/', ..] => Self::Http,
            [0x15 | 0x16, 3, ..] => Self::Tls,
            [_, _, _, 4, _, ..] => Self::Http2,
            [_, _, _, _, _, ..] => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// Where it can be asked for while something else owns the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<OnceLock<Beginning>>);

impl Memory {
    pub(super) fn beginning(&self) -> Beginning {
        self.0.get().copied().unwrap_or(Beginning::Unknown)
    }

    fn keep(&self, octets: &[u8]) {
        if !octets.is_empty() {
            self.0.get_or_init(|| Beginning::of(octets));
        }
    }
}

/// A stream that remembers its first read, which is the beginning of what the far side says.
#[derive(Debug)]
pub(super) struct Overheard<S> {
    stream: S,
    memory: Memory,
}

impl<S> Overheard<S> {
    pub(super) fn new(stream: S) -> (Self, Memory) {
        let memory = Memory::default();
        (Self { stream, memory: memory.clone() }, memory)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = octets.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, octets))?;
        self.memory.keep(octets.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    /// All records of a handshake's step at once: a server that ends the connection after the first
    /// must not meet the second, or what it said of its reason is lost.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_known_by_its_first_octets() {
        for (octets, beginning) in [
            (&b""[..], Beginning::Unknown),
            (b"HTTP", Beginning::Unknown),
            (b"HTTP/1.1 400", Beginning::Http),
            (b"\x15\x03", Beginning::Tls),
            (b"\x16\x03\x03\0\x7a", Beginning::Tls),
            (b"\0\0\x12\x04\0\0\0\0\0", Beginning::Http2),
            (b"SSH-2.0", Beginning::Other),
            (b"<html>", Beginning::Other),
        ] {
            assert_eq!(Beginning::of(octets), beginning, "{octets:?}");
        }
    }

    #[test]
    fn only_the_first_read_is_remembered() {
        let memory = Memory::default();
        assert_eq!(memory.beginning(), Beginning::Unknown);
        memory.keep(b"");
        memory.keep(b"HTTP/1.1 400");
        memory.keep(b"\x15\x03");
        assert_eq!(memory.beginning(), Beginning::Http);
    }

    #[tokio::test]
    async fn several_buffers_are_written_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = Overheard::new(stream);
        assert!(stream.is_write_vectored());
        let buffers = [IoSlice::new(b"one"), IoSlice::new(b"two")];
        let written = std::future::poll_fn(|context| {
            Pin::new(&mut stream).poll_write_vectored(context, &buffers)
        });
        assert_eq!(written.await.unwrap(), 6);
    }
}
