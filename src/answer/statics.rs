//! The records of static names: master files and zone.toml.

use std::borrow::Cow;

use crate::answer::Answer;
use crate::answer::chain::Step;
use crate::answer::lookup::{Node, lookup};
use crate::answer::records::{ANY_ORDER, at_question, found};
use crate::model::claim::{is_of_services, redirects};
use crate::model::dns::{Owner, Rcode, Rdata, Record, Rtype};
use crate::model::name::Name;
use crate::snapshot::statics::{self, Cut, Data, Rrset};
use crate::snapshot::zone::Zone;
use crate::wire::reply::Reply;

/// A static name: its records, or the alias that it is.
pub(super) fn answer<'s>(zone: &'s Zone, node: &'s statics::Node, rtype: Rtype) -> Step<'s> {
    let rrset = if rtype == Rtype::ANY { any(node) } else { node.rrset(rtype) };
    if let Some(rrset) = rrset {
        return Step::Last(found(of_question(rrset)));
    }
    let alias = node.rrset(Rtype::CNAME).and_then(|cname| Some((cname, cname.target()?)));
    match alias {
        Some((cname, target)) => {
            Step::Alias { links: of_question(cname), target: Cow::Borrowed(target), note: None }
        }
        None => Step::Last(Answer::NoData { zone, reason: None }),
    }
}

/// RFC 8482 section 4.1: one `RRset`.
fn any(node: &statics::Node) -> Option<&Rrset> {
    let preferred = ANY_ORDER.into_iter().find_map(|rtype| node.rrset(rtype));
    preferred.or(node.rrsets().first())
}

/// The apex: SOA and NS, and what master files add.
pub(super) fn apex(zone: &Zone, rtype: Rtype) -> Answer<'_> {
    let node = zone.facts.statics.get(zone.facts.apex.as_wire());
    let soa = || found(vec![at_question(zone.facts.soa_ttl, Rdata::Soa(&zone.soa))]);
    let rrset = match rtype {
        Rtype::SOA => return soa(),
        Rtype::ANY => {
            let preferred =
                |node| ANY_ORDER.into_iter().find_map(|t| statics::Node::rrset(node, t));
            match node.and_then(preferred) {
                Some(rrset) => rrset,
                None => return soa(),
            }
        }
        rtype => match node.and_then(|node| node.rrset(rtype)) {
            Some(rrset) => rrset,
            None => return Answer::NoData { zone, reason: None },
        },
    };
    found(of_question(rrset))
}

/// What a master file adds to a name that services make: types that they do not answer.
pub(super) fn beside_services<'s>(
    zone: &'s Zone,
    name: &Name,
    node: &Node<'s>,
    rtype: Rtype,
) -> Option<Answer<'s>> {
    let may_add = match node {
        Node::Service { .. } | Node::Instance { .. } | Node::Address { .. } => {
            !is_of_services(rtype) && !node.is_alias()
        }
        // An address at `_tcp`, say: only what would make something else of the name is kept out.
        Node::Empty => !redirects(rtype),
        Node::Missing
        | Node::Apex
        | Node::Static(_)
        | Node::Delegated(_)
        | Node::Redirected { .. } => false,
    };
    let added = zone.facts.statics.get(name.as_wire()).filter(|_| may_add)?;
    let rrset = match (node, rtype) {
        (Node::Empty, Rtype::ANY) => added.rrsets().iter().find(|rrset| !redirects(rrset.rtype)),
        (_, rtype) => added.rrset(rtype),
    };
    Some(found(of_question(rrset?)))
}

/// The first `RRset` that a master file adds to a name that services make.
pub(super) fn any_beside_services<'s>(zone: &'s Zone, name: &Name) -> Option<Answer<'s>> {
    let node = zone.facts.statics.get(name.as_wire())?;
    let rrset = node.rrsets().iter().find(|rrset| !is_of_services(rrset.rtype))?;
    Some(found(of_question(rrset)))
}

/// The DS of a zone that is served here, from the zone above, which is too (RFC 4035 section
/// 3.1.4.1).
pub(super) fn ds_of_child<'s>(parent: &'s Zone, child: &Name) -> Answer<'s> {
    if let Node::Delegated(cut) = lookup(parent, child, Rtype::DS) {
        return Answer::Referral(cut);
    }
    let node = parent.facts.statics.get(child.as_wire());
    match node.and_then(|node| node.rrset(Rtype::DS)) {
        Some(ds) => found(of_question(ds)),
        None => Answer::NoData { zone: parent, reason: None },
    }
}

/// RFC 6672 section 3.1: the DNAME, and the CNAME that it makes of `name`; who asks for that has it.
pub(super) fn redirect<'s>(name: &Name, owner: Name, rrset: &'s Rrset, rtype: Rtype) -> Step<'s> {
    let below = name.as_wire().strip_suffix(owner.as_wire()).unwrap_or_default();
    let target = rrset.target().map(|to| Name::from_wire(&[below, to.as_wire()].concat()));
    let owner = Owner::Name(Cow::Owned(owner));
    let data = rrset.data.first().map(|data| rdata(Rtype::DNAME, data));
    let octets = data.unwrap_or(Rdata::Octets { rtype: Rtype::DNAME, octets: Cow::default() });
    let dname = Record { owner, ttl: rrset.ttl, data: octets };
    match target {
        Some(Ok(target)) => {
            let cname = at_question(rrset.ttl, Rdata::Cname(Cow::Owned(target.clone())));
            let links = vec![dname, cname];
            if matches!(rtype, Rtype::CNAME | Rtype::ANY) {
                return Step::Last(found(links));
            }
            Step::Alias { links, target: Cow::Owned(target), note: None }
        }
        Some(Err(_)) | None => Step::Last(Answer::Overlong { dname }),
    }
}

/// NS and DS in the authority section, glue behind (RFC 1034 section 4.3.2, RFC 4035 section
/// 3.1.4).
pub(super) fn referral(cut: &Cut) -> Reply<'_> {
    let authority = std::iter::once(&cut.ns).chain(&cut.ds);
    Reply {
        rcode: Rcode::NoError,
        authoritative: false,
        answers: Vec::new(),
        authority: authority.flat_map(|rrset| of_name(&cut.owner, rrset)).collect(),
        glue: addresses(&cut.glue),
        additional: addresses(&cut.siblings),
        extended_error: None,
    }
}

fn addresses(sets: &[(Name, Rrset)]) -> Vec<Record<'_>> {
    sets.iter().flat_map(|(name, rrset)| of_name(name, rrset)).collect()
}

fn of_question(rrset: &Rrset) -> Vec<Record<'_>> {
    rrset.data.iter().map(|data| at_question(rrset.ttl, rdata(rrset.rtype, data))).collect()
}

fn of_name<'s>(name: &'s Name, rrset: &'s Rrset) -> impl Iterator<Item = Record<'s>> {
    rrset.data.iter().map(move |data| Record {
        owner: Owner::Name(Cow::Borrowed(name)),
        ttl: rrset.ttl,
        data: rdata(rrset.rtype, data),
    })
}

fn rdata(rtype: Rtype, data: &Data) -> Rdata<'_> {
    match (rtype, data) {
        (Rtype::NS, Data::Name(name)) => Rdata::Ns(name),
        (Rtype::CNAME, Data::Name(name)) => Rdata::Cname(Cow::Borrowed(name)),
        (rtype, Data::Name(name)) => Rdata::Octets { rtype, octets: Cow::Borrowed(name.as_wire()) },
        (rtype, Data::Octets(octets)) => Rdata::Octets { rtype, octets: Cow::Borrowed(octets) },
    }
}
