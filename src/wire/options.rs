//! An OPT record, and those of its options that mean something here: cookies and keepalive.

const COOKIE: u16 = 10;
const KEEPALIVE: u16 = 11;
const BARE_OPTION: usize = 4;
/// Of a `Standard` one.
const SERVER_COOKIE: usize = 16;
/// RFC 7873 section 4.
const CLIENT_COOKIE: usize = 8;
const WHOLE_COOKIE: usize = 24;

/// What the asker's OPT record says (RFC 6891); its version is 0 or the query is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The largest datagram that the asker takes, as written.
    pub payload: u16,
    /// DO, to be copied (RFC 3225).
    pub dnssec_ok: bool,
    pub options: Options,
}

/// What the asker's options say. All others, also those that others know, are ignored and never
/// echoed: NSID, client subnet and padding are not offered here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Its cookie; of several the first counts, whatever the others hold (RFC 7873 section 5.2).
    pub cookie: Option<Cookie>,
    /// Whether it asks how long its connection may idle (RFC 7828).
    pub keepalive: bool,
}

/// A COOKIE option as it came (RFC 7873 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub client: [u8; CLIENT_COOKIE],
    pub server: ServerCookie,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerCookie {
    /// The asker has none yet.
    None,
    Ours(Standard),
    /// Of another length: not ours.
    Foreign,
}

/// A server cookie that every implementation can check (RFC 9018 section 4), in two words whose
/// lowest octets stand first: it is moved about for each question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    /// The version, three reserved octets and the time.
    pub front: u64,
    /// The hash of that, of the client's part and of the client's address.
    pub hash: u64,
}

impl Standard {
    /// What stands in these octets.
    #[inline]
    pub fn read(octets: [u8; SERVER_COOKIE]) -> Self {
        let [front @ .., h0, h1, h2, h3, h4, h5, h6, h7] = octets;
        let hash = u64::from_le_bytes([h0, h1, h2, h3, h4, h5, h6, h7]);
        Self { front: u64::from_le_bytes(front), hash }
    }
}

impl Options {
    /// Reads the data of an OPT record; `None` where an option runs over its end or the cookie has
    /// a length that no cookie has.
    pub fn read(mut rdata: &[u8]) -> Option<Self> {
        let mut options = Self::default();
        while !rdata.is_empty() {
            let (&[code0, code1, len0, len1], rest) = rdata.split_first_chunk()?;
            let (data, rest) = rest.split_at_checked(u16::from_be_bytes([len0, len1]).into())?;
            rdata = rest;
            match u16::from_be_bytes([code0, code1]) {
                COOKIE if options.cookie.is_none() => options.cookie = Some(Cookie::read(data)?),
                // RFC 7828 section 3.2.1: what a client writes into it means nothing.
                KEEPALIVE => options.keepalive = true,
                _ => {}
            }
        }
        Some(options)
    }
}

impl Cookie {
    /// RFC 7873 section 5.2.2: 8 octets, or 16 to 40.
    fn read(data: &[u8]) -> Option<Self> {
        let (&client, server) = data.split_first_chunk()?;
        let server = match (server.len(), server.first_chunk()) {
            (0, _) => ServerCookie::None,
            (SERVER_COOKIE, Some(ours)) => ServerCookie::Ours(Standard::read(*ours)),
            (8..=32, _) => ServerCookie::Foreign,
            (_, _) => return None,
        };
        Some(Self { client, server })
    }
}

/// What the OPT record of an answer carries because the query asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    pub cookie: Option<[u8; WHOLE_COOKIE]>,
    /// How long the connection may idle, in tenths of a second.
    pub keepalive: Option<u16>,
}

impl Granted {
    pub fn cookie(client: [u8; CLIENT_COOKIE], server: Standard) -> [u8; WHOLE_COOKIE] {
        let mut whole = [0; WHOLE_COOKIE];
        let parts = [client, server.front.to_le_bytes(), server.hash.to_le_bytes()];
        whole.copy_from_slice(parts.as_flattened());
        whole
    }

    /// The octets that these options take.
    #[must_use]
    pub fn size(self) -> usize {
        let cookie = self.cookie.map_or(0, |_| BARE_OPTION.saturating_add(WHOLE_COOKIE));
        let keepalive = self.keepalive.map_or(0, |_| BARE_OPTION.saturating_add(2));
        cookie.saturating_add(keepalive)
    }

    pub fn put(self, out: &mut Vec<u8>) {
        if let Some(cookie) = self.cookie {
            out.extend_from_slice(&[0, 10, 0, 24]);
            out.extend_from_slice(&cookie);
        }
        if let Some(tenths) = self.keepalive {
            out.extend_from_slice(&[0, 11, 0, 2]);
            out.extend_from_slice(&tenths.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(code: u8, data: &[u8]) -> Vec<u8> {
        [&[0, code, 0, u8::try_from(data.len()).unwrap()], data].concat()
    }

    fn cookie(data: &[u8]) -> Option<Cookie> {
        Options::read(&option(10, data)).map(|options| options.cookie.unwrap())
    }

    #[test]
    fn a_cookie_has_8_octets_or_16_to_40() {
        for len in 0..=64usize {
            let data = vec![7; len];
            let server = match len {
                8 => Some(ServerCookie::None),
                24 => Some(ServerCookie::Ours(Standard::read([7; 16]))),
                16..=40 => Some(ServerCookie::Foreign),
                _ => None,
            };
            let expected = server.map(|server| Cookie { client: [7; 8], server });
            assert_eq!(cookie(&data), expected, "{len}");
        }
    }

    #[test]
    fn the_first_cookie_counts_and_others_are_not_even_measured() {
        let twice = [option(10, &[1; 8]), option(10, &[2; 3])].concat();
        let read = Options::read(&twice).unwrap().cookie.unwrap();
        assert_eq!(read.client, [1; 8]);
        let wrong_first = [option(10, &[2; 3]), option(10, &[1; 8])].concat();
        assert_eq!(Options::read(&wrong_first), None);
    }

    #[test]
    fn keepalive_is_noted_whatever_it_holds_and_other_options_are_not() {
        for data in [&b""[..], b"\x00\x64", b"xyz"] {
            assert!(Options::read(&option(11, data)).unwrap().keepalive);
        }
        // NSID, EXPIRE, padding, and client subnets that no subnet could be.
        let others = [option(3, b""), option(9, b"1234"), option(12, &[0; 20]), option(8, b"\xff")];
        assert_eq!(Options::read(&others.concat()), Some(Options::default()));
    }

    #[test]
    fn an_option_that_is_cut_makes_all_of_them_unreadable() {
        let whole = [option(3, b"ab"), option(11, b"")].concat();
        for cut in 1..whole.len() {
            let read = Options::read(&whole[..cut]);
            assert_eq!(read.is_some(), cut == 6, "{cut}");
        }
    }

    #[test]
    fn what_is_granted_takes_the_room_that_it_says() {
        let cookie = Granted::cookie([1; 8], Standard::read([2; 16]));
        for cookie in [None, Some(cookie)] {
            for keepalive in [None, Some(100)] {
                let granted = Granted { cookie, keepalive };
                let mut out = Vec::new();
                granted.put(&mut out);
                assert_eq!(out.len(), granted.size());
                let read = Options::read(&out).unwrap();
                assert_eq!(read.keepalive, keepalive.is_some());
                let server = ServerCookie::Ours(Standard::read([2; 16]));
                assert_eq!(read.cookie, cookie.map(|_| Cookie { client: [1; 8], server }));
            }
        }
    }
}
