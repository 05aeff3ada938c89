//! Adds up the master files of a zone and what zone.toml says of static names, and tells what lost
//! to what.
//!
//! | what meets | who stays |
//! |---|---|
//! | SOA of two files | the first by path |
//! | CNAME and other data at a name | what is written first |
//! | anything but glue below a delegation, anything below a DNAME | the delegation, the DNAME |
//! | a master file and zone.toml | the master file |
//! | a service and a static record ([`conflicts`]) | the service |

pub mod conflicts;
mod delegations;
pub mod references;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::complaints::Complaints;
use crate::diagnostic::Diagnostic;
use crate::model::dns::{Rtype, Soa};
use crate::model::name::Name;
use crate::model::origin::Origin;
use crate::model::records::{self, MOST_RECORDS, MasterFile, Part, StaticRecord};
use crate::model::zone::ZoneSettings;

/// Name servers and static addresses of zone.toml change by hand: resolvers may keep them for a
/// minute.
pub const STATIC_TTL: u32 = 60;

#[derive(Clone, Debug, Default)]
pub struct StaticRecords {
    /// Of a master file, with its TTL; its serial is not served.
    pub soa: Option<(u32, Soa)>,
    /// Every name with records; at the apex without the SOA.
    pub names: BTreeMap<Name, Rrsets>,
    /// An error for each record that is left out, and warnings.
    pub conflicts: Vec<Diagnostic>,
    /// Of names that a service may contest, by the service's name.
    contestable: HashMap<Box<[u8]>, Vec<Name>>,
    contestable_by_all: Vec<Name>,
}

pub type Rrsets = BTreeMap<Rtype, Rrset>;

#[derive(Clone, Debug)]
pub struct Rrset {
    /// In seconds.
    pub ttl: u32,
    /// Never none, each once.
    pub records: Vec<Datum>,
}

#[derive(Clone, Debug)]
pub struct Datum {
    pub rdata: Arc<[u8]>,
    /// Where it is written; `None` for zone.toml.
    from: Option<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    origin: Origin,
    file: Arc<MasterFile>,
    record: usize,
}

impl Source {
    fn written(&self) -> Option<&StaticRecord> {
        self.file.records.get(self.record)
    }

    fn place(&self) -> Option<(&Part, Range<usize>)> {
        let place = &self.written()?.place;
        Some((self.file.parts.get(place.part)?, place.span.clone()))
    }

    fn error(&self, message: impl Into<String>, advice: &str) -> Option<Diagnostic> {
        let (part, span) = self.place()?;
        let error = Diagnostic::error(&part.path, &part.text, span, message).with_label(advice);
        Some(Diagnostic { origin: self.origin, ..error })
    }

    fn warning(&self, message: impl Into<String>, advice: &str) -> Option<Diagnostic> {
        let severity = crate::diagnostic::Severity::Warning;
        Some(Diagnostic { severity, ..self.error(message, advice)? })
    }
}

/// Merges `files`, which stand in order of precedence, with the zone's settings.
pub fn merge(settings: &ZoneSettings, files: &[(Origin, Arc<MasterFile>)]) -> StaticRecords {
    let mut merging = Merging {
        apex: &settings.apex,
        statics: StaticRecords::default(),
        conflicts: Complaints::default(),
        seen: HashSet::new(),
    };
    let mut room = MOST_RECORDS;
    for (origin, file) in files {
        let Some(left) = room.checked_sub(file.records.len()) else {
            merging.conflicts.extend(too_many(*origin, file));
            continue;
        };
        room = left;
        for record in 0..file.records.len() {
            merging.add(&Source { origin: *origin, file: Arc::clone(file), record });
        }
    }
    let Merging { mut statics, mut conflicts, .. } = merging;
    delegations::enforce(&settings.apex, &mut statics, &mut conflicts);
    statics.conflicts = conflicts.into_vec();
    add_settings(settings, &mut statics);
    statics.index(&settings.apex);
    statics
}

/// Files are left out as a whole: half of one may mean something else.
fn too_many(origin: Origin, file: &MasterFile) -> Option<Diagnostic> {
    let message = format!(
        "not served: with this file the zone has more than {MOST_RECORDS} static records; put names \
         below another apex into a zone of their own"
    );
    let error = Diagnostic::of_file(&file.parts.first()?.path, message);
    Some(Diagnostic { origin, ..error })
}

struct Merging<'a> {
    apex: &'a Name,
    statics: StaticRecords,
    conflicts: Complaints,
    seen: HashSet<(Name, Rtype, Arc<[u8]>)>,
}

