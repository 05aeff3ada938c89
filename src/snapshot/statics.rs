//! The static names of a zone as they are looked up: with empty non-terminals, wildcards and
//! delegations, and with all that a referral says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::model::records;
use crate::registry::statics::StaticRecords;

/// See the module. Lookups only read it.
#[derive(Clone, Debug, Default)]
pub struct StaticNames {
    nodes: HashMap<Name, Node, FixedState>,
    /// Whether any name is a delegation or a DNAME: names above must be looked at.
    pub has_redirects: bool,
    /// Whether any name is a wildcard: a missing name must look for its closest encloser.
    pub has_wildcards: bool,
}

/// One name: with records, or an empty non-terminal.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// By type.
    rrsets: Vec<Rrset>,
    /// When the name is delegated.
    pub cut: Option<Box<Cut>>,
}

/// The records of one name and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rrset {
    /// The type.
    pub rtype: Rtype,
    /// In seconds.
    pub ttl: u32,
    /// Never none.
    pub data: Vec<Data>,
}

/// What one record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Of NS, CNAME and DNAME.
    Name(Name),
    /// Of all other types, in wire form.
    Octets(Arc<[u8]>),
}

/// A delegation.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Whose it is.
    pub owner: Name,
    /// The name servers.
    pub ns: Rrset,
    /// Proves that the zone below is signed.
    pub ds: Option<Rrset>,
    /// Addresses of name servers at or below the delegation: nobody finds them without (RFC 9471).
    pub glue: Vec<(Name, Rrset)>,
    /// Addresses of name servers elsewhere in the zone: a courtesy.
    pub siblings: Vec<(Name, Rrset)>,
}

impl StaticNames {
    /// Lays out what was merged for a zone.
    pub fn build(apex: &Name, statics: &StaticRecords) -> Self {
        let mut names = Self::default();
        for (name, rrsets) in &statics.names {
            let rrsets: Vec<Rrset> =
                rrsets.iter().map(|(&rtype, rrset)| lay_out(rtype, rrset)).collect();
            names.has_redirects |= rrsets
                .iter()
                .any(|r| r.rtype == Rtype::DNAME || (r.rtype == Rtype::NS && name != apex));
            names.add_empty_above(name, apex);
            names.nodes.entry(name.clone()).or_default().rrsets = rrsets;
        }
        names.has_wildcards = names.nodes.keys().any(|name| name.labels().next() == Some(b"*"));
        names.add_cuts(apex);
        names
    }

    /// What stands at `name`, in wire form.
    pub fn get(&self, name: &[u8]) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Addresses of a name, wherever it lies in the zone.
    pub fn addresses(&self, name: &Name) -> impl Iterator<Item = &Rrset> {
        let node = self.nodes.get(name);
        [Rtype::A, Rtype::AAAA].into_iter().filter_map(move |rtype| node?.rrset(rtype))
    }

    fn add_empty_above(&mut self, name: &Name, apex: &Name) {
        let mut above = name.parent();
        while let Some(name) = above.filter(|above| above != apex && name != apex) {
            above = name.parent();
            self.nodes.entry(name).or_default();
        }
    }

    fn add_cuts(&mut self, apex: &Name) {
        let mut cuts: BTreeMap<Name, Cut> = BTreeMap::new();
        for (owner, node) in self.nodes.iter().filter(|(owner, _)| *owner != apex) {
            let Some(ns) = node.rrset(Rtype::NS).cloned() else { continue };
            let (mut glue, mut siblings) = (Vec::new(), Vec::new());
            for server in ns.data.iter().filter_map(Data::name) {
                let place = if server.below(owner).is_some() { &mut glue } else { &mut siblings };
                place.extend(self.addresses(server).map(|rrset| (server.clone(), rrset.clone())));
            }
            let ds = node.rrset(Rtype::DS).cloned();
            cuts.insert(owner.clone(), Cut { owner: owner.clone(), ns, ds, glue, siblings });
        }
        for (owner, cut) in cuts {
            if let Some(node) = self.nodes.get_mut(&owner) {
                node.cut = Some(Box::new(cut));
            }
        }
    }
}

impl Node {
    /// The records of one type.
    pub fn rrset(&self, rtype: Rtype) -> Option<&Rrset> {
        self.rrsets.iter().find(|rrset| rrset.rtype == rtype)
    }

    /// All records, by type.
    pub fn rrsets(&self) -> &[Rrset] {
        &self.rrsets
    }
}

impl Rrset {
    /// The one name that a CNAME or DNAME leads to.
    pub fn target(&self) -> Option<&Name> {
        self.data.first().and_then(Data::name)
    }
}

impl Data {
    fn name(&self) -> Option<&Name> {
        match self {
            Self::Name(name) => Some(name),
            Self::Octets(_) => None,
        }
    }
}

fn lay_out(rtype: Rtype, rrset: &crate::registry::statics::Rrset) -> Rrset {
    let data = rrset.records.iter().map(|datum| {
        let name = match rtype {
            Rtype::NS | Rtype::CNAME | Rtype::DNAME => records::target(&datum.rdata),
            _ => None,
        };
        name.map_or_else(|| Data::Octets(Arc::clone(&datum.rdata)), Data::Name)
    });
    Rrset { rtype, ttl: rrset.ttl, data: data.collect() }
}
