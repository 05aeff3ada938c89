//! Question × Snapshot → Answer: pure, total, and a value whatever the outcome.
#![deny(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm
)]

mod along;
mod chain;
pub mod lookup;
pub mod records;
mod statics;

use std::borrow::Cow;

use crate::answer::chain::{Chain, Step};
use crate::answer::lookup::{Node, lookup};
use crate::model::dns::{ExtendedError, Owner, Question, Rcode, Rdata, Record, Rtype};
use crate::model::name::Name;
use crate::snapshot::Snapshot;
use crate::snapshot::statics::Cut;
use crate::snapshot::zone::Zone;
use crate::wire::reply::Reply;

#[derive(Clone, Debug)]
pub enum Answer<'s> {
    Found {
        /// In the order they are to be sent; what does not fit is left out from the end.
        records: Vec<Record<'s>>,
        additional: Vec<Record<'s>>,
        /// Why these, when health would have had none.
        note: Option<ExtendedError>,
    },
    /// The name exists without records of the type (RFC 2308 section 2.2).
    NoData {
        zone: &'s Zone,
        reason: Option<ExtendedError>,
    },
    /// Nothing exists at or below the name (RFC 8020).
    NxDomain {
        zone: &'s Zone,
    },
    /// The name lies at or below a delegation: its servers know more (RFC 1034 section 4.3.2).
    Referral(&'s Cut),
    /// Aliases, and what is said to the name that the last of them leads to.
    Aliased {
        /// In the order they are followed; the last is a CNAME.
        links: Vec<Record<'s>>,
        /// Why these, when health would have had none.
        note: Option<ExtendedError>,
        /// Its owner [`Owner::Question`] is the name that the last link leads to.
        last: Box<Self>,
    },
    /// The name that a DNAME makes is too long (RFC 6672 section 2.2).
    Overlong {
        dname: Record<'s>,
    },
    Refused(ExtendedError),
    /// Ours, but not known yet: SERVFAIL.
    NotReady(ExtendedError),
}

/// Answers `question` from `snapshot`; `rng` draws the order.
pub fn answer<'s>(
    snapshot: &'s Snapshot,
    question: &Question,
    rng: &mut fastrand::Rng,
) -> Answer<'s> {
    if !snapshot.rules.access.permits(question.client) {
        return Answer::Refused(ExtendedError::new(
            ExtendedError::PROHIBITED,
            "this client may not query this server",
        ));
    }
    let mut chain = Chain::new(&question.name);
    let mut name = Cow::Borrowed(&question.name);
    loop {
        let Some(zone) = snapshot.zone_of(&name) else {
            let text = "this server is not authoritative for the name";
            let error = ExtendedError::new(ExtendedError::NOT_AUTHORITATIVE, text);
            return chain.end_outside(Answer::Refused(error));
        };
        match step(snapshot, zone, &name, question.rtype, rng) {
            Step::Last(last) => {
                let last = along::with_hosts(snapshot, zone, &name, last, rng);
                return chain.end(last);
            }
            Step::Alias { links, target, note } => {
                if !chain.follow(links, &target, note) {
                    return chain.end_here();
                }
                name = target;
            }
        }
    }
}

/// What is said to one name of `zone`: an answer, or an alias to follow.
fn step<'s>(
    snapshot: &'s Snapshot,
    zone: &'s Zone,
    name: &Name,
    rtype: Rtype,
    rng: &mut fastrand::Rng,
) -> Step<'s> {
    if !zone.usable {
        let text = "the zone is not loaded: its zone.toml has errors";
        let error = ExtendedError::new(ExtendedError::NOT_READY, text);
        return Step::Last(Answer::NotReady(error));
    }
    if rtype == Rtype::DS
        && *name == zone.facts.apex
        && let Some(parent) = snapshot.parent_of(zone)
    {
        return Step::Last(statics::ds_of_child(parent, name));
    }
    let node = lookup(zone, name, rtype);
    if let Some(answer) = statics::beside_services(zone, name, &node, rtype) {
        return Step::Last(answer);
    }
    let step = match node {
        Node::Missing if snapshot.zones.is_above(name.as_wire()) => {
            Step::Last(Answer::NoData { zone, reason: None })
        }
        Node::Missing => Step::Last(Answer::NxDomain { zone }),
        Node::Empty => Step::Last(Answer::NoData { zone, reason: None }),
        Node::Apex => Step::Last(statics::apex(zone, rtype)),
        Node::Static(node) => statics::answer(zone, node, rtype),
        Node::Delegated(cut) => Step::Last(Answer::Referral(cut)),
        Node::Redirected { owner, rrset } => statics::redirect(name, owner, rrset, rtype),
        Node::Address { address, ttl } => Step::Last(records::address(zone, rtype, address, ttl)),
        Node::Service { view, .. } | Node::Instance { view, .. } if view.waiting => {
            let text = format!("{}: waiting for the first check results", view.service.key.name);
            Step::Last(Answer::NotReady(ExtendedError::new(ExtendedError::NOT_READY, text)))
        }
        Node::Service { view, tags, selection, form } => {
            let selected = records::Selected { zone, view, tags, selection, form };
            selected.answer(rtype, rng)
        }
        Node::Instance { view, place } => records::instance(zone, view, place, rtype),
    };
    match step {
        // ANY takes what a master file adds when the service has nothing.
        Step::Last(Answer::NoData { .. }) if rtype == Rtype::ANY => {
            statics::any_beside_services(zone, name).map_or(step, Step::Last)
        }
        Step::Last(_) | Step::Alias { .. } => step,
    }
}

impl<'s> Answer<'s> {
    pub fn into_reply(self) -> Reply<'s> {
        let empty = Reply {
            rcode: Rcode::NoError,
            authoritative: true,
            answers: Vec::new(),
            authority: Vec::new(),
            glue: Vec::new(),
            additional: Vec::new(),
            extended_error: None,
        };
        match self {
            Self::Found { records, additional, note } => {
                Reply { answers: records, additional, extended_error: note, ..empty }
            }
            Self::NoData { zone, reason } => {
                Reply { authority: vec![negative(zone)], extended_error: reason, ..empty }
            }
            Self::NxDomain { zone } => {
                Reply { rcode: Rcode::NxDomain, authority: vec![negative(zone)], ..empty }
            }
            Self::Referral(cut) => statics::referral(cut),
            Self::Aliased { links, note, last } => chain::reply(links, note, last.into_reply()),
            Self::Overlong { dname } => {
                Reply { rcode: Rcode::YxDomain, answers: vec![dname], ..empty }
            }
            Self::Refused(error) => Reply {
                rcode: Rcode::Refused,
                authoritative: false,
                extended_error: Some(error),
                ..empty
            },
            Self::NotReady(error) => Reply {
                rcode: Rcode::ServFail,
                authoritative: false,
                extended_error: Some(error),
                ..empty
            },
        }
    }
}

/// RFC 2308 section 3: the zone's SOA with the TTL of a negative answer.
fn negative(zone: &Zone) -> Record<'_> {
    Record {
        owner: Owner::Name(Cow::Borrowed(&zone.facts.apex)),
        ttl: zone.negative_ttl(),
        data: Rdata::Soa(&zone.soa),
    }
}
