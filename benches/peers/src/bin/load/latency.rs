//! Keeps a few questions outstanding, over UDP or TCP, and times each.
//!
//! Options: `--over udp|tcp`, `--form …`, `--connections N`, `--outstanding N` (of all connections
//! together), `--seconds S`. It prints one line: `latency SERVER ANSWERS SECONDS NANOSECONDS P50 P99
//! OCTETS TRUNCATED LOST`: the server's CPU time, two percentiles in microseconds, octets an answer,
//! answers with TC.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::questions::{Form, Question, read};
use crate::{Target, Words};

/// A question without an answer is asked again.
const LOST: Duration = Duration::from_millis(200);
/// Nothing is counted until caches and windows are warm.
const LEAD_IN: Duration = Duration::from_millis(200);

/// First cookies are all that is asked with here.
const CLIENT: [u8; 8] = [1; 8];

enum Socket {
    Udp(UdpSocket),
    /// With what has been read of the stream and not been taken.
    Tcp(TcpStream, Vec<u8>),
}

/// A socket, and when each of its questions went out; the place of a question is its id.
struct Connection {
    address: SocketAddr,
    socket: Socket,
    asked: Vec<Option<Instant>>,
}

#[derive(Default)]
struct Seen {
    micros: Vec<f32>,
    octets: u64,
    truncated: u64,
    lost: u64,
}

pub fn run(path: &str, target: &Target, words: &Words) {
    let form = Form::named(words.text("form", "plain"));
    let mut questions = read(path, form);
    questions.iter_mut().for_each(|question| question.rest.extend(form.end(CLIENT, &[])));
    let count = words.number("connections", 10.0) as usize;
    let each = (words.number("outstanding", 10.0) as usize / count).max(1);
    let mut all: Vec<Connection> =
        (0..count).map(|_| Connection::new(target, words.text("over", "udp"), each)).collect();
    let mut next = 0;
    ask(&mut all, &questions, &mut next, LEAD_IN);
    let (before, began) = (target.family.nanoseconds(), Instant::now());
    let lasts = Duration::from_secs_f64(words.number("seconds", 2.0));
    let mut seen = ask(&mut all, &questions, &mut next, lasts);
    let seconds = began.elapsed().as_secs_f64();
    let used = target.family.nanoseconds().saturating_sub(before);
    seen.micros.sort_by(f32::total_cmp);
    let answers = seen.micros.len();
    let part = |hundredths: usize| {
        seen.micros.get((answers * hundredths / 100).min(answers.saturating_sub(1))).unwrap_or(&0.0)
    };
    let (p50, p99, octets) = (part(50), part(99), seen.octets / answers.max(1) as u64);
    let Seen { truncated, lost, .. } = seen;
    let name = &target.name;
    print!("latency\t{name}\t{answers}\t{seconds:.3}\t{used}\t{p50:.0}\t{p99:.0}\t{octets}");
    println!("\t{truncated}\t{lost}");
}

/// Asks for so long, and waits for what is outstanding, so that the CPU time is of these answers.
fn ask(all: &mut [Connection], questions: &[Question], next: &mut usize, lasts: Duration) -> Seen {
    let mut seen = Seen::default();
    let mut room = vec![0; 1 << 17];
    let began = Instant::now();
    loop {
        let is_over = began.elapsed() >= lasts;
        let mut is_quiet = true;
        for connection in &mut *all {
            connection.hear(&mut room, &mut seen);
            if !is_over {
                connection.fill(questions, next);
            }
            is_quiet &= connection.asked.iter().all(Option::is_none);
        }
        if is_over && is_quiet {
            return seen;
        }
    }
}

impl Connection {
    fn new(target: &Target, over: &str, each: usize) -> Self {
        let address = target.address;
        Self { address, socket: open(address, over), asked: vec![None; each] }
    }

    /// Asks for every place that is free.
    fn fill(&mut self, questions: &[Question], next: &mut usize) {
        let mut out = Vec::new();
        for (id, asked) in self.asked.iter_mut().enumerate().filter(|(_, at)| at.is_none()) {
            let question = &questions[*next % questions.len()];
            *next += 1;
            let packet = [&(id as u16).to_be_bytes()[..], &question.rest].concat();
            match &self.socket {
                Socket::Udp(socket) => {
                    let _ = socket.send(&packet);
                }
                Socket::Tcp(..) => {
                    out.extend((packet.len() as u16).to_be_bytes());
                    out.extend(packet);
                }
            }
            *asked = Some(Instant::now());
        }
        if let (Socket::Tcp(stream, _), false) = (&mut self.socket, out.is_empty()) {
            stream.set_nonblocking(false).expect("a socket that waits");
            // What goes wrong is seen when it is read from.
            let _ = stream.write_all(&out);
        }
    }

    fn hear(&mut self, room: &mut [u8], seen: &mut Seen) {
        let asked = &mut self.asked;
        match &mut self.socket {
            Socket::Udp(socket) => {
                while let Ok(len) = socket.recv(room) {
                    take(&room[..len], asked, seen);
                }
                for at in asked.iter_mut().filter(|at| at.is_some_and(|at| at.elapsed() > LOST)) {
                    *at = None;
                    seen.lost += 1;
                }
            }
            Socket::Tcp(stream, held) => {
                stream.set_nonblocking(true).expect("a socket that does not wait");
                match stream.read(room) {
                    Ok(len @ 1..) => held.extend(&room[..len]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // The server may end a connection: what was asked on it is asked on another.
                    Ok(0) | Err(_) => {
                        *stream = connect(self.address);
                        held.clear();
                        seen.lost += asked.iter_mut().filter_map(Option::take).count() as u64;
                    }
                }
                let mut from = 0;
                while let Some(len) = held.get(from..from + 2) {
                    let end = from + 2 + usize::from(u16::from_be_bytes([len[0], len[1]]));
                    let Some(message) = held.get(from + 2..end) else { break };
                    take(message, asked, seen);
                    from = end;
                }
                held.drain(..from);
            }
        }
    }
}

fn open(address: SocketAddr, over: &str) -> Socket {
    match over {
        "udp" => {
            let socket = UdpSocket::bind(("0.0.0.0", 0)).expect("a socket");
            socket.connect(address).expect("the address");
            socket.set_nonblocking(true).expect("a socket that does not wait");
            Socket::Udp(socket)
        }
        "tcp" => Socket::Tcp(connect(address), Vec::new()),
        other => panic!("--over {other}: udp or tcp"),
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream
}

fn take(message: &[u8], asked: &mut [Option<Instant>], seen: &mut Seen) {
    let [id0, id1, flags, ..] = message else { return };
    let place = asked.get_mut(usize::from(u16::from_be_bytes([*id0, *id1])));
    let Some(at) = place.and_then(Option::take) else { return };
    seen.micros.push(at.elapsed().as_secs_f32() * 1e6);
    seen.octets += message.len() as u64;
    seen.truncated += u64::from(flags & 0x02 != 0);
}
