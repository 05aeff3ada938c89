//! Whose share an answer is taken from: a prefix of clients, and a class of answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::metrics::limited::Class;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    bits: u64,
    width: Width,
    pub(super) class: Class,
}

/// How much of an address counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// All 32 bits.
    V4Host,
    /// 24 bits: neighbours who flood together.
    V4Block,
    /// 64 bits: one link, whose hosts choose the rest.
    V6Link,
    /// 48 bits: one site.
    V6Site,
}

impl Key {
    /// The narrow share of a client and the wide one around it. An IPv4-mapped address is an IPv4
    /// address.
    pub(super) fn of(client: IpAddr, class: Class) -> [Self; 2] {
        let key = |bits, width| Self { bits, width, class };
        match client.to_canonical() {
            IpAddr::V4(address) => {
                let bits = u64::from(address.to_bits());
                [key(bits, Width::V4Host), key(bits & !0xff, Width::V4Block)]
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let bits = [a, b, c, d].iter().fold(0, |bits, &s| (bits << 16) | u64::from(s));
                [key(bits, Width::V6Link), key(bits & !0xffff, Width::V6Site)]
            }
        }
    }

    /// A number of its own, of 72 bits.
    pub(super) fn number(self) -> u128 {
        let width = match self.width {
            Width::V4Host => 0,
            Width::V4Block => 1,
            Width::V6Link => 2,
            Width::V6Site => 3,
        };
        (u128::from(self.bits) << 8) | (width << 4) | u128::from(self.class.place())
    }

    pub(super) fn prefix(self) -> IpNet {
        let v4 = || u32::try_from(self.bits).map_or(Ipv4Addr::UNSPECIFIED, Ipv4Addr::from_bits);
        let v6 = || Ipv6Addr::from_bits(u128::from(self.bits) << 64);
        match self.width {
            Width::V4Host => Ipv4Net::new_assert(v4(), 32).into(),
            Width::V4Block => Ipv4Net::new_assert(v4(), 24).into(),
            Width::V6Link => Ipv6Net::new_assert(v6(), 64).into(),
            Width::V6Site => Ipv6Net::new_assert(v6(), 48).into(),
        }
    }
}
