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
/// So many questions after each other, a file is broken in a new way.
const EVERY: usize = 200;
/// Mistakes in it, and their length: half of what the log's queue holds.
const MISTAKES: usize = 100;
const LENGTH: usize = 5000;

/// Asks what is limited, reads no answer, and writes files that are much complained of.
pub(crate) fn noise(soak: &Soak, _seed: u64) {
    let socket = UdpSocket::bind((FLOODER, 0)).unwrap();
    socket.connect(soak.dns).unwrap();
    let question = dns::question(&format!("s0.{ZONE}."), RecordType::A).to_vec().unwrap();
    let path = soak.house.path().join("zones").join(STATIC_ZONE).join("noise.toml");
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
            put(&path, &mistakes(n));
            soak.tally.add("noise", 1);
        }
    }
    let _ = std::fs::remove_file(path);
}

fn mistakes(n: usize) -> String {
    let long = "a".repeat(LENGTH);
    let service = |m| {
        let check = format!("[[service.check]]\ntcp = true\ninterval = \"{n}{long}\"\n");
        format!("[[service]]\nname = \"noise{m}\"\n{check}")
    };
    (0..MISTAKES).map(service).collect()
}
