//! Queries octet by octet: as right or as wrong as a test wants them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::message::{Message, number};
use crate::server::address;

/// A busy machine is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

pub(crate) const AA: u16 = 0x0400;
pub(crate) const TC: u16 = 0x0200;
pub(crate) const RD: u16 = 0x0100;
pub(crate) const RA: u16 = 0x0080;
pub(crate) const Z: u16 = 0x0040;
pub(crate) const AD: u16 = 0x0020;
pub(crate) const CD: u16 = 0x0010;

/// Both ways to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Udp,
    Tcp,
}

pub(crate) const BOTH: [Over; 2] = [Over::Udp, Over::Tcp];

/// A query in the making.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    /// Where the header is to lie.
    counts: [Option<u16>; 4],
    /// The sections, each entry as octets.
    sections: [Vec<Vec<u8>>; 4],
    tail: Vec<u8>,
    /// What the OPT record offers.
    pub(crate) payload: Option<u16>,
}

/// A name in octets; `\DDD` is an octet.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

/// A question in octets.
pub(crate) fn question(name: &[u8], rtype: u16, class: u16) -> Vec<u8> {
    [name, &rtype.to_be_bytes(), &class.to_be_bytes()].concat()
}

/// A record in octets.
pub(crate) fn record(name: &[u8], rtype: u16, class: u16, ttl: u32, rdata: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rdata.len()).unwrap();
    let head = question(name, rtype, class);
    [&head, &ttl.to_be_bytes()[..], &length.to_be_bytes(), rdata].concat()
}

/// An OPT record: what is offered, the 32 bits of its TTL, and its options.
pub(crate) fn opt(payload: u16, ttl: u32, options: &[u8]) -> Vec<u8> {
    record(&[0], 41, payload, ttl, options)
}

/// An option of an OPT record.
pub(crate) fn option(code: u16, octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).unwrap();
    [&code.to_be_bytes()[..], &length.to_be_bytes(), octets].concat()
}

/// One question of class IN.
pub(crate) fn ask(name: &str, rtype: &str) -> Ask {
    nothing().question(&question(&wire(name), number(rtype), 1))
}

/// A header alone.
pub(crate) fn nothing() -> Ask {
    static NEXT: AtomicU16 = AtomicU16::new(0x1234);
    Ask {
        id: NEXT.fetch_add(0x0101, Ordering::Relaxed),
        flags: 0,
        counts: [None; 4],
        sections: Default::default(),
        tail: Vec::new(),
        payload: None,
    }
}

impl Ask {
    pub(crate) fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn opcode(mut self, opcode: u16) -> Self {
        self.flags = self.flags & !0x7800 | opcode << 11;
        self
    }

    /// Sets flags beside those there are.
    pub(crate) fn flags(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// A question more, as octets.
    pub(crate) fn question(mut self, octets: &[u8]) -> Self {
        self.sections[0].push(octets.to_vec());
        self
    }

    /// A record in the answer (1), authority (2) or additional (3) section.
    pub(crate) fn record_in(mut self, section: usize, octets: &[u8]) -> Self {
        self.sections[section].push(octets.to_vec());
        self
    }

    /// Says so many of a section (0 is the question's) whatever there are.
    pub(crate) fn count(mut self, section: usize, count: u16) -> Self {
        self.counts[section] = Some(count);
        self
    }

    /// EDNS version 0 without options.
    pub(crate) fn edns(self, payload: u16) -> Self {
        self.opt(payload, 0, &[])
    }

    /// An OPT record.
    pub(crate) fn opt(mut self, payload: u16, ttl: u32, options: &[u8]) -> Self {
        self.payload = Some(payload);
        self.record_in(3, &opt(payload, ttl, options))
    }

    /// Octets behind the message.
    pub(crate) fn tail(mut self, octets: &[u8]) -> Self {
        self.tail = octets.to_vec();
        self
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut out = [self.id, self.flags].map(u16::to_be_bytes).concat();
        for (section, count) in self.sections.iter().zip(self.counts) {
            let there = u16::try_from(section.len()).unwrap();
            out.extend(count.unwrap_or(there).to_be_bytes());
        }
        out.extend(self.sections.iter().flatten().flatten());
        out.extend(&self.tail);
        out
    }

    /// The question section's octets.
    pub(crate) fn asked(&self) -> Vec<u8> {
        self.sections[0].concat()
    }

    pub(crate) fn udp(&self) -> Message {
        self.udp_at(address())
    }

    pub(crate) fn udp_at(&self, server: SocketAddr) -> Message {
        Datagrams::open(server).ask(self)
    }

    pub(crate) fn tcp(&self) -> Message {
        let mut stream = Stream::open();
        stream.send(&[self]);
        stream.receive(self)
    }

    pub(crate) fn over(&self, over: Over) -> Message {
        match over {
            Over::Udp => self.udp(),
            Over::Tcp => self.tcp(),
        }
    }

    /// The same over both.
    pub(crate) fn both(&self) -> [Message; 2] {
        BOTH.map(|over| self.over(over))
    }

    /// Nothing comes back over UDP: a question behind it, from the same socket and so to the same
    /// worker, is answered first.
    pub(crate) fn gets_nothing(&self) {
        silent(&self.octets());
    }
}

/// Octets that get no answer over UDP.
pub(crate) fn silent(octets: &[u8]) {
    let next = ask("www.a.test", "A");
    let socket = Datagrams::open(address());
    socket.0.send(octets).unwrap();
    socket.0.send(&next.octets()).unwrap();
    let reply = socket.next().expect("the next question is answered");
    let _ = Message::read(reply).answers_to(&next, Over::Udp);
}

/// A socket that takes datagrams of one server alone.
#[derive(Debug)]
pub(crate) struct Datagrams(UdpSocket);

impl Datagrams {
    pub(crate) fn open(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    pub(crate) fn ask(&self, ask: &Ask) -> Message {
        for _ in 0..TRIES {
            self.0.send(&ask.octets()).unwrap();
            if let Some(octets) = self.next() {
                return Message::read(octets).answers_to(ask, Over::Udp);
            }
        }
        panic!("no answer over UDP to {:02x?}", ask.octets());
    }

    /// `None` when nothing comes.
    fn next(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 5000];
        let length = self.0.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    }
}

/// A connection, from an address of its own: there is a limit for each.
#[derive(Debug)]
pub(crate) struct Stream(pub(crate) TcpStream);

impl Stream {
    pub(crate) fn open() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0x0101);
        let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self::open_from(Ipv4Addr::new(127, 7, high, low))
    }

    pub(crate) fn open_from(client: Ipv4Addr) -> Self {
        let here = SocketAddr::from((client, 0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&here.into()).unwrap();
        socket.connect(&address().into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Sends queries in one write, each with its length before it.
    pub(crate) fn send(&mut self, asks: &[&Ask]) {
        let framed: Vec<u8> = asks.iter().flat_map(|ask| framed(&ask.octets())).collect();
        self.0.write_all(&framed).unwrap();
    }

    /// The next message, held against its query.
    pub(crate) fn receive(&mut self, ask: &Ask) -> Message {
        let octets = self.next().expect("an answer over TCP");
        Message::read(octets).answers_to(ask, Over::Tcp)
    }

    /// The next message; `None` when the server has closed.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        match self.0.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("neither an answer nor an end")
            }
            Err(_) => return None,
        }
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut octets).unwrap();
        Some(octets)
    }
}

/// A message with its length before it (RFC 1035 section 4.2.2).
pub(crate) fn framed(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat()
}
