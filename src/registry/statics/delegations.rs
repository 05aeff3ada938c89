//! What a delegation or a DNAME leaves of the names at and below it.

use std::collections::HashSet;

use crate::complaints::Complaints;
use crate::diagnostic::Diagnostic;
use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::model::records;
use crate::registry::statics::{Rrsets, StaticRecords};

const GLUE_ONLY: &str = "only glue (A and AAAA of name servers) is allowed here";

/// The names that NS records of the zone lead to.
pub(super) fn servers(statics: &StaticRecords) -> HashSet<Name> {
    let ns = statics.names.values().filter_map(|rrsets| rrsets.get(&Rtype::NS));
    ns.flat_map(|ns| &ns.records).filter_map(|datum| records::target(&datum.rdata)).collect()
}

/// Whether `name` lies at or below a delegation, or below a DNAME.
pub(super) fn is_occluded(name: &Name, apex: &Name, statics: &StaticRecords) -> bool {
    let is_cut = |name: &Name| name != apex && has(statics, name, Rtype::NS);
    is_cut(name) || above(name, apex).any(|name| is_cut(&name) || has(statics, &name, Rtype::DNAME))
}

fn has(statics: &StaticRecords, name: &Name, rtype: Rtype) -> bool {
    statics.names.get(name).is_some_and(|rrsets| rrsets.contains_key(&rtype))
}

/// The names above `name` up to `apex`.
fn above(name: &Name, apex: &Name) -> impl Iterator<Item = Name> {
    let inside = name != apex;
    let first = if inside { name.parent() } else { None };
    std::iter::successors(first, move |name| if name == apex { None } else { name.parent() })
}

/// Takes out what delegations and DNAMEs hide, and tells of each.
pub(super) fn enforce(apex: &Name, statics: &mut StaticRecords, conflicts: &mut Complaints) {
    drop_dnames_at_delegations(apex, statics, conflicts);
    let hides = |(name, rrsets): (&Name, &Rrsets)| {
        rrsets.contains_key(&Rtype::DNAME) || (name != apex && rrsets.contains_key(&Rtype::NS))
    };
    if statics.names.iter().any(hides) {
        drop_hidden(apex, statics, conflicts);
    }
    warn_of_gaps(apex, statics, conflicts);
}

fn drop_hidden(apex: &Name, statics: &mut StaticRecords, conflicts: &mut Complaints) {
    let servers = servers(statics);
    let mut hidden = Vec::new();
    for (name, rrsets) in &statics.names {
        let delegation =
            above(name, apex).filter(|name| name != apex).find(|n| has(statics, n, Rtype::NS));
        let dname = above(name, apex).find(|name| has(statics, name, Rtype::DNAME));
        for &rtype in rrsets.keys() {
            let is_address = matches!(rtype, Rtype::A | Rtype::AAAA);
            let at_cut = name != apex && rrsets.contains_key(&Rtype::NS);
            let stays = matches!(rtype, Rtype::NS | Rtype::DS | Rtype::NSEC | Rtype::RRSIG);
            let is_glue = is_address && servers.contains(name);
            let (why, advice) = match (&delegation, &dname) {
                (Some(delegation), _) if !is_glue => {
                    (format!("it is below the delegation of {delegation}"), GLUE_ONLY)
                }
                (None, Some(dname)) => (
                    format!("it is below the DNAME at {dname}"),
                    "remove it: no records are \
                                                                   allowed below a DNAME",
                ),
                (None, None) if at_cut && !stays && !is_glue => {
                    ("the name is a delegation".to_owned(), GLUE_ONLY)
                }
                (Some(_), _) | (None, None) => continue,
            };
            hidden.push((
                name.clone(),
                rtype,
                format!("{name} {rtype} is not served: {why}"),
                advice,
            ));
        }
    }
    for (name, rtype, message, advice) in hidden {
        conflicts.extend(drop_rrset(statics, &name, rtype, &message, advice));
    }
}

fn drop_dnames_at_delegations(
    apex: &Name,
    statics: &mut StaticRecords,
    conflicts: &mut Complaints,
) {
    let both = |(name, rrsets): (&Name, &Rrsets)| {
        let delegation = name != apex && rrsets.contains_key(&Rtype::NS);
        (delegation && rrsets.contains_key(&Rtype::DNAME)).then(|| name.clone())
    };
    let names: Vec<Name> = statics.names.iter().filter_map(both).collect();
    for name in names {
        let message = format!("{name} is a delegation and cannot have a DNAME");
        conflicts.extend(drop_rrset(statics, &name, Rtype::DNAME, &message, "remove it"));
    }
}

/// Takes an `RRset` out, with an error at each of its records.
fn drop_rrset(
    statics: &mut StaticRecords,
    name: &Name,
    rtype: Rtype,
    message: &str,
    advice: &str,
) -> Vec<Diagnostic> {
    let Some(rrsets) = statics.names.get_mut(name) else { return Vec::new() };
    let Some(rrset) = rrsets.remove(&rtype) else { return Vec::new() };
    if rrsets.is_empty() {
        statics.names.remove(name);
    }
    let from = rrset.records.iter().filter_map(|datum| datum.from.as_ref());
    from.filter_map(|from| from.error(message, advice)).collect()
}

/// What is served as it is, and will not work.
fn warn_of_gaps(apex: &Name, statics: &StaticRecords, conflicts: &mut Complaints) {
    for (name, rrsets) in statics.names.iter().filter(|(name, _)| *name != apex) {
        let Some(ns) = rrsets.get(&Rtype::NS) else {
            let ds = rrsets.get(&Rtype::DS).into_iter().flat_map(|ds| &ds.records);
            let message = format!("{name} has a DS but no NS");
            let advice = "add the NS of the delegation, or remove the DS";
            let from = ds.filter_map(|datum| datum.from.as_ref());
            conflicts.extend(from.filter_map(|from| from.warning(&message, advice)));
            continue;
        };
        for datum in &ns.records {
            let server = records::target(&datum.rdata).filter(|s| s.below(name).is_some());
            let Some(server) = server else { continue };
            if has(statics, &server, Rtype::A) || has(statics, &server, Rtype::AAAA) {
                continue;
            }
            let message =
                format!("the name server {server} is inside the delegated zone and has no glue");
            let from = datum.from.as_ref();
            conflicts.extend(from.and_then(|f| f.warning(message, "add its A or AAAA record")));
        }
    }
}
