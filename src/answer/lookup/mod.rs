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
//! A zone of Consul's names has those of `consul.rs` instead.
//!
//! A name that services make wins over a static one: a delegation or a DNAME at it counts as not
//! written. All other names are static ones, in the order of RFC 1034 section 4.3.2: the topmost
//! delegation or DNAME above, the name itself, then the wildcard below the closest encloser.

mod consul;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::model::claim::MAX_TAGS;
use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::snapshot::selection::Selection;
use crate::snapshot::service::ServiceView;
use crate::snapshot::statics::{self, Cut, Rrset};
use crate::snapshot::zone::Zone;

#[derive(Debug)]
pub enum Node<'s> {
    /// Nothing here and nothing below.
    Missing,
    /// Nothing here but something below (RFC 8499's empty non-terminal); or tags that are carried,
    /// but by no instance together.
    Empty,
    Apex,
    /// A name of a master file or zone.toml, or one that a wildcard stands for.
    Static(&'s statics::Node),
    Delegated(&'s Cut),
    Redirected {
        owner: Name,
        rrset: &'s Rrset,
    },
    /// An `addr` name.
    Address {
        address: IpAddr,
        /// In seconds.
        ttl: u32,
    },
    /// A service, or those of its instances that carry the tags.
    Service {
        view: &'s ServiceView,
        /// The tags asked for, folded.
        tags: Vec<String>,
        selection: Cow<'s, Selection>,
        form: Form,
    },
    Instance {
        view: &'s ServiceView,
        place: usize,
    },
}

impl Node<'_> {
    /// Whether health makes the name an alias now, which stands alone (RFC 1034 section 3.6.2).
    pub fn is_alias(&self) -> bool {
        match self {
            Self::Service { view, selection, form, .. } => {
                !view.waiting && *form == Form::Plain && !selection.cname.items.is_empty()
            }
            Self::Instance { view, place } => {
                let instance = view.service.instances.get(*place);
                !view.waiting
                    && instance.is_some_and(|i| i.location.host().is_some())
                    && view.named(*place).next().is_some()
            }
            Self::Missing
            | Self::Empty
            | Self::Apex
            | Self::Static(_)
            | Self::Delegated(_)
            | Self::Redirected { .. }
            | Self::Address { .. } => false,
        }
    }
}

/// How a service is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By its own name, with tags in front or without: an alias when it leads to hosts alone.
    Plain,
    /// As RFC 2782 has it: this name owns SRV records, so it is no alias (RFC 2181 section 10.1).
    Rfc2782,
}

/// Finds what stands at `name`, which is at or below the apex of `zone`, for a question of `rtype`:
/// a DS belongs to the zone above a delegation, all else to the one below.
pub fn lookup<'s>(zone: &'s Zone, name: &Name, rtype: Rtype) -> Node<'s> {
    let Some(path) = Path::new(zone, name) else { return Node::Missing };
    if let Some(node) = path.redirect(rtype) {
        return node;
    }
    path.exact().or_else(|| path.wildcard()).unwrap_or(Node::Missing)
}

/// A name of a zone and the names between it and the apex.
struct Path<'s, 'n> {
    zone: &'s Zone,
    labels: Vec<&'n [u8]>,
    /// The name, those above it and the apex, in wire form.
    names: Vec<&'n [u8]>,
}

impl<'s, 'n> Path<'s, 'n> {
    fn new(zone: &'s Zone, name: &'n Name) -> Option<Self> {
        let labels = name.below(&zone.facts.apex)?;
        let mut rest = name.labels();
        let mut names = vec![rest.rest()];
        for _ in &labels {
            rest.next()?;
            names.push(rest.rest());
        }
        Some(Self { zone, labels, names })
    }

    /// What services make of the name that stands so many labels above.
    fn registered(&self, above: usize) -> Option<Node<'s>> {
        // What is registered is ASCII: a label that is no text, or holds a dot, is no name of ours.
        let label =
            |label: &&'n [u8]| std::str::from_utf8(label).ok().filter(|label| !label.contains('.'));
        let labels: Option<Vec<&str>> = self.labels.get(above..)?.iter().map(label).collect();
        match &self.zone.facts.consul {
            Some(names) => consul::registered(self.zone, names, &labels?),
            None => registered(self.zone, &labels?),
        }
    }

    /// The topmost delegation or DNAME that the name lies below.
    fn redirect(&self, rtype: Rtype) -> Option<Node<'s>> {
        let statics = &self.zone.facts.statics;
        if !statics.has_redirects {
            return None;
        }
        for (above, name) in self.names.iter().enumerate().rev() {
            let Some(node) = statics.get(name) else { continue };
            let is_own = above == 0;
            if let Some(cut) = &node.cut
                && !(is_own && rtype == Rtype::DS)
                && self.registered(above).is_none()
            {
                return Some(Node::Delegated(cut));
            }
            if let Some(rrset) = node.rrset(Rtype::DNAME).filter(|_| !is_own)
                && self.registered(0).is_none()
                && (above == self.labels.len() || self.registered(above).is_none())
            {
                let owner = Name::from_wire(name).ok()?;
                return Some(Node::Redirected { owner, rrset });
            }
        }
        None
    }

    fn exact(&self) -> Option<Node<'s>> {
        let node = || Some(static_node(self.zone.facts.statics.get(self.names.first()?)?));
        self.registered(0).or_else(node)
    }

    /// RFC 4592: the wildcard below the closest encloser, and no other.
    fn wildcard(&self) -> Option<Node<'s>> {
        let statics = &self.zone.facts.statics;
        if !statics.has_wildcards {
            return None;
        }
        let exists = |(above, name): &(usize, &&'n [u8])| {
            let is_apex = *above == self.labels.len();
            is_apex || statics.get(name).is_some() || self.registered(*above).is_some()
        };
        let (_, encloser) = self.names.iter().enumerate().skip(1).find(exists)?;
        let source = [b"\x01*", *encloser].concat();
        Some(static_node(statics.get(&source)?))
    }
}

fn static_node(node: &statics::Node) -> Node<'_> {
    if node.rrsets().is_empty() { Node::Empty } else { Node::Static(node) }
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
        [tags @ .., service] => tagged(zone.service(service)?, tags),
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
    let view = zone.service(service)?;
    match tag {
        "tcp" | "udp" => Some(whole(view, Form::Rfc2782)),
        _ => one_tag(view, tag, Form::Rfc2782),
    }
}

fn whole(view: &Arc<ServiceView>, form: Form) -> Node<'_> {
    let selection = Cow::Borrowed(view.all.as_ref());
    Node::Service { view, tags: Vec::new(), selection, form }
}

fn one_tag<'s>(view: &'s Arc<ServiceView>, tag: &str, form: Form) -> Option<Node<'s>> {
    let selection = Cow::Borrowed(view.tags.get(tag)?.as_ref());
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
