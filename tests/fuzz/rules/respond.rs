//! A packet, answered over UDP and TCP from zones that hold everything.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use livezone::metrics::Metrics;
use livezone::metrics::dns::Transport;
use livezone::snapshot::Snapshot;
use livezone::transport::batch::ROOM;
use livezone::transport::fast::{self, Arrival, Fast};
use livezone::transport::limits::{Guard, Limiter};
use livezone::transport::message::{Received, Response};
use livezone::transport::respond::respond;
use livezone::transport::worker::Worker;

use super::cookies::{Judged, judge};
use super::edns::{COOKIE, KEEPALIVE, Wanted, split};
use super::fixture::{Limits, REGISTERED, SETTINGS, snapshots};
use super::how::{Addresses, How, Standing};
use super::message::{Message, header, rtype};
use super::reply::{Channel, check, room, whole};

const QR: u16 = 0x8000;
const TC: u16 = 0x0200;
const NOERROR: u16 = 0;
const NXDOMAIN: u16 = 3;
const REFUSED: u16 = 5;
const BADCOOKIE: u16 = 23;

/// How long a connection may idle, and how RFC 7828 says it.
const IDLE: Duration = Duration::from_secs(10);
const IDLE_TENTHS: [u8; 2] = [0, 100];

thread_local! {
    static SERVER: Server = Server::new();
    /// Registering the metrics takes longer than most answers: once for all.
    static WORKERS: [RefCell<Worker>; 2] = workers();
    static LIMITER: Arc<Limiter> = Arc::default();
    static TURN: Cell<u64> = const { Cell::new(0) };
    static ADDRESSES: Addresses = Addresses::new();
}

fn workers() -> [RefCell<Worker>; 2] {
    let metrics = Metrics::new("0");
    [Transport::Udp, Transport::Tcp]
        .map(|transport| RefCell::new(Worker::new(metrics.worker(transport))))
}

/// Answers an input: how it comes, and the packet.
pub(crate) fn run(input: &[u8]) {
    let read = ADDRESSES.with(|places| How::read(input, places));
    if let Some((how, packet)) = read {
        SERVER.with(|server| server.run(how, packet));
    }
}

/// Answers from snapshots; made once, since executions are counted in millions.
pub(super) struct Server {
    /// As many as [`SETTINGS`], or one that has no limits and no cookies.
    snapshots: Vec<Arc<Snapshot>>,
    registered: Vec<Vec<u8>>,
}

/// A packet that has been read, as far as that is possible.
#[derive(Clone, Copy)]
struct PacketCase<'p> {
    packet: &'p [u8],
    read: Option<&'p Message<'p>>,
    how: How,
    /// The turn, which tells the time.
    turn: u64,
}

impl Server {
    fn new() -> Self {
        let registered = REGISTERED.iter().map(|name| wire(&format!("{name}.service.internal")));
        Self { registered: registered.collect(), snapshots: snapshots().into() }
    }

    /// Without names that must exist.
    pub(super) fn of(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshots: vec![snapshot], registered: Vec::new() }
    }

    /// Asks as an ordinary client does.
    pub(super) fn ask_both(&self, packet: &[u8]) {
        let input = [2];
        let how = ADDRESSES.with(|places| How::read(&input, places).expect("an octet says it").0);
        self.run(how, packet);
    }

    fn run(&self, how: How, packet: &[u8]) {
        let turn = TURN.get() + 1;
        TURN.set(turn);
        let read = Message::read(packet);
        let asked = PacketCase { packet, read: read.as_ref(), how, turn };
        WORKERS.with(|workers| {
            let limiter = LIMITER.with(Arc::clone);
            workers[0].borrow_mut().guard = Some(Guard::new(limiter));
            self.answers(asked, workers);
        });
    }

    fn answers(&self, asked: PacketCase<'_>, workers: &[RefCell<Worker>; 2]) {
        let PacketCase { packet, how, .. } = asked;
        let Some(reply) = self.ask(asked, workers) else {
            let response = header(packet).is_none_or(|header| header[1] & QR != 0);
            assert!(
                response || how.standing == Standing::Nobody,
                "a query is left without an answer"
            );
            return;
        };
        assert_ne!(how.standing, Standing::Nobody, "{} is nobody", how.peer);
        assert!(header(packet).is_some_and(|header| header[1] & QR == 0), "a response is answered");
        let (first, judged) = self.check(asked, &reply);
        if how.both {
            let asked = PacketCase { how: how.over_tcp(), ..asked };
            let over_tcp = self.ask(asked, workers).expect("both answer");
            let (over_tcp, _) = self.check(asked, &over_tcp);
            agree(asked, channel(how), &first, &over_tcp);
        }
        let limits = SETTINGS[how.settings].0;
        if how.transport == Transport::Udp && limits != Limits::None && self.snapshots.len() > 1 {
            let proved = judged.is_some_and(|judged| judged.is_valid);
            let again = self.ask(asked, workers);
            limited(limits, how.standing == Standing::Exempt || proved, &first, again.as_deref());
        }
    }

    fn ask(&self, asked: PacketCase<'_>, workers: &[RefCell<Worker>; 2]) -> Option<Vec<u8>> {
        let PacketCase { packet: octets, how, turn, .. } = asked;
        let over_tcp = how.transport == Transport::Tcp;
        let mut worker = workers[usize::from(over_tcp)].borrow_mut();
        // The same draws for every packet, so that an input can be replayed.
        worker.rng = fastrand::Rng::with_seed(1);
        let received = Received {
            octets,
            peer: how.peer,
            asked: how.asked,
            now: how.now(turn),
            transport: how.transport,
            idle: over_tcp.then_some(IDLE),
        };
        let snapshot = self.snapshots.get(how.settings).unwrap_or(&self.snapshots[0]);
        let fast = if over_tcp { None } else { at_once(&received, snapshot, &mut worker) };
        match fast {
            Some((Fast::Answered { len, .. }, octets)) => return Some(octets[..len].to_vec()),
            Some((Fast::Dropped, _)) => return None,
            None => {}
        }
        let mut out = Vec::with_capacity(512);
        match respond(&received, snapshot, &mut worker, &mut out) {
            Response::Sent { .. } => Some(out),
            Response::Ignored(_) => None,
        }
    }

    /// Gives the reply, and what the asker's cookie is worth if it gets one back.
    fn check<'r>(&self, asked: PacketCase<'_>, reply: &'r [u8]) -> (Message<'r>, Option<Judged>) {
        let PacketCase { packet, read, how, .. } = asked;
        let channel = channel(how);
        if how.standing == Standing::Denied {
            let reply = whole(packet, read, reply, channel);
            assert_eq!(reply.rcode(), REFUSED, "who may not ask learns nothing else");
            assert!(reply.records.iter().all(|record| record.rtype == rtype::OPT), "only OPT");
            let judged = cookie(how, read, &reply);
            return (reply, judged);
        }
        let reply = check(packet, read, reply, channel);
        let name = reply.question.as_ref().map(|question| question.name);
        if name.is_some_and(|name| self.registered.iter().any(|known| name.as_wire() == known)) {
            assert_ne!(reply.rcode(), NXDOMAIN, "a registered name exists");
        }
        let judged = cookie(how, read, &reply);
        if reply.question.is_none() && [NOERROR, BADCOOKIE].contains(&reply.rcode()) {
            let judged = judged.as_ref().expect("without a question there is a cookie");
            let bad = judged.is_shown && !judged.is_valid;
            assert_eq!(reply.rcode() == BADCOOKIE, bad, "RFC 7873 section 5.4");
        }
        (reply, judged)
    }
}

