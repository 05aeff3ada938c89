//! What to ask, and whether an answer may be true.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Instant;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use crate::fleet::{Instance, PUBLICATION, SLACK, Service};
use crate::tally::Tally;

pub(crate) const ZONE: &str = "soak.internal";
/// Names that never change, and names that never are.
pub(crate) const STATIC_ZONE: &str = "static.test";
pub(crate) const STATIC_FILE: &str = "\
$TTL 60
@    SOA ns1 hostmaster 1 3600 600 86400 60
@    NS  ns1
ns1  A   192.0.2.1
mail MX  10 mx
mx   A   192.0.2.25
www  CNAME host
host A   192.0.2.80
*.w  A   192.0.2.81
old  DNAME new.static.test.
x.new A  192.0.2.82
sub  NS  ns.sub
ns.sub A 192.0.2.53
";

/// Name, type, code, how many answers, and what the last of them ends in.
const STATIC: [(&str, RecordType, ResponseCode, usize, &str); 9] = [
    ("host", RecordType::A, ResponseCode::NoError, 1, "192.0.2.80"),
    ("host", RecordType::AAAA, ResponseCode::NoError, 0, ""),
    ("www", RecordType::A, ResponseCode::NoError, 2, "192.0.2.80"),
    ("mail", RecordType::MX, ResponseCode::NoError, 1, "10 mx.static.test."),
    ("any.w", RecordType::A, ResponseCode::NoError, 1, "192.0.2.81"),
    ("x.old", RecordType::A, ResponseCode::NoError, 3, "192.0.2.82"),
    ("www.sub", RecordType::A, ResponseCode::NoError, 0, ""),
    ("nothing", RecordType::A, ResponseCode::NXDomain, 0, ""),
    ("nothing.host", RecordType::TXT, ResponseCode::NXDomain, 0, ""),
];

