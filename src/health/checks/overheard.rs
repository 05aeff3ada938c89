//! A connection that remembers how the far side began: a library that expected another protocol does
//! not tell which one it met.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the first octets of a server look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Nothing yet, or nothing that is known here.
    Other,
    /// HTTP/1.
    Http,
    /// A record with an alert or a handshake message (RFC 8446 section 5.1).
    Tls,
}

impl Beginning {
    pub(super) fn of(octets: &[u8]) -> Self {
        match octets {
            [b'H', b'T', b'T', b'P', b'/', ..] => Self::Http,
            [0x15 | 0x16, 3, ..] => Self::Tls,
            _ => Self::Other,
        }
    }
}

/// Where it can be asked for while something else owns the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<AtomicU8>);

const NOTHING: u8 = 0;
const HTTP: u8 = 1;
const TLS: u8 = 2;
const OTHER: u8 = 3;

impl Memory {
    pub(super) fn beginning(&self) -> Beginning {
        match self.0.load(Ordering::Relaxed) {
            HTTP => Beginning::Http,
            TLS => Beginning::Tls,
            _ => Beginning::Other,
        }
    }

    fn keep(&self, octets: &[u8]) {
        if octets.is_empty() || self.0.load(Ordering::Relaxed) != NOTHING {
            return;
        }
        let kept = match Beginning::of(octets) {
            Beginning::Http => HTTP,
            Beginning::Tls => TLS,
            Beginning::Other => OTHER,
        };
        self.0.store(kept, Ordering::Relaxed);
    }
}

/// A stream whose first octets are remembered. What comes in pieces of fewer than five is not known.
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

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
