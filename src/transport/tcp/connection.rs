//! One connection: reads what there is, answers all that is whole, writes it at once.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use crate::config::Tcp;
use crate::metrics::connections::Closed;
use crate::model::time::{Instant, Now};
use crate::transport::tcp::Shared;
use crate::transport::tcp::alarm::Alarm;
use crate::transport::tcp::batch::{Arrival, Batch, Pause};
use crate::transport::tcp::inbox::{Frame, Inbox};
use crate::transport::tcp::seats::Seat;
use crate::transport::worker::Worker;

/// What a connection runs over: a socket, or a pipe in tests.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Whatever was not taken yet is given up when this is dropped. Otherwise the system would hold
    /// on to it for minutes, for a client that does not read.
    fn give_up(&self);
}

pub(super) struct Connection<S: Stream> {
    stream: S,
    peer: SocketAddr,
    shared: Arc<Shared>,
    seat: Seat,
    rules: Tcp,
    /// Messages that it may still ask.
    left: u32,
    inbox: Inbox,
    /// When the first octet of what stands first in the inbox came.
    begun: Instant,
    /// When something was last read.
    read: Now,
    worker: Worker,
    batch: Batch,
    alarm: Alarm,
}

impl<S: Stream> Connection<S> {
    pub(super) fn new(stream: S, peer: SocketAddr, shared: Arc<Shared>, seat: Seat) -> Self {
        let rules = shared.context.current.load().rules.tcp;
        let read = (shared.context.clock)();
        Self {
            stream,
            peer,
            seat,
            rules,
            left: shared.limits.queries,
            inbox: Inbox::new(),
            begun: read.mono,
            read,
            worker: Worker::new(Arc::clone(&shared.cells)),
            batch: Batch::default(),
            alarm: Alarm::new(rules.idle),
            shared,
        }
    }

    /// From the first message to the end; whatever is wrong is the end.
    pub(super) async fn converse(mut self, stop: CancellationToken) {
        let why = self.answer(&stop).await;
        self.seat.closed(why);
        // More may have come behind the last message answered. Closing over it would be a reset, and
        // take answers with it that the client has not read yet.
        if matches!(why, Closed::Queries | Closed::Malformed) {
            let _ = self.alarm.within(self.rules.message, farewell(&mut self.stream)).await;
        }
    }

    async fn answer(&mut self, stop: &CancellationToken) -> Closed {
        let mut stopped = pin!(stop.cancelled());
        loop {
            // What has come until then, or has begun, is answered, but nothing after it.
            let stopping = stop.is_cancelled();
            if let Err(why) = self.fill(stopped.as_mut()).await {
                return why;
            }
            let pause = self.compute();
            if let Err(why) = self.write().await {
                return why;
            }
            if pause == Pause::Wrong {
                return Closed::Malformed;
            }
            if self.left == 0 {
                return Closed::Queries;
            }
            if stopping && pause == Pause::Answered {
                return Closed::Stop;
            }
            // Others on this thread have their turn before a client that has sent more than fits.
            if pause == Pause::Enough || self.inbox.is_full() {
                yield_now().await;
            }
        }
    }

    /// Reads until a message is whole, or cannot become one.
    async fn fill(
        &mut self,
        mut stopped: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), Closed> {
        while self.inbox.peek() == Frame::Partial {
            let idle = self.inbox.is_empty();
            let (wait, late) = if idle {
                (self.rules.idle, Closed::Idle)
            } else {
                let now = (self.shared.context.clock)().mono;
                (self.rules.message.saturating_sub(now.since(self.begun)), Closed::Message)
            };
            let read = async {
                tokio::select! {
                    biased;
                    read = self.stream.read(self.inbox.spare()) => read.map_err(|_| Closed::Client),
                    () = stopped.as_mut(), if idle => Err(Closed::Stop),
                }
            };
            match self.alarm.within(wait, read).await {
                None => return Err(late),
                Some(Err(why)) => return Err(why),
                Some(Ok(0)) => return Err(Closed::Client),
                Some(Ok(count)) => self.inbox.filled(count),
            }
            self.read = (self.shared.context.clock)();
            if idle {
                self.begun = self.read.mono;
            }
        }
        Ok(())
    }

    fn compute(&mut self) -> Pause {
        let snapshot = self.shared.context.current.load();
        self.rules = snapshot.rules.tcp;
        let idle = self.shared.offered_idle(self.rules);
        let arrival = Arrival { peer: self.peer, now: self.read, idle, most: self.left };
        let (inbox, worker) = (&mut self.inbox, &mut self.worker);
        let pause = self.batch.answer(inbox, arrival, &snapshot, worker);
        self.left = self.left.saturating_sub(self.batch.answers);
        // What stands first now was read behind an answered message, with its last octet.
        self.begun = self.read.mono;
        pause
    }

    async fn write(&mut self) -> Result<(), Closed> {
        if self.batch.out.is_empty() {
            return Ok(());
        }
        let write = self.stream.write_all(&self.batch.out);
        match self.alarm.within(self.shared.limits.write, write).await {
            None => return Err(Closed::Unread),
            Some(Err(_)) => return Err(Closed::Client),
            Some(Ok(())) => {}
        }
        let now = (self.shared.context.clock)().mono;
        self.worker.cells.observe_all(now.since(self.read.mono), self.batch.written().into());
        self.seat.progressed(now);
        Ok(())
    }
}

impl<S: Stream> Drop for Connection<S> {
    fn drop(&mut self) {
        if !self.batch.out.is_empty() {
            self.stream.give_up();
        }
    }
}

/// Says that nothing more comes, and reads until the other side says so too.
async fn farewell<S: Stream>(stream: &mut S) {
    let mut rest = [0; 512];
    if stream.shutdown().await.is_ok() {
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    }
}