impl Merging<'_> {
    fn add(&mut self, from: &Source) {
        let Some(record) = from.written() else { return };
        if record.rtype == Rtype::SOA {
            return self.add_soa(from);
        }
        if let Some((message, advice)) = self.objection(record) {
            self.conflicts.extend(from.error(message, advice));
            return;
        }
        let key = (record.owner.clone(), record.rtype, Arc::clone(&record.rdata));
        if !self.seen.insert(key) {
            let message = format!("{} has the same {} record twice", record.owner, record.rtype);
            self.conflicts.extend(from.warning(message, "remove one of them"));
            return;
        }
        let datum = Datum { rdata: Arc::clone(&record.rdata), from: Some(from.clone()) };
        let rrsets = self.statics.names.entry(record.owner.clone()).or_default();
        let empty = Rrset { ttl: record.ttl, records: Vec::new() };
        let rrset = rrsets.entry(record.rtype).or_insert(empty);
        // RFC 2181 section 5.2: the TTLs of an RRset are one.
        if rrset.ttl != record.ttl {
            let message = format!(
                "{} {} has a different TTL earlier in the zone",
                record.owner, record.rtype
            );
            let advice = format!(
                "the smaller TTL, {}, is used for the whole RRset",
                rrset.ttl.min(record.ttl)
            );
            self.conflicts.extend(from.warning(message, &advice));
            rrset.ttl = rrset.ttl.min(record.ttl);
        }
        rrset.records.push(datum);
    }

    fn add_soa(&mut self, from: &Source) {
        let Some(record) = from.written() else { return };
        let Some(soa) = records::soa(&record.rdata) else { return };
        let Some((_, first)) = &self.statics.soa else {
            self.statics.soa = Some((record.ttl, soa));
            return;
        };
        if *first != (Soa { serial: first.serial, ..soa }) {
            let message = "another file of the zone already has an SOA";
            let advice = "the SOA of the first file by path is served: remove this one";
            self.conflicts.extend(from.warning(message, advice));
        }
    }

    /// Why a record cannot be taken, for what is there already.
    fn objection(&self, record: &StaticRecord) -> Option<(String, &'static str)> {
        let StaticRecord { owner, rtype, .. } = record;
        if let Some(objection) = self.reserved(owner, *rtype) {
            return Some(objection);
        }
        let rrsets = self.statics.names.get(owner)?;
        let differs = |rrset: &Rrset| rrset.records.iter().any(|d| d.rdata != record.rdata);
        match *rtype {
            Rtype::CNAME | Rtype::DNAME if rrsets.get(rtype).is_some_and(differs) => {
                Some((format!("{owner} already has a {rtype}"), "a name can have only one"))
            }
            Rtype::CNAME
                if rrsets.keys().any(|&other| other != *rtype && !goes_with_cname(other)) =>
            {
                Some((
                    format!("{owner} has other records and cannot have a CNAME"),
                    "remove the CNAME or the other records",
                ))
            }
            other
                if other != Rtype::CNAME
                    && !goes_with_cname(other)
                    && rrsets.contains_key(&Rtype::CNAME) =>
            {
                Some((
                    format!("{owner} has a CNAME and cannot have {other} records"),
                    "write it at the CNAME's target",
                ))
            }
            _ => None,
        }
    }

    /// Names that services make, whether there are any or not.
    fn reserved(&self, owner: &Name, rtype: Rtype) -> Option<(String, &'static str)> {
        let redirects = matches!(rtype, Rtype::CNAME | Rtype::DNAME | Rtype::NS);
        match owner.below(self.apex)?.as_slice() {
            [] if rtype == Rtype::CNAME => Some((
                "a CNAME is not allowed at the zone apex".to_owned(),
                "the apex has SOA and NS records: write A and AAAA records, or an HTTPS record",
            )),
            [b"addr" | b"_tcp" | b"_udp"] if redirects => Some((
                format!("{owner} is reserved for service names"),
                "it cannot have NS, CNAME or DNAME records",
            )),
            [hex, b"addr"]
                if matches!(hex.len(), 8 | 32) && hex.iter().all(u8::is_ascii_hexdigit) =>
            {
                Some((
                    format!(
                        "{owner} is reserved: livezone answers it with the address in its \
                               name"
                    ),
                    "choose another name",
                ))
            }
            _ => None,
        }
    }
}

/// RFC 4034 section 2.5 and RFC 2181 section 10.1.
fn goes_with_cname(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::RRSIG | Rtype::NSEC)
}

/// What zone.toml says, where no master file does.
fn add_settings(settings: &ZoneSettings, statics: &mut StaticRecords) {
    let datum = |rdata: &[u8]| Datum { rdata: rdata.into(), from: None };
    let apex = statics.names.entry(settings.apex.clone()).or_default();
    if !settings.nameservers.is_empty() {
        apex.entry(Rtype::NS).or_insert_with(|| Rrset {
            ttl: STATIC_TTL,
            records: settings.nameservers.iter().map(|name| datum(name.as_wire())).collect(),
        });
    }
    let servers = delegations::servers(statics);
    for (name, addresses) in &settings.static_addresses {
        let written = statics.names.get(name);
        let has = |rtype| written.is_some_and(|rrsets| rrsets.contains_key(&rtype));
        if [Rtype::A, Rtype::AAAA, Rtype::CNAME].into_iter().any(has)
            || (delegations::is_occluded(name, &settings.apex, statics) && !servers.contains(name))
        {
            continue;
        }
        let rrsets = statics.names.entry(name.clone()).or_default();
        for address in addresses {
            let (rtype, rdata) = match address {
                IpAddr::V4(v4) => (Rtype::A, datum(&v4.octets())),
                IpAddr::V6(v6) => (Rtype::AAAA, datum(&v6.octets())),
            };
            let empty = Rrset { ttl: STATIC_TTL, records: Vec::new() };
            rrsets.entry(rtype).or_insert(empty).records.push(rdata);
        }
    }
    statics.names.retain(|_, rrsets| !rrsets.is_empty());
}
