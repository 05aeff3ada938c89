//! Sockets that keep many questions outstanding at one server.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmsg,
};

use crate::Words;
use crate::questions::{Form, Question};

/// Questions a call.
const BATCH: usize = 64;
/// Lost questions are forgotten after a while without an answer.
const LOST: Duration = Duration::from_millis(20);
/// How long a first cookie is waited for.
const COOKIE: Duration = Duration::from_millis(200);
/// The server's part of a cookie where it gives none: as long as RFC 9018 has it.
const MADE_UP: [u8; 16] = [1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9];

/// What has come back.
#[derive(Clone)]
pub struct Seen {
    pub sent: u64,
    pub answers: u64,
    pub lost: u64,
    /// NOERROR with data, and NXDOMAIN or NODATA.
    pub found: u64,
    pub absent: u64,
    /// By type number below 256: answers and their octets.
    pub lengths: Vec<(u64, u64)>,
}

impl Seen {
    pub fn nothing() -> Self {
        Self { sent: 0, answers: 0, lost: 0, found: 0, absent: 0, lengths: vec![(0, 0); 256] }
    }
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Crowd {
    /// Different ports, as a server that shares its port among workers tells askers apart by them.
    pub sockets: usize,
    /// Outstanding questions of each.
    pub window: usize,
}

impl Crowd {
    /// From `--sockets` and `--window`.
    pub fn of(words: &Words) -> Self {
        let number = |key, without| words.number(key, without) as usize;
        Self { sockets: number("sockets", 16.0), window: number("window", 128.0) }
    }
}

/// All sockets that ask one server.
pub struct Askers {
    all: Vec<Asker>,
    window: usize,
    /// Sockets that the server has given a cookie.
    pub learnt: usize,
    pub seen: Seen,
    headers: MultiHeaders<SockaddrStorage>,
    /// The front of an answer says all that is counted.
    fronts: Vec<[u8; 12]>,
}

struct Asker {
    socket: UdpSocket,
    /// The end of every question of this socket.
    end: Vec<u8>,
    outstanding: usize,
    heard: Instant,
}

impl Askers {
    /// Opens the sockets; each learns its cookie where the form has one.
    pub fn new(address: SocketAddr, form: Form, crowd: Crowd, questions: &[Question]) -> Self {
        let Crowd { sockets, window } = crowd;
        let all: Vec<_> = (0..sockets).map(|n| Asker::new(address, (form, n), questions)).collect();
        let is_learnt = |asker: &&Asker| form == Form::Cookie && !asker.end.ends_with(&MADE_UP);
        let learnt = all.iter().filter(is_learnt).count();
        let headers = MultiHeaders::preallocate(BATCH, None);
        Self { all, window, learnt, seen: Seen::nothing(), headers, fronts: vec![[0; 12]; BATCH] }
    }

    /// Asks from `next` on for so long, and waits for the last answers.
    pub fn ask(&mut self, questions: &[Question], next: &mut usize, lasts: Duration) {
        let began = Instant::now();
        for asker in &mut self.all {
            asker.heard = began;
        }
        loop {
            let now = Instant::now();
            let is_over = now.duration_since(began) >= lasts;
            let mut outstanding = 0;
            for place in 0..self.all.len() {
                self.hear(place, now);
                if !is_over {
                    self.send(place, questions, next);
                }
                outstanding += self.all[place].outstanding;
            }
            if is_over && outstanding == 0 {
                return;
            }
        }
    }

