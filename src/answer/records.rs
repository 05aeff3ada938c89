//! The records of what was found, by type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::answer::Answer;
use crate::answer::chain::Step;
use crate::answer::lookup::Form;
use crate::model::dns::{ExtendedError, Owner, Rdata, Record, Rtype};
use crate::model::health::Condition;
use crate::model::name::{Name, NameError};
use crate::model::service::{Endpoint, Instance};
use crate::snapshot::selection::Selection;
use crate::snapshot::service::ServiceView;
use crate::snapshot::srv_table::{addr_name, weight};
use crate::snapshot::target::Target;
use crate::snapshot::zone::Zone;

/// RFC 8482 section 4.1 lets ANY be answered with one `RRset`: the first of these that there is.
pub(super) const ANY_ORDER: [Rtype; 5] =
    [Rtype::A, Rtype::AAAA, Rtype::SRV, Rtype::CNAME, Rtype::TXT];

/// Of an SRV record: a pointer to its owner, ten octets, and three words.
const BEFORE_TARGET: usize = 18;
/// RFC 1035 section 4.2.2.
const LARGEST_MESSAGE: usize = 65_535;

pub(super) fn found(records: Vec<Record<'_>>) -> Answer<'_> {
    Answer::Found { records, additional: Vec::new(), note: None }
}

pub(super) fn at_question(ttl: u32, data: Rdata<'_>) -> Record<'_> {
    Record { owner: Owner::Question, ttl, data }
}

/// The name is another one for `target`, whatever the type asked for (RFC 1034 section 3.6.2); who
/// asks for the alias itself has it.
fn alias(rtype: Rtype, ttl: u32, target: &Name, note: Option<ExtendedError>) -> Step<'_> {
    let target = Cow::Borrowed(target);
    let links = vec![at_question(ttl, Rdata::Cname(target.clone()))];
    if matches!(rtype, Rtype::CNAME | Rtype::ANY) {
        return Step::Last(Answer::Found { records: links, additional: Vec::new(), note });
    }
    Step::Alias { links, target, note }
}

/// An `addr` name's one address.
pub fn address(zone: &Zone, rtype: Rtype, address: IpAddr, ttl: u32) -> Answer<'_> {
    let data = Rdata::address(address);
    if rtype == data.rtype() || rtype == Rtype::ANY {
        found(vec![at_question(ttl, data)])
    } else {
        Answer::NoData { zone, reason: None }
    }
}

/// One instance, whatever its state but removed: its fit addresses, or all when none is; the alias that an
/// external one is.
pub(super) fn instance<'s>(
    zone: &'s Zone,
    view: &'s ServiceView,
    place: usize,
    rtype: Rtype,
) -> Step<'s> {
    let registered = view.service.instances.get(place);
    let Some(instance) = registered.filter(|_| view.named(place).next().is_some()) else {
        return Step::Last(Answer::NoData { zone, reason: None });
    };
    let ttl = view.ttl_of(place);
    if let Some(host) = instance.location.host() {
        return alias(rtype, ttl, host, None);
    }
    let of = |rtype: Rtype| -> Vec<Record<'s>> {
        match rtype {
            Rtype::A | Rtype::AAAA => addresses_of(view, place)
                .map(Rdata::address)
                .filter(|data| data.rtype() == rtype)
                .map(|data| at_question(ttl, data))
                .collect(),
            Rtype::SRV => {
                srv(zone, view, place).map(|data| at_question(ttl, data)).into_iter().collect()
            }
            Rtype::TXT => {
                instance.meta.as_ref().map_or_else(Vec::new, |meta| txt(meta, view.service.ttl))
            }
            _ => Vec::new(),
        }
    };
    let records = one_rrset(rtype, of);
    let additional = additional((zone, view), &records, &[place], ttl);
    if records.is_empty() {
        return Step::Last(Answer::NoData { zone, reason: None });
    }
    Step::Last(Answer::Found { records, additional, note: None })
}

/// The records of `rtype`; for ANY the first `RRset` there is.
fn one_rrset<'s>(rtype: Rtype, mut of: impl FnMut(Rtype) -> Vec<Record<'s>>) -> Vec<Record<'s>> {
    if rtype != Rtype::ANY {
        return of(rtype);
    }
    ANY_ORDER.into_iter().map(of).find(|records| !records.is_empty()).unwrap_or_default()
}

fn txt<'s>(meta: &'s BTreeMap<String, String>, ttl: u32) -> Vec<Record<'s>> {
    let pair = |(key, value): (&'s String, &'s String)| Cow::Owned(format!("{key}={value}"));
    meta.iter().map(pair).map(|text| at_question(ttl, Rdata::Txt(text))).collect()
}

