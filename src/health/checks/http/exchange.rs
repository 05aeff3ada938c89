//! One request out and one answer in, on a connection that serves for nothing else.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::health::checks::http::answer::{Answer, Listener};
use crate::health::checks::{fault, network};
use crate::model::health::Outcome;

thread_local! {
    /// Where octets are read to before anybody has looked at them: one for all the runs of a
    /// thread, since none waits between the two. Most answers are never anywhere else.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; 16 * 1024].into());
}

/// A request on its way out while the answer comes in. It waits for the answer, or for what it means
/// that there is none; a future by itself, for as part of others it would be there several times.
pub(super) struct Exchange<S> {
    stream: S,
    request: Vec<u8>,
    sent: usize,
    sending: Sending,
    listener: Option<Listener>,
}

enum Sending {
    /// Octets are left to write.
    Writing,
    /// All are written; a stream with a layer of its own may hold some back.
    Flushing,
    Done,
    /// The server takes no more: it may have answered all the same.
    Failed(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Exchange<S> {
    type Output = Result<Answer, Outcome>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.send(context);
        // Nothing is heard before something has been said: a server that answers without reading the
        // request (a shell loop around `nc`, a balancer that is full) may do so before we have
        // asked. Whether it does is chance, and chance must not decide over health. And nothing
        // waits for the whole request to be taken: who refuses it need not read it.
        if this.sent == 0 && !matches!(this.sending, Sending::Failed(_)) {
            return Poll::Pending;
        }
        this.listen(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<S> {
    pub(super) fn new(stream: S, request: Vec<u8>, sent: usize, listener: Listener) -> Self {
        Self { stream, request, sent, sending: Sending::Writing, listener: Some(listener) }
    }

    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    fn send(&mut self, context: &mut Context<'_>) {
        loop {
            let step = match self.sending {
                Sending::Writing => self.write(context),
                Sending::Flushing => {
                    Pin::new(&mut self.stream).poll_flush(context).map_ok(|()| Sending::Done)
                }
                Sending::Done | Sending::Failed(_) => return,
            };
            match step {
                Poll::Ready(Ok(next)) => self.sending = next,
                Poll::Ready(Err(error)) => self.sending = Sending::Failed(error),
                Poll::Pending => return,
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Sending>> {
        let rest = self.request.get(self.sent..).unwrap_or_default();
        if rest.is_empty() {
            // Thousands may wait for their answer at once.
            self.request = Vec::new();
            return Poll::Ready(Ok(Sending::Flushing));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.sent = self.sent.saturating_add(written);
        Poll::Ready(Ok(Sending::Writing))
    }

    fn listen(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, Outcome>> {
        READ.with_borrow_mut(|octets| {
            loop {
                let mut read = ReadBuf::new(octets);
                match ready!(Pin::new(&mut self.stream).poll_read(context, &mut read)) {
                    Ok(()) if read.filled().is_empty() => return Poll::Ready(self.ended(None)),
                    Err(error) => return Poll::Ready(self.ended(Some(&error))),
                    Ok(()) => {}
                }
                let Some(listener) = &mut self.listener else { return Poll::Pending };
                match listener.hear(read.filled()) {
                    Ok(None) => {}
                    Ok(Some(answer)) => return Poll::Ready(Ok(answer)),
                    Err(why) => return Poll::Ready(Err(fault::theirs(why.to_string()))),
                }
            }
        })
    }

    /// What there is when nothing more comes. An end with an error is told in the error's words; one
    /// without, before any answer, in those of the error that our writing met.
    fn ended(&mut self, error: Option<&io::Error>) -> Result<Answer, Outcome> {
        let Some(listener) = self.listener.take() else {
            return Err(fault::theirs("connection closed"));
        };
        match (error, &self.sending) {
            (Some(error), _) => Err(network::of_network(error)),
            (None, Sending::Failed(error)) if !listener.has_heard() => {
                Err(network::of_network(error))
            }
            (None, _) => listener.end().map_err(|why| fault::theirs(why.to_string())),
        }
    }
}
