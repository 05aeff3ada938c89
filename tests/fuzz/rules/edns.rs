//! The OPT record of a reply, and the options in it, given those of the query.

use super::message::{Message, rtype};

const OPCODE: u16 = 0x7800;
const FORMERR: u16 = 1;
const NOTIMP: u16 = 4;
const NOTAUTH: u16 = 9;
const BADVERS: u16 = 16;

pub(crate) const COOKIE: u16 = 10;
pub(crate) const KEEPALIVE: u16 = 11;
const EXTENDED_ERROR: u16 = 15;

/// OPT comes where there was one, once, and says what was asked for.
pub(crate) fn check(asked: [u16; 6], query: Option<&Message<'_>>, reply: &Message<'_>, tcp: bool) {
    let mut opts = reply.of(rtype::OPT);
    let opt = opts.next();
    assert!(opts.next().is_none(), "one OPT at most");
    if let Some(opt) = opt {
        assert!(opt.owner.is_root() && opt.section == 2, "OPT stands at the root, in additional");
        assert_eq!(opt.ttl >> 16 & 0xff, 0, "the version is ours");
        assert!(opt.class >= 512, "what is offered is what every asker takes");
    }
    let is_query = asked[1] & OPCODE == 0;
    let rcode = reply.rcode();
    let Some(query) = query else {
        let expected = if is_query { FORMERR } else { NOTIMP };
        assert!([expected, FORMERR].contains(&rcode), "{rcode} for what cannot be read");
        assert!(opt.is_none(), "OPT for what cannot be read");
        return;
    };
    let mut of_query = query.of(rtype::OPT);
    let (theirs, more) = (of_query.next(), of_query.next().is_some());
    let Some(theirs) = theirs.filter(|_| !more) else {
        assert!(opt.is_none(), "OPT goes to those who send one");
        assert!(!more || [FORMERR, NOTIMP].contains(&rcode), "two OPT are a mistake");
        return;
    };
    let Some(opt) = opt else {
        assert!([FORMERR, NOTIMP].contains(&rcode), "OPT is never lost");
        return;
    };
    assert_ne!(rcode, FORMERR, "an OPT that could not be read is answered");
    assert_eq!(opt.ttl & 0x8000, theirs.ttl & 0x8000, "DO is copied");
    let later = theirs.ttl >> 16 & 0xff != 0;
    if is_query && later {
        let signed = query.signature().is_some() && rcode == NOTAUTH;
        assert!(rcode == BADVERS || signed, "{rcode} for a later version");
    }
    assert!(later || rcode != BADVERS, "this version is known");
    let wanted = Wanted::read(theirs.rdata);
    assert!(later || wanted.is_some(), "options that cannot be read are a mistake");
    options(wanted.unwrap_or_default(), opt.rdata, tcp);
}

/// What the asker's options ask for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'m> {
    /// The data of the first COOKIE.
    pub(crate) cookie: Option<&'m [u8]>,
    pub(crate) keepalive: bool,
}

impl<'m> Wanted<'m> {
    /// `None` where an option is cut, or the first cookie has no cookie's length (RFC 7873 section
    /// 5.2.2).
    pub(crate) fn read(rdata: &'m [u8]) -> Option<Self> {
        let mut wanted = Self::default();
        for option in split(rdata) {
            match option? {
                (COOKIE, data) if wanted.cookie.is_none() => wanted.cookie = Some(data),
                (KEEPALIVE, _) => wanted.keepalive = true,
                _ => {}
            }
        }
        let length = wanted.cookie.map_or(8, <[u8]>::len);
        (length == 8 || (16..=40).contains(&length)).then_some(wanted)
    }
}

/// Nothing is said twice, nor to somebody who has not asked; whoever asks is told.
fn options(wanted: Wanted<'_>, rdata: &[u8], tcp: bool) {
    let (mut cookie, mut keepalive, mut error) = (None, None, None);
    for option in split(rdata) {
        let (code, data) = option.expect("an option is whole");
        let before = match code {
            COOKIE => cookie.replace(data),
            KEEPALIVE => keepalive.replace(data),
            EXTENDED_ERROR => error.replace(data),
            _ => panic!("option {code} is not ours to send"),
        };
        assert_eq!(before, None, "option {code} twice");
    }
    assert_eq!(cookie.is_some(), wanted.cookie.is_some(), "a cookie answers a cookie");
    if let (Some(cookie), Some(asked)) = (cookie, wanted.cookie) {
        assert_eq!(cookie.len(), 24, "RFC 9018 section 4");
        assert_eq!(cookie[..8], asked[..8], "the client's part is its own");
    }
    assert_eq!(keepalive.is_some(), wanted.keepalive && tcp, "keepalive is for streams that ask");
    assert!(keepalive.is_none_or(|data| data.len() == 2), "RFC 7828 section 3.1");
    if let Some(error) = error {
        let (_code, text) = error.split_first_chunk::<2>().expect("RFC 8914 section 2");
        assert!(str::from_utf8(text).is_ok(), "RFC 8914 section 2: UTF-8");
    }
}

/// RFC 6891 section 6.1.2: code, length, data; `None` for what is cut, which ends it.
pub(crate) fn split(mut rdata: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if rdata.is_empty() {
            return None;
        }
        let Some((&[code0, code1, length0, length1], rest)) = rdata.split_first_chunk() else {
            rdata = &[];
            return Some(None);
        };
        let length = usize::from(u16::from_be_bytes([length0, length1]));
        let Some((data, rest)) = rest.split_at_checked(length) else {
            rdata = &[];
            return Some(None);
        };
        rdata = rest;
        Some(Some((u16::from_be_bytes([code0, code1]), data)))
    })
}
