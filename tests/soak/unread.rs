//! A log that nobody reads, and what makes it long.

use std::net::{Ipv4Addr, UdpSocket};

use hickory_proto::rr::RecordType;

use crate::Soak;
use crate::asker::{Pace, sent};
use crate::judge::{STATIC_ZONE, ZONE};
use crate::support::dns;
use crate::support::server::put;

/// One client has a limit, and asks far more than that.
pub(crate) const CONFIGURATION: &str = "[rrl]\nresponses_per_second = 5\n\
                                        exempt = [\"127.0.0.0/16\", \"127.201.0.0/16\"]\n";
const FLOODER: Ipv4Addr = Ipv4Addr::new(127, 202, 0, 1);
const RATE: u32 = 100;
/// After so many questions, the files are broken in a new way.
const EVERY: usize = 200;
/// Files, and mistakes in each: as many as the log shows of one file. A message is cut at 1,000 octets, so
/// all of them are half of what the log's queue holds.
const FILES: usize = 25;
const MISTAKES: usize = 20;
const LENGTH: usize = 5000;

/// Asks what is limited, reads no answer, and writes files that are much complained of.
pub(crate) fn noise(soak: &Soak, _seed: u64) {
    let socket = UdpSocket::bind((FLOODER, 0)).unwrap();
    socket.connect(soak.dns).unwrap();
    let question = dns::question(&format!("s0.{ZONE}."), RecordType::A).to_vec().unwrap();
    let zone = soak.server.path().join("zones").join(STATIC_ZONE);
    let paths: Vec<_> = (0..FILES).map(|file| zone.join(format!("noise{file}.toml"))).collect();
    let mut pace = Pace::new(RATE);
    for n in 0.. {
        if !soak.tally.goes_on() {
            break;
        }
        pace.wait();
        if sent(soak, &socket, &question) {
            soak.tally.add("flood", 1);
        }
        if n % EVERY == 0 {
            for (file, path) in paths.iter().enumerate() {
                put(path, &mistakes(n, file));
            }
            soak.tally.add("noise", 1);
        }
    }
    for path in paths {
        let _ = std::fs::remove_file(path);
    }
}

fn mistakes(n: usize, file: usize) -> String {
    let long = "a".repeat(LENGTH);
    let service = |m| {
        let check = format!("[[service.check]]\ntcp = true\ninterval = \"{n}{long}\"\n");
        format!("[[service]]\nname = \"noise{file}-{m}\"\n{check}")
    };
    (0..MISTAKES).map(service).collect()
}
