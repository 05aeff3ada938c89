//! Question × Snapshot → Answer: pure, total, and a value whatever the outcome.
#![deny(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm
)]

pub mod lookup;
pub mod records;

use std::borrow::Cow;

use crate::answer::lookup::{Node, lookup};
use crate::model::dns::{ExtendedError, Owner, Question, Rcode, Rdata, Record};
use crate::snapshot::Snapshot;
use crate::snapshot::zone::Zone;
use crate::wire::reply::Reply;

/// What is said to a question.
#[derive(Clone, Debug)]
pub enum Answer<'s> {
    /// Records of the name asked for.
    Found {
        /// In the order they are to be sent; what does not fit is left out from the end.
        records: Vec<Record<'s>>,
        /// Addresses that spare the asker a question.
        additional: Vec<Record<'s>>,
        /// Why these, when health would have had none.
        note: Option<ExtendedError>,
    },
    /// The name exists without records of the type (RFC 2308 section 2.2).
    NoData {
        /// Whose SOA is sent.
        zone: &'s Zone,
        /// Why, when it is for health.
        reason: Option<ExtendedError>,
    },
    /// Nothing exists at or below the name (RFC 8020).
    NxDomain {
        /// Whose SOA is sent.
        zone: &'s Zone,
    },
    /// Not ours to answer, or not to this asker.
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
            "not allowed to ask",
        ));
    }
    let Some(zone) = snapshot.zone_for(question) else {
        let text = "no zone of this server holds the name";
        return Answer::Refused(ExtendedError::new(ExtendedError::NOT_AUTHORITATIVE, text));
    };
    if !zone.usable {
        let text = "the zone's zone.toml has not been read yet";
        return Answer::NotReady(ExtendedError::new(ExtendedError::NOT_READY, text));
    }
    match lookup(zone, &question.name) {
        // RFC 8020: NXDOMAIN would take the zone below with it.
        Node::Missing if snapshot.above_zones.contains(&question.name) => {
            Answer::NoData { zone, reason: None }
        }
        Node::Missing => Answer::NxDomain { zone },
        Node::Empty => Answer::NoData { zone, reason: None },
        Node::Apex => records::apex(zone, question.rtype),
        Node::Static(addresses) => records::addresses(zone, question.rtype, addresses),
        Node::Address { address, ttl } => records::address(zone, question.rtype, address, ttl),
        Node::Service { view, .. } | Node::Instance { view, .. } if view.waiting => {
            let text = format!("{}: the first checks have not answered yet", view.service.key.name);
            Answer::NotReady(ExtendedError::new(ExtendedError::NOT_READY, text))
        }
        Node::Service { view, tags, selection, form } => {
            let view = records::Selected { zone, view, tags, selection, form };
            view.answer(question.rtype, rng)
        }
        Node::Instance { view, place } => records::instance(zone, view, place, question.rtype),
    }
}

impl<'s> Answer<'s> {
    /// The answer by sections.
    pub fn into_reply(self) -> Reply<'s> {
        let empty = Reply {
            rcode: Rcode::NoError,
            authoritative: true,
            answers: Vec::new(),
            authority: Vec::new(),
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

/// RFC 2308 section 3: the SOA, with the lesser of its TTL and its minimum; here they are one.
fn negative(zone: &Zone) -> Record<'_> {
    Record {
        owner: Owner::Name(Cow::Borrowed(&zone.facts.apex)),
        ttl: zone.soa.minimum,
        data: Rdata::Soa(&zone.soa),
    }
}
