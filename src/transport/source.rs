//! Decides whether an answer to this sender could reach somebody who asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether `peer` can have asked, as `asked`: the address and port that the datagram came to,
/// `None` where a connection has proved the sender. Others are spoofed or broken, and an answer
/// would go to many, to nobody, or to ourselves.
///
/// | sender | why nobody asks from there |
/// |---|---|
/// | port 0 | reserved (RFC 6335 section 6); no socket has it |
/// | the very socket that was asked | we would talk to ourselves |
/// | `0.0.0.0/8`, `::` | "this network", no address of a sender's (RFC 1122 section 3.2.1.3) |
/// | `224.0.0.0/4`, `ff00::/8` | groups: many would hear what one asked (RFC 5771, RFC 4291) |
/// | `240.0.0.0/4` | reserved (RFC 1112 section 4), the broadcast address among them |
/// | `::ffff:a.b.c.d` | judged as `a.b.c.d` |
///
/// Loopback senders on other interfaces and directed broadcasts are for the kernel to drop: only
/// it knows the interfaces.
#[inline]
pub fn can_ask(peer: &SocketAddr, asked: Option<&SocketAddr>) -> bool {
    // The commonest by far is not turned into what it is already.
    if let (SocketAddr::V4(peer), Some(SocketAddr::V4(asked))) = (peer, asked) {
        return is_possible_v4(*peer.ip()) && peer.port() != 0 && peer != asked;
    }
    can_ask_in_full(peer, asked)
}

fn can_ask_in_full(peer: &SocketAddr, asked: Option<&SocketAddr>) -> bool {
    let address = peer.ip().to_canonical();
    let possible = match address {
        IpAddr::V4(address) => is_possible_v4(address),
        IpAddr::V6(address) => is_possible_v6(address),
    };
    let ourselves = asked
        .is_some_and(|asked| asked.port() == peer.port() && asked.ip().to_canonical() == address);
    possible && peer.port() != 0 && !ourselves
}

fn is_possible_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    (1..224).contains(&first)
}

fn is_possible_v6(address: Ipv6Addr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [(&str, &str, bool); 31] = [
        ("192.0.2.1:9", "192.0.2.53:53", true),
        ("192.0.2.1:1", "192.0.2.53:53", true),
        ("192.0.2.1:0", "192.0.2.53:53", false),
        ("[2001:db8::1]:0", "[2001:db8::53]:53", false),
        ("0.0.0.0:9", "192.0.2.53:53", false),
        ("0.255.255.255:9", "192.0.2.53:53", false),
        ("1.0.0.0:9", "192.0.2.53:53", true),
        ("127.0.0.1:9", "127.0.0.1:53", true),
        ("223.255.255.255:9", "192.0.2.53:53", true),
        ("224.0.0.251:5353", "192.0.2.53:53", false),
        ("239.255.255.255:9", "192.0.2.53:53", false),
        ("240.0.0.1:9", "192.0.2.53:53", false),
        ("255.255.255.255:9", "192.0.2.53:53", false),
        ("[::]:9", "[2001:db8::53]:53", false),
        ("[::1]:9", "[::1]:53", true),
        ("[2001:db8::1]:9", "[2001:db8::53]:53", true),
        ("[fe80::1]:9", "[fe80::2]:53", true),
        ("[feff::1]:9", "[2001:db8::53]:53", true),
        ("[ff00::]:9", "[2001:db8::53]:53", false),
        ("[ff02::fb]:9", "[2001:db8::53]:53", false),
        ("[::ffff:192.0.2.1]:9", "[::ffff:192.0.2.53]:53", true),
        ("[::ffff:0.1.2.3]:9", "[::ffff:192.0.2.53]:53", false),
        ("[::ffff:224.0.0.1]:9", "[::ffff:192.0.2.53]:53", false),
        ("[::ffff:255.255.255.255]:9", "192.0.2.53:53", false),
        // The socket itself, and its neighbours in address and port.
        ("192.0.2.53:53", "192.0.2.53:53", false),
        ("192.0.2.53:54", "192.0.2.53:53", true),
        ("192.0.2.54:53", "192.0.2.53:53", true),
        ("[2001:db8::53]:53", "[2001:db8::53]:53", false),
        ("[2001:db8::54]:53", "[2001:db8::53]:53", true),
        ("[::ffff:192.0.2.53]:53", "192.0.2.53:53", false),
        ("192.0.2.53:53", "[::ffff:192.0.2.53]:53", false),
    ];

    #[test]
    fn a_sender_that_no_asker_has_is_known() {
        for (peer, asked, possible) in CASES {
            let (from, to) = (peer.parse().unwrap(), asked.parse().unwrap());
            assert_eq!(can_ask(&from, Some(&to)), possible, "{peer} asks {asked}");
        }
    }

    #[test]
    fn a_connection_to_ourselves_is_somebody() {
        let here = "192.0.2.53:53".parse().unwrap();
        assert!(can_ask(&here, None) && !can_ask(&here, Some(&here)));
    }
}
