//! What exists at a name of Consul's own domain.
//!
//! | labels left of the apex | what they are |
//! |---|---|
//! | `SERVICE.service` | the service |
//! | `TAG.SERVICE.service` | its instances with the tag, which may hold dots |
//! | `_SERVICE._tcp.service`, or without `service` | the service; nothing but `_tcp` means no tag |
//! | `_SERVICE._TAG.service` | its instances with the tag |
//! | `NODE.node` | the address of this node; its name may hold dots |
//! | `HEX.addr` | a registered address, whatever the datacenter |
//!
//! Behind each of them the datacenter may stand, as `DC` or `DC.dc`. Names above these are empty
//! non-terminals, where Consul answers NXDOMAIN.

use crate::answer::lookup::{Form, Node, address, one_tag, whole};
use crate::model::consul_names::ConsulNames;
use crate::snapshot::zone::Zone;

/// `None` when nothing is registered there.
pub(super) fn registered<'s>(
    zone: &'s Zone,
    names: &ConsulNames,
    labels: &[&str],
) -> Option<Node<'s>> {
    if labels.is_empty() {
        return Some(Node::Apex);
    }
    let is_ours = |dc: &str| names.datacenter.as_ref().is_some_and(|our| our.as_str() == dc);
    let labels = match labels {
        ["dc"] => return Some(Node::Empty),
        [before @ .., dc, "dc"] if is_ours(dc) => before,
        [before @ .., dc] if is_ours(dc) && !is_kind(dc) => before,
        [before @ .., "addr", _] => return addressed(zone, before),
        all => all,
    };
    match labels {
        // The datacenter alone.
        [] => Some(Node::Empty),
        [before @ .., "service"] => service(zone, before),
        [before @ .., "node"] => node(zone, names, before),
        [before @ .., "addr"] => addressed(zone, before),
        ["_tcp"] => Some(Node::Empty),
        [service, "_tcp"] => Some(whole(zone.service(service.strip_prefix('_')?)?, Form::Rfc2782)),
        _ => None,
    }
}

fn is_kind(label: &str) -> bool {
    matches!(label, "service" | "node" | "addr")
}

fn service<'s>(zone: &'s Zone, labels: &[&str]) -> Option<Node<'s>> {
    match labels {
        [] | ["_tcp"] => Some(Node::Empty),
        [label] if label.starts_with('_') => {
            zone.has_tag(label.strip_prefix('_')?).then_some(Node::Empty)
        }
        [service, tag] if service.starts_with('_') && tag.starts_with('_') => {
            let view = zone.service(service.strip_prefix('_')?)?;
            match tag.strip_prefix('_')? {
                "tcp" => Some(whole(view, Form::Rfc2782)),
                tag => one_tag(view, tag, Form::Rfc2782),
            }
        }
        [service] => Some(whole(zone.service(service)?, Form::Plain)),
        [tags @ .., service] => {
            let (view, tag) = (zone.service(service)?, tags.join("."));
            let above = || view.above_tags.contains(tag.as_str()).then_some(Node::Empty);
            one_tag(view, &tag, Form::Plain).or_else(above)
        }
    }
}

fn node<'s>(zone: &Zone, names: &ConsulNames, labels: &[&str]) -> Option<Node<'s>> {
    let asked = labels.join(".");
    if asked == names.node {
        let ttl = zone.facts.address_ttl;
        return Some(names.address.map_or(Node::Empty, |address| Node::Address { address, ttl }));
    }
    let above = names.node.strip_suffix(&asked).is_some_and(|rest| rest.ends_with('.'));
    (asked.is_empty() || above).then_some(Node::Empty)
}

fn addressed<'s>(zone: &Zone, labels: &[&str]) -> Option<Node<'s>> {
    match labels {
        [] => Some(Node::Empty),
        [hex] => address(zone, hex),
        _ => None,
    }
}
