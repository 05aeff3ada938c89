//! What stands at the name of a plain question, as `answer::lookup` finds it, where that is plain
//! too: a service, a tag of one, one instance, or nothing at all.

use crate::snapshot::Snapshot;
use crate::snapshot::selection::Selection;
use crate::snapshot::service::ServiceView;
use crate::snapshot::zone::Zone;
use crate::transport::fast::question::Folded;

#[derive(Debug)]
pub(super) enum Node<'s> {
    Service {
        view: &'s ServiceView,
        selection: &'s Selection,
    },
    Instance {
        view: &'s ServiceView,
        place: usize,
    },
    /// Nothing here and nothing below.
    Missing,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Within<'s> {
    pub(super) zone: &'s Zone,
    /// How many labels stand left of its apex.
    pub(super) left: u8,
}

/// `None` where there is none, or none that is plain.
pub(super) fn zone_of<'s>(snapshot: &'s Snapshot, question: &Folded) -> Option<Within<'s>> {
    let first = question.labels.saturating_sub(snapshot.zones.deepest());
    let (left, zone) = (first..=question.labels).find_map(|place| {
        let zone = snapshot.zones.get(question.suffix(place)?)?;
        Some((u8::try_from(place).ok()?, zone))
    })?;
    is_plain(zone).then_some(Within { zone, left })
}

/// Whether nothing in this zone leads elsewhere, and its names are our own.
pub(super) fn is_plain(zone: &Zone) -> bool {
    zone.usable && !zone.facts.statics.has_redirects && zone.facts.consul.is_none()
}

/// `None` for all that is not plain.
pub(super) fn find<'s>(
    snapshot: &'s Snapshot,
    Within { zone, left }: Within<'s>,
    question: &Folded,
) -> Option<Node<'s>> {
    let statics = &zone.facts.statics;
    match registered(zone, question, left)? {
        Node::Missing => {
            let name = question.suffix(0)?;
            let elsewhere = statics.has_wildcards
                || statics.get(name).is_some()
                || snapshot.zones.is_above(name);
            (!elsewhere).then_some(Node::Missing)
        }
        node @ (Node::Service { .. } | Node::Instance { .. }) => Some(node),
    }
}

/// What services make of the labels left of the apex, of which there are `left`.
fn registered<'s>(zone: &'s Zone, question: &Folded, left: u8) -> Option<Node<'s>> {
    let last = usize::from(left).checked_sub(1)?;
    let Some(label) = question.label(last) else { return Some(Node::Missing) };
    if label == "addr" {
        return None;
    }
    if let Some(tag) = label.strip_prefix('_') {
        // `_tcp` alone, or a tag alone: an empty non-terminal perhaps.
        return if left == 1 { None } else { Some(rfc2782(zone, question, last, tag)) };
    }
    let Some(view) = zone.service(label) else { return Some(Node::Missing) };
    match left {
        1 => Some(Node::Service { view, selection: &view.all }),
        2 => tagged(view, question.label(0)),
        // Dotted tags, and several of them.
        _ => None,
    }
}

/// `_SERVICE._TAG`; `_tcp` and `_udp` filter nothing.
fn rfc2782<'s>(zone: &'s Zone, question: &Folded, last: usize, tag: &str) -> Node<'s> {
    let service = || question.label(0)?.strip_prefix('_');
    let Some(view) = (last == 1).then(service).flatten().and_then(|s| zone.service(s)) else {
        return Node::Missing;
    };
    match tag {
        "tcp" | "udp" => Node::Service { view, selection: &view.all },
        tag => one_tag(view, tag).unwrap_or(Node::Missing),
    }
}

/// `TAG.SERVICE`, else `INSTANCE.SERVICE`.
fn tagged<'s>(view: &'s ServiceView, label: Option<&str>) -> Option<Node<'s>> {
    let Some(label) = label else { return Some(Node::Missing) };
    let instance = || Some(Node::Instance { view, place: view.instance(label)?.0 });
    let node = one_tag(view, label).or_else(instance);
    let above_tag = node.is_none() && view.above_tags.contains(label);
    (!above_tag).then_some(node.unwrap_or(Node::Missing))
}

fn one_tag<'s>(view: &'s ServiceView, tag: &str) -> Option<Node<'s>> {
    // A label that holds a dot is no name of ours, whatever tag has that text.
    let selection = view.tags.get(tag).filter(|_| !tag.contains('.'))?;
    Some(Node::Service { view, selection })
}
