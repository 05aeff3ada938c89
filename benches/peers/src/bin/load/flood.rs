//! Sends at a rate, whatever comes back, and says how old the answers are; then asks single
//! questions until one takes no longer than before the flood.
//!
//! Options: `--rate QUESTIONS` (a second), `--seconds S`. The id of a question is its place in the
//! sequence of its socket. It prints
//!
//! - `quiet P50 P99`: how long single questions take before it, in microseconds;
//! - `second N SENT ANSWERS UNTOLD P50 P99 MAX` for each second: how old the questions were, in
//!   microseconds, when they were answered; answers to an id that nobody waits for are untold;
//! - `first MICROSECONDS TOOK`: the first single question after it that is answered: when it was sent
//!   since the flood's end, and how long it took;
//! - `recovered MICROSECONDS TOOK ASKED ANSWERED`: the first that took no longer than the quiet p99,
//!   and how many were asked and answered until then.

use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use crate::questions::{Form, Question, read};
use crate::{Target, Words};

/// So many times 65,536 questions are told apart by their ids.
const SOCKETS: usize = 64;
const BATCH: usize = 64;
const PROBES: u16 = 300;
const PROBE_EVERY: Duration = Duration::from_millis(2);
const PROBE_LOST: Duration = Duration::from_millis(500);
const AFTER_EVERY: Duration = Duration::from_millis(5);
/// Recovery is waited for no longer.
const RECOVERY: Duration = Duration::from_secs(5);

struct Asker {
    socket: UdpSocket,
    next: u16,
    /// When each id was sent.
    sent: Vec<Option<Instant>>,
}

#[derive(Default)]
struct Second {
    sent: u64,
    micros: Vec<f32>,
    untold: u64,
}

pub fn run(path: &str, target: &Target, words: &Words) {
    let questions = read(path, Form::Plain);
    let rate = words.number("rate", 1e6);
    let lasts = Duration::from_secs_f64(words.number("seconds", 10.0));
    let single = socket(target);
    single.set_read_timeout(Some(PROBE_LOST)).expect("a timeout");
    let mut quiet = Vec::new();
    for (id, question) in (0..PROBES).zip(questions.iter().cycle()) {
        quiet.extend(probe(&single, id, question));
        std::thread::sleep(PROBE_EVERY);
    }
    quiet.sort_by(f32::total_cmp);
    println!("quiet\t{:.0}\t{:.0}", part(&quiet, 50), part(&quiet, 99));
    let mut askers: Vec<Asker> = (0..SOCKETS)
        .map(|_| Asker { socket: socket(target), next: 0, sent: vec![None; 1 << 16] })
        .collect();
    for asker in &askers {
        asker.socket.set_nonblocking(true).expect("a socket that does not wait");
    }
    let ended = flood(&mut askers, &questions, rate, lasts);
    recover(&single, &questions, ended, part(&quiet, 99));
}

fn flood(askers: &mut [Asker], questions: &[Question], rate: f64, lasts: Duration) -> Instant {
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let began = Instant::now();
    let (mut sent, mut place, mut next) = (0_u64, 0, 0);
    let (mut second, mut number) = (Second::default(), 1);
    loop {
        let now = Instant::now();
        let since = now.duration_since(began);
        if since.as_secs() >= number || since >= lasts {
            second.tell(number);
            (second, number) = (Second::default(), number + 1);
        }
        if since >= lasts {
            return now;
        }
        let due = (since.as_secs_f64() * rate) as u64;
        if due >= sent + BATCH as u64 {
            if next + BATCH > questions.len() {
                next = 0;
            }
            let batch = &questions[next..next + BATCH];
            next += BATCH;
            let went = askers[place].send(batch, now, &mut headers) as u64;
            second.sent += went;
            // What the system does not take is not sent later.
            sent += BATCH as u64;
        }
        place = (place + 1) % askers.len();
        // Answers are read more often than questions are sent: none waits long to be timed.
        askers[place].hear(&mut second);
    }
}

