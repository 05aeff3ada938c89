//! Datagrams: plain threads, one for each socket, a batch of messages at a time.

use std::hint::black_box;
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
use crate::transport::batch::{Batch, MESSAGES, Message, ROOM, Wait};
use crate::transport::bind::queue_drops;
use crate::transport::fast::{self, Arrival, Asked, Fast, Reader};
use crate::transport::respond::{Context, Received, Response, Worker, apologise, respond};

/// How long a silent worker takes to see that it is to stop.
const PATIENCE: Duration = Duration::from_millis(250);
/// The pause after an error that may come again at once.
const PAUSE: Duration = Duration::from_millis(10);
/// How often the system is asked what it has dropped.
const DROPS_EVERY: Duration = Duration::from_secs(1);
/// A stopping worker answers what its queue holds, and no more than ever fits there.
const LAST_BATCHES: usize = 256;

/// Starts a thread for each of `sockets`; each ends soon after `stop` is set.
pub fn start(
    sockets: Vec<UdpSocket>,
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
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || Serving::new((&socket, bound), &context, worker).until(&stop))?;
        threads.push(thread);
    }
    Ok(threads)
}

/// One worker at its socket.
struct Serving<'s> {
    socket: &'s UdpSocket,
    /// Where the socket listens; a wildcard's messages say which of its addresses they asked.
    bound: SocketAddr,
    context: &'s Context,
    worker: Worker,
    batch: Batch,
    /// What the general path writes to.
    out: Vec<u8>,
    drops: Drops,
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
        context: &'s Context,
        worker: Worker,
    ) -> Self {
        let (batch, out) = (Batch::new(), Vec::with_capacity(ROOM));
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
        let mut plain = [const { None }; MESSAGES];
        let these = plain.get_mut(..count).unwrap_or_default();
        let batch = &self.batch;
        let reading = move || read(batch, snapshot, these);
        if catch_unwind(AssertUnwindSafe(reading)).is_err() {
            self.worker.cells.panicked();
        }
        let mut answers: u64 = 0;
        for (place, plain) in (0..count).zip(&plain) {
            let Some(message) = self.batch.message(place) else { break };
            let when = (now, self.bound);
            let with = (&mut self.worker, &mut self.out);
            if let Some(len) = one(message, plain.as_ref(), when, snapshot, with) {
                self.batch.answer(place, len);
                answers = answers.saturating_add(1);
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
}

/// Reads the plain questions of a batch and has fetched what their answers are made of.
fn read<'s>(batch: &Batch, snapshot: &'s Snapshot, plain: &mut [Option<Asked<'s>>]) {
    let mut reader = Reader::new(snapshot);
    for (place, asked) in plain.iter_mut().enumerate() {
        let Some((octets, len)) = batch.octets(place) else { break };
        *asked = reader.read(octets, len);
    }
    plain.iter_mut().flatten().for_each(Asked::probe);
    black_box(plain.iter().flatten().fold(0, |sum, asked| sum ^ asked.fetch()));
    plain.iter_mut().flatten().for_each(Asked::find);
    black_box(plain.iter().flatten().fold(0, |sum, asked| sum ^ asked.fetch_further()));
}

/// Writes the answer to a message over it, and says how long it is.
fn one(
    Message { octets, len, peer, asked }: Message<'_>,
    plain: Option<&Asked<'_>>,
    (now, bound): (Now, SocketAddr),
    snapshot: &Snapshot,
    (worker, out): (&mut Worker, &mut Vec<u8>),
) -> Option<usize> {
    // A datagram whose sender has no internet address cannot be answered.
    let peer = peer?;
    let asked = SocketAddr::new(asked.unwrap_or(bound.ip()), bound.port());
    let arrival = Arrival { peer, asked, now };
    let fast = || fast::answer((octets, len), plain?, &arrival, snapshot, worker);
    match catch_unwind(AssertUnwindSafe(fast)) {
        Ok(Some(Fast::Answered { len, .. })) => Some(len),
        Ok(Some(Fast::Dropped)) => None,
        other => finish(other.is_err(), (octets, len), arrival, snapshot, (worker, out)),
    }
}

/// Goes on from where the fast path has come to nothing, or to a defect: then the header is still
/// the query's, since it is written last.
fn finish(
    had_defect: bool,
    (octets, len): (&mut [u8; ROOM], usize),
    Arrival { peer, asked, now }: Arrival,
    snapshot: &Snapshot,
    (worker, out): (&mut Worker, &mut Vec<u8>),
) -> Option<usize> {
    let received = Received {
        octets: octets.get(..len)?,
        peer,
        asked: Some(asked),
        now,
        transport: Transport::Udp,
        idle: None,
    };
    let response = if had_defect {
        apologise(&received, snapshot, worker, out)
    } else {
        respond(&received, snapshot, worker, out)
    };
    match response {
        Response::Ignored(_) => None,
        Response::Sent { .. } => {
            // An answer over UDP has at most `udp_max_size` octets, which are no more than these.
            octets.get_mut(..out.len())?.copy_from_slice(out);
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

    use super::*;
    use crate::metrics::Exposition;
    use crate::model::dns::Rtype;
    use crate::transport::bind::{Bound, bind};
    use crate::transport::fixtures::{context, query, query_for};

    /// Longer than any test takes that passes.
    const DEADLINE: Duration = Duration::from_secs(10);

    struct Served {
        port: u16,
        metrics: Metrics,
        stop: Arc<AtomicBool>,
        threads: Vec<JoinHandle<()>>,
        // Keeps the port from other tests.
        _tcp: TcpListener,
    }

    impl Served {
        fn start(listen: &str) -> Self {
            Self::at(bind(&[listen.parse().unwrap()], 2).unwrap())
        }

        fn at(bound: Bound) -> Self {
            let endpoint = bound.endpoints.into_iter().next().unwrap();
            let (metrics, stop) = (Metrics::new("0"), Arc::new(AtomicBool::new(false)));
            let threads = start(endpoint.udp, &Arc::new(context()), &metrics, &stop).unwrap();
            let port = endpoint.address.port();
            Self { port, metrics, stop, threads, _tcp: endpoint.tcp }
        }

        fn end(self) -> String {
            self.stop.store(true, Ordering::Relaxed);
            for thread in self.threads {
                thread.join().unwrap();
            }
            self.metrics.render(Exposition::Text)
        }
    }

    fn client(address: &str) -> UdpSocket {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket
    }

    /// Sends and returns the next answer; a connected socket hears its peer only.
    fn ask(client: &UdpSocket, packet: &[u8]) -> Vec<u8> {
        client.send(packet).unwrap();
        let mut buffer = [0; 2000];
        let len = client.recv(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    #[test]
    fn both_families_are_answered_and_counted() {
        for (listen, from) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
            let served = Served::start(listen);
            let ip = from.parse::<IpAddr>().unwrap();
            for id in 0..50 {
                // A new socket each time comes to one worker or the other.
                let client = client(&SocketAddr::new(ip, 0).to_string());
                client.connect(SocketAddr::new(ip, served.port)).unwrap();
                let out = ask(&client, &query(id));
                assert_eq!(out[..2], id.to_be_bytes());
                assert!(out.ends_with(&[10, 0, 0, 1]));
            }
            let text = served.end();
            assert!(text.contains("{transport=\"udp\",qtype=\"A\",rcode=\"NOERROR\"} 50\n"));
            assert!(text.contains("response_seconds_count{transport=\"udp\"} 50\n"), "{text}");
        }
    }

    #[test]
    fn what_comes_together_is_answered_each_as_it_would_be_alone() {
        let mut unknown = query(3);
        unknown[13] = b'b';
        let mut shouted = query(4);
        shouted[13..17].make_ascii_uppercase();
        let mut edns = query(5);
        edns[11] = 1;
        edns.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
        let malformed = b"\0\x06\0\0\0\x01\0\0\0\0\0\0\xc0".to_vec();
        let types = [Rtype::SRV, Rtype::TXT, Rtype::AAAA].into_iter();
        let others = types.zip(10..).map(|(rtype, id)| query_for(id, rtype));
        let mut asked = vec![query(1), unknown, b"short".to_vec(), shouted, edns, malformed];
        asked.extend(others);
        let bound = bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
        let (socket, address) = (&bound.endpoints[0].udp[0], bound.endpoints[0].address);
        let (context, metrics) = (context(), Metrics::new("0"));
        let worker = Worker::new(metrics.worker(Transport::Udp));
        let mut serving = Serving::new((socket, address), &context, worker);
        let client = client("127.0.0.1:0");
        client.connect(address).unwrap();
        let mut answers = |packets: &[Vec<u8>]| -> Vec<Vec<u8>> {
            for packet in packets {
                client.send(packet).unwrap();
            }
            let count = serving.batch.receive(socket.as_fd(), Wait::ForOne).unwrap();
            assert_eq!(count, packets.len());
            serving.answer(count);
            let answered = packets.iter().filter(|packet| packet.len() > 5);
            answered
                .map(|_| {
                    let mut octets = [0; 2000];
                    let len = client.recv(&mut octets).unwrap();
                    octets[..len].to_vec()
                })
                .collect()
        };
        let alone: Vec<_> =
            asked.iter().flat_map(|packet| answers(std::slice::from_ref(packet))).collect();
        assert_eq!(answers(&asked), alone);
        assert_eq!(alone.len(), asked.len() - 1);
        let text = metrics.render(Exposition::Text);
        assert!(text.contains("livezone_dns_path_total{path=\"fast\"} 12\n"), "{text}");
    }

    #[test]
    fn a_wildcard_answers_from_the_address_that_was_asked() {
        let served = Served::start("0.0.0.0:0");
        for host in [2, 3] {
            let client = client("127.0.0.1:0");
            client.connect((Ipv4Addr::new(127, 0, 0, host), served.port)).unwrap();
            assert!(ask(&client, &query(1)).ends_with(&[10, 0, 0, 1]));
        }
        served.end();
        let served = Served::start("[::]:0");
        let client = client("[::1]:0");
        client.connect((Ipv6Addr::LOCALHOST, served.port)).unwrap();
        assert!(ask(&client, &query(1)).ends_with(&[10, 0, 0, 1]));
        served.end();
    }

    #[test]
    fn a_server_does_not_talk_to_itself() {
        for (listen, host) in
            [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.9"), ("[::]:0", "::1")]
        {
            // One worker, so that what was sent first is read first.
            let bound = bind(&[listen.parse().unwrap()], 1).unwrap();
            let itself = bound.endpoints[0].udp[0].try_clone().unwrap();
            let served = Served::at(bound);
            let host = host.parse::<IpAddr>().unwrap();
            // The kernel draws 127.0.0.1 as the sender for all of 127.0.0.0/8.
            let spoofed = if host.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { host };
            itself.send_to(&query(1), (spoofed, served.port)).unwrap();
            let client = client(&SocketAddr::new(host, 0).to_string());
            client.connect((host, served.port)).unwrap();
            assert!(ask(&client, &query(2)).ends_with(&[10, 0, 0, 1]));
            let text = served.end();
            assert!(text.contains("dropped_total{reason=\"source\"} 1\n"), "{listen}: {text}");
        }
    }

    #[test]
    fn what_cannot_be_read_does_not_stop_a_worker() {
        let served = Served::start("127.0.0.1:0");
        let client = client("127.0.0.1:0");
        client.connect((Ipv4Addr::LOCALHOST, served.port)).unwrap();
        for wrong in [&b""[..], b"short", &[0xff; 600], &[0x80; 12]] {
            client.send(wrong).unwrap();
        }
        let mut malformed = query(2);
        malformed[12] = 0xc0;
        assert_eq!(ask(&client, &malformed), b"\x00\x02\x81\x01\0\0\0\0\0\0\0\0");
        let long = [query(3), vec![0; 60_000]].concat();
        assert_eq!(ask(&client, &long)[..2], [0, 3]);
        assert!(ask(&client, &query(4)).ends_with(&[10, 0, 0, 1]));
        let text = served.end();
        assert!(text.contains("dropped_total{reason=\"short\"} 2\n"), "{text}");
        assert!(text.contains("dropped_total{reason=\"response\"} 2\n"), "{text}");
    }

    #[test]
    fn a_defect_of_the_fast_path_costs_one_answer_and_is_counted() {
        let (metrics, context) = (Metrics::new("0"), context());
        let mut worker = Worker::new(metrics.worker(Transport::Udp));
        let packet = query(9);
        let mut octets = [0xee; ROOM];
        octets[..packet.len()].copy_from_slice(&packet);
        let peer = "192.0.2.1:9".parse().unwrap();
        let arrival =
            Arrival { peer, asked: "192.0.2.53:53".parse().unwrap(), now: Now::default() };
        let (snapshot, mut out) = (context.current.load(), Vec::new());
        let buffer = (&mut octets, packet.len());
        let len = finish(true, buffer, arrival, &snapshot, (&mut worker, &mut out)).unwrap();
        assert_eq!(octets[..4], [0, 9, 0x81, 2], "SERVFAIL");
        assert_eq!(octets[12..len], packet[12..], "with its question");
        let text = metrics.render(Exposition::Text);
        assert!(text.contains("livezone_dns_panics_total 1\n"), "{text}");
        assert!(text.contains("qtype=\"A\",rcode=\"SERVFAIL\"} 1\n"), "{text}");
    }
}
