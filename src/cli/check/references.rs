//! Records of master files that lead to a name of their zone at which there is nothing.

use std::cell::OnceCell;

use crate::answer::lookup::{Node, lookup};
use crate::complaints::Complaints;
use crate::diagnostic::nearest;
use crate::engine::world::World;
use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::registry::statics::StaticRecords;
use crate::registry::statics::references::Reference;
use crate::snapshot::Snapshot;
use crate::snapshot::zone::Zone;

pub(super) fn dangling(world: &World, snapshot: &Snapshot, complaints: &mut Complaints) {
    for (apex, statics) in world.statics() {
        let Some(zone) = snapshot.zones.get(apex.as_wire()) else { continue };
        let names = OnceCell::new();
        let inside = |reference: &Reference<'_>| reference.target.below(apex).is_some();
        for reference in statics.references().filter(inside) {
            let Reference { rtype, target, .. } = &reference;
            let Some(lack) = Lack::of(zone, *rtype, target) else { continue };
            reference.warn(complaints, || {
                let (what, advice) = match lack {
                    Lack::Address => ("has no address", "add an A or AAAA record for it".into()),
                    Lack::Everything => ("does not exist", near(target, (apex, statics), &names)),
                };
                (format!("this {rtype} points to {target}, which {what}"), advice)
            });
        }
    }
}

enum Lack {
    Address,
    Everything,
}

impl Lack {
    fn of(zone: &Zone, rtype: Rtype, target: &Name) -> Option<Self> {
        let needs_address = rtype != Rtype::CNAME;
        match lookup(zone, target, Rtype::A) {
            Node::Missing => Some(Self::Everything),
            Node::Empty => needs_address.then_some(Self::Address),
            Node::Static(node) => {
                let reached = [Rtype::A, Rtype::AAAA, Rtype::CNAME];
                let is_reached = reached.into_iter().any(|rtype| node.rrset(rtype).is_some());
                (needs_address && !is_reached).then_some(Self::Address)
            }
            Node::Apex
            | Node::Delegated(_)
            | Node::Redirected { .. }
            | Node::Address { .. }
            | Node::Service { .. }
            | Node::Instance { .. } => None,
        }
    }
}

/// The nearest of the zone's static names, which are put into words once. What all of them end with
/// makes none of them alike.
fn near(
    target: &Name,
    (apex, statics): (&Name, &StaticRecords),
    names: &OnceCell<Vec<String>>,
) -> String {
    let end = format!(".{apex}");
    let relative = |name: &Name| name.to_string().strip_suffix(&end).map(str::to_owned);
    let names = names.get_or_init(|| statics.names.keys().filter_map(relative).collect());
    let target = relative(target).unwrap_or_default();
    match nearest(&target, names.iter().map(String::as_str)) {
        Some(name) => format!("did you mean {name}{end}?"),
        None => "add a record or register a service with this name".to_owned(),
    }
}
