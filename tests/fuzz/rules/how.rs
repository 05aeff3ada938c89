//! How a packet comes: the octets of an input before it.

use std::net::SocketAddr;
use std::time::Duration;

use livezone::metrics::dns::Transport;
use livezone::model::time::{Instant, Now};

/// Bits of the first octet.
const OVER_TCP: u8 = 1;
const OVER_BOTH: u8 = 2;
const PEER: u8 = 0x1c;
const SETTINGS_BITS: u8 = 0x60;
const MORE: u8 = 0x80;
/// Bits of the second, which is there where the first says so.
const TIME: u8 = 0x3f;

/// When most packets come: cookies of the corpus are of this time.
pub(crate) const BASE: u32 = 1_559_731_985;
/// Between two of the times that an input can choose; together they are longer than a cookie lives.
const STEP: u32 = 150;

/// What a peer may expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Client,
    /// Its answers are not limited.
    Exempt,
    /// It may not ask.
    Denied,
    /// No asker has this address.
    Nobody,
}

pub(super) const DENIED: &str = "198.51.100.0/24";
pub(super) const EXEMPT: &str = "127.9.9.9";
const PEERS: [(&str, Standing); 8] = [
    ("127.0.0.1:40000", Standing::Client),
    ("[2001:db8::7]:40000", Standing::Client),
    ("[::ffff:127.0.0.1]:40000", Standing::Client),
    ("127.9.9.9:53", Standing::Exempt),
    ("127.0.0.1:0", Standing::Nobody),
    ("224.0.0.251:5353", Standing::Nobody),
    ("198.51.100.7:9", Standing::Denied),
    ("[::]:9", Standing::Nobody),
];

/// Whom and where an input can name, written once.
pub(super) struct Addresses {
    peers: [(SocketAddr, Standing); 8],
    server: SocketAddr,
}

impl Addresses {
    pub(super) fn new() -> Self {
        let peers = PEERS.map(|(peer, standing)| (peer.parse().unwrap(), standing));
        Self { peers, server: "192.0.2.53:53".parse().unwrap() }
    }
}

/// What the octets before a packet say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(super) transport: Transport,
    /// Over TCP as well.
    pub(super) both: bool,
    pub(super) peer: SocketAddr,
    pub(super) standing: Standing,
    /// Where it came to.
    pub(super) asked: Option<SocketAddr>,
    /// Which of the snapshots answers.
    pub(super) settings: usize,
    /// Seconds of the clock on the wall.
    pub(super) time: u32,
}

impl How {
    /// What comes first, and the packet behind it.
    pub(super) fn read<'i>(input: &'i [u8], addresses: &Addresses) -> Option<(Self, &'i [u8])> {
        let (&first, mut packet) = input.split_first()?;
        let mut second = 16;
        if first & MORE != 0 {
            (second, packet) = packet.split_first().map(|(octet, rest)| (*octet, rest))?;
        }
        let (peer, mut standing) = addresses.peers[usize::from((first & PEER) >> 2)];
        let transport = if first & OVER_TCP == 0 { Transport::Udp } else { Transport::Tcp };
        let asked = match second & !TIME {
            _ if transport == Transport::Tcp => None,
            0 => Some(addresses.server),
            0x40 => None,
            0x80 => Some(SocketAddr::new(peer.ip(), peer.port() ^ 1)),
            _ => Some(SocketAddr::new(peer.ip().to_canonical(), peer.port())),
        };
        if asked.is_some_and(|asked| {
            (asked.ip(), asked.port()) == (peer.ip().to_canonical(), peer.port())
        }) {
            standing = Standing::Nobody;
        }
        let how = Self {
            transport,
            both: first & OVER_BOTH != 0 && transport == Transport::Udp,
            peer,
            standing,
            asked,
            settings: usize::from((first & SETTINGS_BITS) >> 5),
            time: BASE - 16 * STEP + u32::from(second & TIME) * STEP,
        };
        Some((how, packet))
    }

    pub(super) fn over_tcp(self) -> Self {
        Self { transport: Transport::Tcp, asked: None, ..self }
    }

    /// Both clocks; `turn` lies so far from the one before that nothing is charged any more.
    pub(super) fn now(self, turn: u64) -> Now {
        let mono = Instant(Duration::from_secs(turn * 10));
        Now { mono, wall: std::time::UNIX_EPOCH + Duration::from_secs(self.time.into()) }
    }
}
