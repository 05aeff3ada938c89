//! Connections (RFC 7766): messages with a length before each, answered in the order they came.
//!
//! One task accepts and keeps the table of connections; each connection is a task of its own that
//! lives no longer than its limits allow.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::metrics::dns::{Transport, WorkerCells};
use crate::model::time::Now;
use crate::transport::respond::{Context, Received, Response, Worker, respond};
use crate::wire::request::HEADER;

/// No query is longer; who announces more is not asking.
const MAX_QUERY: u16 = 4096;
/// How long to wait when there are no descriptors or no memory for another connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What one address, and one connection, may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of all clients; beyond, the longest idle is closed. Each holds a descriptor
    /// and some 8 KiB.
    pub connections: usize,
    /// Connections of one IPv4 address or IPv6 /64: a resolver needs one or two.
    pub per_client: usize,
    /// From an answer to the next message's first octet (RFC 7766 section 6.2.3).
    pub idle: Duration,
    /// From a message's first octet to its last: a resolver sends it at once.
    pub message: Duration,
    /// For one answer to be taken by a client that may not be reading.
    pub write: Duration,
    /// Messages of one connection, so that clients are spread anew over servers now and then.
    pub queries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            per_client: 20,
            idle: Duration::from_secs(10),
            message: Duration::from_secs(2),
            write: Duration::from_secs(5),
            queries: 10_000,
        }
    }
}

/// What all connections of one or more listeners share.
#[derive(Debug)]
pub struct Shared {
    context: Arc<Context>,
    limits: Limits,
    cells: Arc<WorkerCells>,
}

impl Shared {
    /// Answers by `context`, within `limits` at each listener.
    pub fn new(context: Arc<Context>, limits: Limits, metrics: &Metrics) -> Self {
        Self { context, limits, cells: metrics.worker(Transport::Tcp) }
    }

