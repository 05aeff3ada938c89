//! RFC 9018: Interoperable domain name system (DNS) server cookies.
#![expect(clippy::disallowed_methods, reason = "the server's clock is the system's")]

use std::time::{SystemTime, UNIX_EPOCH};

use crate::query::{Ask, ask, nothing, option};

const COOKIE: u16 = 10;
const CLIENT: [u8; 8] = *b"a client";

fn ours() -> [u8; 16] {
    let reply = ask("www.a.test", "A").opt(1232, 0, &option(COOKIE, &CLIENT)).udp();
    reply.option(COOKIE).unwrap()[8..].try_into().unwrap()
}

/// What a server cookie is good for is told without a question (RFC 7873 section 5.4).
fn bare(server: &[u8]) -> Ask {
    nothing().opt(1232, 0, &option(COOKIE, &[&CLIENT, server].concat()))
}

/// Section 4: version 1, three octets that are 0, the time, and a hash of 64 bits.
#[test]
fn a_server_cookie_says_its_version_and_its_time() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let [version, reserved @ .., t0, t1, t2, t3, _, _, _, _, _, _, _, _] = ours();
    let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!((version, reserved), (1, [0; 3]));
    let time = u64::from(u32::from_be_bytes([t0, t1, t2, t3]));
    assert!((before..=after).contains(&time), "{before} {time} {after}");
}

/// Section 4.4: everything before the hash is in it.
#[test]
fn a_cookie_with_any_bit_changed_is_not_good() {
    let good = ours();
    assert_eq!(bare(&good).udp().rcode(), "NOERROR");
    for bit in 0..128 {
        let mut changed = good;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(bare(&changed).udp().rcode(), "BADCOOKIE", "{bit}");
    }
}

/// Section 4.3: an hour back, five minutes ahead; what is older or newer is renewed.
#[test]
fn a_cookie_of_another_time_is_not_good_and_is_renewed() {
    for wrong in [0u32, 0x7fff_ffff, 0xffff_ffff] {
        let mut other = ours();
        other[4..8].copy_from_slice(&wrong.to_be_bytes());
        let reply = bare(&other).udp();
        assert_eq!(reply.rcode(), "BADCOOKIE");
        assert_eq!(reply.option(COOKIE).unwrap()[..9], [&CLIENT[..], &[1]].concat());
    }
}

/// Section 3: 8 octets of a client and 16 of ours; another length is another server's.
#[test]
fn a_cookie_of_another_length_is_not_ours() {
    for length in [8, 15, 17, 32] {
        let mut other = ours().to_vec();
        other.resize(length, 0);
        assert_eq!(bare(&other).udp().rcode(), "BADCOOKIE", "{length}");
    }
}