fn channel(how: How) -> Channel {
    match how.transport {
        Transport::Udp => Channel::Udp(SETTINGS[how.settings].1),
        Transport::Tcp => Channel::Tcp,
    }
}

/// Holds the reply's options against those of the query, to the octet.
fn cookie(how: How, query: Option<&Message<'_>>, reply: &Message<'_>) -> Option<Judged> {
    let opt = reply.of(rtype::OPT).next()?;
    let option = |code| split(opt.rdata).flatten().find(|option| option.0 == code);
    if let Some((_, tenths)) = option(KEEPALIVE) {
        assert_eq!(tenths, IDLE_TENTHS, "as long as it is");
    }
    let (_, given) = option(COOKIE)?;
    let theirs = query?.of(rtype::OPT).next()?;
    let judged = judge(Wanted::read(theirs.rdata)?.cookie?, how.peer.ip(), how.time);
    assert_eq!(given, judged.answer, "RFC 9018");
    Some(judged)
}

/// What the fast path makes of a datagram, which has the first word; `None` leaves it to `respond`.
fn at_once(
    received: &Received<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
) -> Option<(Fast, Box<[u8; ROOM]>)> {
    let &Received { octets: packet, peer, asked, now, .. } = received;
    let arrival = Arrival { peer: &peer, asked: &asked?, now };
    let mut octets = Box::new([0xa5; ROOM]);
    octets.get_mut(..packet.len())?.copy_from_slice(packet);
    let before = octets.clone();
    let fast = fast::respond(&mut octets, packet.len(), arrival, snapshot, worker);
    assert!(fast.is_some() || octets == before, "what is left to others is left alone");
    Some((fast?, octets))
}

/// What fits is the same over both; TC says that something did not.
fn agree(asked: PacketCase<'_>, udp: Channel, over_udp: &Message<'_>, over_tcp: &Message<'_>) {
    assert!(over_tcp.header[1] & TC == 0, "64 KiB hold everything here");
    assert_eq!(over_udp.rcode(), over_tcp.rcode());
    if over_udp.header[1] & TC == 0 {
        assert_eq!(over_udp.header[3..5], over_tcp.header[3..5], "answers and authority");
    } else {
        let room = room(asked.read, udp);
        assert!(over_tcp.octets.len() > room, "TC though {room} octets hold all");
    }
}

/// One answer a second is within the limit, and this would be the second.
fn limited(limits: Limits, free: bool, first: &Message<'_>, second: Option<&[u8]>) {
    if free || limits == Limits::DryRun {
        assert_eq!(second, Some(first.octets), "who is not limited is answered alike");
        return;
    }
    if limits == Limits::Drop {
        assert_eq!(second, None, "beyond the limit");
        return;
    }
    let second = Message::read(second.expect("each slips")).expect("a whole message");
    assert!(second.flag(TC), "whoever is there asks again over TCP");
    assert!(second.octets.len() <= first.octets.len(), "never more than asked for first");
    let bare =
        |record: &super::message::Record<'_>| [rtype::OPT, rtype::TSIG].contains(&record.rtype);
    assert!(second.records.iter().all(bare), "no records");
    assert_eq!((second.header[0], second.header[2]), (first.header[0], first.header[2]));
    let expected = if first.rcode() == NXDOMAIN { NOERROR } else { first.rcode() };
    assert_eq!(second.rcode(), expected, "an error is still told");
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
