//! A set of networks, built once and asked for every packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Ranges of addresses that do not overlap, in order: thousands of networks cost a dozen
/// comparisons, none costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Networks {
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether `address` is in one of them. An IPv4-mapped address is an IPv4 address.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => within(&self.v4, address.to_bits()),
            IpAddr::V6(address) => self.contains_v6(address),
        }
    }

    fn contains_v6(&self, address: Ipv6Addr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => within(&self.v4, address.to_bits()),
            IpAddr::V6(address) => within(&self.v6, address.to_bits()),
        }
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let mut all = Self::default();
        for network in networks {
            match network {
                IpNet::V4(network) => all.push_v4(network.network(), network.broadcast()),
                IpNet::V6(network) => {
                    let (first, last) = (network.network(), network.broadcast());
                    match (first.to_ipv4_mapped(), last.to_ipv4_mapped()) {
                        (Some(first), Some(last)) => all.push_v4(first, last),
                        (None, _) | (_, None) => all.v6.push((first.to_bits(), last.to_bits())),
                    }
                }
            }
        }
        join(&mut all.v4);
        join(&mut all.v6);
        all
    }
}

impl Networks {
    fn push_v4(&mut self, first: Ipv4Addr, last: Ipv4Addr) {
        self.v4.push((first.to_bits(), last.to_bits()));
    }
}

/// Sorts the ranges and makes one of those that overlap.
fn join<N: Ord + Copy>(ranges: &mut Vec<(N, N)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|later, earlier| {
        let overlaps = later.0 <= earlier.1;
        if overlaps {
            earlier.1 = earlier.1.max(later.1);
        }
        overlaps
    });
    ranges.shrink_to_fit();
}

/// Only the last range that begins at or before `address` can hold it.
#[inline]
fn within<N: Ord + Copy>(ranges: &[(N, N)], address: N) -> bool {
    let before = ranges.partition_point(|&(first, _)| first <= address);
    let last = before.checked_sub(1).and_then(|place| ranges.get(place));
    last.is_some_and(|&(_, end)| address <= end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(texts: &[&str]) -> Networks {
        texts.iter().map(|text| text.parse::<IpNet>().unwrap()).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_ends_of_a_network_are_in_it_and_their_neighbours_are_not() {
        let set = networks(&["10.1.0.0/16", "2001:db8::/32", "0.0.0.0/32", "255.255.255.255/32"]);
        for inside in ["10.1.0.0", "10.1.255.255", "2001:db8::", "2001:db8:ffff::1", "0.0.0.0"] {
            assert!(set.contains(ip(inside)), "{inside}");
        }
        assert!(set.contains(ip("255.255.255.255")));
        for outside in
            ["10.0.255.255", "10.2.0.0", "2001:db7:ffff::", "2001:db9::", "::", "0.0.0.1"]
        {
            assert!(!set.contains(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn a_mapped_address_and_a_mapped_network_are_ipv4() {
        let set = networks(&["10.0.0.0/8", "::ffff:192.0.2.0/120"]);
        for inside in ["::ffff:10.1.2.3", "192.0.2.77", "::ffff:192.0.2.77"] {
            assert!(set.contains(ip(inside)), "{inside}");
        }
        assert!(!networks(&["::/0"]).contains(ip("::ffff:10.1.2.3")), "all of IPv6 is no IPv4");
    }

    #[test]
    fn nothing_is_in_an_empty_set() {
        assert!(Networks::default().is_empty() && networks(&[]) == Networks::default());
        assert!(!Networks::default().contains(ip("10.0.0.1")));
    }

    proptest! {
        #[test]
        fn the_set_holds_what_one_of_its_networks_holds(
            written in prop::collection::vec((any::<u8>(), 0u8..=8), 0..40),
            asked in any::<u8>(),
        ) {
            // All within one /24 and one /120, so that most of them overlap.
            let v4 = |host: u8| IpAddr::from([192, 0, 2, host]);
            let v6 = |host: u8| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]);
            let all: Vec<IpNet> = written
                .iter()
                .flat_map(|&(host, bits)| [
                    IpNet::new(v4(host), 32 - bits).unwrap().trunc(),
                    IpNet::new(v6(host), 128 - bits).unwrap().trunc(),
                ])
                .collect();
            let set: Networks = all.iter().copied().collect();
            for address in [v4(asked), v6(asked)] {
                let one = all.iter().any(|network| network.contains(&address));
                prop_assert_eq!(set.contains(address), one);
            }
        }
    }
}
