//! Those who mean ill, within bounds: mangled packets, and TCP clients that are slow, silent,
//! greedy, or say nonsense.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::Soak;
use crate::asker::{Pace, sent};
use crate::judge::Question;
use crate::message::{Message, header};
use crate::reply::{Channel, check};
use crate::support::dns;

const QR: u16 = 0x8000;
const PATIENCE: Duration = Duration::from_secs(3);
/// The default of `[dns] udp_max_size`.
pub(crate) const UDP_MAX_SIZE: u16 = 1232;
/// Of each kind at a time: no more than one peer may have, from an address of its own.
const CLIENTS: usize = 5;
/// A greedy client's questions, whose answers it never reads: some megabytes.
const GREEDY: usize = 20_000;

/// Sends packets that were good before they were mangled. Whatever has a header and is no response
/// is due an answer, and that keeps every rule of the fuzzing.
pub(crate) fn mangled(soak: &Soak, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 201, 0, 1), 0)).unwrap();
    socket.connect(soak.dns).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = vec![0; 65_535];
    let mut pace = Pace::new(soak.rate);
    while soak.tally.goes_on() {
        pace.wait();
        let mut packet = good(soak, &mut rng);
        mangle(&mut packet, &mut rng);
        if !sent(soak, &socket, &packet) {
            continue;
        }
        soak.tally.add("mangled", 1);
        let Some(asked) = header(&packet).filter(|header| header[1] & QR == 0) else { continue };
        let reply = loop {
            match socket.recv(&mut buffer) {
                Ok(length) if header(&buffer[..length]).is_some_and(|h| h[0] == asked[0]) => {
                    break Some(&buffer[..length]);
                }
                Ok(_) => soak.tally.add("stray", 1),
                Err(_) => break None,
            }
        };
        match reply {
            None => soak.tally.add("unanswered", 1),
            Some(reply) => keeps_rules(soak, &packet, reply, Channel::Udp(UDP_MAX_SIZE)),
        }
    }
}

/// Holds a reply against the rules that fuzzing has.
pub(crate) fn keeps_rules(soak: &Soak, packet: &[u8], reply: &[u8], channel: Channel) {
    let judged = std::panic::catch_unwind(|| {
        check(packet, Message::read(packet).as_ref(), reply, channel);
    });
    if judged.is_err() {
        soak.tally.wrong(format!("{reply:02x?} answers {packet:02x?}"));
    }
}

fn good(soak: &Soak, rng: &mut fastrand::Rng) -> Vec<u8> {
    let (name, rtype) = Question::draw(&soak.services, rng).name_and_type();
    let message = dns::question(&name, rtype);
    message.to_vec().unwrap()
}

fn mangle(packet: &mut Vec<u8>, rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..packet.len().max(1));
        match rng.u8(..6) {
            0 => packet.truncate(at),
            1 => packet.insert(at.min(packet.len()), rng.u8(..)),
            2 => packet.extend(std::iter::repeat_with(|| rng.u8(..)).take(at)),
            // The header decides most.
            3 => packet.iter_mut().skip(2).take(10).for_each(|octet| {
                if rng.u8(..10) == 0 {
                    *octet = rng.u8(..);
                }
            }),
            _ => packet.iter_mut().skip(at).take(1).for_each(|octet| *octet = rng.u8(..)),
        }
    }
}

/// Holds connections open in every bad way, and replaces those that the server has closed.
pub(crate) fn streams(soak: &Soak, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut clients: Vec<Client> = Vec::new();
    let mut pace = Pace::new(5);
    while soak.tally.goes_on() {
        pace.wait();
        clients.retain_mut(|client| client.go_on(&mut rng));
        for manner in [Manner::Silent, Manner::Slow, Manner::Greedy, Manner::Nonsense] {
            let like = clients.iter().filter(|client| client.manner == manner).count();
            if like < CLIENTS {
                let stream = connect(manner, soak.dns);
                soak.tally.add("bad connections", 1);
                let query = good(soak, &mut rng);
                clients.extend(stream.ok().map(|stream| Client::new(manner, stream, &query)));
            }
        }
    }
}

fn connect(manner: Manner, server: SocketAddr) -> std::io::Result<TcpStream> {
    let own = Ipv4Addr::new(127, 202, 0, manner as u8 + 1);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((own, 0)).into())?;
    socket.connect_timeout(&server.into(), PATIENCE)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Connects and says nothing.
    Silent,
    /// An octet now and then.
    Slow,
    /// Asks without end and reads nothing.
    Greedy,
    /// Octets of no meaning; leaves in the middle.
    Nonsense,
}

struct Client {
    manner: Manner,
    stream: TcpStream,
    /// What is still to be sent.
    left: Vec<u8>,
    until: Instant,
}

impl Client {
    fn new(manner: Manner, stream: TcpStream, query: &[u8]) -> Self {
        let framed = [&u16::try_from(query.len()).unwrap().to_be_bytes(), query].concat();
        let left = match manner {
            Manner::Silent => Vec::new(),
            Manner::Slow | Manner::Nonsense => framed,
            Manner::Greedy => framed.repeat(GREEDY),
        };
        // A server that sheds none of them is not left with more and more of them.
        let until = Instant::now() + Duration::from_secs(60);
        Self { manner, stream, left, until }
    }

    /// Does its worst once more; `false` when it is over.
    fn go_on(&mut self, rng: &mut fastrand::Rng) -> bool {
        let amount = match self.manner {
            Manner::Silent => 0,
            Manner::Slow => 1,
            Manner::Greedy => self.left.len(),
            Manner::Nonsense => {
                let junk: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(200).collect();
                let _ = self.stream.write(&junk);
                return rng.u8(..5) > 0;
            }
        };
        let sent = self.stream.write(&self.left[..amount.min(self.left.len())]);
        match sent {
            Ok(sent) => drop(self.left.drain(..sent)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        if self.manner != Manner::Greedy {
            let closed = matches!(self.stream.read(&mut [0; 512]), Ok(0));
            if closed {
                return false;
            }
        }
        Instant::now() < self.until
    }
}
