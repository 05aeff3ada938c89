//! What the batched system calls hand out, over real sockets: the input is a list of steps, and what
//! each gives is held against a list of what was sent.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use livezone::transport::batch::slots::MESSAGES;
use livezone::transport::batch::{Batch, ROOM, Sending, Wait};
use livezone::transport::bind::bind;

/// Where the server listens, and which of its addresses each client asks.
const SERVERS: [(&str, [&str; 3]); 4] = [
    ("127.0.0.1:0", ["127.0.0.1", "127.0.0.1", "127.0.0.1"]),
    ("0.0.0.0:0", ["127.0.0.2", "127.0.0.3", "127.0.0.2"]),
    ("[::1]:0", ["::1", "::1", "::1"]),
    ("[::]:0", ["::1", "::1", "::1"]),
];
/// More than a batch, and so few that they fit the smallest buffer that a socket is given.
const MOST_WAITING: usize = MESSAGES + MESSAGES / 8;
const LONGEST: usize = 5000;

struct Sent {
    client: usize,
    octets: Vec<u8>,
}

/// The sockets, and what the batch should hold.
struct Model {
    server: UdpSocket,
    asked: [IpAddr; 3],
    is_wildcard: bool,
    clients: Vec<UdpSocket>,
    batch: Batch,
    waiting: VecDeque<Sent>,
    received: Vec<Sent>,
    /// Whether they are still to be had.
    is_open: bool,
    /// What stands at the places that were written over.
    written: HashMap<usize, Vec<u8>>,
    /// How long the answers are, by their places.
    answers: BTreeMap<usize, usize>,
}

/// Does what the input says.
pub(crate) fn run(input: &[u8]) {
    let Some((&server, mut steps)) = input.split_first() else { return };
    let mut model = Model::new(usize::from(server) % SERVERS.len());
    while let Some((&[step, place, high, low], rest)) = steps.split_first_chunk() {
        steps = rest;
        let (place, number) = (usize::from(place), usize::from(u16::from_be_bytes([high, low])));
        match step % 5 {
            0 => model.ask(place % 3, number % LONGEST, step),
            1 => model.receive(),
            2 => model.look(place % (2 * MESSAGES)),
            3 => model.answer(place % (2 * MESSAGES), number % (ROOM + ROOM / 8), step),
            _ => model.send(),
        }
    }
    model.send();
}

impl Model {
    fn new(server: usize) -> Self {
        let (listen, asked) = SERVERS[server];
        let bound = bind(&[listen.parse().unwrap()], 1).unwrap();
        let endpoint = bound.endpoints.into_iter().next().unwrap();
        let asked = asked.map(|address| address.parse::<IpAddr>().unwrap());
        let client = |asked: &IpAddr| {
            let any = if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
            let client = UdpSocket::bind(any).unwrap();
            client.connect(SocketAddr::new(*asked, endpoint.address.port())).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client
        };
        Self {
            clients: asked.iter().map(client).collect(),
            is_wildcard: endpoint.address.ip().is_unspecified(),
            server: endpoint.udp.into_iter().next().unwrap(),
            asked,
            batch: Batch::new(Sending::Segmented),
            waiting: VecDeque::new(),
            received: Vec::new(),
            is_open: false,
            written: HashMap::new(),
            answers: BTreeMap::new(),
        }
    }

    fn ask(&mut self, client: usize, len: usize, seed: u8) {
        if self.waiting.len() < MOST_WAITING {
            let octets: Vec<u8> = (0..=u8::MAX).cycle().skip(seed.into()).take(len).collect();
            assert_eq!(self.clients[client].send(&octets).unwrap(), len);
            self.waiting.push_back(Sent { client, octets });
        }
    }

    fn receive(&mut self) {
        let wait = if self.waiting.is_empty() { Wait::Never } else { Wait::ForOne };
        let count = self.batch.receive(self.server.as_fd(), wait).unwrap_or(0);
        assert_eq!(count, self.waiting.len().min(MESSAGES));
        self.received = self.waiting.drain(..count).collect();
        self.is_open = true;
        self.answers.clear();
        self.written.clear();
        (0..=MESSAGES).for_each(|place| self.look(place));
    }

    fn holds(&self, place: usize) -> bool {
        self.is_open && place < self.received.len() && !self.answers.contains_key(&place)
    }

    /// Each message is what was sent, as far as there is room for it, and says from whom and whither.
    fn look(&mut self, place: usize) {
        let Some(sent) = self.received.get(place).filter(|_| self.holds(place)) else {
            assert!(self.batch.message(place).is_none());
            return;
        };
        let expected = &sent.octets[..sent.octets.len().min(ROOM)];
        let is_written = self.written.contains_key(&place);
        let message = self.batch.message(place).unwrap();
        assert_eq!(message.len, expected.len());
        assert!(is_written || message.octets[..message.len] == *expected);
        assert_eq!(message.peer, Some(self.clients[sent.client].local_addr().unwrap()));
        assert_eq!(message.asked, self.is_wildcard.then(|| self.asked[sent.client]));
    }

    fn answer(&mut self, place: usize, len: usize, seed: u8) {
        let is_taken = self.holds(place) && len <= ROOM;
        if let Some(message) = self.batch.message(place) {
            message.octets.fill(seed);
            self.written.insert(place, message.octets.to_vec());
        }
        self.batch.answer(place, len);
        if is_taken {
            self.answers.insert(place, len);
        }
    }

    /// The answers come to whom has asked, in any order, and nothing else does.
    fn send(&mut self) {
        assert_eq!(self.batch.send(self.server.as_fd()), 0);
        self.is_open = false;
        let (mut said, mut heard) = (Vec::new(), Vec::new());
        for (place, answered) in std::mem::take(&mut self.answers) {
            let client = self.received[place].client;
            let mut octets = [0; ROOM + 1];
            let len = self.clients[client].recv(&mut octets).unwrap();
            heard.push((client, octets[..len].to_vec()));
            said.push((client, self.written[&place][..answered].to_vec()));
        }
        said.sort_unstable();
        heard.sort_unstable();
        assert!(said == heard, "other answers than were given");
        for client in &self.clients {
            client.set_nonblocking(true).unwrap();
            assert!(client.recv(&mut [0]).is_err(), "more than was answered");
            client.set_nonblocking(false).unwrap();
        }
    }
}