/// The addresses of an instance that its name answers: the fit ones, or all when none is.
fn addresses_of(view: &ServiceView, place: usize) -> impl Iterator<Item = IpAddr> {
    view.named(place).filter_map(|target| target.endpoint.address())
}

/// Whether the instance has no name of its own: a tag of the same text takes it, DNS cannot carry
/// its id, or the names are Consul's, which have none.
fn is_hidden(zone: &Zone, view: &ServiceView, instance: &Instance) -> bool {
    let is_taken = || instance.id.name().is_none_or(|id| view.tags.contains_key(id.as_str()));
    zone.facts.consul.is_some() || is_taken()
}

/// What `addr` stands below: among Consul's names, which say the datacenter, it is that.
fn above_addr(zone: &Zone) -> Result<Cow<'_, Name>, NameError> {
    let apex = &zone.facts.apex;
    let datacenter = zone.facts.consul.as_ref().and_then(|names| names.datacenter.as_ref());
    datacenter.map_or(Ok(Cow::Borrowed(apex)), |dc| apex.child(dc.as_str()).map(Cow::Owned))
}

/// The SRV record of an instance that has a port. Its target is the host of an external instance;
/// of others it is the instance's name, or the `addr` name of its first address where it has none.
fn srv<'s>(zone: &Zone, view: &'s ServiceView, place: usize) -> Option<Rdata<'s>> {
    let instance = view.service.instances.get(place)?;
    let apex = &zone.facts.apex;
    let target = if let Some(host) = instance.location.host() {
        // RFC 2782: the target is no alias, and the instance's own name is one.
        Cow::Borrowed(host)
    } else if is_hidden(zone, view, instance) {
        let address = addresses_of(view, place).next()?;
        Cow::Owned(addr_name(above_addr(zone).ok()?.as_ref(), address).ok()?)
    } else {
        let service = apex.child(view.service.key.name.as_str());
        // A name over 255 octets cannot be registered: `sources` measures it.
        Cow::Owned(service.and_then(|service| service.child(instance.id.as_str())).ok()?)
    };
    Some(Rdata::Srv {
        // Consul's is 1 where nothing is said.
        priority: instance.priority.saturating_add(zone.facts.consul.is_some().into()),
        weight: weight(&view.service, instance, view.targets_of(place)),
        port: instance.port?,
        target,
    })
}

/// The addresses of the SRV records' targets, in the same order.
fn additional<'s>(
    (zone, view): (&Zone, &'s ServiceView),
    records: &[Record<'s>],
    places: &[usize],
    ttl: u32,
) -> Vec<Record<'s>> {
    let mut additional = Vec::new();
    for (index, (record, &place)) in records.iter().zip(places).enumerate() {
        if record.data.rtype() != Rtype::SRV {
            continue;
        }
        let hidden = view.service.instances.get(place).is_some_and(|i| is_hidden(zone, view, i));
        // An `addr` name has the one address that it spells.
        let count = if hidden { 1 } else { usize::MAX };
        for address in addresses_of(view, place).take(count) {
            let data = Rdata::address(address);
            additional.push(Record { owner: Owner::Target(index), ttl, data });
        }
    }
    additional
}

/// A service's name with the tags asked for, and what they select.
#[derive(Debug)]
pub struct Selected<'s> {
    pub zone: &'s Zone,
    pub view: &'s ServiceView,
    /// Folded; empty for the service itself.
    pub tags: Vec<String>,
    pub selection: Cow<'s, Selection>,
    pub form: Form,
}

