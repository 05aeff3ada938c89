//! A packet, answered over UDP and TCP from zones that hold everything.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use livezone::metrics::Metrics;
use livezone::metrics::dns::Transport;
use livezone::model::time::Now;
use livezone::snapshot::Snapshot;
use livezone::transport::respond::{Received, Response, Worker, respond};

use super::house::{REGISTERED, UDP_MAX_SIZE, snapshot};
use super::message::{Message, header};
use super::reply::{Channel, check, room};

const QR: u16 = 0x8000;
const TC: u16 = 0x0200;
const NXDOMAIN: u16 = 3;

/// Bits of the first octet of an input.
const OVER_TCP: u8 = 1;
const OVER_BOTH: u8 = 2;
const PEER: u8 = 0x1c;

/// Whom an answer can reach, and who is nobody.
const PEERS: [(&str, bool); 8] = [
    ("127.0.0.1:40000", true),
    ("[::1]:40000", true),
    ("[::ffff:127.0.0.1]:40000", true),
    ("127.9.9.9:53", true),
    ("127.0.0.1:0", false),
    ("224.0.0.251:5353", false),
    ("255.255.255.255:9", false),
    ("[::]:9", false),
];

thread_local! {
    static SERVER: Server = Server::new(snapshot());
}

/// Answers an input: how it comes, and the packet.
pub(crate) fn run(input: &[u8]) {
    let Some((&how, packet)) = input.split_first() else { return };
    SERVER.with(|server| server.run(how, packet));
}

/// Answers from one snapshot; made once, since executions are counted in millions.
pub(super) struct Server {
    snapshot: Arc<Snapshot>,
    /// For UDP and TCP.
    workers: [RefCell<Worker>; 2],
    peers: [(SocketAddr, bool); 8],
    registered: Vec<Vec<u8>>,
}

impl Server {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        let registered = REGISTERED.iter().map(|name| wire(&format!("{name}.service.internal")));
        Self { registered: registered.collect(), ..Self::of(snapshot) }
    }

    /// Without names that must exist.
    pub(super) fn of(snapshot: Arc<Snapshot>) -> Self {
        let peers = PEERS.map(|(peer, real)| (peer.parse().unwrap(), real));
        let metrics = Metrics::new("0");
        let workers = [Transport::Udp, Transport::Tcp];
        let workers = workers.map(|transport| RefCell::new(Worker::new(metrics.worker(transport))));
        Self { snapshot, workers, peers, registered: Vec::new() }
    }

    pub(super) fn run(&self, how: u8, packet: &[u8]) {
        let (peer, real) = self.peers[usize::from((how & PEER) >> 2)];
        let transport = if how & OVER_TCP == 0 { Transport::Udp } else { Transport::Tcp };
        let Some(reply) = self.ask(packet, peer, transport) else {
            let response = header(packet).is_none_or(|header| header[1] & QR != 0);
            assert!(response || !real, "a query is left without an answer");
            return;
        };
        assert!(real, "{peer} is nobody");
        assert!(header(packet).is_some_and(|header| header[1] & QR == 0), "a response is answered");
        let reply = self.check(packet, &reply, transport);
        if how & OVER_BOTH != 0 && transport == Transport::Udp {
            let over_tcp = self.ask(packet, peer, Transport::Tcp).expect("both answer");
            let over_tcp = self.check(packet, &over_tcp, Transport::Tcp);
            agree(packet, &reply, &over_tcp);
        }
    }

    fn ask(&self, octets: &[u8], peer: SocketAddr, transport: Transport) -> Option<Vec<u8>> {
        let [udp, tcp] = &self.workers;
        let worker = if transport == Transport::Udp { udp } else { tcp };
        let mut worker = worker.borrow_mut();
        // The same draws for every packet, so that an input can be replayed.
        worker.rng = fastrand::Rng::with_seed(1);
        let idle = (transport == Transport::Tcp).then_some(Duration::from_secs(10));
        let received = Received { octets, peer, asked: None, now: Now::default(), transport, idle };
        let mut out = Vec::with_capacity(512);
        match respond(&received, &self.snapshot, &mut worker, &mut out) {
            Response::Sent { .. } => Some(out),
            Response::Ignored(_) => None,
        }
    }

    fn check<'r>(&self, packet: &[u8], reply: &'r [u8], transport: Transport) -> Message<'r> {
        let channel = match transport {
            Transport::Udp => Channel::Udp(UDP_MAX_SIZE),
            Transport::Tcp => Channel::Tcp,
        };
        let reply = check(packet, reply, channel);
        let asked = reply.question.as_ref().map(|question| question.name);
        if asked.is_some_and(|name| self.registered.iter().any(|known| name.as_wire() == known)) {
            assert_ne!(reply.rcode(), NXDOMAIN, "a registered name exists");
        }
        reply
    }
}

/// What fits is the same over both; TC says that something did not.
fn agree(packet: &[u8], over_udp: &Message<'_>, over_tcp: &Message<'_>) {
    assert!(over_tcp.header[1] & TC == 0, "64 KiB hold everything here");
    assert_eq!(over_udp.rcode(), over_tcp.rcode());
    if over_udp.header[1] & TC == 0 {
        assert_eq!(over_udp.header[3..5], over_tcp.header[3..5], "answers and authority");
    } else {
        let room = room(packet, Channel::Udp(UDP_MAX_SIZE));
        assert!(over_tcp.octets.len() > room, "TC though {room} octets hold all");
    }
}

/// A name of plain labels.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
