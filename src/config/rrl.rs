//! `[rrl]`: how many answers a prefix of clients gets over UDP.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::address;
use crate::model::networks::Networks;
use crate::syntax::reader::Reader;

/// Above it one answer is less than a microsecond of a second's worth.
const MAX_RATE: i64 = 1_000_000;

/// `[rrl]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rrl {
    /// Of one class to one IPv4 address or IPv6 /64; 0 is no limit.
    pub responses_per_second: u32,
    /// Every so many limited answers one tells to ask over TCP; 0 is never.
    pub slip: u32,
    /// Who is never limited.
    pub exempt: Networks,
    /// Limits are counted and told, and everything is answered.
    pub dry_run: bool,
}

impl Default for Rrl {
    fn default() -> Self {
        Self {
            responses_per_second: 200,
            slip: 1,
            exempt: loopback().into_iter().collect(),
            dry_run: false,
        }
    }
}

fn loopback() -> [IpNet; 2] {
    let v4 = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    [v4.into(), Ipv6Net::from(Ipv6Addr::LOCALHOST).into()]
}

/// Reads `[rrl]`. A list of exempt networks is the whole list: loopback is in it if it is written.
pub(super) fn read(mut reader: Reader<'_>, default: Rrl) -> Rrl {
    let rate = reader.integer("responses_per_second", 0..=MAX_RATE);
    let slip = reader.integer("slip", 0..=1000);
    let exempt = address::networks(&mut reader, "exempt");
    let rrl = Rrl {
        responses_per_second: rate.map_or(default.responses_per_second, |rate| rate.value),
        slip: slip.map_or(default.slip, |slip| slip.value),
        exempt: exempt.unwrap_or(default.exempt),
        dry_run: reader.boolean("dry_run").map_or(default.dry_run, |placed| placed.value),
    };
    reader.finish();
    rrl
}
