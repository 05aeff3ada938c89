//! Datagrams: plain threads, one for each socket, a batch of messages at a time.

#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::metrics::Metrics;
use crate::metrics::dns::{Dropped, Transport};
use crate::model::time::{Instant, Now};
use crate::snapshot::Snapshot;
use crate::transport::batch::{Batch, Message, ROOM, Sending, Wait};
use crate::transport::bind::{queue_drops, takes_segments};
use crate::transport::fast::{self, Arrival, Fast, Reader};
use crate::transport::message::{Received, Response};
use crate::transport::respond::{Context, respond, servfail_after_panic};
use crate::transport::worker::Worker;
use crate::wire::request::LONGEST_QUERY;

/// How long a silent worker takes to see that it is to stop.
const PATIENCE: Duration = Duration::from_millis(250);
/// The pause after an error that may come again at once.
const PAUSE: Duration = Duration::from_millis(10);
/// How often the system is asked what it has dropped.
const DROPS_EVERY: Duration = Duration::from_secs(1);
// What our OPT records say we can receive has room in a slot.
const _: () = assert!(LONGEST_QUERY as usize <= ROOM);
/// A stopping worker answers what its queue holds, and no more than ever fits there.
const LAST_BATCHES: usize = 256;

/// Starts a thread for each of `sockets`; each ends soon after `stop` is set. Answers leave as
/// `sending` says, or alone where the system knows no `UDP_SEGMENT`.
pub fn start(
    sockets: Vec<UdpSocket>,
    sending: Sending,
    context: &Arc<Context>,
    metrics: &Metrics,
    stop: &Arc<AtomicBool>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::with_capacity(sockets.len());
    for socket in sockets {
        socket.set_read_timeout(Some(PATIENCE))?;
        let (context, stop) = (Arc::clone(context), Arc::clone(stop));
        let cells = metrics.worker(Transport::Udp);
        let worker = Worker::limited(cells, Arc::clone(&context.limiter));
        let name = format!("udp {}", threads.len());
        let bound = socket.local_addr()?;
        let thread = thread::Builder::new().name(name).spawn(move || {
            Serving::new((&socket, bound), sending, &context, worker).until(&stop);
        })?;
        threads.push(thread);
    }
    Ok(threads)
}

struct Serving<'s> {
    socket: &'s UdpSocket,
    /// Where the socket listens; a wildcard's messages say which of its addresses they asked.
    bound: SocketAddr,
    context: &'s Context,
    worker: Worker,
    batch: Batch,
    out: Vec<u8>,
    drops: Drops,
}

/// Who answers a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The fast path, and the general one what that leaves.
    Usual,
    /// The general path, after a defect.
    Apology,
}

/// What the system has dropped from the queue of a socket.
#[derive(Default)]
struct Drops {
    counted: u32,
    asked: Instant,
}

impl<'s> Serving<'s> {
    fn new(
        (socket, bound): (&'s UdpSocket, SocketAddr),
        sending: Sending,
        context: &'s Context,
        worker: Worker,
    ) -> Self {
        let sending = if takes_segments(socket) { sending } else { Sending::Alone };
        let (batch, out) = (Batch::new(sending), Vec::with_capacity(ROOM));
        Self { socket, bound, context, worker, batch, out, drops: Drops::default() }
    }

    /// Answers what comes until `stop` is set, and then what has come. The socket has a read
    /// timeout.
    fn until(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.worker.cells.beat();
            match self.batch.receive(self.socket.as_fd(), Wait::ForOne) {
                Ok(count) => self.answer(count),
                Err(error) => {
                    tolerate(&error);
                    let now = (self.context.clock)().mono;
                    self.drops.count(self.socket, now, &self.worker);
                    self.worker.rest(&self.context.clock);
                }
            }
        }
        for _ in 0..LAST_BATCHES {
            match self.batch.receive(self.socket.as_fd(), Wait::Never) {
                Ok(count) => self.answer(count),
                Err(_) => break,
            }
        }
    }

