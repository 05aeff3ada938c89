//! Where the checks of registrations may connect: nobody may have this server knock where they
//! cannot go themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::networks::Networks;

/// What `[http]` says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// `check_networks`: allowed besides the instance's own address.
    pub networks: Networks,
    /// Whether the API listens on loopback, where only this host can register.
    pub loopback: bool,
}

impl Targets {
    /// Why a check may not connect to its instance's own address.
    pub fn refusal_of_own(&self, to: IpAddr) -> Option<&'static str> {
        if plain(to).is_loopback() && !self.loopback {
            return Some("it is this server's own, and the API can be reached from elsewhere");
        }
        never(to)
    }

    /// Why a check may not connect to an address that is not its instance's.
    pub fn refusal(&self, to: IpAddr) -> Option<&'static str> {
        let is_named = || to.is_loopback() || self.networks.contains(plain(to));
        self.refusal_of_own(to).or_else(|| {
            (!is_named())
                .then_some("it is not the service's address: add it to [http] check_networks")
        })
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped (RFC 4291), or by NAT64 (RFC 6052).
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => match v6.octets() {
            [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => {
                Ipv4Addr::new(a, b, c, d).into()
            }
            _ => v6.into(),
        },
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Where clouds keep what only their own machines may know: on no link-local address.
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Why no check of anybody may connect there.
pub fn never(to: IpAddr) -> Option<&'static str> {
    let (is_local, is_one_host) = match plain(to) {
        IpAddr::V4(v4) => {
            let is_one_host = v4.octets()[0] != 0 && !v4.is_broadcast() && !v4.is_multicast();
            (v4.is_link_local() || v4 == METADATA_V4, is_one_host)
        }
        IpAddr::V6(v6) => {
            let is_one_host = !v6.is_unspecified() && !v6.is_multicast();
            (v6.is_unicast_link_local() || v6 == METADATA_V6, is_one_host)
        }
    };
    match (is_local, is_one_host) {
        (true, _) => Some("link-local and metadata addresses are never checked"),
        (false, false) => Some("it is not the address of one host"),
        (false, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(targets: &Targets, address: &str) -> [bool; 2] {
        let address = address.parse().unwrap();
        [targets.refusal_of_own(address).is_some(), targets.refusal(address).is_some()]
    }

    #[test]
    fn link_local_and_metadata_addresses_are_never_checked_however_they_are_written() {
        let all = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        let targets = Targets { networks: all.into_iter().collect(), loopback: true };
        for never in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            assert_eq!(refused(&targets, never), [true, true], "{never}");
        }
        assert_eq!(refused(&targets, "192.0.2.7"), [false, false]);
    }

    #[test]
    fn only_the_services_own_address_and_check_networks_are_checked() {
        let networks = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
        let targets = Targets { networks, loopback: true };
        assert_eq!(refused(&targets, "10.1.2.3"), [false, false]);
        assert_eq!(refused(&targets, "::ffff:10.1.2.3"), [false, false]);
        assert_eq!(refused(&targets, "192.0.2.7"), [false, true]);
    }

    #[test]
    fn loopback_is_checked_only_where_the_api_listens_on_loopback() {
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            let beyond = Targets { loopback: false, ..Targets::default() };
            assert_eq!(refused(&beyond, address), [true, true], "{address}");
            let local = Targets { loopback: true, ..Targets::default() };
            assert!(!refused(&local, address)[0], "{address}");
        }
    }
}
