//! The address of this host, for definitions that name none, and its name.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Addresses for documentation (RFC 5737, RFC 3849): no host of any network.
const ELSEWHERE: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];

/// The address that this host sends from on its default route, IPv4 before IPv6. Connecting a UDP
/// socket chooses it and sends nothing.
pub fn address() -> Option<IpAddr> {
    let chosen = ELSEWHERE.into_iter().find_map(|(from, to)| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    chosen.filter(|address| !address.is_unspecified() && !address.is_loopback())
}

/// What the configuration says, or else the host's.
pub fn name_of(configured: &str) -> String {
    if configured.is_empty() { name() } else { configured.to_owned() }
}

/// As the kernel has it, without the domain; "livezone" where it has none.
fn name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let label = name.trim().split('.').next().unwrap_or_default();
    if label.is_empty() { "livezone".to_owned() } else { label.to_owned() }
}
