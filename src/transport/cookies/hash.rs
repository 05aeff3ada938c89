//! The hash in a server cookie (RFC 9018 section 4.4), and those that were made last.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use siphasher::sip::SipHasher24;

use crate::config::cookies::Secret;
use crate::model::time::Now;

/// Octets that are hashed for an IPv4 client.
const HASHED_V4: usize = 20;
/// Places for hashes that were made.
const REMEMBERED: usize = 256;

/// What is hashed, in words of eight octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hashed {
    words: [u64; 4],
    is_v4: bool,
}

impl Hashed {
    /// The client's part of the cookie, the front of our part, and the client's address.
    #[inline]
    pub(super) fn new(client: [u8; 8], front: u64, address: IpAddr) -> Self {
        let (high, low) = match address {
            IpAddr::V4(v4) => (u64::from(u32::from_le_bytes(v4.octets())), 0),
            IpAddr::V6(v6) => words(v6),
        };
        let words = [u64::from_le_bytes(client), front, high, low];
        Self { words, is_v4: address.is_ipv4() }
    }

    /// The hash, whose first octet is its lowest.
    #[inline(never)]
    pub(super) fn with(&self, secret: Secret) -> u64 {
        let words = self.words.map(u64::to_le_bytes);
        let octets = words.as_flattened();
        let octets = if self.is_v4 { octets.get(..HASHED_V4) } else { Some(octets) };
        SipHasher24::new_with_key(&secret.0).hash(octets.unwrap_or_default())
    }
}

/// Out of the way of IPv4: the compiler would read as much of an address before it knows which it is,
/// and wait for what has just been written.
#[inline(never)]
fn words(v6: Ipv6Addr) -> (u64, u64) {
    let octets = v6.octets();
    let mut words = octets.as_chunks().0.iter().copied().map(u64::from_le_bytes);
    (words.next().unwrap_or(0), words.next().unwrap_or(0))
}

/// The hashes that were made last. A resolver shows one cookie for half an hour: to find its hash
/// again takes a fifth of the time that making it takes.
#[derive(Default)]
pub struct Memo {
    /// What they were made with.
    secret: Option<Secret>,
    entries: Box<[Option<(Hashed, u64)>]>,
    /// The last time, and its seconds.
    time: Option<(SystemTime, u32)>,
}

/// Nobody is shown what would make others believe a cookie.
impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo(…)")
    }
}

impl Memo {
    /// With room for hashes; one by default has none.
    pub fn with_room() -> Self {
        Self { entries: Box::new([None; REMEMBERED]), ..Self::default() }
    }

    /// The wall clock in the 32 bits that a cookie has for it. All messages of a batch have one time.
    #[inline]
    pub(super) fn seconds(&mut self, now: Now) -> u32 {
        match self.time {
            Some((time, seconds)) if time == now.wall => seconds,
            _ => self.time.insert((now.wall, seconds(now))).1,
        }
    }

    /// `hashed.with(secret)`.
    #[inline]
    pub(super) fn hash(&mut self, hashed: &Hashed, secret: Secret) -> u64 {
        if self.secret != Some(secret) {
            self.secret = Some(secret);
            self.entries.fill(None);
        }
        // Clients' parts are as good as random (RFC 7873 section 4.1), or differ in some octet.
        let [client, ..] = hashed.words;
        let place = client.to_le_bytes().iter().fold(0, |place, octet| place ^ octet);
        match self.entries.get_mut(usize::from(place)) {
            Some(Some((known, hash))) if known == hashed => *hash,
            Some(entry) => entry.insert((*hashed, hashed.with(secret))).1,
            None => hashed.with(secret),
        }
    }
}

fn seconds(now: Now) -> u32 {
    let since: Duration = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let [.., a, b, c, d] = since.as_secs().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_time_is_read_anew_when_it_is_another() {
        let mut memo = Memo::with_room();
        for second in [0, 7, 7, 8, 3, u64::from(u32::MAX) + 5] {
            let now = Now::default().after(Duration::from_secs(second));
            assert_eq!(u64::from(memo.seconds(now)), second % (1 << 32));
        }
    }

    #[test]
    fn clients_that_differ_in_one_octet_have_places_of_their_own() {
        for octet in 0..8 {
            let mut memo = Memo::with_room();
            for n in 0..=255 {
                let mut client = [1, 2, 3, 4, 5, 6, 7, 8];
                client[octet] = n;
                let address = "192.0.2.1".parse().unwrap();
                memo.hash(&Hashed::new(client, 0, address), Secret([7; 16]));
            }
            assert!(memo.entries.iter().all(Option::is_some), "octet {octet}");
        }
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_would_be_made(
            asked in prop::collection::vec((0_u8..3, 0_u64..3, any::<bool>(), 0_u8..2), 1..50),
        ) {
            let mut memo = Memo::with_room();
            for (client, front, is_v4, secret) in asked {
                // These two addresses have the same octets, as far as those of the shorter go.
                let address: IpAddr =
                    if is_v4 { "1.2.3.4".parse() } else { "102:304::".parse() }.unwrap();
                let hashed = Hashed::new([client, 1, 2, 3, 4, 5, 6, 7], front, address);
                let secret = Secret([secret; 16]);
                prop_assert_eq!(memo.hash(&hashed, secret), hashed.with(secret));
            }
        }
    }
}
