//! The few DNS words that decisions are made on; their codec is in `wire`.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::name::Name;
use crate::model::text::printable;

/// A record type by its number (RFC 6895); unknown ones are carried as they are (RFC 3597).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rtype(pub u16);

macro_rules! rtypes {
    ($($name:ident = $number:literal),* $(,)?) => {
        impl Rtype {
            $(#[doc = concat!("The type ", stringify!($name), ".")] pub const $name: Self = Self($number);)*
            /// The types that have a mnemonic here, in the order metrics list them.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];

            pub fn mnemonic(self) -> Option<&'static str> {
                match self.0 { $($number => Some(stringify!($name)),)* _ => None }
            }

            /// The type of a mnemonic in any case.
            pub fn from_mnemonic(text: &str) -> Option<Self> {
                Self::KNOWN.iter().copied().find(|t| t.mnemonic().is_some_and(|m| m.eq_ignore_ascii_case(text)))
            }
        }
    };
}

rtypes! {
    A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, HINFO = 13, MX = 15, TXT = 16, AAAA = 28, LOC = 29,
    SRV = 33, NAPTR = 35, DNAME = 39, DS = 43, SSHFP = 44, RRSIG = 46, NSEC = 47, DNSKEY = 48,
    NSEC3 = 50, NSEC3PARAM = 51, TLSA = 52, CDS = 59, CDNSKEY = 60, SVCB = 64, HTTPS = 65, SPF = 99,
    IXFR = 251, AXFR = 252, ANY = 255, URI = 256, CAA = 257,
}

impl fmt::Display for Rtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(text) => f.write_str(text),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for Rtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What an answer says as a whole (RFC 6895 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rcode {
    NoError,
    FormErr,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
    YxDomain,
    NotAuth,
    BadVers,
    BadCookie,
}

impl Rcode {
    pub const ALL: [Self; 10] = [
        Self::NoError,
        Self::FormErr,
        Self::ServFail,
        Self::NxDomain,
        Self::NotImp,
        Self::Refused,
        Self::YxDomain,
        Self::NotAuth,
        Self::BadVers,
        Self::BadCookie,
    ];

    /// The extended code, twelve bits (RFC 6891 section 6.1.3).
    pub fn code(self) -> u16 {
        match self {
            Self::NoError => 0,
            Self::FormErr => 1,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::NotImp => 4,
            Self::Refused => 5,
            Self::YxDomain => 6,
            Self::NotAuth => 9,
            Self::BadVers => 16,
            Self::BadCookie => 23,
        }
    }

    pub fn mnemonic(self) -> &'static str {
        match self {
            Self::NoError => "NOERROR",
            Self::FormErr => "FORMERR",
            Self::ServFail => "SERVFAIL",
            Self::NxDomain => "NXDOMAIN",
            Self::NotImp => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::YxDomain => "YXDOMAIN",
            Self::NotAuth => "NOTAUTH",
            Self::BadVers => "BADVERS",
            Self::BadCookie => "BADCOOKIE",
        }
    }
}

/// An extended error (RFC 8914): a code and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    pub code: u16,
    /// What happened, in words; may be empty.
    pub text: Cow<'static, str>,
}

impl ExtendedError {
    /// RFC 8914 section 4.1.
    pub const OTHER: u16 = 0;
    /// RFC 8914 section 4.4.
    pub const STALE_ANSWER: u16 = 3;
    /// RFC 8914 section 4.15: the zone or its health is not loaded yet.
    pub const NOT_READY: u16 = 14;
    /// RFC 8914 section 4.19.
    pub const PROHIBITED: u16 = 18;
    /// RFC 8914 section 4.21.
    pub const NOT_AUTHORITATIVE: u16 = 20;

    /// An error with words of its own; what they repeat of texts from outside is made [`printable`].
    pub fn new(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let text = match printable(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(printable) => printable.into(),
        };
        Self { code, text }
    }
}

/// One question: what is asked, and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name, folded.
    pub name: Name,
    pub rtype: Rtype,
    pub client: IpAddr,
}

/// Who owns a record of an answer, told so that the codec can point instead of spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner<'s> {
    /// The name asked for, in the asker's case.
    Question,
    /// The target of the SRV or CNAME record at this place of the answer section.
    Target(usize),
    Name(Cow<'s, Name>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'s> {
    pub owner: Owner<'s>,
    /// In seconds.
    pub ttl: u32,
    pub data: Rdata<'s>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rdata<'s> {
    /// RFC 1035 section 3.4.1.
    A(Ipv4Addr),
    /// RFC 3596.
    Aaaa(Ipv6Addr),
    /// RFC 1035 section 3.3.11.
    Ns(&'s Name),
    /// RFC 1035 section 3.3.1.
    Cname(Cow<'s, Name>),
    /// RFC 2782.
    Srv {
        /// Lower is preferred.
        priority: u16,
        weight: u16,
        port: u16,
        /// The host: inside the zone, or that of an external instance.
        target: Cow<'s, Name>,
    },
    /// RFC 1035 section 3.3.14: one or more character strings of at most 255 octets each; longer
    /// texts are cut into several by the codec.
    Txt(Cow<'s, str>),
    /// RFC 1035 section 3.3.13.
    Soa(&'s Soa),
    /// Any other type, or any form: octets that are sent as they are (RFC 3597 section 4).
    Octets { rtype: Rtype, octets: Cow<'s, [u8]> },
}

impl Rdata<'_> {
    pub fn rtype(&self) -> Rtype {
        match self {
            Self::A(_) => Rtype::A,
            Self::Aaaa(_) => Rtype::AAAA,
            Self::Ns(_) => Rtype::NS,
            Self::Cname(_) => Rtype::CNAME,
            Self::Srv { .. } => Rtype::SRV,
            Self::Txt(_) => Rtype::TXT,
            Self::Soa(_) => Rtype::SOA,
            Self::Octets { rtype, .. } => *rtype,
        }
    }

    pub fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::A(v4),
            IpAddr::V6(v6) => Self::Aaaa(v6),
        }
    }
}

/// A start of authority; all times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    pub mname: Name,
    pub rname: Name,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    pub minimum: u32,
}
