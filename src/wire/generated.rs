//! Questions and replies for property tests, owned so that replies can borrow from them.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::dns::{ExtendedError, Owner, Rcode, Rdata, Record, Rtype, Soa};
use crate::model::name::Name;
use crate::wire::options::{Granted, Standard};
use crate::wire::reply::Reply;

#[derive(Clone, Debug)]
pub(super) enum Data {
    A(u32),
    Aaaa(u128),
    Ns(Name),
    Cname(Name),
    Srv(u16, u16, u16, Name),
    Txt(String),
    Soa(Soa),
    Octets(Vec<u8>),
}

/// An owner: the question, a target, or a name.
#[derive(Clone, Debug)]
pub(super) enum Of {
    Question,
    Target(usize),
    Name(Name),
}

#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) rcode: Rcode,
    pub(super) authoritative: bool,
    pub(super) sections: [Vec<(Of, u32, Data)>; 3],
    pub(super) error: Option<(u16, String)>,
}

impl Parts {
    pub(super) fn reply(&self) -> Reply<'_> {
        let [answers, authority, additional] =
            self.sections.each_ref().map(|section| section.iter().map(record).collect());
        Reply {
            rcode: self.rcode,
            authoritative: self.authoritative,
            answers,
            authority,
            glue: Vec::new(),
            additional,
            extended_error: self
                .error
                .as_ref()
                .map(|(code, text)| ExtendedError::new(*code, text.clone())),
        }
    }
}

fn record((owner, ttl, data): &(Of, u32, Data)) -> Record<'_> {
    let owner = match owner {
        Of::Question => Owner::Question,
        Of::Target(place) => Owner::Target(*place),
        Of::Name(name) => Owner::Name(Cow::Borrowed(name)),
    };
    let data = match data {
        Data::A(address) => Rdata::A(Ipv4Addr::from(*address)),
        Data::Aaaa(address) => Rdata::Aaaa(Ipv6Addr::from(*address)),
        Data::Ns(name) => Rdata::Ns(name),
        Data::Cname(name) => Rdata::Cname(Cow::Borrowed(name)),
        Data::Srv(priority, weight, port, target) => Rdata::Srv {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: Cow::Borrowed(target),
        },
        Data::Txt(text) => Rdata::Txt(Cow::Borrowed(text)),
        Data::Soa(soa) => Rdata::Soa(soa),
        Data::Octets(octets) => {
            Rdata::Octets { rtype: Rtype(65280), octets: Cow::Borrowed(octets) }
        }
    };
    Record { owner, ttl: *ttl, data }
}

pub(super) fn names() -> impl Strategy<Value = Name> {
    let label = prop::sample::select(vec!["a", "web", "Svc", "test", "i-1", "_tcp"]);
    vec(label, 0..6).prop_map(|labels| {
        Name::parse(&format!("{}.", labels.join("."))).unwrap_or_else(|_| Name::root())
    })
}

fn data() -> impl Strategy<Value = Data> {
    let soa = (names(), names(), any::<[u32; 5]>()).prop_map(
        |(mname, rname, [serial, refresh, retry, expire, minimum])| {
            Data::Soa(Soa { mname, rname, serial, refresh, retry, expire, minimum })
        },
    );
    prop_oneof![
        4 => any::<u32>().prop_map(Data::A),
        2 => any::<u128>().prop_map(Data::Aaaa),
        1 => names().prop_map(Data::Ns),
        1 => names().prop_map(Data::Cname),
        4 => (any::<[u16; 3]>(), names()).prop_map(|([p, w, o], t)| Data::Srv(p, w, o, t)),
        1 => "[a-zé€]{0,300}".prop_map(Data::Txt),
        1 => soa,
        // The library takes no record without data.
        1 => vec(any::<u8>(), 1..40).prop_map(Data::Octets),
    ]
}

fn section(most: usize) -> impl Strategy<Value = Vec<(Of, u32, Data)>> {
    let owner = prop_oneof![3 => Just(Of::Question), 1 => names().prop_map(Of::Name)];
    vec((owner, 0..0x7fff_ffffu32, data()), 0..most)
}

fn additional() -> impl Strategy<Value = Vec<(Of, u32, Data)>> {
    let owner =
        prop_oneof![3 => (0usize..20).prop_map(Of::Target), 1 => names().prop_map(Of::Name)];
    let address = prop_oneof![any::<u32>().prop_map(Data::A), any::<u128>().prop_map(Data::Aaaa)];
    vec((owner, 0..0x7fff_ffffu32, address), 0..30)
}

/// Replies of any size; targets in the additional section may point to nothing.
pub(super) fn parts(most: usize) -> impl Strategy<Value = Parts> {
    let rcode = prop::sample::select(vec![
        Rcode::NoError,
        Rcode::ServFail,
        Rcode::NxDomain,
        Rcode::Refused,
    ]);
    let error = prop::option::of((0u16..30, "[a-z €]{0,400}"));
    let sections = (section(most), section(3), additional());
    (rcode, any::<bool>(), sections, error).prop_map(
        |(rcode, authoritative, (answers, authority, additional), error)| Parts {
            rcode,
            authoritative,
            sections: [answers, authority, additional],
            error,
        },
    )
}

pub(super) fn granted() -> impl Strategy<Value = Granted> {
    let cookie = (any::<[u8; 8]>(), any::<[u8; 16]>());
    let cookie =
        cookie.prop_map(|(client, server)| Granted::cookie(client, Standard::read(server)));
    (prop::option::of(cookie), prop::option::of(any::<u16>()))
        .prop_map(|(cookie, keepalive)| Granted { cookie, keepalive })
}

/// A packet that asks for `name`, in changing case.
pub(super) fn packet(name: &Name, id: u16, case: u64, edns: Option<u16>) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())]);
    let mut place = 0u32;
    for label in name.labels() {
        out.push(u8::try_from(label.len()).unwrap_or(0));
        for octet in label {
            place = (place + 1) % 64;
            let upper = case >> place & 1 == 1;
            out.push(if upper { octet.to_ascii_uppercase() } else { *octet });
        }
    }
    out.extend([0, 0, 33, 0, 1]);
    if let Some(payload) = edns {
        out.extend([0, 0, 41]);
        out.extend(payload.to_be_bytes());
        out.extend([0; 6]);
    }
    out
}