    fn send(&mut self, place: usize, questions: &[Question], next: &mut usize) {
        let asker = &mut self.all[place];
        let free = (self.window - asker.outstanding).min(BATCH).min(questions.len());
        if free < (BATCH / 2).min(self.window) {
            return;
        }
        if *next + free > questions.len() {
            *next = 0;
        }
        let chosen = &questions[*next..*next + free];
        // The id carries the type, so that the answers' lengths can be told apart.
        let mut chosen: Vec<([u8; 2], &Question)> =
            chosen.iter().zip(0_u8..).map(|(q, n)| ([q.rtype.to_be_bytes()[1], n], q)).collect();
        chosen.sort_unstable_by_key(|(_, question)| question.rest.len());
        let mut sent = 0;
        for alike in chosen.chunk_by(|(_, one), (_, other)| one.rest.len() == other.rest.len()) {
            let parts: Vec<IoSlice<'_>> = alike
                .iter()
                .flat_map(|(id, q)| [&id[..], &q.rest, &asker.end])
                .map(IoSlice::new)
                .collect();
            let each = alike.iter().map(|(id, q)| id.len() + q.rest.len() + asker.end.len()).next();
            let segments = u16::try_from(each.unwrap_or(0)).expect("a short question");
            let segments = [ControlMessage::UdpGsoSegments(&segments)];
            let segments = if alike.len() > 1 { &segments[..] } else { &[] };
            let (fd, flags) = (asker.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
            if sendmsg::<SockaddrStorage>(fd, &parts, segments, flags, None).is_ok() {
                sent += alike.len();
            }
        }
        *next += sent;
        asker.outstanding += sent;
        self.seen.sent += sent as u64;
    }

    fn hear(&mut self, place: usize, now: Instant) {
        loop {
            let count = self.receive(place);
            let asker = &mut self.all[place];
            if count > 0 {
                asker.heard = now;
                asker.outstanding = asker.outstanding.saturating_sub(count);
            } else if asker.outstanding > 0 && now.duration_since(asker.heard) > LOST {
                self.seen.lost += asker.outstanding as u64;
                asker.outstanding = 0;
                asker.heard = now;
            }
            if count < BATCH.min(self.window) || self.all[place].outstanding == 0 {
                return;
            }
        }
    }
}

impl Askers {
    /// Octets that answers have more than questions, by type.
    pub fn growth(&self, questions: &[Question]) -> Vec<(usize, i64)> {
        let end = self.all.first().map_or(0, |asker| asker.end.len());
        let answered = self.seen.lengths.iter().enumerate().filter(|(_, l)| l.0 > 0);
        answered
            .map(|(rtype, &(count, octets))| {
                let of_type = questions.iter().filter(|q| usize::from(q.rtype) == rtype);
                let asked: Vec<usize> = of_type.map(|q| 2 + q.rest.len() + end).collect();
                let asked = asked.iter().sum::<usize>() as f64 / asked.len().max(1) as f64;
                (rtype, (octets as f64 / count as f64 - asked).round() as i64)
            })
            .collect()
    }

    /// Reads at most a batch.
    fn receive(&mut self, place: usize) -> usize {
        let (mut lengths, room) = ([0_usize; BATCH], self.window.min(BATCH));
        let count = {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                self.fronts[..room].iter_mut().map(|front| [IoSliceMut::new(front)]).collect();
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let fd = self.all[place].socket.as_raw_fd();
            recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None).map_or(0, |results| {
                results.zip(&mut lengths).map(|(got, len)| *len = got.bytes).count()
            })
        };
        let seen = &mut self.seen;
        for (front, len) in self.fronts.iter().zip(lengths).take(count) {
            seen.answers += 1;
            let rcode = front[3] & 0x0f;
            seen.found += u64::from(rcode == 0 && front[6..8] != [0, 0]);
            // NODATA has nothing but the zone's SOA.
            let is_nodata = rcode == 0 && front[6..8] == [0, 0] && front[8..10] != [0, 0];
            seen.absent += u64::from(rcode == 3 || is_nodata);
            let of_type = &mut seen.lengths[usize::from(front[0])];
            *of_type = (of_type.0 + 1, of_type.1 + len as u64);
        }
        count
    }
}

impl Asker {
    fn new(address: SocketAddr, (form, n): (Form, usize), questions: &[Question]) -> Self {
        let any: SocketAddr =
            if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
        let socket = UdpSocket::bind(any).expect("a socket");
        socket.connect(address).expect("the address");
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20);
        let client = [1, 2, 3, 4, 5, 6, (n >> 8) as u8, n as u8];
        let server = if form == Form::Cookie { learn(&socket, client, questions) } else { None };
        let end = form.end(client, server.as_deref().unwrap_or(&MADE_UP));
        Self { socket, end, outstanding: 0, heard: Instant::now() }
    }
}

/// The server's part of a cookie, of which the answer to a first question tells, if there is one.
fn learn(socket: &UdpSocket, client: [u8; 8], questions: &[Question]) -> Option<Vec<u8>> {
    let end = Form::ClientCookie.end(client, &[]);
    let packet = [&[7, 7], &questions[0].rest[..], &end].concat();
    socket.set_read_timeout(Some(COOKIE)).expect("a timeout");
    let mut answer = [0; 4096];
    let len = socket.send(&packet).and_then(|_| socket.recv(&mut answer)).ok()?;
    let answer = &answer[..len];
    // RFC 7873 section 4.2: the server's part has 8 to 32 octets.
    let option = answer.windows(13).position(
        |window| matches!(window, [0, 10, 0, 16..=40, cookie @ ..] if cookie.starts_with(&client)),
    )?;
    let octets = usize::from(answer[option + 3]);
    Some(answer.get(option + 12..option + 4 + octets)?.to_vec())
}
