//! What exists at a name of a zone.
//!
//! | labels left of the apex | what they are |
//! |---|---|
//! | none | the apex |
//! | `HEX.addr` | a registered address; `addr` alone is an empty non-terminal |
//! | `_SERVICE._tcp`, `._udp` | the service; `_tcp` and `_udp` alone are empty non-terminals |
//! | `_SERVICE._TAG` | the service's instances with the tag; `_TAG` alone is an empty non-terminal |
//! | `SERVICE` | the service |
//! | `TAG.SERVICE`, `T1.T2.SERVICE` … | one tag of that text, else an instance, else all the tags |
//!
//! A service wins over a static name.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::model::name::Name;
use crate::snapshot::service::{Selection, ServiceView};
use crate::snapshot::zone::Zone;

/// A name carries at most so many tags that must all be there.
const MAX_TAGS: usize = 4;

/// What stands at a name.
#[derive(Debug)]
pub enum Node<'s> {
    /// Nothing here and nothing below.
    Missing,
    /// Nothing here but something below (RFC 8499's empty non-terminal); or tags that are carried,
    /// but by no instance together.
    Empty,
    /// The zone's own name.
    Apex,
    /// A name of `static_addresses`.
    Static(&'s [IpAddr]),
    /// An `addr` name.
    Address {
        /// The address it spells.
        address: IpAddr,
        /// In seconds.
        ttl: u32,
    },
    /// A service, or those of its instances that carry the tags.
    Service {
        /// The service.
        view: &'s ServiceView,
        /// The tags asked for, folded.
        tags: Vec<String>,
        /// What they select.
        selection: Cow<'s, Selection>,
        /// In which words it is asked for.
        form: Form,
    },
    /// One instance by its id.
    Instance {
        /// Its service.
        view: &'s ServiceView,
        /// Its place in the service.
        place: usize,
    },
}

/// How a service is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By its own name, with tags in front or without: an alias when it leads to hosts alone.
    Plain,
    /// As RFC 2782 has it: this name owns SRV records, so it is no alias (RFC 2181 section 10.1).
    Rfc2782,
}

/// Finds what stands at `name`, which is at or below the apex of `zone`.
pub fn lookup<'s>(zone: &'s Zone, name: &Name) -> Node<'s> {
    let Some(wire_labels) = name.below(&zone.facts.apex) else { return Node::Missing };
    // What is registered is ASCII: a label that is no text is no name of ours. Nor is one with a
    // dot in it, which is another than the dot between two labels.
    let text = |label| std::str::from_utf8(label).ok().filter(|text| !text.contains('.'));
    let texts: Option<Vec<&str>> = wire_labels.into_iter().map(text).collect();
    let Some(labels) = texts else { return Node::Missing };
    match registered(zone, &labels) {
        Some(node) => node,
        None => static_name(zone, name),
    }
}

/// What services make of the labels left of the apex; `None` when nothing is registered there.
fn registered<'s>(zone: &'s Zone, labels: &[&str]) -> Option<Node<'s>> {
    match labels {
        [] => Some(Node::Apex),
        ["addr" | "_tcp" | "_udp"] => Some(Node::Empty),
        [hex, "addr"] => address(zone, hex),
        [label] if label.starts_with('_') => {
            zone.has_tag(label.strip_prefix('_')?).then_some(Node::Empty)
        }
        [service, tag] if tag.starts_with('_') => {
            rfc2782(zone, service.strip_prefix('_')?, tag.strip_prefix('_')?)
        }
        [tags @ .., service] => tagged(zone.services.get(*service)?, tags),
    }
}

fn static_name<'s>(zone: &'s Zone, name: &Name) -> Node<'s> {
    match zone.facts.statics.get(name) {
        Some(addresses) => Node::Static(addresses),
        None if zone.facts.empty.contains(name) => Node::Empty,
        None => Node::Missing,
    }
}

/// Eight hex digits are an IPv4 address, 32 an IPv6 one, as Consul spells them.
fn address<'s>(zone: &Zone, hex: &str) -> Option<Node<'s>> {
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let address = match hex.len() {
        8 => IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(hex, 16).ok()?)),
        32 => IpAddr::V6(Ipv6Addr::from(u128::from_str_radix(hex, 16).ok()?)),
        _ => return None,
    };
    let ttl = zone.facts.address_ttl;
    zone.has_address(address).then_some(Node::Address { address, ttl })
}

/// `_tcp` and `_udp` filter nothing, also where a tag has that text, as in Consul `_tcp` does.
fn rfc2782<'s>(zone: &'s Zone, service: &str, tag: &str) -> Option<Node<'s>> {
    let view = zone.services.get(service)?;
    match tag {
        "tcp" | "udp" => Some(whole(view, Form::Rfc2782)),
        _ => one_tag(view, tag, Form::Rfc2782),
    }
}

fn whole(view: &Arc<ServiceView>, form: Form) -> Node<'_> {
    let selection = Cow::Borrowed(&view.all);
    Node::Service { view, tags: Vec::new(), selection, form }
}

fn one_tag<'s>(view: &'s Arc<ServiceView>, tag: &str, form: Form) -> Option<Node<'s>> {
    let selection = Cow::Borrowed(view.tags.get(tag)?);
    Some(Node::Service { view, tags: vec![tag.to_owned()], selection, form })
}

fn tagged<'s>(view: &'s Arc<ServiceView>, tags: &[&str]) -> Option<Node<'s>> {
    if tags.is_empty() {
        return Some(whole(view, Form::Plain));
    }
    let joined = tags.join(".");
    if let Some(node) = one_tag(view, &joined, Form::Plain) {
        return Some(node);
    }
    if let Some((place, _)) = view.instance(&joined) {
        return Some(Node::Instance { view, place });
    }
    if tags.len() > 1 && tags.len() <= MAX_TAGS && tags.iter().all(|t| view.tags.contains_key(*t)) {
        let Some(selection) = view.select_all(tags).map(Cow::Owned) else {
            return Some(Node::Empty);
        };
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        return Some(Node::Service { view, tags, selection, form: Form::Plain });
    }
    view.above_tags.contains(joined.as_str()).then_some(Node::Empty)
}