impl Asker {
    fn send(
        &mut self,
        batch: &[Question],
        now: Instant,
        headers: &mut MultiHeaders<SockaddrStorage>,
    ) -> usize {
        let ids: Vec<[u8; 2]> =
            (0..batch.len()).map(|n| self.next.wrapping_add(n as u16).to_be_bytes()).collect();
        let parts: Vec<[IoSlice<'_>; 2]> = batch
            .iter()
            .zip(&ids)
            .map(|(q, id)| [IoSlice::new(id), IoSlice::new(&q.rest)])
            .collect();
        let nobody = [None; BATCH];
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = self.socket.as_raw_fd();
        let count = sendmmsg(fd, headers, &parts, &nobody[..batch.len()], [], flags)
            .map_or(0, |results| results.count());
        for n in 0..count {
            self.sent[usize::from(self.next.wrapping_add(n as u16))] = Some(now);
        }
        self.next = self.next.wrapping_add(count as u16);
        count
    }

    fn hear(&mut self, second: &mut Second) {
        let mut front = [0; 12];
        while self.socket.recv(&mut front).is_ok() {
            let id = u16::from_be_bytes([front[0], front[1]]);
            match self.sent[usize::from(id)].take() {
                Some(at) => second.micros.push(at.elapsed().as_secs_f32() * 1e6),
                None => second.untold += 1,
            }
        }
    }
}

impl Second {
    fn tell(&mut self, number: u64) {
        self.micros.sort_by(f32::total_cmp);
        let [p50, p99, max] = [50, 99, 100].map(|hundredths| part(&self.micros, hundredths));
        let answers = self.micros.len();
        print!("second\t{number}\t{}\t{answers}\t{}", self.sent, self.untold);
        println!("\t{p50:.0}\t{p99:.0}\t{max:.0}");
    }
}

/// Asks a question every few milliseconds, whatever becomes of the ones before.
fn recover(single: &UdpSocket, questions: &[Question], ended: Instant, normal: f32) {
    single.set_read_timeout(Some(AFTER_EVERY)).expect("a timeout");
    let mut asked: Vec<Instant> = Vec::new();
    let mut answered = 0;
    for (n, question) in (0_u16..).zip(questions.iter().cycle()) {
        if ended.elapsed() > RECOVERY {
            break;
        }
        let id = (PROBES + n).to_be_bytes();
        let _ = single.send(&[&id[..], &question.rest].concat());
        asked.push(Instant::now());
        let mut front = [0; 12];
        while asked[usize::from(n)].elapsed() < AFTER_EVERY {
            if single.recv(&mut front).is_err() {
                break;
            }
            let place = u16::from_be_bytes([front[0], front[1]]).wrapping_sub(PROBES);
            let Some(at) = asked.get(usize::from(place)) else { continue };
            answered += 1;
            let since = at.duration_since(ended).as_micros();
            let took = at.elapsed().as_secs_f32() * 1e6;
            if answered == 1 {
                println!("first\t{since}\t{took:.0}");
            }
            if took <= normal {
                println!("recovered\t{since}\t{took:.0}\t{}\t{answered}", asked.len());
                return;
            }
        }
    }
    println!("recovered\tnever\t0\t{}\t{answered}", asked.len());
}

/// How long one question takes, in microseconds.
fn probe(socket: &UdpSocket, id: u16, question: &Question) -> Option<f32> {
    let packet = [&id.to_be_bytes()[..], &question.rest].concat();
    let began = Instant::now();
    socket.send(&packet).ok()?;
    let mut front = [0; 12];
    // What comes late is the answer to an earlier one.
    while socket.recv(&mut front).is_ok() {
        if front[..2] == packet[..2] {
            return Some(began.elapsed().as_secs_f32() * 1e6);
        }
    }
    None
}

fn socket(target: &Target) -> UdpSocket {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).expect("a socket");
    socket.connect(target.address).expect("the address");
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20);
    socket
}

fn part(sorted: &[f32], hundredths: usize) -> f32 {
    let place = (sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(f32::NAN)
}