/// A question that somebody who means well asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'f> {
    /// The service's addresses.
    Addresses(&'f Service),
    /// Its ports, with the addresses beside them.
    Ports(&'f Service),
    /// Its description.
    Texts(&'f Service),
    /// The one instance with that tag.
    Tag(&'f Service, usize),
    /// An instance by its id.
    Instance(&'f Service, usize),
    /// One of [`STATIC`].
    Static(usize),
    /// A service that nobody registers.
    Nobody,
    /// The zone itself.
    Apex,
    /// A name of no zone here.
    Elsewhere,
}

impl<'f> Question<'f> {
    pub(crate) fn draw(services: &'f [Service], rng: &mut fastrand::Rng) -> Self {
        let service = &services[rng.usize(..services.len())];
        let instance = rng.usize(..service.instances.len());
        match rng.u8(..20) {
            0..8 => Self::Addresses(service),
            8..11 => Self::Ports(service),
            11 => Self::Texts(service),
            12 | 13 => Self::Tag(service, instance),
            14 | 15 => Self::Instance(service, instance),
            16 => Self::Static(rng.usize(..STATIC.len())),
            17 => Self::Nobody,
            18 => Self::Apex,
            _ => Self::Elsewhere,
        }
    }

    pub(crate) fn name_and_type(self) -> (String, RecordType) {
        let (relative, rtype) = match self {
            Self::Addresses(service) => (service.name.clone(), RecordType::A),
            Self::Ports(service) => (format!("_{}._tcp", service.name), RecordType::SRV),
            Self::Texts(service) => (service.name.clone(), RecordType::TXT),
            Self::Tag(service, n) => (format!("t{n}.{}", service.name), RecordType::A),
            Self::Instance(service, n) => {
                (format!("{}.{}", service.instances[n].id, service.name), RecordType::A)
            }
            Self::Static(n) => return (format!("{}.{STATIC_ZONE}.", STATIC[n].0), STATIC[n].1),
            Self::Nobody => ("nobody".to_owned(), RecordType::A),
            Self::Apex => return (format!("{ZONE}."), RecordType::SOA),
            Self::Elsewhere => return ("elsewhere.example.".to_owned(), RecordType::A),
        };
        (format!("{relative}.{ZONE}."), rtype)
    }

    /// What is wrong with the answer to a question that was put at `asked`.
    pub(crate) fn judge(
        self,
        reply: &Message,
        asked: Instant,
        tally: &Tally,
    ) -> Result<(), String> {
        let code = reply.metadata.response_code;
        match self {
            Self::Addresses(service) => served(service, &all(service), reply, asked, tally),
            Self::Ports(service) => {
                ports(service, reply)?;
                served(service, &all(service), reply, asked, tally)
            }
            Self::Texts(service) => {
                exists(service, code, asked)?;
                let texts = reply.answers.iter().map(|record| record.data.to_string());
                let texts: Vec<_> = texts.collect();
                let right =
                    texts.iter().all(|text| text.contains(&format!("name={}", service.name)));
                when(!right, || format!("texts {texts:?}"))
            }
            Self::Tag(service, n) => served(service, &[&service.instances[n]], reply, asked, tally),
            Self::Instance(service, n) => named(service, &service.instances[n], reply, asked),
            Self::Static(n) => unchanging(n, reply),
            Self::Nobody => when(code != ResponseCode::NXDomain, || format!("{code} for nobody")),
            Self::Apex => when(reply.answers.len() != 1, || "no SOA".to_owned()),
            Self::Elsewhere => when(code != ResponseCode::Refused, || format!("{code} elsewhere")),
        }
    }
}

fn when(wrong: bool, complaint: impl Fn() -> String) -> Result<(), String> {
    if wrong { Err(complaint()) } else { Ok(()) }
}

fn all(service: &Service) -> Vec<&Instance> {
    service.instances.iter().collect()
}

/// A registered name is never NXDOMAIN, and one that has gone is.
fn exists(service: &Service, code: ResponseCode, asked: Instant) -> Result<(), String> {
    let registered = service.registered();
    let (there, gone) = (
        registered.held(true, PUBLICATION + SLACK, asked),
        registered.held(false, PUBLICATION + SLACK, asked),
    );
    match code {
        ResponseCode::NoError => when(gone, || "NOERROR for a service that has gone".to_owned()),
        ResponseCode::NXDomain => when(there, || "NXDOMAIN for a registered service".to_owned()),
        other => Err(format!("{other} for a service")),
    }
}

/// The addresses are of `instances`, of all of those that are well, and of none that is not.
fn served(
    service: &Service,
    instances: &[&Instance],
    reply: &Message,
    asked: Instant,
    tally: &Tally,
) -> Result<(), String> {
    let code = reply.metadata.response_code;
    let addresses = addresses(reply);
    // A tag goes with the last instance that carries it.
    let stays =
        |instance: &&Instance| instance.known().registered.held(true, PUBLICATION + SLACK, asked);
    let some_go = instances.len() < service.instances.len() && !instances.iter().any(stays);
    if !(some_go && code == ResponseCode::NXDomain) {
        exists(service, code, asked)?;
    }
    let strangers = addresses.iter().filter(|a| !instances.iter().any(|i| i.address == **a));
    let strangers: Vec<_> = strangers.collect();
    when(!strangers.is_empty(), || format!("{strangers:?} were never registered for it"))?;
    for instance in instances {
        let (known, holds) = (instance.known(), addresses.contains(&instance.address));
        if holds {
            tally.served_dead(known.dead_for(asked));
        }
        when(holds && known.must_not_be_served(asked), || {
            let dead = known.dead_for(asked);
            format!("{} has gone or is dead for {dead:?}, and is served: {known:?}", instance.id)
        })?;
        when(!holds && known.must_be_served(asked), || {
            format!("{} is well and missing: {known:?}", instance.id)
        })?;
    }
    Ok(())
}

/// An instance's name answers whatever its state.
fn named(
    service: &Service,
    instance: &Instance,
    reply: &Message,
    asked: Instant,
) -> Result<(), String> {
    let registered = instance.known().registered;
    let addresses = addresses(reply);
    let own = BTreeSet::from([instance.address]);
    if registered.held(true, PUBLICATION + SLACK, asked) {
        exists(service, reply.metadata.response_code, asked)?;
        return when(addresses != own, || format!("{} is {addresses:?}", instance.id));
    }
    let gone = registered.held(false, PUBLICATION + SLACK, asked);
    when(gone && !addresses.is_empty(), || format!("{} has gone, yet is there", instance.id))?;
    when(!addresses.is_subset(&own), || format!("{} is {addresses:?}", instance.id))
}

/// Each port is an instance's own, and its target has that instance's address beside it.
fn ports(service: &Service, reply: &Message) -> Result<(), String> {
    let truncated = reply.metadata.truncation;
    for record in &reply.answers {
        let RData::SRV(srv) = &record.data else { return Err(format!("{record} for SRV")) };
        let of = service.instances.iter().find(|instance| instance.port == srv.port);
        let Some(instance) = of else { return Err(format!("port {} is nobody's", srv.port)) };
        let beside = reply.additionals.iter().filter(|record| record.name == srv.target);
        let right =
            beside.clone().all(|r| matches!(&r.data, RData::A(a) if a.0 == instance.address));
        when(!right, || format!("{} has another address", srv.target))?;
        when(!truncated && beside.count() == 0, || format!("{} has no address", srv.target))?;
    }
    Ok(())
}

fn unchanging(n: usize, reply: &Message) -> Result<(), String> {
    let (name, _, code, count, last) = STATIC[n];
    let got = (reply.metadata.response_code, reply.answers.len());
    when(got != (code, count), || format!("{name}: {got:?}"))?;
    let data = reply.answers.last().map(|record| record.data.to_string()).unwrap_or_default();
    when(data != last, || format!("{name}: {data}"))
}

/// Those of the answer section, or beside SRV records.
fn addresses(reply: &Message) -> BTreeSet<Ipv4Addr> {
    let records = reply.answers.iter().chain(&reply.additionals);
    let address = |data: &RData| match data {
        RData::A(a) => Some(a.0),
        _ => None,
    };
    records.filter_map(|record| address(&record.data)).collect()
}
