//! Those who mean well: every question is answered, and truly.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::Message;

use crate::Soak;
use crate::hostile::{UDP_MAX_SIZE, keeps_rules};
use crate::judge::Question;
use crate::reply::Channel;
use crate::support::dns;

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(3);
/// Questions on one TCP connection, sent before the first answer is read.
const PIPELINED: usize = 8;

/// Asks over UDP, one question after the other.
pub(crate) fn over_udp(soak: &Soak, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut socket = connect(soak.dns);
    let mut buffer = vec![0; 65_535];
    let mut pace = Pace::new(soak.rate);
    while soak.tally.goes_on() {
        pace.wait();
        let question = Question::draw(&soak.services, &mut rng);
        let message = message(question, &mut rng);
        let octets = message.to_vec().unwrap();
        let asked = Instant::now();
        if !sent(soak, &socket, &octets) {
            continue;
        }
        soak.tally.add("udp", 1);
        if let Some(reply) = receive(&socket, &mut buffer, message.metadata.id) {
            keeps_rules(soak, &octets, &reply, Channel::Udp(UDP_MAX_SIZE));
            judge(soak, question, &message, &reply, asked);
        } else {
            soak.tally.add("unanswered", 1);
            socket = connect(soak.dns);
        }
    }
}

/// Whether the kernel has taken a datagram: it refuses some while its table of connections is full.
pub(crate) fn sent(soak: &Soak, socket: &UdpSocket, octets: &[u8]) -> bool {
    let sent = socket.send(octets).is_ok();
    if !sent {
        soak.tally.add("not sent", 1);
    }
    sent
}

fn connect(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket, buffer: &mut [u8], id: u16) -> Option<Vec<u8>> {
    loop {
        let length = socket.recv(buffer).ok()?;
        if buffer[..length].first_chunk() == Some(&id.to_be_bytes()) {
            return Some(buffer[..length].to_vec());
        }
    }
}

/// Asks over TCP: several questions at once on each of a few connections after another.
pub(crate) fn over_tcp(soak: &Soak, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pace = Pace::new(soak.rate / 8);
    while soak.tally.goes_on() {
        let stream = TcpStream::connect_timeout(&soak.dns, PATIENCE);
        let Ok(mut stream) = stream else {
            soak.tally.wrong("no connection over TCP".to_owned());
            continue;
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        soak.tally.add("connections", 1);
        for _ in 0..rng.usize(1..30) {
            pace.wait();
            if !soak.tally.goes_on() {
                return;
            }
            if let Err(complaint) = exchange(soak, &mut stream, &mut rng) {
                soak.tally.wrong(format!("over TCP: {complaint}"));
                break;
            }
        }
    }
}

/// The answers may come in any order (RFC 7766 section 7).
fn exchange(soak: &Soak, stream: &mut TcpStream, rng: &mut fastrand::Rng) -> std::io::Result<()> {
    let count = rng.usize(1..=PIPELINED);
    let mut open = Vec::new();
    let mut octets = Vec::new();
    let asked = Instant::now();
    for n in 0..count {
        let question = Question::draw(&soak.services, rng);
        let mut message = message(question, rng);
        message.metadata.id = u16::try_from(n).unwrap();
        let wire = message.to_vec().unwrap();
        octets.extend(u16::try_from(wire.len()).unwrap().to_be_bytes());
        octets.extend(wire);
        open.push((question, message));
    }
    stream.write_all(&octets)?;
    for _ in 0..count {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut reply)?;
        let id = reply.first_chunk().map(|id| u16::from_be_bytes(*id));
        let Some(at) = open.iter().position(|(_, message)| Some(message.metadata.id) == id) else {
            return Err(std::io::Error::other("an answer to nothing"));
        };
        let (question, message) = open.swap_remove(at);
        soak.tally.add("tcp", 1);
        keeps_rules(soak, &message.to_vec().unwrap(), &reply, Channel::Tcp);
        judge(soak, question, &message, &reply, asked);
    }
    Ok(())
}

fn message(question: Question<'_>, rng: &mut fastrand::Rng) -> Message {
    let (name, rtype) = question.name_and_type();
    if rng.bool() { dns::question(&name, rtype) } else { dns::plain_question(&name, rtype) }
}

fn judge(soak: &Soak, question: Question<'_>, asked: &Message, reply: &[u8], at: Instant) {
    let verdict = match Message::from_vec(reply) {
        Err(error) => Err(format!("the answer cannot read this file: {error}")),
        Ok(reply) if reply.queries != asked.queries => Err("another question".to_owned()),
        Ok(reply) => question.judge(&reply, at, &soak.tally),
    };
    if let Err(complaint) = verdict {
        let (name, rtype) = question.name_and_type();
        soak.tally.wrong(format!("{name} {rtype}: {complaint}"));
    }
}

/// At most so many a second.
pub(crate) struct Pace {
    gap: Duration,
    next: Instant,
}

impl Pace {
    pub(crate) fn new(rate: u32) -> Self {
        Self { gap: Duration::from_secs(1) / rate.max(1), next: Instant::now() }
    }

    pub(crate) fn wait(&mut self) {
        let now = Instant::now();
        std::thread::sleep(self.next.saturating_duration_since(now));
        // What was missed is not made up for: no bursts.
        self.next = self.next.max(now) + self.gap;
    }
}
