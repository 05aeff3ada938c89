//! A stream on which nothing is heard before something has been said.
//!
//! A server that answers without reading the request (a shell loop around `nc`, a balancer that is
//! full) may do so before we have asked, and hyper takes that for an error. Whether it comes before
//! or after is chance, and chance must not decide over health.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads wait for the first write.
pub(super) struct AskFirst<S> {
    stream: S,
    state: State,
}

enum State {
    /// Nothing has been written; who waits to read.
    Silent(Option<Waker>),
    Asked,
}

impl<S> AskFirst<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, state: State::Silent(None) }
    }

    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        if !matches!(written, Poll::Ready(Ok(1..))) {
            return;
        }
        if let State::Silent(Some(reader)) = std::mem::replace(&mut self.state, State::Asked) {
            reader.wake();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for AskFirst<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Silent(reader) => {
                *reader = Some(context.waker().clone());
                Poll::Pending
            }
            State::Asked => Pin::new(&mut self.stream).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AskFirst<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(&written);
        written
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

    use super::*;

    #[tokio::test]
    async fn what_is_said_first_is_heard_after_the_first_write() {
        let (near, mut far) = duplex(64);
        far.write_all(b"early").await.unwrap();
        let mut stream = AskFirst::new(near);
        let mut heard = [0; 5];
        let mut context = Context::from_waker(Waker::noop());
        let mut buffer = ReadBuf::new(&mut heard);
        assert!(Pin::new(&mut stream).poll_read(&mut context, &mut buffer).is_pending());
        stream.write_all(b"ask").await.unwrap();
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"early");
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_the_first_write() {
        let (near, mut far) = duplex(64);
        far.write_all(b"early").await.unwrap();
        let (mut reader, mut writer) = split(AskFirst::new(near));
        let mut heard = [0; 5];
        let (read, written) = tokio::join!(reader.read_exact(&mut heard), writer.write(b"ask"));
        assert_eq!((read.unwrap(), written.unwrap()), (5, 3));
    }
}