impl<'s> Selected<'s> {
    pub(super) fn answer(&self, rtype: Rtype, rng: &mut fastrand::Rng) -> Step<'s> {
        if let Some(host) = self.alias(rng) {
            return alias(rtype, self.selection.ttl, host, self.stale(rtype));
        }
        let mut places = Vec::new();
        let records = one_rrset(rtype, |rtype| self.records(rtype, rng, &mut places));
        if records.is_empty() {
            let reason = self.why_empty(rtype);
            return Step::Last(Answer::NoData { zone: self.zone, reason });
        }
        let additional = additional((self.zone, self.view), &records, &places, self.selection.ttl);
        Step::Last(Answer::Found { records, additional, note: self.note(rtype) })
    }

    /// The host that this name is an alias of, drawn anew for each answer: a name has one alias
    /// alone (RFC 2181 section 10.1.1).
    fn alias(&self, rng: &mut fastrand::Rng) -> Option<&'s Name> {
        if self.form == Form::Rfc2782 {
            return None;
        }
        let &place = self.selection.cname.draw(rng, 1).into_iter().next()?;
        self.view.service.instances.get(place)?.location.host()
    }

    fn records(
        &self,
        rtype: Rtype,
        rng: &mut fastrand::Rng,
        places: &mut Vec<usize>,
    ) -> Vec<Record<'s>> {
        let selection = &self.selection;
        let limit = self.view.service.max_answers;
        let ttl = selection.ttl;
        match rtype {
            Rtype::A => {
                let drawn = selection.a.draw(rng, limit);
                drawn.into_iter().map(|&a| at_question(ttl, Rdata::A(a))).collect()
            }
            Rtype::AAAA => {
                let drawn = selection.aaaa.draw(rng, limit);
                drawn.into_iter().map(|&a| at_question(ttl, Rdata::Aaaa(a))).collect()
            }
            Rtype::SRV => {
                let (mut records, mut octets) = (Vec::new(), 0_usize);
                for &place in selection.srv.draw(rng, limit) {
                    // What no message has room for is not made: one more, and it is cut.
                    if octets > LARGEST_MESSAGE {
                        break;
                    }
                    if let Some(data) = srv(self.zone, self.view, place) {
                        if let Rdata::Srv { target, .. } = &data {
                            let len = BEFORE_TARGET.saturating_add(target.as_wire().len());
                            octets = octets.saturating_add(len);
                        }
                        records.push(at_question(ttl, data));
                        places.push(place);
                    }
                }
                records
            }
            Rtype::TXT => txt(&self.view.service.meta, self.view.service.ttl),
            _ => Vec::new(),
        }
    }

    /// RFC 8914: answered although nothing is healthy; texts are not of health.
    fn note(&self, rtype: Rtype) -> Option<ExtendedError> {
        if rtype == Rtype::TXT { None } else { self.stale(rtype) }
    }

    fn stale(&self, rtype: Rtype) -> Option<ExtendedError> {
        let error = || ExtendedError::new(ExtendedError::STALE_ANSWER, self.health_in_words(rtype));
        self.selection.stale.then(error)
    }

    /// RFC 8914: why there is nothing, when instances are registered that would have answered.
    fn why_empty(&self, rtype: Rtype) -> Option<ExtendedError> {
        let registered = self.members(rtype).next().is_some();
        registered.then(|| ExtendedError::new(ExtendedError::OTHER, self.health_in_words(rtype)))
    }

    /// `web: 0 of 3 healthy: connection refused`.
    fn health_in_words(&self, rtype: Rtype) -> String {
        let mut instances: Vec<usize> = self.members(rtype).map(|t| t.instance).collect();
        instances.dedup();
        let name: String = self
            .tags
            .iter()
            .flat_map(|tag| [tag.as_str(), "."])
            .chain([self.view.service.key.name.as_str()])
            .collect();
        let mut text = format!("{name}: 0 of {} healthy", instances.len());
        let reason = self.members(rtype).find_map(|t| match &t.standing.reason {
            // Why an operator ordered it is no business of whoever asks.
            _ if t.standing.condition.is_ordered() => Some(t.standing.condition.word()),
            Some(reason) => Some(&**reason),
            None => (t.standing.condition == Condition::Unknown).then_some("no check result yet"),
        });
        if let Some(reason) = reason {
            text.push_str(": ");
            text.push_str(reason);
        }
        text
    }

    /// The targets that would answer a question of this type if they were healthy.
    fn members(&self, rtype: Rtype) -> impl Iterator<Item = &'s Target> {
        let view = self.view;
        // Hosts are answered when no address is eligible, and then for every type.
        let nothing_eligible = self.selection.stale || self.selection.is_empty();
        view.targets.iter().filter(move |target| {
            let Some(instance) = view.service.instances.get(target.instance) else { return false };
            let has_port = instance.port.is_some();
            let answers = match (&target.endpoint, rtype) {
                (Endpoint::Address(address), Rtype::A) => address.is_ipv4(),
                (Endpoint::Address(address), Rtype::AAAA) => address.is_ipv6(),
                (Endpoint::Address(_), Rtype::SRV) => has_port,
                (Endpoint::Address(_), rtype) => rtype == Rtype::ANY,
                (Endpoint::Host(_), rtype) => {
                    nothing_eligible
                        && match self.form {
                            Form::Plain => true,
                            Form::Rfc2782 => has_port && matches!(rtype, Rtype::SRV | Rtype::ANY),
                        }
                }
            };
            answers && self.tags.iter().all(|tag| instance.has_tag(tag))
        })
    }
}