    /// The monotonic clock in nanoseconds.
    fn now(&self) -> u64 {
        u64::try_from((self.context.clock)().mono.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Serves `listener` until `stop`: then nothing more is read, what was read is answered, and the
/// connections are closed.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    let mut table = Table { limits: shared.limits, connections: HashMap::new() };
    let mut starved = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = tasks.join_next_with_id() => table.forget(&ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    starved = false;
                    while let Some(ended) = tasks.try_join_next_with_id() {
                        table.forget(&ended);
                    }
                    table.make_room(client(peer.ip()));
                    let active = Arc::new(AtomicU64::new(shared.now()));
                    let connection = Connection {
                        stream: BufReader::with_capacity(usize::from(MAX_QUERY), stream),
                        peer,
                        shared: Arc::clone(&shared),
                        active: Arc::clone(&active),
                    };
                    let handle = tasks.spawn(connection.converse(stop.clone()));
                    let entry = Entry { client: client(peer.ip()), active, handle };
                    table.connections.insert(entry.handle.id(), entry);
                }
                Err(error) if concerns_one(&error) => {}
                Err(error) => {
                    if !starved {
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    starved = true;
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(BACK_OFF) => {}
                    }
                }
            },
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Whether an error of `accept` is about a connection that went before it was accepted. All
/// others are about this machine, and may last.
fn concerns_one(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionAborted
        || error.kind() == io::ErrorKind::ConnectionReset
        || error.kind() == io::ErrorKind::Interrupted
}

/// Whose limit a connection counts to: one network of IPv6 is one client's.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The connections of one listener.
struct Table {
    limits: Limits,
    connections: HashMap<Id, Entry>,
}

struct Entry {
    client: IpAddr,
    /// When it was last waiting for a message to begin; the greatest number while it is not.
    active: Arc<AtomicU64>,
    handle: AbortHandle,
}

impl Table {
    /// Takes out a connection that has ended, or was closed for another's sake.
    fn forget(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.connections.remove(&id);
    }

    /// Closes the longest idle connections until one more of `client` keeps within the limits.
    fn make_room(&mut self, client: IpAddr) {
        let of_client = |entry: &&Entry| entry.client == client;
        while self.connections.values().filter(of_client).count() >= self.limits.per_client.max(1) {
            self.close_longest_idle(of_client);
        }
        while self.connections.len() >= self.limits.connections.max(1) {
            self.close_longest_idle(|_| true);
        }
    }

    fn close_longest_idle(&mut self, among: impl FnMut(&&Entry) -> bool) {
        let candidates = self.connections.values().filter(among);
        let longest = candidates.min_by_key(|entry| entry.active.load(Ordering::Relaxed));
        if let Some(id) = longest.map(|entry| entry.handle.id())
            && let Some(entry) = self.connections.remove(&id)
        {
            entry.handle.abort();
        }
    }
}

/// One connection.
struct Connection {
    stream: BufReader<TcpStream>,
    peer: SocketAddr,
    shared: Arc<Shared>,
    active: Arc<AtomicU64>,
}

impl Connection {
    /// Answers message by message; whatever is wrong ends it.
    async fn converse(mut self, stop: CancellationToken) {
        // An answer waits for nothing; without this the next may wait for an acknowledgement.
        if self.stream.get_ref().set_nodelay(true).is_err() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let limits = shared.limits;
        let mut worker = Worker::new(Arc::clone(&shared.cells));
        let mut message = Vec::new();
        let mut out = Vec::new();
        for _ in 0..limits.queries {
            if self.stream.buffer().is_empty() {
                self.active.store(shared.now(), Ordering::Relaxed);
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    begun = timeout(limits.idle, self.stream.fill_buf()) => {
                        if !matches!(begun, Ok(Ok(octets)) if !octets.is_empty()) {
                            break;
                        }
                    }
                }
                self.active.store(u64::MAX, Ordering::Relaxed);
            }
            if !matches!(timeout(limits.message, self.read(&mut message)).await, Ok(Ok(true))) {
                break;
            }
            let started = (shared.context.clock)();
            if !self.answer(&message, started, &mut worker, &mut out) {
                break;
            }
            let written = timeout(limits.write, self.stream.get_mut().write_all(&out)).await;
            if !matches!(written, Ok(Ok(()))) {
                break;
            }
            let took = (shared.context.clock)().mono.since(started.mono);
            worker.cells.observe(took);
            // A large answer's buffer is not kept for small ones.
            out.shrink_to(usize::from(MAX_QUERY));
        }
        // The other side may be gone already.
        let _ = self.stream.get_mut().shutdown().await;
    }

    /// Writes the answer to `message` and its length over `out`; `false` when there is no answer,
    /// or none whose length can be said.
    fn answer(&self, message: &[u8], now: Now, worker: &mut Worker, out: &mut Vec<u8>) -> bool {
        let (transport, idle) = (Transport::Tcp, Some(self.shared.limits.idle));
        let (octets, peer) = (message, self.peer);
        let received = Received { octets, peer, asked: None, now, transport, idle };
        match respond(&received, &self.shared.context.current.load(), worker, out) {
            Response::Ignored(_) => false,
            Response::Sent { .. } => {
                let len = u16::try_from(out.len());
                len.map(|len| drop(out.splice(0..0, len.to_be_bytes()))).is_ok()
            }
        }
    }

    /// Reads one message; `false` is a length that no query has.
    async fn read(&mut self, message: &mut Vec<u8>) -> io::Result<bool> {
        let len = self.stream.read_u16().await?;
        if usize::from(len) < HEADER || len > MAX_QUERY {
            return Ok(false);
        }
        message.resize(usize::from(len), 0);
        self.stream.read_exact(message).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let of = |text: &str| client(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn only_errors_of_one_connection_are_passed_over_at_once() {
        for (errno, expected) in [
            (nix::libc::ECONNABORTED, true),
            (nix::libc::EINTR, true),
            (nix::libc::EMFILE, false),
            (nix::libc::ENFILE, false),
            (nix::libc::ENOMEM, false),
        ] {
            assert_eq!(concerns_one(&io::Error::from_raw_os_error(errno)), expected, "{errno}");
        }
    }
}