    /// Answers the messages of a batch. The clock is read once before and once behind all of them:
    /// each is said to have taken as long as the batch.
    fn answer(&mut self, count: usize) {
        let now = (self.context.clock)();
        let guard = self.context.current.load();
        let snapshot: &Snapshot = &guard;
        let reader = Reader::new(snapshot);
        let (mut place, mut answers) = (0_usize, 0_u64);
        while place < count {
            let going_on = || {
                while place < count {
                    answers = answers.saturating_add(self.one(place, Way::Usual, now, &reader));
                    place = place.saturating_add(1);
                }
            };
            if catch_unwind(AssertUnwindSafe(going_on)).is_err() {
                answers = answers.saturating_add(self.one(place, Way::Apology, now, &reader));
                place = place.saturating_add(1);
            }
        }
        if answers > 0 {
            let failed = self.batch.send(self.socket.as_fd());
            let failed = u64::try_from(failed).unwrap_or(0);
            let ended = (self.context.clock)();
            let cells = &self.worker.cells;
            cells.observe_all(ended.mono.since(now.mono), answers.saturating_sub(failed));
            if failed > 0 {
                cells.dropped_all(Dropped::Send, failed);
            }
        }
        self.drops.count(self.socket, now.mono, &self.worker);
    }

    /// Answers the message at a place of the batch: 1 if there is an answer to send.
    #[inline]
    fn one(&mut self, place: usize, way: Way, now: Now, reader: &Reader<'_>) -> u64 {
        let Some(message) = self.batch.message(place) else { return 0 };
        let with = (&mut self.worker, &mut self.out);
        let Some(len) = write(message, way, (now, &self.bound), reader, with) else { return 0 };
        if len > ROOM {
            return self.send_alone(place);
        }
        self.batch.answer(place, len);
        1
    }

    /// Sends what the general path has left in `out`: 1 if the system took it.
    #[cold]
    fn send_alone(&mut self, place: usize) -> u64 {
        if self.batch.send_alone(self.socket.as_fd(), place, &self.out) {
            return 1;
        }
        self.worker.cells.dropped(Dropped::Send);
        0
    }
}

/// Writes the answer to a message over it, and says how long it is. One that has no room there is
/// left in `out`.
#[inline]
fn write(
    message: Message<'_>,
    way: Way,
    (now, bound): (Now, &SocketAddr),
    reader: &Reader<'_>,
    (worker, out): (&mut Worker, &mut Vec<u8>),
) -> Option<usize> {
    // A datagram whose sender has no internet address cannot be answered.
    let peer = message.peer.as_ref()?;
    let named = message.asked.map(|asked| SocketAddr::new(asked, bound.port()));
    let arrival = Arrival { peer, asked: named.as_ref().unwrap_or(bound), now };
    let (octets, len) = (message.octets, message.len);
    if way == Way::Usual {
        match fast::answer((octets, len), &arrival, reader, worker) {
            Some(Fast::Answered { len, .. }) => return Some(len),
            Some(Fast::Dropped) => return None,
            None => {}
        }
    }
    finish(way, (octets, len), arrival, reader.snapshot, (worker, out))
}

/// Goes on from where the fast path has come to nothing, or to a defect: then the header is still
/// the query's, since it is written last.
#[inline(never)]
fn finish(
    way: Way,
    (octets, len): (&mut [u8; ROOM], usize),
    Arrival { peer, asked, now }: Arrival<'_>,
    snapshot: &Snapshot,
    (worker, out): (&mut Worker, &mut Vec<u8>),
) -> Option<usize> {
    let received = Received {
        octets: octets.get(..len)?,
        peer: *peer,
        asked: Some(*asked),
        now,
        transport: Transport::Udp,
        idle: None,
    };
    let response = match way {
        Way::Usual => respond(&received, snapshot, worker, out),
        Way::Apology => servfail_after_panic(&received, snapshot, worker, out),
    };
    match response {
        Response::Ignored(_) => None,
        Response::Sent { .. } => {
            if let Some(octets) = octets.get_mut(..out.len()) {
                octets.copy_from_slice(out);
            }
            Some(out.len())
        }
    }
}

impl Drops {
    /// Counts what was dropped since the last time, once a second at most.
    fn count(&mut self, socket: &UdpSocket, now: Instant, worker: &Worker) {
        if now.since(self.asked) < DROPS_EVERY {
            return;
        }
        self.asked = now;
        let Ok(all) = queue_drops(socket) else { return };
        let new = all.wrapping_sub(self.counted);
        self.counted = all;
        worker.cells.dropped_all(Dropped::Queue, u64::from(new));
    }
}

/// Errors of receiving say nothing of the next datagram. Silence, an interruption and an answer
/// that somebody's port refused are no errors; anything else might come in a tight loop.
fn tolerate(error: &io::Error) {
    let harmless = [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::ConnectionRefused];
    if !harmless.contains(&error.kind()) {
        thread::sleep(PAUSE);
    }
}
