//! What is said to a plain question: which records, of what was found.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::metrics::limited::Class;
use crate::model::claim::is_of_services;
use crate::model::dns::{Rcode, Rtype};
use crate::snapshot::choice::Choice;
use crate::snapshot::hot_entry::{Aaaa, Bits, HotEntry};
use crate::snapshot::selection::Selection;
use crate::snapshot::service::ServiceView;
use crate::snapshot::srv_table::SrvTable;
use crate::snapshot::zone::Zone;
use crate::transport::fast::find::{Node, Within};
use crate::transport::fast::question::Folded;

#[derive(Clone, Debug)]
pub(super) enum FastAnswer<'s> {
    /// The addresses of an entry, in rotation, and their TTL.
    Few(&'s [[u8; 4]], u32),
    FewSrv(Bits, &'s SrvTable, u32),
    /// The IPv6 address of each of these instances, in rotation.
    FewAaaa(Bits, &'s SrvTable, u32),
    A(Drawn<'s, Ipv4Addr>),
    /// Likewise.
    Aaaa(Drawn<'s, Ipv6Addr>),
    /// Instances of a service with their addresses, in rotation.
    Srv(Drawn<'s, usize>, &'s SrvTable),
    /// The addresses of one instance that are of the type asked for.
    Of {
        addresses: &'s [IpAddr],
        ttl: u32,
    },
    Instance {
        place: usize,
        srv: &'s SrvTable,
        ttl: u32,
    },
    Negative {
        /// NOERROR where the name exists.
        rcode: Rcode,
        zone: &'s Zone,
        /// Where its apex stands in the packet.
        apex: usize,
    },
}

/// Things of which some are drawn.
#[derive(Debug)]
pub(super) struct Drawn<'s, T> {
    /// What there is; the weights are equal.
    pub(super) choice: &'s Choice<T>,
    /// At most so many; 0 is no limit.
    pub(super) limit: usize,
    pub(super) ttl: u32,
}

impl<T> Clone for Drawn<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Drawn<'_, T> {}

impl FastAnswer<'_> {
    pub(super) fn class(&self) -> Class {
        if self.negative().is_some() { Class::Negative } else { Class::Answer }
    }

    pub(super) fn rcode(&self) -> Rcode {
        self.negative().unwrap_or(Rcode::NoError)
    }

    #[inline]
    fn negative(&self) -> Option<Rcode> {
        match self {
            Self::Negative { rcode, .. } => Some(*rcode),
            Self::Few(..)
            | Self::FewSrv(..)
            | Self::FewAaaa(..)
            | Self::A(_)
            | Self::Aaaa(_)
            | Self::Srv(..)
            | Self::Of { .. }
            | Self::Instance { .. } => None,
        }
    }
}

/// The answer that the entry itself holds; `None` where it holds none of this type.
#[inline]
pub(super) fn of_entry<'s>(
    entry: &'s HotEntry,
    rtype: Rtype,
    negative: impl Fn(Rcode) -> Option<FastAnswer<'s>>,
) -> Option<FastAnswer<'s>> {
    match rtype {
        Rtype::A => Some(FastAnswer::Few(entry.addresses()?, entry.ttl())),
        Rtype::SRV => {
            let (places, srv) = entry.instances()?;
            Some(FastAnswer::FewSrv(places, srv, entry.ttl()))
        }
        Rtype::AAAA => match entry.aaaa() {
            Aaaa::Elsewhere => None,
            Aaaa::Nodata => negative(Rcode::NoError),
            Aaaa::OfInstances => {
                let (places, srv) = entry.instances()?;
                Some(FastAnswer::FewAaaa(places, srv, entry.ttl()))
            }
        },
        _ => None,
    }
}

/// `None` for what is not plain.
pub(super) fn said<'s>(
    node: &Node<'s>,
    Within { zone, left }: Within<'s>,
    (question, rtype): (&Folded, Rtype),
    has_edns: bool,
) -> Option<FastAnswer<'s>> {
    let apex = question.offset(left.into())?;
    let negative = |rcode| FastAnswer::Negative { rcode, zone, apex };
    let view = match *node {
        Node::Missing => return Some(negative(Rcode::NxDomain)),
        Node::Service { view, .. } | Node::Instance { view, .. } => view,
    };
    // An alias answers for every type.
    if view.waiting || view.has_hosts {
        return None;
    }
    if !is_of_services(rtype) {
        // A master file may add it.
        let added = zone.facts.statics.get(question.suffix(0)?).is_some();
        return (!added).then(|| negative(Rcode::NoError));
    }
    match *node {
        Node::Missing => None,
        Node::Service { selection, .. } => {
            of_service((view, selection), (rtype, has_edns), negative)
        }
        Node::Instance { place, .. } => of_instance(view, place, rtype, negative),
    }
}

fn of_service<'s>(
    (view, selection): (&'s ServiceView, &'s Selection),
    (rtype, has_edns): (Rtype, bool),
    negative: impl Fn(Rcode) -> FastAnswer<'s>,
) -> Option<FastAnswer<'s>> {
    let (limit, ttl) = (view.service.max_answers, selection.ttl);
    let registered = selection.registered;
    if selection.stale && has_edns {
        return None;
    }
    let (said, registered) = match rtype {
        Rtype::A => {
            let choice = &selection.a;
            (of_choice(choice, FastAnswer::A(Drawn { choice, limit, ttl })), registered.a)
        }
        Rtype::AAAA => {
            let choice = &selection.aaaa;
            (of_choice(choice, FastAnswer::Aaaa(Drawn { choice, limit, ttl })), registered.aaaa)
        }
        Rtype::SRV => {
            let choice = &selection.srv;
            (
                of_choice(choice, FastAnswer::Srv(Drawn { choice, limit, ttl }, &view.srv)),
                registered.srv,
            )
        }
        _ => return None,
    };
    match said {
        Ok(said) => said,
        // Health is the reason, and the asker has an ear for it.
        Err(Empty) if registered && has_edns => None,
        Err(Empty) => Some(negative(Rcode::NoError)),
    }
}

/// There is nothing to choose from.
struct Empty;

/// `Ok(None)` where weights differ: their draw is not for here.
fn of_choice<'s, T>(
    choice: &Choice<T>,
    said: FastAnswer<'s>,
) -> Result<Option<FastAnswer<'s>>, Empty> {
    if choice.items.is_empty() { Err(Empty) } else { Ok(choice.is_equal().then_some(said)) }
}

fn of_instance<'s>(
    view: &'s ServiceView,
    place: usize,
    rtype: Rtype,
    negative: impl Fn(Rcode) -> FastAnswer<'s>,
) -> Option<FastAnswer<'s>> {
    let row = view.srv.get(place)?;
    let ttl = view.ttl_of(place);
    let addresses = row.addresses();
    let found = match rtype {
        Rtype::A => addresses.iter().any(IpAddr::is_ipv4),
        Rtype::AAAA => addresses.iter().any(IpAddr::is_ipv6),
        Rtype::SRV if row.target.is_some() => {
            return Some(FastAnswer::Instance { place, srv: &view.srv, ttl });
        }
        Rtype::SRV => false,
        _ => return None,
    };
    Some(if found { FastAnswer::Of { addresses, ttl } } else { negative(Rcode::NoError) })
}
