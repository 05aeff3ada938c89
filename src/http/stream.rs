//! A client's stream that ends when the client does not keep up with reading.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// See the module.
#[derive(Debug)]
pub(super) struct Stream<S> {
    inner: S,
    patience: Duration,
    /// From the first write that has to wait until all is written.
    behind: Option<Pin<Box<Sleep>>>,
}

impl<S> Stream<S> {
    /// One that must have taken all that is written `patience` after it first held a write up.
    pub(super) fn new(inner: S, patience: Duration) -> Self {
        Self { inner, patience, behind: None }
    }

    /// What a write gives; one that has to wait fails once the time is over.
    fn unless_late(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            return written;
        }
        let patience = self.patience;
        let behind = self.behind.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(behind.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, octets);
        self.unless_late(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.unless_late(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// Asked for once all that there was is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.behind = None;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When writing so many octets ended, and how, while a client takes one octet each `pause`.
    async fn write(octets: usize, pause: Duration) -> (u64, io::Result<()>) {
        let (ours, mut theirs) = duplex(10);
        let mut stream = Stream::new(ours, SECOND * 30);
        let reader = async move {
            while theirs.read(&mut [0]).await.is_ok_and(|read| read > 0) {
                sleep(pause).await;
            }
        };
        let writer = async move {
            let (began, octets) = (Instant::now(), vec![0; octets]);
            let written = stream.write_all(&octets).await;
            if written.is_ok() {
                stream.flush().await.unwrap();
            }
            (began.elapsed().as_secs(), written)
        };
        tokio::join!(reader, writer).1
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_octet_by_octet_has_no_more_time_than_what_is_not_taken() {
        for pause in [SECOND, SECOND * 20, SECOND * 1000] {
            let (seconds, written) = write(100, pause).await;
            assert!((30..32).contains(&seconds), "{pause:?}: {seconds}");
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        let (seconds, written) = write(35, SECOND).await;
        assert!((20..=30).contains(&seconds) && written.is_ok(), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_anew_once_all_is_taken() {
        let (ours, mut theirs) = duplex(10);
        let mut stream = Stream::new(ours, SECOND * 30);
        for _ in 0..5 {
            let late = async {
                sleep(SECOND * 20).await;
                theirs.read_exact(&mut [0; 20]).await.unwrap();
            };
            let octets = [0; 20];
            let ((), written) = tokio::join!(late, stream.write_all(&octets));
            written.unwrap();
            stream.flush().await.unwrap();
        }
    }
}
