//! Which cookie has to come back, worked out a second time from RFC 9018.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

/// `[cookies]`: what cookies are made with, and what they are believed by beside it.
pub(crate) const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
pub(crate) const PREVIOUS: [&str; 2] =
    ["dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962"];

const CLIENT: usize = 8;

/// What the data of a COOKIE option is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// It proves who sent it.
    pub(super) is_valid: bool,
    /// It holds what a server is to have made.
    pub(super) is_shown: bool,
    /// The data of the option that answers it.
    pub(super) answer: Vec<u8>,
}

/// Judges the data of an option that has one of the lengths of a cookie.
pub(super) fn judge(data: &[u8], peer: IpAddr, now: u32) -> Judged {
    let (client, server) = data.split_at(CLIENT);
    let peer = peer.to_canonical();
    let answer = made(SECRET, client, peer, now);
    let mut judged = Judged { is_valid: false, is_shown: !server.is_empty(), answer };
    let (Some((head, theirs)), 16) = (server.split_at_checked(8), server.len()) else {
        return judged;
    };
    let made = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let age = i64::from(now) - i64::from(made);
    if head[0] != 1 || !(-300..=3600).contains(&age) {
        return judged;
    }
    let by = |secret: &&str| hash(secret, client, head, peer) == theirs;
    judged.is_valid = by(&SECRET) || PREVIOUS.iter().any(by);
    if by(&SECRET) && age <= 1800 {
        judged.answer = data.to_vec();
    }
    judged
}

/// A whole cookie as a server with that secret makes it.
pub(crate) fn made(secret: &str, client: &[u8], peer: IpAddr, time: u32) -> Vec<u8> {
    let mut whole = [client, &[1, 0, 0, 0], &time.to_be_bytes()].concat();
    whole.extend(hash(secret, client, &whole[CLIENT..], peer));
    whole
}

/// RFC 9018 section 4.4, over the client's part, version to time, and the client's address.
fn hash(secret: &str, client: &[u8], head: &[u8], peer: IpAddr) -> [u8; 8] {
    let key = u128::from_str_radix(secret, 16).unwrap().to_be_bytes();
    let mut hasher = SipHasher24::new_with_key(&key);
    hasher.write(client);
    hasher.write(head);
    match peer {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    hasher.finish().to_le_bytes()
}
