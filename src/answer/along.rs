//! Puts beside an answer what is known of the hosts that its records name, so that nobody has to ask
//! for it: for records of master files. A service's SRV records bring their own addresses.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::answer::chain::Step;
use crate::answer::{Answer, step};
use crate::model::dns::{Owner, Rdata, Record, Rtype};
use crate::model::name::Name;
use crate::model::records::{ADDRESSES, Along, Host, along};
use crate::snapshot::Snapshot;
use crate::snapshot::zone::Zone;

/// No message has room for more: an address takes 16 octets at least (RFC 1035 section 4.2.2).
const MOST: usize = 4096;

/// Adds to an answer for `name` in `zone` what goes along with its records, and with what is added.
/// Hosts outside the zone are left out, since nobody would believe us, and so are those that are
/// aliases (RFC 2181 section 10.3) or delegated.
pub(super) fn with_hosts<'s>(
    snapshot: &'s Snapshot,
    zone: &'s Zone,
    name: &Name,
    answer: Answer<'s>,
    rng: &mut fastrand::Rng,
) -> Answer<'s> {
    let Answer::Found { records, additional, note } = answer else { return answer };
    // They are all of one type, and most types name nobody.
    let is_naming = records.first().is_some_and(|record| of(&record.data).is_some());
    if !is_naming || !additional.is_empty() {
        return Answer::Found { records, additional, note };
    }
    let mut courtesy = Courtesy {
        apex: &zone.facts.apex,
        seen: records.iter().map(|record| (name.clone(), record.data.rtype())).collect(),
        records: Vec::new(),
    };
    for record in &records {
        courtesy.add(snapshot, (name, &record.data), rng);
    }
    let mut done: usize = 0;
    while let Some(record) = courtesy.records.get(done).cloned() {
        if let Owner::Name(owner) = &record.owner {
            courtesy.add(snapshot, (owner, &record.data), rng);
        }
        done = done.saturating_add(1);
    }
    Answer::Found { records, additional: courtesy.records, note }
}

struct Courtesy<'s> {
    apex: &'s Name,
    seen: HashSet<(Name, Rtype)>,
    records: Vec<Record<'s>>,
}

impl<'s> Courtesy<'s> {
    /// Adds what goes along with one record of `owner`: whole sets of records.
    fn add(
        &mut self,
        snapshot: &'s Snapshot,
        (owner, data): (&Name, &Rdata<'s>),
        rng: &mut fastrand::Rng,
    ) {
        let Some(Along { host, types }) = of(data) else { return };
        let host = match &host {
            Host::Owner => owner,
            Host::Name(host) => host,
            Host::Nobody => return,
        };
        if host.below(self.apex).is_none() {
            return;
        }
        let Some(zone) = snapshot.zone_of(host) else { return };
        for &rtype in types {
            if !self.seen.insert((host.clone(), rtype)) {
                continue;
            }
            let Step::Last(Answer::Found { records, .. }) = step(snapshot, zone, host, rtype, rng)
            else {
                continue;
            };
            if self.records.len().saturating_add(records.len()) > MOST {
                return;
            }
            let owned = |record| Record { owner: Owner::Name(Cow::Owned(host.clone())), ..record };
            self.records.extend(records.into_iter().map(owned));
        }
    }
}

fn of(data: &Rdata<'_>) -> Option<Along> {
    match data {
        Rdata::Ns(server) => along(Rtype::NS, server.as_wire()),
        Rdata::Octets { rtype, octets } => along(*rtype, octets),
        Rdata::Srv { target, .. } => {
            Some(Along { host: Host::Name(Name::clone(target)), types: ADDRESSES })
        }
        Rdata::A(_) | Rdata::Aaaa(_) | Rdata::Cname(_) | Rdata::Txt(_) | Rdata::Soa(_) => None,
    }
}
