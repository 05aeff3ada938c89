//! Server cookies that all implementations make alike (RFC 9018): an asker that shows one has been
//! sent an answer before, so its address is not forged.

use std::hash::Hasher;
use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use siphasher::sip::SipHasher24;

use crate::config::cookies::{Cookies, Secret};
use crate::model::time::Now;
use crate::wire::options::{Cookie, Granted, ServerCookie, Standard};

const VERSION: u8 = 1;
/// RFC 9018 section 4.3: what is believed, and what is believed and yet made anew.
const OLDEST: i32 = 60 * 60;
const AHEAD: i32 = -5 * 60;
const TO_RENEW: i32 = 30 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its server part was made for this client with one of our secrets, not long ago.
    pub is_valid: bool,
    /// The server part to send: the asker's own while it is fresh, else a new one.
    pub server: Standard,
}

impl Cookies {
    /// Judges the cookie of `client` and says what to answer; `None` where no cookies are given.
    pub fn judge(&self, cookie: Cookie, client: IpAddr, now: Now) -> Option<Verdict> {
        let current = self.secret?;
        let client = client.to_canonical();
        let now = seconds(now);
        let mut is_valid = false;
        if let ServerCookie::Ours(ours) = cookie.server
            && let Some(age) = believable_age(ours, now)
        {
            // The reserved octets are no more than hashed: another server may have filled them.
            let is_its = |&secret: &Secret| {
                is_same(hash((cookie.client, ours.front), client, secret), ours.hash)
            };
            let made_with = std::iter::once(&current).chain(&self.previous).position(is_its);
            if made_with == Some(0) && age <= TO_RENEW {
                return Some(Verdict { is_valid: true, server: ours });
            }
            is_valid = made_with.is_some();
        }
        let [t0, t1, t2, t3] = now.to_be_bytes();
        let front = u64::from_le_bytes([VERSION, 0, 0, 0, t0, t1, t2, t3]);
        let hash = hash((cookie.client, front), client, current);
        Some(Verdict { is_valid, server: Standard { front, hash } })
    }
}

/// RFC 9018 section 4.4: of the client's part of the cookie, the front of our part, and the client's
/// address. Its first octet is its lowest.
fn hash((cookie, front): ([u8; 8], u64), client: IpAddr, Secret(secret): Secret) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&secret);
    hasher.write(&cookie);
    hasher.write(&front.to_le_bytes());
    match client {
        IpAddr::V4(v4) => hasher.write(&v4.octets()),
        IpAddr::V6(v6) => hasher.write(&v6.octets()),
    }
    hasher.finish()
}

