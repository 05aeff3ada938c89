//! Asks as fast as one core can, with many questions outstanding, and reads what comes back.
//!
//! `load ADDRESS SECONDS QUESTIONS [plain|edns|cookie]`: QUESTIONS is a file of lines `NAME TYPE`, as
//! dnsperf reads it; they are asked in order, over and over. It prints one line of words and numbers.

use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

/// Questions a call.
const BATCH: usize = 64;
/// Different ports, as a server that shares its port among workers tells askers apart by them.
const SOCKETS: usize = 16;
/// Outstanding questions of a socket; lost ones are forgotten after a while without an answer.
const WINDOW: usize = 128;
const LOST: Duration = Duration::from_millis(20);

struct Asker {
    socket: UdpSocket,
    outstanding: usize,
    heard: Instant,
}

#[derive(Default)]
struct Seen {
    sent: u64,
    answers: u64,
    lost: u64,
    rcodes: [u64; 16],
    empty: u64,
    /// By type number below 256: answers, their octets, and those of the questions.
    lengths: Vec<(u64, u64)>,
}

fn number(rtype: &str) -> u16 {
    match rtype {
        "A" => 1,
        "AAAA" => 28,
        "SRV" => 33,
        "TXT" => 16,
        other => panic!("{other} is not known here"),
    }
}

fn packet(id: u16, name: &str, rtype: u16, form: &str) -> Vec<u8> {
    let more = u8::from(form != "plain");
    let mut out = id.to_be_bytes().to_vec();
    out.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, more]);
    for label in name.trim_end_matches('.').split('.') {
        out.push(u8::try_from(label.len()).expect("a label"));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out.extend(rtype.to_be_bytes());
    out.extend([0, 1]);
    match form {
        "plain" => {}
        "edns" => out.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]),
        "cookie" => {
            out.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12, 0, 10, 0, 8]);
            out.extend([id.to_be_bytes(), [1, 2], [3, 4], [5, 6]].concat());
        }
        other => panic!("{other} is no form"),
    }
    out
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, seconds, questions, rest @ ..] = arguments.as_slice() else {
        panic!("load ADDRESS SECONDS QUESTIONS [plain|edns|cookie]")
    };
    let address: SocketAddr = address.parse().expect("an address");
    let lasts = Duration::from_secs_f64(seconds.parse().expect("seconds"));
    let form = rest.first().map_or("plain", String::as_str);
    let text = std::fs::read_to_string(questions).expect("the questions");
    // The id carries the type, so that the answers' lengths can be told apart.
    let packets: Vec<Vec<u8>> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .enumerate()
        .map(|(place, (name, rtype))| {
            let rtype = number(rtype);
            let id = (rtype << 8) | u16::try_from(place & 0xff).expect("masked");
            packet(id, name, rtype, form)
        })
        .collect();
    let seen = run(address, lasts, &packets);
    report(&seen, lasts, &packets);
}

fn run(address: SocketAddr, lasts: Duration, packets: &[Vec<u8>]) -> Seen {
    let began = Instant::now();
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let mut askers: Vec<Asker> = (0..SOCKETS)
        .map(|_| {
            let socket = UdpSocket::bind(any).expect("a socket");
            socket.connect(address).expect("the address");
            socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20).expect("a buffer");
            Asker { socket, outstanding: 0, heard: began }
        })
        .collect();
    let mut seen = Seen { lengths: vec![(0, 0); 256], ..Seen::default() };
    let mut sending = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut receiving = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    // The front of an answer says all that is counted.
    let mut fronts = vec![[0_u8; 12]; BATCH];
    let mut next = 0;
    loop {
        let now = Instant::now();
        if now.duration_since(began) >= lasts {
            return seen;
        }
        for asker in &mut askers {
            hear(asker, now, &mut receiving, &mut fronts, &mut seen);
            let free = (WINDOW - asker.outstanding).min(BATCH);
            if free < BATCH / 2 {
                continue;
            }
            if next + free > packets.len() {
                next = 0;
            }
            let slices: Vec<[IoSlice<'_>; 1]> =
                packets[next..next + free].iter().map(|p| [IoSlice::new(p)]).collect();
            let nobody = [None; BATCH];
            let fd = asker.socket.as_raw_fd();
            let flags = MsgFlags::MSG_DONTWAIT;
            let sent = sendmmsg(fd, &mut sending, &slices, &nobody[..free], [], flags)
                .map_or(0, |results| results.count());
            next += sent;
            asker.outstanding += sent;
            seen.sent += sent as u64;
        }
    }
}

fn hear(
    asker: &mut Asker,
    now: Instant,
    receiving: &mut MultiHeaders<SockaddrStorage>,
    fronts: &mut [[u8; 12]],
    seen: &mut Seen,
) {
    loop {
        let mut lengths = [0_usize; BATCH];
        let count = {
            let mut slices: Vec<[std::io::IoSliceMut<'_>; 1]> =
                fronts.iter_mut().map(|front| [std::io::IoSliceMut::new(front)]).collect();
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let fd = asker.socket.as_raw_fd();
            recvmmsg(fd, receiving, slices.iter_mut(), flags, None).map_or(0, |results| {
                results.zip(&mut lengths).map(|(got, len)| *len = got.bytes).count()
            })
        };
        for (front, len) in fronts.iter().zip(lengths).take(count) {
            seen.answers += 1;
            seen.rcodes[usize::from(front[3] & 0x0f)] += 1;
            seen.empty += u64::from(front[6..8] == [0, 0]);
            let of_type = &mut seen.lengths[usize::from(front[0])];
            *of_type = (of_type.0 + 1, of_type.1 + len as u64);
        }
        if count > 0 {
            asker.heard = now;
            asker.outstanding = asker.outstanding.saturating_sub(count);
        } else if asker.outstanding > 0 && now.duration_since(asker.heard) > LOST {
            seen.lost += asker.outstanding as u64;
            asker.outstanding = 0;
            asker.heard = now;
        }
        if count < BATCH {
            return;
        }
    }
}

fn report(seen: &Seen, lasts: Duration, packets: &[Vec<u8>]) {
    let rate = seen.answers as f64 / lasts.as_secs_f64();
    print!("answers {} sent {} lost {} qps {rate:.0}", seen.answers, seen.sent, seen.lost);
    print!(" noerror {} nxdomain {} empty {}", seen.rcodes[0], seen.rcodes[3], seen.empty);
    for (rtype, &(count, octets)) in seen.lengths.iter().enumerate().filter(|(_, l)| l.0 > 0) {
        let asked: Vec<usize> =
            packets.iter().filter(|p| usize::from(p[0]) == rtype).map(Vec::len).collect();
        let asked = asked.iter().sum::<usize>() as f64 / asked.len().max(1) as f64;
        print!(" grows:{rtype}={:.0}", octets as f64 / count as f64 - asked);
    }
    println!();
}