/// The wall clock in the 32 bits that a cookie has for it.
fn seconds(now: Now) -> u32 {
    let since = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let [.., a, b, c, d] = since.as_secs().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// One comparison of whole words: its time says nothing of how much was right.
fn is_same(hash: u64, shown: u64) -> bool {
    hash ^ shown == 0
}

/// In seconds; `None` where no cookie of that version or time is believed.
fn believable_age(ours: Standard, now: u32) -> Option<i32> {
    let [version, _, _, _, t0, t1, t2, t3] = ours.front.to_le_bytes();
    // RFC 1982: the difference counts, so that nothing happens in the year 2106.
    let age = now.wrapping_sub(u32::from_be_bytes([t0, t1, t2, t3])).cast_signed();
    (version == VERSION && (AHEAD..=OLDEST).contains(&age)).then_some(age)
}

impl Verdict {
    /// The option that answers `cookie`.
    pub fn answers(&self, cookie: Cookie) -> [u8; 24] {
        Granted::cookie(cookie.client, self.server)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::cookies::Secret;

    /// The octets of hexadecimal digits.
    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        assert_eq!(hex.len(), 2 * N);
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    fn cookie(hex: &str) -> Cookie {
        let (client, server) = hex.split_at(16);
        let server = match server.len() {
            0 => ServerCookie::None,
            32 => ServerCookie::Ours(Standard::read(octets(server))),
            _ => ServerCookie::Foreign,
        };
        Cookie { client: octets(client), server }
    }

    fn at(seconds: u64) -> Now {
        Now::default().after(Duration::from_secs(seconds))
    }

    fn keys(secret: &str, previous: &[&str]) -> Cookies {
        let secrets = previous.iter().map(|hex| Secret(octets(hex)));
        Cookies { secret: Some(Secret(octets(secret))), previous: secrets.collect() }
    }

    /// What is answered, and whether the question's cookie was valid.
    fn judge(keys: &Cookies, hex: &str, client: &str, now: u64) -> (String, bool) {
        let cookie = cookie(hex);
        let verdict = keys.judge(cookie, client.parse().unwrap(), at(now)).unwrap();
        let whole = verdict.answers(cookie);
        let (client, server) = whole.split_first_chunk::<8>().unwrap();
        let (client, server) = (u64::from_be_bytes(*client), server.try_into().unwrap());
        (format!("{client:016x}{:032x}", u128::from_be_bytes(server)), verdict.is_valid)
    }

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    const CLIENT: &str = "198.51.100.100";
    const LEARNT: &str = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";

    #[test]
    fn a_new_server_cookie_is_learnt_as_in_appendix_a_1() {
        let learnt = judge(&keys(SECRET, &[]), "2464c4abcf10c957", CLIENT, 1_559_731_985);
        assert_eq!(learnt, (LEARNT.into(), false));
    }

    #[test]
    fn the_same_client_learns_a_fresh_cookie_as_in_appendix_a_2() {
        let renewed = judge(&keys(SECRET, &[]), LEARNT, CLIENT, 1_559_734_385);
        assert_eq!(renewed, ("2464c4abcf10c957010000005cf7a871d4a564a1442aca77".into(), true));
    }

    #[test]
    fn another_client_learns_a_fresh_cookie_as_in_appendix_a_3() {
        let shown = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        let fresh = "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e";
        let keys = keys(SECRET, &[]);
        // It is older than an hour by then, and its reserved octets are not zero.
        assert_eq!(judge(&keys, shown, "203.0.113.203", 1_559_734_700), (fresh.to_owned(), false));
        let young = judge(&keys, shown, "203.0.113.203", 0x5cf7_8f71 + 60);
        assert_eq!(young, (shown.to_owned(), true));
    }

    #[test]
    fn a_secret_is_rolled_over_as_in_appendix_a_4() {
        let (old, new) = ("dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962");
        let client = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let shown = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let fresh = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
        let now = 1_559_741_961;
        assert_eq!(judge(&keys(new, &[old]), shown, client, now), (fresh.to_owned(), true));
        assert_eq!(judge(&keys(new, &[]), shown, client, now), (fresh.to_owned(), false));
        // Staged the other way round, the old one is still given and the new one believed.
        assert_eq!(judge(&keys(old, &[new]), shown, client, now), (shown.to_owned(), true));
        assert!(judge(&keys(old, &[new]), fresh, client, now).1);
    }

    #[test]
    fn a_cookie_is_believed_for_an_hour_and_renewed_after_half_of_it() {
        let (made, keys) = (1_559_731_985u64, keys(SECRET, &[]));
        for (now, is_valid, is_kept) in [
            (made - 301, false, false),
            (made - 300, true, true),
            (made, true, true),
            (made + 1800, true, true),
            (made + 1801, true, false),
            (made + 3600, true, false),
            (made + 3601, false, false),
            // Half of all numbers later it lies ahead, and a whole round later it is young again.
            (made + (1 << 31), false, false),
            (made + (1 << 32), true, true),
        ] {
            let (answered, valid) = judge(&keys, LEARNT, CLIENT, now);
            assert_eq!((valid, answered == LEARNT), (is_valid, is_kept), "{now}");
        }
    }

    #[test]
    fn the_clock_may_pass_the_last_number_between_two_questions() {
        let (keys, last) = (keys(SECRET, &[]), u64::from(u32::MAX));
        let (before, _) = judge(&keys, "2464c4abcf10c957", CLIENT, last - 10);
        assert_eq!(judge(&keys, &before, CLIENT, last + 10), (before.clone(), true));
    }

    #[test]
    fn no_octet_of_a_cookie_may_differ() {
        let keys = keys(SECRET, &[]);
        let now = 1_559_731_985;
        for place in 0..24 {
            let mut octets: [u8; 24] = octets(LEARNT);
            octets[place] ^= 1;
            let (client, server) = octets.split_at(8);
            let server = ServerCookie::Ours(Standard::read(server.try_into().unwrap()));
            let cookie = Cookie { client: client.try_into().unwrap(), server };
            let verdict = keys.judge(cookie, CLIENT.parse().unwrap(), at(now)).unwrap();
            assert!(!verdict.is_valid, "{place}");
        }
        assert!(judge(&keys, LEARNT, CLIENT, now).1);
        assert!(!judge(&keys, LEARNT, "198.51.100.101", now).1);
        assert!(!judge(&keys, &LEARNT[..46], CLIENT, now).1, "of another length");
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_the_same_client() {
        let mapped = format!("::ffff:{CLIENT}");
        assert!(judge(&keys(SECRET, &[]), LEARNT, &mapped, 1_559_731_985).1);
    }

    #[test]
    fn without_a_secret_no_cookies_are_given() {
        let judged = Cookies::default().judge(cookie(LEARNT), CLIENT.parse().unwrap(), at(0));
        assert_eq!(judged, None);
    }
}
